#pragma once
/* What templates of notices need beside the answers of the API; shared by pages_notice*.c. */
#include "hub/web/pages.h"

struct notice_kind_words {
    const char *code, *icon;
};
#define NOTICE_KINDS 7
extern const struct notice_kind_words notice_kinds[NOTICE_KINDS];

/** {{theme_choice}}: the families of themes. */
void notice_add_themes(struct page_visit *visit, const char *chosen);

json_int_t notice_number(const json_t *object, const char *name);
/** Icon, bar, what a zero would have been, words of the verbs. */
void notice_shape(struct page_visit *visit, json_t *notice);
/** A claim alone, as in a list of our own. */
void notice_shape_claim(struct page_visit *visit, json_t *claim);
