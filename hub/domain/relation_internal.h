#pragma once
/* What relation.c (reading), relation_ours.c and relation_theirs.c (changing) share. */
#include "hub/domain/relation.h"

/** A row of table `peer`; `relation.kel` is not read. */
struct relation_row {
    struct relation relation;
    uint32_t entry_version;
    int64_t accepted_ms; /* first acceptance by us; 0: never */
};

NODISCARD bool relation_row_find(struct store *store, const struct node_id *node, bool *ret_found,
                                 struct relation_row *ret, struct err *err);
/** ERR_UNKNOWN when there is none. */
NODISCARD bool relation_row_get(struct store *store, const struct node_id *node,
                                struct relation_row *ret, struct err *err);
/** Inserts when relation.id is 0, else updates; sets relation.changed. EFFECT_RELATION. */
NODISCARD bool relation_row_save(struct tx *tx, struct relation_row *row, struct err *err);
/** Our side accepts: switches at the first time, no suspension, and where it comes from. */
void relation_row_accept(struct tx *tx, struct relation_row *row, enum provenance provenance,
                         struct bytes provenance_id);
/** Audit line and "peer" event of a change that was saved. */
NODISCARD bool relation_note(struct tx *tx, const char *actor, const char *action,
                             const struct node_id *node, const char *verb, struct err *err);
