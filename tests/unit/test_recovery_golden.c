/*
 * Golden bytes of recovery: an INCARNATION and the frames by which two hubs compare chains:
 * recovery.json.
 */
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/recovery.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_S UINT64_C(1800000000)
#define KIND(x) MAILLON__HFP__V1__CHAIN_KIND__CHAIN_KIND_##x

static void add_incarnation(struct buf *json)
{
    struct err err = {0};
    struct oid oid;
    uint8_t node[32], seed[32];
    char entries[] = TYPE_ENTRY, notices[] = TYPE_NOTICE;
    AUTO(buf_done) struct buf body = {0}, bytes = {0};
    memset(node, 0x0a, sizeof(node));
    memset(seed, 3, sizeof(seed));
    AUTO(sign_key_free) struct sign_key *op = sign_key_from_seed(seed);
    const struct sign_key *keys[] = {op};
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__StreamBound bounds[2], *last[] = {&bounds[0], &bounds[1]};
    Maillon__Hfp__V1__Incarnation incarnation = MAILLON__HFP__V1__INCARNATION__INIT;
    head.node = wire_data(bytes_of(node, sizeof(node)));
    head.incarnation = 2;
    head.seq = 1;
    head.created_s = START_S;
    head.expires_s = START_S + NOTICE_LIFETIME_MAX_S;
    for (size_t i = 0; i < 2; i++)
        maillon__hfp__v1__stream_bound__init(&bounds[i]);
    bounds[0].stream = wire_data(bytes_text(entries));
    bounds[0].seq = 3;
    bounds[1].stream = wire_data(bytes_text(notices));
    bounds[1].seq = 12;
    incarnation.head = &head;
    incarnation.last = last;
    incarnation.n_last = 2;
    incarnation.reason = RECOVERY_RESTORED;
    assert_true(incarnation_check(&incarnation, (struct bytes){0}, &err));
    wire_pack(&incarnation, &body);
    envelope_sign(keys, 1, TYPE_INCARNATION, buf_bytes(&body), &bytes, &oid);
    golden_hex(json, "incarnation_signed", buf_bytes(&bytes));
    golden_hex(json, "incarnation_oid", oid_bytes(&oid));
    head.incarnation = 1;
    assert_false(incarnation_check(&incarnation, (struct bytes){0}, &err));
    assert_int_equal(err.code, ERR_PEER);
}

static void add_frame(struct buf *json, const char *name, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf bytes = {0};
    wire_pack(frame, &bytes);
    golden_hex(json, name, buf_bytes(&bytes));
}

static void add_frames(struct buf *json)
{
    uint8_t stream[32], mine[32], yours[32], blob[] = {1, 2, 3};
    memset(stream, 0x11, sizeof(stream));
    memset(mine, 0x22, sizeof(mine));
    memset(yours, 0x33, sizeof(yours));
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    Maillon__Hfp__V1__ChainHead chain = MAILLON__HFP__V1__CHAIN_HEAD__INIT, *chains[] = {&chain};
    Maillon__Hfp__V1__Heads heads = MAILLON__HFP__V1__HEADS__INIT;
    chain.stream = wire_data(bytes_of(stream, 32));
    chain.kind = KIND(REFERRAL);
    chain.mine_seq = 3;
    chain.mine_head = wire_data(bytes_of(mine, 32));
    chain.yours_seq = 2;
    chain.yours_head = wire_data(bytes_of(yours, 32));
    heads.chain = chains;
    heads.n_chain = 1;
    heads.more = heads.page = true;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HEADS;
    frame.heads = &heads;
    add_frame(json, "heads_frame", &frame);

    Maillon__Hfp__V1__HeadsWanted page = MAILLON__HFP__V1__HEADS_WANTED__INIT;
    page.after = wire_data(bytes_of(stream, 32));
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HEADS_WANTED;
    frame.heads_wanted = &page;
    add_frame(json, "heads_wanted_frame", &frame);

    Maillon__Hfp__V1__EventsWanted wanted = MAILLON__HFP__V1__EVENTS_WANTED__INIT;
    wanted.stream = wire_data(bytes_of(stream, 32));
    wanted.kind = KIND(REFERRAL);
    wanted.mine_after = RECOVERY_NONE_AFTER;
    wanted.yours_after = 2;
    wanted.ask = 7;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_EVENTS_WANTED;
    frame.events_wanted = &wanted;
    add_frame(json, "events_wanted_frame", &frame);

    ProtobufCBinaryData sealed[] = {wire_data(bytes_of(blob, sizeof(blob)))};
    Maillon__Hfp__V1__Events events = MAILLON__HFP__V1__EVENTS__INIT;
    events.stream = wire_data(bytes_of(stream, 32));
    events.kind = KIND(REFERRAL);
    events.sealed = sealed;
    events.n_sealed = 1;
    events.ask = 7;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_EVENTS;
    frame.events = &events;
    add_frame(json, "events_frame", &frame);
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf json = {0};
    golden_begin(&json, "Node is 32 bytes 0a, OP seed 32 bytes 03, the sealed "
                        "bytes stand for a Sealed. Values are hex");
    add_incarnation(&json);
    add_frames(&json);
    golden_end(&json);
    assert_true(golden_same(&json, "recovery.json"));
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
