/* Resource notices and claims on them (proto/maillon/api/v1/notices.proto). */
#include "hub/api/notice_reach.h"
#include "hub/api/notice_view.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/everyday.h"
#include "hub/domain/notice_guess.h"
#include "hub/domain/notice_text.h"
#include "hub/domain/place.h"

#include <time.h>

#define LIST_DEFAULT 100
#define LIST_MAX     1000
#define CLAIMS_MAX   1000
#define HOUR_S       3600
#define DAY_S        86400
#define WORDS_MAX    60 /* of a sentence, looked up for its theme */

static const struct node_id *self_of(const struct call *call)
{
    return identity_node(call->env->self);
}

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
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
    struct notice_names names = {0};
    Maillon__Api__V1__Notice *view;
    if (!notice_find(call->store, self_of(call), uid, &found, &notice, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "the notice is not there");
    if (!audit_add(call->tx, actor(call), action, &notice.oid, err) ||
        !notice_view(call, &names, &notice, NULL, &view, err))
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

static bool read_filter(struct call *call, const Maillon__Api__V1__ListNoticesRequest *request,
                        struct notice_filter *ret, struct err *err)
{
    struct notice_filter filter = {
        .theme = request->theme,
        .author = request->ours_only ? self_of(call) : NULL,
        .not_author = request->theirs_only ? self_of(call) : NULL,
        .all = request->all,
        .hidden = request->hidden,
        .urgent_first = request->urgent_first,
        .limit = request->limit && request->limit < LIST_MAX ? request->limit : LIST_MAX,
    };
    if (!request->limit)
        filter.limit = LIST_DEFAULT;
    if (request->kind[0] && !(filter.kind = notice_kind_parse(request->kind)))
        return err_set(err, ERR_INVALID,
                       "\"kind\" is one of shortage, surplus, offer, question, situation,"
                       " opportunity, group");
    if (!parse_until(call, request->ends_within, &filter.ends_before_s, err))
        return false;
    *ret = filter;
    return true;
}

static bool list(struct call *call, const void *in, void **out, struct err *err)
{
    size_t count;
    struct notice *found;
    struct notice_names names = {0};
    struct notice_filter filter;
    const Maillon__Api__V1__ListNoticesRequest *request = in;
    if (!read_filter(call, request, &filter, err) ||
        !notice_list(call->store, call->arena, &filter, call->now, &found, &count, err))
        return false;
    Maillon__Api__V1__ListNoticesResponse *response =
        rpc_message(call, &maillon__api__v1__list_notices_response__descriptor);
    response->notice = (Maillon__Api__V1__Notice **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        double km;
        Maillon__Api__V1__Notice *view;
        if (!notice_view(call, &names, &found[i], &km, &view, err))
            return false;
        /* Whose place is not known stays: it may be next door. */
        if (!request->km || view->ours || km <= request->km)
            response->notice[response->n_notice++] = view;
    }
    *out = response;
    return true;
}

static bool get(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    struct notice_names names = {0};
    Maillon__Api__V1__Notice *view;
    const Maillon__Api__V1__GetNoticeRequest *request = in;
    if (!resolve(call, request->id, &notice, err) ||
        !notice_view(call, &names, &notice, NULL, &view, err))
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
    struct notice_names names = {0};
    Maillon__Api__V1__Claim *view;
    if (!claim_resolve(call->store, call->arena, hex_encode(oid_bytes(id), hex), &claim, err) ||
        !audit_add(call->tx, actor(call), action, id, err) ||
        !claim_view(call, &names, &claim, &view, err))
        return false;
    *out = view;
    return true;
}

/* Who says nothing about it is found at the organisation's own number. */
static bool add_contact(struct call *call, struct claim_draft *draft, struct err *err)
{
    struct card *card = arena_alloc(call->arena, sizeof(*card));
    if (draft->phone[0])
        return true;
    if (!card_read(call->store, card, err))
        return false;
    draft->phone = card->phone;
    return true;
}

static bool claim(struct call *call, const void *in, void **out, struct err *err)
{
    struct oid id;
    struct notice notice;
    const Maillon__Api__V1__ClaimNoticeRequest *request = in;
    struct claim_draft draft = {
        .quantity = request->quantity,
        .contact_role = request->contact_role,
        .phone = request->phone,
        .pick_up = request->pick_up,
        .request_key = request->request_key,
    };
    if (!resolve(call, request->notice, &notice, err) || !add_contact(call, &draft, err))
        return false;
    if (!draft.quantity) /* all that is left */
        draft.quantity = notice_remaining(&notice);
    return claim_create(call->tx, &notice, &draft, &id, err) &&
           answer_claim(call, &id, "claim.create", out, err);
}

static bool tells_contact(Maillon__Hfp__V1__ClaimAction action)
{
    return action == MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE;
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
           (!tells_contact(request->action) || add_contact(call, &draft, err)) &&
           claim_act(call->tx, &found.claim_id, request->action, &draft, err) &&
           answer_claim(call, &found.claim_id, "claim.act", out, err);
}

static bool list_claims(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    struct notice_names names = {0};
    const Maillon__Api__V1__ListClaimsRequest *request = in;
    struct claim_filter filter = {
        .open_only = request->open_only,
        .limit = request->limit && request->limit < CLAIMS_MAX ? request->limit : CLAIMS_MAX,
    };
    if (request->box[0]) {
        if (strcmp(request->box, "in") != 0 && strcmp(request->box, "out") != 0)
            return err_set(err, ERR_INVALID, "\"box\" is in or out");
        filter.box = request->box[0] == 'i' ? CLAIM_IN : CLAIM_OUT;
    }
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

/* The end of the day that many days from now, where this machine is. */
static char *end_of_day(struct call *call, int days)
{
    struct tm tm;
    time_t now = (time_t)(call->now.ms / 1000);
    localtime_r(&now, &tm);
    tm.tm_mday += days;
    tm.tm_hour = 23;
    tm.tm_min = 59;
    tm.tm_sec = 0;
    tm.tm_isdst = -1;
    return rpc_time(call, (int64_t)mktime(&tm) * 1000);
}

static void add_lives(struct call *call, bool perishable,
                      Maillon__Api__V1__GuessNoticeResponse *response)
{
    int last = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_GROUP;
    response->life = (Maillon__Api__V1__NoticeKindLife **)rpc_array(call, (size_t)last);
    for (int kind = 1; kind <= last; kind++) {
        Maillon__Hfp__V1__NoticeContent content;
        maillon__hfp__v1__notice_content__init(&content);
        content.kind = (Maillon__Hfp__V1__NoticeKind)kind;
        content.perishable = perishable;
        Maillon__Api__V1__NoticeKindLife *life =
            rpc_message(call, &maillon__api__v1__notice_kind_life__descriptor);
        life->kind = rpc_text(call, notice_kind_name(content.kind));
        life->hours = (uint32_t)(notice_default_life_s(&content) / HOUR_S);
        response->life[response->n_life++] = life;
    }
}

/* Where this hub is, as a person would write it. */
static bool add_place(struct call *call, Maillon__Api__V1__GuessNoticeResponse *response,
                      struct err *err)
{
    bool found = false;
    struct place place;
    struct card *card = arena_alloc(call->arena, sizeof(*card));
    if (!card_read(call->store, card, err) ||
        (card->commune[0] &&
         !place_of_insee(call->store, call->arena, card->commune, &found, &place, err)) ||
        (card->commune[0] && !found &&
         !place_find(call->store, call->arena, card->commune, &found, &place, err)))
        return false;
    response->place = rpc_text(call, found ? place.name : card->commune);
    response->commune = rpc_text(call, found ? place.insee : "");
    return true;
}

/* The family of the first everyday expression that stands for a theme. */
static char *guess_theme(struct call *call, const char *text)
{
    char *words[WORDS_MAX];
    char *folded = text_fold(call->arena, bytes_text(text));
    struct everyday *everyday = everyday_load(call->arena, NULL);
    size_t count = folded ? everyday_split(folded, words, WORDS_MAX) : 0;
    for (size_t i = 0; i < count; i++)
        everyday_singular(words[i]);
    for (size_t i = 0; i < count; i++) {
        struct everyday_match match =
            everyday_match(everyday, (const char *const *)words + i, count - i);
        if (match.theme_count == 0)
            continue;
        const char *end = strstr(match.themes[0], "--");
        return end ? arena_textn(call->arena, match.themes[0], (size_t)(end - match.themes[0]))
                   : rpc_text(call, match.themes[0]);
    }
    return rpc_text(call, "");
}

static bool guess(struct call *call, const void *in, void **out, struct err *err)
{
    struct tm tm;
    time_t now = (time_t)(call->now.ms / 1000);
    const Maillon__Api__V1__GuessNoticeRequest *request = in;
    localtime_r(&now, &tm);
    struct notice_guess guessed = notice_guess(call->arena, request->text, (unsigned)tm.tm_wday);
    const char *kind = request->kind[0] ? request->kind : notice_kind_name(guessed.kind);
    Maillon__Api__V1__GuessNoticeResponse *response =
        rpc_message(call, &maillon__api__v1__guess_notice_response__descriptor);
    response->kind = rpc_text(call, kind ? kind : "");
    response->amount = guessed.amount;
    response->unit = rpc_text(call, guessed.unit);
    response->what = rpc_text(call, guessed.what);
    response->detail = rpc_text(call, guessed.detail);
    response->perishable = guessed.perishable;
    response->theme = guess_theme(call, guessed.what);
    response->until = guessed.days < 0 ? rpc_text(call, "") : end_of_day(call, guessed.days);
    const char *name = notice_name_hint(call->arena, request->text);
    response->name_hint = rpc_text(call, name ? name : "");
    add_lives(call, guessed.perishable, response);
    if (!add_place(call, response, err))
        return false;
    *out = response;
    return true;
}

static bool close_notice(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    const Maillon__Api__V1__CloseNoticeRequest *request = in;
    return resolve_own(call, request->id, &notice, err) &&
           claim_close_notice(call->tx, notice.uid, request->reached, err) &&
           answer_notice(call, notice.uid, "notice.close", out, err);
}

static bool hide(struct call *call, const void *in, void **out, struct err *err)
{
    struct notice notice;
    struct notice_names names = {0};
    Maillon__Api__V1__Notice *view;
    const Maillon__Api__V1__HideNoticeRequest *request = in;
    const char *reason = request->reason[0] ? request->reason : "other";
    if (!resolve(call, request->id, &notice, err) ||
        !notice_hide(call->tx, &notice, request->undo ? "" : reason, err) ||
        !audit_add(call->tx, actor(call), request->undo ? "notice.unhide" : "notice.hide",
                   &notice.oid, err) ||
        !resolve(call, request->id, &notice, err) ||
        !notice_view(call, &names, &notice, NULL, &view, err))
        return false;
    *out = view;
    return true;
}

static bool text(struct call *call, const void *in, void **out, struct err *err)
{
    size_t count;
    struct notice *found;
    AUTO(buf_done) struct buf lines = {0};
    const Maillon__Api__V1__NoticesTextRequest *request = in;
    const struct notice_filter filter = {
        .author = request->all ? NULL : self_of(call), .urgent_first = true, .limit = LIST_DEFAULT};
    Maillon__Api__V1__NoticesTextResponse *response =
        rpc_message(call, &maillon__api__v1__notices_text_response__descriptor);
    if (!notice_list(call->store, call->arena, &filter, call->now, &found, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Maillon__Hfp__V1__Notice *body = NULL;
        if (!notice_read(call->store, call->arena, &found[i], &body, err))
            return false;
        if (!body || !body->content || found[i].has_scope)
            continue; /* what a circle hears is for the circle */
        const Maillon__Hfp__V1__NoticeContent *content = body->content;
        const struct notice_line line = {
            .kind = content->kind,
            .what = content->what,
            .unit = content->quantity ? content->quantity->unit : "",
            .place = content->place,
            .contact = content->contact_role,
            .asked = found[i].asked,
            .remaining = notice_remaining(&found[i]),
            .expires_s = found[i].expires_s,
        };
        notice_text_add(&lines, &line,
                        strcmp(request->language, "en") == 0 ? WORDS_ENGLISH : WORDS_FRENCH);
        response->count++;
    }
    response->text = rpc_text(call, buf_text(&lines));
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
    {SERVICE, "Guess", ROLE_COORDINATOR, METHOD_READ, .run = guess},
    {SERVICE, "Close", ROLE_COORDINATOR, METHOD_WRITE, .run = close_notice},
    {SERVICE, "Hide", ROLE_COORDINATOR, METHOD_WRITE, .run = hide},
    {SERVICE, "Text", ROLE_ANY, METHOD_READ, .run = text},
    {.name = NULL},
};
