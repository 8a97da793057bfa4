#pragma once
/* What somebody typed, as the search understands it. */
#include "hub/domain/directory_entry.h"
#include "hub/domain/everyday.h"

#define TERMS_MAX            12
#define TERM_FORMS_MAX       10
#define TERM_THEMES_MAX      EVERYDAY_THEMES_MAX
#define CORRECTIONS_MAX      4
#define CORRECTION_MEANT_MAX 2

struct term_word { /* any of the forms: as typed, singular, plural, and what it may be a slip of */
    const char *forms[TERM_FORMS_MAX];
    size_t count, typed; /* the first `typed` forms are the word itself */
    bool begins;         /* may go on: no such word is known, or it is still being typed */
};

/* One thing asked for: words that belong together, and the themes that they stand for. */
struct term {
    struct term_word words[EVERYDAY_WORDS_MAX];
    size_t word_count;
    bool weak;       /* nothing is left out for lack of it */
    bool is_precise; /* stands for a theme, not for a whole family */
    char themes[TERM_THEMES_MAX][FACET_MAX];
    char inferred[TERM_THEMES_MAX][FACET_MAX]; /* the same, as names of services say them */
    size_t theme_count;
    char families[TERM_THEMES_MAX][FACET_MAX]; /* of those themes that are precise; "" else */
};

/** A word that neither everyday.words nor the directory has, and what it may be a slip of. */
struct correction {
    const char *typed;
    const char *meant[CORRECTION_MEANT_MAX]; /* best first */
    size_t count;
};

struct search_reading { /* of what somebody typed; arena */
    struct term terms[TERMS_MAX];
    size_t term_count;
    struct correction corrections[CORRECTIONS_MAX];
    size_t correction_count;
};

/** @param text  may be NULL. */
NODISCARD bool search_terms_read(struct store *store, struct arena *arena,
                                 const struct everyday *everyday, const char *text,
                                 struct search_reading *ret, struct err *err);
