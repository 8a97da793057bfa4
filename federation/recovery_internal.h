#pragma once
/* Shared by recovery.c (state, asking) and recovery_events.c (answering, taking what comes). */
#include "federation/federation_internal.h"
#include "federation/recovery.h"
#include "hub/domain/recovery.h"

#define RECOVERY_WANTS_MAX 1024
#define RECOVERY_GAPS_MAX  64
#define RECOVERY_CLOCKS    64

/** federation->features[FEATURE_RECOVERY] */
struct recovery {
    struct federation *federation;
    struct mono due, gaps_due, check_due;
    uint32_t next_ask;
    bool started;     /* what the start found is in the store */
    bool checking;    /* recovery_check or the like is on its way */
    uint32_t kel_seq; /* own key events of before: their operator has said nothing new */
    unsigned claims;  /* peers whose claim to have more than was sent is open */
    /* clocks */
    struct peer_clock {
        struct node_id node;
        int64_t base_ms; /* its wall clock minus our monotonic one */
    } clocks[RECOVERY_CLOCKS];
    size_t clock_count, clock_next;
    int64_t base_ms; /* ours, when last told */
    bool told, told_right, telling;
    struct mono told_at;
};

/** link->features_state[FEATURE_RECOVERY]: from one STATE of the peer to the next. */
struct recovery_session {
    /* what they asked for */
    struct chain_head *heads; /* heap: those that changed last */
    size_t head_count, head_next;
    bool heads_due, page_due, page_from_start;
    struct oid page_after;
    struct recovery_want *wants; /* heap */
    size_t want_first, want_count, want_cap;
    size_t want_skip; /* rows of the first that are sent */
    /* what we asked for */
    bool fetching; /* all that they hold … */
    bool proving;  /* … because they claim to have more than was sent: only what is missing */
    bool heads_claim, own_shown; /* by their Heads only; something signed here has come back */
    bool page_open;              /* HeadsWanted is not answered yet, or more pages follow */
    bool page_more, paging;
    struct oid page_last;
    unsigned asked;    /* EventsWanted not answered yet … */
    uint32_t ask_from; /* … counted from this one on */
    unsigned busy;     /* Events on their way into the store */
    bool done, telling;
    struct recovery_gap {
        struct oid id;
        struct mono next;
        unsigned tries;
    } gaps[RECOVERY_GAPS_MAX];
    size_t gap_count, gap_next;
    struct mono damaged_due;
};

static inline struct recovery_session *recovery_session(const struct link *link)
{
    return link->features_state[FEATURE_RECOVERY];
}

/** Asks for everything the peer holds of chains between the two. */
void recovery_fetch(struct link *link);
void recovery_ask(struct link *link, const struct recovery_want *want);
/** The peer has shown how chains stand, or its time is over: what waits may go (R-SE-3). */
void recovery_heads_came(struct link *link);
/** After an answer: the next page, or it is complete. */
void recovery_progressed(struct link *link);

/* recovery_claim.c */
/** Compares what the peer says it has with what was sent; true: it claims to have more. */
bool recovery_check_cursors(struct link *link, const Maillon__Hfp__V1__State *state);
/** Nothing more goes to the peer until it shows what it claims; false: it is not listened to. */
bool recovery_claimed(struct link *link);
/** After an answer: all that was asked for is known here. */
void recovery_claim_answered(struct link *link);
/** This hub is recovering: what they claim is explained. */
void recovery_claims_forget(struct federation *federation);
struct mono recovery_claims_tick(struct recovery *recovery, struct mono now);

/* recovery_clock.c */
/** A peer's STATE says what time it is there. */
void recovery_note_clock(struct recovery *recovery, const struct link *link, uint64_t clock_ms);
/** Tells the store whether our clock is right, when that is news. */
void recovery_compare_clocks(struct recovery *recovery, struct mono now);

/* recovery_events.c */
bool recovery_take(struct link *link, struct buf *out);
bool recovery_on_heads_wanted(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                              struct err *err);
bool recovery_on_events_wanted(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                               struct err *err);
bool recovery_on_events(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);

/** One small change on its way into the store. */
struct recovery_action {
    struct action action; /* first member */
    struct federation *federation;
    uint64_t link; /* 0: none */
    struct node_id node;
    bool (*apply)(struct tx *tx, struct recovery_action *action, struct err *err);
    void (*then)(struct recovery_action *action, const struct err *err); /* may be NULL */
    uint64_t cursor[3];
    uint32_t incarnation;
    int64_t off_ms;
    bool went_back;
    bool believed;              /* what the peer claims is explained by a theft */
    struct recovery_want *list; /* heap */
    size_t count;
};
struct recovery_action *recovery_action(struct federation *federation, const struct link *link,
                                        bool (*apply)(struct tx *tx, struct recovery_action *action,
                                                      struct err *err));
void recovery_submit(struct recovery_action *action);
/** As `then`: the store may say now that this hub recovers. */
void recovery_then_look(struct recovery_action *change, const struct err *err);
