#include "hub/domain/search_terms.h"

#include "hub/base/text.h"
#include "hub/domain/search_words.h"
#include <stdio.h>

#define WORDS_MAX 24
#define NEAR_MAX  6 /* words that one may be a slip of */

struct typed {
    const char *word, *singular, *meant; /* `meant`: singular, or the everyday word it may be */
    bool is_known;
    const char *near[NEAR_MAX];
    size_t near_count;
    bool is_corrected; /* nobody else wrote it so */
};

struct reader {
    struct store *store;
    struct arena *arena;
    const struct everyday *everyday;
    struct typed typed[WORDS_MAX];
    const char *meant[WORDS_MAX];
    size_t count;
};

static bool read_word(struct reader *r, const char *word, struct err *err)
{
    struct typed *typed = &r->typed[r->count];
    char *singular = arena_text(r->arena, word);
    everyday_singular(singular);
    *typed = (struct typed){.word = word, .singular = singular, .meant = singular};
    typed->is_known = strlen(word) < SEARCH_WORD_MIN || everyday_is_stop(r->everyday, singular) ||
                      everyday_is_weak(r->everyday, singular) ||
                      everyday_knows(r->everyday, singular);
    if (!typed->is_known) {
        /* A slip that somebody else made is a word of the directory as well. */
        typed->near_count =
            everyday_near(r->everyday, r->arena, singular, typed->near, NEAR_MAX / 2);
        if (typed->near_count > 0)
            typed->meant = typed->near[0];
        size_t more = 0;
        if (!search_words_has(r->store, word, &typed->is_known, err) ||
            (!typed->is_known && strlen(word) > SEARCH_WORD_MIN &&
             !search_words_near(r->store, r->arena, word, typed->near + typed->near_count,
                                NEAR_MAX - typed->near_count, &more, err)))
            return false;
        typed->near_count += more;
        typed->is_corrected = !typed->is_known && typed->near_count > 0;
    }
    r->meant[r->count++] = typed->meant;
    return true;
}

static void add_form(struct term_word *word, const char *form)
{
    for (size_t i = 0; i < word->count; i++)
        if (strcmp(word->forms[i], form) == 0)
            return;
    if (word->count < TERM_FORMS_MAX)
        word->forms[word->count++] = form;
}

static void add_word(struct reader *r, struct term *term, size_t at)
{
    const struct typed *typed = &r->typed[at];
    struct term_word *word = &term->words[term->word_count++];
    bool is_last = at + 1 == r->count;
    add_form(word, typed->word);
    add_form(word, typed->singular);
    if (strlen(typed->singular) >= 3)
        add_form(word, arena_printf(r->arena, "%ss", typed->singular));
    word->typed = word->count;
    for (size_t i = 0; i < typed->near_count; i++)
        add_form(word, typed->near[i]);
    word->begins = (!typed->is_known && (is_last || typed->near_count == 0)) ||
                   (is_last && strlen(typed->word) > 1 && strlen(typed->word) < SEARCH_WORD_MIN);
}

static void set_themes(struct term *term, const struct everyday_match *match)
{
    for (size_t i = 0; i < match->theme_count; i++) {
        facet_theme(match->themes[i], term->themes[i]);
        facet_word("it", match->themes[i], term->inferred[i]);
        const char *sub = strstr(match->themes[i], "--");
        char family[FACET_MAX];
        term->is_precise = term->is_precise || sub;
        if (!sub)
            continue;
        snprintf(family, sizeof(family), "%.*s", (int)(sub - match->themes[i]), match->themes[i]);
        facet_theme(family, term->families[i]);
    }
    term->theme_count = match->theme_count;
}

static bool is_stop(const struct reader *r, size_t at)
{
    return everyday_is_stop(r->everyday, r->typed[at].singular);
}

static void make_terms(struct reader *r, bool only_stops, struct term ret[TERMS_MAX],
                       size_t *ret_count)
{
    size_t count = 0;
    for (size_t at = 0; at < r->count && count < TERMS_MAX;) {
        struct term *term = &ret[count];
        *term = (struct term){0};
        struct everyday_match match = everyday_match(r->everyday, r->meant + at, r->count - at);
        size_t used = match.used ? match.used : 1;
        if (!match.used && is_stop(r, at) && !only_stops) {
            at++;
            continue;
        }
        for (size_t i = at; i < at + used && term->word_count < EVERYDAY_WORDS_MAX; i++)
            if (!is_stop(r, i) || used == 1)
                add_word(r, term, i);
        if (term->word_count == 0)
            add_word(r, term, at);
        set_themes(term, &match);
        term->weak = !match.used && everyday_is_weak(r->everyday, r->typed[at].singular);
        at += used;
        count++;
    }
    /* Without anything else the weak words are what is asked for. */
    bool only_weak = true;
    for (size_t i = 0; i < count; i++)
        only_weak = only_weak && ret[i].weak;
    for (size_t i = 0; i < count && only_weak; i++)
        ret[i].weak = false;
    *ret_count = count;
}

/* Everyday words and the directory often know the same one. */
static void add_meant(struct correction *correction, const char *word)
{
    for (size_t i = 0; i < correction->count; i++)
        if (strcmp(correction->meant[i], word) == 0)
            return;
    if (correction->count < CORRECTION_MEANT_MAX)
        correction->meant[correction->count++] = word;
}

static void make_corrections(const struct reader *r, struct search_reading *ret)
{
    for (size_t i = 0; i < r->count && ret->correction_count < CORRECTIONS_MAX; i++) {
        const struct typed *typed = &r->typed[i];
        if (!typed->is_corrected)
            continue;
        struct correction *correction = &ret->corrections[ret->correction_count++];
        *correction = (struct correction){.typed = typed->word};
        for (size_t k = 0; k < typed->near_count; k++)
            add_meant(correction, typed->near[k]);
    }
}

bool search_terms_read(struct store *store, struct arena *arena, const struct everyday *everyday,
                       const char *text, struct search_reading *ret, struct err *err)
{
    struct reader *r = arena_alloc(arena, sizeof(*r));
    *r = (struct reader){.store = store, .arena = arena, .everyday = everyday};
    char *folded = text_fold(arena, bytes_text(text ? text : "")), *words[WORDS_MAX];
    size_t count = folded ? everyday_split(folded, words, WORDS_MAX) : 0;
    bool only_stops = true;
    for (size_t i = 0; i < count; i++) {
        if (!read_word(r, words[i], err))
            return false;
        only_stops = only_stops && is_stop(r, i);
    }
    *ret = (struct search_reading){0};
    make_terms(r, only_stops, ret->terms, &ret->term_count);
    make_corrections(r, ret);
    return true;
}
