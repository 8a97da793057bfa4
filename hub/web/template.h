#pragma once
/*
 * Mustache (mustache(5), the six required modules of its public specification; no lambdas) over
 * JSON values. Values are escaped for HTML unless the tag says {{{…}}} or {{&…}}. Compiled once,
 * rendered often; rendering changes nothing and may run on several threads at once.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"
#include <jansson.h>

#define TEMPLATE_TEXT_MAX   65536   /* of one template */
#define TEMPLATE_DEPTH_MAX  32      /* sections in sections, partials in partials */
#define TEMPLATE_OUTPUT_MAX 4194304 /* rendered */

struct template;
struct catalog;

/** Copies `text`. ERR_INVALID "line 3: …"; ERR_LIMIT: too large, too deep. */
NODISCARD struct template *template_compile(struct bytes text, struct err *err);
void template_free(struct template *template); /* NULL is fine */
AUTO_DEFINE(struct template, template_free)

struct template_env {
    /** The partial of that name, or NULL: it renders as nothing. */
    const struct template *(*partial)(void *ctx, const char *name);
    void *ctx;
    /**
     * NULL, or where {{t.KEY}} is looked up. A text may name values as {name}: they are taken from
     * where the tag stands. The first one named chooses between singular and plural.
     */
    const struct catalog *catalog;
};
/**
 * Appends what `template` gives over `context`. False, null, "", 0 and an empty list do not open a
 * section. ERR_LIMIT: TEMPLATE_DEPTH_MAX or TEMPLATE_OUTPUT_MAX; `out` then holds a part.
 */
NODISCARD bool template_render(const struct template *template, const struct template_env *env,
                               json_t *context, struct buf *out, struct err *err);

/** Calls `see` with the name of every variable, section and partial, in order. */
void template_names(const struct template *template, void (*see)(void *ctx, const char *name),
                    void *ctx);
/** True when a tag asks for a value without escaping. */
bool template_has_raw(const struct template *template);
/** Appends text escaped for HTML, quotes too. */
void template_escape(struct bytes text, struct buf *out);
