/* Warm referrals (proto/maillon/api/v1/referrals.proto): parsing and the methods. */
#include "hub/api/referral_attachments.h"
#include "hub/api/referral_bundle.h"
#include "hub/api/referral_find.h"
#include "hub/api/referral_view.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/codes.h"
#include "hub/domain/directory.h"
#include "hub/domain/last_answer.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"

#include <stdio.h>

#define DAY_S 86400

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

/* ---- the methods ---- */

/* "NODE/UID": which hub, and what its directory says of the service. */
static bool read_service(struct call *call, const char *text, struct referral_draft *draft,
                         struct referral_peers *peers, struct err *err)
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

/* Who waits is looked at again on a day that is still to come; today counts. */
static bool is_to_come(uint64_t review_s, struct wall now, struct err *err)
{
    return !review_s || review_s + DAY_S > (uint64_t)now.ms / 1000 ||
           err_set(err, ERR_INVALID, "review is a day that has passed: choose one to come");
}

/** Without events: the caller has just said what is in it. */
static bool show_sent(struct call *call, struct referral_peers *peers,
                      const struct referral *referral,
                      const Maillon__Hfp__V1__ReferralPayload *sent, void **out, struct err *err)
{
    Maillon__Api__V1__Referral *view;
    if (!referral_make_view(call, peers, referral, sent, &view, err) ||
        (referral_sees_all(call) && !referral_fill_consent(call, referral, view, err)))
        return false;
    *out = view;
    return true;
}

static bool send_draft(struct call *call, const struct referral_draft *draft,
                       struct referral_peers *peers, void **out, struct err *err)
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

/* The id, or its beginning, of another referral here. */
static bool read_link(struct call *call, const char *text, const char *name, struct oid *ret,
                      bool *ret_has, struct err *err)
{
    struct referral found;
    if (!*text)
        return true;
    if (!referral_resolve(call->store, call->arena, text, &found, err))
        return err_wrap(err, "%s", name);
    *ret = found.oid;
    *ret_has = true;
    return true;
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
    struct referral_peers peers = {0};
    return read_link(call, request->part_of, "part_of", &draft.part_of, &draft.has_part_of, err) &&
           read_link(call, request->earlier, "earlier", &draft.earlier, &draft.has_earlier, err) &&
           read_service(call, request->service, &draft, &peers, err) &&
           read_time(consent->until, true, "consent.until", &draft.consent_until_s, err) &&
           send_draft(call, &draft, &peers, out, err);
}

static bool run_get(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetReferralRequest *request = in;
    struct referral referral;
    return referral_resolve(call->store, call->arena, request->id, &referral, err) &&
           referral_show(call, &referral, out, err);
}

static bool run_last_answer(struct call *call, const void *in UNUSED, void **out, struct err *err)
{
    struct last_answer last;
    if (!last_answer_get(call->store, call->arena, call->env->self, call->caller.account, call->now,
                         &last, err))
        return false;
    Maillon__Api__V1__LastAnswerResponse *answer =
        rpc_message(call, &maillon__api__v1__last_answer_response__descriptor);
    answer->contact_name = rpc_text(call, last.contact_name);
    answer->contact_phone = rpc_text(call, last.contact_phone);
    answer->next_step = rpc_text(call, last.next_step);
    *out = answer;
    return true;
}

static bool keep_answer(struct call *call, const struct referral_act *act,
                        const struct referral *referral, struct err *err)
{
    const struct last_answer answer = {act->contact_name, act->contact_phone, act->next_step};
    const Maillon__Hfp__V1__ReferralPayload *payload;
    if (act->action != REFERRAL_ACTION(ACCEPT))
        return true;
    if (!referral_personal(call->store, call->arena, call->env->self, referral, &payload, err))
        return false;
    return last_answer_keep(call->tx, call->caller.account, &answer,
                            payload && payload->person ? payload->person->name : "", err);
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
        .while_status = request->while_status,
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
           is_to_come(act.review_s, call->now, err) &&
           referral_act(call->tx, &referral.oid, &act, err) &&
           keep_answer(call, &act, &referral, err) &&
           referral_show_id(call, &referral.oid, out, err);
}

static bool run_attach(struct call *call, const void *in, void **out, struct err *err)
{
    Maillon__Api__V1__AttachResponse *answer;
    struct oid id;
    bool sent;
    void *view = NULL;
    if (!referral_take_slice(call, in, actor(call), &id, &sent, &answer, err) ||
        (sent && !referral_show_id(call, &id, &view, err)))
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
    if (request->personal && !referral_sees_all(call))
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
    {SERVICE, "List", READERS, METHOD_READ, referral_run_list, NULL},
    {SERVICE, "Get", READERS, METHOD_READ, run_get, NULL},
    {SERVICE, "LastAnswer", ROLE_CASEWORKER, METHOD_READ, run_last_answer, NULL},
    {SERVICE, "Act", ROLE_CASEWORKER, METHOD_WRITE, run_act, NULL},
    {SERVICE, "Export", ROLE_CASEWORKER | ROLE_ADMIN, METHOD_WRITE, run_export, NULL},
    {SERVICE, "Attach", ROLE_CASEWORKER, METHOD_WRITE, run_attach, NULL},
    {SERVICE, "Attachment", ROLE_CASEWORKER, METHOD_READ, run_attachment, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
