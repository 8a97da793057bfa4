#include "hub/domain/notice_text.h"

#include <string.h>
#include <time.h>

#define KIND(name) MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name

static const char *const kind_words[][2] = {
    [KIND(UNSPECIFIED)] = {"ANNONCE", "NOTICE"},
    [KIND(SHORTAGE)] = {"BESOIN", "NEEDED"},
    [KIND(SURPLUS)] = {"À DONNER", "TO GIVE"},
    [KIND(OFFER)] = {"À PRÊTER OU PROPOSÉ", "ON OFFER"},
    [KIND(QUESTION)] = {"QUESTION", "QUESTION"},
    [KIND(SITUATION)] = {"À SAVOIR", "GOOD TO KNOW"},
    [KIND(OPPORTUNITY)] = {"APPEL À PARTENAIRES", "CALL FOR PARTNERS"},
    [KIND(GROUP)] = {"GROUPE", "GROUP"},
};
static const char *const dash = " – ";

static void add_part(struct buf *out, const char *text)
{
    if (text && *text) {
        buf_add_text(out, dash);
        buf_add_text(out, text);
    }
}

/* Does the thing begin with its unit, as "matelas une place" with "matelas"? */
static bool is_own_unit(const struct notice_line *line)
{
    return line->unit && *line->unit && strncmp(line->what, line->unit, strlen(line->unit)) == 0;
}

/* "12 matelas" of the thing itself, "yaourts – 40 kg" of what is measured; how much of it is left
 * comes after. Nothing for what is not counted. */
static void add_amount(struct buf *out, const struct notice_line *line,
                       enum words_language language)
{
    const char *unit = line->unit ? line->unit : "";
    bool own = is_own_unit(line), counted = line->asked > 1 || *unit;
    if (own)
        buf_addf(out, "%u ", line->asked);
    buf_add_text(out, line->what);
    if (!line->asked || !counted)
        return;
    if (!own)
        buf_addf(out, "%s%u%s%s", dash, line->asked, *unit ? " " : "", unit);
    if (line->remaining != line->asked)
        buf_addf(out, language == WORDS_FRENCH ? ", encore %u" : ", %u left", line->remaining);
}

void notice_text_add(struct buf *out, const struct notice_line *line, enum words_language language)
{
    struct tm tm;
    time_t end = (time_t)line->expires_s;
    bool french = language == WORDS_FRENCH;
    size_t kind = (size_t)line->kind < ARRAY_LEN(kind_words) ? (size_t)line->kind : 0;
    buf_addf(out, "%s%s ", kind_words[kind][language], french ? "\u00a0:" : ":");
    add_amount(out, line, language);
    add_part(out, line->place);
    localtime_r(&end, &tm);
    buf_addf(out, "%s%s %02d/%02d", dash, french ? "jusqu’au" : "until", tm.tm_mday, tm.tm_mon + 1);
    add_part(out, line->contact);
    buf_add_text(out, "\n");
}
