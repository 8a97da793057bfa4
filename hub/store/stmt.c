#include "hub/store/stmt.h"

#include "hub/base/mem.h"
#include "hub/store/store_internal.h"

#include <assert.h>
#include <stdlib.h>

enum stmt_state {
    STMT_READY, /* at the start */
    STMT_ROW,   /* on a row */
    STMT_DONE,  /* past the last row, already reset */
};

struct stmt {
    struct store *store;
    sqlite3_stmt *handle;
    char *sql;         /* copy: tells two texts at one address apart when it was no literal */
    struct stmt *next; /* the same text once more, for callers that use it within itself */
    int bind_rc;       /* first failed bind */
    enum stmt_state state;
    bool lent, bound;
};

static size_t home_of(const struct store *store, const char *key)
{
    uint64_t hash = (uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */
    return (size_t)(hash >> 32) & (store->slot_count - 1);
}

/* The slot of this text, or the free one where it belongs. */
static struct stmt_slot *slot_of(struct store *store, const char *sql)
{
    size_t i = home_of(store, sql);
    while (store->slots[i].key &&
           !(store->slots[i].key == sql && strcmp(store->slots[i].stmt->sql, sql) == 0))
        i = (i + 1) & (store->slot_count - 1);
    return &store->slots[i];
}

static void cache_grow(struct store *store)
{
    struct stmt_slot *old = store->slots;
    size_t old_count = store->slot_count;
    store->slot_count = old_count ? old_count * 2 : 128;
    store->slots = mem_alloc(store->slot_count * sizeof(*store->slots));
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].key) {
            size_t at = home_of(store, old[i].key);
            while (store->slots[at].key)
                at = (at + 1) & (store->slot_count - 1);
            store->slots[at] = old[i];
        }
    }
    free(old);
}

static struct stmt *stmt_create(struct store *store, const char *sql, struct err *err)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
    if (rc == SQLITE_ERROR) { /* the text is a literal of ours: its message holds no value */
        err_set(err, ERR_INTERNAL, "%s in \"%.120s\"", sqlite3_errmsg(store->db), sql);
        return NULL;
    }
    if (rc != SQLITE_OK) {
        store_error(store, rc, sql, err);
        return NULL;
    }
    if (!handle || tail[strspn(tail, " \n\t;")] != '\0') {
        sqlite3_finalize(handle);
        err_set(err, ERR_INTERNAL, "not exactly one statement in \"%.120s\"", sql);
        return NULL;
    }
    struct stmt *stmt = mem_alloc(sizeof(*stmt));
    stmt->store = store;
    stmt->handle = handle;
    stmt->sql = mem_text(sql);
    return stmt;
}

struct stmt *stmt_get(struct store *store, const char *sql, struct err *err)
{
    if (store->slot_used * 2 >= store->slot_count)
        cache_grow(store);
    struct stmt_slot *slot = slot_of(store, sql);
    struct stmt *stmt = slot->stmt;
    while (stmt && stmt->lent)
        stmt = stmt->next;
    if (!stmt) {
        stmt = stmt_create(store, sql, err);
        if (!stmt)
            return NULL;
        store->slot_used += !slot->key;
        stmt->next = slot->stmt;
        *slot = (struct stmt_slot){.key = sql, .stmt = stmt};
    }
    stmt->lent = true;
    return stmt;
}

void stmt_reset(struct stmt *stmt)
{
    if (stmt->state == STMT_ROW)
        sqlite3_reset(stmt->handle);
    stmt->state = STMT_READY;
}

void stmt_release(struct stmt *stmt)
{
    if (!stmt)
        return;
    assert(stmt->lent);
    stmt_reset(stmt);
    if (stmt->bound)
        sqlite3_clear_bindings(stmt->handle);
    stmt->bound = false;
    stmt->bind_rc = SQLITE_OK;
    stmt->lent = false;
}

void stmt_cache_done(struct store *store)
{
    for (size_t i = 0; i < store->slot_count; i++) {
        for (struct stmt *stmt = store->slots[i].stmt, *next; stmt; stmt = next) {
            next = stmt->next;
            sqlite3_finalize(stmt->handle);
            free(stmt->sql);
            free(stmt);
        }
    }
    free(store->slots);
    store->slots = NULL;
    store->slot_count = store->slot_used = 0;
}

static void bind_start(struct stmt *stmt)
{
    stmt_reset(stmt);
    stmt->bound = true;
}

static void bind_end(struct stmt *stmt, int rc)
{
    if (rc != SQLITE_OK && stmt->bind_rc == SQLITE_OK)
        stmt->bind_rc = rc;
}

void stmt_bind_i64(struct stmt *stmt, int index, int64_t value)
{
    bind_start(stmt);
    bind_end(stmt, sqlite3_bind_int64(stmt->handle, index, value));
}

void stmt_bind_f64(struct stmt *stmt, int index, double value)
{
    bind_start(stmt);
    bind_end(stmt, sqlite3_bind_double(stmt->handle, index, value));
}

void stmt_bind_text(struct stmt *stmt, int index, const char *text)
{
    bind_start(stmt);
    sqlite3_uint64 len = text ? strlen(text) : 0;
    bind_end(stmt, sqlite3_bind_text64(stmt->handle, index, text, len, SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_bind_bytes(struct stmt *stmt, int index, struct bytes bytes)
{
    bind_start(stmt);
    bind_end(stmt, sqlite3_bind_blob64(stmt->handle, index, bytes.data, bytes.len, SQLITE_STATIC));
}

void stmt_bind_null(struct stmt *stmt, int index)
{
    bind_start(stmt);
    bind_end(stmt, sqlite3_bind_null(stmt->handle, index));
}

/* One sqlite3_step(); afterwards the statement holds a lock only while it is on a row. */
static bool step(struct stmt *stmt, int *ret_rc, struct err *err)
{
    if (stmt->bind_rc != SQLITE_OK)
        return store_error(stmt->store, stmt->bind_rc, stmt->sql, err);
    if (!store_is_usable(stmt->store, err))
        return false;
    int rc = sqlite3_step(stmt->handle);
    if (rc == SQLITE_ROW) {
        stmt->state = STMT_ROW;
        *ret_rc = rc;
        return true;
    }
    if (rc != SQLITE_DONE)
        store_error(stmt->store, rc, stmt->sql, err);
    sqlite3_reset(stmt->handle);
    stmt->state = rc == SQLITE_DONE ? STMT_DONE : STMT_READY;
    *ret_rc = rc;
    return rc == SQLITE_DONE;
}

bool stmt_run(struct stmt *stmt, struct err *err)
{
    stmt_reset(stmt);
    int rc = SQLITE_ROW;
    while (rc == SQLITE_ROW)
        if (!step(stmt, &rc, err))
            return false;
    stmt->state = STMT_READY;
    return true;
}

bool stmt_next(struct stmt *stmt, bool *ret_row, struct err *err)
{
    int rc = SQLITE_DONE;
    if (stmt->state != STMT_DONE && !step(stmt, &rc, err))
        return false;
    *ret_row = rc == SQLITE_ROW;
    return true;
}

int64_t stmt_i64(struct stmt *stmt, int column)
{
    assert(stmt->state == STMT_ROW);
    return sqlite3_column_int64(stmt->handle, column);
}

double stmt_f64(struct stmt *stmt, int column)
{
    assert(stmt->state == STMT_ROW);
    return sqlite3_column_double(stmt->handle, column);
}

const char *stmt_text(struct stmt *stmt, int column)
{
    assert(stmt->state == STMT_ROW);
    return (const char *)sqlite3_column_text(stmt->handle, column);
}

struct bytes stmt_bytes(struct stmt *stmt, int column)
{
    assert(stmt->state == STMT_ROW);
    const void *data = sqlite3_column_blob(stmt->handle, column);
    size_t len = (size_t)sqlite3_column_bytes(stmt->handle, column);
    if (!data && sqlite3_column_type(stmt->handle, column) != SQLITE_NULL)
        data = ""; /* sqlite lends NULL for an empty blob; NULL here means SQL NULL */
    return bytes_of(data, len);
}

bool stmt_is_null(struct stmt *stmt, int column)
{
    assert(stmt->state == STMT_ROW);
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}

bool stmt_copy(struct stmt *stmt, int column, void *out, size_t len)
{
    struct bytes value = stmt_bytes(stmt, column);
    if (value.len != len) {
        memset(out, 0, len);
        return false;
    }
    if (len)
        memcpy(out, value.data, len);
    return true;
}

bool stmt_run_for(struct store *store, const char *sql, int64_t number, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, number);
    return stmt_run(stmt, err);
}

bool stmt_run_for_two(struct store *store, const char *sql, int64_t first, int64_t second,
                      struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    stmt_bind_i64(stmt, 2, second);
    return stmt_run(stmt, err);
}

bool stmt_run_for_bytes(struct store *store, const char *sql, struct bytes bytes, int64_t number,
                        struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes);
    stmt_bind_i64(stmt, 2, number);
    return stmt_run(stmt, err);
}

bool stmt_find_i64(struct store *store, const char *sql, int64_t number, int64_t *ret,
                   struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, number);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}
