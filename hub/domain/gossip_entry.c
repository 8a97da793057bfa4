#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip_internal.h"
#include "hub/domain/object.h"
#include "hub/domain/stream.h"

typedef Maillon__Hfp__V1__DirectoryEntry entry_message;

bool gossip_entry_put(struct tx *tx, const struct gossip_version *version,
                      const entry_message *entry, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_entry (node, scope, version, oid, created_s, expires_s, name,"
                 " phone, commune) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                 " ON CONFLICT (node, scope) DO UPDATE SET version = excluded.version,"
                 " oid = excluded.oid, created_s = excluded.created_s,"
                 " expires_s = excluded.expires_s, name = excluded.name, phone = excluded.phone,"
                 " commune = excluded.commune WHERE excluded.version > gossip_entry.version"
                 " OR (excluded.version = gossip_entry.version"
                 " AND excluded.oid < gossip_entry.oid)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 3, version->version);
    stmt_bind_bytes(stmt, 4, oid_bytes(&version->oid));
    stmt_bind_i64(stmt, 5, (int64_t)version->created_s);
    stmt_bind_i64(stmt, 6, (int64_t)version->expires_s);
    stmt_bind_text(stmt, 7, entry->name);
    stmt_bind_text(stmt, 8, entry->phone);
    stmt_bind_text(stmt, 9, entry->commune);
    return stmt_run(stmt, err) || err_wrap(err, "keep the entry of a member");
}

bool gossip_entry(struct store *store, struct arena *arena, const struct node_id *node,
                  struct wall now, entry_message **ret, struct err *err)
{
    bool found;
    struct oid oid = {0};
    struct object_row row;
    struct envelope envelope;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT oid FROM gossip_entry WHERE node = ?1 AND expires_s > ?2"
                                 " ORDER BY created_s DESC, oid LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, now.ms / 1000);
    *ret = NULL;
    if (!stmt_next(stmt, &found, err))
        return false;
    if (!found)
        return true;
    if (!stmt_copy(stmt, 0, oid.b, OID_BYTES))
        return err_set(err, ERR_IO, "the entry of a member cannot be read");
    if (!object_get(store, arena, &oid, &found, &row, err))
        return false;
    if (!found)
        return true;
    if (!envelope_open(row.bytes, arena, &envelope, err))
        return err_wrap(err, "read the entry of a member");
    entry_message *entry =
        wire_unpack(&maillon__hfp__v1__directory_entry__descriptor, envelope.body, arena, err);
    if (!entry)
        return err_wrap(err, "read the entry of a member");
    *ret = entry;
    return true;
}

bool gossip_member(struct store *store, const struct node_id *node, bool *ret_found,
                   struct gossip_member *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT name, phone, commune, EXISTS (SELECT 1 FROM gossip_proof p"
                 " WHERE p.author = ?1 AND p.released_ms = 0) FROM gossip_entry WHERE node = ?1"
                 " ORDER BY created_s DESC, oid LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "read the name of a member");
    if (!*ret_found)
        return true;
    *ret = (struct gossip_member){.node = *node, .equivocated = stmt_i64(stmt, 3) != 0};
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 0));
    text_copy(ret->phone, sizeof(ret->phone), stmt_text(stmt, 1));
    text_copy(ret->commune, sizeof(ret->commune), stmt_text(stmt, 2));
    return true;
}

/* ---- this hub's own ---- */

struct own_entry {
    int64_t version, published_s;
    struct oid source;
};

static bool read_own(struct tx *tx, const struct oid *scope, struct own_entry *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT version, source, published_s FROM gossip_own_entry WHERE scope = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = (struct own_entry){0};
    if (!row)
        return true;
    *ret = (struct own_entry){.version = stmt_i64(stmt, 0), .published_s = stmt_i64(stmt, 2)};
    return stmt_copy(stmt, 1, ret->source.b, OID_BYTES) ||
           err_set(err, ERR_IO, "the own entry of a circle cannot be read");
}

static bool write_own(struct tx *tx, const struct oid *scope, const struct own_entry *own,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO gossip_own_entry (scope, version, source, published_s)"
        " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (scope) DO UPDATE SET version = excluded.version,"
        " source = excluded.source, published_s = excluded.published_s",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    stmt_bind_i64(stmt, 2, own->version);
    stmt_bind_bytes(stmt, 3, oid_bytes(&own->source));
    stmt_bind_i64(stmt, 4, own->published_s);
    return stmt_run(stmt, err);
}

/* The card as it was published to peers, unpacked; *ret NULL: none yet. */
static bool read_card(struct tx *tx, struct oid *ret_oid, entry_message **ret, struct err *err)
{
    uint64_t seq;
    bool has_card, found;
    struct object_row row;
    struct envelope envelope;
    *ret = NULL;
    if (!stream_next(tx, TYPE_ENTRY, (struct bytes){0}, &seq, ret_oid, &has_card, err))
        return false;
    if (!has_card)
        return true;
    if (!object_get(tx->store, tx->arena, ret_oid, &found, &row, err))
        return false;
    if (!found)
        return true;
    if (!envelope_open(row.bytes, tx->arena, &envelope, err))
        return false;
    *ret =
        wire_unpack(&maillon__hfp__v1__directory_entry__descriptor, envelope.body, tx->arena, err);
    return *ret != NULL;
}

static bool sign_entry(struct tx *tx, const struct oid *scope, entry_message *entry,
                       uint32_t version, struct err *err)
{
    struct oid prev, oid;
    bool has_prev;
    Maillon__Hfp__V1__Head head;
    maillon__hfp__v1__head__init(&head);
    if (!authoring_head(tx, &head, err) ||
        !stream_next(tx, TYPE_ENTRY, oid_bytes(scope), &head.seq, &prev, &has_prev, err))
        return false;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.stream = wire_data(oid_bytes(scope));
    head.scope = wire_data(oid_bytes(scope));
    head.expires_s = head.created_s + CARD_LIFETIME_S;
    entry->head = &head;
    entry->version = version;
    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, TYPE_ENTRY, wire_pack_arena(entry, tx->arena), &object, &oid);
    if (object.len > OBJECT_ENTRY_MAX)
        return err_set(err, ERR_INVALID, "this hub's card is too long for a circle");
    struct gossip_version own = {.oid = oid,
                                 .scope = *scope,
                                 .author = *identity_node(tx->self),
                                 .version = version,
                                 .created_s = head.created_s,
                                 .expires_s = head.expires_s};
    return object_add_own(tx, TYPE_ENTRY, buf_bytes(&object), &oid, head.expires_s, NULL, err) &&
           stream_set(tx, TYPE_ENTRY, oid_bytes(scope), head.seq, &oid, err) &&
           gossip_entry_put(tx, &own, entry, err) &&
           gossip_add_own(tx, &oid, oid_bytes(scope), TYPE_ENTRY, head.created_s, head.expires_s,
                          err);
}

bool gossip_publish_entries(struct tx *tx, struct err *err)
{
    struct oid *scopes, card;
    size_t count;
    entry_message *entry = NULL;
    int64_t now_s = tx->now.ms / 1000;
    struct err why = {0};
    if (!circle_scopes_own(tx->store, tx->arena, &scopes, &count, err))
        return false;
    if (!count || !authoring_allowed(tx, &why)) /* later, when this hub may speak again */
        return !count || why.code == ERR_CONFLICT || (*err = why, false);
    for (size_t i = 0; i < count; i++) {
        struct own_entry own;
        if (!read_own(tx, &scopes[i], &own, err) || !read_card(tx, &card, &entry, err))
            return false;
        if (!entry)
            return true;
        if (own.version && oid_equal(&own.source, &card) &&
            now_s < own.published_s + CARD_LIFETIME_S / 2)
            continue;
        uint32_t version;
        if (!authoring_version(tx, (uint32_t)own.version, &version, err))
            return false;
        own = (struct own_entry){version, now_s, card};
        if (!sign_entry(tx, &scopes[i], entry, version, err) ||
            !write_own(tx, &scopes[i], &own, err))
            return err_wrap(err, "publish this hub's entry to a circle");
    }
    return true;
}
