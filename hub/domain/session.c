#include "hub/domain/session.h"

#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/held.h"
#include <ctype.h>

#define DAY_MS (24 * 3600 * 1000LL)

static bool remove_expired(struct tx *tx, struct err *err)
{
    return stmt_run_for(tx->store, "DELETE FROM token WHERE expires_ms <= ?1", tx->now.ms, err);
}

/* Room for one more: an account keeps its newest sessions. */
static bool trim_sessions(struct tx *tx, int64_t account, struct err *err)
{
    return stmt_run_for_two(
        tx->store,
        "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE account = ?1"
        " AND kind = 'session' ORDER BY renewed_ms DESC, id DESC LIMIT 1000 OFFSET ?2)",
        account, SESSIONS_PER_ACCOUNT - 1, err);
}

static bool add(struct tx *tx, int64_t account, const char *kind, const char *label,
                const uint8_t hash[32], int64_t expires_ms, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO token (hash, account, kind, label, created_ms, renewed_ms, expires_ms)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, 32));
    stmt_bind_i64(stmt, 2, account);
    stmt_bind_text(stmt, 3, kind);
    stmt_bind_text(stmt, 4, label);
    stmt_bind_i64(stmt, 5, tx->now.ms);
    stmt_bind_i64(stmt, 6, expires_ms);
    return stmt_run(stmt, err);
}

bool session_check_browser(const char *browser, struct err *err)
{
    size_t blanks = 0, len = strlen(browser);
    for (const char *at = browser; *at; at++) {
        blanks += *at == ' ';
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != ' ')
            return err_set(err, ERR_INVALID, "a browser is told in two words");
    }
    return (len < SESSION_BROWSER_SIZE && blanks < 2) ||
           err_set(err, ERR_INVALID, "a browser is told in two words");
}

bool session_open(struct tx *tx, int64_t account, const char *browser, char ret_token[TOKEN_TEXT],
                  struct wall *ret_expires, struct err *err)
{
    uint8_t hash[32];
    struct wall expires = {tx->now.ms + SESSION_LIFETIME_MS};
    if (!session_check_browser(browser, err) || !remove_expired(tx, err) ||
        !trim_sessions(tx, account, err))
        return false;
    token_create(tx->random, ret_token, hash);
    if (!add(tx, account, "session", browser, hash, expires.ms, err) ||
        !account_seen(tx, account, err))
        return false;
    *ret_expires = expires;
    return true;
}

bool session_add_token(struct tx *tx, const char *actor, int64_t account, const char *label,
                       unsigned days, char ret_token[TOKEN_TEXT], struct wall *ret_expires,
                       struct err *err)
{
    if (days < 1 || days > TOKEN_DAYS_MAX)
        return err_set(err, ERR_INVALID, "a token lives 1 to %d days", TOKEN_DAYS_MAX);
    struct bytes text = bytes_text(label);
    if (text.len > TOKEN_LABEL_MAX || !text_is_valid(text))
        return err_set(err, ERR_INVALID, "a label is text of at most %d bytes", TOKEN_LABEL_MAX);
    int64_t count;
    if (!remove_expired(tx, err) ||
        !stmt_find_i64(tx->store,
                       "SELECT COUNT(*) FROM token WHERE account = ?1 AND kind = 'token'", account,
                       &count, err))
        return false;
    if (count >= TOKENS_PER_ACCOUNT)
        return err_set(err, ERR_LIMIT, "an account has at most %d tokens", TOKENS_PER_ACCOUNT);
    uint8_t hash[32];
    struct wall expires = {tx->now.ms + days * DAY_MS};
    token_create(tx->random, ret_token, hash);
    if (!add(tx, account, "token", label, hash, expires.ms, err) ||
        !audit_add(tx, actor, "token.add", NULL, err))
        return false;
    *ret_expires = expires;
    return true;
}

/* The row of a token that still lasts: ?1 is its hash, ?2 now. ERR_UNSIGNED with `gone`: none. */
static bool find_lasting(struct stmt *stmt, const uint8_t hash[32], struct wall now,
                         const char *gone, struct err *err)
{
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, 32));
    stmt_bind_i64(stmt, 2, now.ms);
    return stmt_next(stmt, &row, err) && (row || err_set(err, ERR_UNSIGNED, "%s", gone));
}

bool session_authenticate(struct store *store, const char *bearer, struct wall now,
                          struct account *ret, bool *ret_renew, struct err *err)
{
    uint8_t hash[32];
    token_hash(bearer, hash);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT a.id, a.name, a.roles, a.created_ms, a.last_seen_ms, t.kind, t.renewed_ms,"
                 " (SELECT COUNT(*) FROM second_factor f WHERE f.account = a.id"
                 " AND f.confirmed_ms > 0), t.created_ms"
                 " FROM token t JOIN account a ON a.id = t.account"
                 " WHERE t.hash = ?1 AND t.expires_ms > ?2 AND a.disabled = 0",
                 err);
    if (!find_lasting(stmt, hash, now, "the session is over or the token is not known", err))
        return false;
    *ret = (struct account){
        .id = stmt_i64(stmt, 0),
        .roles = (unsigned)stmt_i64(stmt, 2),
        .created_ms = stmt_i64(stmt, 3),
        .last_seen_ms = stmt_i64(stmt, 4),
        .second_factor = stmt_i64(stmt, 7) > 0,
        .by_token = strcmp(stmt_text(stmt, 5), "token") == 0,
        .signed_in_ms = stmt_i64(stmt, 8),
    };
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 1));
    if (ret_renew)
        *ret_renew = now.ms - stmt_i64(stmt, 6) >= SESSION_RENEW_MS;
    return true;
}

bool session_renew(struct tx *tx, const uint8_t hash[32], struct err *err)
{
    AUTO(stmt_release)
    struct stmt *token =
        stmt_get(tx->store,
                 "UPDATE token SET renewed_ms = ?2,"
                 " expires_ms = CASE kind WHEN 'session' THEN MIN(?3, created_ms + ?4)"
                 " ELSE expires_ms END"
                 " WHERE hash = ?1 AND expires_ms > ?2",
                 err);
    AUTO(stmt_release)
    struct stmt *account = stmt_get(tx->store,
                                    "UPDATE account SET last_seen_ms = ?2"
                                    " WHERE id = (SELECT account FROM token WHERE hash = ?1)",
                                    err);
    if (!token || !account)
        return false;
    stmt_bind_bytes(token, 1, bytes_of(hash, 32));
    stmt_bind_i64(token, 2, tx->now.ms);
    stmt_bind_i64(token, 3, tx->now.ms + SESSION_LIFETIME_MS);
    stmt_bind_i64(token, 4, SESSION_LONGEST_MS);
    stmt_bind_bytes(account, 1, bytes_of(hash, 32));
    stmt_bind_i64(account, 2, tx->now.ms);
    return stmt_run(token, err) && stmt_run(account, err);
}

/* Runs a statement whose ?1 is the hash of `token`. */
static bool run_for_token(struct tx *tx, const char *sql, const char *token, struct err *err)
{
    uint8_t hash[32];
    token_hash(token, hash);
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    return stmt_run(stmt, err);
}

bool session_close(struct tx *tx, const char *bearer, struct err *err)
{
    return run_for_token(tx, "DELETE FROM token WHERE hash = ?1 AND kind = 'session'", bearer, err);
}

/* Those half way in, and those with tries of their own. */
static bool forget_browsers(struct tx *tx, int64_t account, struct err *err)
{
    return stmt_run_for(tx->store, "DELETE FROM half_session WHERE account = ?1", account, err) &&
           stmt_run_for(tx->store, "DELETE FROM known_device WHERE account = ?1", account, err);
}

bool session_end_all(struct tx *tx, int64_t account, struct err *err)
{
    return stmt_run_for(tx->store, "DELETE FROM token WHERE account = ?1", account, err) &&
           forget_browsers(tx, account, err);
}

bool session_revoke_tokens(struct tx *tx, const char *actor, int64_t account, struct err *err)
{
    return stmt_run_for(tx->store, "DELETE FROM token WHERE account = ?1 AND kind = 'token'",
                        account, err) &&
           held_stop_ended(tx, account, err) &&
           audit_add(tx, actor, "token.revoke", NULL, err);
}

/* The own list. */

bool session_list(struct store *store, struct arena *arena, int64_t account, const char *bearer,
                  struct wall now, struct session **ret, size_t *ret_count, struct err *err)
{
    int64_t count;
    uint8_t own[32];
    if (!stmt_find_i64(store, "SELECT COUNT(*) FROM token WHERE account = ?1", account, &count,
                       err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT id, kind, label, created_ms, renewed_ms, expires_ms, hash"
                                 " FROM token WHERE account = ?1 AND expires_ms > ?2"
                                 " ORDER BY kind, renewed_ms DESC, id DESC LIMIT ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, now.ms);
    stmt_bind_i64(stmt, 3, count);
    struct session *list = arena_alloc(arena, (size_t)count * sizeof(*list));
    size_t used = 0;
    token_hash(bearer, own);
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        struct session *session = &list[used++];
        *session = (struct session){
            .id = stmt_i64(stmt, 0),
            .is_token = strcmp(stmt_text(stmt, 1), "token") == 0,
            .is_current = bytes_equal(stmt_bytes(stmt, 6), bytes_of(own, sizeof(own))),
            .created_ms = stmt_i64(stmt, 3),
            .used_ms = stmt_i64(stmt, 4),
            .expires_ms = stmt_i64(stmt, 5),
        };
        text_copy(session->label, sizeof(session->label), stmt_text(stmt, 2));
    }
    *ret = list;
    *ret_count = used;
    return true;
}

bool session_end(struct tx *tx, const char *actor, int64_t account, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *find =
        stmt_get(tx->store, "SELECT 1 FROM token WHERE id = ?1 AND account = ?2", err);
    AUTO(stmt_release)
    struct stmt *end = stmt_get(tx->store, "DELETE FROM token WHERE id = ?1", err);
    bool row;
    if (!find || !end)
        return false;
    stmt_bind_i64(find, 1, id);
    stmt_bind_i64(find, 2, account);
    if (!stmt_next(find, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such session: it is over already");
    stmt_bind_i64(end, 1, id);
    return stmt_run(end, err) && held_stop_ended(tx, account, err) &&
           audit_add(tx, actor, "session.end", NULL, err);
}

bool session_end_others(struct tx *tx, const char *actor, int64_t account, const char *bearer,
                        struct err *err)
{
    uint8_t hash[32];
    token_hash(bearer, hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "DELETE FROM token WHERE account = ?1 AND kind = 'session' AND hash <> ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_bytes(stmt, 2, bytes_of(hash, sizeof(hash)));
    return stmt_run(stmt, err) && held_stop_ended(tx, account, err) &&
           forget_browsers(tx, account, err) &&
           audit_add(tx, actor, "session.end-others", NULL, err);
}

/* Between passphrase and code. */

bool session_open_half(struct tx *tx, int64_t account, const char *browser,
                       char ret_token[TOKEN_TEXT], struct err *err)
{
    uint8_t hash[32];
    AUTO(stmt_release)
    struct stmt *over = stmt_get(tx->store, "DELETE FROM half_session WHERE expires_ms <= ?1", err);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO half_session (hash, account, browser, expires_ms)"
                                 " VALUES (?1, ?2, ?3, ?4)",
                                 err);
    if (!over || !stmt || !session_check_browser(browser, err))
        return false;
    token_create(tx->random, ret_token, hash);
    stmt_bind_i64(over, 1, tx->now.ms);
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, account);
    stmt_bind_text(stmt, 3, browser);
    stmt_bind_i64(stmt, 4, tx->now.ms + HALF_SESSION_MS);
    return stmt_run(over, err) && stmt_run(stmt, err);
}

bool session_find_half(struct store *store, const char *bearer, struct wall now,
                       int64_t *ret_account, char ret_browser[SESSION_BROWSER_SIZE],
                       struct err *err)
{
    uint8_t hash[32];
    token_hash(bearer, hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT h.account, h.browser FROM half_session h"
                                 " JOIN account a ON a.id = h.account"
                                 " WHERE h.hash = ?1 AND h.expires_ms > ?2 AND a.disabled = 0",
                                 err);
    if (!find_lasting(stmt, hash, now, "signing in took too long: start again", err))
        return false;
    *ret_account = stmt_i64(stmt, 0);
    text_copy(ret_browser, SESSION_BROWSER_SIZE, stmt_text(stmt, 1));
    return true;
}

bool session_close_half(struct tx *tx, const char *bearer, struct err *err)
{
    return run_for_token(tx, "DELETE FROM half_session WHERE hash = ?1", bearer, err);
}

/* Browsers that have signed in before. */

bool session_knows_device(struct store *store, const char *device, int64_t account, struct wall now,
                          bool *ret, struct err *err)
{
    uint8_t hash[32];
    token_hash(device, hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT 1 FROM known_device WHERE hash = ?1 AND account = ?2 AND used_ms > ?3", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, account);
    stmt_bind_i64(stmt, 3, now.ms - DEVICE_MS);
    return stmt_next(stmt, ret, err);
}

static bool trim_devices(struct tx *tx, int64_t account, struct err *err)
{
    return stmt_run_for_two(tx->store,
                            "DELETE FROM known_device WHERE account = ?1 AND hash IN (SELECT hash"
                            " FROM known_device WHERE account = ?1 ORDER BY used_ms DESC, hash"
                            " LIMIT 1000 OFFSET ?2)",
                            account, DEVICES_PER_ACCOUNT, err);
}

/* A token of ours, and not what somebody made up to choose it himself. */
static bool is_token(const char *text)
{
    return strlen(text) == TOKEN_TEXT - 1 && strncmp(text, "mlt_", 4) == 0;
}

static bool device_exists(struct store *store, const uint8_t hash[32], bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT 1 FROM known_device WHERE hash = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, 32));
    return stmt_next(stmt, ret, err);
}

bool session_note_device(struct tx *tx, int64_t account, const char *device,
                         char ret_device[TOKEN_TEXT], struct err *err)
{
    uint8_t hash[32];
    bool exists = false;
    token_hash(device, hash);
    if (is_token(device) && !device_exists(tx->store, hash, &exists, err))
        return false;
    if (exists)
        text_copy(ret_device, TOKEN_TEXT, device);
    else
        token_create(tx->random, ret_device, hash);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO known_device (hash, account, used_ms) VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (hash, account) DO UPDATE SET used_ms = excluded.used_ms",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, account);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    return stmt_run(stmt, err) && trim_devices(tx, account, err);
}
