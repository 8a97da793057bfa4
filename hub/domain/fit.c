#include "hub/domain/fit.h"

#include "hub/domain/commune.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/spoken.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define AGE_MAX     120
#define YOUNG_UNTIL 30 /* data.inclusion: "jeunes" are 16 to 29 */
#define SENIOR_FROM 55

static const char *const codes[] = {
#define X(name, code) code,
    FIT_TABLE(X)
#undef X
};

const char *fit_code(enum fit_reason reason)
{
    return codes[reason];
}

static bool is_said(const char *text)
{
    return text && *text;
}

bool fit_says_anything(const struct fit_person *person)
{
    return is_said(person->public_) || is_said(person->price) || is_said(person->mode) ||
           is_said(person->language) || person->age > 0 || is_said(person->commune);
}

/* --- ages in prose ---------------------------------------------------------------------------- */

/* The number that ends right before `at`, blanks aside; its start in *ret_start. */
static bool number_before(const char *text, const char *at, unsigned *ret, const char **ret_start)
{
    while (at > text && at[-1] == ' ')
        at--;
    const char *end = at;
    while (at > text && at[-1] >= '0' && at[-1] <= '9')
        at--;
    if (at == end || end - at > 3)
        return false;
    *ret = (unsigned)strtoul(at, NULL, 10);
    *ret_start = at;
    return *ret > 0 && *ret <= AGE_MAX;
}

/* Do the words before `at` end with `words`? */
static const char *words_before(const char *text, const char *at, const char *words)
{
    size_t len = strlen(words);
    while (at > text && at[-1] == ' ')
        at--;
    if ((size_t)(at - text) < len || strncasecmp(at - len, words, len) != 0)
        return NULL;
    return at - len;
}

static bool ages_before(const char *text, const char *ans, unsigned *ret_from, unsigned *ret_to)
{
    static const char *const until[] = {"moins de", "jusqu'à", "jusqu’à", "jusqu'a"};
    static const char *const from[] = {"plus de", "à partir de", "a partir de", "dès"};
    static const char *const between[] = {"à", "a", "-", "–", "et", "/"};
    unsigned high, low;
    const char *start, *first;
    if (!number_before(text, ans, &high, &start))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(until); i++) {
        if (words_before(text, start, until[i])) {
            *ret_from = 0;
            *ret_to = i == 0 ? high - 1 : high;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        if (words_before(text, start, from[i])) {
            *ret_from = high;
            *ret_to = AGE_MAX;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(between); i++) {
        const char *gap = words_before(text, start, between[i]);
        const char *years = gap ? words_before(text, gap, "ans") : NULL;
        if (gap && number_before(text, years ? years : gap, &low, &first) && low <= high) {
            *ret_from = low;
            *ret_to = high;
            return true;
        }
    }
    return false;
}

bool fit_find_ages(const char *text, unsigned *ret_from, unsigned *ret_to)
{
    for (const char *at = text; (at = strstr(at, "ans")) != NULL; at++) {
        bool is_word = at == text || at[-1] == ' ' || (at[-1] >= '0' && at[-1] <= '9');
        if (is_word && !(at[3] >= 'a' && at[3] <= 'z') && ages_before(text, at, ret_from, ret_to))
            return true;
    }
    return false;
}

/* --- words of a service ----------------------------------------------------------------------- */

static void add_all(const char *prefix, char *const *items, size_t count, struct buf *out)
{
    char facet[FACET_MAX];
    for (size_t i = 0; i < count; i++) {
        facet_word(prefix, items[i], facet);
        buf_addf(out, " %s", facet);
    }
}

static void add_ages(const Maillon__Hfp__V1__ServiceContent *c, struct buf *out)
{
    unsigned from, to;
    bool young = false, old = false, others = false;
    if (fit_find_ages(c->conditions, &from, &to) || fit_find_ages(c->name, &from, &to)) {
        buf_addf(out, " ag%ux%u", from, to);
        return;
    }
    for (size_t i = 0; i < c->n_public_; i++) {
        young = young || strcmp(c->public_[i], "jeunes") == 0;
        old = old || strcmp(c->public_[i], "seniors") == 0;
        others = others ||
                 (strcmp(c->public_[i], "jeunes") != 0 && strcmp(c->public_[i], "seniors") != 0);
    }
    if (young && !old && !others)
        buf_addf(out, " ag0x%u", YOUNG_UNTIL);
    if (old && !young && !others)
        buf_addf(out, " ag%ux%u", SENIOR_FROM, AGE_MAX);
}

/* By one code each, whatever the one who wrote the entry called it. */
static void add_languages(const Maillon__Hfp__V1__ServiceContent *c, struct buf *out)
{
    char facet[FACET_MAX];
    for (size_t i = 0; i < c->n_language; i++) {
        const char *code = spoken_find(bytes_text(c->language[i]));
        facet_word("la", code ? code : c->language[i], facet);
        buf_addf(out, " %s", facet);
    }
}

void fit_add_facets(const Maillon__Hfp__V1__ServiceContent *c, struct buf *out)
{
    char facet[FACET_MAX];
    add_all("pu", c->public_, c->n_public_, out);
    add_all("mo", c->mode, c->n_mode, out);
    add_languages(c, out);
    add_all("zo", c->zone, c->n_zone, out);
    if (*c->price) {
        facet_word("pr", c->price, facet);
        buf_addf(out, " %s", facet);
    }
    add_ages(c, out);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Next word that starts with `prefix`; NULL: no more. */
static const char *next_facet(const char *at, const char *prefix, char out[FACET_MAX])
{
    size_t prefix_len = strlen(prefix);
    while (*at) {
        at += strspn(at, " ");
        size_t len = strcspn(at, " ");
        if (len >= prefix_len && len < FACET_MAX && memcmp(at, prefix, prefix_len) == 0) {
            memcpy(out, at, len);
            out[len] = '\0';
            return at + len;
        }
        at += len;
    }
    return NULL;
}

/* Is nothing said, or one of `prefix` the word of `a` or of `b`? */
static bool is_open_to(const char *facets, const char *prefix, const char *a, const char *b)
{
    char word[FACET_MAX], wanted_a[FACET_MAX], wanted_b[FACET_MAX];
    bool any = false;
    facet_word(prefix, a, wanted_a);
    facet_word(prefix, b ? b : a, wanted_b);
    for (const char *at = facets; (at = next_facet(at, prefix, word)) != NULL;) {
        any = true;
        if (strcmp(word, wanted_a) == 0 || strcmp(word, wanted_b) == 0)
            return true;
    }
    return !any;
}

static bool is_of_age(const char *facets, unsigned age)
{
    char word[FACET_MAX];
    unsigned from, to;
    const char *at = next_facet(facets, "ag", word);
    return !at || sscanf(word, "ag%ux%u", &from, &to) != 2 || (age >= from && age <= to);
}

static bool is_spoken(const char *facets, const char *language)
{
    char word[FACET_MAX], wanted[FACET_MAX];
    if (!next_facet(facets, "la", word))
        return true;
    const char *code = spoken_find(bytes_text(language));
    facet_word("", code ? code : language, wanted);
    for (const char *at = facets; (at = next_facet(at, "la", word)) != NULL;)
        if (spoken_meets(word + strlen("la"), wanted))
            return true;
    return false;
}

enum zone { ZONE_YES, ZONE_NO, ZONE_DOUBT };

/* The person is of no commune of that EPCI, which is not the one of the person. */
static bool is_sure_of_another(const struct fit_person *person, const char *epci)
{
    return is_said(person->epci) && (!person->epci_built_in || epci_find_built_in(epci));
}

/* Communes, EPCI, departments and countries. */
static enum zone zone_of(const char *facets, const struct fit_person *person)
{
    char word[FACET_MAX];
    bool any = false, doubt = false;
    for (const char *at = facets; (at = next_facet(at, "zo", word)) != NULL;) {
        const char *code = word + 2;
        size_t len = strlen(code);
        any = true;
        if (len == EPCI_CODE - 1) {
            if (is_said(person->epci) && strcmp(code, person->epci) == 0)
                return ZONE_YES;
            doubt = doubt || !is_sure_of_another(person, code);
        } else if (strcmp(code, "fr") == 0 || strcmp(code, "france") == 0 ||
                   strncasecmp(code, person->commune, len) == 0) {
            return ZONE_YES;
        }
    }
    return !any ? ZONE_YES : doubt ? ZONE_DOUBT : ZONE_NO;
}

static bool is_affordable(const char *facets, const char *price)
{
    if (strcmp(price, "gratuit") != 0)
        return true;
    return is_open_to(facets, "pr", "gratuit", "prix-libre");
}

unsigned fit_of_facets(const char *facets, const struct fit_person *person)
{
    unsigned why_not = 0;
    if (person->age > 0 && !is_of_age(facets, person->age))
        why_not |= 1u << FIT_AGE;
    if (is_said(person->public_) && !is_open_to(facets, "pu", person->public_, "tous-publics"))
        why_not |= 1u << FIT_PUBLIC;
    if (is_said(person->price) && !is_affordable(facets, person->price))
        why_not |= 1u << FIT_PRICE;
    if (is_said(person->mode) && !is_open_to(facets, "mo", person->mode, NULL))
        why_not |= 1u << FIT_MODE;
    if (is_said(person->commune) && zone_of(facets, person) == ZONE_NO)
        why_not |= 1u << FIT_ZONE;
    if (is_said(person->language) && !is_spoken(facets, person->language))
        why_not |= 1u << FIT_LANGUAGE;
    return why_not;
}

unsigned fit_of(const Maillon__Hfp__V1__ServiceContent *content, const struct fit_person *person)
{
    AUTO(buf_done) struct buf facets = {0};
    if (!fit_says_anything(person))
        return 0;
    fit_add_facets(content, &facets);
    return fit_of_facets(buf_text(&facets), person);
}

bool fit_zone_is_doubtful(const Maillon__Hfp__V1__ServiceContent *content,
                          const struct fit_person *person)
{
    AUTO(buf_done) struct buf facets = {0};
    if (!is_said(person->commune))
        return false;
    fit_add_facets(content, &facets);
    return zone_of(buf_text(&facets), person) == ZONE_DOUBT;
}

unsigned fit_good(const Maillon__Hfp__V1__ServiceContent *content, const struct fit_person *person)
{
    static const char *const prefixes[FIT_COUNT] = {
        [FIT_AGE] = "ag",  [FIT_PUBLIC] = "pu", [FIT_PRICE] = "pr",
        [FIT_MODE] = "mo", [FIT_ZONE] = "zo",   [FIT_LANGUAGE] = "la",
    };
    const bool asked[FIT_COUNT] = {
        [FIT_AGE] = person->age > 0,           [FIT_PUBLIC] = is_said(person->public_),
        [FIT_PRICE] = is_said(person->price),  [FIT_MODE] = is_said(person->mode),
        [FIT_ZONE] = is_said(person->commune), [FIT_LANGUAGE] = is_said(person->language),
    };
    AUTO(buf_done) struct buf facets = {0};
    char word[FACET_MAX];
    fit_add_facets(content, &facets);
    unsigned good = 0, why_not = fit_of_facets(buf_text(&facets), person);
    for (unsigned i = 0; i < FIT_COUNT; i++)
        if (asked[i] && !(why_not & (1u << i)) && next_facet(buf_text(&facets), prefixes[i], word))
            good |= 1u << i;
    if ((good & 1u << FIT_ZONE) && zone_of(buf_text(&facets), person) == ZONE_DOUBT)
        good &= ~(1u << FIT_ZONE);
    return good;
}
