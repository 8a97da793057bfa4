/* A world from its first hub to its last: starting, stopping, losing power. */
#include "tests/sim/world_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/domain/card.h"

#include <malloc.h>

#define WAL_PAGES       4000 /* as the daemon */
#define WAL_PAGES_SMALL 200
#define CACHE_KIB_SMALL 256

static struct wall hub_wall(void *ctx)
{
    const struct world_hub *hub = ctx;
    return (struct wall){1795334400000LL + hub->world->now.us / 1000 + hub->skew_ms};
}

static struct mono hub_mono(void *ctx)
{
    const struct world_hub *hub = ctx;
    return hub->world->now;
}

struct wall world_wall(const struct world *world, unsigned hub)
{
    return hub_wall(&world->hubs[hub]);
}

unsigned world_hub_of(const struct world *world, const struct node_id *node)
{
    unsigned i = 0;
    while (i < world->hub_count && !node_id_equal(identity_node(world->hubs[i].self), node))
        i++;
    return i;
}

/* ---- starting ---- */

bool world_publish_card(struct tx *tx, void *ctx, struct err *err)
{
    struct world_hub *hub = ctx;
    struct card card = {0};
    snprintf(card.name, sizeof card.name, "%s", hub->config.name);
    snprintf(card.phone, sizeof card.phone, "02 99 00 00 00");
    if (hub->config.url[0]) {
        snprintf(card.routes[0], sizeof card.routes[0], "%s", hub->config.url);
        card.route_count = 1;
    }
    return card_publish(tx, &card, err);
}

static struct store *open_store(struct world *world, struct world_hub *hub, struct store *writer)
{
    struct err err = {0};
    char pragma[64];
    struct store_options options = {.path = hub->path,
                                    .mode = writer ? STORE_READ : STORE_WRITE,
                                    .vfs = world->disk_name,
                                    .writer = writer};
    struct store *store = store_open(&options, &err);
    if (!store)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(store);
    if (world->cache_kib) {
        snprintf(pragma, sizeof pragma, "PRAGMA cache_size = -%u", world->cache_kib);
        CHECK(store_exec(store, pragma, &err));
    }
    return store;
}

void world_open_stores(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    if (hub->writer)
        return;
    hub->writer = open_store(world, hub, NULL);
    hub->reader = open_store(world, hub, hub->writer);
}

void world_close_stores(struct world_hub *hub)
{
    store_close(TAKE(hub->reader));
    store_close(TAKE(hub->writer));
}

static void start(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    struct err err = {0};
    CHECK(!hub->alive);
    hub->generation++;
    hub->writer_busy = 0;
    hub->stalled = false;
    hub->writer_first = NULL;
    hub->writer_last = &hub->writer_first;
    world_open_stores(world, index);
    hub->exchange = exchange_create(&(struct exchange_config){.store = hub->writer,
                                                              .self = hub->self,
                                                              .clock = &hub->clock_view,
                                                              .random = &world->random.source,
                                                              .counters = &hub->counters,
                                                              .executor = &hub->executor});
    struct federation_config config = {
        .exchange = hub->exchange,
        .reader = hub->reader,
        .self = hub->self,
        .clock = &hub->clock_view,
        .random = &world->random.source,
        .counters = &hub->counters,
        .executor = &hub->executor,
        .config = &hub->config,
        .features_withheld = hub->features_withheld,
        .fingerprint_bytes = hub->fingerprint_bytes,
        .transport = world_transport(hub),
    };
    hub->federation = federation_create(&config, &err);
    if (!hub->federation)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(hub->federation);
    hub->alive = true;
    world_touch(world, index);
}

void world_start(struct world *world, unsigned index)
{
    struct err err = {0};
    start(world, index);
    bool published = world_do(world, index, world_publish_card, &world->hubs[index], &err);
    CHECK(published || err.code == ERR_CONFLICT); /* it may not sign before its clock is proven */
}

void world_start_all(struct world *world)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (!world->hubs[i].alive)
            world_start(world, i);
    }
}

/* ---- stopping ---- */

static bool is_quiet(const struct world_hub *hub)
{
    return !hub->alive || (!federation_link_count(hub->federation) &&
                           !federation_busy(hub->federation) && exchange_is_idle(hub->exchange));
}

struct stopping {
    const unsigned *hubs; /* NULL: all */
    size_t count;
};

static bool are_quiet(struct world *world, void *ctx)
{
    const struct stopping *stopping = ctx;
    for (size_t i = 0; i < stopping->count; i++) {
        if (!is_quiet(&world->hubs[stopping->hubs ? stopping->hubs[i] : i]))
            return false;
    }
    return true;
}

static void free_hub(struct world_hub *hub)
{
    if (hub->alive) {
        federation_free(TAKE(hub->federation));
        exchange_free(TAKE(hub->exchange));
    }
    hub->alive = false;
    world_close_stores(hub);
}

void world_stop_many(struct world *world, const unsigned *hubs, size_t count)
{
    struct stopping stopping = {hubs, count};
    for (size_t i = 0; i < count; i++) {
        struct world_hub *hub = &world->hubs[hubs ? hubs[i] : i];
        if (hub->alive) {
            world_stall(world, hub->index, false);
            federation_stop(hub->federation);
        }
    }
    CHECK(world_run_until_every(world, are_quiet, &stopping, 60000, 50));
    for (size_t i = 0; i < count; i++) {
        struct world_hub *hub = &world->hubs[hubs ? hubs[i] : i];
        free_hub(hub);
        world_touch(world, hub->index);
    }
}

void world_stop(struct world *world, unsigned hub)
{
    world_stop_many(world, &hub, 1);
}

void world_crash(struct world *world, unsigned index, enum crash_mode mode)
{
    struct world_hub *hub = &world->hubs[index];
    CHECK(hub->alive);
    hub->alive = false;
    world_cut_hub(world, index);
    world_touch(world, index);
    crash_vfs_crash(world->disk, hub->path, mode);
    for (struct job *job = hub->writer_first; job; job = job->next)
        world_bury(world, job);
    world_bury(world, TAKE(hub->exchange));
    world_bury(world, TAKE(hub->federation));
    world_close_stores(hub);
}

/* ---- the whole ---- */

static void init_hub(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    struct err err = {0};
    hub->world = world;
    hub->index = index;
    hub->tick_slot = index;
    hub->due = MONO_NEVER;
    world->ticks[index] = index;
    snprintf(hub->path, sizeof hub->path, "hub%u.db", index);
    hub->clock_view = (struct clock){.wall = hub_wall, .mono = hub_mono, .ctx = hub};
    hub->executor = world_executor(hub);
    for (const struct config_option *option = config_options; option->name; option++)
        CHECK(config_set(&hub->config, option->name, option->default_value, &err));
    snprintf(hub->config.name, sizeof hub->config.name, "hub %u", index);
    snprintf(hub->config.url, sizeof hub->config.url, "wss://hub%u.example", index);
    hub->config.objects_per_second = 0; /* tests of the budgets set their own */
    hub->config.referrals_per_minute = 0;
    hub->config.address_burst = 10000;
    hub->self = identity_create_memory(&world->random.source, hub_wall(hub));
    CHECK(hub->self);
    world_format(world, index);
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct world *world_create_with(const struct world_options *options)
{
    static unsigned worlds;
    struct world *world = mem_alloc(sizeof *world);
    unsigned hubs = options->hubs;
    world->bytes_before = heap_in_use();
    world->seed = options->seed;
    CHECK(secret_setup());
    log_setup(getenv("WORLD_LOG") ? LOG_DEBUG : LOG_ERROR, false);
    fake_random_init(&world->random, world->seed);
    world->now = (struct mono){1000000};
    world->net = (struct world_net){.latency_ms = 20, .jitter_ms = 10};
    world->checkpoint_pages = options->small ? WAL_PAGES_SMALL : WAL_PAGES;
    world->cache_kib = options->small ? CACHE_KIB_SMALL : 0;
    snprintf(world->disk_name, sizeof world->disk_name, "world%u", worlds++);
    world->disk = crash_vfs_create(world->disk_name, world->seed);
    world->hub_count = hubs;
    world->hubs = mem_alloc(hubs * sizeof *world->hubs);
    world->ticks = mem_alloc(hubs * sizeof *world->ticks);
    world->blocked = mem_alloc(((size_t)hubs * hubs / 64 + 1) * sizeof *world->blocked);
    for (unsigned i = 0; i < hubs; i++)
        init_hub(world, i);
    if (!options->down)
        world_start_all(world);
    return world;
}

struct world *world_create(uint64_t seed, unsigned hubs)
{
    return world_create_with(&(struct world_options){.seed = seed, .hubs = hubs});
}

size_t world_bytes_per_hub(const struct world *world)
{
    size_t used = heap_in_use(), disk = 0;
    if (used <= world->bytes_before)
        return 0;
    for (unsigned i = 0; i < world->hub_count; i++)
        disk += crash_vfs_bytes(world->disk, world->hubs[i].path);
    used -= world->bytes_before;
    return used > disk ? (used - disk) / world->hub_count : 0;
}

void world_free(struct world *world)
{
    world_stop_many(world, NULL, world->hub_count);
    for (unsigned i = 0; i < world->hub_count; i++) {
        identity_free(world->hubs[i].self);
        free(world->hubs[i].acked);
    }
    while (world->event_count)
        free(world_pop(world).data);
    world_conns_free(world);
    free(world->events);
    free(world->ticks);
    free(world->blocked);
    crash_vfs_free(world->disk);
    if (world->grave_count) { /* crashed hubs stay reachable for the leak checker */
        static struct world *worlds_with_graves[100000];
        static size_t count;
        worlds_with_graves[count++ % ARRAY_LEN(worlds_with_graves)] = world;
        return;
    }
    free(world->hubs);
    free(world->grave);
    free(world);
}
