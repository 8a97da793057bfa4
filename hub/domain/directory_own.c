/* Services of this hub: each change is a new signed version; and the clock of all services. */
#include "hub/domain/directory_row.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/commune.h"
#include "hub/domain/directory_check.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/import_stage.h"
#include "hub/domain/object.h"
#include "hub/domain/place.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"
#include <ctype.h>
#include <strings.h>

#define TICK_MS 3600000

/* Signs and stores the version after `before`; content NULL withdraws. */
static bool publish(struct tx *tx, const char *uid, uint32_t before,
                    const Maillon__Hfp__V1__ServiceContent *content, struct err *err)
{
    uint64_t seq;
    struct oid prev, oid;
    bool has_prev;
    uint32_t version;
    if (!stream_next(tx, TYPE_SERVICE, (struct bytes){0}, &seq, &prev, &has_prev, err) ||
        !authoring_version(tx, before, &version, err))
        return false;
    Maillon__Hfp__V1__Head head;
    maillon__hfp__v1__head__init(&head);
    if (!authoring_head(tx, &head, err))
        return false;
    head.seq = seq;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.expires_s = head.created_s + SERVICE_LIFE_S;
    Maillon__Hfp__V1__Service service;
    maillon__hfp__v1__service__init(&service);
    service.head = &head;
    service.uid = arena_text(tx->arena, uid);
    service.version = version;
    service.content = (Maillon__Hfp__V1__ServiceContent *)(uintptr_t)content; /* packed only */

    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, TYPE_SERVICE, wire_pack_arena(&service, tx->arena), &object, &oid);
    if (object.len > OBJECT_SERVICE_MAX)
        return err_set(err, ERR_LIMIT, "the service is longer than %d bytes; shorten its texts",
                       OBJECT_SERVICE_MAX);
    struct bytes key = bytes_text(arena_printf(tx->arena, "%s%s", TYPE_SERVICE, uid));
    return object_add_own(tx, TYPE_SERVICE, buf_bytes(&object), &oid, head.expires_s, NULL, err) &&
           stream_set(tx, TYPE_SERVICE, (struct bytes){0}, seq, &oid, err) &&
           journal_add(tx, JOURNAL_DIRECTORY, key, &oid, head.expires_s, err) &&
           service_row_put(tx, identity_node(tx->self), &service, &oid, true, err);
}

/* A present own service. */
static bool find_own(struct tx *tx, const char *uid, struct service_row *ret, struct err *err)
{
    if (!service_check_uid(uid, ERR_INVALID, err) ||
        !service_row_find(tx->store, tx->arena, identity_node(tx->self), uid, ret, err))
        return false;
    return ret->content || err_set(err, ERR_UNKNOWN, "this hub has no such service");
}

/* What is said without a date is said now. */
static Maillon__Hfp__V1__Capacity *date_capacity(const struct tx *tx,
                                                 const Maillon__Hfp__V1__Capacity *said, bool anew,
                                                 Maillon__Hfp__V1__Capacity *dated)
{
    if (!said)
        return NULL;
    *dated = *said;
    if (anew || !said->updated_s)
        dated->updated_s = (uint64_t)tx->now.ms / 1000;
    return dated;
}

/* --- the area served -------------------------------------------------------------------------- */

/* Of a department, a commune, an EPCI, or France. */
static bool is_zone_code(const char *text)
{
    size_t len = strlen(text);
    if (strcasecmp(text, "fr") == 0 || strcasecmp(text, "france") == 0)
        return true;
    return (len == 2 || len == 3 || len == 5 || len == 9) && isdigit((unsigned char)text[0]) &&
           strspn(text, "0123456789ABab") == len;
}

/* Names become codes: only those say to whom a service is open. */
static bool read_zones(struct tx *tx, Maillon__Hfp__V1__ServiceContent *content, struct err *err)
{
    char **zones = arena_alloc(tx->arena, (content->n_zone + 1) * sizeof(*zones));
    for (size_t i = 0; i < content->n_zone; i++) {
        char epci[EPCI_CODE];
        const char *typed = content->zone[i], *code = typed;
        if (!is_zone_code(typed)) {
            if (!place_find_insee(tx->store, tx->arena, typed, &code, err) ||
                (!*code && !commune_find_epci_named(tx->store, typed, epci, err)))
                return false;
            if (!*code)
                code = epci;
            if (!*code)
                return err_set(err, ERR_INVALID,
                               "the area \"%s\" is not the name of one commune or EPCI known here: "
                               "give its code",
                               typed);
        }
        zones[i] = arena_text(tx->arena, code);
    }
    content->zone = zones;
    return true;
}

/* --- changes ---------------------------------------------------------------------------------- */

bool directory_put_service(struct tx *tx, const char *uid,
                           const Maillon__Hfp__V1__ServiceContent *content, char *ret_uid,
                           struct err *err)
{
    char made[2 * 8 + 1];
    if (!uid || !*uid) {
        uint8_t random[8];
        random_fill(tx->random, random, sizeof(random));
        uid = hex_encode(bytes_of(random, sizeof(random)), made);
    }
    struct service_row row;
    int64_t count = 0;
    if (!service_check_uid(uid, ERR_INVALID, err) ||
        !service_check_content(content, ERR_INVALID, err) || !service_check_typed(content, err) ||
        !service_row_find(tx->store, tx->arena, identity_node(tx->self), uid, &row, err) ||
        (!row.id && !service_row_count(tx->store, identity_node(tx->self), &count, err)))
        return false;
    if (count >= SERVICES_PER_NODE)
        return err_set(err, ERR_LIMIT, "this hub has %d services already", SERVICES_PER_NODE);
    Maillon__Hfp__V1__ServiceContent told = *content;
    Maillon__Hfp__V1__Capacity dated;
    told.capacity = date_capacity(tx, content->capacity, false, &dated);
    if (!read_zones(tx, &told, err))
        return false;
    if (!publish(tx, uid, row.version, &told, err))
        return err_wrap(err, "publish a service");
    if (ret_uid)
        text_copy(ret_uid, SERVICE_UID_MAX + 1, uid);
    return true;
}

bool directory_remove_service(struct tx *tx, const char *uid, struct err *err)
{
    struct service_row row;
    return find_own(tx, uid, &row, err) && publish(tx, uid, row.version, NULL, err);
}

bool directory_set_capacity(struct tx *tx, const char *uid,
                            const Maillon__Hfp__V1__Capacity *capacity, struct err *err)
{
    struct service_row row;
    if (!service_check_capacity(capacity, ERR_INVALID, err) || !find_own(tx, uid, &row, err))
        return false;
    Maillon__Hfp__V1__ServiceContent content = *row.content;
    Maillon__Hfp__V1__Capacity dated;
    content.capacity = date_capacity(tx, capacity, true, &dated);
    return publish(tx, uid, row.version, &content, err);
}

/* A change of one part of an own service. */
static bool change_own(struct tx *tx, const char *uid, Maillon__Hfp__V1__ServiceContent *ret,
                       uint32_t *ret_version, struct err *err)
{
    struct service_row row;
    if (!find_own(tx, uid, &row, err))
        return false;
    *ret = *row.content;
    *ret_version = row.version;
    return true;
}

bool directory_confirm_service(struct tx *tx, const char *uid, struct err *err)
{
    Maillon__Hfp__V1__ServiceContent content;
    uint32_t version;
    if (!change_own(tx, uid, &content, &version, err))
        return false;
    content.checked_s = (uint64_t)tx->now.ms / 1000;
    return publish(tx, uid, version, &content, err);
}

bool directory_close_service(struct tx *tx, const char *uid,
                             const Maillon__Hfp__V1__Closure *closure, struct err *err)
{
    Maillon__Hfp__V1__ServiceContent content;
    uint32_t version;
    if (!service_check_closure(closure, ERR_INVALID, err) ||
        !change_own(tx, uid, &content, &version, err))
        return false;
    if (closure && closure->until_s > 0 && closure->until_s <= (uint64_t)tx->now.ms / 1000)
        return err_set(err, ERR_INVALID, "the day it opens again has passed");
    content.closure = (Maillon__Hfp__V1__Closure *)(uintptr_t)closure; /* packed only */
    return publish(tx, uid, version, &content, err);
}

/* --- clock ------------------------------------------------------------------------------------ */

struct due {
    int64_t id;
    bool ours, withdrawn;
    const char *uid;
};

static bool read_due(struct tx *tx, struct due *ret, bool *ret_found, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT id, ours, content IS NULL, uid FROM service WHERE due_ms <= ?1 "
                 "ORDER BY due_ms LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    if (!stmt_next(stmt, ret_found, err))
        return false;
    if (*ret_found)
        *ret = (struct due){stmt_i64(stmt, 0), stmt_i64(stmt, 1), stmt_i64(stmt, 2),
                            arena_text(tx->arena, stmt_text(stmt, 3))};
    return true;
}

static bool forget(struct tx *tx, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM service WHERE id = ?1", err);
    if (!stmt || !entry_remove(tx, id, err) || !merge_release(tx, id, err))
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err);
}

static bool is_over(const struct tx *tx, uint64_t until_s)
{
    return until_s > 0 && until_s <= (uint64_t)tx->now.ms / 1000;
}

/* Signs an own service anew, without what was said until a day that has come. */
static bool renew(struct tx *tx, const char *uid, struct err *err)
{
    struct service_row row;
    if (!find_own(tx, uid, &row, err))
        return false;
    Maillon__Hfp__V1__ServiceContent content = *row.content;
    if (content.capacity && is_over(tx, content.capacity->until_s))
        content.capacity = NULL;
    if (content.closure && is_over(tx, content.closure->until_s))
        content.closure = NULL;
    return publish(tx, uid, row.version, &content, err);
}

bool directory_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    if (!stage_tick(tx, err))
        return false;
    for (;;) {
        struct due due = {0};
        bool found;
        if (!read_due(tx, &due, &found, err))
            return false;
        if (!found)
            break;
        bool done = due.ours && !due.withdrawn ? renew(tx, due.uid, err) : forget(tx, due.id, err);
        if (!done)
            return err_wrap(err, "keep services fresh");
    }
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT min(due_ms) FROM service", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret_next = (struct wall){tx->now.ms + TICK_MS};
    if (row && !stmt_is_null(stmt, 0) && stmt_i64(stmt, 0) < ret_next->ms)
        ret_next->ms = stmt_i64(stmt, 0);
    return true;
}
