/* hubctl outbox. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *state_word(const char *state)
{
    if (strcmp(state, "acked") == 0)
        return "taken";
    return strcmp(state, "at-relay") == 0 ? "at relay" : "waits";
}

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
        table_add(table,
                  (const char *[]){*name ? name : show_short(answer_text(row, "peer"), peer),
                                   show_short(answer_text(row, "oid"), oid), state_word(state),
                                   show_count(answer_number(row, "lane"), lane),
                                   show_size(answer_number(row, "bytes"), size),
                                   show_count(answer_number(row, "attempts"), tries),
                                   show_when(answer_text(row, "created"), since),
                                   show_when(answer_text(row, "expires"), expires)});
    }
    table_print(table, "Nothing waits: the peers have everything.");
}

/* Which link it waits for, in words. */
static const char *link_words(const json_t *peer)
{
    bool failing = *answer_text(peer, "dialFailed") != 0;
    if (answer_flag(peer, "connected"))
        return failing ? "up, opened by them; our dialling fails" : "up";
    if (failing)
        return "down: they do not answer, hubctl peer show says what to do";
    return answer_count(peer, "route") ? "down" : "down: only they can open it";
}

static void show_peers_waiting(const json_t *answer, const char *only)
{
    static const struct column columns[] = {{"PEER", COLUMN_CUT},  {"QUEUE", COLUMN_RIGHT},
                                            {"OLDEST", 0},         {"LAST CONTACT", 0},
                                            {"LINK", COLUMN_WRAP}, {NULL, 0}};
    size_t rows = 0;
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "peer"); i++) {
        const json_t *peer = answer_item(answer, "peer", i);
        char queue[SHOW_SIZE], oldest[SHOW_WHEN], contact[SHOW_WHEN], id[SHOW_SHORT];
        const char *name = answer_text(peer, "name"), *last = answer_text(peer, "lastContact");
        if (!answer_number(peer, "queued") ||
            (only && strcmp(only, name) != 0 &&
             strncmp(only, answer_text(peer, "id"), strlen(only)) != 0))
            continue;
        table_add(table,
                  (const char *[]){*name ? name : show_short(answer_text(peer, "id"), id),
                                   show_count(answer_number(peer, "queued"), queue),
                                   show_when(answer_text(peer, "oldest"), oldest),
                                   *last ? show_when(last, contact) : "never", link_words(peer)});
        rows++;
    }
    if (rows) {
        putchar('\n');
        table_print(table, "");
    }
}

/* What waits, and below it for whom and why. */
static bool run_list(struct ctl *ctl, struct input *input, struct err *err)
{
    if (!ctl_finish(ctl, input, 0, err))
        return false;
    if (ctl->json)
        return true;
    AUTO(json_decref) json_t *peers = ctl_call(ctl, "Peers/List", NULL, err);
    if (!peers)
        return false;
    answer_clean(peers);
    show_peers_waiting(peers, input_value(input, "PEER"));
    return true;
}

static void show_retry(const json_t *answer)
{
    char peers[SHOW_WHEN];
    printf("Trying again now with %s.\n",
           show_plural(answer_number(answer, "peers"), "peer", peers));
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
const struct command commands_outbox[] = {
    {"outbox list", "What waits for peers", "Node/ListOutbox", list_options, show_outbox, run_list,
     NULL, "Below the objects: for whom they wait, since when, and how the link is."},
    {"outbox retry", "Try again now", "Node/RetryOutbox", retry_options, show_retry, NULL, NULL,
     NULL},
    {.words = NULL},
};
