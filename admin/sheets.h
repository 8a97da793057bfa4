#pragma once
/* Recovery sheets on paper: how they are printed, and how a KEY is read back. */
#include "hub/crypto/identity.h"

/** Appends both sheets as text; the caller wipes it. */
void sheets_write(const struct recovery_sheets *sheets, struct buf *out);
/** What to do with them, on stdout. */
void sheets_advice(void);
/**
 * Appends the keys in `text`, each with a NUL behind it: of a printed page the KEY of sheet
 * `number`, else every paragraph is one. Blanks and hyphens are left out.
 */
void sheets_extract(const char *text, unsigned number, struct buf *ret);
