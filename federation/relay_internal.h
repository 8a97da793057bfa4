#pragma once
/* What relay.c (frames, custody), relay_duty.c (who relays for whom), relay_send.c (what goes out)
 * and relay_open.c (what is for this hub) share. */
#include "federation/federation_internal.h"
#include "federation/relay.h"
#include "hub/domain/relay.h"
#include "hub/outbox/outbox.h"

#define RELAY_WINDOW_BLOBS 64       /* handed to one link and not answered */
#define RELAY_WINDOW_BYTES 1048576  /* of them not yet written out */
#define RELAY_JOBS_MAX     128      /* blobs of one link on their way into the store */
#define RELAY_MEMORY_MAX   16777216 /* all blobs of all links on their way in */
#define RELAY_AWAY_MS      30000    /* without a session this long: relays are tried (R-RE-1) */
#define RELAY_COOL_MAX     32

typedef Maillon__Hfp__V1__CustodyAnswer custody_answer;
#define CUSTODY(x) MAILLON__HFP__V1__CUSTODY_ANSWER__CUSTODY_ANSWER_##x

/** A peer that relaying has to do with. */
struct relay_known {
    struct list in_relay;
    struct relay_peer peer;
};

struct relay {
    struct federation *federation;
    struct list known;
    size_t tags;   /* on all links: somebody relays for somebody */
    size_t memory; /* bytes of blobs on their way in */
    struct relay_limits limits;
    struct mono refresh;      /* when to ask the store again whom this hub relays for */
    struct mono next, looked; /* for work: when to look, and when it was done last */
    bool may_hold;            /* there may be blobs in custody here */
    bool homes_read;          /* the config option was looked at */
};

enum relay_why {
    RELAY_OWN,     /* from the own queue */
    RELAY_SERVE,   /* from custody, to its destination */
    RELAY_FORWARD, /* from custody, to another home relay of the destination */
};

/** A blob handed to a link, until its Custody comes. */
struct relay_out {
    struct list in_link;
    enum relay_why why;
    struct node_id dest;
    struct oid blob;
    uint32_t hops_left;
    struct buf sealed; /* freed once written */
    size_t at;
    uint32_t part, parts;
    bool sent, answered;
    struct mono since;
    int64_t row;                 /* of custody */
    struct outbox_relayable own; /* without its bytes */
};

/** No use asking this relay for that destination before. */
struct relay_cool {
    struct node_id dest;
    struct mono until;
};

struct relay_link {
    bool for_us, told_for_you;
    struct mono granted_after;        /* the word of the peer on that is not written down before */
    uint8_t (*tags)[RELAY_TAG_BYTES]; /* heap */
    size_t tag_count;
    uint8_t told[32]; /* digest of the last RelayDuty */
    struct list out;
    size_t out_count, out_bytes;
    bool serve; /* custody for the peer on this link may have more */
    int64_t served;
    struct mono serve_after;
    struct relay_cool cool[RELAY_COOL_MAX];
    unsigned cool_next;
    /* a blob that arrives in parts */
    struct buf part;
    struct oid part_blob;
    uint32_t part_next;
    bool part_refused;
    unsigned jobs, reseals;
};

static inline struct relay *relay_of(struct federation *federation)
{
    return federation->features[FEATURE_RELAY];
}
static inline struct relay_link *relay_link_of(struct link *link)
{
    return link->features_state[FEATURE_RELAY];
}

/* relay_duty.c */
/** Look for work at `at` or before. */
void relay_look(struct relay *relay, struct mono at);
const struct relay_known *relay_known_find(const struct relay *relay, const struct node_id *node);
/** The open session with a peer, NULL: none that carries Relay frames. */
struct link *relay_session(struct federation *federation, const struct node_id *node);
/** Takes in what the store says about a peer. */
void relay_know(struct relay *relay, const struct relay_peer *peer);
/** Reads it again. */
void relay_reload(struct relay *relay, const struct node_id *node);
/** Does this hub relay for `node`? */
/** May anything be carried for or from this hub, whatever was agreed with it (R-AB-3)? */
bool relay_carries_with(const struct relay *relay, const struct node_id *node);
bool relay_for(const struct relay *relay, const struct node_id *node);
/** Sends RelayDuty when it says something new. */
void relay_tell_duty(struct link *link);
void relay_tell_all(struct relay *relay);
/** The peer says whether it relays for us. */
void relay_note_granted(struct link *link, bool granted);
/** @param duty  NULL: none any more. */
void relay_set_tags(struct relay *relay, struct relay_link *state,
                    const Maillon__Hfp__V1__RelayDuty *duty);
bool relay_on_duty(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);
/** Uses the peers of the config option "home-relays", once. */
void relay_read_homes(struct relay *relay);

/* relay.c */
void relay_answer(struct link *link, const struct oid *blob, custody_answer answer,
                  uint32_t retry_after_s);
/** Notes that a bad blob came by this peer, which may not have been able to see that: only its
 * destination can open it, and what the destination says of it nobody can check (F15). */
void relay_mark(struct federation *federation, const struct node_id *injector);
/** Counts a broken rule that the bringer could see itself; may end its session (F15). */
void relay_blame(struct federation *federation, const struct node_id *injector);

/* relay_send.c */
/** Hands work to links; returns when to look again. */
struct mono relay_work(struct relay *relay, struct mono now);
bool relay_take_frame(struct link *link, struct buf *out);
bool relay_on_custody(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);
void relay_out_free_all(struct relay_link *state);
bool relay_link_has_tag(const struct link *link, const struct node_id *dest);
void relay_tag(const struct link *link, const struct node_id *dest, uint8_t ret[RELAY_TAG_BYTES]);

/* relay_open.c */
/** A whole blob for this hub; copied. */
void relay_open(struct link *link, const struct oid *blob, struct bytes sealed);
