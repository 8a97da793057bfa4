#pragma once
/*
 * Languages in the words of a page: codes are kept, names are typed and shown. What a language is
 * called is the text speaks.CODE; what is understood is hub/domain/spoken.h.
 */
#include "hub/domain/spoken.h"
#include "hub/web/pages.h"

/** Appends what a language is called: "arabe", "portugais (BR)"; as it is when nobody knows it. */
void spoken_name_add(const struct catalog *catalog, const char *code, struct buf *out);
/** Appends "arabe, français" of a list of codes, each name once. */
void spoken_names_add(const struct catalog *catalog, const json_t *codes, struct buf *out);
/** The code of the one language that is typed, with its region; false: it is none, or several. */
NODISCARD bool spoken_name_read(const char *typed, char ret[SPOKEN_CODE]);
/** A new list of the codes of "arabe, anglais et LSF"; what is no language is in it as typed. */
json_t *spoken_names_read(const char *typed);
/** Appends "sabir, jargon": what of it is no language. */
void spoken_names_unknown(const char *typed, struct buf *out);
/** All that have a name, as [{value, text}] in the order of the alphabet; new. */
json_t *spoken_names_all(const struct catalog *catalog);
/** What a field for them needs: "spoken_choice" for spoken_choice.mustache; when the API refused
 * what was typed, "language_unknown", and the error says what it was. */
void spoken_names_add_field(struct page_visit *visit, const char *typed);
