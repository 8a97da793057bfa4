/*
 * The long run: many hubs, many seeds, a printed table (PROTOCOL.md sections 17 and 18). It tests
 * the whole at scale: world_check ends every seed.
 * Usage: sim_long [HUBS [SEEDS [FIRST_SEED]]]
 */
#include "tests/sim/world.h"

#include "hub/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ASLEEP_PERCENT 40
#define SPREAD_MAX_MS  3600000
#define POLL_MS        50
#define NOT_KNOWN      -1

enum column {
    START_S, /* real time to make, wire and start the hubs */
    KIB,     /* memory of a hub, disk not counted */
    T50,
    T90,
    T99, /* ms until that part of the hubs holds a notice */
    COPIES,
    BYTES, /* of one notice, for each hub */
    ASLEEP50,
    ASLEEP90,
    ASLEEP99,  /* the same while many sleep, of those awake */
    WOKEN99_S, /* from waking them until 99 % of all hold it */
    OLDEST_S,  /* age of the oldest referral event not yet delivered, while many sleep */
    ROLLBACK_S,
    FORK_S,
    EQUIVOCATION_S, /* until a peer or the hub itself knows */
    REAL_S,
    COLUMNS
};
static const char *const titles[COLUMNS] = {"start s",    "KiB/hub",    "50% ms",      "90% ms",
                                            "99% ms",     "copies",     "bytes",       "asleep 50%",
                                            "asleep 90%", "asleep 99%", "woken 99% s", "oldest s",
                                            "rollback s", "fork s",     "equivoc. s",  "real s"};

struct run {
    struct world *world;
    struct oid scope;
    unsigned notices;
    double value[COLUMNS];
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- how fast a notice gets around ---- */

struct spread {
    struct world *world;
    uint8_t uid[UID_BYTES];
    bool *has; /* by hub */
    unsigned held, awake;
};

static void look(struct spread *spread)
{
    struct world *world = spread->world;
    spread->awake = spread->held = 0;
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct err err = {0};
        bool row = false;
        if (!world->hubs[i].alive)
            continue;
        spread->awake++;
        if (!spread->has[i]) {
            AUTO(stmt_release)
            struct stmt *stmt =
                stmt_get(world->hubs[i].reader, "SELECT 1 FROM notice WHERE uid = ?1", &err);
            stmt_bind_bytes(stmt, 1, bytes_of(spread->uid, UID_BYTES));
            spread->has[i] = stmt_next(stmt, &row, &err) && row;
        }
        spread->held += spread->has[i];
    }
}

/** Virtual ms from `since` until `percent` of those awake hold it. */
static double wait_for(struct spread *spread, unsigned percent, struct mono since)
{
    struct world *world = spread->world;
    for (;;) {
        int64_t ms = (world->now.us - since.us) / 1000;
        look(spread);
        if (spread->held * 100 >= spread->awake * percent)
            return (double)ms;
        if (ms > SPREAD_MAX_MS)
            return NOT_KNOWN;
        world_run_ms(world, ms < 20000 ? POLL_MS : 1000);
    }
}

static unsigned awake_hub(struct world *world)
{
    unsigned hub = world_dice(world, world->hub_count);
    while (!world->hubs[hub].alive)
        hub = world_dice(world, world->hub_count);
    return hub;
}

static uint64_t sum(const struct world *world, size_t offset)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < world->hub_count; i++)
        total += atomic_load(
            (const atomic_uint_fast64_t *)((const char *)&world->hubs[i].counters + offset));
    return total;
}
#define SUM(world, name) sum(world, offsetof(struct counters, name))

static struct spread spread_begin(struct run *run)
{
    struct spread spread = {.world = run->world,
                            .has = mem_alloc(run->world->hub_count * sizeof *spread.has)};
    world_post_in(run->world, awake_hub(run->world), run->notices++, &run->scope, spread.uid);
    return spread;
}

static void measure_awake(struct run *run)
{
    struct world *world = run->world;
    uint64_t bytes = SUM(world, bytes_in);
    world_run_ms(world, 30000);
    uint64_t quiet = SUM(world, bytes_in) - bytes; /* pings and the like */
    bytes = SUM(world, bytes_in);
    uint64_t copies = SUM(world, objects_received) + SUM(world, objects_duplicate);
    struct mono since = world->now;
    struct spread spread = spread_begin(run);
    run->value[T50] = wait_for(&spread, 50, since);
    run->value[T90] = wait_for(&spread, 90, since);
    run->value[T99] = wait_for(&spread, 99, since);
    world_run_ms(world, 30000);
    double hubs = world->hub_count;
    copies = SUM(world, objects_received) + SUM(world, objects_duplicate) - copies;
    bytes = SUM(world, bytes_in) - bytes;
    run->value[COPIES] = (double)copies / hubs;
    run->value[BYTES] = bytes > quiet ? (double)(bytes - quiet) / hubs : 0;
    free(spread.has);
}

/* ---- while many sleep ---- */

/** One of the hubs that this one has a relation with; hub_count: none. The statement must be gone
 * before the world runs on: the hub's own reads would see what it saw. */
static unsigned neighbour(struct world *world, unsigned hub)
{
    struct err err = {0};
    struct node_id node;
    bool row = false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        world->hubs[hub].reader,
        "SELECT node FROM peer ORDER BY id LIMIT 1 OFFSET (SELECT ?1 % count(*) FROM peer)", &err);
    stmt_bind_i64(stmt, 1, world_dice(world, 1000));
    if (!stmt_next(stmt, &row, &err) || !row || !stmt_copy(stmt, 0, node.b, sizeof node.b))
        return world->hub_count;
    return world_hub_of(world, &node);
}

static void refer_around(struct run *run, unsigned count)
{
    struct world *world = run->world;
    for (unsigned i = 0; i < count; i++) {
        unsigned from = awake_hub(world), to = neighbour(world, from);
        if (to < world->hub_count)
            (void)world_refer(world, from, to, i);
        world_run_ms(world, world_dice(world, 2000));
    }
}

static double oldest_s(struct world *world)
{
    int64_t oldest = 0;
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (!world->hubs[i].alive)
            continue;
        int64_t created =
            world_count(world, i, "SELECT min(created_ms) FROM outbox WHERE lane = 1");
        int64_t age = created ? world_wall(world, i).ms - created : 0;
        oldest = age > oldest ? age : oldest;
    }
    return (double)oldest / 1000;
}

static void measure_asleep(struct run *run)
{
    struct world *world = run->world;
    world_churn(world, ASLEEP_PERCENT);
    refer_around(run, world->hub_count / 10);
    world_churn(world, ASLEEP_PERCENT); /* others sleep now */
    world_run_ms(world, 600000);
    struct mono since = world->now;
    struct spread spread = spread_begin(run);
    run->value[ASLEEP50] = wait_for(&spread, 50, since);
    run->value[ASLEEP90] = wait_for(&spread, 90, since);
    run->value[ASLEEP99] = wait_for(&spread, 99, since);
    run->value[OLDEST_S] = oldest_s(world);
    world_start_all(world);
    since = world->now;
    double woken_ms = wait_for(&spread, 99, since);
    run->value[WOKEN99_S] = woken_ms < 0 ? NOT_KNOWN : woken_ms / 1000;
    free(spread.has);
}

/* ---- how soon what must not be is noticed ---- */

struct wanted {
    unsigned hub;
    const char *sql;
};

static bool is_noticed(struct world *world, void *ctx)
{
    const struct wanted *wanted = ctx;
    return world_count(world, wanted->hub, wanted->sql) > 0;
}

static double until_noticed(struct world *world, unsigned hub, const char *sql)
{
    struct wanted wanted = {hub, sql};
    struct mono since = world->now;
    if (!world_run_until_every(world, is_noticed, &wanted, SPREAD_MAX_MS, POLL_MS))
        return NOT_KNOWN;
    return (double)(world->now.us - since.us) / 1e6;
}

/** Hub 0 is put back to what it was before its last notice: it must find out before it writes. */
static void measure_rollback(struct run *run)
{
    struct world *world = run->world;
    world_snapshot(world, 0, "before");
    world_post_in(world, 0, run->notices++, &run->scope, NULL);
    (void)world_refer(world, 0, neighbour(world, 0), 1000000);
    world_run_ms(world, 60000);
    world_crash(world, 0, CRASH_LOSE_UNSYNCED);
    world_restore(world, 0, "before");
    world_start(world, 0);
    run->value[ROLLBACK_S] = until_noticed(
        world, 0, "SELECT count(*) FROM authoring WHERE reason <> 0 OR incarnation > 1");
    (void)until_noticed(world, 0, "SELECT count(*) FROM authoring WHERE reason = 0");
}

static void isolate(struct world *world, unsigned hub, bool isolated)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != hub) {
            world_block(world, hub, i, isolated);
            world_block(world, i, hub, isolated);
        }
    }
}

static void act(struct world *world, unsigned hub, const struct oid *id, bool accepts)
{
    struct err err = {0};
    struct referral_act accept = {.action =
                                      MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                                  .contact_name = "desk",
                                  .next_step = "come",
                                  .actor = "test"};
    struct referral_act reject = {.action =
                                      MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_REJECT,
                                  .reason = "no-capacity",
                                  .actor = "test"};
    (void)!world_act(world, hub, id, accepts ? &accept : &reject, &err);
}

/** Hub 1 says one thing, is put back, and says another: of a referral and of a notice. */
static void measure_two_faces(struct run *run)
{
    struct world *world = run->world;
    struct err err = {0};
    unsigned two_faced = 1, sender = neighbour(world, two_faced);
    struct oid id = world_refer(world, sender, two_faced, 1000001);
    world_run_ms(world, 60000);
    world_snapshot(world, two_faced, "face");
    act(world, two_faced, &id, true);
    world_post_twin(world, two_faced, 2000001, &run->scope, 7);
    world_run_ms(world, 60000);
    world_crash(world, two_faced, CRASH_LOSE_UNSYNCED);
    world_restore(world, two_faced, "face");
    isolate(world, two_faced, true);
    struct store_options options = {
        .path = world->hubs[two_faced].path, .mode = STORE_WRITE, .vfs = world->disk_name};
    struct store *store = store_open(&options, &err);
    if (!store || !store_exec(store, "UPDATE link SET tx = tx + 1000", &err))
        abort();
    store_close(store);
    world_start(world, two_faced);
    act(world, two_faced, &id, false);
    world_post_twin(world, two_faced, 2000002, &run->scope, 7);
    isolate(world, two_faced, false);
    run->value[FORK_S] =
        until_noticed(world, sender, "SELECT count(*) FROM referral WHERE flags & 8 <> 0");
    /* The clock goes on: both began at the same moment, and most of the time the fork is first. */
    double other =
        until_noticed(world, sender, "SELECT count(*) FROM notice WHERE other_oid IS NOT NULL");
    run->value[EQUIVOCATION_S] =
        other < 0 || run->value[FORK_S] < 0 ? other : other + run->value[FORK_S];
    world_waive(world, WORLD_STATES, "a frozen chain stays as each side had it");
}

/* ---- the table ---- */

static void print_row(const char *name, const double *value)
{
    printf("%-8s", name);
    for (unsigned i = 0; i < COLUMNS; i++)
        value[i] < 0 ? printf(" %11s", "-") : printf(" %11.*f", value[i] < 100 ? 1 : 0, value[i]);
    printf("\n");
    fflush(stdout);
}

static void print_titles(void)
{
    printf("%-8s", "seed");
    for (unsigned i = 0; i < COLUMNS; i++)
        printf(" %11s", titles[i]);
    printf("\n");
    fflush(stdout);
}

static void one_seed(uint64_t seed, unsigned hubs, double value[COLUMNS])
{
    struct run run = {0};
    char name[24];
    double began = seconds();
    for (unsigned i = 0; i < COLUMNS; i++)
        run.value[i] = NOT_KNOWN;
    struct world *world = run.world = world_create_with(
        &(struct world_options){.seed = seed, .hubs = hubs, .down = true, .small = true});
    run.scope = world_circle(world);
    world_territories(world, 6, 4);
    world_start_all(world);
    run.value[START_S] = seconds() - began;
    world_run_ms(world, 600000);
    run.value[KIB] = (double)world_bytes_per_hub(world) / 1024;
    measure_awake(&run);
    measure_asleep(&run);
    measure_rollback(&run);
    world_check(world);
    measure_two_faces(&run);
    world_check(world);
    world_free(world);
    run.value[REAL_S] = seconds() - began;
    snprintf(name, sizeof name, "%llu", (unsigned long long)seed);
    print_row(name, run.value);
    memcpy(value, run.value, sizeof run.value);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static unsigned long argument(int argc, char **argv, int at, unsigned long otherwise)
{
    return argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    unsigned hubs = (unsigned)argument(argc, argv, 1, 1000);
    unsigned long seeds = argument(argc, argv, 2, 200), first = argument(argc, argv, 3, 1);
    double(*values)[COLUMNS] = mem_alloc(seeds * sizeof *values);
    double median[COLUMNS], worst[COLUMNS], *column = mem_alloc(seeds * sizeof *column);
    if (!seeds)
        return 2;
    printf("%u hubs, %lu seeds, %u %% asleep where it says so\n", hubs, seeds, ASLEEP_PERCENT);
    print_titles();
    for (unsigned long i = 0; i < seeds; i++)
        one_seed(first + i, hubs, values[i]);
    for (unsigned c = 0; c < COLUMNS; c++) {
        for (unsigned long i = 0; i < seeds; i++)
            column[i] = values[i][c];
        qsort(column, seeds, sizeof *column, by_value);
        median[c] = column[seeds / 2];
        worst[c] = column[seeds - 1];
    }
    print_row("median", median);
    print_row("worst", worst);
    free(column);
    free(values);
    return 0;
}
