/* hubctl relay: who keeps sealed objects for whom. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>
#include <string.h>

static const char *name_of(const json_t *relay)
{
    const char *name = answer_text(relay, "name");
    return *name ? name : "(no name yet)";
}

/* What we do for them. */
static const char *duty_words(const json_t *relay)
{
    const char *duty = answer_text(relay, "duty");
    if (strcmp(duty, "refused") == 0)
        return "refused";
    if (!answer_flag(relay, "relaysFor"))
        return "no";
    return *duty ? "yes" : "yes, by the charter of a circle";
}

/* What they do for us. */
static const char *home_words(const json_t *relay)
{
    bool home = answer_flag(relay, "home"), granted = answer_flag(relay, "granted");
    if (home)
        return granted ? "home relay" : "asked, not granted yet";
    return granted ? "would" : "no";
}

static void warn_suspect(const json_t *relay)
{
    int64_t suspect = answer_number(relay, "suspect");
    char count[SHOW_WHEN];
    if (suspect > 0)
        show_note("Warning: %s took %s in the last day that only another way brought. It is asked "
                  "last until a day after. Call its admin; if it goes on: hubctl relay stop %.10s",
                  name_of(relay), show_plural(suspect, "message", count), answer_text(relay, "id"));
}

static void show_relay(const json_t *answer)
{
    char text[SHOW_WHEN], size[SHOW_SIZE];
    show_title("%s", name_of(answer));
    show_line("node id", answer_text(answer, "id"));
    show_line("link", answer_flag(answer, "connected") ? "connected" : "not connected");
    show_line("we for them", duty_words(answer));
    int64_t held = answer_number(answer, "held");
    if (held > 0)
        show_linef("held here", "%s, %s", show_plural(held, "sealed message", text),
                   show_size(answer_number(answer, "heldBytes"), size));
    show_line("they for us", home_words(answer));
    if (answer_flag(answer, "home") && !answer_flag(answer, "granted"))
        show_line("", "its admin has to run: hubctl relay allow, with the name of this hub");
    int64_t waiting = answer_number(answer, "waiting");
    if (waiting > 0)
        show_line("they hold", show_plural(waiting, "message", text));
    warn_suspect(answer);
}

static void show_relays(const json_t *answer)
{
    static const struct column columns[] = {
        {"ID", 0},          {"NAME", COLUMN_CUT},   {"LINK", 0},
        {"WE FOR THEM", 0}, {"HELD", COLUMN_RIGHT}, {"SIZE", COLUMN_RIGHT},
        {"OLDEST", 0},      {"THEY FOR US", 0},     {"OURS THERE", COLUMN_RIGHT},
        {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "relay"); i++) {
        const json_t *relay = answer_item(answer, "relay", i);
        char id[SHOW_SHORT], held[SHOW_SIZE], size[SHOW_SIZE], since[SHOW_WHEN], ours[SHOW_SIZE];
        int64_t bytes = answer_number(relay, "heldBytes");
        table_add(table, (const char *[]){
                             show_short(answer_text(relay, "id"), id), name_of(relay),
                             answer_flag(relay, "connected") ? "up" : "down", duty_words(relay),
                             show_count(answer_number(relay, "held"), held),
                             bytes ? show_size(bytes, size) : "",
                             show_when(answer_text(relay, "heldSince"), since), home_words(relay),
                             show_count(answer_number(relay, "waiting"), ours)});
    }
    table_print(table, "No relays: this hub and its neighbours reach each other directly.");
    for (size_t i = 0; i < answer_count(answer, "relay"); i++)
        warn_suspect(answer_item(answer, "relay", i));
    int64_t homes = answer_number(answer, "homeRelays");
    if (answer_flag(answer, "dialsOnly") && homes < 2)
        show_note("Nobody can dial this hub. While it is offline messages for it wait at its home "
                  "relays: it has %lld, two or three from different organisations are better. Ask "
                  "a neighbour whose hub is always on, then: hubctl relay use NAME",
                  (long long)homes);
}

static const struct option relay_options[] = {
    WORD("PEER", "id", "name, or the first characters of the id"),
    OPTIONS_END,
};

const struct command commands_relay[] = {
    {"relay list", "Who keeps messages for whom", "Relays/List", NULL, show_relays, NULL, NULL,
     "A relay keeps sealed messages for a hub that is offline. It sees for whom they are, their "
     "size and until when they count; not who wrote them and not what they say."},
    {"relay allow", "Keep messages for a neighbour while it is offline", "Relays/Allow",
     relay_options, show_relay, NULL, NULL,
     "At most 2,000 messages or 64 MB for each neighbour. \"relay refuse\" ends it."},
    {"relay refuse", "Keep no messages for a neighbour", "Relays/Refuse", relay_options, show_relay,
     NULL, NULL,
     "Also where the charter of a circle asks for it. What is held already is still given to it."},
    {"relay use", "Let a neighbour keep messages for this hub", "Relays/Use", relay_options,
     show_relay, NULL, NULL,
     "For a hub that nobody can dial. Its admin has to allow it: hubctl relay allow. Use two or "
     "three from different organisations."},
    {"relay stop", "No longer use a neighbour as relay", "Relays/Stop", relay_options, show_relay,
     NULL, NULL, NULL},
    {.words = NULL},
};
