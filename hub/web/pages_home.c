/* What waits for me. */
#include "hub/web/pages.h"

#define READS_REFERRALS (ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN)
#define ROWS_MAX        7 /* without scrolling */

static bool needs_answer(const json_t *claim)
{
    return json_object_get(json_object_get(claim, "action_has"), "agree") != NULL;
}

/* Claims that wait for this hub's word go first; the rest of the list is on its own page. */
static void order_claims(struct page_visit *visit)
{
    json_t *answer = json_object_get(page_context(visit), "claims");
    json_t *claims = json_object_get(answer, "claim"), *ordered = json_array(), *claim;
    size_t i;
    for (int waiting = 1; waiting >= 0; waiting--)
        json_array_foreach(claims, i, claim)
        {
            if (needs_answer(claim) == waiting && json_array_size(ordered) < ROWS_MAX)
                json_array_append(ordered, claim);
        }
    if (json_array_size(claims) > ROWS_MAX)
        json_object_set_new(answer, "more", json_true());
    if (answer)
        json_object_set(answer, "claim", ordered);
    json_decref(ordered);
}

const struct page pages_home[] = {
    {.method = "GET",
     .path = "/",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("referrals", "Referrals/List", "openOnly=true limit=7",
                         .roles = READS_REFERRALS),
               PAGE_CALL("claims", "Notices/ListClaims", "openOnly=true",
                         .roles = ROLE_COORDINATOR)},
     .template = "home",
     .view = order_claims},
    {.method = NULL},
};
