#include "hub/crypto/node_id.h"

#include "hub/crypto/secret.h"
#include "hub/crypto/words.h"
#include "tests/support/fake.h"
#include <ctype.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct node_id id_of(uint64_t seed)
{
    struct fake_random random;
    struct node_id id;
    fake_random_init(&random, seed);
    random_fill(&random.source, id.b, sizeof(id.b));
    return id;
}

static void the_text_form_reads_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct node_id id = id_of(seed), back;
        char text[NODE_ID_TEXT];
        assert_int_equal(strlen(node_id_text(&id, text)), NODE_ID_TEXT - 1);
        assert_true(node_id_parse(text, &back));
        assert_true(node_id_equal(&id, &back));
    }
}

static void blanks_hyphens_and_capitals_do_not_matter(void **state)
{
    (void)state;
    struct node_id id = id_of(7), back;
    char text[NODE_ID_TEXT], spaced[3 * NODE_ID_TEXT];
    node_id_text(&id, text);
    size_t at = 0;
    for (size_t i = 0; text[i]; i++) {
        if (i > 0 && i % 4 == 0)
            spaced[at++] = i % 8 ? '-' : ' ';
        spaced[at++] = (char)toupper((unsigned char)text[i]);
    }
    spaced[at++] = '\n';
    spaced[at] = 0;
    assert_true(node_id_parse(spaced, &back));
    assert_true(node_id_equal(&id, &back));
}

static void most_slips_of_the_pen_are_caught_by_the_check_characters(void **state)
{
    (void)state;
    struct node_id id = id_of(3), back;
    char text[NODE_ID_TEXT];
    node_id_text(&id, text);
    size_t accepted = 0, tried = 0;
    for (size_t i = 0; i < NODE_ID_TEXT - 1; i++) {
        char was = text[i];
        for (const char *c = "abcdefghijklmnopqrstuvwxyz234567"; *c; c++) {
            if (*c == was)
                continue;
            text[i] = *c;
            tried++;
            accepted += node_id_parse(text, &back);
        }
        text[i] = was;
    }
    assert_true(accepted * 200 < tried); /* one in 1,024 is expected */
}

static void other_lengths_and_characters_are_refused(void **state)
{
    (void)state;
    struct node_id id = id_of(3), back;
    char text[NODE_ID_TEXT + 1];
    node_id_text(&id, text);
    assert_false(node_id_parse("", &back));
    text[NODE_ID_TEXT - 1] = 'a';
    text[NODE_ID_TEXT] = 0;
    assert_false(node_id_parse(text, &back));
    text[NODE_ID_TEXT - 2] = 0;
    assert_false(node_id_parse(text, &back));
    node_id_text(&id, text);
    text[5] = '1';
    assert_false(node_id_parse(text, &back));
    text[5] = '\xc3';
    assert_false(node_id_parse(text, &back));
    assert_false(node_id_from(bytes_of(id.b, 31), &back));
    assert_true(node_id_from(node_id_bytes(&id), &back));
}

static void the_short_form_is_the_start_of_the_text(void **state)
{
    (void)state;
    struct node_id id = id_of(4);
    char text[NODE_ID_TEXT], start[NODE_ID_SHORT];
    node_id_text(&id, text);
    node_id_short(&id, start);
    assert_int_equal(strlen(start), 10);
    assert_memory_equal(start, text, 10);
}

static void six_words_are_spoken_and_differ_between_ids(void **state)
{
    (void)state;
    struct node_id one = id_of(4), two = id_of(5);
    char a[NODE_ID_WORDS], b[NODE_ID_WORDS];
    size_t blanks = 0;
    for (const char *c = node_id_words(&one, a); *c; c++)
        blanks += *c == ' ';
    assert_int_equal(blanks, 5);
    assert_string_not_equal(a, node_id_words(&two, b));
}

static void the_word_list_is_sorted_distinct_short_and_plain(void **state)
{
    (void)state;
    assert_non_null(words_french[WORDS_COUNT - 1]);
    for (size_t i = 0; i < WORDS_COUNT; i++) {
        const char *word = words_french[i];
        assert_in_range(strlen(word), 4, 7);
        for (const char *c = word; *c; c++)
            assert_true(*c >= 'a' && *c <= 'z');
        if (i > 0)
            assert_true(strcmp(words_french[i - 1], word) < 0);
    }
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_form_reads_back),
        cmocka_unit_test(blanks_hyphens_and_capitals_do_not_matter),
        cmocka_unit_test(most_slips_of_the_pen_are_caught_by_the_check_characters),
        cmocka_unit_test(other_lengths_and_characters_are_refused),
        cmocka_unit_test(the_short_form_is_the_start_of_the_text),
        cmocka_unit_test(six_words_are_spoken_and_differ_between_ids),
        cmocka_unit_test(the_word_list_is_sorted_distinct_short_and_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
