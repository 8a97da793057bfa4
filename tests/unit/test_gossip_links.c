/* Which links of a circle are eager (R-NO-5). */
#include "federation/gossip_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *why;
    size_t eager, eager_outside;
    bool outside, begins_eager, may_turn_lazy;
} cases[] = {
    {"the first link", 0, 0, false, true, false},
    {"two stay eager", 2, 0, false, true, false},
    {"a third may turn lazy", 3, 0, false, true, true},
    {"the sixth begins eager", 5, 0, false, true, true},
    {"the seventh does not", 6, 0, false, false, true},
    {"the only one out of the territory does, and stays", 6, 0, true, true, false},
    {"the last one out of the territory stays", 7, 1, true, false, false},
    {"one of two out of the territory may turn lazy", 7, 2, true, false, true},
    {"two stay, wherever they lead", 2, 2, true, true, false},
};

static void two_links_stay_eager_and_one_leads_out_of_the_own_territory(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (gossip_begins_eager(cases[i].eager, cases[i].outside, cases[i].eager_outside) !=
                cases[i].begins_eager ||
            gossip_may_turn_lazy(cases[i].eager, cases[i].outside, cases[i].eager_outside) !=
                cases[i].may_turn_lazy)
            fail_msg("%s", cases[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_links_stay_eager_and_one_leads_out_of_the_own_territory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
