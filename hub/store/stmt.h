#pragma once
/* Cached prepared statements. SQL is a literal with ?1 parameters, in the subset sqlite and
 * PostgreSQL share. */
#include "hub/store/store.h"

struct stmt;

/**
 * Lends the cached statement of this SQL literal (cache keyed by the literal's address and text);
 * give it back with stmt_release (or AUTO). NULL only on a bug in the SQL or ERR_IO.
 */
NODISCARD struct stmt *stmt_get(struct store *store, const char *sql, struct err *err);
void stmt_release(struct stmt *stmt); /* resets and clears bindings; NULL is fine */
AUTO_DEFINE(struct stmt, stmt_release)

/* A failed bind is kept and reported by stmt_run()/stmt_next(). Bytes and text are borrowed until
 * release. */
void stmt_bind_i64(struct stmt *stmt, int index, int64_t value);
void stmt_bind_f64(struct stmt *stmt, int index, double value);
void stmt_bind_text(struct stmt *stmt, int index, const char *text); /* NULL binds SQL NULL */
void stmt_bind_bytes(struct stmt *stmt, int index,
                     struct bytes bytes); /* data NULL binds SQL NULL */
void stmt_bind_null(struct stmt *stmt, int index);

/** Runs to the end, ignoring rows. A broken UNIQUE or CHECK is ERR_CONFLICT. */
NODISCARD bool stmt_run(struct stmt *stmt, struct err *err);
/** Next row: true with *ret_row true (a row) or false (no more); false on failure. */
NODISCARD bool stmt_next(struct stmt *stmt, bool *ret_row, struct err *err);
/** Runs again from the start with the same bindings kept. */
void stmt_reset(struct stmt *stmt);

/* Columns of the current row, 0-based; text and bytes are borrowed until the next
 * stmt_next/release. */
int64_t stmt_i64(struct stmt *stmt, int column);
double stmt_f64(struct stmt *stmt, int column);
const char *stmt_text(struct stmt *stmt, int column); /* NULL for SQL NULL */
struct bytes stmt_bytes(struct stmt *stmt, int column);
bool stmt_is_null(struct stmt *stmt, int column);
/** Copies a fixed-size blob; false (and out zeroed) when its length differs. */
NODISCARD bool stmt_copy(struct stmt *stmt, int column, void *out, size_t len);

/*
 * A whole statement whose parameters are a row id, a node's id or a time, mostly. `sql` is a
 * literal, as for stmt_get.
 */

/** Runs it with ?1. */
NODISCARD bool stmt_run_for(struct store *store, const char *sql, int64_t number, struct err *err);
/** Runs it with ?1 and ?2. */
NODISCARD bool stmt_run_for_two(struct store *store, const char *sql, int64_t first, int64_t second,
                                struct err *err);
/** Runs it with ?1 and ?2. */
NODISCARD bool stmt_run_for_bytes(struct store *store, const char *sql, struct bytes bytes,
                                  int64_t number, struct err *err);
/** The number that it finds for ?1, in the first column of the first row; 0 without a row. */
NODISCARD bool stmt_find_i64(struct store *store, const char *sql, int64_t number, int64_t *ret,
                             struct err *err);
