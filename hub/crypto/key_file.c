#include "hub/crypto/key_file.h"

#include "hub/crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

static bool fail(struct err *err, const char *what, const char *name)
{
    return err_set(err, ERR_IO, "could not %s %s: %s", what, name, strerror(errno));
}

static int open_dir(const char *dir)
{
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_fd_auto(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Text of a key file: wiped before its memory goes back. */
static void wipe_text_auto(struct buf *text)
{
    if (text->data)
        secret_wipe(text->data, text->cap);
    buf_done(text);
}

static bool write_all(int fd, struct bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(fd, b.data, b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b.data += n;
        b.len -= (size_t)n;
    }
    return true;
}

/* One piece of memory from the start: growing would leave copies of the secret behind. */
static void compose(const char *comment, const struct bytes *items, size_t count, struct buf *text)
{
    size_t len = strlen(comment) + 4;
    for (size_t i = 0; i < count; i++)
        len += BASE32_LEN(items[i].len) + 2;
    buf_reserve(text, len);
    buf_add_text(text, "# ");
    buf_add_text(text, comment);
    buf_add_text(text, "\n");
    for (size_t i = 0; i < count; i++) {
        base32_encode(items[i], (char *)text->data + text->len);
        text->len += BASE32_LEN(items[i].len);
        buf_add_text(text, "\n");
    }
}

bool key_file_write(const char *dir, const char *name, const char *comment,
                    const struct bytes *items, size_t count, struct err *err)
{
    char temporary[256];
    snprintf(temporary, sizeof(temporary), "%s.new", name);
    AUTO(close_fd) int dir_fd = open_dir(dir);
    if (dir_fd < 0)
        return fail(err, "open the directory of", name);
    if (unlinkat(dir_fd, temporary, 0) != 0 && errno != ENOENT) /* left by a crash */
        return fail(err, "replace", temporary);
    AUTO(close_fd)
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, "create", name);
    AUTO(wipe_text) struct buf text = {0};
    compose(comment, items, count, &text);
    if (!write_all(fd, buf_bytes(&text)) || fsync(fd) != 0 ||
        renameat(dir_fd, temporary, dir_fd, name) != 0 || fsync(dir_fd) != 0) {
        fail(err, "write", name);
        unlinkat(dir_fd, temporary, 0);
        return false;
    }
    return true;
}

static bool read_text(const char *dir, const char *name, bool is_secret, struct buf *text,
                      struct err *err)
{
    AUTO(close_fd) int dir_fd = open_dir(dir);
    AUTO(close_fd)
    int fd = dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (dir_fd >= 0 && fd < 0 && errno == ENOENT)
        return err_set(err, ERR_IO, "could not open %s: it is missing; restore it from the backup",
                       name);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail(err, "open", name);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_IO, "cannot use %s: not a regular file", name);
    if (is_secret && (st.st_mode & 077) != 0)
        return err_set(err, ERR_IO, "cannot use %s: others can read it; chmod 600 it", name);
    if (st.st_size > KEY_FILE_MAX)
        return err_set(err, ERR_IO, "cannot use %s: too large", name);
    buf_reserve(text, KEY_FILE_MAX + 1);
    while (text->len <= KEY_FILE_MAX) {
        ssize_t n = read(fd, text->data + text->len, KEY_FILE_MAX + 1 - text->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(err, "read", name);
        if (n == 0)
            return true;
        text->len += (size_t)n;
    }
    return err_set(err, ERR_IO, "cannot use %s: too large", name);
}

/* The next line that is no comment and not empty; false at the end. */
static bool next_line(struct bytes *text, struct bytes *ret)
{
    while (text->len > 0) {
        const uint8_t *end = memchr(text->data, '\n', text->len);
        size_t len = end ? (size_t)(end - text->data) : text->len;
        struct bytes line = bytes_of(text->data, len);
        size_t step = end ? len + 1 : len;
        text->data += step;
        text->len -= step;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0 && line.data[0] != '#') {
            *ret = line;
            return true;
        }
    }
    return false;
}

bool key_file_read_secret(const char *dir, const char *name, uint8_t *out, size_t len,
                          struct err *err)
{
    AUTO(wipe_text) struct buf text = {0};
    if (!read_text(dir, name, true, &text, err))
        return false;
    struct bytes rest = buf_bytes(&text), line, more;
    if (!next_line(&rest, &line) || next_line(&rest, &more) ||
        !base32_decode((const char *)line.data, line.len, out, len))
        return err_set(err, ERR_IO, "cannot use %s: damaged; restore it from the backup", name);
    return true;
}

bool key_file_read_list(const char *dir, const char *name, struct buf *out, size_t *lens,
                        size_t lens_max, size_t *ret_count, struct err *err)
{
    AUTO(wipe_text) struct buf text = {0};
    if (!read_text(dir, name, false, &text, err))
        return false;
    struct bytes rest = buf_bytes(&text), line;
    size_t count = 0;
    while (next_line(&rest, &line)) {
        size_t len = line.len * 5 / 8;
        if (count == lens_max ||
            !base32_decode((const char *)line.data, line.len, buf_reserve(out, len), len))
            return err_set(err, ERR_IO, "cannot use %s: damaged; restore it from the backup", name);
        out->len += len;
        lens[count++] = len;
    }
    *ret_count = count;
    return true;
}

bool key_file_exists(const char *dir, const char *name)
{
    AUTO(close_fd) int dir_fd = open_dir(dir);
    return dir_fd >= 0 && faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool key_file_destroy(const char *dir, const char *name, struct err *err)
{
    AUTO(close_fd) int dir_fd = open_dir(dir);
    if (dir_fd < 0)
        return fail(err, "open the directory of", name);
    AUTO(close_fd) int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    struct stat there;
    if (fd < 0)
        return errno == ENOENT || fail(err, "open", name);
    if (fstat(fd, &there) != 0)
        return fail(err, "look at", name);
    uint8_t zeros[512] = {0};
    for (off_t left = there.st_size; left > 0;) {
        size_t len = left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros);
        if (!write_all(fd, bytes_of(zeros, len)))
            return fail(err, "overwrite", name);
        left -= (off_t)len;
    }
    if (fsync(fd) != 0 || unlinkat(dir_fd, name, 0) != 0 || fsync(dir_fd) != 0)
        return fail(err, "remove", name);
    return true;
}

bool key_file_rename(const char *dir, const char *from, const char *to, struct err *err)
{
    if (!key_file_destroy(dir, to, err))
        return false;
    AUTO(close_fd) int dir_fd = open_dir(dir);
    if (dir_fd < 0)
        return fail(err, "open the directory of", from);
    if (renameat(dir_fd, from, dir_fd, to) != 0 || fsync(dir_fd) != 0)
        return fail(err, "rename", from);
    return true;
}
