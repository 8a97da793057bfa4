/* Services of this hub, for who keeps them: what to mend, how many places, closed, the whole entry.
 */
#include "hub/base/text.h"
#include "hub/domain/directory_words.h"
#include "hub/domain/hours.h"
#include "hub/web/hours_typed.h"
#include "hub/web/pages.h"
#include "hub/web/service_words.h"
#include "hub/web/spoken_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLES_KEEP   (ROLE_COORDINATOR | ROLE_ADMIN)
#define KEY_SIZE     96
#define THEMES_SHOWN 2 /* themes of a small service: one more can always be added */
#define ASKED_SHOWN  3
#define SPANS_MAX    32
#define DAY_MS       86400000LL

/* --- the list --------------------------------------------------------------------------------- */

static const char *const capacity_codes[] = {"capacity", "no-capacity", "waitlist",
                                             "additional-assessment-required"};

/* Four buttons; the one that holds is marked. */
static void add_capacities(struct page_visit *visit, json_t *service)
{
    json_t *list = json_array();
    const json_t *capacity = json_object_get(json_object_get(service, "content"), "capacity");
    for (size_t i = 0; i < ARRAY_LEN(capacity_codes); i++) {
        bool now = json_object_get(json_object_get(capacity, "code_is"), capacity_codes[i]) != NULL;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:b}", "code", capacity_codes[i], "text",
                                        page_word(visit, "code", capacity_codes[i]), "now", now));
    }
    json_object_set_new(service, "capacities", list);
}

/* How good the entry is, in words; nobody is ranked by it. */
static void add_quality(struct page_visit *visit, json_t *service)
{
    const json_t *quality = json_object_get(service, "quality");
    json_int_t percent = json_integer_value(json_object_get(quality, "percent"));
    const char *next = page_text(quality, "next");
    const char *level = page_text(quality, "level");
    json_object_set_new(service, "entry",
                        json_pack("{s:I, s:s, s:b}", "percent", percent, "text",
                                  page_word(visit, "own_services.quality", level), level, 1));
    if (*next)
        json_object_set_new(service, "mending", json_string(page_word(visit, "quality", next)));
}

static void add_closure(struct page_visit *visit, json_t *service)
{
    json_t *closure = json_object_get(json_object_get(service, "content"), "closure");
    long long until = strtoll(page_text(closure, "untilS"), NULL, 10);
    char iso[25];
    if (!closure)
        return;
    json_object_set_new(service, "is_closed", json_true());
    if (until > 0 && until < 4102444800) {
        json_object_set_new(closure, "until", json_stringn(text_time(until * 1000, iso), 10));
        page_add_words(visit, closure);
    }
}

static void add_uid(json_t *service)
{
    const char *slash = strchr(page_text(service, "id"), '/');
    json_object_set_new(service, "uid", json_string(slash ? slash + 1 : ""));
}

static void add_checked(struct page_visit *visit, json_t *service)
{
    json_t *content = json_object_get(service, "content");
    long long checked = strtoll(page_text(content, "checkedS"), NULL, 10);
    char iso[25];
    if (checked > 0 && checked < 4102444800)
        json_object_set_new(content, "checked", json_string(text_time(checked * 1000, iso)));
    page_add_words(visit, content);
}

static void view_list(struct page_visit *visit)
{
    json_t *service;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "own"), "service"), i,
                       service)
    {
        service_words_add(visit, service, false);
        add_uid(service);
        add_checked(visit, service);
        add_capacities(visit, service);
        add_quality(visit, service);
        add_closure(visit, service);
    }
}

/* "2026-12-01" to seconds as JSON has them; the day itself counts. */
static void set_until(json_t *object, const char *name, const char *day)
{
    int64_t at_ms;
    char text[24];
    if (!*day || !text_parse_time(day, &at_ms))
        return;
    snprintf(text, sizeof(text), "%lld", (long long)((at_ms + DAY_MS) / 1000));
    json_object_set_new(object, name, json_string(text));
}

static void set_number(json_t *object, const char *name, const char *text)
{
    int64_t number;
    if (text_parse_i64(text, &number) && number >= 0)
        json_object_set_new(object, name, json_integer(number));
    else if (*text)
        json_object_set_new(object, name, json_string(text)); /* the API says what is wrong */
}

static json_t *build_capacity(struct page_visit *visit)
{
    char code[64] = "CAPACITY_CODE_";
    size_t len = strlen(code);
    for (const char *at = page_value(visit, "form.code"); *at && len + 1 < sizeof(code); at++)
        code[len++] = *at == '-' ? '_' : (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    json_t *capacity = json_pack("{s:s}", "code", code);
    set_number(capacity, "placesFree", page_value(visit, "form.places"));
    set_number(capacity, "waitWeeks", page_value(visit, "form.weeks"));
    set_until(capacity, "untilS", page_value(visit, "form.until"));
    return json_pack("{s:s, s:o}", "uid", page_value(visit, "path.uid"), "capacity", capacity);
}

static json_t *build_closure(struct page_visit *visit)
{
    json_t *closure = json_pack("{s:s}", "words", page_value(visit, "form.words"));
    set_until(closure, "untilS", page_value(visit, "form.until"));
    return json_pack("{s:s, s:o}", "uid", page_value(visit, "path.uid"), "closure", closure);
}

/* --- the whole entry -------------------------------------------------------------------------- */

/* Fields of one text, as ServiceContent and the form call them. */
static const struct {
    const char *field, *form;
} texts[] = {
    {"name", "name"},
    {"description", "description"},
    {"structureName", "structure_name"},
    {"phone", "phone"},
    {"email", "email"},
    {"url", "url"},
    {"conditions", "conditions"},
    {"price", "price"},
    {"priceDetail", "price_detail"},
    {"openingHours", "opening_hours"},
    {"address", "address"},
    {"postalCode", "postal_code"},
    {"communeName", "commune_name"},
    {"access", "access"},
};
static json_t *form_list(struct page_visit *visit, const char *name)
{
    json_t *value = json_object_get(json_object_get(page_context(visit), "form"), name), *item;
    json_t *list = json_array();
    size_t i;
    if (json_is_string(value) && json_string_length(value) > 0)
        json_array_append(list, value);
    json_array_foreach(value, i, item) if (json_is_string(item) && json_string_length(item) > 0)
        json_array_append(list, item);
    return list;
}

static json_t *split_line(const char *line)
{
    json_t *list = json_array();
    while (*line) {
        line += strspn(line, " ,;\t\n");
        size_t len = strcspn(line, ",;\n");
        size_t end = len;
        while (end > 0 && line[end - 1] == ' ')
            end--;
        if (end > 0)
            json_array_append_new(list, json_stringn(line, end));
        line += len;
    }
    return list;
}

static void join_line(const struct catalog *catalog, const json_t *list, struct buf *out)
{
    const json_t *item;
    size_t i;
    (void)catalog; /* codes are what people type here */
    json_array_foreach(list, i, item)
        buf_addf(out, "%s%s", i > 0 ? ", " : "", json_string_value(item));
}

/* Fields of several codes: boxes that are ticked, or a line with commas between. */
static const struct {
    const char *field;
    json_t *(*split)(const char *line); /* NULL: boxes */
    void (*join)(const struct catalog *catalog, const json_t *list, struct buf *out);
} lists[] = {
    {"theme", NULL, NULL},           {"reach", NULL, NULL},
    {"public", NULL, NULL},          {"mode", NULL, NULL},
    {"zone", split_line, join_line}, {"language", spoken_names_read, spoken_names_add},
};

/* The value of a field that comes several times, in its place; "" when there is none. */
static const char *item_at(struct page_visit *visit, const char *name, size_t at)
{
    const json_t *value = json_object_get(json_object_get(page_context(visit), "form"), name);
    const char *text = json_string_value(json_is_array(value) ? json_array_get(value, at)
                                         : at == 0            ? value
                                                              : NULL);
    return text ? text : "";
}

static size_t item_count(struct page_visit *visit, const char *name)
{
    const json_t *value = json_object_get(json_object_get(page_context(visit), "form"), name);
    return json_is_array(value) ? json_array_size(value) : json_is_string(value);
}

static json_t *asked_of_form(struct page_visit *visit)
{
    json_t *list = json_array();
    for (size_t i = 0; i < item_count(visit, "asked"); i++)
        if (*item_at(visit, "asked", i))
            json_array_append_new(list, json_pack("{s:s, s:s}", "field", item_at(visit, "asked", i),
                                                  "why", item_at(visit, "why", i)));
    return list;
}

/* What the form does not show. An answer has words beside its fields: those stay behind. */
static const char *const unshown_fields[] = {"type",       "reachBy",     "commune",
                                             "latitudeE5", "longitudeE5", "checkedS"};
static const char *const capacity_fields[] = {"code",      "placesFree", "placesTotal",
                                              "waitWeeks", "untilS",     "updatedS"};
static const char *const closure_fields[] = {"words", "untilS"};

static void keep(json_t *to, const json_t *from, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (json_object_get(from, names[i]))
            json_object_set(to, names[i], json_object_get(from, names[i]));
}

static void keep_inside(json_t *to, const json_t *from, const char *name, const char *const *names,
                        size_t count)
{
    json_t *inside = json_object();
    keep(inside, json_object_get(from, name), names, count);
    if (json_object_get(from, name))
        json_object_set(to, name, inside);
    json_decref(inside);
}

/* What the form says, over what the entry has that the form does not show. */
static json_t *build_service(struct page_visit *visit)
{
    json_t *old = json_object_get(json_object_get(page_context(visit), "old"), "content");
    json_t *content = json_object();
    char key[KEY_SIZE];
    keep(content, old, unshown_fields, ARRAY_LEN(unshown_fields));
    keep_inside(content, old, "capacity", capacity_fields, ARRAY_LEN(capacity_fields));
    keep_inside(content, old, "closure", closure_fields, ARRAY_LEN(closure_fields));
    bool moved = false;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        snprintf(key, sizeof(key), "form.%s", texts[i].form);
        const char *text = page_value(visit, key);
        AUTO(buf_done) struct buf hours = {0};
        if (strcmp(texts[i].field, "openingHours") == 0) {
            hours_typed_read(page_catalog(visit), text, &hours);
            text = buf_text(&hours);
        }
        if (*text)
            json_object_set_new(content, texts[i].field, json_string(text));
        if ((strcmp(texts[i].field, "communeName") == 0 || strcmp(texts[i].field, "address") == 0 ||
             strcmp(texts[i].field, "postalCode") == 0) &&
            strcmp(text, page_text(old, texts[i].field)) != 0)
            moved = true;
    }
    if (moved) { /* the point and the code were those of the place before */
        json_object_del(content, "commune");
        json_object_del(content, "latitudeE5");
        json_object_del(content, "longitudeE5");
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        snprintf(key, sizeof(key), "form.%s", lists[i].field);
        json_object_set_new(content, lists[i].field,
                            lists[i].split ? lists[i].split(page_value(visit, key))
                                           : form_list(visit, lists[i].field));
    }
    json_object_set_new(content, "asked", asked_of_form(visit));
    json_t *request = json_pack("{s:o}", "content", content);
    if (*page_value(visit, "path.uid"))
        json_object_set_new(request, "uid", json_string(page_value(visit, "path.uid")));
    return request;
}

/* What the entry has, as the form would have it. */
static void fill_form(struct page_visit *visit, const json_t *content)
{
    json_t *form = json_object_get(page_context(visit), "form"), *item, *asked = json_array(),
           *whys = json_array();
    size_t i;
    for (i = 0; i < ARRAY_LEN(texts); i++)
        json_object_set_new(form, texts[i].form, json_string(page_text(content, texts[i].field)));
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        AUTO(buf_done) struct buf line = {0};
        json_t *list = json_object_get(content, lists[k].field);
        if (lists[k].join)
            lists[k].join(page_catalog(visit), list, &line);
        json_object_set_new(form, lists[k].field,
                            lists[k].join ? json_string(buf_text(&line))
                            : list        ? json_copy(list)
                                          : json_array());
    }
    json_array_foreach(json_object_get(content, "asked"), i, item)
    {
        json_array_append_new(asked, json_string(page_text(item, "field")));
        json_array_append_new(whys, json_string(page_text(item, "why")));
    }
    json_object_set_new(form, "asked", asked);
    json_object_set_new(form, "why", whys);
}

static bool has(const json_t *list, const char *code)
{
    size_t i;
    json_t *item;
    json_array_foreach((json_t *)(uintptr_t)list, i,
                       item) if (json_is_string(item) &&
                                 strcmp(json_string_value(item), code) == 0) return true;
    return false;
}

/* [{code, text, chosen}] of a short list. */
static void add_choices(struct page_visit *visit, const char *name, const char *words,
                        const char *const *codes, size_t count)
{
    json_t *chosen = form_list(visit, name), *choices = json_array();
    char key[KEY_SIZE];
    for (size_t i = 0; i < count; i++)
        json_array_append_new(choices, json_pack("{s:s, s:s, s:b}", "code", codes[i], "text",
                                                 page_word(visit, words, codes[i]), "chosen",
                                                 has(chosen, codes[i])));
    snprintf(key, sizeof(key), "%s_choices", name);
    json_object_set_new(page_context(visit), key, choices);
    json_decref(chosen);
}

/* Families have words in every language, what is inside them those of data.inclusion. */
static const char *theme_label(struct page_visit *visit, const char *code)
{
    const char *words = page_word(visit, "theme", code);
    for (size_t i = 0; !*words && i < vocabulary_word_count; i++)
        if (vocabulary_words[i].vocabulary == VOCABULARY_THEME &&
            strcmp(vocabulary_words[i].value, code) == 0)
            return vocabulary_words[i].label;
    return *words ? words : code;
}

/* All themes by family. */
static json_t *theme_families(struct page_visit *visit)
{
    json_t *families = json_array(), *options = NULL;
    bool is_french = strcmp(page_value(visit, "lang"), "fr") == 0;
    for (size_t i = 0; i < vocabulary_word_count; i++) {
        const char *code = vocabulary_words[i].value;
        if (vocabulary_words[i].vocabulary != VOCABULARY_THEME)
            continue;
        bool is_family = !strstr(code, "--");
        if (is_family)
            json_array_append_new(families,
                                  json_pack("{s:s, s:o}", "label", theme_label(visit, code),
                                            "option", options = json_array()));
        json_array_append_new(options, json_pack("{s:s, s:s, s:b}", "code", code, "text",
                                                 theme_label(visit, code), "french",
                                                 !is_family && !is_french));
    }
    return families;
}

/* Those chosen are boxes to untick; choices of one more beside them. */
static void add_themes(struct page_visit *visit)
{
    json_t *chosen = form_list(visit, "theme"), *kept = json_array(), *selects = json_array(),
           *code;
    size_t i;
    json_array_foreach(chosen, i, code)
        json_array_append_new(kept, json_pack("{s:O, s:s}", "code", code, "text",
                                              theme_label(visit, json_string_value(code))));
    for (i = json_array_size(kept); i < THEMES_SHOWN || i == json_array_size(kept); i++)
        json_array_append_new(selects, json_pack("{s:I, s:b, s:o}", "number", (json_int_t)i + 1,
                                                 "first", i == 0, "family", theme_families(visit)));
    json_object_set_new(page_context(visit), "theme_kept", kept);
    json_object_set_new(page_context(visit), "theme_selects", selects);
    json_decref(chosen);
}

static void add_asked(struct page_visit *visit)
{
    static const char *const fields[] = {"birth-year", "household-size", "language",
                                         "commune",    "guardian",       "attachment"};
    json_t *rows = json_array();
    size_t count = item_count(visit, "asked");
    for (size_t i = 0; i < (count > ASKED_SHOWN ? count : ASKED_SHOWN); i++) {
        const char *now = item_at(visit, "asked", i);
        json_t *options = json_array();
        bool found = !*now;
        for (size_t k = 0; k < ARRAY_LEN(fields); k++) {
            bool is_it = strcmp(now, fields[k]) == 0;
            found = found || is_it;
            json_array_append_new(options,
                                  json_pack("{s:s, s:s, s:b}", "code", fields[k], "text",
                                            page_word(visit, "share", fields[k]), "chosen", is_it));
        }
        if (!found) /* a word of their own */
            json_array_append_new(
                options, json_pack("{s:s, s:s, s:b}", "code", now, "text", now, "chosen", 1));
        json_array_append_new(rows, json_pack("{s:I, s:o, s:s}", "number", (json_int_t)i + 1,
                                              "option", options, "why", item_at(visit, "why", i)));
    }
    json_object_set_new(page_context(visit), "asked_rows", rows);
}

/* "lundi, mardi : 9 h – 12 h, 14 h – 17 h", a line for days that are alike. */
static void add_hours_line(struct page_visit *visit, const struct hours_span *spans, size_t count,
                           unsigned days, unsigned like, json_t *lines)
{
    static const char *const names[] = {"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"};
    AUTO(buf_done) struct buf line = {0};
    for (unsigned day = 0; day < ARRAY_LEN(names); day++)
        if (days & (1u << day))
            buf_addf(&line, "%s%s", line.len ? ", " : "", page_word(visit, "hours", names[day]));
    buf_add_text(&line, catalog_text(page_catalog(visit), "service_edit.hours_are", 1));
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        if (!(spans[i].days & (1u << like)))
            continue;
        buf_add_text(&line, first ? " " : ", ");
        service_words_clock(page_catalog(visit), spans[i].opens, &line);
        buf_add_text(&line, " – ");
        service_words_clock(page_catalog(visit), spans[i].closes, &line);
        first = false;
    }
    json_array_append_new(lines, json_string(buf_text(&line)));
}

static bool same_day(const struct hours_span *spans, size_t count, unsigned a, unsigned b)
{
    for (size_t i = 0; i < count; i++)
        if (((spans[i].days >> a) & 1u) != ((spans[i].days >> b) & 1u))
            return false;
    return true;
}

/* How the hours that were typed are understood. */
static void add_hours(struct page_visit *visit)
{
    AUTO(buf_done) struct buf typed = {0};
    hours_typed_read(page_catalog(visit), page_value(visit, "form.opening_hours"), &typed);
    const char *text = buf_text(&typed);
    struct hours_span spans[SPANS_MAX];
    size_t count = hours_week(text, spans, SPANS_MAX);
    json_t *lines = json_array();
    unsigned done = 0;
    if (!*text) {
        json_decref(lines);
        return;
    }
    for (unsigned day = 0; day < 7; day++) {
        unsigned days = 0;
        bool open = false;
        for (size_t i = 0; i < count; i++)
            open = open || (spans[i].days & (1u << day));
        if (!open || (done & (1u << day)))
            continue;
        for (unsigned other = day; other < 7; other++)
            if (same_day(spans, count, day, other))
                days |= 1u << other;
        done |= days;
        add_hours_line(visit, spans, count, days, day, lines);
    }
    json_object_set_new(page_context(visit), "hours_preview",
                        json_pack("{s:b, s:b, s:o}", "understood", hours_is_understood(text),
                                  "week", json_array_size(lines) > 0, "line", lines));
}

static void view_edit(struct page_visit *visit)
{
    static const char *const reach[] = {"hub", "telephoner", "envoyer-un-courriel", "se-presenter",
                                        "utiliser-lien-mobilisation"};
    static const char *const modes[] = {"en-presentiel", "a-distance"};
    static const char *const prices[] = {"gratuit", "prix-libre", "prix-coutant", "payant"};
    const char *publics[64];
    size_t public_count = 0;
    json_t *context = page_context(visit), *service = json_object_get(context, "service");
    for (size_t i = 0; i < vocabulary_word_count && public_count < ARRAY_LEN(publics); i++)
        if (vocabulary_words[i].vocabulary == VOCABULARY_PUBLIC)
            publics[public_count++] = vocabulary_words[i].value;
    if (!json_object_get(json_object_get(context, "form"), "csrf"))
        fill_form(visit, json_object_get(service, "content"));
    if (service) {
        add_uid(service);
        add_quality(visit, service);
        service_words_zone(visit, service);
        json_object_set_new(context, "title",
                            json_string(page_value(visit, "service.content.name")));
        json_object_set_new(context, "is_old", json_true());
    }
    add_choices(visit, "reach", "reach", reach, ARRAY_LEN(reach));
    add_choices(visit, "mode", "mode", modes, ARRAY_LEN(modes));
    add_choices(visit, "price", "price", prices, ARRAY_LEN(prices));
    add_choices(visit, "public", "public", publics, public_count);
    add_themes(visit);
    add_asked(visit);
    add_hours(visit);
    spoken_names_add_field(visit, page_value(visit, "form.language"));
}

/* Only looks at the hours: the form comes back as it was typed. */
static void view_check(struct page_visit *visit)
{
    json_object_set_new(page_context(visit), "hours_asked", json_true());
    json_t *service = json_object_get(page_context(visit), "service");
    view_edit(visit);
    json_object_set_new(page_context(visit), "is_old", json_boolean(service != NULL));
    page_show(visit, "service_edit");
}

#define VERB(path_, done_, ...)                                                                  \
    {                                                                                            \
        .method = "POST", .path = "/own-services/:uid/" path_, .roles = ROLES_KEEP,              \
        .calls = {__VA_ARGS__}, .redirect = "/own-services?done=service-" done_ "#s-{path.uid}", \
        .again = "/own-services"                                                                 \
    }

const struct page pages_services[] = {
    {.method = "GET",
     .path = "/own-services",
     .roles = ROLES_KEEP,
     .calls = {PAGE_CALL("own", "Directory/ListOwn", "")},
     .template = "own_services",
     .view = view_list},
    VERB("confirm", "confirmed", PAGE_CALL("service", "Directory/ConfirmService", "id={path.uid}")),
    VERB("capacity", "capacity",
         {.as = "service", .method = "Directory/SetCapacity", .build = build_capacity}),
    VERB("close", "closed",
         {.as = "service", .method = "Directory/CloseService", .build = build_closure}),
    VERB("open", "opened", PAGE_CALL("service", "Directory/CloseService", "uid={path.uid}")),
    {.method = "POST",
     .path = "/own-services/:uid/remove",
     .roles = ROLES_KEEP,
     .calls = {PAGE_CALL("removed", "Directory/RemoveService", "id={path.uid}")},
     .redirect = "/own-services?done=service-removed",
     .again = "/own-services"},
    {.method = "GET",
     .path = "/own-services/new",
     .roles = ROLES_KEEP,
     .template = "service_edit",
     .view = view_edit},
    {.method = "POST",
     .path = "/own-services/new",
     .roles = ROLES_KEEP,
     .calls = {{.as = "service", .method = "Directory/PutService", .build = build_service}},
     .redirect = "/own-services?done=service-put",
     .again = "/own-services/new"},
    {.method = "POST",
     .path = "/own-services/check",
     .roles = ROLES_KEEP,
     .redirect = "/own-services/new",
     .again = "/own-services/new",
     .view = view_check},
    {.method = "GET",
     .path = "/own-services/:uid",
     .roles = ROLES_KEEP,
     .calls = {{.as = "service", .method = "Directory/GetOwn", .send = "id={path.uid}"}},
     .template = "service_edit",
     .view = view_edit},
    {.method = "POST",
     .path = "/own-services/:uid",
     .roles = ROLES_KEEP,
     .calls = {PAGE_CALL("old", "Directory/GetOwn", "id={path.uid}"),
               {.as = "service", .method = "Directory/PutService", .build = build_service}},
     .redirect = "/own-services?done=service-put#s-{path.uid}",
     .again = "/own-services/{path.uid}"},
    {.method = "POST",
     .path = "/own-services/:uid/check",
     .roles = ROLES_KEEP,
     .calls = {PAGE_CALL("service", "Directory/GetOwn", "id={path.uid}")},
     .redirect = "/own-services/{path.uid}",
     .again = "/own-services/{path.uid}",
     .view = view_check},
    {.method = NULL},
};
