#pragma once
/*
 * Communes: names, postal codes, INSEE codes and where they are. Learnt from imported records, on
 * top of a short built-in list. Owns table `place`.
 */
#include "hub/domain/tx.h"

struct place {
    const char *name;                /* arena */
    const char *postal_code, *insee; /* "" when unknown */
    double latitude, longitude;
};

/** Commune name (any case, with or without accents), name and postal code, postal code, or
 * "lat,lon". */
NODISCARD bool place_find(struct store *store, struct arena *arena, const char *text,
                          bool *ret_found, struct place *ret, struct err *err);
/** The INSEE code of the one commune of that whole name, with its postal code or without; "" when
 * there is none or several. */
NODISCARD bool place_find_insee(struct store *store, struct arena *arena, const char *text,
                                const char **ret, struct err *err);
/** Where a commune is; `postal_code` may be "". */
NODISCARD bool place_locate(struct store *store, struct arena *arena, const char *commune,
                            const char *postal_code, bool *ret_found, int32_t *ret_latitude_e5,
                            int32_t *ret_longitude_e5, struct err *err);
/** Distances are counted from it: a name in its place would silently give none. ERR_INVALID. */
NODISCARD bool place_check_insee(const char *text, struct err *err);
/** The commune with that INSEE code. */
NODISCARD bool place_of_insee(struct store *store, struct arena *arena, const char *insee,
                              bool *ret_found, struct place *ret, struct err *err);
/** One more record seen in that commune. */
NODISCARD bool place_learn(struct tx *tx, struct arena *arena, const char *commune,
                           const char *postal_code, const char *insee, int32_t latitude_e5,
                           int32_t longitude_e5, struct err *err);

/** Great-circle distance. */
double place_distance_km(double latitude_a, double longitude_a, double latitude_b,
                         double longitude_b);
/** RGF93 / Lambert-93 (EPSG:2154) to WGS84 degrees; good to a metre in metropolitan France. */
void place_from_lambert93(double x, double y, double *ret_latitude, double *ret_longitude);
/** Folded with "st", "ste" spelt out and "cedex" cut off; the key of the table. NULL: not UTF-8. */
char *place_fold(struct arena *arena, const char *commune);
