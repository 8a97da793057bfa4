#include "hub/domain/audit.h"

#define SALT_LEN      32
#define PSEUDONYM_LEN 16

static bool find_salt(struct tx *tx, uint8_t salt[SALT_LEN], bool *ret_found, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT salt FROM audit_salt WHERE only_row = 1", err);
    if (!stmt || !stmt_next(stmt, ret_found, err))
        return false;
    if (*ret_found && !stmt_copy(stmt, 0, salt, SALT_LEN))
        return err_set(err, ERR_IO, "the salt of the audit log is damaged");
    return true;
}

static bool get_salt(struct tx *tx, uint8_t salt[SALT_LEN], struct err *err)
{
    bool found;
    if (!find_salt(tx, salt, &found, err))
        return false;
    if (found)
        return true;
    random_fill(tx->random, salt, SALT_LEN);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "INSERT INTO audit_salt (only_row, salt) VALUES (1, ?1)", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(salt, SALT_LEN));
    return stmt_run(stmt, err);
}

/* R-PR-3: a plain hash of an account name could be guessed back, so it is keyed with a salt that
 * never leaves this store. */
static bool pseudonym(struct tx *tx, const char *actor, char out[2 * PSEUDONYM_LEN + 1],
                      struct err *err)
{
    uint8_t salt[SALT_LEN], mac[32];
    if (!get_salt(tx, salt, err))
        return false;
    digest_hmac(bytes_of(salt, sizeof(salt)), bytes_text(actor), mac);
    hex_encode(bytes_of(mac, PSEUDONYM_LEN), out);
    return true;
}

static bool is_machine(const char *actor)
{
    return strcmp(actor, "peer") == 0 || strcmp(actor, "clock") == 0 || strcmp(actor, "hub") == 0;
}

bool audit_add(struct tx *tx, const char *actor, const char *action, const struct oid *oid,
               struct err *err)
{
    char hidden[2 * PSEUDONYM_LEN + 1];
    if (!is_machine(actor)) {
        if (!pseudonym(tx, actor, hidden, err))
            return err_wrap(err, "note audit line");
        actor = hidden;
    }
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO audit (at_ms, actor, action, oid) VALUES (?1, ?2, ?3, ?4)", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    stmt_bind_text(stmt, 2, actor);
    stmt_bind_text(stmt, 3, action);
    stmt_bind_bytes(stmt, 4, oid ? oid_bytes(oid) : (struct bytes){0});
    return stmt_run(stmt, err) || err_wrap(err, "note audit line");
}
