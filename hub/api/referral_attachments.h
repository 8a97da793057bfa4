#pragma once
/* Referrals/Attach and Referrals/Attachment, and the list of what is attached in Get. */
#include "hub/api/rpc.h"
#include "hub/domain/referral.h"
#include "maillon/api/v1/referrals.pb-c.h"

bool run_attachment(struct call *call, const void *in, void **out, struct err *err);
/** One slice in; with `id` and whole: *ret_referral is what it was sent with, else NULL. */
NODISCARD bool referral_take_slice(struct call *call,
                                   const Maillon__Api__V1__AttachRequest *request,
                                   const char *actor, struct oid *ret_id, bool *ret_sent,
                                   Maillon__Api__V1__AttachResponse **ret, struct err *err);
/** Only for those who may see everything. */
NODISCARD bool referral_fill_attachments(struct call *call, const struct referral *referral,
                                         const struct referral_event *events, size_t event_count,
                                         Maillon__Api__V1__Referral *view, struct err *err);
