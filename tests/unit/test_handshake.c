/*
 * The proofs of a session (R-SE-2), and tests/vectors/golden/link.json: every field of one
 * transcript and what each side signs.
 */
#include "federation/handshake.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "tests/support/fake.h"
#include "tests/support/golden.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct session {
    struct fake_random random;
    struct identity *dialler, *responder;
    struct transcript transcript;
    struct buf hello_d, hello_r;
};

static const struct wall now = {1800000000000};

static void start(struct session *session)
{
    uint8_t nonce[2][32], binding[32];
    assert_true(secret_setup());
    *session = (struct session){0};
    fake_random_init(&session->random, 7);
    session->dialler = identity_create_memory(&session->random.source, now);
    session->responder = identity_create_memory(&session->random.source, now);
    memset(nonce[0], 0xd0, 32);
    memset(nonce[1], 0x40, 32);
    memset(binding, 0xcb, 32);
    struct carrier carrier = {
        .offer = "hfp.1.cb, hfp.1", .selected = "hfp.1.cb", .binding = bytes_of(binding, 32)};
    assert_true(transcript_init(&session->transcript, &carrier));
    handshake_hello_d(identity_node(session->responder), nonce[0], 1800000000000, 0, 0,
                      &session->hello_d);
    handshake_hello_r(session->responder, nonce[1], 1800000000001, 0, 0, &session->hello_r);
    digest_sha256(buf_bytes(&session->hello_d), session->transcript.hello_d);
    digest_sha256(buf_bytes(&session->hello_r), session->transcript.hello_r);
    session->transcript.responder = *identity_node(session->responder);
}

static void end(struct session *session)
{
    identity_free(session->dialler);
    identity_free(session->responder);
    buf_done(&session->hello_d);
    buf_done(&session->hello_r);
}

/** Makes the proof of one side and checks it against `transcript`. */
static bool holds(const struct session *session, const struct identity *signer,
                  const struct transcript *signed_one, const struct transcript *checked,
                  enum handshake_role role)
{
    AUTO(buf_done) struct buf frame = {0};
    struct err err = {0};
    handshake_proof(signer, signed_one, role, HANDSHAKE_KEL_LATEST, &frame);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    Maillon__Hfp__V1__Frame *parsed =
        wire_unpack(&maillon__hfp__v1__frame__descriptor, buf_bytes(&frame), arena, &err);
    assert_non_null(parsed);
    (void)session;
    struct sign_public op;
    return handshake_check(parsed->proof, checked, role, identity_kel(signer), now, &op, &err);
}

static void both_proofs_hold_over_the_same_transcript(void **state)
{
    struct session s;
    (void)state;
    start(&s);
    assert_true(holds(&s, s.responder, &s.transcript, &s.transcript, HANDSHAKE_RESPONDER));
    s.transcript.dialler = *identity_node(s.dialler);
    assert_true(holds(&s, s.dialler, &s.transcript, &s.transcript, HANDSHAKE_DIALLER));
    end(&s);
}

static void a_proof_of_one_role_is_none_of_the_other(void **state)
{
    struct session s;
    AUTO(buf_done) struct buf frame = {0};
    struct err err = {0};
    (void)state;
    start(&s);
    handshake_proof(s.responder, &s.transcript, HANDSHAKE_RESPONDER, HANDSHAKE_KEL_LATEST, &frame);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    Maillon__Hfp__V1__Frame *parsed =
        wire_unpack(&maillon__hfp__v1__frame__descriptor, buf_bytes(&frame), arena, &err);
    assert_non_null(parsed);
    struct sign_public op;
    assert_false(handshake_check(parsed->proof, &s.transcript, HANDSHAKE_DIALLER,
                                 identity_kel(s.responder), now, &op, &err));
    assert_int_equal(err.code, ERR_PEER);
    end(&s);
}

/* F17, F18: each thing somebody in between could change */
static void whatever_differs_in_the_transcript_breaks_the_proof(void **state)
{
    struct session s;
    (void)state;
    start(&s);
    for (unsigned field = 0; field < 7; field++) {
        struct transcript seen = s.transcript;
        switch (field) {
        case 0:
            seen.hello_d[31] ^= 1;
            break;
        case 1:
            seen.hello_r[0] ^= 1;
            break;
        case 2:
            seen.offer[7] = 0; /* the better token stripped */
            break;
        case 3:
            seen.selected[5] = 0;
            break;
        case 4:
            seen.binding[0] ^= 1;
            break;
        case 5:
            seen.binding_len = 0;
            break;
        default:
            seen.responder.b[3] ^= 1;
            break;
        }
        assert_false(holds(&s, s.responder, &s.transcript, &seen, HANDSHAKE_RESPONDER));
    }
    end(&s);
}

static void key_events_may_grow_but_not_change(void **state)
{
    struct session s;
    struct kel kel, longer;
    struct err err = {0};
    size_t count, fresh;
    ProtobufCBinaryData events[KEL_EVENTS_MAX], others[KEL_EVENTS_MAX];
    static const struct kel nothing;
    (void)state;
    start(&s);
    const struct bytes *list = identity_kel_events(s.responder, &count);
    for (size_t i = 0; i < count; i++)
        events[i] = wire_data(list[i]);
    const struct node_id *node = identity_node(s.responder);
    struct bytes head = oid_bytes(&identity_kel(s.responder)->head), none = {0};
    assert_true(
        handshake_read_kel(events, count, head, node, &nothing, NULL, 0, &kel, &fresh, &err));
    assert_int_equal(fresh, count);
    assert_true(
        handshake_read_kel(events, count, head, node, &kel, list, count, &longer, &fresh, &err));
    assert_int_equal(fresh, 0);
    /* less than is known: what is known holds */
    assert_true(
        handshake_read_kel(events, 1, none, node, &kel, list, count, &longer, &fresh, &err));
    assert_int_equal(longer.seq, kel.seq);
    assert_int_equal(fresh, 0);
    /* the latest alone: enough for who knows the earlier ones, not for a stranger */
    assert_true(
        handshake_read_kel(events + 1, 1, none, node, &kel, list, 1, &longer, &fresh, &err));
    assert_int_equal(longer.seq, 2);
    assert_int_equal(fresh, 1);
    assert_false(
        handshake_read_kel(events + 1, 1, head, node, &nothing, NULL, 0, &longer, &fresh, &err));
    assert_int_equal(err.code, ERR_UNKNOWN); /* the next sessions bring them */
    /* another node's log under this name */
    list = identity_kel_events(s.dialler, &count);
    for (size_t i = 0; i < count; i++)
        others[i] = wire_data(list[i]);
    assert_false(
        handshake_read_kel(others, count, none, node, &nothing, NULL, 0, &longer, &fresh, &err));
    assert_int_equal(err.code, ERR_PEER);
    end(&s);
}

static void an_offer_that_does_not_fit_is_refused(void **state)
{
    char offer[200];
    struct transcript transcript;
    (void)state;
    memset(offer, 'h', sizeof offer);
    offer[sizeof offer - 1] = 0;
    struct carrier carrier = {.offer = offer, .selected = "hfp.1"};
    assert_false(transcript_init(&transcript, &carrier));
    offer[127] = 0;
    assert_true(transcript_init(&transcript, &carrier));
}

/* ---- golden ---- */

static void the_transcript_is_as_published(void **state)
{
    struct session s;
    AUTO(buf_done) struct buf json = {0};
    AUTO(buf_done) struct buf by_r = {0};
    AUTO(buf_done) struct buf by_d = {0};
    (void)state;
    start(&s);
    transcript_signed_bytes(&s.transcript, HANDSHAKE_RESPONDER, &by_r);
    s.transcript.dialler = *identity_node(s.dialler);
    transcript_signed_bytes(&s.transcript, HANDSHAKE_DIALLER, &by_d);
    golden_begin(&json, NULL);
    golden_hex(&json, "hello_d_frame", buf_bytes(&s.hello_d));
    golden_hex(&json, "hello_r_frame", buf_bytes(&s.hello_r));
    golden_hex(&json, "hello_d_sha256", bytes_of(s.transcript.hello_d, 32));
    golden_hex(&json, "hello_r_sha256", bytes_of(s.transcript.hello_r, 32));
    golden_text(&json, "offer", s.transcript.offer);
    golden_text(&json, "selected", s.transcript.selected);
    golden_hex(&json, "binding", bytes_of(s.transcript.binding, 32));
    golden_hex(&json, "dialler", node_id_bytes(&s.transcript.dialler));
    golden_hex(&json, "responder", node_id_bytes(&s.transcript.responder));
    golden_hex(&json, "proof_r_signs", buf_bytes(&by_r));
    golden_hex(&json, "proof_d_signs", buf_bytes(&by_d));
    golden_end(&json);
    assert_true(golden_same(&json, "link.json"));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_proofs_hold_over_the_same_transcript),
        cmocka_unit_test(a_proof_of_one_role_is_none_of_the_other),
        cmocka_unit_test(whatever_differs_in_the_transcript_breaks_the_proof),
        cmocka_unit_test(key_events_may_grow_but_not_change),
        cmocka_unit_test(an_offer_that_does_not_fit_is_refused),
        cmocka_unit_test(the_transcript_is_as_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
