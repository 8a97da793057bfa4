#include "hub/api/push.h"

#include "hub/api/json.h"
#include "hub/base/list.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/store/stmt.h"
#include "maillon/api/v1/node.pb-c.h"
#include "proto/limits.h"
#include <assert.h>
#include <stdlib.h>

#define PAGE_EVENTS   64
#define RECENT_EVENTS 256
#define RECHECK_MS    60000
#define TEXT_MAX      200 /* of a kind, id or verb: three of them, escaped, fit WATCH_MESSAGE_MAX */

/* Which kinds each role may see: only that something changed, but even that is not for everybody.
 */
static const struct {
    const char *kind;
    unsigned roles;
} kinds_seen[] = {
    {"referral", ROLE_CASEWORKER | ROLE_SECRETARY},
    {"notice", ROLE_COORDINATOR},
    {"claim", ROLE_COORDINATOR},
    {"held", ROLE_ANY},
    {"circle", ROLE_COORDINATOR | ROLE_ADMIN},
    {"hub", ROLE_ANY},
    {"peer", ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN},
    {"audit", ROLE_ADMIN},
    {"service", ROLE_ANY},
};

struct event {
    int64_t number;
    unsigned roles; /* who may see it */
    char *json;     /* heap */
};

/* Events in the order of their numbers; never more than RECENT_EVENTS. */
struct events {
    struct event list[RECENT_EVENTS];
    size_t first, count;
};

/* A query on the reader's thread: events after `after`. */
struct query {
    struct job job;
    struct push *push;
    struct push_client *client; /* NULL: the recent events for everybody */
    bool first;                 /* of a client: where is now, when `after` is PUSH_FROM_NOW */
    struct caller caller;
    int64_t after, reached; /* the last number looked at */
    size_t limit;
    bool full; /* there may be more */
    struct event list[RECENT_EVENTS];
    size_t count;
    struct err err;
};

struct push {
    struct api_env env;
    struct list clients;
    int64_t head;     /* the newest number heard of; 0: none yet */
    bool is_live;     /* `recent` covers every event in (from, to] */
    bool is_querying; /* for `recent` */
    int64_t from, to;
    struct events recent;
    size_t queries; /* running */
};

struct push_client {
    struct list link;
    struct push *push;
    struct caller caller;
    push_wake *wake;
    void *ctx;
    int64_t number;   /* taken or passed over; PUSH_FROM_NOW before the first page */
    int64_t page_end; /* where `number` goes when the page was taken */
    int64_t checked_ms;
    bool is_behind; /* pages, not the recent events */
    bool is_querying;
    bool is_closed; /* freed when its query is back */
    struct event page[PAGE_EVENTS];
    size_t page_first, page_count;
    struct err err; /* may not watch */
};

static unsigned roles_of_kind(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds_seen); i++) {
        if (strcmp(kinds_seen[i].kind, kind) == 0)
            return kinds_seen[i].roles;
    }
    return 0;
}

/* Recent events. */

static struct event *recent_at(struct push *push, size_t index)
{
    return &push->recent.list[(push->recent.first + index) % RECENT_EVENTS];
}

static void recent_drop(struct push *push)
{
    struct event *event = recent_at(push, 0);
    push->from = event->number;
    free(event->json);
    push->recent.first = (push->recent.first + 1) % RECENT_EVENTS;
    push->recent.count--;
}

static void recent_clear(struct push *push)
{
    while (push->recent.count > 0)
        recent_drop(push);
    push->is_live = false;
}

static void recent_add(struct push *push, const struct event *event)
{
    if (push->recent.count == RECENT_EVENTS)
        recent_drop(push);
    *recent_at(push, push->recent.count) = *event;
    push->recent.count++;
}

/* The first recent event after `number` that `roles` may see; NULL: none. */
static const struct event *recent_after(struct push *push, int64_t number, unsigned roles)
{
    size_t low = 0, high = push->recent.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (recent_at(push, middle)->number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < push->recent.count; low++) {
        const struct event *event = recent_at(push, low);
        if (event->roles & roles)
            return event;
    }
    return NULL;
}

/* Queries. */

static char *borrow(const char *text, char out[TEXT_MAX])
{
    text_copy(out, TEXT_MAX, text ? text : "");
    return out;
}

static void read_event(struct stmt *stmt, struct event *ret)
{
    char kind[TEXT_MAX], id[TEXT_MAX], verb[TEXT_MAX], at[25];
    Maillon__Api__V1__WatchEvent event;
    maillon__api__v1__watch_event__init(&event);
    event.number = (uint64_t)stmt_i64(stmt, 0);
    event.kind = borrow(stmt_text(stmt, 1), kind);
    event.id = borrow(stmt_text(stmt, 2), id);
    event.verb = borrow(stmt_text(stmt, 3), verb);
    event.at = text_time(stmt_i64(stmt, 4), at);
    struct buf text = {0};
    json_write(&event, &text);
    buf_text(&text);
    *ret = (struct event){
        .number = stmt_i64(stmt, 0),
        .roles = roles_of_kind(kind),
        .json = (char *)text.data,
    };
}

static bool query_head(struct query *query, struct store *store, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT COALESCE(MAX(number), 0) FROM event", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    query->reached = stmt_i64(stmt, 0);
    return true;
}

static bool query_events(struct query *query, struct store *store, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT number, kind, id, verb, at_ms FROM event"
                                 " WHERE number > ?1 ORDER BY number LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, query->after);
    stmt_bind_i64(stmt, 2, (int64_t)query->limit);
    query->reached = query->after;
    for (size_t rows = 0;; rows++) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row) {
            query->full = rows == query->limit;
            return true;
        }
        query->reached = stmt_i64(stmt, 0);
        /* A client's page leaves out what the client may not see. */
        if (query->client && !(roles_of_kind(stmt_text(stmt, 1)) & query->caller.roles))
            continue;
        read_event(stmt, &query->list[query->count++]);
    }
}

static void query_run(struct job *job)
{
    struct query *query = list_entry(job, struct query, job);
    struct store *store = query->push->env.reader;
    struct wall now = clock_wall(query->push->env.clock);
    struct err *err = &query->err;
    if (query->client && !caller_authenticate(store, &query->caller, now, NULL, err))
        return;
    if (query->client && caller_must_protect(&query->caller, query->push->env.config)) {
        err_set(err, ERR_DENIED, "this account needs a second factor first");
        return;
    }
    if (query->after == PUSH_FROM_NOW)
        (void)query_head(query, store, err);
    else
        (void)query_events(query, store, err);
}

static void query_free(struct query *query)
{
    for (size_t i = 0; i < query->count; i++)
        free(query->list[i].json);
    free(query);
}

static struct query *query_create(struct push *push, struct push_client *client, int64_t after,
                                  size_t limit)
{
    struct query *query = mem_alloc(sizeof(*query));
    query->push = push;
    query->client = client;
    query->after = after;
    query->limit = limit;
    push->queries++;
    return query;
}

/* Clients. */

static void client_free(struct push_client *client)
{
    while (client->page_count > 0) {
        free(client->page[client->page_first++].json);
        client->page_count--;
    }
    free(client);
}

static bool needs_check(const struct push_client *client)
{
    int64_t now = clock_wall(client->push->env.clock).ms;
    return now - client->checked_ms >= RECHECK_MS || now < client->checked_ms;
}

static void page_done(struct job *job)
{
    struct query *query = list_entry(job, struct query, job);
    struct push_client *client = query->client;
    client->push->queries--;
    client->is_querying = false;
    if (client->is_closed) {
        client_free(client);
        query_free(query);
        return;
    }
    if (query->err.code != ERR_NONE) {
        client->err = query->err;
    } else {
        client->caller = query->caller;
        client->checked_ms = clock_wall(client->push->env.clock).ms;
        memcpy(client->page, query->list, query->count * sizeof(*query->list));
        client->page_first = 0;
        client->page_count = query->count;
        query->count = 0; /* theirs now */
        client->page_end = query->reached;
        client->is_behind = query->full;
        if (client->page_count == 0)
            client->number = client->page_end;
    }
    query_free(query);
    client->wake(client->ctx);
}

static void ask_page(struct push_client *client)
{
    if (client->is_querying)
        return;
    struct query *query = query_create(client->push, client, client->number, PAGE_EVENTS);
    query->caller = client->caller;
    query->job = (struct job){.run = query_run, .done = page_done};
    client->is_querying = true;
    executor_submit(client->push->env.executor, LANE_READER, &query->job);
}

/* Is there something in the recent events, or must a page be read? Asks for the page. */
static const struct event *client_next(struct push_client *client)
{
    struct push *push = client->push;
    if (client->is_querying)
        return NULL;
    bool covered = push->is_live && client->number >= push->from;
    if (client->is_behind || (!covered && client->number < push->head)) {
        ask_page(client);
        return NULL;
    }
    const struct event *event =
        covered ? recent_after(push, client->number, client->caller.roles) : NULL;
    if (event && needs_check(client)) {
        ask_page(client);
        return NULL;
    }
    if (!event && covered && push->to > client->number)
        client->number = push->to; /* the rest is for others */
    return event;
}

struct push_client *push_open(struct push *push, const struct caller *caller, int64_t after,
                              push_wake *wake, void *ctx)
{
    struct push_client *client = mem_alloc(sizeof(*client));
    client->push = push;
    client->caller = *caller;
    client->wake = wake;
    client->ctx = ctx;
    client->number = after < 0 ? PUSH_FROM_NOW : after;
    client->is_behind = true;
    list_add_tail(&push->clients, &client->link);
    ask_page(client);
    return client;
}

void push_close(struct push_client *client)
{
    if (!client)
        return;
    struct push *push = client->push;
    list_remove(&client->link);
    if (list_is_empty(&push->clients))
        recent_clear(push);
    client->is_closed = true;
    if (!client->is_querying)
        client_free(client);
}

enum push_state push_take(struct push_client *client, struct buf *out, struct err *err)
{
    if (client->page_count > 0) {
        struct event *event = &client->page[client->page_first++];
        client->page_count--;
        client->number = client->page_count > 0 ? event->number : client->page_end;
        buf_add_text(out, event->json);
        free(TAKE(event->json));
        return PUSH_EVENT;
    }
    if (client->err.code != ERR_NONE) {
        *err = client->err;
        return PUSH_CLOSED;
    }
    const struct event *event = client_next(client);
    if (!event)
        return PUSH_NOTHING;
    client->number = event->number;
    buf_add_text(out, event->json);
    return PUSH_EVENT;
}

int64_t push_number(const struct push_client *client)
{
    return client->number;
}

/* New events. */

static void ask_recent(struct push *push);

static void recent_done(struct job *job)
{
    struct query *query = list_entry(job, struct query, job);
    struct push *push = query->push;
    push->queries--;
    push->is_querying = false;
    /* All clients may have gone and others come meanwhile: then it is another stretch of events. */
    if (!push->is_live || query->after != push->to) {
        query_free(query);
        ask_recent(push);
        return;
    }
    if (query->err.code != ERR_NONE) {
        recent_clear(push); /* clients read pages, and are told why when that fails too */
    } else {
        for (size_t i = 0; i < query->count; i++)
            recent_add(push, &query->list[i]);
        query->count = 0; /* the ring's now */
        push->to = query->reached > push->to ? query->reached : push->to;
        ask_recent(push);
    }
    query_free(query);
    list_each_safe (at, next, &push->clients) {
        struct push_client *client = list_entry(at, struct push_client, link);
        client->wake(client->ctx);
    }
}

static void ask_recent(struct push *push)
{
    if (push->is_querying || !push->is_live || push->to >= push->head)
        return;
    struct query *query = query_create(push, NULL, push->to, RECENT_EVENTS);
    query->job = (struct job){.run = query_run, .done = recent_done};
    push->is_querying = true;
    executor_submit(push->env.executor, LANE_READER, &query->job);
}

static void on_effects(void *ctx, const struct effect *effects, size_t count)
{
    struct push *push = ctx;
    int64_t first = 0;
    for (size_t i = 0; i < count; i++) {
        if (effects[i].kind != EFFECT_EVENT)
            continue;
        if (first == 0 || effects[i].number < first)
            first = effects[i].number;
        if (effects[i].number > push->head)
            push->head = effects[i].number;
    }
    if (first == 0 || list_is_empty(&push->clients))
        return;
    if (!push->is_live) {
        push->is_live = true;
        push->from = push->to = first - 1;
    }
    ask_recent(push);
}

struct push *push_create(const struct api_env *env)
{
    struct push *push = mem_alloc(sizeof(*push));
    push->env = *env;
    list_init(&push->clients);
    exchange_listen(env->exchange, on_effects, push);
    return push;
}

void push_free(struct push *push)
{
    if (!push)
        return;
    assert(push_is_idle(push));
    recent_clear(push);
    free(push);
}

bool push_is_idle(const struct push *push)
{
    return list_is_empty(&push->clients) && push->queries == 0;
}
