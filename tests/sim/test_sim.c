/*
 * Faults of PROTOCOL.md section 16 on real hubs in a virtual world. Each scenario runs with its
 * seeds (SIM_SEEDS says another number, SIM_SEEDS_TIMES how many times as many; SIM_SEED runs one);
 * a failing seed is printed. An argument names the one scenario to run; --list names them all.
 */
#include "tests/sim/scenario.h"

#include "hub/base/mem.h"

#include <stdlib.h>

static const struct {
    const char *area; /* sim_<area>.c */
    const struct scenario *list;
} tables[] = {
    {"attach", scenarios_attach},
    {"audit", scenarios_audit},
    {"circle", scenarios_circle},
    {"keys", scenarios_keys},
    {"link", scenarios_link},
    {"model", scenarios_model},
    {"hostile", scenarios_hostile},
    {"disk", scenarios_disk},
    {"scale", scenarios_scale},
    {"versions", scenarios_versions},
    {"relay", scenarios_relay},
    {"relay_hostile", scenarios_relay_hostile},
    {"recovery", scenarios_recovery},
    {"return", scenarios_return},
    {"gossip", scenarios_gossip},
    {"gossip_own", scenarios_gossip_own},
    {"circle_unread", scenarios_circle_unread},
    {"gossip_hostile", scenarios_gossip_hostile},
};

static uint64_t number_of(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void run_scenario(void **state)
{
    const struct scenario *scenario = *state;
    const char *one = getenv("SIM_SEED");
    uint64_t divisor = number_of("SIM_SEEDS_DIVISOR", 1), times = number_of("SIM_SEEDS_TIMES", 1);
    uint64_t seeds = (scenario->seeds * times + divisor - 1) / divisor;
    uint64_t first = number_of("SIM_SEED", 1), count = one ? 1 : number_of("SIM_SEEDS", seeds);
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct world *world =
            world_create_with(&(struct world_options){.seed = seed,
                                                      .hubs = scenario->hubs,
                                                      .down = scenario->world == HUBS_DOWN,
                                                      .small = scenario->world == HUBS_DOWN});
        scenario->run(world);
        world_check(world);
        world_free(world);
    }
}

static size_t collect(struct CMUnitTest *ret)
{
    size_t count = 0;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        for (const struct scenario *s = tables[t].list; s->name; s++) {
            if (ret)
                ret[count] = (struct CMUnitTest){.name = s->name,
                                                 .test_func = run_scenario,
                                                 .initial_state = (void *)(uintptr_t)s};
            count++;
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    size_t count = collect(NULL);
    struct CMUnitTest *tests = mem_alloc(count * sizeof *tests), chosen;
    collect(tests);
    if (argc > 1 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        free(tests);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < count; i++) {
        if (strcmp(tests[i].name, argv[1]) != 0)
            continue;
        chosen = tests[i];
        tests[0] = chosen;
        count = 1;
        argc = 1;
    }
    if (argc > 1) {
        fprintf(stderr, "%s: no such scenario\n", argv[1]);
        free(tests);
        return 2;
    }
    int failed = _cmocka_run_group_tests("simulator", tests, count, NULL, NULL);
    free(tests);
    return failed;
}
