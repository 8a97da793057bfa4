#pragma once
/* UTF-8 text from outside: validity, folding for search, and small copies. utf8proc's only home. */
#include "hub/base/arena.h"
#include "hub/base/bytes.h"

/** Valid UTF-8 (no overlong, surrogate, > U+10FFFF) without NUL and without C0 controls but \t \n \r. */
bool text_is_valid(struct bytes text);
/**
 * … and without C1 controls and the marks that turn writing around (U+202A to U+202E, U+2066 to
 * U+2069): a name with one of them could rearrange the sentence that it stands in.
 */
bool text_is_visible(struct bytes text);
/** Is this code point such a mark? */
bool text_turns_around(int32_t code_point);
/** Is anything in it written from right to left: Hebrew, Arabic and their neighbours? */
bool text_is_right_to_left(struct bytes text);
/** Code points in valid UTF-8. */
size_t text_length(struct bytes text);
/**
 * Case- and accent-insensitive form for search and comparison: NFKD, case fold, marks stripped,
 * œ->oe æ->ae ß->ss ’->', every run of other characters one space, trimmed.
 * @return arena-owned, NUL-terminated; NULL when `text` is not valid UTF-8.
 */
char *text_fold(struct arena *arena, struct bytes text);
/** snprintf-like copy that never splits a code point; always NUL-terminates. */
void text_copy(char *out, size_t size, const char *text);
/** ISO 8601 UTC with milliseconds: 2026-11-22T08:20:40.123Z; `out` holds 25. */
char *text_time(int64_t wall_ms, char out[25]);
/** Parses YYYY-MM-DD, or with THH:MM[:SS[.fff]] and Z or ±HH:MM; false on anything else. */
NODISCARD bool text_parse_time(const char *text, int64_t *ret_wall_ms);
/** Strict decimal; false on overflow, sign misuse, blanks or trailing characters. */
NODISCARD bool text_parse_i64(const char *text, int64_t *ret);
/** Does it look like it names or reaches a person (e-mail, phone, birth date)? R-NO-3. Returns what ("phone"), or NULL. */
const char *text_personal_data(struct bytes text);
