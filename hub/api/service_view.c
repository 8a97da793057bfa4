#include "hub/api/service_view.h"

#include "hub/base/text.h"
#include "hub/domain/commune.h"
#include "hub/domain/hours.h"
#include "hub/domain/import_record.h"
#include "hub/domain/place.h"
#include "hub/domain/quality.h"
#include "hub/domain/spoken.h"
#include <stddef.h>

#define DAY_MS     86400000
#define INSEE_CODE 5
#define WEEK       7
#define SPANS_MAX  8 /* of one day */

/* How long ago the source spoke, as people say it. */
static char *age_words(struct call *call, int64_t dated_ms)
{
    if (dated_ms <= 0)
        return rpc_text(call, "date inconnue");
    int64_t days = (call->now.ms - dated_ms) / DAY_MS;
    if (days < 1)
        return rpc_text(call, "à jour aujourd’hui");
    if (days < 60)
        return arena_printf(call->arena, "il y a %lld jour%s", (long long)days,
                            days > 1 ? "s" : "");
    if (days < 730)
        return arena_printf(call->arena, "il y a %lld mois", (long long)days / 30);
    return arena_printf(call->arena, "il y a %lld ans", (long long)days / 365);
}

static const char *joined(struct call *call, char *const *items, size_t count)
{
    AUTO(buf_done) struct buf out = {0};
    for (size_t i = 0; i < count; i++)
        buf_addf(&out, "%s%s", i > 0 ? ", " : "", items[i]);
    return arena_text(call->arena, buf_text(&out));
}

/* What the service says about it. */
static const char *fit_detail(struct call *call, const struct directory_service *service,
                              enum fit_reason reason)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    switch (reason) {
    case FIT_AGE:
        return *c->conditions ? c->conditions : joined(call, c->public_, c->n_public_);
    case FIT_PUBLIC:
        return joined(call, c->public_, c->n_public_);
    case FIT_PRICE:
        return *c->price_detail ? c->price_detail : c->price;
    case FIT_MODE:
        return joined(call, c->mode, c->n_mode);
    case FIT_ZONE:
        return joined(call, c->zone, c->n_zone);
    case FIT_LANGUAGE:
        return joined(call, c->language, c->n_language);
    case FIT_COUNT:
        break;
    }
    return "";
}

static Maillon__Api__V1__FitReason *fit_row(struct call *call, enum fit_reason reason,
                                            const char *detail)
{
    Maillon__Api__V1__FitReason *row = rpc_message(call, &maillon__api__v1__fit_reason__descriptor);
    row->code = rpc_text(call, fit_code(reason));
    row->detail = rpc_text(call, detail);
    return row;
}

/* The word of the service that suits; not its whole list. */
static const char *good_detail(const struct directory_service *service,
                               const struct fit_person *person, enum fit_reason reason)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    switch (reason) {
    case FIT_PUBLIC:
        for (size_t i = 0; i < c->n_public_; i++)
            if (strcmp(c->public_[i], person->public_) == 0)
                return person->public_;
        return "tous-publics";
    case FIT_PRICE:
        return c->price;
    case FIT_MODE:
        return person->mode;
    case FIT_LANGUAGE:
        for (size_t i = 0; i < c->n_language; i++)
            if (spoken_meets(c->language[i], person->language))
                return c->language[i];
        return "";
    case FIT_AGE:
    case FIT_ZONE:
    case FIT_COUNT:
        break;
    }
    return "";
}

static Maillon__Api__V1__Fit *fit_view(struct call *call, const struct directory_service *service,
                                       const struct fit_person *person)
{
    Maillon__Api__V1__Fit *fit = rpc_message(call, &maillon__api__v1__fit__descriptor);
    fit->fits = service->why_not == 0;
    fit->reason = (Maillon__Api__V1__FitReason **)rpc_array(call, FIT_COUNT);
    fit->good = (Maillon__Api__V1__FitReason **)rpc_array(call, FIT_COUNT + 1);
    for (enum fit_reason reason = 0; reason < FIT_COUNT; reason++) {
        if (service->why_not & (1u << reason))
            fit->reason[fit->n_reason++] = fit_row(call, reason, fit_detail(call, service, reason));
        if (service->good & (1u << reason))
            fit->good[fit->n_good++] = fit_row(call, reason, good_detail(service, person, reason));
    }
    if (service->zone_doubt) { /* neither suits nor does not: somebody has to ask */
        Maillon__Api__V1__FitReason *row = fit_row(call, FIT_ZONE, "");
        row->code = rpc_text(call, "zone_unknown");
        fit->good[fit->n_good++] = row;
    }
    return fit;
}

static Maillon__Api__V1__Quality *quality_view(struct call *call,
                                               const struct directory_service *service)
{
    Maillon__Api__V1__Quality *view = rpc_message(call, &maillon__api__v1__quality__descriptor);
    struct quality quality = quality_of(service, call->now);
    view->percent = (uint32_t)(quality.score * 100 + 0.5);
    view->next = rpc_text(call, quality_code(quality.next));
    view->level = rpc_text(call, quality_level(view->percent / 100.0));
    return view;
}

/* Where each field of an imported record comes from, and of when it is. */
static const struct {
    const char *name;
    size_t offset;
    unsigned inherited; /* part that a service may have from its structure */
} origin_fields[] = {
#define X(field, part)                                                  \
    {                                                                   \
#field, offsetof(Maillon__Hfp__V1__ServiceContent, field), part \
    }
    X(name, 0),
    X(description, 0),
    X(type, 0),
    X(conditions, 0),
    X(price, 0),
    X(price_detail, 0),
    X(url, 0),
    X(access, 0),
    X(opening_hours, INHERITED_HOURS),
    X(address, INHERITED_PLACE),
    X(postal_code, INHERITED_PLACE),
    X(commune_name, INHERITED_PLACE),
    X(commune, INHERITED_PLACE),
    X(phone, INHERITED_CONTACT),
    X(email, INHERITED_CONTACT),
#undef X
};

static void add_origins(struct call *call, const struct directory_service *service,
                        Maillon__Api__V1__ServiceView *view)
{
    view->origin = (Maillon__Api__V1__FieldOrigin **)rpc_array(call, ARRAY_LEN(origin_fields));
    for (size_t i = 0; i < ARRAY_LEN(origin_fields); i++) {
        const char *text =
            *(char *const *)((const char *)service->content + origin_fields[i].offset);
        int64_t dated_ms = service->inherited & origin_fields[i].inherited
                               ? service->structure_dated_ms
                               : service->dated_ms;
        if (!*text)
            continue;
        const char *source = service->source;
        for (size_t k = 0; k < service->filled_count; k++) {
            if (service->filled[k].offset != origin_fields[i].offset)
                continue;
            source = service->filled[k].source;
            dated_ms = service->filled[k].dated_ms;
        }
        Maillon__Api__V1__FieldOrigin *origin =
            rpc_message(call, &maillon__api__v1__field_origin__descriptor);
        origin->field = rpc_text(call, origin_fields[i].name);
        origin->source = rpc_text(call, source);
        origin->updated = rpc_time(call, dated_ms > 0 ? dated_ms : 0);
        view->origin[view->n_origin++] = origin;
    }
}

/* When the door is open, in the time of the place. */
static Maillon__Api__V1__Openness *openness_view(struct call *call,
                                                 const Maillon__Hfp__V1__ServiceContent *content)
{
    struct hours_outlook outlook =
        hours_ahead(content->opening_hours, hours_local(call->now.ms, content->postal_code));
    Maillon__Api__V1__Openness *view = rpc_message(call, &maillon__api__v1__openness__descriptor);
    if (outlook.state == HOURS_UNKNOWN)
        return view;
    view->state = rpc_text(call, outlook.state == HOURS_OPEN ? "open" : "closed");
    view->until_minute = (uint32_t)outlook.until_minute;
    view->opens = outlook.opens;
    view->days_ahead = (uint32_t)outlook.days_ahead;
    view->weekday = (uint32_t)outlook.weekday;
    view->opens_minute = (uint32_t)outlook.opens_minute;
    return view;
}

static Maillon__Api__V1__HoursDay *day_view(struct call *call, const char *text,
                                            struct hours_time day)
{
    struct hours_span spans[SPANS_MAX];
    Maillon__Api__V1__HoursDay *view = rpc_message(call, &maillon__api__v1__hours_day__descriptor);
    size_t count = hours_day(text, day, spans, SPANS_MAX);
    view->weekday = (uint32_t)day.weekday;
    view->holiday = day.is_holiday;
    view->span = (Maillon__Api__V1__HoursSpan **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__HoursSpan *span =
            rpc_message(call, &maillon__api__v1__hours_span__descriptor);
        span->opens = (uint32_t)spans[i].opens;
        span->closes = (uint32_t)spans[i].closes;
        view->span[view->n_span++] = span;
    }
    return view;
}

static void add_days(struct call *call, const Maillon__Hfp__V1__ServiceContent *content,
                     Maillon__Api__V1__ServiceView *view)
{
    struct hours_time today = hours_local(call->now.ms, content->postal_code);
    if (!hours_is_understood(content->opening_hours) ||
        hours_at(content->opening_hours, today) == HOURS_UNKNOWN)
        return;
    view->day = (Maillon__Api__V1__HoursDay **)rpc_array(call, WEEK);
    for (int i = 0; i < WEEK; i++)
        view->day[view->n_day++] = day_view(call, content->opening_hours, hours_later(today, i));
    view->day[0]->today = true;
}

Maillon__Api__V1__ServiceView *service_view(struct call *call,
                                            const struct directory_service *service,
                                            const struct fit_person *person)
{
    static const char *const points[] = {"", "own", "commune"};
    Maillon__Api__V1__ServiceView *view =
        rpc_message(call, &maillon__api__v1__service_view__descriptor);
    char node[NODE_ID_TEXT];
    view->id = rpc_text(call, service->id);
    view->owner = rpc_text(call, service->is_import ? "" : node_id_text(&service->node, node));
    view->owner_name =
        rpc_text(call, service->ours ? call->env->config->name : service->owner_name);
    /* The encoder only reads it. */
    view->content = (Maillon__Hfp__V1__ServiceContent *)(uintptr_t)service->content;
    view->distance_km = service->distance_km;
    view->takes_referrals = service->takes_referrals;
    view->ours = service->ours;
    view->source = rpc_text(call, service->source);
    view->updated = rpc_time(call, service->dated_ms > 0 ? service->dated_ms : 0);
    view->age_words = age_words(call, service->dated_ms);
    if (service->is_judged)
        view->fit = fit_view(call, service, person);
    if (service->ours)
        view->quality = quality_view(call, service);
    view->openness = openness_view(call, service->content);
    view->confirmed = !service->is_import;
    view->latitude_e5 = service->latitude_e5;
    view->longitude_e5 = service->longitude_e5;
    view->point = rpc_text(call, points[service->point]);
    return view;
}

/* Names beside the codes of the area served, as far as they are known here. */
static void add_zone_names(struct call *call, const Maillon__Hfp__V1__ServiceContent *content,
                           Maillon__Api__V1__ServiceView *view)
{
    struct err ignored = {0};
    view->zone_name = (char **)rpc_array(call, content->n_zone);
    for (size_t i = 0; i < content->n_zone; i++) {
        const char *name = "", *code = content->zone[i];
        struct place place;
        bool found;
        if (strlen(code) == EPCI_CODE - 1) {
            if (!commune_epci_name(call->store, call->arena, code, &name, &ignored))
                name = "";
        } else if (strlen(code) == INSEE_CODE) {
            if (place_of_insee(call->store, call->arena, code, &found, &place, &ignored) && found)
                name = place.name;
        }
        view->zone_name[view->n_zone_name++] = rpc_text(call, name);
    }
}

Maillon__Api__V1__ServiceView *service_view_whole(struct call *call,
                                                  const struct directory_service *service,
                                                  const struct fit_person *person)
{
    Maillon__Api__V1__ServiceView *view = service_view(call, service, person);
    view->quality = quality_view(call, service);
    add_days(call, service->content, view);
    add_zone_names(call, service->content, view);
    if (service->is_import)
        add_origins(call, service, view);
    return view;
}
