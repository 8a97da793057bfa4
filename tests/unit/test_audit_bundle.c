/*
 * The offline verifier (R-AU-3): a good bundle holds, each single changed byte of each signed part
 * makes it fail, a fork names its author (F23), an export of a log leads to its heads.
 */
#include "hub/api/json.h"
#include "hub/crypto/secret.h"
#include "hub/domain/audit_bundle.h"
#include "tests/support/bundle_fixture.h"
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct said {
    char failed[4000];
    size_t holds, fails, notes;
};

static void say(void *ctx, enum bundle_line line, const char *text)
{
    struct said *said = ctx;
    said->holds += line == BUNDLE_HOLDS;
    said->fails += line == BUNDLE_FAILS;
    said->notes += line == BUNDLE_NOTE;
    size_t len = strlen(said->failed);
    if (line == BUNDLE_FAILS)
        snprintf(said->failed + len, sizeof(said->failed) - len, "%s\n", text);
    assert_null(strstr(text, "canary"));
}

static bool verify(struct bundle_fixture *f, struct said *said)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    *said = (struct said){0};
    return bundle_verify_referral(&f->bundle, NULL, 0, arena, say, said);
}

static void must_fail(struct bundle_fixture *f, const char *what)
{
    struct said said;
    if (verify(f, &said))
        fail_msg("holds, expected: %s", what);
    if (!strstr(said.failed, what))
        fail_msg("says:\n%sexpected: %s", said.failed, what);
}

static int setup(void **state)
{
    struct bundle_fixture *f = mem_alloc(sizeof(*f));
    bundle_fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    bundle_fixture_close(*state);
    free(*state);
    return 0;
}

static void a_whole_bundle_holds_also_without_its_personal_part(void **state)
{
    struct bundle_fixture *f = *state;
    struct said said;
    if (!verify(f, &said))
        fail_msg("%s", said.failed);
    assert_true(said.holds >= 12);
    f->bundle.n_personal = 0; /* erased, or not asked for: F35 */
    if (!verify(f, &said))
        fail_msg("%s", said.failed);
}

static void it_must_be_between_the_hubs_that_are_asked_for(void **state)
{
    struct bundle_fixture *f = *state;
    struct said said = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct node_id nodes[] = {*identity_node(f->peer), *identity_node(f->hub)};
    assert_true(bundle_verify_referral(&f->bundle, nodes, 2, arena, say, &said));
    nodes[1] = *identity_node(f->witnesses[0]);
    assert_false(bundle_verify_referral(&f->bundle, nodes, 2, arena, say, &said));
    assert_non_null(strstr(said.failed, "not a party"));
}

/* What is covered by a signature or a hash: changing any byte of it must show. */
static void flip_all(struct bundle_fixture *f, ProtobufCBinaryData *part, const char *name)
{
    struct said said;
    uint8_t *copy = mem_alloc(part->len), *kept = part->data;
    memcpy(copy, kept, part->len);
    part->data = copy;
    for (size_t i = 0; i < part->len; i++) {
        for (unsigned bit = 0; bit < 8; bit += 7) {
            copy[i] ^= (uint8_t)(1u << bit);
            bool held = verify(f, &said);
            copy[i] ^= (uint8_t)(1u << bit);
            if (held)
                fail_msg("byte %zu bit %u of %s may be changed", i, bit, name);
        }
    }
    for (size_t len = 0; len < part->len; len += 7) { /* and cut short */
        size_t whole = part->len;
        part->len = len;
        if (verify(f, &said) && len)
            fail_msg("%s may be cut to %zu bytes", name, len);
        part->len = whole;
    }
    part->data = kept;
    free(copy);
}

/* Offset of the signature's bytes: key hints before them are not signed and not trusted. */
static void flip_signed(struct bundle_fixture *f, ProtobufCBinaryData *part, const char *name)
{
    struct said said;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct envelope envelope;
    struct err err = {0};
    assert_true(envelope_open(wire_bytes(*part), arena, &envelope, &err));
    uint8_t *copy = mem_alloc(part->len), *kept = part->data;
    memcpy(copy, kept, part->len);
    size_t body = (size_t)(envelope.body.data - part->data);
    part->data = copy;
    for (size_t i = 0; i < part->len; i++) {
        bool in_body = i >= body && i < body + envelope.body.len, in_sig = false;
        for (size_t s = 0; s < envelope.sig_count; s++) {
            size_t at = (size_t)(envelope.sigs[s].data - kept);
            in_sig |= i >= at && i < at + envelope.sigs[s].len;
        }
        copy[i] ^= 0x20;
        bool held = verify(f, &said); /* never crashes, whatever the byte */
        copy[i] ^= 0x20;
        if (held && (in_body || (in_sig && envelope.sig_count == 1)))
            fail_msg("byte %zu of %s may be changed", i, name);
    }
    part->data = kept;
    free(copy);
}

static void every_flipped_byte_of_events_receipts_and_key_logs_is_found(void **state)
{
    struct bundle_fixture *f = *state;
    for (size_t i = 0; i < f->bundle.n_event; i++)
        flip_signed(f, &f->bundle.event[i], "an event");
    flip_signed(f, &f->bundle.receipt[0], "a receipt");
    for (size_t i = 0; i < f->bundle.n_kel_ours; i++)
        flip_signed(f, &f->bundle.kel_ours[i], "a key event");
    flip_signed(f, &f->bundle.kel_theirs[0], "a key event");
    flip_signed(f, &f->bundle.peer_head[0], "the head of the peer");
}

static void every_flipped_byte_of_lines_proofs_and_personal_parts_is_found(void **state)
{
    struct bundle_fixture *f = *state;
    for (size_t i = 0; i < f->bundle.n_leaf; i++) {
        flip_all(f, &f->bundle.leaf[i]->leaf, "a line");
        flip_all(f, &f->bundle.leaf[i]->proof, "a proof");
        f->bundle.leaf[i]->index++;
        must_fail(f, "not in the log");
        f->bundle.leaf[i]->index--;
        f->bundle.leaf[i]->head = 1;
        must_fail(f, "not in the log");
        f->bundle.leaf[i]->head = 0;
    }
    flip_all(f, &f->bundle.personal[0]->payload, "a payload");
    flip_all(f, &f->bundle.personal[0]->salt, "a salt");
    flip_all(f, &f->bundle.personal[0]->oid, "an id");
}

static void every_flipped_byte_of_heads_and_cosignatures_is_found(void **state)
{
    struct bundle_fixture *f = *state;
    Maillon__Api__V1__BundleHead *head = f->bundle.head[0];
    struct said said;
    flip_signed(f, &head->head, "the head");
    flip_signed(f, &head->cosigned[1], "a cosigned head");
    /* The witness's and the author's. */
    struct envelope envelope;
    struct err err = {0};
    assert_true(envelope_open(wire_bytes(head->cosigned[1]), f->arena, &envelope, &err));
    assert_int_equal(envelope.sig_count, 2);
    for (size_t i = 0; i < 2 * 64; i++) {
        uint8_t *at = (uint8_t *)(uintptr_t)envelope.sigs[i / 64].data + i % 64;
        *at ^= 1;
        must_fail(f, "a witness's signature");
        *at ^= 1;
    }
    ProtobufCBinaryData other = head->cosigned[1];
    head->cosigned[1] = head->cosigned[0]; /* the same witness twice counts once */
    assert_true(verify(f, &said));
    head->cosigned[1] = head->head; /* the author is no witness of its own */
    must_fail(f, "a witness's signature");
    head->cosigned[1] = other;
    f->bundle.n_witness = 0; /* nobody's keys are here */
    must_fail(f, "a witness's signature");
}

static void f23_a_fork_names_the_party_that_signed_twice(void **state)
{
    struct bundle_fixture *f = *state;
    struct oid oid;
    char expected[80], peer[NODE_ID_SHORT];
    struct bytes rival = bundle_event(f, true, 2, REFERRAL_ACTION(REJECT), 1, 0, "no-capacity",
                                      (struct bytes){0}, &oid);
    f->bundle.event[f->bundle.n_event++] = bundle_copy(f, rival);
    snprintf(expected, sizeof(expected), "FORK: %s signed two different events at place 2",
             node_id_short(identity_node(f->peer), peer));
    must_fail(f, expected);
    must_fail(f, "event 2 (accept) and event 2 (reject)");
}

static void a_chain_with_a_hole_or_a_stranger_in_it_fails(void **state)
{
    struct bundle_fixture *f = *state;
    ProtobufCBinaryData kept[BUNDLE_EVENTS];
    struct oid oid;
    memcpy(kept, f->bundle.event, sizeof(kept));
    f->bundle.event[1] = kept[3];
    must_fail(f, "follows an event that is not in the file");
    memcpy(f->bundle.event, kept, sizeof(kept));
    f->bundle.event[0] = kept[1];
    must_fail(f, "began the referral is not in the file");
    memcpy(f->bundle.event, kept, sizeof(kept));
    f->bundle.n_event = 2; /* the receipt speaks of the third */
    must_fail(f, "names an event that is not in the file");
    f->bundle.n_event = BUNDLE_EVENTS;
    struct identity *hub = f->hub;
    f->hub = f->witnesses[0];
    f->bundle.event[3] = bundle_copy(
        f, bundle_event(f, false, 2, REFERRAL_ACTION(MESSAGE), 0, 2, "", (struct bytes){0}, &oid));
    f->hub = hub;
    must_fail(f, "is not between these two hubs");
}

static void anything_else_is_refused_without_a_crash(void **state)
{
    struct bundle_fixture *f = *state;
    struct said said = {0};
    Maillon__Api__V1__ReferralBundle empty = MAILLON__API__V1__REFERRAL_BUNDLE__INIT;
    assert_false(bundle_verify_referral(&empty, NULL, 0, f->arena, say, &said));
    f->bundle.n_kel_ours = 0;
    must_fail(f, "key log");
    f->bundle.format = f->bundle.id;
    must_fail(f, "not the bundle");
}

static void it_goes_through_json_unchanged(void **state)
{
    struct bundle_fixture *f = *state;
    struct said said = {0};
    struct err err = {0};
    AUTO(buf_done) struct buf text = {0};
    json_write(&f->bundle, &text);
    const Maillon__Api__V1__ReferralBundle *read =
        json_read(&maillon__api__v1__referral_bundle__descriptor, buf_bytes(&text), f->arena, &err);
    assert_non_null(read);
    assert_true(bundle_verify_referral(read, NULL, 0, f->arena, say, &said));
}

/* ---- the export of a log ---- */

static bool verify_log(struct bundle_fixture *f, Maillon__Api__V1__AuditBundle *page,
                       struct said *said)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    *said = (struct said){0};
    AUTO(bundle_audit_free)
    struct bundle_audit *audit = bundle_audit_create(identity_node(f->hub), say, said);
    bundle_audit_page(audit, page, arena);
    return bundle_audit_end(audit);
}

static void an_exported_log_leads_to_its_head_and_evidence_says_what_it_proves(void **state)
{
    struct bundle_fixture *f = *state;
    struct said said;
    Maillon__Api__V1__AuditBundle page = MAILLON__API__V1__AUDIT_BUNDLE__INIT;
    struct merkle before = {0};
    AUTO(buf_done) struct buf peaks = {0};
    for (int i = 0; i < 3; i++)
        merkle_add(&before, &f->leaves[i]);
    merkle_peaks(&before, &peaks);
    page.format = arena_text(f->arena, BUNDLE_AUDIT_FORMAT);
    page.first = 3;
    page.before = wire_data(buf_bytes(&peaks));
    bundle_make_keys(f, f->hub, &page.kel, &page.n_kel);
    page.leaf = arena_alloc(f->arena, 8 * sizeof(*page.leaf));
    for (; page.n_leaf < 4; page.n_leaf++)
        page.leaf[page.n_leaf] = f->bundle.leaf[page.n_leaf]->leaf;
    for (; page.n_leaf < 8; page.n_leaf++) { /* lines 7 to 10 of the fixture, made again */
        Maillon__Hfp__V1__AuditLeaf leaf = MAILLON__HFP__V1__AUDIT_LEAF__INIT;
        leaf.time_ms = (uint64_t)f->clock.wall.ms + page.n_leaf + 3;
        leaf.actor = (char[]){"peer"};
        leaf.action = (char[]){"event.taken"};
        page.leaf[page.n_leaf] = wire_data(wire_pack_arena(&leaf, f->arena));
    }
    page.head = f->bundle.head;
    page.n_head = 1;
    page.witness = f->bundle.witness;
    page.n_witness = f->bundle.n_witness;
    if (!verify_log(f, &page, &said))
        fail_msg("%s", said.failed);
    page.leaf[5].data[3] ^= 1;
    assert_false(verify_log(f, &page, &said));
    page.leaf[5].data[3] ^= 1;
    peaks.data[40] ^= 1;
    assert_false(verify_log(f, &page, &said));
    peaks.data[40] ^= 1;
    page.n_leaf = 7;
    assert_false(verify_log(f, &page, &said));
    page.n_leaf = 8;

    Maillon__Api__V1__BundleEvidence evidence = MAILLON__API__V1__BUNDLE_EVIDENCE__INIT,
                                     *list[] = {&evidence};
    struct merkle_hash a = {{1}}, b = {{2}};
    bundle_make_keys(f, f->peer, &evidence.kel, &evidence.n_kel);
    evidence.held = wire_data(bundle_audit_head(f, f->peer, 9, &a, 4, 1));
    evidence.shown = wire_data(bundle_audit_head(f, f->peer, 9, &b, 5, 1));
    page.evidence = list;
    page.n_evidence = 1;
    assert_true(verify_log(f, &page, &said));
    evidence.shown = wire_data(bundle_audit_head(f, f->hub, 9, &b, 5, 1));
    assert_false(verify_log(f, &page, &said)); /* not by the accused */
    assert_non_null(strstr(said.failed, "not signed by it"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(a_whole_bundle_holds_also_without_its_personal_part),
        TEST(it_must_be_between_the_hubs_that_are_asked_for),
        TEST(every_flipped_byte_of_events_receipts_and_key_logs_is_found),
        TEST(every_flipped_byte_of_lines_proofs_and_personal_parts_is_found),
        TEST(every_flipped_byte_of_heads_and_cosignatures_is_found),
        TEST(f23_a_fork_names_the_party_that_signed_twice),
        TEST(a_chain_with_a_hole_or_a_stranger_in_it_fails),
        TEST(anything_else_is_refused_without_a_crash),
        TEST(it_goes_through_json_unchanged),
        TEST(an_exported_log_leads_to_its_head_and_evidence_says_what_it_proves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
