#pragma once
/*
 * Two hubs behind NAT, SENDER and DEST, and the two relays that both use: what the scenarios of
 * sim_relay.c and sim_relay_hostile.c begin with, and the questions they ask.
 */
#include "hub/domain/relay.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "tests/sim/scenario.h"

/* Hubs of every scenario: who sends, two relays, who only dials out; then whoever else. */
enum { SENDER, RELAY_A, RELAY_B, DEST, OTHER };

#define MINUTE_MS 60000LL

/** For world_do with relaying_set_duty and relaying_set_home. */
struct relaying {
    struct node_id node;
    enum relay_duty duty;
    bool home;
};

/** For world_do with relaying_queue_large and relaying_take_back. */
struct large {
    const struct node_id *dest;
    struct oid id;
    struct oid sealed_id;
    size_t size;
};

bool relaying_set_duty(struct tx *tx, void *ctx, struct err *err);
bool relaying_set_home(struct tx *tx, void *ctx, struct err *err);
bool relaying_hide(struct tx *tx, void *ctx, struct err *err);
/** `relay` allows it, `client` uses it. */
void relaying_use(struct world *world, unsigned relay, unsigned client);
/** How many home relays of `of` the hub `hub` knows. */
size_t relaying_homes(struct world *world, unsigned hub, unsigned of);
/** world_run_until's `done`; ctx: index of a hub that shall know both home relays of DEST. */
bool relaying_know_homes(struct world *world, void *ctx);
bool relaying_one_home(struct world *world, void *unused);
/** No session between these two, whoever dials. */
void relaying_part(struct world *world, unsigned a, unsigned b, bool parted);
/** SENDER and DEST reach only the two relays, which both use; each knows the other's. */
void relaying_set_up(struct world *world);
int64_t relaying_referrals(struct world *world, unsigned hub);
/** Blobs in custody at a hub. */
int64_t relaying_held(struct world *world, unsigned hub);
/** Referrals of SENDER that it has a signed receipt for. */
int64_t relaying_stored(struct world *world);
/** For world_run_until: a relay has custody of something of SENDER. */
bool relaying_one_away(struct world *world, void *unused);
bool relaying_first_stored(struct world *world, void *unused);
bool relaying_empty(struct world *world, void *unused);
/** The delivery word of an object of SENDER. */
void relaying_word(struct world *world, const struct oid *id, const char *word);
/** Queues a sealed object of `size` bytes that no hub would take. */
bool relaying_queue_large(struct tx *tx, void *ctx, struct err *err);
bool relaying_take_back(struct tx *tx, void *ctx, struct err *err);
bool relaying_one_held(struct world *world, void *unused);
Maillon__Hfp__V1__Frame *relaying_parse(const struct buf *frame);
/** Replaces the frame by a changed one. */
void relaying_pack(Maillon__Hfp__V1__Frame *frame, struct buf *out);
