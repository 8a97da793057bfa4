/* Big graphs: relations written at once, builders of topologies, hubs that come and go. */
#include "tests/sim/world_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/relation.h"

/* A transaction on each hub that is part of the wiring, open from the first edge to the last. */
struct wiring {
    struct world *world;
    struct tx *txs;
    Maillon__Hfp__V1__DirectoryEntry **entries; /* of each hub, as it published it */
};

#define MUST(call)                            \
    do {                                      \
        struct err err = {0};                 \
        bool held = (call);                   \
        if (!held)                            \
            fprintf(stderr, "%s\n", err.msg); \
        CHECK(held);                          \
    } while (0)

static Maillon__Hfp__V1__DirectoryEntry *read_entry(struct tx *tx, struct err *err)
{
    struct envelope envelope;
    bool row = false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT object.bytes FROM journal JOIN object"
                                 " ON object.id = journal.object WHERE journal.key = ?1",
                                 err);
    if (!stmt)
        return NULL;
    stmt_bind_bytes(stmt, 1, BYTES_LITERAL(TYPE_ENTRY));
    if (!stmt_next(stmt, &row, err) || !row ||
        !envelope_open(arena_bytes(tx->arena, stmt_bytes(stmt, 0)), tx->arena, &envelope, err))
        return NULL;
    return wire_unpack(&maillon__hfp__v1__directory_entry__descriptor, envelope.body, tx->arena,
                       err);
}

static void open_hub(struct wiring *wiring, unsigned index)
{
    struct world *world = wiring->world;
    struct world_hub *hub = &world->hubs[index];
    struct tx *tx = &wiring->txs[index];
    if (tx->store)
        return;
    CHECK(!hub->alive);
    world_open_stores(world, index);
    MUST(store_begin(hub->writer, &err));
    *tx = (struct tx){
        .store = hub->writer,
        .arena = arena_create(0),
        .now = world_wall(world, index),
        .self = hub->self,
        .random = &world->random.source,
        .counters = &hub->counters,
    };
    MUST(world_publish_card(tx, hub, &err));
    MUST((wiring->entries[index] = read_entry(tx, &err)) != NULL);
}

/** What a session between the two would have taught `of` about the other. */
static void learn(struct wiring *wiring, unsigned of, unsigned other)
{
    struct world *world = wiring->world;
    struct tx *tx = &wiring->txs[of];
    const struct identity *self = world->hubs[other].self;
    const struct node_id *node = identity_node(self);
    size_t count;
    const struct bytes *events = identity_kel_events(self, &count);
    MUST(relation_add_kel(tx, node, events, count, &err));
    MUST(relation_set_entry(tx, node, wiring->entries[other], &err));
    MUST(relation_set_switches(tx, node, 15, 15, &err));
}

static void wire(struct wiring *wiring, unsigned a, unsigned b)
{
    struct world *world = wiring->world;
    struct tx *inviter = &wiring->txs[a], *joiner = &wiring->txs[b];
    const struct world_hub *hub = &world->hubs[a], *other = &world->hubs[b];
    const struct node_id *other_node = identity_node(other->self);
    const char *routes[] = {hub->config.url}, *other_routes[] = {other->config.url};
    char uri[INVITE_TEXT_MAX + 1];
    uint8_t secret[INVITE_BYTES];
    struct node_id node;
    struct wall expires;
    enum decision answer;
    if (!hub->config.url[0]) /* only the one that can be dialled can invite */
        routes[0] = "wss://nowhere.example";
    MUST(relation_invite(inviter, routes, 1, 14, uri, &expires, &err));
    MUST(relation_join(joiner, uri, false, &node, &err));
    const char *hash = strchr(uri, '#');
    CHECK(hash && base32_decode(hash + 1, BASE32_LEN(INVITE_BYTES), secret, INVITE_BYTES));
    MUST(relation_on_request(inviter, other_node, other->config.name, "",
                             bytes_of(secret, sizeof secret), other_routes,
                             other->config.url[0] ? 1 : 0, &answer, &err));
    MUST(relation_decide(inviter, other_node, DECISION_ACCEPTED, &err));
    MUST(relation_on_answer(joiner, &node, hub->config.name, DECISION_ACCEPTED, &err));
    learn(wiring, a, b);
    learn(wiring, b, a);
}

void world_wire(struct world *world, const struct world_edge *edges, size_t count)
{
    struct wiring wiring = {.world = world,
                            .txs = mem_alloc(world->hub_count * sizeof *wiring.txs),
                            .entries = mem_alloc(world->hub_count * sizeof *wiring.entries)};
    for (size_t i = 0; i < count; i++) {
        open_hub(&wiring, edges[i].a);
        open_hub(&wiring, edges[i].b);
        wire(&wiring, edges[i].a, edges[i].b);
    }
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (!wiring.txs[i].store)
            continue;
        MUST(store_commit(world->hubs[i].writer, &err));
        free(wiring.txs[i].effects.list);
        arena_free(wiring.txs[i].arena);
    }
    free(wiring.txs);
    free(wiring.entries);
}

/* ---- topologies ---- */

struct edges {
    struct world_edge *list;
    size_t count, cap;
    unsigned *degree; /* of each hub */
};

static bool has_edge(const struct edges *edges, unsigned a, unsigned b)
{
    for (size_t i = 0; i < edges->count; i++) {
        const struct world_edge *edge = &edges->list[i];
        if ((edge->a == a && edge->b == b) || (edge->a == b && edge->b == a))
            return true;
    }
    return false;
}

static bool add_edge(struct edges *edges, unsigned a, unsigned b)
{
    if (a == b || has_edge(edges, a, b))
        return false;
    if (edges->count == edges->cap) {
        edges->cap = edges->cap ? 2 * edges->cap : 256;
        edges->list = mem_grow(edges->list, edges->cap * sizeof *edges->list);
    }
    edges->list[edges->count++] = (struct world_edge){a, b};
    edges->degree[a]++;
    edges->degree[b]++;
    return true;
}

static void wire_edges(struct world *world, struct edges *edges)
{
    world_wire(world, edges->list, edges->count);
    free(edges->list);
    free(edges->degree);
}

void world_ring(struct world *world, unsigned chords)
{
    struct edges edges = {.degree = mem_alloc(world->hub_count * sizeof *edges.degree)};
    for (unsigned i = 0; i < world->hub_count; i++)
        add_edge(&edges, i, (i + 1) % world->hub_count);
    for (unsigned i = 0; i < world->hub_count && world->hub_count > 3; i++) {
        for (unsigned n = 0; n < chords; n++)
            add_edge(&edges, i, world_dice(world, world->hub_count));
    }
    wire_edges(world, &edges);
}

/** Of hubs [first, end): a ring, then chords until each has `degree` neighbours or luck runs out.
 */
static void wire_inside(struct world *world, struct edges *edges, unsigned first, unsigned end,
                        unsigned degree)
{
    unsigned size = end - first;
    for (unsigned i = 0; i < size; i++)
        add_edge(edges, first + i, first + (i + 1) % size);
    for (unsigned i = first; i < end; i++) {
        for (unsigned tries = 0; edges->degree[i] < degree && tries < 20; tries++)
            add_edge(edges, i, first + world_dice(world, size));
    }
}

/** Where each territory begins; the last entry is the number of hubs. @return how many. */
static unsigned cut_territories(struct world *world, unsigned *ret_first)
{
    unsigned count = 0, at = 0;
    while (at < world->hub_count) {
        unsigned size = 20 + world_dice(world, 31);
        if (world->hub_count - at < size + 20)
            size = world->hub_count - at;
        double x = world_dice(world, 30), y = world_dice(world, 30); /* ms */
        ret_first[count++] = at;
        for (unsigned end = at + size; at < end; at++) {
            world->hubs[at].territory = count - 1;
            world->hubs[at].x = x + world_dice(world, 30) / 10.0;
            world->hubs[at].y = y + world_dice(world, 30) / 10.0;
        }
    }
    ret_first[count] = world->hub_count;
    return count;
}

void world_territories(struct world *world, unsigned degree, unsigned bridges)
{
    struct edges edges = {.degree = mem_alloc(world->hub_count * sizeof *edges.degree)};
    unsigned *first = mem_alloc((world->hub_count / 20 + 2) * sizeof *first);
    unsigned count = cut_territories(world, first);
    for (unsigned t = 0; t < count; t++)
        wire_inside(world, &edges, first[t], first[t + 1], degree);
    for (unsigned t = 0; t < count && count > 1; t++) {
        for (unsigned n = 0; n < bridges; n++) { /* the first goes on to the next: one piece */
            unsigned to = n ? world_dice(world, count) : (t + 1) % count;
            to = to == t ? (t + 1) % count : to;
            unsigned a = first[t] + world_dice(world, first[t + 1] - first[t]);
            unsigned b = first[to] + world_dice(world, first[to + 1] - first[to]);
            add_edge(&edges, a, b);
            if (n < 2)
                world->hubs[a].always_on = world->hubs[b].always_on = true;
        }
    }
    free(first);
    world->net.by_distance = true;
    wire_edges(world, &edges);
}

/* ---- churn ---- */

void world_churn(struct world *world, unsigned asleep_percent)
{
    unsigned asleep = 0, want = world->hub_count * asleep_percent / 100, stopping = 0;
    unsigned *stop = mem_alloc(world->hub_count * sizeof *stop);
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        if (!hub->alive && world_dice(world, 2))
            world_start(world, i); /* half of the sleepers wake, others take their place */
        asleep += !hub->alive;
    }
    for (unsigned tries = 0; asleep < want && tries < 20 * world->hub_count; tries++) {
        struct world_hub *hub = &world->hubs[world_dice(world, world->hub_count)];
        bool chosen = hub->always_on || !hub->alive;
        for (unsigned n = 0; n < stopping && !chosen; n++)
            chosen = stop[n] == hub->index;
        if (chosen)
            continue;
        stop[stopping++] = hub->index;
        asleep++;
    }
    world_stop_many(world, stop, stopping);
    free(stop);
}
