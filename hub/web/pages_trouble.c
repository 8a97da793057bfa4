/* What everybody at this hub has to know at once: it signs nothing now, and why. */
#include "hub/web/pages_internal.h"

#include "hub/web/sentences.h"
#include <stdio.h>

json_t *trouble_shape(const struct catalog *catalog, const json_t *status)
{
    AUTO(buf_done) struct buf text = {0};
    char key[64];
    const char *bar = json_string_value(json_object_get(status, "bar"));
    const char *reason = json_string_value(json_object_get(status, "reason"));
    bool recovering = json_is_true(json_object_get(status, "recovering"));
    if (!bar || !*bar)
        return NULL;
    snprintf(key, sizeof(key), "trouble.%s", reason ? reason : "");
    bool known = recovering && catalog_has(catalog, key);
    if (known)
        buf_add_text(&text, catalog_text(catalog, key, 1));
    else if (!sentence_say(catalog, bar, &text))
        buf_add_text(&text, bar);
    return json_pack("{s:s, s:b, s:I, s:I}", "text", buf_text(&text), "recovering", recovering,
                     "answered", json_integer_value(json_object_get(status, "answered")), "needed",
                     json_integer_value(json_object_get(status, "needed")));
}
