#include "hub/crypto/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char dir[64], certificate[96], key[96];
};

static int make_place(void **state)
{
    static struct place place;
    snprintf(place.dir, sizeof(place.dir), "certificate-XXXXXX");
    assert_non_null(mkdtemp(place.dir));
    snprintf(place.certificate, sizeof(place.certificate), "%s/tls.crt", place.dir);
    snprintf(place.key, sizeof(place.key), "%s/tls.key", place.dir);
    *state = &place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    unlink(place->certificate);
    unlink(place->key);
    return rmdir(place->dir);
}

static void a_new_certificate_loads_and_its_key_is_private(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    struct stat key;
    struct wall now = clock_wall(&clock_system);
    assert_true(certificate_create(place->certificate, place->key, "127.0.0.1", now, &err));
    assert_true(certificate_check(place->certificate, place->key, &err));
    assert_int_equal(stat(place->key, &key), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
}

static void an_existing_file_is_left_alone(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    struct wall now = clock_wall(&clock_system);
    assert_true(certificate_create(place->certificate, place->key, "", now, &err));
    assert_int_equal(unlink(place->key), 0);
    assert_false(certificate_create(place->certificate, place->key, "", now, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(access(place->key, F_OK), -1);
}

static void files_that_do_not_fit_are_named(void **state)
{
    struct place *place = *state;
    struct err err = {0};
    struct wall now = clock_wall(&clock_system);
    assert_false(certificate_check(place->certificate, place->key, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_true(certificate_create(place->certificate, place->key, "hub.example", now, &err));
    assert_false(certificate_check(place->key, place->key, &err));
    assert_false(certificate_check(place->certificate, place->certificate, &err));
}

static void without_tls_there_is_no_binding(void **state)
{
    uint8_t binding[TLS_BINDING_BYTES];
    (void)state;
    assert_false(tls_binding(NULL, binding));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_certificate_loads_and_its_key_is_private, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(an_existing_file_is_left_alone, make_place, remove_place),
        cmocka_unit_test_setup_teardown(files_that_do_not_fit_are_named, make_place, remove_place),
        cmocka_unit_test(without_tls_there_is_no_binding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
