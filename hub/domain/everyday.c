#include "hub/domain/everyday.h"

#include "hub/base/text.h"
#include <stdio.h>
#include <stdlib.h>

#define SOUND_LENGTHS  4  /* letters more or less that may sound the same */
#define TEXT_WORDS_MAX 12 /* of a line of the hub's own file between two commas */

struct own_words {
    const char *words, *theme;
    bool away; /* written with '-' */
};

struct everyday {
    struct own_words *own; /* sorted by words */
    size_t own_count;
};

/* --- words ------------------------------------------------------------------------------------ */

void everyday_singular(char *word)
{
    size_t len = strlen(word);
    if (len >= 4 && (word[len - 1] == 's' || word[len - 1] == 'x'))
        word[len - 1] = '\0';
}

size_t everyday_split(char *text, char **words, size_t max)
{
    size_t count = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, " '", &save); word && count < max;
         word = strtok_r(NULL, " '", &save))
        words[count++] = word;
    return count;
}

unsigned everyday_slips(const char *a, const char *b)
{
    size_t i = 0, la = strlen(a), lb = strlen(b);
    if (la > lb + 1 || lb > la + 1)
        return 2;
    while (a[i] && a[i] == b[i])
        i++;
    if (!a[i] && !b[i])
        return 0;
    if (la == lb) {
        if (strcmp(a + i + 1, b + i + 1) == 0)
            return 1;
        return a[i] == b[i + 1] && a[i + 1] == b[i] && strcmp(a + i + 2, b + i + 2) == 0 ? 1 : 2;
    }
    return strcmp(la > lb ? a + i + 1 : a + i, la > lb ? b + i : b + i + 1) == 0 ? 1 : 2;
}

/* --- the hub's own file ----------------------------------------------------------------------- */

static int by_words(const void *a, const void *b)
{
    const struct own_words *x = a, *y = b;
    int order = strcmp(x->words, y->words);
    return order ? order : strcmp(x->theme, y->theme);
}

static char *read_file(struct arena *arena, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = arena_alloc(arena, EVERYDAY_FILE_MAX + 1);
    text[fread(text, 1, EVERYDAY_FILE_MAX, file)] = '\0';
    fclose(file);
    return text;
}

static void add_own(struct everyday *everyday, struct arena *arena, const char *theme,
                    const char *text)
{
    char *words[TEXT_WORDS_MAX];
    char *folded = text_fold(arena, bytes_text(text));
    size_t count = folded ? everyday_split(folded, words, TEXT_WORDS_MAX) : 0;
    if (count == 0 || count > EVERYDAY_WORDS_MAX)
        return;
    for (size_t i = 0; i < count; i++)
        everyday_singular(words[i]);
    const char *joined = count == 3 ? arena_printf(arena, "%s %s %s", words[0], words[1], words[2])
                         : count == 2 ? arena_printf(arena, "%s %s", words[0], words[1])
                                      : words[0];
    everyday->own[everyday->own_count++] =
        (struct own_words){joined, theme, text[strspn(text, " \t")] == '-'};
}

static void read_line(struct everyday *everyday, struct arena *arena, const char **theme,
                      char *line)
{
    char *save = NULL;
    line += strspn(line, " \t\r");
    if (*line == '[') {
        *theme = arena_textn(arena, line + 1, strcspn(line + 1, "]\r"));
        return;
    }
    if (*line == '#' || !**theme)
        return;
    for (char *part = strtok_r(line, ",", &save); part; part = strtok_r(NULL, ",", &save))
        add_own(everyday, arena, *theme, part);
}

struct everyday *everyday_load(struct arena *arena, const char *path)
{
    struct everyday *everyday = arena_alloc(arena, sizeof(*everyday));
    char *text = path ? read_file(arena, path) : NULL, *save = NULL;
    const char *theme = "";
    if (!text)
        return everyday;
    size_t most = 1;
    for (const char *at = text; *at; at++)
        most += *at == ',' || *at == '\n';
    everyday->own = arena_alloc(arena, most * sizeof(*everyday->own));
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        read_line(everyday, arena, &theme, line);
    qsort(everyday->own, everyday->own_count, sizeof(*everyday->own), by_words);
    return everyday;
}

/* First row of the hub's own that is not below `words`. */
static size_t first_own(const struct everyday *everyday, const char *words)
{
    size_t low = 0, high = everyday->own_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(everyday->own[middle].words, words) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* 1: added, -1: taken away, 0: not said. */
static int own_word(const struct everyday *everyday, const char *theme, const char *words)
{
    for (size_t i = first_own(everyday, words);
         i < everyday->own_count && strcmp(everyday->own[i].words, words) == 0; i++)
        if (strcmp(everyday->own[i].theme, theme) == 0)
            return everyday->own[i].away ? -1 : 1;
    return 0;
}

/* --- lookup ----------------------------------------------------------------------------------- */

static int compare_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

bool everyday_is_stop(const struct everyday *everyday, const char *word)
{
    int own = own_word(everyday, "stop", word);
    return own ? own > 0
               : bsearch(word, stop_built_in, stop_built_in_count, sizeof(stop_built_in[0]),
                         compare_text) != NULL;
}

bool everyday_is_weak(const struct everyday *everyday, const char *word)
{
    int own = own_word(everyday, "weak", word);
    return own ? own > 0
               : bsearch(word, weak_built_in, weak_built_in_count, sizeof(weak_built_in[0]),
                         compare_text) != NULL;
}

/* First row of the sorted table that is not below `words`. */
static size_t first_built_in(const char *words)
{
    size_t low = 0, high = everyday_built_in_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(everyday_built_in[middle].words, words) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t everyday_themes(const struct everyday *everyday, const char *words,
                       const char *themes[EVERYDAY_THEMES_MAX])
{
    size_t count = 0;
    for (size_t i = first_own(everyday, words);
         i < everyday->own_count && strcmp(everyday->own[i].words, words) == 0 &&
         count < EVERYDAY_THEMES_MAX;
         i++) {
        const struct own_words *own = &everyday->own[i];
        if (!own->away && strcmp(own->theme, "stop") != 0 && strcmp(own->theme, "weak") != 0)
            themes[count++] = own->theme;
    }
    for (size_t i = first_built_in(words);
         i < everyday_built_in_count && strcmp(everyday_built_in[i].words, words) == 0 &&
         count < EVERYDAY_THEMES_MAX;
         i++)
        if (own_word(everyday, everyday_built_in[i].theme, words) == 0)
            themes[count++] = everyday_built_in[i].theme;
    return count;
}

/* Calls `one` with each word of each expression until it says stop. */
static void each_word(const struct everyday *everyday, bool (*one)(void *ctx, const char *word),
                      void *ctx)
{
    char word[64];
    for (size_t i = 0; i < everyday_built_in_count + everyday->own_count; i++) {
        const char *at = i < everyday_built_in_count
                             ? everyday_built_in[i].words
                             : everyday->own[i - everyday_built_in_count].words;
        while (*at) {
            size_t len = 0;
            for (; at[len] && at[len] != ' '; len++)
                if (len + 1 < sizeof(word))
                    word[len] = at[len];
            word[len < sizeof(word) ? len : sizeof(word) - 1] = '\0';
            if (!one(ctx, word))
                return;
            at += len + (at[len] == ' ');
        }
    }
}

struct wanted {
    const char *word;
    bool found;
    struct arena *arena;
    const char **ret;
    size_t count, max;
    char sound[SOUND_MAX];
    size_t stem;
};

static bool is_it(void *ctx, const char *word)
{
    struct wanted *wanted = ctx;
    wanted->found = strcmp(word, wanted->word) == 0;
    return !wanted->found;
}

bool everyday_knows(const struct everyday *everyday, const char *word)
{
    struct wanted wanted = {.word = word};
    each_word(everyday, is_it, &wanted);
    return wanted.found;
}

static bool take_near(struct wanted *wanted, const char *word)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->ret[i], word) == 0)
            return true;
    wanted->ret[wanted->count++] = arena_text(wanted->arena, word);
    return wanted->count < wanted->max;
}

static bool is_near(void *ctx, const char *word)
{
    struct wanted *wanted = ctx;
    return strlen(word) < 4 || everyday_slips(word, wanted->word) != 1 || take_near(wanted, word);
}

static bool sounds_same(void *ctx, const char *word)
{
    struct wanted *wanted = ctx;
    char sound[SOUND_MAX];
    size_t len = strlen(word), wanted_len = strlen(wanted->word);
    if (len < 5 || len > wanted_len + SOUND_LENGTHS || wanted_len > len + SOUND_LENGTHS)
        return true;
    everyday_sound(word, sound);
    return strcmp(sound, wanted->sound) != 0 || take_near(wanted, word);
}

static bool is_same_stem(void *ctx, const char *word)
{
    struct wanted *wanted = ctx;
    return strncmp(word, wanted->word, wanted->stem) != 0 || everyday_stem(word) != wanted->stem ||
           take_near(wanted, word);
}

size_t everyday_near(const struct everyday *everyday, struct arena *arena, const char *word,
                     const char **ret, size_t max)
{
    struct wanted wanted = {.word = word, .arena = arena, .ret = ret, .max = max};
    if (max == 0)
        return 0;
    each_word(everyday, is_near, &wanted);
    everyday_sound(word, wanted.sound);
    if (wanted.count == 0 && strlen(word) >= 5)
        each_word(everyday, sounds_same, &wanted);
    wanted.stem = everyday_stem(word);
    if (wanted.count == 0 && wanted.stem > 0)
        each_word(everyday, is_same_stem, &wanted);
    return wanted.count;
}

static bool try_words(const struct everyday *everyday, const char *const *words, const size_t *at,
                      size_t count, struct everyday_match *match)
{
    char joined[256];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(words[at[i]]);
        if (used + len + 2 > sizeof(joined))
            return false;
        if (i > 0)
            joined[used++] = ' ';
        memcpy(joined + used, words[at[i]], len);
        used += len;
    }
    joined[used] = '\0';
    match->theme_count = everyday_themes(everyday, joined, match->themes);
    if (match->theme_count == 0)
        return false;
    match->used = at[count - 1] + 1;
    return true;
}

struct everyday_match everyday_match(const struct everyday *everyday, const char *const *words,
                                     size_t count)
{
    static const size_t in_row[EVERYDAY_WORDS_MAX] = {0, 1, 2};
    struct everyday_match match = {0};
    size_t said[EVERYDAY_WORDS_MAX], said_count = 0;
    for (size_t i = 0; i < count && said_count < EVERYDAY_WORDS_MAX; i++)
        if (i == 0 || !everyday_is_stop(everyday, words[i]))
            said[said_count++] = i;
    for (size_t n = EVERYDAY_WORDS_MAX; n > 0; n--)
        if ((n <= count && try_words(everyday, words, in_row, n, &match)) ||
            (n <= said_count && n > 1 && try_words(everyday, words, said, n, &match)))
            return match;
    return match;
}
