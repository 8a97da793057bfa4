/* How words sound and what their forms share; French, rough on purpose: it only proposes. */
#include "hub/domain/everyday.h"

#define STEM_MIN 5

static bool is_vowel(char c)
{
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

/* Letters that sound as one, the longest first; `before` is what must follow: 'v' a vowel e, i or
 * y, 'c' no vowel, 0 anything. */
static const struct {
    const char *letters, *sound;
    char before;
} sounds[] = {
    {"ych", "ik", 0}, {"eau", "o", 0},  {"ain", "I", 'c'}, {"ein", "I", 'c'}, {"ph", "f", 0},
    {"th", "t", 0},   {"ch", "C", 0},   {"qu", "k", 0},    {"gu", "g", 'v'},  {"ge", "j", 'a'},
    {"au", "o", 0},   {"ai", "e", 0},   {"ei", "e", 0},    {"ou", "U", 0},    {"en", "A", 'c'},
    {"em", "A", 'c'}, {"an", "A", 'c'}, {"am", "A", 'c'},  {"in", "I", 'c'},  {"im", "I", 'c'},
    {"yn", "I", 'c'}, {"on", "O", 'c'}, {"om", "O", 'c'},  {"sc", "s", 'v'},  {"c", "s", 'v'},
    {"c", "k", 0},    {"q", "k", 0},    {"g", "j", 'v'},   {"y", "i", 0},     {"h", "", 0},
    {"z", "s", 0},    {"x", "ks", 0},
};

static bool follows(const char *next, char before)
{
    switch (before) {
    case 'v':
        return *next == 'e' || *next == 'i' || *next == 'y';
    case 'a':
        return *next == 'a' || *next == 'o';
    case 'c':
        return !is_vowel(*next) && *next != 'n' && *next != 'm' && *next != 'h';
    default:
        return true;
    }
}

/* Endings that are written and not heard. */
static size_t heard_length(const char *word)
{
    size_t len = strlen(word);
    while (len > 4 && strchr("sxtdezrp", word[len - 1]))
        len--;
    return len;
}

void everyday_sound(const char *word, char ret[SOUND_MAX])
{
    size_t used = 0, len = heard_length(word);
    for (size_t at = 0; at < len && used + 2 < SOUND_MAX;) {
        const char *sound = NULL;
        size_t step = 1;
        for (size_t i = 0; i < ARRAY_LEN(sounds) && !sound; i++) {
            size_t letters = strlen(sounds[i].letters);
            if (strncmp(word + at, sounds[i].letters, letters) != 0 || at + letters > len ||
                !follows(word + at + letters, sounds[i].before))
                continue;
            sound = sounds[i].sound;
            step = letters;
        }
        const char own[2] = {word[at], '\0'};
        for (const char *c = sound ? sound : own; *c; c++)
            if (used == 0 || ret[used - 1] != *c) /* twice is heard once */
                ret[used++] = *c;
        at += step;
    }
    ret[used] = '\0';
}

size_t everyday_stem(const char *word)
{
    static const char *const endings[] = {
        "issement", "ements", "ement", "ations", "ation", "iques", "ique", "ances", "ance",
        "euses",    "euse",   "eurs",  "eur",    "aient", "ages",  "age",  "ees",   "ait",
        "ant",      "ent",    "ion",   "ee",     "er",    "ez",    "es",   "ir",    "e",
    };
    size_t len = strlen(word);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        size_t ending = strlen(endings[i]);
        if (len >= STEM_MIN + ending && strcmp(word + len - ending, endings[i]) == 0)
            return len - ending;
    }
    return len >= STEM_MIN ? len : 0;
}
