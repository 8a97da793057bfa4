/* Passphrases: made here, or chosen and looked at. */
#include "hub/domain/account.h"

#include "hub/crypto/words.h"
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define PASSPHRASE_WORDS 5
#define LEFT_MIN         8 /* characters that are no pattern */
#define RUN_MIN          4
#define READ_MAX         256 /* bytes looked at */

void account_make_passphrase(const struct random_source *random, char out[PASSPHRASE_TEXT])
{
    size_t len = 0;
    for (int i = 0; i < PASSPHRASE_WORDS; i++)
        len += (size_t)snprintf(out + len, PASSPHRASE_TEXT - len, "%s%s", i ? " " : "",
                                words_french[random_below(random, WORDS_COUNT)]);
}

/* What the lists of passwords that guessers begin with are made of, in French and English. */
static const char *const common[] = {
    "administrateur", "association", "bienvenue",   "password",  "passphrase", "motdepasse",
    "princesse",      "liverpool",   "utilisateur", "superman",  "iloveyou",   "changeme",
    "football",       "princess",    "chouchou",    "marseille", "bonjour",    "welcome",
    "letmein",        "maillon",     "nicolas",     "camille",   "jetaime",    "azerty",
    "qwerty",         "qwertz",      "soleil",      "dragon",    "doudou",     "loulou",
    "secret",         "mairie",      "france",      "admin",     "paris",      "ccas",
    "test",           "user",
};
static const char *const rows[] = {
    "0123456789", "9876543210", "abcdefghijklmnopqrstuvwxyz",
    "azertyuiop", "qsdfghjklm", "wxcvbn",
    "qwertyuiop", "asdfghjkl",  "zxcvbnm",
};

/* Letters small, no blanks. */
static size_t read_text(const char *text, char out[READ_MAX])
{
    size_t len = 0;
    for (; *text && len + 1 < READ_MAX; text++)
        if (!isspace((unsigned char)*text))
            out[len++] = (char)tolower((unsigned char)*text);
    out[len] = '\0';
    return len;
}

/* "abcabcabc" says no more than "abc". */
static size_t cut_repetition(char *text, size_t len)
{
    for (size_t period = 1; period <= len / 2; period++)
        if (len % period == 0 && memcmp(text, text + period, len - period) == 0) {
            text[period] = '\0';
            return period;
        }
    return len;
}

static size_t run_at(const char *text)
{
    size_t longest = strspn(text, (const char[]){text[0], '\0'});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *in = strchr(rows[i], text[0]);
        size_t len = 0;
        while (in && in[len] && text[len] == in[len])
            len++;
        longest = len > longest ? len : longest;
    }
    return longest >= RUN_MIN ? longest : 0;
}

static size_t pattern_at(const char *text, const char *name)
{
    size_t name_len = strlen(name);
    if (name_len >= RUN_MIN && strncmp(text, name, name_len) == 0)
        return name_len;
    for (size_t i = 0; i < ARRAY_LEN(common); i++)
        if (strncmp(text, common[i], strlen(common[i])) == 0)
            return strlen(common[i]);
    return run_at(text);
}

bool account_check_passphrase(const char *passphrase, const char *name, struct err *err)
{
    char text[READ_MAX], folded[READ_MAX];
    bool signs[256] = {false};
    size_t left = 0, len = read_text(passphrase, text);
    (void)read_text(name, folded);
    cut_repetition(text, len);
    for (size_t at = 0; text[at] && left < LEFT_MIN;) {
        unsigned char c = (unsigned char)text[at];
        size_t pattern = pattern_at(text + at, folded);
        bool is_new = isalpha(c) || c >= 0x80 || !signs[c]; /* dates and "!!!" are soon tried */
        if (pattern == 0) {
            left += is_new;
            signs[c] = true;
        }
        at += pattern ? pattern : 1;
    }
    return left >= LEFT_MIN ||
           err_set(err, ERR_INVALID, "the passphrase is easy to guess: take several words");
}
