/* Values by name: what rows of the page table say in "id={path.id}". */
#include "hub/web/pages_internal.h"

#include <stdio.h>
#include <stdlib.h>

json_t *value_find(const json_t *object, const char *name)
{
    json_t *value = NULL;
    for (const json_t *at = object; at; at = value) {
        size_t len = strcspn(name, ".");
        value = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                                  : json_object_getn(at, name, len);
        if (!name[len])
            break;
        name += len + 1;
    }
    return value;
}

static void add_text(const json_t *value, struct buf *out)
{
    if (json_is_string(value))
        buf_add_text(out, json_string_value(value));
    else if (json_is_integer(value))
        buf_addf(out, "%lld", (long long)json_integer_value(value));
}

static void add_encoded(void *ctx, const char *name, struct buf *out)
{
    AUTO(buf_done) struct buf plain = {0};
    add_text(value_find(ctx, name), &plain);
    form_encode(buf_text(&plain), out);
}

void value_fill_path(const char *pattern, json_t *context, struct buf *out)
{
    catalog_fill(pattern, add_encoded, context, out);
}

static void add_plain(void *ctx, const char *name, struct buf *out)
{
    add_text(value_find(ctx, name), out);
}

/* The value a source stands for, whole when it is one {name} alone. NULL: empty. */
static json_t *evaluate(const char *source, json_t *context)
{
    AUTO(buf_done) struct buf text = {0};
    size_t len = strlen(source);
    char name[64];
    if (source[0] == '{' && strcspn(source, "}") == len - 1 && len < sizeof(name)) {
        snprintf(name, sizeof(name), "%.*s", (int)len - 2, source + 1);
        json_t *value = value_find(context, name);
        if (json_is_string(value) && json_string_length(value) == 0)
            return NULL;
        return json_incref(value);
    }
    catalog_fill(source, add_plain, context, &text);
    if (!text.len)
        return NULL;
    return strcmp(source, "true") == 0 ? json_true() : json_string(buf_text(&text));
}

static void put(json_t *object, char *field, json_t *value)
{
    for (char *dot; (dot = strchr(field, '.')); field = dot + 1) {
        *dot = '\0';
        json_t *inside = json_object_get(object, field);
        if (!inside) {
            inside = json_object();
            json_object_set_new(object, field, inside);
        }
        object = inside;
    }
    json_object_set_new(object, field, value);
}

/* "field=source", "field[]=source", "field?=source" */
static void add_assignment(json_t *request, char *assignment, json_t *context)
{
    char *equals = strchr(assignment, '=');
    json_t *value = equals ? evaluate(equals + 1, context) : NULL;
    if (!value)
        return;
    *equals = '\0';
    if (equals[-1] == '?') {
        equals[-1] = '\0';
        json_decref(value);
        value = json_true();
    } else if (equals[-1] == ']') {
        equals[-2] = '\0';
        if (!json_is_array(value))
            value = json_pack("[o]", value);
    }
    put(request, assignment, value);
}

json_t *value_request(const char *send, json_t *context)
{
    json_t *request = json_object();
    char assignment[160];
    for (const char *at = send ? send : ""; *at;) {
        at += strspn(at, " ");
        size_t len = strcspn(at, " ");
        if (len > 0 && len < sizeof(assignment)) {
            memcpy(assignment, at, len);
            assignment[len] = '\0';
            add_assignment(request, assignment, context);
        }
        at += len;
    }
    return request;
}
