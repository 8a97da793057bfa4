#include "hub/domain/quality.h"

#include "hub/base/text.h"

#define DAY_MS         86400000.0
#define FRESH_DAYS     183.0 /* six months: the default time to confirm */
#define STALE_DAYS     730.0
#define CAPACITY_DAYS  14.0
#define TEXT_GOOD      200
#define TEXT_LONG      2000
#define DOES_NOT_APPLY (-1.0)
#define GOOD_SCORE     0.90
#define FAIR_SCORE     0.65

const char *quality_code(enum quality_part part)
{
    static const char *const codes[] = {
#define X(name, code) code,
        QUALITY_TABLE(X)
#undef X
    };
    return part < QUALITY_COUNT ? codes[part] : "";
}

static bool has(char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

/* 1 until `good` days, falling to 0 at `bad`. */
static double freshness(struct wall now, int64_t then_ms, double good, double bad)
{
    double days = (double)(now.ms - then_ms) / DAY_MS;
    if (then_ms <= 0 || days >= bad)
        return 0;
    return days <= good ? 1 : (bad - days) / (bad - good);
}

static double of_place(const Maillon__Hfp__V1__ServiceContent *c)
{
    if (c->n_mode > 0 && !has(c->mode, c->n_mode, "en-presentiel"))
        return DOES_NOT_APPLY;
    bool named = *c->commune_name || *c->postal_code;
    bool exact = *c->address || c->latitude_e5 != 0 || c->longitude_e5 != 0;
    return named && exact ? 1 : named || exact ? 0.5 : 0;
}

/* Each way that is named needs something; without any, one contact is enough. */
static double of_contact(const Maillon__Hfp__V1__ServiceContent *c)
{
    const struct {
        const char *way;
        bool there;
    } ways[] = {
        {"telephoner", *c->phone},
        {"envoyer-un-courriel", *c->email},
        {"utiliser-lien-mobilisation", *c->url},
        {"se-presenter", *c->address || *c->commune_name},
    };
    unsigned named = 0, there = 0;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (!has(c->reach, c->n_reach, ways[i].way))
            continue;
        named++;
        there += ways[i].there;
    }
    if (named > 0)
        return (double)there / named;
    return *c->phone || *c->email || *c->url || has(c->reach, c->n_reach, "hub");
}

static double of_text(const Maillon__Hfp__V1__ServiceContent *c)
{
    size_t length = text_length(bytes_text(c->description));
    if (length > TEXT_LONG)
        return 0.5;
    return length >= TEXT_GOOD ? 1 : (double)length / TEXT_GOOD;
}

static double of_capacity(const struct directory_service *service, struct wall now)
{
    const Maillon__Hfp__V1__Capacity *capacity = service->content->capacity;
    if (!service->ours)
        return DOES_NOT_APPLY;
    return capacity ? freshness(now, (int64_t)capacity->updated_s * 1000, CAPACITY_DAYS,
                                2 * CAPACITY_DAYS)
                    : 0;
}

const char *quality_level(double score)
{
    return score >= GOOD_SCORE ? "good" : score >= FAIR_SCORE ? "fair" : "poor";
}

struct quality quality_of(const struct directory_service *service, struct wall now)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    int64_t checked_ms = c->checked_s < INT64_MAX / 1000 ? (int64_t)c->checked_s * 1000 : 0;
    int64_t dated_ms = checked_ms > service->dated_ms ? checked_ms : service->dated_ms;
    const double parts[QUALITY_COUNT] = {
        [QUALITY_REACH] = c->n_reach > 0,
        [QUALITY_CONTACT] = of_contact(c),
        [QUALITY_PLACE] = of_place(c),
        [QUALITY_THEME] = c->n_theme > 0,
        [QUALITY_TEXT] = of_text(c),
        [QUALITY_PRICE] = *c->price != '\0',
        [QUALITY_PUBLIC] = c->n_public_ > 0,
        [QUALITY_CAPACITY] = of_capacity(service, now),
        [QUALITY_AGE] = freshness(now, dated_ms, FRESH_DAYS, STALE_DAYS),
    };
    struct quality quality = {.next = QUALITY_COUNT};
    double sum = 0, lowest = 1;
    unsigned count = 0;
    for (enum quality_part part = 0; part < QUALITY_COUNT; part++) {
        if (parts[part] == DOES_NOT_APPLY)
            continue;
        sum += parts[part];
        count++;
        if (parts[part] < lowest) {
            lowest = parts[part];
            quality.next = part;
        }
    }
    quality.score = sum / count;
    return quality;
}
