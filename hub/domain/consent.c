#include "hub/domain/consent.h"

#include "hub/domain/codes.h"

#include <stdio.h>
#include <stdlib.h>

typedef bool is_present(const Maillon__Hfp__V1__ReferralPayload *payload);

static bool has_text(const char *text)
{
    return text && *text;
}
static bool has_name(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return has_text(payload->person->name);
}
static bool has_contact(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return has_text(payload->person->contact) || has_text(payload->person->safe_times);
}
static bool has_language(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return has_text(payload->person->language);
}
static bool has_birth_year(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return payload->person->birth_year != 0;
}
static bool has_household_size(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return payload->person->household_size != 0;
}
static bool has_guardian(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return has_text(payload->person->guardian);
}
static bool has_commune(const Maillon__Hfp__V1__ReferralPayload *payload)
{
    return has_text(payload->person->commune);
}

/* Personal fields of a REFER under the names a consent receipt lists them with. */
static const struct {
    const char *name;
    is_present *is_present;
} fields[] = {
    {"name", has_name},
    {"contact", has_contact},
    {"language", has_language},
    {"birth-year", has_birth_year},
    {"household-size", has_household_size},
    {"guardian", has_guardian},
    {"commune", has_commune},
};

static bool lists_field(const Maillon__Hfp__V1__Consent *consent, const char *field)
{
    for (size_t i = 0; i < consent->n_field; i++)
        if (strcmp(consent->field[i], field) == 0)
            return true;
    return false;
}

bool consent_check(const Maillon__Hfp__V1__Consent *consent, struct err *err)
{
    if (consent->uid.len != UID_BYTES)
        return err_set(err, ERR_PEER, "consent without an id of %d bytes", UID_BYTES);
    if (consent->recipient.len != NODE_ID_BYTES)
        return err_set(err, ERR_PEER, "consent without a recipient");
    if (!code_has_shape(consent->purpose, CONSENT_FIELD_MAX))
        return err_set(err, ERR_PEER, "consent without a purpose");
    if (!*code_of_value(CODES_CONSENT_FORM, (int)consent->form))
        return err_set(err, ERR_PEER, "consent in an unknown form");
    if (!*code_of_value(CODES_FEEDBACK, (int)consent->feedback))
        return err_set(err, ERR_PEER, "consent with an unknown feedback level");
    if (!consent->given_s || consent->until_s <= consent->given_s || consent->until_s > TIME_MAX_S)
        return err_set(err, ERR_PEER, "consent that ends before it is given");
    if (!consent->n_field || consent->n_field > CONSENT_FIELDS_MAX)
        return err_set(err, ERR_PEER, "consent for %zu fields, 1 to %d are allowed",
                       consent->n_field, CONSENT_FIELDS_MAX);
    for (size_t i = 0; i < consent->n_field; i++) {
        if (!code_has_shape(consent->field[i], CONSENT_FIELD_MAX))
            return err_set(err, ERR_PEER, "consent with a malformed field name");
        if (i && strcmp(consent->field[i - 1], consent->field[i]) >= 0)
            return err_set(err, ERR_PEER, "consent fields are not sorted");
    }
    return true;
}

bool consent_covers(const Maillon__Hfp__V1__Consent *consent,
                    const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err)
{
    AUTO(buf_done) struct buf missing = {0};
    for (size_t i = 0; payload->person && i < ARRAY_LEN(fields); i++)
        if (fields[i].is_present(payload) && !lists_field(consent, fields[i].name))
            buf_addf(&missing, "%s%s", missing.len ? ", " : "", fields[i].name);
    if (has_text(payload->need) && !lists_field(consent, "need"))
        buf_addf(&missing, "%sneed", missing.len ? ", " : "");
    if (payload->n_attachment && !lists_field(consent, "attachment"))
        buf_addf(&missing, "%sattachment", missing.len ? ", " : "");
    size_t extras = 0; /* their names come from outside and are not repeated */
    for (size_t i = 0; i < payload->n_extra; i++)
        extras += !lists_field(consent, payload->extra[i]->field);
    if (extras)
        buf_addf(&missing, "%s%zu of extra", missing.len ? ", " : "", extras);
    if (!missing.len)
        return true;
    return err_set(err, ERR_DENIED,
                   "the consent does not cover what is sent: %s; ask the person and add it to "
                   "consent.field, or leave it out",
                   buf_text(&missing));
}

bool consent_is_valid(const Maillon__Hfp__V1__Consent *consent, const struct node_id *recipient,
                      struct wall now, struct err *err)
{
    uint64_t now_s = (uint64_t)now.ms / 1000;
    struct node_id agreed;
    if (!node_id_from(wire_bytes(consent->recipient), &agreed) ||
        !node_id_equal(&agreed, recipient))
        return err_set(err, ERR_DENIED, "the consent names another organisation");
    if (strcmp(consent->purpose, CONSENT_PURPOSE) != 0)
        return err_set(err, ERR_DENIED, "the consent is for another purpose");
    if (consent->given_s > now_s + OBJECT_FUTURE_S)
        return err_set(err, ERR_DENIED, "the consent is dated in the future");
    if (consent->until_s < now_s)
        return err_set(err, ERR_DENIED, "the consent is over; ask the person again");
    return true;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool draft_is_whole(const struct consent_draft *draft, struct wall now, struct err *err)
{
    if (!*code_of_value(CODES_CONSENT_FORM, (int)draft->form))
        return err_set(err, ERR_INVALID,
                       "how consent was given is missing: write consent.form as spoken, paper, "
                       "online or guardian");
    if (!draft->field_count || draft->field_count > CONSENT_FIELDS_MAX)
        return err_set(err, ERR_INVALID,
                       "what the person agreed to share is missing: list 1 to %d names in "
                       "consent.field, such as name, contact, need",
                       CONSENT_FIELDS_MAX);
    if (draft->until_s <= (uint64_t)now.ms / 1000)
        return err_set(err, ERR_INVALID, "consent.until is in the past: write a later date");
    for (size_t i = 0; i < draft->field_count; i++)
        if (!code_has_shape(draft->fields[i], CONSENT_FIELD_MAX))
            return err_set(err, ERR_INVALID,
                           "consent.field %zu is not a field name: use lower case, digits and "
                           "hyphens, as in birth-year",
                           i + 1);
    return true;
}

Maillon__Hfp__V1__Consent *consent_make(const struct consent_draft *draft,
                                        const struct random_source *random, struct wall now,
                                        struct arena *arena, struct err *err)
{
    if (!draft_is_whole(draft, now, err))
        return NULL;
    Maillon__Hfp__V1__Consent *consent = arena_alloc(arena, sizeof(*consent));
    maillon__hfp__v1__consent__init(consent);
    uint8_t *uid = arena_alloc(arena, UID_BYTES);
    random_fill(random, uid, UID_BYTES);
    consent->uid = (ProtobufCBinaryData){UID_BYTES, uid};
    consent->field = arena_alloc(arena, draft->field_count * sizeof(*consent->field));
    for (size_t i = 0; i < draft->field_count; i++)
        consent->field[i] = arena_text(arena, draft->fields[i]);
    qsort(consent->field, draft->field_count, sizeof(*consent->field), compare_text);
    for (size_t i = 0; i < draft->field_count; i++)
        if (!i || strcmp(consent->field[consent->n_field - 1], consent->field[i]) != 0)
            consent->field[consent->n_field++] = consent->field[i];
    consent->recipient = wire_data(arena_bytes(arena, node_id_bytes(draft->recipient)));
    consent->purpose = arena_text(arena, CONSENT_PURPOSE);
    consent->given_s = (uint64_t)now.ms / 1000;
    consent->until_s = draft->until_s;
    consent->form = draft->form;
    consent->feedback = draft->feedback;
    return consent;
}

void consent_fingerprint(struct bytes consent, char out[CONSENT_FINGERPRINT])
{
    uint8_t digest[32];
    digest_sha256(consent, digest);
    snprintf(out, CONSENT_FINGERPRINT, "%02x%02x %02x%02x %02x%02x %02x%02x", digest[0], digest[1],
             digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]);
}
