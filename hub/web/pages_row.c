/* What `view` and `build` of a row may do with the visit. */
#include "hub/web/pages_internal.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/web/words.h"
#include <stdlib.h>

json_t *page_context(struct page_visit *visit)
{
    return visit->context;
}

const char *page_value(struct page_visit *visit, const char *name)
{
    const char *text = json_string_value(value_find(visit->context, name));
    return text ? text : "";
}

const char *page_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

json_int_t page_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                 : json_integer_value(value);
}

const char *page_word(struct page_visit *visit, const char *list, const char *code)
{
    char key[96];
    snprintf(key, sizeof(key), "%s.%s", list, code ? code : "");
    return catalog_text(visit->catalog, key, 1);
}

const struct catalog *page_catalog(const struct page_visit *visit)
{
    return visit->catalog;
}

void page_add_words(struct page_visit *visit, json_t *object)
{
    words_add(object, visit->catalog, visit->now);
}

void page_set_session(struct page_visit *visit, const char *token)
{
    text_copy(visit->caller.bearer, sizeof(visit->caller.bearer), token);
    visit->new_session = true;
}

void page_set_half(struct page_visit *visit, const char *token)
{
    text_copy(visit->half, sizeof(visit->half), token);
    visit->new_half = true;
}

const char *page_half(const struct page_visit *visit)
{
    return visit->half;
}

void page_set_device(struct page_visit *visit, const char *token)
{
    text_copy(visit->device, sizeof(visit->device), token);
    visit->new_device = true;
}

const char *page_device(const struct page_visit *visit)
{
    return visit->device;
}

const char *page_browser(const struct page_visit *visit)
{
    return visit->browser;
}

void page_redirect(struct page_visit *visit, const char *path)
{
    if (!form_is_local_path(path))
        return;
    free(visit->redirect);
    visit->redirect = mem_text(path);
}

void page_show(struct page_visit *visit, const char *content)
{
    visit->content = content;
}

void page_reopen(struct page_visit *visit, const char *path, json_t *typed)
{
    json_object_set_new(visit->context, "form", typed);
    words_add(typed, visit->catalog, visit->now);
    free(visit->reopen);
    visit->reopen = mem_text(path);
}

void page_refresh(struct page_visit *visit, unsigned seconds)
{
    visit->refresh_s = seconds;
}

void page_set_error(struct page_visit *visit, const char *code, const char *detail)
{
    visit_set_error(visit, visit->page->template, code, detail);
}

void page_add_request_key(struct page_visit *visit)
{
    char key[TOKEN_TEXT];
    uint8_t unused[32];
    const char *typed = visit->is_post ? page_value(visit, "form.request_key") : "";
    token_create(visit->pages->config.random, key, unused);
    json_object_set_new(visit->context, "request_key", json_string(*typed ? typed : key));
}
