#include "admin/answer.h"

#include "hub/base/bytes.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

const json_t *answer_find(const json_t *object, const char *path)
{
    char name[64];
    const char *dot = strchr(path, '.');
    if (!dot)
        return json_object_get(object, path);
    snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
    return answer_find(json_object_get(object, name), dot + 1);
}

const char *answer_text(const json_t *object, const char *path)
{
    const char *text = json_string_value(answer_find(object, path));
    return text ? text : "";
}

int64_t answer_number(const json_t *object, const char *path)
{
    const json_t *value = answer_find(object, path);
    int64_t number = 0;
    if (json_is_string(value))
        return text_parse_i64(json_string_value(value), &number) ? number : 0;
    return json_integer_value(value);
}

double answer_real(const json_t *object, const char *path)
{
    return json_number_value(answer_find(object, path));
}

bool answer_flag(const json_t *object, const char *path)
{
    return json_is_true(answer_find(object, path));
}

size_t answer_count(const json_t *object, const char *path)
{
    return json_array_size(answer_find(object, path));
}

const json_t *answer_item(const json_t *object, const char *path, size_t index)
{
    return json_array_get(answer_find(object, path), index);
}

char *answer_code(const json_t *object, const char *path, const char *prefix, char out[ANSWER_CODE])
{
    const char *text = answer_text(object, path);
    size_t skip = strlen(prefix);
    if (strncmp(text, prefix, skip) == 0)
        text += skip;
    snprintf(out, ANSWER_CODE, "%s", text);
    for (char *c = out; *c; c++)
        *c = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    return out;
}

char *answer_join(const json_t *object, const char *path, char out[ANSWER_LIST])
{
    const json_t *list = answer_find(object, path), *item;
    size_t index, used = 0;
    out[0] = '\0';
    json_array_foreach(list, index, item)
    {
        const char *text = json_string_value(item);
        if (!text || used + 3 >= ANSWER_LIST)
            break;
        if (index > 0) {
            text_copy(out + used, ANSWER_LIST - used, ", ");
            used += strlen(out + used);
        }
        text_copy(out + used, ANSWER_LIST - used, text);
        used += strlen(out + used);
    }
    return out;
}

/* C0, DEL, C1 (U+0080..9F) and the marks that turn writing around (U+202A..2E, U+2066..69). */
static size_t control_length(const unsigned char *c)
{
    if (*c < 0x20 || *c == 0x7f)
        return 1;
    if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
        return 2;
    if (c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)
        return 3;
    if (c[0] == 0xe2 && c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9)
        return 3;
    return 0;
}

static void clean_text(json_t *value)
{
    char *text = mem_text(json_string_value(value));
    for (char *c = text; *c; c++) {
        for (size_t i = control_length((const unsigned char *)c); i > 0; i--)
            c[i - 1] = ' ';
    }
    json_string_set(value, text);
    free(text);
}

void answer_clean(json_t *answer)
{
    json_t *value;
    const char *key;
    size_t index;
    if (json_is_string(answer))
        clean_text(answer);
    json_array_foreach(answer, index, value) answer_clean(value);
    json_object_foreach(answer, key, value) answer_clean(value);
}
