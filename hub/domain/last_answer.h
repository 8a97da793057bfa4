#pragma once
/*
 * Whom to ask for and the next step, as an account wrote them when it last accepted a referral:
 * most answers of a service are the same. Nothing that names a person is kept. Owns table
 * `last_answer`.
 */
#include "hub/domain/tx.h"

struct last_answer { /* UTF-8; "" when not known */
    const char *contact_name, *contact_phone, *next_step;
};

/** @param person  the name of who was accepted: a next step that speaks of them is not kept, nor
 *                 one that names a certain day. */
NODISCARD bool last_answer_keep(struct tx *tx, int64_t account, const struct last_answer *answer,
                                const char *person, struct err *err);
/** Texts live in the arena. Any connection. */
NODISCARD bool last_answer_get(struct store *store, struct arena *arena,
                               const struct identity *self, int64_t account, struct wall now,
                               struct last_answer *ret, struct err *err);
/** What is kept for longer than that goes (90 days). */
NODISCARD bool last_answer_forget(struct tx *tx, struct err *err);
