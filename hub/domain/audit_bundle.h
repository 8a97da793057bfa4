#pragma once
/*
 * The offline verifier: what an exported file proves to somebody who knows the node ids and nothing
 * else (R-AU-3, F23). Pure: no store, no clock, no network. Each check is said in plain words.
 */
#include "hub/crypto/kel.h"
#include "hub/domain/audit.h"
#include "maillon/api/v1/audit.pb-c.h"
#include "maillon/api/v1/referrals.pb-c.h"

#define BUNDLE_REFERRAL_FORMAT "maillon-referral-bundle.v1"
#define BUNDLE_AUDIT_FORMAT    "maillon-audit-export.v1"
#define BUNDLE_LEAVES_MAX      1000 /* of one page */

enum bundle_line {
    BUNDLE_HOLDS,
    BUNDLE_FAILS,
    BUNDLE_NOTE, /* neither: what the file does not prove */
};
/** `text` is one sentence, for the duration of the call. */
typedef void bundle_say(void *ctx, enum bundle_line line, const char *text);

/** @param nodes  whom it must be between; count 0: whoever it names. True: every check held. */
bool bundle_verify_referral(const Maillon__Api__V1__ReferralBundle *bundle,
                            const struct node_id *nodes, size_t node_count, struct arena *arena,
                            bundle_say *say, void *ctx);

/** Pages of one audit export, in order. */
struct bundle_audit;
NODISCARD struct bundle_audit *bundle_audit_create(const struct node_id *node, bundle_say *say,
                                                   void *ctx);
void bundle_audit_free(struct bundle_audit *audit);
AUTO_DEFINE(struct bundle_audit, bundle_audit_free)
void bundle_audit_page(struct bundle_audit *audit, const Maillon__Api__V1__AuditBundle *page,
                       struct arena *arena);
/** True: every check of every page held. */
bool bundle_audit_end(struct bundle_audit *audit);
