#include "hub/domain/referral_moves.h"

#include "hub/base/mem.h"

#include <stdlib.h>

#define ACTION(x)   REFERRAL_ACTION(x)
#define STATUS(x)   REFERRAL_STATUS(x)
#define BUSINESS(x) REFERRAL_BUSINESS(x)

/* sets of statuses */
#define IN(x) (1u << STATUS(x))
#define NONE  IN(UNSPECIFIED)
#define LIVE  (IN(REQUESTED) | IN(ACCEPTED) | IN(IN_PROGRESS) | IN(ON_HOLD))
#define ENDED (IN(REJECTED) | IN(COMPLETED) | IN(FAILED) | IN(CANCELLED))
#define ANY   (LIVE | ENDED | IN(ENTERED_IN_ERROR))

/* who */
#define S (1u << REFERRAL_SENDER)
#define R (1u << REFERRAL_RECEIVER)

/* for whom, sets of OnBehalf */
#define FOR(x)      (1u << REFERRAL_BEHALF(x))
#define FOR_SELF    (FOR(UNSPECIFIED) | FOR(SERVICE))
#define FOR_PERSON  FOR(PERSON)
#define FOR_ANYBODY (FOR_SELF | FOR_PERSON)

enum condition { /* bits, all must hold */
                 IF_NEVER_ACCEPTED = 1 << 0,
                 IF_ACCEPTED_ONCE = 1 << 1,
                 IF_CANCEL_REQUESTED = 1 << 2,
                 IF_QUESTION_OPEN = 1 << 3,
                 IF_CONFIRMS = 1 << 4, /* of the event, not of the state */
                 IF_DISPUTES = 1 << 5,
};

/* business_status after, besides a value */
#define KEEP (-1)
/* business statuses the author may name instead; NAMED: must */
#define MAY(x) (1u << BUSINESS(x))
#define NAMED  (-2)
#define NEWS \
    (MAY(CONTACT_ATTEMPTED) | MAY(SCHEDULED) | MAY(MISSED) | MAY(MEETING_CANCELLED) | MAY(ATTENDED))

#define SAME 0 /* status unchanged */
#define ONCE REFERRAL_ACCEPTED_ONCE
#define REQ  REFERRAL_CANCEL_REQUESTED
#define OPEN REFERRAL_QUESTION_OPEN

struct move {
    Maillon__Hfp__V1__ReferralAction action;
    unsigned parties, behalf;
    unsigned statuses;   /* allowed in */
    unsigned conditions; /* enum condition */
    int status_after;    /* SAME or a status */
    int business_after;  /* KEEP, NAMED or a business status; 0: none */
    unsigned may_name;   /* business statuses */
    unsigned set, clear; /* referral_flag */
};

/* clang-format off */
static const struct move moves[] = { /* the whole life cycle, R-RF-2; what is not listed is refused */
    /* action                 who    for whom     allowed in                                  if                   status after              business_status after             may name               set    clear */
    {ACTION(REFER),            S,     FOR_ANYBODY, NONE,                                       0,                   STATUS(REQUESTED),        0,                                0,                     0,     0},
    {ACTION(SEEN),             R,     FOR_SELF,    IN(REQUESTED),                              0,                   STATUS(REQUESTED),        BUSINESS(SEEN),                   MAY(UNDER_REVIEW),     0,     0},
    {ACTION(ASK),              R,     FOR_SELF,    IN(REQUESTED),                              0,                   STATUS(REQUESTED),        BUSINESS(NEED_INFO),              0,                     OPEN,  0},
    {ACTION(ANSWER),           S,     FOR_ANYBODY, IN(REQUESTED),                              IF_QUESTION_OPEN,    STATUS(REQUESTED),        BUSINESS(UNDER_REVIEW),           0,                     0,     OPEN},
    {ACTION(ACCEPT),           R,     FOR_SELF,    IN(REQUESTED) | IN(ON_HOLD),                0,                   STATUS(ACCEPTED),         0,                                MAY(SCHEDULED),        ONCE,  OPEN},
    {ACTION(REJECT),           R,     FOR_SELF,    LIVE,                                       0,                   STATUS(REJECTED),         0,                                MAY(REFERRED_ONWARD),  0,     OPEN | REQ},
    {ACTION(HOLD),             R,     FOR_SELF,    IN(REQUESTED) | IN(ACCEPTED) | IN(IN_PROGRESS), 0,               STATUS(ON_HOLD),          BUSINESS(WAITLISTED),             0,                     0,     OPEN},
    {ACTION(PROGRESS),         R,     FOR_SELF,    IN(ACCEPTED) | IN(IN_PROGRESS) | IN(ON_HOLD), 0,                 STATUS(IN_PROGRESS),      NAMED,                            NEWS,                  ONCE,  OPEN},
    {ACTION(COMPLETE),         R,     FOR_SELF,    IN(ACCEPTED) | IN(IN_PROGRESS) | IN(ON_HOLD), 0,                 STATUS(COMPLETED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(FAIL),             R,     FOR_SELF,    IN(ACCEPTED) | IN(IN_PROGRESS) | IN(ON_HOLD), 0,                 STATUS(FAILED),           0,                                0,                     0,     OPEN | REQ},
    {ACTION(CANCEL),           S,     FOR_ANYBODY, IN(REQUESTED),                              0,                   STATUS(CANCELLED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(CANCEL),           S,     FOR_ANYBODY, IN(ON_HOLD),                                IF_NEVER_ACCEPTED,   STATUS(CANCELLED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(CANCEL),           S,     FOR_ANYBODY, IN(ON_HOLD),                                IF_ACCEPTED_ONCE,    SAME,                     BUSINESS(CANCELLATION_REQUESTED), 0,                     REQ,   0},
    {ACTION(CANCEL),           S,     FOR_ANYBODY, IN(ACCEPTED) | IN(IN_PROGRESS),             0,                   SAME,                     BUSINESS(CANCELLATION_REQUESTED), 0,                     REQ,   0},
    {ACTION(EXPIRE),           S,     FOR_SELF,    IN(REQUESTED),                              0,                   STATUS(CANCELLED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(EXPIRE),           S,     FOR_SELF,    IN(ON_HOLD),                                IF_NEVER_ACCEPTED,   STATUS(CANCELLED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(AGREE_CANCEL),     R,     FOR_SELF,    LIVE,                                       IF_CANCEL_REQUESTED, STATUS(CANCELLED),        0,                                0,                     0,     OPEN | REQ},
    {ACTION(WITHDRAW_CONSENT), S | R, FOR_PERSON,  LIVE,                                       0,                   STATUS(CANCELLED),        BUSINESS(CONSENT_WITHDRAWN),      0,                     0,     OPEN | REQ},
    {ACTION(VOID),             S,     FOR_SELF,    ANY,                                        0,                   STATUS(ENTERED_IN_ERROR), 0,                                0,                     0,     OPEN | REQ},
    {ACTION(PERSON_SAYS),      S | R, FOR_PERSON,  IN(COMPLETED) | IN(FAILED),                 IF_CONFIRMS,         SAME,                     BUSINESS(PERSON_CONFIRMED),       0,                     0,     0},
    {ACTION(PERSON_SAYS),      S | R, FOR_PERSON,  IN(COMPLETED) | IN(FAILED),                 IF_DISPUTES,         SAME,                     BUSINESS(PERSON_DISPUTES),        0,                     0,     0},
    {ACTION(MESSAGE),          S | R, FOR_ANYBODY, ANY,                                        0,                   SAME,                     KEEP,                             0,                     0,     0},
    {ACTION(PURGED),           S | R, FOR_SELF,    ANY,                                        0,                   SAME,                     KEEP,                             0,                     0,     0},
};

/* sets of actions */
#define DO(x)  (1u << ACTION(x))
#define ENDS   (DO(REJECT) | DO(COMPLETE) | DO(FAIL) | DO(AGREE_CANCEL))
#define TURNS  (DO(SEEN) | DO(ASK) | DO(ACCEPT) | DO(HOLD) | DO(PROGRESS))
#define CHANGES (ENDS | TURNS | DO(WITHDRAW_CONSENT))

enum outcome {
    OUTCOME_BEATS,  /* the sender's event stands, whatever the status: its row of `moves` */
    OUTCOME_ASKS,   /* the receiver's status stands, with cancellation-requested */
    OUTCOME_YIELDS, /* the receiver's status stands */
};

/*
 * R-RF-3: an event of the sender against events of the receiver when neither had seen the other.
 * First matching row; without one the sender's event meets the status as any other does.
 */
static const struct {
    unsigned sender, receiver; /* actions; one of the receiver's suffices */
    unsigned statuses;         /* the receiver's status by now */
    enum outcome outcome;
    unsigned clear;            /* referral_flag, when the receiver's status stands */
} crossings[] = {
    {DO(WITHDRAW_CONSENT),       CHANGES,                     LIVE | ENDED, OUTCOME_BEATS,  0},
    {DO(VOID),                   DO(WITHDRAW_CONSENT),        LIVE | ENDED, OUTCOME_YIELDS, 0},
    {DO(VOID),                   CHANGES,                     LIVE | ENDED, OUTCOME_BEATS,  0},
    {DO(CANCEL) | DO(EXPIRE),    ENDS | DO(WITHDRAW_CONSENT), ENDED,        OUTCOME_YIELDS, 0},
    {DO(CANCEL) | DO(EXPIRE),    TURNS,                       LIVE,         OUTCOME_ASKS,   0},
    {DO(ANSWER),                 DO(ASK),                     LIVE,         OUTCOME_YIELDS, 0},
    {DO(ANSWER),                 CHANGES,                     LIVE | ENDED, OUTCOME_YIELDS, OPEN},
    {DO(PERSON_SAYS),            CHANGES,                     LIVE | ENDED, OUTCOME_YIELDS, 0},
};
/* clang-format on */

bool referral_is_live(Maillon__Hfp__V1__ReferralStatus status)
{
    return LIVE >> status & 1;
}

uint64_t referral_due_s(const struct referral_state *state)
{
    if (state->status != STATUS(REQUESTED) || (state->flags & REFERRAL_FROZEN))
        return 0;
    return state->flags & REFERRAL_QUESTION_OPEN ? state->asked_s + REFERRAL_QUESTION_S
                                                 : state->answer_due_s;
}

static bool state_meets(const struct referral_state *state, unsigned conditions)
{
    bool once = state->flags & REFERRAL_ACCEPTED_ONCE;
    return !((conditions & IF_NEVER_ACCEPTED) && once) &&
           !((conditions & IF_ACCEPTED_ONCE) && !once) &&
           !((conditions & IF_CANCEL_REQUESTED) && !(state->flags & REFERRAL_CANCEL_REQUESTED)) &&
           !((conditions & IF_QUESTION_OPEN) && !(state->flags & REFERRAL_QUESTION_OPEN));
}

static bool event_meets(const struct move *move, const struct referral_event_key *event)
{
    if (move->action != event->action || !(move->parties >> event->side & 1))
        return false;
    if ((unsigned)event->on_behalf > REFERRAL_BEHALF(SERVICE) ||
        !(move->behalf >> event->on_behalf & 1))
        return false;
    if (((move->conditions & IF_CONFIRMS) && !event->confirms) ||
        ((move->conditions & IF_DISPUTES) && event->confirms))
        return false;
    if (event->business_status == 0)
        return move->business_after != NAMED;
    return (unsigned)event->business_status < 32 && (move->may_name >> event->business_status & 1);
}

/* The row that lets `event` happen in `state`; `anywhere` skips what is asked of the state. */
static const struct move *find_move(const struct referral_state *state,
                                    const struct referral_event_key *event, bool anywhere)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (event_meets(&moves[i], event) &&
            (anywhere ||
             ((moves[i].statuses >> state->status & 1) && state_meets(state, moves[i].conditions))))
            return &moves[i];
    }
    return NULL;
}

static void close_question(struct referral_state *state, const struct referral_event_key *event)
{
    if ((state->flags & REFERRAL_QUESTION_OPEN) && event->created_s > state->asked_s)
        state->answer_due_s += event->created_s - state->asked_s;
}

static void apply(struct referral_state *state, const struct move *move,
                  const struct referral_event_key *event)
{
    if (move->clear & REFERRAL_QUESTION_OPEN)
        close_question(state, event);
    if (move->set & ~state->flags & REFERRAL_QUESTION_OPEN)
        state->asked_s = event->created_s;
    state->flags = (state->flags & ~move->clear) | move->set;
    if (move->status_after != SAME) {
        if (state->status != (unsigned)move->status_after)
            state->status_event = event->oid;
        state->status = (Maillon__Hfp__V1__ReferralStatus)move->status_after;
    }
    if (event->business_status)
        state->business_status = event->business_status;
    else if (move->business_after != KEEP)
        state->business_status = (Maillon__Hfp__V1__BusinessStatus)move->business_after;
    if (event->action == ACTION(REFER))
        state->answer_due_s = event->answer_due_s;
}

/* `against`: applied actions of the receiver that this event and they did not know of each other.
 */
static enum referral_verdict meet(struct referral_state *state,
                                  const struct referral_event_key *event, unsigned against)
{
    const struct move *move = NULL;
    for (size_t i = 0; against && i < ARRAY_LEN(crossings); i++) {
        if (!(crossings[i].sender >> event->action & 1) || !(crossings[i].receiver & against) ||
            !(crossings[i].statuses >> state->status & 1))
            continue;
        if (!find_move(state, event, true))
            return REFERRAL_REFUSED; /* not something this side can write in any state */
        if (crossings[i].outcome == OUTCOME_BEATS) {
            move = find_move(state, event, true);
            break;
        }
        if (crossings[i].clear & REFERRAL_QUESTION_OPEN)
            close_question(state, event);
        state->flags &= ~crossings[i].clear;
        if (crossings[i].outcome == OUTCOME_ASKS) {
            state->flags |= REFERRAL_CANCEL_REQUESTED;
            state->business_status = BUSINESS(CANCELLATION_REQUESTED);
        }
        return REFERRAL_APPLIED;
    }
    if (!move)
        move = find_move(state, event, false);
    if (!move)
        return REFERRAL_REFUSED;
    apply(state, move, event);
    return REFERRAL_APPLIED;
}

static enum referral_verdict take(struct referral_state *state,
                                  const struct referral_event_key *event, unsigned against)
{
    state->seq[event->side] = event->seq;
    state->head[event->side] = event->oid;
    return meet(state, event, against);
}

bool referral_extends(const struct referral_state *state, const struct referral_event_key *event)
{
    enum referral_side other = event->side == REFERRAL_SENDER ? REFERRAL_RECEIVER : REFERRAL_SENDER;
    if ((state->flags & (REFERRAL_FROZEN | REFERRAL_REBORN)) || state->pending ||
        event->incarnation > 1)
        return false;
    if (event->seq != state->seq[event->side] + 1 || event->has_prev != (event->seq > 1) ||
        (event->has_prev && !oid_equal(&event->prev, &state->head[event->side])))
        return false;
    return event->has_seen == (state->seq[other] > 0) &&
           (!event->has_seen || oid_equal(&event->seen, &state->head[other]));
}

enum referral_verdict referral_step(struct referral_state *state,
                                    const struct referral_event_key *event)
{
    return take(state, event, 0);
}

unsigned referral_allowed(const struct referral_state *state, enum referral_side side)
{
    unsigned allowed = 0;
    if (state->flags & REFERRAL_FROZEN)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        if ((moves[i].parties >> side & 1) && (moves[i].statuses >> state->status & 1) &&
            state_meets(state, moves[i].conditions))
            allowed |= 1u << moves[i].action;
    return allowed;
}

/* One author's stream, as far as it is held without a gap or a fork. */
struct stream {
    const struct referral_event_key **at; /* by seq - 1 */
    uint64_t *seen;                       /* seq of the other side's newest event it knew of */
    enum referral_verdict *verdict;
    size_t count;
};

static uint32_t born(const struct referral_event_key *event)
{
    return event->incarnation ? event->incarnation : 1;
}

static int compare_place(const void *a, const void *b)
{
    const struct referral_event_key *x = *(const struct referral_event_key *const *)a;
    const struct referral_event_key *y = *(const struct referral_event_key *const *)b;
    if (x->side != y->side)
        return x->side < y->side ? -1 : 1;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    if (born(x) != born(y))
        return born(x) < born(y) ? -1 : 1;
    return memcmp(x->oid.b, y->oid.b, sizeof(x->oid.b));
}

static int compare_oid(const void *a, const void *b)
{
    const struct referral_event_key *x = *(const struct referral_event_key *const *)a;
    const struct referral_event_key *y = *(const struct referral_event_key *const *)b;
    return memcmp(x->oid.b, y->oid.b, sizeof(x->oid.b));
}

static const struct referral_event_key *find_oid(const struct referral_event_key **by_oid,
                                                 size_t count, const struct oid *oid)
{
    struct referral_event_key wanted = {.oid = *oid};
    const struct referral_event_key *key = &wanted;
    const struct referral_event_key **found =
        bsearch(&key, by_oid, count, sizeof(*by_oid), compare_oid);
    return found ? *found : NULL;
}

/*
 * R-OB-5: order is (incarnation, seq, prev). An author that was restored from a copy goes on in its
 * next incarnation from what it still had: of what it wrote before, that place and all after it are
 * lost. Where that is for `event`; 0: it is not lost.
 */
static uint64_t lost_from(const struct referral_event_key *event,
                          const struct referral_event_key **sorted, size_t count)
{
    for (size_t i = 0; i < count && sorted[i]->seq <= event->seq; i++)
        if (born(sorted[i]) > born(event))
            return sorted[i]->seq;
    return 0;
}

/* What counts of one side, in order of place; the rest was lost when its author was restored. */
static size_t keep_present(const struct referral_event_key **sorted, size_t count,
                           const struct referral_event_key **present)
{
    uint32_t newest = 0;
    size_t kept = 0;
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first; next < count && sorted[next]->seq == sorted[first]->seq; next++)
            if (born(sorted[next]) > newest)
                newest = born(sorted[next]);
        for (size_t i = first; i < next; i++)
            if (born(sorted[i]) == newest)
                present[kept++] = sorted[i];
    }
    return kept;
}

/* One side: all that is held of it in order of place, and of that what counts. */
struct side {
    const struct referral_event_key **sorted, **present;
    size_t count, present_count;
};

/* How far of the other side's stream the author of `seen` knew: what was lost since ends it. */
static bool read_seen(const struct referral_event_key *event, const struct side *other,
                      const struct referral_event_key **by_oid, size_t total, uint64_t *seen)
{
    const struct referral_event_key *found = find_oid(by_oid, total, &event->seen);
    if (!found || found->side == event->side)
        return false;
    uint64_t lost = lost_from(found, other->sorted, other->count);
    uint64_t seq = lost ? lost - 1 : found->seq;
    if (seq > *seen)
        *seen = seq;
    return true;
}

/* The gapless, unforked beginning of one side. */
static bool read_stream(const struct side *side, const struct side *opposite,
                        const struct referral_event_key **by_oid, size_t total,
                        struct stream *stream)
{
    const struct referral_event_key **sorted = side->present;
    size_t count = side->present_count;
    for (size_t i = 0; i < count; i++) {
        const struct referral_event_key *event = sorted[i];
        size_t n = stream->count;
        if (i + 1 < count && sorted[i + 1]->seq == event->seq)
            return false;
        if (event->seq != n + 1 || event->has_prev != (n > 0) ||
            (n && !oid_equal(&event->prev, &stream->at[n - 1]->oid)))
            return true;
        /* the receiver's stream exists because of the sender's first event, which names it */
        uint64_t seen = n ? stream->seen[n - 1] : event->side == REFERRAL_RECEIVER;
        if (event->has_seen && !read_seen(event, opposite, by_oid, total, &seen))
            return true;
        stream->at[n] = event;
        stream->seen[n] = seen;
        stream->count++;
    }
    return true;
}

/* A fork further on than the first gap is one as well. */
static bool is_forked(const struct referral_event_key **sorted, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (sorted[i - 1]->side == sorted[i]->side && sorted[i - 1]->seq == sorted[i]->seq &&
            born(sorted[i - 1]) == born(sorted[i]))
            return true;
    return false;
}

static unsigned actions_since(const struct stream *receiver, uint64_t from, uint64_t to)
{
    unsigned actions = 0;
    for (uint64_t i = from; i < to; i++)
        if (receiver->verdict[i] == REFERRAL_APPLIED)
            actions |= 1u << receiver->at[i]->action;
    return actions;
}

/*
 * Takes every event once all it had seen is taken, the receiver's first. So each event of the
 * receiver meets exactly the state its author saw, and each of the sender comes after all events
 * of the receiver that do not know it: those it has not seen either are the concurrent ones.
 */
static void merge(struct stream streams[2], struct referral_state *state)
{
    struct stream *sender = &streams[REFERRAL_SENDER], *receiver = &streams[REFERRAL_RECEIVER];
    size_t s = 0, r = 0;
    for (;;) {
        if (r < receiver->count && receiver->seen[r] <= s) {
            receiver->verdict[r] = take(state, receiver->at[r], 0);
            r++;
        } else if (s < sender->count && sender->seen[s] <= r) {
            sender->verdict[s] =
                take(state, sender->at[s], actions_since(receiver, sender->seen[s], r));
            s++;
        } else {
            return;
        }
    }
}

static enum referral_verdict verdict_of(const struct referral_event_key *event,
                                        const struct stream streams[2],
                                        const struct referral_state *state, const struct side *side)
{
    const struct stream *stream = &streams[event->side];
    if (event->seq >= 1 && event->seq <= state->seq[event->side] &&
        oid_equal(&stream->at[event->seq - 1]->oid, &event->oid))
        return stream->verdict[event->seq - 1];
    for (size_t i = 0; i < side->count; i++)
        if (side->sorted[i]->seq == event->seq && born(side->sorted[i]) == born(event) &&
            !oid_equal(&side->sorted[i]->oid, &event->oid))
            return REFERRAL_FORKED;
    return lost_from(event, side->sorted, side->count) ? REFERRAL_LOST : REFERRAL_PENDING;
}

void referral_evaluate(const struct referral_event_key *events, size_t count,
                       struct referral_state *ret, enum referral_verdict *ret_verdicts)
{
    memset(ret, 0, sizeof(*ret));
    if (!count)
        return;
    const struct referral_event_key **sorted = mem_alloc(count * sizeof(*sorted));
    const struct referral_event_key **by_oid = mem_alloc(count * sizeof(*by_oid));
    for (size_t i = 0; i < count; i++)
        by_oid[i] = &events[i];
    qsort(by_oid, count, sizeof(*by_oid), compare_oid);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (!i || !oid_equal(&by_oid[i]->oid, &by_oid[distinct - 1]->oid))
            by_oid[distinct++] = by_oid[i];
    memcpy(sorted, by_oid, distinct * sizeof(*sorted));
    qsort(sorted, distinct, sizeof(*sorted), compare_place);
    size_t senders = 0;
    while (senders < distinct && sorted[senders]->side == REFERRAL_SENDER)
        senders++;

    struct stream streams[2] = {0};
    const struct referral_event_key **present = mem_alloc(distinct * sizeof(*present));
    struct side sides[2] = {{sorted, present, senders, 0},
                            {sorted + senders, present + senders, distinct - senders, 0}};
    for (size_t side = 0; side < 2; side++) {
        sides[side].present_count =
            keep_present(sides[side].sorted, sides[side].count, sides[side].present);
        streams[side].at = mem_alloc(distinct * sizeof(*streams[side].at));
        streams[side].seen = mem_alloc(distinct * sizeof(*streams[side].seen));
        streams[side].verdict = mem_alloc(distinct * sizeof(*streams[side].verdict));
    }
    bool whole = read_stream(&sides[0], &sides[1], by_oid, distinct, &streams[0]);
    whole &= read_stream(&sides[1], &sides[0], by_oid, distinct, &streams[1]);
    merge(streams, ret);
    if (!whole || is_forked(sorted, distinct))
        ret->flags |= REFERRAL_FROZEN;
    for (size_t i = 0; i < distinct; i++)
        if (born(sorted[i]) > 1)
            ret->flags |= REFERRAL_REBORN;
    ret->pending =
        sides[0].present_count + sides[1].present_count - (size_t)(ret->seq[0] + ret->seq[1]);
    for (size_t i = 0; ret_verdicts && i < count; i++)
        ret_verdicts[i] = verdict_of(&events[i], streams, ret, &sides[events[i].side]);

    for (size_t side = 0; side < 2; side++) {
        free(streams[side].at);
        free(streams[side].seen);
        free(streams[side].verdict);
    }
    free(present);
    free(sorted);
    free(by_oid);
}
