#pragma once
/* One chain of referral events under construction, and what hubs make of it in any order. */
#include "hub/domain/referral_moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define A(x)       REFERRAL_ACTION(x)
#define ST(x)      REFERRAL_STATUS(x)
#define B(x)       REFERRAL_BUSINESS(x)
#define S          REFERRAL_SENDER
#define R          REFERRAL_RECEIVER
#define EVENTS_MAX 40
#define START_S    1000000

/* One chain under construction; `known[side]` is what that side's hub holds. */
struct chain {
    struct referral_event_key events[EVENTS_MAX];
    size_t count;
    size_t own[2];   /* events authored, by side */
    size_t taken[2]; /* of the other side's, by side */
    const struct oid *last[2];
};

static inline UNUSED void name_event(struct referral_event_key *event, size_t number)
{
    digest_sha256(bytes_of(&number, sizeof(number)), event->oid.b);
}

static inline UNUSED const struct referral_event_key *event_at(const struct chain *chain,
                                                               enum referral_side side, size_t seq)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->events[i].side == side && chain->events[i].seq == seq)
            return &chain->events[i];
    return NULL;
}

/* `side` writes, having taken the first `seen` events of the other. */
static inline UNUSED struct referral_event_key *add(struct chain *chain, enum referral_side side,
                                                    Maillon__Hfp__V1__ReferralAction action,
                                                    size_t seen)
{
    enum referral_side other = side == S ? R : S;
    struct referral_event_key *event = &chain->events[chain->count];
    *event = (struct referral_event_key){.side = side, .action = action};
    name_event(event, chain->count);
    event->seq = ++chain->own[side];
    event->has_prev = event->seq > 1;
    if (event->has_prev)
        event->prev = event_at(chain, side, event->seq - 1)->oid;
    event->has_seen = seen > 0;
    if (event->has_seen)
        event->seen = event_at(chain, other, seen)->oid;
    event->created_s = START_S + chain->count * 100;
    if (action == A(REFER))
        event->answer_due_s = START_S + 14 * 86400;
    if (action == A(PROGRESS))
        event->business_status = B(SCHEDULED);
    if (action == A(WITHDRAW_CONSENT) || action == A(PERSON_SAYS))
        event->on_behalf = REFERRAL_BEHALF(PERSON);
    chain->count++;
    return event;
}

static inline UNUSED void assert_same(const struct referral_state *a,
                                      const struct referral_state *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->business_status, b->business_status);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->pending, b->pending);
    assert_int_equal(a->answer_due_s, b->answer_due_s);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(a->seq[side], b->seq[side]);
        if (a->seq[side])
            assert_true(oid_equal(&a->head[side], &b->head[side]));
    }
    assert_true(oid_equal(&a->status_event, &b->status_event));
}

/* As a hub does: the short way when it follows all, else everything anew. */
static inline UNUSED void arrive(const struct referral_event_key *held, size_t count,
                                 struct referral_state *state)
{
    if (referral_extends(state, &held[count - 1]))
        (void)referral_step(state, &held[count - 1]);
    else
        referral_evaluate(held, count, state, NULL);
}

static inline UNUSED void take_in_order(const struct chain *chain, const size_t *order,
                                        struct referral_state *ret)
{
    struct referral_event_key held[EVENTS_MAX];
    *ret = (struct referral_state){0};
    for (size_t i = 0; i < chain->count; i++) {
        held[i] = chain->events[order[i]];
        arrive(held, i + 1, ret);
    }
}

static inline UNUSED size_t try_all_orders(const struct chain *chain)
{
    size_t order[8], counters[8] = {0}, tried = 1;
    struct referral_state whole, now;
    assert_true(chain->count <= 7);
    referral_evaluate(chain->events, chain->count, &whole, NULL);
    for (size_t i = 0; i < chain->count; i++)
        order[i] = i;
    take_in_order(chain, order, &now);
    assert_same(&now, &whole);
    for (size_t i = 0; i < chain->count;) { /* Heap's algorithm */
        if (counters[i] >= i) {
            counters[i++] = 0;
            continue;
        }
        size_t j = i % 2 ? counters[i] : 0, keep = order[j];
        order[j] = order[i];
        order[i] = keep;
        take_in_order(chain, order, &now);
        assert_same(&now, &whole);
        counters[i]++;
        i = 0;
        tried++;
    }
    return tried;
}

static inline UNUSED struct referral_event_key *say(struct chain *chain, int action)
{
    enum referral_side side = action < 0 ? S : R;
    return add(chain, side, (Maillon__Hfp__V1__ReferralAction)abs(action),
               chain->own[side == S ? R : S]);
}
