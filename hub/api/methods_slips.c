/* The paper slip and what its code opens (proto/maillon/api/v1/slips.proto). */
#include "hub/api/rpc.h"
#include "hub/api/slip_tries.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/domain/consent.h"
#include "hub/domain/directory.h"
#include "hub/domain/relation.h"
#include "hub/domain/slip.h"
#include "maillon/api/v1/slips.pb-c.h"

#include <stdio.h>

#define PLACE_LINES     3
#define DATE_LEN        10
#define REFERENCE_CHARS 8 /* more than REFERRAL_ID_PREFIX: few others begin like it */

/* ---- who may open it ---- */

struct allowance *slip_tries_create(const struct random_source *random)
{
    static const struct allowance_rules rules = {
        .address = {SLIP_ADDRESS_BURST, SLIP_ADDRESS_EACH_MS},
        .line = {SLIP_LINE_BURST, SLIP_LINE_EACH_MS},
        .block = {SLIP_BLOCK_BURST, SLIP_BLOCK_EACH_MS},
        .all = {SLIP_ALL_BURST, SLIP_ALL_EACH_MS},
    };
    return allowance_create(&rules, random);
}

/* Every try counts as a wrong one until the code turned out right. Whether there is one left is
 * asked before the code is looked at, so that waiting tells nothing of it; all codes that open
 * nothing get one answer. */
static bool find(struct call *call, const char *typed, struct referral *ret, struct err *err)
{
    const char *address = call->caller.address;
    bool found;
    if (!call->caller.local && allowance_take(call->slip_tries, address, call->now) > 0)
        return err_set(err, ERR_LIMIT, "too many wrong codes: wait a few minutes, then try again");
    if (!slip_find(call->store, call->arena, call->env->self, typed, call->now, &found, ret, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "this code is not known, or it is over");
    if (!call->caller.local)
        allowance_give_back(call->slip_tries, address);
    return true;
}

/* ---- the view ---- */

static void add_line(struct call *call, Maillon__Api__V1__Slip *view, const char *text)
{
    if (text && *text)
        view->place[view->n_place++] = rpc_text(call, text);
}

/* Where the other hub says, else where its directory entry is, else its name. */
static bool fill_place(struct call *call, const struct referral *referral, const struct slip *slip,
                       const Maillon__Hfp__V1__ServiceContent *service,
                       Maillon__Api__V1__Slip *view, struct err *err)
{
    view->place = (char **)rpc_array(call, PLACE_LINES);
    if (*slip->place) {
        add_line(call, view, slip->place);
        return true;
    }
    if (service && *service->address) {
        add_line(call, view, service->structure_name);
        add_line(call, view, service->address);
        add_line(call, view,
                 arena_printf(call->arena, "%s %s", service->postal_code, service->commune_name));
        return true;
    }
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    bool found;
    if (!referral->is_out) {
        add_line(call, view, call->env->config->name);
        return true;
    }
    if (!relation_find(call->store, &referral->peer, &found, relation, err))
        return false;
    add_line(call, view, found ? relation->name : "");
    return true;
}

static const Maillon__Hfp__V1__ServiceContent *find_service(struct call *call,
                                                            const struct referral *referral)
{
    char node[NODE_ID_TEXT];
    struct directory_service service;
    struct err unknown = {0}; /* a service may be withdrawn while people are on their way */
    node_id_text(referral->is_out ? &referral->peer : identity_node(call->env->self), node);
    char *id = arena_printf(call->arena, "%s/%s", node, referral->service);
    return directory_find_service(call->store, call->arena, id, &service, &unknown)
               ? service.content
               : NULL;
}

static bool leads_somewhere(enum slip_state state)
{
    return state < SLIP_OVER;
}

static char *date(struct call *call, int64_t wall_ms)
{
    char iso[25];
    return wall_ms ? arena_textn(call->arena, text_time(wall_ms, iso), DATE_LEN)
                   : rpc_text(call, "");
}

static void fill_way(struct call *call, const struct slip *slip,
                     const Maillon__Hfp__V1__ServiceContent *service, Maillon__Api__V1__Slip *view)
{
    const char *phone = *slip->contact_phone ? slip->contact_phone : service ? service->phone : "";
    view->contact_name = rpc_text(call, slip->contact_name);
    view->contact_phone = rpc_text(call, phone);
    view->next_step = rpc_text(call, slip->next_step);
    view->scheduled = rpc_time(call, (int64_t)slip->scheduled_s * 1000);
    view->consent_until = date(call, (int64_t)slip->consent_until_s * 1000);
}

/* Whose words tell why somebody goes there: its name and its themes. */
static const char *telling_names(struct call *call, const struct referral *referral,
                                 const Maillon__Hfp__V1__ServiceContent *service)
{
    AUTO(buf_done) struct buf names = {0};
    buf_add_text(&names, referral->service_name);
    if (service)
        buf_addf(&names, " %s", service->name);
    for (size_t i = 0; service && i < service->n_theme; i++)
        buf_addf(&names, " %s", service->theme[i]);
    return arena_text(call->arena, buf_text(&names));
}

/* What is over says that it is, and no more: the paper may be in anybody's hands by then. */
static bool view_slip(struct call *call, const struct referral *referral, struct slip *slip,
                      Maillon__Api__V1__Slip **ret, struct err *err)
{
    const struct config *config = call->env->config;
    const Maillon__Hfp__V1__ServiceContent *service = find_service(call, referral);
    if (!slip_read(call->store, call->arena, call->env->self, referral,
                   telling_names(call, referral, service), slip, err))
        return false;
    Maillon__Api__V1__Slip *view = rpc_message(call, &maillon__api__v1__slip__descriptor);
    view->slip_state = rpc_text(call, slip_state_code(slip->state));
    view->from = rpc_text(call, config->slip_name[0] ? config->slip_name : config->name);
    view->may_withdraw = slip->may_withdraw;
    view->may_say = slip->may_say;
    view->said = rpc_text(call, slip->said > 0 ? "yes" : slip->said < 0 ? "no" : "");
    if (slip->state == SLIP_WITHDRAWN) {
        view->erase_by = date(call, referral->purge_ms);
        view->erased_there = date(call, slip->erased_there_ms);
    }
    if (leads_somewhere(slip->state)) {
        if (!fill_place(call, referral, slip, service, view, err))
            return false;
        fill_way(call, slip, service, view);
    }
    *ret = view;
    return true;
}

static bool show(struct call *call, const char *typed, const struct referral *referral, void **out,
                 struct err *err)
{
    struct slip slip;
    char code[SLIP_CODE_TEXT];
    Maillon__Api__V1__Slip *view;
    if (!view_slip(call, referral, &slip, &view, err))
        return false;
    slip_code_read(typed, code);
    view->code = rpc_text(call, code);
    *out = view;
    return true;
}

static bool show_again(struct call *call, const char *typed, const struct oid *id, void **out,
                       struct err *err)
{
    struct referral referral;
    bool found;
    if (!referral_get(call->store, call->arena, id, &found, &referral, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a referral was lost");
    return show(call, typed, &referral, out, err);
}

/* ---- the methods ---- */

static bool run_open(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SlipCodeRequest *request = in;
    struct referral referral;
    return find(call, request->code, &referral, err) &&
           show(call, request->code, &referral, out, err);
}

static bool act(struct call *call, const struct referral *referral, struct referral_act *act,
                struct err *err)
{
    act->for_person = true;
    act->actor = "person";
    return referral_act(call->tx, &referral->oid, act, err);
}

/* Pressed twice it stays withdrawn. */
static bool run_withdraw(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SlipCodeRequest *request = in;
    struct referral_act withdraw = {.action = REFERRAL_ACTION(WITHDRAW_CONSENT)};
    struct referral referral;
    if (!find(call, request->code, &referral, err))
        return false;
    bool is_done = referral.state.business_status == REFERRAL_BUSINESS(CONSENT_WITHDRAWN);
    return (is_done || act(call, &referral, &withdraw, err)) &&
           show_again(call, request->code, &referral.oid, out, err);
}

static bool run_say(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SaySlipRequest *request = in;
    bool yes = strcmp(request->helped, "yes") == 0;
    struct referral_act say = {.action = REFERRAL_ACTION(PERSON_SAYS), .confirms = yes};
    struct referral referral;
    if (!find(call, request->code, &referral, err))
        return false;
    if (!yes && strcmp(request->helped, "no") != 0)
        return err_set(err, ERR_INVALID, "helped is yes or no");
    return act(call, &referral, &say, err) &&
           show_again(call, request->code, &referral.oid, out, err);
}

/* "https://host/s/CODE" out of "wss://host"; "" when nobody can reach this hub. */
static char *address_of(struct call *call, const char *code)
{
    const char *url = call->env->config->url;
    bool is_plain = strncmp(url, "ws://", 5) == 0;
    if (!*code || (!is_plain && strncmp(url, "wss://", 6) != 0))
        return rpc_text(call, "");
    const char *host = url + (is_plain ? 5 : 6);
    return arena_printf(call->arena, "%s://%.*s/s/%s", is_plain ? "http" : "https",
                        (int)strcspn(host, "/"), host, code);
}

static bool run_code(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__PrintSlipRequest *request = in;
    char code[SLIP_CODE_TEXT] = "", id[REFERRAL_ID_TEXT], fingerprint[CONSENT_FINGERPRINT];
    const char *actor = call->caller.name[0] ? call->caller.name : "operator";
    struct referral referral;
    struct slip slip;
    Maillon__Api__V1__PrintedSlip *view =
        rpc_message(call, &maillon__api__v1__printed_slip__descriptor);
    if (!referral_resolve(call->store, call->arena, request->id, &referral, err) ||
        !view_slip(call, &referral, &slip, &view->slip, err))
        return false;
    if (slip_is_alive(&referral, call->now) && slip.state != SLIP_WITHDRAWN &&
        !slip_code(call->tx, &referral, actor, code, err))
        return false;
    view->slip->code = rpc_text(call, code);
    view->id = rpc_text(call, referral_id_text(&referral.oid, id));
    view->reference = arena_textn(call->arena, id, REFERENCE_CHARS);
    view->url = address_of(call, code);
    if (referral.consent.len) {
        consent_fingerprint(referral.consent, fingerprint);
        view->fingerprint = rpc_text(call, fingerprint);
    }
    view->language = rpc_text(call, slip.language);
    view->hushed = slip.is_hushed;
    secret_wipe(code, sizeof(code));
    *out = view;
    return true;
}

#define SERVICE &maillon__api__v1__slips__descriptor
const struct method methods_slips[] = {
    {SERVICE, "Open", ROLE_NONE, METHOD_READ, run_open, NULL},
    {SERVICE, "Withdraw", ROLE_NONE, METHOD_WRITE, run_withdraw, NULL},
    {SERVICE, "Say", ROLE_NONE, METHOD_WRITE, run_say, NULL},
    {SERVICE, "Code", ROLE_CASEWORKER | ROLE_SECRETARY, METHOD_WRITE, run_code, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
