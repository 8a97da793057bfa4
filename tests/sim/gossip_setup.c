#include "tests/sim/gossip_setup.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"

#include <stdlib.h>

/* ---- a circle that all its members know from the start ---- */

struct founding {
    struct world *world;
    uint64_t members; /* bit for each hub */
    struct oid scope;
    struct node_id extra[64]; /* members that are no hub here: authors of what hubs bring along */
    size_t extra_count;
};

static bool found_circle(struct tx *tx, void *ctx, struct err *err)
{
    static const char *const principles[] = {"each helps as it can"};
    struct founding *founding = ctx;
    struct circle_draft draft = {
        .name = "Pays de Redon",
        .principle = principles,
        .principle_count = 1,
        .steward = {*identity_node(tx->self)},
        .steward_count = 1,
    };
    bool done;
    if (!circle_found(tx, &draft, &founding->scope, &done, err))
        return false;
    for (unsigned i = 1; i < founding->world->hub_count; i++) {
        if (is_in(founding->members, i) &&
            !circle_admit(tx, &founding->scope, identity_node(founding->world->hubs[i].self), "",
                          &done, err))
            return false;
    }
    for (size_t i = 0; i < founding->extra_count; i++) {
        if (!circle_admit(tx, &founding->scope, &founding->extra[i], "", &done, err))
            return false;
    }
    return true;
}

struct history {
    struct arena *arena;
    struct oid scope;
    struct bytes objects[128];
    size_t count;
    const struct identity *founder;
};

static void read_history(struct world *world, struct history *ret)
{
    struct err err = {0};
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(world->hubs[0].reader,
                 "SELECT bytes FROM object WHERE oid IN (SELECT oid FROM circle_charter UNION"
                 " SELECT oid FROM circle_event) ORDER BY id",
                 &err);
    assert_non_null(stmt);
    ret->founder = world->hubs[0].self;
    for (bool row; stmt_next(stmt, &row, &err) && row;)
        ret->objects[ret->count++] = arena_bytes(ret->arena, stmt_bytes(stmt, 0));
}

static bool apply_bytes(struct tx *tx, struct bytes bytes, const struct node_id *author,
                        struct err *err)
{
    struct inbound_object *object = arena_alloc(tx->arena, sizeof *object);
    struct first {
        ProtobufCMessage base;
        Maillon__Hfp__V1__Head *head;
    };
    struct disposition said = {0};
    struct object_row row;
    bool found;
    if (!envelope_open(arena_bytes(tx->arena, bytes), tx->arena, &object->envelope, err))
        return false;
    if (!object_find(tx->store, &object->envelope.oid, &found, &row, err) || found)
        return found;
    object->kind = kind_find(object->envelope.type);
    object->body = wire_unpack(object->kind->body, object->envelope.body, tx->arena, err);
    if (!object->body)
        return false;
    object->head = ((const struct first *)object->body)->head;
    object->from = *author;
    return object_add(tx, &object->envelope, author, object->head->expires_s, OBJECT_APPLIED, NULL,
                      err) &&
           object->kind->apply(tx, object, &said, err) &&
           (said.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED ||
            err_set(err, ERR_INTERNAL, "%s was refused", object->kind->name));
}

static bool learn_history(struct tx *tx, void *ctx, struct err *err)
{
    const struct history *history = ctx;
    size_t count;
    const struct bytes *events = identity_kel_events(history->founder, &count);
    if (!node_keys_add(tx, identity_node(history->founder), events, count, err))
        return false;
    for (size_t i = 0; i < history->count; i++) {
        if (!apply_bytes(tx, history->objects[i], identity_node(history->founder), err))
            return false;
    }
    bool in = false; /* a person there says yes */
    return circle_join(tx, &history->scope, NULL, NULL, &in, err) && in;
}

struct oid make_circle(struct world *world, uint64_t members, const struct identity **extra,
                       size_t extra_count)
{
    struct founding *founding = mem_alloc(sizeof *founding);
    struct history *history = mem_alloc(sizeof *history);
    struct oid scope;
    founding->world = world;
    founding->members = members;
    founding->extra_count = extra_count;
    for (size_t i = 0; i < extra_count; i++)
        founding->extra[i] = *identity_node(extra[i]);
    must(world, world_do(world, 0, found_circle, founding, &why));
    history->arena = arena_create(0);
    read_history(world, history);
    history->scope = founding->scope;
    for (unsigned i = 1; i < world->hub_count; i++) {
        if (is_in(members, i) && world->hubs[i].alive)
            must(world, world_do(world, i, learn_history, history, &why));
    }
    scope = founding->scope;
    arena_free(history->arena);
    free(history);
    free(founding);
    return scope;
}

/* ---- notices in a circle ---- */

struct posting {
    const struct oid *scope;
    unsigned number;
    uint64_t life_s;
    uint8_t uid[UID_BYTES];
};

static bool do_post(struct tx *tx, void *ctx, struct err *err)
{
    struct posting *posting = ctx;
    char what[40];
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    snprintf(what, sizeof what, "blankets %u", posting->number);
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_OFFER;
    content.what = what;
    struct notice_draft draft = {.content = &content, .scope = posting->scope};
    if (posting->life_s)
        draft.expires_s = (uint64_t)tx->now.ms / 1000 + posting->life_s;
    return notice_post(tx, &draft, posting->uid, err);
}

void post_in(struct world *world, unsigned hub, const struct oid *scope, unsigned number,
             uint64_t life_s, uint8_t ret_uid[UID_BYTES])
{
    struct posting posting = {.scope = scope, .number = number, .life_s = life_s};
    must(world, world_do(world, hub, do_post, &posting, &why));
    if (ret_uid)
        memcpy(ret_uid, posting.uid, UID_BYTES);
}

int64_t scoped_notices(struct world *world, unsigned hub)
{
    return world_count(world, hub, "SELECT count(*) FROM gossip_object WHERE part = 1");
}

struct expected {
    uint64_t members;
    int64_t count;
};

static bool all_have(struct world *world, void *ctx)
{
    const struct expected *expected = ctx;
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (is_in(expected->members, i) && world->hubs[i].alive &&
            scoped_notices(world, i) != expected->count)
            return false;
    }
    return true;
}

void expect_all_have(struct world *world, uint64_t members, int64_t count, int64_t ms)
{
    struct expected expected = {members, count};
    if (world_run_until_every(world, all_have, &expected, ms, 200))
        return;
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (is_in(members, i))
            print_error("hub %u has %lld of %lld\n", i, (long long)scoped_notices(world, i),
                        (long long)count);
    }
    bool every_member_has_every_notice = false;
    expect(world, every_member_has_every_notice);
}

static struct bytes pack_forged(const struct forged *forged, uint64_t now_s, struct arena *arena)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Notice notice = MAILLON__HFP__V1__NOTICE__INIT;
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    Maillon__Hfp__V1__Quantity quantity = MAILLON__HFP__V1__QUANTITY__INIT;
    char what[] = "blankets", unit[] = "piece";
    uint8_t uid[UID_BYTES], prev[OID_BYTES] = {1};
    memset(uid, forged->uid, sizeof uid);
    head.node = wire_data(node_id_bytes(identity_node(forged->author)));
    head.incarnation = 1;
    head.seq = forged->seq;
    if (forged->seq > 1)
        head.prev = wire_data(bytes_of(prev, sizeof prev));
    head.created_s = forged->created_s ? forged->created_s : now_s;
    head.expires_s = head.created_s + 60 * 86400;
    head.scope = head.stream = wire_data(oid_bytes(&forged->scope));
    quantity.amount = forged->amount;
    quantity.unit = unit;
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_OFFER;
    content.what = what;
    content.quantity = &quantity;
    notice.head = &head;
    notice.uid = wire_data(bytes_of(uid, sizeof uid));
    notice.version = 1;
    notice.content = &content;
    return wire_pack_arena(&notice, arena);
}

void forged_oid(const struct forged *forged, struct arena *arena, struct oid *ret)
{
    envelope_oid(TYPE_NOTICE, pack_forged(forged, 0, arena), ret);
}

bool insert_forged(struct tx *tx, void *ctx, struct err *err)
{
    const struct forged *forged = ctx;
    size_t count;
    AUTO(buf_done) struct buf out = {0};
    struct oid oid;
    identity_sign(forged->author, TYPE_NOTICE,
                  pack_forged(forged, (uint64_t)tx->now.ms / 1000, tx->arena), &out, &oid);
    const struct bytes *events = identity_kel_events(forged->author, &count);
    return node_keys_add(tx, identity_node(forged->author), events, count, err) &&
           apply_bytes(tx, buf_bytes(&out), identity_node(forged->author), err);
}
