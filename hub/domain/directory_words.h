#pragma once
/* The words of data.inclusion v1 with their French labels. Data only. */
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
