/*
 * Whole sessions of one hub with somebody who sends anything, on a real store. The first byte says
 * how it begins, then come messages, each after its kind and length (u32le).
 */
#include "federation/federation_internal.h"
#include "federation/handshake.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "tests/fuzz/fuzz_hubs.h"
#include "tests/support/fake.h"
#include "tests/support/hub_fixture.h"
#include <assert.h>
#include <stdlib.h>

enum {
    START_PROVEN = 1,  /* the handshake is done right, then the messages come */
    START_DIALLED = 2, /* this hub dialled */
    START_STRANGER = 4 /* the neighbour is not known here */
};

/* what a message of the input is */
enum {
    MESSAGE_FRAME,  /* the bytes themselves */
    MESSAGE_OBJECT, /* a Batch with one object made by fuzz_object */
    MESSAGE_TIME,   /* so many seconds pass */
    MESSAGE_KINDS
};

struct scene {
    struct fake_clock clock;
    struct fake_random random;
    struct fake_executor executor;
    struct counters counters;
    struct config config;
    struct store *store;
    struct exchange *exchange;
    struct federation *federation;
    struct link *link; /* NULL: gone */
    bool dialled, connected, closing;
    uint64_t link_seq[3];
};

#define MUST(what)   \
    do {             \
        if (!(what)) \
            abort(); \
    } while (0)

/* ---- a transport that leads nowhere ---- */

static bool on_dial(void *ctx, struct link *link, const char *url, bool local, bool proxied,
                    struct err *err)
{
    struct scene *scene = ctx;
    (void)url;
    (void)local;
    (void)proxied;
    if (scene->link || scene->connected)
        return err_set(err, ERR_IO, "one session is enough");
    scene->link = link;
    scene->dialled = true;
    return true;
}

static void on_wake(void *ctx, void *conn)
{
    (void)ctx;
    (void)conn;
}

static void on_close(void *ctx, void *conn, unsigned websocket_code)
{
    struct scene *scene = ctx;
    (void)conn;
    assert(websocket_code >= 1000 && websocket_code < 5000);
    scene->closing = true;
}

static void on_hold(void *ctx, void *conn, bool hold)
{
    (void)ctx;
    (void)conn;
    (void)hold;
}

/** The next frame of this hub; false: none. */
static bool take(struct scene *scene, struct buf *out)
{
    fake_executor_drain(&scene->executor);
    return scene->link && scene->connected && link_take(scene->link, out);
}

/** Everything runs until it is quiet; a link that was ended is gone then. */
static void settle(struct scene *scene)
{
    AUTO(buf_done) struct buf out = {0};
    for (unsigned n = 0; n < 1000 && take(scene, &out); n++)
        assert(out.len > 0 && out.len <= LINK_FRAME_MAX);
    if (scene->closing && scene->link) {
        link_closed(TAKE(scene->link));
        fake_executor_drain(&scene->executor);
    }
    federation_tick(scene->federation, scene->clock.mono);
    exchange_tick(scene->exchange, scene->clock.mono);
    fake_executor_drain(&scene->executor);
}

/* ---- the scene ---- */

/** A file of one part: ours, that the neighbour may ask for, or theirs, that is asked for. */
static void add_attachment(struct tx *tx, bool is_ours, uint8_t event, uint8_t byte)
{
    struct err err = {0};
    uint8_t oid[OID_BYTES], part[20], hash[32];
    memset(oid, event, sizeof oid);
    memset(part, byte, sizeof part);
    digest_sha256(bytes_of(part, sizeof part), hash);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO attachment (peer, event, position, is_ours, state, size, parts, have,"
                 " hashes, created_ms, account) VALUES (?1, ?2, 0, ?3, ?4, 4, 1, ?3, ?5, ?6, 0)",
                 &err);
    MUST(stmt);
    stmt_bind_bytes(stmt, 1, node_id_bytes(identity_node(fuzz_neighbour())));
    stmt_bind_bytes(stmt, 2, bytes_of(oid, sizeof oid));
    stmt_bind_i64(stmt, 3, is_ours);
    stmt_bind_i64(stmt, 4, is_ours ? 1 : 2);
    stmt_bind_bytes(stmt, 5, bytes_of(hash, sizeof hash));
    stmt_bind_i64(stmt, 6, tx->now.ms);
    MUST(stmt_run(stmt, &err));
    AUTO(stmt_release)
    struct stmt *add = stmt_get(
        tx->store, "INSERT INTO attachment_part (attachment, number, bytes) VALUES (?1, 0, ?2)",
        &err);
    MUST(add);
    stmt_bind_i64(add, 1, store_last_id(tx->store));
    stmt_bind_bytes(add, 2, bytes_of(part, sizeof part));
    MUST(!is_ours || stmt_run(add, &err));
}

static void meet(struct scene *scene)
{
    struct tx tx = {.store = scene->store,
                    .arena = arena_create(0),
                    .now = scene->clock.wall,
                    .self = fuzz_self(),
                    .random = &scene->random.source,
                    .counters = &scene->counters};
    struct err err = {0};
    MUST(store_begin(scene->store, &err));
    hub_accept(&tx, fuzz_neighbour());
    MUST(relation_set_switches(&tx, identity_node(fuzz_neighbour()), 15, 15, &err));
    add_attachment(&tx, true, 7, 'x');
    add_attachment(&tx, false, 8, 'y');
    MUST(store_commit(scene->store, &err));
    free(tx.effects.list);
    arena_free(tx.arena);
}

static void open_scene(struct scene *scene, unsigned start)
{
    struct err err = {0};
    fake_clock_init(&scene->clock);
    fake_clock_set_wall(&scene->clock, FUZZ_NOW_MS);
    fake_random_init(&scene->random, 9);
    fake_executor_init(&scene->executor, FAKE_QUEUED);
    for (const struct config_option *option = config_options; option->name; option++)
        MUST(config_set(&scene->config, option->name, option->default_value, &err));
    scene->store = store_open(
        &(struct store_options){.path = ":memory:", .mode = STORE_WRITE, .relaxed_sync = true},
        &err);
    MUST(scene->store);
    if (!(start & START_STRANGER))
        meet(scene);
    scene->exchange =
        exchange_create(&(struct exchange_config){.store = scene->store,
                                                  .self = fuzz_self(),
                                                  .clock = &scene->clock.clock,
                                                  .random = &scene->random.source,
                                                  .counters = &scene->counters,
                                                  .executor = &scene->executor.executor});
    const struct federation_config config = {
        .exchange = scene->exchange,
        .reader = scene->store,
        .self = fuzz_self(),
        .clock = &scene->clock.clock,
        .random = &scene->random.source,
        .counters = &scene->counters,
        .executor = &scene->executor.executor,
        .config = &scene->config,
        .transport = {
            .dial = on_dial, .wake = on_wake, .close = on_close, .hold = on_hold, .ctx = scene}};
    scene->federation = federation_create(&config, &err);
    MUST(scene->federation);
}

static void close_scene(struct scene *scene)
{
    federation_stop(scene->federation);
    settle(scene);
    if (scene->link && !scene->connected)
        federation_dial_failed(TAKE(scene->link), "refused");
    if (scene->link)
        link_closed(TAKE(scene->link));
    fake_executor_drain(&scene->executor);
    assert(federation_link_count(scene->federation) == 0);
    assert(federation_busy(scene->federation) == 0 && exchange_is_idle(scene->exchange));
    federation_free(scene->federation);
    exchange_free(scene->exchange);
    struct err err = {0};
    int64_t open = -1;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(scene->store, "SELECT count(*) FROM pragma_foreign_key_check", &err);
    bool row = false;
    if (stmt && stmt_next(stmt, &row, &err) && row)
        open = stmt_i64(stmt, 0);
    assert(open <= 0);
    stmt_release(TAKE(stmt));
    store_close(scene->store);
}

static const struct carrier carrier = {
    .offer = "hfp.1", .selected = "hfp.1", .address = "192.0.2.1"};

/** A connection, by whoever dials. False: there is none (nobody known to dial). */
static bool connect_scene(struct scene *scene, unsigned start)
{
    settle(scene);
    if (!(start & START_DIALLED)) {
        if (scene->link) /* it dialled in vain */
            federation_dial_failed(TAKE(scene->link), "refused");
        scene->dialled = false;
        scene->connected = true;
        scene->link = federation_incoming(scene->federation, scene, &carrier);
        return scene->link;
    }
    for (unsigned n = 0; n < 10 && !scene->link; n++) {
        fake_clock_advance(&scene->clock, 60000);
        settle(scene);
    }
    if (!scene->link)
        return false;
    scene->connected = true;
    federation_dialled(scene->link, scene, &carrier);
    return true;
}

static void receive(struct scene *scene, struct bytes message)
{
    if (!scene->link || scene->closing)
        return;
    assert(scene->connected);
    void *exact = mem_copy(message.data, message.len); /* a read past its end shows */
    link_receive(scene->link, bytes_of(exact, message.len));
    free(exact);
}

/** The neighbour's half of an honest handshake. */
static void prove(struct scene *scene)
{
    static const uint8_t nonce[32] = {7};
    const struct identity *they = fuzz_neighbour();
    uint64_t now_ms = FUZZ_NOW_MS;
    struct transcript transcript;
    AUTO(buf_done) struct buf mine = {0}, theirs = {0}, proof = {0};
    MUST(transcript_init(&transcript, &carrier));
    transcript.dialler = *identity_node(scene->dialled ? fuzz_self() : they);
    transcript.responder = *identity_node(scene->dialled ? they : fuzz_self());
    if (scene->dialled) {
        MUST(take(scene, &mine));
        digest_sha256(buf_bytes(&mine), transcript.hello_d);
        handshake_hello_r(they, nonce, now_ms, UINT64_MAX, 0, &theirs);
        digest_sha256(buf_bytes(&theirs), transcript.hello_r);
        handshake_proof(they, &transcript, HANDSHAKE_RESPONDER, HANDSHAKE_KEL_LATEST, &proof);
        receive(scene, buf_bytes(&theirs));
    } else {
        handshake_hello_d(identity_node(fuzz_self()), nonce, now_ms, UINT64_MAX, 0, &theirs);
        digest_sha256(buf_bytes(&theirs), transcript.hello_d);
        receive(scene, buf_bytes(&theirs));
        MUST(take(scene, &mine));
        digest_sha256(buf_bytes(&mine), transcript.hello_r);
        handshake_proof(they, &transcript, HANDSHAKE_DIALLER, HANDSHAKE_KEL_LATEST, &proof);
    }
    receive(scene, buf_bytes(&proof));
    assert(scene->link->phase == LINK_UP);
    settle(scene);
}

static void send_object(struct scene *scene, struct bytes in)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct fuzz_object object;
    if (!fuzz_object(in, arena, &object))
        return;
    Maillon__Hfp__V1__Data data;
    Maillon__Hfp__V1__Batch batch;
    Maillon__Hfp__V1__Frame frame;
    maillon__hfp__v1__data__init(&data);
    maillon__hfp__v1__batch__init(&batch);
    maillon__hfp__v1__frame__init(&frame);
    data.link_seq = ++scene->link_seq[object.lane];
    data.oid = wire_data(oid_bytes(&object.oid));
    *(object.sealed ? &data.sealed : &data.object) = wire_data(object.bytes);
    Maillon__Hfp__V1__Data *list[] = {&data};
    batch.data = list;
    batch.n_data = 1;
    frame.lane = object.lane;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_BATCH;
    frame.batch = &batch;
    receive(scene, wire_pack_arena(&frame, arena));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!secret_setup())
        abort();
    if (!size)
        return 0;
    log_setup(LOG_ERROR, false);
    unsigned start = data[0];
    struct scene *scene = mem_alloc(sizeof *scene);
    open_scene(scene, start);
    if (connect_scene(scene, start)) {
        if (start & START_PROVEN)
            prove(scene);
        struct bytes in = bytes_of(data + 1, size - 1);
        while (in.len >= 5) {
            unsigned kind = in.data[0] % MESSAGE_KINDS;
            size_t len = in.data[1] | (size_t)in.data[2] << 8 | (size_t)in.data[3] << 16 |
                         (size_t)in.data[4] << 24;
            if (len > in.len - 5)
                len = in.len - 5;
            if (len > LINK_FRAME_MAX) /* the transport takes no longer ones */
                len = LINK_FRAME_MAX;
            struct bytes message = bytes_of(in.data + 5, len);
            in = bytes_of(in.data + 5 + len, in.len - 5 - len);
            if (kind == MESSAGE_FRAME)
                receive(scene, message);
            else if (kind == MESSAGE_OBJECT)
                send_object(scene, message);
            else
                fake_clock_advance(&scene->clock, len ? 1000 * message.data[0] : 1);
            settle(scene);
        }
    }
    close_scene(scene);
    free(scene);
    return 0;
}
