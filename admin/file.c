/* Files that commands read and write. */
#include "admin/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define CHUNK    65536
#define JSON_MAX 1048576

bool file_read(const char *path, size_t max, struct buf *ret, struct err *err)
{
    bool is_input = strcmp(path, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot read %.120s: %s", path, strerror(errno));
    while (ret->len <= max && (got = read(fd, buf_reserve(ret, CHUNK), CHUNK)) > 0)
        ret->len += (size_t)got;
    int reason = errno;
    if (!is_input)
        close(fd);
    if (got < 0)
        return err_set(err, ERR_IO, "cannot read %.120s: %s", path, strerror(reason));
    if (ret->len > max)
        return err_set(err, ERR_LIMIT, "%.120s is larger than %zu MB, the most a hub takes at once",
                       path, max / 1000000);
    return true;
}

json_t *file_read_json(const char *path, struct err *err)
{
    AUTO(buf_done) struct buf text = {0};
    json_error_t where;
    if (!file_read(path, JSON_MAX, &text, err))
        return NULL;
    json_t *value = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &where);
    if (!value) { /* jansson's own words quote the text, which may be about a person */
        err_set(err, ERR_INVALID, "%.120s is not JSON: line %d, column %d", path, where.line,
                where.column);
        return NULL;
    }
    if (!json_is_object(value)) {
        json_decref(value);
        err_set(err, ERR_INVALID, "%.120s is not a JSON object: it must begin with {", path);
        return NULL;
    }
    return value;
}

static bool write_all(int fd, struct bytes data)
{
    while (data.len > 0) {
        ssize_t wrote = write(fd, data.data, data.len);
        if (wrote < 0)
            return false;
        data = bytes_of(data.data + wrote, data.len - (size_t)wrote);
    }
    return true;
}

bool file_write_new(const char *path, struct bytes data, struct err *err)
{
    if (strcmp(path, "-") == 0) {
        fflush(stdout);
        return write_all(STDOUT_FILENO, data) ||
               err_set(err, ERR_IO, "could not write: %s", strerror(errno));
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "%.120s exists already: name a new file", path);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot write %.120s: %s", path, strerror(errno));
    bool ok = write_all(fd, data) && fsync(fd) == 0;
    int reason = errno;
    if (close(fd) != 0 || !ok) {
        unlink(path);
        return err_set(err, ERR_IO, "could not write %.120s: %s", path, strerror(reason));
    }
    return true;
}
