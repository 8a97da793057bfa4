#include "hub/web/map_picture.h"

#include "hub/base/bytes.h"
#include "hub/base/mem.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_SIZE     16
#define LINE          20 /* box of a line of text */
#define MARK_RADIUS   14
#define HUB_SIZE      28
#define MARGIN        34
#define LEAST_KM      6
#define LAND_KM       3.8 /* a commune, in the mean */
#define LAND_LEAST_PX 24
#define LAND_MOST_PX  240
#define RINGS_MAX     6
#define GROUP_NAMES   3    /* numbers shown of a group */
#define FAR_SHARE     0.85 /* the nearest of so many decide the frame */
#define FAR_TIMES     1.6

static const struct {
    const char *id;
    double width, height;
    size_t names_max;
} papers[] = {{"narrow", 320, 340, 7}, {"wide", 704, 480, 26}};

struct drawing {
    const struct map_ask *ask;
    struct map_frame frame;
    struct map_room room;
    json_t *values;
};

static json_t *whole(double value)
{
    return json_integer((json_int_t)lround(value));
}

static json_t *at(double x, double y)
{
    return json_pack("{s:o, s:o}", "x", whole(x), "y", whole(y));
}

static void text_km(const struct catalog *catalog, double km, char *out, size_t size)
{
    bool is_french = catalog->language == LANGUAGE_FRENCH;
    if (km >= 1)
        snprintf(out, size, "%.0f\xc2\xa0km", km);
    else
        snprintf(out, size, "%.0f\xc2\xa0m%s", km * 1000, is_french ? "" : "");
}

/* --- the frame -------------------------------------------------------------------------------- */

static double far_of(struct map_point from, struct map_point to)
{
    double north = to.latitude - from.latitude;
    double east = (to.longitude - from.longitude) * cos(from.latitude * M_PI / 180);
    return sqrt(north * north + east * east);
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* What the frame has to show: marks and hubs, or communes when those are the marks; without the few
 * that are far from all others. */
static bool is_shown(const struct map_ask *ask, const struct map_thing *thing)
{
    return thing->kind == MAP_MARK || (thing->kind == MAP_COMMUNE) == ask->counts;
}

static size_t choose_points(const struct map_ask *ask, struct map_point *points)
{
    double far[MAP_THINGS_MAX], sorted[MAP_THINGS_MAX];
    size_t count = 0, kept = 0;
    struct map_point middle = ask->place;
    for (size_t i = 0; i < ask->count && count < MAP_THINGS_MAX; i++)
        if (is_shown(ask, &ask->things[i]) && ask->things[i].kind != MAP_HUB)
            points[count++] = ask->things[i].at;
    for (size_t i = 0; i < ask->count && count < MAP_THINGS_MAX && count == 0; i++)
        if (ask->things[i].kind == MAP_HUB)
            points[count++] = ask->things[i].at;
    if (!ask->has_place && count > 0) {
        double latitudes[MAP_THINGS_MAX], longitudes[MAP_THINGS_MAX];
        for (size_t i = 0; i < count; i++) {
            latitudes[i] = points[i].latitude;
            longitudes[i] = points[i].longitude;
        }
        qsort(latitudes, count, sizeof(*latitudes), by_size);
        qsort(longitudes, count, sizeof(*longitudes), by_size);
        middle = (struct map_point){latitudes[count / 2], longitudes[count / 2]};
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = far[i] = far_of(middle, points[i]);
    qsort(sorted, count, sizeof(*sorted), by_size);
    double most = count > 0 ? sorted[(size_t)ceil((double)(count - 1) * FAR_SHARE)] * FAR_TIMES : 0;
    most = fmax(most, LEAST_KM / 111.0);
    for (size_t i = 0; i < count; i++)
        if (far[i] <= most)
            points[kept++] = points[i];
    if (ask->has_place && kept < MAP_THINGS_MAX)
        points[kept++] = ask->place;
    return kept;
}

/* --- the ground ------------------------------------------------------------------------------- */

/* Round patches that run together: points drawn with a broad round pen, and a broader one for the
 * shore beneath. */
static void add_land(struct drawing *d)
{
    AUTO(buf_done) struct buf path = {0};
    double radius = fmax(fmin(LAND_KM / d->frame.km_per_unit, LAND_MOST_PX), LAND_LEAST_PX);
    for (size_t i = 0; i < d->ask->count; i++) {
        const struct map_thing *thing = &d->ask->things[i];
        double x, y;
        map_project(&d->frame, thing->at, &x, &y);
        if (thing->kind == MAP_COMMUNE && map_is_inside(&d->frame, x, y, -radius))
            buf_addf(&path, "M%ld %ldh0", lround(x), lround(y));
    }
    if (path.len > 0)
        json_object_set_new(d->values, "land",
                            json_pack("{s:s, s:o, s:o}", "d", buf_text(&path), "width",
                                      whole(2 * radius), "shore", whole(2 * radius + 4)));
}

/* Where the label of a ring has room: on its top, right, bottom or left. */
static void add_ring_label(struct drawing *d, json_t *ring, double x, double y, double radius,
                           const char *text)
{
    const double places[][2] = {{x, y - radius}, {x + radius, y}, {x, y + radius}, {x - radius, y}};
    double width = map_text_width(text, TEXT_SIZE) + 4;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const struct map_box box = {places[i][0] - width / 2, places[i][1] - LINE / 2.0, width,
                                    LINE};
        bool is_free = map_is_inside(&d->frame, places[i][0], places[i][1], LINE) &&
                       map_is_inside(&d->frame, box.x, places[i][1], 4) &&
                       map_is_inside(&d->frame, box.x + width, places[i][1], 4);
        for (size_t k = 0; k < d->room.count; k++)
            is_free = is_free && !map_overlaps(&box, &d->room.taken[k]);
        if (!is_free)
            continue;
        map_take(&d->room, box);
        json_object_set_new(ring, "text", json_string(text));
        json_object_set_new(ring, "text_x", whole(places[i][0]));
        json_object_set_new(ring, "text_y", whole(places[i][1] + 5));
        return;
    }
}

/* After the marks, which have the first choice of room. */
static void add_rings(struct drawing *d)
{
    json_t *rings = json_array();
    double x, y, step = map_ring_step(&d->frame);
    double corner = hypot(d->frame.width, d->frame.height) * d->frame.km_per_unit / 2;
    map_project(&d->frame, d->ask->place, &x, &y);
    for (size_t i = 1; d->ask->has_place && i <= RINGS_MAX && step * (double)i < corner; i++) {
        char text[24];
        double radius = step * (double)i / d->frame.km_per_unit;
        json_t *ring = at(x, y);
        json_object_set_new(ring, "r", whole(radius));
        text_km(d->ask->catalog, step * (double)i, text, sizeof(text));
        add_ring_label(d, ring, x, y, radius, text);
        json_array_append_new(rings, ring);
    }
    json_object_set_new(d->values, "ring", rings);
    if (d->ask->has_place)
        json_object_set_new(d->values, "place", at(x, y));
}

/* Beside its point, or beside the mark that stands there. */
static bool place_name(struct drawing *d, double x, double y, double width, struct map_box *ret)
{
    static const double gaps[] = {4, MARK_RADIUS + 3, 2 * MARK_RADIUS};
    for (size_t i = d->ask->counts; i < ARRAY_LEN(gaps); i++)
        if (map_place_beside(&d->room, x, y, gaps[i], width, LINE, ret))
            return true;
    return false;
}

/* Text begins or ends at its mark: letters are as wide as the font has them, not as we guess. */
static double text_at(const struct map_box *box, double mark, const char **ret_anchor)
{
    bool is_right = mark <= box->x, is_left = mark >= box->x + box->width;
    *ret_anchor = is_right ? "start" : is_left ? "end" : "middle";
    return is_right ? box->x + 3 : is_left ? box->x + box->width - 3 : box->x + box->width / 2;
}

static void add_names(struct drawing *d, size_t most)
{
    json_t *names = json_array();
    for (size_t i = 0; i < d->ask->count && json_array_size(names) < most; i++) {
        const struct map_thing *thing = &d->ask->things[i];
        struct map_box box;
        double x, y;
        map_project(&d->frame, thing->at, &x, &y);
        if (thing->kind != MAP_COMMUNE || !map_is_inside(&d->frame, x, y, 4))
            continue;
        double width = map_text_width(thing->label, TEXT_SIZE) + 6;
        if (!place_name(d, x, y, width, &box))
            continue;
        const char *anchor;
        json_t *name = at(text_at(&box, x, &anchor), box.y + LINE - 5);
        json_object_set_new(name, "anchor", json_string(anchor));
        json_object_set_new(name, "text", json_string(thing->label));
        if (!d->ask->counts)
            json_object_set_new(name, "dot", at(x, y));
        json_array_append_new(names, name);
    }
    json_object_set_new(d->values, "name", names);
}

static void add_scale(struct drawing *d)
{
    char text[24];
    double km = map_round_km(d->frame.width * d->frame.km_per_unit / 4);
    double length = km / d->frame.km_per_unit, y = d->frame.height - 16;
    text_km(d->ask->catalog, km, text, sizeof(text));
    double text_width = map_text_width(text, TEXT_SIZE);
    map_take(&d->room, (struct map_box){8, y - 14, 26 + length + text_width, 28});
    map_take(&d->room, (struct map_box){d->frame.width - 40, 4, 36, 48});
    json_object_set_new(d->values, "scale",
                        json_pack("{s:o, s:o, s:o, s:s}", "from", whole(14), "to",
                                  whole(14 + length), "y", whole(y), "text", text));
    json_object_set_new(json_object_get(d->values, "scale"), "text_x", whole(20 + length));
    json_object_set_new(json_object_get(d->values, "scale"), "text_y", whole(y + 5));
    json_object_set_new(d->values, "north", at(d->frame.width - 22, 12));
}

/* --- marks ------------------------------------------------------------------------------------ */

struct group {
    double x, y;
    size_t members, shown;
    size_t services;
    const struct map_thing *first;
    struct buf label, name;
};

static void join_group(struct group *group, const struct map_thing *thing)
{
    group->members++;
    group->services += thing->count;
    if (group->shown >= GROUP_NAMES)
        return;
    buf_addf(&group->name, "%s%s", group->shown ? "; " : "", thing->name);
    buf_addf(&group->label, "%s%s", group->shown ? "\xc2\xb7" : "", thing->label);
    group->shown++;
}

static void draw_group(struct drawing *d, struct group *group, json_t *marks)
{
    if (d->ask->counts) {
        group->label.len = 0;
        buf_addf(&group->label, "%zu", group->services);
    } else if (group->members > group->shown) {
        buf_addf(&group->label, " +%zu", group->members - group->shown);
    }
    double wide = map_text_width(buf_text(&group->label), TEXT_SIZE) + 14;
    wide = fmax(wide, 2 * MARK_RADIUS);
    double x = fmin(fmax(group->x, wide / 2 + 2), d->frame.width - wide / 2 - 2);
    map_take(&d->room,
             (struct map_box){x - wide / 2, group->y - MARK_RADIUS, wide, 2 * MARK_RADIUS});
    json_t *mark = at(x, group->y);
    json_object_set_new(mark, "left", whole(x - wide / 2));
    json_object_set_new(mark, "top", whole(group->y - MARK_RADIUS));
    json_object_set_new(mark, "width", whole(wide));
    json_object_set_new(mark, "text_y", whole(group->y + 6));
    json_object_set_new(mark, "label", json_string(buf_text(&group->label)));
    AUTO(buf_done) struct buf name = {0}; /* begins as what is seen: who speaks to the screen */
    buf_addf(&name, "%s: %s", buf_text(&group->label), buf_text(&group->name));
    json_object_set_new(mark, "name", json_string(buf_text(&name)));
    json_object_set_new(mark, "href", json_string(group->first->href ? group->first->href : ""));
    json_array_append_new(marks, mark);
}

/* How many marks lie off the paper. */
static size_t add_marks(struct drawing *d)
{
    double xs[MAP_THINGS_MAX], ys[MAP_THINGS_MAX];
    const struct map_thing *shown[MAP_THINGS_MAX];
    size_t of[MAP_THINGS_MAX], count = 0, beyond = 0;
    enum map_kind kind = d->ask->counts ? MAP_COMMUNE : MAP_MARK;
    json_t *marks = json_array();
    for (size_t i = 0; i < d->ask->count && count < MAP_THINGS_MAX; i++) {
        double x, y;
        if (d->ask->things[i].kind != kind)
            continue;
        map_project(&d->frame, d->ask->things[i].at, &x, &y);
        if (!map_is_inside(&d->frame, x, y, 6)) {
            beyond++;
            continue;
        }
        xs[count] = x;
        ys[count] = fmin(fmax(y, MARK_RADIUS + 2), d->frame.height - MARK_RADIUS - 2);
        shown[count++] = &d->ask->things[i];
    }
    size_t groups = map_cluster(xs, ys, count, 2.6 * MARK_RADIUS, 2 * MARK_RADIUS, of);
    struct group *list = mem_alloc((groups + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        struct group *group = &list[of[i]];
        if (!group->first) {
            group->first = shown[i];
            group->x = xs[i];
            group->y = ys[i];
        }
        join_group(group, shown[i]);
    }
    for (size_t i = 0; i < groups; i++) {
        draw_group(d, &list[i], marks);
        buf_done(&list[i].label);
        buf_done(&list[i].name);
    }
    free(list);
    json_object_set_new(d->values, "mark", marks);
    return beyond;
}

static void add_hubs(struct drawing *d)
{
    json_t *hubs = json_array();
    for (size_t i = 0; i < d->ask->count; i++) {
        const struct map_thing *thing = &d->ask->things[i];
        struct map_box box;
        double x, y;
        map_project(&d->frame, thing->at, &x, &y);
        if (thing->kind != MAP_HUB || !map_is_inside(&d->frame, x, y, 6) ||
            !map_place_near(&d->room, x, y, HUB_SIZE, HUB_SIZE, &box))
            continue;
        json_t *hub = at(box.x + HUB_SIZE / 2.0, box.y + HUB_SIZE / 2.0);
        json_object_set_new(hub, "name", json_string(thing->name));
        json_object_set_new(hub, "href", json_string(thing->href ? thing->href : ""));
        double width = map_text_width(thing->label, TEXT_SIZE) + 6;
        struct map_box text;
        if (d->ask->counts &&
            map_place_beside(&d->room, box.x + HUB_SIZE / 2.0, box.y + HUB_SIZE / 2.0,
                             HUB_SIZE / 2.0 + 1, width, LINE, &text)) {
            json_object_set_new(hub, "text", json_string(thing->label));
            const char *anchor;
            json_object_set_new(hub, "text_x",
                                whole(text_at(&text, box.x + HUB_SIZE / 2.0, &anchor)));
            json_object_set_new(hub, "anchor", json_string(anchor));
            json_object_set_new(hub, "text_y", whole(text.y + LINE - 5));
        }
        json_array_append_new(hubs, hub);
    }
    json_object_set_new(d->values, "hub", hubs);
}

static json_t *draw(const struct map_ask *ask, size_t paper, size_t *ret_beyond)
{
    struct map_point points[MAP_THINGS_MAX];
    size_t count = choose_points(ask, points);
    struct drawing *d = mem_alloc(sizeof(*d));
    d->ask = ask;
    d->frame = map_frame_around(points, count, papers[paper].width, papers[paper].height, MARGIN,
                                LEAST_KM);
    d->room.bounds = (struct map_box){4, 4, papers[paper].width - 8, papers[paper].height - 8};
    d->values = json_pack("{s:s, s:o, s:o}", "id", papers[paper].id, "width",
                          whole(papers[paper].width), "height", whole(papers[paper].height));
    add_land(d);
    add_scale(d);
    *ret_beyond = add_marks(d);
    add_hubs(d);
    add_rings(d);
    add_names(d, papers[paper].names_max);
    json_t *values = d->values;
    free(d);
    return values;
}

json_t *map_picture(const struct map_ask *ask)
{
    json_t *drawings = json_array();
    size_t beyond = 0;
    for (size_t i = 0; i < ARRAY_LEN(papers); i++)
        json_array_append_new(drawings, draw(ask, i, &beyond));
    return json_pack("{s:o, s:I}", "drawing", drawings, "beyond", (json_int_t)beyond);
}
