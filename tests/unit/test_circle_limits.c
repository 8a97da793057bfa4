/* How many circles, members and lines there may be, and what an accepted peer may not do. */
#include "tests/support/circle_fixture.h"

static void charters_keep_their_limits(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    char line[CIRCLE_PRINCIPLE_MAX + 2];
    const char *many[CIRCLE_PRINCIPLES_MAX + 1];
    memset(line, 'a', sizeof(line) - 1);
    line[CIRCLE_PRINCIPLE_MAX] = '\0';
    for (size_t i = 0; i <= CIRCLE_PRINCIPLES_MAX; i++)
        many[i] = line;
    draft.principle = many;
    draft.principle_count = CIRCLE_PRINCIPLES_MAX;
    draft.members_max = CIRCLE_MEMBERS_MAX;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count++;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count = 1;
    line[CIRCLE_PRINCIPLE_MAX] = 'a';
    line[CIRCLE_PRINCIPLE_MAX + 1] = '\0';
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count = 0;
    draft.members_max = CIRCLE_MEMBERS_MAX + 1;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.members_max = 0;
    draft.threshold = 2;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.threshold = 1;
    draft.steward_count = CIRCLE_STEWARDS_MAX;
    for (unsigned i = 1; i < CIRCLE_STEWARDS_MAX; i++)
        draft.steward[i].b[0] = (uint8_t)(i + 1);
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.steward_count++;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
}

static void a_hub_knows_64_circles_and_not_one_more(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    for (unsigned i = 0; i < CIRCLES_MAX; i++)
        OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    REFUSED(a, ERR_LIMIT, circle_found(&a->tx, &draft, &scope, &done, &a->err));
}

static void a_circle_has_as_many_members_as_its_charter_says(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    draft.members_max = 3;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 1), "", &done, &a->err));
    REFUSED(a, ERR_CONFLICT, circle_admit(&a->tx, &scope, node(hubs, 1), "", &done, &a->err));
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 2), "", &done, &a->err));
    REFUSED(a, ERR_LIMIT, circle_admit(&a->tx, &scope, node(hubs, 3), "", &done, &a->err));
}

static void the_5000th_member_is_taken_and_the_next_one_waits(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct oid scope = found(hubs, 1, 1);
    /* Rows instead of 4,998 signed events: what counts here is the bound. */
    OK(a,
       store_exec(a->store,
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4998)"
                  " INSERT INTO circle_member SELECT 1, CAST(printf('%032d', i) AS BLOB), 1, 1, 0,"
                  " '', 0, 0 FROM n",
                  &a->err));
    struct log_event add = {CHANGE(ADD), 1};
    assert_int_equal(see(hubs, 0, &scope).member_count, 4999);
    assert_true(take(hubs, 0, 0, sign_event(hubs, &scope, &add, 0)));
    assert_int_equal(see(hubs, 0, &scope).member_count, CIRCLE_MEMBERS_MAX);
    bool done;
    REFUSED(a, ERR_LIMIT, circle_admit(&a->tx, &scope, node(hubs, 2), "", &done, &a->err));
}

static struct bytes sign_by(struct hubs *hubs, unsigned by, const char *type,
                            const ProtobufCMessage *body)
{
    struct hub *h = &hubs->hub[by];
    AUTO(buf_done) struct buf out = {0};
    identity_sign(h->self, type, wire_pack_arena(body, h->tx.arena), &out, NULL);
    return arena_bytes(h->tx.arena, buf_bytes(&out));
}

static struct bytes sign_leave(struct hubs *hubs, unsigned by, const struct oid *scope,
                               uint64_t term, uint64_t seq)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Membership body;
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__membership__init(&body);
    head.node = wire_data(node_id_bytes(node(hubs, by)));
    head.seq = seq;
    struct oid prev = {{9}};
    if (seq > 1)
        head.prev = wire_data(oid_bytes(&prev));
    head.created_s = (uint64_t)hubs->hub[by].tx.now.ms / 1000;
    head.expires_s = head.created_s + CIRCLE_LIFETIME_S;
    head.scope = head.stream = wire_data(oid_bytes(scope));
    body.head = &head;
    body.member = wire_data(node_id_bytes(node(hubs, by)));
    body.term = term;
    body.change = CHANGE(LEAVE);
    return sign_by(hubs, by, TYPE_MEMBERSHIP, &body.base);
}

/* Applies a letter of hub `from` at hub 0; the disposition is STORED whatever comes of it. */
static void apply_letter(struct hubs *hubs, unsigned from, Maillon__Hfp__V1__CircleLetterKind kind,
                         const struct oid *circle, const struct bytes *objects, size_t count,
                         const struct identity *stranger)
{
    struct hub *a = &hubs->hub[0];
    Maillon__Hfp__V1__CircleLetter letter;
    Maillon__Hfp__V1__KeyLogOf keys, *logs[] = {&keys};
    ProtobufCBinaryData list[8], events[KEL_EVENTS_MAX];
    struct disposition said = {0};
    maillon__hfp__v1__circle_letter__init(&letter);
    letter.kind = kind;
    letter.circle = wire_data(oid_bytes(circle));
    for (size_t i = 0; i < count; i++)
        list[i] = wire_data(objects[i]);
    letter.object = list;
    letter.n_object = count;
    if (stranger) {
        maillon__hfp__v1__key_log_of__init(&keys);
        keys.node = wire_data(node_id_bytes(identity_node(stranger)));
        const struct bytes *log = identity_kel_events(stranger, &keys.n_event);
        for (size_t i = 0; i < keys.n_event; i++)
            events[i] = wire_data(log[i]);
        keys.event = events;
        letter.keys = logs;
        letter.n_keys = 1;
    }
    struct inbound_object object = {.from = *node(hubs, from), .body = &letter};
    OK(a, circle_letter_apply(&a->tx, &object, &said, &a->err));
}

/* A letter names what it proposes: what is no charter was read as one. */
static void a_proposal_that_is_no_charter_founds_nothing(void **state)
{
    struct hubs *hubs = *state;
    struct oid elsewhere = {{7}};
    struct bytes leave = sign_leave(hubs, 1, &elsewhere, 1, 1);
    struct envelope envelope;
    OK(&hubs->hub[0], envelope_open(leave, hubs->hub[0].tx.arena, &envelope, &hubs->hub[0].err));
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_PROPOSAL,
                 &envelope.oid, &leave, 1, NULL);
    assert_int_equal(hub_query(&hubs->hub[0], "SELECT count(*) FROM circle"), 0);
}

static void what_peers_tell_of_leaves_room_for_what_people_choose(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.steward[0] = *node(hubs, 1);
    struct oid scope;
    bool done, known;
    for (unsigned i = 0; i < CIRCLES_UNASKED_MAX + 4; i++) {
        struct object_row row;
        OK(b, circle_found(&b->tx, &draft, &scope, &done, &b->err));
        OK(b, object_get(b->store, b->tx.arena, &scope, &known, &row, &b->err));
        apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_OBJECTS,
                     &scope, &row.bytes, 1, NULL);
    }
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), CIRCLES_UNASKED_MAX);
    (void)found(hubs, 1, 1);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), CIRCLES_UNASKED_MAX + 1);
}

/* A LEAVE needs nobody else's signature: without a bound it fills the set that removals need. */
static void rno9_a_leave_ends_a_term_there_was_and_few_are_kept(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    assert_false(take(hubs, 0, 2, sign_leave(hubs, 2, &scope, 1, 1))); /* never was in */
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    assert_true(is_in(hubs, 0, &scope, 1));
    assert_false(take(hubs, 0, 1, sign_leave(hubs, 1, &scope, 2, 1))); /* no such term yet */
    unsigned kept = 0;
    for (uint64_t seq = 1; seq <= 20; seq++)
        kept += take(hubs, 0, 1, sign_leave(hubs, 1, &scope, 1, seq));
    assert_int_equal(kept, 4);
    assert_false(is_in(hubs, 0, &scope, 1));
}

static void keys_of_strangers_in_a_letter_are_not_kept(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.steward[0] = *node(hubs, 1);
    struct hub stranger;
    hub_open(&stranger, 900);
    struct oid scope;
    struct object_row row;
    bool done, known;
    int64_t before = hub_query(a, "SELECT count(*) FROM node_key");
    OK(b, circle_found(&b->tx, &draft, &scope, &done, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &scope, &known, &row, &b->err));
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_OBJECTS, &scope,
                 &row.bytes, 1, stranger.self);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), 1);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM node_key"), before);
    hub_close(&stranger);
}

static void a_member_who_asks_again_and_again_is_told_once_an_hour(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct oid scope = found(hubs, 1, 1);
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    carry(hubs);
    int64_t before = hub_query(a, "SELECT count(*) FROM outbox");
    for (unsigned i = 0; i < 5; i++)
        apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK, &scope,
                     NULL, 0, NULL);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), before + 1);
    a->tx.now.ms += 3600000;
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK, &scope,
                 NULL, 0, NULL);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), before + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(charters_keep_their_limits),
        TEST(a_hub_knows_64_circles_and_not_one_more),
        TEST(a_circle_has_as_many_members_as_its_charter_says),
        TEST(the_5000th_member_is_taken_and_the_next_one_waits),
        TEST(a_member_who_asks_again_and_again_is_told_once_an_hour),
        TEST(keys_of_strangers_in_a_letter_are_not_kept),
        TEST(rno9_a_leave_ends_a_term_there_was_and_few_are_kept),
        TEST(what_peers_tell_of_leaves_room_for_what_people_choose),
        TEST(a_proposal_that_is_no_charter_founds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
