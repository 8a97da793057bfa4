#include "hub/crypto/secret.h"
#include "hub/domain/session.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct fake_clock fake;
static struct fake_random seeded;
static struct tx tx;

static int set_up(void **state)
{
    (void)state;
    struct err err = {0};
    fake_clock_init(&fake);
    fake_random_init(&seeded, 1);
    tx = (struct tx){
        .store = store_open(&(struct store_options){.path = ":memory:", .mode = STORE_WRITE}, &err),
        .arena = arena_create(0),
        .now = fake.wall,
        .random = &seeded.source,
    };
    return secret_setup() && tx.store && store_begin(tx.store, &err) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    store_rollback(tx.store);
    store_close(tx.store);
    arena_free(tx.arena);
    return 0;
}

static struct account add(const char *name, unsigned roles)
{
    struct account account;
    struct err err = {0};
    assert_true(account_add(&tx, "operator", name, roles, "hash", &account, &err));
    return account;
}

static void roles_read_back_as_they_were_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned roles;
    } cases[] = {
        {"caseworker", ROLE_CASEWORKER},
        {"coordinator,secretary", ROLE_COORDINATOR | ROLE_SECRETARY},
        {"caseworker,coordinator,secretary,admin", ROLE_ANY},
        {"", 0},
        {"Admin", 0},
        {"admin,", 0},
        {"admin, secretary", 0},
        {"case", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[ACCOUNT_ROLES_TEXT];
        assert_int_equal(account_roles_parse(cases[i].text), cases[i].roles);
        if (cases[i].roles)
            assert_string_equal(account_roles_text(cases[i].roles, text), cases[i].text);
    }
}

static void names_are_one_line_without_blank_ends(void **state)
{
    (void)state;
    char long_name[80] = {0};
    memset(long_name, 'a', 64);
    const char *const refused[] = {"",         " a",  "a ",   "a\nb",   "a\tb",     "\x01",
                                   "\xff\xfe", "hub", "peer", "person", "Operator", long_name};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_false(account_check_name(refused[i], &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    long_name[63] = '\0';
    assert_true(account_check_name(long_name, &err));
    assert_true(account_check_name("Anne Le Goff", &err));
}

static void a_name_is_taken_once(void **state)
{
    (void)state;
    struct account account;
    struct err err = {0};
    add("anne", ROLE_ADMIN);
    assert_false(account_add(&tx, "operator", "anne", ROLE_ADMIN, "hash", &account, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(strstr(err.msg, "anne"));
}

static void accounts_are_listed_by_name(void **state)
{
    (void)state;
    struct account *list;
    size_t count;
    struct err err = {0};
    add("zoe", ROLE_SECRETARY);
    add("anne", ROLE_ADMIN);
    assert_true(account_list(tx.store, tx.arena, &list, &count, &err));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, "anne");
    assert_int_equal(list[1].roles, ROLE_SECRETARY);
    assert_int_equal(list[1].created_ms, fake.wall.ms);
}

static void a_session_lives_twelve_hours_after_its_last_use(void **state)
{
    (void)state;
    char token[TOKEN_TEXT];
    uint8_t hash[32];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), who;
    bool renew;
    struct err err = {0};
    assert_true(session_open(&tx, anne.id, "", token, &expires, &err));
    token_hash(token, hash);
    assert_int_equal(expires.ms, fake.wall.ms + SESSION_LIFETIME_MS);

    assert_true(session_authenticate(tx.store, token, tx.now, &who, &renew, &err));
    assert_string_equal(who.name, "anne");
    assert_false(renew);

    tx.now.ms += SESSION_LIFETIME_MS - 1;
    assert_true(session_authenticate(tx.store, token, tx.now, &who, &renew, &err));
    assert_true(renew);
    assert_true(session_renew(&tx, hash, &err));
    tx.now.ms += SESSION_LIFETIME_MS - 1;
    assert_true(session_authenticate(tx.store, token, tx.now, &who, &renew, &err));
    tx.now.ms += 1;
    assert_false(session_authenticate(tx.store, token, tx.now, &who, &renew, &err));
    assert_int_equal(err.code, ERR_UNSIGNED);
    assert_true(session_renew(&tx, hash, &err)); /* an ended session does not come back */
    assert_false(session_authenticate(tx.store, token, tx.now, &who, &renew, &err));
}

/* A page that is left open asks again and again; a stolen cookie is used again and again. */
static void a_session_ends_after_a_week_however_busy(void **state)
{
    (void)state;
    char token[TOKEN_TEXT];
    uint8_t hash[32];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), who;
    struct err err = {0};
    int64_t opened_ms = tx.now.ms;
    assert_true(session_open(&tx, anne.id, "", token, &expires, &err));
    token_hash(token, hash);
    for (int i = 0; i < 2000 && session_authenticate(tx.store, token, tx.now, &who, NULL, &err);
         i++) {
        assert_true(session_renew(&tx, hash, &err));
        tx.now.ms += SESSION_RENEW_MS;
    }
    assert_int_equal(tx.now.ms, opened_ms + SESSION_LONGEST_MS);
}

static void a_token_keeps_its_end_when_it_is_used(void **state)
{
    (void)state;
    char token[TOKEN_TEXT];
    uint8_t hash[32];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), who;
    struct err err = {0};
    assert_true(session_add_token(&tx, "operator", anne.id, "export", 2, token, &expires, &err));
    token_hash(token, hash);
    tx.now.ms += 2 * 86400000LL - 1;
    assert_true(session_renew(&tx, hash, &err));
    assert_true(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
    assert_true(account_get(tx.store, "anne", &who, &err));
    assert_int_equal(who.last_seen_ms, tx.now.ms);
    tx.now.ms += 1;
    assert_false(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
}

static void token_bounds_are_kept(void **state)
{
    (void)state;
    char token[TOKEN_TEXT], label[TOKEN_LABEL_MAX + 2] = {0};
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN);
    struct err err = {0};
    memset(label, 'l', TOKEN_LABEL_MAX + 1);
    assert_false(session_add_token(&tx, "operator", anne.id, "", 0, token, &expires, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(
        session_add_token(&tx, "operator", anne.id, "", TOKEN_DAYS_MAX + 1, token, &expires, &err));
    assert_false(session_add_token(&tx, "operator", anne.id, label, 1, token, &expires, &err));
    for (int i = 0; i < TOKENS_PER_ACCOUNT; i++)
        assert_true(session_add_token(&tx, "operator", anne.id, "", 1, token, &expires, &err));
    assert_false(session_add_token(&tx, "operator", anne.id, "", 1, token, &expires, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void disabling_ends_sessions_and_tokens_but_not_those_of_others(void **state)
{
    (void)state;
    char session[TOKEN_TEXT], token[TOKEN_TEXT], other[TOKEN_TEXT];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), zoe = add("zoe", ROLE_ADMIN), who;
    struct err err = {0};
    assert_true(session_open(&tx, anne.id, "", session, &expires, &err));
    assert_true(session_add_token(&tx, "operator", anne.id, "", 1, token, &expires, &err));
    assert_true(session_open(&tx, zoe.id, "", other, &expires, &err));
    assert_true(account_disable(&tx, "operator", anne.id, &err));
    assert_false(session_authenticate(tx.store, session, tx.now, &who, NULL, &err));
    assert_true(session_end_all(&tx, anne.id, &err));
    assert_true(account_reset(&tx, "operator", anne.id, "other hash", &err));
    assert_false(session_authenticate(tx.store, session, tx.now, &who, NULL, &err));
    assert_false(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, other, tx.now, &who, NULL, &err));
}

static void signing_out_ends_one_session_and_revoking_only_tokens(void **state)
{
    (void)state;
    char first[TOKEN_TEXT], second[TOKEN_TEXT], token[TOKEN_TEXT];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), who;
    struct err err = {0};
    assert_true(session_open(&tx, anne.id, "", first, &expires, &err));
    assert_true(session_open(&tx, anne.id, "", second, &expires, &err));
    assert_true(session_add_token(&tx, "operator", anne.id, "", 1, token, &expires, &err));
    assert_true(session_close(&tx, first, &err));
    assert_true(session_close(&tx, token, &err)); /* a token is not a session */
    assert_false(session_authenticate(tx.store, first, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, second, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
    assert_true(session_revoke_tokens(&tx, "operator", anne.id, &err));
    assert_false(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, second, tx.now, &who, NULL, &err));
}

static void an_account_keeps_its_newest_sessions(void **state)
{
    (void)state;
    char oldest[TOKEN_TEXT], second[TOKEN_TEXT], token[TOKEN_TEXT];
    struct wall expires;
    struct account anne = add("anne", ROLE_ADMIN), who;
    struct err err = {0};
    assert_true(session_open(&tx, anne.id, "", oldest, &expires, &err));
    tx.now.ms++;
    assert_true(session_open(&tx, anne.id, "", second, &expires, &err));
    for (int i = 2; i <= SESSIONS_PER_ACCOUNT; i++) {
        tx.now.ms++;
        assert_true(session_open(&tx, anne.id, "", token, &expires, &err));
    }
    assert_false(session_authenticate(tx.store, oldest, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, second, tx.now, &who, NULL, &err));
    assert_true(session_authenticate(tx.store, token, tx.now, &who, NULL, &err));
}

static void a_made_passphrase_is_five_words_that_can_be_hashed(void **state)
{
    (void)state;
    char first[PASSPHRASE_TEXT], second[PASSPHRASE_TEXT], hash[PASSWORD_HASH_MAX];
    struct err err = {0};
    account_make_passphrase(&seeded.source, first);
    account_make_passphrase(&seeded.source, second);
    assert_string_not_equal(first, second);
    int blanks = 0;
    for (const char *at = first; *at; at++)
        blanks += *at == ' ';
    assert_int_equal(blanks, 4);
    assert_true(password_hash(first, hash, &err));
    assert_true(password_verify(hash, first));
}

static void what_guessers_try_first_is_no_passphrase(void **state)
{
    (void)state;
    static const char *const easy[] = {
        "aaaaaaaaaaaa",     "abababababab",     "123456789012",      "motdepasse123",
        "Mot De Passe 1!",  "Password2024!!!",  "azertyuiop123",     "qwertyqwerty",
        "bonjour19870512",  "soleil31/12/1975", "chien chien chien", "Bienvenue 2026",
        "administrateur1!", "0123456789876543", "iloveyou iloveyou", "abcdefghijklmnop",
        "marie-claire2026", "Marie-Claire 1!",
    };
    static const char *const fine[] = {
        "quatre mots bien choisis",
        "twelve chars",
        "x7#Kq9!mZ2$w",
        "le pain du mardi soir",
        "one two three four five",
        "\xc3\xa9t\xc3\xa9 \xc3\xa0 la mer du nord",
        "bonjour petit canal vert",
        "correct horse battery",
    };
    for (size_t i = 0; i < ARRAY_LEN(easy); i++) {
        struct err err = {0};
        if (account_check_passphrase(easy[i], "Marie-Claire", &err))
            fail_msg("%s", easy[i]);
        assert_int_equal(err.code, ERR_INVALID);
    }
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        struct err err = {0};
        if (!account_check_passphrase(fine[i], "Marie-Claire", &err))
            fail_msg("%s", fine[i]);
    }
    for (int i = 0; i < 1000; i++) { /* those made here */
        char made[PASSPHRASE_TEXT];
        struct err err = {0};
        account_make_passphrase(&seeded.source, made);
        assert_true(account_check_passphrase(made, "", &err));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(roles_read_back_as_they_were_written),
        TEST(names_are_one_line_without_blank_ends),
        TEST(a_name_is_taken_once),
        TEST(accounts_are_listed_by_name),
        TEST(a_session_lives_twelve_hours_after_its_last_use),
        TEST(a_session_ends_after_a_week_however_busy),
        TEST(a_token_keeps_its_end_when_it_is_used),
        TEST(token_bounds_are_kept),
        TEST(disabling_ends_sessions_and_tokens_but_not_those_of_others),
        TEST(signing_out_ends_one_session_and_revoking_only_tokens),
        TEST(an_account_keeps_its_newest_sessions),
        TEST(what_guessers_try_first_is_no_passphrase),
        TEST(a_made_passphrase_is_five_words_that_can_be_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
