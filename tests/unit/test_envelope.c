#include "hub/crypto/envelope.h"

#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "tests/support/fake.h"
#include <stdlib.h>

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

static void the_pae_is_the_one_of_the_dsse_specification(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf pae = {0};
    envelope_pae("http://example.com/HelloWorld", bytes_text("hello world"), &pae);
    assert_string_equal(buf_text(&pae), "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    pae.len = 0;
    envelope_pae("t", (struct bytes){0}, &pae);
    assert_string_equal(buf_text(&pae), "DSSEv1 1 t 0 ");
}

static void the_object_id_is_the_hash_of_the_pae_with_its_prefix(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf all = {0};
    struct oid oid;
    uint8_t want[32];
    buf_add(&all, "hfp/oid/v1\0", 11);
    envelope_pae(TYPE_NOTICE, bytes_text("body"), &all);
    digest_sha256(buf_bytes(&all), want);
    envelope_oid(TYPE_NOTICE, bytes_text("body"), &oid);
    assert_memory_equal(oid.b, want, 32);
}

static void a_signed_object_opens_and_verifies(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 500, 16383, 16384, 16385, SIGNED_BODY_MAX};
    AUTO(sign_key_free) struct sign_key *key = key_of_seed(1), *other = key_of_seed(2);
    const struct sign_key *keys[] = {key};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        AUTO(buf_done) struct buf out = {0};
        uint8_t *body = mem_alloc(sizes[i]);
        memset(body, 'x', sizes[i]);
        struct oid oid;
        struct err err = {0};
        struct envelope e;
        envelope_sign(keys, 1, TYPE_REFERRAL, bytes_of(body, sizes[i]), &out, &oid);
        assert_true(envelope_open(buf_bytes(&out), arena, &e, &err));
        assert_string_equal(e.type, TYPE_REFERRAL);
        assert_true(bytes_equal(e.body, bytes_of(body, sizes[i])));
        assert_true(oid_equal(&e.oid, &oid));
        assert_true(bytes_equal(e.bytes, buf_bytes(&out)));
        assert_int_equal(e.sig_count, 1);
        assert_true(envelope_verify(&e, sign_key_public(key)));
        assert_false(envelope_verify(&e, sign_key_public(other)));
        e.type = TYPE_NOTICE; /* the type is part of what is signed */
        assert_false(envelope_verify(&e, sign_key_public(key)));
        free(body);
    }
}

static void every_signer_of_an_object_verifies_and_its_id_does_not_depend_on_them(void **state)
{
    (void)state;
    struct sign_key *owned[SIGNED_SIGS_MAX];
    const struct sign_key *keys[SIGNED_SIGS_MAX];
    for (size_t i = 0; i < SIGNED_SIGS_MAX; i++)
        keys[i] = owned[i] = key_of_seed(i);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf many = {0}, one = {0};
    struct envelope e, single;
    struct err err = {0};
    envelope_sign(keys, SIGNED_SIGS_MAX, TYPE_KEL, bytes_text("body"), &many, NULL);
    envelope_sign(keys, 1, TYPE_KEL, bytes_text("body"), &one, NULL);
    assert_true(envelope_open(buf_bytes(&many), arena, &e, &err));
    assert_true(envelope_open(buf_bytes(&one), arena, &single, &err));
    assert_int_equal(e.sig_count, SIGNED_SIGS_MAX);
    for (size_t i = 0; i < SIGNED_SIGS_MAX; i++) {
        assert_true(envelope_verify(&e, sign_key_public(owned[i])));
        sign_key_free(owned[i]);
    }
    assert_true(oid_equal(&e.oid, &single.oid));
}

static void signing_twice_gives_the_same_bytes(void **state)
{
    (void)state;
    AUTO(sign_key_free) struct sign_key *key = key_of_seed(1);
    const struct sign_key *keys[] = {key};
    AUTO(buf_done) struct buf a = {0}, b = {0};
    envelope_sign(keys, 1, TYPE_KEL, bytes_text("body"), &a, NULL);
    envelope_sign(keys, 1, TYPE_KEL, bytes_text("body"), &b, NULL);
    assert_true(bytes_equal(buf_bytes(&a), buf_bytes(&b)));
}

static void no_changed_byte_is_accepted(void **state)
{
    (void)state;
    AUTO(sign_key_free) struct sign_key *key = key_of_seed(1);
    const struct sign_key *keys[] = {key};
    AUTO(buf_done) struct buf out = {0};
    envelope_sign(keys, 1, TYPE_KEL, bytes_text("body"), &out, NULL);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct envelope good;
    struct err err = {0};
    assert_true(envelope_open(buf_bytes(&out), arena, &good, &err));
    for (size_t i = 0; i < out.len; i++) {
        arena_reset(arena);
        out.data[i] ^= 0x40;
        struct envelope e;
        struct err why = {0};
        if (envelope_open(buf_bytes(&out), arena, &e, &why)) {
            /* Only the key hint and unknown fields are not covered. */
            bool same = bytes_equal(e.body, bytes_text("body")) && strcmp(e.type, TYPE_KEL) == 0 &&
                        e.sigs[0].len == 64;
            assert_true(!envelope_verify(&e, sign_key_public(key)) || same);
        } else {
            assert_true(why.code == ERR_PEER || why.code == ERR_UNSUPPORTED);
        }
        out.data[i] ^= 0x40;
    }
}

struct raw {
    uint32_t suite;
    const char *type;
    size_t body_len, sig_len, sig_count;
};

/* A Signed with whatever shape the case asks for. */
static void pack_raw(const struct raw *raw, struct buf *out)
{
    uint8_t sig_bytes[80] = {0}, *body = mem_alloc(raw->body_len + 1);
    Maillon__Hfp__V1__Signed message;
    maillon__hfp__v1__signed__init(&message);
    Maillon__Hfp__V1__Sig sig, *pointers[8];
    maillon__hfp__v1__sig__init(&sig);
    sig.sig = wire_data(bytes_of(sig_bytes, raw->sig_len));
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
        pointers[i] = &sig;
    message.suite = raw->suite;
    message.type = (char *)(uintptr_t)raw->type;
    message.body = wire_data(bytes_of(body, raw->body_len));
    message.n_sig = raw->sig_count;
    message.sig = pointers;
    wire_pack(&message, out);
    free(body);
}

static const struct {
    const char *why;
    struct raw raw;
    enum err_code code;
} shapes[] = {
    {"right", {1, "t", 1, 64, 1}, ERR_NONE},
    {"largest body", {1, "t", SIGNED_BODY_MAX, 64, 5}, ERR_NONE},
    {"body too large", {1, "t", SIGNED_BODY_MAX + 1, 64, 1}, ERR_PEER},
    {"far too large", {1, "t", SIGNED_BODY_MAX * 2, 64, 1}, ERR_PEER},
    {"no body", {1, "t", 0, 64, 1}, ERR_PEER},
    {"no suite", {0, "t", 1, 64, 1}, ERR_UNSUPPORTED},
    {"suite 2", {2, "t", 1, 64, 1}, ERR_UNSUPPORTED},
    {"no type", {1, "", 1, 64, 1}, ERR_PEER},
    {"blank in the type", {1, "a b", 1, 64, 1}, ERR_PEER},
    {"type not ASCII", {1, "\xc3\xa9", 1, 64, 1}, ERR_PEER},
    {"no signature", {1, "t", 1, 64, 0}, ERR_PEER},
    {"six signatures", {1, "t", 1, 64, 6}, ERR_PEER},
    {"short signature", {1, "t", 1, 63, 1}, ERR_PEER},
    {"long signature", {1, "t", 1, 65, 1}, ERR_PEER},
    {"empty signature", {1, "t", 1, 0, 1}, ERR_PEER},
};

static void shapes_are_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        AUTO(buf_done) struct buf out = {0};
        struct envelope e;
        struct err err = {0};
        pack_raw(&shapes[i].raw, &out);
        bool ok = envelope_open(buf_bytes(&out), arena, &e, &err);
        if (ok != (shapes[i].code == ERR_NONE) || err.code != shapes[i].code)
            fail_msg("%s: %s", shapes[i].why, err.msg);
    }
}

static void a_type_of_129_characters_is_refused(void **state)
{
    (void)state;
    char type[130];
    memset(type, 't', sizeof(type));
    for (size_t len = 128; len <= 129; len++) {
        type[len] = 0;
        struct raw raw = {1, type, 1, 64, 1};
        AUTO(arena_free) struct arena *arena = arena_create(0);
        AUTO(buf_done) struct buf out = {0};
        struct envelope e;
        struct err err = {0};
        pack_raw(&raw, &out);
        assert_int_equal(envelope_open(buf_bytes(&out), arena, &e, &err), len == 128);
        type[len] = 't';
    }
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pae_is_the_one_of_the_dsse_specification),
        cmocka_unit_test(the_object_id_is_the_hash_of_the_pae_with_its_prefix),
        cmocka_unit_test(a_signed_object_opens_and_verifies),
        cmocka_unit_test(every_signer_of_an_object_verifies_and_its_id_does_not_depend_on_them),
        cmocka_unit_test(signing_twice_gives_the_same_bytes),
        cmocka_unit_test(no_changed_byte_is_accepted),
        cmocka_unit_test(shapes_are_bounded),
        cmocka_unit_test(a_type_of_129_characters_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
