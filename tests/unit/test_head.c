#include "hub/crypto/head.h"

#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *why;
    size_t node, stream, prev, scope;
    uint64_t seq;
    enum err_code code;
} shapes[] = {
    {"first of a stream", 32, 0, 0, 0, 1, ERR_NONE},
    {"inception has no node", 0, 0, 0, 0, 1, ERR_NONE},
    {"second with stream and prev", 32, 32, 32, 16, 2, ERR_NONE},
    {"node of 31 bytes", 31, 0, 0, 0, 1, ERR_PEER},
    {"node of 33 bytes", 33, 0, 0, 0, 1, ERR_PEER},
    {"stream of 16 bytes", 32, 16, 0, 0, 1, ERR_PEER},
    {"no seq", 32, 0, 0, 0, 0, ERR_PEER},
    {"first with prev", 32, 0, 32, 0, 1, ERR_PEER},
    {"second without prev", 32, 0, 0, 0, 2, ERR_PEER},
    {"prev of 31 bytes", 32, 0, 31, 0, 2, ERR_PEER},
    {"scope of 33 bytes", 32, 0, 0, 33, 1, ERR_PEER},
};

static void shapes_are_checked(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
        head.node = wire_data(bytes_of(zeros, shapes[i].node));
        head.stream = wire_data(bytes_of(zeros, shapes[i].stream));
        head.prev = wire_data(bytes_of(zeros, shapes[i].prev));
        head.scope = wire_data(bytes_of(zeros, shapes[i].scope));
        head.seq = shapes[i].seq;
        struct err err = {0};
        bool ok = head_check_shape(&head, &err);
        if (ok != (shapes[i].code == ERR_NONE) || err.code != shapes[i].code)
            fail_msg("%s: %s", shapes[i].why, err.msg);
    }
    struct err err = {0};
    assert_false(head_check_shape(NULL, &err));
    assert_int_equal(err.code, ERR_PEER);
}

#define NOW  1800000000u
#define LIFE 1000u

static const struct {
    const char *why;
    uint64_t created_s, expires_s;
    enum err_code code;
} times[] = {
    {"now", NOW, NOW + LIFE, ERR_NONE},
    {"ten minutes ahead", NOW + 600, NOW + 601, ERR_NONE},
    {"a second more ahead", NOW + 601, NOW + 602, ERR_PEER},
    {"a second too long", NOW, NOW + LIFE + 1, ERR_PEER},
    {"ends before it begins", NOW, NOW - 1, ERR_PEER},
    {"no end", NOW, 0, ERR_PEER},
    {"within the grace", NOW - LIFE, NOW - 600, ERR_NONE},
    {"past the grace", NOW - LIFE, NOW - 601, ERR_LIMIT},
    {"end of time", UINT64_MAX, UINT64_MAX, ERR_PEER},
    {"lives for ever", NOW, UINT64_MAX, ERR_PEER},
};

static void clock_bounds_hold_at_the_second(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
        head.created_s = times[i].created_s;
        head.expires_s = times[i].expires_s;
        struct err err = {0};
        bool ok = head_check_time(&head, (struct wall){(int64_t)NOW * 1000}, LIFE, &err);
        if (ok != (times[i].code == ERR_NONE) || err.code != times[i].code)
            fail_msg("%s: %s", times[i].why, err.msg);
    }
}

static void a_critical_field_that_is_unknown_is_unsupported(void **state)
{
    (void)state;
    uint32_t known[] = {1, 4}, unknown[] = {1, 77};
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    struct err err = {0};
    head.n_critical = 2;
    head.critical = known;
    assert_true(head_check_critical(&head, &maillon__hfp__v1__kel_event__descriptor, &err));
    head.critical = unknown;
    assert_false(head_check_critical(&head, &maillon__hfp__v1__kel_event__descriptor, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_are_checked),
        cmocka_unit_test(clock_bounds_hold_at_the_second),
        cmocka_unit_test(a_critical_field_that_is_unknown_is_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
