#include "federation/recovery_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS        5000
#define LOOK_SILENT_MS 1000
#define GAPS_MS        10000
#define HEADS_MS       5000
#define GAP_FIRST_MS   30000
#define GAP_LAST_MS    3600000
#define DAMAGED_MS     600000

#define KIND(x) MAILLON__HFP__V1__CHAIN_KIND__CHAIN_KIND_##x

static struct recovery *of(struct federation *federation)
{
    return federation->features[FEATURE_RECOVERY];
}

static bool is_open(const struct link *link)
{
    return link->phase == LINK_UP && link->trafficking && link->state_received &&
           feature_on(link, FEATURE_RECOVERY) && recovery_session(link);
}

/* ---- small changes ---- */

static bool action_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct recovery_action *change = list_entry(action, struct recovery_action, action);
    return change->apply(tx, change, err);
}

static void action_done(struct action *action, const struct err *err)
{
    struct recovery_action *change = list_entry(action, struct recovery_action, action);
    if (err->code != ERR_NONE && err->code != ERR_CONFLICT)
        log_line(LOG_ERROR, "recovery step failed code=%s reason=\"%s\"", err_code_name(err->code),
                 err->msg);
    change->federation->busy--;
    if (change->then)
        change->then(change, err);
    free(change->list);
    free(change);
}

struct recovery_action *recovery_action(struct federation *federation, const struct link *link,
                                        bool (*apply)(struct tx *tx, struct recovery_action *action,
                                                      struct err *err))
{
    struct recovery_action *change = mem_alloc(sizeof *change);
    change->action = (struct action){.apply = action_apply, .done = action_done};
    change->federation = federation;
    change->apply = apply;
    if (link) {
        change->link = link->id;
        change->node = link->node;
    }
    federation->busy++;
    return change;
}

void recovery_submit(struct recovery_action *change)
{
    exchange_submit(change->federation->config.exchange, &change->action);
}

/* ---- silent or not ---- */

static void begin_again(struct federation *federation)
{
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        link_state_again(link);
        if (!is_open(link))
            continue;
        struct recovery_session *session = recovery_session(link);
        session->done = session->telling = false;
        recovery_fetch(link);
        for (unsigned lane = 0; lane < ARRAY_LEN(link->out); lane++)
            link->out[lane].more = true;
    }
}

/** Follows what the store says: a commit of anybody may have begun or ended it. */
static void look(struct federation *federation)
{
    const struct federation_config *config = &federation->config;
    struct authoring state;
    enum authoring_bar bar;
    struct err err = {0};
    if (!of(federation) || !of(federation)->started)
        return;
    if (!authoring_check(config->reader, config->self, clock_wall(config->clock), &state, &bar,
                         &err)) {
        log_line(LOG_ERROR, "could not read the recovery state reason=\"%s\"", err.msg);
        return;
    }
    federation->clock_doubtful = authoring_clock_is_wrong(bar);
    bool silent = state.reason != RECOVERY_NONE;
    if (silent == federation->silent)
        return;
    federation->silent = silent;
    recovery_claims_forget(federation);
    log_line(LOG_NOTICE,
             silent ? "recovering: lanes stand still until peers gave back the tail"
                    : "recovered: incarnation=%u",
             state.incarnation);
    begin_again(federation);
}

void recovery_then_look(struct recovery_action *change, const struct err *err)
{
    (void)err;
    look(change->federation);
}

static void then_started(struct recovery_action *change, const struct err *err)
{
    of(change->federation)->started = true;
    recovery_then_look(change, err);
}

static bool start_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    return recovery_at_start(tx, change->went_back, err);
}

static void *create(struct federation *federation, struct err *err)
{
    const struct federation_config *config = &federation->config;
    struct recovery *recovery = mem_alloc(sizeof *recovery);
    recovery->federation = federation;
    recovery->kel_seq = (uint32_t)identity_kel(config->self)->seq;
    struct authoring state;
    char path[sizeof config->config->dir + 16];
    bool went_back = false;
    snprintf(path, sizeof path, "%s/generation", config->config->dir);
    if (!authoring_read(config->reader, &state, err) ||
        (config->config->dir[0] &&
         !store_marker(path, store_generation(config->reader), &went_back, err))) {
        free(recovery);
        return NULL;
    }
    federation->silent = state.reason || went_back || store_is_backup(config->reader);
    struct recovery_action *start = recovery_action(federation, NULL, start_apply);
    start->went_back = went_back;
    start->then = then_started;
    recovery_submit(start);
    federation_due(federation, federation_now(federation));
    return recovery;
}

static void fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena)
{
    struct err err = {0};
    uint32_t incarnation = 1;
    (void)arena;
    if (!authoring_incarnation(link->federation->config.reader, &incarnation, &err))
        log_line(LOG_ERROR, "could not read the incarnation reason=\"%s\"", err.msg);
    state->incarnation = incarnation;
    state->recovering = link->federation->silent;
    for (size_t i = 0; state->recovering && i < state->n_credit; i++)
        state->credit[i] = 0;
}

/* ---- asking ---- */

void recovery_ask(struct link *link, const struct recovery_want *want)
{
    struct recovery_session *session = recovery_session(link);
    Maillon__Hfp__V1__EventsWanted wanted = MAILLON__HFP__V1__EVENTS_WANTED__INIT;
    wanted.stream = wire_data(oid_bytes(&want->id));
    wanted.kind = want->kind;
    wanted.yours_after = want->own_after;
    wanted.mine_after = want->peer_after;
    wanted.ask = of(link->federation)->next_ask++;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_EVENTS_WANTED;
    frame.events_wanted = &wanted;
    session->asked++;
    link_send(link, 0, &frame);
}

static void ask_page(struct link *link, const struct oid *after)
{
    Maillon__Hfp__V1__HeadsWanted wanted = MAILLON__HFP__V1__HEADS_WANTED__INIT;
    if (after)
        wanted.after = wire_data(oid_bytes(after));
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HEADS_WANTED;
    frame.heads_wanted = &wanted;
    recovery_session(link)->page_open = recovery_session(link)->paging = true;
    recovery_session(link)->page_more = false;
    link_send(link, 0, &frame);
}

static bool answered_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    return recovery_answered(tx, &change->node, err);
}

static void then_answered(struct recovery_action *change, const struct err *err)
{
    struct link *link = federation_find_link(change->federation, change->link);
    struct recovery_session *session = link ? recovery_session(link) : NULL;
    if (session) {
        session->telling = false;
        session->done = err->code == ERR_NONE;
        session->fetching = session->fetching && !session->done;
    }
    look(change->federation);
}

static void tell_answered(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    if (session) {
        if (session->telling || session->done)
            return;
        session->telling = true;
    }
    struct recovery_action *change = recovery_action(link->federation, link, answered_apply);
    change->then = then_answered;
    recovery_submit(change);
}

void recovery_progressed(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    if (!session->fetching || session->asked || session->busy || session->done)
        return;
    if (!session->paging) /* notices are here: claims on them can come */
        ask_page(link, NULL);
    else if (session->page_open && session->page_more)
        ask_page(link, &session->page_last);
    else if (session->page_open)
        return;
    else if (session->proving) /* no answer to a recovery that may have begun meanwhile */
        session->fetching = session->proving = false;
    else
        tell_answered(link);
}

static void ask_all(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    struct federation *federation = link->federation;
    struct recovery_want authored = {.kind = KIND(AUTHORED)};
    memcpy(authored.id.b, identity_node(federation->config.self)->b, OID_BYTES);
    session->fetching = true;
    session->asked = session->busy = 0;
    session->ask_from = of(federation)->next_ask;
    session->paging = session->page_open = false;
    recovery_ask(link, &authored);
}

void recovery_fetch(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    struct federation *federation = link->federation;
    struct err err = {0};
    bool owed = federation->silent;
    if (!owed && !recovery_is_owed(federation->config.reader, &link->node, &owed, &err))
        log_line(LOG_ERROR, "could not read the recovery state reason=\"%s\"", err.msg);
    session->fetching = session->proving = false;
    if (!owed) {
        session->heads_due = true;
        link_wake(link);
        return;
    }
    ask_all(link);
}

/* ---- heads of the peer ---- */

static bool same(bool has, const struct oid *here, ProtobufCBinaryData there)
{
    return has ? bytes_equal(oid_bytes(here), wire_bytes(there)) : there.len == 0;
}

/** What of this chain is missing here; false: nothing that the peer could tell. */
static bool is_missing(const struct recovery_session *session, bool silent,
                       const Maillon__Hfp__V1__ChainHead *there, const struct chain_head *here,
                       struct recovery_want *ret)
{
    bool own_differs = !same(here->own_seq, &here->own_head, there->yours_head);
    bool peer_differs = !same(here->peer_seq, &here->peer_head, there->mine_head);
    *ret = (struct recovery_want){.id = here->id,
                                  .kind = there->kind,
                                  .own_after = here->peer_seq,
                                  .peer_after = here->own_seq};
    if (session->fetching && !session->proving &&
        (!silent || own_differs || peer_differs || here->gap)) {
        /* Numbers of a later incarnation say nothing about those of an earlier one, and equal heads
         * nothing about the steps that were lost before: people want to know them. */
        if (!silent || there->mine_seq <= here->peer_seq)
            ret->own_after = 0;
        if (!silent || there->yours_seq <= here->own_seq)
            ret->peer_after = 0;
        return true;
    }
    if (there->yours_seq > here->own_seq || (own_differs && there->yours_seq == here->own_seq)) {
        ret->peer_after = there->yours_seq > here->own_seq ? here->own_seq : 0;
        ret->own_after = here->gap ? here->peer_seq : RECOVERY_NONE_AFTER;
        return true;
    }
    ret->peer_after = RECOVERY_NONE_AFTER;
    return here->gap;
}

static bool again_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    for (size_t i = 0; i < change->count; i++) {
        const struct recovery_want *want = &change->list[i];
        if (!recovery_send_again(tx, &change->node, &want->id, want->kind, want->own_after, err))
            return false;
    }
    return true;
}

static bool compare(struct link *link, const Maillon__Hfp__V1__ChainHead *there,
                    struct recovery_want *ret_again, bool *ret_again_set, struct err *err)
{
    struct federation *federation = link->federation;
    struct chain_head here = {0};
    struct recovery_want want;
    struct oid id;
    bool found;
    if (!oid_from(wire_bytes(there->stream), &id))
        return err_set(err, ERR_PEER, "a chain without an id");
    if (there->kind != KIND(REFERRAL) && there->kind != KIND(CLAIM))
        return true; /* of a later version */
    if (!recovery_head(federation->config.reader, federation->arena, &link->node, &id, there->kind,
                       &found, &here, err))
        return false;
    here.id = id;
    if (is_missing(recovery_session(link), federation->silent, there, &here, &want))
        recovery_ask(link, &want);
    if (there->yours_seq > here.own_seq && !recovery_session(link)->fetching && !link->stands &&
        recovery_claimed(link))
        recovery_session(link)->heads_claim = true;
    /* F25: it had events of ours and shows that it has not any more. */
    if (found && here.own_seq > there->yours_seq && !federation->silent) {
        *ret_again =
            (struct recovery_want){.id = id, .kind = there->kind, .own_after = there->yours_seq};
        *ret_again_set = true;
    }
    return true;
}

/** R-SE-3: nothing of chains goes to the peer before both know how they stand. */
static void wait_for_heads(struct link *link)
{
    struct recovery *recovery = of(link->federation);
    link->heads_until = mono_after_ms(federation_now(link->federation), HEADS_MS);
    recovery->due = mono_min(recovery->due, link->heads_until);
    federation_due(link->federation, recovery->due);
}

void recovery_heads_came(struct link *link)
{
    if (!link->heads_until.us)
        return;
    link->heads_until = (struct mono){0};
    link->out[0].more = link->out[1].more = true;
    link_wake(link);
}

static bool on_heads(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Heads *heads = frame->heads;
    struct recovery_session *session = recovery_session(link);
    if (heads->n_chain > RECOVERY_HEADS_PAGE)
        return err_set(err, ERR_PEER, "%zu chains in one frame", heads->n_chain);
    if (!heads->page && !heads->more)
        recovery_heads_came(link);
    if (!session || (heads->page && !session->page_open))
        return true; /* asked before one of the two began anew */
    if (session->fetching && !session->proving && !heads->page)
        return true; /* all of it comes in pages, once notices are here that claims need */
    if (session->asked > 4 * RECOVERY_WANTS_MAX)
        return err_set(err, ERR_PEER, "tells of more chains than it can be asked about");
    struct recovery_action *change = recovery_action(link->federation, link, again_apply);
    change->list = mem_alloc((heads->n_chain + 1) * sizeof *change->list);
    bool done = true;
    for (size_t i = 0; done && i < heads->n_chain; i++) {
        bool again = false;
        done = compare(link, heads->chain[i], &change->list[change->count], &again, err);
        change->count += again;
    }
    recovery_submit(change);
    if (!done && err->code != ERR_PEER) { /* ours: the next session compares again */
        log_line(LOG_ERROR, "could not compare chains reason=\"%s\"", err->msg);
        *err = (struct err){0};
        return true;
    }
    if (!done)
        return false;
    if (heads->page) {
        session->page_open = session->page_more = heads->more && heads->n_chain;
        if (session->page_more)
            (void)!oid_from(wire_bytes(heads->chain[heads->n_chain - 1]->stream),
                            &session->page_last);
        recovery_progressed(link);
    }
    return true;
}

/* ---- the beginning and end of a session ---- */

static void session_free(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    if (!session)
        return;
    free(session->heads);
    free(session->wants);
    free(session);
    link->features_state[FEATURE_RECOVERY] = NULL;
}

static void begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    struct federation *federation = link->federation;
    session_free(link);
    recovery_note_clock(of(federation), link, state->clock_ms);
    bool claims = recovery_check_cursors(link, state);
    /* One that was cut short goes on. */
    if (!claims && link->peer->claim_until.us)
        claims = recovery_claimed(link);
    if (!feature_on(link, FEATURE_RECOVERY)) {
        if (federation->silent) /* an older hub: it has no way to give anything back */
            tell_answered(link);
        return;
    }
    struct recovery_session *session = mem_alloc(sizeof *session);
    link->features_state[FEATURE_RECOVERY] = session;
    session->ask_from = of(federation)->next_ask;
    recovery_fetch(link);
    if (claims && !session->fetching) {
        session->proving = true;
        ask_all(link);
    }
    if (state->recovering) /* it asks for all of it by itself */
        session->heads_due = false;
    else
        wait_for_heads(link);
}

/* ---- time ---- */

static bool gaps_ask(struct link *link, struct mono now)
{
    struct recovery_session *session = recovery_session(link);
    struct federation *federation = link->federation;
    struct chain_head *heads;
    size_t count;
    struct err err = {0};
    if (session->fetching)
        return true;
    if (!recovery_gaps(federation->config.reader, federation->arena, &link->node, RECOVERY_GAPS_MAX,
                       &heads, &count, &err)) {
        log_line(LOG_ERROR, "could not look for gaps reason=\"%s\"", err.msg);
        return false;
    }
    struct recovery_want *damaged;
    size_t damaged_count;
    if (!session->asked && now.us >= session->damaged_due.us) {
        session->damaged_due = mono_after_ms(now, DAMAGED_MS);
        if (!recovery_damaged(federation->config.reader, federation->arena, &link->node,
                              RECOVERY_GAPS_MAX, &damaged, &damaged_count, &err)) {
            log_line(LOG_ERROR, "could not look for damage reason=\"%s\"", err.msg);
            return false;
        }
        for (size_t i = 0; i < damaged_count; i++)
            recovery_ask(link, &damaged[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct recovery_gap *gap = NULL;
        for (size_t n = 0; n < session->gap_count; n++)
            if (oid_equal(&session->gaps[n].id, &heads[i].id))
                gap = &session->gaps[n];
        if (!gap) {
            gap = &session->gaps[session->gap_next++ % RECOVERY_GAPS_MAX];
            if (session->gap_count < RECOVERY_GAPS_MAX)
                session->gap_count++;
            *gap = (struct recovery_gap){.id = heads[i].id, .next = now};
        }
        if (now.us < gap->next.us)
            continue;
        int64_t wait = (int64_t)GAP_FIRST_MS << (gap->tries < 8 ? gap->tries : 8);
        gap->next = mono_after_ms(now, wait < GAP_LAST_MS ? wait : GAP_LAST_MS);
        gap->tries++;
        recovery_ask(link, &(struct recovery_want){.id = heads[i].id,
                                                   .kind = heads[i].kind,
                                                   .own_after = heads[i].peer_seq,
                                                   .peer_after = RECOVERY_NONE_AFTER});
    }
    return true;
}

static bool check_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    (void)change;
    return recovery_check(tx, err);
}

static void then_checked(struct recovery_action *change, const struct err *err)
{
    of(change->federation)->checking = false;
    recovery_then_look(change, err);
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct recovery *recovery = of(federation);
    if (federation->stopping)
        return MONO_NEVER;
    if (now.us < recovery->due.us)
        return recovery->due;
    recovery->due = mono_after_ms(now, federation->silent ? LOOK_SILENT_MS : LOOK_MS);
    look(federation);
    recovery_compare_clocks(recovery, now);
    if (federation->silent && !recovery->checking && now.us >= recovery->check_due.us) {
        recovery->checking = true;
        recovery->check_due = mono_after_ms(now, GAPS_MS);
        struct recovery_action *change = recovery_action(federation, NULL, check_apply);
        change->then = then_checked;
        recovery_submit(change);
    }
    recovery->due = mono_min(recovery->due, recovery_claims_tick(recovery, now));
    bool gaps = now.us >= recovery->gaps_due.us;
    if (gaps)
        recovery->gaps_due = mono_after_ms(now, GAPS_MS);
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (now.us >= link->heads_until.us)
            recovery_heads_came(link);
        else
            recovery->due = mono_min(recovery->due, link->heads_until);
        if (!is_open(link))
            continue;
        recovery_progressed(link); /* what could not be recorded is tried again */
        if (gaps && !gaps_ask(link, now))
            break;
    }
    return recovery->due;
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_HEADS, on_heads},
    {MAILLON__HFP__V1__FRAME__M_HEADS_WANTED, recovery_on_heads_wanted},
    {MAILLON__HFP__V1__FRAME__M_EVENTS_WANTED, recovery_on_events_wanted},
    {MAILLON__HFP__V1__FRAME__M_EVENTS, recovery_on_events},
};

const struct feature feature_recovery = {
    .name = "recovery",
    .create = create,
    .free = free,
    .fill_state = fill_state,
    .begin = begin,
    .end = session_free,
    .take = recovery_take,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
