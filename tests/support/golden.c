#include "tests/support/golden.h"

#include <stdio.h>
#include <stdlib.h>

void golden_begin(struct buf *json, const char *about)
{
    buf_add_text(json, "{\n");
    if (about)
        golden_text(json, "about", about);
}

void golden_text(struct buf *json, const char *name, const char *value)
{
    buf_addf(json, "%s  \"%s\": \"%s\"", json->len > 2 ? ",\n" : "", name, value);
}

void golden_hex(struct buf *json, const char *name, struct bytes value)
{
    AUTO(buf_done) struct buf hex = {0};
    hex_encode(value, (char *)buf_reserve(&hex, 2 * value.len + 1));
    golden_text(json, name, (const char *)hex.data);
}

void golden_part(struct buf *json, const char *name, const char *part, struct bytes value)
{
    char field[64];
    snprintf(field, sizeof(field), "%s_%s", name, part);
    golden_hex(json, field, value);
}

void golden_end(struct buf *json)
{
    buf_add_text(json, "\n}\n");
}

static bool compare(struct bytes made, struct bytes held, const char *file)
{
    if (bytes_equal(made, held))
        return true;
    size_t line = 1;
    for (size_t i = 0; i < made.len && i < held.len && made.data[i] == held.data[i]; i++)
        line += made.data[i] == '\n';
    fprintf(stderr, "%s is another from line %zu on\n", file, line);
    return false;
}

bool golden_same(const struct buf *json, const char *file)
{
    char path[4096];
    const char *folder = getenv("MAILLON_VECTORS");
    const bool write = getenv("GOLDEN_WRITE") != NULL;
    AUTO(buf_done) struct buf held = {0};
    snprintf(path, sizeof(path), "%s/golden/%s", folder ? folder : "tests/vectors", file);
    FILE *stream = fopen(path, write ? "w" : "r");
    if (!stream) {
        perror(path);
        return false;
    }
    if (write)
        buf_add(&held, json->data, fwrite(json->data, 1, json->len, stream));
    else
        held.len = fread(buf_reserve(&held, json->len + 1), 1, json->len + 1, stream);
    bool same = compare(buf_bytes(json), buf_bytes(&held), file);
    return fclose(stream) == 0 && same;
}

struct sign_key *golden_key(uint8_t fill)
{
    uint8_t seed[32];
    memset(seed, fill, sizeof(seed));
    return sign_key_from_seed(seed);
}

void golden_fill(void *ctx, void *out, size_t len)
{
    memset(out, *(const uint8_t *)ctx, len);
}
