/*
 * Our own formats, byte by byte. tests/vectors/golden/crypto.json names every input and output, so
 * that another implementation can be checked with it; here it is made again and compared.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wall now = {1800000000000};

static void add_node(struct buf *json, struct kel *ret_kel)
{
    AUTO(sign_key_free)
    struct sign_key *root = golden_key(1), *next = golden_key(2), *op = golden_key(3);
    AUTO(buf_done) struct buf incept = {0}, delegate = {0};
    uint8_t nonce[16];
    char text[NODE_ID_TEXT], words[NODE_ID_WORDS];
    struct err err = {0};
    memset(nonce, 6, sizeof(nonce));
    *ret_kel = (struct kel){0};
    kel_write_incept(root, sign_key_public(next), nonce, now, &incept);
    assert_true(kel_apply(ret_kel, buf_bytes(&incept), &err));
    golden_text(json, "root_seed", "32 bytes 01");
    golden_text(json, "next_root_seed", "32 bytes 02");
    golden_text(json, "op_seed", "32 bytes 03");
    golden_text(json, "inception_nonce", "16 bytes 06");
    golden_text(json, "created_s", "1800000000");
    golden_hex(json, "root_public", bytes_of(sign_key_public(root)->b, 32));
    golden_hex(json, "next_root_public", bytes_of(sign_key_public(next)->b, 32));
    golden_hex(json, "op_public", bytes_of(sign_key_public(op)->b, 32));
    golden_hex(json, "incept_signed", buf_bytes(&incept));
    golden_hex(json, "incept_oid", oid_bytes(&ret_kel->head));
    golden_hex(json, "node_id", node_id_bytes(&ret_kel->node));
    golden_text(json, "node_id_text", node_id_text(&ret_kel->node, text));
    golden_text(json, "node_id_words", node_id_words(&ret_kel->node, words));
    kel_write_delegate(ret_kel, root, sign_key_public(op), now, &delegate);
    assert_true(kel_apply(ret_kel, buf_bytes(&delegate), &err));
    golden_hex(json, "delegate_signed", buf_bytes(&delegate));
    golden_hex(json, "delegate_oid", oid_bytes(&ret_kel->head));
}

static void add_envelope(struct buf *json, struct buf *out)
{
    AUTO(sign_key_free) struct sign_key *op = golden_key(3);
    const struct sign_key *with[] = {op};
    AUTO(buf_done) struct buf pae = {0};
    struct bytes body = bytes_text("an example body");
    struct oid oid;
    envelope_pae(TYPE_NOTICE, body, &pae);
    envelope_sign(with, 1, TYPE_NOTICE, body, out, &oid);
    golden_text(json, "example_type", TYPE_NOTICE);
    golden_hex(json, "example_body", body);
    golden_hex(json, "example_pae", buf_bytes(&pae));
    golden_hex(json, "example_oid", oid_bytes(&oid));
    golden_hex(json, "example_signed_by_op", buf_bytes(out));
}

static void add_sealed(struct buf *json, const struct kel *kel, struct bytes object)
{
    uint8_t secret[32], ephemeral = 5, public_key[32], key_id[16], salt[32], commit[32];
    struct random_source fixed = {golden_fill, &ephemeral};
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
    golden_text(json, "enc_secret", "32 bytes 04");
    golden_text(json, "ephemeral_secret", "32 bytes 05");
    golden_hex(json, "enc_public", bytes_of(public_key, 32));
    golden_hex(json, "enc_key_id", bytes_of(key_id, 16));
    golden_text(json, "parcel_object", "example_signed_by_op");
    golden_hex(json, "parcel_payload", payload);
    golden_text(json, "parcel_salt", "32 bytes 07");
    golden_hex(json, "parcel_commit", bytes_of(commit, 32));
    golden_text(json, "sealed_dest", "node_id");
    golden_text(json, "sealed_expires_s", "1800086400");
    golden_hex(json, "sealed", buf_bytes(&sealed));
    golden_hex(json, "sealed_id", oid_bytes(&id));
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf json = {0}, object = {0};
    struct kel kel;
    golden_begin(
        &json,
        "Values are hex, a number, a name of another field, or '32 bytes 01': 0x01 repeated");
    add_node(&json, &kel);
    add_envelope(&json, &object);
    add_sealed(&json, &kel, buf_bytes(&object));
    golden_end(&json);
    assert_true(golden_same(&json, "crypto.json"));
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
