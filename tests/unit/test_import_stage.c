#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/import_stage.h"
#include "tests/support/directory_fixture.h"

static struct staged of(const char *account)
{
    return (struct staged){.account = account,
                           .format = "data-inclusion",
                           .source = "Hub du Sud",
                           .licence = "ODbL",
                           .name = "lieux.json",
                           .bytes = 6};
}

static void a_file_waits_in_parts_and_is_read_whole(void **state)
{
    struct domain_fixture *f = *state;
    char id[STAGED_ID];
    struct staged staged = of("alix");
    struct bytes whole;
    assert_ok(f, stage_begin(&f->tx, &staged, id, &f->err));
    assert_ok(f, stage_add(&f->tx, id, false, 0, BYTES_LITERAL("abc"), &f->err));
    assert_ok(f, stage_add(&f->tx, id, false, 1, BYTES_LITERAL("def"), &f->err));
    assert_ok(f, stage_add(&f->tx, id, true, 2, BYTES_LITERAL("xyz"), &f->err));
    assert_ok(f, stage_read(f->tx.store, f->tx.arena, id, false, &whole, &f->err));
    assert_true(bytes_equal(whole, BYTES_LITERAL("abcdef")));
    assert_ok(f, stage_read(f->tx.store, f->tx.arena, id, true, &whole, &f->err));
    assert_true(bytes_equal(whole, BYTES_LITERAL("xyz")));
    assert_ok(f, stage_set_report(&f->tx, id, BYTES_LITERAL("r"), true, &f->err));
    assert_ok(f, stage_find(f->tx.store, f->tx.arena, id, &staged, &f->err));
    assert_true(staged.is_done);
    assert_string_equal(staged.licence, "ODbL");
    assert_ok(f, stage_read(f->tx.store, f->tx.arena, id, false, &whole, &f->err));
    assert_int_equal(whole.len, 0); /* what is imported is not kept */
}

static void one_file_an_account_and_few_in_all(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const accounts[] = {"a", "b", "c", "d", "e"};
    char first[STAGED_ID], id[STAGED_ID];
    struct staged staged = of("a");
    assert_ok(f, stage_begin(&f->tx, &staged, first, &f->err));
    assert_ok(f, stage_begin(&f->tx, &staged, id, &f->err));
    assert_err(f, ERR_UNKNOWN, stage_find(f->tx.store, f->tx.arena, first, &staged, &f->err));
    for (size_t i = 1; i < STAGED_MAX; i++) {
        staged = of(accounts[i]);
        assert_ok(f, stage_begin(&f->tx, &staged, id, &f->err));
    }
    staged = of(accounts[STAGED_MAX]);
    assert_err(f, ERR_LIMIT, stage_begin(&f->tx, &staged, id, &f->err));
}

static void parts_that_come_after_it_was_dropped_are_not_kept(void **state)
{
    struct domain_fixture *f = *state;
    char first[STAGED_ID], id[STAGED_ID];
    struct staged staged = of("a");
    struct bytes whole;
    assert_ok(f, stage_begin(&f->tx, &staged, first, &f->err));
    assert_ok(f, stage_add(&f->tx, first, false, 0, BYTES_LITERAL("abc"), &f->err));
    assert_ok(f,
              stage_begin(&f->tx, &staged, id, &f->err)); /* the same account in another window */
    assert_err(f, ERR_UNKNOWN, stage_add(&f->tx, first, false, 1, BYTES_LITERAL("def"), &f->err));
    assert_ok(f, stage_read(f->tx.store, f->tx.arena, first, false, &whole, &f->err));
    assert_int_equal(whole.len, 0);
}

static void a_file_nobody_imports_is_forgotten(void **state)
{
    struct domain_fixture *f = *state;
    char id[STAGED_ID];
    struct staged staged = of("alix");
    assert_ok(f, stage_begin(&f->tx, &staged, id, &f->err));
    assert_ok(f, stage_add(&f->tx, id, false, 0, BYTES_LITERAL("abc"), &f->err));
    f->tx.now.ms += STAGED_KEEP_MS - 1;
    assert_ok(f, stage_tick(&f->tx, &f->err));
    assert_ok(f, stage_find(f->tx.store, f->tx.arena, id, &staged, &f->err));
    f->tx.now.ms += 1;
    assert_ok(f, stage_tick(&f->tx, &f->err));
    assert_err(f, ERR_UNKNOWN, stage_find(f->tx.store, f->tx.arena, id, &staged, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_staged_part"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_waits_in_parts_and_is_read_whole),
        T(one_file_an_account_and_few_in_all),
        T(parts_that_come_after_it_was_dropped_are_not_kept),
        T(a_file_nobody_imports_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
