/* What waits for who is signed in (proto/maillon/api/v1/home.proto): one list over everything. */
#include "hub/api/node_warnings.h"
#include "hub/api/referral_view.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/claim.h"
#include "hub/domain/held.h"
#include "hub/domain/import_review.h"
#include "hub/domain/place.h"
#include "hub/domain/waiting.h"
#include "maillon/api/v1/home.pb-c.h"
#include <stdlib.h>

#define ROWS_DEFAULT 7
#define REVIEW_MAX   100
#define DAY_MS       86400000LL
#define READERS      (ROLE_CASEWORKER | ROLE_SECRETARY)

typedef Maillon__Api__V1__HomeRow row_view;

/* What rows of the hub's own affairs point at, by their `subject`; all arena. */
struct home {
    struct waiting waiting;
    struct relation *relations;
    size_t relation_count;
    struct circle_ask *asks;
    struct circle **ask_circles;
    size_t ask_count;
    struct held *held;
    size_t held_count;
    size_t review_count;
    char **warnings;
    size_t warning_count;
    bool has_peers;
    struct card card;
};

static bool is_for(const struct call *call, unsigned roles)
{
    return (call->caller.roles & roles) != 0;
}

/* Gathering. */

static bool gather_held(struct call *call, struct home *home, struct err *err)
{
    struct held *list;
    size_t count;
    if (!held_list(call->store, call->arena, call->caller.account, false, &list, &count, err))
        return false;
    home->held = list;
    home->held_count = count;
    for (size_t i = 0; i < count; i++)
        if (list[i].state == HELD_STOPPED)
            waiting_add(&home->waiting, &(struct waiting_row){.rank = WAITING_LATE,
                                                              .kind = WAITING_HELD,
                                                              .subject = (int64_t)i,
                                                              .at_ms = list[i].created_ms,
                                                              .due_ms = list[i].due_ms});
    return true;
}

static bool gather_peers(struct call *call, struct home *home, struct err *err)
{
    if (!relation_list(call->store, call->arena, &home->relations, &home->relation_count, err))
        return false;
    for (size_t i = 0; i < home->relation_count; i++) {
        const struct relation *relation = &home->relations[i];
        home->has_peers |= relation->ours != DECISION_BLOCKED && relation->ours != DECISION_LEFT;
        if (is_for(call, ROLE_ADMIN) && strcmp(relation_state(relation), "waiting") == 0)
            waiting_add(&home->waiting, &(struct waiting_row){.rank = WAITING_ANSWER,
                                                              .kind = WAITING_PEER,
                                                              .subject = (int64_t)i,
                                                              .at_ms = relation->changed.ms});
    }
    return true;
}

/* Hubs at the door of circles that this hub is a steward of. */
static bool gather_asks(struct call *call, struct home *home, struct err *err)
{
    struct circle *circles;
    struct circle_ask *asks;
    size_t circle_count, count;
    if (!circle_list(call->store, call->arena, &circles, &circle_count, err))
        return false;
    home->asks = arena_alloc(call->arena, WAITING_ROWS_MAX * sizeof(*home->asks));
    home->ask_circles = arena_alloc(call->arena, WAITING_ROWS_MAX * sizeof(struct circle *));
    for (size_t c = 0; c < circle_count; c++) {
        if (!circle_is_steward(&circles[c], identity_node(call->env->self)))
            continue;
        if (!circle_ask_list(call->store, call->arena, &circles[c].scope, &asks, &count, err))
            return false;
        for (size_t i = 0; i < count && home->ask_count < WAITING_ROWS_MAX; i++) {
            home->asks[home->ask_count] = asks[i];
            home->ask_circles[home->ask_count] = &circles[c];
            waiting_add(&home->waiting, &(struct waiting_row){.rank = WAITING_ANSWER,
                                                              .kind = WAITING_CIRCLE,
                                                              .subject = (int64_t)home->ask_count++,
                                                              .at_ms = asks[i].asked_ms});
        }
    }
    return true;
}

static bool gather_review(struct call *call, struct home *home, struct err *err)
{
    struct review_group *groups;
    if (!review_list(call->store, call->arena, REVIEW_MAX, &groups, &home->review_count, err))
        return false;
    /* It waits for a quiet moment: what people wait for comes first. */
    if (home->review_count)
        waiting_add(&home->waiting, &(struct waiting_row){.rank = WAITING_ANSWER,
                                                          .kind = WAITING_REVIEW,
                                                          .due_ms = call->now.ms + 30 * DAY_MS});
    return true;
}

static bool gather_warnings(struct call *call, struct home *home, struct err *err)
{
    const char *name = home->card.name[0] ? home->card.name : call->env->config->name;
    if (!node_warnings(call, name, home->has_peers, &home->warnings, &home->warning_count, err))
        return false;
    for (size_t i = 0; i < home->warning_count; i++)
        waiting_add(&home->waiting, &(struct waiting_row){.rank = WAITING_ANSWER,
                                                          .kind = WAITING_WARNING,
                                                          .subject = (int64_t)i});
    return true;
}

static bool gather(struct call *call, struct home *home, struct err *err)
{
    int64_t account = call->caller.account;
    struct waiting *waiting = &home->waiting;
    return card_read(call->store, &home->card, err) &&
           (!is_for(call, READERS) ||
            waiting_add_referrals(waiting, call->store, account, call->now, err)) &&
           (!is_for(call, ROLE_COORDINATOR) ||
            waiting_add_claims(waiting, call->store, call->arena, account, call->now, err)) &&
           gather_held(call, home, err) && gather_peers(call, home, err) &&
           (!is_for(call, ROLE_ADMIN) ||
            (gather_asks(call, home, err) && gather_review(call, home, err) &&
             gather_warnings(call, home, err)));
}

/* Showing. */

static bool show_referral(struct call *call, const struct waiting_row *row, row_view *view,
                          struct err *err)
{
    struct oid id;
    struct referral referral;
    bool found;
    if (!waiting_subject(call->store, row, &id, err) ||
        !referral_get(call->store, call->arena, &id, &found, &referral, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a referral that waits is not there");
    if (!referral_view(call, &referral, &view->referral, err))
        return false;
    view->id = view->referral->id;
    view->name = view->referral->peer_name;
    view->clock = view->referral->clock;
    return true;
}

static bool show_claim(struct call *call, const struct waiting_row *row, row_view *view,
                       struct err *err)
{
    struct oid id;
    struct claim claim;
    struct notice notice;
    Maillon__Hfp__V1__Notice *body = NULL;
    struct relation *peer = arena_alloc(call->arena, sizeof(*peer));
    char hex[2 * OID_BYTES + 1], uid[2 * UID_BYTES + 1];
    bool found;
    if (!waiting_subject(call->store, row, &id, err) ||
        !claim_resolve(call->store, call->arena, hex_encode(oid_bytes(&id), hex), &claim, err) ||
        !relation_find(call->store, &claim.peer, &found, peer, err))
        return false;
    view->name = rpc_text(call, found ? peer->name : "");
    view->id = rpc_text(call, hex_encode(bytes_of(claim.uid, UID_BYTES), uid));
    view->box = rpc_text(call, claim.box == CLAIM_IN ? "in" : "out");
    view->status = rpc_text(call, claim_state_name(claim_state_now(&claim, call->now)));
    view->quantity = claim.view.agreed ? claim.view.agreed : claim.view.quantity;
    if (!notice_find(call->store,
                     claim.box == CLAIM_IN ? identity_node(call->env->self) : &claim.peer,
                     claim.uid, &found, &notice, err) ||
        (found && !notice_read(call->store, call->arena, &notice, &body, err)))
        return false;
    view->what = rpc_text(call, body && body->content ? body->content->what : "");
    return true;
}

/* "Referrals/Act" as Held/List names it is not needed: the page names what people did. */
static void show_held(struct call *call, const struct held *held, row_view *view)
{
    view->id = rpc_text(call, held->token);
    view->status =
        rpc_text(call, strncmp(held->method, "Referrals/", 10) == 0 ? "referral" : "notice");
    view->text = rpc_text(call, held->problem.msg);
}

static void show_ask(struct call *call, const struct home *home, size_t at, row_view *view)
{
    char hex[2 * OID_BYTES + 1];
    const struct circle *circle = home->ask_circles[at];
    view->id = rpc_text(call, hex_encode(oid_bytes(&circle->scope), hex));
    view->name = rpc_text(call, home->asks[at].name);
    view->what = rpc_text(call, circle->name);
    view->text = rpc_text(call, home->asks[at].text);
}

static bool show_row(struct call *call, const struct home *home, const struct waiting_row *row,
                     row_view **ret, struct err *err)
{
    row_view *view = rpc_message(call, &maillon__api__v1__home_row__descriptor);
    size_t at = (size_t)row->subject;
    char node[NODE_ID_TEXT];
    *ret = view;
    view->rank = rpc_text(call, waiting_rank_name(row->rank));
    view->kind = rpc_text(call, waiting_kind_name(row->kind));
    view->at = rpc_time(call, row->at_ms);
    if (row->kind != WAITING_REVIEW && row->kind != WAITING_HELD)
        view->due = rpc_time(call, row->due_ms);
    switch (row->kind) {
    case WAITING_REFERRAL:
        return show_referral(call, row, view, err);
    case WAITING_CLAIM:
        return show_claim(call, row, view, err);
    case WAITING_HELD:
        show_held(call, &home->held[at], view);
        return true;
    case WAITING_PEER:
        view->id = rpc_text(call, node_id_text(&home->relations[at].node, node));
        view->name = rpc_text(call, home->relations[at].name);
        view->text = rpc_text(call, home->relations[at].text);
        return true;
    case WAITING_CIRCLE:
        show_ask(call, home, at, view);
        return true;
    case WAITING_REVIEW:
        view->quantity = (uint32_t)home->review_count;
        return true;
    case WAITING_WARNING:
        view->text = home->warnings[at];
        return true;
    case WAITING_KINDS:
        break;
    }
    return err_set(err, ERR_INTERNAL, "a row of no kind");
}

static void show_rest(struct call *call, const struct waiting *waiting,
                      Maillon__Api__V1__HomeResponse *answer)
{
    answer->rest =
        (Maillon__Api__V1__HomeRest **)rpc_array(call, (size_t)WAITING_RANKS * WAITING_KINDS);
    for (enum waiting_rank rank = 0; rank < WAITING_RANKS; rank++)
        for (enum waiting_kind kind = 0; kind < WAITING_KINDS; kind++) {
            uint32_t count = waiting_rest(waiting, rank, kind);
            if (!count)
                continue;
            Maillon__Api__V1__HomeRest *rest =
                rpc_message(call, &maillon__api__v1__home_rest__descriptor);
            rest->rank = rpc_text(call, waiting_rank_name(rank));
            rest->kind = rpc_text(call, waiting_kind_name(kind));
            rest->count = count;
            rest->more = waiting->more[rank] && kind == WAITING_REFERRAL;
            answer->rest[answer->n_rest++] = rest;
        }
}

static void show_clock(struct call *call, const struct waiting *waiting,
                       Maillon__Api__V1__HomeResponse *answer)
{
    Maillon__Api__V1__HomeClock *clock =
        rpc_message(call, &maillon__api__v1__home_clock__descriptor);
    clock->in_time = waiting->clock.in_time;
    clock->past_half = waiting->clock.past_half;
    clock->late = waiting->clock.late;
    clock->waited = (Maillon__Api__V1__WaitedFor **)rpc_array(call, WAITING_BINS);
    for (size_t i = 0; i < WAITING_BINS; i++) {
        Maillon__Api__V1__WaitedFor *waited =
            rpc_message(call, &maillon__api__v1__waited_for__descriptor);
        waited->days_from = waiting_days[i];
        waited->days_until = i + 1 < WAITING_BINS ? waiting_days[i + 1] : 0;
        waited->in_time = waiting->waited[i].in_time;
        waited->past_half = waiting->waited[i].past_half;
        waited->late = waiting->waited[i].late;
        clock->waited[clock->n_waited++] = waited;
    }
    answer->clock = clock;
}

static bool exists(struct store *store, const char *sql, bool *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    return stmt && stmt_next(stmt, ret, err);
}

/* As long as nobody here has sent or got anything. */
static bool show_start(struct call *call, const struct home *home,
                       Maillon__Api__V1__HomeResponse *answer, struct err *err)
{
    bool referrals, notices, services, people;
    if (!exists(call->store, "SELECT 1 FROM referral LIMIT 1", &referrals, err) ||
        !exists(call->store, "SELECT 1 FROM notice LIMIT 1", &notices, err))
        return false;
    if (referrals && notices)
        return true;
    if (!exists(call->store, "SELECT 1 FROM directory_entry LIMIT 1", &services, err) ||
        !exists(call->store, "SELECT 1 FROM account LIMIT 1 OFFSET 1", &people, err))
        return false;
    Maillon__Api__V1__HomeStart *start =
        rpc_message(call, &maillon__api__v1__home_start__descriptor);
    start->peers = home->has_peers;
    start->services = services;
    start->people = people;
    start->card = home->card.phone[0] != '\0';
    start->referrals = referrals;
    start->notices = notices;
    answer->start = start;
    return true;
}

static bool show_near(struct call *call, const struct home *home,
                      Maillon__Api__V1__HomeResponse *answer, struct err *err)
{
    struct place place;
    bool found = false;
    if (home->card.commune[0] &&
        !place_of_insee(call->store, call->arena, home->card.commune, &found, &place, err))
        return false;
    if (found) /* communes share names */
        answer->near = arena_printf(call->arena, "%s%s%s", place.name,
                                    *place.postal_code ? " " : "", place.postal_code);
    return true;
}

static bool list(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__HomeRequest *request = in;
    struct home *home = arena_alloc(call->arena, sizeof(*home));
    if (request->limit > WAITING_ROWS_MAX)
        return err_set(err, ERR_INVALID, "limit is at most %d", WAITING_ROWS_MAX);
    waiting_init(&home->waiting, request->limit ? request->limit : ROWS_DEFAULT);
    if (!gather(call, home, err))
        return false;
    Maillon__Api__V1__HomeResponse *answer =
        rpc_message(call, &maillon__api__v1__home_response__descriptor);
    answer->row = (row_view **)rpc_array(call, home->waiting.count);
    for (; answer->n_row < home->waiting.count; answer->n_row++)
        if (!show_row(call, home, &home->waiting.rows[answer->n_row], &answer->row[answer->n_row],
                      err))
            return false;
    show_rest(call, &home->waiting, answer);
    if (is_for(call, READERS))
        show_clock(call, &home->waiting, answer);
    if (!show_start(call, home, answer, err) || !show_near(call, home, answer, err))
        return false;
    *out = answer;
    return true;
}

/* Reading the news. */

struct read_mark {
    struct action action; /* first member */
    int64_t account;
    enum waiting_kind kind;
    struct wall seen; /* when it was looked up: more may come before this is written */
    size_t count;
    int64_t subjects[];
};

static bool mark_apply(struct tx *tx, struct action *action, struct err *err)
{
    const struct read_mark *mark = (struct read_mark *)(void *)action;
    for (size_t i = 0; i < mark->count; i++)
        if (!waiting_read(tx, mark->account, mark->kind, mark->subjects[i], mark->seen, err))
            return false;
    return true;
}

static void mark_done(struct action *action, const struct err *err)
{
    if (err->code != ERR_NONE) /* it stays in the news until it is opened again */
        log_line(LOG_WARN, "could not note what was read code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    free(action);
}

static void submit_mark(struct call *call)
{
    exchange_submit(call->env->exchange, call->work);
}

static bool is_unread(struct call *call, enum waiting_kind kind, int64_t subject, bool *ret,
                      struct err *err)
{
    return waiting_is_news(call->store, call->caller.account, kind, subject, call->now, ret, err);
}

/* Heap, because it outlives the call; nothing is written when there was no news. */
static void note(struct call *call, enum waiting_kind kind, const int64_t *subjects, size_t count)
{
    if (!count)
        return;
    struct read_mark *mark = mem_alloc(sizeof(*mark) + count * sizeof(*subjects));
    mark->action = (struct action){.apply = mark_apply, .done = mark_done};
    mark->account = call->caller.account;
    mark->kind = kind;
    mark->seen = call->now;
    mark->count = count;
    memcpy(mark->subjects, subjects, count * sizeof(*subjects));
    call->work = mark;
    call->after = submit_mark;
}

static bool open_referral(struct call *call, const char *id, struct err *err)
{
    struct referral referral;
    bool unread;
    if (!is_for(call, READERS))
        return true;
    if (!referral_resolve(call->store, call->arena, id, &referral, err) ||
        !is_unread(call, WAITING_REFERRAL, referral.id, &unread, err))
        return false;
    note(call, WAITING_REFERRAL, &referral.id, unread);
    return true;
}

static bool open_notice(struct call *call, const char *id, struct err *err)
{
    struct notice notice;
    struct claim *claims;
    size_t count, unread_count = 0;
    int64_t unread[WAITING_ROWS_MAX];
    bool is_new;
    if (!is_for(call, ROLE_COORDINATOR))
        return true;
    if (!notice_resolve(call->store, identity_node(call->env->self), id, &notice, err))
        return false;
    const struct claim_filter filter = {.uid = notice.uid, .limit = WAITING_ROWS_MAX};
    if (!claim_list(call->store, call->arena, &filter, &claims, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_unread(call, WAITING_CLAIM, claims[i].id, &is_new, err))
            return false;
        if (is_new)
            unread[unread_count++] = claims[i].id;
    }
    note(call, WAITING_CLAIM, unread, unread_count);
    return true;
}

static bool opened(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__OpenedRequest *request = in;
    if ((*request->referral && *request->notice) || (!*request->referral && !*request->notice))
        return err_set(err, ERR_INVALID, "say which referral or which notice");
    if (!(*request->referral ? open_referral(call, request->referral, err)
                             : open_notice(call, request->notice, err)))
        return false;
    *out = rpc_message(call, &maillon__api__v1__opened_response__descriptor);
    return true;
}

#define SERVICE &maillon__api__v1__home__descriptor
const struct method methods_home[] = {
    {SERVICE, "List", ROLE_ANY, METHOD_READ, list, NULL},
    {SERVICE, "Opened", ROLE_ANY, METHOD_READ, opened, NULL},
    {.name = NULL},
};
