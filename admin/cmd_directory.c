/* hubctl directory: who does what. */
#include "admin/command.h"
#include "admin/show.h"

#include "hub/base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char capacity_choices[] =
    "capacity|no-capacity|waitlist|additional-assessment-required";

static const struct {
    const char *code, *words;
} capacities[] = {
    {"capacity", "places free"},
    {"no-capacity", "full"},
    {"waitlist", "waiting list"},
    {"additional-assessment-required", "to be assessed"},
};

static char *capacity_words(const json_t *service, char *out, size_t size)
{
    char code[ANSWER_CODE];
    const json_t *capacity = answer_find(service, "content.capacity");
    int64_t places = answer_number(capacity, "placesFree"),
            weeks = answer_number(capacity, "waitWeeks");
    answer_code(capacity, "code", "CAPACITY_CODE_", code);
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
        if (strcmp(capacities[i].code, code) == 0)
            snprintf(out, size, "%s", capacities[i].words);
    }
    if (strcmp(code, "capacity") == 0 && places > 0)
        snprintf(out, size, places == 1 ? "%lld place free" : "%lld places free",
                 (long long)places);
    if (weeks > 0 && *out)
        snprintf(out + strlen(out), size - strlen(out), ", %lld weeks", (long long)weeks);
    int64_t days = ((int64_t)time(NULL) - strtoll(answer_text(capacity, "updatedS"), NULL, 10)) /
                   86400; /* 64-bit numbers are text in JSON */
    if (*out && days > 0 && days < 20000)
        snprintf(out + strlen(out), size - strlen(out), " (%lld day%s ago)", (long long)days,
                 days > 1 ? "s" : "");
    return out;
}

static char *distance_words(const json_t *service, char *out, size_t size)
{
    double km = answer_real(service, "distanceKm");
    out[0] = '\0';
    if (answer_find(service, "distanceKm") && km >= 0)
        snprintf(out, size, km < 10 ? "%.1f km" : "%.0f km", km);
    return out;
}

static const struct {
    const char *code, *words;
} reasons[] = {
    {"age", "not this age"},        {"public", "made for others"},
    {"price", "not free"},          {"mode", "not in this way"},
    {"zone", "not for this place"}, {"language", "not in this language"},
};

/* "suits", or why not. */
static char *fit_words(const json_t *service, char *out, size_t size)
{
    out[0] = '\0';
    if (!answer_find(service, "fit"))
        return out;
    if (answer_flag(service, "fit.fits"))
        snprintf(out, size, "suits");
    for (size_t i = 0; i < answer_count(service, "fit.reason"); i++) {
        const char *code = answer_text(answer_item(service, "fit.reason", i), "code");
        for (size_t k = 0; k < sizeof(reasons) / sizeof(reasons[0]); k++)
            if (strcmp(reasons[k].code, code) == 0)
                snprintf(out + strlen(out), size - strlen(out), "%s%s", *out ? ", " : "",
                         reasons[k].words);
    }
    return out;
}

/* "open until 17:00", "opens Mon 09:00". */
static char *open_words(const json_t *service, char *out, size_t size)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    const char *state = answer_text(service, "openness.state");
    int64_t until = answer_number(service, "openness.untilMinute"),
            opens = answer_number(service, "openness.opensMinute"),
            weekday = answer_number(service, "openness.weekday");
    out[0] = '\0';
    if (strcmp(state, "open") == 0)
        snprintf(out, size, "open until %02lld:%02lld", (long long)until / 60 % 24,
                 (long long)until % 60);
    else if (*state && answer_flag(service, "openness.opens"))
        snprintf(out, size, "opens %s %02lld:%02lld",
                 days[weekday >= 0 && weekday < 7 ? weekday : 0], (long long)opens / 60,
                 (long long)opens % 60);
    else if (*state)
        snprintf(out, size, "closed");
    return out;
}

static void add_fact(char *out, size_t size, const char *fact)
{
    size_t len = strlen(out);
    if (*fact && len < size)
        snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", fact);
}

/* Price, doors, access, languages: what a page shows beside each answer. */
static char *fact_words(const json_t *service, char *out, size_t size)
{
    char open[48], list[ANSWER_LIST];
    out[0] = '\0';
    add_fact(out, size, answer_text(service, "content.price"));
    add_fact(out, size, open_words(service, open, sizeof(open)));
    if (!strstr(answer_text(service, "content.access"), "://"))
        add_fact(out, size, answer_text(service, "content.access"));
    add_fact(out, size, answer_join(service, "content.language", list));
    add_fact(out, size, answer_text(service, "content.phone"));
    if (!answer_flag(service, "confirmed"))
        add_fact(out, size, "not confirmed by them");
    return out;
}

static void show_corrections(const json_t *answer)
{
    for (size_t i = 0; i < answer_count(answer, "correction"); i++) {
        char list[ANSWER_LIST];
        const json_t *correction = answer_item(answer, "correction", i);
        printf("For \"%s\" also looked for: %s\n", answer_text(correction, "typed"),
               answer_join(correction, "meant", list));
    }
}

static void show_found(const json_t *answer)
{
    static const struct column columns[] = {{"SERVICE", COLUMN_WRAP},
                                            {"BY", COLUMN_WRAP},
                                            {"WHERE", COLUMN_CUT},
                                            {"AWAY", COLUMN_RIGHT},
                                            {"PLACES", COLUMN_CUT},
                                            {"SUITS", COLUMN_WRAP},
                                            {"FACTS", COLUMN_WRAP},
                                            {"REFERRALS", 0},
                                            {"ID", 0},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "service"); i++) {
        const json_t *service = answer_item(answer, "service", i);
        char id[SHOW_SERVICE], away[24], capacity[64], fit[160], facts[256];
        const char *by = answer_text(service, "content.structureName");
        table_add(table, (const char *[]){answer_text(service, "content.name"),
                                          *by ? by : answer_text(service, "ownerName"),
                                          answer_text(service, "content.communeName"),
                                          distance_words(service, away, sizeof(away)),
                                          capacity_words(service, capacity, sizeof(capacity)),
                                          fit_words(service, fit, sizeof(fit)),
                                          fact_words(service, facts, sizeof(facts)),
                                          answer_flag(service, "takesReferrals") ? "yes" : "",
                                          show_service(answer_text(service, "id"), id)});
    }
    const char *near = answer_text(answer, "nearName");
    if (*near)
        printf("Near %s:\n", near);
    show_corrections(answer);
    table_print(table, "Nothing found. Try fewer words, or a larger --km.");
    if (answer_flag(answer, "more"))
        show_note("There are more: --offset, or a larger --limit.");
}

static void show_list(const json_t *service, const char *label, const char *path)
{
    char list[ANSWER_LIST];
    show_line(label, answer_join(service, path, list));
}

static const struct {
    const char *code, *words;
} mendings[] = {
    {"reach", "say how to reach it (reach)"},
    {"contact", "give the phone, e-mail or link that it needs"},
    {"place", "say where it is"},
    {"theme", "name a theme"},
    {"text", "describe it in 200 to 2,000 characters"},
    {"price", "say what it costs"},
    {"public", "say for whom it is"},
    {"capacity", "say how many places are free: hubctl directory capacity"},
    {"age", "confirm that it is still right"},
};

static void show_quality(const json_t *answer)
{
    const char *next = answer_text(answer, "quality.next");
    if (!answer_find(answer, "quality"))
        return;
    for (size_t i = 0; i < sizeof(mendings) / sizeof(mendings[0]); i++)
        if (strcmp(mendings[i].code, next) == 0)
            show_line("to mend", mendings[i].words);
}

static void show_service_view(const json_t *answer)
{
    const json_t *content = answer_find(answer, "content");
    char text[96];
    const char *by = answer_text(content, "structureName"),
               *access = answer_text(content, "access");
    show_title("%s", answer_text(content, "name"));
    show_line("by", *by ? by : answer_text(answer, "ownerName"));
    show_line("hub", answer_flag(answer, "ours") ? "this one" : answer_text(answer, "ownerName"));
    show_line("id", answer_text(answer, "id"));
    show_line("what", answer_text(content, "description"));
    show_list(answer, "themes", "content.theme");
    show_list(answer, "for whom", "content.public");
    show_line("conditions", answer_text(content, "conditions"));
    show_linef("price", "%s %s", answer_text(content, "price"),
               answer_text(content, "priceDetail"));
    show_linef("where", "%s %s %s", answer_text(content, "address"),
               answer_text(content, "postalCode"), answer_text(content, "communeName"));
    show_line("away", distance_words(answer, text, sizeof(text)));
    show_list(answer, "area served", "content.zone");
    show_line("open", answer_text(content, "openingHours"));
    show_line("now", open_words(answer, text, sizeof(text)));
    show_line("access", access);
    show_list(answer, "languages", "content.language");
    show_line("phone", answer_text(content, "phone"));
    show_line("e-mail", answer_text(content, "email"));
    show_line("web", answer_text(content, "url"));
    show_list(answer, "reached by", "content.reach");
    show_line("places", capacity_words(answer, text, sizeof(text)));
    show_line("referrals", answer_flag(answer, "takesReferrals")
                               ? "yes: hubctl referral send --to ID"
                               : "not through a hub: call them");
    for (size_t i = 0; i < answer_count(content, "asked"); i++) {
        const json_t *asked = answer_item(content, "asked", i);
        show_linef(i == 0 ? "asks for" : "", "%s: %s", answer_text(asked, "field"),
                   answer_text(asked, "why"));
    }
    const char *age = answer_text(answer, "ageWords"), *source = answer_text(answer, "source");
    show_linef("as of", "%s%s%s", *age ? age : answer_text(answer, "updated"),
               *source ? ", from " : "", source);
    show_quality(answer);
}

static void show_own(const json_t *answer)
{
    static const struct column columns[] = {{"SERVICE", COLUMN_WRAP},
                                            {"ENTRY", COLUMN_RIGHT},
                                            {"TO MEND", COLUMN_WRAP},
                                            {"PLACES", COLUMN_CUT},
                                            {"UID", 0},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "service"); i++) {
        const json_t *service = answer_item(answer, "service", i);
        const char *slash = strchr(answer_text(service, "id"), '/'),
                   *next = answer_text(service, "quality.next"), *mending = "";
        char percent[24], capacity[64];
        for (size_t k = 0; k < sizeof(mendings) / sizeof(mendings[0]); k++)
            if (strcmp(mendings[k].code, next) == 0)
                mending = mendings[k].words;
        snprintf(percent, sizeof(percent), "%lld %%",
                 (long long)answer_number(service, "quality.percent"));
        table_add(table, (const char *[]){answer_text(service, "content.name"), percent, mending,
                                          capacity_words(service, capacity, sizeof(capacity)),
                                          slash ? slash + 1 : ""});
    }
    table_print(table, "This hub offers no service yet: hubctl directory put.");
}

static bool run_show(struct ctl *ctl, struct input *input, struct err *err)
{
    char *id = ctl_service_id(ctl, input_value(input, "ID"), err);
    if (!id)
        return false;
    request_set(input->request, "id", json_string(id));
    free(id);
    return ctl_finish(ctl, input, 0, err);
}

static bool run_put(struct ctl *ctl, struct input *input, struct err *err)
{
    json_t *content = file_read_json(input_value(input, "FILE"), err);
    if (!content)
        return false;
    request_set(input->request, "content", content);
    return ctl_finish(ctl, input, 0, err);
}

/* Own services are named by their uid; what search shows has a short hub id before it. */
static bool run_own(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *text = input_value(input, "UID");
    if (strchr(text, '/')) {
        char *id = ctl_service_id(ctl, text, err);
        if (!id)
            return false;
        request_set(input->request, input->command->options[0].field, json_string(id));
        free(id);
    }
    return ctl_finish(ctl, input, 0, err);
}

static bool run_close(struct ctl *ctl, struct input *input, struct err *err)
{
    bool open = input_value(input, "--open") != NULL;
    if (open && (input_value(input, "--words") || input_value(input, "--until")))
        return wrong_usage(ctl, err, "--open goes alone");
    if (!open && !json_object_get(input->request, "closure"))
        json_object_set_new(input->request, "closure", json_object());
    return run_own(ctl, input, err);
}

static void show_removed(const json_t *answer)
{
    (void)answer;
    puts("Removed: peers are told.");
}

static bool run_export(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    if (ctl->json)
        return ctl_finish(ctl, input, CLIENT_LONG, err);
    AUTO(json_decref) json_t *answer = ctl_call(ctl, input->command->method, input->request, err);
    AUTO(buf_done) struct buf file = {0};
    if (!answer)
        return false;
    if (!base64_decode(answer_text(answer, "file"), &file))
        return err_set(err, ERR_IO, "the hub's file cannot be read: are both the same version?");
    return file_write_new(path ? path : "-", buf_bytes(&file), err);
}

static const struct option search_options[] = {
    WORDS_LEFT("WORDS", 0, "words", "what is looked for"),
    TEXT("--near", "PLACE", "near", "commune, postal code or \"lat,lon\""),
    NUMBER("--km", "km", "no further away than that"),
    TEXT("--theme", "CODE", "theme", "a theme or family of themes of data.inclusion"),
    NUMBER("--limit", "limit", "how many (20, at most 100)"),
    NUMBER("--offset", "offset", "how many of the list to leave out: the next page"),
    FLAG("--referrals", "hubOnly", "only what takes referrals from this hub"),
    TEXT("--public", "CODE", "public", "for whom: jeunes, familles, seniors, …"),
    NUMBER("--age", "age", "of the person"),
    TEXT("--price", "CODE", "price", "gratuit: says what costs something"),
    TEXT("--mode", "CODE", "mode", "en-presentiel or a-distance"),
    TEXT("--language", "CODE", "language", "spoken there: ar, en, uk, …"),
    TEXT("--commune", "INSEE", "commune", "where the person lives, if not --near"),
    FLAG("--fitting", "onlyFitting", "leave out what does not suit"),
    FLAG("--open-now", "openNow", "only what is open now, as far as known"),
    OPTIONS_END,
};
static const struct option show_options[] = {
    WORD("ID", NULL, "as search shows it; for own services the part after the / is enough"),
    OPTIONS_END,
};
static const struct option put_options[] = {
    WORD("FILE", NULL, "JSON of a ServiceContent (proto/maillon/hfp/v1/directory.proto), or -"),
    TEXT("--uid", "UID", "uid", "change this service; else a new one is made"),
    OPTIONS_END,
};
static const struct option remove_options[] = {
    WORD("UID", "id", "of a service of this hub"),
    OPTIONS_END,
};
static const struct option capacity_options[] = {
    WORD("UID", "uid", "of a service of this hub"),
    {"CODE", NULL, OPTION_CODE, OPTION_REQUIRED, "capacity.code", capacity_choices,
     "CAPACITY_CODE_", "how it is today"},
    NUMBER("--places", "capacity.placesFree", "free places"),
    NUMBER("--places-total", "capacity.placesTotal", "places in all"),
    NUMBER("--wait-weeks", "capacity.waitWeeks", "weeks to wait"),
    {"--until", "DATE", OPTION_TIME, 0, "capacity.untilS", NULL, NULL,
     "after that day nothing is said any more"},
    OPTIONS_END,
};
static const struct option close_options[] = {
    WORD("UID", "uid", "of a service of this hub"),
    TEXT("--words", "TEXT", "closure.words", "why, and what to do meanwhile"),
    {"--until", "DATE", OPTION_TIME, 0, "closure.untilS", NULL, NULL, "open again from that day"},
    FLAG("--open", NULL, "open again"),
    OPTIONS_END,
};
static const struct option confirm_options[] = {
    WORD("UID", "id", "of a service of this hub"),
    OPTIONS_END,
};
static const struct option export_options[] = {
    WORD_OPTIONAL("FILE", NULL, "new file; else standard output"),
    TEXT_REQUIRED("--format", "FORMAT", "format", "data-inclusion"),
    OPTIONS_END,
};

const struct command commands_directory[] = {
    {"directory search", "Find services", "Directory/Search", search_options, show_found, NULL,
     NULL, "All words must match; the last may be a beginning. Nearest first with --near."},
    {"directory show", "Everything about one service", "Directory/GetService", show_options,
     show_service_view, run_show, NULL, NULL},
    {"directory put", "Make or change a service of this hub", "Directory/PutService", put_options,
     show_service_view, run_put, NULL, "Peers are told at once. Needs the role coordinator."},
    {"directory remove", "Remove a service of this hub", "Directory/RemoveService", remove_options,
     show_removed, run_own, NULL, NULL},
    {"directory capacity", "Say how many places a service has", "Directory/SetCapacity",
     capacity_options, show_service_view, run_own, NULL,
     "Example: hubctl directory capacity atelier-cv capacity --places 3"},
    {"directory own", "Services of this hub, and what to mend next", "Directory/ListOwn", NULL,
     show_own, NULL, NULL, NULL},
    {"directory confirm", "Say that a service of this hub is still right",
     "Directory/ConfirmService", confirm_options, show_service_view, run_own, NULL, NULL},
    {"directory close", "Show a service of this hub as closed at present", "Directory/CloseService",
     close_options, show_service_view, run_close, NULL,
     "With --until it opens by itself; with --open at once."},
    {"directory export", "Write the directory as open data", "Directory/Export", export_options,
     NULL, run_export, NULL, NULL},
    {.words = NULL},
};
