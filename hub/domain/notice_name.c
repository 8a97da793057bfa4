/*
 * Names of persons in what people type. Titles first; then a short list of first names, as capitals
 * only, because "pierre", "rose" or "claire" are words, too. What a name was given to is no person:
 * "rue Jean Jaurès", "école Sainte-Marie". Names outside the list are not seen: a hint, no proof.
 */
#include "hub/base/text.h"
#include "hub/domain/notice_guess.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 120

static const char *const titles[] = {"docteur", "dr",   "m",    "madame", "mademoiselle",
                                     "melle",   "miss", "mlle", "mme",    "monsieur",
                                     "mr",      "mrs",  "ms"};

/* Folded, sorted. Frequent ones of several generations and origins; not those that are mostly other
 * words at the start of a sentence ("Rose", "Aurore"). */
static const char *const first_names[] = {
    "abdel",     "abdou",     "adama",     "agnes",     "ahmed",      "aicha",     "alain",
    "alexandre", "ali",       "alice",     "amadou",    "amina",      "anais",     "andre",
    "anna",      "anne",      "antoine",   "arthur",    "awa",        "benoit",    "bernard",
    "brigitte",  "camille",   "catherine", "cecile",    "chantal",    "charlotte", "chloe",
    "christian", "christine", "claude",    "corinne",   "daniel",     "david",     "denise",
    "didier",    "dominique", "elise",     "elodie",    "emilie",     "emma",      "eric",
    "fatima",    "fatou",     "fatoumata", "florence",  "francois",   "francoise", "frederic",
    "gerard",    "gilles",    "guillaume", "gwenael",   "hassan",     "helene",    "henri",
    "hugo",      "ibrahim",   "ines",      "isabelle",  "jacqueline", "jacques",   "jean",
    "jeanne",    "jeremy",    "jerome",    "jerry",     "john",       "josette",   "julie",
    "julien",    "karim",     "karine",    "kevin",     "khadija",    "laura",     "laurence",
    "laurent",   "lea",       "louis",     "louise",    "luc",        "lucas",     "madeleine",
    "mamadou",   "manon",     "marc",      "marcel",    "margaux",    "maria",     "mariam",
    "marie",     "marine",    "martine",   "mary",      "mathieu",    "maurice",   "michel",
    "michele",   "mohamed",   "mohammed",  "monique",   "moussa",     "nathalie",  "nicolas",
    "nicole",    "olga",      "olivier",   "oumar",     "pascal",     "patricia",  "patrick",
    "paul",      "pauline",   "peter",     "philippe",  "raymond",    "robert",    "roger",
    "romain",    "sandrine",  "sarah",     "sebastien", "sophie",     "stephane",  "stephanie",
    "sylvie",    "theo",      "thierry",   "thomas",    "valerie",    "veronique", "vincent",
    "virginie",  "yann",      "yannick",   "yves",      "yvette",     "yvonne",    "zohra",
};

/* Bear names of people and are none; folded, sorted. */
static const char *const bearers[] = {
    "allee",    "association", "avenue",    "bd",        "boulevard", "caserne", "centre",
    "chapelle", "chemin",      "clinique",  "college",   "cours",     "ecole",   "eglise",
    "ehpad",    "espace",      "esplanade", "fondation", "foyer",     "gymnase", "hopital",
    "hotel",    "impasse",     "institut",  "jardin",    "lycee",     "maison",  "mediatheque",
    "mjc",      "parc",        "parvis",    "passage",   "place",     "pont",    "port",
    "quai",     "quartier",    "residence", "road",      "rue",       "saint",   "sainte",
    "salle",    "school",      "secours",   "square",    "st",        "stade",   "ste",
    "street",   "theatre",     "villa",
};

struct named_word {
    const char *word; /* folded */
    size_t at, len;
    bool capital;
};

static int compare(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static bool is_in(const char *word, const char *const *list, size_t count)
{
    return bsearch(word, list, count, sizeof(*list), compare) != NULL;
}

static bool ends_word(unsigned char c)
{
    return c < 0x80 && !isalnum(c);
}

/* A capital in ASCII or in Latin-1 letters: "É" is C3 89. */
static bool is_capital(const char *at)
{
    unsigned char c = (unsigned char)at[0], next = (unsigned char)at[1];
    return isupper(c) || (c == 0xC3 && next >= 0x80 && next <= 0x9E);
}

static size_t split(struct arena *arena, const char *text, struct named_word *words)
{
    size_t count = 0;
    for (size_t at = 0; text[at] && count < WORDS_MAX;) {
        size_t len = 0;
        if (ends_word((unsigned char)text[at])) {
            at++;
            continue;
        }
        while (text[at + len] && !ends_word((unsigned char)text[at + len]))
            len++;
        char *word = text_fold(arena, bytes_of((const uint8_t *)text + at, len));
        words[count++] = (struct named_word){word ? word : "", at, len, is_capital(text + at)};
        at += len;
    }
    return count;
}

/* "M." or "M" is a title, "m" a metre; the others may be written small. */
static bool is_title(const struct named_word *word)
{
    if (!is_in(word->word, titles, ARRAY_LEN(titles)))
        return false;
    return word->capital || strlen(word->word) > 2;
}

/* Is there a bearer up to three words before, with nothing small but articles in between? */
static bool is_borne(const struct named_word *words, size_t i)
{
    for (size_t back = 1; back <= 3 && back <= i; back++) {
        const struct named_word *word = &words[i - back];
        if (is_in(word->word, bearers, ARRAY_LEN(bearers)))
            return true;
        if (!word->capital && strlen(word->word) > 3)
            return false;
    }
    return false;
}

const char *notice_name_hint(struct arena *arena, const char *text)
{
    if (!text_is_valid(bytes_text(text)))
        return NULL;
    struct named_word *words = arena_alloc(arena, WORDS_MAX * sizeof(*words));
    size_t count = split(arena, text, words);
    for (size_t i = 0; i < count; i++) {
        bool follows = i + 1 < count && words[i + 1].capital;
        bool title = is_title(&words[i]) && follows;
        bool first_name = words[i].capital &&
                          is_in(words[i].word, first_names, ARRAY_LEN(first_names)) &&
                          !is_borne(words, i);
        if (!title && !first_name)
            continue;
        size_t last = follows ? i + 1 : i;
        return arena_textn(arena, text + words[i].at,
                           words[last].at + words[last].len - words[i].at);
    }
    return NULL;
}
