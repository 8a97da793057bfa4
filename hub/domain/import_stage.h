#pragma once
/*
 * Files that somebody has sent and looks at before they are imported, kept for an hour. Owns tables
 * `import_staged` and `import_staged_part`.
 */
#include "hub/domain/tx.h"
#include "proto/limits.h"

#define STAGED_ID       17 /* text, with its NUL */
#define STAGED_MAX      4  /* at once */
#define STAGED_KEEP_MS  3600000
#define STAGED_PART_MAX 1048576

struct staged {
    const char *id, *account, *format, *source, *licence, *name;
    int64_t bytes, expires_ms;
    bool is_done;
    struct bytes report; /* as stage_set_report was given it; empty: not looked at yet */
};

/**
 * A new one; what the same account has waiting is dropped.
 * @return false with ERR_LIMIT: others have STAGED_MAX waiting.
 */
NODISCARD bool stage_begin(struct tx *tx, const struct staged *staged, char ret_id[STAGED_ID],
                           struct err *err);
/** The next part of the file, or of the services beside it. At most STAGED_PART_MAX. ERR_UNKNOWN:
 * it was dropped meanwhile. */
NODISCARD bool stage_add(struct tx *tx, const char *id, bool is_services, size_t number,
                         struct bytes part, struct err *err);
/** @param is_done  imported: the file is dropped, the report stays till the hour is over. */
NODISCARD bool stage_set_report(struct tx *tx, const char *id, struct bytes report, bool is_done,
                                struct err *err);
/** In the arena; ERR_UNKNOWN. */
NODISCARD bool stage_find(struct store *store, struct arena *arena, const char *id,
                          struct staged *ret, struct err *err);
/** The whole file in the arena; empty when there is none. ERR_LIMIT: it does not fit. */
NODISCARD bool stage_read(struct store *store, struct arena *arena, const char *id,
                          bool is_services, struct bytes *ret, struct err *err);
NODISCARD bool stage_drop(struct tx *tx, const char *id, struct err *err);
/** Drops what has waited too long. */
NODISCARD bool stage_tick(struct tx *tx, struct err *err);
