/* Referrals through the client API: sending, acting, and who sees what. */
#include "hub/domain/account.h"
#include "hub/domain/attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#include "tests/support/api_referral_fixture.h"

#define PERSON "\"person\":{\"name\":\"Zoubida\",\"contact\":\"06 39 98 12 34\",\"birthYear\":1980}"
#define CONSENT \
    "\"consent\":{\"form\":\"spoken\",\"field\":[\"name\",\"contact\",\"need\",\"birth-year\"]}"

static int set_up(void **state)
{
    struct fixture *f = fixture_open();
    *state = f;
    return 0;
}

static const char *call_as(struct fixture *f, const char *name, const char *method,
                           const char *json)
{
    char path[80];
    struct caller caller = {.local = true};
    snprintf(path, sizeof(path), "/maillon.api.v1.Referrals/%s", method);
    snprintf(caller.name, sizeof(caller.name), "%s", name);
    return api_call(&f->api, &caller, path, json);
}

static void send(struct fixture *f, const char *key)
{
    char json[700];
    snprintf(json, sizeof(json),
             "{\"service\":\"%s\",\"theme\":\"numerique--materiel\",\"need\":\"Cherche un "
             "ordinateur\",\"urgency\":\"urgent\"," PERSON "," CONSENT ",\"requestKey\":\"%s\"}",
             f->service, key);
    call_as(f, "", "Send", json);
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
    api_field(&f->api, "id", f->id, sizeof(f->id));
}

static bool body_has(struct fixture *f, const char *part)
{
    return strstr(buf_text(&f->api.body), part) != NULL;
}

static void a_referral_is_sent_listed_shown_and_cancelled(void **state)
{
    struct fixture *f = *state;
    char json[200], first[80];
    send(f, "k1");
    assert_int_equal(strlen(f->id), 64);
    assert_true(body_has(f, "\"status\":\"requested\""));
    assert_true(body_has(f, "\"statusWords\":\"envoyée\""));
    assert_true(body_has(f, "\"delivery\":\"sent\""));
    assert_true(body_has(f, "\"serviceName\":\"Ordinateurs\""));
    assert_true(body_has(f, "\"cancel\""));
    assert_false(body_has(f, "\"expire\""));
    snprintf(first, sizeof(first), "%s", f->id);
    send(f, "k1");
    assert_string_equal(first, f->id);
    call_as(f, "", "List", "{\"box\":\"out\",\"openOnly\":true}");
    assert_true(body_has(f, f->id));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\"}", f->id);
    call_as(f, "", "Get", json);
    assert_true(body_has(f, "Cherche un ordinateur"));
    assert_true(body_has(f, "\"fingerprint\""));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\",\"action\":\"hold\",\"review\":\"2020-01-01\"}",
             f->id);
    call_as(f, "", "Act", json);
    assert_int_equal(f->api.http_status, 400);
    assert_true(body_has(f, "has passed"));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\",\"action\":\"cancel\",\"reason\":\"moved\"}",
             f->id);
    call_as(f, "", "Act", json);
    assert_true(f->api.ok);
    assert_true(body_has(f, "\"status\":\"cancelled\""));
    assert_true(body_has(f, "\"reason\":\"moved\""));
    call_as(f, "", "List", "{\"box\":\"out\",\"openOnly\":true}");
    assert_false(body_has(f, f->id));
}

static void mistakes_are_told_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    call_as(f, "", "Send", "{}");
    assert_true(body_has(f, "consent is missing"));
    call_as(f, "", "Send", "{" CONSENT ",\"service\":\"x\"}");
    assert_true(body_has(f, "NODE/UID"));
    call_as(f, "", "Send", "{" CONSENT ",\"service\":\"import/3\"}");
    assert_true(body_has(f, "call it instead"));
    call_as(f, "", "Get", "{\"id\":\"abc\"}");
    assert_true(body_has(f, "at least the first 6"));
    call_as(f, "", "List", "{\"status\":\"nope\"}");
    assert_true(body_has(f, "in-progress"));
    assert_int_equal(f->api.http_status, 400);
}

static void add_accounts(struct fixture *f, struct tx *tx)
{
    static const struct {
        const char *name;
        unsigned roles;
    } accounts[] = {{"sam", ROLE_SECRETARY}, {"ada", ROLE_ADMIN}, {"cora", ROLE_COORDINATOR}};
    (void)f;
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        struct err err = {0};
        struct account account;
        if (!account_add(tx, "test", accounts[i].name, accounts[i].roles, "-", &account, &err))
            fail_msg("%s", err.msg);
    }
}

/* R-PD-12: slices in, a message out, slices back. */
static void a_file_is_attached_listed_and_read_back(void **state)
{
    struct fixture *f = *state;
    char json[400], upload[40];
    send(f, "a1");
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"name\":\"../a.txt\",\"mediaType\":\"text/plain\",\"size\":5,"
             "\"data\":\"%s\"}",
             f->id, "");
    call_as(f, "", "Attach", json);
    assert_true(f->api.ok && body_has(f, "\"upload\""));
    api_field(&f->api, "upload", upload, sizeof(upload));
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"upload\":\"%s\",\"data\":\"aGVsbG8=\",\"text\":\"voici\"}", f->id,
             upload);
    call_as(f, "", "Attach", json);
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
    assert_true(body_has(f, "\"whole\":true") && body_has(f, "\"message\""));
    assert_true(body_has(f, "\"name\":\"a.txt\"") && body_has(f, "\"state\":\"here\""));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1}", f->id);
    call_as(f, "", "Attachment", json);
    assert_true(body_has(f, "\"data\":\"aGVsbG8=\""));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":2}", f->id);
    call_as(f, "", "Attachment", json);
    assert_true(body_has(f, "no attachment of this number"));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1,\"offset\":1}", f->id);
    call_as(f, "", "Attachment", json);
    assert_int_equal(f->api.http_status, 400);
    in_tx(f, add_accounts);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1}", f->id);
    call_as(f, "sam", "Attachment", json);
    assert_int_equal(f->api.http_status, 403);
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "ada", "Get", json);
    assert_true(f->api.ok);
    assert_false(body_has(f, "a.txt"));
}

static int64_t count(struct fixture *f, const char *sql)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(f->api.store, sql, &err);
    assert_true(stmt && stmt_next(stmt, &row, &err) && row);
    return stmt_i64(stmt, 0);
}

static void receive_it(struct fixture *f, struct tx *tx)
{
    struct err err = {0};
    (void)f;
    assert_true(store_exec(tx->store, "UPDATE referral SET is_out = 0", &err));
}

/* R-PD-10: a caseworker's list tells the sender, once; nobody else's does. */
static void a_list_says_once_that_a_caseworker_was_shown_it(void **state)
{
    static const char receipts[] = "SELECT count(*) FROM outbox WHERE lane = 0";
    struct fixture *f = *state;
    send(f, "p1");
    send(f, "p2");
    in_tx(f, receive_it);
    in_tx(f, add_accounts);
    call_as(f, "sam", "List", "{\"box\":\"in\"}");
    call_as(f, "ada", "List", "{}");
    call_as(f, "", "List", "{\"box\":\"out\"}");
    assert_int_equal(count(f, receipts), 0);
    uint64_t commits = atomic_load(&f->api.counters.commits);
    call_as(f, "", "List", "{\"box\":\"in\"}");
    assert_int_equal(count(f, receipts), 1);
    assert_int_equal(count(f, "SELECT sum(presented) FROM referral"), 2);
    assert_int_equal(atomic_load(&f->api.counters.commits), commits + 1);
    call_as(f, "", "List", "{\"box\":\"in\"}");
    assert_int_equal(count(f, receipts), 1);
    assert_int_equal(atomic_load(&f->api.counters.commits), commits + 1);
}

static void a_word_or_a_number_finds_somebody_and_shows_nobody_else(void **state)
{
    struct fixture *f = *state;
    char json[120];
    send(f, "w1");
    in_tx(f, receive_it);
    in_tx(f, add_accounts);
    call_as(f, "", "List", "{\"words\":\"zoub\"}");
    assert_true(body_has(f, f->id));
    call_as(f, "", "List", "{\"words\":\"ÒRDI\"}");
    assert_true(body_has(f, f->id));
    snprintf(json, sizeof(json), "{\"words\":\"%.4s %.4s\"}", f->id, f->id + 4);
    call_as(f, "", "List", json);
    assert_true(body_has(f, f->id));
    call_as(f, "ada", "List", "{\"words\":\"zoub\"}"); /* an admin sees no names */
    assert_false(body_has(f, f->id));
    call_as(f, "", "List", "{\"words\":\"zoub\",\"before\":\"x\"}");
    assert_int_equal(f->api.http_status, 400);
    send(f, "w2");
    in_tx(f, receive_it);
    assert_true(store_exec(f->api.store, "UPDATE referral SET presented = 0", &f->api.err));
    call_as(f, "", "List", "{\"words\":\"nobody\"}");
    assert_false(body_has(f, "\"id\""));
    assert_int_equal(count(f, "SELECT sum(presented) FROM referral"), 0);
}

static void accept_one(struct fixture *f, const char *key, const char *step)
{
    char json[300];
    send(f, key);
    in_tx(f, receive_it);
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"action\":\"accept\",\"contactName\":\"Paul\",\"nextStep\":\"%s\"}",
             f->id, step);
    call_as(f, "carl", "Act", json);
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
}

static void add_carl(struct fixture *f, struct tx *tx)
{
    struct err err = {0};
    struct account account;
    (void)f;
    assert_true(account_add(tx, "test", "carl", ROLE_CASEWORKER, "-", &account, &err));
}

static void the_next_answer_begins_as_the_last_and_speaks_of_nobody(void **state)
{
    struct fixture *f = *state;
    in_tx(f, add_carl);
    call_as(f, "carl", "LastAnswer", "{}");
    assert_false(body_has(f, "contactName"));
    accept_one(f, "l1", "venir mardi");
    call_as(f, "carl", "LastAnswer", "{}");
    assert_true(body_has(f, "\"contactName\":\"Paul\"") && body_has(f, "venir mardi"));
    call_as(f, "", "LastAnswer", "{}");
    assert_false(body_has(f, "Paul"));
    accept_one(f, "l2", "on attend zoubida mardi");
    call_as(f, "carl", "LastAnswer", "{}");
    assert_true(body_has(f, "Paul"));
    assert_false(body_has(f, "zoubida"));
    assert_int_equal(count(f, "SELECT count(*) FROM last_answer WHERE instr(CAST(content AS TEXT), "
                              "'Paul') > 0"),
                     0);
    fake_clock_advance(&f->api.clock, 91 * 86400000LL);
    call_as(f, "carl", "LastAnswer", "{}");
    assert_false(body_has(f, "Paul"));
}

/* The next person would be told to come on a day that was somebody else's. */
static void a_day_of_one_person_is_not_said_to_the_next(void **state)
{
    static const struct {
        const char *step;
        bool is_kept;
    } rows[] = {
        {"venir mardi 24 à 10 h", false}, {"le 24 novembre, à l'accueil", false},
        {"le 1er décembre", false},       {"rendez-vous le 24/11", false},
        {"passez demain matin", false},   {"come on November 24", false},
        {"come tomorrow", false},         {"chaque mardi matin, de 9h à 12h", true},
        {"au 24 quai Jean Bart", true},   {"en mai nous sommes ouverts", true},
    };
    struct fixture *f = *state;
    in_tx(f, add_carl);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char key[16];
        snprintf(key, sizeof(key), "d%zu", i);
        accept_one(f, key, rows[i].step);
        call_as(f, "carl", "LastAnswer", "{}");
        assert_true(body_has(f, "\"contactName\":\"Paul\""));
        if (body_has(f, "nextStep") != rows[i].is_kept)
            fail_msg("%s: %s", rows[i].step, buf_text(&f->api.body));
    }
}

/* Two colleagues answer one referral from pages that both say "requested". */
static void who_decides_on_an_older_state_is_told_so(void **state)
{
    struct fixture *f = *state;
    char json[300];
    in_tx(f, add_carl);
    accept_one(f, "s1", "venir");
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"action\":\"reject\",\"reason\":\"no-capacity\","
             "\"whileStatus\":\"requested\"}",
             f->id);
    call_as(f, "carl", "Act", json);
    assert_int_equal(f->api.http_status, 400);
    assert_true(body_has(f, "reject cannot be done while the referral is accepted"));
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"action\":\"reject\",\"reason\":\"no-capacity\","
             "\"whileStatus\":\"accepted\"}",
             f->id);
    call_as(f, "carl", "Act", json);
    assert_true(f->api.ok);
    assert_true(body_has(f, "\"status\":\"rejected\""));
}

static void roles_see_what_they_need_and_no_more(void **state)
{
    struct fixture *f = *state;
    char json[200];
    in_tx(f, add_accounts);
    send(f, "k1");
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "sam", "Get", json); /* logistics, not reasons */
    assert_true(body_has(f, "Zoubida"));
    assert_false(body_has(f, "Cherche"));
    assert_false(body_has(f, "1980"));
    assert_false(body_has(f, "numerique"));
    assert_false(body_has(f, "Ordinateurs")); /* beside a name, the service is a reason */
    call_as(f, "ada", "Get", json);           /* status only */
    assert_true(body_has(f, "requested"));
    assert_false(body_has(f, "Zoubida"));
    assert_false(body_has(f, "06 39"));
    call_as(f, "ada", "List", "{}");
    assert_true(body_has(f, f->id));
    assert_false(body_has(f, "Zoubida"));
    call_as(f, "cora", "Get", json);
    assert_int_equal(f->api.http_status, 403);
    call_as(f, "sam", "Act", json);
    assert_int_equal(f->api.http_status, 403);
}

static void the_export_has_the_signed_chain_and_both_key_logs(void **state)
{
    struct fixture *f = *state;
    char json[200];
    send(f, "k1");
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "", "Export", json);
    assert_true(f->api.ok);
    assert_true(body_has(f, "\"event\":["));
    assert_true(body_has(f, "\"kelOurs\":["));
    assert_true(body_has(f, "\"kelTheirs\":["));
}

static void send_again(struct fixture *f, const char *key, const char *how, const char *earlier)
{
    char json[800];
    snprintf(json, sizeof(json),
             "{\"service\":\"%s\",\"theme\":\"numerique--materiel\",\"need\":\"Cherche un "
             "ordinateur\"," PERSON "," CONSENT ",\"requestKey\":\"%s\",\"%s\":\"%s\"}",
             f->service, key, how, earlier);
    call_as(f, "", "Send", json);
    if (f->api.ok)
        api_field(&f->api, "id", f->id, sizeof(f->id));
}

static void get(struct fixture *f, const char *name, const char *id)
{
    char json[100];
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", id);
    call_as(f, name, "Get", json);
    assert_true(f->api.ok);
}

static size_t attempts(struct fixture *f)
{
    const char *list = strstr(buf_text(&f->api.body), "\"attempt\":[");
    size_t n = 0;
    for (; list && (list = strstr(list, "\"statusWords\"")); list++)
        n++;
    return n;
}

/* R-RF-6: a new attempt shares the request of the first; its history is one. */
static void attempts_of_one_request_are_shown_together(void **state)
{
    struct fixture *f = *state;
    char first[80], second[80], json[200];
    in_tx(f, add_accounts);
    send(f, "t1");
    snprintf(first, sizeof(first), "%s", f->id);
    get(f, "", first);
    assert_int_equal(attempts(f), 0); /* alone: nothing to tell */
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"action\":\"cancel\",\"reason\":\"moved\"}",
             first);
    call_as(f, "", "Act", json);
    send_again(f, "t2", "earlier", first);
    snprintf(second, sizeof(second), "%s", f->id);
    send_again(f, "t3", "earlier", second); /* of the same request as the first */
    get(f, "", first);
    assert_int_equal(attempts(f), 3);
    assert_true(body_has(f, second) && body_has(f, f->id));
    assert_true(
        body_has(f, "\"status\":\"cancelled\",\"statusWords\":\"annulée\",\"reason\":\"moved\""));
    get(f, "", f->id);
    assert_int_equal(attempts(f), 3);
    get(f, "sam", first); /* who sees no reasons is not told how often somebody was refused */
    assert_int_equal(attempts(f), 0);
    get(f, "ada", first);
    assert_int_equal(attempts(f), 0);
    send(f, "t4");
    get(f, "", f->id);
    assert_int_equal(attempts(f), 0);
}

static void an_attempt_is_of_a_referral_that_is_here(void **state)
{
    struct fixture *f = *state;
    send_again(f, "u1", "earlier", "abcdefabcdef");
    assert_int_equal(f->api.http_status, 404);
    assert_true(body_has(f, "earlier"));
}

static void handing_on_is_an_attempt_too(void **state)
{
    struct fixture *f = *state;
    char received[80];
    send(f, "h1");
    snprintf(received, sizeof(received), "%s", f->id);
    in_tx(f, receive_it);
    send_again(f, "h2", "partOf", received);
    get(f, "", received);
    assert_int_equal(attempts(f), 2);
    const char *list = strstr(buf_text(&f->api.body), "\"attempt\":[");
    assert_non_null(list);
    assert_non_null(strstr(list, "\"box\":\"out\""));
    assert_non_null(
        strstr(list, "\"box\":\"in\",\"peerName\":\"Voisin\",\"serviceName\":\"Ordinateurs\""));
}

/* The newest are listed: who looks at the last of many finds it there. */
static void of_many_attempts_the_last_are_listed(void **state)
{
    struct fixture *f = *state;
    char first[80], key[16];
    send(f, "m0");
    snprintf(first, sizeof(first), "%s", f->id);
    for (int i = 1; i < ATTEMPTS_MAX; i++) {
        snprintf(key, sizeof(key), "m%d", i);
        send_again(f, key, "earlier", f->id);
    }
    get(f, "", f->id);
    assert_int_equal(attempts(f), ATTEMPTS_MAX);
    assert_true(body_has(f, first));
    send_again(f, "more", "earlier", first);
    get(f, "", f->id);
    assert_int_equal(attempts(f), ATTEMPTS_MAX);
    assert_false(body_has(f, first));
    get(f, "", first);
    assert_true(body_has(f, f->id));
}

/* VOID hides the content (PRODUCT.md 3.2), beside its neighbours too. */
static void what_was_entered_in_error_tells_no_reason_among_attempts(void **state)
{
    struct fixture *f = *state;
    char first[80], json[200];
    send(f, "v1");
    snprintf(first, sizeof(first), "%s", f->id);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"action\":\"cancel\",\"reason\":\"moved\"}",
             first);
    call_as(f, "", "Act", json);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"action\":\"void\"}", first);
    call_as(f, "", "Act", json);
    send_again(f, "v2", "earlier", first);
    get(f, "", f->id);
    assert_int_equal(attempts(f), 2);
    assert_true(body_has(f, "entered-in-error"));
    assert_false(body_has(f, "moved"));
}

static void erase_first(struct fixture *f, struct tx *tx)
{
    struct err err = {0};
    struct wall next;
    (void)f;
    tx->now.ms += 9 * 86400000LL;
    assert_true(referral_tick(tx, &next, &err));
}

/* What is erased does not tell whose request it was either. */
static void an_erased_attempt_is_linked_to_nothing(void **state)
{
    struct fixture *f = *state;
    char first[80], json[200];
    send(f, "e1");
    snprintf(first, sizeof(first), "%s", f->id);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"action\":\"cancel\",\"reason\":\"moved\"}",
             first);
    call_as(f, "", "Act", json);
    send_again(f, "e2", "earlier", first);
    assert_int_equal(count(f, "SELECT count(*) FROM attempt"), 2);
    in_tx(f, erase_first);
    assert_int_equal(count(f, "SELECT count(*) FROM attempt"), 1);
    get(f, "", f->id);
    assert_int_equal(attempts(f), 0);
    assert_false(body_has(f, first));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_referral_is_sent_listed_shown_and_cancelled),
        TEST(mistakes_are_told_with_what_to_do),
        TEST(a_file_is_attached_listed_and_read_back),
        TEST(a_list_says_once_that_a_caseworker_was_shown_it),
        TEST(a_word_or_a_number_finds_somebody_and_shows_nobody_else),
        TEST(the_next_answer_begins_as_the_last_and_speaks_of_nobody),
        TEST(a_day_of_one_person_is_not_said_to_the_next),
        TEST(who_decides_on_an_older_state_is_told_so),
        TEST(roles_see_what_they_need_and_no_more),
        TEST(the_export_has_the_signed_chain_and_both_key_logs),
        TEST(attempts_of_one_request_are_shown_together),
        TEST(an_attempt_is_of_a_referral_that_is_here),
        TEST(handing_on_is_an_attempt_too),
        TEST(of_many_attempts_the_last_are_listed),
        TEST(what_was_entered_in_error_tells_no_reason_among_attempts),
        TEST(an_erased_attempt_is_linked_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
