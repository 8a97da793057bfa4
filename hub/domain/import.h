#pragma once
/*
 * Reads open data files about who does what into the directory: forgiving about their shape, strict
 * about losing nothing. Data files are JSON, or tables in CSV. Owns table `import_record`.
 */
#include "hub/domain/tx.h"

#define IMPORT_ISSUES_MAX   100  /* listed in a report */
#define IMPORT_MAPPINGS_MAX 1000 /* different words listed in a report */

struct import_file {
    const char *format; /* "data-inclusion", "mediation-numerique", "hsds", "hsds-csv" */
    struct bytes file;
    struct bytes services; /* services beside structures; empty: none */
    const char *source;    /* for records that name none; may be empty */
    bool dry_run;          /* the report alone; nothing is written */
    const char *licence;   /* of the source, for people; may be NULL */
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

#define IMPORT_STEP 256 /* records between two commits: other changes pass after some 50 ms */

/** An import under way, over several transactions. */
struct import;
/**
 * @param arena  holds the strings of the report; @param file  and what it points to is borrowed
 *               until import_free.
 * @return NULL with ERR_INVALID (unknown format, not JSON, with the place) or ERR_LIMIT (over
 *         API_IMPORT_MAX): nothing of the file was taken.
 */
NODISCARD struct import *import_begin(struct arena *arena, const struct import_file *file,
                                      struct err *err);
void import_free(struct import *import); /* NULL is fine */
AUTO_DEFINE(struct import, import_free)
/**
 * Takes at most `records` more. What earlier steps took stays when a later one fails: importing the
 * file again goes on from there.
 * @param ret_more  false: all is done.
 */
NODISCARD bool import_step(struct import *import, struct tx *tx, size_t records, bool *ret_more,
                           struct err *err);
void import_finish(struct import *import, struct import_report *ret);

/**
 * All of it in the caller's transaction. Strings of the report live in tx->arena. Importing the
 * same file again changes nothing.
 * @return false and nothing to keep (the caller's savepoint is undone): as import_begin, or ERR_IO.
 */
NODISCARD bool directory_import(struct tx *tx, const struct import_file *file,
                                struct import_report *ret, struct err *err);
