/* How this hub's keys change in time: files first, then a new ring for everybody. */
#include "hub/crypto/identity_internal.h"
#include "hub/crypto/key_file.h"

#define LENT_MS 600000 /* what was lent from a replaced ring stays valid so long */

static bool append_events(struct ring *ring, const struct bytes *events, size_t count,
                          struct err *err)
{
    size_t lens[KEL_EVENTS_MAX], total = ring->event_count;
    struct err why = {0};
    for (size_t i = 0; i < total; i++)
        lens[i] = ring->events[i].len;
    for (size_t i = 0; i < count; i++) {
        if (total == KEL_EVENTS_MAX || ring->events_data.len + events[i].len > KEL_BYTES_MAX ||
            !kel_apply(&ring->kel, events[i], &why))
            return err_set(err, ERR_INVALID, "cannot change the keys: %s",
                           why.code ? why.msg : "the key event log is full");
        buf_add_bytes(&ring->events_data, events[i]);
        lens[total++] = events[i].len;
    }
    identity_set_events(ring, lens, total);
    return true;
}

static bool store_append(const struct identity *identity, const struct ring *ring, bool new_op,
                         struct err *err)
{
    const char *dir = identity->dir;
    if (!dir)
        return true;
    if (new_op && !identity_write_op(dir, OP_NEXT_FILE, ring->op, err))
        return false;
    if (!key_file_write(dir, KEL_FILE, KEL_COMMENT, ring->events, ring->event_count, err))
        return false;
    return !new_op || key_file_rename(dir, OP_NEXT_FILE, OP_FILE, err);
}

bool identity_append(const struct identity *identity, const struct bytes *events, size_t count,
                     struct sign_key *op, struct wall now, struct err *err)
{
    struct ring *before = identity_ring(identity), *ring = identity_ring_copy(before);
    if (op)
        ring->op = op;
    bool ok = append_events(ring, events, count, err);
    if (ok && !ring->kel.retired && !identity_may_use(&ring->kel, ring->op))
        ok = err_set(err, ERR_INVALID, "cannot change the keys: no working key would be left");
    if (!ok || !store_append(identity, ring, op != NULL, err)) {
        identity_ring_free(ring, before);
        return false;
    }
    identity_publish(identity, ring, now);
    return true;
}

/* A key of this week, by a clock that may have jumped: not one from the future. */
static bool has_present_key(const struct ring *ring, int64_t now_s)
{
    for (size_t i = 0; i < ring->enc_count; i++) {
        int64_t age_s = now_s - ring->enc_keys[i].created_s;
        if (age_s >= -OBJECT_FUTURE_S && age_s < ENC_KEY_EVERY_S)
            return true;
    }
    return false;
}

static bool make_enc(const struct identity *identity, struct ring *ring,
                     const struct random_source *random, int64_t now_s, struct err *err)
{
    if (ring->enc_count == ENC_KEYS_MAX)
        return err_set(err, ERR_IO, "cannot make a sealing key: %d are in use", ENC_KEYS_MAX);
    char file[ENC_NAME_BYTES];
    struct seal_key *key = seal_key_create(random);
    identity_enc_file(key, now_s, file);
    identity_add_enc(ring, key, now_s, file);
    return !identity->dir || identity_write_enc(identity->dir, &ring->enc_keys[0], err);
}

/* The newest key stays, whatever the clock says. */
static bool destroy_old(const struct identity *identity, struct ring *ring, int64_t now_s,
                        bool *ret_changed, struct err *err)
{
    size_t kept = 0;
    bool ok = true;
    for (size_t i = 0; i < ring->enc_count; i++) {
        struct enc_key enc = ring->enc_keys[i];
        bool over = i > 0 && now_s > enc.created_s + ENC_KEY_LIFETIME_S;
        if (over && identity->dir)
            ok = key_file_destroy(identity->dir, enc.file, err) && ok;
        *ret_changed |= over;
        if (!over)
            identity_set_enc(ring, kept++, enc.key, enc.created_s, enc.file);
    }
    ring->enc_count = kept;
    return ok;
}

bool identity_tick(const struct identity *identity, const struct random_source *random,
                   struct wall now, bool *ret_changed, struct err *err)
{
    struct ring *before = identity_ring(identity);
    int64_t now_s = now.ms / 1000;
    *ret_changed = false;
    identity_free_older(before, now.ms - LENT_MS);
    bool changed = !has_present_key(before, now_s), ok = true;
    struct ring *ring = identity_ring_copy(before);
    if (changed)
        ok = make_enc(identity, ring, random, now_s, err);
    ok = ok && destroy_old(identity, ring, now_s, &changed, err);
    if (!ok || !changed) {
        identity_ring_free(ring, before);
        return ok;
    }
    identity_publish(identity, ring, now);
    *ret_changed = true;
    return true;
}

/* No peer seals to it from now on; what is under way still opens. */
static bool end_acceptance(const struct identity *identity, struct enc_key *enc, int64_t now_s,
                           struct err *err)
{
    char file[ENC_NAME_BYTES];
    if (now_s >= enc->created_s + ENC_KEY_ACCEPTED_S)
        return true;
    identity_enc_file(enc->key, now_s - ENC_KEY_ACCEPTED_S, file);
    if (identity->dir && !key_file_rename(identity->dir, enc->file, file, err))
        return false;
    enc->created_s = now_s - ENC_KEY_ACCEPTED_S;
    memcpy(enc->file, file, sizeof(enc->file));
    return true;
}

bool identity_renew_enc(const struct identity *identity, const struct random_source *random,
                        struct wall now, struct err *err)
{
    struct ring *before = identity_ring(identity), *ring = identity_ring_copy(before);
    bool ok = make_enc(identity, ring, random, now.ms / 1000, err);
    for (size_t i = 1; ok && i < ring->enc_count; i++)
        ok = end_acceptance(identity, &ring->enc_keys[i], now.ms / 1000, err);
    if (!ok) {
        identity_ring_free(ring, before);
        return false;
    }
    identity_publish(identity, ring, now);
    return true;
}
