#include "hub/domain/session.h"

#include "hub/base/text.h"
#include "hub/domain/audit.h"

#define DAY_MS (24 * 3600 * 1000LL)

static bool remove_expired(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM token WHERE expires_ms <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    return stmt_run(stmt, err);
}

/* Room for one more: an account keeps its newest sessions. */
static bool trim_sessions(struct tx *tx, int64_t account, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "DELETE FROM token WHERE id IN (SELECT id FROM token WHERE account = ?1"
                 " AND kind = 'session' ORDER BY renewed_ms DESC, id DESC LIMIT 1000 OFFSET ?2)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, SESSIONS_PER_ACCOUNT - 1);
    return stmt_run(stmt, err);
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

bool session_open(struct tx *tx, int64_t account, char ret_token[TOKEN_TEXT],
                  struct wall *ret_expires, struct err *err)
{
    uint8_t hash[32];
    struct wall expires = {tx->now.ms + SESSION_LIFETIME_MS};
    if (!remove_expired(tx, err) || !trim_sessions(tx, account, err))
        return false;
    token_create(tx->random, ret_token, hash);
    if (!add(tx, account, "session", "", hash, expires.ms, err) || !account_seen(tx, account, err))
        return false;
    *ret_expires = expires;
    return true;
}

static bool count_tokens(struct store *store, int64_t account, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT COUNT(*) FROM token WHERE account = ?1 AND kind = 'token'", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = stmt_i64(stmt, 0);
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
    if (!remove_expired(tx, err) || !count_tokens(tx->store, account, &count, err))
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

bool session_authenticate(struct store *store, const char *bearer, struct wall now,
                          struct account *ret, bool *ret_renew, struct err *err)
{
    uint8_t hash[32];
    token_hash(bearer, hash);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT a.id, a.name, a.roles, a.created_ms, a.last_seen_ms, t.kind, t.renewed_ms"
                 " FROM token t JOIN account a ON a.id = t.account"
                 " WHERE t.hash = ?1 AND t.expires_ms > ?2 AND a.disabled = 0",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, now.ms);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNSIGNED, "the session is over or the token is not known");
    *ret = (struct account){
        .id = stmt_i64(stmt, 0),
        .roles = (unsigned)stmt_i64(stmt, 2),
        .created_ms = stmt_i64(stmt, 3),
        .last_seen_ms = stmt_i64(stmt, 4),
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
                 " expires_ms = CASE kind WHEN 'session' THEN ?3 ELSE expires_ms END"
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
    stmt_bind_bytes(account, 1, bytes_of(hash, 32));
    stmt_bind_i64(account, 2, tx->now.ms);
    return stmt_run(token, err) && stmt_run(account, err);
}

bool session_close(struct tx *tx, const char *bearer, struct err *err)
{
    uint8_t hash[32];
    token_hash(bearer, hash);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM token WHERE hash = ?1 AND kind = 'session'", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    return stmt_run(stmt, err);
}

bool session_end_all(struct tx *tx, int64_t account, bool tokens, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "DELETE FROM token WHERE account = ?1 AND (kind = 'session' OR ?2 = 1)", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, tokens);
    return stmt_run(stmt, err);
}

bool session_revoke_tokens(struct tx *tx, const char *actor, int64_t account, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM token WHERE account = ?1 AND kind = 'token'", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    return stmt_run(stmt, err) && audit_add(tx, actor, "token.revoke", NULL, err);
}
