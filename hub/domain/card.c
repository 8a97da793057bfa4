#include "hub/domain/card.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/gossip.h"
#include "hub/domain/object.h"
#include "hub/domain/place.h"
#include "hub/domain/relation.h"
#include "hub/domain/relay.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"

#define ENC_KEYS_MAX 4

typedef Maillon__Hfp__V1__DirectoryEntry entry_message;

/* What was published, beside the card itself. */
struct published {
    int64_t version, published_s, expires_s;
    uint8_t digest[32];
};

static bool read_row(struct store *store, struct card *ret, struct published *ret_published,
                     struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT name, phone, commune, description, routes, tls_proxied,"
                                 " version, published_s, expires_s, digest FROM card"
                                 " WHERE only_row = 1",
                                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = (struct card){0};
    *ret_published = (struct published){0};
    if (!row)
        return true;
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 0));
    text_copy(ret->phone, sizeof(ret->phone), stmt_text(stmt, 1));
    text_copy(ret->commune, sizeof(ret->commune), stmt_text(stmt, 2));
    text_copy(ret->description, sizeof(ret->description), stmt_text(stmt, 3));
    ret->route_count = routes_split(stmt_text(stmt, 4), ret->routes[0], sizeof(ret->routes[0]));
    ret->tls_proxied = stmt_i64(stmt, 5) != 0;
    ret_published->version = stmt_i64(stmt, 6);
    ret->version = (uint32_t)ret_published->version;
    ret_published->published_s = stmt_i64(stmt, 7);
    ret_published->expires_s = stmt_i64(stmt, 8);
    return stmt_copy(stmt, 9, ret_published->digest, sizeof(ret_published->digest)) ||
           err_set(err, ERR_IO, "this hub's own card is damaged in the store");
}

bool card_read(struct store *store, struct card *ret, struct err *err)
{
    struct published published;
    return read_row(store, ret, &published, err) || err_wrap(err, "read this hub's card");
}

bool card_entry(struct store *store, struct arena *arena, struct bytes *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT o.bytes FROM stream s JOIN object o ON o.oid = s.head"
                                 " WHERE s.type = ?1 AND length(s.stream) = 0",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, TYPE_ENTRY);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read this hub's entry");
    *ret = row ? arena_bytes(arena, stmt_bytes(stmt, 0)) : (struct bytes){0};
    return true;
}

static bool check_text(const char *text, const char *what, struct err *err)
{
    return text_is_valid(bytes_text(text)) ||
           err_set(err, ERR_INVALID, "the %s must be plain UTF-8 text", what);
}

bool card_set(struct tx *tx, const struct card *card, struct err *err)
{
    if (card->name[0] == '\0')
        return err_set(err, ERR_INVALID, "a hub needs a name: the one of the organisation");
    if (!check_text(card->name, "name", err) || !check_text(card->phone, "phone", err) ||
        !check_text(card->commune, "commune", err) ||
        !check_text(card->description, "description", err))
        return false;
    if (card->commune[0] && !place_check_insee(card->commune, err))
        return false;
    for (size_t i = 0; i < card->route_count; i++) {
        if (!route_is_valid(card->routes[i]))
            return err_set(err, ERR_INVALID, "address %zu must look like wss://host[:port]", i + 1);
    }
    return audit_add(tx, tx->actor ? tx->actor : "hub", "card.set", NULL, err) &&
           card_publish(tx, card, err);
}

/* R-ID-6: the newest keys, each accepted for three weeks; the newest whatever its age. */
static void add_enc_keys(struct tx *tx, entry_message *entry)
{
    struct enc_key_info keys[ENC_KEYS_MAX];
    size_t count = identity_enc_list(tx->self, keys, ENC_KEYS_MAX);
    entry->enc_key = arena_alloc(tx->arena, ENC_KEYS_MAX * sizeof(*entry->enc_key));
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && keys[i].until_s <= tx->now.ms / 1000)
            continue;
        Maillon__Hfp__V1__EncKey *key = arena_alloc(tx->arena, sizeof(*key));
        maillon__hfp__v1__enc_key__init(key);
        key->key =
            wire_data(arena_bytes(tx->arena, bytes_of(keys[i].public_key, X25519_KEY_BYTES)));
        key->accept_from_s = (uint64_t)keys[i].from_s;
        key->accept_until_s = (uint64_t)keys[i].until_s;
        entry->enc_key[entry->n_enc_key++] = key;
    }
}

/* The message without head and version; borrows `card`. */
static entry_message *build(struct tx *tx, const struct card *card)
{
    entry_message *entry = arena_alloc(tx->arena, sizeof(*entry));
    maillon__hfp__v1__directory_entry__init(entry);
    entry->name = arena_text(tx->arena, card->name);
    entry->phone = arena_text(tx->arena, card->phone);
    entry->commune = arena_text(tx->arena, card->commune);
    entry->description = arena_text(tx->arena, card->description);
    entry->tls_proxied = card->tls_proxied;
    entry->route = arena_alloc(tx->arena, ROUTES_MAX * sizeof(*entry->route));
    for (size_t i = 0; i < card->route_count; i++)
        entry->route[entry->n_route++] = arena_text(tx->arena, card->routes[i]);
    add_enc_keys(tx, entry);
    return entry;
}

static bool save_row(struct tx *tx, const struct card *card, const struct published *published,
                     struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO card (only_row, name, phone, commune, description, routes,"
                 " tls_proxied, version, published_s, expires_s, digest)"
                 " VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                 " ON CONFLICT (only_row) DO UPDATE SET name = excluded.name,"
                 " phone = excluded.phone, commune = excluded.commune,"
                 " description = excluded.description, routes = excluded.routes,"
                 " tls_proxied = excluded.tls_proxied, version = excluded.version,"
                 " published_s = excluded.published_s, expires_s = excluded.expires_s,"
                 " digest = excluded.digest",
                 err);
    if (!stmt)
        return false;
    const char *routes[ROUTES_MAX];
    for (size_t i = 0; i < card->route_count; i++)
        routes[i] = card->routes[i];
    stmt_bind_text(stmt, 1, card->name);
    stmt_bind_text(stmt, 2, card->phone);
    stmt_bind_text(stmt, 3, card->commune);
    stmt_bind_text(stmt, 4, card->description);
    stmt_bind_text(stmt, 5, routes_join(tx->arena, routes, card->route_count));
    stmt_bind_i64(stmt, 6, card->tls_proxied);
    stmt_bind_i64(stmt, 7, published->version);
    stmt_bind_i64(stmt, 8, published->published_s);
    stmt_bind_i64(stmt, 9, published->expires_s);
    stmt_bind_bytes(stmt, 10, bytes_of(published->digest, sizeof(published->digest)));
    return stmt_run(stmt, err);
}

static bool sign_entry(struct tx *tx, entry_message *entry, const struct published *published,
                       struct err *err)
{
    Maillon__Hfp__V1__Head head;
    maillon__hfp__v1__head__init(&head);
    struct oid prev, oid;
    bool has_prev;
    uint64_t seq;
    if (!stream_next(tx, TYPE_ENTRY, (struct bytes){0}, &seq, &prev, &has_prev, err))
        return false;
    if (!authoring_head(tx, &head, err))
        return false;
    head.seq = seq;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.created_s = (uint64_t)published->published_s;
    head.expires_s = (uint64_t)published->expires_s;
    entry->head = &head;
    entry->version = (uint32_t)published->version;
    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, TYPE_ENTRY, wire_pack_arena(entry, tx->arena), &object, &oid);
    entry->head = NULL;
    if (object.len > OBJECT_ENTRY_MAX)
        return err_set(err, ERR_INVALID, "this hub's card is too long: shorten its description");
    return object_add_own(tx, TYPE_ENTRY, buf_bytes(&object), &oid, head.expires_s, NULL, err) &&
           stream_set(tx, TYPE_ENTRY, (struct bytes){0}, seq, &oid, err) &&
           journal_add(tx, JOURNAL_DIRECTORY, BYTES_LITERAL(TYPE_ENTRY), &oid, head.expires_s, err);
}

bool card_publish(struct tx *tx, const struct card *card, struct err *err)
{
    struct card before;
    struct published published;
    if (!read_row(tx->store, &before, &published, err))
        return err_wrap(err, "publish this hub's card");
    entry_message *entry = build(tx, card);
    if (!relay_fill_entry(tx, entry, err))
        return err_wrap(err, "publish this hub's card");
    uint8_t digest[32];
    digest_sha256(wire_pack_arena(entry, tx->arena), digest);
    int64_t now_s = tx->now.ms / 1000;
    bool changed = published.version == 0 || memcmp(digest, published.digest, sizeof(digest)) != 0;
    if (!changed && now_s < published.published_s + CARD_LIFETIME_S / 2)
        return true;
    memcpy(published.digest, digest, sizeof(digest));
    uint32_t version;
    if (!authoring_version(tx, (uint32_t)published.version, &version, err))
        return false;
    published.version = version;
    published.published_s = now_s;
    published.expires_s = now_s + CARD_LIFETIME_S;
    return (sign_entry(tx, entry, &published, err) && save_row(tx, card, &published, err)) ||
           err_wrap(err, "publish this hub's card");
}

bool card_forget_published(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE card SET published_s = 0 WHERE only_row = 1", err);
    return (stmt && stmt_run(stmt, err)) || err_wrap(err, "renew this hub's card");
}

static bool fits(const char *text, size_t max)
{
    return strlen(text) <= max;
}

bool entry_check(const void *body, struct bytes payload, struct err *err)
{
    const entry_message *entry = body;
    if (payload.len > 0)
        return err_set(err, ERR_PEER, "a directory entry has no payload");
    if (entry->version == 0)
        return err_set(err, ERR_PEER, "a directory entry has no version");
    if (!fits(entry->name, CARD_NAME_MAX - 1) || !fits(entry->alternate_name, CARD_NAME_MAX - 1) ||
        !fits(entry->phone, CARD_PHONE_MAX) || !fits(entry->commune, CARD_COMMUNE_MAX) ||
        !fits(entry->description, CARD_DESCRIPTION_MAX))
        return err_set(err, ERR_PEER, "a text of a directory entry is too long");
    if (entry->n_route > ROUTES_MAX || entry->n_enc_key > ENC_KEYS_MAX)
        return err_set(err, ERR_PEER, "a directory entry has too many addresses or keys");
    for (size_t i = 0; i < entry->n_route; i++) {
        if (!route_is_valid(entry->route[i]))
            return err_set(err, ERR_PEER, "an address of a directory entry is malformed");
    }
    for (size_t i = 0; i < entry->n_enc_key; i++) {
        const Maillon__Hfp__V1__EncKey *key = entry->enc_key[i];
        if (key->key.len != X25519_KEY_BYTES || key->accept_until_s > INT64_MAX ||
            key->accept_from_s >= key->accept_until_s || !seal_public_is_admissible(key->key.data))
            return err_set(err, ERR_PEER, "a sealing key of a directory entry is malformed");
    }
    return relay_entry_check(entry, err);
}

bool entry_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                 struct err *err)
{
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    enum gossip_verdict verdict;
    if (!gossip_take(tx, object, &verdict, ret, err))
        return false;
    if (verdict != GOSSIP_UNSCOPED) /* what a circle knows of its author is gossip's */
        return true;
    struct err reason = {0};
    if (relation_set_entry(tx, &object->from, object->body, &reason))
        return true;
    if (reason.code != ERR_CONFLICT && reason.code != ERR_PEER) {
        *err = reason;
        return false;
    }
    *ret = (struct disposition){
        .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
        .code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE,
        .permanent = true,
    };
    return object_set_state(tx, &object->envelope.oid, OBJECT_REFUSED, err);
}
