#pragma once
/* Shared by the claim_*.c files only: rows, and authoring. */
#include "hub/domain/claim.h"
#include "hub/domain/object.h"

/* Of claim_event: its author was restored from a copy and has gone another way since (F24). */
#define CLAIM_EVENT_LOST ((enum object_state)4)

/** One event as stored. */
struct claim_event {
    struct oid oid, claim_id;
    struct node_id author;
    struct claim_fact fact; /* party 0 and seen 0 while pending */
    enum object_state state;
    uint32_t incarnation;
    struct bytes salt; /* of the commitment to the words; only for claim_event_add */
    uint64_t seq, expires_s;
    struct bytes prev, seen;                    /* empty or 32 bytes; arena */
    const char *contact_role, *phone, *pick_up; /* never NULL */
};

static inline enum claim_party claim_party_of(const struct claim *claim, bool peer)
{
    return (claim->box == CLAIM_OUT) != peer ? CLAIM_BY_CLAIMANT : CLAIM_BY_OWNER;
}

NODISCARD bool claim_row_find(struct store *store, struct arena *arena, const struct oid *claim_id,
                              bool *ret_found, struct claim *ret, struct err *err);
NODISCARD bool claim_row_find_request(struct store *store, const char *request_key, bool *ret_found,
                                      struct oid *ret, struct err *err);
NODISCARD bool claim_row_add(struct tx *tx, const struct claim *claim, const char *request_key,
                             struct err *err);
/** Writes the view, the clocks and the contact; `due_ms` 0: none. */
NODISCARD bool claim_row_save(struct tx *tx, const struct claim *claim, int64_t due_ms,
                              struct err *err);
/** Sums over the claims on our notice. */
NODISCARD bool claim_row_sums(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t *ret_committed,
                              uint64_t *ret_delivered, struct err *err);
NODISCARD bool claim_row_has_waiting(struct tx *tx, const uint8_t uid[UID_BYTES], bool *ret,
                                     struct err *err);
/** Claims whose clock is due, oldest first. */
NODISCARD bool claim_row_due(struct tx *tx, size_t limit, struct oid **ret, size_t *ret_count,
                             int64_t *ret_next_ms, struct err *err);

NODISCARD bool claim_event_add(struct tx *tx, const struct claim_event *event, struct err *err);
NODISCARD bool claim_event_find(struct tx *tx, const struct oid *oid, bool *ret_found,
                                struct claim_event *ret, struct err *err);
/** A pending event took its place: writes party, seen_seq and state. */
NODISCARD bool claim_event_settle(struct tx *tx, const struct claim_event *event, struct err *err);
/** A pending event that has no place after all: the object stays as proof, the row goes. */
NODISCARD bool claim_event_drop(struct tx *tx, const struct claim_event *event, struct err *err);
/** Pending events whose earlier ones never came before they expired. */
NODISCARD bool claim_event_forget(struct tx *tx, struct err *err);
/** The waiting event of `author` that has this number. */
NODISCARD bool claim_event_pending(struct tx *tx, const struct oid *claim_id,
                                   const struct node_id *author, uint64_t seq, bool *ret_found,
                                   struct claim_event *ret, struct err *err);
/** Claims of `peer` on our notice `uid`, ended ones included. */
NODISCARD bool claim_row_count(struct tx *tx, const uint8_t uid[UID_BYTES],
                               const struct node_id *peer, uint64_t *ret, struct err *err);
NODISCARD bool claim_event_count_pending(struct tx *tx, const struct node_id *author, uint64_t *ret,
                                         struct err *err);

/** Settled events of `party` from `seq` on do not count any more; who knew them knew those before.
 */
NODISCARD bool claim_event_lose(struct tx *tx, const struct oid *claim_id, enum claim_party party,
                                uint64_t seq, struct err *err);

/** A claim's settled events, both chains in order; arena. */
struct claim_chains {
    struct claim_fact *facts[2]; /* claimant, owner */
    struct oid *oids[2];
    uint32_t *incarnations[2];
    size_t count[2];
};
static inline size_t claim_chain(enum claim_party party)
{
    return party == CLAIM_BY_OWNER ? 1 : 0;
}
NODISCARD bool claim_chains_read(struct tx *tx, const struct oid *claim_id,
                                 struct claim_chains *ret, struct err *err);
void claim_chains_add(struct tx *tx, struct claim_chains *chains, const struct claim_event *event);
void claim_chains_fold(const struct claim_chains *chains, struct claim_view *ret);

/* claim_terms.c */
/** When we claim: what the notice says now. */
NODISCARD bool claim_terms_add(struct tx *tx, const struct oid *claim_id,
                               const Maillon__Hfp__V1__NoticeContent *content, struct err *err);

/* claim_place.c */
enum place {
    PLACE_NEXT,
    PLACE_LATER,
    PLACE_FORK,
    PLACE_BAD,
    PLACE_INSTEAD, /* its author was restored: what stands there and after it is lost (R-OB-5) */
    PLACE_LOST,    /* of before that */
};
/** Where an event stands to what is settled: sets fact.seen. */
enum place claim_place_of(struct tx *tx, const struct claim_chains *chains,
                          struct claim_event *event);

/* claim.c */
/** After `claim->view` changed: row, clock, the notice's sums, those who watch. */
NODISCARD bool claim_settle(struct tx *tx, const struct claim *claim, const char *verb,
                            struct err *err);
/**
 * Our next event in the chain: checked against the table, signed, queued, applied to the claim.
 * For the first event `claim` has no id yet: ret `claim->claim_id`. The caller settles.
 */
NODISCARD bool claim_author(struct tx *tx, struct claim *claim, struct claim_fact fact,
                            const struct claim_draft *draft, uint64_t expires_s, struct err *err);
/** What is left to agree to on our notice. */
NODISCARD bool claim_left(struct tx *tx, const struct notice *notice, uint32_t *ret,
                          struct err *err);
/** Room again: on a first-come notice the waiting list moves up, in the order received. */
NODISCARD bool claim_promote(struct tx *tx, const uint8_t uid[UID_BYTES], struct err *err);
bool claim_notice_has(const Maillon__Hfp__V1__NoticeContent *content, const char *restriction);
