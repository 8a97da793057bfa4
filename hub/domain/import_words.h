#pragma once
/* Words of earlier and neighbouring vocabularies and what they are in data.inclusion v1. Data only.
 */
#include "hub/domain/directory_words.h"

struct import_word {
    enum vocabulary vocabulary;
    const char *from;   /* compared folded */
    const char *to;     /* v1 values separated by '|'; "" : only the detail is kept */
    const char *detail; /* goes to the field's free text */
};
extern const struct import_word import_words[];
extern const size_t import_word_count;
