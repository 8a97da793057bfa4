#include "hub/serve/unix_socket.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UIDS_MAX 32
#define BACKLOG  64

struct unix_socket {
    struct loop_watch *watch;
    struct net *net;
    struct http *http;
    struct counters *counters;
    int fd, lock;
    struct sockaddr_un at;
    uid_t uids[UIDS_MAX];
    size_t uid_count;
};

static bool read_uids(struct unix_socket *unix_socket, const char *text, struct err *err)
{
    unix_socket->uids[unix_socket->uid_count++] = getuid();
    unix_socket->uids[unix_socket->uid_count++] = 0;
    while (*text) {
        char number[16];
        size_t len = strcspn(text, ",");
        const char *start = text + strspn(text, " ");
        size_t digits = strspn(start, "0123456789");
        int64_t uid = 0;
        if (digits > 0 && digits < sizeof(number)) {
            memcpy(number, start, digits);
            number[digits] = 0;
        }
        if (digits == 0 || digits >= sizeof(number) || !text_parse_i64(number, &uid) ||
            uid > UINT32_MAX - 1 || start + digits + strspn(start + digits, " ") != text + len ||
            unix_socket->uid_count == UIDS_MAX)
            return err_set(err, ERR_INVALID,
                           "socket-uids takes uids separated by commas, at most %d", UIDS_MAX - 2);
        unix_socket->uids[unix_socket->uid_count++] = (uid_t)uid;
        text += len;
        text += *text == ',';
    }
    return true;
}

static bool may_use(const struct unix_socket *unix_socket, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    for (size_t i = 0; i < unix_socket->uid_count; i++)
        if (unix_socket->uids[i] == peer.uid)
            return true;
    return false;
}

static void on_ready(void *ctx)
{
    struct unix_socket *unix_socket = ctx;
    int fd;
    while ((fd = accept4(unix_socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (may_use(unix_socket, fd)) {
            http_adopt(unix_socket->http, unix_socket->net, fd);
        } else {
            COUNT(unix_socket->counters, refused_unix, 1);
            close(fd);
        }
    }
}

static bool take_lock(struct unix_socket *unix_socket, const char *path, struct err *err)
{
    char name[sizeof(unix_socket->at.sun_path) + 8];
    snprintf(name, sizeof(name), "%s.lock", path);
    unix_socket->lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (unix_socket->lock < 0)
        return err_set(err, ERR_IO, "could not open \"%s\": %s", name, strerror(errno));
    if (flock(unix_socket->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    return err_set(err, ERR_CONFLICT,
                   "another hubd runs in this state directory: stop it first, or give this one "
                   "another directory");
}

static bool listen_at(struct unix_socket *unix_socket, struct err *err)
{
    const char *path = unix_socket->at.sun_path;
    unix_socket->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct stat old;
    if (unix_socket->fd >= 0 && lstat(path, &old) == 0) {
        if (!S_ISSOCK(old.st_mode))
            return err_set(err, ERR_CONFLICT,
                           "\"%s\" is not a socket: remove it or set another "
                           "path (socket = …)",
                           path);
        unlink(path); /* of a daemon that is dead: we hold the lock */
    }
    mode_t before = umask(0117);
    bool ok =
        unix_socket->fd >= 0 &&
        bind(unix_socket->fd, (struct sockaddr *)&unix_socket->at, sizeof(unix_socket->at)) == 0 &&
        listen(unix_socket->fd, BACKLOG) == 0;
    int reason = errno;
    umask(before);
    return ok || err_set(err, ERR_IO, "could not listen on the socket \"%s\": %s", path,
                         strerror(reason));
}

struct unix_socket *unix_socket_open(struct loop *loop, struct net *net, struct http *http,
                                     struct counters *counters, const char *path, const char *uids,
                                     struct err *err)
{
    struct unix_socket *unix_socket = mem_alloc(sizeof(*unix_socket));
    *unix_socket = (struct unix_socket){
        .net = net,
        .http = http,
        .counters = counters,
        .fd = -1,
        .lock = -1,
        .at = {.sun_family = AF_UNIX},
    };
    bool ok = read_uids(unix_socket, uids, err);
    if (ok && strlen(path) >= sizeof(unix_socket->at.sun_path))
        ok = err_set(err, ERR_INVALID,
                     "the socket path is longer than %zu bytes: set a shorter one "
                     "(socket = …)",
                     sizeof(unix_socket->at.sun_path) - 1);
    if (ok)
        memcpy(unix_socket->at.sun_path, path, strlen(path) + 1);
    if (ok && take_lock(unix_socket, path, err) && listen_at(unix_socket, err)) {
        unix_socket->watch = loop_watch_open(loop, unix_socket->fd, on_ready, unix_socket);
        if (unix_socket->watch)
            return unix_socket;
        err_set(err, ERR_IO, "could not watch the socket \"%s\"", path);
    }
    unix_socket_close(unix_socket);
    return NULL;
}

void unix_socket_close(struct unix_socket *unix_socket)
{
    if (!unix_socket)
        return;
    if (unix_socket->watch) {
        loop_watch_close(unix_socket->watch);
        unlink(unix_socket->at.sun_path);
    }
    if (unix_socket->fd >= 0)
        close(unix_socket->fd);
    if (unix_socket->lock >= 0)
        close(unix_socket->lock);
    free(unix_socket);
}
