#include "admin/command.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool wrong_usage(struct ctl *ctl, struct err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, args);
    va_end(args);
    err->code = ERR_INVALID;
    ctl->wrong_usage = true;
    return false;
}

void input_done(struct input *input)
{
    json_decref(input->request);
    input->request = NULL;
}

const char *input_value(const struct input *input, const char *option)
{
    for (size_t i = 0; input->command->options[i].name; i++) {
        if (strcmp(input->command->options[i].name, option) == 0)
            return input->values[i];
    }
    abort(); /* the command asks for an option that its row does not have */
}

/* How many words of `name` the typed ones spell out; 0 when they differ or are too few. */
static size_t match_words(const char *name, char *const *words, size_t count)
{
    size_t used = 0;
    while (*name) {
        size_t len = strcspn(name, " ");
        if (used == count || strlen(words[used]) != len || strncmp(name, words[used], len) != 0)
            return 0;
        used++;
        name += len;
        name += strspn(name, " ");
    }
    return used;
}

const struct command *command_find(char *const *words, size_t count, size_t *ret_used)
{
    const struct command *best = NULL;
    size_t most = 0;
    for (const struct command_group *group = command_groups; group->title; group++) {
        for (const struct command *command = group->commands; command->words; command++) {
            size_t used = match_words(command->words, words, count);
            if (used > most) {
                most = used;
                best = command;
            }
        }
    }
    *ret_used = most;
    return best;
}

void request_set(json_t *request, const char *path, json_t *value)
{
    char name[64];
    const char *dot = strchr(path, '.');
    if (!dot) {
        json_object_set_new(request, path, value);
        return;
    }
    snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
    if (!json_is_object(json_object_get(request, name)))
        json_object_set_new(request, name, json_object());
    request_set(json_object_get(request, name), dot + 1, value);
}

static json_t *list_at(json_t *request, const char *path)
{
    if (!json_is_array(answer_find(request, path)))
        request_set(request, path, json_array());
    char name[64];
    const char *dot;
    while ((dot = strchr(path, '.'))) {
        snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        request = json_object_get(request, name);
        path = dot + 1;
    }
    return json_object_get(request, path);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    while (choices && *choices) {
        size_t next = strcspn(choices, "|");
        if (next == len && strncmp(choices, value, len) == 0)
            return true;
        choices += next;
        choices += *choices == '|';
    }
    return false;
}

static json_t *code_json(const struct option *option, const char *value)
{
    char text[96];
    snprintf(text, sizeof(text), "%s%s", option->prefix, value);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
    return json_string(text);
}

static bool add_list(json_t *request, const char *path, const char *value)
{
    json_t *list = list_at(request, path);
    while (*value) {
        size_t len = strcspn(value, ",");
        if (len > 0 && json_array_append_new(list, json_stringn(value, len)))
            return false;
        value += len;
        value += *value == ',';
    }
    return true;
}

static bool add_pair(json_t *request, const char *path, const char *value)
{
    const char *equals = strchr(value, '=');
    if (!equals || equals == value)
        return false;
    json_t *pair =
        json_pack("{s:s%, s:s}", "field", value, (size_t)(equals - value), "value", equals + 1);
    return json_array_append_new(list_at(request, path), pair) == 0;
}

static bool set_time(json_t *request, const char *path, const char *value)
{
    char text[24];
    int64_t ms;
    if (!text_parse_time(value, &ms) || ms < 0)
        return false;
    snprintf(text, sizeof(text), "%lld", (long long)(ms / 1000));
    request_set(request, path, json_string(text));
    return true;
}

static bool set_number(json_t *request, const char *path, const char *value)
{
    int64_t number;
    if (!text_parse_i64(value, &number) || number < 0 || number > UINT32_MAX)
        return false;
    if (path)
        request_set(request, path, json_integer(number));
    return true;
}

/* Checks a value, and puts it into the request when the option has a place there. */
static bool take_value(const struct option *option, const char *value, struct ctl *ctl,
                       json_t *request, struct err *err)
{
    const char *path = option->field;
    if (!text_is_valid(bytes_text(value)))
        return wrong_usage(ctl, err, "%s is not valid UTF-8 text", option->name);
    if (option->choices && option->kind != OPTION_FLAG && !is_choice(option->choices, value))
        return wrong_usage(ctl, err, "%s is one of %s", option->name, option->choices);
    switch (option->kind) {
    case OPTION_NUMBER:
        return set_number(request, path, value) ||
               wrong_usage(ctl, err, "%s is a whole number", option->name);
    case OPTION_TIME:
        return !path || set_time(request, path, value) ||
               wrong_usage(ctl, err, "%s is a date: YYYY-MM-DD, or YYYY-MM-DDTHH:MMZ",
                           option->name);
    case OPTION_PAIRS:
        return add_pair(request, path, value) ||
               wrong_usage(ctl, err, "%s is written FIELD=VALUE", option->name);
    case OPTION_LIST:
        return !path || add_list(request, path, value) ||
               wrong_usage(ctl, err, "%s is a list with commas", option->name);
    case OPTION_LINES:
        return json_array_append_new(list_at(request, path), json_string(value)) == 0;
    case OPTION_YES_NO:
        if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
            return wrong_usage(ctl, err, "%s is yes or no", option->name);
        request_set(request, path, json_boolean(*value == 'y'));
        return true;
    case OPTION_CODE:
        request_set(request, path, code_json(option, value));
        return true;
    case OPTION_FLAG:
    case OPTION_TEXT:
        if (path)
            request_set(request, path,
                        option->kind == OPTION_FLAG ? json_true() : json_string(value));
        return true;
    }
    return true;
}

static bool takes_value(const struct option *option)
{
    return option->kind != OPTION_FLAG;
}

static const struct option *find_option(const struct command *command, const char *word,
                                        size_t *ret_index)
{
    size_t len = strcspn(word, "=");
    for (size_t i = 0; command->options && command->options[i].name; i++) {
        const char *name = command->options[i].name;
        if (strlen(name) == len && strncmp(name, word, len) == 0) {
            *ret_index = i;
            return &command->options[i];
        }
    }
    return NULL;
}

/* The next word in place that is not filled yet. */
static const struct option *next_place(const struct input *input, size_t *ret_index)
{
    for (size_t i = 0; input->command->options && input->command->options[i].name; i++) {
        const struct option *option = &input->command->options[i];
        if (option->name[0] != '-' && (!input->values[i] || option->flags & OPTION_REST)) {
            *ret_index = i;
            return option;
        }
    }
    return NULL;
}

static bool take_place(struct input *input, const char *word, struct ctl *ctl, struct err *err)
{
    size_t index;
    const struct option *option = next_place(input, &index);
    if (!option)
        return wrong_usage(ctl, err, "\"%s\" is one word too many", word);
    if (option->flags & OPTION_REST) {
        if (input->rest_count == INPUT_REST_MAX)
            return wrong_usage(ctl, err, "more than %d words", INPUT_REST_MAX);
        input->rest[input->rest_count++] = word;
        input->values[index] = word;
        return true;
    }
    input->values[index] = word;
    return take_value(option, word, ctl, input->request, err);
}

/* --json, --hub X and --user X may also stand behind the command. */
static bool take_global(struct ctl *ctl, char **words, size_t count, size_t *i)
{
    if (strcmp(words[*i], "--json") == 0) {
        ctl->json = true;
        return true;
    }
    if (*i + 1 < count && strcmp(words[*i], "--hub") == 0) {
        ctl->hub = words[++*i];
        return true;
    }
    if (*i + 1 < count && strcmp(words[*i], "--user") == 0) {
        ctl->user = words[++*i];
        return true;
    }
    return false;
}

static bool take_option(struct input *input, char **words, size_t count, size_t *i, struct ctl *ctl,
                        struct err *err)
{
    size_t index;
    const char *equals = strchr(words[*i], '=');
    const struct option *option = find_option(input->command, words[*i], &index);
    if (!option)
        return take_global(ctl, words, count, i) ||
               wrong_usage(ctl, err, "there is no option %.*s", (int)strcspn(words[*i], "="),
                           words[*i]);
    if (!takes_value(option)) {
        if (equals)
            return wrong_usage(ctl, err, "nothing follows %s", option->name);
        input->values[index] = "";
        return take_value(option, "", ctl, input->request, err);
    }
    if (!equals && *i + 1 == count)
        return wrong_usage(ctl, err, "%s needs %s", option->name, option->value);
    const char *value = equals ? equals + 1 : words[++*i];
    input->values[index] = value;
    return take_value(option, value, ctl, input->request, err);
}

static bool check_required(const struct input *input, struct ctl *ctl, struct err *err)
{
    for (size_t i = 0; input->command->options && input->command->options[i].name; i++) {
        const struct option *option = &input->command->options[i];
        if ((option->flags & OPTION_REQUIRED) && !input->values[i])
            return wrong_usage(ctl, err, "%s%s%s is missing (%s)", option->name,
                               option->value ? " " : "", option->value ? option->value : "",
                               option->help);
    }
    return true;
}

/* What stands in the place of the rest, with blanks between, when it belongs into the request. */
static void join_rest(struct input *input)
{
    for (size_t i = 0; input->command->options && input->command->options[i].name; i++) {
        const struct option *option = &input->command->options[i];
        if (!(option->flags & OPTION_REST) || !option->field || input->rest_count == 0)
            continue;
        AUTO(buf_done) struct buf text = {0};
        for (size_t j = 0; j < input->rest_count; j++)
            buf_addf(&text, "%s%s", j > 0 ? " " : "", input->rest[j]);
        request_set(input->request, option->field, json_string(buf_text(&text)));
    }
}

bool command_parse(const struct command *command, char **words, size_t count, struct ctl *ctl,
                   struct input *ret, struct err *err)
{
    bool only_places = false;
    *ret = (struct input){.command = command};
    ret->request = json_loads(command->preset ? command->preset : "{}", 0, NULL);
    for (size_t i = 0; i < count; i++) {
        if (!only_places && strcmp(words[i], "--") == 0)
            only_places = true;
        else if (!only_places && words[i][0] == '-' && words[i][1] != '\0') {
            if (!take_option(ret, words, count, &i, ctl, err))
                return false;
        } else if (!take_place(ret, words[i], ctl, err))
            return false;
    }
    join_rest(ret);
    return check_required(ret, ctl, err);
}
