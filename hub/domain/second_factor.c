#include "hub/domain/second_factor.h"

#include "hub/crypto/secret.h"
#include "hub/domain/audit.h"
#include <ctype.h>
#include <stdio.h>

#define RANDOM_BYTES 8 /* 13 characters of base32: one more than needed */

struct row {
    bool found;
    int64_t begun_ms, confirmed_ms, last_step;
    uint8_t secret[TOTP_SECRET_BYTES];
};

static struct bytes row_name(int64_t account, char out[32])
{
    snprintf(out, 32, "second factor %lld", (long long)account);
    return bytes_text(out);
}

static bool open_secret(const struct identity *self, int64_t account, struct stmt *stmt,
                        uint8_t ret[TOTP_SECRET_BYTES], struct err *err)
{
    struct data_key key;
    char name[32];
    AUTO(buf_done) struct buf plain = {0};
    if (!identity_unwrap(self, stmt_bytes(stmt, 0), &key, err))
        return false;
    bool ok = data_decrypt(&key, row_name(account, name), stmt_bytes(stmt, 1), &plain, err);
    secret_wipe(&key, sizeof(key));
    if (!ok)
        return false;
    if (plain.len != TOTP_SECRET_BYTES)
        return err_set(err, ERR_IO, "the secret of a second factor is damaged");
    memcpy(ret, plain.data, TOTP_SECRET_BYTES);
    secret_wipe(plain.data, plain.len);
    return true;
}

static bool read_row(struct store *store, const struct identity *self, int64_t account,
                     struct row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT data_key, secret, begun_ms, confirmed_ms, last_step"
                                 " FROM second_factor WHERE account = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = (struct row){.found = row};
    if (!row)
        return true;
    ret->begun_ms = stmt_i64(stmt, 2);
    ret->confirmed_ms = stmt_i64(stmt, 3);
    ret->last_step = stmt_i64(stmt, 4);
    return open_secret(self, account, stmt, ret->secret, err);
}

/* A secret that nobody confirmed in time may have been seen by others since. */
static bool is_waiting(const struct row *row, struct wall now)
{
    return row->found && !row->confirmed_ms && now.ms - row->begun_ms < SECOND_FACTOR_BEGUN_MS;
}

bool second_factor_read(struct store *store, const struct identity *self, int64_t account,
                        struct wall now, struct second_factor *ret, struct err *err)
{
    struct row row;
    int64_t left;
    if (!stmt_find_i64(store, "SELECT COUNT(*) FROM recovery_code WHERE account = ?1", account,
                       &left, err) ||
        !read_row(store, self, account, &row, err))
        return false;
    *ret = (struct second_factor){
        .on = row.confirmed_ms > 0,
        .confirmed_ms = row.confirmed_ms,
        .begun = is_waiting(&row, now),
        .recovery_left = (size_t)left,
    };
    if (ret->begun)
        memcpy(ret->secret, row.secret, sizeof(ret->secret));
    secret_wipe(row.secret, sizeof(row.secret));
    return true;
}

static bool remove_codes(struct tx *tx, int64_t account, struct err *err)
{
    return stmt_run_for(tx->store, "DELETE FROM recovery_code WHERE account = ?1", account, err);
}

static bool clear(struct tx *tx, int64_t account, struct err *err)
{
    return remove_codes(tx, account, err) &&
           stmt_run_for(tx->store, "DELETE FROM second_factor WHERE account = ?1", account, err);
}

bool second_factor_begin(struct tx *tx, int64_t account, struct err *err)
{
    struct row row;
    if (!read_row(tx->store, tx->self, account, &row, err))
        return false;
    secret_wipe(row.secret, sizeof(row.secret));
    if (row.confirmed_ms)
        return err_set(err, ERR_CONFLICT, "the second factor is on already");
    if (is_waiting(&row, tx->now))
        return true;
    if (!clear(tx, account, err))
        return false;
    AUTO(buf_done) struct buf sealed = {0};
    uint8_t secret[TOTP_SECRET_BYTES], wrapped[WRAPPED_KEY_BYTES];
    struct data_key key;
    char name[32];
    random_fill(tx->random, secret, sizeof(secret));
    random_fill(tx->random, key.b, sizeof(key.b));
    identity_wrap(tx->self, tx->random, &key, wrapped);
    data_encrypt(&key, tx->random, row_name(account, name), bytes_of(secret, sizeof(secret)),
                 &sealed);
    secret_wipe(secret, sizeof(secret));
    secret_wipe(&key, sizeof(key));
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO second_factor (account, data_key, secret, begun_ms,"
                                 " confirmed_ms, last_step) VALUES (?1, ?2, ?3, ?4, 0, 0)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_bytes(stmt, 2, bytes_of(wrapped, sizeof(wrapped)));
    stmt_bind_bytes(stmt, 3, buf_bytes(&sealed));
    stmt_bind_i64(stmt, 4, tx->now.ms);
    return stmt_run(stmt, err);
}

/* Recovery codes. */

/* What somebody typed, as it is hashed: base32 without blanks; what looks alike is one. @return
 * false: not as long as a code. */
static bool read_code(const char *text, char ret[RECOVERY_CODE_CHARACTERS + 1])
{
    size_t len = 0;
    for (; *text; text++) {
        char c = (char)tolower((unsigned char)*text);
        if (!isalnum((unsigned char)c)) {
            if (c == ' ' || c == '-')
                continue;
            return false;
        }
        if (len == RECOVERY_CODE_CHARACTERS)
            return false;
        ret[len++] = c == '0' ? 'o' : c == '1' ? 'l' : c == '8' ? 'b' : c;
    }
    ret[len] = '\0';
    return len == RECOVERY_CODE_CHARACTERS;
}

static void hash_code(int64_t account, const char *code, uint8_t ret[32])
{
    char text[96];
    int len = snprintf(text, sizeof(text), "maillon recovery code v1\n%lld\n%s", (long long)account,
                       code);
    digest_sha256(bytes_of(text, (size_t)len), ret);
    secret_wipe(text, sizeof(text));
}

static bool add_code(struct tx *tx, int64_t account, char ret[RECOVERY_CODE_TEXT], struct err *err)
{
    uint8_t random[RANDOM_BYTES], hash[32];
    char text[BASE32_LEN(RANDOM_BYTES) + 1];
    random_fill(tx->random, random, sizeof(random));
    base32_encode(bytes_of(random, sizeof(random)), text);
    text[RECOVERY_CODE_CHARACTERS] = '\0';
    snprintf(ret, RECOVERY_CODE_TEXT, "%.4s %.4s %.4s", text, text + 4, text + 8);
    hash_code(account, text, hash);
    secret_wipe(random, sizeof(random));
    secret_wipe(text, sizeof(text));
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "INSERT INTO recovery_code (hash, account) VALUES (?1, ?2)", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, account);
    return stmt_run(stmt, err);
}

static bool make_codes(struct tx *tx, int64_t account,
                       char ret_codes[RECOVERY_CODES][RECOVERY_CODE_TEXT], struct err *err)
{
    if (!remove_codes(tx, account, err))
        return false;
    for (size_t i = 0; i < RECOVERY_CODES; i++)
        if (!add_code(tx, account, ret_codes[i], err))
            return false;
    return true;
}

static bool use_recovery_code(struct tx *tx, int64_t account, const char *code, struct err *err)
{
    uint8_t hash[32];
    hash_code(account, code, hash);
    AUTO(stmt_release)
    struct stmt *find =
        stmt_get(tx->store, "SELECT 1 FROM recovery_code WHERE hash = ?1 AND account = ?2", err);
    AUTO(stmt_release)
    struct stmt *use =
        stmt_get(tx->store, "DELETE FROM recovery_code WHERE hash = ?1 AND account = ?2", err);
    if (!find || !use)
        return false;
    bool row;
    stmt_bind_bytes(find, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(find, 2, account);
    if (!stmt_next(find, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_INVALID, "the code is wrong");
    stmt_bind_bytes(use, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(use, 2, account);
    return stmt_run(use, err);
}

/* Codes. */

/* Six digits of `row`, and never again these or earlier ones. */
static bool use_digits(struct tx *tx, int64_t account, const struct row *row, const char *code,
                       struct err *err)
{
    int64_t step;
    if (!totp_check(bytes_of(row->secret, sizeof(row->secret)), code, tx->now, row->last_step,
                    &step))
        return err_set(err, ERR_INVALID, "the code is wrong");
    return stmt_run_for_two(tx->store, "UPDATE second_factor SET last_step = ?2 WHERE account = ?1",
                            account, step, err);
}

bool second_factor_confirm(struct tx *tx, const char *actor, int64_t account, const char *code,
                           char ret_codes[RECOVERY_CODES][RECOVERY_CODE_TEXT], struct err *err)
{
    struct row row;
    if (!read_row(tx->store, tx->self, account, &row, err))
        return false;
    if (!is_waiting(&row, tx->now))
        return err_set(err, ERR_CONFLICT, "no second factor was begun: start again");
    bool ok = use_digits(tx, account, &row, code, err);
    secret_wipe(row.secret, sizeof(row.secret));
    if (!ok)
        return false;
    return stmt_run_for_two(tx->store,
                            "UPDATE second_factor SET confirmed_ms = ?2 WHERE account = ?1",
                            account, tx->now.ms, err) &&
           make_codes(tx, account, ret_codes, err) &&
           audit_add(tx, actor, "account.second-factor-on", NULL, err);
}

bool second_factor_check(struct tx *tx, int64_t account, const char *code, struct err *err)
{
    struct row row;
    char recovery[RECOVERY_CODE_CHARACTERS + 1];
    if (!read_row(tx->store, tx->self, account, &row, err))
        return false;
    if (!row.confirmed_ms)
        return err_set(err, ERR_CONFLICT, "this account has no second factor");
    bool ok = read_code(code, recovery) ? use_recovery_code(tx, account, recovery, err)
                                        : use_digits(tx, account, &row, code, err);
    secret_wipe(row.secret, sizeof(row.secret));
    return ok;
}

bool second_factor_new_codes(struct tx *tx, const char *actor, int64_t account,
                             char ret_codes[RECOVERY_CODES][RECOVERY_CODE_TEXT], struct err *err)
{
    return make_codes(tx, account, ret_codes, err) &&
           audit_add(tx, actor, "account.recovery-codes", NULL, err);
}

bool second_factor_remove(struct tx *tx, const char *actor, int64_t account, struct err *err)
{
    int64_t confirmed_ms;
    /* Without opening it: this is also the way out when the hub's key is another one. */
    return stmt_find_i64(tx->store, "SELECT confirmed_ms FROM second_factor WHERE account = ?1",
                         account, &confirmed_ms, err) &&
           clear(tx, account, err) &&
           (confirmed_ms <= 0 || audit_add(tx, actor, "account.second-factor-off", NULL, err));
}
