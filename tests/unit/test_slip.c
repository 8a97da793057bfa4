/* The code on the paper slip: reading it, finding a referral by it, and when it is over; what a
 * slip may say. */
#include "hub/crypto/secret.h"
#include "hub/domain/referral_store.h"
#include "hub/domain/slip.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define A(x)   REFERRAL_ACTION(x)
#define DAY_MS INT64_C(86400000)
#define NAME   "Zoubida Testeuse"

struct fixture {
    struct hub_pair pair;
    struct hub *a, *b;
    struct oid id;
    Maillon__Hfp__V1__Person person;
    char code[SLIP_CODE_TEXT];
};

static void must(struct hub *hub, bool done)
{
    if (!done)
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
}

static struct referral get(struct hub *hub, const struct oid *id)
{
    struct referral referral;
    bool found;
    must(hub, referral_get(hub->store, hub->tx.arena, id, &found, &referral, &hub->err));
    assert_true(found);
    return referral;
}

static void carry_both(struct fixture *f)
{
    while (hub_carry(f->a, f->b) + hub_carry(f->b, f->a))
        continue;
}

static void act(struct fixture *f, struct hub *hub, struct referral_act what)
{
    what.actor = "test";
    must(hub, referral_act(&hub->tx, &f->id, &what, &hub->err));
    carry_both(f);
}
#define ACT(f, hub, ...) act(f, hub, (struct referral_act){__VA_ARGS__})
#define ACCEPTING        .action = A(ACCEPT), .contact_name = "Paul", .next_step = "venir mardi à 10 h"

static int setup(void **state)
{
    static char name[] = NAME, contact[] = "06 39 98 12 34", language[] = "en";
    struct fixture *f = test_malloc(sizeof(*f));
    memset(f, 0, sizeof(*f));
    hub_pair_open(&f->pair, 16);
    f->a = &f->pair.a;
    f->b = &f->pair.b;
    maillon__hfp__v1__person__init(&f->person);
    f->person.name = name;
    f->person.contact = contact;
    f->person.language = language;
    static const char *const fields[] = {"name", "contact", "need", "language"};
    struct referral_draft draft = {
        .peer = *identity_node(f->b->self),
        .service = "ordi",
        .service_name = "Prêt d'ordinateurs",
        .theme = "numerique--acceder-a-du-materiel",
        .person = &f->person,
        .need = "Cherche de quoi écrire",
        .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .consent_fields = fields,
        .consent_field_count = 4,
        .account = 1,
        .actor = "test",
    };
    must(f->a, referral_send(&f->a->tx, &draft, &f->id, &f->a->err));
    carry_both(f);
    struct referral referral = get(f->a, &f->id);
    must(f->a, slip_code(&f->a->tx, &referral, "test", f->code, &f->a->err));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    hub_pair_close(&f->pair);
    test_free(f);
    return 0;
}

static bool opens(struct hub *hub, const char *typed)
{
    struct referral referral;
    bool found;
    must(hub, slip_find(hub->store, hub->tx.arena, hub->self, typed, hub->tx.now, &found, &referral,
                        &hub->err));
    return found;
}

static struct slip read_slip(struct fixture *f)
{
    struct referral referral = get(f->a, &f->id);
    struct slip slip;
    must(f->a, slip_read(f->a->store, f->a->tx.arena, f->a->self, &referral, "Prêt d'ordinateurs",
                         &slip, &f->a->err));
    return slip;
}

static void a_code_is_read_however_people_type_it(void **state)
{
    static const struct {
        const char *typed, *code;
    } cases[] = {
        {"K7Q2M-9XR4T", "K7Q2M-9XR4T"},
        {"k7q2m9xr4t", "K7Q2M-9XR4T"},
        {"  K7Q2M 9XR4T\t", "K7Q2M-9XR4T"},
        {"k 7 q-2-m.9 xr4 t", "K7Q2M-9XR4T"},
        {"K7Q2M\xe2\x80\x93"
         "9XR4T",
         "K7Q2M-9XR4T"},
        {"K7Q2M\xc2\xa0"
         "9XR4T",
         "K7Q2M-9XR4T"},
        {"OoIiLl-00111", ""},
        {"OoIiL-l0011", "00111-10011"},
        {"AAAAA-AAAAU", ""}, /* no U in Crockford's alphabet */
        {"K7Q2M-9XR4", ""},
        {"K7Q2M-9XR4TT", ""},
        {"K7Q2M-9XR4é", ""},
        {"K7Q2M-9XR4%", ""},
        {"", ""},
        {"-", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char code[SLIP_CODE_TEXT] = "before";
        bool read = slip_code_read(cases[i].typed, code);
        assert_string_equal(code, cases[i].code);
        assert_int_equal(read, *cases[i].code != '\0');
    }
}

static void a_code_stays_the_same_and_opens_its_referral_alone(void **state)
{
    struct fixture *f = *state;
    struct referral referral = get(f->a, &f->id);
    char again[SLIP_CODE_TEXT], other[SLIP_CODE_TEXT];
    must(f->a, slip_code(&f->a->tx, &referral, "test", again, &f->a->err));
    assert_string_equal(again, f->code);
    assert_true(opens(f->a, f->code));
    memcpy(other, f->code, sizeof(other));
    other[0] = other[0] == 'Z' ? 'Y' : 'Z';
    assert_false(opens(f->a, other));
    assert_false(opens(f->a, "hello"));
    assert_false(opens(f->a, ""));
    assert_false(opens(f->b, f->code)); /* the receiver's hub never learns it */
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM audit WHERE action = 'slip.make'"), 1);
}

static void the_receiver_has_no_code(void **state)
{
    struct fixture *f = *state;
    struct referral referral = get(f->b, &f->id);
    char code[SLIP_CODE_TEXT];
    assert_false(slip_code(&f->b->tx, &referral, "test", code, &f->b->err));
    assert_int_equal(f->b->err.code, ERR_CONFLICT);
    f->b->err = (struct err){0};
}

static void the_code_stands_nowhere_in_the_store(void **state)
{
    struct fixture *f = *state;
    char sql[200], plain[SLIP_CODE_TEXT - 1];
    snprintf(plain, sizeof(plain), "%.5s%.5s", f->code, f->code + 6);
    snprintf(sql, sizeof(sql),
             "SELECT count(*) FROM slip WHERE instr(code, '%s') OR instr(code, '%s')"
             " OR instr(hash, '%s')",
             f->code, plain, f->code);
    assert_int_equal(hub_query(f->a, sql), 0);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM slip"), 1);
}

static void erasing_the_person_erases_the_code(void **state)
{
    struct fixture *f = *state;
    struct referral referral = get(f->a, &f->id);
    char code[SLIP_CODE_TEXT];
    must(f->a, referral_erase(&f->a->tx, &referral, &f->a->err));
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM slip"), 0);
    assert_false(opens(f->a, f->code));
    assert_false(slip_code(&f->a->tx, &referral, "test", code, &f->a->err));
    f->a->err = (struct err){0};
}

static void a_code_stops_fourteen_days_after_the_end(void **state)
{
    struct fixture *f = *state;
    ACT(f, f->b, ACCEPTING);
    hub_pair_advance(&f->pair, 40 * DAY_MS);
    assert_true(opens(f->a, f->code)); /* however long it takes */
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    hub_pair_advance(&f->pair, 14 * DAY_MS - 1);
    assert_true(opens(f->a, f->code));
    hub_pair_advance(&f->pair, 1);
    assert_false(opens(f->a, f->code));
}

static void an_entry_made_in_error_has_no_code_any_more(void **state)
{
    struct fixture *f = *state;
    ACT(f, f->a, .action = A(VOID));
    assert_false(opens(f->a, f->code));
}

static void a_withdrawal_cancels_everywhere_and_the_proof_comes_back(void **state)
{
    struct fixture *f = *state;
    ACT(f, f->b, ACCEPTING);
    assert_int_equal(read_slip(f).state, SLIP_EXPECTED);
    assert_true(read_slip(f).may_withdraw);
    must(f->a,
         referral_act(&f->a->tx, &f->id,
                      &(struct referral_act){
                          .action = A(WITHDRAW_CONSENT), .for_person = true, .actor = "person"},
                      &f->a->err));
    struct slip before = read_slip(f);
    assert_int_equal(before.state, SLIP_WITHDRAWN);
    assert_int_equal(before.erased_there_ms, 0);
    carry_both(f);
    assert_true(get(f->b, &f->id).purged_ms > 0);
    assert_int_equal(get(f->b, &f->id).state.status, REFERRAL_STATUS(CANCELLED));
    struct slip after = read_slip(f);
    assert_true(after.erased_there_ms > 0);
    assert_false(after.may_withdraw);
    assert_true(opens(f->a, f->code)); /* it still says so, until all is erased here */
    struct wall next;
    hub_pair_advance(&f->pair, 3 * DAY_MS + 1);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_false(opens(f->a, f->code));
}

static void only_who_went_there_says_whether_it_helped(void **state)
{
    struct fixture *f = *state;
    assert_false(read_slip(f).may_say);
    ACT(f, f->b, ACCEPTING);
    assert_false(read_slip(f).may_say);
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    assert_true(read_slip(f).may_say);
    assert_int_equal(read_slip(f).said, 0);
    ACT(f, f->a, .action = A(PERSON_SAYS), .confirms = true);
    assert_int_equal(read_slip(f).said, 1);
    ACT(f, f->a, .action = A(PERSON_SAYS), .confirms = false);
    assert_int_equal(read_slip(f).said, -1);
    assert_false(read_slip(f).may_withdraw);
}

static void the_slip_says_where_the_referral_is_in_neutral_words(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(slip_state_code(read_slip(f).state), "waiting");
    ACT(f, f->b, ACCEPTING);
    struct slip slip = read_slip(f);
    assert_string_equal(slip_state_code(slip.state), "expected");
    assert_string_equal(slip.contact_name, "Paul");
    assert_string_equal(slip.next_step, "venir mardi à 10 h");
    assert_string_equal(slip.language, "en");
    assert_false(slip.is_hushed);
    assert_true(slip.consent_until_s > 0);
    ACT(f, f->b, .action = A(PROGRESS), .business_status = REFERRAL_BUSINESS(SCHEDULED));
    assert_string_equal(slip_state_code(read_slip(f).state), "appointment");
    ACT(f, f->b, .action = A(PROGRESS), .business_status = REFERRAL_BUSINESS(MISSED));
    assert_string_equal(slip_state_code(read_slip(f).state), "missed");
    ACT(f, f->b, .action = A(HOLD), .wait_weeks = 2);
    assert_string_equal(slip_state_code(read_slip(f).state), "later");
    ACT(f, f->b, .action = A(REJECT), .reason = "no-capacity");
    assert_string_equal(slip_state_code(read_slip(f).state), "stopped");
}

static void a_text_that_tells_why_is_left_out(void **state)
{
    static const struct {
        const char *text, *service, *theme;
        bool tells;
    } cases[] = {
        {"venir mardi à 10 h", "Apprendre l'ordinateur", "numerique", false},
        {"cours d'ORDINATEURS mardi", "Apprendre l'ordinateur", "numerique", true},
        {"salle numérique", "Cours", "numerique--materiel", true},
        {"Paul, à l'accueil", "Accueil et écoute", "accompagnement-social", false},
        {"le groupe d'écoute", "Accueil et ecoute", "", true},
        {"les ateliers et les salles", "Ateliers d'aides, salle bleue", "", false},
        {"", "Accueil", "numerique", false},
        {"mardi", "", "", false},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            slip_tells_why(f->a->tx.arena, cases[i].text, cases[i].service, cases[i].theme),
            cases[i].tells);
    ACT(f, f->b, .action = A(ACCEPT), .contact_name = "Paul, médiateur numérique",
        .contact_phone = "02 99 72 00 00", .next_step = "venir pour l'ordinateur");
    struct slip slip = read_slip(f);
    assert_true(slip.is_hushed);
    assert_string_equal(slip.contact_name, "");
    assert_string_equal(slip.next_step, "");
    assert_string_equal(slip.contact_phone, "02 99 72 00 00");
    ACT(f, f->b, .action = A(HOLD), .wait_weeks = 1);
    ACT(f, f->b, ACCEPTING);
    assert_false(read_slip(f).is_hushed); /* the newest words count */
}

static void a_keyed_hash_is_of_its_hub_and_its_purpose(void **state)
{
    struct fixture *f = *state;
    uint8_t a[32], b[32];
    identity_mac(f->a->self, "one purpose", BYTES_LITERAL("x"), a);
    identity_mac(f->a->self, "another", BYTES_LITERAL("x"), b);
    assert_memory_not_equal(a, b, 32);
    identity_mac(f->b->self, "one purpose", BYTES_LITERAL("x"), b);
    assert_memory_not_equal(a, b, 32);
    identity_mac(f->a->self, "one purpose", BYTES_LITERAL("x"), b);
    assert_memory_equal(a, b, 32);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_read_however_people_type_it),
        TEST(a_code_stays_the_same_and_opens_its_referral_alone),
        TEST(the_receiver_has_no_code),
        TEST(the_code_stands_nowhere_in_the_store),
        TEST(erasing_the_person_erases_the_code),
        TEST(a_code_stops_fourteen_days_after_the_end),
        TEST(an_entry_made_in_error_has_no_code_any_more),
        TEST(a_withdrawal_cancels_everywhere_and_the_proof_comes_back),
        TEST(only_who_went_there_says_whether_it_helped),
        TEST(the_slip_says_where_the_referral_is_in_neutral_words),
        TEST(a_text_that_tells_why_is_left_out),
        TEST(a_keyed_hash_is_of_its_hub_and_its_purpose),
    };
    if (!secret_setup())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
