#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/claim_row.h"
#include "hub/domain/relation.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ACTION(name)  MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define REFUSAL(name) MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_##name

static bool fits(const char *text)
{
    struct bytes bytes = bytes_text(text);
    return bytes.len <= 4 * CLAIM_WORDS_MAX && text_length(bytes) <= CLAIM_WORDS_MAX;
}

static bool check_payload(struct bytes payload, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const Maillon__Hfp__V1__ClaimPayload *words =
        wire_unpack(&maillon__hfp__v1__claim_payload__descriptor, payload, arena, err);
    if (!words)
        return false;
    if (!fits(words->contact_role) || !fits(words->phone) || !fits(words->pick_up))
        return err_set(err, ERR_PEER, "claim event is malformed: a contact is too long");
    return true;
}

static bool is_first(const Maillon__Hfp__V1__ClaimEvent *event)
{
    return event->action == ACTION(PROPOSE) || event->action == ACTION(COMMIT);
}

bool claim_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__ClaimEvent *event = body;
    const char *problem = NULL;
    if (!event->head || event->recipient.len != NODE_ID_BYTES)
        problem = "no head or recipient";
    else if (!claim_action_name(event->action))
        problem = "its action is not known";
    else if (event->notice_uid.len != UID_BYTES)
        problem = "no notice";
    else if (event->seen.len != 0 && event->seen.len != OID_BYTES)
        problem = "\"seen\" is not an object id";
    else if (event->until_s > TIME_MAX_S)
        problem = "its date is impossible";
    else if (strlen(event->reason) > CLAIM_REASON_MAX)
        problem = "its reason is too long";
    else if (event->quantity > NOTICE_AMOUNT_MAX)
        problem = "its quantity is over 1,000,000,000";
    else if (event->commit.len != 0 && event->commit.len != 32)
        problem = "its commitment is not 32 bytes";
    else if (is_first(event) ? event->head->stream.len != 0 || event->head->seq != 1
                             : event->head->stream.len != OID_BYTES)
        problem = "its place in the chain is not clear";
    if (problem)
        return err_set(err, ERR_PEER, "claim event is malformed: %s", problem);
    return payload.len == 0 || check_payload(payload, err);
}

static bool refuse(struct tx *tx, const struct inbound_object *object,
                   Maillon__Hfp__V1__RefusalCode code, struct disposition *ret, struct err *err)
{
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    ret->code = code;
    ret->permanent = true;
    return object_set_state(tx, &object->envelope.oid, OBJECT_REFUSED, err);
}

/* STORED, with where our side of this chain stands (R-RF-1). */
static bool stored(struct tx *tx, const struct claim *claim, bool pending, struct disposition *ret,
                   struct err *err)
{
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    ret->pending = pending;
    return !claim || claim_last_own(tx->store, claim, identity_node(tx->self), &ret->has_chain_head,
                                    &ret->chain_head, err);
}

static bool read_event(struct tx *tx, const struct inbound_object *object, struct claim_event *ret,
                       struct err *err)
{
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    const Maillon__Hfp__V1__ClaimPayload *words = NULL;
    if (object->payload.len) {
        words = wire_unpack(&maillon__hfp__v1__claim_payload__descriptor, object->payload,
                            tx->arena, err);
        if (!words)
            return false;
    }
    struct claim_event event = {
        .oid = object->envelope.oid,
        .author = object->from,
        .fact = {.action = body->action,
                 .quantity = body->quantity,
                 .until_s = body->until_s,
                 .created_s = object->head->created_s,
                 .waiting_list = body->waiting_list},
        .state = OBJECT_APPLIED,
        .seq = object->head->seq,
        .incarnation = incarnation_of(object->head),
        .salt = object->payload.len ? object->salt : (struct bytes){0},
        .expires_s = object->head->expires_s,
        .prev = wire_bytes(object->head->prev),
        .seen = wire_bytes(body->seen),
        .contact_role = words ? words->contact_role : "",
        .phone = words ? words->phone : "",
        .pick_up = words ? words->pick_up : "",
    };
    snprintf(event.fact.reason, sizeof(event.fact.reason), "%s", body->reason);
    if (is_first(body))
        event.claim_id = event.oid;
    else if (!oid_from(wire_bytes(object->head->stream), &event.claim_id))
        return err_set(err, ERR_INTERNAL, "claim event without its chain");
    *ret = event;
    return true;
}

static void take_contact(struct claim *claim, const struct claim_event *event)
{
    if (!event->contact_role[0] && !event->phone[0] && !event->pick_up[0])
        return;
    claim->contact_role = event->contact_role;
    claim->phone = event->phone;
    claim->pick_up = event->pick_up;
}

static bool is_accepted(struct tx *tx, const struct node_id *peer, bool *ret, struct err *err)
{
    bool found;
    struct relation relation;
    if (!relation_find(tx->store, peer, &found, &relation, err))
        return false;
    *ret = found && relation_is_accepted(&relation) &&
           (relation.switches_set & (SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT));
    return true;
}

/* What our hub says to a new claim by itself; 0: a person decides. */
static bool judge(struct tx *tx, const struct claim *claim, const struct notice *notice,
                  const Maillon__Hfp__V1__NoticeContent *content, bool commit,
                  struct claim_fact *ret, struct err *err)
{
    uint32_t left, wanted = claim->view.quantity;
    const char *no = NULL;
    if (!claim_left(tx, notice, &left, err))
        return false;
    bool reserve = content && claim_notice_has(content, NOTICE_WAITING_LIST);
    bool takes = content && content->first_come && commit;
    if (!notice->kind)
        no = "withdrawn";
    else if (!content || notice->expires_s <= (uint64_t)(tx->now.ms / 1000))
        no = "expired";
    else if (!notice->asked)
        no = "takes-no-claims";
    else if (wanted < content->min_lot && wanted < left)
        no = "below-smallest-lot";
    else if (wanted > left && !reserve && (takes || left == 0))
        no = left ? "not-enough-left" : "nothing-left";
    if (no) {
        ret->action = ACTION(REFUSE);
        snprintf(ret->reason, sizeof(ret->reason), "%s", no);
    } else if (takes) {
        ret->action = ACTION(AGREE);
        ret->quantity = wanted;
        ret->waiting_list = wanted > left;
    }
    return true;
}

static bool answer(struct tx *tx, struct claim *claim, const struct notice *notice, bool commit,
                   struct err *err)
{
    struct claim_fact fact = {0};
    struct claim_draft contact = {0};
    Maillon__Hfp__V1__Notice *body = NULL;
    bool may;
    if (!authoring_may(tx, &may, err))
        return false;
    if (!may) /* a person answers it later */
        return true;
    if (notice->kind && !notice_read(tx->store, tx->arena, notice, &body, err))
        return false;
    const Maillon__Hfp__V1__NoticeContent *content = body ? body->content : NULL;
    if (!judge(tx, claim, notice, content, commit, &fact, err))
        return false;
    if (!fact.action)
        return true;
    if (fact.action == ACTION(AGREE))
        contact.contact_role = content->contact_role;
    uint64_t end_s = (uint64_t)(tx->now.ms / 1000) + CLAIM_EVENT_LIFE_S;
    return claim_author(tx, claim, fact, &contact, end_s, err) &&
           claim_settle(tx, claim, "changed", err);
}

static struct wall hold_end(const struct tx *tx, const struct claim_event *event)
{
    int64_t end_ms = tx->now.ms + (int64_t)CLAIM_HOLD_S * 1000;
    if (event->fact.action == ACTION(PROPOSE) && (int64_t)event->expires_s * 1000 < end_ms)
        end_ms = (int64_t)event->expires_s * 1000; /* the claimant chose less */
    return (struct wall){end_ms};
}

static bool apply_first(struct tx *tx, const struct inbound_object *object,
                        struct claim_event *event, struct claim *ret_claim, bool *ret_taken,
                        struct disposition *ret, struct err *err)
{
    bool found, accepted;
    struct notice notice;
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    if (!is_accepted(tx, &object->from, &accepted, err) ||
        !notice_find(tx->store, identity_node(tx->self), body->notice_uid.data, &found, &notice,
                     err))
        return false;
    if (!accepted)
        return refuse(tx, object, REFUSAL(NOT_ACCEPTED), ret, err);
    event->fact.party = CLAIM_BY_CLAIMANT;
    struct claim claim = {
        .claim_id = event->claim_id,
        .box = CLAIM_IN,
        .peer = object->from,
        .lapses = hold_end(tx, event),
        .contact_role = event->contact_role,
        .phone = event->phone,
        .pick_up = event->pick_up,
    };
    struct err why = {0};
    if (!found || event->seen.len || !claim_step(&claim.view, &event->fact, &why))
        return refuse(tx, object, REFUSAL(BAD_STATE), ret, err);
    uint64_t claims;
    if (!claim_row_count(tx, notice.uid, &object->from, &claims, err))
        return false;
    if (claims >= CLAIMS_PER_NOTICE)
        return refuse(tx, object, REFUSAL(QUOTA), ret, err);
    memcpy(claim.uid, notice.uid, UID_BYTES);
    if (!claim_event_add(tx, event, err) || !claim_row_add(tx, &claim, NULL, err) ||
        !claim_settle(tx, &claim, "created", err) ||
        !answer(tx, &claim, &notice, event->fact.action == ACTION(COMMIT), err))
        return false;
    *ret_claim = claim;
    *ret_taken = true;
    return stored(tx, &claim, false, ret, err);
}

/* Allowed by what its author knew? What it did not know is the fold's business (R-RF-5). */
static bool is_allowed(const struct claim_chains *chains, const struct claim_event *event)
{
    struct claim_view view;
    struct err why = {0};
    size_t own = claim_chain(event->fact.party);
    size_t count[2] = {chains->count[0], chains->count[1]};
    if (count[own] && event->fact.seen < chains->facts[own][count[own] - 1].seen)
        return false; /* it forgot what it knew */
    count[1 - own] = event->fact.seen;
    claim_fold(chains->facts[0], count[0], chains->facts[1], count[1], &view);
    return claim_step(&view, &event->fact, &why);
}

/* Puts an event in its place, whether just arrived or waiting till now, and folds again. */
static bool take(struct tx *tx, struct claim *claim, struct claim_chains *chains,
                 struct claim_event *event, bool waited, struct err *err)
{
    event->fact.refused = !is_allowed(chains, event);
    event->state = event->fact.refused ? OBJECT_REFUSED : OBJECT_APPLIED;
    if (waited ? !claim_event_settle(tx, event, err) : !claim_event_add(tx, event, err))
        return false;
    claim_chains_add(tx, chains, event);
    if (event->fact.refused)
        return true;
    claim_chains_fold(chains, &claim->view);
    take_contact(claim, event);
    return claim_settle(tx, claim, "changed", err);
}

/* Damage of a restore, not malice: people are told that steps are lost. */
static bool take_instead(struct tx *tx, struct claim *claim, struct claim_chains *chains,
                         struct claim_event *event, bool waited, struct err *err)
{
    char id[2 * OID_BYTES + 1];
    return claim_event_lose(tx, &claim->claim_id, event->fact.party, event->seq, err) &&
           claim_chains_read(tx, &claim->claim_id, chains, err) &&
           take(tx, claim, chains, event, waited, err) &&
           tx_event(tx, "claim", hex_encode(oid_bytes(&claim->claim_id), id), "steps-lost", err);
}

static bool mark_fork(struct tx *tx, struct claim *claim, struct err *err)
{
    claim->forked = true;
    return claim_settle(tx, claim, "forked", err);
}

/* Events that waited for the one just taken. */
static bool drain(struct tx *tx, struct claim *claim, struct err *err)
{
    struct claim_chains chains;
    enum claim_party party = claim_party_of(claim, true);
    if (!claim_chains_read(tx, &claim->claim_id, &chains, err))
        return false;
    for (;;) {
        bool found;
        struct claim_event event;
        if (!claim_event_pending(tx, &claim->claim_id, &claim->peer,
                                 chains.count[claim_chain(party)] + 1, &found, &event, err))
            return false;
        if (!found)
            return true;
        event.fact.party = party;
        switch (claim_place_of(tx, &chains, &event)) {
        case PLACE_LATER:
            return true;
        case PLACE_NEXT:
            if (!take(tx, claim, &chains, &event, true, err))
                return false;
            break;
        case PLACE_INSTEAD:
            if (!take_instead(tx, claim, &chains, &event, true, err))
                return false;
            break;
        case PLACE_LOST:
            event.state = CLAIM_EVENT_LOST;
            if (!claim_event_settle(tx, &event, err))
                return false;
            break;
        case PLACE_FORK:
        case PLACE_BAD:
            return claim_event_drop(tx, &event, err) && mark_fork(tx, claim, err);
        }
    }
}

/* Durable, without effect until the missing ones are here (R-RF-4). `claim` NULL: not even begun.
 */
static bool hold(struct tx *tx, const struct inbound_object *object, struct claim *claim,
                 struct claim_event *event, struct disposition *ret, struct err *err)
{
    bool same;
    uint64_t count;
    struct claim_event twin;
    if (!claim_event_pending(tx, &event->claim_id, &event->author, event->seq, &same, &twin, err) ||
        !claim_event_count_pending(tx, &event->author, &count, err))
        return false;
    if (same) {
        if (claim && !mark_fork(tx, claim, err))
            return false;
        return refuse(tx, object, REFUSAL(FORKED), ret, err);
    }
    if (count >= CLAIM_PENDING_MAX)
        return refuse(tx, object, REFUSAL(QUOTA), ret, err);
    event->state = OBJECT_PENDING;
    event->fact.party = 0;
    event->fact.seen = 0;
    return claim_event_add(tx, event, err) &&
           object_set_state(tx, &event->oid, OBJECT_PENDING, err) &&
           stored(tx, claim, true, ret, err);
}

static bool apply_next(struct tx *tx, const struct inbound_object *object, struct claim *claim,
                       struct claim_event *event, bool *ret_taken, struct disposition *ret,
                       struct err *err)
{
    struct claim_chains chains;
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    if (!node_id_equal(&claim->peer, &object->from))
        return refuse(tx, object, REFUSAL(NOT_ACCEPTED), ret, err);
    if (memcmp(claim->uid, body->notice_uid.data, UID_BYTES) != 0)
        return refuse(tx, object, REFUSAL(BAD_STATE), ret, err);
    event->fact.party = claim_party_of(claim, true);
    if (!claim_chains_read(tx, &claim->claim_id, &chains, err))
        return false;
    switch (claim_place_of(tx, &chains, event)) {
    case PLACE_LATER:
        return hold(tx, object, claim, event, ret, err);
    case PLACE_FORK:
        return mark_fork(tx, claim, err) && refuse(tx, object, REFUSAL(FORKED), ret, err);
    case PLACE_BAD:
        return refuse(tx, object, REFUSAL(QUOTA), ret, err);
    case PLACE_LOST:
        event->state = CLAIM_EVENT_LOST;
        return claim_event_add(tx, event, err) && stored(tx, claim, false, ret, err);
    case PLACE_INSTEAD:
        if (!take_instead(tx, claim, &chains, event, false, err))
            return false;
        *ret_taken = true;
        return stored(tx, claim, false, ret, err);
    case PLACE_NEXT:
        break;
    }
    if (!take(tx, claim, &chains, event, false, err))
        return false;
    *ret_taken = true;
    return event->fact.refused ? refuse(tx, object, REFUSAL(BAD_STATE), ret, err)
                               : stored(tx, claim, false, ret, err);
}

/* Not for good: nothing remembers it, and it may come again. */
static bool not_yet(struct disposition *ret)
{
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    ret->code = REFUSAL(BAD_STATE);
    return true;
}

/* The first event of a claim of ours on a peer's notice. */
static bool restore_first(struct tx *tx, const struct inbound_object *object,
                          struct claim_event *event, struct err *err)
{
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    struct claim claim = {
        .claim_id = event->claim_id,
        .box = CLAIM_OUT,
        .lapses = {event->fact.action == ACTION(COMMIT) ? 0 : (int64_t)event->expires_s * 1000},
        .contact_role = "",
        .phone = "",
        .pick_up = "",
    };
    struct err why = {0};
    event->fact.party = CLAIM_BY_CLAIMANT;
    if (!node_id_from(wire_bytes(body->recipient), &claim.peer) ||
        !claim_step(&claim.view, &event->fact, &why))
        return err_set(err, ERR_PEER, "an own claim came back malformed");
    memcpy(claim.uid, body->notice_uid.data, UID_BYTES);
    return claim_event_add(tx, event, err) && claim_row_add(tx, &claim, NULL, err) &&
           claim_settle(tx, &claim, "created", err);
}

/* R-REC-2: what this hub had sent after the copy that it was restored from. */
static bool apply_own(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                      struct err *err)
{
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    struct claim_event event;
    struct claim_chains chains;
    struct claim claim;
    bool found;
    if (body->notice_uid.len != UID_BYTES)
        return not_yet(ret);
    if (!read_event(tx, object, &event, err) ||
        !claim_row_find(tx->store, tx->arena, &event.claim_id, &found, &claim, err))
        return false;
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (is_first(body))
        return found || restore_first(tx, object, &event, err);
    if (!found)
        return not_yet(ret);
    event.fact.party = claim_party_of(&claim, false);
    if (!claim_chains_read(tx, &claim.claim_id, &chains, err))
        return false;
    switch (claim_place_of(tx, &chains, &event)) {
    case PLACE_NEXT:
        return take(tx, &claim, &chains, &event, false, err) && drain(tx, &claim, err);
    case PLACE_INSTEAD:
        return take_instead(tx, &claim, &chains, &event, false, err);
    case PLACE_LOST:
        event.state = CLAIM_EVENT_LOST;
        return claim_event_add(tx, &event, err);
    case PLACE_FORK:
        return claim_event_find(tx, &event.oid, &found, &event, err) &&
               (found || mark_fork(tx, &claim, err));
    case PLACE_LATER:
    case PLACE_BAD:
        break;
    }
    return not_yet(ret);
}

bool claim_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                 struct err *err)
{
    bool found, taken = false;
    struct claim claim;
    struct claim_event event;
    const Maillon__Hfp__V1__ClaimEvent *body = object->body;
    if (node_id_equal(&object->from, identity_node(tx->self)))
        return apply_own(tx, object, ret, err);
    if (!bytes_equal(wire_bytes(body->recipient), node_id_bytes(identity_node(tx->self))))
        return refuse(tx, object, REFUSAL(NOT_ACCEPTED), ret, err);
    if (!read_event(tx, object, &event, err))
        return false;
    if (is_first(body)) {
        if (!apply_first(tx, object, &event, &claim, &taken, ret, err))
            return false;
    } else {
        if (!claim_row_find(tx->store, tx->arena, &event.claim_id, &found, &claim, err))
            return false;
        if (!found)
            return hold(tx, object, NULL, &event, ret, err);
        if (!apply_next(tx, object, &claim, &event, &taken, ret, err))
            return false;
    }
    if (!taken)
        return true;
    if (!drain(tx, &claim, err))
        return false;
    return claim.box != CLAIM_IN || claim_promote(tx, claim.uid, err);
}

static const char *refusal_reason(Maillon__Hfp__V1__RefusalCode code)
{
    static const struct {
        Maillon__Hfp__V1__RefusalCode code;
        const char *reason;
    } reasons[] = {
        {REFUSAL(NOT_ACCEPTED), "not-accepted"}, {REFUSAL(BLOCKED), "not-accepted"},
        {REFUSAL(EXPIRED), CLAIM_LAPSED_CODE},   {REFUSAL(BAD_STATE), "no-such-notice"},
        {REFUSAL(QUOTA), "too-many-claims"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].code == code)
            return reasons[i].reason;
    return "not-taken";
}

/* Our event will never count with the other side. A claim that it never opened is over; of a later
 * event the people are told. */
static bool event_failed(struct tx *tx, const struct claim_event *event, enum claim_state state,
                         const char *reason, const char *verb, struct err *err)
{
    bool found;
    struct claim claim;
    if (!claim_row_find(tx->store, tx->arena, &event->claim_id, &found, &claim, err))
        return false;
    if (!found)
        return true;
    if (event->fact.party == CLAIM_BY_CLAIMANT && event->seq == 1 &&
        claim.view.state == CLAIM_PROPOSED) {
        claim.view.state = state;
        snprintf(claim.view.reason, sizeof(claim.view.reason), "%s", reason);
    }
    return claim_settle(tx, &claim, verb, err);
}

static bool find_sent(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                      bool *ret_found, struct claim_event *ret, struct err *err)
{
    bool found, known = false;
    struct claim claim;
    if (!claim_event_find(tx, oid, &found, ret, err))
        return false;
    if (found && node_id_equal(&ret->author, identity_node(tx->self))) {
        if (!claim_row_find(tx->store, tx->arena, &ret->claim_id, &known, &claim, err))
            return false;
        known = known && node_id_equal(&claim.peer, peer);
    }
    *ret_found = known;
    return true;
}

bool claim_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                      const Maillon__Hfp__V1__ReceiptEntry *entry, bool *ret_known, struct err *err)
{
    bool found;
    struct claim_event event;
    char id[2 * OID_BYTES + 1];
    if (!find_sent(tx, peer, oid, &found, &event, err))
        return false;
    if (found && entry->state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED &&
        !tx_event(tx, "claim", hex_encode(oid_bytes(&event.claim_id), id), "stored", err))
        return false;
    if (found && entry->state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED &&
        entry->permanent &&
        !event_failed(tx, &event, CLAIM_REFUSED, refusal_reason(entry->code), "refused", err))
        return false;
    *ret_known = found;
    return true;
}

bool claim_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                      struct err *err)
{
    bool found;
    struct claim_event event;
    if (!find_sent(tx, peer, oid, &found, &event, err))
        return false;
    return !found || event_failed(tx, &event, CLAIM_LAPSED, "undelivered", "undelivered", err);
}
