#include "hub/domain/directory.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/directory_check.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"

#define LIFE_S  NOTICE_LIFETIME_MAX_S
#define RENEW_S (30 * 86400) /* own services are signed anew this long before they expire */
#define KEEP_S  (30 * 86400) /* R-NO-2: after this no older version can come back */
#define TICK_MS 3600000

/* --- rows ------------------------------------------------------------------------------------- */

struct service_row {
    int64_t id; /* 0: none */
    uint32_t version;
    struct oid oid;
    bool ours;
    const Maillon__Hfp__V1__ServiceContent *content; /* arena; NULL: withdrawn */
    int64_t changed_ms;
};

static bool unpack_content(struct arena *arena, struct bytes bytes,
                           const Maillon__Hfp__V1__ServiceContent **ret, struct err *err)
{
    *ret = wire_unpack(&maillon__hfp__v1__service_content__descriptor, bytes, arena, err);
    if (!*ret)
        return err_set(err, ERR_IO, "a stored service is damaged");
    return true;
}

static bool find_row(struct store *store, struct arena *arena, const struct node_id *node,
                     const char *uid, struct service_row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT id, version, oid, ours, content, changed_ms FROM service "
                                 "WHERE node = ?1 AND uid = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_text(stmt, 2, uid);
    bool row;
    struct service_row found = {0};
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row) {
        found.id = stmt_i64(stmt, 0);
        found.version = (uint32_t)stmt_i64(stmt, 1);
        if (!stmt_copy(stmt, 2, found.oid.b, sizeof(found.oid.b)))
            return err_set(err, ERR_IO, "a stored service is damaged");
        found.ours = stmt_i64(stmt, 3);
        if (!stmt_is_null(stmt, 4) &&
            !unpack_content(arena, stmt_bytes(stmt, 4), &found.content, err))
            return false;
        found.changed_ms = stmt_i64(stmt, 5);
    }
    *ret = found;
    return true;
}

static bool count_services(struct store *store, const struct node_id *node, int64_t *ret,
                           struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT count(*) FROM service WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

/* When directory_tick has to look at it again. */
static int64_t due_ms(const Maillon__Hfp__V1__Service *service, bool ours)
{
    int64_t expires_ms = (int64_t)service->head->expires_s * 1000;
    const Maillon__Hfp__V1__ServiceContent *content = service->content;
    if (!ours || !content)
        return expires_ms + (content ? 0 : (int64_t)KEEP_S * 1000);
    int64_t due = expires_ms - (int64_t)RENEW_S * 1000;
    if (content->capacity && content->capacity->until_s > 0 &&
        content->capacity->until_s < (uint64_t)due / 1000)
        due = (int64_t)content->capacity->until_s * 1000;
    return due;
}

static bool write_row(struct tx *tx, const struct node_id *node,
                      const Maillon__Hfp__V1__Service *service, const struct oid *oid, bool ours,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO service (node, uid, version, oid, ours, content, changed_ms, expires_s, "
        "due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
        "ON CONFLICT (node, uid) DO UPDATE SET version = excluded.version, oid = excluded.oid, "
        "content = excluded.content, changed_ms = excluded.changed_ms, "
        "expires_s = excluded.expires_s, due_ms = excluded.due_ms",
        err);
    if (!stmt)
        return false;
    struct bytes content = {0};
    if (service->content)
        content = wire_pack_arena(service->content, tx->arena);
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_text(stmt, 2, service->uid);
    stmt_bind_i64(stmt, 3, service->version);
    stmt_bind_bytes(stmt, 4, oid_bytes(oid));
    stmt_bind_i64(stmt, 5, ours);
    stmt_bind_bytes(stmt, 6, content);
    stmt_bind_i64(stmt, 7, (int64_t)service->head->created_s * 1000);
    stmt_bind_i64(stmt, 8, (int64_t)service->head->expires_s);
    stmt_bind_i64(stmt, 9, due_ms(service, ours));
    return stmt_run(stmt, err);
}

static const char *text_id(struct arena *arena, const struct node_id *node, const char *uid)
{
    char text[NODE_ID_TEXT];
    return arena_printf(arena, "%s/%s", node_id_text(node, text), uid);
}

/* Row, search entry and event of a new version. */
static bool put_version(struct tx *tx, const struct node_id *node,
                        const Maillon__Hfp__V1__Service *service, const struct oid *oid, bool ours,
                        struct err *err)
{
    struct service_row row;
    if (!write_row(tx, node, service, oid, ours, err) ||
        !find_row(tx->store, tx->arena, node, service->uid, &row, err))
        return false;
    if (service->content) {
        const struct entry_draft draft = {
            .id = row.id,
            .content = service->content,
            .hub = entry_takes_referrals(service->content),
            .dated_ms = (int64_t)service->head->created_s * 1000,
        };
        if (!entry_put(tx, tx->arena, &draft, err))
            return false;
    } else if (!entry_remove(tx, row.id, err)) {
        return false;
    }
    return tx_event(tx, "service", text_id(tx->arena, node, service->uid),
                    service->content ? "changed" : "removed", err);
}

/* --- from peers ------------------------------------------------------------------------------- */

bool service_check(const void *body, struct bytes payload UNUSED, struct err *err)
{
    const Maillon__Hfp__V1__Service *service = body;
    if (!service_check_uid(service->uid, ERR_PEER, err))
        return false;
    if (service->version == 0)
        return err_set(err, ERR_PEER, "service versions start at 1");
    return !service->content || service_check_content(service->content, ERR_PEER, err);
}

/* An own version that a peer gave back after a restore (R-REC-2). */
static bool restore(struct tx *tx, const struct inbound_object *object, uint32_t known,
                    struct err *err)
{
    const Maillon__Hfp__V1__Service *service = object->body;
    const struct oid *oid = &object->envelope.oid;
    struct err passed = {0};
    if (service->version <= known)
        return true;
    if (!stream_set(tx, TYPE_SERVICE, (struct bytes){0}, object->head->seq, oid, &passed) &&
        passed.code != ERR_CONFLICT) {
        *err = passed;
        return false;
    }
    struct bytes key = bytes_text(arena_printf(tx->arena, "%s%s", TYPE_SERVICE, service->uid));
    return journal_add(tx, JOURNAL_DIRECTORY, key, oid, object->head->expires_s, err) &&
           put_version(tx, identity_node(tx->self), service, oid, true, err);
}

bool service_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                   struct err *err)
{
    const Maillon__Hfp__V1__Service *service = object->body;
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    struct service_row row;
    if (!find_row(tx->store, tx->arena, &object->from, service->uid, &row, err))
        return false;
    if (node_id_equal(&object->from, identity_node(tx->self)))
        return restore(tx, object, row.version, err);
    if (row.id && row.ours) /* ours come from here alone */
        return err_set(err, ERR_PEER, "a peer sent a service of this hub");
    if (row.id && service->version < row.version)
        return true;
    /* R-NO-1: of two objects with the same version the one with the lower oid is shown. */
    if (row.id && service->version == row.version &&
        memcmp(object->envelope.oid.b, row.oid.b, sizeof(row.oid.b)) >= 0)
        return true;
    int64_t count = 0;
    if (!row.id && !count_services(tx->store, &object->from, &count, err))
        return false;
    if (count >= SERVICES_PER_NODE) {
        ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
        ret->code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA;
        return object_set_state(tx, &object->envelope.oid, OBJECT_REFUSED, err);
    }
    return put_version(tx, &object->from, service, &object->envelope.oid, false, err) ||
           err_wrap(err, "take a peer's service");
}

/* --- own -------------------------------------------------------------------------------------- */

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
    head.expires_s = head.created_s + LIFE_S;
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
           put_version(tx, identity_node(tx->self), &service, &oid, true, err);
}

/* A present own service. */
static bool find_own(struct tx *tx, const char *uid, struct service_row *ret, struct err *err)
{
    if (!service_check_uid(uid, ERR_INVALID, err) ||
        !find_row(tx->store, tx->arena, identity_node(tx->self), uid, ret, err))
        return false;
    return ret->content || err_set(err, ERR_UNKNOWN, "this hub has no such service");
}

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
        !service_check_content(content, ERR_INVALID, err) ||
        !find_row(tx->store, tx->arena, identity_node(tx->self), uid, &row, err) ||
        (!row.id && !count_services(tx->store, identity_node(tx->self), &count, err)))
        return false;
    if (count >= SERVICES_PER_NODE)
        return err_set(err, ERR_LIMIT, "this hub has %d services already", SERVICES_PER_NODE);
    if (!publish(tx, uid, row.version, content, err))
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
    content.capacity = NULL;
    if (capacity) {
        dated = *capacity;
        dated.updated_s = (uint64_t)tx->now.ms / 1000;
        content.capacity = &dated;
    }
    return publish(tx, uid, row.version, &content, err);
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
    if (!stmt || !entry_remove(tx, id, err))
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err);
}

/* Signs an own service anew, without the capacity whose time is over. */
static bool renew(struct tx *tx, const char *uid, struct err *err)
{
    struct service_row row;
    if (!find_own(tx, uid, &row, err))
        return false;
    Maillon__Hfp__V1__ServiceContent content = *row.content;
    if (content.capacity && content.capacity->until_s > 0 &&
        content.capacity->until_s <= (uint64_t)tx->now.ms / 1000)
        content.capacity = NULL;
    return publish(tx, uid, row.version, &content, err);
}

bool directory_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
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

/* --- reading ---------------------------------------------------------------------------------- */

static bool fill_owner(struct store *store, struct arena *arena, struct directory_service *service,
                       struct err *err)
{
    service->owner_name = "";
    service->takes_referrals = entry_takes_referrals(service->content);
    if (service->ours)
        return true;
    struct relation *relation = arena_alloc(arena, sizeof(*relation));
    bool found;
    if (!relation_find(store, &service->node, &found, relation, err))
        return false;
    if (found)
        service->owner_name = relation->name;
    if (!found || !relation_is_accepted(relation))
        service->takes_referrals = false;
    return true;
}

#define SERVICE_COLUMNS "node, uid, ours, content, changed_ms"

/* From a row of SERVICE_COLUMNS whose content is there. */
static bool take_service(struct store *store, struct arena *arena, struct stmt *stmt,
                         struct directory_service *ret, struct err *err)
{
    struct directory_service service = {
        .uid = arena_text(arena, stmt_text(stmt, 1)),
        .ours = stmt_i64(stmt, 2),
        .source = "",
        .record = "",
        .structure = "",
        .siret = "",
        .extra = "",
        .dated_ms = stmt_i64(stmt, 4),
        .distance_km = -1,
    };
    if (!stmt_copy(stmt, 0, service.node.b, sizeof(service.node.b)))
        return err_set(err, ERR_IO, "a stored service is damaged");
    if (!unpack_content(arena, stmt_bytes(stmt, 3), &service.content, err) ||
        !fill_owner(store, arena, &service, err))
        return false;
    service.id = text_id(arena, &service.node, service.uid);
    *ret = service;
    return true;
}

#define IMPORT_COLUMNS                                                                         \
    "id, source, record, structure, siret, content, extra, dated_ms, imported_ms, inherited, " \
    "structure_dated_ms"

static bool take_import(struct arena *arena, struct stmt *stmt, struct directory_service *ret,
                        struct err *err)
{
    struct directory_service service = {
        .id = arena_printf(arena, "import/%lld", (long long)stmt_i64(stmt, 0)),
        .is_import = true,
        .uid = "",
        .source = arena_text(arena, stmt_text(stmt, 1)),
        .record = arena_text(arena, stmt_text(stmt, 2)),
        .structure = arena_text(arena, stmt_text(stmt, 3)),
        .siret = arena_text(arena, stmt_text(stmt, 4)),
        .extra = arena_text(arena, stmt_text(stmt, 6)),
        .dated_ms = stmt_i64(stmt, 7),
        .imported_ms = stmt_i64(stmt, 8),
        .inherited = (unsigned)stmt_i64(stmt, 9),
        .structure_dated_ms = stmt_i64(stmt, 10),
        .distance_km = -1,
    };
    if (!unpack_content(arena, stmt_bytes(stmt, 5), &service.content, err))
        return false;
    service.owner_name = service.content->structure_name;
    *ret = service;
    return true;
}

bool directory_get_entry(struct store *store, struct arena *arena, int64_t entry,
                         struct directory_service *ret, struct err *err)
{
    bool is_import = entry > ENTRY_IMPORTS;
    AUTO(stmt_release)
    struct stmt *stmt =
        is_import
            ? stmt_get(store, "SELECT " IMPORT_COLUMNS " FROM import_record WHERE id = ?1", err)
            : stmt_get(store,
                       "SELECT " SERVICE_COLUMNS
                       " FROM service WHERE id = ?1 AND content IS NOT NULL",
                       err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, is_import ? entry - ENTRY_IMPORTS : entry);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such service");
    return is_import ? take_import(arena, stmt, ret, err)
                     : take_service(store, arena, stmt, ret, err);
}

bool directory_find_service(struct store *store, struct arena *arena, const char *id,
                            struct directory_service *ret, struct err *err)
{
    int64_t number;
    if (strncmp(id, "import/", 7) == 0) {
        if (!text_parse_i64(id + 7, &number) || number <= 0 || number > INT64_MAX - ENTRY_IMPORTS)
            return err_set(err, ERR_INVALID, "not a service id");
        return directory_get_entry(store, arena, ENTRY_IMPORTS + number, ret, err);
    }
    const char *slash = strchr(id, '/');
    struct node_id node;
    if (!slash || strlen(slash + 1) > SERVICE_UID_MAX ||
        !node_id_parse(arena_textn(arena, id, (size_t)(slash - id)), &node))
        return err_set(err, ERR_INVALID, "not a service id: expected NODE/UID");
    struct service_row row;
    if (!find_row(store, arena, &node, slash + 1, &row, err))
        return false;
    if (!row.id || !row.content)
        return err_set(err, ERR_UNKNOWN, "no such service");
    return directory_get_entry(store, arena, row.id, ret, err);
}

bool directory_list_own(struct store *store, struct arena *arena, struct directory_service **ret,
                        size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " SERVICE_COLUMNS " FROM service WHERE ours = 1 AND "
                                 "content IS NOT NULL ORDER BY uid LIMIT ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, SERVICES_PER_NODE);
    struct directory_service *list = arena_alloc(arena, SERVICES_PER_NODE * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!take_service(store, arena, stmt, &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool directory_list_imports(struct store *store, struct arena *arena, int64_t after, size_t limit,
                            struct directory_service **ret, size_t *ret_count, int64_t *ret_last,
                            struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT " IMPORT_COLUMNS " FROM import_record WHERE id > ?1 ORDER BY id LIMIT ?2",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, after);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    struct directory_service *list = arena_alloc(arena, limit * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        *ret_last = stmt_i64(stmt, 0);
        if (!take_import(arena, stmt, &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}
