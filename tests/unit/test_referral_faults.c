/* Referrals of a peer that breaks the rules, and what is too long. */
#include "hub/crypto/wire.h"
#include "hub/domain/object.h"
#include "tests/support/referral_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_against_the_table_is_kept_and_refused),
        TEST(a_forked_chain_is_frozen_with_both_events_kept),
        TEST(events_from_strangers_change_nothing),
        TEST(a_refer_with_a_bad_consent_is_refused),
        TEST(a_long_text_that_waits_costs_no_memory_to_evaluate),
        TEST(a_personal_part_is_bounded_whatever_fields_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
