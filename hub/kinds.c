#include "hub/kinds.h"

#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/claim.h"
#include "hub/domain/directory.h"
#include "hub/domain/gossip.h"
#include "hub/domain/introduction.h"
#include "hub/domain/notice.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/recovery.h"
#include "hub/domain/referral.h"
#include "hub/receipts.h"
#include "proto/limits.h"

#include "maillon/hfp/v1/directory.pb-c.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/notice.pb-c.h"
#include "maillon/hfp/v1/referral.pb-c.h"

/* Key events are not here: they travel in the handshake and change keys, not state. */
const struct kind kinds[] = {
    {
        .type = TYPE_RECEIPT,
        .name = "receipt",
        .lane = 0,
        .sealed = true,
        .max_bytes = OBJECT_EVENT_MAX,
        .lifetime_max_s = REFERRAL_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__receipt__descriptor,
        .check = receipt_check,
        .apply = receipt_apply,
        .again = receipt_again,
    },
    {
        .type = TYPE_REFERRAL,
        .name = "referral event",
        .lane = 1,
        .sealed = true,
        .receipted = true,
        .max_bytes = OBJECT_NOTICE_MAX,
        .lifetime_max_s = REFERRAL_LIFETIME_MAX_S,
        .needs = SWITCH_REFERRALS,
        .body = &maillon__hfp__v1__referral_event__descriptor,
        .check = referral_check,
        .apply = referral_apply,
    },
    {
        .type = TYPE_CLAIM,
        .name = "claim event",
        .lane = 1,
        .sealed = true,
        .receipted = true,
        .max_bytes = OBJECT_NOTICE_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .needs = SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT,
        .body = &maillon__hfp__v1__claim_event__descriptor,
        .check = claim_check,
        .apply = claim_apply,
    },
    {
        .type = TYPE_NOTICE,
        .name = "notice",
        .lane = 2,
        .max_bytes = OBJECT_NOTICE_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .needs = SWITCH_NOTICES_IN,
        .body = &maillon__hfp__v1__notice__descriptor,
        .check = notice_check,
        .apply = notice_apply,
    },
    {
        .type = TYPE_ENTRY,
        .name = "directory entry",
        .lane = 2,
        .max_bytes = OBJECT_ENTRY_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__directory_entry__descriptor,
        .check = entry_check,
        .apply = entry_apply,
    },
    {
        .type = TYPE_SERVICE,
        .name = "service",
        .lane = 2,
        .max_bytes = OBJECT_SERVICE_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__service__descriptor,
        .check = service_check,
        .apply = service_apply,
    },
    {
        .type = TYPE_INCARNATION,
        .name = "incarnation",
        .lane = 2,
        .max_bytes = OBJECT_ENTRY_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__incarnation__descriptor,
        .check = incarnation_check,
        .apply = incarnation_apply,
    },
    {
        .type = TYPE_SUCCESSION,
        .name = "attestation of a successor",
        .lane = 2,
        .max_bytes = OBJECT_BEACON_MAX,
        .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__succession__descriptor,
        .check = succession_check,
        .apply = succession_apply,
    },
    {
        .type = TYPE_CIRCLE_LETTER,
        .name = "circle letter",
        .lane = 1,
        .sealed = true,
        .receipted = true,
        .max_bytes = OBJECT_EVENT_MAX,
        .lifetime_max_s = REFERRAL_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__circle_letter__descriptor,
        .check = circle_letter_check,
        .apply = circle_letter_apply,
    },
    {
        .type = TYPE_INTRODUCTION,
        .name = "introduction",
        .lane = 1,
        .sealed = true,
        .receipted = true,
        .max_bytes = INTRODUCTION_MAX,
        .lifetime_max_s = REFERRAL_LIFETIME_MAX_S,
        .body = &maillon__hfp__v1__introduction__descriptor,
        .check = introduction_check,
        .apply = introduction_apply,
    },
    {
        .type = TYPE_CHARTER,
        .name = "charter",
        .lane = 2,
        .max_bytes = CIRCLE_OBJECT_MAX,
        .lifetime_max_s = CIRCLE_LIFETIME_S,
        .body = &maillon__hfp__v1__charter__descriptor,
        .check = charter_check,
        .apply = charter_apply,
    },
    {
        .type = TYPE_MEMBERSHIP,
        .name = "membership event",
        .lane = 2,
        .max_bytes = CIRCLE_OBJECT_MAX,
        .lifetime_max_s = CIRCLE_LIFETIME_S,
        .body = &maillon__hfp__v1__membership__descriptor,
        .check = membership_check,
        .apply = membership_apply,
    },
};
const size_t kind_count = ARRAY_LEN(kinds);

const struct kind kind_opaque = {
    .type = "",
    .name = "object of a type unknown here",
    .lane = 2,
    .max_bytes = OBJECT_NOTICE_MAX,
    .lifetime_max_s = NOTICE_LIFETIME_MAX_S,
    .body = &maillon__hfp__v1__unread__descriptor,
    .apply = gossip_take_opaque,
};

const struct kind *kind_find(const char *type)
{
    for (size_t i = 0; i < kind_count; i++) {
        if (strcmp(kinds[i].type, type) == 0)
            return &kinds[i];
    }
    return NULL;
}
