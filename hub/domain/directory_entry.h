#pragma once
/* The search index: one row per thing a search can find. Tables `directory_entry`,
 * `directory_text`. */
#include "hub/domain/search_words.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/directory.pb-c.h"

/** Entry ids: service.id as it is, import_record.id above this. */
#define ENTRY_IMPORTS ((int64_t)1 << 32)

struct entry_draft {
    int64_t id;
    const Maillon__Hfp__V1__ServiceContent *content;
    bool is_new; /* no row has this id yet: saves looking */
    bool is_structure;
    bool hub; /* takes referrals */
    int64_t dated_ms;
    const char *more_words;           /* searchable, shown nowhere; NULL: none */
    struct search_words *known_words; /* of one import; NULL: none */
};
/** `arena` is scratch space. */
NODISCARD bool entry_put(struct tx *tx, struct arena *arena, const struct entry_draft *draft,
                         struct err *err);
NODISCARD bool entry_remove(struct tx *tx, int64_t id, struct err *err);
/**
 * Gives a point to entries above `*after` without one whose commune is known by now; looks at no
 * more than `count` and leaves the last in `*after`.
 */
NODISCARD bool entry_place_some(struct tx *tx, int64_t *after, size_t count, bool *ret_more,
                                struct err *err);

/** Way to reach it "hub", or none stated. */
bool entry_takes_referrals(const Maillon__Hfp__V1__ServiceContent *content);

#define FACET_MAX 96
/** Word of a theme or family in the facet column: letters and digits only. */
void facet_theme(const char *theme, char out[FACET_MAX]);
/** The same after any prefix, of two letters: "it" for themes that a name says, those of fit.h. */
void facet_word(const char *prefix, const char *text, char out[FACET_MAX]);
/** Adds the map squares that cover the circle as `"a" OR "b"`; nothing when they would be too many.
 */
void facet_circle(double latitude, double longitude, double km, struct buf *out);
