#include "hub/crypto/identity_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/key_file.h"
#include "hub/crypto/secret.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define WRAP_AAD    BYTES_LITERAL("maillon/data-key/v1")

_Static_assert(NONCE_BYTES + sizeof(struct data_key) + TAG_BYTES == WRAPPED_KEY_BYTES, "layout");

#define HUB_FILE    "hub.key"
#define ENC_PREFIX  "enc-"
#define KEY_SUFFIX  ".key"
#define OP_COMMENT  "maillon: online signing key of this hub, Ed25519 seed. Secret."
#define ENC_COMMENT "maillon: sealing key of this hub, X25519. Secret."
#define HUB_COMMENT "maillon: key that wraps the keys of stored personal data. Secret."

struct ring *identity_ring(const struct identity *identity)
{
    return atomic_load_explicit(&identity->keyring->now, memory_order_acquire);
}

static bool has_enc(const struct ring *ring, const struct seal_key *key)
{
    for (size_t i = 0; ring && i < ring->enc_count; i++)
        if (ring->enc[i] == key)
            return true;
    return false;
}

/* Frees what the ring that replaced it no longer holds. */
void identity_ring_free(struct ring *ring, const struct ring *newer)
{
    for (size_t i = 0; i < ring->enc_count; i++)
        if (!has_enc(newer, ring->enc[i]))
            seal_key_free(ring->enc_keys[i].key);
    if (!newer || newer->op != ring->op)
        sign_key_free(ring->op);
    buf_done(&ring->events_data);
    free(ring);
}

/* Oldest first, since each ring says what the one before it no longer needs. */
void identity_free_older(struct ring *ring, int64_t before_ms)
{
    if (!ring->older)
        return;
    identity_free_older(ring->older, before_ms);
    if (ring->older->older || ring->older->replaced_ms > before_ms)
        return;
    identity_ring_free(ring->older, ring);
    ring->older = NULL;
}

void identity_publish(const struct identity *identity, struct ring *ring, struct wall now)
{
    ring->older = identity_ring(identity);
    if (ring->older)
        ring->older->replaced_ms = now.ms;
    atomic_store_explicit(&identity->keyring->now, ring, memory_order_release);
}

void identity_set_events(struct ring *ring, const size_t *lens, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; at += lens[i++])
        ring->events[i] = bytes_of(ring->events_data.data + at, lens[i]);
    ring->event_count = count;
}

/* The next ring, with the same keys. */
struct ring *identity_ring_copy(const struct ring *from)
{
    struct ring *ring = mem_alloc(sizeof(*ring));
    size_t lens[KEL_EVENTS_MAX];
    *ring = *from;
    ring->events_data = (struct buf){0};
    buf_add_bytes(&ring->events_data, buf_bytes(&from->events_data));
    for (size_t i = 0; i < from->event_count; i++)
        lens[i] = from->events[i].len;
    identity_set_events(ring, lens, from->event_count);
    ring->older = NULL;
    return ring;
}

void identity_set_enc(struct ring *ring, size_t at, struct seal_key *key, int64_t created_s,
                      const char *file)
{
    ring->enc_keys[at] = (struct enc_key){.key = key, .created_s = created_s};
    memcpy(ring->enc_keys[at].file, file, strlen(file) + 1);
    ring->enc[at] = key;
}

/* The newest stands first. */
void identity_add_enc(struct ring *ring, struct seal_key *key, int64_t created_s, const char *file)
{
    for (size_t i = ring->enc_count++; i > 0; i--) {
        ring->enc_keys[i] = ring->enc_keys[i - 1];
        ring->enc[i] = ring->enc[i - 1];
    }
    identity_set_enc(ring, 0, key, created_s, file);
}

static struct identity *identity_new(const char *dir)
{
    struct identity *identity = mem_alloc(sizeof(*identity));
    identity->keyring = mem_alloc(sizeof(*identity->keyring));
    identity->hub_key = secret_alloc(sizeof(*identity->hub_key));
    if (dir)
        identity->dir = mem_text(dir);
    identity_publish(identity, mem_alloc(sizeof(struct ring)), (struct wall){0});
    return identity;
}

void identity_free(struct identity *identity)
{
    if (!identity)
        return;
    identity_free_older(identity_ring(identity), INT64_MAX);
    identity_ring_free(identity_ring(identity), NULL);
    free(identity->keyring);
    secret_free(identity->hub_key);
    free(identity->dir);
    free(identity);
}

static void write_first_events(struct ring *ring, const struct sign_key *root,
                               const struct sign_public *next_root, const uint8_t nonce[16],
                               struct wall now)
{
    struct buf *events = &ring->events_data;
    struct err err = {0};
    size_t lens[2];
    kel_write_incept(root, next_root, nonce, now, events);
    lens[0] = events->len;
    if (!kel_apply(&ring->kel, buf_bytes(events), &err))
        abort(); /* ours */
    kel_write_delegate(&ring->kel, root, sign_key_public(ring->op), now, events);
    lens[1] = events->len - lens[0];
    if (!kel_apply(&ring->kel, bytes_of(events->data + lens[0], lens[1]), &err))
        abort();
    identity_set_events(ring, lens, 2);
}

/* The text form of a seed is that of a node id: 32 bytes and two check characters. */
static void sheet_text(const struct sign_key *key, char out[NODE_ID_TEXT])
{
    struct node_id seed;
    sign_key_seed(key, seed.b);
    node_id_text(&seed, out);
    secret_wipe(&seed, sizeof(seed));
}

/* The name sorts by age: enc-<creation time>-<start of the key id>.key */
void identity_enc_file(const struct seal_key *key, int64_t created_s, char out[ENC_NAME_BYTES])
{
    uint8_t public_key[X25519_KEY_BYTES], id[ENC_KEY_ID_BYTES];
    char hex[9];
    seal_key_public(key, public_key);
    seal_key_id(public_key, id);
    hex_encode(bytes_of(id, 4), hex);
    snprintf(out, ENC_NAME_BYTES, ENC_PREFIX "%012" PRId64 "-%s" KEY_SUFFIX, created_s, hex);
}

static struct identity *make(const char *dir, const struct random_source *random, struct wall now,
                             struct recovery_sheets *ret_sheets)
{
    struct identity *identity = identity_new(dir);
    struct ring *ring = identity_ring(identity);
    AUTO(sign_key_free) struct sign_key *root = sign_key_create(random);
    AUTO(sign_key_free) struct sign_key *next_root = sign_key_create(random);
    uint8_t nonce[16];
    char file[ENC_NAME_BYTES];
    random_fill(random, nonce, sizeof(nonce));
    ring->op = sign_key_create(random);
    struct seal_key *enc = seal_key_create(random);
    identity_enc_file(enc, now.ms / 1000, file);
    identity_add_enc(ring, enc, now.ms / 1000, file);
    random_fill(random, identity->hub_key->b, sizeof(identity->hub_key->b));
    write_first_events(ring, root, sign_key_public(next_root), nonce, now);
    if (ret_sheets) {
        ret_sheets->node = ring->kel.node;
        sheet_text(root, ret_sheets->root);
        sheet_text(next_root, ret_sheets->next_root);
    }
    return identity;
}

static bool write_secret(const char *dir, const char *name, const char *comment, uint8_t secret[32],
                         struct err *err)
{
    struct bytes item = bytes_of(secret, 32);
    bool ok = key_file_write(dir, name, comment, &item, 1, err);
    secret_wipe(secret, 32);
    return ok;
}

bool identity_write_enc(const char *dir, const struct enc_key *enc, struct err *err)
{
    uint8_t secret[32];
    seal_key_secret(enc->key, secret);
    return write_secret(dir, enc->file, ENC_COMMENT, secret, err);
}

bool identity_write_op(const char *dir, const char *name, const struct sign_key *op,
                       struct err *err)
{
    uint8_t secret[32];
    sign_key_seed(op, secret);
    return write_secret(dir, name, OP_COMMENT, secret, err);
}

/* The log is written last: only a directory with all keys has one. */
static bool write_files(const struct identity *identity, const char *dir, struct err *err)
{
    const struct ring *ring = identity_ring(identity);
    uint8_t secret[32];
    if (!identity_write_enc(dir, &ring->enc_keys[0], err))
        return false;
    memcpy(secret, identity->hub_key->b, sizeof(secret));
    return write_secret(dir, HUB_FILE, HUB_COMMENT, secret, err) &&
           identity_write_op(dir, OP_FILE, ring->op, err) &&
           key_file_write(dir, KEL_FILE, KEL_COMMENT, ring->events, ring->event_count, err);
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
    AUTO(identity_free) struct identity *identity = make(dir, random, now, &sheets);
    bool ok = write_files(identity, dir, err);
    if (ok)
        *ret_sheets = sheets;
    secret_wipe(&sheets, sizeof(sheets));
    return ok ? TAKE(identity) : NULL;
}

struct identity *identity_create_memory(const struct random_source *random, struct wall now)
{
    return make(NULL, random, now, NULL);
}

struct identity *identity_create_known(const struct random_source *random, struct wall now,
                                       struct recovery_sheets *ret_sheets)
{
    return make(NULL, random, now, ret_sheets);
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

static bool read_enc_keys(struct ring *ring, const char *dir, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(dir, &names, is_enc_file, newest_first);
    if (count < 0)
        return err_set(err, ERR_IO, "could not list the key directory: %s", strerror(errno));
    bool ok = true;
    for (int i = 0; i < count; i++) {
        uint8_t secret[32];
        const char *name = names[i]->d_name;
        if (ok && i >= ENC_KEYS_MAX)
            ok = err_set(err, ERR_IO, "cannot use the key directory: more than %d sealing keys",
                         ENC_KEYS_MAX);
        if (ok)
            ok = key_file_read_secret(dir, name, secret, sizeof(secret), err);
        if (ok) {
            long long created_s = strtoll(name + sizeof(ENC_PREFIX) - 1, NULL, 10);
            identity_set_enc(ring, ring->enc_count++, seal_key_from_secret(secret), created_s,
                             name);
        }
        free(names[i]);
    }
    free(names);
    if (ok && ring->enc_count == 0)
        return err_set(err, ERR_IO, "cannot use the key directory: no sealing key (enc-*.key)");
    return ok;
}

static bool read_op(const char *dir, const char *name, struct sign_key **ret, struct err *err)
{
    uint8_t seed[32];
    if (!key_file_read_secret(dir, name, seed, sizeof(seed), err))
        return false;
    *ret = sign_key_from_seed(seed);
    return true;
}

bool identity_may_use(const struct kel *kel, const struct sign_key *op)
{
    return kel_find_op(kel, sign_key_public(op)) != NULL;
}

/*
 * A change of the OP key writes the new one beside the old, then the log, then puts it in place: a
 * crash in between is finished here, whichever way the log says.
 */
static bool read_op_key(struct ring *ring, const char *dir, struct err *err)
{
    struct sign_key *next = NULL;
    if (key_file_exists(dir, OP_NEXT_FILE)) {
        if (!read_op(dir, OP_NEXT_FILE, &next, err))
            return false;
        if (identity_may_use(&ring->kel, next)) {
            ring->op = next;
            return key_file_rename(dir, OP_NEXT_FILE, OP_FILE, err);
        }
        sign_key_free(next);
        if (!key_file_destroy(dir, OP_NEXT_FILE, err))
            return false;
    }
    if (!read_op(dir, OP_FILE, &ring->op, err))
        return false;
    return ring->kel.retired || identity_may_use(&ring->kel, ring->op) ||
           err_set(err, ERR_IO, "cannot use op.key: the log in kel does not delegate to it");
}

static bool read_kel(struct ring *ring, const char *dir, struct err *err)
{
    size_t lens[KEL_EVENTS_MAX], count = 0;
    if (!key_file_read_list(dir, KEL_FILE, &ring->events_data, lens, KEL_EVENTS_MAX, &count, err))
        return false;
    identity_set_events(ring, lens, count);
    struct err why = {0};
    return kel_read(ring->events, count, NULL, &ring->kel, &why) ||
           err_set(err, ERR_IO, "cannot use kel: %s", why.msg);
}

struct identity *identity_open(const char *dir, struct err *err)
{
    AUTO(identity_free) struct identity *identity = identity_new(dir);
    struct ring *ring = identity_ring(identity);
    if (!key_file_exists(dir, OP_NEXT_FILE)) { /* says first what people most often get wrong */
        struct sign_key *op = NULL;
        if (!read_op(dir, OP_FILE, &op, err))
            return NULL;
        sign_key_free(op);
    }
    if (!key_file_read_secret(dir, HUB_FILE, identity->hub_key->b, sizeof(identity->hub_key->b),
                              err) ||
        !read_enc_keys(ring, dir, err) || !read_kel(ring, dir, err) || !read_op_key(ring, dir, err))
        return NULL;
    return TAKE(identity);
}

const struct node_id *identity_node(const struct identity *identity)
{
    return &identity_ring(identity)->kel.node;
}

const struct kel *identity_kel(const struct identity *identity)
{
    return &identity_ring(identity)->kel;
}

const struct bytes *identity_kel_events(const struct identity *identity, size_t *ret_count)
{
    const struct ring *ring = identity_ring(identity);
    *ret_count = ring->event_count;
    return ring->events;
}

const struct sign_key *identity_op(const struct identity *identity)
{
    return identity_ring(identity)->op;
}

const struct seal_key *const *identity_enc_keys(const struct identity *identity, size_t *ret_count)
{
    const struct ring *ring = identity_ring(identity);
    *ret_count = ring->enc_count;
    return ring->enc;
}

size_t identity_enc_list(const struct identity *identity, struct enc_key_info *ret, size_t max)
{
    const struct ring *ring = identity_ring(identity);
    size_t count = ring->enc_count < max ? ring->enc_count : max;
    for (size_t i = 0; i < count; i++) {
        int64_t created_s = ring->enc_keys[i].created_s;
        ret[i] = (struct enc_key_info){.from_s = created_s,
                                       .until_s = created_s + ENC_KEY_ACCEPTED_S,
                                       .destroyed_s = created_s + ENC_KEY_LIFETIME_S};
        seal_key_public(ring->enc[i], ret[i].public_key);
    }
    return count;
}

void identity_sign(const struct identity *identity, const char *type, struct bytes body,
                   struct buf *out, struct oid *ret_oid)
{
    const struct sign_key *op = identity_op(identity);
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

void identity_mac(const struct identity *identity, const char *purpose, struct bytes in,
                  uint8_t out[32])
{
    uint8_t key[32];
    digest_hmac(bytes_of(identity->hub_key->b, sizeof(identity->hub_key->b)), bytes_text(purpose),
                key);
    digest_hmac(bytes_of(key, sizeof(key)), in, out);
    secret_wipe(key, sizeof(key));
}
