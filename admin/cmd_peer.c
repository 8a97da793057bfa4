/* hubctl peer: federation with neighbours. */
#include "admin/command.h"
#include "admin/show.h"

#include <qrencode.h>
#include <stdio.h>
#include <unistd.h>

#define QUIET_ZONE 2 /* modules around the code; scanners want 4, half a page of it is too much */
#define INVITE_MAX 4096

static const struct {
    const char *name, *field, *words;
} switches[] = {
    {"notices-in", "noticesIn", "their notices reach us"},
    {"notices-out", "noticesOut", "our notices reach them"},
    {"ask-around", "askAround", "we answer their questions"},
    {"referrals", "referrals", "persons may be sent on"},
};

static bool is_dark(const QRcode *code, int x, int y)
{
    return x >= 0 && y >= 0 && x < code->width && y < code->width &&
           (code->data[y * code->width + x] & 1);
}

/* Two rows of modules a line, light ones drawn: white on black, whatever the terminal has. */
static void print_qr(const char *text)
{
    static const char *const blocks[2][2] = {{"\u2588", "\u2580"}, {"\u2584", " "}};
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (!code)
        return;
    putchar('\n');
    for (int y = -QUIET_ZONE; y < code->width + QUIET_ZONE; y += 2) {
        fputs(show_is_terminal() ? "  \033[97;40m" : "  ", stdout);
        for (int x = -QUIET_ZONE; x < code->width + QUIET_ZONE; x++)
            fputs(blocks[is_dark(code, x, y)][is_dark(code, x, y + 1)], stdout);
        puts(show_is_terminal() ? "\033[0m" : "");
    }
    QRcode_free(code);
}

static void show_invite(const json_t *answer)
{
    char when[SHOW_WHEN];
    puts(answer_text(answer, "invite"));
    putchar('\n');
    show_line("words", answer_text(answer, "words"));
    show_line("expires", show_when(answer_text(answer, "expires"), when));
    show_note("It works once. Send it to the other hub's admin, who runs: hubctl peer join INVITE. "
              "Then compare the words aloud, by phone or face to face.");
}

static bool run_invite(struct ctl *ctl, struct input *input, struct err *err)
{
    bool wanted = input_value(input, "--qr"), unwanted = input_value(input, "--no-qr");
    if (ctl->json || unwanted || !(wanted || show_is_terminal()))
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref) json_t *answer = ctl_call(ctl, input->command->method, input->request, err);
    if (!answer)
        return false;
    answer_clean(answer);
    show_invite(answer);
    print_qr(answer_text(answer, "invite"));
    return true;
}

/* Where the relation stands, in words. */
static const char *state_words(const json_t *peer)
{
    static const struct {
        const char *state, *words;
    } table[] = {
        {"requested", "we asked"},  {"waiting", "waits for you"}, {"accepted", "accepted"},
        {"paused", "paused"},       {"blocked", "blocked"},       {"left", "left"},
        {"suspended", "suspended"},
    };
    const char *state = answer_text(peer, "state");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].state, state) == 0)
            return table[i].words;
    }
    return state;
}

static const char *name_of(const json_t *peer)
{
    const char *name = answer_text(peer, "name");
    return *name ? name : "(no name yet)";
}

static void show_switches(const json_t *peer)
{
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        char path[40];
        snprintf(path, sizeof(path), "switches.%s", switches[i].field);
        show_linef(switches[i].name, "%s: %s", answer_flag(peer, path) ? "on" : "off",
                   switches[i].words);
    }
}

static const char *const lane_words[] = {"receipts", "referrals and claims",
                                         "notices and directory"};

/* Which direction works: that they reach us does not mean that we reach them. */
static void show_directions(const json_t *peer)
{
    char when[SHOW_WHEN];
    const char *failing = answer_text(peer, "dialFailed"), *dialled = answer_text(peer, "dialled"),
               *incoming = answer_text(peer, "incoming");
    if (*failing)
        show_linef("we dial them", "no, our dialling fails since %s", show_when(failing, when));
    else
        show_line("we dial them", *dialled ? "yes" : "not tried since this hub was started");
    show_linef("they dial us", "%s%s", *incoming ? "yes, " : "not since this hub was started",
               *incoming ? show_when(incoming, when) : "");
}

static void show_lag(const json_t *peer)
{
    char count[SHOW_SIZE], objects[SHOW_WHEN], when[SHOW_WHEN];
    const char *oldest = answer_text(peer, "oldest");
    show_linef("queue", "%s%s%s", show_plural(answer_number(peer, "queued"), "object", objects),
               *oldest ? ", the oldest from " : "", show_when(oldest, when));
    for (size_t i = 0; i < answer_count(peer, "lane"); i++) {
        int64_t behind = answer_number(answer_item(peer, "lane", i), "behind");
        if (behind > 0 && i < sizeof(lane_words) / sizeof(lane_words[0]))
            show_linef("", "%s behind in %s", show_count(behind, count), lane_words[i]);
    }
}

static void show_shared(const json_t *peer)
{
    for (size_t i = 0; i < answer_count(peer, "circle"); i++)
        show_line(i ? "" : "circles", answer_text(answer_item(peer, "circle", i), "name"));
}

static void show_open(const json_t *peer)
{
    char open[SHOW_WHEN];
    show_line("open", show_plural(answer_number(peer, "openReferrals"), "referral", open));
    for (size_t i = 0; i < answer_count(peer, "referral") && i < 20; i++) {
        const json_t *referral = answer_item(peer, "referral", i);
        char id[SHOW_SHORT];
        show_linef("", "%s  %s%s", show_short(answer_text(referral, "id"), id),
                   strcmp(answer_text(referral, "box"), "out") == 0 ? "sent by us" : "sent to us",
                   answer_flag(referral, "phone") ? ": follow up by phone" : "");
    }
}

static void show_warnings(const json_t *peer)
{
    for (size_t i = 0; i < answer_count(peer, "warning"); i++)
        show_note("! %s", json_string_value(answer_item(peer, "warning", i)));
}

static void show_peer(const json_t *answer)
{
    char a[SHOW_WHEN], list[ANSWER_LIST];
    const char *last = answer_text(answer, "lastContact");
    bool connected = answer_flag(answer, "connected");
    show_title("%s", name_of(answer));
    show_line("words", answer_text(answer, "words"));
    show_line("node id", answer_text(answer, "id"));
    show_line("relation", state_words(answer));
    if (strcmp(answer_text(answer, "state"), "waiting") == 0)
        show_linef("", "compare the words, then: hubctl peer accept %.10s",
                   answer_text(answer, "id"));
    const char *direction = answer_text(answer, "direction");
    show_linef("link", "%s%s%s", connected ? "connected" : "not connected", *direction ? ", " : "",
               direction);
    show_line("last contact", *last ? show_when(last, a) : "never");
    if (!connected) {
        show_line("next try", show_when(answer_text(answer, "nextAttempt"), a));
        show_line("last error", answer_text(answer, "lastError"));
    }
    show_directions(answer);
    show_lag(answer);
    show_open(answer);
    show_line("routes", answer_join(answer, "route", list));
    show_line("address", answer_flag(answer, "local") ? "may be local" : "");
    show_line("phone", answer_text(answer, "phone"));
    show_line("their words", answer_text(answer, "text"));
    show_line("came here", answer_text(answer, "provenance"));
    show_line("keys", answer_text(answer, "keys"));
    if (answer_number(answer, "score"))
        show_linef("score", "%lld: what it did wrong or too much of; a quiet day wipes it out",
                   (long long)answer_number(answer, "score"));
    show_switches(answer);
    show_shared(answer);
    show_warnings(answer);
}

static const char *link_words(const json_t *peer)
{
    bool failing = *answer_text(peer, "dialFailed") != 0;
    if (answer_flag(peer, "connected"))
        return failing ? "up, by them only" : "up";
    return failing ? "down, no answer" : "down";
}

static void show_peers(const json_t *answer)
{
    static const struct column columns[] = {{"ID", 0},
                                            {"NAME", COLUMN_CUT},
                                            {"RELATION", 0},
                                            {"LINK", 0},
                                            {"LAST CONTACT", 0},
                                            {"QUEUE", COLUMN_RIGHT},
                                            {"SHARES", COLUMN_CUT},
                                            {"WARNS", 0},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "peer"); i++) {
        const json_t *peer = answer_item(answer, "peer", i);
        char id[SHOW_SHORT], when[SHOW_WHEN], queue[SHOW_SIZE], shares[96] = "";
        const char *last = answer_text(peer, "lastContact");
        for (size_t j = 0; j < sizeof(switches) / sizeof(switches[0]); j++) {
            char path[40];
            size_t used = strlen(shares);
            snprintf(path, sizeof(path), "switches.%s", switches[j].field);
            if (answer_flag(peer, path))
                snprintf(shares + used, sizeof(shares) - used, "%s%s", used ? ", " : "",
                         switches[j].name);
        }
        table_add(table, (const char *[]){show_short(answer_text(peer, "id"), id), name_of(peer),
                                          state_words(peer), link_words(peer),
                                          *last ? show_when(last, when) : "never",
                                          show_count(answer_number(peer, "queued"), queue),
                                          *shares ? shares : "nothing",
                                          answer_count(peer, "warning") ? "peer show" : ""});
    }
    table_print(table, "No neighbours yet. Ask one for an invite, or make one: hubctl peer invite");
}

static bool run_join(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *invite = input_value(input, "INVITE");
    AUTO(buf_done) struct buf text = {0};
    if (strcmp(invite, "-") == 0) {
        if (!file_read("-", INVITE_MAX, &text, err))
            return false;
        invite = buf_text(&text);
    }
    request_set(input->request, "invite", json_string(invite));
    return ctl_finish(ctl, input, 0, err);
}

/* Ending a relation with persons on their way is worth a question, to a human. */
static bool run_end(struct ctl *ctl, struct input *input, struct err *err)
{
    if (!input_value(input, "--yes") && isatty(STDIN_FILENO) && show_is_terminal()) {
        AUTO(json_decref) json_t *peer = ctl_call(ctl, "Peers/Get", input->request, err);
        if (!peer)
            return false;
        answer_clean(peer);
        int64_t open = answer_number(peer, "openReferrals");
        char referrals[SHOW_WHEN], line[16] = "";
        if (open > 0) {
            show_open(peer);
            printf("%s still open with %s. Go on? [y/N] ", show_plural(open, "referral", referrals),
                   name_of(peer));
            fflush(stdout);
            if (!fgets(line, sizeof(line), stdin) || (line[0] != 'y' && line[0] != 'Y'))
                return err_set(err, ERR_CONFLICT, "nothing was changed");
        }
    }
    return ctl_finish(ctl, input, 0, err);
}

static bool set_switch(struct ctl *ctl, json_t *request, const char *word, struct err *err)
{
    size_t len = strcspn(word, "=");
    const char *value = word[len] ? word + len + 1 : "";
    bool on = strcmp(value, "on") == 0;
    if (len == 5 && strncmp(word, "local", len) == 0 && (on || strcmp(value, "off") == 0)) {
        request_set(request, "local", json_boolean(on));
        json_array_append_new(json_object_get(request, "set"), json_string("local"));
        return true;
    }
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        char path[40];
        if (strlen(switches[i].name) != len || strncmp(word, switches[i].name, len) != 0)
            continue;
        if (!on && strcmp(value, "off") != 0)
            return wrong_usage(ctl, err, "peer policy: write %s=on or %s=off", switches[i].name,
                               switches[i].name);
        snprintf(path, sizeof(path), "switches.%s", switches[i].field);
        request_set(request, path, json_boolean(on));
        json_array_append_new(json_object_get(request, "set"), json_string(switches[i].name));
        return true;
    }
    return wrong_usage(ctl, err,
                       "peer policy: \"%.*s\" is not one of notices-in, notices-out, ask-around, "
                       "referrals, local",
                       (int)len, word);
}

static bool run_policy(struct ctl *ctl, struct input *input, struct err *err)
{
    for (size_t i = 0; i < input->rest_count; i++) {
        if (!set_switch(ctl, input->request, input->rest[i], err))
            return false;
    }
    return ctl_finish(ctl, input, 0, err);
}

#define PEER WORD("PEER", "id", "node id, the beginning of it, or the hub's name")

static void show_introduced(const json_t *answer)
{
    printf(
        "%s and %s will each hear of the other from us. Whether they join is theirs to decide.\n",
        json_string_value(answer_item(answer, "name", 0)),
        json_string_value(answer_item(answer, "name", 1)));
}

static void show_suggestions(const json_t *answer)
{
    static const struct column columns[] = {{"NO", COLUMN_RIGHT},
                                            {"NAME", COLUMN_CUT},
                                            {"SUGGESTED BY", 0},
                                            {"WORDS", COLUMN_CUT},
                                            {"WHY", COLUMN_WRAP},
                                            {"SINCE", 0},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "suggestion"); i++) {
        const json_t *one = answer_item(answer, "suggestion", i);
        char number[SHOW_SIZE], when[SHOW_WHEN];
        table_add(table, (const char *[]){show_count(answer_number(one, "number"), number),
                                          answer_text(one, "name"), answer_text(one, "source"),
                                          answer_text(one, "words"), answer_text(one, "text"),
                                          show_when(answer_text(one, "received"), when)});
    }
    table_print(table, "Nobody has been suggested.");
}

/* "peer introduce A to B" reads as it is said; the "to" may be left out. */
static bool run_introduce(struct ctl *ctl, struct input *input, struct err *err)
{
    size_t last = input->rest_count ? input->rest_count - 1 : 0;
    if (input->rest_count < 1 || input->rest_count > 2 ||
        (input->rest_count == 2 && strcmp(input->rest[0], "to") != 0))
        return wrong_usage(ctl, err, "peer introduce: write A to B, two peers of this hub");
    request_set(input->request, "b", json_string(input->rest[last]));
    return ctl_finish(ctl, input, 0, err);
}

static const struct option introduce_options[] = {
    WORD("A", "a", "one peer: node id, the beginning of it, or its name"),
    WORDS_LEFT("to B", OPTION_REQUIRED, NULL, "the other"),
    TEXT("--text", "WORDS", "text", "why they should know each other; both read it"),
    OPTIONS_END,
};
static const struct option suggestion_options[] = {
    WORD("SUGGESTION", "id", "its number, or the hub's name"),
    OPTIONS_END,
};
static const struct option invite_options[] = {
    NUMBER("--days", "days", "how long it works; 14 at most and if not said"),
    TEXT("--circle", "CIRCLE", "circle", "who joins with it asks to come into this circle"),
    FLAG("--qr", NULL, "draw the QR code also when this is not a terminal"),
    FLAG("--no-qr", NULL, "draw no QR code"),
    OPTIONS_END,
};
static const struct option join_options[] = {
    WORD("INVITE", NULL, "what the other hub's admin sent, or - for standard input"),
    TEXT("--text", "WORDS", "text", "a word of greeting"),
    FLAG("--local", "local", "the other hub may have a loopback or private address"),
    OPTIONS_END,
};
static const struct option peer_options[] = {PEER, OPTIONS_END};
static const struct option end_options[] = {
    PEER,
    FLAG("--yes", NULL, "do not ask when referrals are still open"),
    OPTIONS_END,
};
static const struct option policy_options[] = {
    PEER,
    WORDS_LEFT("SWITCH=on|off", OPTION_REQUIRED, NULL,
               "notices-in, notices-out, ask-around or referrals; local: it may have a "
               "loopback or private address"),
    OPTIONS_END,
};

const struct command commands_peer[] = {
    {"peer invite", "Make an invite for another hub", "Peers/Invite", invite_options, show_invite,
     run_invite, NULL,
     "The invite works once. Both admins compare the six words of each hub aloud: that proves "
     "that nobody sits in between."},
    {"peer join", "Ask to join another hub, with its invite", "Peers/Join", join_options, show_peer,
     run_join, NULL, NULL},
    {"peer list", "Neighbours, and how they are", "Peers/List", NULL, show_peers, NULL, NULL, NULL},
    {"peer show", "Everything about one neighbour", "Peers/Get", peer_options, show_peer, NULL,
     NULL, NULL},
    {"peer accept", "Accept a neighbour; ends a pause too", "Peers/Accept", peer_options, show_peer,
     NULL, NULL, "New neighbours share notices only; \"peer policy\" changes that."},
    {"peer pause", "Hear nothing from a neighbour for a while", "Peers/Pause", peer_options,
     show_peer, NULL, NULL, "\"peer accept\" ends the pause."},
    {"peer block", "Refuse a neighbour", "Peers/Block", end_options, show_peer, run_end, NULL,
     NULL},
    {"peer unblock", "Take back a block", "Peers/Unblock", peer_options, show_peer, NULL, NULL,
     NULL},
    {"peer leave", "End the relation", "Peers/Leave", end_options, show_peer, run_end, NULL, NULL},
    {"peer introduce", "Suggest two neighbours to each other", "Peers/Introduce", introduce_options,
     show_introduced, run_introduce, NULL,
     "Example: hubctl peer introduce Mairie to \"Croix-Rouge\""},
    {"peer suggestions", "Hubs that neighbours suggest to us", "Peers/Suggestions", NULL,
     show_suggestions, NULL, NULL, "\"peer ask\" takes one up, \"peer forget\" drops it."},
    {"peer ask", "Take a suggestion up: ask that hub to join", "Peers/TakeSuggestion",
     suggestion_options, show_peer, NULL, NULL, NULL},
    {"peer forget", "Drop a suggestion", "Peers/ForgetSuggestion", suggestion_options,
     show_suggestions, NULL, NULL, NULL},
    {"peer policy", "What is shared with a neighbour", "Peers/SetPolicy", policy_options, show_peer,
     run_policy, "{\"set\": []}", "Example: hubctl peer policy Mairie notices-in=on referrals=on"},
    {.words = NULL},
};
