/*
 * Golden bytes of what keys do in time: key events of several roots, bounds of a revoked key,
 * a successor, a beacon, an attestation, and the frames that carry logs: keys.json.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_S UINT64_C(1800000000)
#define KEYS    8

static const struct wall now = {INT64_C(1000) * START_S};

struct golden {
    struct buf json;
    struct sign_key *keys[KEYS]; /* seeds: 32 bytes 21, 22 … 28 */
    struct kel kel;
    struct buf incept;
};

static void take(struct golden *g, const char *name, const struct buf *event)
{
    struct err err = {0};
    if (!kel_apply(&g->kel, buf_bytes(event), &err))
        fail_msg("%s: %s", name, err.msg);
    golden_part(&g->json, name, "signed", buf_bytes(event));
    golden_part(&g->json, name, "oid", oid_bytes(&g->kel.head));
}

static const struct sign_public *pub(const struct golden *g, size_t key)
{
    return sign_key_public(g->keys[key]);
}

static struct wall later(const struct golden *g)
{
    return (struct wall){now.ms + (int64_t)g->kel.seq * 60000};
}

static void add_log(struct golden *g)
{
    static const uint8_t nonce[16] = {0x11, 0x12, 0x13};
    uint8_t chain[32];
    AUTO(buf_done) struct buf event = {0};
    const struct kel_signers two = {.keys = {g->keys[0], g->keys[2]}, .count = 2};
    const struct kel_signers next = {.keys = {g->keys[3], g->keys[4]}, .count = 2};
    const struct kel_signers root = {.keys = {g->keys[3]}, .count = 1};
    const struct kel_roots first = {.roots = {*pub(g, 0), *pub(g, 1), *pub(g, 2)},
                                    .root_count = 3,
                                    .threshold = 2,
                                    .next = {*pub(g, 3), *pub(g, 4)},
                                    .next_count = 2,
                                    .next_threshold = 2};
    const struct kel_roots second = {.roots = {*pub(g, 3), *pub(g, 4)},
                                     .root_count = 2,
                                     .threshold = 1,
                                     .next = {*pub(g, 5)},
                                     .next_count = 1,
                                     .next_threshold = 1};
    kel_write_incept_roots(&two, &first, nonce, now, &g->incept);
    take(g, "incept_2_of_3", &g->incept);
    golden_hex(&g->json, "node_id", node_id_bytes(&g->kel.node));
    kel_write_delegate_by(&g->kel, &two, pub(g, 6), later(g), &event);
    take(g, "delegate_by_two", &event);
    event.len = 0;
    kel_write_rotate(&g->kel, &next, &second, later(g), &event);
    take(g, "rotate_to_1_of_2", &event);
    event.len = 0;
    kel_write_delegate_by(&g->kel, &root, pub(g, 7), later(g), &event);
    take(g, "delegate_again", &event);
    event.len = 0;
    memset(chain, 0x2a, sizeof(chain));
    const struct kel_through through[] = {{TYPE_NOTICE, {0}, 12}, {NULL, bytes_of(chain, 32), 3}};
    kel_write_revoke(&g->kel, &root, pub(g, 6), KEL_STOLEN, through, 2, later(g), &event);
    take(g, "revoke_stolen_with_bounds", &event);
    event.len = 0;
    kel_write_retire(&g->kel, &root, &g->kel.node, later(g), &event);
    take(g, "retire_with_successor", &event);
}

static void own_head(const struct golden *g, Maillon__Hfp__V1__Head *head)
{
    maillon__hfp__v1__head__init(head);
    head->node = wire_data(node_id_bytes(&g->kel.node));
    head->seq = 1;
    head->created_s = START_S;
    head->expires_s = START_S + BEACON_MISSED_S;
}

static void add_object(struct golden *g, const char *name, const char *type, const void *message)
{
    struct oid oid;
    AUTO(buf_done) struct buf body = {0}, bytes = {0};
    const struct sign_key *op = g->keys[7];
    wire_pack(message, &body);
    envelope_sign(&op, 1, type, buf_bytes(&body), &bytes, &oid);
    golden_part(&g->json, name, "signed", buf_bytes(&bytes));
    golden_part(&g->json, name, "oid", oid_bytes(&oid));
}

static void add_objects(struct golden *g)
{
    uint8_t other[32], audit[32];
    memset(other, 0x0c, sizeof(other));
    memset(audit, 0x0d, sizeof(audit));
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Beacon beacon = MAILLON__HFP__V1__BEACON__INIT;
    own_head(g, &head);
    beacon.head = &head;
    beacon.kel_head = wire_data(oid_bytes(&g->kel.head));
    beacon.kel_seq = g->kel.seq;
    beacon.audit_head = wire_data(bytes_of(audit, 32));
    add_object(g, "beacon", TYPE_BEACON, &beacon);
    Maillon__Hfp__V1__Succession succession = MAILLON__HFP__V1__SUCCESSION__INIT;
    succession.head = &head;
    succession.lost = wire_data(bytes_of(other, 32));
    succession.successor = wire_data(node_id_bytes(&g->kel.node));
    add_object(g, "succession", TYPE_SUCCESSION, &succession);
}

static void add_frames(struct golden *g)
{
    AUTO(buf_done) struct buf out = {0};
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    Maillon__Hfp__V1__Resolve resolve = MAILLON__HFP__V1__RESOLVE__INIT;
    resolve.node = wire_data(node_id_bytes(&g->kel.node));
    resolve.after_seq = 2;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RESOLVE;
    frame.resolve = &resolve;
    wire_pack(&frame, &out);
    golden_hex(&g->json, "resolve_frame", buf_bytes(&out));
    ProtobufCBinaryData events[] = {wire_data(buf_bytes(&g->incept))};
    Maillon__Hfp__V1__KeyLog log = MAILLON__HFP__V1__KEY_LOG__INIT;
    log.node = wire_data(node_id_bytes(&g->kel.node));
    log.first_seq = 1;
    log.event = events;
    log.n_event = 1;
    log.more = true;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_KEY_LOG;
    frame.key_log = &log;
    out.len = 0;
    wire_pack(&frame, &out);
    golden_hex(&g->json, "key_log_frame", buf_bytes(&out));
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    struct golden g = {0};
    for (size_t i = 0; i < KEYS; i++)
        g.keys[i] = golden_key((uint8_t)(0x21 + i));
    golden_begin(
        &g.json,
        "Key events in time, by keys of the seeds '32 bytes 21' to '32 bytes 28': 21 22 23 "
        "first roots, 24 25 next, 26 after, 27 28 online keys. Values are hex");
    add_log(&g);
    add_objects(&g);
    add_frames(&g);
    golden_end(&g.json);
    assert_true(golden_same(&g.json, "keys.json"));
    for (size_t i = 0; i < KEYS; i++)
        sign_key_free(g.keys[i]);
    buf_done(&g.json);
    buf_done(&g.incept);
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
