#include "hub/api/directory_export.h"

#include "hub/base/text.h"
#include "hub/domain/directory_words.h"
#include <jansson.h>
#include <stdlib.h>

#define BATCH 200

static void set_text(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, json_string(text));
}

static void set_list(json_t *object, const char *name, char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    if (count > 0)
        json_object_set_new(object, name, list);
    else
        json_decref(list);
}

static void set_day(json_t *object, const char *name, int64_t ms)
{
    char text[25];
    if (ms > 0)
        json_object_set_new(object, name, json_stringn(text_time(ms, text), 10));
}

static void set_point(json_t *object, const Maillon__Hfp__V1__ServiceContent *c)
{
    if (c->latitude_e5 == 0 && c->longitude_e5 == 0)
        return;
    json_object_set_new(object, "latitude", json_real(c->latitude_e5 / 1e5));
    json_object_set_new(object, "longitude", json_real(c->longitude_e5 / 1e5));
}

/* --- data.inclusion v1 ------------------------------------------------------------------------ */

/* Words that v1 knows; the hub's own additions and whole families stay here. */
static void set_words(json_t *object, const char *name, enum vocabulary vocabulary,
                      char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t k = 0; k < vocabulary_word_count && !known; k++)
            known = vocabulary_words[k].vocabulary == vocabulary &&
                    strcmp(vocabulary_words[k].value, items[i]) == 0;
        if (vocabulary == VOCABULARY_THEME && !strstr(items[i], "--"))
            known = false;
        if (vocabulary == VOCABULARY_REACH && strcmp(items[i], "hub") == 0)
            known = false;
        if (known)
            json_array_append_new(list, json_string(items[i]));
    }
    if (json_array_size(list) > 0)
        json_object_set_new(object, name, list);
    else
        json_decref(list);
}

static void set_place(json_t *object, const Maillon__Hfp__V1__ServiceContent *c)
{
    set_text(object, "adresse", c->address);
    set_text(object, "code_postal", c->postal_code);
    set_text(object, "commune", c->commune_name);
    set_text(object, "code_insee", c->commune);
    set_point(object, c);
    set_text(object, "telephone", c->phone);
    set_text(object, "courriel", c->email);
    set_text(object, "horaires_accueil", c->opening_hours);
}

/* The ID in the file it came from: records are "structure/ID" and "service/ID". */
static const char *file_id(const struct directory_service *s)
{
    const char *slash = strchr(s->record, '/');
    return slash ? slash + 1 : s->record;
}

static json_t *structure_of(const struct directory_service *s)
{
    json_t *o = json_object();
    set_text(o, "source", s->source);
    set_text(o, "id", file_id(s));
    set_text(o, "nom", s->content->name);
    set_day(o, "date_maj", s->dated_ms);
    set_text(o, "siret", s->siret);
    set_text(o, "description", s->content->description);
    set_place(o, s->content);
    set_text(o, "site_web", s->content->url);
    set_text(o, "accessibilite_lieu", s->content->access);
    return o;
}

static json_t *service_of(const struct directory_service *s, const char *source, const char *id,
                          const char *structure)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *o = json_object();
    set_text(o, "source", source);
    set_text(o, "structure_id", structure);
    set_text(o, "id", id);
    set_text(o, "nom", c->name);
    set_text(o, "description", c->description);
    set_day(o, "date_maj", s->dated_ms);
    set_text(o, "type", c->type);
    set_words(o, "thematiques", VOCABULARY_THEME, c->theme, c->n_theme);
    set_words(o, "publics", VOCABULARY_PUBLIC, c->public_, c->n_public_);
    set_text(o, "conditions_acces", c->conditions);
    if (strcmp(c->price, "gratuit") == 0 || strcmp(c->price, "payant") == 0)
        set_text(o, "frais", c->price);
    set_text(o, "frais_precisions", c->price_detail);
    set_words(o, "modes_accueil", VOCABULARY_MODE, c->mode, c->n_mode);
    set_words(o, "modes_mobilisation", VOCABULARY_REACH, c->reach, c->n_reach);
    set_words(o, "mobilisable_par", VOCABULARY_REACH_BY, c->reach_by, c->n_reach_by);
    set_list(o, "zone_eligibilite", c->zone, c->n_zone);
    set_place(o, c);
    set_text(o, "lien_mobilisation", c->url);
    return o;
}

/* --- HSDS 3 ----------------------------------------------------------------------------------- */

static json_t *hsds_service(const struct directory_service *s, const char *id)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *o = json_object();
    set_text(o, "id", id);
    set_text(o, "name", c->name);
    set_text(o, "description", c->description);
    set_text(o, "status", "active");
    set_text(o, "email", c->email);
    set_text(o, "url", c->url);
    set_text(o, "eligibility_description", c->conditions);
    set_text(o, "fees_description", *c->price_detail ? c->price_detail : c->price);
    set_day(o, "last_modified", s->dated_ms);
    json_t *attributes = json_array();
    for (size_t i = 0; i < c->n_theme; i++)
        json_array_append_new(attributes, json_pack("{s:s,s:{s:s,s:s}}", "label", "thematiques",
                                                    "taxonomy_term", "code", c->theme[i],
                                                    "taxonomy", "data.inclusion v1"));
    if (json_array_size(attributes) > 0)
        json_object_set(o, "attributes", attributes);
    json_decref(attributes);
    if (*c->phone)
        json_object_set_new(o, "phones", json_pack("[{s:s}]", "number", c->phone));
    if (*c->opening_hours)
        json_object_set_new(o, "schedules", json_pack("[{s:s}]", "description", c->opening_hours));
    return o;
}

static json_t *hsds_location(const Maillon__Hfp__V1__ServiceContent *c)
{
    json_t *o = json_object();
    set_text(o, "location_type", "physical");
    set_point(o, c);
    json_t *address = json_object();
    set_text(address, "address_1", c->address);
    set_text(address, "postal_code", c->postal_code);
    set_text(address, "city", c->commune_name);
    set_text(address, "region", c->commune);
    set_text(address, "country", "FR");
    set_text(address, "address_type", "physical");
    json_object_set_new(o, "addresses", json_pack("[o]", address));
    return o;
}

static json_t *hsds_organization(const struct directory_service *s, const char *id)
{
    json_t *o = json_object();
    set_text(o, "id", id);
    set_text(o, "name", s->content->name);
    set_text(o, "description", s->content->description);
    set_text(o, "email", s->content->email);
    set_text(o, "website", s->content->url);
    if (*s->siret)
        json_object_set_new(
            o, "organization_identifiers",
            json_pack("[{s:s,s:s}]", "identifier_scheme", "SIRET", "identifier", s->siret));
    json_object_set_new(o, "locations", json_pack("[o]", hsds_location(s->content)));
    return o;
}

/* --- the file, record by record, so that only one is in memory -------------------------------- */

struct list {
    struct buf *out;
    bool first;
};

static bool add(struct list *list, json_t *object, struct err *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (!text)
        return err_set(err, ERR_INTERNAL, "cannot write a record as JSON");
    buf_addf(list->out, "%s\n", list->first ? "" : ",");
    buf_add_text(list->out, text);
    list->first = false;
    free(text);
    return list->out->len <= API_IMPORT_MAX ||
           err_set(err, ERR_LIMIT, "the export would be longer than %d bytes", API_IMPORT_MAX);
}

/* Calls `one` for every imported record whose name starts with `kind`. */
static bool each_import(struct store *store, const char *kind, struct list *list,
                        json_t *(*one)(const struct directory_service *service), struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    int64_t after = 0;
    size_t count;
    do {
        struct directory_service *batch;
        arena_reset(arena);
        if (!directory_list_imports(store, arena, after, BATCH, &batch, &count, &after, err))
            return false;
        for (size_t i = 0; i < count; i++)
            if (strncmp(batch[i].record, kind, strlen(kind)) == 0 &&
                !add(list, one(&batch[i]), err))
                return false;
    } while (count == BATCH);
    return true;
}

static json_t *imported_service(const struct directory_service *s)
{
    return service_of(s, s->source, file_id(s), s->structure);
}

bool directory_export_data_inclusion(struct store *store, const struct export_owner *owner,
                                     struct buf *out, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct directory_service *own;
    size_t count;
    if (!directory_list_own(store, arena, &own, &count, err))
        return false;
    struct list list = {out, true};
    buf_add_text(out, "{\"structures\":[");
    if (count > 0) {
        json_t *self = json_object();
        set_text(self, "source", "maillon");
        set_text(self, "id", owner->id);
        set_text(self, "nom", owner->name);
        set_day(self, "date_maj", own[0].dated_ms);
        if (!add(&list, self, err))
            return false;
    }
    if (!each_import(store, "structure/", &list, structure_of, err))
        return false;
    buf_add_text(out, "],\n\"services\":[");
    list.first = true;
    for (size_t i = 0; i < count; i++)
        if (!add(&list, service_of(&own[i], "maillon", own[i].uid, owner->id), err))
            return false;
    if (!each_import(store, "service/", &list, imported_service, err))
        return false;
    buf_add_text(out, "]}\n");
    return true;
}

static json_t *imported_organization(const struct directory_service *s)
{
    return hsds_organization(s, s->id);
}

static json_t *imported_hsds_service(const struct directory_service *s)
{
    json_t *service = hsds_service(s, s->id);
    json_object_set_new(service, "locations", json_pack("[o]", hsds_location(s->content)));
    json_t *organization = json_object();
    set_text(organization, "id", s->structure);
    set_text(organization, "name", s->content->structure_name);
    json_object_set_new(service, "organization", organization);
    return service;
}

bool directory_export_hsds(struct store *store, const struct export_owner *owner, struct buf *out,
                           struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct directory_service *own;
    size_t count;
    if (!directory_list_own(store, arena, &own, &count, err))
        return false;
    struct list list = {out, true};
    buf_add_text(out, "{\"organizations\":[");
    if (count > 0) {
        json_t *self = json_object();
        set_text(self, "id", owner->id);
        set_text(self, "name", owner->name);
        if (!add(&list, self, err))
            return false;
    }
    if (!each_import(store, "structure/", &list, imported_organization, err))
        return false;
    buf_add_text(out, "],\n\"services\":[");
    list.first = true;
    for (size_t i = 0; i < count; i++) {
        json_t *service = hsds_service(&own[i], own[i].id);
        json_object_set_new(service, "locations", json_pack("[o]", hsds_location(own[i].content)));
        json_object_set_new(service, "organization",
                            json_pack("{s:s,s:s}", "id", owner->id, "name", owner->name));
        if (!add(&list, service, err))
            return false;
    }
    if (!each_import(store, "service/", &list, imported_hsds_service, err))
        return false;
    buf_add_text(out, "]}\n");
    return true;
}
