/* Notices: which version wins, what we may post, when changes are told. */
#include "hub/crypto/wire.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"
#include "hub/outbox/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/notice_fixture.h"

/* A version as a peer signs it; everything in the fixture's arena. */
static struct inbound_object *peer_version(struct domain_fixture *f, uint8_t uid, uint32_t version,
                                           uint32_t amount, uint64_t expires_s)
{
    struct content *c = arena_alloc(f->tx.arena, sizeof(*c));
    Maillon__Hfp__V1__Notice *body = arena_alloc(f->tx.arena, sizeof(*body));
    Maillon__Hfp__V1__Head *head = arena_alloc(f->tx.arena, sizeof(*head));
    uint8_t *id = arena_alloc(f->tx.arena, UID_BYTES);
    AUTO(buf_done) struct buf out = {0};
    maillon__hfp__v1__notice__init(body);
    maillon__hfp__v1__head__init(head);
    memset(id, uid, UID_BYTES);
    head->node = wire_data(node_id_bytes(peer_node(f)));
    head->seq = 1;
    head->created_s = now_s(f);
    head->expires_s = expires_s;
    body->head = head;
    body->uid = wire_data(bytes_of(id, UID_BYTES));
    body->version = version;
    if (amount) {
        body->content = mattresses(c);
        c->quantity.amount = amount;
    }
    struct inbound_object *object = arena_alloc(f->tx.arena, sizeof(*object));
    object->from = *peer_node(f);
    object->head = head;
    object->body = body;
    identity_sign(f->peer, TYPE_NOTICE, wire_pack_arena(body, f->tx.arena), &out,
                  &object->envelope.oid);
    assert_ok(f, envelope_open(arena_bytes(f->tx.arena, buf_bytes(&out)), f->tx.arena,
                               &object->envelope, &f->err));
    return object;
}

static void apply(struct domain_fixture *f, const struct inbound_object *object)
{
    struct disposition said = {0};
    struct object_row row;
    bool found;
    assert_ok(f, notice_check(object->body, (struct bytes){0}, &f->err));
    assert_ok(f, object_find(f->tx.store, &object->envelope.oid, &found, &row, &f->err));
    if (!found)
        assert_ok(f, object_add(&f->tx, &object->envelope, &object->from, object->head->expires_s,
                                OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, notice_apply(&f->tx, object, &said, &f->err));
    assert_int_equal(said.state, MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED);
}

static struct notice shown(struct domain_fixture *f, uint8_t uid)
{
    bool found;
    uint8_t id[UID_BYTES];
    struct notice notice = {0};
    memset(id, uid, UID_BYTES);
    assert_ok(f, notice_find(f->tx.store, peer_node(f), id, &found, &notice, &f->err));
    assert_true(found);
    notice.id = 0;
    return notice;
}

static void the_higher_version_wins_in_any_order(void **state)
{
    struct domain_fixture *f = *state;
    apply(f, peer_version(f, 1, 2, 10, now_s(f) + 1000));
    apply(f, peer_version(f, 1, 1, 12, now_s(f) + 1000));
    assert_int_equal(shown(f, 1).version, 2);
    assert_int_equal(shown(f, 1).asked, 10);
    apply(f, peer_version(f, 1, 3, 7, now_s(f) + 1000));
    assert_int_equal(shown(f, 1).asked, 7);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM notice"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM event WHERE kind = 'notice'"), 2);
}

static void two_objects_with_one_version_are_flagged_and_both_kept(void **state)
{
    struct domain_fixture *f = *state;
    struct inbound_object *a = peer_version(f, 1, 2, 10, now_s(f) + 1000);
    struct inbound_object *b = peer_version(f, 1, 2, 11, now_s(f) + 1000);
    apply(f, a);
    assert_false(shown(f, 1).equivocated);
    apply(f, b);
    const struct inbound_object *lowest =
        memcmp(a->envelope.oid.b, b->envelope.oid.b, OID_BYTES) < 0 ? a : b;
    assert_true(shown(f, 1).equivocated);
    assert_memory_equal(shown(f, 1).oid.b, lowest->envelope.oid.b, OID_BYTES);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object"), 2);
    apply(f, peer_version(f, 1, 3, 5, now_s(f) + 1000));
    assert_false(shown(f, 1).equivocated);
}

static void a_withdrawal_keeps_older_versions_from_coming_back(void **state)
{
    struct domain_fixture *f = *state;
    struct wall next;
    apply(f, peer_version(f, 1, 1, 12, now_s(f) + 1000));
    apply(f, peer_version(f, 1, 2, 0, now_s(f) + 500));
    assert_string_equal(notice_status(&(struct notice){.created_s = now_s(f)}, f->tx.now),
                        "withdrawn");
    apply(f, peer_version(f, 1, 1, 13, now_s(f) + 100000)); /* lives longest of all */
    assert_int_equal(shown(f, 1).kind, 0);
    advance(f, (NOTICE_KEEP_S + 99999) * INT64_C(1000));
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM notice"), 1);
    advance(f, 3600 * 1000);
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM notice"), 0);
}

static void shuffle(struct domain_fixture *f, struct inbound_object **list, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = random_below(&f->random.source, i);
        struct inbound_object *swap = list[i - 1];
        list[i - 1] = list[k];
        list[k] = swap;
    }
}

static void merging_is_commutative_and_idempotent(void **state)
{
    struct domain_fixture *f = *state;
    for (int round = 0; round < 60; round++) {
        struct inbound_object *list[7];
        struct notice first = {0};
        int64_t kept = 0;
        for (size_t i = 0; i < 7; i++)
            list[i] = peer_version(f, 1, 1 + (uint32_t)random_below(&f->random.source, 3),
                                   (uint32_t)random_below(&f->random.source, 4),
                                   now_s(f) + 1000 + random_below(&f->random.source, 50));
        for (int order = 0; order < 12; order++) {
            assert_ok(f, store_savepoint(f->tx.store, &f->err));
            shuffle(f, list, 7);
            for (size_t i = 0; i < 7; i++)
                apply(f, list[i]);
            for (size_t i = 0; i < random_below(&f->random.source, 7); i++)
                apply(f, list[i]); /* again */
            struct notice now = shown(f, 1);
            int64_t keep_s = query_i64(f, "SELECT keep_s FROM notice");
            if (order == 0) {
                first = now;
                kept = keep_s;
            }
            assert_memory_equal(&now, &first, sizeof(now));
            assert_int_equal(keep_s, kept);
            store_undo(f->tx.store);
        }
        arena_reset(f->tx.arena);
    }
}

/* (a + b) + c = a + (b + c), where joining a hub's knowledge is applying what it shows and keeps.
 */
static void merging_is_associative(void **state)
{
    struct domain_fixture *f = *state;
    for (int round = 0; round < 60; round++) {
        struct inbound_object *list[9];
        for (size_t i = 0; i < 9; i++)
            list[i] =
                peer_version(f, 1, 1 + (uint32_t)random_below(&f->random.source, 3),
                             1 + (uint32_t)random_below(&f->random.source, 6), now_s(f) + 1000);
        struct notice left, right;
        struct inbound_object *pair[9];
        for (int side = 0; side < 2; side++) {
            size_t count = 0, from = side ? 3 : 0; /* the group that is joined first */
            assert_ok(f, store_savepoint(f->tx.store, &f->err));
            for (size_t i = from; i < from + 6; i++)
                apply(f, list[i]);
            struct oid other = {{0}};
            struct notice joined = shown(f, 1);
            AUTO(stmt_release)
            struct stmt *stmt = stmt_get(f->tx.store, "SELECT other_oid FROM notice", &f->err);
            bool row;
            assert_true(stmt && stmt_next(stmt, &row, &f->err) && row);
            bool has_other = stmt_copy(stmt, 0, other.b, OID_BYTES);
            stmt_reset(stmt);
            for (size_t i = from; i < from + 6; i++)
                if (oid_equal(&list[i]->envelope.oid, &joined.oid) ||
                    (has_other && oid_equal(&list[i]->envelope.oid, &other)))
                    pair[count++] = list[i];
            store_undo(f->tx.store);
            assert_ok(f, store_savepoint(f->tx.store, &f->err));
            for (size_t i = 0; i < count; i++)
                apply(f, pair[i]);
            for (size_t i = side ? 0 : 6; i < (side ? 3u : 9u); i++)
                apply(f, list[i]);
            *(side ? &right : &left) = shown(f, 1);
            store_undo(f->tx.store);
        }
        assert_memory_equal(&left, &right, sizeof(left));
        arena_reset(f->tx.arena);
    }
}

static void the_shape_of_a_peers_notice_is_checked(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    struct inbound_object *object = peer_version(f, 1, 1, 0, now_s(f) + 1000);
    Maillon__Hfp__V1__Notice body = *(const Maillon__Hfp__V1__Notice *)object->body;
    body.content = mattresses(&c);
    assert_ok(f, notice_check(&body, (struct bytes){0}, &f->err));
    memset(c.detail, 'x', NOTICE_TEXT_MAX);
    c.detail[NOTICE_TEXT_MAX] = '\0';
    assert_ok(f, notice_check(&body, (struct bytes){0}, &f->err));
    c.detail[NOTICE_TEXT_MAX] = 'x';
    c.detail[NOTICE_TEXT_MAX + 1] = '\0';
    assert_err(f, ERR_PEER, notice_check(&body, (struct bytes){0}, &f->err));
    mattresses(&c)->kind = (Maillon__Hfp__V1__NoticeKind)8;
    assert_err(f, ERR_PEER, notice_check(&body, (struct bytes){0}, &f->err));
    mattresses(&c)->latitude_e4 = 900001;
    assert_err(f, ERR_PEER, notice_check(&body, (struct bytes){0}, &f->err));
    mattresses(&c);
    body.version = 0;
    assert_err(f, ERR_PEER, notice_check(&body, (struct bytes){0}, &f->err));
    body.version = 1;
    body.uid.len = 15;
    assert_err(f, ERR_PEER, notice_check(&body, (struct bytes){0}, &f->err));
    body.uid.len = 16;
    assert_err(f, ERR_PEER, notice_check(&body, BYTES_LITERAL("x"), &f->err));
}

static struct notice own(struct domain_fixture *f, const uint8_t uid[UID_BYTES])
{
    bool found;
    struct notice notice = {0};
    assert_ok(f, notice_find(f->tx.store, identity_node(f->self), uid, &found, &notice, &f->err));
    assert_true(found);
    return notice;
}

static void a_posted_notice_is_signed_numbered_and_journalled(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    uint8_t uid[UID_BYTES], other[UID_BYTES];
    Maillon__Hfp__V1__Notice *body;
    struct notice_draft draft = {.content = mattresses(&c), .request_key = "k1"};
    c.body.latitude_e4 = 476523;
    c.body.longitude_e4 = -20842;
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    struct notice notice = own(f, uid);
    assert_int_equal(notice.expires_s, now_s(f) + 7 * 86400);
    assert_ok(f, notice_read(f->tx.store, f->tx.arena, &notice, &body, &f->err));
    assert_int_equal(body->head->seq, 1);
    assert_int_equal(body->content->latitude_e4, 476500); /* about 500 m */
    assert_int_equal(body->content->longitude_e4, -20850);
    assert_string_equal(notice_status(&notice, f->tx.now), "published");
    assert_string_equal(notice_edxl(&notice), "RequestResource");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM journal"), 1);
    assert_ok(f, notice_post(&f->tx, &draft, other, &f->err)); /* the same call again */
    assert_memory_equal(uid, other, UID_BYTES);
    draft.request_key = "k2";
    assert_ok(f, notice_post(&f->tx, &draft, other, &f->err));
    notice = own(f, other);
    assert_ok(f, notice_read(f->tx.store, f->tx.arena, &notice, &body, &f->err));
    assert_int_equal(body->head->seq, 2);
    assert_int_equal(body->head->prev.len, OID_BYTES);
}

static void notices_carry_no_personal_data(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    uint8_t uid[UID_BYTES];
    const struct notice_draft draft = {.content = mattresses(&c)};
    snprintf(c.detail, sizeof(c.detail), "appeler le 06 12 34 56 78");
    assert_err(f, ERR_INVALID, notice_post(&f->tx, &draft, uid, &f->err));
    assert_non_null(strstr(f->err.msg, "looks like a phone number of a person"));
    assert_null(strstr(f->err.msg, "06 12"));
    mattresses(&c);
    snprintf(c.role, sizeof(c.role), "marie.durand@exemple.fr");
    assert_err(f, ERR_INVALID, notice_post(&f->tx, &draft, uid, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM notice"), 0);
}

/* Nobody could ever come for it. */
static void what_nobody_can_ever_claim_is_not_posted(void **state)
{
    struct domain_fixture *f = *state;
    uint64_t now = now_s(f);
    const struct {
        uint64_t from_s, to_s;
        uint32_t min_lot;
        const char *problem;
    } cases[] = {
        {now + 86400, now + 3600, 0, "the first day comes after the last"},
        {0, now - 1, 0, "the last day has passed"},
        {0, 0, 13, "the smallest part is more than there is"},
        {now - 86400, now + 3600, 12, NULL}, /* it runs already; all or nothing */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct content c;
        uint8_t uid[UID_BYTES];
        Maillon__Hfp__V1__NoticeContent *content = mattresses(&c);
        const struct notice_draft draft = {.content = content};
        c.quantity.amount = 12;
        content->available_from_s = cases[i].from_s;
        content->available_to_s = cases[i].to_s;
        content->min_lot = cases[i].min_lot;
        if (cases[i].problem) {
            assert_err(f, ERR_INVALID, notice_post(&f->tx, &draft, uid, &f->err));
            assert_non_null(strstr(f->err.msg, cases[i].problem));
        } else {
            assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
        }
    }
}

static void open_notices_have_a_limit(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    uint8_t uid[UID_BYTES];
    struct notice_draft draft = {.content = mattresses(&c), .open_max = 2};
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_err(f, ERR_LIMIT, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_withdraw(&f->tx, uid, "trouvé", &f->err));
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    draft.open_max = 0;
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
}

static void ends_are_bounded_and_renewed_three_times(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    uint8_t uid[UID_BYTES];
    struct notice_draft draft = {.content = mattresses(&c), .expires_s = now_s(f)};
    assert_err(f, ERR_INVALID, notice_post(&f->tx, &draft, uid, &f->err));
    draft.expires_s = now_s(f) + NOTICE_LIFETIME_MAX_S + 1;
    assert_err(f, ERR_INVALID, notice_post(&f->tx, &draft, uid, &f->err));
    draft.expires_s = now_s(f) + NOTICE_LIFETIME_MAX_S;
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    for (int i = 0; i < NOTICE_RENEWALS_MAX; i++)
        assert_ok(f, notice_renew(&f->tx, uid, 0, &f->err));
    assert_int_equal(own(f, uid).version, 4);
    assert_int_equal(own(f, uid).expires_s, now_s(f) + NOTICE_LIFETIME_MAX_S);
    assert_err(f, ERR_CONFLICT, notice_renew(&f->tx, uid, 0, &f->err));
    draft.expires_s = 0;
    assert_ok(f, notice_update(&f->tx, uid, &draft, &f->err));
    assert_ok(f, notice_renew(&f->tx, uid, 0, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM journal"), 1);
}

static void a_withdrawn_notice_is_not_changed_any_more(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    uint8_t uid[UID_BYTES];
    const struct notice_draft draft = {.content = mattresses(&c)};
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_withdraw(&f->tx, uid, "trouvé", &f->err));
    assert_ok(f, notice_withdraw(&f->tx, uid, "trouvé", &f->err));
    struct notice notice = own(f, uid);
    assert_int_equal(notice.version, 2);
    assert_int_equal(notice.expires_s, now_s(f) + 7 * 86400 + NOTICE_KEEP_S);
    assert_string_equal(notice_status(&notice, f->tx.now), "withdrawn");
    assert_string_equal(notice_edxl(&notice), "MessageRecall");
    assert_err(f, ERR_CONFLICT, notice_update(&f->tx, uid, &draft, &f->err));
    assert_err(f, ERR_CONFLICT, notice_renew(&f->tx, uid, 0, &f->err));
    uid[0] ^= 1;
    assert_err(f, ERR_UNKNOWN, notice_withdraw(&f->tx, uid, NULL, &f->err));
}

static void progress_is_published_at_once_then_coalesced(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    struct wall next;
    uint8_t uid[UID_BYTES];
    Maillon__Hfp__V1__Notice *body;
    struct notice_draft draft = {.content = mattresses(&c)};
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_set_progress(&f->tx, uid, 8, 0, &f->err));
    struct notice notice = own(f, uid);
    assert_int_equal(notice.version, 2);
    assert_int_equal(notice_remaining(&notice), 4);
    assert_string_equal(notice_status(&notice, f->tx.now), "partly-filled");
    assert_ok(f, notice_set_progress(&f->tx, uid, 9, 0, &f->err));
    assert_ok(f, notice_set_progress(&f->tx, uid, 10, 2, &f->err));
    assert_int_equal(own(f, uid).version, 2);
    assert_int_equal(own(f, uid).committed, 10); /* we see it at once */
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(next.ms, f->tx.now.ms + NOTICE_PROGRESS_MS);
    advance(f, NOTICE_PROGRESS_MS);
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    notice = own(f, uid);
    assert_int_equal(notice.version, 3);
    assert_ok(f, notice_read(f->tx.store, f->tx.arena, &notice, &body, &f->err));
    assert_int_equal(body->content->committed, 10);
    assert_int_equal(body->content->delivered, 2);
    c.quantity.amount = 9;
    assert_err(f, ERR_CONFLICT, notice_update(&f->tx, uid, &draft, &f->err));
    c.quantity.amount = 11;
    assert_ok(f, notice_update(&f->tx, uid, &draft, &f->err));
    assert_int_equal(own(f, uid).committed, 10);
    assert_ok(f, notice_set_progress(&f->tx, uid, 30, 2, &f->err)); /* never above what is asked */
    notice = own(f, uid);
    assert_int_equal(notice.committed, 11);
    assert_string_equal(notice_status(&notice, f->tx.now), "filled");
}

static void people_are_reminded_and_told_of_the_end(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    struct wall next;
    uint8_t uid[UID_BYTES];
    const struct notice_draft draft = {.content = mattresses(&c), .expires_s = now_s(f) + 4000};
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(next.ms, f->tx.now.ms + 3000 * 1000);
    advance(f, 3000 * 1000);
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM event WHERE verb = 'ending'"), 1);
    advance(f, 1000 * 1000);
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM event WHERE verb = 'expired'"), 1);
    struct notice notice = own(f, uid);
    assert_string_equal(notice_status(&notice, f->tx.now), "expired");
    advance(f, NOTICE_CLOSED_S * INT64_C(1000));
    assert_string_equal(notice_status(&notice, f->tx.now), "closed");
}

static void lists_filter_and_ids_resolve(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    size_t count;
    struct notice *list, found;
    uint8_t uid[UID_BYTES];
    char hex[2 * UID_BYTES + 1];
    const struct notice_draft draft = {.content = mattresses(&c)};
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    apply(f, peer_version(f, 1, 1, 12, now_s(f) + 1000));
    apply(f, peer_version(f, 2, 1, 0, now_s(f) + 1000)); /* withdrawn */
    struct notice_filter filter = {.limit = 10};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 2);
    filter.all = true;
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 3);
    filter.limit = 2;
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 2);
    filter = (struct notice_filter){.limit = 10, .author = identity_node(f->self)};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 1);
    filter = (struct notice_filter){.limit = 10, .theme = "sante"};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 0);
    hex_encode(bytes_of(uid, UID_BYTES), hex);
    hex[7] = '\0';
    assert_ok(f, notice_resolve(f->tx.store, identity_node(f->self), hex, &found, &f->err));
    assert_memory_equal(found.uid, uid, UID_BYTES);
    hex[5] = '\0';
    assert_err(f, ERR_INVALID,
               notice_resolve(f->tx.store, identity_node(f->self), hex, &found, &f->err));
    assert_err(f, ERR_INVALID,
               notice_resolve(f->tx.store, identity_node(f->self), "nothex", &found, &f->err));
    assert_err(f, ERR_UNKNOWN,
               notice_resolve(f->tx.store, identity_node(f->self), "ffffff", &found, &f->err));
    assert_ok(f, notice_resolve(f->tx.store, identity_node(f->self), "010101", &found, &f->err));
}

static void kinds_have_names_and_lives(void **state)
{
    (void)state;
    struct content c;
    for (int kind = 1; kind <= KIND(GROUP); kind++)
        assert_int_equal(notice_kind_parse(notice_kind_name((Maillon__Hfp__V1__NoticeKind)kind)),
                         kind);
    assert_int_equal(notice_kind_parse("autre"), 0);
    assert_null(notice_kind_name((Maillon__Hfp__V1__NoticeKind)8));
    mattresses(&c)->kind = KIND(SURPLUS);
    assert_int_equal(notice_default_life_s(&c.body), 14 * 86400);
    c.body.perishable = true;
    assert_int_equal(notice_default_life_s(&c.body), 86400);
}

#define CELL(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(the_higher_version_wins_in_any_order),
        CELL(two_objects_with_one_version_are_flagged_and_both_kept),
        CELL(a_withdrawal_keeps_older_versions_from_coming_back),
        CELL(merging_is_commutative_and_idempotent),
        CELL(merging_is_associative),
        CELL(the_shape_of_a_peers_notice_is_checked),
        CELL(a_posted_notice_is_signed_numbered_and_journalled),
        CELL(notices_carry_no_personal_data),
        CELL(what_nobody_can_ever_claim_is_not_posted),
        CELL(open_notices_have_a_limit),
        CELL(ends_are_bounded_and_renewed_three_times),
        CELL(a_withdrawn_notice_is_not_changed_any_more),
        CELL(progress_is_published_at_once_then_coalesced),
        CELL(people_are_reminded_and_told_of_the_end),
        CELL(lists_filter_and_ids_resolve),
        cmocka_unit_test(kinds_have_names_and_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
