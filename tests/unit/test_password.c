#include "hub/crypto/password.h"

#include "hub/base/bytes.h"
#include "hub/crypto/secret.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void the_right_passphrase_and_no_other_verifies(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
    struct err err = {0};
    assert_true(password_hash("correct horse battery", hash, &err));
    assert_non_null(strstr(hash, "$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_true(password_verify(hash, "correct horse battery"));
    assert_false(password_verify(hash, "correct horse batterY"));
    assert_false(password_verify(hash, ""));
    assert_false(password_verify("", "correct horse battery"));
    assert_false(password_verify("$argon2id$nonsense", "correct horse battery"));
    assert_true(password_hash("correct horse battery", again, &err));
    assert_string_not_equal(hash, again); /* salted */
}

static void length_bounds_are_in_characters_and_bytes(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH_MAX] = "untouched", longest[1026];
    struct err err = {0};
    memset(longest, 'a', sizeof(longest));
    longest[1025] = 0;
    assert_false(password_hash("eleven char", hash, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_false(password_hash("\xc3\xa9t\xc3\xa9\xc3\xa9t\xc3\xa9", hash, &err)); /* 6 letters */
    assert_false(password_hash(longest, hash, &err));
    assert_false(password_hash("not text \xff\xff\xff\xff\xff", hash, &err));
    assert_string_equal(hash, "untouched");
    longest[1024] = 0;
    assert_true(password_hash(longest, hash, &err));
    assert_true(password_verify(hash, longest));
    assert_true(password_hash("twelve chars", hash, &err));
}

static void tokens_are_random_and_known_by_their_hash(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 1);
    char one[TOKEN_TEXT], two[TOKEN_TEXT];
    uint8_t hash_one[32], hash_two[32], again[32];
    token_create(&random.source, one, hash_one);
    token_create(&random.source, two, hash_two);
    assert_int_equal(strlen(one), TOKEN_TEXT - 1);
    assert_memory_equal(one, "mlt_", 4);
    assert_string_not_equal(one, two);
    token_hash(one, again);
    assert_memory_equal(again, hash_one, 32);
    assert_memory_not_equal(hash_one, hash_two, 32);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_passphrase_and_no_other_verifies),
        cmocka_unit_test(length_bounds_are_in_characters_and_bytes),
        cmocka_unit_test(tokens_are_random_and_known_by_their_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
