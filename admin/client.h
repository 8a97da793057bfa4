#pragma once
/* Calls of the hub's API over its unix socket. */
#include "hub/base/bytes.h"
#include "hub/base/err.h"
#include <jansson.h>

struct client;

/** @param hub  socket, or state directory; @param user  account to act as; NULL: the operator. */
NODISCARD struct client *client_create(const char *hub, const char *user, struct err *err);
void client_free(struct client *client);
AUTO_DEFINE(struct client, client_free)

enum client_flags {
    CLIENT_LONG = 1,  /* may take minutes: no time limit, progress on a terminal */
    CLIENT_PROTO = 2, /* body and answer are protobuf instead of JSON */
};
/**
 * One call of "Peers/List". The answer is appended to `answer`.
 *
 * @return false with the hub's own words, or with what to do when none answers (ERR_IO).
 */
NODISCARD bool client_post(struct client *client, const char *method, struct bytes body,
                           unsigned flags, struct buf *answer, struct err *err);
/** The same with JSON both ways; `request` NULL is {}. NULL on failure. */
NODISCARD json_t *client_call(struct client *client, const char *method, const json_t *request,
                              struct err *err);
/** JSON of an answer; NULL with ERR_IO. */
NODISCARD json_t *client_parse(struct bytes answer, struct err *err);
