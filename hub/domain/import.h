#pragma once
/*
 * Reads open data files about who does what into the directory: forgiving about their shape, strict
 * about losing nothing. Owns tables `import_record` and `import_review`.
 */
#include "hub/domain/tx.h"

#define IMPORT_ISSUES_MAX   100  /* listed in a report */
#define IMPORT_MAPPINGS_MAX 1000 /* different words listed in a report */

struct import_file {
    const char *format; /* "data-inclusion", "mediation-numerique" */
    struct bytes file;
    struct bytes services; /* data-inclusion: services beside structures; empty: none */
    const char *source;    /* for records that name none; may be empty */
    bool dry_run;          /* the report alone; nothing is written */
};
struct import_mapping {            /* a column or word that was changed, or that nobody knows */
    const char *field, *from, *to; /* `to` empty: kept for review */
    uint32_t count;
};
struct import_issue {
    const char *record, *field, *what;
    bool refused;
};
/** read = created + updated + unchanged + refused; `review` counts those kept that raised an issue.
 */
struct import_report {
    uint32_t read, created, updated, unchanged, review, refused;
    struct import_mapping *mappings; /* most frequent first */
    size_t mapping_count;
    struct import_issue *issues;
    size_t issue_count;
};

/**
 * Strings of the report live in tx->arena. Importing the same file again changes nothing.
 * @return false and nothing to keep (the caller's savepoint is undone): ERR_INVALID (unknown
 *         format, not JSON, with the place), ERR_LIMIT (over API_IMPORT_MAX), ERR_IO.
 */
NODISCARD bool directory_import(struct tx *tx, const struct import_file *file,
                                struct import_report *ret, struct err *err);
/** What waits for review, one row per source, field and reason, most frequent first. */
NODISCARD bool import_list_review(struct store *store, struct arena *arena, size_t limit,
                                  struct import_issue **ret, size_t *ret_count, struct err *err);
