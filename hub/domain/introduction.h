#pragma once
/*
 * One hub suggests two of its peers to each other: sealed to each, shown with its source, never a
 * decision (R-AB-3). Owns table `introduction`.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/relation.h"
#include "hub/domain/tx.h"

#define INTRODUCTION_TEXT_MAX 500 /* bytes */
#define INTRODUCTIONS_MAX     200 /* open ones of one source; the oldest goes first */
#define INTRODUCTION_LIFE_S   (30 * 86400)

struct introduction {
    int64_t id;
    struct node_id node, source;
    char name[RELATION_NAME_MAX];
    char text[INTRODUCTION_TEXT_MAX + 1];
    char routes[3][RELATION_ROUTE_MAX];
    size_t route_count;
    int64_t received_ms;
};

/** Tells each of two accepted peers about the other. ERR_CONFLICT: not accepted; ERR_INVALID. */
NODISCARD bool introduction_send(struct tx *tx, const struct node_id *a, const struct node_id *b,
                                 const char *text, struct err *err);
/** Open suggestions, newest first. Arena array. */
NODISCARD bool introduction_list(struct store *store, struct arena *arena,
                                 struct introduction **ret, size_t *ret_count, struct err *err);
/** By number, or what relation_resolve takes. ERR_UNKNOWN. */
NODISCARD bool introduction_find(struct store *store, const char *text, struct introduction *ret,
                                 struct err *err);
/** Asks the hub to join: relation_ask_introduced. */
NODISCARD bool introduction_accept(struct tx *tx, const struct introduction *introduction,
                                   struct err *err);
NODISCARD bool introduction_forget(struct tx *tx, const struct introduction *introduction,
                                   struct err *err);

/* Row of hub/kinds.c for TYPE_INTRODUCTION. */
NODISCARD bool introduction_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool introduction_apply(struct tx *tx, const struct inbound_object *object,
                                  struct disposition *ret, struct err *err);
