#pragma once
/*
 * The code lists people choose from (PRODUCT.md 3.4) and the words a status is shown with, French
 * first. Codes travel, words do not.
 */
#include "hub/base/bytes.h"
#include "maillon/hfp/v1/referral.pb-c.h"

enum code_list {
    CODES_REFUSAL,         /* the service cannot take it */
    CODES_NOT_CARRIED,     /* the person's side: not carried through, or no longer asked */
    CODES_BARRIER,         /* FAIL with reason "barrier" */
    CODES_OUTCOME,         /* COMPLETE */
    CODES_URGENCY,         /* names of enum Urgency; index = value - 1 */
    CODES_FEEDBACK,        /* names of enum FeedbackLevel; index = value - 1 */
    CODES_CONTACT,         /* names of enum ContactPreference; index = value - 1 */
    CODES_CONSENT_FORM,    /* names of enum ConsentForm; index = value - 1 */
    CODES_STATUS,          /* FHIR Task codes; index = value - 1 */
    CODES_BUSINESS_STATUS, /* index = value - 1 */
    CODES_ACTION,          /* index = value - 1 */
    CODES_LIST_COUNT
};
enum words_language { WORDS_FRENCH, WORDS_ENGLISH };

/** Lower-case letters, digits and hyphens, 1 to `max` of them: what any code looks like. */
bool code_has_shape(const char *code, size_t max);
bool code_is_listed(enum code_list list, const char *code);
/** The code at a protobuf enum value (>= 1); "" when there is none. */
const char *code_of_value(enum code_list list, int value);
/** The enum value of a code, 0 when unknown. */
int code_value(enum code_list list, const char *code);
/** The sentence people read; "" when unknown. */
const char *code_words(enum code_list list, const char *code, enum words_language language);
/** Appends "no-capacity, waitlist-only, …" for messages that say what to write. */
void code_list_add(enum code_list list, struct buf *out);

/** "acceptée", "rendez-vous fixé" …; "" for a status nobody sees. */
const char *status_words(Maillon__Hfp__V1__ReferralStatus status,
                         Maillon__Hfp__V1__BusinessStatus business_status,
                         enum words_language language);
/** Seconds a receiver has for the first answer. */
uint64_t urgency_answer_s(Maillon__Hfp__V1__Urgency urgency);
/** Seconds after which the sender gives up waiting (EXPIRE). */
uint64_t urgency_expiry_s(Maillon__Hfp__V1__Urgency urgency);
