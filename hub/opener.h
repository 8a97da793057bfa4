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
    /* Asked for by chain (R-REC-2, R-RF-4), so of any age. An own object (`peer` is this hub) was
     * for `given_by`; it may come without its personal part, and was checked before it was signed.
     */
    bool given_back;
    bool keeps_unread; /* objects of unknown types are kind_opaque: kept and passed on (R-VE-3) */
    struct node_id given_by;
};

enum opened {
    OPENED_OK,
    OPENED_BAD,         /* signature, seal, recipient or shape: link error, nothing recorded */
    OPENED_UNKNOWN_KEY, /* sealed to a key we no longer have, or signed by one that no longer
                           vouches for it (kel_judge): nothing recorded, the injector is told */
    OPENED_REFUSED,     /* authentic but not taken: `refusal` says why, with a receipt if sealed */
};

/**
 * The parts of opener_open for bytes that came by way of a third hub, whose author is not known
 * before they are unsealed: unseal, look whose it is, find that node's keys, open.
 */
enum opened opener_unseal(const struct identity *self, struct bytes sealed, struct arena *arena,
                          struct parcel *ret, struct err *err);
/** Whom a serialised Signed says it is by, and its Head.scope. Nothing is verified. ERR_PEER. */
NODISCARD bool opener_author(struct bytes object, struct arena *arena, struct node_id *ret_author,
                             struct bytes *ret_scope, struct err *err);
/** The same for an open object of a type that is not known here. */
NODISCARD bool opener_author_unread(struct bytes object, struct arena *arena,
                                    struct node_id *ret_author, struct bytes *ret_scope,
                                    struct err *err);
/** `opener->peer` holds the author's keys. @param sealed  it came out of a parcel. */
enum opened opener_open_parcel(const struct opener *opener, const struct parcel *parcel,
                               bool sealed, unsigned lane, struct arena *arena,
                               struct inbound_object *ret,
                               Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err);

/** @param bytes  Data.sealed or Data.object; @param lane  of the frame, must be the kind's. */
enum opened opener_open(const struct opener *opener, struct bytes bytes, bool sealed, unsigned lane,
                        struct arena *arena, struct inbound_object *ret,
                        Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err);
