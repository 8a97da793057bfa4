#include "hub/domain/spoken.h"

#include "hub/base/text.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static int compare_word(const void *key, const void *row)
{
    return strcmp(key, ((const struct spoken_word *)row)->word);
}

static const char *look_up(const char *folded)
{
    const struct spoken_word *found =
        bsearch(folded, spoken_words, spoken_word_count, sizeof(*spoken_words), compare_word);
    return found ? spoken_languages[found->language].code : NULL;
}

/* Without what people put before a language in a sentence. */
static const char *look_up_bare(const char *folded)
{
    static const char *const leads[] = {"en ", "l'", "la ", "langue ", "le ", "in "};
    for (size_t i = 0; i < ARRAY_LEN(leads); i++)
        if (strncmp(folded, leads[i], strlen(leads[i])) == 0)
            return look_up(folded + strlen(leads[i]));
    return NULL;
}

static const char *find_folded(struct arena *arena, struct bytes text)
{
    const char *folded = text_fold(arena, text);
    const char *code = folded ? look_up(folded) : NULL;
    return code || !folded ? code : look_up_bare(folded);
}

const char *spoken_find(struct bytes text)
{
    char plain[SPOKEN_TEXT_MAX + 1];
    if (text.len == 0 || text.len > SPOKEN_TEXT_MAX)
        return NULL;
    memcpy(plain, text.data, text.len);
    plain[text.len] = '\0';
    const char *code = look_up(plain);
    if (code || strspn(plain, "abcdefghijklmnopqrstuvwxyz") == text.len) /* folded as it is */
        return code;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    code = find_folded(arena, text);
    size_t len = strcspn(plain, "(");
    if (!code && plain[len]) /* "arabe (Syrie)" */
        code = find_folded(arena, bytes_of(plain, len));
    len = strcspn(plain, "-_");
    if (!code && plain[len] && (len == 2 || len == 3)) /* "ar-SY" */
        code = find_folded(arena, bytes_of(plain, len));
    return code;
}

bool spoken_is_code(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    if (len != 2 && len != 3)
        return false;
    while (text[len] == '-' && isalnum((unsigned char)text[len + 1]))
        for (len++; isalnum((unsigned char)text[len]);)
            len++;
    return !text[len];
}

bool spoken_read(struct bytes text, char ret[SPOKEN_CODE])
{
    char plain[SPOKEN_CODE] = "";
    const char *code = spoken_find(text);
    if (text.len < sizeof(plain))
        memcpy(plain, text.data, text.len);
    if (spoken_is_code(plain) && (!code || strchr(plain, '-')))
        code = plain;
    if (!code)
        return false;
    memcpy(ret, code, strlen(code) + 1);
    return true;
}

static int compare_code(const void *key, const void *row)
{
    return strcmp(key, ((const struct spoken_language *)row)->code);
}

static const char *wider_of(const char *code)
{
    const struct spoken_language *found = bsearch(code, spoken_languages, spoken_language_count,
                                                  sizeof(*spoken_languages), compare_code);
    return found ? found->wider : "";
}

bool spoken_meets(const char *one, const char *other)
{
    const char *a = spoken_find(bytes_text(one)), *b = spoken_find(bytes_text(other));
    a = a ? a : one;
    b = b ? b : other;
    return strcasecmp(a, b) == 0 || strcmp(wider_of(a), b) == 0 || strcmp(a, wider_of(b)) == 0;
}

/* Bytes of what parts two languages at `at`, which is inside `list`; 0: nothing does. */
static size_t joint_at(const char *list, const char *at)
{
    static const char *const joints[] = {"et", "and", "ou", "or", "-", "–", "—"};
    if (strchr(",;/|+&\n\r", *at))
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(joints); i++) {
        size_t len = strlen(joints[i]);
        if (at > list && at[-1] == ' ' && strncasecmp(at, joints[i], len) == 0 && at[len] == ' ')
            return len;
    }
    return 0;
}

bool spoken_next(const char **list, struct bytes *ret_word)
{
    const char *at = *list;
    while (*at) {
        const char *start = at, *end;
        size_t joint = 0;
        while (*at && (joint = joint_at(start, at)) == 0)
            at++;
        for (end = at; end > start && strchr(" \t.", end[-1]);)
            end--;
        while (start < end && strchr(" \t", *start))
            start++;
        at += *at ? joint : 0;
        if (start == end)
            continue;
        *list = at;
        *ret_word = bytes_of(start, (size_t)(end - start));
        return true;
    }
    *list = at;
    return false;
}
