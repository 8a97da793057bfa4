#include "hub/api/rpc.h"

#include "hub/api/allowance.h"
#include "hub/api/guard.h"
#include "hub/api/json.h"
#include "hub/api/slip_tries.h"
#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/session.h"
#include "proto/limits.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS          512 /* of the path table; a power of two, more than twice the methods */
#define POOL_MAX       32  /* idle workspaces kept */
#define WORKSPACE_KEEP ((size_t)256 << 10)

struct route {
    const struct method *method;
    const ProtobufCMessageDescriptor *input;
    size_t body_max;
};

/* What a call allocates, kept for the next one. */
struct workspace {
    struct workspace *next;
    struct arena *arena;
    struct buf out;
};

struct rpc {
    struct api_env env;
    struct guard *guard;
    struct allowance *slip_tries;
    struct route slots[SLOTS];
    struct workspace *idle;
    size_t idle_count;
    size_t running;
};

/* One block a call: only the loop touches it, but for the lane that runs it at the moment. */
struct pending {
    struct action action; /* METHOD_WRITE and the last step of METHOD_WORK */
    struct job job;       /* the other steps */
    struct rpc *rpc;
    const struct route *route;
    enum encoding encoding;
    struct workspace *workspace;
    struct call call;
    void *in;
    bool renew;       /* the session was used and should live on */
    bool is_admitted; /* to the change itself */
    struct err err;
    rpc_done *done;
    void *ctx;
    size_t body_len;
    uint8_t body[];
};

struct renewal {
    struct action action;
    struct rpc *rpc;
    uint8_t hash[32];
};

static const struct {
    enum err_code code;
    const char *name;
    unsigned http_status;
} codes[] = {/* the table of the Connect protocol, "Error Codes" */
             {ERR_NONE, "", 200},
             {ERR_INVALID, "invalid_argument", 400},
             {ERR_UNKNOWN, "not_found", 404},
             {ERR_UNSIGNED, "unauthenticated", 401},
             {ERR_DENIED, "permission_denied", 403},
             {ERR_CONFLICT, "failed_precondition", 400},
             {ERR_LIMIT, "resource_exhausted", 429},
             {ERR_PEER, "aborted", 409},
             {ERR_UNSUPPORTED, "unimplemented", 501},
             {ERR_IO, "unavailable", 503},
             {ERR_INTERNAL, "internal", 500}};
_Static_assert(ARRAY_LEN(codes) == ERR_CODE_COUNT, "every error has a Connect code");

const char *rpc_connect_code(enum err_code code)
{
    assert(codes[code].code == code);
    return codes[code].name;
}

unsigned rpc_http_status(enum err_code code)
{
    assert(codes[code].code == code);
    return codes[code].http_status;
}

/* The table of paths. */

static size_t hash_path(const char *path)
{
    uint32_t hash = 2166136261u; /* FNV-1a: the keys are ours */
    for (; *path; path++)
        hash = (hash ^ (uint8_t)*path) * 16777619u;
    return hash % SLOTS;
}

static bool is_path_of(const struct method *method, const char *path)
{
    size_t len = strlen(method->service->name);
    return path[0] == '/' && strncmp(path + 1, method->service->name, len) == 0 &&
           path[1 + len] == '/' && strcmp(path + len + 2, method->name) == 0;
}

/* The slot of `path`: its own or the free one where it belongs. */
static const struct route *find_slot(const struct rpc *rpc, const char *path)
{
    size_t i = hash_path(path);
    while (rpc->slots[i].method && !is_path_of(rpc->slots[i].method, path))
        i = (i + 1) % SLOTS;
    return &rpc->slots[i];
}

size_t rpc_body_max(const char *path)
{
    static const char *const large[] = {
        /* whole files */
        "/maillon.api.v1.Directory/Import",
        "/maillon.api.v1.Directory/StageImport",
        "/maillon.api.v1.Directory/ImportPlaces",
    };
    for (size_t i = 0; i < ARRAY_LEN(large); i++)
        if (strcmp(path, large[i]) == 0)
            return API_IMPORT_MAX;
    return API_REQUEST_MAX;
}

static void add_method(struct rpc *rpc, const struct method *method)
{
    char path[160];
    snprintf(path, sizeof(path), "/%s/%s", method->service->name, method->name);
    const ProtobufCMethodDescriptor *descriptor =
        protobuf_c_service_descriptor_get_method_by_name(method->service, method->name);
    const struct route *slot = find_slot(rpc, path);
    assert(descriptor && method->run && method->roles && !slot->method);
    assert((method->mode == METHOD_WORK) == (method->work != NULL));
    rpc->slots[slot - rpc->slots] = (struct route){
        .method = method,
        .input = descriptor->input,
        .body_max = rpc_body_max(path),
    };
}

static const struct method *const tables[] = {
    methods_figures, methods_home,      methods_relays,  methods_audit,     methods_circles,
    methods_gossip,  methods_referrals, methods_notices, methods_directory, methods_import,
    methods_peers,   methods_accounts,  methods_node,    methods_keys,      methods_recovery,
    methods_held,    methods_slips,     methods_sign_in,
};

struct rpc *rpc_create(const struct api_env *env)
{
    struct rpc *rpc = mem_alloc(sizeof(*rpc));
    rpc->env = *env;
    rpc->guard = guard_create(env->random);
    rpc->slip_tries = slip_tries_create(env->random);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct method *method = tables[i]; method->name; method++) {
            add_method(rpc, method);
            count++;
        }
    }
    assert(count < SLOTS / 2);
    return rpc;
}

void rpc_free(struct rpc *rpc)
{
    if (!rpc)
        return;
    assert(rpc->running == 0);
    while (rpc->idle) {
        struct workspace *workspace = rpc->idle;
        rpc->idle = workspace->next;
        arena_free(workspace->arena);
        buf_done(&workspace->out);
        free(workspace);
    }
    guard_free(rpc->guard);
    allowance_free(rpc->slip_tries);
    free(rpc);
}

const struct method *rpc_find(const struct rpc *rpc, const char *path)
{
    return find_slot(rpc, path)->method;
}

bool rpc_knows(const struct rpc *rpc, const char *path)
{
    return rpc_find(rpc, path) != NULL;
}

size_t rpc_running(const struct rpc *rpc)
{
    return rpc->running;
}

static struct workspace *workspace_take(struct rpc *rpc)
{
    struct workspace *workspace = rpc->idle;
    if (workspace) {
        rpc->idle = workspace->next;
        rpc->idle_count--;
        return workspace;
    }
    workspace = mem_alloc(sizeof(*workspace));
    /* An import is text, its decoded copy and the rows made of it. */
    workspace->arena = arena_create((size_t)4 * API_IMPORT_MAX);
    return workspace;
}

static void workspace_put(struct rpc *rpc, struct workspace *workspace)
{
    if (rpc->idle_count == POOL_MAX || workspace->out.cap > WORKSPACE_KEEP ||
        arena_used(workspace->arena) > WORKSPACE_KEEP) {
        arena_free(workspace->arena);
        buf_done(&workspace->out);
        free(workspace);
        return;
    }
    arena_reset(workspace->arena);
    workspace->out.len = 0;
    workspace->next = rpc->idle;
    rpc->idle = workspace;
    rpc->idle_count++;
}

/* What a lane does with a call: authenticate, decode, run, encode. */

static bool admit(struct pending *pending, struct err *err)
{
    struct call *call = &pending->call;
    unsigned roles = pending->route->method->roles;
    if (roles & ROLE_NONE)
        return true;
    if (!caller_authenticate(call->store, &call->caller, call->now, &pending->renew, err))
        return false;
    if (!(roles & ROLE_UNPROTECTED) && caller_must_protect(&call->caller, call->env->config))
        return err_set(err, ERR_DENIED, "this account needs a second factor first");
    if ((roles & ROLE_PERSON) && call->caller.by_token)
        return err_set(err, ERR_DENIED, "this is not for programs: sign in");
    return (call->caller.roles & roles) ||
           err_set(err, ERR_DENIED, "this account's role does not allow it");
}

static bool decode(struct pending *pending, struct err *err)
{
    struct bytes body = bytes_of(pending->body, pending->body_len);
    struct arena *arena = pending->call.arena;
    if (pending->encoding == ENCODING_JSON) {
        pending->in = json_read(pending->route->input, body, arena, err);
    } else {
        pending->in = wire_unpack(pending->route->input, body, arena, err);
        if (!pending->in && err->code == ERR_PEER)
            err->code = ERR_INVALID; /* it came from a client */
    }
    secret_wipe(pending->body, pending->body_len); /* needs, names, passphrases */
    return pending->in;
}

static bool run(struct pending *pending, struct err *err)
{
    void *out = NULL;
    if (!pending->route->method->run(&pending->call, pending->in, &out, err))
        return false;
    if (pending->call.again)
        return true;
    assert(out);
    struct buf *buf = &pending->workspace->out;
    buf->len = 0;
    if (pending->encoding == ENCODING_JSON)
        json_write(out, buf);
    else
        wire_pack(out, buf);
    return true;
}

/* Back on the loop. */

static void renew_done(struct action *action, const struct err *err)
{
    struct renewal *renewal = (struct renewal *)(void *)action;
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "session not renewed code=%s", err_code_name(err->code));
    renewal->rpc->running--;
    free(renewal);
}

static bool renew_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct renewal *renewal = (struct renewal *)(void *)action;
    return session_renew(tx, renewal->hash, err);
}

static void renew_session(struct rpc *rpc, const char *bearer)
{
    struct renewal *renewal = mem_alloc(sizeof(*renewal));
    *renewal = (struct renewal){
        .action = {.apply = renew_apply, .done = renew_done, .weight = sizeof(*renewal)},
        .rpc = rpc,
    };
    token_hash(bearer, renewal->hash);
    rpc->running++;
    exchange_submit(rpc->env.exchange, &renewal->action);
}

void rpc_error_body(const struct err *err, struct buf *out)
{
    buf_addf(out, "{\"code\":\"%s\",\"message\":", rpc_connect_code(err->code));
    json_write_text(bytes_text(err->msg), out);
    buf_add(out, "}", 1);
}

static void count_call(struct pending *pending, const struct err *err)
{
    COUNT(pending->rpc->env.counters, calls, 1);
    if (err->code == ERR_NONE)
        return;
    COUNT(pending->rpc->env.counters, calls_failed, 1);
    if (err->code == ERR_IO || err->code == ERR_INTERNAL)
        log_line(LOG_ERROR, "call failed method=%s code=%s reason=\"%s\"",
                 pending->route ? pending->route->method->name : "", err_code_name(err->code),
                 err->msg);
}

/* Answers and lets go; `err` may live in the call. */
static void finish(struct pending *pending, const struct err *why)
{
    struct rpc *rpc = pending->rpc;
    struct err err = *why;
    struct buf *out = &pending->workspace->out;
    count_call(pending, &err);
    if (err.code == ERR_NONE && pending->call.after)
        pending->call.after(&pending->call);
    if (pending->call.cleanup)
        pending->call.cleanup(&pending->call);
    if (err.code != ERR_NONE) {
        out->len = 0;
        rpc_error_body(&err, out);
    }
    bool json = err.code != ERR_NONE || pending->encoding == ENCODING_JSON;
    struct reply reply = {
        .ok = err.code == ERR_NONE,
        .err = err,
        .body = buf_bytes(out),
        .http_status = rpc_http_status(err.code),
        .content_type = json ? "application/json" : "application/proto",
    };
    if (pending->renew)
        renew_session(rpc, pending->call.caller.bearer);
    pending->done(pending->ctx, &reply);
    if (pending->route && (pending->route->method->service == methods_keys[0].service ||
                           pending->route->method->service == methods_accounts[0].service)) {
        /* Root keys and passphrases on their way in, recovery sheets and codes on their way out. */
        arena_wipe(pending->workspace->arena);
        secret_wipe(out->data, out->len);
    }
    workspace_put(rpc, pending->workspace);
    secret_wipe(&pending->call.caller, sizeof(pending->call.caller));
    rpc->running--;
    free(pending);
}

/* METHOD_READ, and calls refused before they start. */

static struct pending *pending_of(struct job *job)
{
    return list_entry(job, struct pending, job);
}

static void finish_job(struct job *job)
{
    struct pending *pending = pending_of(job);
    finish(pending, &pending->err);
}

static void read_job(struct job *job)
{
    struct pending *pending = pending_of(job);
    struct err *err = &pending->err;
    pending->call.now = clock_wall(pending->rpc->env.clock);
    (void)(admit(pending, err) && decode(pending, err) && run(pending, err));
}

static void refuse_job(struct job *job)
{
    (void)job; /* the reason is in the call already: it only takes the way over the loop */
}

/* METHOD_WRITE, and the last step of METHOD_WORK, which comes decoded. */

static struct pending *pending_of_action(struct action *action)
{
    return list_entry(action, struct pending, action);
}

static bool write_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct pending *pending = pending_of_action(action);
    pending->call.tx = tx;
    pending->call.store = tx->store;
    pending->call.now = tx->now;
    /* Who was admitted before the work may be shut out by now; what runs again is one change. */
    if (!pending->is_admitted && !admit(pending, err))
        return false;
    pending->is_admitted = true;
    return (pending->in || decode(pending, err)) && run(pending, err);
}

static void submit_write(struct pending *pending);

static void write_done(struct action *action, const struct err *err)
{
    struct pending *pending = pending_of_action(action);
    pending->call.tx = NULL;
    if (err->code == ERR_NONE && pending->call.again) {
        pending->call.again = false;
        submit_write(pending);
        return;
    }
    finish(pending, err);
}

static void submit_write(struct pending *pending)
{
    pending->action = (struct action){
        .apply = write_apply,
        .done = write_done,
        .weight = sizeof(*pending) + pending->body_len,
    };
    exchange_submit(pending->rpc->env.exchange, &pending->action);
}

/* METHOD_WORK: reader, worker, writer. */

static void lookup_job(struct job *job)
{
    struct pending *pending = pending_of(job);
    const struct method_work *work = pending->route->method->work;
    struct err *err = &pending->err;
    pending->call.now = clock_wall(pending->rpc->env.clock);
    (void)(admit(pending, err) && decode(pending, err) &&
           (!work->lookup || work->lookup(&pending->call, pending->in, err)));
    pending->call.store = NULL;
}

static void prepare_job(struct job *job)
{
    struct pending *pending = pending_of(job);
    (void)pending->route->method->work->prepare(&pending->call, pending->in, &pending->err);
}

static void prepare_done(struct job *job)
{
    struct pending *pending = pending_of(job);
    if (pending->err.code != ERR_NONE)
        finish(pending, &pending->err);
    else
        submit_write(pending);
}

static void lookup_done(struct job *job)
{
    struct pending *pending = pending_of(job);
    if (pending->err.code != ERR_NONE) {
        finish(pending, &pending->err);
        return;
    }
    pending->job = (struct job){.run = prepare_job, .done = prepare_done};
    executor_submit(pending->rpc->env.executor, LANE_WORKER, &pending->job);
}

static struct pending *pending_create(struct rpc *rpc, const struct route *route,
                                      enum encoding encoding, struct bytes body,
                                      const struct caller *caller)
{
    struct pending *pending = mem_grow(NULL, sizeof(*pending) + body.len);
    struct workspace *workspace = workspace_take(rpc);
    *pending = (struct pending){
        .rpc = rpc,
        .route = route,
        .encoding = encoding,
        .workspace = workspace,
        .call = {.env = &rpc->env,
                 .store = rpc->env.reader,
                 .arena = workspace->arena,
                 .caller = *caller,
                 .guard = rpc->guard,
                 .slip_tries = rpc->slip_tries},
        .body_len = body.len,
    };
    if (body.len)
        memcpy(pending->body, body.data, body.len);
    rpc->running++;
    return pending;
}

static void start(struct pending *pending)
{
    const struct executor *executor = pending->rpc->env.executor;
    switch (pending->route->method->mode) {
    case METHOD_READ:
        pending->job = (struct job){.run = read_job, .done = finish_job};
        executor_submit(executor, LANE_READER, &pending->job);
        return;
    case METHOD_WRITE:
        submit_write(pending);
        return;
    case METHOD_WORK:
        pending->job = (struct job){.run = lookup_job, .done = lookup_done};
        executor_submit(executor, LANE_READER, &pending->job);
        return;
    }
}

void rpc_call(struct rpc *rpc, const char *path, enum encoding encoding, struct bytes body,
              const struct caller *caller, rpc_done *done, void *ctx)
{
    const struct route *route = find_slot(rpc, path);
    struct err err = {0};
    if (!route->method)
        err_set(&err, ERR_UNSUPPORTED, "this hub has no such method");
    else if (body.len > route->body_max)
        err_set(&err, ERR_LIMIT, "the request is larger than %zu bytes", route->body_max);
    if (err.code != ERR_NONE)
        body.len = 0;
    struct pending *pending =
        pending_create(rpc, route->method ? route : NULL, encoding, body, caller);
    pending->done = done;
    pending->ctx = ctx;
    if (err.code == ERR_NONE) {
        start(pending);
        return;
    }
    pending->err = err;
    pending->job = (struct job){.run = refuse_job, .done = finish_job};
    executor_submit(rpc->env.executor, LANE_READER, &pending->job);
}

/* Helpers for methods. */

void *rpc_message(struct call *call, const ProtobufCMessageDescriptor *type)
{
    void *message = arena_alloc(call->arena, type->sizeof_message);
    type->message_init(message);
    return message;
}

void **rpc_array(struct call *call, size_t count)
{
    return arena_alloc(call->arena, count * sizeof(void *));
}

char *rpc_text(struct call *call, const char *text)
{
    /* protobuf-c has one empty text, writable only by its type. */
    return text && *text ? arena_text(call->arena, text) : (char *)(uintptr_t) "";
}

char *rpc_time(struct call *call, int64_t wall_ms)
{
    char text[25];
    return rpc_text(call, wall_ms ? text_time(wall_ms, text) : "");
}
