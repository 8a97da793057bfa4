/* What happens to a referral without anybody's act: receipts, expiry, reminders, retention. */
#include "hub/domain/audit.h"
#include "hub/domain/referral_store.h"

#include <inttypes.h>

#define DUE_AT_ONCE       200 /* referrals one tick looks at, so that it never holds up its group */
#define STUB_MS           (INT64_C(1000) * REFERRAL_LIFETIME_MAX_S) /* how long REFER may be missing */
#define AGAIN_MS          INT64_C(3600000) /* an act of the clock that could not be sent */
#define REFERRAL_WARNINGS 3

static bool may_expire(const struct referral *referral)
{
    return referral->is_out && referral->expires_ms &&
           (referral_allowed(&referral->state, REFERRAL_SENDER) >> REFERRAL_ACTION(EXPIRE) & 1);
}

int64_t referral_clock_start_ms(const struct referral *referral)
{
    return referral->state.flags & REFERRAL_QUESTION_OPEN ? (int64_t)referral->state.asked_s * 1000
                                                          : referral->created_ms;
}

/* When the reminder after `late_stage` earlier ones is due: half the clock, then its end. */
static int64_t late_ms(const struct referral *referral)
{
    int64_t due = (int64_t)referral_due_s(&referral->state) * 1000;
    int64_t start = referral_clock_start_ms(referral);
    if (!due || referral->late_stage >= 2)
        return 0;
    return referral->late_stage == 0 && start < due ? start + (due - start) / 2 : due;
}

/* R-PD-10: when people are told that it has not reached the peer's hub, hours after it was sent. */
static const unsigned warnings[][REFERRAL_WARNINGS] = {{24, 72, 168}, {4, 24, 72}};

/** The first warning after `after_ms`; 0: none is left, or it has arrived. */
static int64_t warning_ms(const struct referral *referral, int64_t after_ms)
{
    if (!referral->is_out || !referral->is_open || referral->delivery != REFERRAL_WAITING)
        return 0;
    for (size_t i = 0; i < REFERRAL_WARNINGS; i++) {
        int64_t ms = referral->created_ms +
                     (int64_t)warnings[referral_is_urgent(referral)][i] * INT64_C(3600000);
        if (ms > after_ms)
            return ms;
    }
    return 0;
}

bool referral_is_urgent(const struct referral *referral)
{
    return referral->urgency > MAILLON__HFP__V1__URGENCY__URGENCY_NORMAL;
}

bool referral_is_slow(const struct referral *referral, struct wall now)
{
    int64_t first = warning_ms(referral, 0);
    return first && first <= now.ms;
}

static void sooner(int64_t *next, int64_t ms)
{
    if (ms > 0 && (!*next || ms < *next))
        *next = ms;
}

void referral_plan(struct referral *referral, struct wall now)
{
    int64_t next = 0, review = (int64_t)referral->review_s * 1000;
    if (!referral->state.status)
        sooner(&next, referral->created_ms + STUB_MS);
    sooner(&next, late_ms(referral));
    sooner(&next, warning_ms(referral, now.ms));
    if (may_expire(referral))
        sooner(&next, referral->expires_ms);
    if (!referral->purged_ms)
        sooner(&next, referral->purge_ms);
    if (referral->state.status == REFERRAL_STATUS(ON_HOLD) && review > now.ms)
        sooner(&next, review);
    referral->next_ms = next;
}

static bool tell(struct tx *tx, const struct referral *referral, const char *verb, struct err *err)
{
    return tx_event(tx, "referral", referral_row_text(tx, referral), verb, err);
}

/* ---- receipts ---- */

static enum referral_delivery delivery_of(const Maillon__Hfp__V1__ReceiptEntry *entry)
{
    switch ((int)entry->state) {
    case MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED:
        return REFERRAL_STORED;
    case MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_PRESENTED:
        return REFERRAL_PRESENTED;
    case MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED:
        return entry->permanent ? REFERRAL_NOT_TAKEN : REFERRAL_WAITING;
    default:
        return REFERRAL_WAITING;
    }
}

/* Finds an own event towards `peer` and its referral. */
static bool find_own(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                     bool *ret_found, struct referral_event_row *event, struct referral *referral,
                     struct err *err)
{
    bool found;
    *ret_found = false;
    if (!referral_event_find(tx->store, tx->arena, oid, &found, event, err))
        return false;
    if (!found)
        return true;
    if (!referral_row_by_id(tx->store, tx->arena, event->referral, &found, referral, err))
        return false;
    *ret_found = found && node_id_equal(&referral->peer, peer) &&
                 event->key.side == referral_our_side(referral);
    return true;
}

static bool set_delivery(struct tx *tx, struct referral *referral,
                         const struct referral_event_row *event, enum referral_delivery delivery,
                         struct err *err)
{
    if (!referral_event_set_delivery(tx, event->id, delivery, err))
        return false;
    if (event->key.action != REFERRAL_ACTION(REFER))
        return true;
    referral->delivery = delivery;
    referral_plan(referral, tx->now); /* no more warnings that it does not arrive */
    return referral_row_set_delivery(tx, referral, err);
}

bool referral_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         const Maillon__Hfp__V1__ReceiptEntry *entry, bool *ret_known,
                         struct err *err)
{
    struct referral_event_row event;
    struct referral referral;
    enum referral_delivery delivery = delivery_of(entry);
    bool found;
    if (!find_own(tx, peer, oid, &found, &event, &referral, err))
        return false;
    *ret_known = found;
    if (!found)
        return true;
    bool forked = entry->code == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED &&
                  delivery == REFERRAL_NOT_TAKEN;
    if (forked && !(referral.state.flags & REFERRAL_FROZEN)) {
        referral.state.flags |= REFERRAL_FROZEN;
        referral_plan(&referral, tx->now);
        if (!referral_row_save(tx, &referral, referral.is_open, err) ||
            !tell(tx, &referral, "forked", err))
            return false;
    }
    /* A late STORED never takes PRESENTED back, and nothing changes what was refused for good. */
    if (delivery == REFERRAL_WAITING || event.delivery == REFERRAL_NOT_TAKEN ||
        (event.delivery == REFERRAL_PRESENTED && delivery == REFERRAL_STORED) ||
        event.delivery == delivery)
        return true;
    return set_delivery(tx, &referral, &event, delivery, err) &&
           tell(tx, &referral, delivery == REFERRAL_NOT_TAKEN ? "refused" : "delivered", err);
}

bool referral_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         struct err *err)
{
    struct referral_event_row event;
    struct referral referral;
    bool found;
    if (!find_own(tx, peer, oid, &found, &event, &referral, err))
        return false;
    if (!found || event.delivery != REFERRAL_WAITING)
        return true;
    return set_delivery(tx, &referral, &event, REFERRAL_UNDELIVERED, err) &&
           tell(tx, &referral, "undelivered", err);
}

/* ---- the clock ---- */

/* What only changes the row is saved at once: EXPIRE below reads and writes it again. */
static bool expire(struct tx *tx, struct referral *referral, struct err *err)
{
    Maillon__Hfp__V1__ReferralEvent body;
    maillon__hfp__v1__referral_event__init(&body);
    body.action = REFERRAL_ACTION(EXPIRE);
    body.reason = arena_text(tx->arena, "no-response");
    struct err unsent = {0};
    if (referral_author(tx, referral, &body, NULL, 0, "clock", &unsent))
        return true;
    if (unsent.code == ERR_IO || unsent.code == ERR_INTERNAL) {
        *err = unsent;
        return false;
    }
    referral->next_ms = tx->now.ms + AGAIN_MS; /* a full queue, or keys that are not here yet */
    return referral_row_save(tx, referral, referral->is_open, err);
}

static bool erase(struct tx *tx, struct referral *referral, struct err *err)
{
    return referral_erase(tx, referral, err) &&
           audit_add(tx, "clock", "referral.purge", &referral->oid, err) &&
           tell(tx, referral, "purged", err);
}

static bool look_at(struct tx *tx, struct referral *referral, struct err *err)
{
    int64_t late = late_ms(referral), review = (int64_t)referral->review_s * 1000;
    if (!referral->state.status)
        return referral_row_remove(tx, referral, err);
    if (late && late <= tx->now.ms) {
        int64_t due = (int64_t)referral_due_s(&referral->state) * 1000;
        referral->late_stage = due <= tx->now.ms ? 2 : 1;
        if (!tell(tx, referral, "late", err))
            return false;
    }
    if (referral->state.status == REFERRAL_STATUS(ON_HOLD) && review && review <= tx->now.ms &&
        review >= referral->next_ms && !tell(tx, referral, "review", err))
        return false;
    if (referral->purge_ms && !referral->purged_ms && referral->purge_ms <= tx->now.ms &&
        !erase(tx, referral, err))
        return false;
    int64_t warning = warning_ms(referral, referral->next_ms - 1);
    if (warning && warning <= tx->now.ms && !tell(tx, referral, "waiting", err))
        return false;
    bool expires = may_expire(referral) && referral->expires_ms <= tx->now.ms;
    referral_plan(referral, tx->now);
    return referral_row_save(tx, referral, referral->is_open, err) &&
           (!expires || expire(tx, referral, err));
}

bool referral_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    int64_t *ids, next;
    size_t count;
    if (!referral_rows_due(tx->store, tx->arena, tx->now, DUE_AT_ONCE, &ids, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct referral referral;
        bool found;
        if (!referral_row_by_id(tx->store, tx->arena, ids[i], &found, &referral, err) ||
            (found && !look_at(tx, &referral, err)))
            return err_wrap(err, "clock of referral row %" PRId64, ids[i]);
    }
    if (!referral_rows_next(tx->store, &next, err))
        return false;
    *ret_next = (struct wall){next ? next : INT64_MAX};
    return true;
}
