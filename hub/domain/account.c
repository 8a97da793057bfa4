#include "hub/domain/account.h"

#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/second_factor.h"
#include <stdio.h>
#include <strings.h>

#define ACCOUNTS_MAX 10000

static const struct {
    unsigned role;
    const char *name;
} role_names[] = {
    {ROLE_CASEWORKER, "caseworker"},
    {ROLE_COORDINATOR, "coordinator"},
    {ROLE_SECRETARY, "secretary"},
    {ROLE_ADMIN, "admin"},
};

static unsigned role_of(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (strlen(role_names[i].name) == len && memcmp(role_names[i].name, name, len) == 0)
            return role_names[i].role;
    }
    return 0;
}

unsigned account_roles_parse(const char *text)
{
    unsigned roles = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        unsigned role = role_of(text, len);
        if (!role)
            return 0;
        roles |= role;
        if (!text[len])
            return roles;
        text += len + 1;
    }
}

char *account_roles_text(unsigned roles, char out[ACCOUNT_ROLES_TEXT])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (roles & role_names[i].role)
            len += (size_t)snprintf(out + len, ACCOUNT_ROLES_TEXT - len, "%s%s", len ? "," : "",
                                    role_names[i].name);
    }
    return out;
}

/* What audit lines call those who act without an account. */
static const char *const reserved_names[] = {"peer", "clock", "hub", "operator", "person"};

bool account_check_name(const char *name, struct err *err)
{
    struct bytes text = bytes_text(name);
    if (text.len == 0)
        return err_set(err, ERR_INVALID, "an account needs a name");
    if (text.len >= ACCOUNT_NAME_SIZE)
        return err_set(err, ERR_INVALID, "the account name is longer than %d bytes",
                       ACCOUNT_NAME_SIZE - 1);
    if (!text_is_visible(text) || strpbrk(name, "\t\r\n") || name[0] == ' ' ||
        name[text.len - 1] == ' ')
        return err_set(err, ERR_INVALID,
                       "an account name is one line of text without a blank at its ends");
    for (size_t i = 0; i < ARRAY_LEN(reserved_names); i++) {
        if (strcasecmp(name, reserved_names[i]) == 0)
            return err_set(err, ERR_INVALID, "\"%s\" is not for an account", reserved_names[i]);
    }
    return true;
}

#define ACCOUNT_COLUMNS                                                       \
    "SELECT id, name, roles, disabled, created_ms, last_seen_ms,"             \
    " (SELECT COUNT(*) FROM second_factor f WHERE f.account = account.id AND" \
    " f.confirmed_ms > 0) FROM account "

static void read_row(struct stmt *stmt, struct account *ret)
{
    *ret = (struct account){
        .id = stmt_i64(stmt, 0),
        .roles = (unsigned)stmt_i64(stmt, 2),
        .disabled = stmt_i64(stmt, 3) != 0,
        .created_ms = stmt_i64(stmt, 4),
        .last_seen_ms = stmt_i64(stmt, 5),
        .second_factor = stmt_i64(stmt, 6) > 0,
    };
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 1));
}

bool account_find(struct store *store, const char *name, bool *ret_found, struct account *ret,
                  struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, ACCOUNT_COLUMNS "WHERE name = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, name);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        read_row(stmt, ret);
    *ret_found = row;
    return true;
}

bool account_get(struct store *store, const char *name, struct account *ret, struct err *err)
{
    bool found;
    if (!account_find(store, name, &found, ret, err))
        return false;
    return found || err_set(err, ERR_UNKNOWN, "no such account");
}

bool account_get_by_id(struct store *store, int64_t id, struct account *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, ACCOUNT_COLUMNS "WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such account");
    read_row(stmt, ret);
    return true;
}

bool account_passphrase(struct store *store, int64_t id, char ret[PASSWORD_HASH_MAX],
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT passphrase FROM account WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such account");
    text_copy(ret, PASSWORD_HASH_MAX, stmt_text(stmt, 0));
    return true;
}

static bool count_accounts(struct store *store, int64_t *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT COUNT(*) FROM account", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = stmt_i64(stmt, 0);
    return true;
}

bool account_list(struct store *store, struct arena *arena, struct account **ret, size_t *ret_count,
                  struct err *err)
{
    int64_t count;
    if (!count_accounts(store, &count, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, ACCOUNT_COLUMNS "ORDER BY name LIMIT ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, count);
    struct account *list = arena_alloc(arena, (size_t)count * sizeof(*list));
    size_t used = 0;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        read_row(stmt, &list[used++]);
    }
    *ret = list;
    *ret_count = used;
    return true;
}

bool account_add(struct tx *tx, const char *actor, const char *name, unsigned roles,
                 const char *hash, struct account *ret, struct err *err)
{
    bool found;
    struct account account;
    int64_t count;
    if (!account_check_name(name, err) || !account_find(tx->store, name, &found, &account, err) ||
        !count_accounts(tx->store, &count, err))
        return false;
    if (found)
        return err_set(err, ERR_CONFLICT, "there is an account of that name already");
    if (count >= ACCOUNTS_MAX)
        return err_set(err, ERR_LIMIT, "a hub has at most %d accounts", ACCOUNTS_MAX);
    if (!roles || (roles & ~(unsigned)ROLE_ANY))
        return err_set(err, ERR_INVALID, "a role is caseworker, coordinator, secretary or admin");
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO account (name, roles, passphrase, disabled, created_ms, last_seen_ms)"
                 " VALUES (?1, ?2, ?3, 0, ?4, 0)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, name);
    stmt_bind_i64(stmt, 2, roles);
    stmt_bind_text(stmt, 3, hash);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    if (!stmt_run(stmt, err))
        return false;
    int64_t id = store_last_id(tx->store);
    return audit_add(tx, actor, "account.add", NULL, err) &&
           account_get_by_id(tx->store, id, ret, err);
}

static bool set_passphrase(struct tx *tx, int64_t id, const char *hash, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE account SET passphrase = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_text(stmt, 2, hash);
    return stmt_run(stmt, err);
}

static bool set_disabled(struct tx *tx, int64_t id, bool disabled, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "UPDATE account SET disabled = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, disabled);
    return stmt_run(stmt, err);
}

bool account_reset(struct tx *tx, const char *actor, int64_t id, const char *hash, struct err *err)
{
    return set_passphrase(tx, id, hash, err) && set_disabled(tx, id, false, err) &&
           second_factor_remove(tx, actor, id, err) &&
           audit_add(tx, actor, "account.reset", NULL, err);
}

bool account_set_passphrase(struct tx *tx, const char *actor, int64_t id, const char *hash,
                            struct err *err)
{
    return set_passphrase(tx, id, hash, err) &&
           audit_add(tx, actor, "account.passphrase", NULL, err);
}

bool account_disable(struct tx *tx, const char *actor, int64_t id, struct err *err)
{
    return set_disabled(tx, id, true, err) && audit_add(tx, actor, "account.disable", NULL, err);
}

bool account_enable(struct tx *tx, const char *actor, int64_t id, struct err *err)
{
    return set_disabled(tx, id, false, err) && audit_add(tx, actor, "account.enable", NULL, err);
}

bool account_set_roles(struct tx *tx, const char *actor, int64_t id, unsigned roles,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "UPDATE account SET roles = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    if (!roles || (roles & ~(unsigned)ROLE_ANY))
        return err_set(err, ERR_INVALID, "a role is caseworker, coordinator, secretary or admin");
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, roles);
    return stmt_run(stmt, err) && audit_add(tx, actor, "account.roles", NULL, err);
}

bool account_seen(struct tx *tx, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE account SET last_seen_ms = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, tx->now.ms);
    return stmt_run(stmt, err);
}
