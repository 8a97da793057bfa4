#include "hub/crypto/seal.h"

#include "hub/crypto/field.h"
#include "hub/crypto/hpke_internal.h"
#include "hub/crypto/seal_internal.h"
#include "hub/crypto/secret.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "proto/scan.h"

#define SUITE_1    1
#define INFO_TEXT  "hfp/seal/v1"
#define INFO_BYTES (sizeof(INFO_TEXT) - 1 + NODE_ID_BYTES + ENC_KEY_ID_BYTES)
#define AAD_BYTES  (4 + NODE_ID_BYTES + ENC_KEY_ID_BYTES + 8)

/* field numbers of object.proto */
enum { SEALED_SUITE = 1, SEALED_DEST, SEALED_ENC_KEY_ID, SEALED_EXPIRES_S, SEALED_ENC, SEALED_CT };
enum { PARCEL_OBJECT = 1, PARCEL_PAYLOAD, PARCEL_SALT, PARCEL_PADDING };

struct seal_key {
    uint8_t secret[32];
    uint8_t public_key[X25519_KEY_BYTES];
    uint8_t id[ENC_KEY_ID_BYTES];
};

struct seal_key *seal_key_create(const struct random_source *random)
{
    uint8_t secret[32];
    random_fill(random, secret, sizeof(secret));
    return seal_key_from_secret(secret);
}

struct seal_key *seal_key_from_secret(uint8_t secret[32])
{
    struct seal_key *key = secret_alloc(sizeof(*key));
    memcpy(key->secret, secret, sizeof(key->secret));
    secret_wipe(secret, sizeof(key->secret));
    x25519_public(key->secret, key->public_key);
    seal_key_id(key->public_key, key->id);
    return key;
}

void seal_key_free(struct seal_key *key)
{
    secret_free(key);
}

void seal_key_public(const struct seal_key *key, uint8_t out[X25519_KEY_BYTES])
{
    memcpy(out, key->public_key, X25519_KEY_BYTES);
}

void seal_key_secret(const struct seal_key *key, uint8_t out[32])
{
    memcpy(out, key->secret, sizeof(key->secret));
}

bool seal_public_is_admissible(const uint8_t public_key[X25519_KEY_BYTES])
{
    static const uint8_t any_secret[32] = {64};
    uint8_t shared[32];
    return x25519(any_secret, public_key, shared);
}

void seal_key_id(const uint8_t public_key[X25519_KEY_BYTES], uint8_t out[ENC_KEY_ID_BYTES])
{
    uint8_t hash[32];
    digest_sha256(bytes_of(public_key, X25519_KEY_BYTES), hash);
    memcpy(out, hash, ENC_KEY_ID_BYTES);
}

bool hpke_seal(const uint8_t public_key[32], struct bytes info, struct bytes aad, struct bytes pt,
               const struct random_source *random, uint8_t enc[32], uint8_t *ct, struct err *err)
{
    uint8_t ephemeral[32], shared[32], nonce[HPKE_NONCE_BYTES], public_part[32];
    random_fill(random, ephemeral, sizeof(ephemeral));
    bool ok = hpke_encap(public_key, ephemeral, public_part, shared);
    secret_wipe(ephemeral, sizeof(ephemeral));
    if (!ok)
        return err_set(err, ERR_PEER, "the sealing key is of low order");
    struct hpke_context context;
    hpke_key_schedule(shared, info, &context);
    hpke_nonce(&context, 0, nonce);
    aead_seal(context.key, nonce, aad, pt, ct);
    memcpy(enc, public_part, sizeof(public_part));
    secret_wipe(shared, sizeof(shared));
    secret_wipe(&context, sizeof(context));
    return true;
}

bool hpke_open(const struct seal_key *key, const uint8_t enc[32], struct bytes info,
               struct bytes aad, struct bytes ct, uint8_t *pt, struct err *err)
{
    uint8_t shared[32], nonce[HPKE_NONCE_BYTES];
    if (!hpke_decap(key->secret, key->public_key, enc, shared))
        return err_set(err, ERR_PEER, "sealed object does not open");
    struct hpke_context context;
    hpke_key_schedule(shared, info, &context);
    hpke_nonce(&context, 0, nonce);
    bool ok = aead_open(context.key, nonce, aad, ct, pt);
    secret_wipe(shared, sizeof(shared));
    secret_wipe(&context, sizeof(context));
    return ok || err_set(err, ERR_PEER, "sealed object does not open");
}

/* info = "hfp/seal/v1" || dest || enc_key_id (R-PD-1) */
static struct bytes seal_info(const struct node_id *dest, const uint8_t key_id[ENC_KEY_ID_BYTES],
                              uint8_t out[INFO_BYTES])
{
    memcpy(out, INFO_TEXT, sizeof(INFO_TEXT) - 1);
    memcpy(out + sizeof(INFO_TEXT) - 1, dest->b, NODE_ID_BYTES);
    memcpy(out + sizeof(INFO_TEXT) - 1 + NODE_ID_BYTES, key_id, ENC_KEY_ID_BYTES);
    return bytes_of(out, INFO_BYTES);
}

/*
 * aad = Sealed fields 1 to 4 in 60 fixed bytes: suite (4, little endian) || dest (32) ||
 * enc_key_id (16) || expires_s (8, little endian). Not their protobuf form, which has several.
 */
static struct bytes seal_aad(const struct node_id *dest, const uint8_t key_id[ENC_KEY_ID_BYTES],
                             uint64_t expires_s, uint8_t out[AAD_BYTES])
{
    memset(out, 0, AAD_BYTES);
    out[0] = SUITE_1;
    memcpy(out + 4, dest->b, NODE_ID_BYTES);
    memcpy(out + 4 + NODE_ID_BYTES, key_id, ENC_KEY_ID_BYTES);
    for (size_t i = 0; i < 8; i++)
        out[4 + NODE_ID_BYTES + ENC_KEY_ID_BYTES + i] = (uint8_t)(expires_s >> (8 * i));
    return bytes_of(out, AAD_BYTES);
}

static size_t optional_bytes_len(uint32_t number, struct bytes b)
{
    return b.len ? field_bytes_len(number, b.len) : 0;
}

size_t parcel_content_len(const struct parcel *parcel)
{
    return optional_bytes_len(PARCEL_OBJECT, parcel->object) +
           optional_bytes_len(PARCEL_PAYLOAD, parcel->payload) +
           optional_bytes_len(PARCEL_SALT, parcel->salt);
}

bool parcel_layout(size_t content_len, struct parcel_layout *ret)
{
    /* One byte cannot be filled: the smallest field has a tag and a length. */
    size_t bucket = SEAL_BUCKET_MIN;
    while (bucket < content_len || bucket - content_len == 1) {
        bucket *= 2;
        if (bucket > SEAL_BUCKET_MAX)
            return false;
    }
    struct parcel_layout layout = {.bucket = bucket};
    size_t gap = bucket - content_len;
    if (gap > 0) {
        /*
         * The shortest length varint that fills the gap. Where the content would be just too short
         * for it (a gap of 130 is 127 zeros under a two-byte length), the varint is written with a
         * spare zero group, which protobuf readers accept.
         */
        layout.length_len = 1;
        while (field_varint_len(gap - 1 - layout.length_len) > layout.length_len)
            layout.length_len++;
        layout.padding_len = gap - 1 - layout.length_len;
    }
    *ret = layout;
    return true;
}

static uint8_t *put_optional(uint8_t *at, uint32_t number, struct bytes b)
{
    return b.len ? field_put_bytes(at, number, b) : at;
}

/* Writes exactly layout->bucket bytes. */
static void parcel_write(const struct parcel *parcel, const struct parcel_layout *layout,
                         uint8_t *at)
{
    at = put_optional(at, PARCEL_OBJECT, parcel->object);
    at = put_optional(at, PARCEL_PAYLOAD, parcel->payload);
    at = put_optional(at, PARCEL_SALT, parcel->salt);
    if (layout->length_len == 0)
        return;
    *at++ = PARCEL_PADDING << 3 | 2;
    for (size_t i = 0; i < layout->length_len; i++)
        *at++ = (uint8_t)((layout->padding_len >> (7 * i) & 0x7f) |
                          (i + 1 < layout->length_len ? 0x80 : 0));
    memset(at, 0, layout->padding_len);
}

bool seal_parcel(const struct parcel *parcel, const struct node_id *dest,
                 const uint8_t dest_key[X25519_KEY_BYTES], uint64_t expires_s,
                 const struct random_source *random, struct buf *out, struct oid *ret_id,
                 struct err *err)
{
    struct parcel_layout layout;
    if (parcel->object.len > SEAL_BUCKET_MAX || parcel->payload.len > SEAL_BUCKET_MAX ||
        !parcel_layout(parcel_content_len(parcel), &layout))
        return err_set(err, ERR_LIMIT, "the object is too large to be sealed");
    uint8_t key_id[ENC_KEY_ID_BYTES], info[INFO_BYTES], aad[AAD_BYTES], enc[32] = {0};
    seal_key_id(dest_key, key_id);
    size_t ct_len = layout.bucket + HPKE_TAG_BYTES;
    uint8_t *start = buf_reserve(out, SEALED_MAX - SEAL_BUCKET_MAX + ct_len), *at = start;
    at = field_put_varint(at, SEALED_SUITE << 3);
    at = field_put_varint(at, SUITE_1);
    at = field_put_bytes(at, SEALED_DEST, node_id_bytes(dest));
    at = field_put_bytes(at, SEALED_ENC_KEY_ID, bytes_of(key_id, sizeof(key_id)));
    if (expires_s) {
        at = field_put_varint(at, SEALED_EXPIRES_S << 3);
        at = field_put_varint(at, expires_s);
    }
    uint8_t *enc_at = at;
    at = field_put_bytes(at, SEALED_ENC, bytes_of(enc, sizeof(enc)));
    at = field_put_varint(at, SEALED_CT << 3 | 2);
    at = field_put_varint(at, ct_len);
    parcel_write(parcel, &layout, at);
    if (!hpke_seal(dest_key, seal_info(dest, key_id, info), seal_aad(dest, key_id, expires_s, aad),
                   bytes_of(at, layout.bucket), random, enc, at, err)) {
        secret_wipe(at, layout.bucket);
        return false;
    }
    field_put_bytes(enc_at, SEALED_ENC, bytes_of(enc, sizeof(enc)));
    size_t len = (size_t)(at - start) + ct_len;
    digest_sha256(bytes_of(start, len), ret_id->b);
    out->len += len;
    return true;
}

static bool is_bucket(size_t len)
{
    return len >= SEAL_BUCKET_MIN && len <= SEAL_BUCKET_MAX && (len & (len - 1)) == 0;
}

bool sealed_view(struct bytes sealed, struct arena *arena UNUSED, struct sealed_view *ret,
                 struct err *err)
{
    if (sealed.len > SEALED_MAX)
        return err_set(err, ERR_PEER, "sealed object is malformed: too large");
    const char *wrong =
        scan_message(&maillon__hfp__v1__sealed__descriptor, sealed.data, sealed.len, &scan_default);
    if (wrong)
        return err_set(err, ERR_PEER, "sealed object is malformed: %s", wrong);
    struct sealed_view view = {0};
    struct bytes dest = {0}, key_id = {0};
    uint64_t suite = 0;
    struct field field;
    for (struct field_reader r = field_reader(sealed); field_next(&r, &field);) {
        if (field.number == SEALED_SUITE)
            suite = field.value;
        else if (field.number == SEALED_DEST)
            dest = field.bytes;
        else if (field.number == SEALED_ENC_KEY_ID)
            key_id = field.bytes;
        else if (field.number == SEALED_EXPIRES_S)
            view.expires_s = field.value;
        else if (field.number == SEALED_ENC)
            view.enc = field.bytes;
        else if (field.number == SEALED_CT)
            view.ct = field.bytes;
    }
    if (suite != SUITE_1)
        return err_set(err, ERR_UNSUPPORTED, "sealed object has an unknown suite");
    if (!node_id_from(dest, &view.dest) || key_id.len != ENC_KEY_ID_BYTES ||
        view.enc.len != X25519_KEY_BYTES)
        return err_set(err, ERR_PEER, "sealed object is malformed: length of a field");
    if (view.ct.len < HPKE_TAG_BYTES || !is_bucket(view.ct.len - HPKE_TAG_BYTES))
        return err_set(err, ERR_PEER, "sealed object is malformed: not of a bucket's size");
    memcpy(view.enc_key_id, key_id.data, ENC_KEY_ID_BYTES);
    *ret = view;
    return true;
}

static bool is_zero(struct bytes b)
{
    uint8_t any = 0;
    for (size_t i = 0; i < b.len; i++)
        any |= b.data[i];
    return any == 0;
}

bool parcel_read(struct bytes plain, struct parcel *ret, struct err *err)
{
    const char *wrong =
        scan_message(&maillon__hfp__v1__parcel__descriptor, plain.data, plain.len, &scan_default);
    if (wrong)
        return err_set(err, ERR_PEER, "parcel is malformed: %s", wrong);
    struct parcel parcel = {0};
    struct bytes padding = {0};
    struct field field;
    for (struct field_reader r = field_reader(plain); field_next(&r, &field);) {
        if (field.number == PARCEL_OBJECT)
            parcel.object = field.bytes;
        else if (field.number == PARCEL_PAYLOAD)
            parcel.payload = field.bytes;
        else if (field.number == PARCEL_SALT)
            parcel.salt = field.bytes;
        else if (field.number == PARCEL_PADDING)
            padding = field.bytes;
    }
    if (parcel.object.len == 0)
        return err_set(err, ERR_PEER, "parcel is malformed: no object");
    if (parcel.salt.len != (parcel.payload.len ? SALT_BYTES : 0))
        return err_set(err, ERR_PEER, "parcel is malformed: salt");
    if (!is_zero(padding))
        return err_set(err, ERR_PEER, "parcel is malformed: padding");
    *ret = parcel;
    return true;
}

static const struct seal_key *find_key(const struct seal_key *const *keys, size_t key_count,
                                       const uint8_t id[ENC_KEY_ID_BYTES])
{
    for (size_t i = 0; i < key_count; i++)
        if (memcmp(keys[i]->id, id, ENC_KEY_ID_BYTES) == 0)
            return keys[i];
    return NULL;
}

bool seal_open_parcel(const struct seal_key *const *keys, size_t key_count, struct bytes sealed,
                      struct arena *arena, struct parcel *ret, struct err *err)
{
    struct sealed_view view;
    if (!sealed_view(sealed, arena, &view, err))
        return false;
    const struct seal_key *key = find_key(keys, key_count, view.enc_key_id);
    if (!key)
        return err_set(err, ERR_UNKNOWN, "sealed to a key that is not here");
    size_t plain_len = view.ct.len - HPKE_TAG_BYTES;
    uint8_t *plain = arena_try(arena, plain_len);
    if (!plain)
        return err_set(err, ERR_PEER, "sealed object is malformed: too large");
    uint8_t info[INFO_BYTES], aad[AAD_BYTES];
    if (!hpke_open(key, view.enc.data, seal_info(&view.dest, view.enc_key_id, info),
                   seal_aad(&view.dest, view.enc_key_id, view.expires_s, aad), view.ct, plain, err))
        return false;
    if (!parcel_read(bytes_of(plain, plain_len), ret, err)) {
        secret_wipe(plain, plain_len);
        return false;
    }
    return true;
}

void parcel_commit(struct bytes salt, struct bytes payload, uint8_t out[32])
{
    struct bytes parts[] = {salt, payload};
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
}
