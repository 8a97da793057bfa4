#pragma once
/* What the pages of the hub itself share: pages_admin.c, pages_peers.c, pages_circles.c. */
#include "hub/web/pages.h"

/** Which of the menu's pages this is: {{#area.peers}}. */
void admin_set_area(struct page_visit *visit, const char *area);
/** {text, is_english} of a sentence of the API; a new object. */
json_t *admin_say(const struct page_visit *visit, const char *english);
/** The list `name` of sentences as `name`_said: [{text, is_english}]. */
void admin_say_list(const struct page_visit *visit, json_t *object, const char *name);
/** The sentence `name`, unless it is empty, as `name`_said: {text, is_english}. */
void admin_say_one(const struct page_visit *visit, json_t *object, const char *name);
/** The number `name` under `as`, 0 too. */
void admin_add_zero(json_t *object, const char *name, const char *as);
