/* Warm referrals (proto/maillon/api/v1/referrals.proto): parsing, who sees what, and the view. */
#include "hub/api/peer_truth.h"
#include "hub/api/referral_attachments.h"
#include "hub/api/referral_bundle.h"
#include "hub/api/referral_shown.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/directory.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include "maillon/api/v1/referrals.pb-c.h"

#include <stdio.h>

#define LIST_MAX 500
#define DAY_S    86400

/* What a role may see of a person (PRODUCT.md, features: a secretary sees logistics, not reasons).
 */
enum sight { SEES_STATUS, SEES_LOGISTICS, SEES_ALL };

static enum sight sight_of(const struct call *call)
{
    return call->caller.roles & ROLE_CASEWORKER  ? SEES_ALL
           : call->caller.roles & ROLE_SECRETARY ? SEES_LOGISTICS
                                                 : SEES_STATUS;
}

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

/* Peers of one answer, looked up once each. */
struct peers {
    const struct relation *list[16]; /* arena; later ones are looked up each time */
    size_t count;
};

static bool find_peer(struct call *call, struct peers *peers, const struct node_id *node,
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

static bool fill_consent(struct call *call, const struct referral *referral,
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
    if (referral->purged_ms)
        allowed &= ~(1u << REFERRAL_ACTION(MESSAGE));
    if (referral->purged_ms || referral_is_live(referral->state.status))
        allowed &= ~(1u << REFERRAL_ACTION(PURGED));
    view->action = (char **)rpc_array(call, 32);
    for (int action = 1; *code_of_value(CODES_ACTION, action); action++)
        if (allowed >> action & 1)
            view->action[view->n_action++] = rpc_text(call, code_of_value(CODES_ACTION, action));
}

static bool fill_names(struct call *call, struct peers *peers, const struct referral *referral,
                       Maillon__Api__V1__Referral *view, struct err *err)
{
    char peer[NODE_ID_TEXT], owner[NODE_ID_TEXT];
    const struct relation *relation;
    if (!find_peer(call, peers, &referral->peer, &relation, err))
        return false;
    node_id_text(&referral->peer, peer);
    node_id_text(referral->is_out ? &referral->peer : identity_node(call->env->self), owner);
    view->peer = rpc_text(call, peer);
    view->peer_name = rpc_text(call, relation->name);
    view->service = arena_printf(call->arena, "%s/%s", owner, referral->service);
    view->service_name = rpc_text(call, referral->service_name);
    struct directory_service service;
    struct err unknown = {0};
    if (!referral->is_out &&
        directory_find_service(call->store, call->arena, view->service, &service, &unknown))
        view->service_name = rpc_text(call, service.content->name);
    const char *cut_off = peer_truth_cut_off(call->arena, relation);
    if (cut_off && referral_is_live(referral->state.status)) {
        view->peer_state = rpc_text(call, relation_state(relation));
        view->next_words = rpc_text(call, cut_off);
        return true;
    }
    view->next_words =
        referral_next_words(call->arena, referral, relation->name, relation->phone, call->now);
    return true;
}

/* `sent`: what the caller has just said of the person; NULL: as stored. */
static bool make_view(struct call *call, struct peers *peers, const struct referral *referral,
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
    view->answer_due = rpc_time(call, (int64_t)referral_due_s(&referral->state) * 1000);
    view->late = referral_is_late(referral, call->now);
    view->delivery = rpc_text(call, delivery);
    view->purged = referral->purged_ms != 0;
    view->frozen = referral->state.flags & REFERRAL_FROZEN;
    view->exercise = referral->exercise;
    view->part_of =
        rpc_text(call, referral->has_part_of ? referral_id_text(&referral->part_of, part_of) : "");
    fill_actions(call, referral, view);
    referral_shown(call, referral);
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
    if (sees_all && event->payload)
        view->text = rpc_text(call, event->payload->text);
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
    }
    return !self || sight < SEES_ALL ||
           referral_fill_attachments(call, referral, events, count, view, err);
}

static bool show(struct call *call, const struct referral *referral, void **out, struct err *err)
{
    struct peers peers = {0};
    Maillon__Api__V1__Referral *view;
    if (!make_view(call, &peers, referral, NULL, &view, err) ||
        !fill_events(call, referral, view, err) ||
        (sight_of(call) == SEES_ALL && !fill_consent(call, referral, view, err)))
        return false;
    *out = view;
    return true;
}

static bool show_id(struct call *call, const struct oid *id, void **out, struct err *err)
{
    struct referral referral;
    bool found;
    if (!referral_get(call->store, call->arena, id, &found, &referral, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a referral was lost");
    return show(call, &referral, out, err);
}

/* ---- the methods ---- */

/* "NODE/UID": which hub, and what its directory says of the service. */
static bool read_service(struct call *call, const char *text, struct referral_draft *draft,
                         struct peers *peers, struct err *err)
{
    const char *slash = strrchr(text, '/');
    if (!slash || slash == text || !slash[1])
        return err_set(err, ERR_INVALID,
                       "service is missing: write NODE/UID as the directory shows it");
    if (strncmp(text, "import/", 7) == 0)
        return err_set(err, ERR_CONFLICT,
                       "this service is listed from open data and has no hub: call it instead");
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    struct node_id self = *identity_node(call->env->self);
    struct node_id typed;
    char *node = arena_textn(call->arena, text, (size_t)(slash - text));
    if (node_id_parse(node, &typed) && node_id_equal(&typed, &self))
        return err_set(err, ERR_CONFLICT, "this service is your own: no referral is needed");
    if (!relation_resolve(call->store, node, relation, err))
        return err_wrap(err, "service");
    char owner[NODE_ID_TEXT];
    struct directory_service service;
    node_id_text(&relation->node, owner);
    char *id = arena_printf(call->arena, "%s/%s", owner, slash + 1);
    if (!directory_find_service(call->store, call->arena, id, &service, err))
        return err_wrap(err, "service");
    peers->list[peers->count++] = relation;
    draft->peer = relation->node;
    draft->service = arena_text(call->arena, slash + 1);
    draft->service_name = service.content->name;
    return true;
}

/* ISO 8601 or a date; "" is 0. `day_end`: a date means its last second. */
static bool read_time(const char *text, bool day_end, const char *name, uint64_t *ret,
                      struct err *err)
{
    int64_t ms;
    *ret = 0;
    if (!*text)
        return true;
    if (!text_parse_time(text, &ms) || ms <= 0)
        return err_set(err, ERR_INVALID, "%s is not a date: write 2026-12-15, or 2026-12-15T14:00Z",
                       name);
    *ret = (uint64_t)ms / 1000 + (day_end && strlen(text) == 10 ? DAY_S - 1 : 0);
    return true;
}

/** Without events: the caller has just said what is in it. */
static bool show_sent(struct call *call, struct peers *peers, const struct referral *referral,
                      const Maillon__Hfp__V1__ReferralPayload *sent, void **out, struct err *err)
{
    Maillon__Api__V1__Referral *view;
    if (!make_view(call, peers, referral, sent, &view, err) ||
        (sight_of(call) == SEES_ALL && !fill_consent(call, referral, view, err)))
        return false;
    *out = view;
    return true;
}

static bool send_draft(struct call *call, const struct referral_draft *draft, struct peers *peers,
                       void **out, struct err *err)
{
    struct referral referral;
    bool is_new;
    if (!referral_post(call->tx, draft, &referral, &is_new, err))
        return false;
    Maillon__Hfp__V1__ReferralPayload sent = MAILLON__HFP__V1__REFERRAL_PAYLOAD__INIT;
    sent.person = (Maillon__Hfp__V1__Person *)(uintptr_t)draft->person; /* only read */
    sent.need = rpc_text(call, draft->need);
    sent.extra = (Maillon__Hfp__V1__Extra **)(uintptr_t)draft->extra;
    sent.n_extra = draft->extra_count;
    sent.referrer_name = rpc_text(call, draft->referrer_name);
    sent.referrer_phone = rpc_text(call, draft->referrer_phone);
    return show_sent(call, peers, &referral, is_new ? &sent : NULL, out, err);
}

static bool run_send(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SendReferralRequest *request = in;
    const Maillon__Api__V1__ConsentGiven *consent = request->consent;
    if (!consent)
        return err_set(err, ERR_INVALID,
                       "consent is missing: ask the person, then write consent.form and "
                       "consent.field");
    struct referral_draft draft = {
        .theme = request->theme,
        .urgency = request->urgency,
        .feedback = request->feedback,
        .person = request->person,
        .need = request->need,
        .extra = request->extra,
        .extra_count = request->n_extra,
        .referrer_name = request->referrer_name,
        .referrer_phone = request->referrer_phone,
        .consent_form = consent->form,
        .consent_fields = (const char *const *)consent->field,
        .consent_field_count = consent->n_field,
        .exercise = request->exercise,
        .uploads = (const char *const *)request->attachment,
        .upload_count = request->n_attachment,
        .account = call->caller.account,
        .request_key = request->request_key,
        .actor = actor(call),
    };
    struct peers peers = {0};
    if (*request->part_of) {
        struct referral earlier;
        if (!referral_resolve(call->store, call->arena, request->part_of, &earlier, err))
            return err_wrap(err, "part_of");
        draft.part_of = earlier.oid;
        draft.has_part_of = true;
    }
    return read_service(call, request->service, &draft, &peers, err) &&
           read_time(consent->until, true, "consent.until", &draft.consent_until_s, err) &&
           send_draft(call, &draft, &peers, out, err);
}

static bool read_query(const Maillon__Api__V1__ListReferralsRequest *request,
                       struct referral_query *ret, struct err *err)
{
    *ret = (struct referral_query){
        .in_or_out = strcmp(request->box, "in") == 0    ? 1
                     : strcmp(request->box, "out") == 0 ? 2
                                                        : 0,
        .status = (Maillon__Hfp__V1__ReferralStatus)code_value(CODES_STATUS, request->status),
        .open_only = request->open_only,
        .limit = request->limit,
        .before = request->before,
    };
    if (*request->box && !ret->in_or_out)
        return err_set(err, ERR_INVALID, "box is in, out or left out");
    if (*request->status && !ret->status) {
        AUTO(buf_done) struct buf allowed = {0};
        code_list_add(CODES_STATUS, &allowed);
        return err_set(err, ERR_INVALID, "no such status: write one of %s", buf_text(&allowed));
    }
    if (request->limit > LIST_MAX)
        return err_set(err, ERR_INVALID, "limit is at most %d", LIST_MAX);
    return true;
}

static bool run_list(struct call *call, const void *in, void **out, struct err *err)
{
    struct referral_query query;
    struct referral *rows;
    struct peers peers = {0};
    const char *next;
    size_t count;
    if (!read_query(in, &query, err) ||
        !referral_list(call->store, call->arena, &query, call->now, &rows, &count, &next, err))
        return false;
    Maillon__Api__V1__ListReferralsResponse *answer =
        rpc_message(call, &maillon__api__v1__list_referrals_response__descriptor);
    answer->referral = (Maillon__Api__V1__Referral **)rpc_array(call, count);
    answer->next = rpc_text(call, next);
    for (; answer->n_referral < count; answer->n_referral++)
        if (!make_view(call, &peers, &rows[answer->n_referral], NULL,
                       &answer->referral[answer->n_referral], err))
            return false;
    *out = answer;
    return true;
}

static bool run_get(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetReferralRequest *request = in;
    struct referral referral;
    return referral_resolve(call->store, call->arena, request->id, &referral, err) &&
           show(call, &referral, out, err);
}

static bool run_act(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ActOnReferralRequest *request = in;
    struct referral referral;
    struct referral_act act = {
        .action = request->action,
        .business_status = request->business_status,
        .reason = request->reason,
        .barrier = request->barrier,
        .outcome = request->outcome,
        .contact_name = request->contact_name,
        .contact_phone = request->contact_phone,
        .next_step = request->next_step,
        .text = request->text,
        .place = request->place,
        .wait_weeks = request->wait_weeks,
        .wait_place = request->wait_place,
        .suggested_service = (const char *const *)request->suggested_service,
        .suggested_count = request->n_suggested_service,
        .confirms = request->confirms,
        .for_person = request->for_person,
        .uploads = (const char *const *)request->attachment,
        .upload_count = request->n_attachment,
        .account = call->caller.account,
        .actor = actor(call),
    };
    return referral_resolve(call->store, call->arena, request->id, &referral, err) &&
           read_time(request->at, false, "at", &act.at_s, err) &&
           read_time(request->review, false, "review", &act.review_s, err) &&
           referral_act(call->tx, &referral.oid, &act, err) &&
           show_id(call, &referral.oid, out, err);
}

static bool run_attach(struct call *call, const void *in, void **out, struct err *err)
{
    Maillon__Api__V1__AttachResponse *answer;
    struct oid id;
    bool sent;
    void *view = NULL;
    if (!referral_take_slice(call, in, actor(call), &id, &sent, &answer, err) ||
        (sent && !show_id(call, &id, &view, err)))
        return false;
    answer->referral = view;
    *out = answer;
    return true;
}

/** Signs a head first when the newest does not cover it yet: the file must prove something today.
 */
static bool run_export(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ExportReferralRequest *request = in;
    struct referral referral;
    struct err unsigned_now = {0};
    if (request->personal && sight_of(call) != SEES_ALL)
        return err_set(err, ERR_DENIED, "only caseworkers may have the personal parts");
    if (!referral_resolve(call->store, call->arena, request->id, &referral, err))
        return false;
    if (!audit_add(call->tx, actor(call),
                   request->personal ? "referral.export-personal" : "referral.export",
                   &referral.oid, err))
        return false;
    if (!audit_sign_head(call->tx, &unsigned_now) && unsigned_now.code != ERR_CONFLICT) {
        *err = unsigned_now;
        return false;
    }
    Maillon__Api__V1__ReferralBundle *bundle;
    if (!referral_bundle(call, &referral, request->personal, &bundle, err))
        return false;
    *out = bundle;
    return true;
}

#define SERVICE &maillon__api__v1__referrals__descriptor
#define READERS (ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN)
const struct method methods_referrals[] = {
    {SERVICE, "Send", ROLE_CASEWORKER, METHOD_WRITE, run_send, NULL},
    {SERVICE, "List", READERS, METHOD_READ, run_list, NULL},
    {SERVICE, "Get", READERS, METHOD_READ, run_get, NULL},
    {SERVICE, "Act", ROLE_CASEWORKER, METHOD_WRITE, run_act, NULL},
    {SERVICE, "Export", ROLE_CASEWORKER | ROLE_ADMIN, METHOD_WRITE, run_export, NULL},
    {SERVICE, "Attach", ROLE_CASEWORKER, METHOD_WRITE, run_attach, NULL},
    {SERVICE, "Attachment", ROLE_CASEWORKER, METHOD_READ, run_attachment, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
