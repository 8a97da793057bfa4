#pragma once
/* The head of an answer, for a browser and for a program alike. */
#include "hub/base/bytes.h"

/**
 * Starts an answer in `out`: the room that lws wants in front of what it writes, then the head. The
 * body of `length` bytes is added behind it.
 */
void http_answer_begin(struct buf *out, unsigned status, const char *type, size_t length,
                       bool keep_alive);
/** "Not Found" for 404. */
const char *http_answer_status(unsigned status);
