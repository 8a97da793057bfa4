#pragma once
/* What identity.c (opening, lending) and identity_change.c (changing) share. */
#include "hub/crypto/identity.h"
#include <stdatomic.h>

#define ENC_KEYS_MAX   64 /* one a week, kept while referrals live */
#define ENC_NAME_BYTES 64
#define OP_FILE        "op.key"
#define OP_NEXT_FILE   "op-next.key"
#define KEL_FILE       "kel"
#define KEL_COMMENT    "maillon: key event log of this hub, one signed event a line. Public."

/* A sealing key and its file; "created" moves back when a key is to be used no more. */
struct enc_key {
    struct seal_key *key;
    int64_t created_s;
    char file[ENC_NAME_BYTES];
};

/* Everything that changes in time. Never changed once it is published. */
struct ring {
    struct kel kel;
    struct buf events_data;
    struct bytes events[KEL_EVENTS_MAX];
    size_t event_count;
    struct sign_key *op;
    const struct seal_key *enc[ENC_KEYS_MAX]; /* newest first: what identity_enc_keys lends */
    struct enc_key enc_keys[ENC_KEYS_MAX];    /* the same */
    size_t enc_count;
    struct ring *older; /* read by nobody but who still holds what it lent */
    int64_t replaced_ms;
};

struct keyring {
    struct ring *_Atomic now;
};

struct identity {
    struct keyring *keyring;
    struct data_key *hub_key; /* guarded */
    char *dir;                /* NULL: no files */
};

/** The keys as they are now. */
struct ring *identity_ring(const struct identity *identity);
/** The next ring, with the same keys; publish or free it. */
struct ring *identity_ring_copy(const struct ring *from);
/** Frees what `newer` (may be NULL) does not hold too. */
void identity_ring_free(struct ring *ring, const struct ring *newer);
/** From now on `ring` is what everybody gets; the one before stays for who borrowed from it. */
void identity_publish(const struct identity *identity, struct ring *ring, struct wall now);
/** Frees rings that were replaced before. */
void identity_free_older(struct ring *ring, int64_t before_ms);
void identity_set_events(struct ring *ring, const size_t *lens, size_t count);
void identity_set_enc(struct ring *ring, size_t at, struct seal_key *key, int64_t created_s,
                      const char *file);
/** The newest stands first. */
void identity_add_enc(struct ring *ring, struct seal_key *key, int64_t created_s, const char *file);
void identity_enc_file(const struct seal_key *key, int64_t created_s, char out[ENC_NAME_BYTES]);
NODISCARD bool identity_write_enc(const char *dir, const struct enc_key *enc, struct err *err);
NODISCARD bool identity_write_op(const char *dir, const char *name, const struct sign_key *op,
                                 struct err *err);
/** The log delegates to it. */
bool identity_may_use(const struct kel *kel, const struct sign_key *op);
