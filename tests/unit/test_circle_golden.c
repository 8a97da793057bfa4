/* Golden bytes of circles: circle.json. GOLDEN_WRITE=1 writes it, for a deliberate change only. */
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/introduction.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define START_S UINT64_C(1800000000)

static struct sign_key *key_of(uint8_t fill)
{
    uint8_t seed[32];
    memset(seed, fill, sizeof(seed));
    return sign_key_from_seed(seed);
}

/* Signs, checks that the kind's own check takes it, writes body, oid and Signed. */
static struct oid add(struct buf *json, const char *name, const char *type, const void *body,
                      bool (*check)(const void *, struct bytes, struct err *),
                      const struct sign_key *const *keys, size_t count)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf object = {0};
    struct oid oid;
    struct err err = {0};
    char hex[2 * OID_BYTES + 1];
    if (!check(body, (struct bytes){0}, &err))
        fail_msg("%s: %s", name, err.msg);
    envelope_sign(keys, count, type, wire_pack_arena(body, arena), &object, &oid);
    char *text = arena_alloc(arena, 2 * object.len + 1);
    buf_addf(json, "  \"%s_oid\": \"%s\",\n", name, hex_encode(oid_bytes(&oid), hex));
    buf_addf(json, "  \"%s_signed\": \"%s\",\n", name, hex_encode(buf_bytes(&object), text));
    return oid;
}

static void compare(struct buf *json)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/golden/circle.json", getenv("MAILLON_VECTORS"));
    if (getenv("GOLDEN_WRITE")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        assert_int_equal(fwrite(json->data, 1, json->len, out), json->len);
        assert_int_equal(fclose(out), 0);
    }
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char *read = mem_alloc(json->len + 2);
    assert_int_equal(fread(read, 1, json->len + 1, in), json->len);
    fclose(in);
    assert_memory_equal(read, json->data, json->len);
    free(read);
}

static void introduction_and_letter(struct buf *json, Maillon__Hfp__V1__Head *head,
                                    const struct oid *scope, struct bytes other,
                                    const struct sign_key *const *keys)
{
    uint8_t nonce[16];
    char name[] = "Ressourcerie", route[] = "wss://hub.example.org",
         text[] = "Vous avez des chaises", please[] = "Le café du pont";
    char *routes[] = {route};
    Maillon__Hfp__V1__Introduction introduction;
    Maillon__Hfp__V1__CircleLetter letter;
    memset(nonce, 0x07, sizeof(nonce));
    head->expires_s = START_S + INTRODUCTION_LIFE_S;
    maillon__hfp__v1__introduction__init(&introduction);
    introduction.head = head;
    introduction.recipient = introduction.node = wire_data(other);
    introduction.name = name;
    introduction.route = routes;
    introduction.n_route = 1;
    introduction.text = text;
    add(json, "introduction", TYPE_INTRODUCTION, &introduction, introduction_check, keys, 1);
    maillon__hfp__v1__circle_letter__init(&letter);
    letter.head = head;
    letter.recipient = wire_data(other);
    letter.circle = wire_data(oid_bytes(scope));
    letter.kind = MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK;
    letter.text = please;
    letter.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    add(json, "letter_ask", TYPE_CIRCLE_LETTER, &letter, circle_letter_check, keys, 1);
}

static void signed_bytes_are_the_golden_ones(void **state)
{
    (void)state;
    uint8_t a[NODE_ID_BYTES], b[NODE_ID_BYTES], member[NODE_ID_BYTES], nonce[16];
    AUTO(buf_done) struct buf json = {0};
    assert_true(secret_setup());
    AUTO(sign_key_free) struct sign_key *one = key_of(3);
    AUTO(sign_key_free) struct sign_key *two = key_of(4);
    const struct sign_key *const keys[] = {one, two};
    char name[] = "Vallée", line[] = "Nobody is turned away.", cafe[] = "Café",
         type[] = TYPE_NOTICE;
    char *lines[] = {line};
    memset(a, 0x0a, sizeof(a));
    memset(b, 0x0b, sizeof(b));
    memset(member, 0x0c, sizeof(member));
    memset(nonce, 0x06, sizeof(nonce));
    buf_add_text(&json, "{\n  \"op_seed_a\": \"32 bytes 03\",\n  \"op_seed_b\": \"32 bytes 04\",\n"
                        "  \"node_a\": \"32 bytes 0a\",\n  \"node_b\": \"32 bytes 0b\",\n"
                        "  \"member\": \"32 bytes 0c\",\n  \"created_s\": \"1800000000\",\n");
    Maillon__Hfp__V1__Head head;
    maillon__hfp__v1__head__init(&head);
    head.node = wire_data(bytes_of(a, sizeof(a)));
    head.incarnation = 1;
    head.seq = 1;
    head.created_s = START_S;
    head.expires_s = START_S + CIRCLE_LIFETIME_S;

    Maillon__Hfp__V1__Charter charter;
    maillon__hfp__v1__charter__init(&charter);
    ProtobufCBinaryData stewards[] = {wire_data(bytes_of(a, sizeof(a))),
                                      wire_data(bytes_of(b, sizeof(b)))};
    charter.head = &head;
    charter.name = name;
    charter.principle = lines;
    charter.n_principle = 1;
    charter.steward = stewards;
    charter.n_steward = 2;
    charter.threshold = 2;
    charter.members_max = 500;
    charter.relay_duty = charter.accept_each_other = true;
    charter.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    const struct oid scope = add(&json, "charter", TYPE_CHARTER, &charter, charter_check, keys, 2);

    Maillon__Hfp__V1__StewardEnd end, *ends[] = {&end};
    maillon__hfp__v1__steward_end__init(&end);
    end.node = stewards[1];
    end.last_seq = 4;
    head.seq = 2;
    head.prev = head.stream = head.scope = wire_data(oid_bytes(&scope));
    charter.n_steward = charter.threshold = 1;
    charter.ended = ends;
    charter.n_ended = 1;
    add(&json, "amendment", TYPE_CHARTER, &charter, charter_check, keys, 2);

    Maillon__Hfp__V1__Membership event;
    maillon__hfp__v1__membership__init(&event);
    head.seq = 1;
    head.prev = (ProtobufCBinaryData){0};
    event.head = &head;
    event.member = wire_data(bytes_of(member, sizeof(member)));
    event.term = 1;
    event.change = MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_ADD;
    event.name = cafe;
    event.charter = wire_data(oid_bytes(&scope));
    const struct oid added =
        add(&json, "membership_add", TYPE_MEMBERSHIP, &event, membership_check, keys, 2);
    Maillon__Hfp__V1__StreamBoundOf bound, *bounds[] = {&bound};
    maillon__hfp__v1__stream_bound_of__init(&bound);
    bound.type = type;
    bound.seq = 12;
    head.seq = 2;
    head.prev = wire_data(oid_bytes(&added));
    event.change = MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_REMOVE;
    event.last = bounds;
    event.n_last = 1;
    add(&json, "membership_remove", TYPE_MEMBERSHIP, &event, membership_check, keys, 2);

    head.seq = 1;
    head.prev = head.stream = head.scope = (ProtobufCBinaryData){0};
    introduction_and_letter(&json, &head, &scope, bytes_of(b, sizeof(b)), keys);
    buf_add_text(&json, "  \"end\": \"\"\n}\n");
    compare(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_bytes_are_the_golden_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
