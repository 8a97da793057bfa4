#include "tests/bench/bench_call.h"

#include "hub/base/mem.h"
#include "maillon/api/v1/node.pb-c.h"
#include "tests/bench/bench_measure.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD_MAX   2048
#define READ_BYTES 65536

static int connect_to(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/hubd.sock", dir) >=
        (int)sizeof(address.sun_path))
        bench_fail("the path of the state directory is too long for a socket");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void request_write(const char *method, struct bytes body, struct buf *out)
{
    buf_addf(out,
             "POST /maillon.api.v1.%s HTTP/1.1\r\nHost: hub\r\nContent-Type: application/proto\r\n"
             "Content-Length: %zu\r\n\r\n",
             method, body.len);
    buf_add_bytes(out, body);
}

struct answer {
    unsigned status;
    struct bytes body;
    size_t size; /* head and body */
};

/** False: not all of it is here yet. */
static bool answer_read(struct buf *in, struct answer *ret)
{
    const char *text = buf_text(in), *end = strstr(text, "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strcasestr(text, "\r\nContent-Length:");
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || !length || length > end)
        bench_fail("the hub's answer is no HTTP with a length");
    size_t head = (size_t)(end - text) + 4, body = strtoul(length + 17, NULL, 10);
    if (in->len < head + body)
        return false;
    ret->status = (unsigned)strtoul(text + 9, NULL, 10);
    ret->body = bytes_of(in->data + head, body);
    ret->size = head + body;
    return true;
}

static bool write_all(int fd, struct bytes bytes)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes.data += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

/** @return HTTP status, 0: no answer. */
static unsigned exchange_once(const char *dir, const char *method, struct bytes body,
                              struct buf *in, struct answer *answer)
{
    AUTO(buf_done) struct buf out = {0};
    int fd = connect_to(dir);
    if (fd < 0)
        return 0;
    request_write(method, body, &out);
    bool ok = write_all(fd, buf_bytes(&out));
    while (ok && !answer_read(in, answer)) {
        ssize_t n = read(fd, buf_reserve(in, READ_BYTES), READ_BYTES - 1);
        ok = n > 0;
        in->len += ok ? (size_t)n : 0;
    }
    close(fd);
    return ok ? answer->status : 0;
}

bool bench_try_call(const char *dir, const char *method, struct bytes body, struct buf *answer)
{
    AUTO(buf_done) struct buf in = {0};
    struct answer read;
    if (exchange_once(dir, method, body, &in, &read) != 200)
        return false;
    if (answer)
        buf_add_bytes(answer, read.body);
    return true;
}

void bench_call(const char *dir, const char *method, struct bytes body, struct buf *answer)
{
    AUTO(buf_done) struct buf in = {0};
    struct answer read = {0};
    unsigned status = exchange_once(dir, method, body, &in, &read);
    if (status != 200)
        bench_fail("%s: status %u %.*s", method, status, (int)read.body.len,
                   (const char *)read.body.data);
    if (answer)
        buf_add_bytes(answer, read.body);
}

void bench_counters_read(const char *dir, struct bench_counters *ret)
{
    AUTO(buf_done) struct buf answer = {0};
    bench_call(dir, "Node/Metrics", (struct bytes){0}, &answer);
    Maillon__Api__V1__MetricsResponse *metrics =
        maillon__api__v1__metrics_response__unpack(NULL, answer.len, answer.data);
    if (!metrics || strlen(metrics->text) >= sizeof(ret->text))
        bench_fail("cannot read the hub's counters");
    snprintf(ret->text, sizeof(ret->text), "%s", metrics->text);
    maillon__api__v1__metrics_response__free_unpacked(metrics, NULL);
}

double bench_counter(const struct bench_counters *counters, const char *name)
{
    char line[80];
    snprintf(line, sizeof(line), "\nmaillon_%s_total ", name);
    const char *at = strstr(counters->text, line);
    if (!at)
        bench_fail("the hub does not count \"%s\"", name);
    return strtod(at + strlen(line), NULL);
}

double bench_counted(const struct bench_counters *before, const struct bench_counters *after,
                     const char *name)
{
    return bench_counter(after, name) - bench_counter(before, name);
}

/* ---- many calls at once ---- */

struct bench_conn {
    int fd;
    bool busy;
    size_t number;
    struct buf in;
};

struct bench_pool {
    char method[64];
    bench_answered *answered;
    void *ctx;
    struct buf out;
    size_t count, waiting, next;
    struct bench_conn conns[];
};

struct bench_pool *bench_pool_create(const char *dir, const char *method, size_t connections,
                                     bench_answered *answered, void *ctx)
{
    struct bench_pool *pool = mem_alloc(sizeof(*pool) + connections * sizeof(struct bench_conn));
    snprintf(pool->method, sizeof(pool->method), "%s", method);
    pool->answered = answered;
    pool->ctx = ctx;
    pool->count = connections;
    for (size_t i = 0; i < connections; i++) {
        pool->conns[i].fd = connect_to(dir);
        if (pool->conns[i].fd < 0)
            bench_fail("cannot connect to the hub's unix socket");
    }
    return pool;
}

void bench_pool_free(struct bench_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        close(pool->conns[i].fd);
        buf_done(&pool->conns[i].in);
    }
    buf_done(&pool->out);
    free(pool);
}

bool bench_pool_call(struct bench_pool *pool, size_t number, struct bytes body)
{
    if (pool->waiting == pool->count)
        return false;
    while (pool->conns[pool->next].busy)
        pool->next = (pool->next + 1) % pool->count;
    struct bench_conn *conn = &pool->conns[pool->next];
    pool->out.len = 0;
    request_write(pool->method, body, &pool->out);
    if (!write_all(conn->fd, buf_bytes(&pool->out)))
        bench_fail("the hub closed a connection of its unix socket");
    conn->busy = true;
    conn->number = number;
    pool->waiting++;
    return true;
}

size_t bench_pool_waiting(const struct bench_pool *pool)
{
    return pool->waiting;
}

size_t bench_pool_poll(const struct bench_pool *pool, struct pollfd *out)
{
    for (size_t i = 0; i < pool->count; i++)
        out[i] = (struct pollfd){.fd = pool->conns[i].fd, .events = POLLIN};
    return pool->count;
}

void bench_pool_read(struct bench_pool *pool, const struct pollfd *polled)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct bench_conn *conn = &pool->conns[i];
        struct answer answer;
        if (!polled[i].revents)
            continue;
        ssize_t n = read(conn->fd, buf_reserve(&conn->in, READ_BYTES), READ_BYTES - 1);
        if (n <= 0)
            bench_fail("the hub closed a connection of its unix socket");
        conn->in.len += (size_t)n;
        if (!answer_read(&conn->in, &answer))
            continue;
        if (answer.status != 200)
            bench_fail("%s: status %u %.*s", pool->method, answer.status, (int)answer.body.len,
                       (const char *)answer.body.data);
        conn->busy = false;
        pool->waiting--;
        pool->answered(pool->ctx, conn->number, answer.body);
        conn->in.len = 0;
    }
}

/* ---- the watch stream ---- */

struct bench_watch {
    int fd;
    struct buf in;
};

struct bench_watch *bench_watch_open(const char *dir)
{
    static const char hello[] = "GET /maillon.api.v1/watch HTTP/1.1\r\nHost: hub\r\n"
                                "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Protocol: maillon.watch.v1\r\n\r\n";
    struct bench_watch *watch = mem_alloc(sizeof(*watch));
    char head[HEAD_MAX];
    size_t len = 0;
    watch->fd = connect_to(dir);
    if (watch->fd < 0 || !write_all(watch->fd, BYTES_LITERAL(hello)))
        bench_fail("cannot connect to the hub's unix socket");
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        if (len == sizeof(head) || read(watch->fd, head + len, 1) != 1)
            bench_fail("the hub does not let this program watch");
        len++;
    }
    if (strncmp(head, "HTTP/1.1 101", 12) != 0)
        bench_fail("the hub does not let this program watch");
    fcntl(watch->fd, F_SETFL, O_NONBLOCK);
    usleep(200000); /* it looks up its newest event first */
    return watch;
}

void bench_watch_close(struct bench_watch *watch)
{
    close(watch->fd);
    buf_done(&watch->in);
    free(watch);
}

int bench_watch_fd(const struct bench_watch *watch)
{
    return watch->fd;
}

/** Size of the first frame, 0: not whole yet. Server frames are not masked. */
static size_t frame_size(const uint8_t *p, size_t len, size_t *ret_head)
{
    if (len < 4)
        return 0;
    size_t size = p[1] & 127;
    *ret_head = size == 126 ? 4 : 2;
    if (size == 126)
        size = (size_t)p[2] << 8 | p[3];
    return len < *ret_head + size ? 0 : *ret_head + size;
}

void bench_watch_read(struct bench_watch *watch, bench_event *event, void *ctx)
{
    struct buf *in = &watch->in;
    char json[4096];
    for (;;) {
        ssize_t n = read(watch->fd, buf_reserve(in, READ_BYTES), READ_BYTES);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0)
            bench_fail("the hub ended the watch stream");
        in->len += (size_t)n;
    }
    size_t at = 0, head, size;
    while ((size = frame_size(in->data + at, in->len - at, &head)) != 0) {
        if ((in->data[at] & 15) == 1) {
            snprintf(json, sizeof(json), "%.*s", (int)(size - head),
                     (const char *)in->data + at + head);
            event(ctx, json);
        }
        at += size;
    }
    if (at)
        memmove(in->data, in->data + at, in->len - at);
    in->len -= at;
}
