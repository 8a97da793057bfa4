/* fuzz_template.c: any text is refused with a reason, or compiles and renders within its limits.
 * Behind a NUL follows what it is rendered over. */
#include "hub/web/template.h"
#include <assert.h>

static const struct template *find_self(void *ctx, const char *name)
{
    return name[0] == 's' ? ctx : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t len = nul ? (size_t)(nul - data) : size;
    struct err err = {0};
    json_error_t ignored;
    AUTO(template_free) struct template *template = template_compile(bytes_of(data, len), &err);
    if (!template) {
        assert(err.code == ERR_INVALID || err.code == ERR_LIMIT);
        return 0;
    }
    json_t *context = nul ? json_loadb((const char *)nul + 1, size - len - 1, 0, &ignored) : NULL;
    if (!context)
        context = json_pack("{s:[i, s, {s:b}], s:s}", "a", 1, "<", "b", 1, "x", "&");
    const struct template_env env = {.partial = find_self, .ctx = template};
    AUTO(buf_done) struct buf out = {0};
    if (!template_render(template, &env, context, &out, &err))
        assert(err.code == ERR_LIMIT);
    assert(out.len <= TEMPLATE_OUTPUT_MAX + (1 << 20));
    json_decref(context);
    return 0;
}
