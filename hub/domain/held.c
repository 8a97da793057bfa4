#include "hub/domain/held.h"

#include "hub/base/text.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"
#include <stdio.h>

#define TOKEN_BYTES     16
#define PUT_OFF_MS      30000
#define SENT_KEPT_MS    (86400 * 1000LL)
#define STOPPED_KEPT_MS (7 * 86400 * 1000LL)
#define LOOK_MS         (3600 * 1000LL)
#define ID_MARK         "{id}"

#define COLUMNS \
    "id, token, account, method, state, created_ms, due_ms, onward, problem, problem_text"

/* ---- what is sealed ---- */

enum { FIELD_REQUEST = 1, FIELD_FORM, FIELD_BACK, FIELD_ONWARD };

static void add_part(struct buf *out, uint32_t number, const char *text)
{
    struct bytes part = bytes_text(text);
    uint8_t *at = buf_reserve(out, field_bytes_len(number, part.len));
    out->len += (size_t)(field_put_bytes(at, number, part) - at);
}

static void seal(struct tx *tx, const char *token, const struct held_content *content,
                 uint8_t wrapped[WRAPPED_KEY_BYTES], struct buf *out)
{
    AUTO(buf_done) struct buf plain = {0};
    struct data_key key;
    add_part(&plain, FIELD_REQUEST, content->request);
    add_part(&plain, FIELD_FORM, content->form);
    add_part(&plain, FIELD_BACK, content->back);
    add_part(&plain, FIELD_ONWARD, content->onward);
    random_fill(tx->random, key.b, sizeof(key.b));
    identity_wrap(tx->self, tx->random, &key, wrapped);
    data_encrypt(&key, tx->random, bytes_text(token), buf_bytes(&plain), out);
    secret_wipe(&key, sizeof(key));
    secret_wipe(plain.data, plain.len);
}

static void read_parts(struct arena *arena, struct bytes plain, struct held_content *ret)
{
    struct field_reader reader = field_reader(plain);
    struct field field;
    *ret = (struct held_content){"", "", "", ""};
    const char **const parts[] = {
        [FIELD_REQUEST] = &ret->request,
        [FIELD_FORM] = &ret->form,
        [FIELD_BACK] = &ret->back,
        [FIELD_ONWARD] = &ret->onward,
    };
    while (field_next(&reader, &field))
        if (field.number >= FIELD_REQUEST && field.number <= FIELD_ONWARD && field.bytes.len)
            *parts[field.number] =
                arena_textn(arena, (const char *)field.bytes.data, field.bytes.len);
}

/* ---- rows ---- */

static void read_row(struct arena *arena, struct stmt *stmt, struct held *ret)
{
    *ret = (struct held){
        .id = stmt_i64(stmt, 0),
        .account = stmt_i64(stmt, 2),
        .method = arena_text(arena, stmt_text(stmt, 3)),
        .state = (enum held_state)stmt_i64(stmt, 4),
        .created_ms = stmt_i64(stmt, 5),
        .due_ms = stmt_i64(stmt, 6),
        .onward = arena_text(arena, stmt_text(stmt, 7)),
        .problem = {.code = (enum err_code)stmt_i64(stmt, 8)},
    };
    text_copy(ret->token, sizeof(ret->token), stmt_text(stmt, 1));
    text_copy(ret->problem.msg, sizeof(ret->problem.msg), stmt_text(stmt, 9));
}

static bool read_content(struct store *store, struct arena *arena, int64_t id,
                         struct bytes *ret_sealed, struct bytes *ret_key, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT content, content_key FROM held WHERE id = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what is held");
    if (!row || stmt_is_null(stmt, 1))
        return err_set(err, ERR_CONFLICT, "this was sent already");
    *ret_sealed = arena_bytes(arena, stmt_bytes(stmt, 0));
    *ret_key = arena_bytes(arena, stmt_bytes(stmt, 1));
    return true;
}

bool held_open(struct store *store, struct arena *arena, const struct identity *self,
               const struct held *held, struct held_content *ret, struct err *err)
{
    struct data_key key;
    struct buf plain = {0};
    struct bytes sealed, wrapped;
    if (!read_content(store, arena, held->id, &sealed, &wrapped, err))
        return false;
    if (!identity_unwrap(self, wrapped, &key, err))
        return err_wrap(err, "open what is held");
    bool opened = data_decrypt(&key, bytes_text(held->token), sealed, &plain, err);
    secret_wipe(&key, sizeof(key));
    if (opened)
        read_parts(arena, buf_bytes(&plain), ret);
    secret_wipe(plain.data, plain.len);
    buf_done(&plain);
    return opened || err_wrap(err, "open what is held");
}

bool held_get(struct store *store, struct arena *arena, int64_t account, const char *token,
              struct held *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " COLUMNS " FROM held WHERE token = ?1 AND account = ?2", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, token);
    stmt_bind_i64(stmt, 2, account);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what is held");
    if (!row)
        return err_set(err, ERR_UNKNOWN, "there is nothing held under this name any more");
    read_row(arena, stmt, ret);
    return true;
}

bool held_list(struct store *store, struct arena *arena, int64_t account, bool with_dropped,
               struct held **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM held WHERE (account = ?1 AND state IN "
                                 "(0, 2)) OR (?2 AND state = 3) ORDER BY state = 3, id LIMIT ?3",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, with_dropped);
    stmt_bind_i64(stmt, 3, 2 * HELD_OPEN_MAX);
    struct held *list = arena_alloc(arena, 2 * HELD_OPEN_MAX * sizeof(*list));
    size_t count = 0;
    while (stmt_next(stmt, &row, err)) {
        if (!row) {
            *ret = list;
            *ret_count = count;
            return true;
        }
        read_row(arena, stmt, &list[count++]);
    }
    return err_wrap(err, "list what is held");
}

/* A form that is pressed twice is one. */
static bool find_same(struct tx *tx, int64_t account, const char *method, const char *request,
                      bool *ret_found, struct held *ret, size_t *ret_open, struct err *err)
{
    struct held *list;
    *ret_found = false;
    if (!held_list(tx->store, tx->arena, account, false, &list, ret_open, err))
        return false;
    for (size_t i = 0; i < *ret_open && !*ret_found; i++) {
        struct held_content content;
        if (list[i].state != HELD_WAITING || strcmp(list[i].method, method) != 0)
            continue;
        if (!held_open(tx->store, tx->arena, tx->self, &list[i], &content, err))
            return false;
        *ret_found = strcmp(content.request, request) == 0;
        *ret = list[i];
    }
    return true;
}

bool held_add(struct tx *tx, int64_t account, struct bytes session, const char *method,
              const struct held_content *content, struct wall due, struct held *ret,
              struct err *err)
{
    AUTO(buf_done) struct buf sealed = {0};
    uint8_t random[TOKEN_BYTES], wrapped[WRAPPED_KEY_BYTES];
    bool found;
    size_t open;
    if (strlen(content->request) > HELD_FORM_MAX || strlen(content->form) > HELD_FORM_MAX)
        return err_set(err, ERR_LIMIT, "what was typed is longer than %d bytes", HELD_FORM_MAX);
    if (!find_same(tx, account, method, content->request, &found, ret, &open, err) || found)
        return found;
    if (open >= HELD_OPEN_MAX)
        return err_set(err, ERR_LIMIT, "%d of your sendings wait or could not be sent: clear them",
                       HELD_OPEN_MAX);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO held (token, account, method, state, created_ms, "
                                 "due_ms, content, content_key, onward, problem, problem_text, "
                                 "session) "
                                 "VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, '', 0, '', ?8)",
                                 err);
    if (!stmt)
        return false;
    *ret = (struct held){.account = account,
                         .method = method,
                         .created_ms = tx->now.ms,
                         .due_ms = due.ms,
                         .onward = ""};
    random_fill(tx->random, random, sizeof(random));
    hex_encode(bytes_of(random, sizeof(random)), ret->token);
    seal(tx, ret->token, content, wrapped, &sealed);
    stmt_bind_text(stmt, 1, ret->token);
    stmt_bind_i64(stmt, 2, account);
    stmt_bind_text(stmt, 3, method);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    stmt_bind_i64(stmt, 5, due.ms);
    stmt_bind_bytes(stmt, 6, buf_bytes(&sealed));
    stmt_bind_bytes(stmt, 7, bytes_of(wrapped, sizeof(wrapped)));
    if (session.len > 0)
        stmt_bind_bytes(stmt, 8, session);
    else
        stmt_bind_null(stmt, 8);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "hold a sending");
    ret->id = store_last_id(tx->store);
    tx_effect(tx, EFFECT_HELD, NULL, due.ms);
    return true;
}

/* ---- what becomes of it ---- */

/* What is over goes; one statement, since nothing of it is told. */
static bool clear_old(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM held WHERE state <> 0 AND due_ms <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "clear what was held");
    if (store_changes(tx->store) > 0)
        store_scrub(tx->store);
    return true;
}

/* Nothing waits longer, unless the clock has gone back. */
static bool bring_near(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE held SET due_ms = ?1 WHERE state = 0 AND due_ms > ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms + HELD_SECONDS_MAX * 1000LL);
    return stmt_run(stmt, err) || err_wrap(err, "bring near what is held");
}

bool held_next(struct tx *tx, bool *ret_found, struct held *ret, struct wall *ret_next,
               struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT " COLUMNS " FROM held WHERE state = 0 ORDER BY due_ms, id LIMIT 1", err);
    bool row;
    if (!stmt || !clear_old(tx, err) || !bring_near(tx, err))
        return false;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find what is due");
    ret_next->ms = tx->now.ms + LOOK_MS;
    if (row) {
        read_row(tx->arena, stmt, ret);
        if (ret->due_ms < ret_next->ms)
            ret_next->ms = ret->due_ms;
    }
    *ret_found = row && ret->due_ms <= tx->now.ms;
    return true;
}

/* From waiting or stopped, to a state without content. */
static bool close_row(struct tx *tx, const struct held *held, enum held_state state,
                      const char *onward, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE held SET state = ?1, content = NULL, content_key = NULL, "
                                 "session = NULL, onward = ?2, due_ms = ?3, problem = 0, "
                                 "problem_text = '' "
                                 "WHERE id = ?4 AND state IN (0, 2)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, state);
    stmt_bind_text(stmt, 2, onward);
    stmt_bind_i64(stmt, 3, tx->now.ms + SENT_KEPT_MS);
    stmt_bind_i64(stmt, 4, held->id);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "close what was held");
    if (store_changes(tx->store) != 1)
        return err_set(err, ERR_CONFLICT, "this was sent already");
    store_scrub(tx->store);
    return true;
}

bool held_sent(struct tx *tx, const struct held *held, const struct held_content *content,
               const char *answer_id, struct err *err)
{
    const char *mark = strstr(content->onward, ID_MARK);
    const char *onward = content->onward;
    if (mark)
        onward = arena_printf(tx->arena, "%.*s%s%s", (int)(mark - onward), onward, answer_id,
                              mark + strlen(ID_MARK));
    return close_row(tx, held, HELD_SENT, onward, err);
}

bool held_dropped(struct tx *tx, const struct held *held, struct err *err)
{
    return close_row(tx, held, HELD_DROPPED, "", err);
}

static bool set_row(struct tx *tx, const struct held *held, enum held_state state, int64_t due_ms,
                    const struct err *why, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE held SET state = ?1, due_ms = ?2, problem = ?3, "
                                 "problem_text = ?4 WHERE id = ?5 AND state = 0",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, state);
    stmt_bind_i64(stmt, 2, due_ms);
    stmt_bind_i64(stmt, 3, why ? (int64_t)why->code : 0);
    stmt_bind_text(stmt, 4, why ? why->msg : "");
    stmt_bind_i64(stmt, 5, held->id);
    return stmt_run(stmt, err) || err_wrap(err, "note what could not be sent");
}

bool held_stopped(struct tx *tx, const struct held *held, const struct err *why, struct err *err)
{
    return set_row(tx, held, HELD_STOPPED, tx->now.ms + STOPPED_KEPT_MS, why, err) &&
           tx_event(tx, "held", held->token, "stopped", err);
}

static bool list_ended(struct tx *tx, int64_t account, struct held *ret, size_t *ret_count,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT " COLUMNS " FROM held WHERE account = ?1 AND state = 0 "
                                 "AND session IS NOT NULL AND session NOT IN "
                                 "(SELECT hash FROM token WHERE account = ?1) LIMIT ?2",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, HELD_OPEN_MAX);
    while (stmt_next(stmt, &row, err)) {
        if (!row)
            return true;
        read_row(tx->arena, stmt, &ret[(*ret_count)++]);
    }
    return err_wrap(err, "find what ended sessions sent");
}

bool held_stop_ended(struct tx *tx, int64_t account, struct err *err)
{
    struct held list[HELD_OPEN_MAX];
    size_t count = 0;
    struct err why = {0};
    err_set(&why, ERR_CONFLICT, "the session that sent this was ended before it went");
    if (!list_ended(tx, account, list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!held_stopped(tx, &list[i], &why, err))
            return false;
    return true;
}

bool held_put_off(struct tx *tx, const struct held *held, struct err *err)
{
    return set_row(tx, held, HELD_WAITING, tx->now.ms + PUT_OFF_MS, NULL, err);
}

bool held_undo(struct tx *tx, const struct held *held, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM held WHERE id = ?1 AND state IN (0, 2)", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, held->id);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "take back what was held");
    if (store_changes(tx->store) != 1)
        return err_set(err, ERR_CONFLICT, "this was sent already");
    store_scrub(tx->store);
    return true;
}
