/* hubctl audit: the log of who did what, and files that prove things without a hub. */
#include "admin/command.h"
#include "admin/show.h"

#include "hub/api/json.h"
#include "hub/crypto/secret.h"
#include "hub/domain/audit_bundle.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX    ((size_t)256 << 20)
#define PAGE_MEMORY ((size_t)256 << 20)
#define NODES_MAX   2

/* ---- offline ---- */

struct verdict {
    bool json;
    json_t *lines;
};

static void say(void *ctx, enum bundle_line line, const char *text)
{
    struct verdict *verdict = ctx;
    static const char *const words[] = {"holds", "FAILS", "note"};
    if (verdict->json)
        json_array_append_new(verdict->lines,
                              json_pack("{s:s, s:s}", "verdict", words[line], "what", text));
    else
        printf("%-5s  %s\n", words[line], text);
}

static bool read_nodes(struct ctl *ctl, const char *text, struct node_id nodes[NODES_MAX],
                       size_t *ret_count, struct err *err)
{
    *ret_count = 0;
    while (text && *text) {
        char one[2 * NODE_ID_TEXT];
        size_t len = strcspn(text, ",");
        if (*ret_count == NODES_MAX || len >= sizeof(one))
            return wrong_usage(ctl, err, "--nodes is one or two node ids with a comma between");
        memcpy(one, text, len);
        one[len] = '\0';
        if (!node_id_parse(one, &nodes[(*ret_count)++]))
            return wrong_usage(ctl, err, "%.60s is not a node id", one);
        text += len;
        text += *text == ',';
    }
    return true;
}

/** Something of our own API in JSON, as it was written into the file. */
static void *read_message(const ProtobufCMessageDescriptor *type, const json_t *value,
                          struct arena *arena, struct err *err)
{
    char *text = json_dumps(value, JSON_COMPACT);
    void *message = text ? json_read(type, bytes_text(text), arena, err) : NULL;
    free(text);
    return message;
}

static bool verify_pages(const json_t *pages, const struct node_id *node, struct verdict *verdict,
                         struct err *err)
{
    AUTO(bundle_audit_free)
    struct bundle_audit *audit = bundle_audit_create(node, say, verdict);
    AUTO(arena_free) struct arena *arena = arena_create(PAGE_MEMORY);
    size_t i;
    json_t *page;
    json_array_foreach(pages, i, page)
    {
        arena_reset(arena);
        const Maillon__Api__V1__AuditBundle *bundle =
            read_message(&maillon__api__v1__audit_bundle__descriptor, page, arena, err);
        if (!bundle)
            return err_wrap(err, "read page %zu of the file", i + 1);
        bundle_audit_page(audit, bundle, arena);
    }
    return bundle_audit_end(audit);
}

static bool verify_bundle(const json_t *file, const struct node_id *nodes, size_t count,
                          struct verdict *verdict, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(PAGE_MEMORY);
    const Maillon__Api__V1__ReferralBundle *bundle =
        read_message(&maillon__api__v1__referral_bundle__descriptor, file, arena, err);
    return bundle && bundle_verify_referral(bundle, nodes, count, arena, say, verdict);
}

static bool verify_file(struct ctl *ctl, const char *path, const char *nodes_text, struct err *err)
{
    struct node_id nodes[NODES_MAX];
    size_t count;
    struct verdict verdict = {.json = ctl->json};
    AUTO(buf_done) struct buf text = {0};
    if (!secret_setup())
        return err_set(err, ERR_INTERNAL, "cannot start the cryptography");
    if (!read_nodes(ctl, nodes_text, nodes, &count, err) || !file_read(path, FILE_MAX, &text, err))
        return false;
    AUTO(json_decref)
    json_t *file = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(file))
        return err_set(err, ERR_INVALID, "this file is damaged or no export of a hub");
    AUTO(json_decref) json_t *lines = verdict.lines = json_array();
    const json_t *pages = json_object_get(file, "page");
    bool ok = json_is_array(pages) ? verify_pages(pages, count ? nodes : NULL, &verdict, err)
                                   : verify_bundle(file, nodes, count, &verdict, err);
    if (!ok && err->code != ERR_NONE)
        return err_wrap(err, "this file is damaged");
    if (ctl->json) {
        AUTO(json_decref) json_t *answer = json_pack("{s:b, s:O}", "ok", ok, "check", lines);
        char *out = json_dumps(answer, JSON_COMPACT);
        puts(out);
        free(out);
    } else if (ok) {
        puts("\nEverything that this file claims holds.");
    }
    return ok || err_set(err, ERR_CONFLICT, "this file does not hold: see the lines marked FAILS");
}

/* ---- with the hub ---- */

static bool verify_own(struct ctl *ctl, const struct input *input, struct err *err)
{
    struct client *client = ctl_client(ctl, err);
    AUTO(buf_done) struct buf text = {0};
    if (!client ||
        !client_post(client, input->command->method, BYTES_LITERAL("{}"), CLIENT_LONG, &text, err))
        return false;
    AUTO(json_decref) json_t *answer = client_parse(buf_bytes(&text), err);
    if (!answer || !ctl_answer(ctl, input, buf_bytes(&text), err))
        return false;
    return answer_flag(answer, "ok") ||
           err_set(err, ERR_CONFLICT, "the audit log of this hub does not hold");
}

static bool run_verify(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    return path ? verify_file(ctl, path, input_value(input, "--nodes"), err)
                : verify_own(ctl, input, err);
}

static void show_verify(const json_t *answer)
{
    char leaves[SHOW_SIZE], heads[SHOW_WHEN], cosigned[SHOW_SIZE];
    show_count(answer_number(answer, "leaves"), leaves);
    show_plural(answer_number(answer, "heads"), "signed head", heads);
    show_count(answer_number(answer, "cosigned"), cosigned);
    if (answer_flag(answer, "ok"))
        printf("The log holds: %s lines, %s, %s of them with three witnesses or more.\n", leaves,
               heads, cosigned);
    else
        printf("The log does NOT hold: %s.\n"
               "Somebody changed the database, or the disk is failing. Stop the hub, keep a copy "
               "of its folder,\nand ask the peers for what they hold: hubctl audit export.\n",
               answer_text(answer, "wrong"));
}

static const char *alarm_words(const json_t *alarm)
{
    const char *kind = answer_text(alarm, "kind");
    if (strcmp(kind, "shrunk") == 0)
        return "lines are missing";
    if (strcmp(kind, "forked") == 0)
        return "earlier lines differ";
    return "restored from a backup";
}

static void show_list(const json_t *answer)
{
    static const struct column columns[] = {
        {"HUB", COLUMN_CUT},     {"WHAT", 0}, {"WHEN", 0}, {"SIGNED", COLUMN_RIGHT},
        {"SHOWN", COLUMN_RIGHT}, {"", 0},     {NULL, 0}};
    char count[SHOW_SIZE], when[SHOW_WHEN], witnesses[SHOW_WHEN];
    printf("Our log: %s lines; newest head over ",
           show_count(answer_number(answer, "leaves"), count));
    printf("%s of them, %s, signed by %s.\n\n",
           show_count(answer_number(answer, "headSize"), count),
           show_when(answer_text(answer, "headTime"), when),
           show_plural((int64_t)answer_number(answer, "witnesses"), "peer", witnesses));
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "alarm"); i++) {
        const json_t *alarm = answer_item(answer, "alarm", i);
        char node[SHOW_SHORT], held[SHOW_SIZE], shown[SHOW_SIZE];
        const char *name = answer_text(alarm, "name");
        bool own = answer_flag(alarm, "own");
        table_add(table,
                  (const char *[]){own     ? "this hub"
                                   : *name ? name
                                           : show_short(answer_text(alarm, "node"), node),
                                   alarm_words(alarm), show_when(answer_text(alarm, "at"), when),
                                   show_count(answer_number(alarm, "heldSize"), held),
                                   show_count(answer_number(alarm, "shownSize"), shown),
                                   answer_flag(alarm, "settled") ? "settled" : "OPEN"});
    }
    table_print(table, "No contradiction was ever seen in a log, ours or a neighbour's.");
}

static void show_settled(const json_t *answer)
{
    (void)answer;
    puts("Settled. The two heads stay on record; hubctl audit export hands them out.");
}

/** All pages, one after the other, in one file. */
static bool run_export(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    struct client *client = ctl_client(ctl, err);
    AUTO(buf_done) struct buf file = {0};
    if (!client)
        return false;
    buf_add_text(&file, "{\"format\":\"" BUNDLE_AUDIT_FORMAT "\",\"page\":[");
    for (int64_t next = -1; next != 0;) {
        AUTO(buf_done) struct buf text = {0};
        char *request = json_dumps(input->request, JSON_COMPACT);
        bool ok = client_post(client, input->command->method, bytes_text(request), CLIENT_LONG,
                              &text, err);
        free(request);
        if (!ok)
            return false;
        AUTO(json_decref) json_t *page = client_parse(buf_bytes(&text), err);
        if (!page)
            return false;
        if (next > 0)
            buf_add_text(&file, ",\n");
        buf_add_bytes(&file, buf_bytes(&text));
        next = answer_number(page, "next");
        request_set(input->request, "first", json_integer(next));
        if (file.len > FILE_MAX / 2)
            return err_set(err, ERR_LIMIT, "more than 128 MB: give a later date with --since");
    }
    buf_add_text(&file, "]}\n");
    return file_write_new(path ? path : "-", buf_bytes(&file), err);
}

static const struct option verify_options[] = {
    WORD_OPTIONAL("FILE", NULL, "that referral export or audit export wrote; none: our own log"),
    TEXT("--nodes", "ID[,ID]", NULL, "node ids that the file must be of"),
    OPTIONS_END,
};
static const struct option export_options[] = {
    WORD_OPTIONAL("FILE", NULL, "new private file; else standard output"),
    TEXT("--since", "DATE", "since", "YYYY-MM-DD or YYYY-MM-DDTHH:MMZ; else from the start"),
    OPTIONS_END,
};
static const struct option settle_options[] = {
    WORD("HUB", "hub", "the peer, or self"),
    OPTIONS_END,
};

const struct command commands_audit[] = {
    {"audit verify", "Check a file without any hub, or our own log", "Audit/Verify", verify_options,
     show_verify, run_verify, NULL,
     "With FILE no hub needs to run: every signature, the chain of events, receipts, the lines of "
     "the audit log and the heads that witnesses signed are checked, each in a line of its own. "
     "Exit status 1 when one of them fails.\n\n"
     "A referral whose chain was forked fails, and the line says which hub signed two events for "
     "one place."},
    {"audit list", "Contradictions seen in our log and in those of peers", "Audit/List", NULL,
     show_list, NULL, NULL, NULL},
    {"audit settle", "Somebody has looked into it: start anew with this hub's log", "Audit/Settle",
     settle_options, show_settled, NULL, NULL,
     "Ring the other hub first. A log that shrank or differs means that its database was changed, "
     "or restored without saying so."},
    {"audit export", "Lines, signed heads and evidence, for an offline check", "Audit/Export",
     export_options, NULL, run_export, NULL,
     "Lines say when, which action and about which object; who did it is a pseudonym."},
    {.words = NULL},
};
