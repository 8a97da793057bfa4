/* Each of the words a referral goes by says what happens next, on both sides and in both languages.
 */
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/web/catalog.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define ST(x)       REFERRAL_STATUS(x)
#define BUSINESS(x) REFERRAL_BUSINESS(x)
#define DAY_MS      86400000LL
#define NOW_MS      (1000 * DAY_MS)

enum link { PASSES, SUSPENDED, LEFT };

static const struct {
    const char *word, *wanted;
    struct referral referral;
    enum link link;
} cases[] = {
    {"envoyée", "under-way-to", {.is_out = true, .state.status = ST(REQUESTED)}, PASSES},
    {"envoyée, too slow",
     "slow",
     {.is_out = true, .state.status = ST(REQUESTED), .is_open = true, .created_ms = 1},
     PASSES},
    {"envoyée, never arrived",
     "undelivered",
     {.is_out = true, .state.status = ST(REQUESTED), .delivery = REFERRAL_UNDELIVERED},
     PASSES},
    {"envoyée, their hub said no",
     "not-taken",
     {.is_out = true, .state.status = ST(REQUESTED), .delivery = REFERRAL_NOT_TAKEN},
     PASSES},
    {"reçue",
     "requested-out",
     {.is_out = true, .state.status = ST(REQUESTED), .delivery = REFERRAL_STORED},
     PASSES},
    {"reçue", "requested-in", {.state.status = ST(REQUESTED)}, PASSES},
    {"reçue, late",
     "late-out",
     {.is_out = true,
      .state.status = ST(REQUESTED),
      .delivery = REFERRAL_STORED,
      .state.answer_due_s = 1},
     PASSES},
    {"reçue, late", "late-in", {.state.status = ST(REQUESTED), .state.answer_due_s = 1}, PASSES},
    {"vue",
     "requested-out",
     {.is_out = true, .state.status = ST(REQUESTED), .state.business_status = BUSINESS(SEEN)},
     PASSES},
    {"vue",
     "requested-in",
     {.state.status = ST(REQUESTED), .state.business_status = BUSINESS(SEEN)},
     PASSES},
    {"à l'étude",
     "requested-out",
     {.is_out = true,
      .state.status = ST(REQUESTED),
      .state.business_status = BUSINESS(UNDER_REVIEW)},
     PASSES},
    {"à l'étude",
     "requested-in",
     {.state.status = ST(REQUESTED), .state.business_status = BUSINESS(UNDER_REVIEW)},
     PASSES},
    {"question",
     "question-out",
     {.is_out = true,
      .state.status = ST(REQUESTED),
      .state.business_status = BUSINESS(NEED_INFO),
      .state.flags = REFERRAL_QUESTION_OPEN,
      .state.asked_s = NOW_MS / 1000},
     PASSES},
    {"question, late",
     "question-late",
     {.is_out = true,
      .state.status = ST(REQUESTED),
      .state.flags = REFERRAL_QUESTION_OPEN,
      .state.business_status = BUSINESS(NEED_INFO)},
     PASSES},
    {"question",
     "question-in",
     {.state.status = ST(REQUESTED),
      .state.business_status = BUSINESS(NEED_INFO),
      .state.flags = REFERRAL_QUESTION_OPEN},
     PASSES},
    {"acceptée", "running-out", {.is_out = true, .state.status = ST(ACCEPTED)}, PASSES},
    {"acceptée", "running-in", {.state.status = ST(ACCEPTED)}, PASSES},
    {"rendez-vous fixé",
     "scheduled-out",
     {.is_out = true,
      .state.status = ST(IN_PROGRESS),
      .state.business_status = BUSINESS(SCHEDULED),
      .scheduled_s = 1},
     PASSES},
    {"rendez-vous fixé",
     "scheduled-in",
     {.state.status = ST(ACCEPTED), .state.business_status = BUSINESS(SCHEDULED), .scheduled_s = 1},
     PASSES},
    {"rendez-vous fixé, day not told",
     "running-out",
     {.is_out = true,
      .state.status = ST(IN_PROGRESS),
      .state.business_status = BUSINESS(SCHEDULED)},
     PASSES},
    {"rendez-vous manqué",
     "missed-out",
     {.is_out = true, .state.status = ST(IN_PROGRESS), .state.business_status = BUSINESS(MISSED)},
     PASSES},
    {"rendez-vous manqué",
     "missed-in",
     {.state.status = ST(IN_PROGRESS), .state.business_status = BUSINESS(MISSED)},
     PASSES},
    {"en cours",
     "running-out",
     {.is_out = true,
      .state.status = ST(IN_PROGRESS),
      .state.business_status = BUSINESS(CONTACT_ATTEMPTED)},
     PASSES},
    {"en cours",
     "running-in",
     {.state.status = ST(IN_PROGRESS), .state.business_status = BUSINESS(ATTENDED)},
     PASSES},
    {"en attente",
     "review-out",
     {.is_out = true,
      .state.status = ST(ON_HOLD),
      .state.business_status = BUSINESS(WAITLISTED),
      .review_s = 1},
     PASSES},
    {"en attente",
     "review-in",
     {.state.status = ST(ON_HOLD), .state.business_status = BUSINESS(WAITLISTED), .review_s = 1},
     PASSES},
    {"en attente", "hold-out", {.is_out = true, .state.status = ST(ON_HOLD)}, PASSES},
    {"en attente", "hold-in", {.state.status = ST(ON_HOLD)}, PASSES},
    {"annulation demandée",
     "cancelling-out",
     {.is_out = true,
      .state.status = ST(ACCEPTED),
      .state.business_status = BUSINESS(CANCELLATION_REQUESTED),
      .state.flags = REFERRAL_CANCEL_REQUESTED},
     PASSES},
    {"annulation demandée",
     "cancelling-in",
     {.state.status = ST(ON_HOLD),
      .state.business_status = BUSINESS(CANCELLATION_REQUESTED),
      .state.flags = REFERRAL_CANCEL_REQUESTED},
     PASSES},
    {"aboutie",
     "ask-person",
     {.is_out = true, .state.status = ST(COMPLETED), .state.business_status = BUSINESS(ATTENDED)},
     PASSES},
    {"aboutie, asked",
     "over",
     {.is_out = true,
      .state.status = ST(COMPLETED),
      .state.business_status = BUSINESS(PERSON_CONFIRMED)},
     PASSES},
    {"aboutie", "completed-in", {.state.status = ST(COMPLETED)}, PASSES},
    {"non aboutie", "elsewhere", {.is_out = true, .state.status = ST(FAILED)}, PASSES},
    {"non aboutie", "said", {.state.status = ST(FAILED)}, PASSES},
    {"refusée", "elsewhere", {.is_out = true, .state.status = ST(REJECTED)}, PASSES},
    {"transmise plus loin",
     "onward",
     {.is_out = true,
      .state.status = ST(REJECTED),
      .state.business_status = BUSINESS(REFERRED_ONWARD)},
     PASSES},
    {"refusée", "said", {.state.status = ST(REJECTED)}, PASSES},
    {"annulée", "cancelled-out", {.is_out = true, .state.status = ST(CANCELLED)}, PASSES},
    {"annulée", "cancelled-in", {.state.status = ST(CANCELLED)}, PASSES},
    {"annulée, no answer",
     "expired-out",
     {.is_out = true, .state.status = ST(CANCELLED), .reason = "no-response"},
     PASSES},
    {"retirée par la personne",
     "withdrawn-out",
     {.is_out = true,
      .state.status = ST(CANCELLED),
      .state.business_status = BUSINESS(CONSENT_WITHDRAWN)},
     PASSES},
    {"retirée par la personne",
     "withdrawn-in",
     {.state.status = ST(CANCELLED), .state.business_status = BUSINESS(CONSENT_WITHDRAWN)},
     PASSES},
    {"retirée, erased",
     "erased",
     {.state.status = ST(CANCELLED),
      .state.business_status = BUSINESS(CONSENT_WITHDRAWN),
      .purged_ms = 1},
     PASSES},
    {"erreur de saisie", "error", {.is_out = true, .state.status = ST(ENTERED_IN_ERROR)}, PASSES},
    {"erreur de saisie", "error", {.state.status = ST(ENTERED_IN_ERROR)}, PASSES},
    {"gelée", "frozen", {.state.status = ST(ACCEPTED), .state.flags = REFERRAL_FROZEN}, PASSES},
    {"relation suspended", "suspended", {.is_out = true, .state.status = ST(ACCEPTED)}, SUSPENDED},
    {"relation ended", "cut-off", {.state.status = ST(ON_HOLD)}, LEFT},
};

static void every_word_has_its_next_step(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    static const struct relation relations[] = {
        [PASSES] = {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED},
        [SUSPENDED] = {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED, .suspended = {1}},
        [LEFT] = {.ours = DECISION_ACCEPTED, .theirs = DECISION_LEFT},
    };
    const struct wall now = {NOW_MS};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct referral *referral = &cases[i].referral;
        const struct relation *relation = &relations[cases[i].link];
        const char *code = referral_next_code(referral, relation, now);
        if (strcmp(code, cases[i].wanted) != 0)
            fail_msg("%s (%s): wanted %s, got %s", cases[i].word, referral->is_out ? "out" : "in",
                     cases[i].wanted, code);
        assert_true(*referral_next_words(arena, referral, relation, now));
        for (enum language l = 0; l < LANGUAGE_COUNT; l++) {
            char key[64];
            snprintf(key, sizeof(key), "next.%s", code);
            assert_true(catalog_has(catalog_of(l), key));
        }
    }
}

static void what_the_two_hubs_do_not_say_is_not_in_the_words(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    static const struct relation unnamed = {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED};
    const struct referral referral = {
        .is_out = true, .state.status = ST(ACCEPTED), .state.business_status = BUSINESS(SCHEDULED)};
    assert_string_equal(referral_next_words(arena, &referral, &unnamed, (struct wall){NOW_MS}),
                        "l'autre hub s'en occupe et vous tient au courant.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_has_its_next_step),
        cmocka_unit_test(what_the_two_hubs_do_not_say_is_not_in_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
