#include "hub/domain/last_answer.h"

#include "hub/base/text.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

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

static bool is_one_of(const char *word, size_t len, const char *list)
{
    char spaced[24];
    return len + 3 <= sizeof(spaced) &&
           snprintf(spaced, sizeof(spaced), " %.*s ", (int)len, word) > 0 && strstr(list, spaced);
}

/* 1 to 31, "1er", "2nd". */
static bool is_day_number(const char *word, size_t len)
{
    size_t digits = strspn(word, "0123456789");
    return digits > 0 && digits <= 2 && digits <= len && atoi(word) >= 1 && atoi(word) <= 31 &&
           (digits == len || is_one_of(word + digits, len - digits, " er st nd rd th "));
}

/* "24/11", "24.11.2026" */
static bool has_short_date(const char *text)
{
    for (const char *at = text; (at = strpbrk(at, "/.")); at++)
        if (at > text && isdigit((unsigned char)at[-1]) && isdigit((unsigned char)at[1]))
            return true;
    return false;
}

/* A certain day, in French or English: "mardi 24", "24 novembre", "demain". "Le mardi" is a habit
 * and names none. */
static bool names_a_day(struct arena *arena, const char *text)
{
    static const char weekdays[] = " lundi mardi mercredi jeudi vendredi samedi dimanche"
                                   " monday tuesday wednesday thursday friday saturday sunday ";
    static const char months[] = " janvier fevrier mars avril mai juin juillet aout septembre"
                                 " octobre novembre decembre january february march april may june"
                                 " july august september october november december ";
    static const char days[] = " demain aujourd tomorrow today tonight ";
    const char *folded = text_fold(arena, bytes_text(text));
    enum { OTHER, WEEKDAY, MONTH, NUMBER } before = OTHER, kind;
    for (const char *at = folded ? folded : ""; *at; at += strspn(at, " "), before = kind) {
        size_t len = strcspn(at, " ");
        kind = is_one_of(at, len, weekdays) ? WEEKDAY
               : is_one_of(at, len, months) ? MONTH
               : is_day_number(at, len)     ? NUMBER
                                            : OTHER;
        if (is_one_of(at, len, days) || (before == NUMBER && kind == MONTH) ||
            (kind == NUMBER && (before == WEEKDAY || before == MONTH)))
            return true;
        at += len;
    }
    return has_short_date(text);
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
    bool is_theirs = speaks_of(tx->arena, step, person) || names_a_day(tx->arena, step);
    add_part(&plain, 3, is_theirs ? "" : step);
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
