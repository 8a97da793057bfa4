#include "hub/web/directory_query.h"

#include "hub/base/text.h"
#include "hub/web/pages_internal.h"
#include "hub/web/spoken_names.h"

#include <stdio.h>
#include <string.h>

#define FROM "from" /* the field of paging */

static const char *const fields[] = {"words", "near",  "km",       "theme", "public",
                                     "age",   "price", "language", "mode",  "open_now",
                                     "only",  "hub",   FROM};

static const char *said(struct page_visit *visit, const char *name)
{
    char key[32];
    snprintf(key, sizeof(key), "form.%s", name);
    return page_value(visit, key);
}

void directory_link(struct page_visit *visit, const char *path, const char *name, const char *value,
                    struct buf *out)
{
    const char *glue = "?";
    buf_add_text(out, path);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *text = strcmp(fields[i], name) == 0   ? value
                           : strcmp(fields[i], FROM) == 0 ? ""
                                                          : said(visit, fields[i]);
        if (!text || !*text)
            continue;
        buf_addf(out, "%s%s=", glue, fields[i]);
        form_encode(text, out);
        glue = "&";
    }
}

static void set_link(struct page_visit *visit, json_t *object, const char *key, const char *path,
                     const char *name, const char *value)
{
    AUTO(buf_done) struct buf link = {0};
    directory_link(visit, path, name, value, &link);
    json_object_set_new(object, key, json_string(buf_text(&link)));
}

/* --- lists of choices ------------------------------------------------------------------------- */

static const char *const themes[] = {
    "equipement-et-alimentation",
    "logement-hebergement",
    "sante",
    "famille",
    "difficultes-financieres",
    "difficultes-administratives-ou-juridiques",
    "numerique",
    "lecture-ecriture-calcul",
    "mobilite",
    "trouver-un-emploi",
    "preparer-sa-candidature",
    "choisir-un-metier",
    "se-former",
    "creer-une-entreprise",
    "remobilisation",
    "souvrir-a-linternational",
};
static const char *const publics[] = {
    "familles",
    "femmes",
    "jeunes",
    "seniors",
    "etudiants",
    "actifs",
    "demandeurs-emploi",
    "beneficiaires-des-minimas-sociaux",
    "personnes-en-situation-de-handicap",
    "personnes-en-situation-durgence",
    "personnes-exilees",
    "personnes-en-situation-juridique-specifique",
    "residents-qpv-frr",
};
/* Asked for most; the others follow. */
static const char *const languages[] = {"fr", "en", "ar", "es", "pt", "uk",  "ru",
                                        "tr", "ps", "fa", "ti", "so", "fsl", "br"};
static const char *const modes[] = {"en-presentiel", "a-distance"};
static const char *const distances[] = {"3", "5", "10", "20", "50"};

static const struct choice_list {
    const char *field, *list, *area; /* area NULL: the value is its own text, in km */
    const char *const *values;
    size_t count;
} choice_lists[] = {
    {"theme", "theme_choice", "theme", themes, ARRAY_LEN(themes)},
    {"public", "public_choice", "public", publics, ARRAY_LEN(publics)},
    {"language", "language_choice", "speaks", languages, ARRAY_LEN(languages)},
    {"mode", "mode_choice", "mode", modes, ARRAY_LEN(modes)},
    {"km", "km_choice", NULL, distances, ARRAY_LEN(distances)},
};

static void choice_text(struct page_visit *visit, const char *area, const char *value, char *out,
                        size_t size)
{
    if (!area) {
        snprintf(out, size, "%s\xc2\xa0km", value);
        return;
    }
    AUTO(buf_done) struct buf name = {0};
    if (strcmp(area, "speaks") == 0)
        spoken_name_add(page_catalog(visit), value, &name);
    text_copy(out, size, name.len ? buf_text(&name) : page_word(visit, area, value));
}

/* A language may be asked for by any of its codes, or by its name. */
static bool is_chosen(struct page_visit *visit, const char *field, const char *value)
{
    const char *chosen = said(visit, field);
    const char *code = strcmp(field, "language") == 0 ? spoken_find(bytes_text(chosen)) : NULL;
    return strcmp(code ? code : chosen, value) == 0;
}

static void add_list(struct page_visit *visit, const struct choice_list *list)
{
    json_t *choices = json_array();
    for (size_t i = 0; i < list->count; i++) {
        char text[128];
        choice_text(visit, list->area, list->values[i], text, sizeof(text));
        json_array_append_new(choices,
                              json_pack("{s:s, s:s, s:b}", "value", list->values[i], "text", text,
                                        "chosen", is_chosen(visit, list->field, list->values[i])));
    }
    json_object_set_new(page_context(visit), list->list, choices);
}

/* Those that are asked for less, by name. */
static void add_more_languages(struct page_visit *visit)
{
    json_t *all = spoken_names_all(page_catalog(visit)), *more = json_array(), *one;
    size_t i;
    json_array_foreach(all, i, one)
    {
        const char *code = page_text(one, "value");
        size_t k = 0;
        while (k < ARRAY_LEN(languages) && strcmp(languages[k], code) != 0)
            k++;
        if (k < ARRAY_LEN(languages))
            continue;
        json_object_set_new(one, "chosen", json_boolean(is_chosen(visit, "language", code)));
        json_array_append(more, one);
    }
    json_decref(all);
    json_object_set_new(page_context(visit), "language_more", more);
}

/* --- chips ------------------------------------------------------------------------------------ */

/* What people choose most: always there, pressed or not. */
static const struct {
    const char *field, *value, *key;
} quick[] = {
    {"open_now", "1", "directory.open_now"},
    {"price", "gratuit", "directory.free"},
    {"mode", "en-presentiel", "directory.on_spot"},
    {"mode", "a-distance", "directory.remote"},
};

static void add_chip(struct page_visit *visit, json_t *chips, const char *path, const char *field,
                     const char *value, const char *text, bool chosen)
{
    json_t *chip = json_pack("{s:s, s:b}", "text", text, "chosen", chosen);
    set_link(visit, chip, "href", path, field, chosen ? "" : value);
    json_array_append_new(chips, chip);
}

static bool is_quick(const char *field, const char *value)
{
    for (size_t i = 0; i < ARRAY_LEN(quick); i++)
        if (strcmp(quick[i].field, field) == 0 && strcmp(quick[i].value, value) == 0)
            return true;
    return false;
}

/* Of what was chosen in the lists: pressing takes it away. */
static void add_chosen_chips(struct page_visit *visit, json_t *chips, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(choice_lists); i++) {
        const struct choice_list *list = &choice_lists[i];
        const char *value = said(visit, list->field);
        char text[128];
        bool is_known = *value && strcmp(list->field, "language") == 0;
        for (size_t k = 0; k < list->count; k++)
            is_known = is_known || strcmp(list->values[k], value) == 0;
        if (!is_known || is_quick(list->field, value))
            continue;
        choice_text(visit, list->area, value, text, sizeof(text));
        add_chip(visit, chips, path, list->field, value, text, true);
    }
}

static void add_chips(struct page_visit *visit, const char *path)
{
    const struct catalog *catalog = page_catalog(visit);
    json_t *chips = json_array();
    bool is_personal = *said(visit, "public") || *said(visit, "age") || *said(visit, "price") ||
                       *said(visit, "mode") || *said(visit, "language");
    add_chosen_chips(visit, chips, path);
    for (size_t i = 0; i < ARRAY_LEN(quick); i++)
        add_chip(visit, chips, path, quick[i].field, quick[i].value,
                 catalog_text(catalog, quick[i].key, 1),
                 strcmp(said(visit, quick[i].field), quick[i].value) == 0);
    if (is_personal || *said(visit, "only"))
        add_chip(visit, chips, path, "only", "1", catalog_text(catalog, "directory.only", 1),
                 *said(visit, "only"));
    json_object_set_new(page_context(visit), "chip", chips);
}

void directory_add_choices(struct page_visit *visit, const char *path)
{
    json_t *context = page_context(visit);
    for (size_t i = 0; i < ARRAY_LEN(choice_lists); i++)
        add_list(visit, &choice_lists[i]);
    add_more_languages(visit);
    add_chips(visit, path);
    json_object_set_new(context, "unfolded", json_boolean(*said(visit, "age"))); /* has no chip */
    set_link(visit, context, "map_link", "/directory/map", FROM, said(visit, FROM));
    set_link(visit, context, "list_link", "/directory", FROM, said(visit, FROM));
    json_object_set_new(context, "action", json_string(path));
}

void directory_add_tail(struct page_visit *visit)
{
    AUTO(buf_done) struct buf tail = {0};
    directory_link(visit, "", FROM, said(visit, FROM), &tail);
    json_object_set_new(page_context(visit), "tail", json_string(buf_text(&tail)));
}
