/* hubctl outbox, backup. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void show_outbox(const json_t *answer)
{
    static const struct column columns[] = {
        {"PEER", COLUMN_CUT},   {"OBJECT", 0},          {"STATE", 0},
        {"LANE", COLUMN_RIGHT}, {"SIZE", COLUMN_RIGHT}, {"TRIES", COLUMN_RIGHT},
        {"SINCE", 0},           {"EXPIRES", 0},         {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "row"); i++) {
        const json_t *row = answer_item(answer, "row", i);
        char peer[SHOW_SHORT], oid[SHOW_SHORT], lane[SHOW_SIZE], size[SHOW_SIZE], tries[SHOW_SIZE],
            since[SHOW_WHEN], expires[SHOW_WHEN];
        const char *name = answer_text(row, "peerName"), *state = answer_text(row, "state");
        table_add(table, (const char *[]){*name ? name : show_short(answer_text(row, "peer"), peer),
                                          show_short(answer_text(row, "oid"), oid),
                                          strcmp(state, "acked") == 0 ? "taken" : "waits",
                                          show_count(answer_number(row, "lane"), lane),
                                          show_size(answer_number(row, "bytes"), size),
                                          show_count(answer_number(row, "attempts"), tries),
                                          show_when(answer_text(row, "created"), since),
                                          show_when(answer_text(row, "expires"), expires)});
    }
    table_print(table, "Nothing waits: the peers have everything.");
}

static void show_retry(const json_t *answer)
{
    char peers[SHOW_WHEN];
    printf("Trying again now with %s.\n",
           show_plural(answer_number(answer, "peers"), "peer", peers));
}

static void show_backup(const json_t *answer)
{
    char size[SHOW_SIZE];
    printf("Done: %s.\n", show_size(answer_number(answer, "bytes"), size));
    puts("It holds the database. Keys are not in it: keep *.key and kel of the state directory "
         "too,\nsomewhere else, and the two recovery sheets.");
}

/* The hub writes the file, from its own folder: it needs the whole path. */
static bool run_backup(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    if (path[0] != '/') {
        char *dir = getcwd(NULL, 0), *whole = NULL;
        if (!dir || asprintf(&whole, "%s/%s", dir, path) < 0) {
            free(dir);
            return err_set(err, ERR_IO, "cannot find this folder: give the whole path");
        }
        request_set(input->request, "path", json_string(whole));
        free(whole);
        free(dir);
    }
    return ctl_finish(ctl, input, CLIENT_LONG, err);
}

static const struct option list_options[] = {
    WORD_OPTIONAL("PEER", "peer", "only what waits for this one"),
    NUMBER("--limit", "limit", "how many rows (100)"),
    OPTIONS_END,
};
static const struct option retry_options[] = {
    WORD_OPTIONAL("PEER", "peer", "only this one"),
    OPTIONS_END,
};
static const struct option backup_options[] = {
    WORD("FILE", "path", "new file, in a folder that hubd may write to"),
    OPTIONS_END,
};

const struct command commands_outbox[] = {
    {"outbox list", "What waits for peers", "Node/ListOutbox", list_options, show_outbox, NULL,
     NULL, NULL},
    {"outbox retry", "Try again now", "Node/RetryOutbox", retry_options, show_retry, NULL, NULL,
     NULL},
    {"backup", "Copy the database while the hub runs", "Node/Backup", backup_options, show_backup,
     run_backup, NULL, NULL},
    {.words = NULL},
};
