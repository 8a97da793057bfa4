#include "hub/domain/last_answer.h"

#include "hub/base/text.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"

#define KEPT_MS (90 * 86400 * 1000LL)

static const struct bytes binding = {(const uint8_t *)"last answer", 11};

static void add_part(struct buf *out, uint32_t number, const char *text)
{
    struct bytes part = bytes_text(text ? text : "");
    uint8_t *at = buf_reserve(out, field_bytes_len(number, part.len));
    out->len += (size_t)(field_put_bytes(at, number, part) - at);
}

/* A word of the name, in any writing, anywhere. */
static bool speaks_of(struct arena *arena, const char *text, const char *person)
{
    const char *folded = text_fold(arena, bytes_text(text)), *words;
    const char *name = text_fold(arena, bytes_text(person ? person : ""));
    words = folded ? arena_printf(arena, " %s ", folded) : "";
    for (const char *at = name ? name : ""; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        if (strstr(words, arena_printf(arena, " %.*s ", (int)len, at)))
            return true;
        at += len;
    }
    return text_personal_data(bytes_text(text)) != NULL;
}

bool last_answer_keep(struct tx *tx, int64_t account, const struct last_answer *answer,
                      const char *person, struct err *err)
{
    AUTO(buf_done) struct buf plain = {0}, sealed = {0};
    uint8_t wrapped[WRAPPED_KEY_BYTES];
    struct data_key key;
    if (!account)
        return true; /* the operator of the machine */
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO last_answer (account, at_ms, content, content_key) "
                                 "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account) DO UPDATE SET "
                                 "at_ms = excluded.at_ms, content = excluded.content, "
                                 "content_key = excluded.content_key",
                                 err);
    if (!stmt)
        return false;
    const char *step = answer->next_step ? answer->next_step : "";
    add_part(&plain, 1, answer->contact_name);
    add_part(&plain, 2, answer->contact_phone);
    add_part(&plain, 3, speaks_of(tx->arena, step, person) ? "" : step);
    random_fill(tx->random, key.b, sizeof(key.b));
    identity_wrap(tx->self, tx->random, &key, wrapped);
    data_encrypt(&key, tx->random, binding, buf_bytes(&plain), &sealed);
    secret_wipe(&key, sizeof(key));
    secret_wipe(plain.data, plain.len);
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, tx->now.ms);
    stmt_bind_bytes(stmt, 3, buf_bytes(&sealed));
    stmt_bind_bytes(stmt, 4, bytes_of(wrapped, sizeof(wrapped)));
    return stmt_run(stmt, err) || err_wrap(err, "keep the last answer");
}

static void read_parts(struct arena *arena, struct bytes plain, struct last_answer *ret)
{
    struct field_reader reader = field_reader(plain);
    struct field field;
    while (field_next(&reader, &field)) {
        const char *text = arena_textn(arena, field.bytes.data, field.bytes.len);
        if (field.number == 1)
            ret->contact_name = text;
        else if (field.number == 2)
            ret->contact_phone = text;
        else if (field.number == 3)
            ret->next_step = text;
    }
}

bool last_answer_get(struct store *store, struct arena *arena, const struct identity *self,
                     int64_t account, struct wall now, struct last_answer *ret, struct err *err)
{
    AUTO(buf_done) struct buf plain = {0};
    struct data_key key;
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT content, content_key FROM last_answer "
                                 "WHERE account = ?1 AND at_ms > ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, now.ms - KEPT_MS);
    *ret = (struct last_answer){"", "", ""};
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read the last answer");
    if (!row)
        return true;
    if (!identity_unwrap(self, stmt_bytes(stmt, 1), &key, err))
        return err_wrap(err, "open the last answer");
    bool opened = data_decrypt(&key, binding, stmt_bytes(stmt, 0), &plain, err);
    secret_wipe(&key, sizeof(key));
    if (opened)
        read_parts(arena, buf_bytes(&plain), ret);
    secret_wipe(plain.data, plain.len);
    return opened || err_wrap(err, "open the last answer");
}

bool last_answer_forget(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM last_answer WHERE at_ms <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms - KEPT_MS);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "forget old answers");
    if (store_changes(tx->store) > 0)
        store_scrub(tx->store);
    return true;
}
