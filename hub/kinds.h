#pragma once
/*
 * What objects there are: media type -> how to decode, who may send it, what applying it does.
 * A new kind of message is a .proto, a domain module, one row here, tests.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/relation.h"

struct kind {
    const char *type;
    const char *name; /* "referral event" */
    unsigned lane;
    bool sealed;
    bool receipted;   /* gets a signed STORED or REFUSED receipt */
    size_t max_bytes; /* of the serialised Signed */
    uint64_t lifetime_max_s;
    unsigned needs; /* peer_switch bits that must be on; 0: acceptance alone */
    const ProtobufCMessageDescriptor *body;
    /** Optional: shape beyond the schema, on a worker: lengths, enum ranges, UTF-8 limits.
     * ERR_PEER. */
    bool (*check)(const void *body, struct bytes payload, struct err *err);
    /**
     * Writer thread, in a savepoint: called again for the same object when a later one of its batch
     * is taken back. True: `ret` says what to tell the author (the object row is written by
     * exchange before the call as OBJECT_APPLIED; change its state with object_set_state). False: a
     * failure of ours (ERR_IO …): the whole object is undone and comes again.
     */
    bool (*apply)(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                  struct err *err);
    /** Optional: one that is held already came once more on a lane. In no savepoint of its own. */
    bool (*again)(struct tx *tx, const struct inbound_object *object, struct err *err);
};

extern const struct kind kinds[];
extern const size_t kind_count;
/** What is kept of a circle's objects of unknown types (R-VE-3): no row of `kinds`. */
extern const struct kind kind_opaque;
const struct kind *kind_find(const char *type); /* NULL: unknown */
