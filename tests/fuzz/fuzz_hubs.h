#pragma once
/*
 * Two hubs with keys that never change, for targets whose deep checks come after a signature or a
 * seal: a mutated body is signed and sealed inside the target, as the neighbour would.
 */
#include "hub/crypto/identity.h"
#include "hub/kinds.h"

/** 2026-11-22T08:00:00Z; the objects of the corpus live until 2027. */
#define FUZZ_NOW_MS 1795334400000

const struct identity *fuzz_self(void);
const struct identity *fuzz_neighbour(void);

/** How an object of the neighbour is made of the rest of an input. */
enum {
    FUZZ_FIT = 1,        /* a body that parses gets the author, recipient, date and commitment */
    FUZZ_WRONG_LANE = 2, /* as if it came on a lane that is not its kind's */
    FUZZ_TURN_SEAL = 4,  /* sealed kinds come open, open ones sealed */
    FUZZ_OUTER = 8,      /* the body is the whole object: neither signed nor sealed here */
    FUZZ_CUT = 16,       /* the last byte of what comes out is turned */
};

struct fuzz_object {
    const struct kind *kind;
    unsigned lane;
    bool sealed;
    struct bytes body, payload; /* as given */
    struct bytes bytes;         /* Data.sealed or Data.object */
    struct oid oid;             /* Data.oid */
};

/**
 * Reads: kind, flags, length of the payload (u16le), payload, body. What it returns lives in the
 * arena. False: too short.
 */
NODISCARD bool fuzz_object(struct bytes in, struct arena *arena, struct fuzz_object *ret);
