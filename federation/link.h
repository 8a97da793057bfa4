#pragma once
/*
 * One session with a peer hub, from the first byte to the last: handshake, state, frames in and
 * out. Private to federation/. What a link sends comes from delivery, what it receives goes to
 * inbound.
 */
#include "federation/federation.h"
#include "federation/handshake.h"
#include "federation/policy.h"
#include "hub/base/list.h"

enum link_phase {
    LINK_DIALLING, /* no connection yet */
    LINK_HELLO,    /* dialler: waits for HELLO_R; responder: for HELLO_D */
    LINK_PROOF,    /* waits for the other side's proof */
    LINK_UP,       /* proven; relation frames pass, traffic when accepted */
    LINK_CLOSING,  /* Bye queued or said: nothing more is read */
};

/** Objects sent and not acked, per frame: what a cumulative ack frees from the window. */
struct sent_frame {
    uint64_t last_seq;
    uint32_t objects;
};

struct lane_out {
    uint64_t sent;   /* highest link_seq handed to the transport */
    uint64_t credit; /* objects the peer lets be in flight */
    uint32_t in_flight;
    struct mono progress;    /* last ack, or when the window began to fill */
    bool more;               /* there may be rows after `sent` */
    struct sent_frame *ring; /* only while something is in flight; grows to LINK_WINDOW_OBJECTS */
    uint32_t ring_head, ring_count, ring_cap;
    struct buf part; /* a large object that goes out in several frames */
    size_t part_at;
    uint32_t part_index, part_count;
    uint64_t part_seq;
    uint8_t part_oid[32];
};

struct lane_in {
    uint64_t cursor;  /* durable here */
    uint64_t told;    /* last Ack sent */
    uint32_t waiting; /* objects received, not durable */
    size_t waiting_bytes;
    struct buf part;
    uint64_t part_seq;
    uint32_t part_next;
    bool stopped; /* we granted 0 credit */
};

/* WebSocket close codes (RFC 6455 §7.4.1) */
#define LINK_CLOSE_GOING_AWAY 1001
#define LINK_CLOSE_PROTOCOL   1002
#define LINK_CLOSE_POLICY     1008
#define LINK_CLOSE_TRY_LATER  1013

#define BYE_KEYS_MISSING 5 /* Bye.reason, with kel_seq */

struct peer;
#define LINK_FEATURES 6

struct link {
    struct list in_federation, by_id;
    struct federation *federation;
    void *conn; /* the transport's; NULL while dialling */
    uint64_t id;
    enum link_phase phase;
    bool half_open;            /* counted as such until a relation is attached */
    bool unmet;                /* we dialled, and nothing came after our proof yet */
    bool dialled, trafficking; /* STATE was sent: lanes flow */
    bool state_received;
    struct node_id node;  /* who it is (dialler: meant to be) */
    struct peer *peer;    /* known after the proofs, or from the start when we dial */
    struct mono deadline; /* handshake, or silence */
    struct mono ping_due;
    unsigned messages; /* before LINK_UP */
    size_t handshake_bytes;
    struct transcript *transcript; /* only during the handshake */
    uint8_t nonce[32];
    bool kel_partial;        /* their log goes on beyond what came so far */
    struct kel *kel_offered; /* what their HELLO_R carried, until their proof held */
    struct sign_public op;   /* their key that proved this session */
    struct buf kel_events;   /* the new ones among them, u32le length + bytes each */
    struct buf control;      /* frames ready to go, each u32le length + bytes */
    size_t control_at;
    struct lane_out out[3];
    struct lane_in in[3];
    struct list inbound; /* batches in order, being opened */
    size_t inbound_bytes;
    bool held;
    bool stands; /* claims to have more than was sent: nothing goes before it shows it (R-REC-1) */
    struct mono heads_until;  /* lanes 0 and 1 wait for its Heads until then; 0: no more (R-SE-3) */
    unsigned lane_turn;       /* delivery: the directory goes first on a new session */
    enum decision told;       /* our decision, as last told on this session */
    bool asked;               /* PEER_REQUEST went out on this session */
    unsigned relation_frames; /* PEER_REQUEST and PEER_ANSWER received */
    unsigned states;          /* STATE received */
    unsigned reseals;         /* objects of ours that they could not open */
    uint64_t features;        /* bits that both HELLOs offered */
    uint8_t session[32];      /* SHA-256 of both HELLOs: names this session, known to both sides */
    void *features_state[LINK_FEATURES]; /* of each feature, by enum feature_id */
};

/** Queues a control frame (lane 0) and wakes the transport. */
void link_send(struct link *link, unsigned lane, Maillon__Hfp__V1__Frame *frame);
/** The same with a frame that is packed already. */
void link_send_bytes(struct link *link, struct bytes frame);
/** Closes after what is queued; nothing more is read. */
void link_end(struct link *link, unsigned websocket_code);
/** Proven and with a relation, or gone: no longer one of the few that may be half open (R-SE-5). */
void link_settle(struct link *link);
void link_forget_handshake(struct link *link);
/* Frames before the proof: link_handshake.c. */
bool link_on_hello_d(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err);
bool link_on_hello_r(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err);
bool link_on_proof(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err);
/** Bye with a reason, then close. */
void link_bye(struct link *link, unsigned reason, uint32_t retry_after_s, unsigned websocket_code);
/** Drops the connection for a protocol error; counted, logged once. */
void link_violation(struct link *link, const struct err *err);
void link_wake(struct link *link);
/** Bytes of control frames not yet taken by the transport; over LINK_OUT_MAX the session ends. */
size_t link_backlog(const struct link *link);
/** After the relation changed or the proofs held: begins or ends traffic, tells our decision. */
void link_relation_changed(struct link *link);
/** Traffic flows already: STATE once more, from which both directions begin anew. */
void link_state_again(struct link *link);
/** The proven session of a peer we have a relation with: ends a second one (R-SE-6). */
void link_attach(struct link *link, struct peer *peer);
/** The peer took our proof: its dialling has not failed. */
void link_met(struct link *link);
bool link_on_peer_request(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                          struct bytes message, struct err *err);
bool link_on_peer_answer(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                         struct bytes message, struct err *err);
