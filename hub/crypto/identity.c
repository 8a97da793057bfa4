#include "hub/crypto/identity.h"

#include "hub/base/mem.h"
#include "hub/crypto/key_file.h"
#include "hub/crypto/secret.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ENC_KEYS_MAX   64 /* one a week, kept while referrals live */
#define ENC_NAME_BYTES 64
#define NONCE_BYTES    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES      crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAP_AAD       BYTES_LITERAL("maillon/data-key/v1")

_Static_assert(NONCE_BYTES + sizeof(struct data_key) + TAG_BYTES == WRAPPED_KEY_BYTES, "layout");

#define OP_FILE     "op.key"
#define HUB_FILE    "hub.key"
#define KEL_FILE    "kel"
#define ENC_PREFIX  "enc-"
#define KEY_SUFFIX  ".key"
#define OP_COMMENT  "maillon: online signing key of this hub, Ed25519 seed. Secret."
#define ENC_COMMENT "maillon: sealing key of this hub, X25519. Secret."
#define HUB_COMMENT "maillon: key that wraps the keys of stored personal data. Secret."
#define KEL_COMMENT "maillon: key event log of this hub, one signed event a line. Public."

struct identity {
    struct kel kel;
    struct buf events_data;
    struct bytes events[KEL_EVENTS_MAX];
    size_t event_count;
    struct sign_key *op;
    struct seal_key *enc[ENC_KEYS_MAX]; /* newest first */
    size_t enc_count;
    struct data_key *hub_key; /* guarded */
};

void identity_free(struct identity *identity)
{
    if (!identity)
        return;
    for (size_t i = 0; i < identity->enc_count; i++)
        seal_key_free(identity->enc[i]);
    sign_key_free(identity->op);
    secret_free(identity->hub_key);
    buf_done(&identity->events_data);
    free(identity);
}

static void set_events(struct identity *identity, const size_t *lens, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; at += lens[i++])
        identity->events[i] = bytes_of(identity->events_data.data + at, lens[i]);
    identity->event_count = count;
}

static void write_first_events(struct identity *identity, const struct sign_key *root,
                               const struct sign_public *next_root, const uint8_t nonce[16],
                               struct wall now)
{
    struct buf *events = &identity->events_data;
    struct err err = {0};
    size_t lens[2];
    kel_write_incept(root, next_root, nonce, now, events);
    lens[0] = events->len;
    if (!kel_apply(&identity->kel, buf_bytes(events), &err))
        abort(); /* ours */
    kel_write_delegate(&identity->kel, root, sign_key_public(identity->op), now, events);
    lens[1] = events->len - lens[0];
    if (!kel_apply(&identity->kel, bytes_of(events->data + lens[0], lens[1]), &err))
        abort();
    set_events(identity, lens, 2);
}

/* The text form of a seed is that of a node id: 32 bytes and two check characters. */
static void sheet_text(const struct sign_key *key, char out[NODE_ID_TEXT])
{
    struct node_id seed;
    sign_key_seed(key, seed.b);
    node_id_text(&seed, out);
    secret_wipe(&seed, sizeof(seed));
}

static struct identity *make(const struct random_source *random, struct wall now,
                             struct recovery_sheets *ret_sheets)
{
    struct identity *identity = mem_alloc(sizeof(*identity));
    AUTO(sign_key_free) struct sign_key *root = sign_key_create(random);
    AUTO(sign_key_free) struct sign_key *next_root = sign_key_create(random);
    uint8_t nonce[16];
    random_fill(random, nonce, sizeof(nonce));
    identity->op = sign_key_create(random);
    identity->enc[0] = seal_key_create(random);
    identity->enc_count = 1;
    identity->hub_key = secret_alloc(sizeof(*identity->hub_key));
    random_fill(random, identity->hub_key->b, sizeof(identity->hub_key->b));
    write_first_events(identity, root, sign_key_public(next_root), nonce, now);
    if (ret_sheets) {
        ret_sheets->node = identity->kel.node;
        sheet_text(root, ret_sheets->root);
        sheet_text(next_root, ret_sheets->next_root);
    }
    return identity;
}

/* The name sorts by age: enc-<creation time>-<start of the key id>.key */
static void enc_file_name(const struct seal_key *key, struct wall now, char out[ENC_NAME_BYTES])
{
    uint8_t public_key[X25519_KEY_BYTES], id[ENC_KEY_ID_BYTES];
    char hex[9];
    seal_key_public(key, public_key);
    seal_key_id(public_key, id);
    hex_encode(bytes_of(id, 4), hex);
    snprintf(out, ENC_NAME_BYTES, ENC_PREFIX "%012" PRId64 "-%s" KEY_SUFFIX, now.ms / 1000, hex);
}

static bool write_secret(const char *dir, const char *name, const char *comment, uint8_t secret[32],
                         struct err *err)
{
    struct bytes item = bytes_of(secret, 32);
    bool ok = key_file_write(dir, name, comment, &item, 1, err);
    secret_wipe(secret, 32);
    return ok;
}

/* The log is written last: only a directory with all keys has one. */
static bool write_files(const struct identity *identity, const char *dir, struct wall now,
                        struct err *err)
{
    uint8_t secret[32];
    char enc_name[ENC_NAME_BYTES];
    enc_file_name(identity->enc[0], now, enc_name);
    seal_key_secret(identity->enc[0], secret);
    if (!write_secret(dir, enc_name, ENC_COMMENT, secret, err))
        return false;
    memcpy(secret, identity->hub_key->b, sizeof(secret));
    if (!write_secret(dir, HUB_FILE, HUB_COMMENT, secret, err))
        return false;
    sign_key_seed(identity->op, secret);
    if (!write_secret(dir, OP_FILE, OP_COMMENT, secret, err))
        return false;
    return key_file_write(dir, KEL_FILE, KEL_COMMENT, identity->events, identity->event_count, err);
}

struct identity *identity_create(const char *dir, const struct random_source *random,
                                 struct wall now, struct recovery_sheets *ret_sheets,
                                 struct err *err)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        err_set(err, ERR_IO, "could not create the key directory: %s", strerror(errno));
        return NULL;
    }
    if (key_file_exists(dir, OP_FILE) || key_file_exists(dir, HUB_FILE) ||
        key_file_exists(dir, KEL_FILE)) {
        err_set(err, ERR_CONFLICT, "the key directory holds keys already");
        return NULL;
    }
    struct recovery_sheets sheets;
    AUTO(identity_free) struct identity *identity = make(random, now, &sheets);
    bool ok = write_files(identity, dir, now, err);
    if (ok)
        *ret_sheets = sheets;
    secret_wipe(&sheets, sizeof(sheets));
    return ok ? TAKE(identity) : NULL;
}

struct identity *identity_create_memory(const struct random_source *random, struct wall now)
{
    return make(random, now, NULL);
}

static int is_enc_file(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name), suffix = sizeof(KEY_SUFFIX) - 1;
    return strncmp(entry->d_name, ENC_PREFIX, sizeof(ENC_PREFIX) - 1) == 0 && len > suffix &&
           len < ENC_NAME_BYTES && strcmp(entry->d_name + len - suffix, KEY_SUFFIX) == 0;
}

static int newest_first(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*b)->d_name, (*a)->d_name);
}

static bool read_enc_keys(struct identity *identity, const char *dir, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_enc_file, newest_first);
    if (count < 0)
        return err_set(err, ERR_IO, "could not list the key directory: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < count; i++) {
        uint8_t secret[32];
        if (ok && i >= ENC_KEYS_MAX)
            ok = err_set(err, ERR_IO, "cannot use the key directory: more than %d sealing keys",
                         ENC_KEYS_MAX);
        if (ok)
            ok = key_file_read_secret(dir, names[i]->d_name, secret, sizeof(secret), err);
        if (ok)
            identity->enc[identity->enc_count++] = seal_key_from_secret(secret);
        free(names[i]);
    }
    free(names);
    if (ok && identity->enc_count == 0)
        return err_set(err, ERR_IO, "cannot use the key directory: no sealing key (enc-*.key)");
    return ok;
}

static bool read_kel(struct identity *identity, const char *dir, struct err *err)
{
    size_t lens[KEL_EVENTS_MAX], count = 0;
    if (!key_file_read_list(dir, KEL_FILE, &identity->events_data, lens, KEL_EVENTS_MAX, &count,
                            err))
        return false;
    set_events(identity, lens, count);
    struct err why = {0};
    if (!kel_read(identity->events, count, NULL, &identity->kel, &why))
        return err_set(err, ERR_IO, "cannot use kel: %s", why.msg);
    if (!kel_find_op(&identity->kel, sign_key_public(identity->op)))
        return err_set(err, ERR_IO, "cannot use op.key: the log in kel does not delegate to it");
    return true;
}

struct identity *identity_open(const char *dir, struct err *err)
{
    AUTO(identity_free) struct identity *identity = mem_alloc(sizeof(*identity));
    uint8_t seed[32];
    if (!key_file_read_secret(dir, OP_FILE, seed, sizeof(seed), err))
        return NULL;
    identity->op = sign_key_from_seed(seed);
    identity->hub_key = secret_alloc(sizeof(*identity->hub_key));
    if (!key_file_read_secret(dir, HUB_FILE, identity->hub_key->b, sizeof(identity->hub_key->b),
                              err) ||
        !read_enc_keys(identity, dir, err) || !read_kel(identity, dir, err))
        return NULL;
    return TAKE(identity);
}

const struct node_id *identity_node(const struct identity *identity)
{
    return &identity->kel.node;
}

const struct kel *identity_kel(const struct identity *identity)
{
    return &identity->kel;
}

const struct bytes *identity_kel_events(const struct identity *identity, size_t *ret_count)
{
    *ret_count = identity->event_count;
    return identity->events;
}

const struct sign_key *identity_op(const struct identity *identity)
{
    return identity->op;
}

const struct seal_key *const *identity_enc_keys(const struct identity *identity, size_t *ret_count)
{
    *ret_count = identity->enc_count;
    return (const struct seal_key *const *)identity->enc;
}

void identity_sign(const struct identity *identity, const char *type, struct bytes body,
                   struct buf *out, struct oid *ret_oid)
{
    const struct sign_key *op = identity->op;
    envelope_sign(&op, 1, type, body, out, ret_oid);
}

void identity_wrap(const struct identity *identity, const struct random_source *random,
                   const struct data_key *key, uint8_t out[WRAPPED_KEY_BYTES])
{
    random_fill(random, out, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_BYTES, NULL, key->b, sizeof(key->b),
                                               WRAP_AAD.data, WRAP_AAD.len, NULL, out,
                                               identity->hub_key->b);
}

bool identity_unwrap(const struct identity *identity, struct bytes wrapped, struct data_key *ret,
                     struct err *err)
{
    struct data_key key;
    if (wrapped.len != WRAPPED_KEY_BYTES ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(
            key.b, NULL, NULL, wrapped.data + NONCE_BYTES, wrapped.len - NONCE_BYTES, WRAP_AAD.data,
            WRAP_AAD.len, wrapped.data, identity->hub_key->b) != 0)
        return err_set(err, ERR_IO, "cannot unwrap a data key: damaged, or not of this hub.key");
    *ret = key;
    secret_wipe(&key, sizeof(key));
    return true;
}

void data_encrypt(const struct data_key *key, const struct random_source *random, struct bytes aad,
                  struct bytes plain, struct buf *out)
{
    uint8_t *at = buf_reserve(out, NONCE_BYTES + plain.len + TAG_BYTES);
    random_fill(random, at, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE_BYTES, NULL, plain.data, plain.len,
                                               aad.data, aad.len, NULL, at, key->b);
    out->len += NONCE_BYTES + plain.len + TAG_BYTES;
}

bool data_decrypt(const struct data_key *key, struct bytes aad, struct bytes stored,
                  struct buf *out, struct err *err)
{
    if (stored.len < NONCE_BYTES + TAG_BYTES)
        return err_set(err, ERR_IO, "cannot decrypt stored data: too short");
    size_t plain_len = stored.len - NONCE_BYTES - TAG_BYTES;
    uint8_t *at = buf_reserve(out, plain_len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(at, NULL, NULL, stored.data + NONCE_BYTES,
                                                   stored.len - NONCE_BYTES, aad.data, aad.len,
                                                   stored.data, key->b) != 0)
        return err_set(err, ERR_IO, "cannot decrypt stored data: damaged, or not of this key");
    out->len += plain_len;
    return true;
}
