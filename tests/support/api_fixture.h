#pragma once
/* The client API over a database in memory, inline on the fake clock: calls, and what they
 * answered. */
#include "hub/api/rpc.h"
#include "tests/support/fake.h"

struct api_fixture {
    struct fake_clock clock;
    struct fake_random random;
    struct fake_executor executor;
    struct counters counters;
    struct config config;
    struct store *store; /* reads and writes */
    struct identity *self;
    struct exchange *exchange;
    struct api_env env;
    struct rpc *rpc;
    /* of the last call */
    bool answered, ok;
    struct err err;
    unsigned http_status;
    char content_type[32];
    struct buf body;
};
void api_fixture_open(struct api_fixture *fixture);
void api_fixture_close(struct api_fixture *fixture);
/* The same for cmocka, with the fixture as state. */
int api_fixture_set_up(void **state);
int api_fixture_tear_down(void **state);
/* A test for a file that has no more than a fixture named `hub`. */
#define API_TEST(name) \
    cmocka_unit_test_prestate_setup_teardown(name, api_fixture_set_up, api_fixture_tear_down, &hub)

/** Calls, drains, fails the test when there was no answer. Returns the body as text. */
const char *api_call(struct api_fixture *fixture, const struct caller *caller, const char *path,
                     const char *json);
/** As the operator on the unix socket. */
const char *api_call_local(struct api_fixture *fixture, const char *path, const char *json);
/** Copies the text of `"key":"…"` of the last body; "" when it is not there. */
char *api_field(struct api_fixture *fixture, const char *key, char *out, size_t size);
/** Adds an account as the operator; fails the test when that fails. */
void api_add_user(struct api_fixture *fixture, const char *name, const char *role,
                  const char *passphrase);
/** Signs in; fails the test when that fails. */
struct caller api_sign_in(struct api_fixture *fixture, const char *name, const char *passphrase);
