#include "hub/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *why;
    struct bytes text;
    bool valid;
} validity[] = {
    {"empty", BYTES_LITERAL(""), true},
    {"French with line breaks", BYTES_LITERAL("Où ?\r\n\tIci, à l’été\n"), true},
    {"four bytes", BYTES_LITERAL("\xf0\x9f\x8d\xb2"), true},
    {"NUL", BYTES_LITERAL("a\0b"), false},
    {"escape", BYTES_LITERAL("a\x1b[2J"), false},
    {"overlong", BYTES_LITERAL("\xc0\xaf"), false},
    {"surrogate", BYTES_LITERAL("\xed\xa0\x80"), false},
    {"beyond U+10FFFF", BYTES_LITERAL("\xf4\x90\x80\x80"), false},
    {"cut", BYTES_LITERAL("caf\xc3"), false},
    {"lone continuation", BYTES_LITERAL("\x80"), false},
};

static void only_clean_utf8_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(validity); i++)
        if (text_is_valid(validity[i].text) != validity[i].valid)
            fail_msg("%s", validity[i].why);
}

static void length_counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(text_length(bytes_text("été 🍲")), 5);
    assert_int_equal(text_length((struct bytes){0}), 0);
}

static const struct {
    const char *text, *folded;
} foldings[] = {
    {"", ""},
    {"  ", ""},
    {"Écluse", "ecluse"},
    {"E\xcc\x81"
     "cluse",
     "ecluse"}, /* decomposed */
    {"CŒUR, Lætitia", "coeur laetitia"},
    {"Straße", "strasse"},
    {"l’Hôtel-Dieu (Paris)", "l'hotel dieu paris"},
    {"l'Hôtel—Dieu", "l'hotel dieu"},
    {"‘cité’ 'x' o''o", "cite x o o"},
    {"ﬁn ²³ Ⅳ", "fin 23 iv"},
    {"İstanbul", "istanbul"},
    {"co\xc2\xad"
     "opération",
     "cooperation"}, /* soft hyphen */
    {"\tun\n deux  ", "un deux"},
    {"Ἀθῆναι", "αθηναι"},
    {"🍲 soupe 🍲", "soupe"},
};

static void folding_makes_spellings_of_a_word_equal(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (size_t i = 0; i < ARRAY_LEN(foldings); i++) {
        char *folded = text_fold(arena, bytes_text(foldings[i].text));
        assert_non_null(folded);
        assert_string_equal(folded, foldings[i].folded);
        assert_string_equal(text_fold(arena, bytes_text(folded)), folded);
    }
    assert_null(text_fold(arena, BYTES_LITERAL("caf\xc3")));
    assert_null(text_fold(arena, BYTES_LITERAL("\xff")));
}

static void copying_never_splits_a_code_point(void **state)
{
    (void)state;
    char out[6] = "xxxxx";
    text_copy(out, sizeof(out), "abcdé");
    assert_string_equal(out, "abcd");
    text_copy(out, sizeof(out), "abcé");
    assert_string_equal(out, "abcé");
    text_copy(out, 1, "é");
    assert_string_equal(out, "");
    out[0] = 'k';
    text_copy(out, 0, "a");
    assert_int_equal(out[0], 'k');
}

static const struct {
    const char *text;
    int64_t ms;
    const char *shown;
} times[] = {
    {"1970-01-01", 0, "1970-01-01T00:00:00.000Z"},
    {"2026-11-22T08:20:40.123Z", 1795335640123, "2026-11-22T08:20:40.123Z"},
    {"2026-11-22T08:20Z", 1795335600000, "2026-11-22T08:20:00.000Z"},
    {"2026-11-22T09:20:40+01:00", 1795335640000, "2026-11-22T08:20:40.000Z"},
    {"2026-11-21T23:50-08:30", 1795335600000, "2026-11-22T08:20:00.000Z"},
    {"2024-02-29", 1709164800000, "2024-02-29T00:00:00.000Z"},
    {"1969-12-31T23:59:59.999Z", -1, "1969-12-31T23:59:59.999Z"},
    {"0000-01-01", -62167219200000, "0000-01-01T00:00:00.000Z"},
    {"9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z"},
};

static void times_are_read_and_shown_in_utc(void **state)
{
    (void)state;
    char out[25];
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        int64_t ms = 42;
        assert_true(text_parse_time(times[i].text, &ms));
        assert_int_equal(ms, times[i].ms);
        assert_string_equal(text_time(ms, out), times[i].shown);
    }
    assert_string_equal(text_time(INT64_MAX, out), "9999-12-31T23:59:59.999Z");
    assert_string_equal(text_time(INT64_MIN, out), "0000-01-01T00:00:00.000Z");
}

static void other_times_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "2026",
        "2026-11-31",
        "2025-02-29",
        "1900-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-1-1",
        "22/11/2026",
        "2026-11-22T08:20",
        "2026-11-22T08Z",
        "2026-11-22T24:00Z",
        "2026-11-22T08:60Z",
        "2026-11-22T08:20:60Z",
        "2026-11-22T08:20:40.12Z",
        "2026-11-22T08:20:40.1234Z",
        "2026-11-22T08:20:40+0100",
        "2026-11-22T08:20:40+24:00",
        "2026-11-22 08:20:40Z",
        "2026-11-22T08:20:40Zx",
        " 2026-11-22",
        "2026-11-22 ",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int64_t ms = 42;
        if (text_parse_time(wrong[i], &ms))
            fail_msg("accepted \"%s\"", wrong[i]);
        assert_int_equal(ms, 42);
    }
}

static void integers_are_strict(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "-",
                                        "+1",
                                        "--1",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "0x1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999"};
    int64_t value = 0;
    assert_true(text_parse_i64("9223372036854775807", &value));
    assert_true(value == INT64_MAX);
    assert_true(text_parse_i64("-9223372036854775808", &value));
    assert_true(value == INT64_MIN);
    assert_true(text_parse_i64("0", &value));
    assert_int_equal(value, 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (text_parse_i64(wrong[i], &value))
            fail_msg("accepted \"%s\"", wrong[i]);
    assert_int_equal(value, 0);
}

/* Numbers are of the range that ARCEP keeps for fiction (06 39 98 …). */
static const struct {
    const char *text, *found; /* NULL: nothing personal */
} notices[] = {
    {"Écrire à a.b-c+d@exemple.fr avant lundi", "e-mail"},
    {"contact : nom@sous.domaine.exemple", "e-mail"},
    {"nom (at) exemple.fr", "e-mail"},
    {"nom[arobase]exemple.fr", "e-mail"},
    {"Suivez @exemple et #hiver", NULL},
    {"3 @ 2 euros", NULL},
    {"a@b", NULL},
    {"Appeler le 06 39 98 00 12.", "phone"},
    {"Appeler le 0639980012", "phone"},
    {"06.39.98.00.12", "phone"},
    {"06-39-98-00-12", "phone"},
    {"06/39/98/00/12", "phone"},
    {"06 - 39 - 98 - 00 - 12", "phone"},
    {"0639 980 012", "phone"},
    {"06\xc2\xa0"
     "39\xc2\xa0"
     "98\xc2\xa0"
     "00\xc2\xa0"
     "12",
     "phone"},
    {"06\xe2\x80\xaf"
     "39\xe2\x80\xaf"
     "98\xe2\x80\xaf"
     "00\xe2\x80\xaf"
     "12",
     "phone"},
    {"bureau 12 06 39 98 00 12", "phone"},
    {"06 39 98 00 12 06 39 98 00 13", "phone"},
    {"+33 6 39 98 00 12", "phone"},
    {"+33639980012", "phone"},
    {"+33 (0)6 39 98 00 12", "phone"},
    {"+32 470 12 34 56", "phone"},
    {"+352 621 123 456", "phone"},
    {"(+49) 30 1234567", "phone"},
    {"0033 6 39 98 00 12", "phone"},
    {"00 33 6 39 98 00 12", "phone"},
    {"Composez le 115 ou le 3919, ou 39 19, ou le 116 000", NULL},
    {"12 000 repas, 1 250 000 kg, 0,50 euro, +12 000 repas", NULL},
    {"+150 000 000 euros", NULL},
    {"+20 places", NULL},
    {"SIRET 732 829 320 00074", NULL},
    {"SIRET 73282932000074", NULL},
    {"SIRET 005 520 135 00011", NULL},
    {"SIREN 012 345 678", NULL},
    {"75010 Paris, 01000 69001, 01000-13001", NULL},
    {"FINESS 010008407", NULL},
    {"ouvert du 01/09/2026 au 30/06/2027 de 09h00 à 12h30", NULL},
    {"le 01.09.2026 14 h, le 01/09/2026 1430", NULL},
    {"rentrée 09 2025-2026", NULL},
    {"2026-09-01T08:30:00Z", NULL},
    {"position 48.8566 2.3522, taux 0.123456789", NULL},
    {"né le 3 mai 1980", "birth date"},
    {"Née le 03/05/1980", "birth date"},
    {"né(e) le : 3", "birth date"},
    {"NÉ LE 3 MAI 1980", "birth date"},
    {"une femme née en 1980", "birth date"},
    {"Born on May 3, 1980", "birth date"},
    {"date de naissance : 3 mai 1980", "birth date"},
    {"(03/05/1980)", "birth date"},
    {"3-5-1980", "birth date"},
    {"03.05.2014", "birth date"},
    {"03/05/2015", NULL},
    {"un projet né le lendemain de la fermeture", NULL},
    {"une année le 3", NULL},
    {"indiquer la date de naissance sur la fiche, pas ici", NULL},
    {"", NULL},
};

static void personal_data_is_found_in_notices(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(notices); i++) {
        const char *found = text_personal_data(bytes_text(notices[i].text));
        if ((found == NULL) != (notices[i].found == NULL) ||
            (found && strcmp(found, notices[i].found) != 0))
            fail_msg("\"%s\": %s", notices[i].text, found ? found : "nothing found");
    }
}

static void the_linter_survives_any_bytes(void **state)
{
    (void)state;
    char digits[400];
    for (size_t len = 0; len < sizeof(digits); len++) {
        memset(digits, '0' + (int)(len % 10), len);
        text_personal_data(bytes_of(digits, len));
        for (size_t i = 1; i < len; i += 2)
            digits[i] = ' ';
        text_personal_data(bytes_of(digits, len));
    }
    text_personal_data(BYTES_LITERAL("+"));
    text_personal_data(BYTES_LITERAL("+3(0)"));
    text_personal_data(BYTES_LITERAL("n\xc3"));
    text_personal_data(BYTES_LITERAL("@"));
}

static void visible_text_holds_no_mark_that_turns_writing_around(void **state)
{
    (void)state;
    static const char *const turned[] = {"a\xe2\x80\xaa",
                                         ("\xe2\x80\xae"
                                          "b"),
                                         "\xe2\x81\xa6",
                                         "\xe2\x81\xa9",
                                         "\xc2\x85",
                                         "\x7f",
                                         "\xff",
                                         "a\x01"};
    static const char *const fine[] = {
        "", "Zo\xc3\xa9\n", "\xd9\x86\xd9\x88\xd8\xb1", "\xe2\x80\x8f", "\xe2\x80\x99", "\xc2\xa0"};
    for (size_t i = 0; i < ARRAY_LEN(turned); i++)
        assert_false(text_is_visible(bytes_text(turned[i])));
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        assert_true(text_is_visible(bytes_text(fine[i])));
    assert_true(text_is_right_to_left(bytes_text("a \xd7\xa9")));
    assert_true(text_is_right_to_left(bytes_text("\xd9\x86\xd9\x88\xd8\xb1")));
    assert_false(text_is_right_to_left(bytes_text("Zo\xc3\xa9 \xe4\xb8\xad 12")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_clean_utf8_is_valid),
        cmocka_unit_test(length_counts_code_points),
        cmocka_unit_test(visible_text_holds_no_mark_that_turns_writing_around),
        cmocka_unit_test(folding_makes_spellings_of_a_word_equal),
        cmocka_unit_test(copying_never_splits_a_code_point),
        cmocka_unit_test(times_are_read_and_shown_in_utc),
        cmocka_unit_test(other_times_are_refused),
        cmocka_unit_test(integers_are_strict),
        cmocka_unit_test(personal_data_is_found_in_notices),
        cmocka_unit_test(the_linter_survives_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
