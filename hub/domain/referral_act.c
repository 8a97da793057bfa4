/* What people of this hub do: sending a referral, and every later event of ours. */
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/domain/attempt.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/referral_store.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

#define CONSENT_DAYS  90
#define REQUEST_MAX   128
#define ACT(x)        REFERRAL_ACTION(x)
#define URGENCY(x)    MAILLON__HFP__V1__URGENCY__URGENCY_##x
#define FEEDBACK(x)   MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_##x
#define PREFERENCE(x) MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_##x

enum field { /* bits, in the order of `fields` */
             HAS_BUSINESS = 1 << 0,
             HAS_REASON = 1 << 1,
             HAS_BARRIER = 1 << 2,
             HAS_OUTCOME = 1 << 3,
             HAS_CONTACT = 1 << 4,
             HAS_PHONE = 1 << 5,
             HAS_STEP = 1 << 6,
             HAS_TEXT = 1 << 7,
             HAS_PLACE = 1 << 8,
             HAS_AT = 1 << 9,
             HAS_REVIEW = 1 << 10,
             HAS_WEEKS = 1 << 11,
             HAS_POSITION = 1 << 12,
             HAS_SUGGESTED = 1 << 13,
             HAS_UPLOAD = 1 << 14,
};
static const struct {
    const char *name, *what;
} fields[] = {
    {"business_status", "what happened: contact-attempted, scheduled, missed, meeting-cancelled or "
                        "attended"},
    {"reason", "the reason as a code"},
    {"barrier", "what stood in the way, as a code"},
    {"outcome", "what came of it, as a code"},
    {"contact_name", "the person to ask for at your service"},
    {"contact_phone", "a number to call"},
    {"next_step", "what happens next, in one sentence"},
    {"text", "what you want to say"},
    {"place", "where"},
    {"at", "when, as in 2026-11-30T14:00Z"},
    {"review", "the date to look at it again, as in 2026-12-15"},
    {"wait_weeks", "how many weeks to wait"},
    {"wait_place", "the place on the list"},
    {"suggested_service", "other services as NODE/UID"},
    {"attachment", "what Attach answered"},
};

/* What each act needs and takes; `one_of`: at least one of them. */
static const struct form {
    Maillon__Hfp__V1__ReferralAction action;
    unsigned needs, takes, one_of;
} forms[] = {
    {ACT(SEEN), 0, HAS_BUSINESS, 0},
    {ACT(ASK), HAS_TEXT, 0, 0},
    {ACT(ANSWER), 0, HAS_TEXT | HAS_UPLOAD, HAS_TEXT | HAS_UPLOAD},
    {ACT(ACCEPT), HAS_CONTACT | HAS_STEP, HAS_PHONE | HAS_TEXT | HAS_BUSINESS | HAS_AT | HAS_PLACE,
     0},
    {ACT(REJECT), HAS_REASON, HAS_TEXT | HAS_SUGGESTED | HAS_BUSINESS, 0},
    {ACT(HOLD), 0, HAS_REASON | HAS_TEXT | HAS_REVIEW | HAS_WEEKS | HAS_POSITION,
     HAS_REVIEW | HAS_WEEKS | HAS_POSITION},
    {ACT(PROGRESS), HAS_BUSINESS, HAS_TEXT | HAS_AT | HAS_PLACE, 0},
    {ACT(COMPLETE), HAS_OUTCOME, HAS_TEXT, 0},
    {ACT(FAIL), HAS_REASON, HAS_BARRIER | HAS_TEXT | HAS_SUGGESTED, 0},
    {ACT(CANCEL), HAS_REASON, HAS_TEXT, 0},
    {ACT(AGREE_CANCEL), 0, HAS_TEXT, 0},
    {ACT(WITHDRAW_CONSENT), 0, 0, 0},
    {ACT(VOID), 0, 0, 0},
    {ACT(PERSON_SAYS), 0, 0, 0},
    {ACT(MESSAGE), 0, HAS_TEXT | HAS_UPLOAD, HAS_TEXT | HAS_UPLOAD},
    {ACT(PURGED), 0, 0, 0},
};

/* Which code list a reason comes from; an action may have two. */
static const struct {
    Maillon__Hfp__V1__ReferralAction action;
    enum code_list list;
} reasons[] = {
    {ACT(REJECT), CODES_REFUSAL},     {ACT(HOLD), CODES_REFUSAL},
    {ACT(HOLD), CODES_NOT_CARRIED},   {ACT(FAIL), CODES_NOT_CARRIED},
    {ACT(CANCEL), CODES_NOT_CARRIED}, {ACT(CANCEL), CODES_REFUSAL},
};

static bool is_set(const char *text)
{
    return text && *text;
}

static char *text_or_empty(struct tx *tx, const char *text)
{
    return arena_text(tx->arena, text ? text : "");
}

/* ---- who may be written to ---- */

static bool relation_allows(struct tx *tx, const struct node_id *peer, bool is_new, struct err *err)
{
    struct relation *relation = arena_alloc(tx->arena, sizeof(*relation));
    bool found;
    if (!relation_find(tx->store, peer, &found, relation, err))
        return false;
    if (!found)
        return err_set(err, ERR_CONFLICT,
                       "this hub does not know the other one: join it first (peer join)");
    if (!relation_is_accepted(relation))
        return err_set(err, ERR_CONFLICT,
                       "the relation with the other hub is %s: both sides must accept it "
                       "(peer accept)",
                       relation_state(relation));
    if (is_new && relation->suspended.ms)
        return err_set(err, ERR_CONFLICT,
                       "the relation with the other hub is suspended: what brought you together has"
                       " ended; accept it by hand to go on (peer accept)");
    if (!(relation->switches_set & SWITCH_REFERRALS)) /* what is open goes on while suspended */
        return err_set(err, ERR_CONFLICT,
                       "referrals with the other hub are switched off: %s (peer set referrals on)",
                       is_new ? "switch them on to send" : "switch them on to go on");
    return true;
}

/* ---- sending ---- */

static bool text_fits(const char *text, size_t max, const char *name, struct err *err)
{
    if (!text)
        return true;
    if (strlen(text) > max)
        return err_set(err, ERR_INVALID, "%s is too long: %zu bytes at most", name, max);
    return text_is_valid(bytes_text(text)) ||
           err_set(err, ERR_INVALID, "%s is not readable text (UTF-8)", name);
}

static bool person_is_whole(const Maillon__Hfp__V1__Person *person, struct err *err)
{
    if (!person || !is_set(person->name))
        return err_set(err, ERR_INVALID,
                       "person.name is missing: write a first name or a case code");
    if (!is_set(person->contact) && person->contact_preference != PREFERENCE(CASEWORKER) &&
        person->contact_preference != PREFERENCE(IN_PERSON))
        return err_set(err, ERR_INVALID,
                       "person.contact is missing: write one safe way to reach the person, or set "
                       "contact_preference to caseworker or in-person");
    return text_fits(person->name, REFERRAL_NAME_MAX, "person.name", err) &&
           text_fits(person->contact, REFERRAL_NAME_MAX, "person.contact", err) &&
           text_fits(person->guardian, REFERRAL_NAME_MAX, "person.guardian", err) &&
           text_fits(person->safe_times, REFERRAL_NAME_MAX, "person.safe_times", err) &&
           text_fits(person->language, 40, "person.language", err) &&
           text_fits(person->commune, 40, "person.commune", err);
}

static bool draft_is_whole(const struct referral_draft *draft, struct err *err)
{
    if (!is_set(draft->service) || strlen(draft->service) > 64)
        return err_set(err, ERR_INVALID,
                       "service is missing: write NODE/UID as the directory shows it");
    if (!code_has_shape(draft->theme, 80))
        return err_set(err, ERR_INVALID,
                       "theme is missing: write the code of the need, as in "
                       "numerique--acceder-a-du-materiel");
    if (!is_set(draft->need))
        return err_set(err, ERR_INVALID, "need is missing: write one sentence");
    if ((draft->urgency && !*code_of_value(CODES_URGENCY, (int)draft->urgency)) ||
        (draft->feedback && !*code_of_value(CODES_FEEDBACK, (int)draft->feedback)))
        return err_set(err, ERR_INVALID,
                       "urgency is normal, urgent or emergency; feedback is closed, outcome or "
                       "dates");
    if (draft->extra_count > REFERRAL_EXTRA_MAX)
        return err_set(err, ERR_INVALID, "at most %d extra fields", REFERRAL_EXTRA_MAX);
    for (size_t i = 0; i < draft->extra_count; i++)
        if (!code_has_shape(draft->extra[i]->field, CONSENT_FIELD_MAX) ||
            strlen(draft->extra[i]->value) > REFERRAL_NEED_MAX)
            return err_set(err, ERR_INVALID,
                           "extra field %zu: name it in lower case with hyphens, value of at most "
                           "%d bytes",
                           i + 1, REFERRAL_NEED_MAX);
    if (is_set(draft->request_key) && strlen(draft->request_key) > REQUEST_MAX)
        return err_set(err, ERR_INVALID, "request_key is too long: %d bytes at most", REQUEST_MAX);
    return person_is_whole(draft->person, err) &&
           text_fits(draft->need, REFERRAL_NEED_MAX, "need", err) &&
           text_fits(draft->referrer_name, REFERRAL_NAME_MAX, "referrer_name", err) &&
           text_fits(draft->referrer_phone, 64, "referrer_phone", err);
}

/* The referral after which this is one more attempt; who hands on makes one too. */
static bool read_earlier(struct tx *tx, const struct referral_draft *draft, bool *ret_has,
                         struct referral *ret, struct err *err)
{
    *ret_has = draft->has_part_of || draft->has_earlier;
    if (!*ret_has)
        return true;
    const struct oid *id = draft->has_part_of ? &draft->part_of : &draft->earlier;
    bool found;
    if (!referral_get(tx->store, tx->arena, id, &found, ret, err))
        return false;
    found = found && ret->state.status;
    if (draft->has_part_of && (!found || ret->is_out))
        return err_set(err, ERR_INVALID, "part_of must be a referral that this hub received");
    return found || err_set(err, ERR_UNKNOWN, "earlier must be a referral of this hub");
}

static void fill_payload(struct tx *tx, const struct referral_draft *draft,
                         Maillon__Hfp__V1__ReferralPayload *payload)
{
    maillon__hfp__v1__referral_payload__init(payload);
    payload->person = arena_alloc(tx->arena, sizeof(*payload->person));
    *payload->person = *draft->person; /* packing only reads it */
    payload->need = text_or_empty(tx, draft->need);
    payload->n_extra = draft->extra_count;
    payload->extra = arena_alloc(tx->arena, (draft->extra_count + 1) * sizeof(*payload->extra));
    for (size_t i = 0; i < draft->extra_count; i++)
        payload->extra[i] = draft->extra[i];
    payload->referrer_name = text_or_empty(tx, draft->referrer_name);
    payload->referrer_phone = text_or_empty(tx, draft->referrer_phone);
}

bool referral_post(struct tx *tx, const struct referral_draft *draft, struct referral *ret,
                   bool *ret_is_new, struct err *err)
{
    struct referral referral, earlier;
    bool found = false, has_earlier;
    if (is_set(draft->request_key) &&
        !referral_row_by_request(tx->store, tx->arena, draft->account, draft->request_key, &found,
                                 &referral, err))
        return false;
    *ret_is_new = !found;
    if (found) {
        *ret = referral;
        return true;
    }
    if (!draft_is_whole(draft, err) || !read_earlier(tx, draft, &has_earlier, &earlier, err) ||
        !relation_allows(tx, &draft->peer, true, err))
        return false;
    uint64_t now_s = (uint64_t)tx->now.ms / 1000;
    Maillon__Hfp__V1__Refer refer;
    maillon__hfp__v1__refer__init(&refer);
    refer.service = text_or_empty(tx, draft->service);
    refer.theme = text_or_empty(tx, draft->theme);
    refer.urgency = draft->urgency ? draft->urgency : URGENCY(NORMAL);
    refer.feedback = draft->feedback ? draft->feedback : FEEDBACK(OUTCOME);
    refer.answer_due_s = now_s + urgency_answer_s(refer.urgency);
    refer.exercise = draft->exercise;
    struct consent_draft consent = {
        .form = draft->consent_form,
        .fields = draft->consent_fields,
        .field_count = draft->consent_field_count,
        .until_s = draft->consent_until_s ? draft->consent_until_s : now_s + CONSENT_DAYS * 86400,
        .recipient = &draft->peer,
        .feedback = refer.feedback,
    };
    refer.consent = consent_make(&consent, tx->random, tx->now, tx->arena, err);
    Maillon__Hfp__V1__ReferralPayload payload;
    fill_payload(tx, draft, &payload);
    if (!attachment_drafts(tx, draft->account, 0, draft->uploads, draft->upload_count,
                           &payload.attachment, err))
        return false;
    payload.n_attachment = draft->upload_count;
    if (!refer.consent || !consent_covers(refer.consent, &payload, err))
        return false;

    Maillon__Hfp__V1__ReferralEvent body;
    maillon__hfp__v1__referral_event__init(&body);
    body.action = ACT(REFER);
    body.refer = &refer;
    body.on_behalf = draft->for_person ? REFERRAL_BEHALF(PERSON) : 0;
    uint64_t expires_s = now_s + urgency_expiry_s(refer.urgency);
    referral = (struct referral){
        .peer = draft->peer,
        .is_out = true,
        .is_open = true,
        .exercise = draft->exercise,
        .urgency = refer.urgency,
        .feedback = refer.feedback,
        .service = refer.service,
        .service_name = text_or_empty(tx, draft->service_name),
        .theme = refer.theme,
        .reason = "",
        .outcome = "",
        .consent = wire_pack_arena(refer.consent, tx->arena),
        .part_of = draft->part_of,
        .has_part_of = draft->has_part_of,
        .created_ms = tx->now.ms,
        .changed_ms = tx->now.ms,
        .expires_ms = (int64_t)expires_s * 1000,
        .account = draft->account,
        .request_key = is_set(draft->request_key) ? draft->request_key : NULL,
    };
    if (!referral_author(tx, &referral, &body, &payload, expires_s, draft->actor, err) ||
        (has_earlier && !attempt_add(tx, &referral, &earlier, err)))
        return false;
    *ret = referral;
    return true;
}

bool referral_send(struct tx *tx, const struct referral_draft *draft, struct oid *ret_id,
                   struct err *err)
{
    struct referral referral;
    bool is_new;
    if (!referral_post(tx, draft, &referral, &is_new, err))
        return false;
    *ret_id = referral.oid;
    return true;
}

/* ---- later events ---- */

static unsigned fields_of(const struct referral_act *act)
{
    const bool has[ARRAY_LEN(fields)] = {
        act->business_status != 0, is_set(act->reason),
        is_set(act->barrier),      is_set(act->outcome),
        is_set(act->contact_name), is_set(act->contact_phone),
        is_set(act->next_step),    is_set(act->text),
        is_set(act->place),        act->at_s != 0,
        act->review_s != 0,        act->wait_weeks != 0,
        act->wait_place != 0,      act->suggested_count != 0,
        act->upload_count != 0,
    };
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        bits |= (unsigned)has[i] << i;
    return bits;
}

static bool fields_fit(const struct form *form, const struct referral_act *act, struct err *err)
{
    unsigned has = fields_of(act);
    const char *action = code_of_value(CODES_ACTION, (int)act->action);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if ((form->needs & ~has) >> i & 1)
            return err_set(err, ERR_INVALID, "%s needs %s: write %s", action, fields[i].name,
                           fields[i].what);
        if ((has & ~(form->needs | form->takes)) >> i & 1)
            return err_set(err, ERR_INVALID, "%s takes no %s: leave it out", action,
                           fields[i].name);
    }
    if (form->one_of && !(form->one_of & has))
        return err_set(err, ERR_INVALID,
                       form->one_of & HAS_TEXT
                           ? "%s needs text or attachment: write what you want to say"
                           : "%s needs review, wait_weeks or wait_place: write when to look at it "
                             "again",
                       action);
    if (act->suggested_count > SUGGESTED_SERVICES_MAX)
        return err_set(err, ERR_INVALID, "suggest at most %d services", SUGGESTED_SERVICES_MAX);
    for (size_t i = 0; i < act->suggested_count; i++)
        if (!text_fits(act->suggested_service[i], 128, "suggested_service", err))
            return false;
    return text_fits(act->text, REFERRAL_TEXT_MAX, "text", err) &&
           text_fits(act->next_step, REFERRAL_NEED_MAX, "next_step", err) &&
           text_fits(act->place, REFERRAL_NEED_MAX, "place", err) &&
           text_fits(act->contact_name, REFERRAL_NAME_MAX, "contact_name", err) &&
           text_fits(act->contact_phone, 64, "contact_phone", err);
}

static bool code_fits(enum code_list list, const char *code, const char *name, struct err *err)
{
    if (!is_set(code) || code_is_listed(list, code))
        return true;
    AUTO(buf_done) struct buf allowed = {0};
    code_list_add(list, &allowed);
    return err_set(err, ERR_INVALID, "%s is not in the list: write one of %s", name,
                   buf_text(&allowed));
}

static bool reason_fits(const struct referral_act *act, struct err *err)
{
    AUTO(buf_done) struct buf allowed = {0};
    if (!is_set(act->reason))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].action != act->action)
            continue;
        if (code_is_listed(reasons[i].list, act->reason))
            return true;
        if (allowed.len)
            buf_add_text(&allowed, ", ");
        code_list_add(reasons[i].list, &allowed);
    }
    return err_set(err, ERR_INVALID, "reason is not in the list: write one of %s",
                   buf_text(&allowed));
}

static bool act_is_whole(const struct referral_act *act, struct err *err)
{
    const struct form *form = NULL;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (forms[i].action == act->action)
            form = &forms[i];
    if (!form)
        return err_set(err, ERR_INVALID, "no such act: `referral show` lists what may be done now");
    if (!fields_fit(form, act, err) || !reason_fits(act, err) ||
        !code_fits(CODES_BARRIER, act->barrier, "barrier", err) ||
        !code_fits(CODES_OUTCOME, act->outcome, "outcome", err))
        return false;
    bool is_barrier = act->action == ACT(FAIL) && strcmp(act->reason, "barrier") == 0;
    if (is_barrier != is_set(act->barrier))
        return err_set(err, ERR_INVALID,
                       is_barrier ? "reason barrier needs barrier: write transport, "
                                    "childcare, health, language, digital or money"
                                  : "barrier goes with reason barrier only: leave it out");
    return true;
}

static bool state_allows(const struct referral *referral, const struct referral_event_key *key,
                         const char *while_status, struct err *err)
{
    const struct referral_state *state = &referral->state;
    if (state->flags & REFERRAL_FROZEN)
        return err_set(err, ERR_CONFLICT,
                       "this referral is frozen: its chain was forked; go on by phone and export "
                       "it as proof");
    if (referral->events >= EVENTS_PER_REFERRAL)
        return err_set(err, ERR_LIMIT, "this referral has %d events, which is the most",
                       EVENTS_PER_REFERRAL);
    struct referral_state after = *state;
    const char *action = code_of_value(CODES_ACTION, (int)key->action);
    const char *status = code_of_value(CODES_STATUS, (int)state->status);
    if (is_set(while_status) && strcmp(while_status, status) != 0)
        return err_set(err, ERR_CONFLICT,
                       "%s cannot be done while the referral is %s: it changed after this was "
                       "decided",
                       action, status);
    if (referral_step(&after, key) == REFERRAL_APPLIED)
        return true;
    AUTO(buf_done) struct buf now = {0};
    unsigned allowed = referral_allowed(state, key->side);
    for (int i = 1; *code_of_value(CODES_ACTION, i); i++)
        if (allowed >> i & 1)
            buf_addf(&now, "%s%s", now.len ? ", " : "", code_of_value(CODES_ACTION, i));
    return err_set(err, ERR_CONFLICT, "%s cannot be done while the referral is %s; now: %s", action,
                   status, buf_text(&now));
}

static void fill_event(struct tx *tx, const struct referral *referral,
                       const struct referral_act *act, Maillon__Hfp__V1__OnBehalf on_behalf,
                       Maillon__Hfp__V1__ReferralEvent *body)
{
    maillon__hfp__v1__referral_event__init(body);
    body->action = act->action;
    body->on_behalf = on_behalf;
    body->business_status = act->business_status;
    body->reason = text_or_empty(tx, act->reason);
    body->barrier = text_or_empty(tx, act->barrier);
    if (referral->feedback != FEEDBACK(CLOSED)) /* L1 says closed or not, no more */
        body->outcome = text_or_empty(tx, act->outcome);
    if (referral->feedback == FEEDBACK(DATES)) /* L3 */
        body->at_s = act->at_s;
    body->review_s = act->review_s;
    body->wait_weeks = act->wait_weeks;
    body->wait_place = act->wait_place;
    body->confirms = act->confirms;
    body->n_suggested_service = act->suggested_count;
    body->suggested_service =
        arena_alloc(tx->arena, (act->suggested_count + 1) * sizeof(*body->suggested_service));
    for (size_t i = 0; i < act->suggested_count; i++)
        body->suggested_service[i] = text_or_empty(tx, act->suggested_service[i]);
    if (act->action == ACT(PURGED))
        body->purged = arena_text(tx->arena, "payload");
    if (act->action == ACT(WITHDRAW_CONSENT))
        body->reason = arena_text(tx->arena, "consent-withdrawn");
}

/* False when the act has no personal part. */
static bool fill_words(struct tx *tx, const struct referral *referral,
                       const struct referral_act *act, Maillon__Hfp__V1__ReferralPayload *payload)
{
    bool dates = referral->feedback == FEEDBACK(DATES);
    maillon__hfp__v1__referral_payload__init(payload);
    payload->contact_name = text_or_empty(tx, act->contact_name);
    payload->contact_phone = text_or_empty(tx, act->contact_phone);
    payload->next_step = text_or_empty(tx, act->next_step);
    payload->text = text_or_empty(tx, act->text);
    payload->place = text_or_empty(tx, dates ? act->place : NULL);
    return *payload->contact_name || *payload->contact_phone || *payload->next_step ||
           *payload->text || *payload->place;
}

static bool erase_allows(const struct referral *referral, const struct referral_act *act,
                         bool has_words, struct err *err)
{
    if (act->action == ACT(PURGED) && referral_is_live(referral->state.status))
        return err_set(err, ERR_CONFLICT,
                       "personal data cannot be erased while the referral is open: end it first");
    if (act->action == ACT(PURGED) && referral->purged_ms)
        return err_set(err, ERR_CONFLICT, "its personal data is erased already");
    if (has_words && referral->purged_ms)
        return err_set(err, ERR_CONFLICT,
                       "its personal data was erased: no text can be added to this referral");
    if (has_words && referral->state.business_status == REFERRAL_BUSINESS(CONSENT_WITHDRAWN))
        return err_set(err, ERR_CONFLICT,
                       "the person has withdrawn consent: nothing more can be written about them");
    return true;
}

/* What must be possible whatever became of the relation: it protects the person. */
static bool is_for_protection(Maillon__Hfp__V1__ReferralAction action)
{
    return action == ACT(WITHDRAW_CONSENT) || action == ACT(VOID) || action == ACT(PURGED);
}

/* What has not left yet must not leave after the person took the consent back. */
static bool hold_back(struct tx *tx, struct referral *referral, struct err *err)
{
    struct referral_event_row refer;
    bool was_queued, found;
    if (!referral->is_out || referral->delivery != REFERRAL_WAITING)
        return true;
    if (!outbox_on_receipt(tx, &referral->peer, &referral->oid, &was_queued, err))
        return false;
    if (!was_queued)
        return true;
    referral->delivery = REFERRAL_UNDELIVERED;
    return referral_event_find(tx->store, tx->arena, &referral->oid, &found, &refer, err) &&
           (!found || referral_event_set_delivery(tx, refer.id, REFERRAL_UNDELIVERED, err));
}

static bool attach(struct tx *tx, const struct referral *referral, const struct referral_act *act,
                   Maillon__Hfp__V1__ReferralPayload *payload, struct err *err)
{
    if (!act->upload_count)
        return true;
    if (!referral_is_live(referral->state.status))
        return err_set(err, ERR_CONFLICT, "nothing can be attached any more: the referral is over");
    payload->n_attachment = act->upload_count;
    return attachment_drafts(tx, act->account, referral->id, act->uploads, act->upload_count,
                             &payload->attachment, err);
}

bool referral_act(struct tx *tx, const struct oid *id, const struct referral_act *act,
                  struct err *err)
{
    struct referral referral;
    bool found;
    if (!act_is_whole(act, err) || !referral_get(tx->store, tx->arena, id, &found, &referral, err))
        return false;
    if (!found || !referral.state.status)
        return err_set(err, ERR_UNKNOWN, "no such referral");
    bool persons = act->for_person || act->action == ACT(WITHDRAW_CONSENT) ||
                   act->action == ACT(PERSON_SAYS); /* these are the person's own words */
    struct referral_event_key key = {
        .side = referral_our_side(&referral),
        .action = act->action,
        .business_status = act->business_status,
        .on_behalf = persons ? REFERRAL_BEHALF(PERSON) : 0,
        .confirms = act->confirms,
    };
    Maillon__Hfp__V1__ReferralPayload payload;
    bool has_words = fill_words(tx, &referral, act, &payload) || act->upload_count;
    if (!attach(tx, &referral, act, &payload, err) ||
        !state_allows(&referral, &key, act->while_status, err) ||
        !erase_allows(&referral, act, has_words, err) ||
        (!is_for_protection(act->action) && !relation_allows(tx, &referral.peer, false, err)))
        return false;
    if (act->at_s)
        referral.scheduled_s = act->at_s;
    if (is_set(act->outcome))
        referral.outcome = act->outcome;
    if (act->action == ACT(PURGED) && !referral_erase(tx, &referral, err))
        return false;
    if (act->action == ACT(WITHDRAW_CONSENT) && !hold_back(tx, &referral, err))
        return false;
    Maillon__Hfp__V1__ReferralEvent body;
    fill_event(tx, &referral, act, key.on_behalf, &body);
    return referral_author(tx, &referral, &body, has_words ? &payload : NULL, 0, act->actor, err);
}
