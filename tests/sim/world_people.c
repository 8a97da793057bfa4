/* What people do on the hubs of a world. */
#include "tests/sim/world_internal.h"

#include "hub/base/list.h"
#include "hub/domain/notice.h"
#include "hub/domain/relation.h"

struct doing {
    struct action action;
    bool (*apply)(struct tx *tx, void *ctx, struct err *err);
    void *ctx;
    struct err err;
    bool done;
};

static bool doing_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct doing *doing = list_entry(action, struct doing, action);
    return doing->apply(tx, doing->ctx, err);
}

static void doing_done(struct action *action, const struct err *err)
{
    struct doing *doing = list_entry(action, struct doing, action);
    doing->err = *err;
    doing->done = true;
}

static bool is_done(struct world *world, void *ctx)
{
    (void)world;
    return ((struct doing *)ctx)->done;
}

bool world_do(struct world *world, unsigned hub,
              bool (*apply)(struct tx *tx, void *ctx, struct err *err), void *ctx, struct err *err)
{
    struct doing doing = {
        .action = {.apply = doing_apply, .done = doing_done}, .apply = apply, .ctx = ctx};
    exchange_submit(world->hubs[hub].exchange, &doing.action);
    world_touch(world, hub);
    CHECK(world_run_on(world, is_done, &doing, 60000));
    *err = doing.err;
    return doing.err.code == ERR_NONE;
}

struct joining {
    struct world_hub *hub;
    char uri[INVITE_TEXT_MAX + 1];
    struct node_id node;
};

static bool invite(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    const char *routes[] = {joining->hub->config.url};
    struct wall expires;
    return relation_invite(tx, routes, 1, 14, joining->uri, &expires, err);
}

static bool join(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_join(tx, joining->uri, false, &joining->node, err);
}

static bool accept(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_decide(tx, &joining->node, DECISION_ACCEPTED, err);
}

static bool all_switches(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_set_switches(tx, &joining->node, 15, 15, err);
}

static bool find(struct world *world, unsigned hub, unsigned peer, struct relation *ret)
{
    struct err err = {0};
    bool found = false;
    CHECK(relation_find(world->hubs[hub].reader, identity_node(world->hubs[peer].self), &found, ret,
                        &err));
    return found;
}

struct pair {
    unsigned a, b;
};

static bool has_asked(struct world *world, void *ctx)
{
    const struct pair *pair = ctx;
    struct relation relation;
    return find(world, pair->a, pair->b, &relation) && relation.theirs == DECISION_ACCEPTED;
}

bool world_accepted(struct world *world, unsigned a, unsigned b)
{
    struct relation relation;
    return find(world, a, b, &relation) && relation_is_accepted(&relation) &&
           find(world, b, a, &relation) && relation_is_accepted(&relation);
}

static bool have_keys(struct world *world, void *ctx)
{
    const struct pair *pair = ctx;
    const struct world_hub *a = &world->hubs[pair->a], *b = &world->hubs[pair->b];
    uint8_t key[X25519_KEY_BYTES];
    struct err err = {0};
    struct wall now = world_wall(world, pair->a);
    return world_accepted(world, pair->a, pair->b) &&
           relation_enc_key(a->reader, identity_node(b->self), now, key, &err) &&
           relation_enc_key(b->reader, identity_node(a->self), now, key, &err);
}

void world_federate(struct world *world, unsigned inviter, unsigned joiner)
{
    struct err err = {0};
    struct joining joining = {.hub = &world->hubs[inviter]};
    struct pair pair = {inviter, joiner};
    CHECK(world_do(world, inviter, invite, &joining, &err));
    memcpy(world->last_invite, joining.uri, sizeof world->last_invite);
    CHECK(world_do(world, joiner, join, &joining, &err));
    CHECK(world_run_until(world, has_asked, &pair, 600000));
    CHECK(world_do(world, joiner, all_switches, &joining, &err));
    joining.node = *identity_node(world->hubs[joiner].self);
    CHECK(world_do(world, inviter, accept, &joining, &err));
    CHECK(world_do(world, inviter, all_switches, &joining, &err));
    CHECK(world_run_until(world, have_keys, &pair, 600000));
}

void world_join_again(struct world *world, unsigned joiner)
{
    struct err err = {0};
    struct joining joining = {.hub = &world->hubs[joiner]};
    memcpy(joining.uri, world->last_invite, sizeof joining.uri);
    CHECK(world_do(world, joiner, join, &joining, &err));
}

struct referring {
    const struct world *world;
    unsigned from, to, number;
    struct oid id;
};

bool world_send_referral(struct tx *tx, const struct world *world, unsigned from, unsigned to,
                         unsigned number, struct oid *ret, struct err *err)
{
    char name[32], key[48];
    Maillon__Hfp__V1__Person person = MAILLON__HFP__V1__PERSON__INIT;
    snprintf(name, sizeof name, "case %u", number);
    snprintf(key, sizeof key, "key-%u-%u-%u", from, to, number);
    person.name = name;
    person.contact_preference = MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    const char *fields[] = {"contact", "name", "need"};
    struct referral_draft draft = {
        .peer = *identity_node(world->hubs[to].self),
        .service = "service-1",
        .theme = "numerique",
        .urgency = MAILLON__HFP__V1__URGENCY__URGENCY_NORMAL,
        .feedback = MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_DATES,
        .person = &person,
        .need = "would like to learn how to use a computer",
        .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .consent_fields = fields,
        .consent_field_count = ARRAY_LEN(fields),
        .request_key = key,
        .actor = "test"};
    return referral_send(tx, &draft, ret, err);
}

static bool send_referral(struct tx *tx, void *ctx, struct err *err)
{
    struct referring *referring = ctx;
    return world_send_referral(tx, referring->world, referring->from, referring->to,
                               referring->number, &referring->id, err);
}

struct oid world_refer(struct world *world, unsigned from, unsigned to, unsigned number)
{
    struct err err = {0};
    struct referring referring = {world, from, to, number, {{0}}};
    bool sent = world_do(world, from, send_referral, &referring, &err);
    if (!sent)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(sent);
    return referring.id;
}

struct acting {
    const struct oid *id;
    const struct referral_act *act;
};

static bool do_act(struct tx *tx, void *ctx, struct err *err)
{
    const struct acting *acting = ctx;
    return referral_act(tx, acting->id, acting->act, err);
}

bool world_act(struct world *world, unsigned hub, const struct oid *id,
               const struct referral_act *act, struct err *err)
{
    struct acting acting = {id, act};
    return world_do(world, hub, do_act, &acting, err);
}

bool world_referral(struct world *world, unsigned hub, const struct oid *id,
                    struct referral_state *ret)
{
    struct err err = {0};
    struct referral referral;
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    CHECK(referral_get(world->hubs[hub].reader, arena, id, &found, &referral, &err));
    if (found)
        *ret = referral.state;
    return found;
}

struct posting {
    unsigned first, count;
    const struct oid *scope;
    uint64_t uid_seed; /* 0: the world's randomness */
    uint8_t uid[UID_BYTES];
};

static bool post_one(struct tx *tx, unsigned number, const struct oid *scope,
                     uint8_t ret_uid[UID_BYTES], struct err *err)
{
    char what[40], unit[] = "piece";
    Maillon__Hfp__V1__Quantity quantity = MAILLON__HFP__V1__QUANTITY__INIT;
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    snprintf(what, sizeof what, "mattresses %u", number);
    quantity.amount = 12;
    quantity.unit = unit;
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE;
    content.what = what;
    content.quantity = &quantity;
    content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_ACTUAL;
    struct notice_draft draft = {.content = &content, .scope = scope};
    return notice_post(tx, &draft, ret_uid, err);
}

static bool post(struct tx *tx, void *ctx, struct err *err)
{
    struct posting *posting = ctx;
    const struct random_source *random = tx->random;
    struct fake_random own;
    bool posted = true;
    fake_random_init(&own, posting->uid_seed);
    if (posting->uid_seed)
        tx->random = &own.source;
    for (unsigned i = 0; i < posting->count && posted; i++)
        posted = post_one(tx, posting->first + i, posting->scope, posting->uid, err);
    tx->random = random;
    return posted;
}

static void do_post(struct world *world, unsigned hub, struct posting *posting,
                    uint8_t ret_uid[UID_BYTES])
{
    struct err err = {0};
    bool posted = world_do(world, hub, post, posting, &err);
    if (!posted)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(posted);
    if (ret_uid)
        memcpy(ret_uid, posting->uid, UID_BYTES);
}

void world_post(struct world *world, unsigned hub, unsigned first, unsigned count,
                uint8_t ret_uid[UID_BYTES])
{
    struct posting posting = {.first = first, .count = count};
    do_post(world, hub, &posting, ret_uid);
}

void world_post_in(struct world *world, unsigned hub, unsigned number, const struct oid *scope,
                   uint8_t ret_uid[UID_BYTES])
{
    struct posting posting = {.first = number, .count = 1, .scope = scope};
    do_post(world, hub, &posting, ret_uid);
}

void world_post_twin(struct world *world, unsigned hub, unsigned number, const struct oid *scope,
                     uint64_t uid_seed)
{
    struct posting posting = {.first = number, .count = 1, .scope = scope, .uid_seed = uid_seed};
    do_post(world, hub, &posting, NULL);
}

int64_t world_count(struct world *world, unsigned hub, const char *sql)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(world->hubs[hub].reader, sql, &err);
    CHECK(stmt);
    CHECK(stmt_next(stmt, &row, &err));
    return row ? stmt_i64(stmt, 0) : 0;
}
