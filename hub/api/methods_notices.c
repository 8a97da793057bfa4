/* Resource notices and claims on them (proto/maillon/api/v1/notices.proto). */
#include "hub/api/notice_reach.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/claim.h"
#include "hub/domain/gossip.h"
#include "hub/domain/relation.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"
#include "maillon/api/v1/notices.pb-c.h"

#include <stdio.h>

#define LIST_DEFAULT 100
#define LIST_MAX     1000
#define CLAIMS_MAX   1000
#define HOUR_S       3600
#define DAY_S        86400

static const struct node_id *self_of(const struct call *call)
{
    return identity_node(call->env->self);
}

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

/* Names of hubs, looked up once a call. */
struct names {
    struct node_id *node;
    const char **name;
    size_t count, cap;
};

static bool look_up_name(struct call *call, const struct node_id *node, const char **ret,
                         struct err *err)
{
    bool found;
    if (node_id_equal(node, self_of(call))) {
        struct card *card = arena_alloc(call->arena, sizeof(*card));
        if (!card_read(call->store, card, err))
            return false;
        *ret = card->name[0] ? card->name : call->env->config->name;
        return true;
    }
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    if (!relation_find(call->store, node, &found, relation, err))
        return false;
    *ret = found ? relation->name : "";
    if (found)
        return true;
    struct gossip_member *member = arena_alloc(call->arena, sizeof(*member));
    if (!gossip_member(call->store, node, &found, member, err))
        return false;
    *ret = found ? member->name : "";
    return true;
}

static bool name_of(struct call *call, struct names *names, const struct node_id *node,
                    const char **ret, struct err *err)
{
    for (size_t i = 0; i < names->count; i++)
        if (node_id_equal(&names->node[i], node)) {
            *ret = names->name[i];
            return true;
        }
    if (!look_up_name(call, node, ret, err))
        return false;
    if (!names->cap) {
        names->cap = LIST_MAX + CLAIMS_MAX;
        names->node = arena_alloc(call->arena, names->cap * sizeof(*names->node));
        names->name = arena_alloc(call->arena, names->cap * sizeof(*names->name));
    }
    if (names->count < names->cap) {
        names->node[names->count] = *node;
        names->name[names->count++] = *ret;
    }
    return true;
}

/** "7d", "24h" from now, or ISO 8601; "" is 0: the default. */
static bool parse_until(const struct call *call, const char *text, uint64_t *ret, struct err *err)
{
    int64_t at_ms, count;
    char number[16];
    size_t len = strlen(text);
    *ret = 0;
    if (len == 0)
        return true;
    if (len < sizeof(number) && (text[len - 1] == 'd' || text[len - 1] == 'h')) {
        memcpy(number, text, len - 1);
        number[len - 1] = '\0';
        if (text_parse_i64(number, &count) && count > 0 && count < 100000) {
            int64_t unit_s = text[len - 1] == 'd' ? DAY_S : HOUR_S;
            *ret = (uint64_t)(call->now.ms / 1000 + count * unit_s);
            return true;
        }
    } else if (text_parse_time(text, &at_ms) && at_ms > 0) {
        *ret = (uint64_t)(at_ms / 1000);
        return true;
    }
    return err_set(err, ERR_INVALID,
                   "\"until\" is a date such as 2026-12-24T18:00:00Z, or 7d, or 24h");
}

static bool fill_actions(struct call *call, const struct claim *claim,
                         Maillon__Api__V1__Claim *view)
{
    view->action =
        (char **)rpc_array(call, MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE_EXTEND + 1);
    for (int action = 1; action <= MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE_EXTEND;
         action++)
        if (claim_may(claim, (Maillon__Hfp__V1__ClaimAction)action, call->now))
            view->action[view->n_action++] =
                rpc_text(call, claim_action_name((Maillon__Hfp__V1__ClaimAction)action));
    return true;
}

static bool claim_view(struct call *call, struct names *names, const struct claim *claim,
                       Maillon__Api__V1__Claim **ret, struct err *err)
{
    bool found;
    struct oid last;
    char hex[2 * OID_BYTES + 1], node[NODE_ID_TEXT];
    const char *name = "", *delivery = "";
    Maillon__Api__V1__Claim *view = rpc_message(call, &maillon__api__v1__claim__descriptor);
    if (!name_of(call, names, &claim->peer, &name, err) ||
        !claim_last_own(call->store, claim, self_of(call), &found, &last, err) ||
        (found && !outbox_delivery(call->store, &last, &delivery, err)))
        return false;
    enum claim_state state = claim_state_now(claim, call->now);
    view->id = rpc_text(call, hex_encode(oid_bytes(&claim->claim_id), hex));
    view->notice = rpc_text(call, hex_encode(bytes_of(claim->uid, UID_BYTES), hex));
    view->box = rpc_text(call, claim->box == CLAIM_IN ? "in" : "out");
    view->peer = rpc_text(call, node_id_text(&claim->peer, node));
    view->peer_name = rpc_text(call, name);
    view->status = rpc_text(call, claim_state_name(state));
    view->quantity = claim->view.agreed ? claim->view.agreed : claim->view.quantity;
    view->delivered = claim->view.delivered;
    view->reason = rpc_text(call, claim->view.reason);
    view->created = rpc_time(call, claim->created.ms);
    view->changed = rpc_time(call, claim->changed.ms);
    view->lapses = rpc_time(call, state == CLAIM_PROPOSED ? claim->lapses.ms : 0);
    view->contact_role = rpc_text(call, claim->contact_role);
    view->phone = rpc_text(call, claim->phone);
    view->pick_up = rpc_text(call, claim->pick_up);
    view->waiting_list = state == CLAIM_WAITING;
    view->delivery = rpc_text(call, delivery);
    *ret = view;
    return fill_actions(call, claim, view);
}

static bool claim_views(struct call *call, struct names *names, const struct claim_filter *filter,
                        Maillon__Api__V1__Claim ***ret, size_t *ret_count, struct err *err)
{
    size_t count;
    struct claim *list;
    if (!claim_list(call->store, call->arena, filter, &list, &count, err))
        return false;
    Maillon__Api__V1__Claim **views = (Maillon__Api__V1__Claim **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        if (!claim_view(call, names, &list[i], &views[i], err))
            return false;
    *ret = views;
    *ret_count = count;
    return true;
}

/* Whose ears it is for. */
static bool fill_circle(struct call *call, const struct notice *notice,
                        Maillon__Api__V1__Notice *view, struct err *err)
{
    char hex[2 * OID_BYTES + 1];
    struct circle *circle;
    bool found;
    if (!notice->has_scope)
        return true;
    circle = arena_alloc(call->arena, sizeof(*circle));
    if (!circle_find(call->store, &notice->scope, &found, circle, err))
        return false;
    view->circle = rpc_text(call, hex_encode(oid_bytes(&notice->scope), hex));
    view->circle_name = rpc_text(call, found ? circle->name : "");
    return true;
}

static bool notice_view(struct call *call, struct names *names, const struct notice *notice,
                        Maillon__Api__V1__Notice **ret, struct err *err)
{
    char hex[2 * UID_BYTES + 1], node[NODE_ID_TEXT];
    const char *name = "";
    Maillon__Hfp__V1__Notice *body = NULL;
    Maillon__Api__V1__Notice *view = rpc_message(call, &maillon__api__v1__notice__descriptor);
    bool ours = node_id_equal(&notice->author, self_of(call));
    if (!notice_read(call->store, call->arena, notice, &body, err) ||
        !name_of(call, names, &notice->author, &name, err) ||
        (ours && !journal_reached(call->store, &notice->oid, &view->reached, err)))
        return false;
    const struct claim_filter filter = {
        .box = ours ? CLAIM_IN : CLAIM_OUT,
        .uid = notice->uid,
        .peer = ours ? NULL : &notice->author,
        .limit = CLAIMS_MAX,
    };
    if (!claim_views(call, names, &filter, &view->claim, &view->n_claim, err))
        return false;
    if (body) {
        view->content = body->content;
        view->withdraw_reason = rpc_text(call, body->withdraw_reason);
    }
    if (view->content) { /* ours may be a few seconds ahead of what was published */
        view->content->committed = notice->committed;
        view->content->delivered = notice->delivered;
    }
    view->id = rpc_text(call, hex_encode(bytes_of(notice->uid, UID_BYTES), hex));
    view->owner = rpc_text(call, node_id_text(&notice->author, node));
    view->owner_name = rpc_text(call, name);
    view->ours = ours;
    view->version = notice->version;
    view->status = rpc_text(call, notice_status(notice, call->now));
    view->created = rpc_time(call, (int64_t)notice->created_s * 1000);
    view->expires = rpc_time(call, (int64_t)notice->expires_s * 1000);
    view->asked = notice->asked;
    view->committed = notice->committed;
    view->delivered = notice->delivered;
    view->remaining = notice_remaining(notice);
    view->edxl = rpc_text(call, notice_edxl(notice));
    *ret = view;
    return fill_circle(call, notice, view, err);
}

static bool resolve(struct call *call, const char *id, struct notice *ret, struct err *err)
{
    return notice_resolve(call->store, self_of(call), id, ret, err);
}

static bool resolve_own(struct call *call, const char *id, struct notice *ret, struct err *err)
{
    if (!resolve(call, id, ret, err))
        return false;
    if (!node_id_equal(&ret->author, self_of(call)))
        return err_set(err, ERR_DENIED, "this notice is not ours: only its owner changes it");
    return true;
}

/* What a change left behind, and the audit line about it. */
static bool answer_notice(struct call *call, const uint8_t uid[UID_BYTES], const char *action,
                          void **out, struct err *err)
{
    bool found;
    struct notice notice;
    struct names names = {0};
    Maillon__Api__V1__Notice *view;
    if (!notice_find(call->store, self_of(call), uid, &found, &notice, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "the notice is not there");
    if (!audit_add(call->tx, actor(call), action, &notice.oid, err) ||
        !notice_view(call, &names, &notice, &view, err))
        return false;
    *out = view;
    return true;
}

static bool post(struct call *call, const void *in, void **out, struct err *err)
{
    uint8_t uid[UID_BYTES];
    const Maillon__Api__V1__PostNoticeRequest *request = in;
    struct notice_draft draft = {
        .content = request->content,
        .open_max = call->env->config->open_notices,
        .request_key = request->request_key,
    };
    struct circle *circle = arena_alloc(call->arena, sizeof(*circle));
    if (request->circle[0]) {
        if (!circle_resolve(call->store, request->circle, circle, err))
            return false;
        draft.scope = &circle->scope;
    }
    return parse_until(call, request->until, &draft.expires_s, err) &&
           notice_post(call->tx, &draft, uid, err) &&
           answer_notice(call, uid, "notice.post", out, err);
}

static bool update(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    const Maillon__Api__V1__UpdateNoticeRequest *request = in;
    struct notice_draft draft = {.content = request->content};
    return resolve_own(call, request->id, &notice, err) &&
           parse_until(call, request->until, &draft.expires_s, err) &&
           notice_update(call->tx, notice.uid, &draft, err) &&
           answer_notice(call, notice.uid, "notice.update", out, err);
}

static bool withdraw(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    const Maillon__Api__V1__WithdrawNoticeRequest *request = in;
    return resolve_own(call, request->id, &notice, err) &&
           claim_withdraw_notice(call->tx, notice.uid, request->reason, err) &&
           answer_notice(call, notice.uid, "notice.withdraw", out, err);
}

static bool renew(struct call *call, const void *in, void **out, struct err *err)
{
    uint64_t expires_s;
    struct notice notice;
    const Maillon__Api__V1__RenewNoticeRequest *request = in;
    return resolve_own(call, request->id, &notice, err) &&
           parse_until(call, request->until, &expires_s, err) &&
           notice_renew(call->tx, notice.uid, expires_s, err) &&
           answer_notice(call, notice.uid, "notice.renew", out, err);
}

static bool list(struct call *call, const void *in, void **out, struct err *err)
{
    size_t count;
    struct notice *found;
    struct names names = {0};
    const Maillon__Api__V1__ListNoticesRequest *request = in;
    struct notice_filter filter = {
        .theme = request->theme,
        .author = request->ours_only ? self_of(call) : NULL,
        .all = request->all,
        .limit = request->limit && request->limit < LIST_MAX ? request->limit : LIST_MAX,
    };
    if (!request->limit)
        filter.limit = LIST_DEFAULT;
    if (request->kind[0] && !(filter.kind = notice_kind_parse(request->kind)))
        return err_set(err, ERR_INVALID,
                       "\"kind\" is one of shortage, surplus, offer, question, situation,"
                       " opportunity, group");
    if (!notice_list(call->store, call->arena, &filter, call->now, &found, &count, err))
        return false;
    Maillon__Api__V1__ListNoticesResponse *response =
        rpc_message(call, &maillon__api__v1__list_notices_response__descriptor);
    response->notice = (Maillon__Api__V1__Notice **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        if (!notice_view(call, &names, &found[i], &response->notice[i], err))
            return false;
    response->n_notice = count;
    *out = response;
    return true;
}

static bool get(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    struct names names = {0};
    Maillon__Api__V1__Notice *view;
    const Maillon__Api__V1__GetNoticeRequest *request = in;
    if (!resolve(call, request->id, &notice, err) ||
        !notice_view(call, &names, &notice, &view, err))
        return false;
    *out = view;
    return true;
}

static bool reach(struct call *call, const void *in, void **out, struct err *err)
{
    Maillon__Api__V1__ReachResponse *response;
    if (!notice_reach(call, in, &response, err))
        return false;
    *out = response;
    return true;
}

static bool answer_claim(struct call *call, const struct oid *id, const char *action, void **out,
                         struct err *err)
{
    char hex[2 * OID_BYTES + 1];
    struct claim claim;
    struct names names = {0};
    Maillon__Api__V1__Claim *view;
    if (!claim_resolve(call->store, call->arena, hex_encode(oid_bytes(id), hex), &claim, err) ||
        !audit_add(call->tx, actor(call), action, id, err) ||
        !claim_view(call, &names, &claim, &view, err))
        return false;
    *out = view;
    return true;
}

static bool claim(struct call *call, const void *in, void **out, struct err *err)
{
    struct oid id;
    struct notice notice;
    const Maillon__Api__V1__ClaimNoticeRequest *request = in;
    const struct claim_draft draft = {
        .quantity = request->quantity,
        .contact_role = request->contact_role,
        .phone = request->phone,
        .pick_up = request->pick_up,
        .request_key = request->request_key,
    };
    return resolve(call, request->notice, &notice, err) &&
           claim_create(call->tx, &notice, &draft, &id, err) &&
           answer_claim(call, &id, "claim.create", out, err);
}

static bool act_on_claim(struct call *call, const void *in, void **out, struct err *err)
{
    struct claim found;
    const Maillon__Api__V1__ActOnClaimRequest *request = in;
    struct claim_draft draft = {
        .quantity = request->quantity,
        .reason = request->reason,
        .contact_role = request->contact_role,
        .phone = request->phone,
        .pick_up = request->pick_up,
    };
    return parse_until(call, request->until, &draft.until_s, err) &&
           claim_resolve(call->store, call->arena, request->id, &found, err) &&
           claim_act(call->tx, &found.claim_id, request->action, &draft, err) &&
           answer_claim(call, &found.claim_id, "claim.act", out, err);
}

static bool list_claims(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    struct names names = {0};
    const Maillon__Api__V1__ListClaimsRequest *request = in;
    struct claim_filter filter = {.open_only = request->open_only, .limit = CLAIMS_MAX};
    if (request->notice[0]) {
        if (!resolve(call, request->notice, &notice, err))
            return false;
        filter.uid = notice.uid;
        if (!node_id_equal(&notice.author, self_of(call)))
            filter.peer = &notice.author;
    }
    Maillon__Api__V1__ListClaimsResponse *response =
        rpc_message(call, &maillon__api__v1__list_claims_response__descriptor);
    if (!claim_views(call, &names, &filter, &response->claim, &response->n_claim, err))
        return false;
    *out = response;
    return true;
}

#define SERVICE &maillon__api__v1__notices__descriptor
const struct method methods_notices[] = {
    {SERVICE, "Post", ROLE_COORDINATOR, METHOD_WRITE, .run = post},
    {SERVICE, "Update", ROLE_COORDINATOR, METHOD_WRITE, .run = update},
    {SERVICE, "Withdraw", ROLE_COORDINATOR, METHOD_WRITE, .run = withdraw},
    {SERVICE, "Renew", ROLE_COORDINATOR, METHOD_WRITE, .run = renew},
    {SERVICE, "List", ROLE_ANY, METHOD_READ, .run = list},
    {SERVICE, "Get", ROLE_ANY, METHOD_READ, .run = get},
    {SERVICE, "Reach", ROLE_COORDINATOR, METHOD_READ, .run = reach},
    {SERVICE, "Claim", ROLE_COORDINATOR, METHOD_WRITE, .run = claim},
    {SERVICE, "ActOnClaim", ROLE_COORDINATOR, METHOD_WRITE, .run = act_on_claim},
    {SERVICE, "ListClaims", ROLE_ANY, METHOD_READ, .run = list_claims},
    {.name = NULL},
};
