/* What must hold after every run, whatever happened in it. */
#include "tests/sim/world_internal.h"

#include "federation/link.h"
#include "hub/domain/notice.h"

#include <stdarg.h>

#define DRAIN_MS (3 * 86400000LL)
#define HUB_BYTES_MAX                                                          \
    (48u << 20) /* caches of two connections, arenas of a busy hub, its graves \
                 */

/* Derived numbers that an effect done twice, or half, would leave wrong. Each must give 0. */
static const struct {
    const char *what, *sql;
} one_effect[] = {
    {"events of a referral are counted once each",
     "SELECT count(*) FROM referral WHERE events <>"
     " (SELECT count(*) FROM referral_event WHERE referral_event.referral = referral.id)"},
    {"open referrals of a peer are counted once each",
     "SELECT count(*) FROM referral_peer WHERE open_in <> (SELECT count(*) FROM referral"
     " WHERE referral.peer = referral_peer.peer AND is_out = 0 AND is_open = 1)"},
    {"what waits for a peer is counted once each",
     "SELECT count(*) FROM link WHERE waiting_rows <> (SELECT count(*) FROM outbox"
     " WHERE outbox.peer = link.peer AND outbox.lane = link.lane)"},
    {"what is promised on a notice is counted once each",
     "SELECT count(*) FROM notice WHERE id IN (SELECT notice FROM notice_own) AND kind <> 0"
     " AND committed <> (SELECT coalesce(sum(counted), 0) FROM claim"
     " WHERE claim.uid = notice.uid AND box = 1)"},
    {"a sealed object waits at most once for a peer",
     "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE freed_by = 1 GROUP BY oid, peer"
     " HAVING count(*) > 1)"},
    {"an event has its object", "SELECT count(*) FROM referral_event WHERE NOT EXISTS"
                                " (SELECT 1 FROM object WHERE object.oid = referral_event.oid)"},
};

struct finding {
    bool said;
    char text[400];
};

static void find(struct finding *finding, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void find(struct finding *finding, const char *fmt, ...)
{
    va_list args;
    if (finding->said)
        return;
    va_start(args, fmt);
    vsnprintf(finding->text, sizeof finding->text, fmt, args);
    va_end(args);
    finding->said = true;
}

void world_waive(struct world *world, unsigned waivers, const char *why)
{
    CHECK(why && *why);
    world->waived |= waivers;
}

static struct stmt *must_get(struct world *world, unsigned hub, const char *sql)
{
    struct err err = {0};
    struct stmt *stmt = stmt_get(world->hubs[hub].reader, sql, &err);
    if (!stmt)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(stmt);
    return stmt;
}

static bool must_next(struct world *world, struct stmt *stmt)
{
    struct err err = {0};
    bool row = false;
    CHECK(stmt_next(stmt, &row, &err));
    return row;
}

static bool node_at(struct world *world, struct stmt *stmt, int column, unsigned *ret)
{
    struct node_id node;
    CHECK(stmt_copy(stmt, column, node.b, sizeof node.b));
    *ret = world_hub_of(world, &node);
    return *ret < world->hub_count && world->hubs[*ret].alive;
}

/* ---- acked is durable (F1 to F3) ---- */

static void check_acked(struct world *world, unsigned index, struct finding *finding)
{
    const struct world_hub *hub = &world->hubs[index];
    for (size_t i = 0; i < hub->acked_count; i++) {
        const struct node_id *node = identity_node(world->hubs[hub->acked[i].peer].self);
        for (unsigned lane = 0; lane < 3; lane++) {
            AUTO(stmt_release)
            struct stmt *stmt = must_get(world, index,
                                         "SELECT rx FROM link WHERE lane = ?2 AND peer ="
                                         " (SELECT id FROM peer WHERE node = ?1)");
            stmt_bind_bytes(stmt, 1, node_id_bytes(node));
            stmt_bind_i64(stmt, 2, lane);
            uint64_t rx = must_next(world, stmt) ? (uint64_t)stmt_i64(stmt, 0) : 0;
            if (rx < hub->acked[i].link_seq[lane])
                find(finding, "hub %u acked %llu to hub %u on lane %u and holds %llu", index,
                     (unsigned long long)hub->acked[i].link_seq[lane], hub->acked[i].peer, lane,
                     (unsigned long long)rx);
        }
    }
}

/** A signed receipt says STORED: the peer holds that event. */
static void check_receipted(struct world *world, unsigned index, struct finding *finding)
{
    AUTO(stmt_release)
    struct stmt *events =
        must_get(world, index,
                 "SELECT referral_event.oid, referral.peer FROM referral_event"
                 " JOIN referral ON referral.id = referral_event.referral"
                 " WHERE side = 1 - is_out AND referral_event.delivery IN (1, 2)");
    while (must_next(world, events)) {
        unsigned peer;
        if (!node_at(world, events, 1, &peer))
            continue;
        AUTO(stmt_release)
        struct stmt *held = must_get(world, peer, "SELECT 1 FROM object WHERE oid = ?1");
        stmt_bind_bytes(held, 1, stmt_bytes(events, 0));
        if (!must_next(world, held))
            find(finding, "hub %u lost an event that hub %u has its receipt for", peer, index);
    }
}

/* ---- both sides agree ---- */

static void check_states(struct world *world, unsigned index, struct finding *finding)
{
    AUTO(stmt_release)
    struct stmt *ours = must_get(world, index,
                                 "SELECT oid, peer, status, business_status, delivery FROM referral"
                                 " WHERE is_out = 1 AND peer IN (SELECT node FROM peer"
                                 " WHERE ours = 'accepted' AND theirs = 'accepted')");
    while (must_next(world, ours)) {
        unsigned peer;
        if (!node_at(world, ours, 1, &peer))
            continue;
        AUTO(stmt_release)
        struct stmt *theirs =
            must_get(world, peer, "SELECT status, business_status FROM referral WHERE oid = ?1");
        stmt_bind_bytes(theirs, 1, stmt_bytes(ours, 0));
        bool held = must_next(world, theirs) && stmt_i64(theirs, 0) != 0;
        int64_t delivery = stmt_i64(ours, 4);
        if (!held && (delivery == REFERRAL_UNDELIVERED || delivery == REFERRAL_NOT_TAKEN))
            continue; /* and the sender knows */
        if (!held)
            find(finding, "hub %u has no trace of a referral of hub %u", peer, index);
        else if (stmt_i64(theirs, 0) != stmt_i64(ours, 2) ||
                 stmt_i64(theirs, 1) != stmt_i64(ours, 3))
            find(finding, "a referral is %lld/%lld at hub %u and %lld/%lld at hub %u",
                 (long long)stmt_i64(ours, 2), (long long)stmt_i64(ours, 3), index,
                 (long long)stmt_i64(theirs, 0), (long long)stmt_i64(theirs, 1), peer);
    }
}

static void check_withdrawn(struct world *world, unsigned author, struct finding *finding)
{
    AUTO(stmt_release)
    struct stmt *gone = must_get(world, author,
                                 "SELECT author, uid FROM notice"
                                 " WHERE kind = 0 AND id IN (SELECT notice FROM notice_own)");
    while (must_next(world, gone)) {
        for (unsigned i = 0; i < world->hub_count; i++) {
            if (!world->hubs[i].alive)
                continue;
            AUTO(stmt_release)
            struct stmt *alive = must_get(
                world, i, "SELECT 1 FROM notice WHERE author = ?1 AND uid = ?2 AND kind <> 0");
            stmt_bind_bytes(alive, 1, stmt_bytes(gone, 0));
            stmt_bind_bytes(alive, 2, stmt_bytes(gone, 1));
            if (must_next(world, alive))
                find(finding, "a notice that hub %u withdrew is alive at hub %u", author, i);
        }
    }
}

static void check_queues(struct world *world, unsigned index, struct finding *finding)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        must_get(world, index,
                 "SELECT peer.node, lane, link_seq, freed_by, attempts, acked_ms > 0, due_ms"
                 " FROM outbox JOIN peer ON peer.id = outbox.peer"
                 " WHERE ours = 'accepted' AND theirs = 'accepted' ORDER BY outbox.id LIMIT 1");
    unsigned peer;
    if (!must_next(world, stmt) || !node_at(world, stmt, 0, &peer))
        return;
    struct federation_peer live = {0};
    (void)federation_peer(world->hubs[index].federation, identity_node(world->hubs[peer].self),
                          &live);
    find(finding,
         "a row waits in the queue of hub %u for hub %u (%s, %s): lane %lld link_seq %lld"
         " freed_by %lld attempts %lld acked %lld due in %lld s",
         index, peer, live.connected ? "connected" : "not connected", live.last_error,
         (long long)stmt_i64(stmt, 1), (long long)stmt_i64(stmt, 2), (long long)stmt_i64(stmt, 3),
         (long long)stmt_i64(stmt, 4), (long long)stmt_i64(stmt, 5),
         (long long)(stmt_i64(stmt, 6) - world_wall(world, index).ms) / 1000);
}

/** What needs time after the fault is over. */
static bool has_settled(struct world *world, void *ctx)
{
    struct finding *finding = ctx;
    *finding = (struct finding){0};
    for (unsigned i = 0; i < world->hub_count && !finding->said; i++) {
        if (!world->hubs[i].alive)
            continue;
        if (!(world->waived & WORLD_QUEUES))
            check_queues(world, i, finding);
        if (!(world->waived & WORLD_STATES))
            check_states(world, i, finding);
        check_withdrawn(world, i, finding);
    }
    return !finding->said;
}

static void check_effects(struct world *world, unsigned hub, struct finding *finding)
{
    for (size_t i = 0; i < ARRAY_LEN(one_effect); i++) {
        int64_t wrong = world_count(world, hub, one_effect[i].sql);
        if (wrong)
            find(finding, "hub %u: not so %lld times: %s", hub, (long long)wrong,
                 one_effect[i].what);
    }
}

static void heal(struct world *world)
{
    world_heal_net(world);
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        hub->skew_ms = 0;
        world_disk_full(world, i, false);
        world_read_only(world, i, false);
        if (hub->stalled)
            world_stall(world, i, false);
    }
    world_start_all(world);
}

void world_check(struct world *world)
{
    struct finding finding = {0};
    if (!(world->waived & WORLD_HEAL))
        heal(world);
    /* Often at first, when it is quick; then it is waiting for clocks. */
    if (!world_run_until_every(world, has_settled, &finding, 60000, 1000))
        (void)world_run_until_every(world, has_settled, &finding, DRAIN_MS, 600000);
    for (unsigned i = 0; i < world->hub_count && !finding.said; i++) {
        if (!world->hubs[i].alive)
            continue;
        check_acked(world, i, &finding);
        check_receipted(world, i, &finding);
        check_effects(world, i, &finding);
    }
    size_t bytes = world_bytes_per_hub(world);
    if (bytes > HUB_BYTES_MAX)
        find(&finding, "%zu bytes of memory for each hub", bytes);
    if (finding.said) {
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)world->seed, finding.text);
        abort();
    }
}
