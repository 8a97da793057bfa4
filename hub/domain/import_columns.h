#pragma once
/* What the columns of a file mean, whatever they are called. Data only. */
#include "hub/domain/directory_words.h"

enum column {
    COLUMN_UNKNOWN,   /* kept beside the record and reported */
    COLUMN_ATTRIBUTE, /* known, without a field: kept beside the record */
    COLUMN_PERSON,    /* names a person: left out */
    COLUMN_ID,
    COLUMN_STRUCTURE_ID,
    COLUMN_SOURCE,
    COLUMN_NAME,
    COLUMN_SUMMARY,
    COLUMN_DESCRIPTION,
    COLUMN_THEME,
    COLUMN_PUBLIC,
    COLUMN_TYPE,
    COLUMN_STYLE, /* kinds of support, as type */
    COLUMN_PRICE,
    COLUMN_PRICE_DETAIL,
    COLUMN_CONDITIONS, /* free text, or words of price */
    COLUMN_MODE,
    COLUMN_REACH,
    COLUMN_REACH_BY,
    COLUMN_ZONE,
    COLUMN_HOURS,
    COLUMN_STREET_NUMBER,
    COLUMN_ADDRESS,
    COLUMN_ADDRESS_MORE,
    COLUMN_POSTAL_CODE,
    COLUMN_COMMUNE,
    COLUMN_INSEE,
    COLUMN_LATITUDE,
    COLUMN_LONGITUDE,
    COLUMN_X, /* longitude or Lambert-93 */
    COLUMN_Y,
    COLUMN_PHONE,
    COLUMN_EMAIL,
    COLUMN_SITE,
    COLUMN_LINK, /* to book or to ask: goes before the site */
    COLUMN_SIRET,
    COLUMN_DATE,
    COLUMN_ACCESS,
    COLUMN_LANGUAGE,
    COLUMN_FLAG, /* "oui", "x", or its own name: adds `value` of `vocabulary` */
    COLUMN_OPEN, /* "non", "inactif": closed */
    COLUMN_COUNT
};

struct import_column {
    const char *name; /* folded */
    enum column column;
    enum vocabulary vocabulary; /* COLUMN_FLAG */
    const char *value;
};
extern const struct import_column import_columns[];
extern const size_t import_column_count;
