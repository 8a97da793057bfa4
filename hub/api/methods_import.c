/* Open data into the directory, and what people decide about it
 * (proto/maillon/api/v1/directory.proto). */
#include "hub/api/rpc.h"
#include "hub/api/service_view.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/commune.h"
#include "hub/domain/directory.h"
#include "hub/domain/import.h"
#include "hub/domain/import_guess.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/import_review.h"
#include "hub/domain/import_stage.h"
#include "maillon/api/v1/directory.pb-c.h"

#define ROLES_EDIT     (ROLE_COORDINATOR | ROLE_ADMIN)
#define REVIEW_DEFAULT 100
#define REVIEW_MAX     1000
#define PAIRS_DEFAULT  20
#define SOURCES_MAX    200
#define FILE_NAME_MAX  200 /* characters */

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

/* --- reports ---------------------------------------------------------------------------------- */

static Maillon__Api__V1__ImportIssue *issue_of(struct call *call, const struct import_issue *from)
{
    Maillon__Api__V1__ImportIssue *issue =
        rpc_message(call, &maillon__api__v1__import_issue__descriptor);
    issue->record = rpc_text(call, from->record);
    issue->field = rpc_text(call, from->field);
    issue->what = rpc_text(call, from->what);
    issue->refused = from->refused;
    return issue;
}

static Maillon__Api__V1__ImportResponse *import_view(struct call *call,
                                                     const struct import_report *report)
{
    Maillon__Api__V1__ImportResponse *response =
        rpc_message(call, &maillon__api__v1__import_response__descriptor);
    response->read = report->read;
    response->created = report->created;
    response->updated = report->updated;
    response->unchanged = report->unchanged;
    response->review = report->review;
    response->refused = report->refused;
    response->n_mapping = report->mapping_count;
    response->mapping = (Maillon__Api__V1__ImportMapping **)rpc_array(call, report->mapping_count);
    for (size_t i = 0; i < report->mapping_count; i++) {
        Maillon__Api__V1__ImportMapping *mapping =
            rpc_message(call, &maillon__api__v1__import_mapping__descriptor);
        mapping->field = rpc_text(call, report->mappings[i].field);
        mapping->from = rpc_text(call, report->mappings[i].from);
        mapping->to = rpc_text(call, report->mappings[i].to);
        mapping->count = report->mappings[i].count;
        response->mapping[i] = mapping;
    }
    response->n_issue = report->issue_count;
    response->issue = (Maillon__Api__V1__ImportIssue **)rpc_array(call, report->issue_count);
    for (size_t i = 0; i < report->issue_count; i++)
        response->issue[i] = issue_of(call, &report->issues[i]);
    return response;
}

/* --- import, and what waits to be imported ---------------------------------------------------- */

struct import_work {
    struct import_file file;
    struct import *import;
    char id[STAGED_ID];    /* staged */
    size_t at, part;       /* StageImport: how much of both files is kept */
    bool is_kept;          /* all of it */
    const char *file_name; /* StageImport */
};

static void free_import(struct call *call)
{
    struct import_work *work = call->work;
    import_free(TAKE(work->import));
}

static struct import_work *work_create(struct call *call)
{
    struct import_work *work = arena_alloc(call->arena, sizeof(*work));
    *work = (struct import_work){0};
    call->work = work;
    call->cleanup = free_import;
    return work;
}

static bool read_request(const Maillon__Api__V1__ImportRequest *request, struct import_file *ret,
                         struct err *err)
{
    *ret = (struct import_file){
        .format = request->format,
        .file = bytes_of(request->file.data, request->file.len),
        .services = bytes_of(request->services_file.data, request->services_file.len),
        .source = request->source,
        .dry_run = request->dry_run,
        .licence = request->licence,
    };
    if (*ret->format)
        return true;
    ret->format = import_guess(ret->file);
    return ret->format ||
           err_set(err, ERR_INVALID, "cannot tell what the file follows: say its format");
}

/* One step. *ret: the report, once all is done. */
static bool step(struct call *call, struct import_work *work,
                 Maillon__Api__V1__ImportResponse **ret, struct err *err)
{
    bool more;
    if (!work->import) {
        work->import = import_begin(call->arena, &work->file, err);
        if (!work->import)
            return false;
    }
    if (!import_step(work->import, call->tx, IMPORT_STEP, &more, err))
        return false;
    call->again = more;
    if (more)
        return true;
    struct import_report report;
    import_finish(work->import, &report);
    *ret = import_view(call, &report);
    return true;
}

/* In steps, so that a large file does not hold up what others do. */
static bool run_import(struct call *call, const void *in, void **out, struct err *err)
{
    Maillon__Api__V1__ImportResponse *report;
    if (!call->work && !read_request(in, &work_create(call)->file, err))
        return false;
    struct import_work *work = call->work;
    if (!step(call, work, &report, err))
        return false;
    if (call->again)
        return true;
    *out = report;
    return work->file.dry_run || audit_add(call->tx, actor(call), "directory.import", NULL, err);
}

static Maillon__Api__V1__StagedImport *staged_view(struct call *call, const struct staged *staged,
                                                   struct err *err)
{
    Maillon__Api__V1__StagedImport *view =
        rpc_message(call, &maillon__api__v1__staged_import__descriptor);
    view->id = rpc_text(call, staged->id);
    view->format = rpc_text(call, staged->format);
    view->source = rpc_text(call, staged->source);
    view->licence = rpc_text(call, staged->licence);
    view->file_name = rpc_text(call, staged->name);
    view->bytes = (uint64_t)staged->bytes;
    view->expires = rpc_time(call, staged->expires_ms);
    view->done = staged->is_done;
    if (staged->report.len > 0) {
        view->report = wire_unpack(&maillon__api__v1__import_response__descriptor, staged->report,
                                   call->arena, err);
        if (!view->report) {
            err_set(err, ERR_IO, "a stored report is damaged");
            return NULL;
        }
    }
    return view;
}

static bool answer_staged(struct call *call, const char *id, void **out, struct err *err)
{
    struct staged staged;
    if (!stage_find(call->store, call->arena, id, &staged, err))
        return false;
    *out = staged_view(call, &staged, err);
    return *out;
}

static bool keep_report(struct call *call, const char *id,
                        const Maillon__Api__V1__ImportResponse *report, bool is_done,
                        struct err *err)
{
    return stage_set_report(call->tx, id, wire_pack_arena(report, call->arena), is_done, err);
}

static bool begin_staging(struct call *call, const Maillon__Api__V1__ImportRequest *request,
                          struct err *err)
{
    struct import_work *work = work_create(call);
    if (!read_request(request, &work->file, err))
        return false;
    if (text_length(bytes_text(request->file_name)) > FILE_NAME_MAX)
        return err_set(err, ERR_INVALID, "the name of the file is longer than %d characters",
                       FILE_NAME_MAX);
    work->file.dry_run = true;
    /* What cannot be read is refused before any of it is kept. */
    work->import = import_begin(call->arena, &work->file, err);
    if (!work->import)
        return false;
    const struct staged staged = {
        .account = actor(call),
        .format = work->file.format,
        .source = request->source,
        .licence = request->licence,
        .name = request->file_name,
        .bytes = (int64_t)(work->file.file.len + work->file.services.len),
    };
    return stage_begin(call->tx, &staged, work->id, err);
}

/* A part of the file, then of the services. */
static bool keep_part(struct call *call, struct import_work *work, struct err *err)
{
    const struct bytes files[] = {work->file.file, work->file.services};
    size_t at = work->at;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (at >= files[i].len) {
            at -= files[i].len;
            continue;
        }
        size_t left = files[i].len - at;
        size_t len = left < STAGED_PART_MAX ? left : STAGED_PART_MAX;
        work->at += len;
        return stage_add(call->tx, work->id, i == 1, work->part++,
                         bytes_of(files[i].data + at, len), err);
    }
    work->is_kept = true;
    return true;
}

static bool run_stage_import(struct call *call, const void *in, void **out, struct err *err)
{
    Maillon__Api__V1__ImportResponse *report;
    if (!call->work && !begin_staging(call, in, err))
        return false;
    struct import_work *work = call->work;
    if (!work->is_kept) {
        call->again = true;
        return keep_part(call, work, err);
    }
    if (!step(call, work, &report, err))
        return false;
    return call->again || (keep_report(call, work->id, report, false, err) &&
                           answer_staged(call, work->id, out, err));
}

static bool begin_staged(struct call *call, const char *id, struct err *err)
{
    struct import_work *work = work_create(call);
    struct staged staged;
    if (!stage_find(call->store, call->arena, id, &staged, err))
        return false;
    if (staged.is_done)
        return err_set(err, ERR_CONFLICT, "this file is imported already");
    text_copy(work->id, sizeof(work->id), staged.id);
    work->file = (struct import_file){
        .format = staged.format, .source = staged.source, .licence = staged.licence};
    if (!stage_read(call->store, call->arena, id, false, &work->file.file, err) ||
        !stage_read(call->store, call->arena, id, true, &work->file.services, err))
        return false;
    /* The hub stopped while it was kept: half a table reads like a whole one. */
    return (int64_t)(work->file.file.len + work->file.services.len) == staged.bytes ||
           err_set(err, ERR_UNKNOWN, "this file is no longer here as a whole: send it again");
}

static bool run_run_staged(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__StagedRequest *request = in;
    Maillon__Api__V1__ImportResponse *report;
    if (!call->work && !begin_staged(call, request->id, err))
        return false;
    struct import_work *work = call->work;
    if (!step(call, work, &report, err))
        return false;
    return call->again || (keep_report(call, work->id, report, true, err) &&
                           audit_add(call->tx, actor(call), "directory.import", NULL, err) &&
                           answer_staged(call, work->id, out, err));
}

static bool run_get_staged(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__StagedRequest *request = in;
    return answer_staged(call, request->id, out, err);
}

static bool run_drop_staged(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__StagedRequest *request = in;
    *out = rpc_message(call, &maillon__api__v1__drop_staged_response__descriptor);
    return stage_drop(call->tx, request->id, err);
}

static bool run_list_sources(struct call *call, const void *in UNUSED, void **out, struct err *err)
{
    struct import_source *sources;
    size_t count;
    if (!review_list_sources(call->store, call->arena, SOURCES_MAX, &sources, &count, err))
        return false;
    Maillon__Api__V1__ListSourcesResponse *response =
        rpc_message(call, &maillon__api__v1__list_sources_response__descriptor);
    response->source = (Maillon__Api__V1__ImportSource **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__ImportSource *source =
            rpc_message(call, &maillon__api__v1__import_source__descriptor);
        source->source = rpc_text(call, sources[i].source);
        source->licence = rpc_text(call, sources[i].licence);
        source->imported = rpc_time(call, sources[i].imported_ms);
        source->records = (uint32_t)sources[i].records;
        response->source[response->n_source++] = source;
    }
    *out = response;
    return true;
}

/* --- review ----------------------------------------------------------------------------------- */

static Maillon__Api__V1__ImportIssue *group_of(struct call *call, const struct review_group *group)
{
    Maillon__Api__V1__ImportIssue *issue =
        rpc_message(call, &maillon__api__v1__import_issue__descriptor);
    issue->record = rpc_text(call, group->record);
    issue->field = rpc_text(call, group->field);
    issue->what = rpc_text(call, group->what);
    issue->source = rpc_text(call, group->source);
    issue->count = group->count;
    issue->id = (uint64_t)group->id;
    issue->refused = group->id == 0;
    return issue;
}

static bool add_issues(struct call *call, uint32_t asked,
                       Maillon__Api__V1__ListReviewResponse *response, struct err *err)
{
    size_t limit = asked ? asked : REVIEW_DEFAULT, count;
    struct review_group *groups;
    if (limit > REVIEW_MAX)
        limit = REVIEW_MAX;
    if (!review_list(call->store, call->arena, limit, &groups, &count, err))
        return false;
    response->issue = (Maillon__Api__V1__ImportIssue **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        response->issue[response->n_issue++] = group_of(call, &groups[i]);
    return true;
}

static bool view_entry(struct call *call, int64_t entry, Maillon__Api__V1__ServiceView **ret,
                       struct err *err)
{
    struct directory_service service;
    if (!directory_get_entry(call->store, call->arena, entry, &service, err))
        return false;
    service.distance_km = -1;
    *ret = service_view_whole(call, &service, NULL);
    return true;
}

static bool pair_view(struct call *call, const struct pair *pair,
                      Maillon__Api__V1__DirectoryPair **ret, struct err *err)
{
    static const char *const decisions[] = {"", "apart", "same"};
    Maillon__Api__V1__DirectoryPair *view =
        rpc_message(call, &maillon__api__v1__directory_pair__descriptor);
    view->id = (uint64_t)pair->id;
    view->why = rpc_text(call, pair->why);
    view->likeness = pair->likeness;
    view->metres = pair->metres;
    view->decision = rpc_text(call, decisions[pair->decision]);
    view->decided = rpc_time(call, pair->decided_ms);
    view->decided_by = rpc_text(call, pair->decided_by);
    if (!view_entry(call, pair->first, &view->first, err) ||
        !view_entry(call, pair->second, &view->second, err))
        return false;
    if (pair->decision == PAIR_ONE)
        view->kept = pair->kept == pair->first ? view->first->id : view->second->id;
    *ret = view;
    return true;
}

static bool add_pairs(struct call *call, const Maillon__Api__V1__ListReviewRequest *request,
                      Maillon__Api__V1__ListReviewResponse *response, struct err *err)
{
    enum pair_decision decision = request->decided ? PAIR_ONE : PAIR_OPEN;
    size_t count, limit = request->pairs ? request->pairs : PAIRS_DEFAULT;
    struct pair *pairs;
    int64_t total;
    if (!pair_list(call->store, call->arena, decision, limit, &pairs, &count, &total, err))
        return false;
    response->pair = (Maillon__Api__V1__DirectoryPair **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        if (!pair_view(call, &pairs[i], &response->pair[response->n_pair++], err))
            return false;
    response->pairs_open = decision == PAIR_OPEN ? (uint32_t)total : 0;
    return true;
}

static bool run_list_review(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ListReviewRequest *request = in;
    Maillon__Api__V1__ListReviewResponse *response =
        rpc_message(call, &maillon__api__v1__list_review_response__descriptor);
    *out = response;
    return add_issues(call, request->limit, response, err) &&
           add_pairs(call, request, response, err);
}

static bool run_settle_review(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SettleReviewRequest *request = in;
    *out = rpc_message(call, &maillon__api__v1__settle_review_response__descriptor);
    return review_settle(call->tx, (int64_t)request->id, err);
}

static bool decision_of(const char *text, enum pair_decision *ret, struct err *err)
{
    static const struct {
        const char *text;
        enum pair_decision decision;
    } decisions[] = {{"same", PAIR_ONE}, {"apart", PAIR_APART}, {"open", PAIR_OPEN}};
    for (size_t i = 0; i < ARRAY_LEN(decisions); i++)
        if (strcmp(decisions[i].text, text) == 0) {
            *ret = decisions[i].decision;
            return true;
        }
    return err_set(err, ERR_INVALID, "unknown decision; known are same, apart and open");
}

static bool run_decide_pair(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__DecidePairRequest *request = in;
    Maillon__Api__V1__DirectoryPair *view;
    enum pair_decision decision = PAIR_OPEN;
    struct pair pair;
    if (!decision_of(request->decision, &decision, err) ||
        !pair_find(call->store, call->arena, (int64_t)request->id, &pair, err) ||
        !pair_view(call, &pair, &view, err))
        return false;
    int64_t keep = strcmp(request->keep, view->first->id) == 0    ? pair.first
                   : strcmp(request->keep, view->second->id) == 0 ? pair.second
                                                                  : 0;
    if (!pair_decide(call->tx, pair.id, decision, keep, actor(call), err) ||
        !audit_add(call->tx, actor(call), "directory.pair", NULL, err) ||
        !pair_find(call->store, call->arena, pair.id, &pair, err) ||
        !pair_view(call, &pair, &view, err))
        return false;
    *out = view;
    return true;
}

static bool run_import_places(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ImportPlacesRequest *request = in;
    Maillon__Api__V1__ImportPlacesResponse *response =
        rpc_message(call, &maillon__api__v1__import_places_response__descriptor);
    *out = response;
    return commune_import(call->tx, bytes_of(request->file.data, request->file.len),
                          &response->communes, &response->epcis, err) &&
           audit_add(call->tx, actor(call), "directory.places", NULL, err);
}

#define DIRECTORY &maillon__api__v1__directory__descriptor

const struct method methods_import[] = {
    {DIRECTORY, "Import", ROLES_EDIT, METHOD_WRITE, run_import, NULL},
    {DIRECTORY, "StageImport", ROLES_EDIT, METHOD_WRITE, run_stage_import, NULL},
    {DIRECTORY, "GetStaged", ROLES_EDIT, METHOD_READ, run_get_staged, NULL},
    {DIRECTORY, "RunStaged", ROLES_EDIT, METHOD_WRITE, run_run_staged, NULL},
    {DIRECTORY, "DropStaged", ROLES_EDIT, METHOD_WRITE, run_drop_staged, NULL},
    {DIRECTORY, "ListSources", ROLES_EDIT, METHOD_READ, run_list_sources, NULL},
    {DIRECTORY, "ListReview", ROLES_EDIT, METHOD_READ, run_list_review, NULL},
    {DIRECTORY, "SettleReview", ROLES_EDIT, METHOD_WRITE, run_settle_review, NULL},
    {DIRECTORY, "DecidePair", ROLES_EDIT, METHOD_WRITE, run_decide_pair, NULL},
    {DIRECTORY, "ImportPlaces", ROLES_EDIT, METHOD_WRITE, run_import_places, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
