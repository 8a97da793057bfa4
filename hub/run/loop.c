#include "hub/run/loop.h"

#include "hub/base/mem.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct loop {
    uv_loop_t uv;
    uv_timer_t timer;
    uv_prepare_t turn;
    const struct clock *clock;
    struct {
        loop_tick *tick;
        void *ctx;
    } ticks[LOOP_TICKS_MAX];
    size_t tick_count;
    struct watched_signal {
        uv_signal_t handle;
        loop_signal *signal;
        void *ctx;
    } signals[LOOP_SIGNALS_MAX];
    size_t signal_count;
    size_t resolving;
};

static void must(int status)
{
    if (status != 0)
        abort();
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* it only wakes the loop: the end of the turn does what is due */
}

/* Just before the loop sleeps: whatever happened in this turn may have moved what is due. */
static void end_of_turn(uv_prepare_t *turn)
{
    struct loop *loop = turn->data;
    struct mono now = clock_mono(loop->clock), due = MONO_NEVER;
    for (size_t i = 0; i < loop->tick_count; i++)
        due = mono_min(due, loop->ticks[i].tick(loop->ticks[i].ctx, now));
    if (uv_is_closing((uv_handle_t *)turn))
        return; /* a tick closed the loop */
    if (due.us == INT64_MAX) {
        uv_timer_stop(&loop->timer);
        return;
    }
    int64_t wait_ms = due.us <= now.us ? 0 : (due.us - now.us + 999) / 1000;
    uv_update_time(&loop->uv); /* else the wait counts from the start of a long turn */
    uv_timer_start(&loop->timer, on_timer, (uint64_t)wait_ms, 0);
}

struct loop *loop_create(const struct clock *clock)
{
    struct loop *loop = mem_alloc(sizeof(*loop));
    loop->clock = clock;
    must(uv_loop_init(&loop->uv));
    must(uv_timer_init(&loop->uv, &loop->timer));
    must(uv_prepare_init(&loop->uv, &loop->turn));
    loop->turn.data = loop;
    must(uv_prepare_start(&loop->turn, end_of_turn));
    return loop;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_ONCE);
}

void loop_close(struct loop *loop)
{
    if (uv_is_closing((uv_handle_t *)&loop->timer))
        return;
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    for (size_t i = 0; i < loop->signal_count; i++)
        uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
}

bool loop_free(struct loop *loop)
{
    if (!loop)
        return true;
    bool clean = uv_loop_close(&loop->uv) == 0;
    free(loop);
    return clean;
}

uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_add_tick(struct loop *loop, loop_tick *tick, void *ctx)
{
    assert(loop->tick_count < LOOP_TICKS_MAX);
    loop->ticks[loop->tick_count].tick = tick;
    loop->ticks[loop->tick_count++].ctx = ctx;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct watched_signal *watched = handle->data;
    watched->signal(watched->ctx, signum);
}

void loop_on_signal(struct loop *loop, int signum, loop_signal *signal, void *ctx)
{
    assert(loop->signal_count < LOOP_SIGNALS_MAX);
    struct watched_signal *watched = &loop->signals[loop->signal_count++];
    watched->signal = signal;
    watched->ctx = ctx;
    must(uv_signal_init(&loop->uv, &watched->handle));
    watched->handle.data = watched;
    must(uv_signal_start(&watched->handle, on_signal, signum));
}

struct loop_watch {
    uv_poll_t handle;
    void (*ready)(void *ctx);
    void *ctx;
};

static void on_ready(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *watch = handle->data;
    (void)status; /* the reader finds the error on the descriptor itself */
    (void)events;
    watch->ready(watch->ctx);
}

struct loop_watch *loop_watch_open(struct loop *loop, int fd, void (*ready)(void *ctx), void *ctx)
{
    struct loop_watch *watch = mem_alloc(sizeof(*watch));
    watch->ready = ready;
    watch->ctx = ctx;
    if (uv_poll_init(&loop->uv, &watch->handle, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->handle.data = watch;
    must(uv_poll_start(&watch->handle, UV_READABLE, on_ready));
    return watch;
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

void loop_watch_close(struct loop_watch *watch)
{
    if (!watch)
        return;
    uv_poll_stop(&watch->handle);
    uv_close((uv_handle_t *)&watch->handle, free_watch);
}

struct question {
    uv_getaddrinfo_t request;
    struct loop *loop;
    loop_resolved *done;
    void *ctx;
};

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct question *question = request->data;
    struct resolved resolved = {.count = 0};
    for (struct addrinfo *a = status == 0 ? list : NULL; a; a = a->ai_next) {
        if (resolved.count == RESOLVED_MAX)
            break;
        const void *address = NULL;
        if (a->ai_family == AF_INET)
            address = &((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr;
        else if (a->ai_family == AF_INET6)
            address = &((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr;
        if (address && inet_ntop(a->ai_family, address, resolved.address[resolved.count],
                                 sizeof(resolved.address[0])))
            resolved.count++;
    }
    uv_freeaddrinfo(list);
    question->loop->resolving--;
    question->done(question->ctx, &resolved);
    free(question);
}

void loop_resolve(struct loop *loop, const char *host, loop_resolved *done, void *ctx)
{
    struct question *question = mem_alloc(sizeof(*question));
    *question = (struct question){.loop = loop, .done = done, .ctx = ctx};
    question->request.data = question;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    must(uv_getaddrinfo(&loop->uv, &question->request, on_answer, host, NULL, &hints));
    loop->resolving++;
}

size_t loop_resolving(const struct loop *loop)
{
    return loop->resolving;
}
