#include "hub/crypto/hpke_internal.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/sign.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static json_t *load(const char *name)
{
    char path[4096];
    const char *folder = getenv("MAILLON_VECTORS");
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "tests/vectors", name);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root)
        fail_msg("%s: %s", name, error.text);
    return root;
}

static const char *text_of(const json_t *object, const char *field)
{
    const char *text = json_string_value(json_object_get(object, field));
    assert_non_null(text);
    return text;
}

/* A hex field; `out` is freed by the caller. */
static struct bytes hex_of(const json_t *object, const char *field, struct buf *out)
{
    const char *hex = text_of(object, field);
    size_t len = strlen(hex) / 2;
    uint8_t *at = buf_reserve(out, len);
    assert_true(hex_decode(hex, at, len));
    out->len += len;
    return bytes_of(at, len);
}

static bool has_flag(const json_t *test, const char *flag)
{
    const json_t *flags = json_object_get(test, "flags");
    for (size_t i = 0; i < json_array_size(flags); i++)
        if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0)
            return true;
    return false;
}

static bool is_valid(const json_t *test)
{
    return strcmp(text_of(test, "result"), "valid") == 0;
}

static void fail_case(const char *file, const json_t *test)
{
    fail_msg("%s case %lld", file, (long long)json_integer_value(json_object_get(test, "tcId")));
}

/* Calls `check` on every case of a Wycheproof file and returns how many there were. */
static size_t each_case(const char *file, bool (*check)(const json_t *group, const json_t *test))
{
    json_t *root = load(file);
    const json_t *groups = json_object_get(root, "testGroups");
    size_t count = 0;
    for (size_t g = 0; g < json_array_size(groups); g++) {
        const json_t *group = json_array_get(groups, g), *tests = json_object_get(group, "tests");
        for (size_t t = 0; t < json_array_size(tests); t++, count++)
            if (!check(group, json_array_get(tests, t)))
                fail_case(file, json_array_get(tests, t));
    }
    assert_int_equal(count, json_integer_value(json_object_get(root, "numberOfTests")));
    json_decref(root);
    return count;
}

static bool check_ed25519(const json_t *group, const json_t *test)
{
    AUTO(buf_done) struct buf pk = {0}, msg = {0}, sig = {0};
    hex_of(json_object_get(group, "publicKey"), "pk", &pk);
    hex_of(test, "msg", &msg);
    hex_of(test, "sig", &sig);
    struct sign_public key;
    assert_int_equal(pk.len, sizeof(key.b));
    memcpy(key.b, pk.data, sizeof(key.b));
    bool ok = sig.len == ED25519_SIG_BYTES && sign_public_is_admissible(&key) &&
              sign_verify(&key, buf_bytes(&msg), sig.data);
    return ok == is_valid(test);
}

static void wycheproof_ed25519_verdicts_are_ours(void **state)
{
    (void)state;
    assert_int_equal(each_case("wycheproof-ed25519.json", check_ed25519), 151);
}

static bool check_x25519(const json_t *group, const json_t *test)
{
    (void)group;
    AUTO(buf_done) struct buf secret = {0}, public_key = {0}, shared = {0};
    hex_of(test, "private", &secret);
    hex_of(test, "public", &public_key);
    hex_of(test, "shared", &shared);
    static const uint8_t zero[32];
    uint8_t out[32];
    bool ok = x25519(secret.data, public_key.data, out);
    if (memcmp(shared.data, zero, sizeof(zero)) == 0)
        return !ok && has_flag(test, "ZeroSharedSecret");
    return ok && memcmp(out, shared.data, sizeof(out)) == 0;
}

static void wycheproof_x25519_agrees_and_a_zero_result_is_refused(void **state)
{
    (void)state;
    assert_int_equal(each_case("wycheproof-x25519.json", check_x25519), 518);
}

static bool check_chacha(const json_t *group, const json_t *test)
{
    (void)group;
    AUTO(buf_done) struct buf key = {0}, iv = {0}, aad = {0}, msg = {0}, sealed = {0}, out = {0};
    hex_of(test, "key", &key);
    hex_of(test, "iv", &iv);
    hex_of(test, "aad", &aad);
    hex_of(test, "msg", &msg);
    hex_of(test, "ct", &sealed);
    hex_of(test, "tag", &sealed);
    if (iv.len != HPKE_NONCE_BYTES)
        return !is_valid(test); /* our functions take no other nonce */
    uint8_t *at = buf_reserve(&out, msg.len + HPKE_TAG_BYTES);
    bool opened = aead_open(key.data, iv.data, buf_bytes(&aad), buf_bytes(&sealed), at);
    if (opened != is_valid(test))
        return false;
    if (!opened)
        return true;
    if (memcmp(at, msg.data ? msg.data : at, msg.len) != 0)
        return false;
    aead_seal(key.data, iv.data, buf_bytes(&aad), buf_bytes(&msg), at);
    return memcmp(at, sealed.data, sealed.len) == 0;
}

static void wycheproof_chacha20_poly1305_opens_and_seals(void **state)
{
    (void)state;
    assert_int_equal(each_case("wycheproof-chacha20_poly1305.json", check_chacha), 325);
}

static bool check_hkdf(const json_t *group, const json_t *test)
{
    (void)group;
    AUTO(buf_done) struct buf ikm = {0}, salt = {0}, info = {0}, okm = {0}, out = {0};
    hex_of(test, "ikm", &ikm);
    hex_of(test, "salt", &salt);
    hex_of(test, "info", &info);
    hex_of(test, "okm", &okm);
    size_t size = (size_t)json_integer_value(json_object_get(test, "size"));
    uint8_t prk[32], *at = buf_reserve(&out, size);
    hkdf_extract(buf_bytes(&salt), buf_bytes(&ikm), prk);
    bool ok = hkdf_expand(bytes_of(prk, sizeof(prk)), buf_bytes(&info), at, size);
    return ok == is_valid(test) && (!ok || (okm.len == size && memcmp(at, okm.data, size) == 0));
}

static void wycheproof_hkdf_sha256_agrees(void **state)
{
    (void)state;
    assert_int_equal(each_case("wycheproof-hkdf_sha256.json", check_hkdf), 86);
}

/* The verdict on each of the twelve: may the key be enrolled, does the bare signature verify? */
static const struct {
    const char *what;
    bool admitted, verifies;
} speccheck[] = {
    {"0: A and R of low order, S = 0", false, false},
    {"1: A of low order", false, false},
    {"2: R of low order, A with a low-order part", false, false},
    {"3: A and R with low-order parts, valid both ways", false, true},
    {"4: valid only with the cofactor", false, false},
    {"5: valid only with the cofactor, hash before reduction", false, false},
    {"6: S above the group order", true, false},
    {"7: S far above the group order", true, false},
    {"8: R not canonical", false, false},
    {"9: R not canonical, hashed reduced", false, false},
    {"10: A not canonical", false, false},
    {"11: A not canonical, hashed reduced", false, false},
};

static void no_speccheck_signature_is_accepted_from_an_enrolled_key(void **state)
{
    (void)state;
    json_t *root = load("ed25519-speccheck.json");
    assert_int_equal(json_array_size(root), ARRAY_LEN(speccheck));
    for (size_t i = 0; i < ARRAY_LEN(speccheck); i++) {
        const json_t *test = json_array_get(root, i);
        AUTO(buf_done) struct buf pk = {0}, msg = {0}, sig = {0};
        hex_of(test, "pub_key", &pk);
        hex_of(test, "message", &msg);
        hex_of(test, "signature", &sig);
        struct sign_public key;
        memcpy(key.b, pk.data, sizeof(key.b));
        bool admitted = sign_public_is_admissible(&key);
        bool verifies = sign_verify(&key, buf_bytes(&msg), sig.data);
        if (admitted != speccheck[i].admitted || verifies != speccheck[i].verifies)
            fail_msg("%s: admitted %d, verifies %d", speccheck[i].what, admitted, verifies);
        assert_false(admitted && verifies);
    }
    json_decref(root);
}

/* Gives back fixed bytes once: the ephemeral key of the RFC. */
static void fill_fixed(void *ctx, void *out, size_t len)
{
    memcpy(out, ctx, len);
}

static void assert_hex(struct bytes got, const json_t *object, const char *field)
{
    AUTO(buf_done) struct buf want = {0};
    hex_of(object, field, &want);
    if (!bytes_equal(got, buf_bytes(&want)))
        fail_msg("%s differs", field);
}

static void rfc_9180_key_schedule_and_shared_secret_agree(void **state)
{
    (void)state;
    json_t *root = load("hpke-rfc9180-a2-base.json");
    const json_t *setup = json_object_get(root, "setup");
    AUTO(buf_done) struct buf sk_e = {0}, sk_r = {0}, pk_r = {0}, info = {0};
    hex_of(setup, "skEm", &sk_e);
    hex_of(setup, "skRm", &sk_r);
    hex_of(setup, "pkRm", &pk_r);
    hex_of(setup, "info", &info);
    uint8_t enc[32], shared[32], again[32];
    assert_true(hpke_encap(pk_r.data, sk_e.data, enc, shared));
    assert_hex(bytes_of(enc, 32), setup, "enc");
    assert_hex(bytes_of(shared, 32), setup, "shared_secret");
    assert_true(hpke_decap(sk_r.data, pk_r.data, enc, again));
    assert_memory_equal(shared, again, 32);
    struct hpke_context context;
    hpke_key_schedule(shared, buf_bytes(&info), &context);
    assert_hex(bytes_of(context.key, 32), setup, "key");
    assert_hex(bytes_of(context.base_nonce, 12), setup, "base_nonce");
    assert_hex(bytes_of(context.exporter_secret, 32), setup, "exporter_secret");
    const json_t *exports = json_object_get(root, "exports");
    for (size_t i = 0; i < json_array_size(exports); i++) {
        const json_t *item = json_array_get(exports, i);
        AUTO(buf_done) struct buf exporter_context = {0};
        hex_of(item, "exporter_context", &exporter_context);
        uint8_t out[32];
        assert_true(hpke_export(&context, buf_bytes(&exporter_context), out, sizeof(out)));
        assert_hex(bytes_of(out, sizeof(out)), item, "exported_value");
    }
    assert_int_equal(json_array_size(exports), 3);
    json_decref(root);
}

static void rfc_9180_encryptions_agree_at_every_sequence_number(void **state)
{
    (void)state;
    json_t *root = load("hpke-rfc9180-a2-base.json");
    const json_t *setup = json_object_get(root, "setup");
    AUTO(buf_done) struct buf shared = {0}, info = {0};
    hex_of(setup, "shared_secret", &shared);
    hex_of(setup, "info", &info);
    struct hpke_context context;
    hpke_key_schedule(shared.data, buf_bytes(&info), &context);
    const json_t *all = json_object_get(root, "encryptions");
    assert_int_equal(json_array_size(all), 6);
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *item = json_array_get(all, i);
        AUTO(buf_done) struct buf pt = {0}, aad = {0};
        hex_of(item, "pt", &pt);
        hex_of(item, "aad", &aad);
        uint64_t seq = (uint64_t)json_integer_value(json_object_get(item, "sequence_number"));
        uint8_t nonce[12], ct[128], back[128];
        hpke_nonce(&context, seq, nonce);
        assert_hex(bytes_of(nonce, sizeof(nonce)), item, "nonce");
        aead_seal(context.key, nonce, buf_bytes(&aad), buf_bytes(&pt), ct);
        assert_hex(bytes_of(ct, pt.len + 16), item, "ct");
        assert_true(
            aead_open(context.key, nonce, buf_bytes(&aad), bytes_of(ct, pt.len + 16), back));
        assert_memory_equal(back, pt.data, pt.len);
    }
    json_decref(root);
}

static void rfc_9180_single_shot_seals_and_opens_the_first_encryption(void **state)
{
    (void)state;
    json_t *root = load("hpke-rfc9180-a2-base.json");
    const json_t *setup = json_object_get(root, "setup");
    const json_t *first = json_array_get(json_object_get(root, "encryptions"), 0);
    AUTO(buf_done) struct buf sk_e = {0}, sk_r = {0}, pk_r = {0}, info = {0}, pt = {0}, aad = {0};
    hex_of(setup, "skEm", &sk_e);
    hex_of(setup, "skRm", &sk_r);
    hex_of(setup, "pkRm", &pk_r);
    hex_of(setup, "info", &info);
    hex_of(first, "pt", &pt);
    hex_of(first, "aad", &aad);
    struct random_source fixed = {fill_fixed, sk_e.data};
    uint8_t enc[32], ct[128], back[128];
    struct err err = {0};
    assert_true(hpke_seal(pk_r.data, buf_bytes(&info), buf_bytes(&aad), buf_bytes(&pt), &fixed, enc,
                          ct, &err));
    assert_hex(bytes_of(enc, 32), setup, "enc");
    assert_hex(bytes_of(ct, pt.len + 16), first, "ct");
    AUTO(seal_key_free) struct seal_key *key = seal_key_from_secret(sk_r.data);
    assert_true(hpke_open(key, enc, buf_bytes(&info), buf_bytes(&aad), bytes_of(ct, pt.len + 16),
                          back, &err));
    assert_memory_equal(back, pt.data, pt.len);
    ct[0] ^= 1;
    assert_false(hpke_open(key, enc, buf_bytes(&info), buf_bytes(&aad), bytes_of(ct, pt.len + 16),
                           back, &err));
    assert_int_equal(err.code, ERR_PEER);
    json_decref(root);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_ed25519_verdicts_are_ours),
        cmocka_unit_test(wycheproof_x25519_agrees_and_a_zero_result_is_refused),
        cmocka_unit_test(wycheproof_chacha20_poly1305_opens_and_seals),
        cmocka_unit_test(wycheproof_hkdf_sha256_agrees),
        cmocka_unit_test(no_speccheck_signature_is_accepted_from_an_enrolled_key),
        cmocka_unit_test(rfc_9180_key_schedule_and_shared_secret_agree),
        cmocka_unit_test(rfc_9180_encryptions_agree_at_every_sequence_number),
        cmocka_unit_test(rfc_9180_single_shot_seals_and_opens_the_first_encryption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
