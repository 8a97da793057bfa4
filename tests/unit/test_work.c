#include "hub/run/work.h"

#include "hub/base/mem.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct shared {
    uv_loop_t loop;
    struct work *work;
    const struct executor *executor;
    pthread_t loop_thread;
    unsigned told, last_told, out_of_order;
    bool told_elsewhere;
};

struct task {
    struct job job;
    struct shared *shared;
    unsigned number;
    unsigned again;
    bool ran, ran_on_loop;
};

static int open_work(void **state)
{
    struct shared *shared = mem_alloc(sizeof(*shared));
    assert_int_equal(uv_loop_init(&shared->loop), 0);
    shared->work = work_create(&shared->loop, 3);
    shared->executor = work_executor(shared->work);
    shared->loop_thread = pthread_self();
    *state = shared;
    return 0;
}

static int close_work(void **state)
{
    struct shared *shared = *state;
    work_close(shared->work);
    uv_run(&shared->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&shared->loop), 0);
    free(shared);
    return 0;
}

static void run_task(struct job *job)
{
    struct task *task = (struct task *)job;
    task->ran = true;
    task->ran_on_loop = pthread_equal(pthread_self(), task->shared->loop_thread) != 0;
}

static void told_task(struct job *job)
{
    struct task *task = (struct task *)job;
    struct shared *shared = task->shared;
    assert_true(task->ran);
    assert_false(task->ran_on_loop);
    if (!pthread_equal(pthread_self(), shared->loop_thread))
        shared->told_elsewhere = true;
    if (task->number < shared->last_told)
        shared->out_of_order++;
    shared->last_told = task->number;
    shared->told++;
    if (task->again-- > 0)
        executor_submit(shared->executor, LANE_WORKER, job);
    else
        free(task);
}

static void submit(struct shared *shared, enum lane lane, unsigned number, unsigned again)
{
    struct task *task = mem_alloc(sizeof(*task));
    *task = (struct task){
        .job = {.run = run_task, .done = told_task},
        .shared = shared,
        .number = number,
        .again = again,
    };
    executor_submit(shared->executor, lane, &task->job);
}

static void run_until_idle(struct shared *shared)
{
    while (work_pending(shared->work) > 0)
        uv_run(&shared->loop, UV_RUN_ONCE);
}

static void every_job_runs_once_and_is_told_on_the_loop(void **state)
{
    struct shared *shared = *state;
    for (unsigned i = 0; i < 10000; i++)
        submit(shared, LANE_WORKER, i, 0);
    run_until_idle(shared);
    assert_int_equal(shared->told, 10000);
    assert_false(shared->told_elsewhere);
}

static void the_writer_and_the_reader_keep_the_order(void **state)
{
    struct shared *shared = *state;
    const enum lane lanes[] = {LANE_WRITER, LANE_READER};
    for (size_t lane = 0; lane < ARRAY_LEN(lanes); lane++) {
        shared->last_told = 0;
        for (unsigned i = 0; i < 5000; i++)
            submit(shared, lanes[lane], i, 0);
        run_until_idle(shared);
    }
    assert_int_equal(shared->told, 10000);
    assert_int_equal(shared->out_of_order, 0);
}

static void a_job_may_be_submitted_again_when_it_is_told(void **state)
{
    struct shared *shared = *state;
    for (unsigned i = 0; i < 20; i++)
        submit(shared, LANE_WORKER, 0, 99);
    run_until_idle(shared);
    assert_int_equal(shared->told, 2000);
}

static void lanes_work_side_by_side(void **state)
{
    struct shared *shared = *state;
    for (unsigned i = 0; i < 3000; i++)
        submit(shared, (enum lane)(i % 3), 0, 3);
    run_until_idle(shared);
    assert_int_equal(shared->told, 12000);
}

static void closing_with_nothing_submitted_joins_the_threads(void **state)
{
    struct shared *shared = *state;
    assert_int_equal(work_pending(shared->work), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_job_runs_once_and_is_told_on_the_loop, open_work,
                                        close_work),
        cmocka_unit_test_setup_teardown(the_writer_and_the_reader_keep_the_order, open_work,
                                        close_work),
        cmocka_unit_test_setup_teardown(a_job_may_be_submitted_again_when_it_is_told, open_work,
                                        close_work),
        cmocka_unit_test_setup_teardown(lanes_work_side_by_side, open_work, close_work),
        cmocka_unit_test_setup_teardown(closing_with_nothing_submitted_joins_the_threads, open_work,
                                        close_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
