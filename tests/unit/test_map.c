/* test_map.c: the geometry of maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/base/attr.h"
#include "hub/domain/place.h"
#include "hub/web/map_picture.h"
#include <math.h>
#include <stdlib.h>

static const struct map_point redon = {47.6514, -2.0840}, allaire = {47.6368, -2.1650},
                              rennes = {48.1173, -1.6778}, pipriac = {47.8088, -1.9463};

static void distances_on_paper_are_those_on_the_ground(void **state)
{
    (void)state;
    static const struct map_point all[] = {{47.6514, -2.0840}, {48.1173, -1.6778}};
    struct map_frame frame = map_frame_around(all, ARRAY_LEN(all), 704, 480, 34, 6);
    const struct map_point others[] = {allaire, rennes, pipriac};
    double x, y, to_x, to_y;
    map_project(&frame, redon, &x, &y);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        map_project(&frame, others[i], &to_x, &to_y);
        double km = hypot(to_x - x, to_y - y) * frame.km_per_unit;
        double true_km = place_distance_km(redon.latitude, redon.longitude, others[i].latitude,
                                           others[i].longitude);
        assert_true(fabs(km - true_km) < true_km / 100);
    }
}

static void north_is_up_and_east_is_right(void **state)
{
    (void)state;
    const struct map_point all[] = {redon, pipriac};
    struct map_frame frame = map_frame_around(all, 2, 320, 340, 34, 6);
    double x, y, to_x, to_y;
    map_project(&frame, redon, &x, &y);
    map_project(&frame, pipriac, &to_x, &to_y);
    assert_true(to_y < y && to_x > x);
}

static void all_points_are_inside_the_margin(void **state)
{
    (void)state;
    const struct map_point all[] = {redon, allaire, rennes, pipriac};
    static const double sizes[][2] = {{320, 340}, {704, 480}, {100, 900}};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        struct map_frame frame = map_frame_around(all, 4, sizes[s][0], sizes[s][1], 34, 6);
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
            double x, y;
            map_project(&frame, all[i], &x, &y);
            assert_true(map_is_inside(&frame, x, y, 33.9));
        }
    }
}

static void one_point_or_none_still_makes_a_map(void **state)
{
    (void)state;
    double x, y;
    struct map_frame frame = map_frame_around(&redon, 1, 320, 340, 34, 6);
    map_project(&frame, redon, &x, &y);
    assert_true(fabs(x - 160) < 0.01 && fabs(y - 170) < 0.01);
    assert_true(fabs(frame.km_per_unit * 320 - 6) < 0.01);
    frame = map_frame_around(NULL, 0, 320, 340, 34, 6);
    assert_true(frame.km_per_unit > 0);
}

static void round_distances_are_one_two_or_five(void **state)
{
    (void)state;
    static const struct {
        double km, round;
    } cases[] = {{0.01, 0.1}, {0.3, 0.2}, {1, 1},   {1.99, 1}, {2, 2},     {4.9, 2},
                 {5, 5},      {9.9, 5},   {10, 10}, {37, 20},  {999, 500}, {1000, 1000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(fabs(map_round_km(cases[i].km) - cases[i].round) < 1e-9);
}

static void close_marks_become_one_in_the_order_of_the_list(void **state)
{
    (void)state;
    static const double x[] = {100, 300, 105, 110, 302}, y[] = {100, 100, 102, 96, 300};
    static const size_t wanted[] = {0, 1, 0, 0, 2};
    size_t of[ARRAY_LEN(x)];
    assert_int_equal(map_cluster(x, y, ARRAY_LEN(x), 36, 28, of), 3);
    for (size_t i = 0; i < ARRAY_LEN(x); i++)
        assert_int_equal(of[i], wanted[i]);
    assert_int_equal(map_cluster(x, y, 0, 36, 28, of), 0);
}

static void labels_never_cover_each_other_or_leave_the_paper(void **state)
{
    (void)state;
    static struct map_room room = {.bounds = {0, 0, 320, 340}};
    struct map_box placed[200];
    size_t count = 0, tried = 0;
    for (double x = 0; x <= 320; x += 24)
        for (double y = 0; y <= 340; y += 24, tried++)
            count += map_place_beside(&room, x, y, 4, 90, 20, &placed[count]);
    assert_true(count > 10 && count < tried);
    for (size_t i = 0; i < count; i++) {
        assert_true(placed[i].x >= 0 && placed[i].y >= 0 && placed[i].x + 90 <= 320 &&
                    placed[i].y + 20 <= 340);
        for (size_t k = 0; k < i; k++)
            assert_false(map_overlaps(&placed[i], &placed[k]));
    }
}

static void a_second_thing_at_one_place_stands_beside_the_first(void **state)
{
    (void)state;
    struct map_room *room = calloc(1, sizeof(*room));
    struct map_box a, b;
    assert_non_null(room);
    room->bounds = (struct map_box){0, 0, 320, 340};
    assert_true(map_place_near(room, 160, 170, 28, 28, &a));
    assert_true(map_place_near(room, 160, 170, 28, 28, &b));
    assert_true(fabs(a.x - 146) < 0.01 && fabs(a.y - 156) < 0.01);
    assert_false(map_overlaps(&a, &b));
    free(room);
}

static void text_is_as_wide_as_its_letters_not_its_bytes(void **state)
{
    (void)state;
    assert_true(fabs(map_text_width("Été", 16) - map_text_width("Ete", 16)) < 1e-9);
}

static struct map_thing mark(const char *label, struct map_point at)
{
    return (struct map_thing){
        .kind = MAP_MARK, .at = at, .label = label, .name = label, .href = "#s"};
}

static void a_picture_has_every_mark_on_both_papers(void **state)
{
    (void)state;
    const struct map_thing things[] = {mark("1", redon),
                                       mark("2", allaire),
                                       mark("3", redon),
                                       {.kind = MAP_COMMUNE, .at = redon, .label = "Redon"}};
    const struct map_ask ask = {.things = things,
                                .count = ARRAY_LEN(things),
                                .has_place = true,
                                .place = redon,
                                .catalog = catalog_of(LANGUAGE_FRENCH)};
    json_t *picture = map_picture(&ask), *drawing;
    size_t i;
    assert_int_equal(json_array_size(json_object_get(picture, "drawing")), 2);
    json_array_foreach(json_object_get(picture, "drawing"), i, drawing)
    {
        const json_t *marks = json_object_get(drawing, "mark");
        assert_int_equal(json_array_size(marks), 2);
        assert_string_equal(json_string_value(json_object_get(json_array_get(marks, 0), "label")),
                            "1·3");
        assert_true(json_array_size(json_object_get(drawing, "ring")) >= 1);
    }
    json_decref(picture);
}

static void what_is_far_from_all_others_is_left_out_and_counted(void **state)
{
    (void)state;
    struct map_thing things[21];
    for (size_t i = 0; i < 20; i++)
        things[i] = mark("n", (struct map_point){47.65 + (double)i / 500, -2.08});
    things[20] = mark("21", (struct map_point){-22.27, 166.44}); /* Nouméa */
    const struct map_ask ask = {
        .things = things, .count = 21, .catalog = catalog_of(LANGUAGE_FRENCH)};
    json_t *picture = map_picture(&ask);
    assert_int_equal(json_integer_value(json_object_get(picture, "beyond")), 1);
    json_decref(picture);
}

static void a_thousand_things_make_a_picture(void **state)
{
    (void)state;
    static struct map_thing things[1000];
    for (size_t i = 0; i < ARRAY_LEN(things); i++) {
        things[i] =
            mark("9", (struct map_point){47 + (double)(i % 37) / 40, -3 + (double)(i % 53) / 50});
        things[i].kind = i % 3 == 0 ? MAP_HUB : i % 3 == 1 ? MAP_MARK : MAP_COMMUNE;
    }
    const struct map_ask ask = {
        .things = things, .count = ARRAY_LEN(things), .catalog = catalog_of(LANGUAGE_ENGLISH)};
    json_decref(map_picture(&ask));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_on_paper_are_those_on_the_ground),
        cmocka_unit_test(north_is_up_and_east_is_right),
        cmocka_unit_test(all_points_are_inside_the_margin),
        cmocka_unit_test(one_point_or_none_still_makes_a_map),
        cmocka_unit_test(round_distances_are_one_two_or_five),
        cmocka_unit_test(close_marks_become_one_in_the_order_of_the_list),
        cmocka_unit_test(labels_never_cover_each_other_or_leave_the_paper),
        cmocka_unit_test(a_second_thing_at_one_place_stands_beside_the_first),
        cmocka_unit_test(text_is_as_wide_as_its_letters_not_its_bytes),
        cmocka_unit_test(a_picture_has_every_mark_on_both_papers),
        cmocka_unit_test(what_is_far_from_all_others_is_left_out_and_counted),
        cmocka_unit_test(a_thousand_things_make_a_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
