#include "hub/domain/directory_row.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/directory_check.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/import_twin.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"

#define KEEP_S (30 * 86400) /* R-NO-2: after this no older version can come back */

/* --- rows ------------------------------------------------------------------------------------- */

bool service_unpack(struct arena *arena, struct bytes bytes,
                    const Maillon__Hfp__V1__ServiceContent **ret, struct err *err)
{
    *ret = wire_unpack(&maillon__hfp__v1__service_content__descriptor, bytes, arena, err);
    if (!*ret)
        return err_set(err, ERR_IO, "a stored service is damaged");
    return true;
}

bool service_row_find(struct store *store, struct arena *arena, const struct node_id *node,
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
            !service_unpack(arena, stmt_bytes(stmt, 4), &found.content, err))
            return false;
        found.changed_ms = stmt_i64(stmt, 5);
    }
    *ret = found;
    return true;
}

bool service_row_count(struct store *store, const struct node_id *node, int64_t *ret,
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
    int64_t due = expires_ms - (int64_t)SERVICE_RENEW_S * 1000;
    if (content->capacity && content->capacity->until_s > 0 &&
        content->capacity->until_s < (uint64_t)due / 1000)
        due = (int64_t)content->capacity->until_s * 1000;
    if (content->closure && content->closure->until_s > 0 &&
        content->closure->until_s < (uint64_t)due / 1000)
        due = (int64_t)content->closure->until_s * 1000;
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

const char *service_text_id(struct arena *arena, const struct node_id *node, const char *uid)
{
    char text[NODE_ID_TEXT];
    return arena_printf(arena, "%s/%s", node_id_text(node, text), uid);
}

/* Row, search entry and event of a new version. */
bool service_row_put(struct tx *tx, const struct node_id *node,
                     const Maillon__Hfp__V1__Service *service, const struct oid *oid, bool ours,
                     struct err *err)
{
    struct service_row row;
    if (!write_row(tx, node, service, oid, ours, err) ||
        !service_row_find(tx->store, tx->arena, node, service->uid, &row, err))
        return false;
    if (service->content) {
        const struct entry_draft draft = {
            .id = row.id,
            .content = service->content,
            .hub = entry_takes_referrals(service->content),
            .dated_ms = (int64_t)service->head->created_s * 1000,
        };
        if (!entry_put(tx, tx->arena, &draft, err) ||
            !twin_find_of_hub(tx, tx->arena, row.id, service->content, err))
            return false;
    } else if (!entry_remove(tx, row.id, err) || !merge_release(tx, row.id, err)) {
        return false;
    }
    return tx_event(tx, "service", service_text_id(tx->arena, node, service->uid),
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
           service_row_put(tx, identity_node(tx->self), service, oid, true, err);
}

bool service_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                   struct err *err)
{
    const Maillon__Hfp__V1__Service *service = object->body;
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    struct service_row row;
    if (!service_row_find(tx->store, tx->arena, &object->from, service->uid, &row, err))
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
    if (!row.id && !service_row_count(tx->store, &object->from, &count, err))
        return false;
    if (count >= SERVICES_PER_NODE) {
        ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
        ret->code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA;
        return object_set_state(tx, &object->envelope.oid, OBJECT_REFUSED, err);
    }
    return service_row_put(tx, &object->from, service, &object->envelope.oid, false, err) ||
           err_wrap(err, "take a peer's service");
}
