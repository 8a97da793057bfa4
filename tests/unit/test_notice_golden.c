/* The golden bytes of notices and claims (proto/README.md "Golden vectors"). */
#include "hub/crypto/wire.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/golden.h"
#include "tests/support/notice_fixture.h"

static struct oid add_signed(struct buf *json, const char *name, const char *type,
                             const void *message, const struct sign_key *key)
{
    struct oid oid;
    AUTO(buf_done) struct buf body = {0}, out = {0};
    wire_pack(message, &body);
    envelope_sign(&key, 1, type, buf_bytes(&body), &out, &oid);
    golden_part(json, name, "body", buf_bytes(&body));
    golden_part(json, name, "signed", buf_bytes(&out));
    golden_part(json, name, "oid", oid_bytes(&oid));
    return oid;
}

static void golden_notice(struct buf *json, Maillon__Hfp__V1__Head *head, struct bytes uid)
{
    struct content c;
    struct oid prev;
    Maillon__Hfp__V1__Notice body;
    AUTO(sign_key_free) struct sign_key *key = golden_key(3);
    maillon__hfp__v1__notice__init(&body);
    body.head = head;
    body.uid = wire_data(uid);
    body.content = mattresses(&c);
    body.content->first_come = true;
    body.content->latitude_e4 = 476500;
    body.content->longitude_e4 = -20850;
    body.content->status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_ACTUAL;
    head->seq = body.version = 1;
    prev = add_signed(json, "notice_v1", TYPE_NOTICE, &body, key);
    head->seq = body.version = 2;
    head->prev = wire_data(oid_bytes(&prev));
    body.content->committed = 8;
    prev = add_signed(json, "notice_v2", TYPE_NOTICE, &body, key);
    char reason[] = "trouvé";
    head->seq = body.version = 3;
    body.content = NULL;
    body.withdraw_reason = reason;
    head->expires_s += NOTICE_KEEP_S;
    add_signed(json, "notice_withdrawn", TYPE_NOTICE, &body, key);
}

static void golden_claim(struct buf *json, Maillon__Hfp__V1__Head *head, struct bytes uid)
{
    uint8_t owner[NODE_ID_BYTES], claimant[NODE_ID_BYTES];
    AUTO(sign_key_free) struct sign_key *owner_key = golden_key(3), *claimant_key = golden_key(4);
    Maillon__Hfp__V1__ClaimEvent event;
    memset(owner, 0x0a, sizeof(owner));
    memset(claimant, 0x0c, sizeof(claimant));
    maillon__hfp__v1__claim_event__init(&event);
    event.head = head;
    event.notice_uid = wire_data(uid);
    event.notice_version = 1;
    event.quantity = 8;
    head->node = wire_data(bytes_of(claimant, sizeof(claimant)));
    event.recipient = wire_data(bytes_of(owner, sizeof(owner)));
    event.action = MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_COMMIT;
    const struct oid id = add_signed(json, "claim_commit", TYPE_CLAIM, &event, claimant_key);
    head->stream = event.seen = wire_data(oid_bytes(&id));
    head->node = wire_data(bytes_of(owner, sizeof(owner)));
    event.recipient = wire_data(bytes_of(claimant, sizeof(claimant)));
    event.action = MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE;
    const struct oid agree = add_signed(json, "claim_agree", TYPE_CLAIM, &event, owner_key);
    head->node = wire_data(bytes_of(claimant, sizeof(claimant)));
    head->seq = 2;
    head->prev = wire_data(oid_bytes(&id));
    event.recipient = wire_data(bytes_of(owner, sizeof(owner)));
    event.seen = wire_data(oid_bytes(&agree));
    event.action = MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_DELIVERED;
    event.quantity = 7;
    add_signed(json, "claim_delivered", TYPE_CLAIM, &event, claimant_key);
}

static void signed_bytes_are_the_golden_ones(void **state)
{
    (void)state;
    uint8_t uid[UID_BYTES], node[NODE_ID_BYTES];
    Maillon__Hfp__V1__Head head;
    AUTO(buf_done) struct buf json = {0};
    memset(uid, 0x11, sizeof(uid));
    memset(node, 0x0a, sizeof(node));
    golden_begin(&json, NULL);
    golden_text(&json, "op_seed_owner", "32 bytes 03");
    golden_text(&json, "op_seed_claimant", "32 bytes 04");
    golden_text(&json, "node_owner", "32 bytes 0a");
    golden_text(&json, "node_claimant", "32 bytes 0c");
    golden_text(&json, "uid", "16 bytes 11");
    golden_text(&json, "created_s", "1800000000");
    maillon__hfp__v1__head__init(&head);
    head.node = wire_data(bytes_of(node, sizeof(node)));
    head.incarnation = 1;
    head.created_s = 1800000000;
    head.expires_s = 1800604800;
    golden_notice(&json, &head, bytes_of(uid, sizeof(uid)));
    maillon__hfp__v1__head__init(&head);
    head.incarnation = 1;
    head.seq = 1;
    head.created_s = 1800000000;
    head.expires_s = 1800086400;
    golden_claim(&json, &head, bytes_of(uid, sizeof(uid)));
    golden_text(&json, "end", "");
    golden_end(&json);
    assert_true(golden_same(&json, "notice.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_bytes_are_the_golden_ones),
    };
    if (!secret_setup())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
