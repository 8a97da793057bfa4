#pragma once
/* The words of data.inclusion v1 with their French labels, and how people say them. Data only. */
#include <stddef.h>

enum vocabulary {
    VOCABULARY_THEME, /* thematiques, and the 16 families before "--" */
    VOCABULARY_PUBLIC,
    VOCABULARY_TYPE,
    VOCABULARY_PRICE,
    VOCABULARY_MODE,
    VOCABULARY_REACH,
    VOCABULARY_REACH_BY,
    VOCABULARY_COUNT
};

struct vocabulary_word {
    enum vocabulary vocabulary;
    const char *value, *label;
};
extern const struct vocabulary_word vocabulary_words[];
extern const size_t vocabulary_word_count;

/** Everyday words, folded, one to three of them; sorted. The same words may stand for several
 * themes. */
struct everyday_words {
    const char *words, *theme;
};
extern const struct everyday_words everyday_words[];
extern const size_t everyday_word_count;

/** Folded French words that say nothing about what is sought; sorted. */
extern const char *const stop_words[];
extern const size_t stop_word_count;
