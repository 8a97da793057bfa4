/*
 * The home page of a caseworker, as a browser that stays connected sees it: over TLS, signed in.
 *   bench_home DIR PID COUNT
 * Makes an account at the hub, asks for "/" COUNT times on one connection, and prints p50_ms,
 * p99_ms, max_ms, page_bytes, hub_us (processor time of the hub a page) and rss_mib.
 */
#include "hub/base/mem.h"
#include "hub/config.h"
#include "hub/crypto/wire.h"
#include "maillon/api/v1/accounts.pb-c.h"
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_measure.h"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PAGE_MAX   (1u << 20)
#define WARM       20
#define PASSPHRASE "quatre mots bien choisis"

static unsigned port_of(const char *dir)
{
    struct err err = {0};
    struct config *config = mem_alloc(sizeof(*config));
    bench_check(config_read(dir, config, &err), &err, "read hub.ini");
    const char *colon = strrchr(config->listen, ':');
    unsigned port = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
    free(config);
    return port;
}

/** A caseworker of this hub, signed in. */
static void sign_in(const char *dir, char *token, size_t size)
{
    char name[32], passphrase[] = PASSPHRASE, role[] = "caseworker";
    AUTO(buf_done) struct buf body = {0}, answer = {0};
    snprintf(name, sizeof(name), "bench-%ld", (long)getpid());
    Maillon__Api__V1__AddUserRequest add = MAILLON__API__V1__ADD_USER_REQUEST__INIT;
    add.name = name;
    add.role = role;
    add.passphrase = passphrase;
    wire_pack(&add, &body);
    bench_call(dir, "Accounts/AddUser", buf_bytes(&body), NULL);

    Maillon__Api__V1__SignInRequest in = MAILLON__API__V1__SIGN_IN_REQUEST__INIT;
    in.name = name;
    in.passphrase = passphrase;
    body.len = 0;
    wire_pack(&in, &body);
    bench_call(dir, "Accounts/SignIn", buf_bytes(&body), &answer);
    Maillon__Api__V1__Session *session =
        maillon__api__v1__session__unpack(NULL, answer.len, answer.data);
    if (!session || snprintf(token, size, "%s", session->token) >= (int)size || !*token)
        bench_fail("the hub lets nobody in");
    maillon__api__v1__session__free_unpacked(session, NULL);
}

static SSL *dial(SSL_CTX *tls, unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *ssl = SSL_new(tls);
    if (!ssl || fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
        SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
        bench_fail("cannot connect to port %u", port);
    return ssl;
}

/** One page; its bytes with the head, 0: the hub wants a new connection. */
static size_t ask(SSL *ssl, const char *request, struct buf *page)
{
    size_t wanted = 0;
    page->len = 0;
    buf_reserve(page, PAGE_MAX);
    if (SSL_write(ssl, request, (int)strlen(request)) <= 0)
        return 0;
    do {
        int got = SSL_read(ssl, page->data + page->len, (int)(PAGE_MAX - 1 - page->len));
        if (got <= 0)
            return 0;
        page->len += (size_t)got;
        page->data[page->len] = '\0';
        const char *head = (const char *)page->data, *end = strstr(head, "\r\n\r\n");
        const char *length = strcasestr(head, "\r\nContent-Length:");
        if (end && length && length < end)
            wanted = (size_t)(end - head) + 4 + strtoul(length + 17, NULL, 10);
    } while (!wanted || page->len < wanted);
    if (strncmp((const char *)page->data, "HTTP/1.1 200", 12) != 0)
        bench_fail("the page: %.40s", (const char *)page->data);
    return page->len;
}

static double peak_mib(pid_t pid)
{
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (!file || fclose(file) != 0 || kib == 0)
        bench_fail("cannot read the memory of the hub");
    return kib / 1024;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        bench_fail("usage: bench_home DIR PID COUNT [PATH]");
    const pid_t pid = (pid_t)bench_number(argv[2], "PID", 1, 1 << 30);
    const size_t count = (size_t)bench_number(argv[3], "COUNT", 1, 1000000);
    char token[128], request[512];
    sign_in(argv[1], token, sizeof(token));
    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: fr\r\nCookie: "
             "__Host-maillon=%s\r\n\r\n",
             argc > 4 ? argv[4] : "/", token);
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (!tls)
        bench_fail("cannot start OpenSSL");
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL); /* the hub of this test made its certificate */
    SSL *ssl = dial(tls, port_of(argv[1]));
    AUTO(buf_done) struct buf page = {0};
    double *took = mem_alloc(count * sizeof(*took));
    struct cpu_span span = {0};
    for (size_t i = 0; i < count + WARM; i++) {
        if (i == WARM)
            span = cpu_span_begin(pid, 0);
        double begun = now_s();
        if (!ask(ssl, request, &page))
            bench_fail("the hub closed the connection after %zu pages", i);
        if (i >= WARM)
            took[i - WARM] = (now_s() - begun) * 1e3;
    }
    bench_value("p50_ms", percentile(took, count, 50));
    bench_value("p99_ms", percentile(took, count, 99));
    bench_value("max_ms", percentile(took, count, 100));
    bench_value("page_bytes", (double)page.len);
    cpu_span_end(&span, (double)count);
    bench_value("peak_mib", peak_mib(pid));
    bench_end();
    free(took);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    return 0;
}
