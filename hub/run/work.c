#include "hub/run/work.h"

#include "hub/base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORKERS_MAX  16
#define HAND_OVER    32        /* jobs a thread takes for one lock */
#define THREAD_STACK (1 << 20) /* sqlite and Argon2id keep their big memory on the heap */
#define LANES        (LANE_WORKER + 1)

struct pool {
    struct work *work;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t cond;
    struct job *first, **last;
    size_t waiting;
    unsigned threads, sleeping;
    bool stop;
};

struct work {
    struct executor executor;
    uv_async_t wake;
    struct pool pools[LANES];
    pthread_t threads[2 + WORKERS_MAX];
    unsigned thread_count;
    size_t pending;             /* loop thread only */
    pthread_mutex_t done_mutex; /* guards the following two */
    struct job *done_first, **done_last;
};

static void must(int status)
{
    if (status != 0)
        abort();
}

/* A share of what waits, so that one slow job does not hold back many that came after it. */
static struct job *take_share(struct pool *pool)
{
    size_t count = pool->waiting / (2 * (size_t)pool->threads);
    if (count < 1)
        count = 1;
    if (count > HAND_OVER)
        count = HAND_OVER;
    struct job *first = pool->first, *end = first;
    for (size_t i = 1; i < count; i++)
        end = end->next;
    pool->first = end->next;
    if (!pool->first)
        pool->last = &pool->first;
    pool->waiting -= count;
    end->next = NULL;
    return first;
}

static void give_back(struct work *work, struct job *job)
{
    job->next = NULL;
    must(pthread_mutex_lock(&work->done_mutex));
    bool was_empty = !work->done_first;
    *work->done_last = job;
    work->done_last = &job->next;
    must(pthread_mutex_unlock(&work->done_mutex));
    if (was_empty)
        uv_async_send(&work->wake);
}

#define WORKER_NICE 5

static void *pool_thread(void *arg)
{
    struct pool *pool = arg;
    /* The writer is what all wait for: with as many workers as cores it must not queue behind them.
     * Linux keeps nice values per thread; a refusal costs speed only. */
    if (pool == &pool->work->pools[LANE_WORKER])
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), WORKER_NICE);
    must(pthread_mutex_lock(&pool->mutex));
    for (;;) {
        while (!pool->first && !pool->stop) {
            pool->sleeping++;
            pthread_cond_wait(&pool->cond, &pool->mutex);
            pool->sleeping--;
        }
        if (!pool->first)
            break;
        struct job *job = take_share(pool);
        must(pthread_mutex_unlock(&pool->mutex));
        while (job) {
            struct job *next = job->next;
            job->run(job);
            give_back(pool->work, job); /* at once: the rest of the share may take long */
            job = next;
        }
        must(pthread_mutex_lock(&pool->mutex));
    }
    must(pthread_mutex_unlock(&pool->mutex));
    return NULL;
}

static void submit(void *ctx, enum lane lane, struct job *job)
{
    struct work *work = ctx;
    struct pool *pool = &work->pools[lane];
    work->pending++;
    job->next = NULL;
    must(pthread_mutex_lock(&pool->mutex));
    assert(!pool->stop);
    *pool->last = job;
    pool->last = &job->next;
    pool->waiting++;
    bool wake = pool->sleeping > 0;
    must(pthread_mutex_unlock(&pool->mutex));
    if (wake)
        pthread_cond_signal(&pool->cond);
}

static void tell_done(uv_async_t *wake)
{
    struct work *work = wake->data;
    must(pthread_mutex_lock(&work->done_mutex));
    struct job *job = work->done_first;
    work->done_first = NULL;
    work->done_last = &work->done_first;
    must(pthread_mutex_unlock(&work->done_mutex));
    while (job) {
        struct job *next = job->next; /* the job is its owner's again, and may be submitted anew */
        work->pending--;
        job->done(job);
        job = next;
    }
}

static void start_pool(struct work *work, enum lane lane, unsigned threads)
{
    struct pool *pool = &work->pools[lane];
    pool->work = work;
    pool->last = &pool->first;
    pool->threads = threads;
    must(pthread_mutex_init(&pool->mutex, NULL));
    must(pthread_cond_init(&pool->cond, NULL));
    pthread_attr_t attr;
    must(pthread_attr_init(&attr));
    must(pthread_attr_setstacksize(&attr, THREAD_STACK));
    for (unsigned i = 0; i < threads; i++)
        must(pthread_create(&work->threads[work->thread_count++], &attr, pool_thread, pool));
    must(pthread_attr_destroy(&attr));
}

struct work *work_create(uv_loop_t *loop, unsigned workers)
{
    if (workers < 1)
        workers = 1;
    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    struct work *work = mem_alloc(sizeof(*work));
    work->executor = (struct executor){submit, work};
    work->done_last = &work->done_first;
    must(pthread_mutex_init(&work->done_mutex, NULL));
    must(uv_async_init(loop, &work->wake, tell_done));
    work->wake.data = work;
    start_pool(work, LANE_WRITER, 1);
    start_pool(work, LANE_READER, 1);
    start_pool(work, LANE_WORKER, workers);
    return work;
}

static void free_work(uv_handle_t *wake)
{
    free(wake->data);
}

void work_close(struct work *work)
{
    if (!work)
        return;
    assert(work->pending == 0);
    for (int lane = 0; lane < LANES; lane++) {
        struct pool *pool = &work->pools[lane];
        must(pthread_mutex_lock(&pool->mutex));
        pool->stop = true;
        must(pthread_mutex_unlock(&pool->mutex));
        pthread_cond_broadcast(&pool->cond);
    }
    for (unsigned i = 0; i < work->thread_count; i++)
        must(pthread_join(work->threads[i], NULL));
    for (int lane = 0; lane < LANES; lane++) {
        pthread_cond_destroy(&work->pools[lane].cond);
        pthread_mutex_destroy(&work->pools[lane].mutex);
    }
    pthread_mutex_destroy(&work->done_mutex);
    uv_close((uv_handle_t *)&work->wake, free_work);
}

const struct executor *work_executor(struct work *work)
{
    return &work->executor;
}

size_t work_pending(const struct work *work)
{
    return work->pending;
}
