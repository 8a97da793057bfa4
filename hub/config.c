#include "hub/config.h"

#include "hub/base/bytes.h"
#include "hub/base/text.h"
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define MAIN_FILE   "hub.ini"
#define EXTRA_DIR   "conf.d"
#define SUFFIX      ".ini"
#define OPTIONS_MAX 64
#define PATH_SIZE   512
#define NUMBER_MAX  1000000000000 /* of bytes, say; seconds are still microseconds in 64 bits */

const struct config_option config_options[] = {
#define X(field, name, type, def, reload, help, ...) \
    {name, type, def, reload, help, offsetof(struct config, field), "" __VA_ARGS__},
    CONFIG_TABLE(X)
#undef X
        {NULL, CONFIG_TEXT, NULL, false, NULL, 0, ""},
};
_Static_assert(ARRAY_LEN(config_options) <= OPTIONS_MAX, "struct file counts every option");

/* One file while inih reads it. */
struct file {
    FILE *stream;
    const char *name; /* as messages show it: "conf.d/10-ports.ini" */
    struct config *config;
    unsigned line;
    bool seen[OPTIONS_MAX];
    bool failed; /* err is set: the first mistake is the one that is told */
    struct err *err;
};

static const struct config_option *find_option(const char *name)
{
    for (const struct config_option *option = config_options; option->name; option++) {
        if (strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}

static void *field_of(struct config *config, const struct config_option *option)
{
    return (char *)config + option->offset;
}

static bool check_text(const struct config_option *option, const char *value, struct err *err)
{
    const size_t size = sizeof(((struct config *)NULL)->name); /* as of every text */
    if (strlen(value) >= size)
        return err_set(err, ERR_INVALID, "%s is longer than %zu bytes", option->name, size - 1);
    if (!text_is_valid(bytes_text(value)) || strpbrk(value, "\r\n"))
        return err_set(err, ERR_INVALID, "%s must be one line of text", option->name);
    return true;
}

static bool set_text(struct config *config, const struct config_option *option, const char *value,
                     struct err *err)
{
    if (!check_text(option, value, err))
        return false;
    text_copy(field_of(config, option), sizeof(config->name), value);
    return true;
}

/* Of a few words, where a slip of the pen must not pass for one of them. */
static bool set_choice(struct config *config, const struct config_option *option, const char *value,
                       struct err *err)
{
    if (!check_text(option, value, err))
        return false;
    for (const char *word = option->words; *word;) {
        size_t len = strcspn(word, " ");
        if (strlen(value) == len && memcmp(value, word, len) == 0) {
            text_copy(field_of(config, option), sizeof(config->require_second_factor), value);
            return true;
        }
        word += len;
        word += *word == ' ';
    }
    return err_set(err, ERR_INVALID, "%s is one of %s", option->name, option->words);
}

static bool set_number(struct config *config, const struct config_option *option, const char *value,
                       struct err *err)
{
    int64_t number;
    if (!text_parse_i64(value, &number) || number < 0)
        return err_set(err, ERR_INVALID, "%s must be a whole number from 0", option->name);
    if (number > NUMBER_MAX)
        return err_set(err, ERR_INVALID, "%s is at most %lld", option->name, (long long)NUMBER_MAX);
    *(int64_t *)field_of(config, option) = number;
    return true;
}

static bool set_flag(struct config *config, const struct config_option *option, const char *value,
                     struct err *err)
{
    bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "no") != 0 && strcmp(value, "false") != 0)
        return err_set(err, ERR_INVALID, "%s must be yes or no", option->name);
    *(bool *)field_of(config, option) = yes;
    return true;
}

static bool set_option(struct config *config, const struct config_option *option, const char *value,
                       struct err *err)
{
    switch (option->type) {
    case CONFIG_TEXT:
        return set_text(config, option, value, err);
    case CONFIG_CHOICE:
        return set_choice(config, option, value, err);
    case CONFIG_NUMBER:
        return set_number(config, option, value, err);
    case CONFIG_FLAG:
        return set_flag(config, option, value, err);
    }
    return false;
}

/* Names come from people's files: only what can be one is repeated. */
static bool unknown_option(const char *name, struct err *err)
{
    size_t len = strlen(name);
    if (len == 0 || len > 40 || strspn(name, "abcdefghijklmnopqrstuvwxyz-_0123456789") != len)
        return err_set(err, ERR_INVALID, "unknown option");
    return err_set(err, ERR_INVALID, "unknown option \"%s\"", name);
}

bool config_set(struct config *config, const char *name, const char *value, struct err *err)
{
    const struct config_option *option = find_option(name);
    return option ? set_option(config, option, value, err) : unknown_option(name, err);
}

void config_text(const struct config *config, const struct config_option *option, char *out,
                 size_t size)
{
    const void *field = (const char *)config + option->offset;
    switch (option->type) {
    case CONFIG_TEXT:
    case CONFIG_CHOICE:
        text_copy(out, size, field);
        return;
    case CONFIG_NUMBER:
        snprintf(out, size, "%lld", (long long)*(const int64_t *)field);
        return;
    case CONFIG_FLAG:
        text_copy(out, size, *(const bool *)field ? "yes" : "no");
        return;
    }
}

void config_path(const struct config *config, const char *value, char *out, size_t size)
{
    if (value[0] == '/')
        snprintf(out, size, "%s", value);
    else
        snprintf(out, size, "%s/%s", config->dir, value);
}

/* Keeps the first mistake of a file, with its place. */
static void mistake(struct file *file, const struct err *why)
{
    if (file->failed)
        return;
    *file->err = *why;
    err_wrap(file->err, "%s:%u", file->name, file->line);
    file->failed = true;
}

/* fgets for inih that counts lines, refuses what inih would cut in two, and stops at a mistake. */
static char *read_line(char *line, int size, void *user)
{
    struct file *file = user;
    struct err err = {0};
    if (file->failed || !fgets(line, size, file->stream))
        return NULL;
    file->line++;
    size_t len = strlen(line);
    if (len == (size_t)size - 1 && line[len - 1] != '\n' && !feof(file->stream)) {
        err_set(&err, ERR_INVALID, "the line is longer than %d bytes", size - 2);
        mistake(file, &err);
        return NULL;
    }
    return line;
}

static bool take_line(struct file *file, const char *section, const char *name, const char *value,
                      struct err *err)
{
    if (section[0])
        return err_set(err, ERR_INVALID, "there are no sections; remove the line in [brackets]");
    const struct config_option *option = find_option(name);
    if (!option)
        return unknown_option(name, err);
    bool *seen = &file->seen[option - config_options];
    if (*seen)
        return err_set(err, ERR_INVALID, "%s is set twice", option->name);
    *seen = true;
    return set_option(file->config, option, value, err);
}

static int on_line(void *user, const char *section, const char *name, const char *value)
{
    struct file *file = user;
    struct err err = {0};
    if (!file->failed && !take_line(file, section, name, value ? value : "", &err))
        mistake(file, &err);
    return 1; /* inih would go on anyway */
}

static bool read_stream(FILE *stream, const char *name, struct config *config, struct err *err)
{
    struct file file = {.stream = stream, .name = name, .config = config, .err = err};
    int line = ini_parse_stream(read_line, &file, on_line, &file);
    if (line > 0 && !file.failed) {
        struct err why = {0};
        file.line = (unsigned)line;
        err_set(&why, ERR_INVALID, "expected \"name = value\"");
        mistake(&file, &why);
    }
    if (!file.failed && ferror(stream))
        return err_set(err, ERR_IO, "could not read %s", name);
    return !file.failed;
}

static bool read_file(const char *path, const char *name, struct config *config, struct err *err)
{
    FILE *stream = fopen(path, "re");
    if (!stream)
        return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
    bool ok = read_stream(stream, name, config, err);
    fclose(stream);
    return ok;
}

static int is_ini(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return entry->d_name[0] != '.' && len > strlen(SUFFIX) &&
           strcmp(entry->d_name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static bool read_extra(const char *dir, struct config *config, struct err *err)
{
    char folder[PATH_SIZE];
    struct dirent **entries;
    snprintf(folder, sizeof(folder), "%s/" EXTRA_DIR, dir);
    int count = scandir(folder, &entries, is_ini, alphasort);
    if (count < 0)
        return errno == ENOENT ||
               err_set(err, ERR_IO, "cannot read %s: %s", folder, strerror(errno));
    bool ok = true;
    for (int i = 0; i < count; i++) {
        char path[PATH_SIZE + 256 + 1], name[sizeof(EXTRA_DIR) + 256];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        snprintf(name, sizeof(name), EXTRA_DIR "/%s", entries[i]->d_name);
        ok = ok && read_file(path, name, config, err);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

static bool set_defaults(struct config *config, struct err *err)
{
    for (const struct config_option *option = config_options; option->name; option++) {
        if (!set_option(config, option, option->default_value, err))
            return err_wrap(err, "default");
    }
    return true;
}

bool config_read(const char *dir, struct config *ret, struct err *err)
{
    struct config config = {0};
    char path[PATH_SIZE];
    if (strlen(dir) >= sizeof(config.dir))
        return err_set(err, ERR_INVALID, "the state directory's path is longer than %zu bytes",
                       sizeof(config.dir) - 1);
    snprintf(config.dir, sizeof(config.dir), "%s", dir);
    snprintf(path, sizeof(path), "%s/" MAIN_FILE, dir);
    if (!set_defaults(&config, err) || !read_file(path, MAIN_FILE, &config, err) ||
        !read_extra(dir, &config, err))
        return false;
    *ret = config;
    return true;
}

bool config_read_text(struct bytes text, const char *name, struct config *config, struct err *err)
{
    struct config changed = *config;
    if (text.len == 0)
        return true;
    FILE *stream = fmemopen((void *)(uintptr_t)text.data, text.len, "r");
    if (!stream)
        return err_set(err, ERR_IO, "could not read %s", name);
    bool ok = read_stream(stream, name, &changed, err);
    fclose(stream);
    if (ok)
        *config = changed;
    return ok;
}
