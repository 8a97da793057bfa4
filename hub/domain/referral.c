#include "hub/domain/referral.h"

#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/inbound.h"
#include "hub/domain/object.h"
#include "hub/domain/referral_store.h"
#include "hub/outbox/outbox.h"

#define HOUR_MS            INT64_C(3600000)
#define DAY_MS             (24 * HOUR_MS)
#define QUOTA_S            3600               /* a peer over its quota tries again then */
#define FEW_EVENTS         64                 /* so few are never too many bytes: not measured */
#define PERSONAL_BYTES_MAX (INT64_C(8) << 20) /* of one referral: one page shows all of it */
#define NO_ANSWER          "no-response"
#define ANY_REASON         NULL

/* How long the personal part outlives the end (PRODUCT.md 3.2, 3.3); first match. */
static const struct {
    Maillon__Hfp__V1__ReferralStatus status;
    Maillon__Hfp__V1__BusinessStatus business_status; /* 0: any */
    const char *reason;
    int64_t keep_ms;
} retention[] = {
    {REFERRAL_STATUS(CANCELLED), REFERRAL_BUSINESS(CONSENT_WITHDRAWN), ANY_REASON, 72 * HOUR_MS},
    {REFERRAL_STATUS(CANCELLED), 0, NO_ANSWER, 90 * DAY_MS},
    {REFERRAL_STATUS(CANCELLED), 0, ANY_REASON, 7 * DAY_MS},
    {REFERRAL_STATUS(ENTERED_IN_ERROR), 0, ANY_REASON, 7 * DAY_MS},
    {REFERRAL_STATUS(REJECTED), 0, ANY_REASON, 90 * DAY_MS},
    {REFERRAL_STATUS(COMPLETED), 0, ANY_REASON, 730 * DAY_MS},
    {REFERRAL_STATUS(FAILED), 0, ANY_REASON, 730 * DAY_MS},
};

char *referral_id_text(const struct oid *id, char out[REFERRAL_ID_TEXT])
{
    return hex_encode(oid_bytes(id), out);
}

char *referral_row_text(struct tx *tx, const struct referral *referral)
{
    return referral_id_text(&referral->oid, arena_alloc(tx->arena, REFERRAL_ID_TEXT));
}

static bool tell(struct tx *tx, const struct referral *referral, const char *verb, struct err *err)
{
    return tx_event(tx, "referral", referral_row_text(tx, referral), verb, err);
}

static void end_retention(struct referral *referral, struct wall now)
{
    if (referral_is_live(referral->state.status) || !referral->state.status) {
        referral->ended_ms = 0;
        referral->purge_ms = 0;
        return;
    }
    if (!referral->ended_ms)
        referral->ended_ms = now.ms;
    for (size_t i = 0; i < ARRAY_LEN(retention); i++) {
        if (retention[i].status == referral->state.status &&
            (!retention[i].business_status ||
             retention[i].business_status == referral->state.business_status) &&
            (!retention[i].reason || strcmp(retention[i].reason, referral->reason) == 0)) {
            referral->purge_ms = referral->ended_ms + retention[i].keep_ms;
            return;
        }
    }
}

/* Reason and outcome are those of the event that set the status. */
static bool read_end(struct tx *tx, struct referral *referral,
                     const Maillon__Hfp__V1__ReferralEvent *body, const struct oid *oid,
                     struct err *err)
{
    if (!oid_equal(oid, &referral->state.status_event)) {
        struct object_row object;
        struct envelope envelope;
        bool found;
        if (!object_get(tx->store, tx->arena, &referral->state.status_event, &found, &object, err))
            return false;
        if (!found)
            return true;
        if (!envelope_open(object.bytes, tx->arena, &envelope, err))
            return false;
        body = wire_unpack(&maillon__hfp__v1__referral_event__descriptor, envelope.body, tx->arena,
                           err);
        if (!body)
            return false;
    }
    referral->reason = arena_text(tx->arena, body->reason);
    if (*body->outcome)
        referral->outcome = arena_text(tx->arena, body->outcome);
    return true;
}

/* What one more event of the chain means for the row, besides the state itself. */
static bool settle(struct tx *tx, struct referral *referral, const struct referral_state *before,
                   const Maillon__Hfp__V1__ReferralEvent *body,
                   const struct referral_event_key *key, enum referral_verdict verdict,
                   struct err *err)
{
    if (referral->state.status &&
        (!oid_equal(&before->status_event, &referral->state.status_event) || !before->status) &&
        !read_end(tx, referral, body, &key->oid, err))
        return false;
    if (verdict == REFERRAL_APPLIED && body->at_s)
        referral->scheduled_s = body->at_s;
    if (verdict == REFERRAL_APPLIED && key->action == REFERRAL_ACTION(HOLD))
        referral->review_s = body->review_s;
    if (referral_due_s(before) != referral_due_s(&referral->state))
        referral->late_stage = 0;
    referral->changed_ms = tx->now.ms;
    bool was_open = referral->is_open;
    referral->is_open = !referral->state.status || referral_is_live(referral->state.status);
    end_retention(referral, tx->now);
    referral_plan(referral, tx->now);
    return referral->id ? referral_row_save(tx, referral, was_open, err)
                        : referral_row_add(tx, referral, err);
}

static bool tell_change(struct tx *tx, const struct referral *referral,
                        const struct referral_state *before, struct err *err)
{
    if ((referral->state.flags & ~before->flags & REFERRAL_FROZEN) &&
        !tell(tx, referral, "forked", err))
        return false;
    return !referral->state.status ||
           tell(tx, referral, before->status ? "changed" : "created", err);
}

static enum object_state object_state_of(enum referral_verdict verdict)
{
    switch (verdict) {
    case REFERRAL_APPLIED:
        return OBJECT_APPLIED;
    case REFERRAL_PENDING:
        return OBJECT_PENDING;
    case REFERRAL_REFUSED:
    case REFERRAL_FORKED:
    case REFERRAL_LOST:
        break;
    }
    return OBJECT_REFUSED;
}

/* The whole chain anew: what waited may follow now, what crossed may weigh differently. */
static bool evaluate_again(struct tx *tx, struct referral *referral, const struct oid *oid,
                           enum referral_verdict *ret_verdict, bool *ret_lost, struct err *err)
{
    struct referral_event_row *rows;
    size_t count;
    if (!referral_event_rows(tx->store, tx->arena, referral->id, false, &rows, &count, err))
        return false;
    struct referral_event_key *keys = arena_alloc(tx->arena, count * sizeof(*keys));
    enum referral_verdict *verdicts = arena_alloc(tx->arena, count * sizeof(*verdicts));
    for (size_t i = 0; i < count; i++)
        keys[i] = rows[i].key;
    referral_evaluate(keys, count, &referral->state, verdicts);
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i] != rows[i].verdict &&
            (!referral_event_set_verdict(tx, rows[i].id, verdicts[i], err) ||
             !object_set_state(tx, &keys[i].oid, object_state_of(verdicts[i]), err)))
            return false;
        *ret_lost |= verdicts[i] == REFERRAL_LOST && rows[i].verdict != REFERRAL_LOST;
        if (oid_equal(&keys[i].oid, oid))
            *ret_verdict = verdicts[i];
    }
    return true;
}

/* Stores one event, own or the peer's, and moves the referral on; a new one (id 0) gets its row. */
static bool take_event(struct tx *tx, struct referral *referral,
                       const Maillon__Hfp__V1__ReferralEvent *body,
                       const struct referral_event_key *key, struct bytes payload,
                       struct bytes salt, enum referral_verdict *ret_verdict, struct err *err)
{
    struct referral_state before = referral->state;
    enum referral_verdict verdict = REFERRAL_PENDING;
    bool lost = false, extends = referral_extends(&referral->state, key);
    if (extends)
        verdict = referral_step(&referral->state, key);
    if (verdict == REFERRAL_REFUSED) /* kept as proof; the person is not needed for that */
        payload = salt = (struct bytes){0};
    referral->events++;
    /* The event needs the row, and what waits or crossed needs the event to be weighed. */
    if (extends ? !settle(tx, referral, &before, body, key, verdict, err)
                : !referral->id && !referral_row_add(tx, referral, err))
        return false;
    if (!referral_event_add(tx, referral, key, verdict, payload, salt, err) ||
        !attachment_record(tx, referral, &key->oid, key->side == referral_our_side(referral),
                           payload, err))
        return false;
    if (!extends && (!evaluate_again(tx, referral, &key->oid, &verdict, &lost, err) ||
                     !settle(tx, referral, &before, body, key, verdict, err)))
        return false;
    if (verdict != REFERRAL_APPLIED &&
        !object_set_state(tx, &key->oid, object_state_of(verdict), err))
        return false;
    *ret_verdict = verdict;
    /* Damage of a restore, not malice: people are told which steps no longer count. */
    return (!lost || tell(tx, referral, "steps-lost", err)) &&
           tell_change(tx, referral, &before, err);
}

static void read_key(const Maillon__Hfp__V1__ReferralEvent *body, const struct oid *oid,
                     enum referral_side side, struct referral_event_key *ret)
{
    *ret = (struct referral_event_key){
        .oid = *oid,
        .side = side,
        .seq = body->head->seq,
        .incarnation = incarnation_of(body->head),
        .action = body->action,
        .business_status = body->business_status,
        .on_behalf = body->on_behalf,
        .confirms = body->confirms,
        .created_s = body->head->created_s,
        .answer_due_s = body->refer ? body->refer->answer_due_s : 0,
    };
    ret->has_prev = oid_from(wire_bytes(body->head->prev), &ret->prev);
    ret->has_seen = oid_from(wire_bytes(body->seen), &ret->seen);
}

/* R receives the withdrawal of consent or takes it: the data goes now, the proof of it goes back.
 */
static bool honour_withdrawal(struct tx *tx, struct referral *referral, struct err *err)
{
    if (referral->is_out || referral->purged_ms ||
        referral->state.business_status != REFERRAL_BUSINESS(CONSENT_WITHDRAWN))
        return true;
    if (!referral_erase(tx, referral, err))
        return false;
    referral_plan(referral, tx->now);
    if (!referral_row_save(tx, referral, referral->is_open, err) ||
        !audit_add(tx, "hub", "referral.purge", &referral->oid, err))
        return false;
    Maillon__Hfp__V1__ReferralEvent body;
    maillon__hfp__v1__referral_event__init(&body);
    body.action = REFERRAL_ACTION(PURGED);
    body.purged = (char[]){"payload"};
    struct err unsent = {0};
    if (referral_author(tx, referral, &body, NULL, 0, "hub", &unsent))
        return true;
    if (unsent.code == ERR_IO) { /* the erasure stands even when its proof cannot be sent */
        *err = unsent;
        return false;
    }
    return true;
}

bool referral_author(struct tx *tx, struct referral *referral,
                     Maillon__Hfp__V1__ReferralEvent *body,
                     const Maillon__Hfp__V1__ReferralPayload *payload, uint64_t expires_s,
                     const char *actor, struct err *err)
{
    enum referral_side ours = referral_our_side(referral);
    enum referral_side theirs = ours == REFERRAL_SENDER ? REFERRAL_RECEIVER : REFERRAL_SENDER;
    const struct referral_state *state = &referral->state;
    uint64_t now_s = (uint64_t)tx->now.ms / 1000;
    Maillon__Hfp__V1__Head head;
    maillon__hfp__v1__head__init(&head);
    if (!authoring_head(tx, &head, err))
        return false;
    head.seq = state->seq[ours] + 1;
    if (state->status)
        head.stream = wire_data(oid_bytes(&referral->oid));
    struct oid prev = state->head[ours], seen = state->head[theirs];
    if (state->seq[ours])
        head.prev = wire_data(oid_bytes(&prev));
    if (state->seq[theirs])
        body->seen = wire_data(oid_bytes(&seen));
    head.expires_s = expires_s ? expires_s : now_s + REFERRAL_LIFETIME_MAX_S;
    body->head = &head;
    body->recipient = wire_data(node_id_bytes(&referral->peer));

    uint8_t salt[SALT_BYTES], commit[32];
    struct parcel_draft draft = {
        .peer = &referral->peer, .type = TYPE_REFERRAL, .expires_s = head.expires_s, .lane = 1};
    if (payload) {
        random_fill(tx->random, salt, sizeof(salt));
        draft.payload = wire_pack_arena(payload, tx->arena);
        draft.salt = bytes_of(salt, sizeof(salt));
        parcel_commit(draft.salt, draft.payload, commit);
        body->commit = wire_data(bytes_of(commit, sizeof(commit)));
    }
    draft.body = wire_pack_arena(body, tx->arena);
    struct oid oid;
    if (!outbox_send(tx, &draft, &oid, err))
        return false;
    if (!state->status)
        referral->oid = oid;
    struct referral_event_key key;
    enum referral_verdict verdict;
    read_key(body, &oid, ours, &key);
    if (!take_event(tx, referral, body, &key, draft.payload, draft.salt, &verdict, err))
        return false;
    if (verdict != REFERRAL_APPLIED)
        return err_set(err, ERR_INTERNAL, "an own referral event was refused");
    const char *action =
        arena_printf(tx->arena, "referral.%s", code_of_value(CODES_ACTION, (int)body->action));
    return audit_add(tx, actor, action, &oid, err) && honour_withdrawal(tx, referral, err);
}

/* ---- what the peer sends ---- */

static bool refuse(struct tx *tx, const struct inbound_object *object,
                   Maillon__Hfp__V1__RefusalCode code, bool permanent, struct disposition *ret,
                   struct err *err)
{
    *ret = (struct disposition){
        .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
        .code = code,
        .permanent = permanent,
        .retry_after_s = permanent ? 0 : QUOTA_S,
    };
    return object_set_state(tx, &object->envelope.oid, OBJECT_REFUSED, err);
}

static bool refuse_state(struct tx *tx, const struct inbound_object *object,
                         struct disposition *ret, struct err *err)
{
    return refuse(tx, object, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE, true, ret,
                  err);
}

static void answer(const struct referral *referral, enum referral_verdict verdict,
                   struct disposition *ret)
{
    enum referral_side ours = referral_our_side(referral);
    bool stored =
        verdict == REFERRAL_APPLIED || verdict == REFERRAL_PENDING || verdict == REFERRAL_LOST;
    *ret = (struct disposition){
        .state = stored ? MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED
                        : MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
        .code = stored ? 0
                : verdict == REFERRAL_FORKED
                    ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED
                    : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE,
        .permanent = !stored,
        .pending = verdict == REFERRAL_PENDING,
        .has_chain_head = true, /* without an event of ours: the event all began with */
        .chain_head = referral->state.seq[ours] ? referral->state.head[ours] : referral->oid,
    };
}

static bool take_inbound(struct tx *tx, const struct inbound_object *object,
                         struct referral *referral, struct disposition *ret, struct err *err)
{
    const Maillon__Hfp__V1__ReferralEvent *body = object->body;
    enum referral_side theirs = referral->is_out ? REFERRAL_RECEIVER : REFERRAL_SENDER;
    if (referral->state.flags & REFERRAL_FROZEN) {
        bool withdrawn = body->action == REFERRAL_ACTION(WITHDRAW_CONSENT);
        if (withdrawn && (!referral_erase(tx, referral, err) ||
                          !referral_row_save(tx, referral, referral->is_open, err)))
            return false;
        return refuse(tx, object, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_FORKED, true, ret,
                      err);
    }
    int64_t bytes = 0;
    if (referral->events >= FEW_EVENTS && object->payload.len &&
        !referral_event_bytes(tx->store, referral->id, &bytes, err))
        return false;
    if (referral->events >= EVENTS_PER_REFERRAL || bytes >= PERSONAL_BYTES_MAX)
        return refuse(tx, object, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA, false, ret,
                      err);
    struct referral_event_key key;
    enum referral_verdict verdict;
    read_key(body, &object->envelope.oid, theirs, &key);
    if (!take_event(tx, referral, body, &key, object->payload, object->salt, &verdict, err))
        return false;
    if (body->action == REFERRAL_ACTION(WITHDRAW_CONSENT) &&
        !audit_add(tx, "peer", "referral.withdraw-consent", &object->envelope.oid, err))
        return false;
    answer(referral, verdict, ret);
    return honour_withdrawal(tx, referral, err);
}

/* Nothing is known of this referral yet, but an event of it: it waits for REFER. */
static void start_row(struct tx *tx, const struct node_id *peer, const struct oid *id,
                      struct referral *ret)
{
    *ret = (struct referral){
        .oid = *id,
        .peer = *peer,
        .is_open = true,
        .service = "",
        .service_name = "",
        .theme = "",
        .reason = "",
        .outcome = "",
        .created_ms = tx->now.ms,
        .changed_ms = tx->now.ms,
    };
    referral_plan(ret, tx->now);
}

static bool has_room(struct tx *tx, const struct node_id *peer, bool *ret, struct err *err)
{
    uint64_t open;
    if (!referral_open_in(tx->store, peer, &open, err))
        return false;
    *ret = open < OPEN_REFERRALS_PER_PEER;
    return true;
}

static bool apply_refer(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                        struct err *err)
{
    const Maillon__Hfp__V1__ReferralEvent *body = object->body;
    const Maillon__Hfp__V1__Refer *refer = body->refer;
    struct err invalid = {0};
    if (!consent_is_valid(refer->consent, identity_node(tx->self), tx->now, &invalid)) {
        bool over = refer->consent->until_s < (uint64_t)tx->now.ms / 1000;
        return refuse(tx, object,
                      over ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_EXPIRED
                           : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE,
                      true, ret, err);
    }
    struct referral referral;
    bool found, room = true;
    if (!referral_get(tx->store, tx->arena, &object->envelope.oid, &found, &referral, err) ||
        (!found && !has_room(tx, &object->from, &room, err)))
        return false;
    if (!room)
        return refuse(tx, object, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA, false, ret,
                      err);
    if (found && (referral.state.status || !node_id_equal(&referral.peer, &object->from)))
        return refuse_state(tx, object, ret, err);
    if (!found)
        start_row(tx, &object->from, &object->envelope.oid, &referral);
    referral.delivery = REFERRAL_STORED;
    referral.urgency = refer->urgency;
    referral.feedback = refer->feedback;
    referral.exercise = refer->exercise;
    referral.service = refer->service;
    referral.theme = refer->theme;
    referral.consent = wire_pack_arena(refer->consent, tx->arena);
    referral.created_ms = tx->now.ms;
    if (found && !referral_row_describe(tx, &referral, err))
        return false;
    return take_inbound(tx, object, &referral, ret, err);
}

static bool not_yet(struct disposition *ret)
{
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    ret->code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE;
    return true; /* not for good: nothing remembers it, and it may come again */
}

/* Our own REFER from before the restore: the row as referral_post made it, without who pressed. */
static bool describe_own(struct tx *tx, const struct inbound_object *object, bool found,
                         struct referral *referral, struct err *err)
{
    const Maillon__Hfp__V1__ReferralEvent *body = object->body;
    const Maillon__Hfp__V1__Refer *refer = body->refer;
    struct node_id peer;
    if (!refer || !refer->consent || !node_id_from(wire_bytes(body->recipient), &peer))
        return err_set(err, ERR_PEER, "an own referral came back malformed");
    if (found && !referral->is_out && !referral_row_turn(tx, referral, err))
        return false;
    if (!found)
        start_row(tx, &peer, &object->envelope.oid, referral);
    referral->is_out = true;
    referral->delivery = REFERRAL_STORED;
    referral->urgency = refer->urgency;
    referral->feedback = refer->feedback;
    referral->exercise = refer->exercise;
    referral->service = refer->service;
    referral->theme = refer->theme;
    referral->consent = wire_pack_arena(refer->consent, tx->arena);
    referral->created_ms = (int64_t)body->head->created_s * 1000;
    referral->expires_ms = (int64_t)body->head->expires_s * 1000;
    return !found || referral_row_describe(tx, referral, err);
}

/* R-REC-2: what this hub had sent after the copy that it was restored from. It proves itself. */
static bool apply_own(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                      struct err *err)
{
    const Maillon__Hfp__V1__ReferralEvent *body = object->body;
    const struct oid *oid = &object->envelope.oid;
    bool found, is_refer = body->action == REFERRAL_ACTION(REFER);
    struct referral referral;
    struct referral_event_key key;
    struct referral_event_row row;
    enum referral_verdict verdict;
    struct oid id = *oid;
    if (!is_refer && !oid_from(wire_bytes(body->head->stream), &id))
        return not_yet(ret);
    if (!referral_get(tx->store, tx->arena, &id, &found, &referral, err))
        return false;
    if (!found && !is_refer) /* whose side it is on is known by the first event */
        return not_yet(ret);
    if (found && !bytes_equal(wire_bytes(body->recipient), node_id_bytes(&referral.peer)))
        return not_yet(ret);
    if (is_refer && found && referral.state.status)
        return true;
    if (is_refer && !describe_own(tx, object, found, &referral, err))
        return false;
    read_key(body, oid, referral_our_side(&referral), &key);
    if (!take_event(tx, &referral, body, &key, object->payload, object->salt, &verdict, err) ||
        !referral_event_find(tx->store, tx->arena, oid, &found, &row, err))
        return false;
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    return (!found || referral_event_set_delivery(tx, row.id, REFERRAL_STORED, err)) &&
           audit_add(tx, "hub", "recovery.event", oid, err);
}

bool referral_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                    struct err *err)
{
    if (node_id_equal(&object->from, identity_node(tx->self)))
        return apply_own(tx, object, ret, err);
    const Maillon__Hfp__V1__ReferralEvent *body = object->body;
    struct node_id recipient, author;
    if (!node_id_from(wire_bytes(body->recipient), &recipient) ||
        !node_id_equal(&recipient, identity_node(tx->self)) ||
        !node_id_from(wire_bytes(body->head->node), &author) ||
        !node_id_equal(&author, &object->from))
        return refuse_state(tx, object, ret, err);
    if (body->action == REFERRAL_ACTION(REFER))
        return apply_refer(tx, object, ret, err);
    struct oid id;
    struct referral referral;
    bool found, room = true;
    if (!oid_from(wire_bytes(body->head->stream), &id))
        return refuse_state(tx, object, ret, err);
    if (!referral_get(tx->store, tx->arena, &id, &found, &referral, err) ||
        (!found && !has_room(tx, &object->from, &room, err)))
        return false;
    if (!room)
        return refuse(tx, object, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA, false, ret,
                      err);
    if (found && !node_id_equal(&referral.peer, &object->from))
        return refuse_state(tx, object, ret, err);
    if (!found)
        start_row(tx, &object->from, &id, &referral);
    return take_inbound(tx, object, &referral, ret, err);
}
