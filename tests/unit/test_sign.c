#include "hub/crypto/sign.h"

#include "hub/crypto/secret.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct sign_key *key_of_seed(uint64_t seed)
{
    struct fake_random random;
    fake_random_init(&random, seed);
    return sign_key_create(&random.source);
}

static void rfc_8032_test_1_is_reproduced(void **state)
{
    (void)state;
    uint8_t seed[32], back[32], sig[64], want[64], public_key[32], zero[32] = {0};
    const char *hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    assert_true(hex_decode(hex, seed, 32));
    AUTO(sign_key_free) struct sign_key *key = sign_key_from_seed(seed);
    assert_memory_equal(seed, zero, 32); /* wiped */
    sign_key_seed(key, back);
    char text[65];
    assert_string_equal(hex_encode(bytes_of(back, 32), text), hex);
    assert_true(hex_decode("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                           public_key, 32));
    assert_memory_equal(sign_key_public(key)->b, public_key, 32);
    assert_true(hex_decode("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                           "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
                           want, 64));
    sign_bytes(key, (struct bytes){0}, sig);
    assert_memory_equal(sig, want, 64);
    assert_true(sign_verify(sign_key_public(key), (struct bytes){0}, sig));
}

static void any_changed_bit_breaks_a_signature(void **state)
{
    (void)state;
    AUTO(sign_key_free) struct sign_key *key = key_of_seed(1), *other = key_of_seed(2);
    uint8_t sig[64], message[] = "a message";
    struct bytes all = bytes_of(message, sizeof(message));
    sign_bytes(key, all, sig);
    assert_true(sign_verify(sign_key_public(key), all, sig));
    assert_false(sign_verify(sign_key_public(other), all, sig));
    for (size_t bit = 0; bit < 8 * sizeof(sig); bit++) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sign_verify(sign_key_public(key), all, sig));
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    message[0] ^= 1;
    assert_false(sign_verify(sign_key_public(key), all, sig));
}

static void fresh_keys_are_admissible(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        AUTO(sign_key_free) struct sign_key *key = key_of_seed(seed);
        assert_true(sign_public_is_admissible(sign_key_public(key)));
    }
}

/* Little-endian y, the sign bit added by the test. */
static const struct {
    const char *why, *y;
} refused[] = {
    {"y = 0, order 4", "0000000000000000000000000000000000000000000000000000000000000000"},
    {"y = 1, neutral", "0100000000000000000000000000000000000000000000000000000000000000"},
    {"y = -1, order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
    {"order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
    {"y = p, is 0", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = p + 1, is 1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = p + 2, not canonical",
     "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"y = p + 18, not canonical",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"},
    {"no point at all", "0200000000000000000000000000000000000000000000000000000000000000"},
};

static void low_order_and_non_canonical_keys_are_refused_with_either_sign(void **state)
{
    (void)state;
    const uint8_t sig[64] = {1}; /* R neutral, S = 0: verifies under a low-order key elsewhere */
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        for (int sign = 0; sign < 2; sign++) {
            struct sign_public key;
            assert_true(hex_decode(refused[i].y, key.b, 32));
            key.b[31] |= (uint8_t)(sign << 7);
            if (sign_public_is_admissible(&key) || sign_verify(&key, bytes_text("any"), sig))
                fail_msg("%s, sign %d", refused[i].why, sign);
        }
    }
}

static void every_y_from_the_field_prime_up_is_refused(void **state)
{
    (void)state;
    for (unsigned low = 0xed; low <= 0xff; low++) {
        struct sign_public key;
        memset(key.b, 0xff, sizeof(key.b));
        key.b[0] = (uint8_t)low;
        assert_false(sign_public_is_admissible(&key));
        key.b[31] = 0x7f;
        assert_false(sign_public_is_admissible(&key));
    }
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_8032_test_1_is_reproduced),
        cmocka_unit_test(any_changed_bit_breaks_a_signature),
        cmocka_unit_test(fresh_keys_are_admissible),
        cmocka_unit_test(low_order_and_non_canonical_keys_are_refused_with_either_sign),
        cmocka_unit_test(every_y_from_the_field_prime_up_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
