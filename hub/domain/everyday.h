#pragma once
/*
 * How people say what they look for: words that stand for themes, words that say nothing. Built in
 * from everyday.words, which explains the form; a hub adds its own in a file of the same form.
 * All words here are folded (text_fold) and without the s or x of a plural.
 */
#include "hub/base/arena.h"

#define EVERYDAY_WORDS_MAX  3                /* longest expression */
#define EVERYDAY_THEMES_MAX 4                /* of one expression */
#define EVERYDAY_FILE       "everyday.words" /* in the state directory */
#define EVERYDAY_FILE_MAX   262144           /* bytes that are read of it */

struct everyday_words {
    const char *words, *theme;
};
/* Sorted; the same words may stand for several themes. */
extern const struct everyday_words everyday_built_in[];
extern const size_t everyday_built_in_count;
extern const char *const stop_built_in[], *const weak_built_in[];
extern const size_t stop_built_in_count, weak_built_in_count;

/** The built-in words and those of one hub; lives in the arena it was read into. */
struct everyday;

/** @param path  may be NULL; a file that is not there or not text adds nothing. */
NODISCARD struct everyday *everyday_load(struct arena *arena, const char *path);
/** Themes that `words` (folded, singular, one blank between) stand for. */
size_t everyday_themes(const struct everyday *everyday, const char *words,
                       const char *themes[EVERYDAY_THEMES_MAX]);
bool everyday_is_stop(const struct everyday *everyday, const char *word);
/** May help to choose, but nothing is left out for lack of it. */
bool everyday_is_weak(const struct everyday *everyday, const char *word);
/** Is it a word of any expression? */
bool everyday_knows(const struct everyday *everyday, const char *word);
/** Words of expressions that `word` may be meant for: one slip away; where there is none, those
 * that sound the same; else other forms of the word ("epuisee", "epuisement"). Returns how many. */
size_t everyday_near(const struct everyday *everyday, struct arena *arena, const char *word,
                     const char **ret, size_t max);

/** Cuts the s or x of a plural off, in place: words of four letters or more. */
void everyday_singular(char *word);
/** Splits folded text in place. @return how many words, at most `max`. */
size_t everyday_split(char *text, char **words, size_t max);

/** An expression at the start of some words. */
struct everyday_match {
    size_t used; /* words; 0: none */
    const char *themes[EVERYDAY_THEMES_MAX];
    size_t theme_count;
};
/**
 * The longest expression at words[0], words that say nothing in between left out.
 * @param words  singular.
 */
struct everyday_match everyday_match(const struct everyday *everyday, const char *const *words,
                                     size_t count);

/** 0 when equal, 1 when one letter was left out, added, changed or swapped with its neighbour (a
 * damaged word of the same length or one more or less), else 2. Bytes count as letters. */
unsigned everyday_slips(const char *a, const char *b);

#define SOUND_MAX 32
/** How French letters sound, roughly: "lojement" and "logement", "psicologue" and "psychologue" are
 * the same. Cut at SOUND_MAX - 1. */
void everyday_sound(const char *word, char ret[SOUND_MAX]);
/** Length of the part that forms of one word share; 0: too short to tell. */
size_t everyday_stem(const char *word);
