#include "tests/bench/bench_peer.h"

#include "federation/handshake.h"
#include "hub/base/mem.h"
#include "hub/config.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/field.h"
#include "hub/crypto/wire.h"
#include "tests/bench/bench_measure.h"
#include "tests/support/fake.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATE_FILE  "bench-date"
#define OFFER      "hfp.1.cb, hfp.1" /* as federation/link_ws.c dials */
#define READ_BYTES 16384
#define CREDIT     1024
#define FRAME_PING 12
#define FRAME_BYE  14

struct bench_hub {
    SSL_CTX *tls;
    struct node_id node;
    unsigned port;
};

struct bench_peer {
    int fd;
    SSL *tls;
    uint64_t cursors[3];
    uint8_t kel_head[OID_BYTES];
    struct buf in, out;
    size_t out_at;
};

/* ---- who is who ---- */

void bench_identity_date(const char *dir, struct wall now)
{
    char path[BENCH_PATH];
    snprintf(path, sizeof(path), "%s/" DATE_FILE, dir);
    FILE *file = fopen(path, "w");
    if (!file || fprintf(file, "%lld\n", (long long)now.ms) < 0 || fclose(file) != 0)
        bench_fail("cannot write %s", path);
}

static struct wall read_date(const char *dir)
{
    char path[BENCH_PATH];
    long long ms = 0;
    snprintf(path, sizeof(path), "%s/" DATE_FILE, dir);
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%lld", &ms) != 1)
        bench_fail("%s is missing: make the directory with bench_prepare", path);
    fclose(file);
    return (struct wall){ms};
}

struct identity *bench_identity(const char *dir, unsigned index)
{
    struct fake_random random;
    struct err err = {0};
    fake_random_init(&random, 0x6d61696c6c6f6e00ULL + index);
    struct identity *identity = identity_create_memory(&random.source, read_date(dir));
    bench_check(identity, &err, "make an identity");
    return identity;
}

static unsigned port_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    return (unsigned)bench_number(colon ? colon + 1 : "", "the port of \"listen\"", 1, 65535);
}

struct bench_hub *bench_hub_open(const char *dir)
{
    struct err err = {0};
    struct bench_hub *hub = mem_alloc(sizeof(*hub));
    struct config *config = mem_alloc(sizeof(*config));
    bench_check(config_read(dir, config, &err), &err, "read hub.ini");
    hub->port = port_of(config->listen);
    free(config);
    AUTO(identity_free) struct identity *identity = identity_open(dir, &err);
    bench_check(identity, &err, "read the hub's keys");
    hub->node = *identity_node(identity);
    hub->tls = SSL_CTX_new(TLS_client_method());
    if (!hub->tls || SSL_CTX_set_min_proto_version(hub->tls, TLS1_3_VERSION) != 1)
        bench_fail("cannot start OpenSSL");
    /* The proof names the hub, not the certificate. */
    SSL_CTX_set_verify(hub->tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(hub->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return hub;
}

void bench_hub_free(struct bench_hub *hub)
{
    SSL_CTX_free(hub->tls);
    free(hub);
}

const struct node_id *bench_hub_node(const struct bench_hub *hub)
{
    return &hub->node;
}

/* ---- the connection ---- */

static int dial(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        bench_fail("cannot connect to port %u: %s", port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/** @return the selected subprotocol, in `head`. */
static const char *upgrade(struct bench_peer *peer, unsigned port, char head[1024])
{
    static const char selects[] = "\r\nSec-WebSocket-Protocol: ";
    char request[512];
    int size = snprintf(request, sizeof(request),
                        "GET /hfp HTTP/1.1\r\nHost: localhost:%u\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " OFFER "\r\n\r\n",
                        port);
    size_t len = 0;
    if (SSL_write(peer->tls, request, size) != size)
        bench_fail("cannot send the WebSocket request");
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        if (len == 1023 || SSL_read(peer->tls, head + len, 1) != 1)
            bench_fail("the hub refuses a link");
        len++;
    }
    head[len] = 0;
    char *selected = strcasestr(head, selects);
    if (strncmp(head, "HTTP/1.1 101", 12) != 0 || !selected)
        bench_fail("the hub refuses a link: %.60s", head);
    selected += sizeof(selects) - 1;
    selected[strcspn(selected, "\r\n")] = 0;
    return selected;
}

/** Client frames are masked; with a key of zeros the payload stays as it is. */
static void add_frame_head(struct buf *out, unsigned opcode, size_t len)
{
    uint8_t head[14] = {(uint8_t)(0x80 | opcode)};
    size_t size = 2;
    if (len < 126) {
        head[1] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        head[1] = 0x80 | 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        size = 4;
    } else {
        bench_fail("a frame of %zu bytes is too long for a link", len);
    }
    buf_add(out, head, size + 4);
}

void bench_peer_send(struct bench_peer *peer, const struct bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    add_frame_head(&peer->out, 2, len);
    for (size_t i = 0; i < count; i++)
        buf_add_bytes(&peer->out, parts[i]);
}

static bool would_block(const struct bench_peer *peer, int result)
{
    int why = SSL_get_error(peer->tls, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

bool bench_peer_flush(struct bench_peer *peer)
{
    while (peer->out_at < peer->out.len) {
        size_t left = peer->out.len - peer->out_at;
        int n = SSL_write(peer->tls, peer->out.data + peer->out_at,
                          (int)(left < READ_BYTES ? left : READ_BYTES));
        if (n <= 0) {
            if (would_block(peer, n))
                return false;
            bench_fail("the hub closed a link while it was written to");
        }
        peer->out_at += (size_t)n;
    }
    buf_done(&peer->out); /* thousands of idle peers keep no buffer */
    peer->out = (struct buf){0};
    peer->out_at = 0;
    return true;
}

static void send_frame(struct bench_peer *peer, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf message = {0};
    wire_pack(frame, &message);
    struct bytes part = buf_bytes(&message);
    bench_peer_send(peer, &part, 1);
}

void bench_peer_ack(struct bench_peer *peer, unsigned lane, uint64_t link_seq)
{
    Maillon__Hfp__V1__Ack ack = MAILLON__HFP__V1__ACK__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    ack.link_seq = link_seq;
    frame.lane = lane;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_ACK;
    frame.ack = &ack;
    send_frame(peer, &frame);
}

/** The first WebSocket frame in `in`; false: not whole yet. */
static bool next_frame(struct bytes in, unsigned *ret_opcode, struct bytes *ret)
{
    if (in.len < 2)
        return false;
    size_t size = in.data[1] & 127, head = 2;
    if (size == 126) {
        if (in.len < 4)
            return false;
        size = (size_t)in.data[2] << 8 | in.data[3];
        head = 4;
    }
    if (size == 127 || !(in.data[0] & 0x80))
        bench_fail("the hub sent a frame longer than a link allows");
    if (in.len < head + size)
        return false;
    *ret_opcode = in.data[0] & 15;
    *ret = bytes_of(in.data + head, size);
    return true;
}

static bool read_some(struct bench_peer *peer)
{
    int n = SSL_read(peer->tls, buf_reserve(&peer->in, READ_BYTES), READ_BYTES);
    if (n > 0) {
        peer->in.len += (size_t)n;
        return true;
    }
    if (would_block(peer, n))
        return false;
    bench_fail("the hub closed a link");
}

static void forget(struct bench_peer *peer, size_t bytes)
{
    peer->in.len -= bytes;
    if (peer->in.len) {
        memmove(peer->in.data, peer->in.data + bytes, peer->in.len);
    } else {
        buf_done(&peer->in);
        peer->in = (struct buf){0};
    }
}

/** Blocks for one message, which is copied. */
static void receive(struct bench_peer *peer, struct buf *ret)
{
    unsigned opcode;
    struct bytes frame;
    for (;;) {
        while (!next_frame(buf_bytes(&peer->in), &opcode, &frame))
            read_some(peer);
        ret->len = 0;
        if (opcode == 2)
            buf_add_bytes(ret, frame);
        else if (opcode == 8)
            bench_fail("the hub closed a link during the handshake");
        forget(peer, (size_t)(frame.data + frame.len - peer->in.data));
        if (opcode == 2)
            return;
    }
}

/* ---- the handshake ---- */

static Maillon__Hfp__V1__Frame *receive_frame(struct bench_peer *peer, struct arena *arena,
                                              Maillon__Hfp__V1__Frame__MCase kind,
                                              struct buf *message)
{
    struct err err = {0};
    for (;;) {
        receive(peer, message);
        Maillon__Hfp__V1__Frame *frame =
            wire_unpack(&maillon__hfp__v1__frame__descriptor,
                        arena_bytes(arena, buf_bytes(message)), arena, &err);
        bench_check(frame, &err, "read a frame");
        if (frame->m_case == kind)
            return frame;
        if (frame->m_case != MAILLON__HFP__V1__FRAME__M_PEER_ANSWER)
            bench_fail("frame %d came where %d was due", (int)frame->m_case, (int)kind);
    }
}

static void prove(struct bench_peer *peer, const struct bench_hub *hub, const struct identity *self,
                  const struct carrier *carrier)
{
    static const struct kel nothing;
    struct err err = {0};
    struct transcript transcript;
    struct kel kel;
    size_t fresh;
    uint8_t nonce[32];
    AUTO(buf_done) struct buf message = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    if (!transcript_init(&transcript, carrier))
        bench_fail("cannot begin a transcript");
    transcript.dialler = *identity_node(self);
    transcript.responder = hub->node;

    random_fill(&random_system, nonce, sizeof(nonce));
    handshake_hello_d(&hub->node, nonce, (uint64_t)clock_wall(&clock_system).ms, 0, 0, &message);
    digest_sha256(buf_bytes(&message), transcript.hello_d);
    struct bytes part = buf_bytes(&message);
    bench_peer_send(peer, &part, 1);
    bench_peer_flush(peer);

    const Maillon__Hfp__V1__Frame *frame =
        receive_frame(peer, arena, MAILLON__HFP__V1__FRAME__M_HELLO_R, &message);
    digest_sha256(buf_bytes(&message), transcript.hello_r);
    bench_check(handshake_read_kel(frame->hello_r->kel, frame->hello_r->n_kel,
                                   wire_bytes(frame->hello_r->kel_head), &hub->node, &nothing, NULL,
                                   0, &kel, &fresh, &err),
                &err, "read the hub's key events");
    memcpy(peer->kel_head, kel.head.b, OID_BYTES);
    frame = receive_frame(peer, arena, MAILLON__HFP__V1__FRAME__M_PROOF, &message);
    struct sign_public op;
    bench_check(handshake_check(frame->proof, &transcript, HANDSHAKE_RESPONDER, &kel,
                                clock_wall(&clock_system), &op, &err),
                &err, "check the hub's proof");

    message.len = 0;
    handshake_proof(self, &transcript, HANDSHAKE_DIALLER, HANDSHAKE_KEL_LATEST, &message);
    part = buf_bytes(&message);
    bench_peer_send(peer, &part, 1);
    bench_peer_flush(peer);

    frame = receive_frame(peer, arena, MAILLON__HFP__V1__FRAME__M_STATE, &message);
    for (size_t i = 0; i < frame->state->n_rx; i++) {
        if (frame->state->rx[i]->lane < ARRAY_LEN(peer->cursors))
            peer->cursors[frame->state->rx[i]->lane] = frame->state->rx[i]->link_seq;
    }
}

struct bench_peer *bench_peer_open(struct bench_hub *hub, const struct identity *self)
{
    struct bench_peer *peer = mem_alloc(sizeof(*peer));
    char head[1024];
    uint8_t binding[TLS_BINDING_BYTES];
    peer->fd = dial(hub->port);
    peer->tls = SSL_new(hub->tls);
    if (!peer->tls || SSL_set_fd(peer->tls, peer->fd) != 1 || SSL_connect(peer->tls) != 1)
        bench_fail("the TLS handshake with the hub failed");
    const char *selected = upgrade(peer, hub->port, head);
    bool bound = strcmp(selected, "hfp.1.cb") == 0;
    if (!bound || !tls_binding(peer->tls, binding))
        bench_fail("the hub selected \"%s\", a bound link was due", selected);
    prove(peer, hub, self,
          &(struct carrier){.offer = OFFER,
                            .selected = selected,
                            .binding = bytes_of(binding, sizeof(binding)),
                            .address = "127.0.0.1"});
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    return peer;
}

void bench_peer_free(struct bench_peer *peer)
{
    SSL_free(peer->tls);
    close(peer->fd);
    buf_done(&peer->in);
    buf_done(&peer->out);
    free(peer);
}

int bench_peer_fd(const struct bench_peer *peer)
{
    return peer->fd;
}

uint64_t bench_peer_cursor(const struct bench_peer *peer, unsigned lane)
{
    return peer->cursors[lane];
}

void bench_peer_start(struct bench_peer *peer)
{
    Maillon__Hfp__V1__State state = MAILLON__HFP__V1__STATE__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    uint64_t credit[] = {CREDIT, CREDIT, CREDIT};
    state.kel_head = wire_data(bytes_of(peer->kel_head, OID_BYTES));
    state.clock_ms = (uint64_t)clock_wall(&clock_system).ms;
    state.credit = credit;
    state.n_credit = ARRAY_LEN(credit);
    frame.m_case = MAILLON__HFP__V1__FRAME__M_STATE;
    frame.state = &state;
    send_frame(peer, &frame);
    bench_peer_flush(peer);
}

/* ---- afterwards ---- */

uint64_t bench_field(struct bytes message, uint32_t number)
{
    struct field field;
    for (struct field_reader reader = field_reader(message); field_next(&reader, &field);) {
        if (field.number == number)
            return field.value;
    }
    return 0;
}

static void pong(struct bench_peer *peer, uint64_t nonce)
{
    Maillon__Hfp__V1__Pong answer = MAILLON__HFP__V1__PONG__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    answer.nonce = nonce;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PONG;
    frame.pong = &answer;
    send_frame(peer, &frame);
    bench_peer_flush(peer);
}

static void take_message(struct bench_peer *peer, struct bytes message, bench_received *received,
                         void *ctx)
{
    struct bench_frame frame = {0};
    struct field field;
    for (struct field_reader reader = field_reader(message); field_next(&reader, &field);) {
        if (field.number == 1) {
            frame.lane = (unsigned)field.value;
        } else {
            frame.kind = field.number;
            frame.bytes = field.bytes;
        }
    }
    if (frame.kind == FRAME_PING)
        pong(peer, bench_field(frame.bytes, 1));
    else if (frame.kind == FRAME_BYE)
        bench_fail("the hub said good-bye, reason %u", (unsigned)bench_field(frame.bytes, 1));
    else
        received(ctx, peer, &frame);
}

void bench_peer_read(struct bench_peer *peer, bench_received *received, void *ctx)
{
    while (read_some(peer)) {
        unsigned opcode;
        struct bytes rest = buf_bytes(&peer->in), frame;
        while (next_frame(rest, &opcode, &frame)) {
            rest = bytes_of(frame.data + frame.len,
                            (size_t)(rest.data + rest.len - frame.data) - frame.len);
            if (opcode == 2)
                take_message(peer, frame, received, ctx);
            else if (opcode == 8)
                bench_fail("the hub closed a link");
        }
        forget(peer, peer->in.len - rest.len);
    }
}
