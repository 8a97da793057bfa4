/*
 * Our own formats, byte by byte. tests/vectors/golden/crypto.json names every input and output, so
 * that another implementation can be checked with it; here it is made again and compared.
 * GOLDEN_WRITE=1 writes the file instead: for a deliberate change of format, and for nothing else.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wall now = {1800000000000};

static void text_field(struct buf *json, const char *name, const char *value)
{
    buf_addf(json, "  \"%s\": \"%s\",\n", name, value);
}

static void hex_field(struct buf *json, const char *name, struct bytes value)
{
    AUTO(buf_done) struct buf hex = {0};
    hex_encode(value, (char *)buf_reserve(&hex, 2 * value.len + 1));
    text_field(json, name, (const char *)hex.data);
}

static struct sign_key *key_of(uint8_t fill)
{
    uint8_t seed[32];
    memset(seed, fill, sizeof(seed));
    return sign_key_from_seed(seed);
}

static void fill_with(void *ctx, void *out, size_t len)
{
    memset(out, *(const uint8_t *)ctx, len);
}

static void add_node(struct buf *json, struct kel *ret_kel)
{
    AUTO(sign_key_free) struct sign_key *root = key_of(1), *next = key_of(2), *op = key_of(3);
    AUTO(buf_done) struct buf incept = {0}, delegate = {0};
    uint8_t nonce[16];
    char text[NODE_ID_TEXT], words[NODE_ID_WORDS];
    struct err err = {0};
    memset(nonce, 6, sizeof(nonce));
    *ret_kel = (struct kel){0};
    kel_write_incept(root, sign_key_public(next), nonce, now, &incept);
    assert_true(kel_apply(ret_kel, buf_bytes(&incept), &err));
    text_field(json, "root_seed", "32 bytes 01");
    text_field(json, "next_root_seed", "32 bytes 02");
    text_field(json, "op_seed", "32 bytes 03");
    text_field(json, "inception_nonce", "16 bytes 06");
    text_field(json, "created_s", "1800000000");
    hex_field(json, "root_public", bytes_of(sign_key_public(root)->b, 32));
    hex_field(json, "next_root_public", bytes_of(sign_key_public(next)->b, 32));
    hex_field(json, "op_public", bytes_of(sign_key_public(op)->b, 32));
    hex_field(json, "incept_signed", buf_bytes(&incept));
    hex_field(json, "incept_oid", oid_bytes(&ret_kel->head));
    hex_field(json, "node_id", node_id_bytes(&ret_kel->node));
    text_field(json, "node_id_text", node_id_text(&ret_kel->node, text));
    text_field(json, "node_id_words", node_id_words(&ret_kel->node, words));
    kel_write_delegate(ret_kel, root, sign_key_public(op), now, &delegate);
    assert_true(kel_apply(ret_kel, buf_bytes(&delegate), &err));
    hex_field(json, "delegate_signed", buf_bytes(&delegate));
    hex_field(json, "delegate_oid", oid_bytes(&ret_kel->head));
}

static void add_envelope(struct buf *json, struct buf *out)
{
    AUTO(sign_key_free) struct sign_key *op = key_of(3);
    const struct sign_key *with[] = {op};
    AUTO(buf_done) struct buf pae = {0};
    struct bytes body = bytes_text("an example body");
    struct oid oid;
    envelope_pae(TYPE_NOTICE, body, &pae);
    envelope_sign(with, 1, TYPE_NOTICE, body, out, &oid);
    text_field(json, "example_type", TYPE_NOTICE);
    hex_field(json, "example_body", body);
    hex_field(json, "example_pae", buf_bytes(&pae));
    hex_field(json, "example_oid", oid_bytes(&oid));
    hex_field(json, "example_signed_by_op", buf_bytes(out));
}

static void add_sealed(struct buf *json, const struct kel *kel, struct bytes object)
{
    uint8_t secret[32], ephemeral = 5, public_key[32], key_id[16], salt[32], commit[32];
    struct random_source fixed = {fill_with, &ephemeral};
    struct bytes payload = bytes_text("an example payload");
    AUTO(buf_done) struct buf sealed = {0};
    struct oid id;
    struct err err = {0};
    memset(secret, 4, sizeof(secret));
    memset(salt, 7, sizeof(salt));
    AUTO(seal_key_free) struct seal_key *key = seal_key_from_secret(secret);
    seal_key_public(key, public_key);
    seal_key_id(public_key, key_id);
    parcel_commit(bytes_of(salt, 32), payload, commit);
    struct parcel parcel = {object, payload, bytes_of(salt, 32)};
    assert_true(
        seal_parcel(&parcel, &kel->node, public_key, 1800086400, &fixed, &sealed, &id, &err));
    text_field(json, "enc_secret", "32 bytes 04");
    text_field(json, "ephemeral_secret", "32 bytes 05");
    hex_field(json, "enc_public", bytes_of(public_key, 32));
    hex_field(json, "enc_key_id", bytes_of(key_id, 16));
    text_field(json, "parcel_object", "example_signed_by_op");
    hex_field(json, "parcel_payload", payload);
    text_field(json, "parcel_salt", "32 bytes 07");
    hex_field(json, "parcel_commit", bytes_of(commit, 32));
    text_field(json, "sealed_dest", "node_id");
    text_field(json, "sealed_expires_s", "1800086400");
    hex_field(json, "sealed", buf_bytes(&sealed));
    hex_field(json, "sealed_id", oid_bytes(&id));
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf json = {0}, object = {0}, file = {0};
    struct kel kel;
    buf_add_text(&json, "{\n");
    text_field(
        &json, "about",
        "Values are hex, a number, a name of another field, or '32 bytes 01': 0x01 repeated");
    add_node(&json, &kel);
    add_envelope(&json, &object);
    add_sealed(&json, &kel, buf_bytes(&object));
    json.len -= 2; /* the last comma */
    buf_add_text(&json, "\n}\n");

    char path[4096];
    const char *folder = getenv("MAILLON_VECTORS");
    bool write = getenv("GOLDEN_WRITE") != NULL;
    snprintf(path, sizeof(path), "%s/golden/crypto.json", folder ? folder : "tests/vectors");
    FILE *f = fopen(path, write ? "w" : "r");
    assert_non_null(f);
    if (write) {
        assert_int_equal(fwrite(json.data, 1, json.len, f), json.len);
    } else {
        file.len = fread(buf_reserve(&file, json.len + 1), 1, json.len + 1, f);
        assert_string_equal(buf_text(&file), buf_text(&json));
    }
    assert_int_equal(fclose(f), 0);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_file_is_made_again_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
