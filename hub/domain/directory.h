#pragma once
/*
 * Who does what: services of this hub and of its peers (signed objects), records imported from open
 * data, and one search over all of them (PRODUCT.md section 5). Owns tables `service`,
 * `directory_entry` and `directory_text`.
 */
#include "hub/domain/fit.h"
#include "hub/domain/inbound.h"
#include "hub/domain/search_terms.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/directory.pb-c.h"

#define SERVICE_UID_MAX   64 /* bytes of letters, digits, '-' and '_' */
#define SERVICES_PER_NODE 500
#define SEARCH_LIMIT_MAX  100
#define SEARCH_OFFSET_MAX 400
#define SEARCH_LOOKED_MAX 1000 /* candidates ranked for one answer */

/** A field that an imported record has from another one that was merged into it. */
struct directory_filled {
    size_t offset; /* in ServiceContent */
    const char *source;
    int64_t dated_ms;
};

enum directory_point { DIRECTORY_NOWHERE, DIRECTORY_POINT_OWN, DIRECTORY_POINT_OF_COMMUNE };

/** Of a service of a hub or of an imported record. Lives in the arena of the call. */
struct directory_service {
    const char *id; /* "NODE/UID", or "import/N" */
    bool is_import;
    struct node_id node; /* not of imports */
    const char *uid;
    bool ours;
    bool takes_referrals; /* ours, or of an accepted peer, and "hub" is a way to reach it */
    const Maillon__Hfp__V1__ServiceContent
        *content;               /* never NULL; capacity and asked fields in it */
    const char *owner_name;     /* of the peer; "" for ours and for imports without structure */
    const char *source;         /* imports: the producer; "" else */
    const char *record;         /* imports: "structure/ID" or "service/ID"; "" else */
    const char *structure;      /* imported services: ID of their structure; "" else */
    const char *siret;          /* imports; "" when unknown */
    const char *extra;          /* imports: JSON of what has no field; "" for none */
    int64_t dated_ms;           /* the source's or the last change; 0: unknown */
    int64_t imported_ms;        /* imports: when it came here */
    unsigned inherited;         /* imported services: set of enum inherited (import_record.h): */
    int64_t structure_dated_ms; /* fields of its structure have this date */
    int64_t merged_into;        /* imports: the entry that stands for it; 0: itself */
    const struct directory_filled *filled; /* imports: fields of records merged into it */
    size_t filled_count;
    double distance_km;         /* search with `near`; negative: unknown */
    enum directory_point point; /* of a search: where it is */
    int32_t latitude_e5, longitude_e5;
    bool is_judged;   /* search with a person: */
    unsigned why_not; /* set of 1 << enum fit_reason; 0: suits */
    unsigned good;    /* the same: what it says itself that suits */
    bool zone_doubt;  /* for an EPCI, and nobody here knows which communes it has */
};

/* Kind functions of TYPE_SERVICE (hub/kinds.c). */
NODISCARD bool service_check(const void *body, struct bytes payload, struct err *err);
/** The version must rise, else it has no effect; content absent: withdrawn. */
NODISCARD bool service_apply(struct tx *tx, const struct inbound_object *object,
                             struct disposition *ret, struct err *err);

/**
 * A service that is there now, by the text ids of the API: "NODE/UID" or "import/N".
 * @return false with ERR_UNKNOWN (none, withdrawn) or ERR_INVALID (not an id).
 */
NODISCARD bool directory_find_service(struct store *store, struct arena *arena, const char *id,
                                      struct directory_service *ret, struct err *err);
/** By entry id (directory_entry.h); ERR_UNKNOWN. */
NODISCARD bool directory_get_entry(struct store *store, struct arena *arena, int64_t entry,
                                   struct directory_service *ret, struct err *err);
/** Arena array: all services of this hub, by uid. */
NODISCARD bool directory_list_own(struct store *store, struct arena *arena,
                                  struct directory_service **ret, size_t *ret_count,
                                  struct err *err);
/** Arena array of at most `limit` imported records with id above `after`, in order of id. */
NODISCARD bool directory_list_imports(struct store *store, struct arena *arena, int64_t after,
                                      size_t limit, struct directory_service **ret,
                                      size_t *ret_count, int64_t *ret_last, struct err *err);

enum directory_part { DIRECTORY_ALL, DIRECTORY_SERVICES, DIRECTORY_STRUCTURES };
/** What this hub may publish: own services and imported records that are offered, a page of them in
 * order; peers' services are theirs. Arena array. */
NODISCARD bool directory_list_page(struct store *store, struct arena *arena,
                                   enum directory_part part, int64_t offset, size_t limit,
                                   struct directory_service **ret, size_t *ret_count,
                                   int64_t *ret_total, struct err *err);
/** The imported structure with that ID in its file, or the one it was merged into; ERR_UNKNOWN. */
NODISCARD bool directory_find_structure(struct store *store, struct arena *arena,
                                        const char *source, const char *id,
                                        struct directory_service *ret, struct err *err);

/* Own services: each change is a new signed version for every accepted peer. */
/**
 * @param uid  NULL or empty: a new one is made. @param ret_uid  may be NULL; else SERVICE_UID_MAX
 * + 1.
 * @return false with ERR_INVALID (which field), ERR_LIMIT (too many or too large).
 */
NODISCARD bool directory_put_service(struct tx *tx, const char *uid,
                                     const Maillon__Hfp__V1__ServiceContent *content, char *ret_uid,
                                     struct err *err);
NODISCARD bool directory_remove_service(struct tx *tx, const char *uid, struct err *err);
/** `capacity` NULL: not stated. Its updated_s becomes now. */
NODISCARD bool directory_set_capacity(struct tx *tx, const char *uid,
                                      const Maillon__Hfp__V1__Capacity *capacity, struct err *err);
/** The day it was checked on becomes today. */
NODISCARD bool directory_confirm_service(struct tx *tx, const char *uid, struct err *err);
/** @param closure  NULL: open again. */
NODISCARD bool directory_close_service(struct tx *tx, const char *uid,
                                       const Maillon__Hfp__V1__Closure *closure, struct err *err);
/** Ends words about capacity and closure by their date, renews own services before they expire,
 * forgets expired ones and staged files. */
NODISCARD bool directory_tick(struct tx *tx, struct wall *ret_next, struct err *err);

struct directory_query {
    const char *words; /* any of these may be NULL or empty */
    const char *near;  /* commune, postal code or "lat,lon" */
    unsigned km;       /* 0: no limit */
    const char *theme; /* a theme or a family of themes */
    bool hub_only;     /* only what takes referrals */
    size_t limit;      /* 0: 20 */
    size_t offset;     /* how many of the list to leave out; at most SEARCH_OFFSET_MAX */
    /* Whom it is for: what does not suit comes last and says why (fit.h). Its commune is that of
     * `near` when not given. */
    struct fit_person person;
    bool only_fitting;         /* leaves out what does not suit */
    int64_t open_at_ms;        /* only what is open then, as far as known; 0: whenever */
    const char *everyday_path; /* the hub's own everyday words (everyday.h); NULL: none */
};
struct directory_results {
    struct directory_service *services; /* arena */
    size_t count;
    size_t looked_at;           /* candidates ranked */
    bool more;                  /* the list goes on */
    const char *near_name;      /* the place understood; "" */
    double latitude, longitude; /* of it */
    const struct correction *corrections;
    size_t correction_count;
};
/** Where a service is, as a search has it: its own point, else that of its commune. */
NODISCARD bool directory_locate(struct store *store, struct arena *arena,
                                struct directory_service *service, struct err *err);

/* For a map: how many entries each commune has. */
struct directory_commune {
    const char *name, *postal_code; /* arena */
    int32_t latitude_e5, longitude_e5;
    size_t services;
};
#define COMMUNES_MAX 500
/** Those with most first; `km` 0: everywhere. Arena array. */
NODISCARD bool directory_list_communes(struct store *store, struct arena *arena, double latitude,
                                       double longitude, double km, struct directory_commune **ret,
                                       size_t *ret_count, struct err *err);
/** How many services a hub offers here and where they are in the mean (nowhere: point is
 * DIRECTORY_NOWHERE). @param node  NULL: this hub. */
NODISCARD bool directory_middle(struct store *store, const struct node_id *node, size_t *ret_count,
                                enum directory_point *ret_point, int32_t *ret_latitude_e5,
                                int32_t *ret_longitude_e5, struct err *err);

/**
 * Everyday words, slips and plurals are understood (search_terms.h). What has all that is asked for
 * comes first; where that is little, what has some of it follows. The order is explained in
 * directory_search.c.
 * A hub's own service hides the imported record of the same name and place.
 * @return false with ERR_UNKNOWN when `near` is no known place.
 */
NODISCARD bool directory_search(struct store *store, struct arena *arena,
                                const struct directory_query *query, struct directory_results *ret,
                                struct err *err);
