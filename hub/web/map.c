#include "hub/web/map.h"

#include <math.h>
#include <string.h>

#define KM_PER_DEGREE 111.195 /* of latitude, on the sphere that place_distance_km measures on */
#define RADIANS(d)    ((d)*M_PI / 180)
#define LETTER_WIDTH  0.6 /* of the size, in the mean of French text */

static double km_east(double latitude)
{
    return KM_PER_DEGREE * fmax(cos(RADIANS(latitude)), 0.01);
}

struct map_frame map_frame_around(const struct map_point *points, size_t count, double width,
                                  double height, double margin, double least_km)
{
    struct map_frame frame = {.width = width, .height = height};
    double south = 90, north = -90, west = 180, east = -180;
    for (size_t i = 0; i < count; i++) {
        south = fmin(south, points[i].latitude);
        north = fmax(north, points[i].latitude);
        west = fmin(west, points[i].longitude);
        east = fmax(east, points[i].longitude);
    }
    if (count == 0)
        south = north = west = east = 0;
    frame.centre = (struct map_point){(south + north) / 2, (west + east) / 2};
    double across = (east - west) * km_east(frame.centre.latitude) / (width - 2 * margin);
    double down = (north - south) * KM_PER_DEGREE / (height - 2 * margin);
    frame.km_per_unit = fmax(fmax(across, down), least_km / fmin(width, height));
    return frame;
}

void map_project(const struct map_frame *frame, struct map_point at, double *ret_x, double *ret_y)
{
    double east = (at.longitude - frame->centre.longitude) * km_east(frame->centre.latitude);
    double north = (at.latitude - frame->centre.latitude) * KM_PER_DEGREE;
    *ret_x = frame->width / 2 + east / frame->km_per_unit;
    *ret_y = frame->height / 2 - north / frame->km_per_unit;
}

bool map_is_inside(const struct map_frame *frame, double x, double y, double margin)
{
    return x >= margin && y >= margin && x <= frame->width - margin && y <= frame->height - margin;
}

double map_round_km(double km)
{
    double unit = 0.1;
    if (km < unit)
        return unit;
    while (unit * 10 <= km * 1.0000001)
        unit *= 10;
    return unit * 5 <= km * 1.0000001 ? unit * 5 : unit * 2 <= km * 1.0000001 ? unit * 2 : unit;
}

double map_ring_step(const struct map_frame *frame)
{
    return map_round_km(fmin(frame->width, frame->height) * frame->km_per_unit / 2.5);
}

bool map_overlaps(const struct map_box *a, const struct map_box *b)
{
    return a->x < b->x + b->width && b->x < a->x + a->width && a->y < b->y + b->height &&
           b->y < a->y + a->height;
}

size_t map_cluster(const double *x, const double *y, size_t count, double gap_x, double gap_y,
                   size_t *ret_group)
{
    size_t groups = 0;
    for (size_t i = 0; i < count; i++) {
        ret_group[i] = groups;
        /* Only first points are compared with: where a group stands never moves. */
        for (size_t k = 0, seen = 0; k < i && ret_group[i] == groups; k++) {
            if (ret_group[k] != seen)
                continue;
            seen++;
            if (fabs(x[i] - x[k]) < gap_x && fabs(y[i] - y[k]) < gap_y)
                ret_group[i] = ret_group[k];
        }
        groups += ret_group[i] == groups;
    }
    return groups;
}

void map_take(struct map_room *room, struct map_box box)
{
    if (room->count < MAP_BOXES_MAX)
        room->taken[room->count++] = box;
}

static bool is_free(const struct map_room *room, const struct map_box *box)
{
    const struct map_box *b = &room->bounds;
    if (box->x < b->x || box->y < b->y || box->x + box->width > b->x + b->width ||
        box->y + box->height > b->y + b->height)
        return false;
    for (size_t i = 0; i < room->count; i++)
        if (map_overlaps(box, &room->taken[i]))
            return false;
    return true;
}

static bool take_first(struct map_room *room, const struct map_box *boxes, size_t count,
                       struct map_box *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_free(room, &boxes[i]))
            continue;
        map_take(room, boxes[i]);
        *ret = boxes[i];
        return true;
    }
    return false;
}

bool map_place_beside(struct map_room *room, double x, double y, double gap, double width,
                      double height, struct map_box *ret)
{
    const struct map_box boxes[] = {
        {x + gap, y - height / 2, width, height},
        {x - gap - width, y - height / 2, width, height},
        {x - width / 2, y + gap, width, height},
        {x - width / 2, y - gap - height, width, height},
    };
    return take_first(room, boxes, sizeof(boxes) / sizeof(boxes[0]), ret);
}

bool map_place_near(struct map_room *room, double x, double y, double width, double height,
                    struct map_box *ret)
{
    static const struct {
        double x, y;
    } ways[] = {{0, 0}, {-1, 0}, {1, 0}, {0, -1}, {0, 1}, {-1, -1}, {1, -1}, {-1, 1}, {1, 1}};
    for (int far = 1; far <= 3; far++) {
        for (size_t i = far > 1; i < sizeof(ways) / sizeof(ways[0]); i++) {
            const struct map_box box = {x - width / 2 + ways[i].x * far * width,
                                        y - height / 2 + ways[i].y * far * height, width, height};
            if (take_first(room, &box, 1, ret))
                return true;
        }
    }
    return false;
}

double map_text_width(const char *text, double size)
{
    size_t letters = 0;
    for (; *text; text++)
        letters += ((unsigned char)*text & 0xc0) != 0x80;
    return (double)letters * size * LETTER_WIDTH;
}
