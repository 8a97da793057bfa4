#pragma once
/* The words of the directory, and those one slip away from a word. Owns table `search_word`. */
#include "hub/domain/tx.h"

#define SEARCH_WORD_MIN 4 /* bytes: shorter words have too many neighbours */
#define SEARCH_WORD_MAX 24

/** Words known to be stored: saves asking again while many entries are written. */
struct search_words;
NODISCARD struct search_words *search_words_create(void);
void search_words_free(struct search_words *words); /* NULL is fine */
AUTO_DEFINE(struct search_words, search_words_free)

/** Stores the words of folded text. @param known  NULL: every word is asked for. */
NODISCARD bool search_words_add(struct tx *tx, struct search_words *known, const char *text,
                                struct err *err);
/** Is it a word of the directory, or was one? */
NODISCARD bool search_words_has(struct store *store, const char *word, bool *ret, struct err *err);
/** Arena copies of words one slip away (everyday_slips), at most `max`, in order of the alphabet.
 */
NODISCARD bool search_words_near(struct store *store, struct arena *arena, const char *word,
                                 const char **ret, size_t max, size_t *ret_count, struct err *err);
