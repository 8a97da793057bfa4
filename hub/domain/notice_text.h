#pragma once
/* Open notices as plain text, for a message to people who are on no hub. Pure. */
#include "hub/base/clock.h"
#include "hub/domain/codes.h"
#include "hub/domain/notice.h"

struct notice_line {
    Maillon__Hfp__V1__NoticeKind kind;
    const char *what, *unit, *place, *contact; /* NULL is "" */
    uint32_t asked, remaining;
    uint64_t expires_s;
};
/** "BESOIN : 12 matelas, encore 4 – Redon – jusqu'au 29/11", and a line break. Dates
 * are those of the machine's time zone. */
void notice_text_add(struct buf *out, const struct notice_line *line, enum words_language language);
