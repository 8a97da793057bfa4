/* Open data into the directory: a file, what it would do, what it did, and what is left to decide.
 */
#include "hub/base/arena.h"
#include "hub/base/text.h"
#include "hub/web/pages_admin.h"
#include "hub/web/service_words.h"
#include "hub/web/spoken_names.h"
#include "maillon/api/v1/directory.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A whole region of open data; larger files go through hubctl. */
#define IMPORT_UPLOAD_MAX 33554432

#define KEY_SIZE        96
#define UNKNOWN_SHOWN   40
#define KNOWN_SHOWN     60
#define ISSUES_SHOWN    40
#define TEXT_SHOWN      200 /* bytes of a word out of a file */
#define DESCRIPTION_MAX 300 /* bytes shown of a description */

/* "theme" in words; a column of a file stays as it is. */
static const char *field_words(struct page_visit *visit, const char *field)
{
    const char *words = page_word(visit, "field", field);
    return *words ? words : field;
}

/* --- a file ----------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

/* Two files of JSON: the one whose name says so has the services. Tables of one data package go one
 * after the other, each after its name, as the API has them. */
static void join_files(struct page_visit *visit, Maillon__Api__V1__ImportRequest *request,
                       struct buf *tables)
{
    size_t count = page_file_count(visit);
    for (size_t i = 0; i < count; i++) {
        const char *field, *name;
        struct bytes file = page_file(visit, i, &field, &name);
        ProtobufCBinaryData data = {file.len, (uint8_t *)(uintptr_t)file.data};
        if (count > 1 && ends_with(name, ".csv")) {
            buf_addf(tables, "#table %s\n", name);
            buf_add_bytes(tables, file);
            buf_add_text(tables, "\n");
        } else if (i > 0 && request->services_file.len == 0 && strcasestr(name, "service")) {
            request->services_file = data;
        } else if (request->file.len == 0) {
            request->file = data;
        } else if (request->services_file.len == 0) { /* the services came first */
            request->services_file = request->file;
            request->file = data;
        }
    }
    if (tables->len > 0)
        request->file = (ProtobufCBinaryData){tables->len, tables->data};
}

static void pack_import(struct page_visit *visit, struct buf *out)
{
    AUTO(buf_done) struct buf tables = {0};
    const char *field, *name;
    Maillon__Api__V1__ImportRequest request;
    maillon__api__v1__import_request__init(&request);
    (void)page_file(visit, 0, &field, &name);
    request.format = (char *)(uintptr_t)page_value(visit, "form.format"); /* packed only */
    request.source = (char *)(uintptr_t)page_value(visit, "form.source");
    request.licence = (char *)(uintptr_t)page_value(visit, "form.licence");
    request.file_name = (char *)(uintptr_t)name;
    join_files(visit, &request, &tables);
    size_t len = maillon__api__v1__import_request__get_packed_size(&request);
    out->len = maillon__api__v1__import_request__pack(&request, buf_reserve(out, len));
}

static void view_import(struct page_visit *visit)
{
    json_t *source;
    size_t i;
    admin_set_area(visit, "import");
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "sources"), "source"),
                       i, source) admin_add_zero(source, "records", "records");
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "%s", page_value(visit, "form.format"));
    json_object_set_new(page_context(visit), "format_is",
                        json_pack("{s:b}", *key ? key : "any", 1));
}

/* --- what it would do, what it did ------------------------------------------------------------ */

static json_t *cut(const char *text)
{
    char shown[TEXT_SHOWN + 1];
    text_copy(shown, sizeof(shown), text);
    return json_string(shown);
}

/* Words that nobody knows first, then what became what. */
static void add_mappings(struct page_visit *visit, json_t *report)
{
    json_t *row, *unknown = json_array(), *known = json_array();
    size_t i;
    json_array_foreach(json_object_get(report, "mapping"), i, row)
    {
        bool is_known = *page_text(row, "to");
        json_t *list = is_known ? known : unknown;
        if (json_array_size(list) >= (is_known ? KNOWN_SHOWN : UNKNOWN_SHOWN))
            continue;
        AUTO(buf_done) struct buf to = {0};
        if (strcmp(page_text(row, "field"), "language") == 0)
            spoken_name_add(page_catalog(visit), page_text(row, "to"), &to);
        else
            buf_add_text(&to, page_text(row, "to"));
        json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:I}", "field",
                                              field_words(visit, page_text(row, "field")), "from",
                                              cut(page_text(row, "from")), "to", cut(buf_text(&to)),
                                              "times", page_number(row, "count")));
    }
    json_object_set_new(report, "unknown_any", json_boolean(json_array_size(unknown) > 0));
    json_object_set_new(report, "known_any", json_boolean(json_array_size(known) > 0));
    json_object_set_new(report, "unknown", unknown);
    json_object_set_new(report, "known", known);
}

static json_t *issue_words(struct page_visit *visit, const json_t *issue)
{
    json_t *said = admin_say(visit, page_text(issue, "what"));
    json_object_set_new(said, "field", json_string(field_words(visit, page_text(issue, "field"))));
    json_object_set_new(said, "record", cut(page_text(issue, "record")));
    json_object_set_new(said, "source", cut(page_text(issue, "source")));
    json_object_set_new(said, "times", json_integer(page_number(issue, "count")));
    json_object_set_new(said, "id", json_integer(page_number(issue, "id")));
    json_object_set_new(said, "several", json_boolean(page_number(issue, "count") > 1));
    return said;
}

/* Refused ones apart from those that are kept. */
static void add_issues(struct page_visit *visit, json_t *report)
{
    json_t *issue, *refused = json_array(), *doubtful = json_array();
    size_t i;
    json_array_foreach(json_object_get(report, "issue"), i, issue)
    {
        json_t *list = json_is_true(json_object_get(issue, "refused")) ? refused : doubtful;
        if (json_array_size(list) < ISSUES_SHOWN)
            json_array_append_new(list, issue_words(visit, issue));
    }
    json_object_set_new(report, "refusal_any", json_boolean(json_array_size(refused) > 0));
    json_object_set_new(report, "doubt_any", json_boolean(json_array_size(doubtful) > 0));
    json_object_set_new(report, "refusal", refused);
    json_object_set_new(report, "doubt", doubtful);
}

static void view_staged(struct page_visit *visit)
{
    static const char *const counts[] = {"read",      "created", "updated",
                                         "unchanged", "review",  "refused"};
    json_t *context = page_context(visit), *staged = json_object_get(context, "staged");
    json_t *report = json_object_get(staged, "report");
    admin_set_area(visit, "import");
    if (!report)
        json_object_set_new(staged, "report", report = json_object());
    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        admin_add_zero(report, counts[i], counts[i]);
    json_object_set_new(
        report, "new",
        json_integer(page_number(report, "created") + page_number(report, "updated")));
    add_mappings(visit, report);
    add_issues(visit, report);
    json_object_set_new(
        staged, "format_words",
        json_string(page_word(visit, "import.format", page_text(staged, "format"))));
}

/* --- review ----------------------------------------------------------------------------------- */

static const struct {
    const char *field, *origin;
} compared[] = {
    {"name", "name"},
    {"description", "description"},
    {"address", "address"},
    {"postalCode", "postal_code"},
    {"communeName", "commune_name"},
    {"phone", "phone"},
    {"email", "email"},
    {"url", "url"},
    {"openingHours", "opening_hours"},
    {"conditions", "conditions"},
    {"access", "access"},
};

/* The day of a time: nobody needs the hour at which a file was made. */
static json_t *day_of(const char *iso)
{
    return json_stringn(iso, strlen(iso) < 10 ? strlen(iso) : 10);
}

/* {text, source, updated} of one side; where it is from only when the record is from elsewhere. */
static json_t *side_of(struct page_visit *visit, const json_t *service, const char *field,
                       const char *origin_name)
{
    const char *text = page_text(json_object_get(service, "content"), field);
    char shown[DESCRIPTION_MAX + 1];
    json_t *origin, *side = json_object();
    size_t i;
    AUTO(buf_done) struct buf said = {0};
    if (strcmp(field, "openingHours") == 0)
        service_words_hours(page_catalog(visit), text, &said);
    else if (strcmp(field, "phone") == 0)
        service_words_phone(text, &said);
    if (said.len)
        text = buf_text(&said);
    text_copy(shown, sizeof(shown), text);
    json_object_set_new(side, "text", json_string(shown));
    json_object_set_new(side, "longer", json_boolean(strlen(text) > strlen(shown)));
    json_array_foreach(json_object_get(service, "origin"), i, origin)
    {
        const char *source = page_text(origin, "source"), *updated = page_text(origin, "updated");
        if (!*text || strcmp(page_text(origin, "field"), origin_name) != 0 ||
            (strcmp(source, page_text(service, "source")) == 0 &&
             strcmp(updated, page_text(service, "updated")) == 0))
            continue;
        json_object_set_new(side, "source", json_string(source));
        json_object_set_new(side, "updated", day_of(updated));
    }
    page_add_words(visit, side);
    return side;
}

/* But for case, accents and signs. */
static bool reads_the_same(struct arena *arena, const char *a, const char *b)
{
    const char *folded_a = text_fold(arena, bytes_text(a)),
               *folded_b = text_fold(arena, bytes_text(b));
    return folded_a && folded_b && strcmp(folded_a, folded_b) == 0;
}

static void shape_service(struct page_visit *visit, json_t *service)
{
    bool is_hub = *page_text(service, "owner") != '\0';
    json_object_set_new(service, "is_hub", json_boolean(is_hub));
    json_object_set_new(
        service, "label",
        json_string(is_hub ? page_text(service, "ownerName") : page_text(service, "source")));
    json_object_set_new(service, "dated", day_of(page_text(service, "updated")));
    page_add_words(visit, service);
}

static void shape_pair(struct page_visit *visit, json_t *pair)
{
    json_t *first = json_object_get(pair, "first"), *second = json_object_get(pair, "second");
    json_t *rows = json_array();
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf same = {0};
    shape_service(visit, first);
    shape_service(visit, second);
    for (size_t i = 0; i < ARRAY_LEN(compared); i++) {
        const char *field = field_words(visit, compared[i].origin);
        const char *a = page_text(json_object_get(first, "content"), compared[i].field);
        const char *b = page_text(json_object_get(second, "content"), compared[i].field);
        if (i > 0 && *a && reads_the_same(arena, a, b))
            buf_addf(&same, "%s%s", same.len ? ", " : "", field);
        else if (*a || *b)
            json_array_append_new(
                rows, json_pack("{s:s, s:o, s:o}", "field", field, "a",
                                side_of(visit, first, compared[i].field, compared[i].origin), "b",
                                side_of(visit, second, compared[i].field, compared[i].origin)));
    }
    json_object_set_new(pair, "row", rows);
    json_object_set_new(pair, "alike", json_string(buf_text(&same)));
    json_object_set_new(pair, "number", json_integer(page_number(pair, "id")));
    admin_add_zero(pair, "likeness", "percent");
    json_object_set_new(pair, "away", json_integer(page_number(pair, "metres")));
    json_object_set_new(pair, "is_near", json_boolean(strcmp(page_text(pair, "why"), "name") == 0));
    json_object_set_new(pair, "hub_stays", json_boolean(*page_text(first, "owner") != '\0'));
    bool keeps_first = strcmp(page_text(pair, "kept"), page_text(first, "id")) == 0;
    json_object_set(pair, "stays", keeps_first ? first : second);
    json_object_set(pair, "goes", keeps_first ? second : first);
    if (strcmp(page_text(pair, "decidedBy"), "operator") == 0) /* the command line has no name */
        json_object_set_new(pair, "decidedBy",
                            json_string(catalog_text(page_catalog(visit), "review.operator", 1)));
}

static void view_review(struct page_visit *visit)
{
    json_t *pair, *review = json_object_get(page_context(visit), "review");
    size_t i;
    admin_set_area(visit, "review");
    add_issues(visit, review);
    json_array_foreach(json_object_get(review, "pair"), i, pair) shape_pair(visit, pair);
    admin_add_zero(review, "pairsOpen", "open");
}

const struct page pages_import[] = {
    {.method = "GET",
     .path = "/admin/import",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("sources", "Directory/ListSources", "")},
     .template = "import",
     .view = view_import},
    {.method = "POST",
     .path = "/admin/import",
     .roles = ROLE_ADMIN,
     .upload_max = IMPORT_UPLOAD_MAX,
     .calls = {{.as = "staged", .method = "Directory/StageImport", .pack = pack_import}},
     .redirect = "/admin/import/{staged.id}",
     .again = "/admin/import"},
    {.method = "GET",
     .path = "/admin/import/:id",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("staged", "Directory/GetStaged", "id={path.id}")},
     .template = "import_staged",
     .view = view_staged},
    {.method = "POST",
     .path = "/admin/import/:id",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("staged", "Directory/RunStaged", "id={path.id}")},
     .redirect = "/admin/import/{path.id}?done=imported",
     .again = "/admin/import/{path.id}"},
    {.method = "POST",
     .path = "/admin/import/:id/drop",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("dropped", "Directory/DropStaged", "id={path.id}")},
     .redirect = "/admin/import?done=import-dropped",
     .again = "/admin/import"},
    {.method = "GET",
     .path = "/admin/review",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("review", "Directory/ListReview", "limit=40 pairs=5")},
     .template = "review",
     .view = view_review},
    {.method = "GET",
     .path = "/admin/review/same",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("review", "Directory/ListReview", "limit=1 pairs=50 decided=true")},
     .template = "review_same",
     .view = view_review},
    {.method = "POST",
     .path = "/admin/review/settle",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("settled", "Directory/SettleReview", "id={form.id}")},
     .redirect = "/admin/review?done=review-settled#words",
     .again = "/admin/review"},
    {.method = "POST",
     .path = "/admin/review/pairs/:id",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("pair", "Directory/DecidePair",
                         "id={path.id} decision={form.decision} keep={form.keep}")},
     .redirect = "/admin/review?done=pair-{form.decision}",
     .again = "/admin/review"},
    {.method = NULL},
};
