#include "hub/api/directory_export.h"

#include "hub/base/text.h"
#include "hub/domain/directory_words.h"
#include <jansson.h>
#include <stdlib.h>

#define BATCH       200
#define NAME_MIN    3
#define TEXT_MIN    5 /* characters of a description in v1 */
#define ACCESSLIBRE "https://acceslibre.beta.gouv.fr/"

static void set_text(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, json_string(text));
}

/* The source's date; without one, when it came here. */
static void set_day(json_t *object, const char *name, const struct directory_service *s)
{
    char text[25];
    int64_t ms = s->dated_ms > 0 ? s->dated_ms : s->imported_ms;
    json_object_set_new(object, name, json_stringn(text_time(ms > 0 ? ms : 0, text), 10));
}

/* Letters and digits alone, as many as one of `lengths`: codes of communes, departments, EPCI. */
static bool is_code(const char *text, const char *lengths)
{
    size_t len = strlen(text);
    if (len == 0 || len > 9 || !strchr(lengths, (int)('0' + len)))
        return false;
    return strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == len;
}

static void set_code(json_t *object, const char *name, const char *text)
{
    if (is_code(text, "5"))
        set_text(object, name, text);
}

/* What v1 calls a web address and an e-mail address: what else people write there stays here. */
static void set_url(json_t *object, const char *name, const char *text)
{
    bool web = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
    for (const char *at = text; *at; at++)
        web = web && *at > ' ' && *at <= '~' && !strchr("<>\"{}|\\^`", *at);
    if (web)
        set_text(object, name, text);
}

static void set_email(json_t *object, const char *name, const char *text)
{
    const char *at = strchr(text, '@');
    if (at && at > text && strchr(at, '.') && !strchr(at + 1, '@') &&
        strcspn(text, " ,;/<>()") == strlen(text))
        set_text(object, name, text);
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
        for (size_t k = 0; k < i && known; k++)
            known = strcmp(items[k], items[i]) != 0;
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
    set_code(object, "code_postal", c->postal_code);
    set_text(object, "commune", c->commune_name);
    set_code(object, "code_insee", c->commune);
    set_point(object, c);
    set_text(object, "telephone", c->phone);
    set_email(object, "courriel", c->email);
    set_text(object, "horaires_accueil", c->opening_hours);
}

/* Communes, departments, EPCI and whole countries. */
static void set_zones(json_t *object, const char *name, const Maillon__Hfp__V1__ServiceContent *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_zone; i++)
        if (is_code(c->zone[i], "2359") || strcmp(c->zone[i], "france") == 0)
            json_array_append_new(list, json_string(c->zone[i]));
    if (json_array_size(list) > 0)
        json_object_set(object, name, list);
    json_decref(list);
}

/* The ID in the file it came from: records are "structure/ID" and "service/ID". */
static const char *file_id(const struct directory_service *s)
{
    const char *slash = strchr(s->record, '/');
    return slash ? slash + 1 : s->record;
}

/* v1 wants three characters: a shorter name says where as well. */
static void set_name(json_t *object, const Maillon__Hfp__V1__ServiceContent *c)
{
    if (text_length(bytes_text(c->name)) >= NAME_MIN) {
        set_text(object, "nom", c->name);
        return;
    }
    AUTO(buf_done) struct buf name = {0};
    buf_addf(&name, "%s (%.*s)", c->name, 100, *c->commune_name ? c->commune_name : "?");
    set_text(object, "nom", buf_text(&name));
}

static json_t *structure_of(const struct directory_service *s)
{
    json_t *o = json_object();
    set_text(o, "source", s->source);
    set_text(o, "id", file_id(s));
    set_name(o, s->content);
    set_day(o, "date_maj", s);
    set_text(o, "siret", s->siret);
    if (text_length(bytes_text(s->content->description)) >= TEXT_MIN)
        set_text(o, "description", s->content->description);
    set_place(o, s->content);
    set_url(o, "site_web", s->content->url);
    if (strncmp(s->content->access, ACCESSLIBRE, strlen(ACCESSLIBRE)) == 0)
        set_url(o, "accessibilite_lieu", s->content->access);
    return o;
}

static json_t *service_of(const struct directory_service *s, const char *source, const char *id,
                          const char *structure)
{
    const Maillon__Hfp__V1__ServiceContent *c = s->content;
    json_t *o = json_object();
    set_text(o, "source", source);
    set_text(o, "structure_id", *structure ? structure : id);
    set_text(o, "id", id);
    set_name(o, c);
    set_text(o, "description",
             text_length(bytes_text(c->description)) >= TEXT_MIN ? c->description : c->name);
    set_day(o, "date_maj", s);
    set_words(o, "type", VOCABULARY_TYPE, (char *const *)&c->type, 1);
    json_t *type = json_object_get(o, "type"); /* one word, not a list */
    if (type)
        json_object_set(o, "type", json_array_get(type, 0));
    set_words(o, "thematiques", VOCABULARY_THEME, c->theme, c->n_theme);
    set_words(o, "publics", VOCABULARY_PUBLIC, c->public_, c->n_public_);
    set_text(o, "conditions_acces", c->conditions);
    if (strcmp(c->price, "gratuit") == 0 || strcmp(c->price, "payant") == 0)
        set_text(o, "frais", c->price);
    set_text(o, "frais_precisions", c->price_detail);
    set_words(o, "modes_accueil", VOCABULARY_MODE, c->mode, c->n_mode);
    set_words(o, "modes_mobilisation", VOCABULARY_REACH, c->reach, c->n_reach);
    set_words(o, "mobilisable_par", VOCABULARY_REACH_BY, c->reach_by, c->n_reach_by);
    set_zones(o, "zone_eligibilite", c);
    set_place(o, c);
    set_url(o, "lien_mobilisation", c->url);
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

/* Calls `one` for every imported record whose name starts with `kind`. Those that another record
 * stands for are left out, or not: `all`. */
static bool each_import(struct store *store, const char *kind, bool all, struct list *list,
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
                (all || batch[i].merged_into == 0) && !add(list, one(&batch[i]), err))
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
        set_day(self, "date_maj", &own[0]);
        if (!add(&list, self, err))
            return false;
    }
    if (!each_import(store, "structure/", true, &list, structure_of, err))
        return false;
    buf_add_text(out, "],\n\"services\":[");
    list.first = true;
    for (size_t i = 0; i < count; i++)
        if (!add(&list, service_of(&own[i], "maillon", own[i].uid, owner->id), err))
            return false;
    if (!each_import(store, "service/", true, &list, imported_service, err))
        return false;
    buf_add_text(out, "]}\n");
    return true;
}

static json_t *imported_organization(const struct directory_service *s)
{
    return hsds_organization(s);
}

/* Services of this hub, then imported ones, each with its organisation and its place. */
static bool add_hsds_services(struct store *store, const struct export_owner *owner,
                              struct list *list, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    int64_t offset = 0, total;
    size_t count;
    do {
        struct directory_service *batch;
        arena_reset(arena);
        if (!directory_list_page(store, arena, DIRECTORY_SERVICES, offset, BATCH, &batch, &count,
                                 &total, err))
            return false;
        for (size_t i = 0; i < count; i++)
            if (!add(list, hsds_service(store, arena, owner, &batch[i]), err))
                return false;
        offset += (int64_t)count;
    } while (count == BATCH);
    return true;
}

bool directory_export_hsds(struct store *store, const struct export_owner *owner, struct buf *out,
                           struct err *err)
{
    struct list list = {out, true};
    buf_add_text(out, "{\"organizations\":[");
    if (!add(&list, hsds_owner(owner), err) ||
        !each_import(store, "structure/", false, &list, imported_organization, err))
        return false;
    buf_add_text(out, "],\n\"services\":[");
    list.first = true;
    if (!add_hsds_services(store, owner, &list, err))
        return false;
    buf_add_text(out, "]}\n");
    return true;
}
