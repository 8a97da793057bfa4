#pragma once
/* notice.words as a table: what notice_guess.c looks up. Data only. */
#include <stddef.h>

#define NOTICE_WORDS_IN_ROW 4 /* of one expression */

struct notice_word {
    const char *words; /* folded, singular, one blank between */
    const char *list;  /* "shortage", "unit" … */
    const char *value; /* of [unit kg]: "kg"; else "" */
};
extern const struct notice_word notice_words[]; /* sorted by words */
extern const size_t notice_word_count;
