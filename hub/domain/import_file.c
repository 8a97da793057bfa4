#include "hub/domain/import_file.h"

static bool at_blank(const struct import_cursor *c)
{
    return c->at < c->len && strchr(" \t\r\n", c->data[c->at]) && c->data[c->at];
}

static uint8_t peek(struct import_cursor *c)
{
    while (at_blank(c))
        c->at++;
    return c->at < c->len ? c->data[c->at] : 0;
}

static bool skip_string(struct import_cursor *c)
{
    for (c->at++; c->at < c->len; c->at++) {
        if (c->data[c->at] == '\\') {
            c->at++;
        } else if (c->data[c->at] == '"') {
            c->at++;
            return true;
        }
    }
    return false;
}

/* Over one JSON value by its brackets and quotes; the parser judges what is inside. */
static bool skip_value(struct import_cursor *c)
{
    size_t depth = 0;
    peek(c);
    while (c->at < c->len) {
        uint8_t byte = c->data[c->at];
        if (byte == '"') {
            if (!skip_string(c))
                return false;
        } else if (byte == '{' || byte == '[') {
            depth++;
            c->at++;
        } else if (byte == '}' || byte == ']' || byte == ',') {
            if (depth == 0)
                return true; /* the end of a plain value */
            if (byte != ',' && --depth == 0) {
                c->at++;
                return true;
            }
            c->at++;
            continue;
        } else {
            c->at++;
        }
        if (depth == 0 && (byte == '"'))
            return true;
    }
    return false;
}

static bool cut_off(const struct import_cursor *c, struct err *err)
{
    return err_set(err, ERR_INVALID, "the file is not JSON, or cut off, near byte %zu", c->at);
}

/* The comma before the next of a list, or its end: *ret_more. */
static bool next_of(struct import_cursor *c, char end, bool *ret_more, struct err *err)
{
    uint8_t byte = peek(c);
    *ret_more = byte != end;
    if (byte == end || !c->first)
        c->at++;
    if (!*ret_more || c->first || byte == ',') {
        c->first = false;
        return true;
    }
    return cut_off(c, err);
}

/* {"structures": [...], "services": [...]}: goes into the next list; other members are passed
 * over. */
static bool enter_list(struct import_cursor *c, struct err *err)
{
    for (;;) {
        bool more;
        if (!next_of(c, '}', &more, err))
            return false;
        if (!more) {
            c->is_over = true;
            return true;
        }
        if (peek(c) != '"')
            return cut_off(c, err);
        size_t start = c->at;
        if (!skip_string(c))
            return cut_off(c, err);
        struct bytes key = bytes_of(c->data + start, c->at - start);
        if (peek(c) != ':')
            return cut_off(c, err);
        c->at++;
        if (peek(c) == '[') {
            c->at++;
            c->in_list = c->first = true;
            c->is_service = bytes_equal(key, BYTES_LITERAL("\"services\""));
            return true;
        }
        if (!skip_value(c))
            return cut_off(c, err);
    }
}

static bool begin_file(struct import_cursor *c, struct err *err)
{
    c->is_begun = c->first = true;
    if (c->len >= 3 && memcmp(c->data, "\xef\xbb\xbf", 3) == 0)
        c->at = 3;
    uint8_t first = peek(c);
    if (first != '[' && first != '{')
        return cut_off(c, err);
    c->at++;
    c->in_list = first == '[';
    c->in_members = first == '{';
    return true;
}

bool import_next_record(struct import_cursor *c, struct bytes *ret, struct err *err)
{
    *ret = (struct bytes){0};
    if (!c->is_begun && !begin_file(c, err))
        return false;
    while (!c->is_over) {
        bool more;
        if (!c->in_list) {
            if (!enter_list(c, err))
                return false;
            continue;
        }
        if (!next_of(c, ']', &more, err))
            return false;
        if (more) {
            peek(c);
            size_t start = c->at;
            if (!skip_value(c) || c->at == start)
                return cut_off(c, err);
            *ret = bytes_of(c->data + start, c->at - start);
            return true;
        }
        c->in_list = false;
        c->first = false;
        c->is_over = !c->in_members;
    }
    return (peek(c) == 0 && c->at == c->len) || cut_off(c, err);
}
