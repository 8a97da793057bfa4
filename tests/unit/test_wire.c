#include "hub/crypto/wire.h"

#include "hub/crypto/secret.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "proto/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SIGNED    &maillon__hfp__v1__signed__descriptor
#define KEL_EVENT &maillon__hfp__v1__kel_event__descriptor

static void a_message_reads_back_from_an_arena(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf out = {0};
    struct err err = {0};
    Maillon__Hfp__V1__KelEvent event = MAILLON__HFP__V1__KEL_EVENT__INIT;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Retire retire = MAILLON__HFP__V1__RETIRE__INIT;
    head.seq = 7;
    retire.successor = wire_data(bytes_text("somebody"));
    event.head = &head;
    event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_RETIRE;
    event.retire = &retire;
    buf_add_text(&out, "kept");
    wire_pack(&event, &out);
    struct bytes packed = bytes_of(out.data + 4, out.len - 4);
    assert_true(bytes_equal(wire_pack_arena(&event, arena), packed));
    Maillon__Hfp__V1__KelEvent *back = wire_unpack(KEL_EVENT, packed, arena, &err);
    assert_non_null(back);
    assert_int_equal(back->head->seq, 7);
    assert_int_equal(back->event_case, MAILLON__HFP__V1__KEL_EVENT__EVENT_RETIRE);
    assert_true(bytes_equal(wire_bytes(back->retire->successor), bytes_text("somebody")));
}

static void empty_input_is_a_message_of_defaults(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    Maillon__Hfp__V1__Signed *message = wire_unpack(SIGNED, (struct bytes){0}, arena, &err);
    assert_non_null(message);
    assert_string_equal(message->type, "");
}

static void malformed_input_is_the_fault_of_the_peer(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    assert_null(wire_unpack(SIGNED, BYTES_LITERAL("\x0b\x0c"), arena, &err));
    assert_int_equal(err.code, ERR_PEER);
    assert_string_equal(err.msg, "Signed is malformed: groups are not allowed");
}

static void text_must_be_utf_8(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    assert_non_null(wire_unpack(SIGNED, BYTES_LITERAL("\x12\x02\xc3\xa9"), arena, &err));
    assert_null(wire_unpack(SIGNED, BYTES_LITERAL("\x12\x02\xc3z"), arena, &err));
    assert_int_equal(err.code, ERR_PEER);
    assert_null(wire_unpack(SIGNED, BYTES_LITERAL("\x12\x02z\x00"), arena, &err));
}

static void many_small_parts_do_not_make_much_memory(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf in = {0};
    for (int i = 0; i < WIRE_REPEATED_MAX; i++)
        buf_add(&in, "\x22\x00", 2);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    Maillon__Hfp__V1__Signed *message = wire_unpack(SIGNED, buf_bytes(&in), arena, &err);
    assert_true(!message || message->n_sig == WIRE_REPEATED_MAX);
    /* The bound counts what protobuf-c asks for; the arena rounds each piece up to 16 bytes. */
    assert_true(arena_used(arena) <= 2 * (16 * in.len + 65536));
}

static void an_arena_without_room_refuses_instead_of_aborting(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(256);
    AUTO(buf_done) struct buf in = {0};
    uint8_t body[1000] = {0};
    buf_add(&in, "\x1a\xe8\x07", 3);
    buf_add(&in, body, sizeof(body));
    struct err err = {0};
    assert_null(wire_unpack(SIGNED, buf_bytes(&in), arena, &err));
    assert_int_equal(err.code, ERR_PEER);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reads_back_from_an_arena),
        cmocka_unit_test(empty_input_is_a_message_of_defaults),
        cmocka_unit_test(malformed_input_is_the_fault_of_the_peer),
        cmocka_unit_test(text_must_be_utf_8),
        cmocka_unit_test(many_small_parts_do_not_make_much_memory),
        cmocka_unit_test(an_arena_without_room_refuses_instead_of_aborting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
