#pragma once
/* Reading what the API answered: protobuf JSON, where defaults are left out. Borrowed from it. */
#include "hub/base/attr.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

static inline UNUSED void json_decref_auto(json_t **value)
{
    json_decref(*value);
}

/* `path` is a name or names with dots: "content.quantity.unit". */
/** NULL when absent. */
const json_t *answer_find(const json_t *object, const char *path);
/** "" when absent. */
const char *answer_text(const json_t *object, const char *path);
/** Integers, also those that travel as text; 0 when absent. */
int64_t answer_number(const json_t *object, const char *path);
double answer_real(const json_t *object, const char *path);
bool answer_flag(const json_t *object, const char *path);
/** Number of items of a list; 0 when absent. */
size_t answer_count(const json_t *object, const char *path);
const json_t *answer_item(const json_t *object, const char *path, size_t index);

#define ANSWER_CODE 48
/** "urgent" for "URGENCY_URGENT" with prefix "URGENCY_"; "" when absent. Returns `out`. */
char *answer_code(const json_t *object, const char *path, const char *prefix,
                  char out[ANSWER_CODE]);
#define ANSWER_LIST 512
/** Texts of a list, "a, b, c", cut at the size of `out`. Returns `out`. */
char *answer_join(const json_t *object, const char *path, char out[ANSWER_LIST]);

/**
 * Control characters in all texts become blanks: what a peer wrote must not steer a terminal.
 * Changes `answer`; only before showing it.
 */
void answer_clean(json_t *answer);
