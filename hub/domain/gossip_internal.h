#pragma once
/* What gossip.c (the set), gossip_budget.c and gossip_entry.c share. */
#include "hub/domain/gossip.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include "maillon/hfp/v1/notice.pb-c.h"

/** An object on its way into a set, as far as sets go. */
struct gossip_version {
    struct oid oid, scope;
    enum gossip_set set;
    const char *type;
    struct node_id author;
    struct bytes key; /* versions with one key replace each other */
    uint32_t version;
    uint64_t created_s, expires_s;
    const Maillon__Hfp__V1__Notice *notice; /* NULL: not a notice */
    bool circle;                            /* charter or membership: no budget, no versions */
};

/** The newest version that is known of its key; version 0: none. */
struct gossip_known {
    uint32_t version;
    struct oid oid;
    uint64_t created_s, expires_s, keep_s, passed_s;
};

/** May this version be passed on (R-NO-4)? Takes from the author's bucket. */
NODISCARD bool gossip_budget(struct tx *tx, const struct gossip_version *version,
                             const struct gossip_known *known, bool *ret, struct err *err);
/** What is over the budget is kept too, but one author cannot fill the set of all. */
NODISCARD bool gossip_author_is_full(struct tx *tx, const struct gossip_version *version, bool *ret,
                                     struct err *err);
/** How many objects of types unknown here an author has in the scope. */
NODISCARD bool gossip_count_others(struct tx *tx, const struct gossip_version *version,
                                   int64_t *ret, struct err *err);
/** Remembers name and phone of the author. */
NODISCARD bool gossip_entry_put(struct tx *tx, const struct gossip_version *version,
                                const Maillon__Hfp__V1__DirectoryEntry *entry, struct err *err);
