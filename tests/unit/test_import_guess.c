#include "hub/domain/import_guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool read_vector(const char *name, struct buf *out)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", getenv("MAILLON_VECTORS"), name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t got; (got = fread(buf_reserve(out, 65536), 1, 65536, file)) > 0;)
        out->len += got;
    fclose(file);
    return true;
}

static void real_files_are_recognised(void **state)
{
    static const struct {
        const char *name, *format;
    } files[] = {
        {"data/data-inclusion-services.json", "data-inclusion"},
        {"data/hinaura-auvergne-rhone-alpes-2021.json", "mediation-numerique"},
        {"data/hub-du-sud-paca-2023.json", "mediation-numerique"},
        {"data/nouvelle-caledonie-2024.json", "mediation-numerique"},
        {"data/bus-france-services-charente-2023.json", "mediation-numerique"},
        {"data/conseillers-numeriques-france-2022.json", "mediation-numerique"},
        {"data/gironde.json", "mediation-numerique"},
        {"data/maine-et-loire.json", "mediation-numerique"},
        {"data/angers.json", "mediation-numerique"},
        {"data/redon-structures.json", "mediation-numerique"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        AUTO(buf_done) struct buf file = {0};
        assert_true(read_vector(files[i].name, &file));
        const char *guess = import_guess(buf_bytes(&file));
        if (!guess || strcmp(guess, files[i].format) != 0)
            fail_msg("%s: %s", files[i].name, guess ? guess : "nothing");
    }
}

static void columns_tell_the_format(void **state)
{
    static const struct {
        const char *file, *format; /* NULL: nothing tells */
    } cases[] = {
        {"[{\"id\":\"1\",\"nom\":\"x\",\"thematiques\":[]}]", "data-inclusion"},
        {"{\"services\":[{\"structure_id\":\"1\"}]}", "data-inclusion"},
        {"[{\"organization\":{\"id\":\"1\"},\"alternate_name\":\"x\"}]", "hsds"},
        {"{\"total_items\":1,\"contents\":[]}", "hsds"},
        {"#table organizations.csv\nid,name\n1,x\n", "hsds-csv"},
        {"id,organization_id,name,alternate_name\n1,2,x,y\n", "hsds-csv"},
        {"\xef\xbb\xbfid;nom;pivot;commune\r\n1;x;2;y\r\n", "mediation-numerique"},
        {"id;structure_id;nom;thematiques\n", "data-inclusion"},
        {"#table structures.csv\nid;nom;horaires_accueil\n", "data-inclusion"},
        {"[]", NULL},
        {"x", NULL},
        {"", NULL},
        {" ", NULL},
        {"#table ", "hsds-csv"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *guess = import_guess(bytes_text(cases[i].file));
        if (!cases[i].format ? guess != NULL : !guess || strcmp(guess, cases[i].format) != 0)
            fail_msg("%s: %s", cases[i].file, guess ? guess : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_files_are_recognised),
        cmocka_unit_test(columns_tell_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
