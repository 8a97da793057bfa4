#pragma once
/*
 * A map drawn from numbers alone: where things go on paper. Pure; units are those of the drawing
 * (viewBox of an SVG), y downwards.
 */
#include <stdbool.h>
#include <stddef.h>

struct map_point {
    double latitude, longitude; /* degrees */
};

/** Local equirectangular projection, lengths true at its centre: a percent off at 300 km. */
struct map_frame {
    struct map_point centre;
    double width, height, km_per_unit;
};
/** All points with `margin` units around; at least `least_km` from edge to edge, the shorter way.
 * Without points somewhere, `least_km` wide. */
struct map_frame map_frame_around(const struct map_point *points, size_t count, double width,
                                  double height, double margin, double least_km);
void map_project(const struct map_frame *frame, struct map_point at, double *ret_x, double *ret_y);
/** Is it on the paper, `margin` units from the edge? */
bool map_is_inside(const struct map_frame *frame, double x, double y, double margin);

/** The largest of 1, 2, 5, 10, 20 … that is not above `km`; 0.1 at least. */
double map_round_km(double km);
/** Distance between rings around a point so that one to four show; a round one. */
double map_ring_step(const struct map_frame *frame);

struct map_box {
    double x, y, width, height; /* x, y: left top */
};
bool map_overlaps(const struct map_box *a, const struct map_box *b);

/**
 * Puts things that are too close together: `ret_group[i]` is the group of point i, groups numbered
 * in the order of their first point, at whose place the group stands.
 * @return how many groups.
 */
size_t map_cluster(const double *x, const double *y, size_t count, double gap_x, double gap_y,
                   size_t *ret_group);

#define MAP_BOXES_MAX 400
struct map_room { /* what is taken on the paper */
    struct map_box bounds;
    struct map_box taken[MAP_BOXES_MAX];
    size_t count;
};
/** Takes it whatever is there; a full room forgets. */
void map_take(struct map_room *room, struct map_box box);
/** Takes a box beside a point, `gap` away from it: right, left, below or above, the first that is
 * free. @return false: there is no room, nothing taken. */
bool map_place_beside(struct map_room *room, double x, double y, double gap, double width,
                      double height, struct map_box *ret);
/** Takes a box around a point or as near to it as there is room; false as above. */
bool map_place_near(struct map_room *room, double x, double y, double width, double height,
                    struct map_box *ret);

/** About as wide as text in a sans serif is. */
double map_text_width(const char *text, double size);
