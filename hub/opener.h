#pragma once
/*
 * From bytes of a peer to an opened object: unseal, parse, check, verify. Pure and thread-safe:
 * runs in workers on copies of key state. Nothing is recorded before the signature holds (R-OB-2).
 */
#include "hub/kinds.h"

struct opener { /* borrowed, constant while a job runs */
    const struct identity *self;
    struct kel peer;
    struct wall now;
};

enum opened {
    OPENED_OK,
    OPENED_BAD,         /* signature, seal, recipient or shape: link error, nothing recorded */
    OPENED_UNKNOWN_KEY, /* sealed to a key we no longer have */
    OPENED_REFUSED,     /* authentic but not taken: `refusal` says why, with a receipt if sealed */
};

/** @param bytes  Data.sealed or Data.object; @param lane  of the frame, must be the kind's. */
enum opened opener_open(const struct opener *opener, struct bytes bytes, bool sealed, unsigned lane,
                        struct arena *arena, struct inbound_object *ret,
                        Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err);
