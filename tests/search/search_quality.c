/*
 * Do everyday questions find the right kind of service? Imports the real records of this folder and
 * of tests/vectors/data, asks every question of questions.tsv and counts those with a right answer
 * among the first five (success@5): for the questions that were used for tuning, for those written
 * before ("held"), and for those written after and not used ("blind", for information). Ends with
 * status 1 when tune, held or all of them is under 0.9.
 *
 *   search_quality DIR VECTORS [--misses]    this folder, and tests/vectors/data
 */
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/domain/directory.h"
#include "hub/domain/import.h"
#include "tests/support/fake.h"
#include <stdio.h>
#include <stdlib.h>

#define FIRST       5
#define TARGET      0.9
#define SETS        4
#define SETS_KNOWN  2 /* the first: what is asked for of each */
#define THEMES_MAX  128
#define JUDGED_MAX  4096
#define COLUMNS_MAX 4

static const char *const set_names[SETS] = {"tune", "held", "fresh", "blind"};

struct tally {
    char theme[96]; /* of which family the question is; "" in the sum over a set */
    unsigned asked, found;
};

struct judged { /* what a record is about, by its name */
    const char *id, *themes;
};

struct quality {
    struct tx tx;
    struct arena *arena; /* of the files read */
    struct judged judged[JUDGED_MAX];
    size_t judged_count;
    struct tally sets[SETS], families[THEMES_MAX];
    size_t family_count;
    bool show_misses;
};

static void stop(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->msg);
    exit(2);
}

static char *read_text(struct arena *arena, const char *dir, const char *name)
{
    char path[1024];
    AUTO(buf_done) struct buf text = {0};
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    size_t got;
    do {
        got = fread(buf_reserve(&text, 65536), 1, 65536, file);
        text.len += got;
    } while (got > 0);
    fclose(file);
    return arena_textn(arena, text.data, text.len);
}

/* Splits a line at tabs; false for comments and blank lines. */
static bool next_row(char **at, char *columns[COLUMNS_MAX])
{
    while (**at) {
        char *line = *at;
        char *end = line + strcspn(line, "\n");
        *at = end + (*end == '\n');
        *end = '\0';
        if (!*line || *line == '#')
            continue;
        for (size_t i = 0; i < COLUMNS_MAX; i++) {
            columns[i] = line;
            line += strcspn(line, "\t");
            if (*line)
                *line++ = '\0';
        }
        return true;
    }
    return false;
}

static void read_judged(struct quality *q, const char *dir)
{
    char *at = read_text(q->arena, dir, "judged.tsv"), *columns[COLUMNS_MAX];
    while (next_row(&at, columns) && q->judged_count < JUDGED_MAX)
        q->judged[q->judged_count++] = (struct judged){columns[0], columns[1]};
}

static void import(struct quality *q, const char *format, const char *dir, const char *structures,
                   const char *services_dir, const char *services)
{
    struct err err = {0};
    struct import_report report;
    const struct import_file file = {
        .format = format,
        .file = bytes_text(read_text(q->arena, dir, structures)),
        .services =
            services ? bytes_text(read_text(q->arena, services_dir, services)) : (struct bytes){0},
        .source = "test",
    };
    if (!directory_import(&q->tx, &file, &report, &err))
        stop(structures, &err);
    arena_reset(q->tx.arena);
}

/* Is `theme` one of the `wanted`, or in one of the families wanted? */
static bool is_wanted(const char *theme, size_t len, const char *wanted)
{
    while (*wanted) {
        size_t want = strcspn(wanted, "|");
        bool same = want == len && memcmp(theme, wanted, len) == 0;
        bool inside = want < len && memcmp(theme, wanted, want) == 0 && theme[want] == '-' &&
                      theme[want + 1] == '-';
        if (same || inside)
            return true;
        wanted += want + (wanted[want] == '|');
    }
    return false;
}

static bool has_wanted(const char *themes, const char *wanted)
{
    while (*themes) {
        size_t len = strcspn(themes, "|");
        if (is_wanted(themes, len, wanted))
            return true;
        themes += len + (themes[len] == '|');
    }
    return false;
}

static bool is_right(const struct quality *q, const struct directory_service *service,
                     const char *wanted)
{
    for (size_t i = 0; i < service->content->n_theme; i++)
        if (is_wanted(service->content->theme[i], strlen(service->content->theme[i]), wanted))
            return true;
    const char *slash = strchr(service->record, '/');
    for (size_t i = 0; slash && i < q->judged_count; i++)
        if (strcmp(q->judged[i].id, slash + 1) == 0)
            return has_wanted(q->judged[i].themes, wanted);
    return false;
}

static struct tally *family_of(struct quality *q, const char *wanted)
{
    char family[sizeof(q->families[0].theme)];
    const char *sub = strstr(wanted, "--");
    size_t len = strcspn(wanted, "|");
    if (sub && (size_t)(sub - wanted) < len)
        len = (size_t)(sub - wanted);
    snprintf(family, sizeof(family), "%.*s", (int)len, wanted);
    for (size_t i = 0; i < q->family_count; i++)
        if (strcmp(q->families[i].theme, family) == 0)
            return &q->families[i];
    if (q->family_count == THEMES_MAX)
        abort();
    struct tally *tally = &q->families[q->family_count++];
    memcpy(tally->theme, family, sizeof(family));
    return tally;
}

static void show_miss(const char *set, const char *words, const char *near,
                      const struct directory_results *results)
{
    printf("  missed (%s): %s%s%s\n", set, words, *near ? ", near " : "", near);
    for (size_t i = 0; i < results->count && i < FIRST; i++)
        printf("      %s\n", results->services[i].content->name);
}

static void ask(struct quality *q, char *const columns[COLUMNS_MAX])
{
    struct err err = {0};
    struct directory_results results;
    size_t set = SETS - 1;
    while (set > 0 && strcmp(columns[0], set_names[set]) != 0)
        set--;
    const struct directory_query query = {.words = columns[1], .near = columns[2], .limit = FIRST};
    bool found = false;
    if (!directory_search(q->tx.store, q->tx.arena, &query, &results, &err))
        stop(columns[1], &err);
    for (size_t i = 0; i < results.count; i++)
        found = found || is_right(q, &results.services[i], columns[3]);
    struct tally *family = family_of(q, columns[3]);
    q->sets[set].asked++;
    family->asked++;
    q->sets[set].found += found;
    family->found += found;
    if (!found && q->show_misses)
        show_miss(columns[0], columns[1], columns[2], &results);
    arena_reset(q->tx.arena);
}

static double share(const struct tally *tally)
{
    return tally->asked ? (double)tally->found / tally->asked : 0;
}

static bool report(const struct quality *q)
{
    bool good = true;
    for (size_t i = 0; i < q->family_count; i++)
        printf("  %-48s %2u of %2u\n", q->families[i].theme, q->families[i].found,
               q->families[i].asked);
    for (size_t i = 0; i < SETS; i++) {
        printf("success@%d %s: %.2f (%u of %u)\n", FIRST, set_names[i], share(&q->sets[i]),
               q->sets[i].found, q->sets[i].asked);
        good = good && (i >= SETS_KNOWN || share(&q->sets[i]) >= TARGET);
    }
    struct tally all = {.asked = 0};
    for (size_t i = 0; i < SETS; i++) {
        all.asked += q->sets[i].asked;
        all.found += q->sets[i].found;
    }
    good = good && share(&all) >= TARGET;
    printf(
        "success@%d overall: %.2f (%u of %u), at least %.1f of tune, held and all asked for: %s\n",
        FIRST, share(&all), all.found, all.asked, TARGET, good ? "ok" : "BELOW");
    return good;
}

int main(int argc, char **argv)
{
    static const char *const places[] = {
        "hinaura-auvergne-rhone-alpes-2021.json",
        "hub-du-sud-paca-2023.json",
        "nouvelle-caledonie-2024.json",
        "bus-france-services-charente-2023.json",
        "conseillers-numeriques-france-2022.json",
    };
    static struct quality q;
    static struct counters counters;
    struct err err = {0};
    if (argc < 3 || !secret_setup()) {
        fprintf(stderr, "usage: search_quality DIR VECTORS [--misses]\n");
        return 2;
    }
    struct fake_random random;
    struct fake_clock clock;
    fake_random_init(&random, 7);
    fake_clock_init(&clock);
    const struct store_options options = {.path = ":memory:", .mode = STORE_WRITE};
    AUTO(store_close) struct store *store = store_open(&options, &err);
    if (!store || !store_begin(store, &err))
        stop("open a store", &err);
    AUTO(arena_free) struct arena *arena = arena_create(0), *call = arena_create(0);
    AUTO(identity_free)
    struct identity *self = identity_create_memory(&random.source, clock.wall);
    q.tx = (struct tx){.store = store,
                       .arena = call,
                       .now = clock.wall,
                       .self = self,
                       .random = &random.source,
                       .counters = &counters};
    q.arena = arena;
    q.show_misses = argc > 3;
    import(&q, "data-inclusion", argv[1], "structures.json", argv[1], "services.json");
    import(&q, "data-inclusion", argv[2], "redon-structures.json", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        import(&q, "mediation-numerique", argv[2], places[i], NULL, NULL);
    read_judged(&q, argv[1]);
    char *at = read_text(arena, argv[1], "questions.tsv"), *columns[COLUMNS_MAX];
    while (next_row(&at, columns))
        ask(&q, columns);
    bool good = report(&q);
    free(q.tx.effects.list);
    return good ? 0 : 1;
}
