#pragma once
/* The file that proves a referral (proto/README.md "Audit"). */
#include "hub/api/rpc.h"
#include "hub/domain/audit.h"
#include "hub/domain/referral.h"
#include "maillon/api/v1/referrals.pb-c.h"

/** Events, receipts, key logs, lines and heads of the audit log. `personal`: the contents too. */
NODISCARD bool referral_bundle(struct call *call, const struct referral *referral, bool personal,
                               Maillon__Api__V1__ReferralBundle **ret, struct err *err);

/* Shared with the export of the whole log. */
/** One head with the signatures of witnesses. */
NODISCARD bool bundle_head(struct call *call, const struct audit_head *head,
                           Maillon__Api__V1__BundleHead **ret, struct err *err);
/** Key logs of everybody who signed `heads` as a witness. */
NODISCARD bool bundle_witnesses(struct call *call, const struct audit_head *heads, size_t count,
                                Maillon__Api__V1__BundleKeys ***ret, size_t *ret_count,
                                struct err *err);
/** Arena copies as a repeated field. */
void bundle_bytes(struct call *call, const struct bytes *from, size_t count,
                  ProtobufCBinaryData **ret, size_t *ret_count);
/** A key log: of a peer, or our own. */
NODISCARD bool bundle_keys(struct call *call, const struct node_id *node, ProtobufCBinaryData **ret,
                           size_t *ret_count, struct err *err);
