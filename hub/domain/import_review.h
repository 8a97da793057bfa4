#pragma once
/*
 * What imports leave for somebody to look at: words that no table knows, records that are doubtful
 * or refused, and whose files they were. Owns tables `import_review`, `import_seen`,
 * `import_refused` and `import_source`.
 */
#include "hub/domain/import_record.h"
#include "hub/domain/tx.h"

/** Lines about one thing: of a source, a field and what is wrong with it. */
struct review_group {
    int64_t id; /* for review_settle; 0: a refused record, gone with the next import */
    const char *source, *record, *field, *what; /* the first record of the group */
    uint32_t count;
};

/** Replaces what is said of a record. */
NODISCARD bool review_write(struct tx *tx, int64_t record, const struct import_finding *findings,
                            size_t count, bool is_new, struct err *err);
/** Arena array: what nobody has settled, most frequent first, and refused records after it. */
NODISCARD bool review_list(struct store *store, struct arena *arena, size_t limit,
                           struct review_group **ret, size_t *ret_count, struct err *err);
/** Seen, and left as it is: the group is listed no more, whatever is imported. ERR_UNKNOWN. */
NODISCARD bool review_settle(struct tx *tx, int64_t id, struct err *err);

/** An import of this source begins: what its last one refused is forgotten. `licence` "" keeps the
 * one that is known. */
NODISCARD bool review_begin(struct tx *tx, const char *source, const char *licence,
                            struct err *err);
NODISCARD bool review_refuse(struct tx *tx, const char *source, const char *record, const char *why,
                             struct err *err);

struct import_source {
    const char *source, *licence;
    int64_t imported_ms;
    int64_t records;
};
/** Arena array of at most `limit`, newest first. */
NODISCARD bool review_list_sources(struct store *store, struct arena *arena, size_t limit,
                                   struct import_source **ret, size_t *ret_count, struct err *err);
