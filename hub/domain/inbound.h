#pragma once
/* What a peer sent, opened and verified, and what a domain module answers about it. */
#include "hub/crypto/envelope.h"
#include "hub/crypto/head.h"
#include "maillon/hfp/v1/receipt.pb-c.h"

struct kind; /* hub/kinds.h */

/** An opened, verified object from a peer. Borrows from its batch's arena. */
struct inbound_object {
    const struct kind *kind;
    struct node_id from; /* the peer on the authenticated link; here also the author */
    struct envelope envelope;
    const Maillon__Hfp__V1__Head *head; /* of `body` */
    const void *body;                   /* unpacked, of kind->body */
    struct bytes payload, salt;         /* sealed kinds: the personal part, commit checked */
    uint64_t link_seq;
};

/** What became of it: goes into the signed receipt of sealed kinds. */
struct disposition {
    Maillon__Hfp__V1__ReceiptState state; /* STORED or REFUSED */
    Maillon__Hfp__V1__RefusalCode code;
    bool permanent;
    uint32_t retry_after_s;
    bool pending;
    bool has_chain_head;
    struct oid chain_head;
};
