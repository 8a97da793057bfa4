#pragma once
/*
 * The languages that people speak: their codes, and what people and files write for them. What a
 * page calls them is speaks.CODE of hub/web/lang; those names are understood too.
 */
#include "hub/base/bytes.h"
#include <stdint.h>

#define SPOKEN_TEXT_MAX 100 /* bytes of what may be a language */
#define SPOKEN_CODE     36  /* a code, with its region and its NUL */

/**
 * The code of a language that is written "arabe", "Arabic", "l’ARABE", "ara" or "ar-MA": ISO 639-1,
 * or 639-3 where there is none. NULL: not known here.
 */
const char *spoken_find(struct bytes text);
/** Looks like a code, known here or not: BCP 47 as far as people need it, "fr", "gsw", "pt-BR". */
bool spoken_is_code(const char *text);
/**
 * What is kept of a language as it is written: the code that is found; a code with a region, or one
 * that is not known here, as it is. false: it is none.
 */
NODISCARD bool spoken_read(struct bytes text, char ret[SPOKEN_CODE]);
/**
 * Does who speaks the one get along in the other? Both as they are written; "kurde" holds for what
 * is said of one kind of Kurdish and the other way round.
 */
bool spoken_meets(const char *one, const char *other);
/**
 * Takes the next one off a list that people write, "arabe, anglais et LSF"; false: it is over.
 *
 * @param list      goes on behind it.
 * @param ret_word  borrowed from the list, without the blanks around it.
 */
bool spoken_next(const char **list, struct bytes *ret_word);

/* spoken.words as tables. */

struct spoken_language {
    const char *code, *wider; /* wider "": it stands for itself */
};
extern const struct spoken_language spoken_languages[]; /* sorted by code */
extern const size_t spoken_language_count;

struct spoken_word {
    const char *word; /* folded */
    uint16_t language;
};
extern const struct spoken_word spoken_words[]; /* sorted by word */
extern const size_t spoken_word_count;
