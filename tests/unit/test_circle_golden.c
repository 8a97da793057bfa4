/* Golden bytes of circles: circle.json. */
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/introduction.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START_S UINT64_C(1800000000)

/* Two stewards, a member, and the head that all objects share in turn. */
struct golden {
    struct buf json;
    struct sign_key *keys[2];
    uint8_t a[NODE_ID_BYTES], b[NODE_ID_BYTES], member[NODE_ID_BYTES];
    Maillon__Hfp__V1__Head head;
    struct oid scope; /* the charter's */
};

/* Signs, checks that the kind's own check takes it, writes oid and Signed. */
static struct oid add(struct golden *g, const char *name, const char *type, const void *body,
                      bool (*check)(const void *, struct bytes, struct err *), size_t signers)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf object = {0};
    const struct sign_key *const keys[] = {g->keys[0], g->keys[1]};
    struct oid oid;
    struct err err = {0};
    if (!check(body, (struct bytes){0}, &err))
        fail_msg("%s: %s", name, err.msg);
    envelope_sign(keys, signers, type, wire_pack_arena(body, arena), &object, &oid);
    golden_part(&g->json, name, "oid", oid_bytes(&oid));
    golden_part(&g->json, name, "signed", buf_bytes(&object));
    return oid;
}

static void start(struct golden *g)
{
    g->keys[0] = golden_key(3);
    g->keys[1] = golden_key(4);
    memset(g->a, 0x0a, sizeof(g->a));
    memset(g->b, 0x0b, sizeof(g->b));
    memset(g->member, 0x0c, sizeof(g->member));
    golden_begin(&g->json, NULL);
    golden_text(&g->json, "op_seed_a", "32 bytes 03");
    golden_text(&g->json, "op_seed_b", "32 bytes 04");
    golden_text(&g->json, "node_a", "32 bytes 0a");
    golden_text(&g->json, "node_b", "32 bytes 0b");
    golden_text(&g->json, "member", "32 bytes 0c");
    golden_text(&g->json, "created_s", "1800000000");
    maillon__hfp__v1__head__init(&g->head);
    g->head.node = wire_data(bytes_of(g->a, sizeof(g->a)));
    g->head.incarnation = 1;
    g->head.seq = 1;
    g->head.created_s = START_S;
    g->head.expires_s = START_S + CIRCLE_LIFETIME_S;
}

/* By two stewards; then one of them ends. */
static void add_charters(struct golden *g)
{
    uint8_t nonce[16];
    char name[] = "Vallée", line[] = "Nobody is turned away.";
    char *lines[] = {line};
    ProtobufCBinaryData stewards[] = {wire_data(bytes_of(g->a, sizeof(g->a))),
                                      wire_data(bytes_of(g->b, sizeof(g->b)))};
    Maillon__Hfp__V1__Charter charter;
    memset(nonce, 0x06, sizeof(nonce));
    maillon__hfp__v1__charter__init(&charter);
    charter.head = &g->head;
    charter.name = name;
    charter.principle = lines;
    charter.n_principle = 1;
    charter.steward = stewards;
    charter.n_steward = 2;
    charter.threshold = 2;
    charter.members_max = 500;
    charter.relay_duty = charter.accept_each_other = true;
    charter.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    g->scope = add(g, "charter", TYPE_CHARTER, &charter, charter_check, 2);

    Maillon__Hfp__V1__StewardEnd end, *ends[] = {&end};
    maillon__hfp__v1__steward_end__init(&end);
    end.node = stewards[1];
    end.last_seq = 4;
    g->head.seq = 2;
    g->head.prev = g->head.stream = g->head.scope = wire_data(oid_bytes(&g->scope));
    charter.n_steward = charter.threshold = 1;
    charter.ended = ends;
    charter.n_ended = 1;
    add(g, "amendment", TYPE_CHARTER, &charter, charter_check, 2);
}

/* One comes, and goes. */
static void add_memberships(struct golden *g)
{
    char cafe[] = "Café", type[] = TYPE_NOTICE;
    Maillon__Hfp__V1__Membership event;
    Maillon__Hfp__V1__StreamBoundOf bound, *bounds[] = {&bound};
    maillon__hfp__v1__membership__init(&event);
    g->head.seq = 1;
    g->head.prev = (ProtobufCBinaryData){0};
    event.head = &g->head;
    event.member = wire_data(bytes_of(g->member, sizeof(g->member)));
    event.term = 1;
    event.change = MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_ADD;
    event.name = cafe;
    event.charter = wire_data(oid_bytes(&g->scope));
    const struct oid added = add(g, "membership_add", TYPE_MEMBERSHIP, &event, membership_check, 2);
    maillon__hfp__v1__stream_bound_of__init(&bound);
    bound.type = type;
    bound.seq = 12;
    g->head.seq = 2;
    g->head.prev = wire_data(oid_bytes(&added));
    event.change = MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_REMOVE;
    event.last = bounds;
    event.n_last = 1;
    add(g, "membership_remove", TYPE_MEMBERSHIP, &event, membership_check, 2);
}

static void add_introduction_and_letter(struct golden *g)
{
    uint8_t nonce[16];
    char name[] = "Ressourcerie", route[] = "wss://hub.example.org",
         text[] = "Vous avez des chaises", please[] = "Le café du pont";
    char *routes[] = {route};
    const struct bytes other = bytes_of(g->b, sizeof(g->b));
    Maillon__Hfp__V1__Introduction introduction;
    Maillon__Hfp__V1__CircleLetter letter;
    memset(nonce, 0x07, sizeof(nonce));
    g->head.seq = 1;
    g->head.prev = g->head.stream = g->head.scope = (ProtobufCBinaryData){0};
    g->head.expires_s = START_S + INTRODUCTION_LIFE_S;
    maillon__hfp__v1__introduction__init(&introduction);
    introduction.head = &g->head;
    introduction.recipient = introduction.node = wire_data(other);
    introduction.name = name;
    introduction.route = routes;
    introduction.n_route = 1;
    introduction.text = text;
    add(g, "introduction", TYPE_INTRODUCTION, &introduction, introduction_check, 1);
    maillon__hfp__v1__circle_letter__init(&letter);
    letter.head = &g->head;
    letter.recipient = wire_data(other);
    letter.circle = wire_data(oid_bytes(&g->scope));
    letter.kind = MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK;
    letter.text = please;
    letter.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    add(g, "letter_ask", TYPE_CIRCLE_LETTER, &letter, circle_letter_check, 1);
}

static void signed_bytes_are_the_golden_ones(void **state)
{
    (void)state;
    struct golden g = {0};
    assert_true(secret_setup());
    start(&g);
    add_charters(&g);
    add_memberships(&g);
    add_introduction_and_letter(&g);
    golden_text(&g.json, "end", "");
    golden_end(&g.json);
    assert_true(golden_same(&g.json, "circle.json"));
    sign_key_free(g.keys[0]);
    sign_key_free(g.keys[1]);
    buf_done(&g.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_bytes_are_the_golden_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
