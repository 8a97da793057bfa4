/* What a circle does for relations (R-AB-2, R-AB-3, R-DI-1) and for notices (R-NO-8, N36). */
#include "hub/api/notice_reach.h"
#include "hub/domain/introduction.h"
#include "hub/domain/notice.h"
#include "hub/domain/relation.h"
#include "tests/support/circle_fixture.h"

static struct relation relation_at(struct hubs *hubs, unsigned at, unsigned who)
{
    struct relation relation = {0};
    bool known;
    struct hub *h = &hubs->hub[at];
    OK(h, relation_find(h->store, node(hubs, who), &known, &relation, &h->err));
    return relation;
}

static void ask(struct hubs *hubs, unsigned at, unsigned who, enum decision *ret)
{
    struct hub *h = &hubs->hub[at];
    OK(h, relation_on_request(&h->tx, node(hubs, who), "Voisin", "bonjour", (struct bytes){0}, NULL,
                              0, ret, &h->err));
}

static void forget(struct hubs *hubs, unsigned at)
{
    struct hub *h = &hubs->hub[at];
    OK(h, store_exec(h->store,
                     "UPDATE peer SET ours = 'none', theirs = 'none', switches = 0,"
                     " accepted_ms = 0, provenance = ''",
                     &h->err));
}

static void members_of_an_accepting_circle_are_let_in_for_notices_only(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    enum decision answer;
    bool done;
    admit(hubs, &scope, 1);
    forget(hubs, 0);
    ask(hubs, 0, 2, &answer); /* no member, no invite */
    assert_int_equal(answer, DECISION_REFUSED);
    ask(hubs, 0, 1, &answer);
    assert_int_equal(answer, DECISION_ACCEPTED);
    struct relation relation = relation_at(hubs, 0, 1);
    assert_int_equal(relation.provenance, PROVENANCE_CIRCLE);
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT);
    assert_true(relation_is_accepted(&relation));

    /* The provenance ends: no new referrals, what is open goes on for 30 days, nothing is lost. */
    OK(a,
       relation_set_switches(&a->tx, node(hubs, 1), SWITCH_REFERRALS, SWITCH_REFERRALS, &a->err));
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 1), &done, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_string_equal(relation_state(&relation), "suspended");
    assert_int_equal(relation.switches, 0);
    assert_true(relation_is_accepted(&relation));
    struct wall next;
    a->tx.now.ms += SUSPENSION_MS - 1;
    OK(a, circle_tick(&a->tx, &next, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_true(relation_is_accepted(&relation));
    a->tx.now.ms += 1;
    OK(a, circle_tick(&a->tx, &next, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_false(relation_is_accepted(&relation));
    assert_string_equal(relation_state(&relation), "suspended");

    /* A person's own decision stands on its own feet. */
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_ACCEPTED, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_true(relation_is_accepted(&relation));
    assert_int_equal(relation.provenance, PROVENANCE_OWN);
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT | SWITCH_REFERRALS);
}

static void a_local_block_beats_the_circle_and_is_reversible(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    enum decision answer;
    bool valid, blocked;
    admit(hubs, &scope, 1);
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_BLOCKED, &a->err));
    ask(hubs, 0, 1, &answer);
    assert_int_equal(answer, DECISION_REFUSED);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid); /* not stored, not passed on */
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_PAUSED, &a->err));
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_ACCEPTED, &a->err));
    OK(a, relation_is_blocked(a->store, node(hubs, 1), &blocked, &a->err));
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_true(valid && !blocked);
}

static void an_introduction_is_a_suggestion_until_a_person_takes_it(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1], *c = &hubs->hub[2];
    struct introduction *list, one;
    size_t count;
    enum decision answer;
    OK(b, store_exec(b->store,
                     "DELETE FROM peer_enc_key WHERE peer IN (SELECT id FROM peer WHERE"
                     " node NOT IN (SELECT node FROM peer ORDER BY id LIMIT 1))",
                     &b->err));
    OK(b, store_exec(b->store, "DELETE FROM peer WHERE id > 1", &b->err));
    OK(a, introduction_send(&a->tx, node(hubs, 1), node(hubs, 2), "Parlez-vous", &a->err));
    carry_one(hubs, 0, 1);
    OK(b, introduction_list(b->store, b->tx.arena, &list, &count, &b->err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].text, "Parlez-vous");
    assert_memory_equal(list[0].source.b, node(hubs, 0)->b, NODE_ID_BYTES);
    /* A request of the introduced hub is put before a person, nothing more. */
    ask(hubs, 1, 2, &answer);
    assert_int_equal(answer, DECISION_WAITING);
    ask(hubs, 1, 3, &answer);
    assert_int_equal(answer, DECISION_REFUSED);
    OK(b, introduction_find(b->store, "voisin", &one, &b->err));
    OK(b, introduction_accept(&b->tx, &one, &b->err));
    assert_int_equal(relation_at(hubs, 1, 2).provenance, PROVENANCE_INTRODUCED);
    OK(b, introduction_list(b->store, b->tx.arena, &list, &count, &b->err));
    assert_int_equal(count, 0);
    /* Who introduced it is blocked: suspended; unblocked: as before. */
    OK(b, relation_decide(&b->tx, node(hubs, 0), DECISION_BLOCKED, &b->err));
    assert_true(relation_at(hubs, 1, 2).suspended.ms > 0);
    OK(b, relation_decide(&b->tx, node(hubs, 0), DECISION_PAUSED, &b->err));
    assert_true(relation_at(hubs, 1, 2).suspended.ms == 0);
    /* Known already on the other side: no suggestion. */
    carry_one(hubs, 0, 2);
    OK(c, introduction_list(c->store, c->tx.arena, &list, &count, &c->err));
    assert_int_equal(count, 0);
}

static Maillon__Hfp__V1__NoticeContent chairs(void)
{
    static char what[] = "chaises";
    Maillon__Hfp__V1__NoticeContent content;
    maillon__hfp__v1__notice_content__init(&content);
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
    content.what = what;
    return content;
}

static void rno8_a_notice_keeps_its_scope_through_versions_and_stays_out_of_the_journal(
    void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1), other = {{1}};
    struct hub *a = &hubs->hub[0];
    Maillon__Hfp__V1__NoticeContent content = chairs();
    Maillon__Hfp__V1__Notice *body;
    struct notice_draft draft = {.content = &content, .scope = &other};
    struct notice notice;
    uint8_t uid[UID_BYTES];
    bool known;
    REFUSED(a, ERR_DENIED, notice_post(&a->tx, &draft, uid, &a->err));
    draft.scope = &scope;
    OK(a, notice_post(&a->tx, &draft, uid, &a->err));
    draft.scope = NULL;
    a->tx.now.ms += 600000;
    OK(a, notice_update(&a->tx, uid, &draft, &a->err));
    OK(a, notice_find(a->store, node(hubs, 0), uid, &known, &notice, &a->err));
    OK(a, notice_read(a->store, a->tx.arena, &notice, &body, &a->err));
    assert_int_equal(notice.version, 2);
    assert_true(notice.has_scope);
    assert_memory_equal(body->head->scope.data, scope.b, OID_BYTES);
    assert_memory_equal(body->head->stream.data, scope.b, OID_BYTES);
    assert_int_equal(body->head->seq, 2);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM journal WHERE class = 2"), 0);
    /* Without a circle: the journal, and a stream of its own. */
    OK(a, notice_post(&a->tx, &draft, uid, &a->err));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM journal WHERE class = 2"), 1);
}

static void of_one_author_fifty_open_notices_are_shown_and_not_one_more(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    Maillon__Hfp__V1__NoticeContent content = chairs();
    struct notice_draft draft = {.content = &content};
    struct notice notice;
    struct object_row row;
    uint8_t uid[UID_BYTES], first[UID_BYTES];
    bool known;
    a->tx.open_notices = OPEN_NOTICES_PER_NODE;
    for (unsigned i = 0; i <= OPEN_NOTICES_PER_NODE; i++) {
        OK(b, notice_post(&b->tx, &draft, uid, &b->err));
        if (!i)
            memcpy(first, uid, UID_BYTES);
        OK(b, notice_find(b->store, node(hubs, 1), uid, &known, &notice, &b->err));
        OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
        assert_true(take(hubs, 0, 1, row.bytes));
    }
    assert_int_equal(hub_query(a, "SELECT count(*) FROM notice"), OPEN_NOTICES_PER_NODE);
    /* A new version of one that is shown always fits, and a withdrawal makes room. */
    OK(b, notice_withdraw(&b->tx, first, NULL, &b->err));
    OK(b, notice_find(b->store, node(hubs, 1), first, &known, &notice, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
    assert_true(take(hubs, 0, 1, row.bytes));
    OK(b, notice_post(&b->tx, &draft, uid, &b->err));
    OK(b, notice_find(b->store, node(hubs, 1), uid, &known, &notice, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
    assert_true(take(hubs, 0, 1, row.bytes));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM notice WHERE kind > 0"),
                     OPEN_NOTICES_PER_NODE);
}

static void who_joins_by_an_invite_of_a_circle_asks_to_be_taken_in(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0], *d = &hubs->hub[3];
    const char *const routes[] = {"wss://hub.example"};
    char uri[INVITE_TEXT_MAX + 1];
    struct wall expires;
    struct node_id joined;
    struct circle_ask *asks;
    size_t count;
    OK(a, relation_invite_circle(&a->tx, routes, 1, 14, &scope, uri, &expires, &a->err));
    assert_non_null(strstr(uri, "&c="));
    OK(d, relation_join(&d->tx, uri, false, &joined, &d->err));
    assert_true(node_id_equal(&joined, node(hubs, 0)));
    OK(d, relation_ask_circle(&d->tx, &joined, &d->err)); /* as when the directory entry comes */
    assert_int_equal(see(hubs, 3, &scope).ours, CIRCLE_ASKED);
    carry(hubs);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 1);
    admit(hubs, &scope, 3);
    assert_int_equal(see(hubs, 3, &scope).ours, CIRCLE_MEMBER);
}

static void reach(struct hubs *hubs, const char *circle, const char *near, uint32_t km,
                  Maillon__Api__V1__ReachResponse **ret)
{
    struct hub *a = &hubs->hub[0];
    struct config config = {0};
    struct api_env env = {.self = a->self, .config = &config};
    struct call call = {.env = &env, .store = a->store, .arena = a->tx.arena, .now = a->tx.now};
    Maillon__Api__V1__ReachRequest request = MAILLON__API__V1__REACH_REQUEST__INIT;
    request.circle = arena_text(a->tx.arena, circle);
    request.near = arena_text(a->tx.arena, near);
    request.km = km;
    OK(a, notice_reach(&call, &request, ret, &a->err));
}

static void n36_the_reach_is_known_before_a_notice_is_sent(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    Maillon__Api__V1__ReachResponse *answer;
    admit(hubs, &scope, 1);
    admit(hubs, &scope, 2);
    OK(a, store_exec(a->store,
                     "UPDATE peer SET commune = CASE id WHEN 1 THEN 'Redon' WHEN 2 THEN"
                     " '48.85,2.35' ELSE '' END",
                     &a->err));
    reach(hubs, "", "", 0, &answer);
    assert_int_equal(answer->hubs, 3);
    assert_string_equal(answer->words, "3 hubs");
    reach(hubs, "", "Redon", 20, &answer);
    assert_int_equal(answer->hubs, 1);
    assert_int_equal(answer->placeless, 1);
    assert_string_equal(answer->words,
                        "1 hub within 20 km, 3 in all; of 1 it is not known where they are");
    reach(hubs, "vallee de la drome", "Redon", 1000, &answer);
    assert_int_equal(answer->hubs, 2);
    assert_int_equal(answer->hub[0]->km, 0);
    assert_true(answer->hub[1]->km > 250 && answer->hub[1]->km < 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_of_an_accepting_circle_are_let_in_for_notices_only),
        TEST(a_local_block_beats_the_circle_and_is_reversible),
        TEST(an_introduction_is_a_suggestion_until_a_person_takes_it),
        TEST(rno8_a_notice_keeps_its_scope_through_versions_and_stays_out_of_the_journal),
        TEST(of_one_author_fifty_open_notices_are_shown_and_not_one_more),
        TEST(who_joins_by_an_invite_of_a_circle_asks_to_be_taken_in),
        TEST(n36_the_reach_is_known_before_a_notice_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
