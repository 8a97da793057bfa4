#include "hub/crypto/seal.h"

#include "hub/base/mem.h"
#include "hub/crypto/hpke_internal.h"
#include "hub/crypto/seal_internal.h"
#include "hub/crypto/secret.h"
#include "tests/support/fake.h"
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct fixture {
    struct fake_random random;
    struct seal_key *key;
    uint8_t public_key[32];
    struct node_id dest;
    uint8_t *filler; /* more than the largest bucket */
};

static int set_up(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    fake_random_init(&f->random, 42);
    f->key = seal_key_create(&f->random.source);
    seal_key_public(f->key, f->public_key);
    random_fill(&f->random.source, f->dest.b, sizeof(f->dest.b));
    f->filler = mem_alloc(SEAL_BUCKET_MAX + 1);
    memset(f->filler, 'o', SEAL_BUCKET_MAX + 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    seal_key_free(f->key);
    free(f->filler);
    free(f);
    return 0;
}

static bool seal(struct fixture *f, const struct parcel *parcel, struct buf *out, struct oid *id,
                 struct err *err)
{
    return seal_parcel(parcel, &f->dest, f->public_key, 1800000000, &f->random.source, out, id,
                       err);
}

static bool open_with(const struct fixture *f, struct bytes sealed, struct arena *arena,
                      struct parcel *ret, struct err *err)
{
    const struct seal_key *keys[] = {f->key};
    return seal_open_parcel(keys, 1, sealed, arena, ret, err);
}

static void a_parcel_opens_as_it_was_sealed(void **state)
{
    struct fixture *f = *state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf out = {0};
    uint8_t salt[32] = {7}, hash[32];
    struct parcel parcel = {bytes_text("object"), bytes_text("payload"), bytes_of(salt, 32)}, back;
    struct oid id;
    struct err err = {0};
    buf_add_text(&out, "kept");
    assert_true(seal(f, &parcel, &out, &id, &err));
    struct bytes sealed = bytes_of(out.data + 4, out.len - 4);
    digest_sha256(sealed, hash);
    assert_memory_equal(id.b, hash, 32);
    assert_true(open_with(f, sealed, arena, &back, &err));
    assert_true(bytes_equal(back.object, parcel.object));
    assert_true(bytes_equal(back.payload, parcel.payload));
    assert_true(bytes_equal(back.salt, parcel.salt));
}

static void the_outside_shows_destination_key_size_and_end_only(void **state)
{
    struct fixture *f = *state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf out = {0};
    struct parcel parcel = {bytes_text("object"), {0}, {0}};
    struct sealed_view view;
    uint8_t key_id[16];
    struct oid id;
    struct err err = {0};
    assert_true(seal(f, &parcel, &out, &id, &err));
    assert_true(sealed_view(buf_bytes(&out), arena, &view, &err));
    seal_key_id(f->public_key, key_id);
    assert_true(node_id_equal(&view.dest, &f->dest));
    assert_memory_equal(view.enc_key_id, key_id, 16);
    assert_int_equal(view.expires_s, 1800000000);
    assert_int_equal(view.ct.len, 1024 + 16);
    assert_null(memmem(out.data, out.len, "object", 6));
}

/* Content lengths around which the padding's shape changes: see parcel_layout. */
static void the_layout_fills_a_bucket_exactly_for_every_content_length(void **state)
{
    (void)state;
    for (size_t len = 0; len <= SEAL_BUCKET_MAX; len++) {
        struct parcel_layout layout;
        bool ok = parcel_layout(len, &layout);
        if (len == SEAL_BUCKET_MAX - 1) { /* one byte cannot be filled, and no larger bucket is */
            assert_false(ok);
            continue;
        }
        assert_true(ok);
        size_t padding = layout.length_len ? 1 + layout.length_len + layout.padding_len : 0;
        assert_int_equal(len + padding, layout.bucket);
        assert_true(layout.length_len <= 3);
        assert_true(layout.padding_len < (size_t)1 << (7 * layout.length_len));
        size_t next = SEAL_BUCKET_MIN;
        while (next < len)
            next *= 2;
        assert_int_equal(layout.bucket, next - len == 1 ? 2 * next : next);
    }
    struct parcel_layout layout;
    assert_false(parcel_layout(SEAL_BUCKET_MAX + 1, &layout));
}

static void round_trip(struct fixture *f, size_t object_len)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf out = {0};
    struct parcel parcel = {.object = bytes_of(f->filler, object_len)}, back;
    struct parcel_layout layout;
    struct sealed_view view;
    struct oid id;
    struct err err = {0};
    bool fits = parcel_layout(parcel_content_len(&parcel), &layout);
    assert_int_equal(seal(f, &parcel, &out, &id, &err), fits);
    if (!fits) {
        assert_int_equal(err.code, ERR_LIMIT);
        assert_int_equal(out.len, 0);
        return;
    }
    assert_true(out.len <= SEALED_MAX);
    assert_true(sealed_view(buf_bytes(&out), arena, &view, &err));
    assert_int_equal(view.ct.len, layout.bucket + 16);
    if (!open_with(f, buf_bytes(&out), arena, &back, &err))
        fail_msg("object of %zu: %s", object_len, err.msg);
    assert_true(bytes_equal(back.object, parcel.object));
}

/* Tag and length of an object field that makes the content `content_len` long. */
static size_t field_overhead(size_t content_len)
{
    size_t overhead = 2;
    while (content_len - overhead >= (size_t)1 << (7 * (overhead - 1)))
        overhead++;
    return overhead;
}

static void sizes_near_every_bucket_border_round_trip(void **state)
{
    struct fixture *f = *state;
    /* distance of the content from the border: 1 = unfillable, 130 = spare zero group */
    static const size_t gaps[] = {0, 1, 2, 3, 4, 128, 129, 130, 131, 132};
    for (size_t bucket = SEAL_BUCKET_MIN; bucket <= SEAL_BUCKET_MAX; bucket *= 2) {
        for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
            size_t overhead = field_overhead(bucket - gaps[i]);
            round_trip(f, bucket - gaps[i] - overhead);
        }
    }
    static const size_t wide_gaps[] = {16385, 16386, 16387, 16388, 16389};
    for (size_t i = 0; i < ARRAY_LEN(wide_gaps); i++)
        round_trip(f, 65536 - wide_gaps[i] - 4);
    round_trip(f, 1);
    round_trip(f, SEAL_BUCKET_MAX);
}

static void every_changed_byte_is_noticed(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_done) struct buf out = {0};
    struct parcel parcel = {bytes_text("object"), {0}, {0}}, back;
    struct oid id;
    struct err err = {0};
    assert_true(seal(f, &parcel, &out, &id, &err));
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (size_t i = 0; i < out.len; i++) {
        arena_reset(arena);
        struct err why = {0};
        out.data[i] ^= 1;
        if (open_with(f, buf_bytes(&out), arena, &back, &why))
            fail_msg("byte %zu", i);
        assert_true(why.code == ERR_PEER || why.code == ERR_UNKNOWN || why.code == ERR_UNSUPPORTED);
        out.data[i] ^= 1;
    }
    assert_true(open_with(f, buf_bytes(&out), arena, &back, &err));
}

static void the_key_with_the_right_id_is_used_and_a_missing_one_is_named(void **state)
{
    struct fixture *f = *state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(seal_key_free) struct seal_key *other = seal_key_create(&f->random.source);
    AUTO(buf_done) struct buf out = {0};
    struct parcel parcel = {bytes_text("object"), {0}, {0}}, back;
    const struct seal_key *both[] = {other, f->key};
    struct oid id;
    struct err err = {0};
    assert_true(seal(f, &parcel, &out, &id, &err));
    assert_true(seal_open_parcel(both, 2, buf_bytes(&out), arena, &back, &err));
    assert_false(seal_open_parcel(both, 1, buf_bytes(&out), arena, &back, &err));
    assert_int_equal(err.code, ERR_UNKNOWN);
    assert_false(seal_open_parcel(NULL, 0, buf_bytes(&out), arena, &back, &err));
}

static void a_key_of_low_order_seals_nothing(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_done) struct buf out = {0};
    uint8_t zero[32] = {0};
    struct parcel parcel = {bytes_text("object"), {0}, {0}};
    struct oid id = {{9}};
    struct err err = {0};
    assert_false(seal_parcel(&parcel, &f->dest, zero, 1, &f->random.source, &out, &id, &err));
    assert_int_equal(err.code, ERR_PEER);
    assert_int_equal(out.len, 0);
    assert_int_equal(id.b[0], 9);
}

static const struct {
    const char *why;
    const char *plain;
    size_t len;
    bool ok;
} insides[] = {
    {"object alone", "\x0a\x01o", 3, true},
    {"object and padding", "\x0a\x01o\x22\x02\x00\x00", 7, true},
    {"padding with a spare zero group", "\x0a\x01o\x22\x81\x00\x00", 7, true},
    {"nothing", "", 0, false},
    {"no object", "\x22\x01\x00", 3, false},
    {"payload without salt", "\x0a\x01o\x12\x01p", 6, false},
    {"salt without payload", "\x0a\x01o\x1a\x01s", 6, false},
    {"short salt", "\x0a\x01o\x12\x01p\x1a\x01s", 9, false},
    {"padding with something in it", "\x0a\x01o\x22\x02\x00\x01", 7, false},
    {"two objects", "\x0a\x01o\x0a\x01o", 6, false},
    {"cut", "\x0a\x02o", 3, false},
};

static void the_inside_is_checked_after_opening(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(insides); i++) {
        struct parcel parcel;
        struct err err = {0};
        bool ok = parcel_read(bytes_of(insides[i].plain, insides[i].len), &parcel, &err);
        if (ok != insides[i].ok || (!ok && err.code != ERR_PEER))
            fail_msg("%s: %s", insides[i].why, err.msg);
    }
}

static void a_key_survives_its_file_form(void **state)
{
    struct fixture *f = *state;
    uint8_t secret[32], zero[32] = {0}, public_key[32];
    seal_key_secret(f->key, secret);
    AUTO(seal_key_free) struct seal_key *back = seal_key_from_secret(secret);
    assert_memory_equal(secret, zero, 32);
    seal_key_public(back, public_key);
    assert_memory_equal(public_key, f->public_key, 32);
}

static void the_commitment_is_over_salt_then_payload(void **state)
{
    (void)state;
    uint8_t commit[32], want[32];
    parcel_commit(bytes_text("ab"), bytes_text("c"), commit);
    digest_sha256(bytes_text("abc"), want);
    assert_memory_equal(commit, want, 32);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parcel_opens_as_it_was_sealed),
        cmocka_unit_test(the_outside_shows_destination_key_size_and_end_only),
        cmocka_unit_test(the_layout_fills_a_bucket_exactly_for_every_content_length),
        cmocka_unit_test(sizes_near_every_bucket_border_round_trip),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(the_key_with_the_right_id_is_used_and_a_missing_one_is_named),
        cmocka_unit_test(a_key_of_low_order_seals_nothing),
        cmocka_unit_test(the_inside_is_checked_after_opening),
        cmocka_unit_test(a_key_survives_its_file_form),
        cmocka_unit_test(the_commitment_is_over_salt_then_payload),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
