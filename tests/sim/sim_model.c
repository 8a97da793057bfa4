/*
 * R-PD-6, F1, F2, F4, exhaustively: referrals from one hub to another, and power loss at either of
 * them after every step of every job and frame, then a second time after every step that follows.
 * Each moment is a fork of the process, so what comes before it runs once.
 */
#include "tests/sim/scenario.h"

#include "hub/base/list.h"
#include "hub/base/mem.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGES_MAX 3
#define CRASHES      2

struct model {
    unsigned messages;
    unsigned left;              /* power losses still to come on this path */
    unsigned path[2 * CRASHES]; /* step and victim of each, for whoever reads the failure */
    unsigned step;
    unsigned long runs, failed; /* of the forks below this process */
};

/** The click of a person: committed, or lost with the power and pressed again. */
struct click {
    struct action action;
    struct world *world;
    unsigned number;
    struct oid id;
};

static bool click_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct click *click = list_entry(action, struct click, action);
    return world_send_referral(tx, click->world, 0, 1, click->number, &click->id, err);
}

static void click_done(struct action *action, const struct err *err)
{
    (void)action;
    (void)err;
}

static bool all_there(struct world *world, void *ctx)
{
    const struct model *model = ctx;
    return world_count(world, 1, "SELECT count(*) FROM referral WHERE status > 0") ==
               (int64_t)model->messages &&
           world_count(world, 0, "SELECT count(*) FROM referral WHERE delivery IN (1, 2)") ==
               (int64_t)model->messages &&
           outboxes_empty(world, NULL);
}

/** The rest of the way from where this process is; ends the program if an effect is not there once.
 */
static void go_on(struct world *world, struct model *model)
{
    for (unsigned i = 0; i < model->messages; i++)
        (void)world_refer(world, 0, 1, i);
    bool there = world_run_until_every(world, all_there, model, DAY_MS, 50);
    bool once =
        there &&
        world_count(world, 0, "SELECT count(*) FROM referral") == (int64_t)model->messages &&
        world_count(world, 1, "SELECT count(*) FROM referral") == (int64_t)model->messages &&
        world_count(world, 1, "SELECT count(*) FROM referral_event") ==
            world_count(world, 0, "SELECT count(*) FROM referral_event");
    if (once)
        return;
    fprintf(stderr, "lost or twice: power loss at hub %u after step %u, at hub %u after step %u\n",
            model->path[1], model->path[0], model->path[3], model->path[2]);
    abort();
}

static void lose_power(struct world *world, struct model *model, unsigned victim)
{
    unsigned *path = &model->path[2 * (CRASHES - model->left)];
    path[0] = model->step;
    path[1] = victim;
    model->left--;
    model->step = 0;
    model->runs = model->failed = 0;
    world_crash(world, victim, CRASH_LOSE_UNSYNCED);
    world_start(world, victim);
}

/** One fork a victim; this process goes on without the power loss. */
static void branch(struct world *world, void *ctx)
{
    struct model *model = ctx;
    model->step++;
    for (unsigned victim = 0; model->left && victim < 2; victim++) {
        int status = 0, results[2];
        unsigned long below[2] = {0};
        if (!world->hubs[victim].alive)
            continue;
        assert_int_equal(pipe(results), 0);
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            lose_power(world, model, victim);
            go_on(world, model);
            unsigned long all[2] = {model->runs + 1, model->failed};
            _exit(write(results[1], all, sizeof all) == (ssize_t)sizeof all ? 0 : 1);
        }
        close(results[1]);
        bool told = read(results[0], below, sizeof below) == (ssize_t)sizeof below;
        close(results[0]);
        assert_true(waitpid(child, &status, 0) == child);
        model->runs += below[0];
        model->failed += below[1] + (!told || status != 0);
    }
}

static void exhaustive(struct world *world)
{
    const char *messages = getenv("SIM_MODEL_MESSAGES"), *crashes = getenv("SIM_MODEL_CRASHES");
    struct model model = {.messages = messages ? (unsigned)strtoul(messages, NULL, 10) : 1,
                          .left = crashes ? (unsigned)strtoul(crashes, NULL, 10) : CRASHES};
    struct click clicks[MESSAGES_MAX];
    expect(world, model.messages <= MESSAGES_MAX && model.left <= CRASHES);
    world_federate(world, 0, 1);
    world_run_ms(world, 5000);
    world->net = (struct world_net){.latency_ms = 5};
    world->after_event = branch;
    world->after_event_ctx = &model;
    for (unsigned i = 0; i < model.messages; i++) {
        clicks[i] = (struct click){
            .action = {.apply = click_apply, .done = click_done}, .world = world, .number = i};
        exchange_submit(world->hubs[0].exchange, &clicks[i].action);
    }
    expect(world, world_run_until_every(world, all_there, &model, DAY_MS, 50));
    world->after_event = NULL;
    print_message("%lu ways to lose power, %lu failed\n", model.runs, model.failed);
    expect(world, model.failed == 0 && model.runs > 20);
}

const struct scenario scenarios_model[] = {
    {"r_pd_6_one_effect_whenever_power_is_lost_twice", exhaustive, 2, 1, HUBS_UP},
    {0},
};
