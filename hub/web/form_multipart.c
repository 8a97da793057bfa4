#include "hub/web/form_multipart.h"

#include "hub/base/text.h"
#include "hub/web/pages_internal.h"
#include <stdio.h>
#include <strings.h>

#define HEAD_MAX 4096 /* bytes of the head of one part */

bool form_boundary(const char *content_type, char out[FORM_BOUNDARY_MAX + 1])
{
    static const char type[] = "multipart/form-data", name[] = "boundary=";
    if (strncasecmp(content_type, type, sizeof(type) - 1) != 0)
        return false;
    const char *at = content_type + sizeof(type) - 1;
    for (;;) {
        at += strspn(at, " \t");
        if (*at != ';')
            return false;
        at++;
        at += strspn(at, " \t");
        if (strncasecmp(at, name, sizeof(name) - 1) == 0)
            break;
        at += strcspn(at, ";");
    }
    at += sizeof(name) - 1;
    bool is_quoted = *at == '"';
    at += is_quoted;
    size_t len = strcspn(at, is_quoted ? "\"" : "; \t");
    if (len < 1 || len > FORM_BOUNDARY_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (at[i] <= 0x20 || at[i] >= 0x7f)
            return false;
    snprintf(out, FORM_BOUNDARY_MAX + 1, "%.*s", (int)len, at);
    return true;
}

static bool begins(struct bytes text, const char *with)
{
    size_t len = strlen(with);
    return text.len >= len && memcmp(text.data, with, len) == 0;
}

static struct bytes after(struct bytes text, size_t len)
{
    return (struct bytes){text.data + len, text.len - len};
}

/* The value of `name="…"` in a header line; browsers write a quote inside as %22 or \". */
static bool read_parameter(struct bytes line, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name), len = 0;
    for (size_t at = 0; at + name_len + 2 < line.len; at++) {
        if (strncasecmp((const char *)line.data + at, name, name_len) != 0 ||
            line.data[at + name_len] != '=' || line.data[at + name_len + 1] != '"' ||
            (at > 0 && !strchr("; \t", line.data[at - 1])))
            continue;
        for (at += name_len + 2; at < line.len && line.data[at] != '"'; at++) {
            if (line.data[at] == '\\' && at + 1 < line.len)
                at++;
            if (len + 1 == size)
                return false;
            out[len++] = (char)line.data[at];
        }
        out[len] = '\0';
        return at < line.len && text_is_valid(bytes_of(out, len));
    }
    return false;
}

/* Old browsers send the folders, too. */
static void cut_folders(char *name)
{
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    const char *last = slash > backslash ? slash : backslash;
    if (last)
        memmove(name, last + 1, strlen(last + 1) + 1);
}

struct part {
    char field[64], file[FORM_NAME_MAX + 1];
    bool is_file;
    struct bytes data;
};

/* Lines of the head of a part, up to the empty one. */
static bool read_head(struct bytes *rest, struct part *part)
{
    static const char disposition[] = "content-disposition:";
    bool found = false;
    for (size_t used = 0; used <= HEAD_MAX;) {
        const uint8_t *end = memmem(rest->data, rest->len, "\r\n", 2);
        if (!end)
            return false;
        struct bytes line = {rest->data, (size_t)(end - rest->data)};
        *rest = after(*rest, line.len + 2);
        used += line.len + 2;
        if (line.len == 0)
            return found;
        if (line.len < sizeof(disposition) - 1 ||
            strncasecmp((const char *)line.data, disposition, sizeof(disposition) - 1) != 0)
            continue;
        if (!read_parameter(line, "name", part->field, sizeof(part->field)) || !*part->field)
            return false;
        part->is_file = memmem(line.data, line.len, "filename=", 9) != NULL;
        if (part->is_file && !read_parameter(line, "filename", part->file, sizeof(part->file)))
            return false;
        cut_folders(part->file);
        found = true;
    }
    return false;
}

/* The body of a part goes up to the next mark, "\r\n--BOUNDARY". */
static bool read_part(struct bytes *rest, const char *mark, struct part *part)
{
    if (!read_head(rest, part))
        return false;
    size_t len = strlen(mark);
    const uint8_t *end = rest->len >= len ? memmem(rest->data, rest->len, mark, len) : NULL;
    if (!end)
        return false;
    part->data = (struct bytes){rest->data, (size_t)(end - rest->data)};
    *rest = after(*rest, part->data.len + len);
    return true;
}

/* Line ends as "\n", as form_parse has them. */
static bool add_field(json_t *ret, const struct part *part)
{
    AUTO(buf_done) struct buf value = {0};
    for (size_t i = 0; i < part->data.len; i++)
        if (part->data.data[i] != '\r')
            buf_add(&value, part->data.data + i, 1);
    return form_add_field(ret, bytes_text(part->field), buf_bytes(&value));
}

static bool take_part(const struct part *part, json_t *ret, struct form_file *files, size_t *count)
{
    if (!part->is_file)
        return add_field(ret, part);
    if (!*part->file && part->data.len == 0)
        return true; /* nothing was chosen */
    if (*count == FORM_FILES_MAX)
        return false;
    struct form_file *file = &files[(*count)++];
    memcpy(file->field, part->field, sizeof(file->field));
    memcpy(file->name, part->file, sizeof(file->name));
    file->data = part->data;
    return true;
}

bool form_parse_multipart(struct bytes body, const char *boundary, json_t *ret,
                          struct form_file files[FORM_FILES_MAX], size_t *ret_count)
{
    char mark[FORM_BOUNDARY_MAX + 5];
    size_t count = 0;
    snprintf(mark, sizeof(mark), "\r\n--%s", boundary);
    if (!begins(body, mark + 2))
        return false;
    body = after(body, strlen(mark) - 2);
    for (size_t parts = 0; !begins(body, "--"); parts++) {
        struct part part = {0};
        if (parts == PAGE_FIELDS_MAX || !begins(body, "\r\n"))
            return false;
        body = after(body, 2);
        if (!read_part(&body, mark, &part) || !take_part(&part, ret, files, &count))
            return false;
    }
    *ret_count = count;
    return true;
}
