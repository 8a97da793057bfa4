#include "hub/domain/import.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/directory.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_csv.h"
#include "hub/domain/import_file.h"
#include "hub/domain/import_hsds.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/import_record.h"
#include "hub/domain/import_review.h"
#include "hub/domain/import_twin.h"
#include "hub/domain/place.h"
#include "hub/domain/search_words.h"
#include <stdlib.h>

#define RECORD_BYTES_MAX 262144
#define RECORDS_MAX      1000000
#define EXTRA_BYTES_MAX  131072
#define RECORD_ARENA_MAX ((size_t)1 << 30) /* a record of separators alone takes a tenth of it */

struct import {
    struct tx *tx; /* of the present step */
    const struct import_file *file;
    struct import_report report;
    struct import_map *map;
    struct search_words *words;
    struct arena *keep;  /* the caller's: strings of the report */
    struct arena *arena; /* of one record */
    uint64_t *seen;      /* hashes of the identifiers in this file; open addressing, 0: free */
    size_t seen_cap, seen_count;
    struct import_cursor files[2]; /* the file, and its services */
    struct buf converted[2];       /* what `files` points to when a file had another shape */
    int64_t placed;   /* entries up to here have the point of their commune, if it is known */
    int64_t compared; /* services of hubs up to here were held against the records */
    char source[512]; /* of the record before */
};

/* --- report ----------------------------------------------------------------------------------- */

static void report_issue(struct import *im, const char *record, const char *field, const char *what,
                         bool refused)
{
    struct import_report *report = &im->report;
    if (report->issue_count == IMPORT_ISSUES_MAX)
        return;
    struct arena *arena = im->keep;
    report->issues[report->issue_count++] = (struct import_issue){
        arena_text(arena, record), arena_text(arena, field), arena_text(arena, what), refused};
}

static const char *source_of(const struct import *im)
{
    return im->file->source && *im->file->source ? im->file->source : im->file->format;
}

static bool refuse(struct import *im, const char *why, struct err *err)
{
    const char *record = arena_printf(im->arena, "record %u of the file", im->report.read);
    report_issue(im, record, "", why, true);
    return im->report.refused++ >= IMPORT_ISSUES_MAX || im->file->dry_run ||
           review_refuse(im->tx, source_of(im), record, why, err);
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

/* A file holds records of several makers: each is noted once. */
static bool note_source(struct import *im, const char *source, struct err *err)
{
    if (im->file->dry_run || strcmp(im->source, source) == 0)
        return true;
    text_copy(im->source, sizeof(im->source), source);
    if (!see(im, "import_source", source))
        return true;
    const char *licence = im->file->licence ? im->file->licence : "";
    return review_begin(im->tx, source, licence, err);
}

/* --- one record ------------------------------------------------------------------------------- */

struct stored {
    int64_t id; /* 0: not there */
    uint8_t digest[32];
    bool is_merged; /* into another, or others into it */
};

static bool find_stored(struct store *store, const char *source, const char *name,
                        struct stored *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT id, digest, merged_into <> 0 OR EXISTS (SELECT 1 FROM import_record m WHERE "
        "m.merged_into = r.id + 4294967296 AND m.merged_into <> 0) FROM import_record r "
        "WHERE source = ?1 AND record = ?2",
        err);
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
    ret->is_merged = stmt_i64(stmt, 2);
    return stmt_copy(stmt, 1, ret->digest, sizeof(ret->digest)) ||
           err_set(err, ERR_IO, "a stored record is damaged");
}

/* A service without a place of its own is where its structure is. */
static void inherit(struct import_record *record, const Maillon__Hfp__V1__ServiceContent *structure)
{
    Maillon__Hfp__V1__ServiceContent *service = &record->content;
    service->structure_name = structure->name;
    if (!*service->commune_name && !*service->postal_code && !*service->address) {
        service->address = structure->address;
        service->postal_code = structure->postal_code;
        service->commune_name = structure->commune_name;
        service->commune = structure->commune;
        service->latitude_e5 = structure->latitude_e5;
        service->longitude_e5 = structure->longitude_e5;
        record->inherited |= INHERITED_PLACE;
    }
    if (!*service->phone && !*service->email) {
        service->phone = structure->phone;
        service->email = structure->email;
        record->inherited |= INHERITED_CONTACT;
    }
    if (!*service->opening_hours && *structure->opening_hours) {
        service->opening_hours = structure->opening_hours;
        record->inherited |= INHERITED_HOURS;
    }
}

static bool join_structure(struct import *im, struct import_record *record, struct err *err)
{
    if (!record->is_service || !*record->structure)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(im->tx->store,
                 "SELECT content, dated_ms FROM import_record WHERE record = ?1 AND "
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
    record->structure_dated_ms = stmt_i64(stmt, 1);
    inherit(record, structure);
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
                       "extra = ?6, digest = ?7, dated_ms = ?8, imported_ms = ?9, "
                       "inherited = ?10, structure_dated_ms = ?11, closed = ?12 "
                       "WHERE source = ?1 AND record = ?2",
                       err)
            : stmt_get(im->tx->store,
                       "INSERT INTO import_record (source, record, structure, siret, content, "
                       "extra, digest, dated_ms, imported_ms, inherited, structure_dated_ms, "
                       "closed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
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
    stmt_bind_i64(stmt, 10, record->inherited);
    stmt_bind_i64(stmt, 11, record->structure_dated_ms);
    stmt_bind_i64(stmt, 12, record->closed);
    if (!stmt_run(stmt, err))
        return false;
    if (!*id)
        *id = store_last_id(im->tx->store);
    return true;
}

/* A record that stands for others, or that another stands for. */
static bool write_merged(struct import *im, const struct import_record *record, int64_t id,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(im->tx->store, "SELECT merged_into FROM import_record WHERE id = ?1", err);
    bool row;
    if (!stmt || (record->closed && !merge_release(im->tx, ENTRY_IMPORTS + id, err)))
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_next(stmt, &row, err) || !merge_reindex(im->tx, id, err))
        return false;
    int64_t root = row ? stmt_i64(stmt, 0) : 0;
    return root <= ENTRY_IMPORTS || merge_reindex(im->tx, root - ENTRY_IMPORTS, err);
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
        .known_words = im->words,
    };
    return entry_put(im->tx, im->arena, &draft, err);
}

static void count_review(struct import *im, const struct import_record *record)
{
    if (record->finding_count == 0)
        return;
    im->report.review++;
    for (size_t i = 0; i < record->finding_count; i++)
        report_issue(im, record->id, record->findings[i].field, record->findings[i].what, false);
}

/* What is named as before, where it was, was held against the other records already. */
static bool write_twins(struct import *im, struct import_record *record, int64_t id, bool is_new,
                        uint64_t basis, struct err *err)
{
    uint64_t now = 0;
    if (record->is_service)
        return true;
    if (basis && !twin_basis(im->tx, id, &now, err))
        return false;
    if (basis && basis == now)
        return pair_forget_hubs(im->tx, ENTRY_IMPORTS + id, err) &&
               twin_keep(im->tx, im->arena, record, id, err);
    return (is_new || pair_forget_open(im->tx, ENTRY_IMPORTS + id, err)) &&
           twin_find(im->tx, im->arena, record, id, err);
}

static bool write_changed(struct import *im, struct import_record *record, const char *name,
                          struct bytes content, const uint8_t digest[32], struct stored *stored,
                          struct err *err)
{
    static const uint8_t look_again[32] = {0}; /* instead of a digest: 0019_review.sql */
    bool is_new = !stored->id;
    uint64_t basis = 0;
    if (!is_new && !record->is_service && !stored->is_merged &&
        memcmp(stored->digest, look_again, sizeof(look_again)) != 0 &&
        !twin_basis(im->tx, stored->id, &basis, err))
        return false;
    return write_record(im, record, name, content, digest, &stored->id, err) &&
           (stored->is_merged ? write_merged(im, record, stored->id, err)
                              : write_entry(im, record, stored->id, is_new, err)) &&
           review_write(im->tx, stored->id, record->findings, record->finding_count, is_new, err) &&
           write_twins(im, record, stored->id, is_new, basis, err);
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
        im->report.unchanged++;
    else if (is_new)
        im->report.created++;
    else
        im->report.updated++;
    if (!same && !im->file->dry_run &&
        !write_changed(im, record, name, content, digest, &stored, err))
        return false;
    count_review(im, record);
    return true;
}

static bool take_record(struct import *im, struct bytes text, bool is_service, struct err *err)
{
    arena_reset(im->arena);
    if (++im->report.read > RECORDS_MAX)
        return err_set(err, ERR_LIMIT, "the file has more than %d records", RECORDS_MAX);
    if (text.len > RECORD_BYTES_MAX) {
        return refuse(im, "longer than a record may be", err);
    }
    json_error_t where;
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!object) {
        return refuse(im, "is not a JSON object, or says one thing twice", err);
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
            record->source = source_of(im);
        done = note_source(im, record->source, err) && store_record(im, record, err);
    } else {
        done = refuse(im, why, err);
    }
    json_decref(object);
    return done;
}

/* --- an import, step by step ------------------------------------------------------------------ */

static bool check_file(const struct import_file *file, struct err *err)
{
    static const char *const formats[] = {"data-inclusion", "mediation-numerique", "hsds",
                                          "hsds-csv"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        known = known || strcmp(file->format, formats[i]) == 0;
    if (!known)
        return err_set(err, ERR_INVALID,
                       "unknown format; known are data-inclusion, "
                       "mediation-numerique, hsds and hsds-csv");
    if (file->file.len > API_IMPORT_MAX || file->services.len > API_IMPORT_MAX)
        return err_set(err, ERR_LIMIT, "the file is longer than %d bytes", API_IMPORT_MAX);
    if (file->source && text_length(bytes_text(file->source)) > 100)
        return err_set(err, ERR_INVALID, "the name of the source is longer than 100 characters");
    if (file->licence && text_length(bytes_text(file->licence)) > 100)
        return err_set(err, ERR_INVALID, "the name of the licence is longer than 100 characters");
    return true;
}

/* A file that is cut off is refused before its first record is taken. */
static bool check_form(struct import_cursor cursor, struct err *err)
{
    struct bytes record;
    do {
        if (!import_next_record(&cursor, &record, err))
            return err_wrap(err, "import");
    } while (record.len > 0);
    return true;
}

static bool is_json(struct bytes file)
{
    size_t at = file.len >= 3 && memcmp(file.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < file.len && strchr(" \t\r\n", file.data[at]) && file.data[at])
        at++;
    return at == file.len || file.data[at] == '[' || file.data[at] == '{';
}

/* Tables named "services" hold services, others structures. */
static bool convert_csv(struct bytes file, const char *first, struct buf *out, struct err *err)
{
    if (file.len > IMPORT_HSDS_MAX)
        return err_set(err, ERR_LIMIT, "the tables are longer than %d bytes", IMPORT_HSDS_MAX);
    json_t *tables = import_csv_tables(file, first, err), *rows;
    const char *name;
    size_t count = 0;
    json_object_foreach(tables, name, rows) count += json_array_size(rows);
    if (tables && count == 0) {
        json_decref(tables);
        return err_set(err, ERR_INVALID, "the file is not JSON, or cut off, nor a table with rows");
    }
    char *text = tables ? json_dumps(tables, JSON_COMPACT) : NULL;
    json_decref(tables);
    if (!text)
        return false;
    buf_add_text(out, text);
    free(text);
    return true;
}

/* Files of HSDS and tables become records of ours first. */
static bool convert(const char *format, struct bytes file, const char *first, struct buf *out,
                    struct err *err)
{
    if (strcmp(format, "hsds") == 0)
        return import_hsds_json(file, out, err);
    if (strcmp(format, "hsds-csv") == 0)
        return import_hsds_csv(file, out, err);
    return is_json(file) || convert_csv(file, first, out, err);
}

static bool open_files(struct import *im, struct err *err)
{
    const struct import_file *file = im->file;
    const struct bytes files[] = {file->file, file->services};
    static const char *const names[] = {"structures", "services"};
    if (!check_file(file, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct import_cursor *c = &im->files[i];
        if (i > 0 && files[i].len == 0) {
            c->is_over = true;
            continue;
        }
        if (!convert(file->format, files[i], names[i], &im->converted[i], err))
            return false;
        struct bytes text = im->converted[i].len > 0 ? buf_bytes(&im->converted[i]) : files[i];
        *c = (struct import_cursor){.data = text.data, .len = text.len, .is_service = i > 0};
        if (!check_form(*c, err))
            return false;
    }
    return true;
}

struct import *import_begin(struct arena *arena, const struct import_file *file, struct err *err)
{
    AUTO(import_free) struct import *im = mem_alloc(sizeof(*im));
    im->file = file;
    im->keep = arena;
    im->map = import_map_create();
    im->words = search_words_create();
    im->arena = arena_create(RECORD_ARENA_MAX);
    im->report.issues = arena_alloc(arena, IMPORT_ISSUES_MAX * sizeof(*im->report.issues));
    if (!open_files(im, err))
        return NULL;
    return TAKE(im);
}

void import_free(struct import *im)
{
    if (!im)
        return;
    import_map_free(im->map);
    search_words_free(im->words);
    arena_free(im->arena);
    buf_done(&im->converted[0]);
    buf_done(&im->converted[1]);
    free(im->seen);
    free(im);
}

static bool step(struct import *im, size_t records, bool *ret_more, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(im->files); i++) {
        struct import_cursor *c = &im->files[i];
        while (!c->is_over) {
            struct bytes record;
            if (records == 0)
                return true;
            if (!import_next_record(c, &record, err))
                return false;
            if (record.len == 0)
                break;
            records--;
            if (!take_record(im, record, c->is_service, err))
                return false;
        }
    }
    if (im->file->dry_run) {
        *ret_more = false;
        return true;
    }
    if (records == 0)
        return true;
    bool more_places;
    if (!entry_place_some(im->tx, &im->placed, records, &more_places, err))
        return false;
    if (more_places)
        return true;
    arena_reset(im->arena);
    return twin_find_of_hubs(im->tx, im->arena, &im->compared, records, ret_more, err);
}

bool import_step(struct import *im, struct tx *tx, size_t records, bool *ret_more, struct err *err)
{
    im->tx = tx;
    *ret_more = true;
    bool done = step(im, records, ret_more, err);
    im->tx = NULL;
    return done || err_wrap(err, "import");
}

void import_finish(struct import *im, struct import_report *ret)
{
    import_map_report(im->map, im->keep, &im->report);
    *ret = im->report;
}

bool directory_import(struct tx *tx, const struct import_file *file, struct import_report *ret,
                      struct err *err)
{
    AUTO(import_free) struct import *im = import_begin(tx->arena, file, err);
    bool more = im;
    while (more)
        if (!import_step(im, tx, IMPORT_STEP, &more, err))
            return false;
    if (im)
        import_finish(im, ret);
    return im;
}
