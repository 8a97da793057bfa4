#include "hub/crypto/node_id.h"

#include "hub/crypto/words.h"
#include <stdio.h>

#define TEXT_LEN   52 /* base32 of 32 bytes */
#define CHECK_LEN  2
#define WORD_BITS  11
#define WORD_COUNT 6

static const char base32_alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

bool node_id_from(struct bytes in, struct node_id *ret)
{
    if (in.len != NODE_ID_BYTES)
        return false;
    memcpy(ret->b, in.data, NODE_ID_BYTES);
    return true;
}

/* The first 10 bits of SHA-256("hfp/check/v1\0" || id), as two base32 characters. */
static void check_characters(const struct node_id *id, char out[CHECK_LEN])
{
    struct bytes parts[] = {bytes_of("hfp/check/v1", sizeof("hfp/check/v1")), node_id_bytes(id)};
    uint8_t hash[32];
    digest_sha256_parts(parts, ARRAY_LEN(parts), hash);
    unsigned bits = (unsigned)hash[0] << 8 | hash[1];
    out[0] = base32_alphabet[bits >> 11];
    out[1] = base32_alphabet[(bits >> 6) & 31];
}

char *node_id_text(const struct node_id *id, char out[NODE_ID_TEXT])
{
    base32_encode(node_id_bytes(id), out);
    check_characters(id, out + TEXT_LEN);
    out[TEXT_LEN + CHECK_LEN] = 0;
    return out;
}

bool node_id_parse(const char *text, struct node_id *ret)
{
    char packed[TEXT_LEN + CHECK_LEN];
    size_t len = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '-' || *text == '\t' || *text == '\n' || *text == '\r')
            continue;
        if (len == sizeof(packed))
            return false;
        packed[len++] = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
    }
    struct node_id id;
    char check[CHECK_LEN];
    if (len != sizeof(packed) || !base32_decode(packed, TEXT_LEN, id.b, sizeof(id.b)))
        return false;
    check_characters(&id, check);
    if (memcmp(check, packed + TEXT_LEN, CHECK_LEN) != 0)
        return false;
    *ret = id;
    return true;
}

char *node_id_short(const struct node_id *id, char out[NODE_ID_SHORT])
{
    char text[NODE_ID_TEXT];
    memcpy(out, node_id_text(id, text), NODE_ID_SHORT - 1);
    out[NODE_ID_SHORT - 1] = 0;
    return out;
}

char *node_id_words(const struct node_id *id, char out[NODE_ID_WORDS])
{
    struct bytes parts[] = {bytes_of("hfp/words/v1", sizeof("hfp/words/v1")), node_id_bytes(id)};
    uint8_t hash[32];
    digest_sha256_parts(parts, ARRAY_LEN(parts), hash);
    size_t at = 0;
    for (size_t word = 0; word < WORD_COUNT; word++) {
        unsigned index = 0;
        for (size_t bit = word * WORD_BITS; bit < (word + 1) * WORD_BITS; bit++)
            index = index << 1 | (hash[bit / 8] >> (7 - bit % 8) & 1u);
        at += (size_t)snprintf(out + at, NODE_ID_WORDS - at, "%s%s", word ? " " : "",
                               words_french[index]);
    }
    return out;
}
