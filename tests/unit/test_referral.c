/* Referrals between two hubs: sending, every later act, receipts, faults, the clock, erasure. */
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/consent.h"
#include "hub/domain/object.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define A(x)       REFERRAL_ACTION(x)
#define ST(x)      REFERRAL_STATUS(x)
#define B(x)       REFERRAL_BUSINESS(x)
#define DAY_MS     INT64_C(86400000)
#define HOUR_MS    INT64_C(3600000)
#define NAME       "Zoubida Testeuse"
#define NEED       "Cherche un ordinateur pour ses démarches"
#define RECEIPT(x) MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_##x
#define REFUSAL(x) MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_##x

struct fixture {
    struct hub_pair pair;
    struct hub *a, *b;
    struct oid id;
    Maillon__Hfp__V1__Person person;
    const char *fields[3];
    struct referral_draft draft;
};

static int setup(void **state)
{
    static char name[] = NAME, contact[] = "06 39 98 12 34";
    struct fixture *f = test_malloc(sizeof(*f));
    memset(f, 0, sizeof(*f));
    hub_pair_open(&f->pair, 5);
    f->a = &f->pair.a;
    f->b = &f->pair.b;
    maillon__hfp__v1__person__init(&f->person);
    f->person.name = name;
    f->person.contact = contact;
    f->fields[0] = "need"; /* in any order */
    f->fields[1] = "contact";
    f->fields[2] = "name";
    f->draft = (struct referral_draft){
        .peer = *identity_node(f->b->self),
        .service = "ordi",
        .service_name = "Ordinateurs",
        .theme = "numerique--acceder-a-du-materiel",
        .person = &f->person,
        .need = NEED,
        .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .consent_fields = f->fields,
        .consent_field_count = 3,
        .account = 1,
        .actor = "test",
    };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    hub_pair_close(&f->pair);
    test_free(f);
    return 0;
}

static void must(struct hub *hub, bool done)
{
    if (!done)
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
}

static void must_fail(struct hub *hub, bool done, enum err_code code, const char *part)
{
    if (done)
        fail_msg("was taken, expected \"%s\"", part);
    if (hub->err.code != code || !strstr(hub->err.msg, part))
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
    assert_null(strstr(hub->err.msg, NAME));
    hub->err = (struct err){0};
}

static struct oid send_one(struct fixture *f)
{
    must(f->a, referral_send(&f->a->tx, &f->draft, &f->id, &f->a->err));
    return f->id;
}

static struct referral get(struct hub *hub, const struct oid *id)
{
    struct referral referral;
    bool found;
    must(hub, referral_get(hub->store, hub->tx.arena, id, &found, &referral, &hub->err));
    assert_true(found);
    return referral;
}

static bool try_act(struct fixture *f, struct hub *hub, struct referral_act act)
{
    act.actor = "test";
    return referral_act(&hub->tx, &f->id, &act, &hub->err);
}

static void act(struct fixture *f, struct hub *hub, struct referral_act what)
{
    must(hub, try_act(f, hub, what));
}

#define ACT(f, hub, ...) act(f, hub, (struct referral_act){__VA_ARGS__})

static void carry_both(struct fixture *f)
{
    while (hub_carry(f->a, f->b) + hub_carry(f->b, f->a))
        continue;
}

static void same_on_both(struct fixture *f, int status, int business)
{
    struct referral a = get(f->a, &f->id), b = get(f->b, &f->id);
    assert_int_equal(a.state.status, status);
    assert_int_equal(b.state.status, status);
    assert_int_equal(referral_business_status(&a), business);
    assert_int_equal(referral_business_status(&b), business);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(a.state.seq[side], b.state.seq[side]);
        assert_memory_equal(a.state.head[side].b, b.state.head[side].b, 32);
    }
}

#define ACCEPTING .action = A(ACCEPT), .contact_name = "Paul", .next_step = "Il appelle demain"

static void a_referral_goes_all_the_way(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    assert_int_equal(referral_business_status(&(struct referral[]){get(f->a, &f->id)}[0]), 0);
    assert_int_equal(hub_carry(f->a, f->b), 1);
    same_on_both(f, ST(REQUESTED), B(DELIVERED));
    ACT(f, f->b, .action = A(SEEN));
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    same_on_both(f, ST(ACCEPTED), 0);
    ACT(f, f->b, .action = A(PROGRESS), .business_status = B(SCHEDULED), .at_s = 1796000000);
    ACT(f, f->a, .action = A(MESSAGE), .text = "Merci beaucoup");
    carry_both(f);
    same_on_both(f, ST(IN_PROGRESS), B(SCHEDULED));
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    carry_both(f);
    same_on_both(f, ST(COMPLETED), 0);
    assert_string_equal(get(f->a, &f->id).outcome, "helped");
    ACT(f, f->a, .action = A(PERSON_SAYS), .confirms = true);
    carry_both(f);
    same_on_both(f, ST(COMPLETED), B(PERSON_CONFIRMED));
}

static void the_receiver_reads_what_the_sender_wrote(void **state)
{
    struct fixture *f = *state;
    const Maillon__Hfp__V1__ReferralPayload *payload;
    struct referral_event *events;
    size_t count;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    struct referral b = get(f->b, &f->id), a = get(f->a, &f->id);
    must(f->b,
         referral_personal(f->b->store, f->b->tx.arena, f->b->self, &b, &payload, &f->b->err));
    assert_string_equal(payload->person->name, NAME);
    assert_string_equal(payload->need, NEED);
    must(f->a,
         referral_events(f->a->store, f->a->tx.arena, f->a->self, &a, &events, &count, &f->a->err));
    assert_int_equal(count, 2);
    assert_string_equal(events[1].payload->contact_name, "Paul");
    assert_int_equal(events[1].verdict, REFERRAL_APPLIED);
    assert_int_equal(events[0].delivery, REFERRAL_STORED);
    must(f->a, referral_events(f->a->store, f->a->tx.arena, NULL, &a, &events, &count, &f->a->err));
    assert_null(events[1].payload);
}

static void the_same_request_key_sends_once(void **state)
{
    struct fixture *f = *state;
    struct oid again;
    f->draft.request_key = "key-1";
    send_one(f);
    must(f->a, referral_send(&f->a->tx, &f->draft, &again, &f->a->err));
    assert_true(oid_equal(&again, &f->id));
    assert_int_equal(hub_carry(f->a, f->b), 1);
    f->draft.account = 2;
    must(f->a, referral_send(&f->a->tx, &f->draft, &again, &f->a->err));
    assert_false(oid_equal(&again, &f->id));
}

static void what_is_missing_is_named_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    struct oid id;
    struct referral_draft good = f->draft;
#define TRY(code, part)                                                                \
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), code, part); \
    f->draft = good
    f->draft.need = "";
    TRY(ERR_INVALID, "write one sentence");
    f->draft.theme = "";
    TRY(ERR_INVALID, "theme is missing");
    f->draft.person = NULL;
    TRY(ERR_INVALID, "first name or a case code");
    f->draft.consent_field_count = 0;
    TRY(ERR_INVALID, "agreed to share");
    f->draft.consent_form = 0;
    TRY(ERR_INVALID, "consent.form");
    f->draft.consent_until_s = 1;
    TRY(ERR_INVALID, "in the past");
    f->draft.consent_field_count = 2;
    TRY(ERR_DENIED, "does not cover what is sent: name");
    char empty[] = "";
    char *contact = f->person.contact;
    f->person.contact = empty;
    TRY(ERR_INVALID, "one safe way to reach");
    f->person.contact_preference =
        MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    send_one(f); /* through the caseworker is a way */
    f->person.contact = contact;
    f->draft.has_part_of = true;
    TRY(ERR_INVALID, "part_of");
#undef TRY
}

static void a_relation_without_referrals_is_refused_with_advice(void **state)
{
    struct fixture *f = *state;
    struct oid id;
    must(f->a, relation_set_switches(&f->a->tx, &f->draft.peer, SWITCH_REFERRALS, 0, &f->a->err));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT,
              "switched off");
    must(f->a, relation_decide(&f->a->tx, &f->draft.peer, DECISION_PAUSED, &f->a->err));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT, "paused");
    memset(&f->draft.peer, 9, sizeof(f->draft.peer));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT,
              "join it first");
}

static void an_act_that_is_not_in_the_table_says_what_is(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    must_fail(f->b,
              try_act(f, f->b, (struct referral_act){.action = A(COMPLETE), .outcome = "helped"}),
              ERR_CONFLICT, "now: seen, ask, accept");
    must_fail(f->a, try_act(f, f->a, (struct referral_act){ACCEPTING}), ERR_CONFLICT,
              "cannot be done");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(ACCEPT), .next_step = "x"}),
              ERR_INVALID, "accept needs contact_name");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(REJECT), .reason = "nope"}),
              ERR_INVALID, "no-capacity, waitlist-only");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(HOLD)}), ERR_INVALID,
              "wait_weeks");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(SEEN), .text = "x"}),
              ERR_INVALID, "takes no text");
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(EXPIRE)}), ERR_INVALID,
              "no such act");
}

static void crossing_acts_end_alike_on_both_sides(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->a, .action = A(CANCEL), .reason = "situation-solved");
    ACT(f, f->b, ACCEPTING);
    assert_int_equal(get(f->a, &f->id).state.status, ST(CANCELLED));
    carry_both(f);
    same_on_both(f, ST(ACCEPTED), B(CANCELLATION_REQUESTED));
    assert_int_equal(get(f->a, &f->id).ended_ms, 0);
    ACT(f, f->b, .action = A(AGREE_CANCEL));
    carry_both(f);
    same_on_both(f, ST(CANCELLED), 0);
}

static void events_may_arrive_in_any_order(void **state)
{
    static const size_t orders[][4] = {{3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {0, 3, 2, 1}};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct carried items[4];
        send_one(f);
        ACT(f, f->a, .action = A(MESSAGE), .text = "un");
        ACT(f, f->a, .action = A(MESSAGE), .text = "deux");
        ACT(f, f->a, .action = A(CANCEL), .reason = "moved");
        assert_int_equal(hub_take(f->a, f->b, items, 4), 4);
        bool had_refer = false;
        for (size_t j = 0; j < 4; j++) {
            struct disposition d = hub_give(f->a, f->b, &items[orders[i][j]], true);
            had_refer |= orders[i][j] == 0;
            assert_int_equal(d.state, RECEIPT(STORED));
            if (!had_refer)
                assert_true(d.pending);
        }
        same_on_both(f, ST(CANCELLED), 0);
        assert_int_equal(get(f->b, &f->id).state.pending, 0);
        assert_string_equal(get(f->b, &f->id).reason, "moved");
    }
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral_event WHERE verdict <> 1"), 0);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM object WHERE state <> 1"), 0);
}

/* A peer that signs what its table does not allow: authored by hand, past referral_act. */
static struct carried forge(struct fixture *f, struct hub *from, struct hub *to,
                            Maillon__Hfp__V1__ReferralAction action, uint64_t seq)
{
    struct referral row = get(from, &f->id);
    struct carried forged = {0};
    Maillon__Hfp__V1__ReferralEvent *event = arena_alloc(to->tx.arena, sizeof(*event));
    Maillon__Hfp__V1__Head *head = arena_alloc(to->tx.arena, sizeof(*head));
    enum referral_side ours = referral_our_side(&row);
    maillon__hfp__v1__referral_event__init(event);
    maillon__hfp__v1__head__init(head);
    event->head = head;
    event->action = action;
    event->recipient = wire_data(arena_bytes(to->tx.arena, node_id_bytes(identity_node(to->self))));
    head->node = wire_data(arena_bytes(to->tx.arena, node_id_bytes(identity_node(from->self))));
    head->stream = wire_data(arena_bytes(to->tx.arena, oid_bytes(&f->id)));
    head->seq = seq;
    head->created_s = (uint64_t)from->tx.now.ms / 1000 + 7;
    head->expires_s = head->created_s + 86400;
    if (seq > 1)
        head->prev = wire_data(arena_bytes(to->tx.arena, oid_bytes(&row.state.head[ours])));
    if (ours == REFERRAL_RECEIVER)
        event->seen = wire_data(arena_bytes(to->tx.arena, oid_bytes(&f->id)));
    AUTO(buf_done) struct buf signed_bytes = {0};
    identity_sign(from->self, TYPE_REFERRAL, wire_pack_arena(event, to->tx.arena), &signed_bytes,
                  NULL);
    must(to, envelope_open(arena_bytes(to->tx.arena, buf_bytes(&signed_bytes)), to->tx.arena,
                           &forged.object.envelope, &to->err));
    forged.event = event;
    forged.object.body = event;
    forged.object.head = head;
    forged.object.from = *identity_node(from->self);
    return forged;
}

static void an_event_against_the_table_is_kept_and_refused(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    hub_carry(f->a, f->b);
    struct carried forged = forge(f, f->b, f->a, A(COMPLETE), 1);
    struct disposition d = hub_give(f->b, f->a, &forged, false);
    assert_int_equal(d.state, RECEIPT(REFUSED));
    assert_int_equal(d.code, REFUSAL(BAD_STATE));
    assert_true(d.permanent);
    assert_int_equal(get(f->a, &f->id).state.status, ST(REQUESTED));
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM referral_event WHERE verdict = 3"), 1);
    struct object_row object;
    bool found;
    must(f->a, object_find(f->a->store, &forged.object.envelope.oid, &found, &object, &f->a->err));
    assert_int_equal(object.state, OBJECT_REFUSED);
}

static void a_forked_chain_is_frozen_with_both_events_kept(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    hub_carry(f->a, f->b);
    struct carried other = forge(f, f->b, f->a, A(REJECT), 1);
    ACT(f, f->b, .action = A(SEEN));
    hub_carry(f->b, f->a);
    struct disposition d = hub_give(f->b, f->a, &other, false);
    assert_int_equal(d.state, RECEIPT(REFUSED));
    assert_int_equal(d.code, REFUSAL(FORKED));
    struct referral a = get(f->a, &f->id);
    assert_true(a.state.flags & REFERRAL_FROZEN);
    assert_int_equal(a.state.status, ST(REQUESTED));
    assert_int_equal(a.events, 3);
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(CANCEL), .reason = "moved"}),
              ERR_CONFLICT, "frozen");
}

static void events_from_strangers_change_nothing(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    struct carried forged = forge(f, f->b, f->a, A(SEEN), 1);
    struct carried stranger = forged;
    memset(stranger.object.from.b, 3, sizeof(stranger.object.from.b));
    assert_int_equal(hub_give(f->b, f->a, &stranger, false).code, REFUSAL(BAD_STATE));
    struct carried misaddressed = forge(f, f->b, f->a, A(REJECT), 1);
    misaddressed.event->recipient = misaddressed.event->head->node;
    assert_int_equal(hub_give(f->b, f->a, &misaddressed, false).code, REFUSAL(BAD_STATE));
    assert_int_equal(get(f->a, &f->id).events, 1);
}

static void a_refer_with_a_bad_consent_is_refused(void **state)
{
    struct fixture *f = *state;
    struct carried item;
    send_one(f);
    assert_int_equal(hub_take(f->a, f->b, &item, 1), 1);
    Maillon__Hfp__V1__Consent *consent = item.event->refer->consent;
    struct err err = {0};
    char *first = consent->field[0];
    consent->field[0] = consent->field[1];
    consent->field[1] = first;
    assert_false(referral_check(item.event, item.object.payload, &err));
    assert_non_null(strstr(err.msg, "not sorted"));
    consent->field[1] = consent->field[0];
    consent->field[0] = first;
    consent->n_field = 2; /* contact, name: the need is not covered any more */
    assert_false(referral_check(item.event, item.object.payload, &err));
    assert_int_equal(err.code, ERR_PEER);
    consent->n_field = 3;
    uint64_t until_s = consent->until_s;
    consent->until_s = consent->given_s + 1;
    hub_pair_advance(&f->pair, HOUR_MS);
    assert_int_equal(hub_give(f->a, f->b, &item, true).code, REFUSAL(EXPIRED));
    consent->until_s = until_s;
    assert_int_equal(get(f->a, &f->id).delivery, REFERRAL_NOT_TAKEN);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral"), 0);
}

static bool store_contains(struct hub *hub, const char *text)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        hub->store, "SELECT count(*) FROM referral_event WHERE instr(payload, ?1) > 0", &hub->err);
    bool row;
    stmt_bind_bytes(stmt, 1, bytes_text(text));
    must(hub, stmt_next(stmt, &row, &hub->err));
    return stmt_i64(stmt, 0) > 0;
}

static void withdrawn_consent_purges_at_once_and_proves_it(void **state)
{
    struct fixture *f = *state;
    const Maillon__Hfp__V1__ReferralPayload *payload;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    assert_false(store_contains(f->b, NAME)); /* encrypted at rest */
    ACT(f, f->a, .action = A(WITHDRAW_CONSENT));
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped"); /* crosses, and loses */
    carry_both(f);
    same_on_both(f, ST(CANCELLED), B(CONSENT_WITHDRAWN));
    struct referral b = get(f->b, &f->id);
    assert_true(b.purged_ms > 0);
    assert_null(b.data_key.data);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral_event"
                                     " WHERE payload IS NOT NULL"),
                     0);
    must(f->b,
         referral_personal(f->b->store, f->b->tx.arena, f->b->self, &b, &payload, &f->b->err));
    assert_null(payload);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM referral_event WHERE action = 18"
                                     " AND side = 1 AND verdict = 1"),
                     1);
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(MESSAGE), .text = "x"}),
              ERR_CONFLICT, "erased");
    struct wall next;
    assert_int_equal(get(f->a, &f->id).purged_ms, 0);
    hub_pair_advance(&f->pair, 73 * HOUR_MS);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_true(get(f->a, &f->id).purged_ms > 0);
}

static void consent_withdrawn_before_it_left_never_leaves(void **state)
{
    struct fixture *f = *state;
    struct carried items[4];
    send_one(f);
    ACT(f, f->a, .action = A(WITHDRAW_CONSENT));
    size_t count = hub_take(f->a, f->b, items, 4);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].event->action, A(WITHDRAW_CONSENT));
    assert_true(hub_give(f->a, f->b, &items[0], true).pending);
    assert_int_equal(get(f->a, &f->id).delivery, REFERRAL_UNDELIVERED);
}

static void what_is_purged_is_gone_from_the_queue_too(void **state)
{
    struct fixture *f = *state;
    struct wall next;
    send_one(f); /* the peer is away */
    ACT(f, f->a, .action = A(CANCEL), .reason = "no-longer-wanted");
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM outbox WHERE personal IS NOT NULL"), 1);
    hub_pair_advance(&f->pair, 8 * DAY_MS);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_true(get(f->a, &f->id).purged_ms > 0);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM outbox WHERE personal IS NOT NULL"), 0);
    struct carried items[4];
    assert_int_equal(hub_take(f->a, f->b, items, 4), 1); /* the person does not leave any more */
    assert_int_equal(items[0].event->action, A(CANCEL));
}

static void a_long_text_that_waits_costs_no_memory_to_evaluate(void **state)
{
    enum { MESSAGES = 40 };
    struct fixture *f = *state;
    struct carried items[MESSAGES + 1];
    char text[REFERRAL_TEXT_MAX + 1];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    send_one(f);
    for (int i = 0; i < MESSAGES; i++)
        ACT(f, f->a, .action = A(MESSAGE), .text = text);
    assert_int_equal(hub_take(f->a, f->b, items, MESSAGES + 1), MESSAGES + 1);
    for (int i = MESSAGES; i > 1; i--) /* the last first: all but one wait */
        assert_true(hub_give(f->a, f->b, &items[i], true).pending);
    size_t before = arena_used(f->b->tx.arena);
    assert_true(hub_give(f->a, f->b, &items[1], true).pending);
    assert_true(arena_used(f->b->tx.arena) - before < MESSAGES * REFERRAL_TEXT_MAX / 2);
    assert_false(hub_give(f->a, f->b, &items[0], true).pending);
    assert_int_equal(get(f->b, &f->id).state.seq[REFERRAL_SENDER], MESSAGES + 1);
}

static void a_personal_part_is_bounded_whatever_fields_it_holds(void **state)
{
    struct fixture *f = *state;
    struct carried item;
    send_one(f);
    assert_int_equal(hub_take(f->a, f->b, &item, 1), 1);
    uint8_t *large = test_calloc(1, 66000);
    const struct bytes payload = item.object.payload;
    memcpy(large, payload.data, payload.len);
    /* a field of a later version: number 1000, bytes */
    const uint8_t tag[] = {0xc2, 0x3e};
    size_t at = payload.len, len = 65000;
    memcpy(large + at, tag, sizeof(tag));
    large[at + 2] = (uint8_t)(len | 0x80);
    large[at + 3] = (uint8_t)(len >> 7 | 0x80);
    large[at + 4] = (uint8_t)(len >> 14);
    assert_true(referral_check(item.object.body, bytes_of(large, at + 5 + len), &f->b->err));
    len = 65900 - at - 5;
    large[at + 2] = (uint8_t)(len | 0x80);
    large[at + 3] = (uint8_t)(len >> 7 | 0x80);
    large[at + 4] = (uint8_t)(len >> 14);
    must_fail(f->b, referral_check(item.object.body, bytes_of(large, at + 5 + len), &f->b->err),
              ERR_PEER, "too large");
    test_free(large);
}

static void the_receiver_can_take_the_withdrawal_too(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, .action = A(WITHDRAW_CONSENT));
    carry_both(f);
    same_on_both(f, ST(CANCELLED), B(CONSENT_WITHDRAWN));
    assert_true(get(f->b, &f->id).purged_ms > 0);
    assert_int_equal(get(f->a, &f->id).state.seq[REFERRAL_RECEIVER], 2);
}

static void dates_travel_at_the_highest_feedback_level_only(void **state)
{
    struct fixture *f = *state;
    for (int level = 1; level <= 3; level++) {
        f->draft.feedback = (Maillon__Hfp__V1__FeedbackLevel)level;
        send_one(f);
        carry_both(f);
        ACT(f, f->b, ACCEPTING);
        ACT(f, f->b, .action = A(PROGRESS), .business_status = B(SCHEDULED), .at_s = 1796000000);
        ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
        carry_both(f);
        assert_int_equal(get(f->b, &f->id).scheduled_s, 1796000000);
        assert_int_equal(get(f->a, &f->id).scheduled_s, level == 3 ? 1796000000 : 0);
        assert_string_equal(get(f->b, &f->id).outcome, "helped");
        assert_string_equal(get(f->a, &f->id).outcome, level == 1 ? "" : "helped");
    }
}

static int64_t late_events(struct hub *hub)
{
    return hub_query(hub, "SELECT count(*) FROM event WHERE verb = 'late'");
}

static void tick(struct fixture *f)
{
    struct wall next;
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    must(f->b, referral_tick(&f->b->tx, &next, &f->b->err));
}

static void both_are_reminded_at_half_and_at_the_end_of_the_clock(void **state)
{
    struct fixture *f = *state;
    struct wall next;
    send_one(f);
    carry_both(f);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_int_equal(next.ms, f->a->tx.now.ms + 7 * DAY_MS);
    hub_pair_advance(&f->pair, 7 * DAY_MS);
    tick(f);
    tick(f);
    assert_int_equal(late_events(f->a), 1);
    assert_false(referral_is_late(&(struct referral[]){get(f->b, &f->id)}[0], f->b->tx.now));
    hub_pair_advance(&f->pair, 7 * DAY_MS + 1000);
    tick(f);
    tick(f);
    assert_int_equal(late_events(f->a), 2);
    assert_int_equal(late_events(f->b), 2);
    assert_true(referral_is_late(&(struct referral[]){get(f->b, &f->id)}[0], f->b->tx.now));
}

static void without_an_answer_it_expires_by_its_urgency(void **state)
{
    static const struct {
        int urgency;
        int64_t days;
    } clocks[] = {{0, 30}, {1, 30}, {2, 14}, {3, 3}};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)clocks[i].urgency;
        send_one(f);
        carry_both(f);
        hub_pair_advance(&f->pair, clocks[i].days * DAY_MS - 2000);
        tick(f);
        assert_int_equal(get(f->a, &f->id).state.status, ST(REQUESTED));
        hub_pair_advance(&f->pair, 4000);
        tick(f);
        carry_both(f);
        same_on_both(f, ST(CANCELLED), 0);
        assert_string_equal(get(f->b, &f->id).reason, "no-response");
    }
}

static void personal_data_goes_when_its_time_is_over(void **state)
{
    static const struct {
        struct referral_act end;
        bool by_sender;
        int64_t days;
    } ends[] = {
        {{.action = A(CANCEL), .reason = "moved"}, true, 7},
        {{.action = A(VOID)}, true, 7},
        {{.action = A(REJECT), .reason = "safety"}, false, 90},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        send_one(f);
        carry_both(f);
        act(f, ends[i].by_sender ? f->a : f->b, ends[i].end);
        carry_both(f);
        hub_pair_advance(&f->pair, ends[i].days * DAY_MS - 1000);
        tick(f);
        assert_int_equal(get(f->a, &f->id).purged_ms, 0);
        hub_pair_advance(&f->pair, 2000);
        tick(f);
        assert_true(get(f->a, &f->id).purged_ms > 0);
        assert_true(get(f->b, &f->id).purged_ms > 0);
    }
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral WHERE data_key IS NOT NULL"),
                     0);
}

static void completed_ones_are_kept_two_years(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    carry_both(f);
    struct referral b = get(f->b, &f->id);
    assert_int_equal(b.purge_ms - b.ended_ms, 730 * DAY_MS);
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(MESSAGE)}), ERR_INVALID,
              "needs text");
    ACT(f, f->b, .action = A(PURGED)); /* earlier by hand */
    assert_true(get(f->b, &f->id).purged_ms > 0);
}

static void an_undelivered_referral_says_so(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    must(f->a, referral_on_expired(&f->a->tx, &f->draft.peer, &f->id, &f->a->err));
    struct referral a = get(f->a, &f->id);
    assert_int_equal(a.delivery, REFERRAL_UNDELIVERED);
    const char *words =
        referral_next_words(f->a->tx.arena, &a, "Le 102", "02 99 00 00 00", f->a->tx.now);
    assert_string_equal(words, "Non remise : appelez Le 102 au 02 99 00 00 00.");
}

static int64_t told_waiting(struct hub *hub)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(hub->store, "SELECT count(*) FROM event WHERE verb = 'waiting'", &hub->err);
    bool row = false;
    assert_true(stmt && stmt_next(stmt, &row, &hub->err));
    return stmt_i64(stmt, 0);
}

/* R-PD-10 */
static void people_are_warned_three_times_while_it_does_not_arrive(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned urgency, hours[3];
    } cases[] = {{1, {24, 72, 168}}, {2, {4, 24, 72}}};
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int64_t hour = 0, before = told_waiting(f->a);
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)cases[c].urgency;
        f->id = send_one(f);
        for (unsigned i = 0; i < 3; i++) {
            struct wall next;
            hub_pair_advance(&f->pair, (cases[c].hours[i] - hour) * HOUR_MS - 1);
            must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
            assert_int_equal(told_waiting(f->a), before + i);
            hub_pair_advance(&f->pair, 1);
            must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
            assert_int_equal(told_waiting(f->a), before + i + 1);
            hour = cases[c].hours[i];
        }
        must(f->a, referral_on_expired(&f->a->tx, &f->draft.peer, &f->id, &f->a->err));
    }
}

static void after_the_first_warning_the_words_say_to_call(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    struct referral a = get(f->a, &f->id);
    hub_pair_advance(&f->pair, 25 * HOUR_MS);
    const char *words =
        referral_next_words(f->a->tx.arena, &a, "Le 102", "02 99 00 00 00", f->a->tx.now);
    assert_string_equal(words, "Toujours pas remise au hub de Le 102 : appelez au 02 99 00 00 00 ; "
                               "les essais continuent.");
}

static void lists_put_late_ones_first_then_what_waits_for_us(void **state)
{
    struct fixture *f = *state;
    struct oid ids[4];
    for (int i = 0; i < 4; i++) {
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)(i == 1 ? 3 : 1);
        ids[i] = send_one(f);
        carry_both(f);
        hub_pair_advance(&f->pair, 1000);
    }
    f->id = ids[3];
    ACT(f, f->b, ACCEPTING);
    hub_pair_advance(&f->pair, 25 * HOUR_MS);
    const size_t expected[] = {1, 2, 0, 3}; /* late; to answer, newest first; the rest */
    struct referral_query query = {.in_or_out = 1, .limit = 3};
    struct referral *rows;
    const char *next;
    size_t count, at = 0;
    do {
        must(f->b, referral_list(f->b->store, f->b->tx.arena, &query, f->b->tx.now, &rows, &count,
                                 &next, &f->b->err));
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(rows[i].oid.b, ids[expected[at++]].b, 32);
        query.before = next;
    } while (next);
    assert_int_equal(at, 4);
    query = (struct referral_query){.in_or_out = 2};
    must(f->b, referral_list(f->b->store, f->b->tx.arena, &query, f->b->tx.now, &rows, &count,
                             &next, &f->b->err));
    assert_int_equal(count, 0);
}

static void ids_may_be_shortened(void **state)
{
    struct fixture *f = *state;
    char id[REFERRAL_ID_TEXT];
    struct referral found;
    send_one(f);
    referral_id_text(&f->id, id);
    must(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err));
    id[7] = '\0';
    must(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err));
    assert_true(oid_equal(&found.oid, &f->id));
    id[5] = '\0';
    must_fail(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err),
              ERR_INVALID, "first 6");
    must_fail(f->a, referral_resolve(f->a->store, f->a->tx.arena, "abcdef", &found, &f->a->err),
              ERR_UNKNOWN, "no referral");
}

static void too_many_open_referrals_are_refused_for_now(void **state)
{
    struct fixture *f = *state;
    struct carried item;
    send_one(f);
    hub_take(f->a, f->b, &item, 1);
    must(f->b, store_exec(f->b->store,
                          "INSERT INTO referral_peer (peer, open_in)"
                          " SELECT node, 10000 FROM peer",
                          &f->b->err));
    struct disposition d = hub_give(f->a, f->b, &item, true);
    assert_int_equal(d.code, REFUSAL(QUOTA));
    assert_false(d.permanent);
    assert_true(d.retry_after_s > 0);
    assert_int_equal(get(f->a, &f->id).delivery, REFERRAL_WAITING);
}

static void open_ones_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        send_one(f);
    carry_both(f);
    assert_int_equal(hub_query(f->b, "SELECT open_in FROM referral_peer"), 3);
    ACT(f, f->b, .action = A(REJECT), .reason = "duplicate");
    assert_int_equal(hub_query(f->b, "SELECT open_in FROM referral_peer"), 2);
}

static void no_personal_data_in_events_or_audit(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    for (int i = 0; i < 2; i++) {
        struct hub *hub = i ? f->b : f->a;
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM event WHERE id LIKE '%Zoub%'"
                                        " OR verb LIKE '%Zoub%'"),
                         0);
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM audit WHERE actor LIKE '%Zoub%'"
                                        " OR action LIKE '%Zoub%'"),
                         0);
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM object"
                                        " WHERE instr(bytes, CAST('Zoubida' AS BLOB)) > 0"),
                         0);
    }
    assert_true(hub_query(f->a, "SELECT count(*) FROM audit WHERE action = 'referral.refer'") == 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_referral_goes_all_the_way),
        TEST(the_receiver_reads_what_the_sender_wrote),
        TEST(the_same_request_key_sends_once),
        TEST(what_is_missing_is_named_with_what_to_do),
        TEST(a_relation_without_referrals_is_refused_with_advice),
        TEST(an_act_that_is_not_in_the_table_says_what_is),
        TEST(crossing_acts_end_alike_on_both_sides),
        TEST(events_may_arrive_in_any_order),
        TEST(an_event_against_the_table_is_kept_and_refused),
        TEST(a_forked_chain_is_frozen_with_both_events_kept),
        TEST(events_from_strangers_change_nothing),
        TEST(a_refer_with_a_bad_consent_is_refused),
        TEST(withdrawn_consent_purges_at_once_and_proves_it),
        TEST(consent_withdrawn_before_it_left_never_leaves),
        TEST(what_is_purged_is_gone_from_the_queue_too),
        TEST(a_long_text_that_waits_costs_no_memory_to_evaluate),
        TEST(a_personal_part_is_bounded_whatever_fields_it_holds),
        TEST(the_receiver_can_take_the_withdrawal_too),
        TEST(dates_travel_at_the_highest_feedback_level_only),
        TEST(both_are_reminded_at_half_and_at_the_end_of_the_clock),
        TEST(without_an_answer_it_expires_by_its_urgency),
        TEST(personal_data_goes_when_its_time_is_over),
        TEST(completed_ones_are_kept_two_years),
        TEST(an_undelivered_referral_says_so),
        TEST(people_are_warned_three_times_while_it_does_not_arrive),
        TEST(after_the_first_warning_the_words_say_to_call),
        TEST(lists_put_late_ones_first_then_what_waits_for_us),
        TEST(ids_may_be_shortened),
        TEST(too_many_open_referrals_are_refused_for_now),
        TEST(open_ones_are_counted),
        TEST(no_personal_data_in_events_or_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
