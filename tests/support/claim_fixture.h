#pragma once
/*
 * Hubs that exchange real sealed claim events on one notice: its owner and its claimants, each with
 * a store of its own. For tests of hub/domain/claim*.c; include after <cmocka.h>.
 */
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/claim.h"
#include "hub/domain/object.h"
#include "tests/support/domain_fixture.h"

#define ACTION(name)  MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define REFUSAL(name) MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_##name
#define STORED        MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED
#define REFUSED       MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED
#define HUBS          4 /* the first owns the notice, the others claim */
#define OWNER         0

struct claim_world {
    struct domain_fixture *hub[HUBS];
    uint64_t sent[HUBS][HUBS]; /* link_seq taken out of the outbox of a, for b */
    uint8_t uid[UID_BYTES];
};

/* Each knows the other, both accepted, with keys to seal to. */
static inline void meet(struct domain_fixture *a, struct domain_fixture *b)
{
    size_t count;
    struct identity *peer = a->peer;
    a->peer = b->self;
    befriend(a);
    const struct seal_key *const *keys = identity_enc_keys(b->self, &count);
    send_entry(a, 1, keys[0]);
    a->peer = peer;
}

static inline int claim_fixture_setup(void **state)
{
    struct claim_world *w = mem_alloc(sizeof(*w));
    for (int i = 0; i < HUBS; i++) {
        void *hub;
        domain_fixture_setup(&hub);
        w->hub[i] = hub;
        fake_random_init(&w->hub[i]->random, 100 + (uint64_t)i);
        identity_free(w->hub[i]->self);
        w->hub[i]->self = identity_create_memory(&w->hub[i]->random.source, w->hub[i]->tx.now);
        w->hub[i]->tx.self = w->hub[i]->self;
    }
    for (int i = 1; i < HUBS; i++) {
        meet(w->hub[OWNER], w->hub[i]);
        meet(w->hub[i], w->hub[OWNER]);
    }
    *state = w;
    return 0;
}

static inline int claim_fixture_teardown(void **state)
{
    struct claim_world *w = *state;
    for (int i = 0; i < HUBS; i++) {
        void *hub = w->hub[i];
        domain_fixture_teardown(&hub);
    }
    free(w);
    return 0;
}

static inline const struct node_id *node(const struct claim_world *w, int hub)
{
    return identity_node(w->hub[hub]->self);
}

/* One sealed event on its way. */
struct parcel_out {
    int from, to;
    struct bytes sealed;
};

static inline size_t take_out(struct claim_world *w, int from, int to, struct parcel_out *list)
{
    size_t count;
    struct outbox_item *items;
    struct domain_fixture *f = w->hub[from];
    assert_ok(f, outbox_read(f->tx.store, f->tx.arena, node(w, to), 1, w->sent[from][to], 32,
                             1 << 20, f->tx.now, &items, &count, &f->err));
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct parcel_out){from, to, items[i].sealed};
        w->sent[from][to] = items[i].link_seq;
    }
    return count;
}

static inline struct disposition deliver(struct claim_world *w, const struct parcel_out *out)
{
    size_t key_count;
    bool found;
    struct parcel parcel;
    struct object_row row;
    struct disposition said = {0};
    struct inbound_object object = {.from = *node(w, out->from)};
    struct domain_fixture *f = w->hub[out->to];
    const struct seal_key *const *keys = identity_enc_keys(f->self, &key_count);
    assert_ok(f, seal_open_parcel(keys, key_count, out->sealed, f->tx.arena, &parcel, &f->err));
    assert_ok(f, envelope_open(parcel.object, f->tx.arena, &object.envelope, &f->err));
    const Maillon__Hfp__V1__ClaimEvent *body = wire_unpack(
        &maillon__hfp__v1__claim_event__descriptor, object.envelope.body, f->tx.arena, &f->err);
    assert_non_null(body);
    object.body = body;
    object.head = body->head;
    object.payload = parcel.payload;
    assert_ok(f, head_check_shape(object.head, &f->err));
    assert_ok(f, claim_check(body, parcel.payload, &f->err));
    assert_ok(f, object_find(f->tx.store, &object.envelope.oid, &found, &row, &f->err));
    if (found) { /* R-PD-7: exchange replays the receipt */
        said.state = STORED;
        return said;
    }
    assert_ok(f, object_add(&f->tx, &object.envelope, &object.from, object.head->expires_s,
                            OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, claim_apply(&f->tx, &object, &said, &f->err));
    return said;
}

static inline void pump(struct claim_world *w)
{
    struct parcel_out list[32];
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 1; i < HUBS; i++)
            for (int back = 0; back < 2; back++) {
                size_t count = take_out(w, back ? OWNER : i, back ? i : OWNER, list);
                moved = moved || count;
                for (size_t k = 0; k < count; k++)
                    assert_int_equal(deliver(w, &list[k]).state, STORED);
            }
    }
}

static inline void post(struct claim_world *w, uint32_t amount, bool first_come, char *restriction)
{
    char what[] = "matelas", unit[] = "matelas", role[] = "accueil";
    Maillon__Hfp__V1__NoticeContent content;
    Maillon__Hfp__V1__Quantity quantity;
    maillon__hfp__v1__notice_content__init(&content);
    maillon__hfp__v1__quantity__init(&quantity);
    quantity.amount = amount;
    quantity.unit = unit;
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE;
    content.what = what;
    content.contact_role = role;
    content.quantity = &quantity;
    content.first_come = first_come;
    content.restriction = &restriction;
    content.n_restriction = restriction ? 1 : 0;
    const struct notice_draft draft = {.content = &content};
    struct domain_fixture *f = w->hub[OWNER];
    assert_ok(f, notice_post(&f->tx, &draft, w->uid, &f->err));
}

static inline struct notice notice_at(struct claim_world *w, int hub)
{
    bool found;
    struct notice notice = {0};
    struct domain_fixture *f = w->hub[hub];
    assert_ok(f, notice_find(f->tx.store, node(w, OWNER), w->uid, &found, &notice, &f->err));
    assert_true(found);
    return notice;
}

/* The owner's newest version reaches the claimants. */
static inline void gossip(struct claim_world *w)
{
    struct object_row row;
    struct domain_fixture *o = w->hub[OWNER];
    struct notice notice = notice_at(w, OWNER);
    bool found;
    for (int i = 1; i < HUBS; i++) {
        struct domain_fixture *f = w->hub[i];
        struct disposition said = {0};
        struct inbound_object object = {.from = *node(w, OWNER)};
        assert_ok(f, object_get(o->tx.store, f->tx.arena, &notice.oid, &found, &row, &f->err));
        assert_ok(f, envelope_open(row.bytes, f->tx.arena, &object.envelope, &f->err));
        const Maillon__Hfp__V1__Notice *body = wire_unpack(
            &maillon__hfp__v1__notice__descriptor, object.envelope.body, f->tx.arena, &f->err);
        object.body = body;
        object.head = body->head;
        assert_ok(f, object_find(f->tx.store, &notice.oid, &found, &row, &f->err));
        if (found)
            continue;
        assert_ok(f, object_add(&f->tx, &object.envelope, &object.from, object.head->expires_s,
                                OBJECT_APPLIED, NULL, &f->err));
        assert_ok(f, notice_apply(&f->tx, &object, &said, &f->err));
    }
}

static inline struct oid claim_of(struct claim_world *w, int hub, uint32_t quantity)
{
    struct oid id;
    struct domain_fixture *f = w->hub[hub];
    struct notice notice = notice_at(w, hub);
    const struct claim_draft draft = {.quantity = quantity,
                                      .contact_role = "accueil",
                                      .phone = "02 99 00 00 00",
                                      .pick_up = "porte bleue"};
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    return id;
}

static inline struct claim claim_at(struct claim_world *w, int hub, const struct oid *id)
{
    char hex[2 * OID_BYTES + 1];
    struct claim claim = {0};
    struct domain_fixture *f = w->hub[hub];
    assert_ok(f, claim_resolve(f->tx.store, f->tx.arena, hex_encode(oid_bytes(id), hex), &claim,
                               &f->err));
    return claim;
}

static inline void act(struct claim_world *w, int hub, const struct oid *id,
                       Maillon__Hfp__V1__ClaimAction action, uint32_t quantity)
{
    struct domain_fixture *f = w->hub[hub];
    const struct claim_draft draft = {.quantity = quantity};
    assert_ok(f, claim_act(&f->tx, id, action, &draft, &f->err));
}

static inline void advance(struct claim_world *w, int64_t ms)
{
    for (int i = 0; i < HUBS; i++)
        w->hub[i]->tx.now.ms += ms;
}

#define assert_state(w, id, hub, expected)                                 \
    assert_string_equal(claim_state_name(claim_at(w, hub, id).view.state), \
                        claim_state_name(expected))
#define assert_both(w, id, hub, expected)     \
    do {                                      \
        assert_state(w, id, hub, expected);   \
        assert_state(w, id, OWNER, expected); \
    } while (0)
