/*
 * Finds what names or reaches a person in a text that everybody will read (PROTOCOL.md R-NO-3).
 * A help for who writes, not a proof: it prefers a rare miss to refusing "12 000 repas".
 */
#include "hub/base/text.h"

#define GROUPS_MAX 12

/* A number as people write it: groups of digits with at most three separators between. */
struct number {
    char digits[24];              /* all groups; digits beyond are dropped and counted in `total` */
    unsigned len[GROUPS_MAX];     /* digits in each group */
    bool slash_after[GROUPS_MAX]; /* the separator after the group holds a slash */
    unsigned count, total;
    bool plus, cut;   /* starts with '+'; more groups follow than fit */
    size_t first_end; /* where the first group ends in the text */
    size_t end;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c) /* any byte of a non-ASCII letter counts as one */
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool has_at(struct bytes text, size_t at, const char *word)
{
    for (; *word; word++, at++)
        if (at >= text.len || lower(text.data[at]) != (uint8_t)*word)
            return false;
    return true;
}

/* Length of one separator inside a number, 0 if there is none. */
static size_t separator(struct bytes text, size_t at, bool plus)
{
    static const char *const spaces[] = {
        "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x89", "\xe2\x80\x91", "\xe2\x80\x93",
    }; /* no-break, narrow no-break and thin space, no-break hyphen, en dash */
    if (at >= text.len)
        return 0;
    uint8_t c = text.data[at];
    if (c == ' ' || c == '.' || c == '-' || c == '_' || c == '/' || c == '\t')
        return 1;
    if (plus && (c == '(' || c == ')'))
        return 1;
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
        if (has_at(text, at, spaces[i]))
            return strlen(spaces[i]);
    return 0;
}

/* Reads the number at `at` (its first digit), as far as its groups go. */
static struct number read_number(struct bytes text, size_t at, bool plus)
{
    struct number n = {.plus = plus};
    for (;;) {
        if (n.count == GROUPS_MAX) {
            n.cut = true;
            return n;
        }
        unsigned len = 0;
        for (; at < text.len && is_digit(text.data[at]); at++, len++, n.total++)
            if (n.total < sizeof(n.digits))
                n.digits[n.total] = (char)text.data[at];
        n.len[n.count++] = len;
        n.end = at;
        if (n.count == 1)
            n.first_end = at;
        size_t next = at;
        for (int i = 0; i < 3; i++) {
            size_t skip = separator(text, next, plus);
            if (skip && text.data[next] == '/')
                n.slash_after[n.count - 1] = true;
            next += skip;
        }
        if (plus && has_at(text, next, "0)")) { /* +33 (0)6 …: dialled at home only */
            next += 2;
            next += separator(text, next, plus);
        }
        if (next == at || next >= text.len || !is_digit(text.data[next]))
            return n;
        at = next;
    }
}

/* SIRET numbers carry a Luhn check digit. */
static bool is_luhn(const char *digits, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned d = (unsigned)(digits[i] - '0');
        if ((count - i) % 2 == 0)
            d = d > 4 ? 2 * d - 9 : 2 * d;
        sum += d;
    }
    return sum % 10 == 0;
}

static bool is_year(const char *digits)
{
    return memcmp(digits, "19", 2) == 0 || memcmp(digits, "20", 2) == 0;
}

/* +NN … with 8 to 15 digits (E.164), and not a quantity such as +150 000 000. */
static bool is_international(const struct number *n)
{
    if (n->total < 8)
        return false;
    bool thousands = n->count > 1 && n->total <= 9;
    for (unsigned i = 1; i < n->count; i++)
        thousands = thousands && n->len[i] == 3;
    return !thousands;
}

/* 00 NN …: the same, dialled; a SIRET may start with 00 too. */
static bool is_dialled_international(const struct number *n)
{
    if (n->digits[0] != '0' || n->digits[1] != '0' || n->digits[2] == '0')
        return false;
    if (n->len[0] < 4 && !(n->len[0] == 2 && n->count > 1))
        return false; /* 003 520 120 …: a quantity or a SIREN */
    if (n->cut || n->total < 10 || n->total > 17)
        return false;
    return !(n->total == 14 && is_luhn(n->digits, 14));
}

/* 0[1-9] and eight more digits, in whole groups from the first one. */
static bool is_french(const struct number *n)
{
    if (n->total < 10 || n->digits[0] != '0' || n->digits[1] == '0')
        return false;
    unsigned groups = 0, sum = 0, slashes = 0;
    while (groups < n->count && sum < 10)
        sum += n->len[groups++];
    if (sum != 10)
        return false;
    for (unsigned i = 0; i + 1 < groups; i++)
        slashes += n->slash_after[i];
    if (slashes && slashes != groups - 1)
        return false; /* 01/09 2026 1430 */
    const unsigned *len = n->len;
    if (groups == 2 && (len[0] == 5 || len[0] == 1)) /* two postal codes; 0.123456789 */
        return false;
    if (groups >= 3 && len[0] == 2 && len[1] == 2 && len[2] == 4) /* 01.09.2026 14 … */
        return false;
    return !(groups == 3 && len[0] == 2 && is_year(n->digits + 2) && is_year(n->digits + 6));
}

static bool is_phone_at(struct bytes text, size_t at, struct number *ret)
{
    bool plus = at > 0 && text.data[at - 1] == '+';
    if (!plus && at > 1 && text.data[at - 1] == '(' && text.data[at - 2] == '+')
        plus = true;
    *ret = read_number(text, at, plus);
    if (plus)
        return is_international(ret);
    return is_dialled_international(ret) || is_french(ret);
}

static bool has_phone(struct bytes text)
{
    for (size_t at = 0; at < text.len; at++) {
        if (!is_digit(text.data[at]) || (at > 0 && is_digit(text.data[at - 1])))
            continue;
        struct number n;
        if (is_phone_at(text, at, &n))
            return true;
        at = n.first_end - 1; /* the next group may start one: "lot 12 06 …" */
    }
    return false;
}

/* name@host.tld around the '@' at `at`. */
static bool is_mail_at(struct bytes text, size_t before, size_t after)
{
    while (before > 0 && text.data[before - 1] == ' ')
        before--;
    while (after < text.len && text.data[after] == ' ')
        after++;
    if (before == 0 || (!is_letter(text.data[before - 1]) && !is_digit(text.data[before - 1])))
        return false;
    size_t label = 0;
    bool dot = false;
    for (; after < text.len; after++) {
        uint8_t c = text.data[after];
        if (c == '.' && label > 0) {
            dot = true;
            label = 0;
        } else if (is_letter(c) || is_digit(c) || c == '-') {
            label++;
            if (dot && label >= 2)
                return true;
        } else {
            return false;
        }
    }
    return false;
}

static bool has_mail(struct bytes text)
{
    static const char *const signs[] = {"@", "(at)", "[at]", "(arobase)", "[arobase]"};
    for (size_t at = 0; at < text.len; at++)
        for (size_t i = 0; i < ARRAY_LEN(signs); i++)
            if (has_at(text, at, signs[i]) && is_mail_at(text, at, at + strlen(signs[i])))
                return true;
    return false;
}

static unsigned number_of(const char *digits, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++)
        value = value * 10 + (unsigned)(digits[i] - '0');
    return value;
}

/* DD/MM/YYYY with a year a person who seeks help may be born in. */
static bool is_birth_day(struct bytes text, size_t at)
{
    struct number n = read_number(text, at, false);
    if (n.count < 3 || n.len[0] > 2 || n.len[1] > 2 || n.len[2] != 4)
        return false;
    if (text.data[n.first_end] == ' ')
        return false;
    unsigned day = number_of(n.digits, n.len[0]);
    unsigned month = number_of(n.digits + n.len[0], n.len[1]);
    unsigned year = number_of(n.digits + n.len[0] + n.len[1], 4);
    return day >= 1 && day <= 31 && month >= 1 && month <= 12 && year >= 1900 && year < 2015;
}

/* A digit soon after the words: "née le 3 mai 1980", but not "né le lendemain". */
static bool has_digit_near(struct bytes text, size_t at, size_t within)
{
    for (size_t i = at; i < text.len && i < at + within; i++)
        if (is_digit(text.data[i]))
            return true;
    return false;
}

static bool has_birth_date(struct bytes text)
{
    static const struct {
        const char *words;
        size_t within; /* bytes in which the digit must come */
    } phrases[] = {
        {"n\xc3\xa9 le ", 4},
        {"n\xc3\xa9"
         "e le ",
         4},
        {"n\xc3\xa9(e) le ", 4},
        {"n\xc3\xa9 en ", 12},
        {"n\xc3\xa9"
         "e en ",
         12},
        {"n\xc3\xa9(e) en ", 12},
        {"n\xc3\x89 le ", 4},
        {"n\xc3\x89"
         "e le ",
         4},
        {"born on ", 14},
        {"born in ", 14},
        {"date de naissance", 16},
        {"date of birth", 16},
    };
    for (size_t at = 0; at < text.len; at++) {
        bool starts = at == 0 || (!is_letter(text.data[at - 1]) && !is_digit(text.data[at - 1]));
        if (!starts)
            continue;
        if (is_digit(text.data[at]) && is_birth_day(text, at))
            return true;
        for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
            if (has_at(text, at, phrases[i].words) &&
                has_digit_near(text, at + strlen(phrases[i].words), phrases[i].within))
                return true;
    }
    return false;
}

const char *text_personal_data(struct bytes text)
{
    if (has_mail(text))
        return "e-mail";
    if (has_birth_date(text)) /* before the phone: 01.02.1980 … is a date first */
        return "birth date";
    return has_phone(text) ? "phone" : NULL;
}
