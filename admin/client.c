#include "admin/client.h"

#include "admin/show.h"
#include "hub/base/clock.h"
#include "hub/base/mem.h"
#include "hub/config.h"
#include "proto/limits.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "hubd.sock" /* default of the option "socket" */
#define URL_BASE    "http://hub/maillon.api.v1."
#define TIMEOUT_S   60L
#define ANSWER_MAX  (4 * (size_t)API_IMPORT_MAX)
#define PROGRESS_MS 200
#define PATH_SIZE   512

struct client {
    CURL *curl;
    char socket[PATH_SIZE];
    char dir[PATH_SIZE]; /* state directory for messages; "" when only the socket is known */
    char *user;
    struct buf *answer;
    int64_t next_progress_ms;
    unsigned turn;
};

/* The socket of a state directory; its hub.ini may be unreadable for whoever may use the socket. */
static void find_socket(struct client *client, const char *hub)
{
    struct stat info;
    if (stat(hub, &info) != 0 || !S_ISDIR(info.st_mode)) {
        size_t len = strlen(hub);
        bool is_socket = (len > 5 && strcmp(hub + len - 5, ".sock") == 0) ||
                         (stat(hub, &info) == 0 && S_ISSOCK(info.st_mode));
        snprintf(client->socket, PATH_SIZE, is_socket ? "%s" : "%s/" SOCKET_NAME, hub);
        snprintf(client->dir, PATH_SIZE, "%s", is_socket ? "" : hub);
        return;
    }
    struct config *config = mem_alloc(sizeof(*config));
    struct err ignored = {0};
    if (config_read(hub, config, &ignored))
        config_path(config, config->socket, client->socket, PATH_SIZE);
    else
        snprintf(client->socket, PATH_SIZE, "%s/" SOCKET_NAME, hub);
    snprintf(client->dir, PATH_SIZE, "%s", hub);
    free(config);
}

struct client *client_create(const char *hub, const char *user, struct err *err)
{
    AUTO(client_free) struct client *client = mem_alloc(sizeof(*client));
    if (user && (strpbrk(user, "\r\n") || !*user)) {
        err_set(err, ERR_INVALID, "--user is not the name of an account");
        return NULL;
    }
    find_socket(client, hub);
    if (strlen(client->socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
        err_set(err, ERR_INVALID,
                "the path of the socket is longer than %zu bytes: name it from a nearer folder",
                sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
        return NULL;
    }
    client->user = mem_text(user);
    client->curl = curl_easy_init();
    if (!client->curl) {
        err_set(err, ERR_IO, "could not start libcurl");
        return NULL;
    }
    return TAKE(client);
}

void client_free(struct client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    free(client->user);
    free(client);
}

static size_t take_answer(char *data, size_t size, size_t count, void *context)
{
    struct client *client = context;
    if (client->answer->len + size * count > ANSWER_MAX)
        return 0;
    buf_add(client->answer, data, size * count);
    return size * count;
}

/* "sending 12.3 of 40.0 MB", then a turning bar while the hub works. */
static int show_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                         curl_off_t up)
{
    static const char bar[] = "|/-\\";
    struct client *client = context;
    char sent[SHOW_SIZE], total[SHOW_SIZE];
    int64_t now = clock_mono(&clock_system).us / 1000;
    (void)down_total;
    (void)down;
    if (now < client->next_progress_ms)
        return 0;
    client->next_progress_ms = now + PROGRESS_MS;
    if (up < up_total)
        fprintf(stderr, "\r  sending %s of %s\033[K", show_size(up, sent),
                show_size(up_total, total));
    else
        fprintf(stderr, "\r  %c the hub is working\033[K", bar[client->turn++ % 4]);
    return 0;
}

static bool not_reached(const struct client *client, CURLcode code, struct err *err)
{
    long reason = 0;
    curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &reason);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_IO, "the hub at %s did not answer within %ld s: try again",
                       client->socket, TIMEOUT_S);
    if (code == CURLE_COULDNT_CONNECT &&
        (reason == EACCES || (access(client->socket, F_OK) != 0 && errno == EACCES)))
        return err_set(err, ERR_IO,
                       "you may not use %s: run hubctl as the user of hubd, or add your uid to "
                       "socket-uids in hub.ini",
                       client->socket);
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(err, ERR_IO,
                       "no hub answers at %s: is hubd running? start it with: hubd --state %s",
                       client->socket, *client->dir ? client->dir : "DIR");
    return err_set(err, ERR_IO, "the hub at %s broke off: %s", client->socket,
                   curl_easy_strerror(code));
}

/* The Connect error body: {"code": …, "message": …}. */
static bool refused(struct bytes body, long status, struct err *err)
{
    json_t *answer = json_loadb((const char *)body.data, body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(answer, "message"));
    char text[200];
    size_t used = 0;
    for (; message && *message && used + 1 < sizeof(text); message++)
        text[used++] = (unsigned char)*message < 0x20 ? ' ' : *message;
    text[used] = '\0';
    json_decref(answer);
    if (used == 0)
        return err_set(err, ERR_IO, "the hub refused with HTTP status %ld", status);
    return err_set(err, ERR_DENIED, "%s", text);
}

static struct curl_slist *make_headers(const struct client *client, unsigned flags)
{
    struct curl_slist *headers = NULL;
    char line[160];
    headers = curl_slist_append(headers, flags & CLIENT_PROTO ? "Content-Type: application/proto"
                                                              : "Content-Type: application/json");
    headers = curl_slist_append(headers, "Connect-Protocol-Version: 1");
    headers = curl_slist_append(headers, "Expect:");
    if (client->user) {
        snprintf(line, sizeof(line), "Maillon-User: %s", client->user);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

bool client_post(struct client *client, const char *method, struct bytes body, unsigned flags,
                 struct buf *answer, struct err *err)
{
    CURL *curl = client->curl;
    char url[256];
    long status = 0;
    size_t before = answer->len;
    bool progress = (flags & CLIENT_LONG) && isatty(STDERR_FILENO);
    snprintf(url, sizeof(url), URL_BASE "%s", method);
    struct curl_slist *headers = make_headers(client, flags);
    client->answer = answer;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.len ? (const char *)body.data : "");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, flags & CLIENT_LONG ? 0L : TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, progress ? 0L : 1L);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (progress)
        fputs("\r\033[K", stderr);
    /* A refusal may come before a long body was taken. */
    if (code != CURLE_OK && !(code == CURLE_SEND_ERROR && status >= 400))
        return not_reached(client, code, err);
    if (status != 200)
        return refused(bytes_of(answer->data + before, answer->len - before), status, err);
    return true;
}

json_t *client_parse(struct bytes answer, struct err *err)
{
    json_t *value = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    if (!json_is_object(value)) {
        json_decref(value);
        err_set(err, ERR_IO,
                "the hub's answer is not what hubctl expects: are both the same "
                "version?");
        return NULL;
    }
    return value;
}

json_t *client_call(struct client *client, const char *method, const json_t *request,
                    struct err *err)
{
    char *text = request ? json_dumps(request, JSON_COMPACT) : mem_text("{}");
    AUTO(buf_done) struct buf answer = {0};
    bool ok = client_post(client, method, bytes_text(text), 0, &answer, err);
    free(text);
    return ok ? client_parse(buf_bytes(&answer), err) : NULL;
}
