/* hubctl circle: hubs that share notices under a charter of five lines. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>

static const char *ours_words(const json_t *circle)
{
    static const struct {
        const char *ours, *words;
    } table[] = {
        {"none", "heard of"},   {"asked", "asked to come in"},
        {"invited", "invited"}, {"member", "member"},
        {"left", "left"},       {"removed", "removed"},
    };
    const char *ours = answer_text(circle, "ours");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].ours, ours) == 0)
            return table[i].words;
    }
    return ours;
}

static const char *hub_name(const json_t *hub, char out[SHOW_SHORT])
{
    const char *name = answer_text(hub, "name");
    return *name ? name : show_short(answer_text(hub, "id"), out);
}

/* The five lines. */
static void show_charter(const json_t *circle)
{
    for (size_t i = 0; i < answer_count(circle, "principle"); i++) {
        char number[SHOW_SIZE];
        snprintf(number, sizeof(number), "%zu", i + 1);
        show_line(number, json_string_value(answer_item(circle, "principle", i)));
    }
}

static void show_stewards(const json_t *circle)
{
    for (size_t i = 0; i < answer_count(circle, "steward"); i++) {
        const json_t *steward = answer_item(circle, "steward", i);
        char id[SHOW_SHORT];
        show_linef(i ? "" : "stewards", "%s%s", hub_name(steward, id),
                   answer_flag(steward, "ours") ? " (this hub)" : "");
    }
    if (answer_count(circle, "steward") > 1)
        show_linef("", "%lld of %zu must sign a change",
                   (long long)answer_number(circle, "threshold"), answer_count(circle, "steward"));
}

static void show_waiting(const json_t *circle)
{
    for (size_t i = 0; i < answer_count(circle, "ask"); i++) {
        const json_t *ask = answer_item(circle, "ask", i);
        char id[SHOW_SHORT], when[SHOW_WHEN];
        show_linef("asks in", "%s, %s: %s", hub_name(ask, id),
                   show_when(answer_text(ask, "since"), when), answer_text(ask, "text"));
    }
    for (size_t i = 0; i < answer_count(circle, "change"); i++) {
        const json_t *change = answer_item(circle, "change", i);
        char id[SHOW_SHORT];
        show_linef("to sign", "%s  %s: %lld of %lld signatures%s",
                   show_short(answer_text(change, "id"), id), answer_text(change, "what"),
                   (long long)answer_number(change, "signatures"),
                   (long long)answer_number(change, "threshold"),
                   answer_flag(change, "signedHere") ? ", ours is there" : "");
    }
}

static void show_circle(const json_t *answer)
{
    char hubs[SHOW_WHEN];
    show_title("%s", answer_text(answer, "name")[0] ? answer_text(answer, "name")
                                                    : "(a circle this hub does not know yet)");
    show_charter(answer);
    show_line("circle id", answer_text(answer, "id"));
    show_line("this hub", ours_words(answer));
    if (answer_flag(answer, "founded"))
        show_linef("members", "%s, %lld at most",
                   show_plural(answer_number(answer, "members"), "hub", hubs),
                   (long long)answer_number(answer, "membersMax"));
    show_stewards(answer);
    show_line("relaying", answer_flag(answer, "relayDuty") ? "members carry for each other" : "");
    show_line("accepting", answer_flag(answer, "acceptEachOther")
                               ? "members accept each other as peers, for notices only"
                               : "");
    show_waiting(answer);
    if (answer_text(answer, "next")[0])
        show_note("%s", answer_text(answer, "next"));
}

static void show_circles(const json_t *answer)
{
    static const struct column columns[] = {{"ID", 0},       {"NAME", COLUMN_CUT},
                                            {"THIS HUB", 0}, {"MEMBERS", COLUMN_RIGHT},
                                            {"WAITS", 0},    {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "circle"); i++) {
        const json_t *circle = answer_item(answer, "circle", i);
        char id[SHOW_SHORT], members[SHOW_SIZE], waits[64] = "";
        size_t asks = answer_count(circle, "ask"), changes = answer_count(circle, "change");
        if (asks + changes)
            snprintf(waits, sizeof(waits), "%zu asking, %zu to sign", asks, changes);
        table_add(table,
                  (const char *[]){show_short(answer_text(circle, "id"), id),
                                   answer_text(circle, "name"), ours_words(circle),
                                   show_count(answer_number(circle, "members"), members), waits});
    }
    table_print(table, "No circles yet. To found one: hubctl circle create NAME --principle ...");
}

static void show_members(const json_t *answer)
{
    static const struct column columns[] = {
        {"ID", 0}, {"NAME", COLUMN_CUT}, {"ROLE", 0}, {"SINCE", 0}, {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "member"); i++) {
        const json_t *member = answer_item(answer, "member", i);
        char id[SHOW_SHORT], since[SHOW_WHEN];
        table_add(table, (const char *[]){show_short(answer_text(member, "id"), id),
                                          answer_text(member, "name"),
                                          answer_flag(member, "steward") ? "steward"
                                          : answer_flag(member, "ours")  ? "this hub"
                                                                         : "",
                                          show_when(answer_text(member, "since"), since)});
    }
    table_print(table, "Nobody is in this circle.");
}

/* Two truths of one member: who, since when, and what waits. */
static void show_doubts(const json_t *answer)
{
    static const struct column columns[] = {
        {"ID", 0}, {"NAME", COLUMN_CUT}, {"SINCE", 0}, {"WAITING", 0}, {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "doubt"); i++) {
        const json_t *doubt = answer_item(answer, "doubt", i);
        char id[SHOW_SHORT], when[SHOW_WHEN], waiting[SHOW_SIZE];
        snprintf(waiting, sizeof(waiting), "%lld", (long long)answer_number(doubt, "waiting"));
        table_add(table, (const char *[]){show_short(answer_text(doubt, "id"), id),
                                          answer_text(doubt, "name"),
                                          show_when(answer_text(doubt, "found"), when), waiting});
    }
    table_print(table, "No member has contradicted itself.");
}

static void show_left(const json_t *answer)
{
    printf("This hub has left %s. Notices it posted there stay until they end; nothing new comes "
           "or goes.\n",
           answer_text(answer, "name"));
}

/* Only what was said changes: the request names it. */
static bool run_charter(struct ctl *ctl, struct input *input, struct err *err)
{
    static const struct {
        const char *option, *name;
    } fields[] = {
        {"--name", "name"},
        {"--principle", "principle"},
        {"--steward", "steward"},
        {"--threshold", "threshold"},
        {"--members", "members-max"},
        {"--relay", "relay-duty"},
        {"--accept", "accept-each-other"},
    };
    json_t *set = json_array();
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (input_value(input, fields[i].option))
            json_array_append_new(set, json_string(fields[i].name));
    }
    bool empty = json_array_size(set) == 0;
    json_object_set_new(input->request, "set", set);
    if (!empty)
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref) json_t *get = json_pack("{s:s}", "id", input_value(input, "CIRCLE"));
    AUTO(json_decref) json_t *circle = ctl_call(ctl, "Circles/Get", get, err);
    if (!circle)
        return false;
    if (ctl->json) {
        char *text = json_dumps(json_object_get(circle, "principle"), JSON_INDENT(2));
        puts(text ? text : "[]");
        free(text);
        return true;
    }
    answer_clean(circle);
    show_title("%s", answer_text(circle, "name"));
    show_charter(circle);
    return true;
}

#define CIRCLE WORD("CIRCLE", "id", "name of the circle, or the first digits of its id")
#define MEMBER WORD("HUB", "member", "node id, the beginning of it, or the hub's name")

static const struct option create_options[] = {
    WORD("NAME", "name", "what the circle is called"),
    {"--principle", "LINE", OPTION_LINES, 0, "principle", NULL, NULL,
     "a line of the charter, at most five; give it once for each line"},
    LIST("--steward", "steward", "peers who keep it together with this hub, at most four"),
    NUMBER("--threshold", "threshold", "stewards who must sign a change (1)"),
    NUMBER("--members", "membersMax", "most members (5,000)"),
    FLAG("--relay", "relayDuty", "members carry for each other"),
    FLAG("--accept", "acceptEachOther", "members accept each other as peers, notices only"),
    OPTIONS_END,
};
static const struct option charter_options[] = {
    CIRCLE,
    TEXT("--name", "NAME", "charter.name", "another name"),
    {"--principle", "LINE", OPTION_LINES, 0, "charter.principle", NULL, NULL,
     "all lines anew, at most five; once for each line"},
    LIST("--steward", "charter.steward", "all stewards anew, this hub too when it stays one"),
    NUMBER("--threshold", "charter.threshold", "stewards who must sign a change"),
    NUMBER("--members", "charter.membersMax", "most members"),
    {"--relay", "yes|no", OPTION_YES_NO, 0, "charter.relayDuty", NULL, NULL,
     "members carry for each other"},
    {"--accept", "yes|no", OPTION_YES_NO, 0, "charter.acceptEachOther", NULL, NULL,
     "members accept each other as peers"},
    OPTIONS_END,
};
static const struct option join_options[] = {
    CIRCLE,
    TEXT("--via", "PEER", "via", "the steward to ask: a peer of this hub"),
    TEXT("--text", "WORDS", "text", "who we are, in a sentence"),
    OPTIONS_END,
};
static const struct option circle_options[] = {CIRCLE, OPTIONS_END};
static const struct option member_options[] = {CIRCLE, MEMBER, OPTIONS_END};
static const struct option trust_options[] = {MEMBER, OPTIONS_END};
static const struct option sign_options[] = {
    CIRCLE,
    WORD_OPTIONAL("CHANGE", "change", "its id, when several wait"),
    OPTIONS_END,
};

const struct command commands_circle[] = {
    {"circle create", "Found a circle", "Circles/Create", create_options, show_circle, NULL, NULL,
     "Example: hubctl circle create \"Vallée\" --principle \"Nobody is turned away.\" --principle "
     "\"What is said here stays here.\" --accept\n\n"
     "With other stewards it waits until enough of them have signed."},
    {"circle list", "Circles, and how this hub stands to them", "Circles/List", NULL, show_circles,
     NULL, NULL, NULL},
    {"circle show", "Charter, stewards and what waits", "Circles/Get", circle_options, show_circle,
     NULL, NULL, NULL},
    {"circle join", "Ask to come into a circle, or accept an invitation", "Circles/Join",
     join_options, show_circle, NULL, NULL,
     "When the stewards have admitted this hub already, this is the last step. Else a steward is "
     "asked: --via PEER."},
    {"circle leave", "Go, at once", "Circles/Leave", circle_options, show_left, NULL, NULL, NULL},
    {"circle members", "Who is in", "Circles/Members", circle_options, show_members, NULL, NULL,
     NULL},
    {"circle admit", "Steward: let a hub in", "Circles/Admit", member_options, show_circle, NULL,
     NULL, NULL},
    {"circle refuse", "Steward: turn a request down", "Circles/Refuse", member_options, show_circle,
     NULL, NULL, NULL},
    {"circle remove", "Steward: end a membership", "Circles/Remove", member_options, show_circle,
     NULL, NULL, "What it said before stays valid; nothing later is taken."},
    {"circle charter", "Print the lines of the charter, or change it", "Circles/Amend",
     charter_options, show_circle, run_charter, NULL,
     "Without options it prints the lines. A change is signed like any other."},
    {"circle sign", "Steward: sign a change", "Circles/Sign", sign_options, show_circle, NULL, NULL,
     "\"circle show\" says what waits."},
    {"circle doubts", "Members who said two different things at once", "Circles/Doubts", NULL,
     show_doubts, NULL, NULL,
     "Phone them: their hub was copied or restored, or somebody has their key. What they say "
     "meanwhile waits; hubctl circle trust shows it."},
    {"circle trust", "Show what waits of such a member", "Circles/Trust", trust_options,
     show_doubts, NULL, NULL, NULL},
    {.words = NULL},
};
