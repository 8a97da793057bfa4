#include "hub/domain/directory_check.h"

#include "hub/base/text.h"
#include "hub/domain/directory.h"
#include "hub/domain/place.h"
#include "hub/domain/spoken.h"
#include "proto/limits.h"
#include <ctype.h>
#include <strings.h>

#define TEXT_MAX_LIST     64
#define CLOSURE_WORDS_MAX 300

static const struct {
    const char *name;
    size_t offset, max; /* characters */
} text_limits[] = {
#define X(field, max)                                                  \
    {                                                                  \
#field, offsetof(Maillon__Hfp__V1__ServiceContent, field), max \
    }
    X(name, 150),        X(description, 10000), X(structure_name, 150), X(type, 60),
    X(conditions, 2000), X(price, 60),          X(price_detail, 1000),  X(opening_hours, 1000),
    X(address, 300),     X(postal_code, 20),    X(commune_name, 100),   X(commune, 10),
    X(phone, 60),        X(email, 254),         X(url, 2083),           X(access, 1000),
#undef X
};

static const struct {
    const char *name;
    size_t count, offset;
} list_limits[] = {
#define X(field)                                                       \
    {                                                                  \
#field, offsetof(Maillon__Hfp__V1__ServiceContent, n_##field), \
            offsetof(Maillon__Hfp__V1__ServiceContent, field)          \
    }
    X(theme), X(public_), X(mode), X(reach), X(reach_by), X(zone), X(language),
#undef X
};

static const void *member(const void *message, size_t offset)
{
    return (const char *)message + offset;
}

static bool check_lists(const Maillon__Hfp__V1__ServiceContent *c, enum err_code code,
                        struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(list_limits); i++) {
        size_t count = *(const size_t *)member(c, list_limits[i].count);
        char *const *items = *(char *const *const *)member(c, list_limits[i].offset);
        if (count > TEXT_MAX_LIST)
            return err_set(err, code, "service has too many of \"%s\"", list_limits[i].name);
        for (size_t k = 0; k < count; k++)
            if (!*items[k] || text_length(bytes_text(items[k])) > 120)
                return err_set(err, code, "an item of \"%s\" is empty or too long",
                               list_limits[i].name);
    }
    if (c->n_asked > TEXT_MAX_LIST)
        return err_set(err, code, "service asks for too many fields");
    for (size_t i = 0; i < c->n_asked; i++)
        if (!*c->asked[i]->field || text_length(bytes_text(c->asked[i]->field)) > 120 ||
            text_length(bytes_text(c->asked[i]->why)) > 500)
            return err_set(err, code, "a field that the service asks for is empty or too long");
    return true;
}

bool service_check_capacity(const Maillon__Hfp__V1__Capacity *capacity, enum err_code code,
                            struct err *err)
{
    if (!capacity)
        return true;
    if (capacity->code < 0 ||
        capacity->code >
            MAILLON__HFP__V1__CAPACITY_CODE__CAPACITY_CODE_ADDITIONAL_ASSESSMENT_REQUIRED)
        return err_set(err, code, "capacity has an unknown code");
    if (capacity->places_total > 0 && capacity->places_free > capacity->places_total)
        return err_set(err, code, "capacity has more free places than places");
    if (capacity->wait_weeks > 1000)
        return err_set(err, code, "capacity has too long a wait");
    return true;
}

bool service_check_closure(const Maillon__Hfp__V1__Closure *closure, enum err_code code,
                           struct err *err)
{
    if (!closure)
        return true;
    if (text_length(bytes_text(closure->words)) > CLOSURE_WORDS_MAX)
        return err_set(err, code, "the message of a closed service is longer than %d characters",
                       CLOSURE_WORDS_MAX);
    return closure->until_s <= TIME_MAX_S ||
           err_set(err, code, "a service is closed until a year that never comes");
}

bool service_check_content(const Maillon__Hfp__V1__ServiceContent *c, enum err_code code,
                           struct err *err)
{
    if (text_length(bytes_text(c->name)) < 3)
        return err_set(err, code, "a service needs a name of 3 characters or more");
    for (size_t i = 0; i < ARRAY_LEN(text_limits); i++) {
        const char *text = *(char *const *)member(c, text_limits[i].offset);
        if (text_length(bytes_text(text)) > text_limits[i].max)
            return err_set(err, code, "\"%s\" is longer than %zu characters", text_limits[i].name,
                           text_limits[i].max);
    }
    if (c->latitude_e5 < -9000000 || c->latitude_e5 > 9000000 || c->longitude_e5 < -18000000 ||
        c->longitude_e5 > 18000000)
        return err_set(err, code, "the service is nowhere on earth");
    return check_lists(c, code, err) && service_check_capacity(c->capacity, code, err) &&
           service_check_closure(c->closure, code, err);
}

/* ---- as people type it ---- */

static bool is_postal_code(const char *text)
{
    size_t len = strlen(text);
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != ' ' && *at != '-')
            return false;
    return len >= 3 && len <= 10 && strpbrk(text, "0123456789");
}

/* Numbers of three digits ring, too: 115. */
static bool is_phone(const char *text)
{
    size_t digits = 0;
    for (const char *at = text; *at; at++)
        digits += isdigit((unsigned char)*at) != 0;
    return digits >= 3 && strspn(text, "+0123456789 .-/()\u00a0") == strlen(text);
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at > text && at[1] && !strchr(at + 1, '@') && !strpbrk(text, " \t,;<>");
}

static bool is_url(const char *text)
{
    return (strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0) &&
           strchr(text, '.') && !strpbrk(text, " \t\r\n<>\"");
}

static const struct {
    size_t offset;
    bool (*holds)(const char *text);
    const char *says;
} shapes[] = {
#define X(field, holds, says)                                          \
    {                                                                  \
        offsetof(Maillon__Hfp__V1__ServiceContent, field), holds, says \
    }
    X(postal_code, is_postal_code, "the postal code is not one, such as 35600"),
    X(phone, is_phone, "the phone number is not one, such as 02 99 71 00 00"),
    X(email, is_email, "the e-mail address is not one, such as accueil@example.org"),
    X(url, is_url, "the web address is not one: it begins with https:// or http://"),
#undef X
};

bool service_check_typed(const Maillon__Hfp__V1__ServiceContent *c, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const char *text = *(char *const *)member(c, shapes[i].offset);
        if (*text && !shapes[i].holds(text))
            return err_set(err, ERR_INVALID, "%s", shapes[i].says);
    }
    for (size_t i = 0; i < c->n_language; i++)
        if (!spoken_is_code(c->language[i]))
            return err_set(err, ERR_INVALID, "a language is given by its code, such as fr or ar");
    return !*c->commune || place_check_insee(c->commune, err);
}

bool service_check_uid(const char *uid, enum err_code code, struct err *err)
{
    size_t len = strlen(uid);
    if (len == 0 || len > SERVICE_UID_MAX ||
        strspn(uid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != len)
        return err_set(err, code, "a service uid is 1 to %d letters, digits, - and _",
                       SERVICE_UID_MAX);
    return true;
}
