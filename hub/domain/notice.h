#pragma once
/*
 * Resource notices: versions of (author, uid), the highest wins (R-NO-1 to R-NO-4). Owns tables
 * `notice`, `notice_own`, `notice_sweep`. Claims on them are in claim.h.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/notice.pb-c.h"

#define NOTICE_WHAT_MAX     120 /* characters, as all of these */
#define NOTICE_WORDS_MAX    200 /* place, contact role, reason of a withdrawal */
#define NOTICE_CODE_MAX     80  /* theme, unit, one restriction */
#define NOTICE_RESTRICTIONS 16
#define NOTICE_AMOUNT_MAX   1000000000
#define NOTICE_RENEWALS_MAX 3
#define NOTICE_PROGRESS_MS  30000          /* R-NO-4: changes of what remains, coalesced */
#define NOTICE_KEEP_S       (30 * 86400)   /* R-NO-2 */
#define NOTICE_CLOSED_S     (14 * 86400)   /* filled, expired or withdrawn: closed */
#define NOTICE_OUTCOME_MAX  7              /* bytes: "unknown" */
#define NOTICE_WAITING_LIST "waiting-list" /* restriction: more may be claimed than remains */

/** One row: what lists need. What people read is in its object (notice_read). */
struct notice {
    int64_t id;
    struct node_id author;
    uint8_t uid[UID_BYTES];
    uint32_t version;
    struct oid oid;
    bool equivocated;                  /* the author signed two objects with this version */
    Maillon__Hfp__V1__NoticeKind kind; /* 0: withdrawn */
    uint32_t asked, committed, delivered;
    uint64_t created_s, expires_s;
    uint64_t first_s; /* of the first version seen here; 0: not kept */
    bool perishable;
    char hidden[NOTICE_CODE_MAX + 1];     /* why it is not for us; "": it is */
    char outcome[NOTICE_OUTCOME_MAX + 1]; /* ours, once closed: "yes", "partly" … */
    struct wall closed;
    bool has_scope;
    struct oid scope; /* the circle whose members hear it (R-NO-8) */
};
uint32_t notice_remaining(const struct notice *notice);
/** How what was asked stands: asked = promised + taken + remaining. */
struct notice_shares {
    uint32_t promised, taken, remaining;
};
struct notice_shares notice_shares(const struct notice *notice);
/** "published", "partly-filled", "filled", "expired", "withdrawn", "closed". */
const char *notice_status(const struct notice *notice, struct wall now);
/** Published or partly filled. */
bool notice_is_open(const struct notice *notice, struct wall now);
/** "shortage" …; NULL when out of range. */
const char *notice_kind_name(Maillon__Hfp__V1__NoticeKind kind);
/** 0 when unknown. */
Maillon__Hfp__V1__NoticeKind notice_kind_parse(const char *name);
/** EDXL-RM message type of the version shown. */
const char *notice_edxl(const struct notice *notice);
/** PRODUCT.md 4.1. */
uint64_t notice_default_life_s(const Maillon__Hfp__V1__NoticeContent *content);

/* From peers (hub/kinds.c). */
NODISCARD bool notice_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool notice_apply(struct tx *tx, const struct inbound_object *object,
                            struct disposition *ret, struct err *err);

/** Shows a notice that waited for a look at its author (gossip_release). */
NODISCARD bool notice_show_held(struct tx *tx, const struct oid *oid, const struct node_id *author,
                                struct err *err);

/* Reading: any connection. */
NODISCARD bool notice_find(struct store *store, const struct node_id *author,
                           const uint8_t uid[UID_BYTES], bool *ret_found, struct notice *ret,
                           struct err *err);
/**
 * By uid in hex or a unique prefix of at least 6 characters; ours first when two authors use one
 * uid. ERR_UNKNOWN, ERR_INVALID (ambiguous).
 */
NODISCARD bool notice_resolve(struct store *store, const struct node_id *self, const char *text,
                              struct notice *ret, struct err *err);
struct notice_filter {
    Maillon__Hfp__V1__NoticeKind kind; /* 0: all */
    const char *theme;                 /* NULL or "": all */
    const struct node_id *author;      /* NULL: all */
    const struct node_id *not_author;  /* NULL: none left out */
    uint64_t ends_before_s;            /* 0: any end */
    bool all;                          /* those not open too */
    bool hidden;                       /* only those that are not for us, else none of them */
    bool urgent_first;                 /* perishable first, then by end; else newest first */
    size_t limit;
};
/** Arena array. */
NODISCARD bool notice_list(struct store *store, struct arena *arena,
                           const struct notice_filter *filter, struct wall now, struct notice **ret,
                           size_t *ret_count, struct err *err);
/** The signed body; *ret NULL when the object was forgotten. */
NODISCARD bool notice_read(struct store *store, struct arena *arena, const struct notice *notice,
                           Maillon__Hfp__V1__Notice **ret, struct err *err);
/** Own ones that are open now. */
NODISCARD bool notice_count_open(struct store *store, struct wall now, uint32_t *ret,
                                 struct err *err);

/* Our own. Each signs a version, stores it and puts it in the journal. */
struct notice_draft {
    const Maillon__Hfp__V1__NoticeContent *content; /* committed and delivered are ignored */
    uint64_t expires_s;                             /* 0: the default of its kind */
    int64_t open_max;                               /* most open at once; 0: no limit */
    const char *request_key;                        /* NULL or "": none; a repeat changes nothing */
    const struct oid *scope; /* a circle of ours; NULL: accepted peers. Versions keep it */
};
/** ERR_INVALID (says which field), ERR_LIMIT (too many open). */
NODISCARD bool notice_post(struct tx *tx, const struct notice_draft *draft,
                           uint8_t ret_uid[UID_BYTES], struct err *err);
/** Whole new content; `expires_s` 0 keeps the end. ERR_CONFLICT: withdrawn, or below what is
 * committed. */
NODISCARD bool notice_update(struct tx *tx, const uint8_t uid[UID_BYTES],
                             const struct notice_draft *draft, struct err *err);
/** Does not end its claims: callers use claim_withdraw_notice. A second withdrawal changes nothing.
 */
NODISCARD bool notice_withdraw(struct tx *tx, const uint8_t uid[UID_BYTES], const char *reason,
                               struct err *err);
/** Same content, new end; ERR_CONFLICT after NOTICE_RENEWALS_MAX without an edit. */
NODISCARD bool notice_renew(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t expires_s,
                            struct err *err);
struct notice_own { /* what only we know of a notice of ours */
    uint32_t renewals_left;
    const char *what; /* withdrawn: what it was about; arena */
};
NODISCARD bool notice_own_read(struct store *store, struct arena *arena,
                               const struct notice *notice, struct notice_own *ret,
                               struct err *err);
/** When it would end if it were renewed now without a date: later than it ends, within the longest
 * life. */
uint64_t notice_renewed_end_s(const struct notice *notice,
                              const Maillon__Hfp__V1__NoticeContent *content, struct wall now);
/** A peer's notice that is not for us, with a code why; "": it is again. Only seen here. */
NODISCARD bool notice_hide(struct tx *tx, const struct notice *notice, const char *reason,
                           struct err *err);
/** The last question about a notice of ours that is not open any more: did it reach people?
 * "yes", "partly", "no", "unknown"; a second answer replaces the first. */
NODISCARD bool notice_close(struct tx *tx, const uint8_t uid[UID_BYTES], const char *outcome,
                            struct err *err);
/**
 * What the claims add up to. Seen here at once; published at once unless such a change was
 * published less than 30 s ago, then when those are over.
 */
NODISCARD bool notice_set_progress(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t committed,
                                   uint64_t delivered, struct err *err);

/** Publishes what waits, reminds, tells of ends, forgets. @param ret_next when to call again. */
NODISCARD bool notice_tick(struct tx *tx, struct wall *ret_next, struct err *err);
