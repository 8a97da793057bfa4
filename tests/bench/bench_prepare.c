/*
 * Makes the state directory of a hub that is to be measured: keys, certificate, settings without
 * the limits that protect a hub from its peers, and relations that both sides have accepted.
 *   bench_prepare hub DIR PORT [PEERS [NOTICES]]   a hub, its bench peers 0 … PEERS-1, own notices
 *   bench_prepare fill DIR OBJECTS                 so many stored objects more, written as rows
 *   bench_prepare pair DIR_A DIR_B                 two such hubs: A dials B, B has a service
 * "bench"
 */
#include "hub/base/mem.h"
#include "hub/config.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/secret.h"
#include "hub/domain/card.h"
#include "hub/domain/directory.h"
#include "hub/domain/invite.h"
#include "hub/domain/notice.h"
#include "hub/domain/relation.h"
#include "tests/bench/bench_measure.h"
#include "tests/bench/bench_peer.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ALL_SWITCHES  15u
#define LINKS_BESIDES 64

static const char settings[] = "objects-per-second = 0\nreferrals-per-minute = 0\n"
                               "open-notices = 0\nmax-half-open = 1000\n"
                               "address-per-minute = 1000000\naddress-burst = 1000000\n"
                               "ping-s = 3000\nlog-level = warn\n";

struct prepared {
    const char *dir;
    struct identity *self;
    struct store *store;
    struct counters counters;
    struct tx tx;
    struct config config;
};

static void check(bool ok, const struct err *err, const char *what)
{
    bench_check(ok, err, what);
}

static void begin(struct prepared *hub)
{
    struct err err = {0};
    check(store_begin(hub->store, &err), &err, "begin");
    arena_reset(hub->tx.arena);
    hub->tx.now = clock_wall(&clock_system);
    hub->tx.effects.count = 0;
}

static void commit(struct prepared *hub)
{
    struct err err = {0};
    check(store_commit(hub->store, &err), &err, "commit");
}

static void open_hub(struct prepared *hub, const char *dir)
{
    struct err err = {0};
    char path[BENCH_PATH];
    *hub = (struct prepared){.dir = dir, .self = identity_open(dir, &err)};
    check(hub->self, &err, "read keys");
    check(config_read(dir, &hub->config, &err), &err, "read hub.ini");
    snprintf(path, sizeof(path), "%s/hub.db", dir);
    hub->store = store_open(&(struct store_options){.path = path, .mode = STORE_WRITE}, &err);
    check(hub->store, &err, "open the database");
    hub->tx = (struct tx){.store = hub->store,
                          .arena = arena_create(1u << 30),
                          .self = hub->self,
                          .random = &random_system,
                          .counters = &hub->counters};
}

static void close_hub(struct prepared *hub)
{
    store_close(hub->store);
    arena_free(hub->tx.arena);
    free(hub->tx.effects.list);
    identity_free(hub->self);
}

static void make_files(const char *dir, unsigned port, unsigned peers)
{
    char path[BENCH_PATH], key[BENCH_PATH];
    struct recovery_sheets sheets;
    struct err err = {0};
    struct wall now = clock_wall(&clock_system);
    if (mkdir(dir, 0700) != 0)
        bench_fail("cannot make %s: %s", dir, strerror(errno));
    AUTO(identity_free)
    struct identity *self = identity_create(dir, &random_system, now, &sheets, &err);
    check(self, &err, "make keys");
    secret_wipe(&sheets, sizeof(sheets));
    snprintf(path, sizeof(path), "%s/tls.crt", dir);
    snprintf(key, sizeof(key), "%s/tls.key", dir);
    check(certificate_create(path, key, "127.0.0.1", now, &err), &err, "make a certificate");
    snprintf(path, sizeof(path), "%s/hub.ini", dir);
    FILE *file = fopen(path, "w");
    if (!file ||
        fprintf(
            file,
            "name = bench %u\nlisten = 127.0.0.1:%u\nurl = wss://127.0.0.1:%u\nmax-links = %u\n%s",
            port, port, port, peers + LINKS_BESIDES, settings) < 0 ||
        fclose(file) != 0)
        bench_fail("cannot write %s", path);
    bench_identity_date(dir, now);
}

static void publish_card(struct prepared *hub)
{
    struct err err = {0};
    struct card card = {.phone = "02 99 00 00 00", .commune = "35236", .route_count = 1};
    snprintf(card.name, sizeof(card.name), "%s", hub->config.name);
    snprintf(card.routes[0], sizeof(card.routes[0]), "%s", hub->config.url);
    check(card_set(&hub->tx, &card, &err), &err, "publish the card");
}

/** An invite of ours, as the other side reads it. */
static void make_invite(struct prepared *hub, char text[INVITE_TEXT_MAX + 1], struct invite *ret)
{
    const char *routes[] = {hub->config.url};
    struct wall expires;
    struct err err = {0};
    check(relation_invite(&hub->tx, routes, 1, 0, text, &expires, &err) &&
              invite_read(text, ret, &err),
          &err, "invite");
}

static void add_keys(struct prepared *hub, const struct identity *peer)
{
    const struct node_id *node = identity_node(peer);
    struct err err = {0};
    size_t count;
    const struct bytes *events = identity_kel_events(peer, &count);
    check(relation_add_kel(&hub->tx, node, events, count, &err) &&
              relation_set_switches(&hub->tx, node, ALL_SWITCHES, ALL_SWITCHES, &err),
          &err, "take the keys of a peer");
}

/** `peer` asked to join with an invite, and was accepted. */
static void accept(struct prepared *hub, const struct identity *peer, const char *name,
                   const struct invite *invite)
{
    const struct node_id *node = identity_node(peer);
    enum decision answer;
    struct err err = {0};
    check(relation_on_request(&hub->tx, node, name, "", bytes_of(invite->secret, INVITE_BYTES),
                              NULL, 0, &answer, &err) &&
              relation_decide(&hub->tx, node, DECISION_ACCEPTED, &err),
          &err, "accept a peer");
    add_keys(hub, peer);
}

static void add_peers(struct prepared *hub, unsigned count)
{
    char text[INVITE_TEXT_MAX + 1], name[64];
    struct invite invite;
    begin(hub);
    publish_card(hub);
    for (unsigned i = 0; i < count; i++) {
        AUTO(identity_free) struct identity *peer = bench_identity(hub->dir, i);
        snprintf(name, sizeof(name), "bench peer %u", i);
        make_invite(hub, text, &invite);
        accept(hub, peer, name, &invite);
    }
    commit(hub);
}

static void post_notices(struct prepared *hub, unsigned count)
{
    struct err err = {0};
    char what[64], detail[400];
    uint8_t uid[UID_BYTES];
    memset(detail, 'a', sizeof(detail) - 1);
    for (size_t i = 9; i < sizeof(detail); i += 10)
        detail[i] = ' ';
    detail[320] = 0;
    begin(hub);
    for (unsigned i = 0; i < count; i++) {
        Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
        snprintf(what, sizeof(what), "matelas numero %u", i);
        content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
        content.what = what;
        content.detail = detail;
        content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_TEST;
        check(notice_post(&hub->tx, &(struct notice_draft){.content = &content}, uid, &err), &err,
              "post a notice");
        if (i % 1024 == 1023) {
            commit(hub);
            begin(hub);
        }
    }
    commit(hub);
}

static void make_hub(const char *dir, unsigned port, unsigned peers, unsigned notices)
{
    struct prepared hub;
    make_files(dir, port, peers);
    open_hub(&hub, dir);
    add_peers(&hub, peers);
    post_notices(&hub, notices);
    close_hub(&hub);
}

static void put_service(struct prepared *hub)
{
    struct err err = {0};
    Maillon__Hfp__V1__ServiceContent content = MAILLON__HFP__V1__SERVICE_CONTENT__INIT;
    char reach[] = "hub", theme[] = "numerique", name[] = "Bench", description[] = "Measured.";
    char *reaches[] = {reach}, *themes[] = {theme};
    content.name = name;
    content.description = description;
    content.reach = reaches;
    content.n_reach = 1;
    content.theme = themes;
    content.n_theme = 1;
    check(directory_put_service(&hub->tx, "bench", &content, NULL, &err), &err, "put a service");
}

static void pair(const char *dir_a, const char *dir_b)
{
    struct prepared *hubs = mem_alloc(2 * sizeof(*hubs)), *a = &hubs[0], *b = &hubs[1];
    char text[INVITE_TEXT_MAX + 1];
    struct invite invite;
    struct node_id node;
    struct err err = {0};
    open_hub(a, dir_a);
    open_hub(b, dir_b);
    begin(a);
    begin(b);
    make_invite(b, text, &invite);
    accept(b, a->self, a->config.name, &invite);
    put_service(b);
    check(relation_join(&a->tx, text, true, &node, &err) &&
              relation_on_answer(&a->tx, &node, b->config.name, DECISION_ACCEPTED, &err),
          &err, "join");
    add_keys(a, b->self);
    commit(b);
    commit(a);
    close_hub(a);
    close_hub(b);
    free(hubs);
}

/**
 * Objects as a hub of many years holds them: signed bytes of notices of a peer, their rows, half of
 * them with an event. Only what a start and a first call may stumble over counts, so they are rows
 * of noise: signing a million would take minutes.
 */
static void fill(const char *dir, long objects)
{
    static const char *const steps[] = {
        "CREATE TEMP TABLE filling (n INTEGER PRIMARY KEY, oid BLOB, expires_s INTEGER)",
        ("INSERT INTO filling SELECT value, randomblob(32), 4000000000 - value % 86400"
         " FROM (WITH RECURSIVE count(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM count"
         " LIMIT (SELECT amount FROM amounts)) SELECT value FROM count)"),
        ("INSERT INTO object (oid, author, state, held, receipt, expires_s, bytes)"
         " SELECT oid, (SELECT node FROM peer LIMIT 1), 1, 0, 0, expires_s, randomblob(500)"
         " FROM filling"),
        ("INSERT INTO notice (author, uid, version, oid, kind, theme, commune, asked, committed,"
         " delivered, created_s, expires_s, keep_s) SELECT (SELECT node FROM peer LIMIT 1),"
         " randomblob(16), 1, oid, 1, 'numerique', '35236', 0, 0, 0, expires_s - 15552000,"
         " expires_s, expires_s FROM filling"),
        ("INSERT INTO event (kind, id, verb, at_ms) SELECT 'notice', hex(oid), 'created',"
         " 1795334400000 + n FROM filling WHERE n % 2"),
    };
    struct prepared hub;
    struct err err = {0};
    char amount[96];
    open_hub(&hub, dir);
    begin(&hub);
    snprintf(amount, sizeof(amount), "CREATE TEMP TABLE amounts AS SELECT %ld AS amount", objects);
    check(store_exec(hub.store, amount, &err), &err, "fill");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        check(store_exec(hub.store, steps[i], &err), &err, "fill");
    commit(&hub);
    close_hub(&hub);
}

int main(int argc, char **argv)
{
    if (!secret_setup())
        bench_fail("cannot start libsodium");
    if (argc == 4 && strcmp(argv[1], "pair") == 0)
        pair(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "fill") == 0)
        fill(argv[2], bench_number(argv[3], "OBJECTS", 1, 100000000));
    else if (argc >= 4 && argc <= 6 && strcmp(argv[1], "hub") == 0)
        make_hub(argv[2], (unsigned)bench_number(argv[3], "PORT", 1, 65535),
                 argc > 4 ? (unsigned)bench_number(argv[4], "PEERS", 0, 20000) : 0,
                 argc > 5 ? (unsigned)bench_number(argv[5], "NOTICES", 0, 1000000) : 0);
    else
        bench_fail("usage: bench_prepare hub DIR PORT [PEERS [NOTICES]] | fill DIR OBJECTS |"
                   " pair DIR_A DIR_B");
    return 0;
}
