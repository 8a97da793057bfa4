/*
 * Golden bytes of what no other module's test writes down: the later key events, the directory, a
 * receipt, an invite, the inside of the seal and the frames of a session. objects.json continues
 * the node of crypto.json.
 */
#include "hub/crypto/head.h"
#include "hub/crypto/kel.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/directory.h"
#include "hub/domain/invite.h"
#include "hub/receipts.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "tests/support/golden.h"
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_S   UINT64_C(1800000000)
#define RECEIPT_S (START_S + REFERRAL_LIFETIME_MAX_S)
#define ENTRY_S   (START_S + NOTICE_LIFETIME_MAX_S)

static const struct wall now = {INT64_C(1000) * START_S};

/* The node of crypto.json and what its objects are made with. */
struct golden {
    struct buf json;
    struct sign_key *root, *next_root, *op;
    struct seal_key *enc;
    struct kel kel;
    struct oid entry, service;
    struct buf entry_signed;
};

static void start(struct golden *g)
{
    uint8_t nonce[16], secret[32];
    struct err err = {0};
    AUTO(buf_done) struct buf event = {0};
    g->root = golden_key(1);
    g->next_root = golden_key(2);
    g->op = golden_key(3);
    memset(secret, 4, sizeof(secret));
    g->enc = seal_key_from_secret(secret);
    memset(nonce, 6, sizeof(nonce));
    kel_write_incept(g->root, sign_key_public(g->next_root), nonce, now, &event);
    assert_true(kel_apply(&g->kel, buf_bytes(&event), &err));
    event.len = 0;
    kel_write_delegate(&g->kel, g->root, sign_key_public(g->op), now, &event);
    assert_true(kel_apply(&g->kel, buf_bytes(&event), &err));
    golden_begin(
        &g->json,
        "Continues the node of crypto.json: same seeds, same key event log. Values are hex, "
        "text, or '32 bytes 05': 0x05 repeated");
    golden_text(&g->json, "after_next_root_seed", "32 bytes 05");
    golden_text(&g->json, "peer_node", "32 bytes 0c");
}

static void end(struct golden *g)
{
    sign_key_free(g->root);
    sign_key_free(g->next_root);
    sign_key_free(g->op);
    seal_key_free(g->enc);
    buf_done(&g->entry_signed);
    buf_done(&g->json);
}

/* Signs `message`, adds body, signed bytes and oid. */
static struct oid add_signed(struct golden *g, const char *name, const char *type,
                             const void *message, const struct sign_key *key, struct buf *out)
{
    struct oid oid;
    AUTO(buf_done) struct buf body = {0}, bytes = {0};
    wire_pack(message, &body);
    envelope_sign(&key, 1, type, buf_bytes(&body), &bytes, &oid);
    golden_part(&g->json, name, "signed", buf_bytes(&bytes));
    golden_part(&g->json, name, "oid", oid_bytes(&oid));
    if (out)
        buf_add_bytes(out, buf_bytes(&bytes));
    return oid;
}

/* ---- key events after the first two ---- */

static void add_key_event(struct golden *g, const char *name, Maillon__Hfp__V1__KelEvent *event,
                          const struct sign_key *key)
{
    struct err err = {0};
    AUTO(buf_done) struct buf bytes = {0};
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    struct oid prev = g->kel.head;
    head.node = wire_data(node_id_bytes(&g->kel.node));
    head.seq = g->kel.seq + 1;
    head.prev = wire_data(oid_bytes(&prev));
    head.created_s = START_S + 60 * g->kel.seq;
    event->head = &head;
    add_signed(g, name, TYPE_KEL, event, key, &bytes);
    if (!kel_apply(&g->kel, buf_bytes(&bytes), &err))
        fail_msg("%s: %s", name, err.msg);
}

static void add_key_events(struct golden *g)
{
    uint8_t hash[32];
    AUTO(sign_key_free) struct sign_key *after = golden_key(5);
    ProtobufCBinaryData roots[] = {wire_data(bytes_of(sign_key_public(g->next_root)->b, 32))};
    ProtobufCBinaryData hashes[] = {wire_data(bytes_of(hash, sizeof(hash)))};
    digest_sha256(bytes_of(sign_key_public(after)->b, 32), hash);

    Maillon__Hfp__V1__RotateRoot rotate = MAILLON__HFP__V1__ROTATE_ROOT__INIT;
    rotate.n_root = rotate.n_next_root_hash = 1;
    rotate.threshold = rotate.next_threshold = 1;
    rotate.root = roots;
    rotate.next_root_hash = hashes;
    Maillon__Hfp__V1__KelEvent event = MAILLON__HFP__V1__KEL_EVENT__INIT;
    event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_ROTATE_ROOT;
    event.rotate_root = &rotate;
    add_key_event(g, "rotate_root", &event, g->next_root);

    Maillon__Hfp__V1__Revoke revoke = MAILLON__HFP__V1__REVOKE__INIT;
    revoke.op = wire_data(bytes_of(sign_key_public(g->op)->b, 32));
    revoke.reason = 1;
    maillon__hfp__v1__kel_event__init(&event);
    event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_REVOKE;
    event.revoke = &revoke;
    add_key_event(g, "revoke", &event, g->next_root);
    assert_null(kel_find_op(&g->kel, sign_key_public(g->op)));

    Maillon__Hfp__V1__Retire retire = MAILLON__HFP__V1__RETIRE__INIT;
    maillon__hfp__v1__kel_event__init(&event);
    event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_RETIRE;
    event.retire = &retire;
    add_key_event(g, "retire", &event, g->next_root);
    assert_true(g->kel.retired);
}

/* ---- the directory ---- */

static void own_head(const struct golden *g, Maillon__Hfp__V1__Head *head, uint64_t expires_s)
{
    maillon__hfp__v1__head__init(head);
    head->node = wire_data(node_id_bytes(&g->kel.node));
    head->seq = 1;
    head->created_s = START_S;
    head->expires_s = expires_s;
}

static void add_entry(struct golden *g)
{
    struct err err = {0};
    uint8_t public_key[X25519_KEY_BYTES];
    char name[] = "CCAS de Redon", phone[] = "+33299000000", commune[] = "35236";
    char route[] = "wss://hub.example.org", *routes[] = {route};
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__EncKey key = MAILLON__HFP__V1__ENC_KEY__INIT, *keys[] = {&key};
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    own_head(g, &head, ENTRY_S);
    seal_key_public(g->enc, public_key);
    key.key = wire_data(bytes_of(public_key, sizeof(public_key)));
    key.accept_from_s = head.created_s;
    key.accept_until_s = head.expires_s;
    entry.head = &head;
    entry.version = 1;
    entry.name = name;
    entry.phone = phone;
    entry.commune = commune;
    entry.n_route = entry.n_enc_key = 1;
    entry.route = routes;
    entry.enc_key = keys;
    if (!entry_check(&entry, (struct bytes){0}, &err))
        fail_msg("%s", err.msg);
    g->entry = add_signed(g, "entry", TYPE_ENTRY, &entry, g->op, &g->entry_signed);
}

static void add_services(struct golden *g)
{
    struct err err = {0};
    char uid[] = "ordi", name[] = "Ordinateurs reconditionnés", hub[] = "hub", *reach[] = {hub};
    char theme[] = "numerique--acceder-a-du-materiel", *themes[] = {theme};
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Capacity capacity = MAILLON__HFP__V1__CAPACITY__INIT;
    Maillon__Hfp__V1__ServiceContent content = MAILLON__HFP__V1__SERVICE_CONTENT__INIT;
    Maillon__Hfp__V1__Service service = MAILLON__HFP__V1__SERVICE__INIT;
    own_head(g, &head, ENTRY_S);
    head.incarnation = 1;
    capacity.code = MAILLON__HFP__V1__CAPACITY_CODE__CAPACITY_CODE_WAITLIST;
    capacity.wait_weeks = 3;
    capacity.updated_s = START_S;
    content.name = name;
    content.n_theme = content.n_reach = 1;
    content.theme = themes;
    content.reach = reach;
    content.latitude_e5 = 4765100;
    content.longitude_e5 = -208500;
    content.capacity = &capacity;
    service.head = &head;
    service.uid = uid;
    service.version = 1;
    service.content = &content;
    if (!service_check(&service, (struct bytes){0}, &err))
        fail_msg("%s", err.msg);
    g->service = add_signed(g, "service", TYPE_SERVICE, &service, g->op, NULL);
    head.seq = service.version = 2;
    head.prev = wire_data(oid_bytes(&g->service));
    service.content = NULL;
    if (!service_check(&service, (struct bytes){0}, &err))
        fail_msg("%s", err.msg);
    add_signed(g, "service_withdrawn", TYPE_SERVICE, &service, g->op, NULL);
}

/* ---- a receipt: stored, waiting for an earlier event, refused but not for good ---- */

static void add_receipt(struct golden *g)
{
    struct err err = {0};
    uint8_t peer[NODE_ID_BYTES], oids[3][OID_BYTES], chain_head[OID_BYTES];
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__ReceiptEntry entries[3], *list[3];
    Maillon__Hfp__V1__Receipt receipt = MAILLON__HFP__V1__RECEIPT__INIT;
    memset(peer, 0x0c, sizeof(peer));
    memset(chain_head, 0x2f, sizeof(chain_head));
    own_head(g, &head, RECEIPT_S);
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        memset(oids[i], 0x21 + (int)i, OID_BYTES);
        maillon__hfp__v1__receipt_entry__init(&entries[i]);
        entries[i].oid = wire_data(bytes_of(oids[i], OID_BYTES));
        entries[i].state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
        list[i] = &entries[i];
    }
    entries[0].chain_head = wire_data(bytes_of(chain_head, sizeof(chain_head)));
    entries[1].pending = true;
    entries[2].state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    entries[2].code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA;
    entries[2].retry_after_s = 600;
    receipt.head = &head;
    receipt.recipient = wire_data(bytes_of(peer, sizeof(peer)));
    receipt.n_entry = ARRAY_LEN(list);
    receipt.entry = list;
    if (!receipt_check(&receipt, (struct bytes){0}, &err))
        fail_msg("%s", err.msg);
    add_signed(g, "receipt", TYPE_RECEIPT, &receipt, g->op, NULL);
}

/* ---- an invite ---- */

static void add_invite(struct golden *g)
{
    struct err err = {0};
    char uri[INVITE_TEXT_MAX + 1];
    struct invite invite = {.node = g->kel.node, .expires_s = START_S + 86400}, read;
    snprintf(invite.routes[0], sizeof(invite.routes[0]), "wss://hub.example.org");
    snprintf(invite.routes[1], sizeof(invite.routes[1]), "wss://192.0.2.1:8443");
    invite.route_count = 2;
    memset(invite.secret, 0x08, sizeof(invite.secret));
    assert_true(invite_write(&invite, uri, &err));
    assert_true(invite_read(uri, &read, &err));
    golden_text(&g->json, "invite_secret", "16 bytes 08");
    golden_text(&g->json, "invite", uri);
}

/* ---- the inside of the Sealed of crypto.json ---- */

static void add_seal(struct golden *g)
{
    uint8_t ephemeral = 5, public_key[32], key_id[16], salt[32], plain[SEAL_BUCKET_MIN];
    struct random_source fixed = {golden_fill, &ephemeral};
    AUTO(buf_done) struct buf object = {0}, sealed = {0}, info = {0}, aad = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct oid id;
    struct err err = {0};
    const struct sign_key *with[] = {g->op};
    envelope_sign(with, 1, TYPE_NOTICE, bytes_text("an example body"), &object, NULL);
    memset(salt, 7, sizeof(salt));
    seal_key_public(g->enc, public_key);
    seal_key_id(public_key, key_id);
    struct parcel parcel = {buf_bytes(&object), bytes_text("an example payload"),
                            bytes_of(salt, 32)};
    const uint64_t expires_s = START_S + 86400;
    assert_true(
        seal_parcel(&parcel, &g->kel.node, public_key, expires_s, &fixed, &sealed, &id, &err));

    /* Written by hand here, so that they are what the specification says. */
    buf_add_text(&info, "hfp/seal/v1");
    buf_add_bytes(&info, node_id_bytes(&g->kel.node));
    buf_add(&info, key_id, sizeof(key_id));
    buf_add_u32le(&aad, 1);
    buf_add_bytes(&aad, node_id_bytes(&g->kel.node));
    buf_add(&aad, key_id, sizeof(key_id));
    buf_add_u64le(&aad, expires_s);
    assert_int_equal(aad.len, 60);
    struct sealed_view view;
    assert_true(sealed_view(buf_bytes(&sealed), arena, &view, &err));
    assert_int_equal(view.ct.len, sizeof(plain) + 16);
    assert_true(
        hpke_open(g->enc, view.enc.data, buf_bytes(&info), buf_bytes(&aad), view.ct, plain, &err));
    golden_hex(&g->json, "sealed_id", oid_bytes(&id));
    golden_hex(&g->json, "seal_info", buf_bytes(&info));
    golden_hex(&g->json, "seal_aad", buf_bytes(&aad));
    golden_hex(&g->json, "parcel_plain", bytes_of(plain, sizeof(plain)));
}

/* ---- frames after the handshake ---- */

static void add_frame(struct golden *g, const char *name, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf out = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    wire_pack(frame, &out);
    assert_non_null(
        wire_unpack(&maillon__hfp__v1__frame__descriptor, buf_bytes(&out), arena, &err));
    golden_part(&g->json, name, "frame", buf_bytes(&out));
    maillon__hfp__v1__frame__init(frame);
}

static void add_state(struct golden *g, Maillon__Hfp__V1__Frame *frame)
{
    uint64_t credit[] = {1024, 1024, 1024};
    Maillon__Hfp__V1__Cursor cursors[3], *list[3];
    for (unsigned lane = 0; lane < 3; lane++) {
        maillon__hfp__v1__cursor__init(&cursors[lane]);
        cursors[lane].lane = lane;
        cursors[lane].link_seq = 7 * lane;
        list[lane] = &cursors[lane];
    }
    struct oid head = g->kel.head;
    Maillon__Hfp__V1__State state = MAILLON__HFP__V1__STATE__INIT;
    state.rx = list;
    state.n_rx = ARRAY_LEN(list);
    state.kel_head = wire_data(oid_bytes(&head));
    state.clock_ms = (uint64_t)now.ms;
    state.credit = credit;
    state.n_credit = ARRAY_LEN(credit);
    frame->m_case = MAILLON__HFP__V1__FRAME__M_STATE;
    frame->state = &state;
    add_frame(g, "state", frame);
}

static void add_delivery(struct golden *g, Maillon__Hfp__V1__Frame *frame)
{
    Maillon__Hfp__V1__Data data = MAILLON__HFP__V1__DATA__INIT, *list[] = {&data};
    Maillon__Hfp__V1__Batch batch = MAILLON__HFP__V1__BATCH__INIT;
    data.link_seq = 8;
    data.oid = wire_data(oid_bytes(&g->entry));
    data.object = wire_data(buf_bytes(&g->entry_signed));
    batch.data = list;
    batch.n_data = 1;
    frame->lane = 2;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_BATCH;
    frame->batch = &batch;
    add_frame(g, "batch", frame);

    Maillon__Hfp__V1__Ack ack = MAILLON__HFP__V1__ACK__INIT;
    ack.link_seq = 8;
    frame->lane = 2;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_ACK;
    frame->ack = &ack;
    add_frame(g, "ack", frame);

    Maillon__Hfp__V1__Credit credit = MAILLON__HFP__V1__CREDIT__INIT;
    credit.objects = 1024;
    frame->lane = 1;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_CREDIT;
    frame->credit = &credit;
    add_frame(g, "credit", frame);

    Maillon__Hfp__V1__Err error = MAILLON__HFP__V1__ERR__INIT;
    error.code = MAILLON__HFP__V1__LINK_ERROR__LINK_ERROR_BAD_OBJECT;
    error.oid = wire_data(oid_bytes(&g->entry));
    frame->lane = 2;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_ERR;
    frame->err = &error;
    add_frame(g, "err", frame);
}

static void add_relation(struct golden *g, Maillon__Hfp__V1__Frame *frame)
{
    uint8_t secret[INVITE_BYTES];
    char name[] = "CCAS de Redon", text[] = "Bonjour", route[] = "wss://hub.example.org";
    char *routes[] = {route};
    memset(secret, 0x08, sizeof(secret));
    Maillon__Hfp__V1__PeerRequest request = MAILLON__HFP__V1__PEER_REQUEST__INIT;
    request.name = name;
    request.text = text;
    request.invite = wire_data(bytes_of(secret, sizeof(secret)));
    request.n_route = 1;
    request.route = routes;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_PEER_REQUEST;
    frame->peer_request = &request;
    add_frame(g, "peer_request", frame);

    Maillon__Hfp__V1__PeerAnswer answer = MAILLON__HFP__V1__PEER_ANSWER__INIT;
    answer.decision = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_ACCEPTED;
    answer.name = name;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_PEER_ANSWER;
    frame->peer_answer = &answer;
    add_frame(g, "peer_answer", frame);

    Maillon__Hfp__V1__Bye bye = MAILLON__HFP__V1__BYE__INIT;
    bye.reason = 4;
    bye.retry_after_s = 2;
    frame->m_case = MAILLON__HFP__V1__FRAME__M_BYE;
    frame->bye = &bye;
    add_frame(g, "bye", frame);
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    struct golden g = {0};
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    start(&g);
    add_entry(&g);
    add_services(&g);
    add_receipt(&g);
    add_invite(&g);
    add_seal(&g);
    add_state(&g, &frame);
    add_delivery(&g, &frame);
    add_relation(&g, &frame);
    add_key_events(&g);
    golden_end(&g.json);
    assert_true(golden_same(&g.json, "objects.json"));
    end(&g);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_file_is_made_again_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
