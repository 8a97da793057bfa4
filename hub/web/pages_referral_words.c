/* What a referral is called, what happens next, and how far it has come. */
#include "hub/web/pages_referral.h"

bool referral_is_open(const json_t *referral)
{
    static const char *const live[] = {"draft", "requested", "accepted", "in-progress", "on-hold"};
    for (size_t i = 0; i < ARRAY_LEN(live); i++)
        if (is_text(referral, "status", live[i]))
            return true;
    return false;
}

void referral_add_word(json_t *referral)
{
    bool business = is_text(referral, "status", "requested") ||
                    is_text(referral, "businessStatus", "scheduled") ||
                    (is_text(referral, "status", "cancelled") &&
                     is_text(referral, "businessStatus", "consent-withdrawn"));
    if (!referral_is_open(referral) && !is_text(referral, "status", "cancelled"))
        business = is_text(referral, "businessStatus", "referred-onward");
    const char *word = page_text(referral, business ? "businessStatus_text" : "status_text");
    json_object_set_new(referral, "word",
                        json_string(*word ? word : page_text(referral, "status_text")));
}

bool referral_may(const json_t *referral, const char *action)
{
    return json_object_get(json_object_get(referral, "action_has"), action) != NULL;
}

static void add_value(void *ctx, const char *name, struct buf *out)
{
    buf_add_text(out, page_text(ctx, name));
}

static void add_next(struct page_visit *visit, json_t *referral)
{
    AUTO(buf_done) struct buf text = {0};
    const char *code = page_text(referral, "nextCode");
    catalog_fill(page_word(visit, "next", code), add_value, referral, &text);
    if (*code)
        json_object_set_new(referral, "next_text", json_string(buf_text(&text)));
}

/* The progress line. */

static void add_step(json_t *steps, const char *text, const char *icon, const char *state)
{
    json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:b}", "step", text, "icon", icon,
                                           "state", state, "here", strcmp(state, "now") == 0));
}

static size_t step_of(const json_t *referral)
{
    if (is_text(referral, "status", "requested") || is_text(referral, "status", "draft"))
        return is_text(referral, "box", "in") || *page_text(referral, "businessStatus") ? 1 : 0;
    if (is_text(referral, "status", "accepted"))
        return 2;
    return referral_is_open(referral) ? 3 : 4;
}

static void add_steps(struct page_visit *visit, json_t *referral)
{
    static const struct {
        const char *key, *icon;
    } line[] = {{"step.sent", "out"},
                {"step.received", "in"},
                {"step.accepted", "heart"},
                {"step.under_way", "calendar"},
                {"step.end", "done"}};
    json_t *steps = json_array();
    size_t now = step_of(referral), last = ARRAY_LEN(line) - 1;
    bool broken = now == last && !is_text(referral, "status", "completed");
    for (size_t i = 0; i <= last; i++) {
        if (broken && i > 1 && i < last)
            continue; /* an end on the way: how far it came is in the history */
        bool here = i == now;
        add_step(steps,
                 here ? page_text(referral, "word")
                      : catalog_text(page_catalog(visit), line[i].key, 1),
                 here && broken ? "close" : line[i].icon,
                 here && now == last && !broken ? "done"
                 : here                         ? "now"
                 : i < now                      ? "done"
                                                : "to-come");
    }
    json_object_set_new(referral, "steps", steps);
}

/* Nothing passes between the hubs, or they should have answered: there is a telephone. */
static void add_call(json_t *referral)
{
    bool stuck = referral_is_open(referral) &&
                 (is_set(referral, "slow") || is_text(referral, "delivery", "undelivered") ||
                  is_text(referral, "delivery", "refused") || *page_text(referral, "peerState"));
    bool late = is_text(referral, "status", "requested") && is_set(referral, "late");
    if (!is_text(referral, "box", "out") || (!stuck && !late))
        return;
    json_object_set_new(referral, "stuck", json_boolean(stuck));
    if (*page_text(referral, "peerPhone"))
        json_object_set(referral, "call", json_object_get(referral, "peerPhone"));
}

void referral_describe(struct page_visit *visit, json_t *referral)
{
    referral_add_word(referral);
    add_next(visit, referral);
    add_steps(visit, referral);
    add_call(referral);
}
