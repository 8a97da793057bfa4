/* How a referral is shown: who sees what of it. */
#include "hub/api/referral_view.h"

#include "hub/api/peer_truth.h"
#include "hub/api/referral_attachments.h"
#include "hub/api/referral_shown.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attempt.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/directory.h"
#include "hub/domain/waiting.h"
#include "hub/outbox/outbox.h"

/* What a role may see of a person (PRODUCT.md, features: a secretary sees logistics, not reasons).
 */
enum sight { SEES_STATUS, SEES_LOGISTICS, SEES_ALL };

static enum sight sight_of(const struct call *call)
{
    return call->caller.roles & ROLE_CASEWORKER  ? SEES_ALL
           : call->caller.roles & ROLE_SECRETARY ? SEES_LOGISTICS
                                                 : SEES_STATUS;
}

bool referral_sees_all(const struct call *call)
{
    return sight_of(call) == SEES_ALL;
}

static bool find_peer(struct call *call, struct referral_peers *peers, const struct node_id *node,
                      const struct relation **ret, struct err *err)
{
    for (size_t i = 0; i < peers->count; i++)
        if (node_id_equal(&peers->list[i]->node, node)) {
            *ret = peers->list[i];
            return true;
        }
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    bool found;
    if (!relation_find(call->store, node, &found, relation, err))
        return false;
    if (!found)
        relation->node = *node;
    if (peers->count < ARRAY_LEN(peers->list))
        peers->list[peers->count++] = relation;
    *ret = relation;
    return true;
}

/* ---- the view ---- */

/* The word for an own event: sent, at-relay, stored, presented, refused, undelivered, cancelled. */
static bool delivery_word(struct call *call, const struct oid *oid, enum referral_delivery delivery,
                          const char **ret, struct err *err)
{
    static const char *const words[] = {
        [REFERRAL_STORED] = "stored",
        [REFERRAL_PRESENTED] = "presented",
        [REFERRAL_NOT_TAKEN] = "refused",
        [REFERRAL_UNDELIVERED] = "undelivered",
    };
    if (delivery != REFERRAL_WAITING) {
        *ret = words[delivery];
        return true;
    }
    if (!outbox_delivery(call->store, oid, ret, err))
        return false;
    if (strcmp(*ret, "acked") == 0 || strcmp(*ret, "stored") == 0)
        *ret = "sent"; /* only a signed receipt says more */
    return true;
}

static Maillon__Hfp__V1__Person *copy_person(struct call *call,
                                             const Maillon__Hfp__V1__Person *person,
                                             enum sight sight)
{
    Maillon__Hfp__V1__Person *copy = rpc_message(call, &maillon__hfp__v1__person__descriptor);
    copy->name = rpc_text(call, person->name);
    copy->contact = rpc_text(call, person->contact);
    copy->contact_preference = person->contact_preference;
    copy->language = rpc_text(call, person->language);
    copy->voicemail = person->voicemail;
    copy->safe_times = rpc_text(call, person->safe_times);
    if (sight < SEES_ALL)
        return copy;
    copy->birth_year = person->birth_year;
    copy->household_size = person->household_size;
    copy->guardian = rpc_text(call, person->guardian);
    copy->commune = rpc_text(call, person->commune);
    return copy;
}

static void fill_person(struct call *call, const Maillon__Hfp__V1__ReferralPayload *payload,
                        Maillon__Api__V1__Referral *view)
{
    enum sight sight = sight_of(call);
    if (payload->person)
        view->person = copy_person(call, payload->person, sight);
    view->referrer_name = rpc_text(call, payload->referrer_name);
    view->referrer_phone = rpc_text(call, payload->referrer_phone);
    if (sight < SEES_ALL)
        return;
    view->need = rpc_text(call, payload->need);
    view->extra = (Maillon__Hfp__V1__Extra **)rpc_array(call, payload->n_extra);
    for (; view->n_extra < payload->n_extra; view->n_extra++) {
        Maillon__Hfp__V1__Extra *extra = rpc_message(call, &maillon__hfp__v1__extra__descriptor);
        extra->field = rpc_text(call, payload->extra[view->n_extra]->field);
        extra->value = rpc_text(call, payload->extra[view->n_extra]->value);
        view->extra[view->n_extra] = extra;
    }
}

bool referral_fill_consent(struct call *call, const struct referral *referral,
                           Maillon__Api__V1__Referral *view, struct err *err)
{
    if (!referral->consent.len)
        return true;
    const Maillon__Hfp__V1__Consent *consent =
        wire_unpack(&maillon__hfp__v1__consent__descriptor, referral->consent, call->arena, err);
    if (!consent)
        return false;
    char fingerprint[CONSENT_FINGERPRINT], until[25];
    view->consent = rpc_message(call, &maillon__api__v1__consent_view__descriptor);
    consent_fingerprint(referral->consent, fingerprint);
    view->consent->fingerprint = rpc_text(call, fingerprint);
    view->consent->field = (char **)rpc_array(call, consent->n_field);
    for (; view->consent->n_field < consent->n_field; view->consent->n_field++)
        view->consent->field[view->consent->n_field] =
            rpc_text(call, consent->field[view->consent->n_field]);
    text_time((int64_t)consent->until_s * 1000, until);
    view->consent->until = arena_textn(call->arena, until, 10);
    view->consent->given = rpc_time(call, (int64_t)consent->given_s * 1000);
    view->consent->form = consent->form;
    return true;
}

/* What this side may do now, from the table of moves; the clock's own acts are not people's. */
static void fill_actions(struct call *call, const struct referral *referral,
                         Maillon__Api__V1__Referral *view)
{
    unsigned allowed = referral_allowed(&referral->state, referral_our_side(referral)) &
                       ~(1u << REFERRAL_ACTION(EXPIRE));
    if (!(call->caller.roles & ROLE_CASEWORKER))
        return;
    if (referral->purged_ms ||
        referral->state.business_status == REFERRAL_BUSINESS(CONSENT_WITHDRAWN))
        allowed &= ~(1u << REFERRAL_ACTION(MESSAGE));
    if (referral->purged_ms || referral_is_live(referral->state.status))
        allowed &= ~(1u << REFERRAL_ACTION(PURGED));
    view->action = (char **)rpc_array(call, 32);
    for (int action = 1; *code_of_value(CODES_ACTION, action); action++)
        if (allowed >> action & 1)
            view->action[view->n_action++] = rpc_text(call, code_of_value(CODES_ACTION, action));
}

/* What happens next, told from what this caller may see and nothing else. */
static void fill_next(struct call *call, const struct relation *relation,
                      const struct referral *referral, Maillon__Api__V1__Referral *view)
{
    struct referral seen = *referral;
    if (sight_of(call) == SEES_STATUS)
        seen.scheduled_s = seen.review_s = 0;
    if (sight_of(call) < SEES_ALL)
        seen.reason = "";
    view->next_code = rpc_text(call, referral_next_code(&seen, relation, call->now));
    view->next_words = referral_next_words(call->arena, &seen, relation, call->now);
}

static char *service_id(struct call *call, const struct referral *referral)
{
    char owner[NODE_ID_TEXT];
    node_id_text(referral->is_out ? &referral->peer : identity_node(call->env->self), owner);
    return arena_printf(call->arena, "%s/%s", owner, referral->service);
}

/* As it was called when this hub sent; as this hub calls it when it received. */
static char *service_name(struct call *call, const struct referral *referral)
{
    struct directory_service service;
    struct err unknown = {0};
    bool found =
        !referral->is_out && directory_find_service(call->store, call->arena,
                                                    service_id(call, referral), &service, &unknown);
    return rpc_text(call, found ? service.content->name : referral->service_name);
}

/* Beside a name it would tell why the person comes: not for who sees the name and no reasons. */
static void fill_service(struct call *call, const struct referral *referral,
                         Maillon__Api__V1__Referral *view)
{
    if (sight_of(call) == SEES_LOGISTICS)
        return;
    view->service = service_id(call, referral);
    view->service_name = service_name(call, referral);
}

static bool fill_names(struct call *call, struct referral_peers *peers,
                       const struct referral *referral, Maillon__Api__V1__Referral *view,
                       struct err *err)
{
    char peer[NODE_ID_TEXT];
    const struct relation *relation;
    if (!find_peer(call, peers, &referral->peer, &relation, err))
        return false;
    node_id_text(&referral->peer, peer);
    view->peer = rpc_text(call, peer);
    view->peer_name = rpc_text(call, relation->name);
    fill_service(call, referral, view);
    bool hindered = relation_is_hindered(relation) && referral_is_live(referral->state.status);
    view->peer_state = rpc_text(call, hindered ? relation_state(relation) : "");
    view->slow = !hindered && referral->is_out && referral_is_slow(referral, call->now);
    view->peer_phone = rpc_text(call, relation->phone);
    fill_next(call, relation, referral, view);
    return true;
}

bool referral_make_view(struct call *call, struct referral_peers *peers,
                        const struct referral *referral,
                        const Maillon__Hfp__V1__ReferralPayload *sent,
                        Maillon__Api__V1__Referral **ret, struct err *err)
{
    char id[REFERRAL_ID_TEXT], part_of[REFERRAL_ID_TEXT];
    const char *delivery = sent ? "sent" : "";
    Maillon__Hfp__V1__BusinessStatus business = referral_business_status(referral);
    Maillon__Api__V1__Referral *view = rpc_message(call, &maillon__api__v1__referral__descriptor);
    if (!fill_names(call, peers, referral, view, err) ||
        (referral->is_out && !sent &&
         !delivery_word(call, &referral->oid, referral->delivery, &delivery, err)))
        return false;
    view->id = rpc_text(call, referral_id_text(&referral->oid, id));
    view->box = rpc_text(call, referral->is_out ? "out" : "in");
    view->status = rpc_text(call, code_of_value(CODES_STATUS, (int)referral->state.status));
    view->business_status = rpc_text(call, code_of_value(CODES_BUSINESS_STATUS, (int)business));
    view->status_words =
        rpc_text(call, status_words(referral->state.status, business, WORDS_FRENCH));
    view->urgency = referral->urgency;
    view->feedback = referral->feedback;
    view->created = rpc_time(call, referral->created_ms);
    view->changed = rpc_time(call, referral->changed_ms);
    int64_t due_ms = (int64_t)referral_due_s(&referral->state) * 1000;
    view->answer_due = rpc_time(call, due_ms);
    view->clock = waiting_percent(referral_clock_start_ms(referral), due_ms, call->now);
    view->late = referral_is_late(referral, call->now);
    view->delivery = rpc_text(call, delivery);
    view->purged = referral->purged_ms != 0;
    view->frozen = referral->state.flags & REFERRAL_FROZEN;
    view->exercise = referral->exercise;
    view->part_of =
        rpc_text(call, referral->has_part_of ? referral_id_text(&referral->part_of, part_of) : "");
    fill_actions(call, referral, view);
    *ret = view;
    enum sight sight = sight_of(call);
    /* VOID hides the content on both sides (PRODUCT.md 3.2). */
    if (referral->state.status == REFERRAL_STATUS(ENTERED_IN_ERROR) || sight == SEES_STATUS)
        return true;
    view->scheduled = rpc_time(call, (int64_t)referral->scheduled_s * 1000);
    view->review = rpc_time(call, (int64_t)referral->review_s * 1000);
    if (sight == SEES_ALL) {
        view->theme = rpc_text(call, referral->theme);
        view->reason = rpc_text(call, referral->reason);
        view->outcome = rpc_text(call, referral->outcome);
    }
    const Maillon__Hfp__V1__ReferralPayload *payload = sent;
    if (!payload &&
        !referral_personal(call->store, call->arena, call->env->self, referral, &payload, err))
        return false;
    if (payload)
        fill_person(call, payload, view);
    return true;
}

bool referral_view(struct call *call, const struct referral *referral,
                   Maillon__Api__V1__Referral **ret, struct err *err)
{
    struct referral_peers peers = {0};
    if (!referral_make_view(call, &peers, referral, NULL, ret, err))
        return false;
    referral_shown(call, referral);
    return true;
}

/* Where else, and what stood in the way: of the refusal that stands. */
static void fill_ending(struct call *call, const struct referral_event *event,
                        Maillon__Api__V1__Referral *view)
{
    view->barrier = rpc_text(call, event->body->barrier);
    view->suggested_service = (char **)rpc_array(call, event->body->n_suggested_service);
    for (view->n_suggested_service = 0;
         view->n_suggested_service < event->body->n_suggested_service; view->n_suggested_service++)
        view->suggested_service[view->n_suggested_service] =
            rpc_text(call, event->body->suggested_service[view->n_suggested_service]);
}

/* The newest of each: whom to ask for, the next step, the place. */
static void fill_appointment(struct call *call, const Maillon__Hfp__V1__ReferralPayload *payload,
                             Maillon__Api__V1__Referral *view)
{
    if (*payload->contact_name)
        view->contact_name = rpc_text(call, payload->contact_name);
    if (*payload->contact_phone)
        view->contact_phone = rpc_text(call, payload->contact_phone);
    if (*payload->next_step)
        view->next_step = rpc_text(call, payload->next_step);
    if (*payload->place)
        view->place = rpc_text(call, payload->place);
}

static bool fill_event(struct call *call, const struct referral *referral,
                       const struct referral_event *event, bool is_hidden,
                       Maillon__Api__V1__ReferralEventView *view, struct err *err)
{
    char oid[REFERRAL_ID_TEXT];
    const char *delivery = "";
    bool ours = event->key.side == referral_our_side(referral);
    bool sees_all = sight_of(call) == SEES_ALL && !is_hidden;
    if (ours && !delivery_word(call, &event->key.oid, event->delivery, &delivery, err))
        return false;
    view->seq = event->key.seq;
    view->by = rpc_text(call, ours ? "us" : "them");
    view->action = rpc_text(call, code_of_value(CODES_ACTION, (int)event->key.action));
    view->at = rpc_time(call, (int64_t)event->key.created_s * 1000);
    view->oid = rpc_text(call, referral_id_text(&event->key.oid, oid));
    view->for_person = event->key.on_behalf == REFERRAL_BEHALF(PERSON);
    view->delivery = rpc_text(call, delivery);
    view->pending = event->verdict == REFERRAL_PENDING;
    view->refused = event->verdict == REFERRAL_REFUSED || event->verdict == REFERRAL_FORKED;
    if (sees_all && event->payload) {
        view->text = rpc_text(call, event->payload->text);
        view->attachments = (uint32_t)event->payload->n_attachment;
    }
    if (sees_all && event->body)
        view->reason = rpc_text(call, event->body->reason);
    return true;
}

static bool fill_events(struct call *call, const struct referral *referral,
                        Maillon__Api__V1__Referral *view, struct err *err)
{
    enum sight sight = sight_of(call);
    bool is_hidden = referral->state.status == REFERRAL_STATUS(ENTERED_IN_ERROR);
    const struct identity *self = sight == SEES_STATUS || is_hidden ? NULL : call->env->self;
    struct referral_event *events;
    size_t count;
    if (!referral_events(call->store, call->arena, self, referral, &events, &count, err))
        return false;
    view->event = (Maillon__Api__V1__ReferralEventView **)rpc_array(call, count);
    for (; view->n_event < count; view->n_event++) {
        const struct referral_event *event = &events[view->n_event];
        Maillon__Api__V1__ReferralEventView *one =
            rpc_message(call, &maillon__api__v1__referral_event_view__descriptor);
        if (!fill_event(call, referral, event, is_hidden, one, err))
            return false;
        view->event[view->n_event] = one;
        if (event->payload && event->verdict == REFERRAL_APPLIED)
            fill_appointment(call, event->payload, view);
        if (sight == SEES_ALL && event->body && event->verdict == REFERRAL_APPLIED &&
            (event->key.action == REFERRAL_ACTION(REJECT) ||
             event->key.action == REFERRAL_ACTION(FAIL)))
            fill_ending(call, event, view);
    }
    return !self || sight < SEES_ALL ||
           referral_fill_attachments(call, referral, events, count, view, err);
}

static bool fill_attempts(struct call *call, struct referral_peers *peers,
                          const struct referral *referral, Maillon__Api__V1__Referral *view,
                          struct err *err)
{
    struct referral *list;
    size_t count;
    if (!attempt_list(call->store, call->arena, referral, &list, &count, err))
        return false;
    view->attempt = (Maillon__Api__V1__AttemptView **)rpc_array(call, count);
    for (; view->n_attempt < count; view->n_attempt++) {
        const struct referral *one = &list[view->n_attempt];
        Maillon__Hfp__V1__BusinessStatus business = referral_business_status(one);
        const struct relation *relation;
        char id[REFERRAL_ID_TEXT];
        Maillon__Api__V1__AttemptView *attempt =
            rpc_message(call, &maillon__api__v1__attempt_view__descriptor);
        if (!find_peer(call, peers, &one->peer, &relation, err))
            return false;
        attempt->id = rpc_text(call, referral_id_text(&one->oid, id));
        attempt->box = rpc_text(call, one->is_out ? "out" : "in");
        attempt->peer_name = rpc_text(call, relation->name);
        attempt->service_name = service_name(call, one);
        attempt->status = rpc_text(call, code_of_value(CODES_STATUS, (int)one->state.status));
        attempt->business_status =
            rpc_text(call, code_of_value(CODES_BUSINESS_STATUS, (int)business));
        attempt->status_words =
            rpc_text(call, status_words(one->state.status, business, WORDS_FRENCH));
        attempt->reason = rpc_text(call, one->reason);
        attempt->changed = rpc_time(call, one->changed_ms);
        view->attempt[view->n_attempt] = attempt;
    }
    return true;
}

bool referral_show(struct call *call, const struct referral *referral, void **out, struct err *err)
{
    struct referral_peers peers = {0};
    Maillon__Api__V1__Referral *view;
    if (!referral_make_view(call, &peers, referral, NULL, &view, err) ||
        !fill_events(call, referral, view, err) ||
        (sight_of(call) == SEES_ALL && (!referral_fill_consent(call, referral, view, err) ||
                                        !fill_attempts(call, &peers, referral, view, err))))
        return false;
    referral_shown(call, referral);
    *out = view;
    return true;
}

bool referral_show_id(struct call *call, const struct oid *id, void **out, struct err *err)
{
    struct referral referral;
    bool found;
    if (!referral_get(call->store, call->arena, id, &found, &referral, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a referral was lost");
    return referral_show(call, &referral, out, err);
}
