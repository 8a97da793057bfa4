#include "hub/crypto/digest.h"

#include "hub/crypto/secret.h"
#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_digest(const uint8_t got[32], const char *hex)
{
    char text[65];
    assert_string_equal(hex_encode(bytes_of(got, 32), text), hex);
}

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void sha256_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t out[32];
    digest_sha256((struct bytes){0}, out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_sha256(bytes_text("abc"), out);
    assert_digest(out, ABC_SHA256);
    digest_sha256(bytes_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), out);
    assert_digest(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void parts_hash_as_their_concatenation(void **state)
{
    (void)state;
    uint8_t out[32];
    struct bytes parts[] = {bytes_text("a"), {0}, bytes_text("bc")};
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
    assert_digest(out, ABC_SHA256);
    digest_sha256_parts(NULL, 0, out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_gives_the_values_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t key[131], out[32];
    memset(key, 0x0b, 20);
    digest_hmac(bytes_of(key, 20), bytes_text("Hi There"), out);
    assert_digest(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest_hmac(bytes_text("Jefe"), bytes_text("what do ya want for nothing?"), out);
    assert_digest(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    digest_hmac(bytes_of(key, sizeof(key)),
                bytes_text("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_digest(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void *hash_in_a_thread(void *ret)
{
    for (int i = 0; i < 1000; i++)
        digest_sha256(bytes_text("abc"), ret);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint8_t out[4][32];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_a_thread, out[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_digest(out[i], ABC_SHA256);
    }
}

static void an_object_id_has_32_bytes(void **state)
{
    (void)state;
    uint8_t data[33] = {1};
    struct oid oid = {{9}};
    assert_false(oid_from(bytes_of(data, 31), &oid));
    assert_false(oid_from(bytes_of(data, 33), &oid));
    assert_int_equal(oid.b[0], 9);
    assert_true(oid_from(bytes_of(data, 32), &oid));
    assert_int_equal(oid.b[0], 1);
}

static void secrets_compare_by_length_and_content(void **state)
{
    (void)state;
    assert_true(secret_equal(bytes_text("same"), bytes_text("same")));
    assert_true(secret_equal((struct bytes){0}, bytes_text("")));
    assert_false(secret_equal(bytes_text("same"), bytes_text("sama")));
    assert_false(secret_equal(bytes_text("same"), bytes_text("sam")));
    uint8_t *p = secret_alloc(40);
    assert_int_equal(p[0] | p[39], 0);
    p[3] = 1;
    secret_wipe(p, 40);
    assert_int_equal(p[3], 0);
    secret_free(p);
    secret_free(NULL);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(parts_hash_as_their_concatenation),
        cmocka_unit_test(hmac_gives_the_values_of_rfc_4231),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(an_object_id_has_32_bytes),
        cmocka_unit_test(secrets_compare_by_length_and_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
