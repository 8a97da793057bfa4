#include "hub/api/hsds_id.h"

#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include <stdio.h>

#define VERSION    0x80 /* 8: custom */
#define VARIANT    0x80
#define NUMBER_MAX ((int64_t)1 << 61)

static void write_text(const uint8_t id[16], char out[HSDS_ID])
{
    char hex[33];
    hex_encode(bytes_of(id, 16), hex);
    snprintf(out, HSDS_ID, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* The last 62 bits are the number, what is before them says of what kind. */
static void of_number(const char *kind, int64_t number, char out[HSDS_ID])
{
    uint8_t hash[32];
    digest_sha256(bytes_text(kind), hash);
    for (int i = 15; i >= 8; i--, number >>= 8)
        hash[i] = (uint8_t)number;
    hash[6] = (hash[6] & 0x0f) | VERSION;
    hash[8] = (hash[8] & 0x3f) | VARIANT;
    write_text(hash, out);
}

/* "PREFIXimport.N" and nothing behind it. */
static bool split(const char *name, char *kind, size_t size, int64_t *ret)
{
    const char *mark = strstr(name, "import.");
    if (!mark || !text_parse_i64(mark + 7, ret) || *ret < 0 || *ret >= NUMBER_MAX ||
        (size_t)(mark - name) >= size - 8)
        return false;
    snprintf(kind, size, "%.*simport", (int)(mark - name), name);
    return true;
}

void hsds_id(const char *name, char out[HSDS_ID])
{
    char kind[64];
    int64_t number;
    uint8_t hash[32];
    if (split(name, kind, sizeof(kind), &number)) {
        of_number(kind, number, out);
        return;
    }
    digest_sha256(bytes_text(name), hash);
    hash[6] = (hash[6] & 0x0f) | VERSION;
    hash[8] = (hash[8] & 0x3f) | VARIANT;
    write_text(hash, out);
}

bool hsds_id_import(const char *id, const char *prefix, int64_t *ret)
{
    char hex[33], again[HSDS_ID], kind[64];
    uint8_t bytes[16];
    size_t len = 0;
    if (strlen(id) != HSDS_ID - 1)
        return false;
    for (const char *at = id; *at && len < 32; at++)
        if (*at != '-')
            hex[len++] = *at;
    hex[len] = '\0';
    if (len != 32 || !hex_decode(hex, bytes, sizeof(bytes)))
        return false;
    int64_t number = bytes[8] & 0x3f;
    for (int i = 9; i < 16; i++)
        number = number << 8 | bytes[i];
    snprintf(kind, sizeof(kind), "%simport", prefix);
    of_number(kind, number, again);
    if (strcmp(again, id) != 0)
        return false;
    *ret = number;
    return true;
}
