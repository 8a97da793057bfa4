#pragma once
/*
 * Directory entries: this hub's own card, signed and journalled as a new version when it changes
 * or grows old, and the entries of peers (as for notices the version decides, never the clock).
 * Owns table `card`.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/route.h"
#include "hub/domain/tx.h"

#define CARD_NAME_MAX        160 /* bytes; RELATION_NAME_MAX of its readers less the NUL */
#define CARD_PHONE_MAX       63
#define CARD_COMMUNE_MAX     16
#define CARD_DESCRIPTION_MAX 1500
#define CARD_LIFETIME_S      NOTICE_LIFETIME_MAX_S

struct card {
    char name[CARD_NAME_MAX];
    char phone[CARD_PHONE_MAX + 1]; /* of the organisation */
    char commune[CARD_COMMUNE_MAX + 1];
    char description[CARD_DESCRIPTION_MAX + 1];
    char routes[ROUTES_MAX][ROUTE_BYTES_MAX + 1];
    size_t route_count;
    bool tls_proxied;
    uint32_t
        version; /* of what was published last; 0: never. Not read by card_set and card_publish */
};

/** What was published last; all empty before. Any connection. */
NODISCARD bool card_read(struct store *store, struct card *ret, struct err *err);
/** The signed entry that stands now, serialised Signed, arena; empty before the first. */
NODISCARD bool card_entry(struct store *store, struct arena *arena, struct bytes *ret,
                          struct err *err);
/** An admin's change: ERR_INVALID with what is wrong; audit line, then card_publish. */
NODISCARD bool card_set(struct tx *tx, const struct card *card, struct err *err);
/**
 * Signs and journals version n + 1 when something changed (sealing keys included) or half of the
 * life of version n has passed; else does nothing. Call at start and daily with what card_read
 * gave.
 */
NODISCARD bool card_publish(struct tx *tx, const struct card *card, struct err *err);
/** The next card_publish signs, changed or not: peers may hold a later version (R-REC-2). */
NODISCARD bool card_forget_published(struct tx *tx, struct err *err);

/* Row of hub/kinds.c for TYPE_ENTRY. */
NODISCARD bool entry_check(const void *body, struct bytes payload, struct err *err);
/** A version that is not newer is REFUSED(BAD_STATE) and kept without effect. */
NODISCARD bool entry_apply(struct tx *tx, const struct inbound_object *object,
                           struct disposition *ret, struct err *err);
