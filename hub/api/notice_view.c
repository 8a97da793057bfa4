#include "hub/api/notice_view.h"

#include "hub/base/text.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "hub/domain/notice_guess.h"
#include "hub/domain/place.h"
#include "hub/domain/relation.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"

#include <stdio.h>

#define NAMES_MAX 2000 /* of different hubs in one answer; more are looked up again */

static const struct node_id *self_of(const struct call *call)
{
    return identity_node(call->env->self);
}

static bool look_up(struct call *call, const struct node_id *node, struct notice_hub *ret,
                    struct err *err)
{
    bool found;
    *ret = (struct notice_hub){*node, "", "", ""};
    if (node_id_equal(node, self_of(call))) {
        struct card *card = arena_alloc(call->arena, sizeof(*card));
        if (!card_read(call->store, card, err))
            return false;
        ret->name = card->name[0] ? card->name : call->env->config->name;
        ret->commune = card->commune;
        ret->phone = card->phone;
        return true;
    }
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    if (!relation_find(call->store, node, &found, relation, err))
        return false;
    if (found) {
        *ret = (struct notice_hub){*node, relation->name, relation->commune, relation->phone};
        return true;
    }
    struct gossip_member *member = arena_alloc(call->arena, sizeof(*member));
    if (!gossip_member(call->store, node, &found, member, err))
        return false;
    if (found)
        *ret = (struct notice_hub){*node, member->name, member->commune, member->phone};
    return true;
}

/* What is known of a hub, looked up once. */
static bool know(struct call *call, struct notice_names *names, const struct node_id *node,
                 struct notice_hub *ret, struct err *err)
{
    for (size_t i = 0; i < names->count; i++)
        if (node_id_equal(&names->hub[i].node, node)) {
            *ret = names->hub[i];
            return true;
        }
    if (!look_up(call, node, ret, err))
        return false;
    if (!names->hub)
        names->hub = arena_alloc(call->arena, NAMES_MAX * sizeof(*names->hub));
    if (names->count < NAMES_MAX)
        names->hub[names->count++] = *ret;
    return true;
}

/* --- how far ---------------------------------------------------------------------------------- */

/* A commune by INSEE code or in words. */
static bool find_commune(struct call *call, const char *text, bool *ret_found, struct place *ret,
                         struct err *err)
{
    *ret_found = false;
    return !text[0] ||
           ((place_of_insee(call->store, call->arena, text, ret_found, ret, err)) &&
            (*ret_found || place_find(call->store, call->arena, text, ret_found, ret, err)));
}

static bool centre(struct call *call, struct notice_names *names, struct err *err)
{
    struct notice_hub self;
    struct place place = {0};
    if (names->centred)
        return true;
    if (!know(call, names, self_of(call), &self, err) ||
        !find_commune(call, self.commune, &names->has_centre, &place, err))
        return false;
    names->centred = true;
    names->latitude = place.latitude;
    names->longitude = place.longitude;
    return true;
}

/* By its point, else its commune, else its words when they are a commune, else where its owner is.
 */
static bool distance(struct call *call, struct notice_names *names,
                     const Maillon__Hfp__V1__NoticeContent *content, const char *owner_commune,
                     double *ret_km, struct err *err)
{
    const char *tries[] = {content->commune, content->place, owner_commune};
    bool found = content->latitude_e4 || content->longitude_e4;
    struct place place = {.latitude = content->latitude_e4 / 1e4,
                          .longitude = content->longitude_e4 / 1e4};
    *ret_km = -1;
    if (!centre(call, names, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(tries) && !found && names->has_centre; i++)
        if (!find_commune(call, tries[i], &found, &place, err))
            return false;
    if (found && names->has_centre)
        *ret_km =
            place_distance_km(names->latitude, names->longitude, place.latitude, place.longitude);
    return true;
}

/* --- claims ----------------------------------------------------------------------------------- */

struct context { /* of a claim: its notice; content NULL: not here any more */
    const struct notice *notice;
    const Maillon__Hfp__V1__NoticeContent *content;
};

static void fill_actions(struct call *call, const struct claim *claim,
                         Maillon__Api__V1__Claim *view)
{
    view->action =
        (char **)rpc_array(call, MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE_EXTEND + 1);
    for (int action = 1; action <= MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE_EXTEND;
         action++)
        if (claim_may(claim, (Maillon__Hfp__V1__ClaimAction)action, call->now))
            view->action[view->n_action++] =
                rpc_text(call, claim_action_name((Maillon__Hfp__V1__ClaimAction)action));
}

static bool fill_changed(struct call *call, const struct claim *claim,
                         const struct context *context, Maillon__Api__V1__Claim *view,
                         struct err *err)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{CLAIM_CHANGED_QUANTITY, "quantity"},
                 {CLAIM_CHANGED_PLACE, "place"},
                 {CLAIM_CHANGED_TIME, "time"}};
    struct claim_terms terms;
    if (claim->box != CLAIM_OUT)
        return true;
    if (!claim_terms_read(call->store, call->arena, &claim->claim_id, &terms, err))
        return false;
    if (!view->what[0])
        view->what = rpc_text(call, terms.what);
    if (!claim_state_is_open(claim->view.state))
        return true;
    unsigned changed = claim_terms_changed(&terms, context->content);
    view->changed_terms = (char **)rpc_array(call, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (changed & names[i].bit)
            view->changed_terms[view->n_changed_terms++] = rpc_text(call, names[i].name);
    return true;
}

/* What only the notice can say about a claim. */
static bool fill_context(struct call *call, const struct claim *claim,
                         const struct context *context, Maillon__Api__V1__Claim *view,
                         struct err *err)
{
    const char *next, *kind;
    if (!context->notice)
        return true;
    next = claim_action_name(claim_next_verb(claim, context->notice->kind, call->now));
    kind = notice_kind_name(context->notice->kind);
    view->next = rpc_text(call, next ? next : "");
    view->kind = rpc_text(call, kind ? kind : "");
    view->late = claim_is_late_drop(claim, context->notice, context->content);
    if (context->content)
        view->what = rpc_text(call, context->content->what);
    if (context->content && context->content->quantity)
        view->unit = rpc_text(call, context->content->quantity->unit);
    return fill_changed(call, claim, context, view, err);
}

static bool view_in(struct call *call, struct notice_names *names, const struct claim *claim,
                    const struct context *context, Maillon__Api__V1__Claim **ret, struct err *err)
{
    bool found;
    struct oid last;
    char hex[2 * OID_BYTES + 1], node[NODE_ID_TEXT];
    struct notice_hub peer;
    const char *delivery = "";
    Maillon__Api__V1__Claim *view = rpc_message(call, &maillon__api__v1__claim__descriptor);
    if (!know(call, names, &claim->peer, &peer, err) ||
        !claim_last_own(call->store, claim, self_of(call), &found, &last, err) ||
        (found && !outbox_delivery(call->store, &last, &delivery, err)))
        return false;
    enum claim_state state = claim_state_now(claim, call->now);
    view->id = rpc_text(call, hex_encode(oid_bytes(&claim->claim_id), hex));
    view->notice = rpc_text(call, hex_encode(bytes_of(claim->uid, UID_BYTES), hex));
    view->box = rpc_text(call, claim->box == CLAIM_IN ? "in" : "out");
    view->peer = rpc_text(call, node_id_text(&claim->peer, node));
    view->peer_name = rpc_text(call, peer.name);
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
    view->release_asked = rpc_time(call, (int64_t)claim->view.release_asked_s * 1000);
    view->extension_asked = rpc_time(call, (int64_t)claim->view.extension_s * 1000);
    view->loan_until = rpc_time(call, (int64_t)claim->view.until_s * 1000);
    view->corrects = claim->view.delivered_s &&
                     (int64_t)(claim->view.delivered_s + CLAIM_CORRECTION_S) * 1000 > call->now.ms;
    *ret = view;
    fill_actions(call, claim, view);
    return fill_context(call, claim, context, view, err);
}

static bool views_in(struct call *call, struct notice_names *names,
                     const struct claim_filter *filter, const struct context *context,
                     Maillon__Api__V1__Claim ***ret, size_t *ret_count, struct err *err)
{
    size_t count;
    struct claim *list;
    if (!claim_list(call->store, call->arena, filter, &list, &count, err))
        return false;
    Maillon__Api__V1__Claim **views = (Maillon__Api__V1__Claim **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        if (!(context ? view_in(call, names, &list[i], context, &views[i], err)
                      : claim_view(call, names, &list[i], &views[i], err)))
            return false;
    *ret = views;
    *ret_count = count;
    return true;
}

bool claim_view(struct call *call, struct notice_names *names, const struct claim *claim,
                Maillon__Api__V1__Claim **ret, struct err *err)
{
    bool found;
    struct notice *notice = arena_alloc(call->arena, sizeof(*notice));
    struct context context = {0};
    Maillon__Hfp__V1__Notice *body = NULL;
    const struct node_id *owner = claim->box == CLAIM_IN ? self_of(call) : &claim->peer;
    if (!notice_find(call->store, owner, claim->uid, &found, notice, err) ||
        (found && !notice_read(call->store, call->arena, notice, &body, err)))
        return false;
    if (found)
        context = (struct context){notice, body ? body->content : NULL};
    return view_in(call, names, claim, &context, ret, err);
}

bool claim_views(struct call *call, struct notice_names *names, const struct claim_filter *filter,
                 Maillon__Api__V1__Claim ***ret, size_t *ret_count, struct err *err)
{
    return views_in(call, names, filter, NULL, ret, ret_count, err);
}

/* --- notices ---------------------------------------------------------------------------------- */

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

/* A claim that still goes on, or may still go on when `delivered`: somebody counts on the notice.
 */
static bool has_open_claim(const Maillon__Api__V1__Notice *view)
{
    static const char *const open[] = {"proposed", "waiting", "agreed", "under-way"};
    for (size_t i = 0; i < view->n_claim; i++)
        for (size_t k = 0; k < ARRAY_LEN(open); k++)
            if (strcmp(view->claim[i]->status, open[k]) == 0)
                return true;
    return false;
}

static const char *name_hint(struct call *call, const Maillon__Hfp__V1__NoticeContent *content)
{
    const char *texts[] = {content->what, content->detail, content->place, content->contact_role};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *hint = notice_name_hint(call->arena, texts[i]);
        if (hint)
            return hint;
    }
    return "";
}

/* What only the owner sees, and what may be done with it. */
static bool fill_own(struct call *call, const struct notice *notice, Maillon__Api__V1__Notice *view,
                     struct err *err)
{
    struct notice_own own;
    if (!notice_own_read(call->store, call->arena, notice, &own, err))
        return false;
    view->what = rpc_text(call, view->content ? view->content->what : own.what);
    view->reached_people = rpc_text(call, notice->outcome);
    view->closed = rpc_time(call, notice->closed.ms);
    view->can_close =
        !notice->outcome[0] && (!notice_is_open(notice, call->now) || !has_open_claim(view));
    if (!view->content || notice->outcome[0])
        return true;
    view->name_hint = rpc_text(call, name_hint(call, view->content));
    view->renewals_left = own.renewals_left;
    view->renewed_until =
        rpc_time(call, (int64_t)notice_renewed_end_s(notice, view->content, call->now) * 1000);
    return true;
}

static void fill_numbers(struct call *call, const struct notice *notice,
                         Maillon__Api__V1__Notice *view)
{
    struct notice_shares shares = notice_shares(notice);
    view->version = notice->version;
    view->status = rpc_text(call, notice_status(notice, call->now));
    view->created = rpc_time(call, (int64_t)notice->created_s * 1000);
    view->first_seen =
        rpc_time(call, (int64_t)(notice->first_s ? notice->first_s : notice->created_s) * 1000);
    view->expires = rpc_time(call, (int64_t)notice->expires_s * 1000);
    view->asked = notice->asked;
    view->committed = notice->committed;
    view->delivered = notice->delivered;
    view->promised = shares.promised;
    view->taken = shares.taken;
    view->remaining = notice_remaining(notice);
    view->edxl = rpc_text(call, notice_edxl(notice));
    view->hidden = rpc_text(call, notice->hidden);
}

static bool fill_content(struct call *call, struct notice_names *names, const struct notice *notice,
                         const char *owner_commune, double *km, Maillon__Api__V1__Notice *view,
                         struct err *err)
{
    *km = -1;
    if (!view->content)
        return true;
    /* ours may be a few seconds ahead of what was published */
    view->content->committed = notice->committed;
    view->content->delivered = notice->delivered;
    view->available_from = rpc_time(call, (int64_t)view->content->available_from_s * 1000);
    view->available_to = rpc_time(call, (int64_t)view->content->available_to_s * 1000);
    if (!view->ours && !distance(call, names, view->content, owner_commune, km, err))
        return false;
    view->has_km = *km >= 0;
    view->km = *km >= 0 ? (uint32_t)(*km + 0.5) : 0;
    return true;
}

bool notice_view(struct call *call, struct notice_names *names, const struct notice *notice,
                 double *ret_km, Maillon__Api__V1__Notice **ret, struct err *err)
{
    char hex[2 * UID_BYTES + 1], node[NODE_ID_TEXT];
    struct notice_hub owner;
    double km;
    Maillon__Hfp__V1__Notice *body = NULL;
    Maillon__Api__V1__Notice *view = rpc_message(call, &maillon__api__v1__notice__descriptor);
    bool ours = node_id_equal(&notice->author, self_of(call));
    if (!notice_read(call->store, call->arena, notice, &body, err) ||
        !know(call, names, &notice->author, &owner, err) ||
        (ours && !journal_reached(call->store, &notice->oid, &view->reached, err)))
        return false;
    const struct claim_filter filter = {
        .box = ours ? CLAIM_IN : CLAIM_OUT,
        .uid = notice->uid,
        .peer = ours ? NULL : &notice->author,
        .limit = NOTICE_CLAIMS_SHOWN,
    };
    const struct context context = {notice, body ? body->content : NULL};
    if (!views_in(call, names, &filter, &context, &view->claim, &view->n_claim, err))
        return false;
    if (body) {
        view->content = body->content;
        view->withdraw_reason = rpc_text(call, body->withdraw_reason);
    }
    view->id = rpc_text(call, hex_encode(bytes_of(notice->uid, UID_BYTES), hex));
    view->owner = rpc_text(call, node_id_text(&notice->author, node));
    view->owner_name = rpc_text(call, owner.name);
    view->owner_phone = rpc_text(call, ours ? "" : owner.phone);
    view->ours = ours;
    fill_numbers(call, notice, view);
    view->can_claim =
        !ours && notice_is_open(notice, call->now) && view->remaining > 0 && !has_open_claim(view);
    if (!fill_content(call, names, notice, owner.commune, &km, view, err) ||
        (ours && !fill_own(call, notice, view, err)))
        return false;
    if (ret_km)
        *ret_km = km;
    *ret = view;
    return fill_circle(call, notice, view, err);
}
