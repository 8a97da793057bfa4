#include "tests/support/api_fixture.h"

#include "hub/crypto/secret.h"
#include "hub/store/store.h"
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                           \
    do {                                                                             \
        if (!(condition)) {                                                          \
            fprintf(stderr, "api_fixture: %s (%s)\n", #condition, fixture->err.msg); \
            abort();                                                                 \
        }                                                                            \
    } while (0)

void api_fixture_open(struct api_fixture *fixture)
{
    *fixture = (struct api_fixture){0};
    fake_clock_init(&fixture->clock);
    fake_random_init(&fixture->random, 7);
    fake_executor_init(&fixture->executor, FAKE_QUEUED);
    REQUIRE(secret_setup());
    fixture->store =
        store_open(&(struct store_options){.path = ":memory:", .mode = STORE_WRITE}, &fixture->err);
    REQUIRE(fixture->store);
    fixture->self =
        identity_create_memory(&fixture->random.source, clock_wall(&fixture->clock.clock));
    for (const struct config_option *option = config_options; option->name; option++)
        REQUIRE(config_set(&fixture->config, option->name, option->default_value, &fixture->err));
    fixture->exchange = exchange_create(&(struct exchange_config){
        .store = fixture->store,
        .self = fixture->self,
        .clock = &fixture->clock.clock,
        .random = &fixture->random.source,
        .counters = &fixture->counters,
        .executor = &fixture->executor.executor,
    });
    fixture->env = (struct api_env){
        .self = fixture->self,
        .clock = &fixture->clock.clock,
        .random = &fixture->random.source,
        .counters = &fixture->counters,
        .config = &fixture->config,
        .exchange = fixture->exchange,
        .executor = &fixture->executor.executor,
        .reader = fixture->store,
        .started = fixture->clock.wall,
    };
    fixture->rpc = rpc_create(&fixture->env);
}

void api_fixture_close(struct api_fixture *fixture)
{
    rpc_free(fixture->rpc);
    exchange_free(fixture->exchange);
    identity_free(fixture->self);
    store_close(fixture->store);
    buf_done(&fixture->body);
}

int api_fixture_set_up(void **state)
{
    api_fixture_open(*state);
    return 0;
}

int api_fixture_tear_down(void **state)
{
    api_fixture_close(*state);
    return 0;
}

static void on_answer(void *ctx, const struct reply *reply)
{
    struct api_fixture *fixture = ctx;
    REQUIRE(!fixture->answered);
    fixture->answered = true;
    fixture->ok = reply->ok;
    fixture->err = reply->err;
    fixture->http_status = reply->http_status;
    snprintf(fixture->content_type, sizeof(fixture->content_type), "%s", reply->content_type);
    fixture->body.len = 0;
    buf_add_bytes(&fixture->body, reply->body);
}

const char *api_call(struct api_fixture *fixture, const struct caller *caller, const char *path,
                     const char *json)
{
    fixture->answered = false;
    rpc_call(fixture->rpc, path, ENCODING_JSON, bytes_text(json), caller, on_answer, fixture);
    REQUIRE(!fixture->answered); /* never inside rpc_call */
    fake_executor_drain(&fixture->executor);
    REQUIRE(fixture->answered);
    REQUIRE(rpc_running(fixture->rpc) == 0);
    return buf_text(&fixture->body);
}

const char *api_call_local(struct api_fixture *fixture, const char *path, const char *json)
{
    return api_call(fixture, &(struct caller){.local = true}, path, json);
}

char *api_field(struct api_fixture *fixture, const char *key, char *out, size_t size)
{
    char start[80];
    snprintf(start, sizeof(start), "\"%s\":\"", key);
    const char *at = strstr(buf_text(&fixture->body), start);
    out[0] = '\0';
    if (at) {
        at += strlen(start);
        snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
    }
    return out;
}

void api_add_user(struct api_fixture *fixture, const char *name, const char *role,
                  const char *passphrase)
{
    char request[512];
    snprintf(request, sizeof(request), "{\"name\":\"%s\",\"role\":\"%s\",\"passphrase\":\"%s\"}",
             name, role, passphrase);
    api_call_local(fixture, "/maillon.api.v1.Accounts/AddUser", request);
    REQUIRE(fixture->ok);
}

struct caller api_sign_in(struct api_fixture *fixture, const char *name, const char *passphrase)
{
    struct caller caller = {0};
    char request[512];
    snprintf(request, sizeof(request), "{\"name\":\"%s\",\"passphrase\":\"%s\"}", name, passphrase);
    api_call(fixture, &caller, "/maillon.api.v1.Accounts/SignIn", request);
    REQUIRE(fixture->ok);
    api_field(fixture, "token", caller.bearer, sizeof(caller.bearer));
    return caller;
}
