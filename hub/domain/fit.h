#pragma once
/*
 * Does a service suit somebody? Never blocks, only explains (PRODUCT.md 5.2, feature 2): what is
 * not known of either side is no reason.
 */
#include "hub/base/bytes.h"
#include "maillon/hfp/v1/directory.pb-c.h"

#define FIT_TABLE(X)                                                      \
    X(FIT_AGE, "age")           /* of the person */                       \
    X(FIT_PUBLIC, "public")     /* made for others */                     \
    X(FIT_PRICE, "price")       /* costs something */                     \
    X(FIT_MODE, "mode")         /* on the spot only, or from afar only */ \
    X(FIT_ZONE, "zone")         /* for people of other places */          \
    X(FIT_LANGUAGE, "language") /* says in which, and this is none of them */

enum fit_reason {
#define X(name, code) name,
    FIT_TABLE(X)
#undef X
        FIT_COUNT
};
const char *fit_code(enum fit_reason reason);

/** What the caller said of the person; empty or 0: nothing. */
struct fit_person {
    const char *public_, *price, *mode, *language; /* codes of data.inclusion; ISO 639 language */
    unsigned age;                                  /* years */
    const char *commune;                           /* INSEE code */
    const char *epci;   /* of that commune, to compare with zones; NULL: not known here */
    bool epci_built_in; /* it is from the built-in list: who is in an EPCI which that list does not
                           have, like one of other years, nobody here knows */
};
bool fit_says_anything(const struct fit_person *person);

/** Appends the words of a service that fit_of_facets reads, each with a blank before it. */
void fit_add_facets(const Maillon__Hfp__V1__ServiceContent *content, struct buf *out);
/** Set of 1 << enum fit_reason: why not; 0 when it suits. */
unsigned fit_of_facets(const char *facets, const struct fit_person *person);
unsigned fit_of(const Maillon__Hfp__V1__ServiceContent *content, const struct fit_person *person);
/** Set of 1 << enum fit_reason: what the service says itself that suits the person; what it does
 * not speak of is in neither set. */
unsigned fit_good(const Maillon__Hfp__V1__ServiceContent *content, const struct fit_person *person);

/** It is for an EPCI, or several, and nobody here knows whether the person's commune is one of
 * theirs: neither suits nor does not. */
bool fit_zone_is_doubtful(const Maillon__Hfp__V1__ServiceContent *content,
                          const struct fit_person *person);

/** Ages that a text names: "16-25 ans", "moins de 26 ans", "plus de 60 ans", "à partir de 12 ans",
 * "de 16 à 25 ans". @return false when it names none. */
bool fit_find_ages(const char *text, unsigned *ret_from, unsigned *ret_to);
