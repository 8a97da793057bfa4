#include "hub/domain/notice_guess.h"

#include "hub/base/text.h"
#include "hub/domain/everyday.h"
#include "hub/domain/notice.h"
#include "hub/domain/notice_guess_words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIND(name)    MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name
#define TOKENS_MAX    100
#define FIRST_BONUS   4 /* the sentence begins with it: as good as two words more */
#define PHRASE_MAX    96
#define DAYS_IN_WEEK  7
#define POSTAL_DIGITS 5
#define PHONE_NUMBERS 4 /* so many numbers in a row are a phone number */

struct token {
    size_t at, len;   /* in the text */
    const char *word; /* folded, singular; a number: its digits */
    uint32_t number;  /* 0: none */
    unsigned digits;  /* 0: written in words, or no number */
    bool glued;       /* to what is before it, as "kg" in "40kg" and "linge" in "lave-linge" */
    bool hyphen;      /* glued with a hyphen */
    bool many;        /* "jeudis", "Thursdays" */
    bool said;        /* belongs to a verb, a number, a unit or a day */
};

struct sentence {
    struct arena *arena;
    const char *text;
    struct token tokens[TOKENS_MAX];
    size_t count;
};

/* --- tokens ----------------------------------------------------------------------------------- */

/* Bytes of a separator beyond ASCII: typographic apostrophes, dashes, quotes and blanks. */
static size_t separator(const char *at)
{
    unsigned char c = (unsigned char)*at;
    if (c < 0x80)
        return !isalnum(c);
    if (c == 0xE2 && (unsigned char)at[1] == 0x80 && at[2])
        return 3;
    if (c == 0xC2 && at[1])
        return 2;
    return 0;
}

static bool is_euro(const char *at)
{
    return strncmp(at, "\xE2\x82\xAC", 3) == 0;
}

static size_t digits_at(const char *at)
{
    return strspn(at, "0123456789");
}

/* "3 000" and "3000"; the fraction of "1,5" rounds up. */
static size_t read_number(const char *at, struct token *token)
{
    size_t len = digits_at(at);
    uint64_t number = strtoull(at, NULL, 10);
    token->digits = (unsigned)len;
    while (len <= 3 + 4 * 2 && number > 0 && number < 1000000 && at[len] == ' ' &&
           digits_at(at + len + 1) == 3 && token->digits <= 3) {
        number = number * 1000 + strtoull(at + len + 1, NULL, 10);
        len += 4;
    }
    if ((at[len] == ',' || at[len] == '.') && digits_at(at + len + 1) > 0) {
        size_t more = digits_at(at + len + 1);
        number += strspn(at + len + 1, "0") < more;
        len += 1 + more;
    }
    token->number = number <= NOTICE_AMOUNT_MAX ? (uint32_t)number : 0;
    return len;
}

static size_t read_word(const char *at)
{
    size_t len = 0;
    while (at[len] && !separator(at + len) && !is_euro(at + len) &&
           !isdigit((unsigned char)at[len]))
        len++;
    return len;
}

static void fold_token(struct sentence *sentence, struct token *token)
{
    char *word = text_fold(sentence->arena,
                           bytes_of((const uint8_t *)sentence->text + token->at, token->len));
    if (!word)
        word = arena_text(sentence->arena, "");
    size_t len = strlen(word);
    token->many = len > 4 && word[len - 1] == 's';
    everyday_singular(word);
    token->word = word;
}

static void split(struct sentence *sentence)
{
    const char *text = sentence->text;
    size_t at = 0, end = 0;
    while (text[at] && sentence->count < TOKENS_MAX) {
        struct token token = {.at = at, .word = ""};
        size_t skip = is_euro(text + at) ? 0 : separator(text + at);
        if (skip) {
            at += skip;
            continue;
        }
        token.hyphen = at == end + 1 && end > 0 && text[end] == '-';
        token.glued = at > 0 && (at == end || token.hyphen || (at == end + 1 && text[end] == '/'));
        if (is_euro(text + at)) {
            token.len = 3;
            token.word = "euro";
        } else if (isdigit((unsigned char)text[at])) {
            token.len = read_number(text + at, &token);
        } else {
            token.len = read_word(text + at);
        }
        if (!token.digits && !token.word[0])
            fold_token(sentence, &token);
        at = end = at + token.len;
        sentence->tokens[sentence->count++] = token;
    }
}

/* --- the word list ---------------------------------------------------------------------------- */

static int compare_words(const void *key, const void *row)
{
    return strcmp(key, ((const struct notice_word *)row)->words);
}

/* The row for `words` in `list`; NULL: none. */
static const struct notice_word *find(const char *words, const char *list)
{
    const struct notice_word *row =
        bsearch(words, notice_words, notice_word_count, sizeof(*notice_words), compare_words);
    if (!row)
        return NULL;
    while (row > notice_words && strcmp(row[-1].words, words) == 0)
        row--;
    for (; row < notice_words + notice_word_count && strcmp(row->words, words) == 0; row++)
        if (strcmp(row->list, list) == 0)
            return row;
    return NULL;
}

static bool is_in(const struct token *token, const char *list)
{
    return find(token->word, list) != NULL;
}

static bool is_word(const struct token *token, const char *word)
{
    return strcmp(token->word, word) == 0;
}

/* Tokens i to i + count - 1 as one expression; false: a number in digits is among them. */
static bool phrase_at(const struct sentence *sentence, size_t i, size_t count, char out[PHRASE_MAX])
{
    size_t used = 0;
    if (i + count > sentence->count)
        return false;
    for (size_t k = 0; k < count; k++) {
        const struct token *token = &sentence->tokens[i + k];
        size_t len = strlen(token->word);
        if (token->digits || used + len + 2 > PHRASE_MAX)
            return false;
        if (k)
            out[used++] = ' ';
        memcpy(out + used, token->word, len);
        used += len;
    }
    out[used] = '\0';
    return true;
}

/* The longest expression of `list` at i. @return its words; 0: none. */
static size_t longest_at(const struct sentence *sentence, size_t i, const char *list,
                         const struct notice_word **ret)
{
    char words[PHRASE_MAX];
    for (size_t n = NOTICE_WORDS_IN_ROW; n > 0; n--) {
        const struct notice_word *row = phrase_at(sentence, i, n, words) ? find(words, list) : NULL;
        if (row) {
            *ret = row;
            return n;
        }
    }
    return 0;
}

/* --- kind ------------------------------------------------------------------------------------- */

static const struct { /* of equal scores the first wins */
    const char *list;
    Maillon__Hfp__V1__NoticeKind kind;
    unsigned weight; /* "on cherche un partenaire" is no shortage, "en panne" often a reason */
    bool is_verb;    /* says what is done with the thing, is no part of it */
} kind_lists[] = {
    {"shortage", KIND(SHORTAGE), 0, true},  {"opportunity", KIND(OPPORTUNITY), 7, false},
    {"group", KIND(GROUP), 7, false},       {"situation", KIND(SITUATION), 1, false},
    {"question", KIND(QUESTION), 0, false}, {"offer", KIND(OFFER), 0, true},
    {"surplus", KIND(SURPLUS), 0, true},
};

static void mark(struct sentence *sentence, size_t at, size_t count)
{
    for (size_t i = at; i < at + count; i++)
        sentence->tokens[i].said = true;
}

/* Has anything but greetings come before token i? */
static bool is_first(const struct sentence *sentence, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (!is_in(&sentence->tokens[k], "edge") && !is_in(&sentence->tokens[k], "nothing"))
            return false;
    return true;
}

struct kind_scores {
    unsigned score[ARRAY_LEN(kind_lists)];
    bool have, lendable;
};

/* The expression at i that says most; @return how many tokens it takes, at least 1. */
static size_t score_at(struct sentence *sentence, size_t i, struct kind_scores *scores)
{
    const struct notice_word *row;
    size_t nothing = longest_at(sentence, i, "nothing", &row), have, longest = 0;
    size_t words[ARRAY_LEN(kind_lists)];
    bool verb = false;
    for (size_t k = 0; k < ARRAY_LEN(kind_lists); k++) {
        words[k] = longest_at(sentence, i, kind_lists[k].list, &row);
        longest = words[k] > longest ? words[k] : longest;
    }
    have = longest_at(sentence, i, "have", &row);
    if (nothing && nothing >= longest)
        return nothing;
    if (have > longest) {
        scores->have = true;
        mark(sentence, i, have);
        return have;
    }
    for (size_t k = 0; k < ARRAY_LEN(kind_lists); k++) {
        unsigned score = (unsigned)words[k] * 2 + kind_lists[k].weight +
                         (is_first(sentence, i) ? FIRST_BONUS : 0);
        if (!words[k] || words[k] != longest)
            continue;
        verb = verb || kind_lists[k].is_verb;
        if (score > scores->score[k])
            scores->score[k] = score;
    }
    if (verb)
        mark(sentence, i, longest);
    return longest ? longest : 1;
}

static Maillon__Hfp__V1__NoticeKind guess_kind(struct sentence *sentence)
{
    struct kind_scores scores = {0};
    const struct notice_word *row;
    size_t best = 0;
    for (size_t i = 0; i < sentence->count;) {
        scores.lendable = scores.lendable || longest_at(sentence, i, "lendable", &row);
        i += score_at(sentence, i, &scores);
    }
    for (size_t k = 1; k < ARRAY_LEN(kind_lists); k++)
        if (scores.score[k] > scores.score[best])
            best = k;
    if (scores.score[best])
        return kind_lists[best].kind;
    if (scores.have)
        return scores.lendable ? KIND(OFFER) : KIND(SURPLUS);
    return strchr(sentence->text, '?') ? KIND(QUESTION) : KIND(UNSPECIFIED);
}

/* --- quantity --------------------------------------------------------------------------------- */

/* A number in words with those glued to it: "vingt-cinq", "quatre-vingts", "deux cents". */
static size_t number_in_words(const struct sentence *sentence, size_t i, uint32_t *ret)
{
    uint32_t total = 0;
    size_t n = 0;
    for (; i + n < sentence->count; n++) {
        const struct token *token = &sentence->tokens[i + n];
        const struct notice_word *row = token->digits ? NULL : find(token->word, "number");
        uint32_t value = row ? (uint32_t)strtoul(row->value, NULL, 10) : 0;
        if (!value || (n && total == 1 && value < 10))
            break;
        if (n && value > total)
            total = total == 1 ? value : total * value; /* "une dizaine", "deux cents" */
        else if (n && !token->hyphen)
            break;
        else
            total += value;
    }
    *ret = total;
    return n;
}

static bool is_clock(const struct sentence *sentence, size_t i)
{
    static const char *const before[] = {"a",     "ver",   "des",  "avant", "apre",
                                         "jusqu", "at",    "from", "until", "before",
                                         "after", "entre", "by",   "to"};
    const struct token *tokens = sentence->tokens;
    if (i + 1 >= sentence->count ||
        (!is_word(&tokens[i + 1], "h") && !is_word(&tokens[i + 1], "heure")))
        return false;
    if (i + 2 < sentence->count && tokens[i + 2].digits && tokens[i + 2].glued)
        return true; /* 18h30 */
    if (i == 0)
        return false;
    for (size_t k = 0; k < ARRAY_LEN(before); k++)
        if (is_word(&tokens[i - 1], before[k]) && !tokens[i - 1].said)
            return true;
    /* "de 14 h à 16 h" */
    return is_word(&tokens[i - 1], "de") && i + 3 < sentence->count &&
           is_word(&tokens[i + 2], "a") && tokens[i + 3].digits;
}

static bool is_date(const struct sentence *sentence, size_t i)
{
    static const char *const before[] = {"le", "du", "au", "the"};
    const struct token *tokens = sentence->tokens;
    bool follows = false;
    char after = sentence->text[tokens[i].at + tokens[i].len];
    if ((after == '/' &&
         isdigit((unsigned char)sentence->text[tokens[i].at + tokens[i].len + 1])) ||
        (i > 0 && tokens[i].glued && tokens[i - 1].digits))
        return true;
    for (size_t k = 0; i > 0 && k < ARRAY_LEN(before); k++)
        follows = follows || is_word(&tokens[i - 1], before[k]);
    return follows && (i + 1 == sentence->count || is_in(&tokens[i + 1], "edge"));
}

/* Is the number in digits at i something else than how many? */
static bool is_no_quantity(const struct sentence *sentence, size_t i)
{
    const struct token *tokens = sentence->tokens;
    size_t first = i, last = i;
    if (tokens[i].glued && i > 0 && !tokens[i - 1].digits && !tokens[i].hyphen)
        return true; /* "A4" */
    if (i > 0 && is_in(&tokens[i - 1], "size"))
        return true;
    if (tokens[i].digits == POSTAL_DIGITS || is_clock(sentence, i) || is_date(sentence, i))
        return true;
    while (first > 0 && tokens[first - 1].digits)
        first--;
    while (last + 1 < sentence->count && tokens[last + 1].digits)
        last++;
    return last - first + 1 >= PHONE_NUMBERS;
}

/* What is counted, from the token after a number on: "kg", or the thing itself. */
static void guess_unit(struct sentence *sentence, size_t i, struct notice_guess *guess)
{
    const struct notice_word *row;
    size_t n = longest_at(sentence, i, "unit", &row);
    if (n) {
        guess->unit = row->value;
        /* "12 repas": the thing is its own unit. */
        const char *next = i + n < sentence->count ? sentence->tokens[i + n].word : "";
        if (strcmp(next, "de") == 0 || strcmp(next, "d") == 0 || strcmp(next, "of") == 0 ||
            (i + n < sentence->count && sentence->tokens[i].len <= 2))
            mark(sentence, i, n);
        return;
    }
    while (i < sentence->count && is_in(&sentence->tokens[i], "before") &&
           !sentence->tokens[i].digits)
        i++;
    if (i >= sentence->count || sentence->tokens[i].digits || sentence->tokens[i].said ||
        is_in(&sentence->tokens[i], "edge"))
        return;
    size_t end = i + 1;
    while (end < sentence->count && sentence->tokens[end].hyphen)
        end++;
    const struct token *first = &sentence->tokens[i], *last = &sentence->tokens[end - 1];
    guess->unit =
        arena_textn(sentence->arena, sentence->text + first->at, last->at + last->len - first->at);
}

/* "matelas : 12" */
static void guess_unit_before(struct sentence *sentence, size_t i, struct notice_guess *guess)
{
    if (guess->unit[0] || i == 0)
        return;
    const struct token *token = &sentence->tokens[i - 1];
    if (is_word(token, "x") && i > 1)
        token--;
    if (!token->said && !token->digits && !is_in(token, "edge") && token->len > 1)
        guess->unit = arena_textn(sentence->arena, sentence->text + token->at, token->len);
}

static void take_quantity(struct sentence *sentence, size_t i, size_t n, uint32_t number,
                          struct notice_guess *guess)
{
    guess->amount = number;
    mark(sentence, i, n);
    guess_unit(sentence, i + n, guess);
    guess_unit_before(sentence, i, guess);
}

static void guess_quantity(struct sentence *sentence, struct notice_guess *guess)
{
    const struct notice_word *row;
    size_t weak = SIZE_MAX; /* "un", "une", "one": only when nothing better comes */
    for (size_t i = 0; i < sentence->count; i++) {
        struct token *token = &sentence->tokens[i];
        uint32_t number = token->number;
        size_t n = 1;
        if (token->said)
            continue;
        if (!token->digits)
            n = number_in_words(sentence, i, &number);
        if (!n || !number || (token->digits && is_no_quantity(sentence, i)) ||
            longest_at(sentence, i + n, "no-unit", &row) || is_clock(sentence, i))
            continue;
        if (number == 1 && !token->digits) {
            weak = weak == SIZE_MAX ? i : weak;
            continue;
        }
        take_quantity(sentence, i, n, number, guess);
        return;
    }
    if (weak != SIZE_MAX)
        take_quantity(sentence, weak, 1, 1, guess);
}

/* --- end -------------------------------------------------------------------------------------- */

/* Every week, not this one: "le samedi", "Saturdays". */
static bool is_every(const struct sentence *sentence, size_t i, const char *value)
{
    const struct token *tokens = sentence->tokens;
    if (tokens[i].many && isdigit((unsigned char)value[0]))
        return true;
    if (i == 0 || !is_in(&tokens[i - 1], "every"))
        return false;
    return !(i > 1 && is_word(&tokens[i - 1], "au") && is_word(&tokens[i - 2], "jusqu"));
}

static int days_until(const char *value, unsigned weekday)
{
    if (strcmp(value, "today") == 0)
        return 0;
    if (strcmp(value, "tomorrow") == 0)
        return 1;
    if (strcmp(value, "after") == 0)
        return 2;
    unsigned day = (unsigned)strtoul(value, NULL, 10);
    unsigned days = (day + DAYS_IN_WEEK - weekday % DAYS_IN_WEEK) % DAYS_IN_WEEK;
    return days ? (int)days : DAYS_IN_WEEK;
}

static int guess_days(struct sentence *sentence, unsigned weekday)
{
    int last = NOTICE_GUESS_NO_DAY;
    for (size_t i = 0; i < sentence->count; i++) {
        const struct notice_word *row;
        size_t n = longest_at(sentence, i, "day", &row);
        if (!n)
            continue;
        if (!is_every(sentence, i, row->value)) {
            int days = days_until(row->value, weekday);
            last = days > last ? days : last;
            mark(sentence, i, n);
        }
        i += n - 1;
    }
    return last;
}

/* --- all -------------------------------------------------------------------------------------- */

static bool is_perishable(const struct sentence *sentence)
{
    const struct notice_word *row;
    for (size_t i = 0; i < sentence->count; i++)
        if (longest_at(sentence, i, "perishable", &row))
            return true;
    return false;
}

/* The sentence without what is said elsewhere, at both ends; what is between stays as it reads. */
static void guess_what(const struct sentence *sentence, struct notice_guess *guess)
{
    size_t first = 0, last = sentence->count;
    bool whole = guess->kind == KIND(QUESTION) || guess->kind == KIND(SITUATION) ||
                 guess->kind == KIND(OPPORTUNITY) || guess->kind == KIND(GROUP);
    while (!whole && first < last &&
           (sentence->tokens[first].said || is_in(&sentence->tokens[first], "edge")))
        first++;
    while (!whole && last > first &&
           (sentence->tokens[last - 1].said || is_in(&sentence->tokens[last - 1], "edge")))
        last--;
    const char *text = sentence->text + strspn(sentence->text, " \t\r\n");
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (!whole && last > first) {
        text = sentence->text + sentence->tokens[first].at;
        len = sentence->tokens[last - 1].at + sentence->tokens[last - 1].len -
              sentence->tokens[first].at;
    }
    char *what = arena_textn(sentence->arena, text, len);
    guess->detail = "";
    if (text_length(bytes_text(what)) > NOTICE_WHAT_MAX) {
        guess->detail = sentence->text;
        for (char *blank; text_length(bytes_text(what)) > NOTICE_WHAT_MAX &&
                          (blank = strrchr(what, ' ')) != NULL;)
            *blank = '\0';
        if (text_length(bytes_text(what)) > NOTICE_WHAT_MAX)
            what[0] = '\0';
    }
    guess->what = what;
}

struct notice_guess notice_guess(struct arena *arena, const char *text, unsigned weekday)
{
    struct notice_guess guess = {.unit = "", .what = "", .detail = "", .days = NOTICE_GUESS_NO_DAY};
    struct sentence *sentence = arena_alloc(arena, sizeof(*sentence));
    if (!text_is_valid(bytes_text(text)))
        return guess;
    char *copy = arena_alloc(arena, NOTICE_GUESS_TEXT_MAX + 1);
    text_copy(copy, NOTICE_GUESS_TEXT_MAX + 1, text);
    sentence->arena = arena;
    sentence->text = copy;
    split(sentence);
    guess.kind = guess_kind(sentence);
    guess.days = guess_days(sentence, weekday);
    if (guess.kind != KIND(QUESTION) && guess.kind != KIND(SITUATION) &&
        guess.kind != KIND(OPPORTUNITY))
        guess_quantity(sentence, &guess);
    guess.perishable = guess.kind == KIND(SURPLUS) && is_perishable(sentence);
    guess_what(sentence, &guess);
    return guess;
}
