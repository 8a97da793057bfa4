/* A file that somebody hands over to be checked: JSON of a referral bundle, or of one page of an
 * export of a log when it begins with a digit. */
#include "hub/api/json.h"
#include "hub/crypto/secret.h"
#include "hub/domain/audit_bundle.h"
#include <assert.h>
#include <stdlib.h>

static void say(void *ctx, enum bundle_line line, const char *text)
{
    size_t *failed = ctx;
    assert(text[0]);
    *failed += line == BUNDLE_FAILS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t failed = 0;
    struct err err = {0};
    if (!secret_setup())
        abort();
    AUTO(arena_free) struct arena *arena = arena_create(0);
    if (size && data[0] == '1') {
        const Maillon__Api__V1__AuditBundle *page = json_read(
            &maillon__api__v1__audit_bundle__descriptor, bytes_of(data + 1, size - 1), arena, &err);
        if (!page)
            return 0;
        AUTO(bundle_audit_free)
        struct bundle_audit *audit = bundle_audit_create(NULL, say, &failed);
        bundle_audit_page(audit, page, arena);
        assert(bundle_audit_end(audit) == !failed);
        return 0;
    }
    const Maillon__Api__V1__ReferralBundle *bundle = json_read(
        &maillon__api__v1__referral_bundle__descriptor, bytes_of(data, size), arena, &err);
    if (bundle)
        assert(bundle_verify_referral(bundle, NULL, 0, arena, say, &failed) == !failed);
    return 0;
}
