#include "hub/crypto/key_archive.h"

#include "hub/base/bytes.h"
#include "hub/crypto/key_file.h"
#include "hub/crypto/secret.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE  "maillon keys 1\n"
#define FILES_MAX   64
#define NAME_MAX_   128
#define ARCHIVE_MAX (FILES_MAX * (KEY_FILE_MAX + 256))

bool key_archive_takes(const char *name)
{
    size_t len = strlen(name);
    if (len >= NAME_MAX_ || name[0] == '.' ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != len)
        return false;
    return strcmp(name, "kel") == 0 || (len > 4 && strcmp(name + len - 4, ".key") == 0);
}

static int select_name(const struct dirent *entry)
{
    return key_archive_takes(entry->d_name);
}

static bool read_file(const char *path, size_t max, struct buf *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0 && ret->len <= max) {
        got = read(fd, buf_reserve(ret, 4096), 4096);
        if (got > 0)
            ret->len += (size_t)got;
    }
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(cause));
    return ret->len <= max || err_set(err, ERR_INVALID, "%s is too large to be a key file", path);
}

static bool write_new(const char *path, struct bytes data, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT, "%s exists already", path);
    bool done = fd >= 0;
    for (size_t at = 0; done && at < data.len;) {
        ssize_t n = write(fd, data.data + at, data.len - at);
        done = n > 0;
        at += n > 0 ? (size_t)n : 0;
    }
    done = done && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (!done && fd >= 0)
        unlink(path);
    return done || err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(cause));
}

static bool join(char out[4096], const char *dir, const char *name, struct err *err)
{
    return (size_t)snprintf(out, 4096, "%s/%s", dir, name) < 4096 ||
           err_set(err, ERR_INVALID, "the path of the key directory is too long");
}

static void wipe(struct buf *buf)
{
    secret_wipe(buf->data, buf->cap);
    buf_done(buf);
}

static bool add_file(const char *dir, const char *name, struct buf *archive, struct err *err)
{
    char path[4096];
    struct stat there;
    struct buf file = {0};
    if (!join(path, dir, name, err))
        return false;
    if (stat(path, &there) != 0 || !S_ISREG(there.st_mode))
        return true;
    bool done = read_file(path, KEY_FILE_MAX, &file, err);
    if (done) {
        buf_addf(archive, "file %s %zu\n", name, file.len);
        buf_add_bytes(archive, buf_bytes(&file));
        buf_add_text(archive, "\n");
    }
    wipe(&file);
    return done;
}

bool key_archive_write(const char *dir, const char *path, struct err *err)
{
    struct dirent **names = NULL;
    struct buf archive = {0};
    int count = scandir(dir, &names, select_name, alphasort);
    if (count < 0)
        return err_set(err, ERR_IO, "could not list the key directory: %s", strerror(errno));
    bool done = count <= FILES_MAX || err_set(err, ERR_LIMIT, "there are too many key files");
    buf_reserve(&archive, ARCHIVE_MAX / 16); /* grown buffers would leave copies behind */
    buf_add_text(&archive, FIRST_LINE);
    for (int i = 0; i < count; i++) {
        done = done && add_file(dir, names[i]->d_name, &archive, err);
        free(names[i]);
    }
    free(names);
    done = done && write_new(path, buf_bytes(&archive), err);
    wipe(&archive);
    return done;
}

/* One "file NAME LEN\n" and its bytes at *at. */
static bool take_file(const struct buf *archive, size_t *at, const char *dir, struct err *err)
{
    char line[NAME_MAX_ + 64] = "", name[NAME_MAX_] = "", path[4096];
    const uint8_t *start = archive->data + *at;
    const uint8_t *end = memchr(start, '\n', archive->len - *at);
    size_t len = 0, length = end ? (size_t)(end - start) : sizeof(line);
    if (length >= sizeof(line))
        return err_set(err, ERR_INVALID, "the key file is damaged");
    memcpy(line, start, length);
    char *blank = strrchr(line, ' '), *rest = NULL;
    if (strncmp(line, "file ", 5) != 0 || !blank || blank < line + 5)
        return err_set(err, ERR_INVALID, "the key file is damaged");
    snprintf(name, sizeof(name), "%.*s", (int)(blank - line - 5), line + 5);
    len = strtoul(blank + 1, &rest, 10);
    *at += length + 1;
    if (*rest || rest == blank + 1 || !key_archive_takes(name) || len > archive->len - *at ||
        len == archive->len - *at || archive->data[*at + len] != '\n')
        return err_set(err, ERR_INVALID, "the key file is damaged");
    if (!join(path, dir, name, err) || !write_new(path, bytes_of(archive->data + *at, len), err))
        return false;
    *at += len + 1;
    return true;
}

bool key_archive_read(const char *path, const char *dir, struct err *err)
{
    struct buf archive = {0};
    size_t first = sizeof(FIRST_LINE) - 1, at = first, files = 0;
    bool done = read_file(path, ARCHIVE_MAX, &archive, err);
    if (done && (archive.len <= first || memcmp(archive.data, FIRST_LINE, first) != 0))
        done = err_set(err, ERR_INVALID, "%s is not a file of keys that hubctl backup wrote", path);
    while (done && at < archive.len && files++ < FILES_MAX)
        done = take_file(&archive, &at, dir, err);
    wipe(&archive);
    return done;
}
