#pragma once
/* One record of a file as the directory keeps it. */
#include "hub/domain/import_map.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include <jansson.h>

#define RECORD_FINDINGS_MAX 32
#define RECORD_ID_MAX       200 /* bytes */

struct import_finding { /* something to look at */
    const char *field, *what;
};

enum inherited { INHERITED_PLACE = 1, INHERITED_CONTACT = 2, INHERITED_HOURS = 4 };

/** Lives in the arena it was read into, and borrows from the JSON. */
struct import_record {
    bool is_service;
    const char *source; /* "" when the record names none */
    const char *id;
    const char *structure; /* services: ID of the structure; else "" */
    const char *siret;
    Maillon__Hfp__V1__ServiceContent content;
    int64_t dated_ms;
    unsigned inherited;         /* services: set of enum inherited: fields of the structure */
    int64_t structure_dated_ms; /* the date of those */
    bool closed;                /* said not to be offered: kept, not found by a search */
    const char *extra;
    const char *unknown_words; /* for the search index; "" */
    struct import_finding findings[RECORD_FINDINGS_MAX];
    size_t finding_count;
};

/**
 * @param now_ms  dates after it cannot be true.
 * @param is_service  known from where it stands; a `structure_id` says so too.
 * @return false with *ret_why: the record cannot be kept.
 */
NODISCARD bool import_record_read(struct import_map *map, struct arena *arena, const json_t *object,
                                  bool is_service, int64_t now_ms, struct import_record *ret,
                                  const char **ret_why);
void import_record_find(struct import_record *record, struct arena *arena, const char *field,
                        const char *what);
