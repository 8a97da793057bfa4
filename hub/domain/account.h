#pragma once
/*
 * People and programs who use this hub, with their roles (PRODUCT.md section 2). Owns table
 * `account`. Names are personal: never logged, never in an error message.
 */
#include "hub/crypto/password.h"
#include "hub/domain/tx.h"

enum role { /* bits, as stored */
            ROLE_CASEWORKER = 1 << 0,
            ROLE_COORDINATOR = 1 << 1,
            ROLE_SECRETARY = 1 << 2,
            ROLE_ADMIN = 1 << 3,
            ROLE_PERSON = 1 << 5, /* of a method: never for a program's token */
            ROLE_UNPROTECTED =
                1 << 6,         /* of a method: also for who has yet to add a second factor */
            ROLE_NONE = 1 << 7, /* of a method: no sign-in needed */
};
#define ROLE_ANY (ROLE_CASEWORKER | ROLE_COORDINATOR | ROLE_SECRETARY | ROLE_ADMIN)

/** "caseworker" or several, "caseworker,coordinator", to bits; 0 when one is unknown. */
unsigned account_roles_parse(const char *text);
#define ACCOUNT_ROLES_TEXT 64
char *account_roles_text(unsigned roles, char out[ACCOUNT_ROLES_TEXT]);

#define ACCOUNT_NAME_SIZE 64 /* with the NUL */
struct account {
    int64_t id;
    char name[ACCOUNT_NAME_SIZE];
    unsigned roles;
    bool disabled;
    int64_t created_ms, last_seen_ms; /* 0: never */
    bool second_factor;               /* sign-in asks for a code as well */
    bool by_token;                    /* of session_authenticate: a program's token, no session */
    int64_t signed_in_ms;             /* of session_authenticate: when it was opened */
};

/** 1 to 63 bytes of one line of visible text, no blank at either end; ERR_INVALID. */
NODISCARD bool account_check_name(const char *name, struct err *err);
NODISCARD bool account_find(struct store *store, const char *name, bool *ret_found,
                            struct account *ret, struct err *err);
/** ERR_UNKNOWN "no such account". */
NODISCARD bool account_get(struct store *store, const char *name, struct account *ret,
                           struct err *err);
NODISCARD bool account_get_by_id(struct store *store, int64_t id, struct account *ret,
                                 struct err *err);
/** The stored passphrase hash (PHC string) of an account. */
NODISCARD bool account_passphrase(struct store *store, int64_t id, char ret[PASSWORD_HASH_MAX],
                                  struct err *err);
/** Arena array, by name. */
NODISCARD bool account_list(struct store *store, struct arena *arena, struct account **ret,
                            size_t *ret_count, struct err *err);

/* Each writes an audit line; `actor` is who does it. */
/** @param hash  of password_hash(). ERR_CONFLICT when the name is taken. */
NODISCARD bool account_add(struct tx *tx, const char *actor, const char *name, unsigned roles,
                           const char *hash, struct account *ret, struct err *err);
/** New passphrase, no second factor; a disabled account is enabled again. Ending its sessions and
 * tokens is session_end_all(). */
NODISCARD bool account_reset(struct tx *tx, const char *actor, int64_t id, const char *hash,
                             struct err *err);
NODISCARD bool account_disable(struct tx *tx, const char *actor, int64_t id, struct err *err);
NODISCARD bool account_enable(struct tx *tx, const char *actor, int64_t id, struct err *err);
NODISCARD bool account_set_roles(struct tx *tx, const char *actor, int64_t id, unsigned roles,
                                 struct err *err);
/** By the person. @param hash  of password_hash(). */
NODISCARD bool account_set_passphrase(struct tx *tx, const char *actor, int64_t id,
                                      const char *hash, struct err *err);
NODISCARD bool account_seen(struct tx *tx, int64_t id, struct err *err);

/**
 * Is it of another kind than what guessers try first: common words, rows of keys, one thing again
 * and again, the account's own name, with a date or a sign behind? ERR_INVALID. How long it must be
 * is password_hash()'s matter.
 */
NODISCARD bool account_check_passphrase(const char *passphrase, const char *name, struct err *err);

#define PASSPHRASE_TEXT 64
/** Five words of the spoken list, 55 bits behind Argon2id; wipe after use. */
void account_make_passphrase(const struct random_source *random, char out[PASSPHRASE_TEXT]);
