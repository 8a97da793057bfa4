#include "hub/domain/import.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/directory.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_record.h"
#include "hub/domain/place.h"
#include <stdlib.h>

#define RECORD_BYTES_MAX 262144
#define RECORDS_MAX      1000000
#define EXTRA_BYTES_MAX  131072
#define RECORD_ARENA_MAX ((size_t)1 << 30) /* a record of separators alone takes a tenth of it */

struct import {
    struct tx *tx;
    const struct import_file *file;
    struct import_report *report;
    struct import_map *map;
    struct arena *arena; /* of one record */
    uint64_t *seen;      /* hashes of the identifiers in this file; open addressing, 0: free */
    size_t seen_cap, seen_count;
};

/* --- report ----------------------------------------------------------------------------------- */

static void report_issue(struct import *im, const char *record, const char *field, const char *what,
                         bool refused)
{
    struct import_report *report = im->report;
    if (report->issue_count == IMPORT_ISSUES_MAX)
        return;
    struct arena *arena = im->tx->arena;
    report->issues[report->issue_count++] = (struct import_issue){
        arena_text(arena, record), arena_text(arena, field), arena_text(arena, what), refused};
}

static void refuse(struct import *im, const char *why)
{
    im->report->refused++;
    report_issue(im, arena_printf(im->arena, "record %u of the file", im->report->read), "", why,
                 true);
}

/* --- identifiers seen ------------------------------------------------------------------------- */

static bool add_hash(uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t i = (size_t)(hash ^ hash >> 32) & (cap - 1);
    while (slots[i] && slots[i] != hash)
        i = (i + 1) & (cap - 1);
    bool is_new = !slots[i];
    slots[i] = hash;
    return is_new;
}

/* True the first time. */
static bool see(struct import *im, const char *source, const char *record)
{
    uint64_t hash = 0xcbf29ce484222325;
    const char *parts[] = {source, "\n", record};
    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (const char *at = parts[p]; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    if ((im->seen_count + 1) * 2 > im->seen_cap) {
        size_t cap = im->seen_cap ? im->seen_cap * 2 : 4096;
        uint64_t *slots = mem_alloc(cap * sizeof(*slots));
        for (size_t i = 0; i < im->seen_cap; i++)
            if (im->seen[i])
                add_hash(slots, cap, im->seen[i]);
        free(im->seen);
        im->seen = slots;
        im->seen_cap = cap;
    }
    bool is_new = add_hash(im->seen, im->seen_cap, hash | 1);
    im->seen_count += is_new;
    return is_new;
}

/* --- one record ------------------------------------------------------------------------------- */

struct stored {
    int64_t id; /* 0: not there */
    uint8_t digest[32];
};

static bool find_stored(struct store *store, const char *source, const char *name,
                        struct stored *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT id, digest FROM import_record WHERE source = ?1 AND record = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, source);
    stmt_bind_text(stmt, 2, name);
    bool row;
    *ret = (struct stored){0};
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return true;
    ret->id = stmt_i64(stmt, 0);
    return stmt_copy(stmt, 1, ret->digest, sizeof(ret->digest)) ||
           err_set(err, ERR_IO, "a stored record is damaged");
}

/* A service without a place of its own is where its structure is. */
static void inherit(Maillon__Hfp__V1__ServiceContent *service,
                    const Maillon__Hfp__V1__ServiceContent *structure)
{
    service->structure_name = structure->name;
    if (!*service->commune_name && !*service->postal_code && !*service->address) {
        service->address = structure->address;
        service->postal_code = structure->postal_code;
        service->commune_name = structure->commune_name;
        service->commune = structure->commune;
        service->latitude_e5 = structure->latitude_e5;
        service->longitude_e5 = structure->longitude_e5;
    }
    if (!*service->phone && !*service->email) {
        service->phone = structure->phone;
        service->email = structure->email;
    }
    if (!*service->opening_hours)
        service->opening_hours = structure->opening_hours;
}

static bool join_structure(struct import *im, struct import_record *record, struct err *err)
{
    if (!record->is_service || !*record->structure)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(im->tx->store,
                                 "SELECT content FROM import_record WHERE record = ?1 AND "
                                 "source = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, arena_printf(im->arena, "structure/%s", record->structure));
    stmt_bind_text(stmt, 2, record->source);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row) {
        if (!im->file->dry_run) /* a trial run stored no structure to find */
            import_record_find(record, im->arena, "structure_id", "its structure is not known");
        return true;
    }
    const Maillon__Hfp__V1__ServiceContent *structure = wire_unpack(
        &maillon__hfp__v1__service_content__descriptor, stmt_bytes(stmt, 0), im->arena, err);
    if (!structure)
        return err_set(err, ERR_IO, "a stored record is damaged");
    inherit(&record->content, structure);
    return true;
}

static void digest_record(const struct import_record *record, struct bytes content, uint8_t out[32])
{
    const struct bytes parts[] = {
        content,
        BYTES_LITERAL("\n"),
        bytes_text(record->extra),
        BYTES_LITERAL("\n"),
        bytes_text(record->structure),
        BYTES_LITERAL("\n"),
        bytes_text(record->siret),
        BYTES_LITERAL("\n"),
        bytes_of(&record->dated_ms, sizeof(record->dated_ms)),
        bytes_of(&record->closed, sizeof(record->closed)),
    };
    digest_sha256_parts(parts, ARRAY_LEN(parts), out);
}

static bool write_record(struct import *im, const struct import_record *record, const char *name,
                         struct bytes content, const uint8_t digest[32], int64_t *id,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        *id ? stmt_get(im->tx->store,
                       "UPDATE import_record SET structure = ?3, siret = ?4, content = ?5, "
                       "extra = ?6, digest = ?7, dated_ms = ?8, imported_ms = ?9 "
                       "WHERE source = ?1 AND record = ?2",
                       err)
            : stmt_get(im->tx->store,
                       "INSERT INTO import_record (source, record, structure, siret, content, "
                       "extra, digest, dated_ms, imported_ms) "
                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                       err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, record->source);
    stmt_bind_text(stmt, 2, name);
    stmt_bind_text(stmt, 3, record->structure);
    stmt_bind_text(stmt, 4, record->siret);
    stmt_bind_bytes(stmt, 5, content);
    stmt_bind_text(stmt, 6, record->extra);
    stmt_bind_bytes(stmt, 7, bytes_of(digest, 32));
    stmt_bind_i64(stmt, 8, record->dated_ms);
    stmt_bind_i64(stmt, 9, im->tx->now.ms);
    if (!stmt_run(stmt, err))
        return false;
    if (!*id)
        *id = store_last_id(im->tx->store);
    return true;
}

/* PRODUCT.md 5.3: two records with one SIRET in one commune may be one; a person decides. */
static bool find_twin(struct import *im, struct import_record *record, int64_t id, struct err *err)
{
    if (!*record->siret || record->is_service)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(im->tx->store,
                 "SELECT r.source, r.record FROM import_record r "
                 "JOIN directory_entry e ON e.id = r.id + 4294967296 "
                 "JOIN directory_entry own ON own.id = ?2 + 4294967296 AND own.place = e.place "
                 "AND own.name <> e.name "
                 "WHERE r.siret = ?1 AND r.siret <> '' AND r.id <> ?2 ORDER BY r.id LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, record->siret);
    stmt_bind_i64(stmt, 2, id);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        import_record_find(record, im->arena, "siret",
                           arena_printf(im->arena, "same SIRET and commune as %s %s",
                                        stmt_text(stmt, 0), stmt_text(stmt, 1)));
    return true;
}

static bool write_review(struct import *im, const struct import_record *record, int64_t id,
                         bool is_new, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *old =
        stmt_get(im->tx->store, "DELETE FROM import_review WHERE import_id = ?1", err);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(im->tx->store,
                 "INSERT INTO import_review (import_id, field, what) VALUES (?1, ?2, ?3)", err);
    if (!old || !stmt)
        return false;
    stmt_bind_i64(old, 1, id);
    if (!is_new && !stmt_run(old, err))
        return false;
    for (size_t i = 0; i < record->finding_count; i++) {
        stmt_bind_i64(stmt, 1, id);
        stmt_bind_text(stmt, 2, record->findings[i].field);
        stmt_bind_text(stmt, 3, record->findings[i].what);
        if (!stmt_run(stmt, err))
            return false;
        stmt_reset(stmt);
    }
    return true;
}

static bool write_entry(struct import *im, const struct import_record *record, int64_t id,
                        bool is_new, struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = &record->content;
    bool point = c->latitude_e5 != 0 || c->longitude_e5 != 0;
    if (is_new && point && *c->commune_name &&
        !place_learn(im->tx, im->arena, c->commune_name, c->postal_code, c->commune, c->latitude_e5,
                     c->longitude_e5, err))
        return false;
    if (record->closed)
        return is_new || entry_remove(im->tx, ENTRY_IMPORTS + id, err);
    const struct entry_draft draft = {
        .id = ENTRY_IMPORTS + id,
        .content = c,
        .is_new = is_new,
        .is_structure = !record->is_service,
        .dated_ms = record->dated_ms,
        .more_words = record->unknown_words,
    };
    return entry_put(im->tx, im->arena, &draft, err);
}

static void count_review(struct import *im, const struct import_record *record)
{
    if (record->finding_count == 0)
        return;
    im->report->review++;
    for (size_t i = 0; i < record->finding_count; i++)
        report_issue(im, record->id, record->findings[i].field, record->findings[i].what, false);
}

static bool store_record(struct import *im, struct import_record *record, struct err *err)
{
    const char *name =
        arena_printf(im->arena, "%s/%s", record->is_service ? "service" : "structure", record->id);
    if (!see(im, record->source, name)) {
        import_record_find(record, im->arena, "id", "the same identifier twice in the file");
        for (unsigned n = 2; !see(im, record->source, name); n++)
            name = arena_printf(im->arena, "%s/%s#%u", record->is_service ? "service" : "structure",
                                record->id, n);
    }
    struct stored stored;
    if (!join_structure(im, record, err) ||
        !find_stored(im->tx->store, record->source, name, &stored, err))
        return false;
    struct bytes content = wire_pack_arena(&record->content, im->arena);
    uint8_t digest[32];
    digest_record(record, content, digest);
    bool is_new = !stored.id;
    bool same = !is_new && memcmp(stored.digest, digest, sizeof(digest)) == 0;
    if (same)
        im->report->unchanged++;
    else if (is_new)
        im->report->created++;
    else
        im->report->updated++;
    if (!same && !im->file->dry_run) {
        if (!write_record(im, record, name, content, digest, &stored.id, err) ||
            !write_entry(im, record, stored.id, is_new, err) ||
            !find_twin(im, record, stored.id, err) ||
            !write_review(im, record, stored.id, is_new, err))
            return false;
    }
    count_review(im, record);
    return true;
}

static bool take_record(struct import *im, struct bytes text, bool is_service, struct err *err)
{
    arena_reset(im->arena);
    if (++im->report->read > RECORDS_MAX)
        return err_set(err, ERR_LIMIT, "the file has more than %d records", RECORDS_MAX);
    if (text.len > RECORD_BYTES_MAX) {
        refuse(im, "longer than a record may be");
        return true;
    }
    json_error_t where;
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!object) {
        refuse(im, "is not a JSON object, or says one thing twice");
        return true;
    }
    struct import_record *record = arena_alloc(im->arena, sizeof(*record));
    const char *why;
    bool good =
        import_record_read(im->map, im->arena, object, is_service, im->tx->now.ms, record, &why);
    if (good && strlen(record->extra) > EXTRA_BYTES_MAX) {
        why = "too much that has no field";
        good = false;
    }
    bool done = true;
    if (good) {
        if (!*record->source)
            record->source =
                im->file->source && *im->file->source ? im->file->source : im->file->format;
        done = store_record(im, record, err);
    } else {
        refuse(im, why);
    }
    json_decref(object);
    return done;
}

/* --- the file: records one by one, so that memory does not grow with it ----------------------- */

struct cursor {
    const uint8_t *data;
    size_t at, len;
};

static bool at_blank(const struct cursor *c)
{
    return c->at < c->len && strchr(" \t\r\n", c->data[c->at]) && c->data[c->at];
}

static uint8_t peek(struct cursor *c)
{
    while (at_blank(c))
        c->at++;
    return c->at < c->len ? c->data[c->at] : 0;
}

static bool skip_string(struct cursor *c)
{
    for (c->at++; c->at < c->len; c->at++) {
        if (c->data[c->at] == '\\') {
            c->at++;
        } else if (c->data[c->at] == '"') {
            c->at++;
            return true;
        }
    }
    return false;
}

/* Over one JSON value by its brackets and quotes; the parser judges what is inside. */
static bool skip_value(struct cursor *c)
{
    size_t depth = 0;
    peek(c);
    while (c->at < c->len) {
        uint8_t byte = c->data[c->at];
        if (byte == '"') {
            if (!skip_string(c))
                return false;
        } else if (byte == '{' || byte == '[') {
            depth++;
            c->at++;
        } else if (byte == '}' || byte == ']' || byte == ',') {
            if (depth == 0)
                return true; /* the end of a plain value */
            if (byte != ',' && --depth == 0) {
                c->at++;
                return true;
            }
            c->at++;
            continue;
        } else {
            c->at++;
        }
        if (depth == 0 && (byte == '"'))
            return true;
    }
    return false;
}

static bool cut_off(const struct cursor *c, struct err *err)
{
    return err_set(err, ERR_INVALID, "the file is not JSON, or cut off, near byte %zu", c->at);
}

static bool take_array(struct import *im, struct cursor *c, bool is_service, struct err *err)
{
    c->at++; /* [ */
    if (peek(c) == ']') {
        c->at++;
        return true;
    }
    for (;;) {
        peek(c);
        size_t start = c->at;
        if (!skip_value(c) || c->at == start)
            return cut_off(c, err);
        if (!take_record(im, bytes_of(c->data + start, c->at - start), is_service, err))
            return false;
        uint8_t next = peek(c);
        c->at++;
        if (next == ']')
            return true;
        if (next != ',')
            return cut_off(c, err);
    }
}

/* {"structures": [...], "services": [...]}: lists of records by name; other members are passed
 * over. */
static bool take_members(struct import *im, struct cursor *c, struct err *err)
{
    c->at++; /* { */
    if (peek(c) == '}') {
        c->at++;
        return true;
    }
    for (;;) {
        if (peek(c) != '"')
            return cut_off(c, err);
        size_t start = c->at;
        if (!skip_string(c))
            return cut_off(c, err);
        struct bytes key = bytes_of(c->data + start, c->at - start);
        if (peek(c) != ':')
            return cut_off(c, err);
        c->at++;
        bool services = bytes_equal(key, BYTES_LITERAL("\"services\""));
        bool done =
            peek(c) == '[' ? take_array(im, c, services, err) : skip_value(c) || cut_off(c, err);
        if (!done)
            return false;
        uint8_t next = peek(c);
        c->at++;
        if (next == '}')
            return true;
        if (next != ',')
            return cut_off(c, err);
    }
}

static bool take_file(struct import *im, struct bytes file, bool is_service, struct err *err)
{
    struct cursor c = {file.data, 0, file.len};
    if (file.len >= 3 && memcmp(file.data, "\xef\xbb\xbf", 3) == 0)
        c.at = 3;
    uint8_t first = peek(&c);
    bool done;
    if (first == '[')
        done = take_array(im, &c, is_service, err);
    else if (first == '{')
        done = take_members(im, &c, err);
    else
        return cut_off(&c, err);
    if (done && (peek(&c) != 0 || c.at < c.len))
        return cut_off(&c, err);
    return done;
}

static bool check_file(const struct import_file *file, struct err *err)
{
    if (strcmp(file->format, "data-inclusion") != 0 &&
        strcmp(file->format, "mediation-numerique") != 0)
        return err_set(err, ERR_INVALID,
                       "unknown format; known are data-inclusion and mediation-numerique");
    if (file->file.len > API_IMPORT_MAX || file->services.len > API_IMPORT_MAX)
        return err_set(err, ERR_LIMIT, "the file is longer than %d bytes", API_IMPORT_MAX);
    if (file->source && text_length(bytes_text(file->source)) > 100)
        return err_set(err, ERR_INVALID, "the name of the source is longer than 100 characters");
    return true;
}

bool directory_import(struct tx *tx, const struct import_file *file, struct import_report *ret,
                      struct err *err)
{
    if (!check_file(file, err))
        return false;
    AUTO(import_map_free) struct import_map *map = import_map_create();
    AUTO(arena_free) struct arena *arena = arena_create(RECORD_ARENA_MAX);
    struct import_report report = {0};
    report.issues = arena_alloc(tx->arena, IMPORT_ISSUES_MAX * sizeof(*report.issues));
    struct import im = {.tx = tx, .file = file, .report = &report, .map = map, .arena = arena};
    bool done = take_file(&im, file->file, false, err) &&
                (file->services.len == 0 || take_file(&im, file->services, true, err)) &&
                (file->dry_run || entry_place_all(tx, err));
    free(im.seen);
    if (!done)
        return err_wrap(err, "import");
    import_map_report(map, tx->arena, &report);
    *ret = report;
    return true;
}

bool import_list_review(struct store *store, struct arena *arena, size_t limit,
                        struct import_issue **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT min(r.source || ' ' || r.record), v.field, v.what, "
                                 "count(*) FROM import_review v "
                                 "JOIN import_record r ON r.id = v.import_id "
                                 "GROUP BY r.source, v.field, v.what "
                                 "ORDER BY count(*) DESC, v.field, v.what LIMIT ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)limit);
    struct import_issue *list = arena_alloc(arena, limit * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        const char *what = stmt_text(stmt, 2);
        int64_t times = stmt_i64(stmt, 3);
        list[count++] = (struct import_issue){
            .record = arena_text(arena, stmt_text(stmt, 0)),
            .field = arena_text(arena, stmt_text(stmt, 1)),
            .what = times > 1 ? arena_printf(arena, "%s (%lld records)", what, (long long)times)
                              : arena_text(arena, what),
        };
    }
    *ret = list;
    *ret_count = count;
    return true;
}
