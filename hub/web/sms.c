#include "hub/web/sms.h"

#include "hub/base/arena.h"
#include "hub/base/text.h"
#include <ctype.h>
#include <string.h>

#define LETTER_MAX 5 /* bytes of a code point and NUL */

static const char *const kept[] = {"à", "ä", "å", "æ", "Ä", "Å", "Æ", "è", "é", "É",
                                   "ì", "ñ", "Ñ", "ò", "ö", "ø", "Ö", "Ø", "ù", "ü",
                                   "Ü", "ß", "Ç", "§", "£", "¥", "¡", "¿"};
static const struct {
    const char *from, *to;
} written_as[] = {
    {"\xc2\xa0", " "}, {"\xe2\x80\xaf", " "}, {"’", "'"},  {"‘", "'"},  {"`", "'"},
    {"«", "\""},       {"»", "\""},           {"“", "\""}, {"”", "\""}, {"–", "-"},
    {"—", "-"},        {"…", "..."},          {"[", "("},  {"]", ")"},  {"{", "("},
    {"}", ")"},        {"\\", "/"},           {"|", "/"},  {"^", " "},  {"~", "-"},
    {"€", "EUR"},
};

static size_t letter_len(const char *at)
{
    size_t len = 1;
    while (((uint8_t)at[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/* The letter below accents, a small one: folding lowers. Letters of other scripts stay: better two
 * messages than one nobody can read. */
static void add_base(const char *letter, struct buf *out)
{
    AUTO(arena_free) struct arena *arena = arena_create(4096);
    const char *base = text_fold(arena, bytes_text(letter));
    if (base && *base && isascii((unsigned char)*base))
        buf_add_text(out, base);
    else
        buf_add_text(out, letter);
}

static void add_letter(const char *letter, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(written_as); i++)
        if (strcmp(written_as[i].from, letter) == 0) {
            buf_add_text(out, written_as[i].to);
            return;
        }
    if (isascii((unsigned char)*letter)) {
        buf_add_text(out, (unsigned char)*letter < ' ' ? " " : letter);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (strcmp(kept[i], letter) == 0) {
            buf_add_text(out, letter);
            return;
        }
    add_base(letter, out);
}

void sms_letters(const char *text, struct buf *out)
{
    char letter[LETTER_MAX];
    for (size_t len; *text; text += len) {
        len = letter_len(text);
        if (len >= sizeof(letter))
            continue;
        memcpy(letter, text, len);
        letter[len] = '\0';
        add_letter(letter, out);
    }
}
