#pragma once
/*
 * May this hub sign anything now, and in which incarnation? Every own object asks here: a restored
 * hub, one whose clock is not sane, one whose key was revoked or that has retired, stays silent
 * (R-REC-2, R-OB-7, R-ID-3). Owns table `authoring`.
 */
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/object.pb-c.h"

#define AUTHORING_CLOCK_OFF_MS  (5 * 60000)              /* from the median of peers: R-OB-7 */
#define AUTHORING_CLOCK_BACK_MS 5000                     /* a small step back is what NTP does */
#define AUTHORING_SILENT_MS     (INT64_C(30) * 86400000) /* after so long a clock must be proven */
#define AUTHORING_NOT_BEFORE_MS INT64_C(1793491200000)   /* 2026-11-01: no build is older */
#define AUTHORING_VERSIONS      (UINT32_C(1) << 20)      /* of one notice in one incarnation */

enum recovery_reason { /* Incarnation.reason on the wire */
                       RECOVERY_NONE = 0,
                       RECOVERY_RESTORED = 1,
                       RECOVERY_PEER_AHEAD = 2,
                       RECOVERY_WENT_BACK = 3,
};

enum authoring_bar {
    AUTHORING_OPEN,
    AUTHORING_RECOVERING,
    AUTHORING_CLOCK_EARLY,  /* before this program was built */
    AUTHORING_CLOCK_BACK,   /* before the last own object */
    AUTHORING_CLOCK_WRONG,  /* peers agree on another time */
    AUTHORING_CLOCK_JUMPED, /* was set while running, or long off: nobody has confirmed it yet */
    AUTHORING_RETIRED,
    AUTHORING_REVOKED,
};

struct authoring {
    uint32_t incarnation;
    enum recovery_reason reason;
    int64_t since_ms, authored_ms, clock_ms, clock_off_ms;
    bool clock_jumped;
};

/** ERR_CONFLICT with the reason in plain words, for the person who pressed the button. */
NODISCARD bool authoring_allowed(struct tx *tx, struct err *err);
/** The same as a question, for what this hub does of its own accord: it waits then. */
NODISCARD bool authoring_may(struct tx *tx, bool *ret, struct err *err);
/** Head.node, incarnation and created_s of an object to be signed now; checks authoring_allowed. */
NODISCARD bool authoring_head(struct tx *tx, Maillon__Hfp__V1__Head *head, struct err *err);
/** The number this hub authors under; 1 at first. Any connection. */
NODISCARD bool authoring_incarnation(struct store *store, uint32_t *ret, struct err *err);

/** The row, any connection; and what it means for this hub now. */
NODISCARD bool authoring_read(struct store *store, struct authoring *ret, struct err *err);
NODISCARD bool authoring_check(struct store *store, const struct identity *self, struct wall now,
                               struct authoring *ret, enum authoring_bar *ret_bar, struct err *err);
/** One sentence for people; NULL for AUTHORING_OPEN. */
const char *authoring_words(enum authoring_bar bar);
/** Clock work waits as well while the clock may be wrong: it would expire and erase. */
static inline bool authoring_clock_is_wrong(enum authoring_bar bar)
{
    return bar >= AUTHORING_CLOCK_EARLY && bar <= AUTHORING_CLOCK_JUMPED;
}

/**
 * The version after `version` of a notice, service or card. Each incarnation has numbers of its
 * own, so that none is given twice when versions after a backup are lost for good (R-NO-1).
 */
NODISCARD bool authoring_version(struct tx *tx, uint32_t version, uint32_t *ret, struct err *err);

/** Peers or NTP were compared: this clock is `off_ms` ahead of theirs. */
NODISCARD bool authoring_clock_compared(struct tx *tx, int64_t off_ms, struct err *err);
/** The wall clock moved without time passing. Without peers nobody can confirm it: ignored then. */
NODISCARD bool authoring_clock_jumped(struct tx *tx, struct err *err);

/** RECOVERING from now on; again is fine, the first reason stays. */
NODISCARD bool authoring_recover(struct tx *tx, enum recovery_reason reason, struct err *err);
/** The next incarnation, normal again. */
NODISCARD bool authoring_resume(struct tx *tx, struct err *err);

/** An own object of this incarnation came back from a peer: the next one goes beyond it. */
NODISCARD bool authoring_was(struct tx *tx, uint32_t incarnation, struct err *err);

/** 0 and 1 are the same: objects of before had none. */
static inline uint32_t incarnation_of(const Maillon__Hfp__V1__Head *head)
{
    return head->incarnation ? head->incarnation : 1;
}
