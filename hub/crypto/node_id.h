#pragma once
/* A hub's name: the hash of its inception event (R-ID-1), its text form and its spoken words. */
#include "hub/crypto/digest.h"

struct node_id {
    uint8_t b[NODE_ID_BYTES];
};
static inline bool node_id_equal(const struct node_id *a, const struct node_id *b)
{
    return memcmp(a->b, b->b, NODE_ID_BYTES) == 0;
}
static inline struct bytes node_id_bytes(const struct node_id *id)
{
    return (struct bytes){id->b, NODE_ID_BYTES};
}
NODISCARD bool node_id_from(struct bytes in, struct node_id *ret); /* exactly 32 bytes */

#define NODE_ID_TEXT 55 /* 52 base32 characters, 2 check characters, NUL */
/** base32 lower case + 2 check characters (proto/README.md "Node id"). Returns `out`. */
char *node_id_text(const struct node_id *id, char out[NODE_ID_TEXT]);
/** Accepts both cases and blanks or hyphens between characters; false: wrong length or check. */
NODISCARD bool node_id_parse(const char *text, struct node_id *ret);
/** First 10 characters of the text form: for logs and tables. */
#define NODE_ID_SHORT 11
char *node_id_short(const struct node_id *id, char out[NODE_ID_SHORT]);
/** Six words of a fixed 2,048-word list, 66 bits, to compare aloud; separated by one blank. */
#define NODE_ID_WORDS 64
char *node_id_words(const struct node_id *id, char out[NODE_ID_WORDS]);
