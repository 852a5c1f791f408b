#include "places.h"

#include "unit.h"

#include <string.h>

START_TEST(the_nearest_known_place_is_named)
{
    struct field_places *places = field_places_create("f.yaml");
    char out[64];
    field_places_find(places, "/a", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:1:1");
    field_places_add(places, "", 2, 1);
    field_places_add(places, "/a", 3, 5);
    field_places_find(places, "/a", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:3:5");
    field_places_find(places, "/a/b/c", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:3:5");
    field_places_find(places, "/other", out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:2:1");
    field_places_at(places, 9, 8, out, sizeof(out));
    ck_assert_str_eq(out, "f.yaml:9:8");
    field_places_destroy(places);
}
END_TEST

START_TEST(a_long_file_name_loses_its_beginning)
{
    struct field_places *places = field_places_create("0123456789abcdef");
    char out[12];
    field_places_at(places, 12, 34, out, sizeof(out));
    ck_assert_str_eq(out, "bcdef:12:34");
    field_places_destroy(places);
    field_places_destroy(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_nearest_known_place_is_named,
        a_long_file_name_loses_its_beginning,
        NULL,
    };
    return unit_run(unit_suite("places", tests));
}
