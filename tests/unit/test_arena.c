#include "hub/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void memory_is_zeroed_and_aligned_also_after_a_reset(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 300; size += 7) {
            uint8_t *p = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xff, size);
        }
        assert_true(arena_used(arena) > 0);
        arena_reset(arena);
        assert_int_equal(arena_used(arena), 0);
    }
}

static void the_cap_refuses_what_would_pass_it(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(1 << 20);
    assert_null(arena_try(arena, (1 << 20) + 1));
    assert_null(arena_try(arena, SIZE_MAX));
    assert_null(arena_try(arena, SIZE_MAX - 16));
    assert_non_null(arena_try(arena, 1 << 19));
    assert_non_null(arena_try(arena, 1 << 19));
    assert_null(arena_try(arena, 1));
    assert_int_equal(arena_used(arena), 1 << 20);
    arena_reset(arena);
    assert_non_null(arena_try(arena, 1 << 20));
}

static void texts_and_bytes_are_copied_with_a_nul(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    char source[] = "abc";
    char *text = arena_text(arena, source), *part = arena_textn(arena, source, 2);
    struct bytes copy = arena_bytes(arena, bytes_text(source));
    memset(source, 'x', 3);
    assert_string_equal(text, "abc");
    assert_string_equal(part, "ab");
    assert_true(bytes_equal(copy, BYTES_LITERAL("abc")));
    assert_int_equal(copy.data[copy.len], 0);
    assert_null(arena_text(arena, NULL));
    assert_null(arena_bytes(arena, (struct bytes){0}).data);
    assert_non_null(arena_bytes(arena, BYTES_LITERAL("")).data);
    assert_string_equal(arena_printf(arena, "%s-%d", text, 5), "abc-5");
}

static void earlier_pieces_stay_while_the_arena_grows(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    char *texts[2000];
    for (int i = 0; i < 2000; i++)
        texts[i] = arena_printf(arena, "piece number %d", i);
    assert_non_null(arena_alloc(arena, 1 << 20));
    for (int i = 0; i < 2000; i++) {
        char want[32];
        snprintf(want, sizeof(want), "piece number %d", i);
        assert_string_equal(texts[i], want);
    }
}

int main(void)
{
    arena_free(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned_also_after_a_reset),
        cmocka_unit_test(the_cap_refuses_what_would_pass_it),
        cmocka_unit_test(texts_and_bytes_are_copied_with_a_nul),
        cmocka_unit_test(earlier_pieces_stay_while_the_arena_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
