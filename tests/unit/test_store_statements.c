/* Statements and transactions: what readers see, values, the cache, what errors say. */
#include "tests/support/store_fixture.h"

static void a_reader_sees_committed_rows_only_and_cannot_write(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    AUTO(store_close) struct store *writer = open_at(folder->db, STORE_WRITE, &err);
    run(writer, "CREATE TABLE item (name TEXT) STRICT");
    AUTO(store_close) struct store *reader = open_at(folder->db, STORE_READ, &err);
    assert_non_null(reader);
    assert_true(store_begin(writer, &err));
    assert_true(insert(writer, "one", &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 0);
    assert_true(store_commit(writer, &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    assert_false(insert(reader, "two", &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "for queries only"));
    assert_true(store_begin(reader, &err)); /* a snapshot */
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    assert_true(insert(writer, "three", &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    store_rollback(reader);
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 2);
}

static void undo_takes_back_one_action_of_a_group(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    assert_true(store_begin(store, &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "kept", &err));
    assert_true(store_release(store, &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "undone", &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "undone too", &err));
    assert_true(store_release(store, &err));
    store_undo(store);
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "outer", &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "inner", &err));
    store_undo(store);
    assert_true(store_release(store, &err));
    assert_true(store_commit(store, &err));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
    assert_int_equal(query(store, "SELECT count(*) FROM item WHERE name IN ('kept', 'outer')"), 2);
    assert_true(store_begin(store, &err));
    assert_true(insert(store, "rolled back", &err));
    store_rollback(store);
    assert_false(store_in_transaction(store));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
}

static void a_broken_constraint_is_a_conflict_and_keeps_the_value_to_itself(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    assert_true(store_begin(store, &err));
    assert_true(insert(store, "Jeanne Martin", &err));
    assert_false(insert(store, "Jeanne Martin", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(strstr(err.msg, "Jeanne"));
    assert_non_null(strstr(err.msg, "item.name"));
    assert_false(insert(store, "Jeanne Martin, 4 rue des Lilas", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(strstr(err.msg, "Jeanne"));
    assert_true(insert(store, "Paul", &err)); /* the group goes on */
    assert_true(store_commit(store, &err));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
}

static void a_search_that_does_not_parse_keeps_its_words_to_itself(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    run(store, "CREATE VIRTUAL TABLE words USING fts5 (text)");
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT rowid FROM words WHERE words MATCH ?1", &err);
    assert_non_null(stmt);
    stmt_bind_text(stmt, 1, "d'urgence Jeanne:");
    bool row;
    assert_false(stmt_next(stmt, &row, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_null(strstr(err.msg, "urgence"));
    assert_null(strstr(err.msg, "Jeanne"));
}

static void values_come_back_as_they_were_bound(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const uint8_t body[4] = {0, 1, 2, 255};
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(
            store, "INSERT INTO item (id, name, body, weight) VALUES (?1, ?2, ?3, ?4)", &err);
        assert_non_null(stmt);
        stmt_bind_i64(stmt, 1, INT64_MIN);
        stmt_bind_text(stmt, 2, "é");
        stmt_bind_bytes(stmt, 3, bytes_of(body, sizeof(body)));
        stmt_bind_f64(stmt, 4, 2.5);
        assert_true(stmt_run(stmt, &err));
        assert_int_equal(store_last_id(store), INT64_MIN);
        assert_int_equal(store_changes(store), 1);
        stmt_bind_i64(stmt, 1, 2); /* again, without release */
        stmt_bind_text(stmt, 2, NULL);
        stmt_bind_bytes(stmt, 3, bytes_of("", 0));
        stmt_bind_null(stmt, 4);
        assert_true(stmt_run(stmt, &err));
    }
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT id, name, body, weight FROM item ORDER BY id", &err);
    bool row;
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_i64(stmt, 0) == INT64_MIN);
    assert_string_equal(stmt_text(stmt, 1), "é");
    uint8_t copy[4];
    assert_true(stmt_copy(stmt, 2, copy, sizeof(copy)));
    assert_memory_equal(copy, body, sizeof(body));
    assert_false(stmt_copy(stmt, 2, copy, 3));
    assert_int_equal(copy[1], 0);
    assert_true(stmt_f64(stmt, 3) == 2.5);
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_is_null(stmt, 1));
    assert_null(stmt_text(stmt, 1));
    assert_non_null(stmt_bytes(stmt, 2).data);
    assert_int_equal(stmt_bytes(stmt, 2).len, 0);
    assert_null(stmt_bytes(stmt, 3).data);
    for (int i = 0; i < 2; i++) {
        assert_true(stmt_next(stmt, &row, &err));
        assert_false(row);
    }
    stmt_reset(stmt);
    assert_true(stmt_next(stmt, &row, &err) && row);
}

static void a_whole_statement_is_one_call(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const char add[] = "INSERT INTO item (id, weight) VALUES (?1, ?2)";
    static const char find[] = "SELECT id FROM item WHERE id >= ?1 ORDER BY id";
    int64_t found = -1;
    assert_true(stmt_run_for_two(store, add, 7, 1, &err));
    assert_true(stmt_run_for_two(store, add, INT64_MAX, 2, &err));
    assert_true(stmt_find_i64(store, find, 1, &found, &err));
    assert_int_equal(found, 7);
    assert_true(stmt_find_i64(store, find, 8, &found, &err));
    assert_true(found == INT64_MAX);
    assert_true(stmt_run_for(store, "DELETE FROM item WHERE id > ?1", 7, &err));
    assert_true(stmt_find_i64(store, find, 8, &found, &err));
    assert_int_equal(found, 0); /* no row */
    assert_false(stmt_run_for_two(store, add, 7, 3, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(stmt_run_for(store, "DELETE FROM item", 7, &err)); /* there is no ?1 */
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_true(stmt_run_for_bytes(store, "UPDATE item SET body = ?1 WHERE id = ?2",
                                   BYTES_LITERAL("seven"), 7, &err));
    assert_int_equal(query(store, "SELECT length(body) FROM item WHERE id = 7"), 5);
    found = 5;
    assert_false(stmt_find_i64(store, "SELECT 1", 7, &found, &err));
    assert_int_equal(found, 5);
    assert_int_equal(query(store, "SELECT count(*) FROM item WHERE weight = 1"), 1);
}

static void statements_are_cached_and_can_be_used_within_themselves(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const char sql[] = "SELECT ?1";
    struct stmt *outer = stmt_get(store, sql, &err);
    struct stmt *inner = stmt_get(store, sql, &err);
    assert_non_null(outer);
    assert_non_null(inner);
    assert_ptr_not_equal(outer, inner);
    bool row;
    stmt_bind_i64(outer, 1, 1);
    stmt_bind_i64(inner, 1, 2);
    assert_true(stmt_next(outer, &row, &err) && stmt_next(inner, &row, &err));
    assert_int_equal(stmt_i64(outer, 0), 1);
    assert_int_equal(stmt_i64(inner, 0), 2);
    stmt_release(inner);
    stmt_release(outer);
    struct stmt *again = stmt_get(store, sql, &err);
    assert_true(again == outer || again == inner);
    assert_true(stmt_next(again, &row, &err)); /* release has cleared what was bound */
    assert_true(stmt_is_null(again, 0));
    stmt_release(again);
}

static void the_cache_grows_and_tells_texts_at_one_address_apart(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static char texts[2000][20];
    struct stmt *first[ARRAY_LEN(texts)];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            snprintf(texts[i], sizeof(texts[i]), "SELECT %zu", i);
            struct stmt *stmt = stmt_get(store, texts[i], &err);
            bool row;
            assert_true(stmt && stmt_next(stmt, &row, &err) && row);
            assert_int_equal(stmt_i64(stmt, 0), i);
            stmt_release(stmt);
            if (round == 0)
                first[i] = stmt;
            assert_ptr_equal(stmt, first[i]);
        }
    }
    char sql[32] = "SELECT 1";
    assert_int_equal(query(store, sql), 1);
    snprintf(sql, sizeof(sql), "SELECT 2");
    assert_int_equal(query(store, sql), 2);
}

static void a_bug_in_the_sql_is_an_internal_error(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const char *const bugs[] = {"SELEC 1", "SELECT 1; SELECT 2", "", "SELECT \"text\"",
                                       "SELECT load_extension('x')"};
    for (size_t i = 0; i < ARRAY_LEN(bugs); i++) {
        int64_t value;
        assert_false(store_query(store, bugs[i], &value, &err));
        assert_int_equal(err.code, ERR_INTERNAL);
    }
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT ?1;", &err);
    assert_non_null(stmt);
    stmt_bind_i64(stmt, 2, 1);
    assert_false(stmt_run(stmt, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_reader_sees_committed_rows_only_and_cannot_write),
        cmocka_unit_test(undo_takes_back_one_action_of_a_group),
        cmocka_unit_test(a_broken_constraint_is_a_conflict_and_keeps_the_value_to_itself),
        cmocka_unit_test(a_search_that_does_not_parse_keeps_its_words_to_itself),
        cmocka_unit_test(values_come_back_as_they_were_bound),
        cmocka_unit_test(a_whole_statement_is_one_call),
        cmocka_unit_test(statements_are_cached_and_can_be_used_within_themselves),
        cmocka_unit_test(the_cache_grows_and_tells_texts_at_one_address_apart),
        cmocka_unit_test(a_bug_in_the_sql_is_an_internal_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
