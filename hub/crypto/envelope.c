#include "hub/crypto/envelope.h"

#include "hub/crypto/field.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "proto/scan.h"
#include <stdio.h>
#include <stdlib.h>

#define SUITE_1         1
#define TYPE_MAX        128
#define PREFIX_MAX      (TYPE_MAX + 64)
#define KEY_HINT_BYTES  8
#define STACK_BODY_MAX  16384 /* larger bodies are rare: their PAE is built on the heap */
#define SIGNED_OVERHEAD (TYPE_MAX + SIGNED_SIGS_MAX * 128 + 64) /* everything but the body */

/* "DSSEv1 " len(type) " " type " " len(body) " ", to be followed by the body. */
static size_t pae_prefix(const char *type, size_t body_len, char out[PREFIX_MAX])
{
    int len = snprintf(out, PREFIX_MAX, "DSSEv1 %zu %s %zu ", strlen(type), type, body_len);
    if (len < 0 || len >= PREFIX_MAX)
        abort(); /* types are ours or were bounded by envelope_open */
    return (size_t)len;
}

void envelope_pae(const char *type, struct bytes body, struct buf *out)
{
    char prefix[PREFIX_MAX];
    buf_add(out, prefix, pae_prefix(type, body.len, prefix));
    buf_add_bytes(out, body);
}

void envelope_oid(const char *type, struct bytes body, struct oid *ret)
{
    char prefix[PREFIX_MAX];
    size_t len = pae_prefix(type, body.len, prefix);
    struct bytes parts[] = {
        bytes_of("hfp/oid/v1", sizeof("hfp/oid/v1")), /* with its NUL */
        bytes_of(prefix, len),
        body,
    };
    digest_sha256_parts(parts, ARRAY_LEN(parts), ret->b);
}

void envelope_sign(const struct sign_key *const *keys, size_t key_count, const char *type,
                   struct bytes body, struct buf *out, struct oid *ret_oid)
{
    if (key_count == 0 || key_count > SIGNED_SIGS_MAX)
        abort();
    AUTO(buf_done) struct buf pae = {0};
    envelope_pae(type, body, &pae);
    uint8_t sig_bytes[SIGNED_SIGS_MAX][ED25519_SIG_BYTES];
    Maillon__Hfp__V1__Sig sigs[SIGNED_SIGS_MAX], *pointers[SIGNED_SIGS_MAX];
    for (size_t i = 0; i < key_count; i++) {
        sign_bytes(keys[i], buf_bytes(&pae), sig_bytes[i]);
        maillon__hfp__v1__sig__init(&sigs[i]);
        sigs[i].key_hint = wire_data(bytes_of(sign_key_public(keys[i])->b, KEY_HINT_BYTES));
        sigs[i].sig = wire_data(bytes_of(sig_bytes[i], ED25519_SIG_BYTES));
        pointers[i] = &sigs[i];
    }
    Maillon__Hfp__V1__Signed message;
    maillon__hfp__v1__signed__init(&message);
    message.suite = SUITE_1;
    message.type = (char *)(uintptr_t)type;
    message.body = wire_data(body);
    message.n_sig = key_count;
    message.sig = pointers;
    wire_pack(&message, out);
    if (ret_oid)
        envelope_oid(type, body, ret_oid);
}

/* The signature inside one Sig; empty when there is none. */
static struct bytes sig_of(struct bytes message)
{
    struct bytes sig = {0};
    struct field field;
    for (struct field_reader r = field_reader(message); field_next(&r, &field);)
        if (field.number == 2)
            sig = field.bytes;
    return sig;
}

/* Media types are printable ASCII without blanks, or the PAE would be ambiguous to a reader. */
static bool type_is_valid(struct bytes type)
{
    if (type.len == 0 || type.len > TYPE_MAX)
        return false;
    for (size_t i = 0; i < type.len; i++)
        if (type.data[i] <= ' ' || type.data[i] > '~')
            return false;
    return true;
}

bool envelope_open(struct bytes in, struct arena *arena, struct envelope *ret, struct err *err)
{
    if (in.len > SIGNED_BODY_MAX + SIGNED_OVERHEAD)
        return err_set(err, ERR_PEER, "signed object is malformed: too large");
    const char *wrong =
        scan_message(&maillon__hfp__v1__signed__descriptor, in.data, in.len, &scan_default);
    if (wrong)
        return err_set(err, ERR_PEER, "signed object is malformed: %s", wrong);
    struct envelope envelope = {.bytes = in};
    struct bytes type = {0};
    uint64_t suite = 0;
    struct field field;
    for (struct field_reader r = field_reader(in); field_next(&r, &field);) {
        if (field.number == 1) {
            suite = field.value;
        } else if (field.number == 2) {
            type = field.bytes;
        } else if (field.number == 3) {
            envelope.body = field.bytes;
        } else if (field.number == 4) {
            struct bytes sig = sig_of(field.bytes);
            if (envelope.sig_count == SIGNED_SIGS_MAX || sig.len != ED25519_SIG_BYTES)
                return err_set(err, ERR_PEER, "signed object is malformed: signatures");
            envelope.sigs[envelope.sig_count++] = sig;
        }
    }
    if (suite != SUITE_1)
        return err_set(err, ERR_UNSUPPORTED, "signed object has an unknown suite");
    if (!type_is_valid(type))
        return err_set(err, ERR_PEER, "signed object is malformed: type");
    if (envelope.body.len == 0 || envelope.body.len > SIGNED_BODY_MAX)
        return err_set(err, ERR_PEER, "signed object is malformed: body size");
    if (envelope.sig_count == 0)
        return err_set(err, ERR_PEER, "signed object is malformed: no signature");
    char *text = arena_try(arena, type.len + 1);
    if (!text)
        return err_set(err, ERR_PEER, "signed object is malformed: too large");
    memcpy(text, type.data, type.len);
    envelope.type = text;
    envelope_oid(envelope.type, envelope.body, &envelope.oid);
    *ret = envelope;
    return true;
}

static bool any_sig_verifies(const struct envelope *envelope, const struct sign_public *key,
                             struct bytes pae)
{
    for (size_t i = 0; i < envelope->sig_count; i++)
        if (sign_verify(key, pae, envelope->sigs[i].data))
            return true;
    return false;
}

bool envelope_verify(const struct envelope *envelope, const struct sign_public *key)
{
    /* Ed25519 hashes the message twice, so it must lie in one piece. */
    char on_stack[PREFIX_MAX + STACK_BODY_MAX];
    if (envelope->body.len <= STACK_BODY_MAX) {
        size_t len = pae_prefix(envelope->type, envelope->body.len, on_stack);
        memcpy(on_stack + len, envelope->body.data, envelope->body.len);
        return any_sig_verifies(envelope, key, bytes_of(on_stack, len + envelope->body.len));
    }
    AUTO(buf_done) struct buf pae = {0};
    buf_reserve(&pae, PREFIX_MAX + envelope->body.len);
    envelope_pae(envelope->type, envelope->body, &pae);
    return any_sig_verifies(envelope, key, buf_bytes(&pae));
}
