#include "hub/web/template.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/web/catalog.h"
#include <stdio.h>
#include <stdlib.h>

#define STACK_MAX     (2 * TEMPLATE_DEPTH_MAX)
#define STEPS_MAX     4000000 /* nodes visited in one rendering */
#define DELIMITER_MAX 16
#define INDENT_MAX    256
#define TEXT_PREFIX   "t."

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_PARTIAL };

struct node {
    enum node_kind kind;
    bool starts_line;   /* a partial's indentation goes in front of it */
    const char *text;   /* name, or NODE_TEXT: not terminated */
    size_t len;         /* NODE_TEXT */
    size_t end;         /* sections: index behind the last node inside */
    const char *indent; /* NODE_PARTIAL on a line of its own */
};

struct template
{
    char *source, *names; /* names: every tag's, each with its NUL */
    struct node *nodes;
    size_t count, cap;
};

/* Compiling. */

struct compiler {
    struct template *template;
    const char *at, *end;
    char open[DELIMITER_MAX], close[DELIMITER_MAX];
    char *name_at;
    size_t sections[TEMPLATE_DEPTH_MAX], depth;
    bool starts_line;
};

struct tag {
    char kind; /* 0: value; else the character behind the opening delimiter */
    const char *start, *after;
    const char *name; /* terminated */
};

static bool fail_at(const struct compiler *compiler, const char *at, enum err_code code,
                    const char *what, struct err *err)
{
    size_t line = 1;
    for (const char *p = compiler->template->source; p < at; p++)
        line += *p == '\n';
    return err_set(err, code, "line %zu: %s", line, what);
}

static const char *find(const char *at, const char *end, const char *needle)
{
    return memmem(at, (size_t)(end - at), needle, strlen(needle));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct node *add_node(struct compiler *compiler, enum node_kind kind)
{
    struct template *template = compiler->template;
    if (template->count == template->cap) {
        template->cap = template->cap ? 2 * template->cap : 32;
        template->nodes = mem_grow(template->nodes, template->cap * sizeof(*template->nodes));
    }
    struct node *node = &template->nodes[template->count++];
    *node = (struct node){.kind = kind};
    return node;
}

static void add_text(struct compiler *compiler, const char *from, const char *to)
{
    if (from == to)
        return;
    struct node *node = add_node(compiler, NODE_TEXT);
    node->text = from;
    node->len = (size_t)(to - from);
    node->starts_line = compiler->starts_line;
    compiler->starts_line = to[-1] == '\n';
}

/* Copies what is named between the blanks around it. */
static const char *take_name(struct compiler *compiler, const char *from, const char *to)
{
    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    char *name = compiler->name_at;
    memcpy(name, from, (size_t)(to - from));
    compiler->name_at += to - from;
    *compiler->name_at++ = '\0';
    return name;
}

/* Alone on its line, but for blanks? Then the whole line is the tag. */
static bool stands_alone(const struct compiler *compiler, const struct tag *tag,
                         const char **ret_line, const char **ret_next)
{
    const char *line = tag->start, *next = tag->after;
    while (line > compiler->template->source && (line[-1] == ' ' || line[-1] == '\t'))
        line--;
    if (line > compiler->template->source && line[-1] != '\n')
        return false;
    while (next < compiler->end && (*next == ' ' || *next == '\t'))
        next++;
    if (next < compiler->end && *next == '\r' && next + 1 < compiler->end && next[1] == '\n')
        next++;
    if (next < compiler->end && *next != '\n')
        return false;
    *ret_line = line;
    *ret_next = next < compiler->end ? next + 1 : next;
    return true;
}

static bool set_delimiters(struct compiler *compiler, const struct tag *tag, struct err *err)
{
    size_t open = strcspn(tag->name, " \t\r\n");
    size_t gap = strspn(tag->name + open, " \t\r\n");
    const char *second = tag->name + open + gap;
    size_t close = strcspn(second, " \t\r\n");
    if (open < 1 || open >= DELIMITER_MAX || close < 1 || close >= DELIMITER_MAX || second[close] ||
        strchr(tag->name, '='))
        return fail_at(compiler, tag->start, ERR_INVALID, "cannot read the delimiters", err);
    memcpy(compiler->open, tag->name, open);
    compiler->open[open] = '\0';
    memcpy(compiler->close, second, close + 1);
    return true;
}

/* Reads the tag whose opening delimiter is at `start`. */
static bool read_tag(struct compiler *compiler, const char *start, struct tag *ret, struct err *err)
{
    const char *at = start + strlen(compiler->open), *end = compiler->end;
    char closing[DELIMITER_MAX + 1];
    while (at < end && is_blank(*at))
        at++;
    ret->start = start;
    ret->kind = at < end && strchr("#^/>!&={", *at) ? *at++ : 0;
    const char *before = ret->kind == '=' ? "=" : ret->kind == '{' ? "}" : "";
    snprintf(closing, sizeof(closing), "%s%s", before, compiler->close);
    const char *close = find(at, end, closing);
    if (!close)
        return fail_at(compiler, start, ERR_INVALID, "a tag is not closed", err);
    ret->after = close + strlen(closing);
    ret->name = take_name(compiler, at, close);
    if (!ret->name[0] && ret->kind != '!')
        return fail_at(compiler, start, ERR_INVALID, "a tag names nothing", err);
    return true;
}

static bool close_section(struct compiler *compiler, const struct tag *tag, struct err *err)
{
    struct template *template = compiler->template;
    if (!compiler->depth)
        return fail_at(compiler, tag->start, ERR_INVALID, "closes what is not open", err);
    struct node *node = &template->nodes[compiler->sections[--compiler->depth]];
    if (strcmp(node->text, tag->name) != 0)
        return fail_at(compiler, tag->start, ERR_INVALID, "closes another section than is open",
                       err);
    node->end = template->count;
    return true;
}

static bool add_tag(struct compiler *compiler, const struct tag *tag, const char *line, bool alone,
                    struct err *err)
{
    static const struct {
        char character;
        enum node_kind kind;
    } kinds[] = {{0, NODE_VALUE},     {'&', NODE_RAW},      {'{', NODE_RAW},
                 {'#', NODE_SECTION}, {'^', NODE_INVERTED}, {'>', NODE_PARTIAL}};
    bool starts_line = compiler->starts_line && !alone;
    compiler->starts_line = alone;
    if (tag->kind == '!')
        return true;
    if (tag->kind == '=')
        return set_delimiters(compiler, tag, err);
    if (tag->kind == '/')
        return close_section(compiler, tag, err);
    size_t i = 0;
    while (kinds[i].character != tag->kind)
        i++;
    struct node *node = add_node(compiler, kinds[i].kind);
    node->text = tag->name;
    node->starts_line = starts_line;
    if (node->kind == NODE_PARTIAL && alone)
        node->indent = take_name(compiler, line, line);
    if (node->kind == NODE_PARTIAL && alone && tag->start > line) {
        compiler->name_at--; /* over the NUL of the empty name */
        memcpy(compiler->name_at, line, (size_t)(tag->start - line));
        compiler->name_at += tag->start - line;
        *compiler->name_at++ = '\0';
    }
    if (node->kind != NODE_SECTION && node->kind != NODE_INVERTED)
        return true;
    if (compiler->depth == TEMPLATE_DEPTH_MAX)
        return fail_at(compiler, tag->start, ERR_LIMIT, "too many sections in sections", err);
    compiler->sections[compiler->depth++] = compiler->template->count - 1;
    return true;
}

static bool compile(struct compiler *compiler, struct err *err)
{
    const char *open;
    while ((open = find(compiler->at, compiler->end, compiler->open))) {
        struct tag tag = {0};
        const char *line = open, *next;
        if (!read_tag(compiler, open, &tag, err))
            return false;
        next = tag.after;
        bool alone =
            tag.kind && strchr("#^/>!=", tag.kind) && stands_alone(compiler, &tag, &line, &next);
        add_text(compiler, compiler->at, line);
        compiler->at = next;
        if (!add_tag(compiler, &tag, line, alone, err))
            return false;
    }
    add_text(compiler, compiler->at, compiler->end);
    if (compiler->depth)
        return fail_at(compiler, compiler->end, ERR_INVALID, "a section is not closed", err);
    return true;
}

struct template *template_compile(struct bytes text, struct err *err)
{
    if (text.len > TEMPLATE_TEXT_MAX) {
        err_set(err, ERR_LIMIT, "the template is larger than %d bytes", TEMPLATE_TEXT_MAX);
        return NULL;
    }
    AUTO(template_free) struct template *template = mem_alloc(sizeof(*template));
    template->source = mem_alloc(text.len + 1);
    if (text.len)
        memcpy(template->source, text.data, text.len);
    /* Each tag is longer than its name and indentation with their two NULs. */
    template->names = mem_alloc(2 * text.len + 2);
    struct compiler compiler = {
        .template = template,
        .at = template->source,
        .end = template->source + text.len,
        .open = "{{",
        .close = "}}",
        .name_at = template->names,
        .starts_line = true,
    };
    return compile(&compiler, err) ? TAKE(template) : NULL;
}

void template_free(struct template *template)
{
    if (!template)
        return;
    free(template->source);
    free(template->names);
    free(template->nodes);
    free(template);
}

void template_names(const struct template *template, void (*see)(void *ctx, const char *name),
                    void *ctx)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->nodes[i].kind != NODE_TEXT)
            see(ctx, template->nodes[i].text);
}

bool template_has_raw(const struct template *template)
{
    for (size_t i = 0; i < template->count; i++)
        if (template->nodes[i].kind == NODE_RAW)
            return true;
    return false;
}

/* Rendering. */

struct renderer {
    const struct template_env *env;
    json_t *stack[STACK_MAX];
    size_t depth, partials, steps;
    struct buf indent;
    struct buf *out;
    size_t begin; /* out->len at the start */
    struct err *err;
};

void template_escape(struct bytes text, struct buf *out)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("&<>\"'", text.data[i]) || !text.data[i])
            continue;
        buf_add(out, text.data + from, i - from);
        from = i + 1;
        for (size_t e = 0; e < ARRAY_LEN(entities); e++)
            if (entities[e].character == (char)text.data[i])
                buf_add_text(out, entities[e].entity);
    }
    if (text.len > from)
        buf_add(out, text.data + from, text.len - from);
}

/* "a.b": `a` by the nearest context that has it, `b` inside that and nowhere else. */
static json_t *look_up(const struct renderer *renderer, const char *name)
{
    json_t *value = NULL;
    if (strcmp(name, ".") == 0)
        return renderer->stack[renderer->depth - 1];
    size_t len = strcspn(name, ".");
    for (size_t i = renderer->depth; i > 0 && !value; i--)
        value = json_object_getn(renderer->stack[i - 1], name, len);
    while (value && name[len]) {
        name += len + 1;
        len = strcspn(name, ".");
        value = json_object_getn(value, name, len);
    }
    return value;
}

static bool is_true(const json_t *value)
{
    if (!value || json_is_null(value) || json_is_false(value))
        return false;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    if (json_is_integer(value))
        return json_integer_value(value) != 0;
    return !json_is_array(value) || json_array_size(value) > 0;
}

/* Without the marks that turn writing around (U+202A to U+202E, U+2066 to U+2069): what people
 * wrote must not rearrange what stands beside it. */
static void add_written(struct bytes text, struct buf *out)
{
    size_t from = 0;
    for (size_t i = 0; i + 2 < text.len; i++) {
        const uint8_t *c = text.data + i;
        if (c[0] != 0xe2 || !((c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae) ||
                              (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)))
            continue;
        buf_add(out, text.data + from, i - from);
        i += 2;
        from = i + 1;
    }
    if (text.len > from)
        buf_add(out, text.data + from, text.len - from);
}

static void add_value(const json_t *value, struct buf *out)
{
    if (json_is_string(value)) {
        add_written(bytes_of(json_string_value(value), json_string_length(value)), out);
    } else if (json_is_integer(value)) {
        buf_addf(out, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        buf_addf(out, "%.15g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        buf_add_text(out, json_is_true(value) ? "true" : "false");
    }
}

/* Inside a sentence, Arabic or Hebrew stays in its place: first strong isolate … pop. */
static void add_named(void *ctx, const char *name, struct buf *out)
{
    const json_t *value = look_up(ctx, name);
    bool turns =
        json_is_string(value) &&
        text_is_right_to_left(bytes_of(json_string_value(value), json_string_length(value)));
    if (turns)
        buf_add_text(out, "\xe2\x81\xa8");
    add_value(value, out);
    if (turns)
        buf_add_text(out, "\xe2\x81\xa9");
}

/* A text of the catalogue, with the values that it names. */
static void add_catalog_text(struct renderer *renderer, const char *key, struct buf *out)
{
    const char *number = catalog_number_name(renderer->env->catalog, key);
    const json_t *value = number ? look_up(renderer, number) : NULL;
    catalog_fill(catalog_text(renderer->env->catalog, key, json_integer_value(value)), add_named,
                 renderer, out);
}

static void render_value(struct renderer *renderer, const struct node *node)
{
    AUTO(buf_done) struct buf plain = {0};
    if (renderer->env->catalog && strncmp(node->text, TEXT_PREFIX, strlen(TEXT_PREFIX)) == 0)
        add_catalog_text(renderer, node->text + strlen(TEXT_PREFIX), &plain);
    else
        add_value(look_up(renderer, node->text), &plain);
    if (node->kind == NODE_RAW)
        buf_add_bytes(renderer->out, buf_bytes(&plain));
    else
        template_escape(buf_bytes(&plain), renderer->out);
}

static bool is_too_large(const struct renderer *renderer)
{
    return renderer->out->len - renderer->begin > TEMPLATE_OUTPUT_MAX;
}

static void render_text(struct renderer *renderer, const struct node *node)
{
    if (!renderer->indent.len) {
        buf_add(renderer->out, node->text, node->len);
        return;
    }
    const char *at = node->text, *end = at + node->len;
    for (bool starts = node->starts_line; at < end && !is_too_large(renderer); starts = true) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *next = newline ? newline + 1 : end;
        if (starts)
            buf_add_bytes(renderer->out, buf_bytes(&renderer->indent));
        buf_add(renderer->out, at, (size_t)(next - at));
        at = next;
    }
}

static bool render_nodes(struct renderer *renderer, const struct template *template, size_t from,
                         size_t to);

static bool push(struct renderer *renderer, json_t *context)
{
    if (renderer->depth == STACK_MAX)
        return err_set(renderer->err, ERR_LIMIT, "too many sections in sections");
    renderer->stack[renderer->depth++] = context;
    return true;
}

static bool render_with(struct renderer *renderer, const struct template *template,
                        const struct node *node, size_t from, json_t *context)
{
    if (!push(renderer, context))
        return false;
    bool ok = render_nodes(renderer, template, from, node->end);
    renderer->depth--;
    return ok;
}

static bool render_section(struct renderer *renderer, const struct template *template,
                           const struct node *node, size_t from)
{
    json_t *value = look_up(renderer, node->text);
    if (!is_true(value))
        return true;
    if (!json_is_array(value))
        return render_with(renderer, template, node, from, value);
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        if (!render_with(renderer, template, node, from, item))
            return false;
    }
    return true;
}

static bool render_partial(struct renderer *renderer, const struct node *node)
{
    const struct template_env *env = renderer->env;
    const struct template *partial = env->partial ? env->partial(env->ctx, node->text) : NULL;
    if (!partial)
        return true;
    if (renderer->partials == TEMPLATE_DEPTH_MAX)
        return err_set(renderer->err, ERR_LIMIT, "too many partials in partials");
    size_t indent = renderer->indent.len;
    if (node->indent && indent + strlen(node->indent) > INDENT_MAX)
        return err_set(renderer->err, ERR_LIMIT, "a partial stands too far to the right");
    if (node->indent)
        buf_add_text(&renderer->indent, node->indent);
    renderer->partials++;
    bool ok = render_nodes(renderer, partial, 0, partial->count);
    renderer->partials--;
    renderer->indent.len = indent;
    return ok;
}

static bool render_node(struct renderer *renderer, const struct template *template, size_t i)
{
    const struct node *node = &template->nodes[i];
    if (node->starts_line && node->kind != NODE_TEXT)
        buf_add_bytes(renderer->out, buf_bytes(&renderer->indent));
    switch (node->kind) {
    case NODE_TEXT:
        render_text(renderer, node);
        return true;
    case NODE_VALUE:
    case NODE_RAW:
        render_value(renderer, node);
        return true;
    case NODE_SECTION:
        return render_section(renderer, template, node, i + 1);
    case NODE_INVERTED:
        return is_true(look_up(renderer, node->text)) ||
               render_nodes(renderer, template, i + 1, node->end);
    case NODE_PARTIAL:
        return render_partial(renderer, node);
    }
    return true;
}

static bool render_nodes(struct renderer *renderer, const struct template *template, size_t from,
                         size_t to)
{
    for (size_t i = from; i < to;) {
        const struct node *node = &template->nodes[i];
        if (renderer->steps++ == STEPS_MAX || is_too_large(renderer))
            return err_set(renderer->err, ERR_LIMIT, "the page is too large");
        if (!render_node(renderer, template, i))
            return false;
        bool has_inside = node->kind == NODE_SECTION || node->kind == NODE_INVERTED;
        i = has_inside ? node->end : i + 1;
    }
    return true;
}

bool template_render(const struct template *template, const struct template_env *env,
                     json_t *context, struct buf *out, struct err *err)
{
    struct renderer renderer = {
        .env = env, .stack = {context}, .depth = 1, .out = out, .begin = out->len, .err = err};
    bool ok = render_nodes(&renderer, template, 0, template->count);
    buf_done(&renderer.indent);
    return ok;
}
