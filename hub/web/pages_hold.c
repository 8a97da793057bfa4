/* Sent, and still to be taken back for some seconds: what a page hands to Held/Hold, and the page
 * where it waits. */
#include "hub/web/pages_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include <stdlib.h>

#define WAITING_PAGE "/held/"
#define ID_MARK      "-id-of-what-is-held-" /* passes through percent-encoding as it is */

static json_t *dump(const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    json_t *string = json_string(text);
    secret_wipe(text, strlen(text)); /* needs and names */
    free(text);
    return string;
}

/* The row's redirect with "{id}" where the id of the answer will be. */
static json_t *onward_of(struct page_visit *visit, const char *as)
{
    AUTO(buf_done) struct buf path = {0}, onward = {0};
    json_object_set_new(visit->context, as, json_pack("{s:s}", "id", ID_MARK));
    value_fill_path(visit->page->redirect, visit->context, &path);
    json_object_del(visit->context, as);
    const char *text = buf_text(&path), *mark = strstr(text, ID_MARK);
    if (!mark)
        return json_string(text);
    buf_add(&onward, text, (size_t)(mark - text));
    buf_addf(&onward, "{id}%s", mark + strlen(ID_MARK));
    return json_string(buf_text(&onward));
}

json_t *hold_request(struct page_visit *visit, const struct page_call *held, json_t *request)
{
    json_object_del(visit->typed, "csrf");
    json_t *hold = json_pack("{s:s, s:o, s:o, s:s, s:o}", "method", held->method, "request",
                             dump(request), "form", dump(visit->typed), "back", visit->path,
                             "onward", onward_of(visit, held->as));
    json_decref(request);
    return hold;
}

json_t *hold_answer(const json_t *answer, char **ret_path)
{
    AUTO(buf_done) struct buf path = {0};
    const char *done = json_string_value(json_object_get(answer, "answer"));
    if (done) {
        json_error_t ignored;
        json_t *body = json_loads(done, 0, &ignored);
        return body ? body : json_object();
    }
    const char *id = json_string_value(value_find(answer, "held.id"));
    buf_addf(&path, WAITING_PAGE "%s", id ? id : "");
    free(*ret_path);
    *ret_path = mem_text(buf_text(&path));
    return NULL;
}

/* ---- the page where it waits ---- */

static void view_held(struct page_visit *visit)
{
    json_t *held = json_object_get(page_context(visit), "held");
    const char *state = page_value(visit, "held.state");
    if (strcmp(state, "sent") == 0) {
        const char *onward = page_value(visit, "held.onward");
        page_redirect(visit, *onward ? onward : "/");
        return;
    }
    bool waits = strcmp(state, "waiting") == 0;
    json_int_t left = json_integer_value(json_object_get(held, "secondsLeft"));
    json_object_set_new(held, "waits", json_boolean(waits));
    json_object_set_new(held, "left", json_integer(left));
    if (waits)
        page_refresh(visit, left > 0 ? (unsigned)left : 1);
    if (strcmp(state, "stopped") == 0)
        page_set_error(visit, page_value(visit, "held.problemCode"),
                       page_value(visit, "held.problem"));
}

static void view_undone(struct page_visit *visit)
{
    json_error_t ignored;
    json_t *typed = json_loads(page_value(visit, "undone.form"), 0, &ignored);
    const char *problem = page_value(visit, "undone.problem");
    if (!typed)
        return;
    if (*problem)
        page_set_error(visit, page_value(visit, "undone.problemCode"), problem);
    else
        json_object_set_new(page_context(visit), "flash",
                            json_string(catalog_text(page_catalog(visit), "held.taken_back", 1)));
    json_object_set_new(page_context(visit), "undone_is", json_true());
    page_reopen(visit, page_value(visit, "undone.back"), typed);
}

static void view_sent(struct page_visit *visit)
{
    bool sent = strcmp(page_value(visit, "sent.state"), "sent") == 0;
    AUTO(buf_done) struct buf path = {0};
    buf_addf(&path, WAITING_PAGE "%s", page_value(visit, "path.id"));
    page_redirect(visit, sent ? page_value(visit, "sent.onward") : buf_text(&path));
}

const struct page pages_hold[] = {
    {.method = "GET",
     .path = "/held/:id",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("held", "Held/Get", "id={path.id}")},
     .template = "held",
     .view = view_held},
    {.method = "POST",
     .path = "/held/:id/undo",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("undone", "Held/Undo", "id={path.id}")},
     .view = view_undone,
     .redirect = "/",
     .again = "/held/{path.id}"},
    {.method = "POST",
     .path = "/held/:id/drop",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("undone", "Held/Undo", "id={path.id}")},
     .redirect = "/?done=dropped",
     .again = "/held/{path.id}"},
    {.method = "POST",
     .path = "/held/:id/now",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("sent", "Held/SendNow", "id={path.id}")},
     .view = view_sent,
     .redirect = "/",
     .again = "/held/{path.id}"},
    {.method = NULL},
};
