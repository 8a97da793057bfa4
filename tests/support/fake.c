#include "tests/support/fake.h"

#include <string.h>

static struct wall fake_wall(void *ctx)
{
    const struct fake_clock *fake = ctx;
    return fake->wall;
}

static struct mono fake_mono(void *ctx)
{
    const struct fake_clock *fake = ctx;
    return fake->mono;
}

void fake_clock_init(struct fake_clock *fake)
{
    *fake = (struct fake_clock){
        .clock = {fake_wall, fake_mono, fake, NULL},
        .wall = {1795334400000},
        .mono = {1000000},
    };
}

void fake_clock_advance(struct fake_clock *fake, int64_t ms)
{
    fake->wall.ms += ms;
    fake->mono.us += ms * 1000;
}

void fake_clock_set_wall(struct fake_clock *fake, int64_t wall_ms)
{
    fake->wall.ms = wall_ms;
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void fake_fill(void *ctx, void *out, size_t len)
{
    struct fake_random *fake = ctx;
    for (uint8_t *at = out; len > 0;) {
        uint64_t value = splitmix64(&fake->state);
        size_t n = len < sizeof(value) ? len : sizeof(value);
        memcpy(at, &value, n);
        at += n;
        len -= n;
    }
}

void fake_random_init(struct fake_random *fake, uint64_t seed)
{
    *fake = (struct fake_random){.source = {fake_fill, fake}, .state = seed};
}

static void fake_submit(void *ctx, enum lane lane, struct job *job)
{
    (void)lane; /* in order in one thread: every lane's promise is kept */
    struct fake_executor *fake = ctx;
    fake->submitted++;
    job->run(job);
    if (fake->mode == FAKE_IMMEDIATE) {
        job->done(job);
        return;
    }
    job->next = NULL;
    *fake->last = job;
    fake->last = &job->next;
}

void fake_executor_init(struct fake_executor *fake, enum fake_executor_mode mode)
{
    *fake = (struct fake_executor){.executor = {fake_submit, fake}, .mode = mode};
    fake->last = &fake->first;
}

size_t fake_executor_drain(struct fake_executor *fake)
{
    size_t count = 0;
    while (fake->first) {
        struct job *job = fake->first;
        fake->first = job->next;
        if (!fake->first)
            fake->last = &fake->first;
        job->done(job); /* may free it, or submit another */
        count++;
    }
    return count;
}
