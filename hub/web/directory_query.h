#pragma once
/* The question of a directory page, as it stands in its address: each choice is a link. */
#include "hub/web/pages.h"

/** Appends `path` with the question of this visit, but field `name` says `value` (NULL or "": is
 * left out). Paging starts anew unless it is what changes. */
void directory_link(struct page_visit *visit, const char *path, const char *name, const char *value,
                    struct buf *out);
/** {{form_KEY_is.CODE}}, lists of choices, chips and links of the page at `path`. */
void directory_add_choices(struct page_visit *visit, const char *path);
/** The question again, for links to one service: "?near=Redon&age=30", or "". */
void directory_add_tail(struct page_visit *visit);
