#pragma once
/* What the pages of referrals share. */
#include "hub/web/pages.h"
#include <string.h>

#define REFERRAL_READERS (ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN)

static inline bool is_text(const json_t *object, const char *name, const char *value)
{
    return strcmp(page_text(object, name), value) == 0;
}
static inline bool is_set(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}
/** Copies a form's field when it was filled in. */
void referral_take(struct page_visit *visit, const char *field, json_t *into, const char *name);
/** One value or many: always a list, new. */
json_t *referral_take_list(struct page_visit *visit, const char *field);

/* pages_referral_words.c: over what Referrals/Get answers, words added. */
bool referral_is_open(const json_t *referral);
bool referral_may(const json_t *referral, const char *action);
/** One of the 14 words of PRODUCT.md 3.2 and a few finer ones, into "word". */
void referral_add_word(json_t *referral);
/** word, next_text, steps (the progress line), and "call" when the phone is quicker. */
void referral_describe(struct page_visit *visit, json_t *referral);
/** Which services would do instead: `search` and `suggested` become the list "other", at most
 * `max`, without the service of `referral`. */
void referral_add_others(struct page_visit *visit, const json_t *referral, size_t max);

/** Its list "attachment": who attached it, its kind and size in words, whether it can be saved. */
void attachments_describe(struct page_visit *visit, json_t *referral);

/** "Plus de place" for a code; borrowed. */
const char *referral_reason(struct page_visit *visit, const char *code);
/** The request of Referrals/Act that a form describes. */
json_t *referral_build_act(struct page_visit *visit);
