#include "hub/domain/import_hsds.h"

#include "hub/domain/hours.h"
#include "hub/domain/import_csv.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
    json_t *structures, *services; /* lists of what was read */
    json_t *seen;                  /* ids of structures */
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (*text)
        json_object_set_new(object, name, json_string(text));
}

static void copy(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);
    if (value && !json_is_null(value) && !json_object_get(to, name))
        json_object_set(to, name, value);
}

static const json_t *first_of(const json_t *object, const char *name)
{
    return json_array_get(json_object_get(object, name), 0);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void take_phone(json_t *record, const json_t *object)
{
    copy(record, "telephone", first_of(object, "phones"), "number");
}

static void take_location(json_t *record, const json_t *location)
{
    const json_t *address = first_of(location, "addresses");
    const json_t *access = first_of(location, "accessibility");
    const char *region = text_of(address, "region");
    copy(record, "latitude", location, "latitude");
    copy(record, "longitude", location, "longitude");
    copy(record, "adresse", address, "address_1");
    copy(record, "complement_adresse", address, "address_2");
    copy(record, "code_postal", address, "postal_code");
    copy(record, "commune", address, "city");
    if (strlen(region) == 5 && strspn(region, "0123456789AB") == 5) /* as this hub exports it */
        set_text(record, "code_insee", region);
    copy(record, "accessibilite", access, *text_of(access, "description") ? "description" : "url");
    if (strcmp(text_of(location, "location_type"), "virtual") == 0)
        set_text(record, "modes_accueil", "a-distance");
    take_phone(record, location);
}

/* "TH,FR" as "Th,Fr" */
static bool add_days(const char *byday, struct buf *out)
{
    size_t count = 0;
    for (const char *at = byday; *at; count++) {
        size_t len = strcspn(at, ", ");
        if (len < 2)
            return false;
        buf_addf(out, "%s%c%c", count > 0 ? "," : "", at[0] & ~0x20, at[1] | 0x20);
        at += len;
        at += strspn(at, ", ");
    }
    return true;
}

static bool add_schedule(const json_t *schedule, struct buf *out)
{
    const char *opens = text_of(schedule, "opens_at"), *closes = text_of(schedule, "closes_at");
    const char *freq = text_of(schedule, "freq");
    if (strlen(opens) < 5 || strlen(closes) < 5 || (*freq && strcmp(freq, "WEEKLY") != 0))
        return false;
    AUTO(buf_done) struct buf rule = {0};
    if (!add_days(text_of(schedule, "byday"), &rule))
        return false;
    buf_addf(&rule, "%s%.5s-%.5s", rule.len > 0 ? " " : "", opens, closes);
    if (!hours_is_understood(buf_text(&rule)))
        return false;
    buf_addf(out, "%s%s", out->len > 0 ? ", " : "", buf_text(&rule));
    return true;
}

static void take_schedules(json_t *record, const json_t *object)
{
    AUTO(buf_done) struct buf hours = {0};
    const json_t *list = json_object_get(object, "schedules"), *schedule;
    const char *said = text_of(json_array_get(list, 0), "description");
    size_t i;
    if (!list || json_object_get(record, "horaires"))
        return;
    bool whole = true;
    json_array_foreach((json_t *)(uintptr_t)list, i, schedule) whole =
        add_schedule(schedule, &hours) && whole;
    /* What this hub exports has its own text beside the rows. */
    if (hours_is_understood(said) || !whole || hours.len == 0)
        set_text(record, "horaires", said);
    else
        set_text(record, "horaires", buf_text(&hours));
}

static void append(json_t *record, const char *name, const char *text)
{
    json_t *list = json_object_get(record, name);
    if (!*text)
        return;
    if (!list)
        json_object_set_new(record, name, list = json_array());
    json_array_append_new(list, json_string(text));
}

static void take_terms(json_t *record, const json_t *object)
{
    static const struct {
        const char *link, *name;
    } known[] = {
        {"thematiques", "thematiques"},
        {"publics", "publics"},
        {"types", "types"},
        {"frais", "frais"},
        {"modes-accueil", "modes_accueil"},
        {"modes-mobilisation", "modes_mobilisation"},
        {"mobilisable-par", "mobilisable_par"},
    };
    const json_t *attribute;
    size_t i;
    json_array_foreach(json_object_get(object, "attributes"), i, attribute)
    {
        const json_t *term = json_object_get(attribute, "taxonomy_term");
        const char *code = text_of(term, "code"), *name = "thematiques";
        const char *link = text_of(attribute, "link_type");
        bool ours = false;
        for (size_t k = 0; k < ARRAY_LEN(known); k++) {
            if (strcmp(known[k].link, link) != 0)
                continue;
            name = known[k].name;
            ours = true;
        }
        append(record, name, ours && *code ? code : text_of(term, "name"));
    }
}

static void take_lists(json_t *record, const json_t *service)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(service, "languages"), i, item) append(
        record, "langues", *text_of(item, "code") ? text_of(item, "code") : text_of(item, "name"));
    json_array_foreach(json_object_get(service, "service_areas"), i, item)
        append(record, "zone_eligibilite",
               *text_of(item, "extent_type") && strcmp(text_of(item, "extent_type"), "COG") == 0
                   ? text_of(item, "extent")
                   : text_of(item, "name"));
    json_array_foreach(json_object_get(service, "cost_options"), i, item)
    {
        const json_t *amount = json_object_get(item, "amount");
        bool free_of_charge = amount && json_is_number(amount) && json_number_value(amount) == 0;
        set_text(record, "frais_precisions", text_of(item, "amount_description"));
        if (free_of_charge || strcmp(text_of(item, "amount"), "0") == 0)
            append(record, "frais", "gratuit");
    }
}

static double number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : strtod(text_of(object, name), NULL);
}

static void take_conditions(json_t *record, const json_t *service)
{
    AUTO(buf_done) struct buf text = {0};
    double from = number_of(service, "minimum_age"), to = number_of(service, "maximum_age");
    const char *said = text_of(service, "eligibility_description");
    buf_add_text(&text, said);
    if (!strstr(said, " ans")) {
        if (from > 0 && to >= from && to < 120)
            buf_addf(&text, "%sDe %.0f à %.0f ans.", *said ? "\n" : "", from, to);
        else if (from > 0)
            buf_addf(&text, "%sÀ partir de %.0f ans.", *said ? "\n" : "", from);
    }
    set_text(record, "conditions_acces", buf_text(&text));
}

/* --- whole records ---------------------------------------------------------------------------- */

static void take_service(struct reader *r, const json_t *service, const char *organization_id);

static void take_organization(struct reader *r, const json_t *o)
{
    const char *id = text_of(o, "id");
    const json_t *identifier, *service;
    size_t i;
    if (*id && json_object_get(r->seen, id))
        return;
    if (*id)
        json_object_set_new(r->seen, id, json_true());
    json_t *record = json_object();
    copy(record, "id", o, "id");
    copy(record, "nom", o, "name");
    copy(record, "alternate_name", o, "alternate_name");
    copy(record, "description", o, "description");
    copy(record, "courriel", o, "email");
    copy(record, "site_web", o, *text_of(o, "website") ? "website" : "url");
    copy(record, "lien_source", o, "uri");
    copy(record, "structure_parente", o, "parent_organization_id");
    copy(record, "date_maj", o, "last_modified");
    json_array_foreach(json_object_get(o, "organization_identifiers"), i,
                       identifier) if (strstr(text_of(identifier, "identifier_scheme"), "SIRET") ||
                                       strcmp(text_of(identifier, "identifier_type"), "SIRET") == 0)
        copy(record, "siret", identifier, "identifier");
    take_phone(record, o);
    take_location(record, first_of(o, "locations"));
    take_schedules(record, first_of(o, "locations"));
    json_array_append_new(r->structures, record);
    json_array_foreach(json_object_get(o, "services"), i, service) take_service(r, service, id);
}

static void take_service(struct reader *r, const json_t *s, const char *organization_id)
{
    const json_t *organization = json_object_get(s, "organization");
    const json_t *at = first_of(s, "service_at_locations");
    const char *status = text_of(s, "status");
    json_t *record = json_object();
    copy(record, "id", s, "id");
    set_text(record, "structure_id", organization_id);
    copy(record, "structure_id", organization, "id");
    copy(record, "structure_id", s, "organization_id");
    copy(record, "nom", s, "name");
    copy(record, "alternate_name", s, "alternate_name");
    copy(record, "description", s, "description");
    copy(record, "courriel", s, "email");
    copy(record, "site_web", s, "url");
    copy(record, "frais_precisions", s, "fees_description");
    copy(record, "mobilisation_precisions", s, "application_process");
    copy(record, "alert", s, "alert");
    copy(record, "wait_time", s, "wait_time");
    copy(record, "date_maj", s, *text_of(s, "last_modified") ? "last_modified" : "assured_date");
    if (strcmp(status, "inactive") == 0 || strcmp(status, "defunct") == 0)
        set_text(record, "affichage", "non");
    take_phone(record, s);
    take_conditions(record, s);
    take_schedules(record, s);
    take_schedules(record, at);
    take_location(record, at ? json_object_get(at, "location") : first_of(s, "locations"));
    take_lists(record, s);
    take_terms(record, s);
    if (organization)
        take_organization(r, organization);
    json_array_append_new(r->services, record);
}

static bool is_service(const json_t *object)
{
    return json_object_get(object, "status") || json_object_get(object, "organization") ||
           json_object_get(object, "organization_id") ||
           json_object_get(object, "service_at_locations");
}

static void take_any(struct reader *r, const json_t *value, unsigned depth)
{
    const json_t *item;
    size_t i;
    static const char *const lists[] = {"organizations", "services", "contents"};
    bool listed = false;
    if (depth == 0)
        return;
    json_array_foreach((json_t *)(uintptr_t)value, i, item) take_any(r, item, depth - 1);
    if (!json_is_object(value))
        return;
    for (size_t k = 0; k < ARRAY_LEN(lists) && !json_object_get(value, "name"); k++) {
        json_array_foreach(json_object_get(value, lists[k]), i, item) take_any(r, item, depth - 1);
        listed = listed || json_object_get(value, lists[k]);
    }
    if (listed)
        return;
    if (is_service(value))
        take_service(r, value, "");
    else
        take_organization(r, value);
}

static bool write_out(struct reader *r, struct buf *out, struct err *err)
{
    json_t *all = json_pack("{s:o,s:o}", "structures", r->structures, "services", r->services);
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    json_decref(r->seen);
    if (!text)
        return err_set(err, ERR_INTERNAL, "cannot write the records as JSON");
    buf_add_text(out, text);
    free(text);
    return true;
}

static bool convert(const json_t *root, struct buf *out, struct err *err)
{
    struct reader r = {json_array(), json_array(), json_object()};
    take_any(&r, root, 4);
    return write_out(&r, out, err);
}

static bool check_size(struct bytes file, struct err *err)
{
    return file.len <= IMPORT_HSDS_MAX ||
           err_set(err, ERR_LIMIT, "a file of HSDS is at most %d bytes here", IMPORT_HSDS_MAX);
}

bool import_hsds_json(struct bytes file, struct buf *out, struct err *err)
{
    json_error_t where;
    if (!check_size(file, err))
        return false;
    json_t *root = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &where);
    if (!root)
        return err_set(err, ERR_INVALID, "the file is not JSON, near byte %d", where.position);
    bool done = convert(root, out, err);
    json_decref(root);
    return done;
}

/* --- CSV: rows become objects inside each other ----------------------------------------------- */

/* {value of `key`: [rows]} */
static json_t *group(const json_t *tables, const char *table, const char *key)
{
    json_t *groups = json_object(), *row;
    size_t i;
    json_array_foreach(json_object_get(tables, table), i, row)
    {
        const char *value = text_of(row, key);
        json_t *list = json_object_get(groups, value);
        if (!*value)
            continue;
        if (!list)
            json_object_set_new(groups, value, list = json_array());
        json_array_append(list, row);
    }
    return groups;
}

/* Puts the rows of `table` whose `key` is the id of a row of `into` inside it, as `member`. */
static void nest(json_t *tables, const char *into, const char *table, const char *key,
                 const char *member)
{
    json_t *groups = group(tables, table, key), *row;
    size_t i;
    json_array_foreach(json_object_get(tables, into), i, row)
    {
        json_t *list = json_object_get(groups, text_of(row, "id"));
        if (list)
            json_object_set(row, member, list);
    }
    json_decref(groups);
}

/* The other way: the one row of `table` that `key` of a row of `into` names. */
static void nest_one(json_t *tables, const char *into, const char *key, const char *table,
                     const char *member)
{
    json_t *groups = group(tables, table, "id"), *row;
    size_t i;
    json_array_foreach(json_object_get(tables, into), i, row)
    {
        json_t *one = json_array_get(json_object_get(groups, text_of(row, key)), 0);
        if (one)
            json_object_set(row, member, one);
    }
    json_decref(groups);
}

static void join_tables(json_t *tables)
{
    static const char *const of_service[] = {"phones", "schedules", "languages", "service_areas",
                                             "cost_options"};
    nest_one(tables, "attributes", "taxonomy_term_id", "taxonomy_terms", "taxonomy_term");
    nest(tables, "locations", "addresses", "location_id", "addresses");
    nest(tables, "locations", "accessibility", "location_id", "accessibility");
    nest(tables, "locations", "schedules", "location_id", "schedules");
    nest_one(tables, "service_at_location", "location_id", "locations", "location");
    nest(tables, "service_at_location", "schedules", "service_at_location_id", "schedules");
    nest(tables, "organizations", "organization_identifiers", "organization_id",
         "organization_identifiers");
    nest(tables, "organizations", "phones", "organization_id", "phones");
    nest(tables, "organizations", "locations", "organization_id", "locations");
    for (size_t i = 0; i < ARRAY_LEN(of_service); i++)
        nest(tables, "services", of_service[i], "service_id", of_service[i]);
    nest(tables, "services", "attributes", "link_id", "attributes");
    nest(tables, "services", "service_at_location", "service_id", "service_at_locations");
}

bool import_hsds_csv(struct bytes file, struct buf *out, struct err *err)
{
    if (!check_size(file, err))
        return false;
    json_t *tables = import_csv_tables(file, "services", err);
    if (!tables)
        return false;
    join_tables(tables);
    struct reader r = {json_array(), json_array(), json_object()};
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(tables, "organizations"), i, row) take_organization(&r, row);
    json_array_foreach(json_object_get(tables, "services"), i, row) take_service(&r, row, "");
    json_decref(tables);
    return write_out(&r, out, err);
}
