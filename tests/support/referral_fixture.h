#pragma once
/* Two hubs that know each other and a referral ready to be sent from a to b. */
#include "hub/domain/consent.h"
#include "hub/domain/referral.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

static inline UNUSED int referral_setup(void **state)
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

static inline UNUSED int referral_teardown(void **state)
{
    struct fixture *f = *state;
    hub_pair_close(&f->pair);
    test_free(f);
    return 0;
}

static inline UNUSED void must(struct hub *hub, bool done)
{
    if (!done)
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
}

static inline UNUSED void must_fail(struct hub *hub, bool done, enum err_code code,
                                    const char *part)
{
    if (done)
        fail_msg("was taken, expected \"%s\"", part);
    if (hub->err.code != code || !strstr(hub->err.msg, part))
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
    assert_null(strstr(hub->err.msg, NAME));
    hub->err = (struct err){0};
}

static inline UNUSED struct oid send_one(struct fixture *f)
{
    must(f->a, referral_send(&f->a->tx, &f->draft, &f->id, &f->a->err));
    return f->id;
}

static inline UNUSED struct referral get(struct hub *hub, const struct oid *id)
{
    struct referral referral;
    bool found;
    must(hub, referral_get(hub->store, hub->tx.arena, id, &found, &referral, &hub->err));
    assert_true(found);
    return referral;
}

static inline UNUSED bool try_act(struct fixture *f, struct hub *hub, struct referral_act act)
{
    act.actor = "test";
    return referral_act(&hub->tx, &f->id, &act, &hub->err);
}

static inline UNUSED void act(struct fixture *f, struct hub *hub, struct referral_act what)
{
    must(hub, try_act(f, hub, what));
}

#define ACT(f, hub, ...) act(f, hub, (struct referral_act){__VA_ARGS__})

static inline UNUSED void carry_both(struct fixture *f)
{
    while (hub_carry(f->a, f->b) + hub_carry(f->b, f->a))
        continue;
}

static inline UNUSED void same_on_both(struct fixture *f, int status, int business)
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

static inline UNUSED void tick(struct fixture *f)
{
    struct wall next;
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    must(f->b, referral_tick(&f->b->tx, &next, &f->b->err));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, referral_setup, referral_teardown)
