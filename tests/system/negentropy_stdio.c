/*
 * Reconciliation over standard input and output, for tests against other implementations.
 *   negentropy_stdio [FRAME_LIMIT]
 * Lines in:  item,TIME,HEXID   seal   initiate   msg,HEX
 * Lines out: msg,HEX  and before it, for an initiator, have,HEXID and need,HEXID;  done
 */
#include "federation/negentropy.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES (4u << 20)

static void fail(const char *why)
{
    fprintf(stderr, "negentropy_stdio: %s\n", why);
    exit(1);
}

static void print_hex(const char *name, struct bytes bytes)
{
    char *hex = malloc(2 * bytes.len + 1);
    if (!hex)
        fail("out of memory");
    printf("%s,%s\n", name, hex_encode(bytes, hex));
    free(hex);
}

static void print_ids(const char *name, const struct buf *ids)
{
    for (size_t at = 0; at < ids->len; at += OID_BYTES)
        print_hex(name, bytes_of(ids->data + at, OID_BYTES));
}

static void on_item(struct negentropy *negentropy, const char *text)
{
    struct oid id;
    char *end;
    uint64_t timestamp = strtoull(text, &end, 10);
    if (*end != ',' || !hex_decode(end + 1, id.b, sizeof id.b))
        fail("malformed item");
    negentropy_add(negentropy, timestamp, &id);
}

static void on_message(struct negentropy *negentropy, const char *hex, bool initiator)
{
    AUTO(buf_done) struct buf message = {0}, out = {0};
    struct negentropy_found found = {0};
    struct err err = {0};
    bool done;
    size_t len = strlen(hex) / 2;
    if (!hex_decode(hex, buf_reserve(&message, len), len))
        fail("malformed message");
    message.len = len;
    if (!negentropy_reconcile(negentropy, buf_bytes(&message), &out, initiator ? &found : NULL,
                              &done, &err))
        fail(err.msg);
    print_ids("have", &found.have);
    print_ids("need", &found.need);
    if (done)
        printf("done\n");
    else
        print_hex("msg", buf_bytes(&out));
    negentropy_found_done(&found);
}

static void on_line(struct negentropy *negentropy, char *line, bool *initiator)
{
    struct err err = {0};
    if (strncmp(line, "item,", 5) == 0) {
        on_item(negentropy, line + 5);
    } else if (strcmp(line, "seal") == 0) {
        if (!negentropy_seal(negentropy, &err))
            fail(err.msg);
    } else if (strcmp(line, "initiate") == 0) {
        AUTO(buf_done) struct buf out = {0};
        *initiator = true;
        negentropy_initiate(negentropy, &out);
        print_hex("msg", buf_bytes(&out));
    } else if (strncmp(line, "msg,", 4) == 0) {
        on_message(negentropy, line + 4, *initiator);
    } else {
        fail("unknown command");
    }
}

int main(int argc, char **argv)
{
    AUTO(negentropy_free)
    struct negentropy *negentropy =
        negentropy_create(argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 0);
    char *line = malloc(LINE_MAX_BYTES);
    bool initiator = false;
    while (line && fgets(line, LINE_MAX_BYTES, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        on_line(negentropy, line, &initiator);
        fflush(stdout);
    }
    free(line);
    return 0;
}
