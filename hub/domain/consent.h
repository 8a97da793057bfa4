#pragma once
/*
 * The consent receipt that rides in every REFER: what the person agreed to share, with whom, until
 * when, without saying who the person is (PRODUCT.md 3.1). Pure: no clock, no store.
 */
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "hub/crypto/node_id.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/referral.pb-c.h"

#define CONSENT_FIELDS_MAX 32
#define CONSENT_FIELD_MAX  40 /* bytes of one field name */
#define CONSENT_PURPOSE    "referral"

/** Lengths, codes, sorted fields, dates in order. ERR_PEER: ids and field names only in the
 * message. */
NODISCARD bool consent_check(const Maillon__Hfp__V1__Consent *consent, struct err *err);
/**
 * True when every personal field of `payload` is among the consent's fields. Else ERR_DENIED with
 * the names of what is missing, and what to do.
 */
NODISCARD bool consent_covers(const Maillon__Hfp__V1__Consent *consent,
                              const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err);
/** ERR_DENIED: for another organisation, for another purpose, not given yet, or over. */
NODISCARD bool consent_is_valid(const Maillon__Hfp__V1__Consent *consent,
                                const struct node_id *recipient, struct wall now, struct err *err);

struct consent_draft {
    Maillon__Hfp__V1__ConsentForm form;
    const char *const *fields; /* any order; sorted and made unique */
    size_t field_count;
    uint64_t until_s;
    const struct node_id *recipient;
    Maillon__Hfp__V1__FeedbackLevel feedback;
};
/** Makes a receipt in the arena. ERR_INVALID with what to write. */
NODISCARD Maillon__Hfp__V1__Consent *consent_make(const struct consent_draft *draft,
                                                  const struct random_source *random,
                                                  struct wall now, struct arena *arena,
                                                  struct err *err);

#define CONSENT_FINGERPRINT 20 /* "1a2b 3c4d 5e6f 7081" and NUL */
/** First 8 bytes of SHA-256 over the serialised receipt, in groups, to print and compare. */
void consent_fingerprint(struct bytes consent, char out[CONSENT_FINGERPRINT]);
