#include "hub/api/hsds_write.h"

#include "hub/api/hsds_id.h"
#include "hub/base/text.h"
#include "hub/domain/directory_words.h"
#include "hub/domain/fit.h"
#include "hub/domain/hours.h"
#include <stdio.h>

#define SPANS_MAX 32
#define ID_SIZE   640

/* data.inclusion vocabularies as taxonomies; the same names as the members of its records. */
static const struct {
    enum vocabulary vocabulary;
    const char *id, *name;
} taxonomies[] = {
    {VOCABULARY_THEME, "thematiques", "Thématiques"},
    {VOCABULARY_PUBLIC, "publics", "Publics"},
    {VOCABULARY_TYPE, "types", "Types de services"},
    {VOCABULARY_PRICE, "frais", "Frais"},
    {VOCABULARY_MODE, "modes-accueil", "Modes d’accueil"},
    {VOCABULARY_REACH, "modes-mobilisation", "Modes de mobilisation"},
    {VOCABULARY_REACH_BY, "mobilisable-par", "Personnes mobilisatrices"},
};

static void set_text(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, json_string(text));
}

static void set_list(json_t *object, const char *name, json_t *list)
{
    if (json_array_size(list) > 0)
        json_object_set(object, name, list);
    json_decref(list);
}

static const char *id_of(const struct directory_service *s, const char *prefix, const char *suffix,
                         char out[HSDS_ID])
{
    char name[ID_SIZE];
    snprintf(name, sizeof(name), "%s%s%s", prefix, s->id, suffix);
    char *slash = strchr(name, '/');
    if (slash)
        *slash = '.';
    hsds_id(name, out);
    return out;
}

static void set_id(json_t *object, const struct directory_service *s, const char *prefix,
                   const char *suffix)
{
    char id[HSDS_ID];
    set_text(object, "id", id_of(s, prefix, suffix, id));
}

static bool is_uri(const char *text)
{
    bool web = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at > '~' || strchr("<>\"{}|\\^`", *at))
            return false;
    return web;
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at > text && at[1] && strcspn(text, " ,;/<>") == strlen(text) &&
           !strchr(at + 1, '@');
}

/* --- terms ------------------------------------------------------------------------------------ */

static json_t *taxonomy_of(size_t which)
{
    char id[HSDS_ID];
    hsds_id(taxonomies[which].id, id);
    return json_pack("{s:s,s:s,s:s,s:s}", "id", id, "name", taxonomies[which].name, "description",
                     "data.inclusion v1", "uri",
                     "https://github.com/gip-inclusion/data-inclusion-schema");
}

static json_t *term_of(size_t which, const char *code)
{
    char name[ID_SIZE], id[HSDS_ID];
    const char *label = code;
    for (size_t i = 0; i < vocabulary_word_count; i++)
        if (vocabulary_words[i].vocabulary == taxonomies[which].vocabulary &&
            strcmp(vocabulary_words[i].value, code) == 0)
            label = vocabulary_words[i].label;
    snprintf(name, sizeof(name), "%s.%s", taxonomies[which].id, code);
    hsds_id(name, id);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o}", "id", id, "code", code, "name", label,
                     "description", label, "language", "fr", "taxonomy", taxonomies[which].name,
                     "taxonomy_detail", taxonomy_of(which));
}

json_t *hsds_taxonomies(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(taxonomies); i++)
        json_array_append_new(list, taxonomy_of(i));
    return list;
}

json_t *hsds_terms(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < vocabulary_word_count; i++)
        for (size_t k = 0; k < ARRAY_LEN(taxonomies); k++)
            if (taxonomies[k].vocabulary == vocabulary_words[i].vocabulary)
                json_array_append_new(list, term_of(k, vocabulary_words[i].value));
    return list;
}

static void add_terms(json_t *list, const struct directory_service *s, enum vocabulary vocabulary,
                      char *const *codes, size_t count)
{
    char suffix[ID_SIZE], id[HSDS_ID];
    for (size_t which = 0; which < ARRAY_LEN(taxonomies); which++) {
        if (taxonomies[which].vocabulary != vocabulary)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (!*codes[i])
                continue;
            snprintf(suffix, sizeof(suffix), ".%s.%s", taxonomies[which].id, codes[i]);
            json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:o}", "id",
                                                  id_of(s, "attribute.", suffix, id), "link_type",
                                                  taxonomies[which].id, "link_entity", "service",
                                                  "taxonomy_term", term_of(which, codes[i])));
        }
    }
}

static json_t *terms_of(const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *list = json_array();
    add_terms(list, s, VOCABULARY_THEME, c->theme, c->n_theme);
    add_terms(list, s, VOCABULARY_PUBLIC, c->public_, c->n_public_);
    add_terms(list, s, VOCABULARY_TYPE, &c->type, 1);
    add_terms(list, s, VOCABULARY_PRICE, &c->price, 1);
    add_terms(list, s, VOCABULARY_MODE, c->mode, c->n_mode);
    add_terms(list, s, VOCABULARY_REACH, c->reach, c->n_reach);
    add_terms(list, s, VOCABULARY_REACH_BY, c->reach_by, c->n_reach_by);
    return list;
}

/* --- parts ------------------------------------------------------------------------------------ */

static json_t *phones_of(const struct directory_service *s)
{
    json_t *list = json_array(), *phone = json_object();
    set_id(phone, s, "phone.", "");
    set_text(phone, "number", s->content->phone);
    if (*s->content->phone)
        json_array_append(list, phone);
    json_decref(phone);
    return list;
}

static void set_days(json_t *schedule, unsigned days)
{
    static const char *const names[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};
    AUTO(buf_done) struct buf text = {0};
    for (size_t day = 0; day < ARRAY_LEN(names); day++)
        if (days & (1u << day))
            buf_addf(&text, "%s%s", text.len > 0 ? "," : "", names[day]);
    set_text(schedule, "byday", buf_text(&text));
}

/* A row for each time of the week, all with the whole text, which says more. */
static json_t *schedules_of(const struct directory_service *s)
{
    const char *text = s->content->opening_hours;
    struct hours_span spans[SPANS_MAX];
    size_t count = hours_week(text, spans, SPANS_MAX);
    json_t *list = json_array();
    for (size_t i = 0; *text && i < (count ? count : 1); i++) {
        json_t *schedule = json_object();
        char suffix[24], at[16];
        snprintf(suffix, sizeof(suffix), ".%zu", i);
        set_id(schedule, s, "schedule.", suffix);
        set_text(schedule, "description", text);
        if (count > 0) {
            set_text(schedule, "freq", "WEEKLY");
            set_days(schedule, spans[i].days);
            snprintf(at, sizeof(at), "%02d:%02d", spans[i].opens / 60, spans[i].opens % 60);
            set_text(schedule, "opens_at", at);
            snprintf(at, sizeof(at), "%02d:%02d", spans[i].closes / 60 % 24, spans[i].closes % 60);
            set_text(schedule, "closes_at", at);
        }
        json_array_append_new(list, schedule);
    }
    return list;
}

static json_t *languages_of(const struct directory_service *s)
{
    json_t *list = json_array();
    char suffix[ID_SIZE];
    for (size_t i = 0; i < s->content->n_language; i++) {
        json_t *language = json_object();
        snprintf(suffix, sizeof(suffix), ".%s", s->content->language[i]);
        set_id(language, s, "language.", suffix);
        set_text(language, "code", s->content->language[i]);
        json_array_append_new(list, language);
    }
    return list;
}

static json_t *areas_of(const struct directory_service *s)
{
    json_t *list = json_array();
    char suffix[ID_SIZE];
    for (size_t i = 0; i < s->content->n_zone; i++) {
        json_t *area = json_object();
        snprintf(suffix, sizeof(suffix), ".%s", s->content->zone[i]);
        set_id(area, s, "area.", suffix);
        set_text(area, "name", s->content->zone[i]);
        set_text(area, "extent", s->content->zone[i]);
        set_text(area, "extent_type", "COG");
        json_array_append_new(list, area);
    }
    return list;
}

/* Department: INSEE codes begin with it, overseas by three digits. */
static void set_department(json_t *address, const Maillon__Hfp__V1__ServiceContent *c)
{
    const char *code = *c->commune ? c->commune : c->postal_code;
    size_t len = strncmp(code, "97", 2) == 0 || strncmp(code, "98", 2) == 0 ? 3 : 2;
    json_object_set_new(address, "state_province", json_stringn(code, len));
}

/* HSDS wants street, city, code and department of every address: without them there is none. */
static json_t *addresses_of(const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *list = json_array(), *address = json_object();
    set_id(address, s, "address.", "");
    set_text(address, "address_1", c->address);
    set_text(address, "city", c->commune_name);
    set_text(address, "postal_code", c->postal_code);
    set_text(address, "region", c->commune);
    set_text(address, "country", "FR");
    set_text(address, "address_type", "physical");
    if (*c->address && *c->commune_name && strlen(c->postal_code) == 5) {
        set_department(address, c);
        json_array_append(list, address);
    }
    json_decref(address);
    return list;
}

json_t *hsds_location(const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    bool has_point = c->latitude_e5 != 0 || c->longitude_e5 != 0;
    if (!has_point && !*c->address && !*c->commune_name && !*c->postal_code)
        return NULL;
    json_t *o = json_object();
    set_id(o, s, "at.", "");
    set_text(o, "location_type", "physical");
    set_text(o, "name", *c->structure_name ? c->structure_name : c->name);
    if (has_point) {
        json_object_set_new(o, "latitude", json_real(c->latitude_e5 / 1e5));
        json_object_set_new(o, "longitude", json_real(c->longitude_e5 / 1e5));
    }
    set_list(o, "addresses", addresses_of(s));
    if (*c->access) {
        json_t *access = json_object();
        set_id(access, s, "access.", "");
        set_text(access, is_uri(c->access) ? "url" : "description", c->access);
        json_object_set_new(o, "accessibility", json_pack("[o]", access));
    }
    return o;
}

json_t *hsds_at_location(const struct directory_service *s, bool with_service)
{
    json_t *location = hsds_location(s);
    if (!location)
        return NULL;
    json_t *o = json_object();
    char id[HSDS_ID];
    set_id(o, s, "sal.", "");
    if (with_service)
        set_text(o, "service_id", id_of(s, "", "", id));
    json_object_set_new(o, "location", location);
    return o;
}

/* --- whole objects ---------------------------------------------------------------------------- */

json_t *hsds_owner(const struct export_owner *owner)
{
    char id[HSDS_ID];
    hsds_id(owner->id, id);
    return json_pack("{s:s,s:s,s:s}", "id", id, "name", owner->name, "description", owner->name);
}

json_t *hsds_named_organization(struct arena *arena UNUSED, const struct directory_service *s)
{
    const char *name = *s->content->structure_name ? s->content->structure_name : s->content->name;
    json_t *o = json_object();
    set_id(o, s, "of.", "");
    set_text(o, "name", name);
    set_text(o, "description", name);
    return o;
}

static json_t *organization_head(const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *o = json_object();
    set_id(o, s, "", "");
    set_text(o, "name", c->name);
    set_text(o, "description", *c->description ? c->description : c->name);
    if (is_email(c->email))
        set_text(o, "email", c->email);
    if (is_uri(c->url))
        set_text(o, "website", c->url);
    return o;
}

json_t *hsds_organization(const struct directory_service *s)
{
    json_t *o = organization_head(s), *location = hsds_location(s);
    if (*s->siret) {
        json_t *siret = json_pack("{s:s,s:s,s:s}", "identifier_scheme", "FR-SIRET",
                                  "identifier_type", "SIRET", "identifier", s->siret);
        set_id(siret, s, "siret.", "");
        json_object_set_new(o, "organization_identifiers", json_pack("[o]", siret));
    }
    set_list(o, "phones", phones_of(s));
    if (location)
        json_object_set_new(o, "locations", json_pack("[o]", location));
    return o;
}

static json_t *organization_of(struct store *store, struct arena *arena,
                               const struct export_owner *owner, const struct directory_service *s)
{
    struct directory_service structure;
    struct err err = {0};
    if (!s->is_import)
        return hsds_owner(owner);
    if (*s->structure &&
        directory_find_structure(store, arena, s->source, s->structure, &structure, &err))
        return organization_head(&structure);
    return hsds_named_organization(arena, s);
}

static void set_costs(json_t *o, const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    set_text(o, "fees_description", *c->price_detail ? c->price_detail : c->price);
    if (!*c->price)
        return;
    json_t *cost = json_object();
    set_id(cost, s, "cost.", "");
    set_text(cost, "option", c->price);
    if (strcmp(c->price, "gratuit") == 0) {
        json_object_set_new(cost, "amount", json_integer(0));
        set_text(cost, "currency", "EUR");
    }
    json_object_set_new(o, "cost_options", json_pack("[o]", cost));
}

static void set_asked(json_t *o, const struct directory_service *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->content->n_asked; i++) {
        char suffix[24];
        json_t *document = json_object();
        snprintf(suffix, sizeof(suffix), ".%zu", i);
        set_id(document, s, "asked.", suffix);
        set_text(document, "document", s->content->asked[i]->field);
        json_array_append_new(list, document);
    }
    set_list(o, "required_documents", list);
}

static void set_dates(json_t *o, const struct directory_service *s)
{
    char iso[25];
    if (s->dated_ms > 0)
        json_object_set_new(o, "last_modified", json_string(text_time(s->dated_ms, iso)));
    if (s->content->checked_s > 0 && s->content->checked_s < 253402300800)
        json_object_set_new(
            o, "assured_date",
            json_stringn(text_time((int64_t)s->content->checked_s * 1000, iso), 10));
}

json_t *hsds_service(struct store *store, struct arena *arena, const struct export_owner *owner,
                     const struct directory_service *s)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *o = json_object(), *at = hsds_at_location(s, false);
    unsigned from, to;
    set_id(o, s, "", "");
    set_text(o, "name", c->name);
    set_text(o, "description", c->description);
    set_text(o, "status", c->closure ? "temporarily closed" : "active");
    if (c->closure)
        set_text(o, "alert", c->closure->words);
    if (is_email(c->email))
        set_text(o, "email", c->email);
    if (is_uri(c->url))
        set_text(o, "url", c->url);
    set_text(o, "eligibility_description", c->conditions);
    if (fit_find_ages(c->conditions, &from, &to)) {
        json_object_set_new(o, "minimum_age", json_integer(from));
        json_object_set_new(o, "maximum_age", json_integer(to));
    }
    set_costs(o, s);
    set_dates(o, s);
    set_asked(o, s);
    json_object_set_new(o, "organization", organization_of(store, arena, owner, s));
    if (at)
        json_object_set_new(o, "service_at_locations", json_pack("[o]", at));
    set_list(o, "phones", phones_of(s));
    set_list(o, "schedules", schedules_of(s));
    set_list(o, "languages", languages_of(s));
    set_list(o, "service_areas", areas_of(s));
    set_list(o, "attributes", terms_of(s));
    return o;
}
