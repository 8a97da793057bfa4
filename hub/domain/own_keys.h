#pragma once
/*
 * This hub's own keys in time: what an admin does with the recovery sheets (R-ID-3), the weekly
 * sealing key (R-ID-6), the daily sign of life (R-ID-5) and what to warn about. The files and the
 * log itself are identity's; table `succession` is owned here.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"

/* Every change: writer thread; EFFECT_RELATION of this hub's own node, so that peers are told. The
 * keys are borrowed. ERR_INVALID says which sheet is the wrong one. */

/** A new working key; the old one is revoked as replaced and vouches for what it signed so far. */
NODISCARD bool own_keys_rotate(struct tx *tx, const struct sign_key *const *roots, size_t count,
                               struct err *err);
/** What of a stolen key still counts: own objects made before `since_s` (0: all so far) and with a
 * number up to `through` in their stream (0: no bound). */
struct own_keys_bound {
    uint64_t since_s, through;
};
/**
 * A new working key and a new sealing key; the old working key is revoked as stolen. Own objects
 * beyond the bound that are still in use are signed anew: they keep their ids.
 */
NODISCARD bool own_keys_revoke_stolen(struct tx *tx, const struct sign_key *const *roots,
                                      size_t count, const struct own_keys_bound *bound,
                                      struct err *err);
/**
 * The announced successors become the roots and `ret_sheets` tells the next one. With `stolen` also
 * all that own_keys_revoke_stolen does.
 */
NODISCARD bool own_keys_rotate_root(struct tx *tx, const struct sign_key *const *next_roots,
                                    size_t count, const struct own_keys_bound *stolen,
                                    struct recovery_sheets *ret_sheets, struct err *err);
/** The end of this hub; `successor` may be NULL. */
NODISCARD bool own_keys_retire(struct tx *tx, const struct sign_key *const *roots, size_t count,
                               const struct node_id *successor, struct err *err);

/** Hourly: sealing keys in time, and the card when it must name others. */
NODISCARD bool own_keys_tick(struct tx *tx, struct err *err);
/** Appends a serialised Signed Beacon; `audit_head` may be empty. */
void own_keys_beacon(const struct identity *self, struct wall now, struct bytes audit_head,
                     struct buf *out);
/** A peer holds key events of this hub that it did not make: kept until the root is rotated. */
NODISCARD bool own_keys_note_foreign(struct tx *tx, const struct oid *head, struct err *err);

#define OWN_KEYS_WARNINGS_MAX 4
/** Plain sentences, arena; R-ID-5: 60, 30 and 7 days before the working key runs out. */
NODISCARD bool own_keys_warnings(struct store *store, const struct identity *self, struct wall now,
                                 struct arena *arena, const char *ret[OWN_KEYS_WARNINGS_MAX],
                                 size_t *ret_count, struct err *err);

/* ---- total loss (R-ID-8) ---- */
/** Attests for all peers that `successor` is the organisation that `lost` was. */
NODISCARD bool succession_attest(struct tx *tx, const struct node_id *lost,
                                 const struct node_id *successor, struct err *err);
/** How many accepted peers attest it, for people to read; *ret_lost is the one most named. */
NODISCARD bool succession_find(struct store *store, const struct node_id *successor,
                               size_t *ret_count, struct node_id *ret_lost, struct err *err);
/* Row of hub/kinds.c for TYPE_SUCCESSION. */
NODISCARD bool succession_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool succession_apply(struct tx *tx, const struct inbound_object *object,
                                struct disposition *ret, struct err *err);
