/* Shape of referral events from outside: everything that needs neither clock nor store. */
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/referral.h"

#define CODE_MAX    40
#define SERVICE_MAX 64
#define PHONE_MAX   64
#define ID_MAX      128 /* "NODE/UID" */
#define WEEKS_MAX   520
/* Fields of a later version included: a chain of such events must still fit one page. */
#define PAYLOAD_REFER_MAX 65536
#define PAYLOAD_EVENT_MAX 16384
/* Hashes of what is attached come on top. */
#define PAYLOAD_HASHES_MAX (ATTACHMENTS_PER_REFERRAL * ATTACHMENT_PARTS_MAX * 32)

/* Whose text, how long at most. */
static bool is_short(const char *text, size_t max)
{
    return strlen(text) <= max;
}

static bool is_empty_or(ProtobufCBinaryData data, size_t len)
{
    return data.len == 0 || data.len == len;
}

static bool is_empty_or_code(const char *code)
{
    return !*code || code_has_shape(code, CODE_MAX);
}

static bool check_person(const Maillon__Hfp__V1__Person *person, struct err *err)
{
    if (!*person->name)
        return err_set(err, ERR_PEER, "referral without a first name or case code");
    if (!*person->contact &&
        person->contact_preference !=
            MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER &&
        person->contact_preference !=
            MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_IN_PERSON)
        return err_set(err, ERR_PEER, "referral without a way to reach the person");
    if (!is_short(person->name, REFERRAL_NAME_MAX) ||
        !is_short(person->contact, REFERRAL_NAME_MAX) ||
        !is_short(person->guardian, REFERRAL_NAME_MAX) ||
        !is_short(person->safe_times, REFERRAL_NAME_MAX) || !is_short(person->language, CODE_MAX) ||
        !is_short(person->commune, CODE_MAX))
        return err_set(err, ERR_PEER, "referral with a text that is too long");
    return true;
}

static bool check_payload(const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err)
{
    if (!is_short(payload->need, REFERRAL_NEED_MAX) ||
        !is_short(payload->text, REFERRAL_TEXT_MAX) ||
        !is_short(payload->next_step, REFERRAL_NEED_MAX) ||
        !is_short(payload->place, REFERRAL_NEED_MAX) ||
        !is_short(payload->contact_name, REFERRAL_NAME_MAX) ||
        !is_short(payload->contact_phone, PHONE_MAX) ||
        !is_short(payload->referrer_name, REFERRAL_NAME_MAX) ||
        !is_short(payload->referrer_phone, PHONE_MAX))
        return err_set(err, ERR_PEER, "referral with a text that is too long");
    if (payload->n_extra > REFERRAL_EXTRA_MAX)
        return err_set(err, ERR_PEER, "referral with more than %d extra fields",
                       REFERRAL_EXTRA_MAX);
    for (size_t i = 0; i < payload->n_extra; i++)
        if (!code_has_shape(payload->extra[i]->field, CONSENT_FIELD_MAX) ||
            !is_short(payload->extra[i]->value, REFERRAL_NEED_MAX))
            return err_set(err, ERR_PEER, "referral with a malformed extra field");
    return attachment_check(payload, err);
}

static bool check_refer(const Maillon__Hfp__V1__ReferralEvent *event,
                        const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err)
{
    const Maillon__Hfp__V1__Refer *refer = event->refer;
    if (event->head->stream.len || event->head->seq != 1 || event->seen.len)
        return err_set(err, ERR_PEER, "a referral that is not the first event of its chain");
    if (!refer || !refer->consent)
        return err_set(err, ERR_PEER, "referral without a consent receipt");
    if (!payload || !payload->person || !*payload->need)
        return err_set(err, ERR_PEER, "referral without the person and the need");
    if (!*refer->service || !is_short(refer->service, SERVICE_MAX))
        return err_set(err, ERR_PEER, "referral without a service");
    if (!code_has_shape(refer->theme, 2 * CODE_MAX))
        return err_set(err, ERR_PEER, "referral without a theme");
    if (!*code_of_value(CODES_URGENCY, (int)refer->urgency) ||
        !*code_of_value(CODES_FEEDBACK, (int)refer->feedback))
        return err_set(err, ERR_PEER, "referral with an unknown urgency or feedback level");
    if (refer->answer_due_s <= event->head->created_s ||
        refer->answer_due_s > event->head->created_s + REFERRAL_LIFETIME_MAX_S)
        return err_set(err, ERR_PEER, "referral with an impossible answer date");
    if (refer->feedback > refer->consent->feedback)
        return err_set(err, ERR_PEER, "the consent does not cover the feedback asked");
    if (!is_empty_or(refer->part_of, OID_BYTES))
        return err_set(err, ERR_PEER, "referral with a malformed part_of");
    if (!check_person(payload->person, err) || !consent_check(refer->consent, err))
        return false;
    if (!consent_covers(refer->consent, payload, err)) {
        err->code = ERR_PEER;
        return false;
    }
    return true;
}

static bool check_fields(const Maillon__Hfp__V1__ReferralEvent *event, struct err *err)
{
    if (!is_empty_or_code(event->reason) || !is_empty_or_code(event->barrier) ||
        !is_empty_or_code(event->outcome) || !is_empty_or_code(event->purged))
        return err_set(err, ERR_PEER, "referral event with a malformed code");
    if (event->n_suggested_service > SUGGESTED_SERVICES_MAX)
        return err_set(err, ERR_PEER, "referral event with more than %d suggested services",
                       SUGGESTED_SERVICES_MAX);
    for (size_t i = 0; i < event->n_suggested_service; i++)
        if (!is_short(event->suggested_service[i], ID_MAX))
            return err_set(err, ERR_PEER, "referral event with a malformed service");
    if (event->at_s > TIME_MAX_S || event->review_s > TIME_MAX_S)
        return err_set(err, ERR_PEER, "referral event with an impossible date");
    if (event->wait_weeks > WEEKS_MAX)
        return err_set(err, ERR_PEER, "referral event with an impossible wait");
    if (event->business_status &&
        !*code_of_value(CODES_BUSINESS_STATUS, (int)event->business_status))
        return err_set(err, ERR_UNSUPPORTED, "a business status this version does not know");
    if ((unsigned)event->on_behalf > REFERRAL_BEHALF(SERVICE))
        return err_set(err, ERR_UNSUPPORTED, "an on_behalf this version does not know");
    return true;
}

static bool check_size(const Maillon__Hfp__V1__ReferralEvent *event, size_t len,
                       const Maillon__Hfp__V1__ReferralPayload *personal, struct err *err)
{
    size_t max = event->action == REFERRAL_ACTION(REFER) ? PAYLOAD_REFER_MAX : PAYLOAD_EVENT_MAX;
    size_t hashes = personal ? 0 : PAYLOAD_HASHES_MAX;
    for (size_t i = 0; personal && i < personal->n_attachment; i++)
        hashes += personal->attachment[i]->part_hash.len;
    return len <= max + hashes ||
           err_set(err, ERR_PEER, "the personal part of a referral event is too large");
}

static bool may_attach(Maillon__Hfp__V1__ReferralAction action)
{
    return action == REFERRAL_ACTION(REFER) || action == REFERRAL_ACTION(ANSWER) ||
           action == REFERRAL_ACTION(MESSAGE);
}

bool referral_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__ReferralEvent *event = body;
    if (!event->head || event->recipient.len != NODE_ID_BYTES)
        return err_set(err, ERR_PEER, "referral event without head or recipient");
    if (!*code_of_value(CODES_ACTION, (int)event->action))
        return err_set(err, ERR_UNSUPPORTED, "a referral action this version does not know");
    if (!is_empty_or(event->seen, OID_BYTES) || !is_empty_or(event->commit, 32) ||
        (event->commit.len > 0) != (payload.len > 0))
        return err_set(err, ERR_PEER, "referral event with a malformed seen or commit");
    if (!check_fields(event, err))
        return false;
    if (!check_size(event, payload.len, NULL, err))
        return false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const Maillon__Hfp__V1__ReferralPayload *personal = NULL;
    if (payload.len) {
        personal =
            wire_unpack(&maillon__hfp__v1__referral_payload__descriptor, payload, arena, err);
        if (!personal || !check_payload(personal, err) ||
            !check_size(event, payload.len, personal, err))
            return false;
        if (personal->n_attachment && !may_attach(event->action))
            return err_set(err, ERR_PEER, "an attachment to an event that takes none");
    }
    if (event->action == REFERRAL_ACTION(REFER))
        return check_refer(event, personal, err);
    if (event->refer || event->head->stream.len != OID_BYTES)
        return err_set(err, ERR_PEER, "referral event without the id of its referral");
    if (personal && (personal->person || *personal->need || personal->n_extra))
        return err_set(err, ERR_PEER, "only the first event may carry the person");
    return true;
}
