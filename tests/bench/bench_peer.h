#pragma once
/*
 * A peer hub without a hub behind it: TCP, TLS 1.3, WebSocket and the handshake of federation/,
 * then raw frames. Opening blocks, the rest does not: one thread polls many.
 */
#include "hub/base/bytes.h"
#include "hub/crypto/identity.h"

/** Identity number `index`: the same in bench_prepare and in every program on that directory. */
struct identity *bench_identity(const char *dir, unsigned index);
/** Remembers when the identities of `dir` were made. Before the first bench_identity(). */
void bench_identity_date(const char *dir, struct wall now);

/** A hub to reach, from its state directory. */
struct bench_hub;
struct bench_hub *bench_hub_open(const char *dir);
void bench_hub_free(struct bench_hub *hub);
const struct node_id *bench_hub_node(const struct bench_hub *hub);

struct bench_peer;
/** Connects and proves both sides; returns when the hub's State is here. The program ends
 * otherwise. */
struct bench_peer *bench_peer_open(struct bench_hub *hub, const struct identity *self);
void bench_peer_free(struct bench_peer *peer);
int bench_peer_fd(const struct bench_peer *peer);
/** Where the hub says our lane stands. */
uint64_t bench_peer_cursor(const struct bench_peer *peer, unsigned lane);
/** Our State, from which on the hub sends; we hold nothing yet. */
void bench_peer_start(struct bench_peer *peer);

/** Queues one WebSocket message made of `parts`. */
void bench_peer_send(struct bench_peer *peer, const struct bytes *parts, size_t count);
void bench_peer_ack(struct bench_peer *peer, unsigned lane, uint64_t link_seq);
/** False: something is still queued, wait for POLLOUT. */
bool bench_peer_flush(struct bench_peer *peer);

/** What a bench wants to know of a frame. */
struct bench_frame {
    unsigned lane;
    unsigned kind;      /* field number in Frame: 6 batch, 7 ack */
    struct bytes bytes; /* of that field */
};
typedef void bench_received(void *ctx, struct bench_peer *peer, const struct bench_frame *frame);
/** Reads what is there and answers pings. The program ends when the hub closes. */
void bench_peer_read(struct bench_peer *peer, bench_received *received, void *ctx);
/** Value of varint field `number` of a message; 0 when it is absent. */
uint64_t bench_field(struct bytes message, uint32_t number);

#define BENCH_FRAME_BATCH 6
#define BENCH_FRAME_ACK   7
