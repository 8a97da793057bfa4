#pragma once
/*
 * This hub's sessions with its peers: who is dialled, who is let in, what flows. Socket-free and
 * timer-free: a transport carries it and somebody calls federation_tick. Loop thread only.
 */
#include "federation/transport.h"
#include "hub/config.h"
#include "hub/exchange.h"

struct federation;

struct federation_config {
    struct exchange *exchange;
    struct store *reader; /* the loop's own read connection; borrowed */
    const struct identity *self;
    const struct clock *clock;
    const struct random_source *random;
    struct counters *counters;
    const struct executor *executor;
    const struct config *config;
    /* F27, tests only: so many bytes of a fingerprint count in a repair; 0 in the daemon: all. */
    unsigned fingerprint_bytes;
    uint64_t features_withheld; /* bits not to offer, as an older hub; 0 in the daemon */
    struct transport transport;
};

/** Loads relations and listens to the exchange. */
NODISCARD struct federation *federation_create(const struct federation_config *config,
                                               struct err *err);
/** Only after federation_stop and when no link is left. */
void federation_free(struct federation *federation);
/** Says Bye on every link and dials nobody any more. */
void federation_stop(struct federation *federation);
size_t federation_link_count(const struct federation *federation);
/** Batches handed to workers or the exchange that are not back yet. */
size_t federation_busy(const struct federation *federation);

/** Does what is due (handshake deadlines, pings, dials); returns when to call again. Call also
 * after any other entry. */
struct mono federation_tick(struct federation *federation, struct mono now);

/* ---- called by the transport ---- */

/** A connection came in and its WebSocket is open. NULL: refused (limits); close it with 1013. */
NODISCARD struct link *federation_incoming(struct federation *federation, void *conn,
                                           const struct carrier *carrier);
void federation_dialled(struct link *link, void *conn, const struct carrier *carrier);
/** The link is gone after this call. @param why  a short reason without personal data. */
void federation_dial_failed(struct link *link, const char *why);
/** One whole binary message. The bytes are borrowed. */
void link_receive(struct link *link, struct bytes message);
/** Fills `out` (emptied first) with the next message to write; false: nothing now. */
NODISCARD bool link_take(struct link *link, struct buf *out);
/** The connection is gone, whoever closed it; the link is freed. */
void link_closed(struct link *link);

/* ---- what the API shows: any thread ---- */
struct federation_peer {
    bool connected, we_dialled;
    int64_t next_attempt_ms;
    char last_error[160];
    /* wall; 0: never since this hub was started */
    int64_t dialled_ms;     /* our dialling worked */
    int64_t dial_failed_ms; /* it failed, and has not worked since (R-SE-9) */
    int64_t incoming_ms;    /* they reached us */
    int64_t over_limit_ms;  /* it sent more than it may: credit was stopped */
    int64_t claimed_ms;     /* it claims to have more than was sent, and does not show it */
    int64_t marked_ms;
    double score; /* at marked_ms; halves every three hours */
};
bool federation_peer(struct federation *federation, const struct node_id *node,
                     struct federation_peer *ret);
/** Loop thread. Dial now; NULL: all. */
void federation_retry(struct federation *federation, const struct node_id *node);
