/* A circle of all hubs of a world: founded and admitted on hub 0, known to all from the start. */
#include "tests/sim/world_internal.h"

#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"

#include "hub/base/mem.h"

#define KNOWING "circle.db" /* a disk that has heard everything about the circle */

struct table {
    struct world *world;
    struct store *store;
    struct tx tx;
};

static void begin(struct table *table, struct world *world, struct store *store,
                  const struct identity *self)
{
    struct err err = {0};
    *table = (struct table){.world = world, .store = store};
    CHECK(store_begin(store, &err));
    table->tx = (struct tx){.store = store,
                            .arena = arena_create(0),
                            .now = world_wall(world, 0),
                            .self = self,
                            .random = &world->random.source,
                            .counters = &world->hubs[0].counters};
}

static void end(struct table *table)
{
    struct world *world = table->world;
    struct err err = {0};
    CHECK(store_commit(table->store, &err));
    free(table->tx.effects.list);
    arena_free(table->tx.arena);
}

#define MUST(call)                            \
    do {                                      \
        struct err err = {0};                 \
        bool held = (call);                   \
        if (!held)                            \
            fprintf(stderr, "%s\n", err.msg); \
        CHECK(held);                          \
    } while (0)

/** Hub 0 founds it and admits everybody. */
static void found(struct world *world, struct oid *ret_scope)
{
    static const char *const principles[] = {"what is said here stays among neighbours"};
    struct world_hub *hub = &world->hubs[0];
    struct circle_draft draft = {.name = "all of them",
                                 .principle = principles,
                                 .principle_count = 1,
                                 .steward = {*identity_node(hub->self)},
                                 .steward_count = 1};
    struct table table;
    bool done = false;
    world_open_stores(world, 0);
    begin(&table, world, hub->writer, hub->self);
    MUST(circle_found(&table.tx, &draft, ret_scope, &done, &err));
    CHECK(done);
    for (unsigned i = 1; i < world->hub_count; i++) {
        const struct world_hub *other = &world->hubs[i];
        MUST(circle_admit(&table.tx, ret_scope, identity_node(other->self), other->config.name,
                          &done, &err));
    }
    end(&table);
}

/** What every neighbour of the founder would have passed on. */
static void take(struct table *table, struct bytes object, const struct node_id *author)
{
    struct world *world = table->world;
    struct disposition ret = {0};
    struct inbound_object in = {.from = *author};
    MUST(envelope_open(arena_bytes(table->tx.arena, object), table->tx.arena, &in.envelope, &err));
    bool is_charter = strcmp(in.envelope.type, TYPE_CHARTER) == 0;
    if (!is_charter && strcmp(in.envelope.type, TYPE_MEMBERSHIP) != 0)
        return;
    MUST((in.body = wire_unpack(is_charter ? &maillon__hfp__v1__charter__descriptor
                                           : &maillon__hfp__v1__membership__descriptor,
                                in.envelope.body, table->tx.arena, &err)) != NULL);
    in.head = is_charter ? ((const Maillon__Hfp__V1__Charter *)in.body)->head
                         : ((const Maillon__Hfp__V1__Membership *)in.body)->head;
    MUST(object_add(&table->tx, &in.envelope, author, in.head->expires_s, OBJECT_APPLIED, NULL,
                    &err));
    MUST(is_charter ? charter_apply(&table->tx, &in, &ret, &err)
                    : membership_apply(&table->tx, &in, &ret, &err));
    CHECK(ret.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED);
}

/** Key logs of all, charter and memberships, on the disk that the others are copied from. */
static void spread(struct world *world)
{
    struct err bad = {0};
    struct table table;
    struct store_options options = {
        .path = KNOWING, .mode = STORE_WRITE, .vfs = world->disk_name, .relaxed_sync = true};
    struct identity *observer = identity_create_memory(&world->random.source, world_wall(world, 0));
    world_format_as(world, KNOWING);
    struct store *store = store_open(&options, &bad);
    CHECK(store && observer);
    begin(&table, world, store, observer);
    for (unsigned i = 0; i < world->hub_count; i++) {
        size_t count;
        const struct bytes *events = identity_kel_events(world->hubs[i].self, &count);
        MUST(node_keys_add(&table.tx, identity_node(world->hubs[i].self), events, count, &err));
    }
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(world->hubs[0].writer, "SELECT bytes FROM object ORDER BY id", &bad);
    bool row = true;
    CHECK(stmt);
    while (stmt_next(stmt, &row, &bad) && row)
        take(&table, stmt_bytes(stmt, 0), identity_node(world->hubs[0].self));
    end(&table);
    store_close(store);
    identity_free(observer);
}

struct oid world_circle(struct world *world)
{
    struct oid scope;
    found(world, &scope);
    spread(world);
    for (unsigned i = 1; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        struct table table;
        bool in = false;
        CHECK(!hub->alive && !hub->writer);
        crash_vfs_copy(world->disk, KNOWING, hub->path);
        world_open_stores(world, i);
        begin(&table, world, hub->writer, hub->self);
        MUST(circle_join(&table.tx, &scope, NULL, NULL, &in, &err));
        CHECK(in);
        end(&table);
    }
    return scope;
}
