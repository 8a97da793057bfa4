/*
 * Import and search of a large directory: N services made of the real ones of tests/search, with
 * other identifiers, places and words of places.
 *
 *   bench_search DIR N [FILE]    DIR: tests/search. FILE: where the store goes, else in memory.
 *
 * Prints created_per_s, updated_per_s (a new text each), dated_per_s (a new date each),
 * unchanged_per_s, renamed_per_s (a new name each), step_ms (the longest stretch between two
 * commits), searches, p50_ms, p99_ms, max_ms, found (share of the questions with an answer) and
 * rss_mib. With BENCH_CPU in the environment times are of the processor, not of the clock; with
 * BENCH_SLOW=MS slow searches are shown.
 */
#include "hub/crypto/secret.h"
#include "hub/domain/directory.h"
#include "hub/domain/import.h"
#include "tests/support/fake.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILE_RECORDS     5000
#define CHECKPOINT_PAGES 4000
#define QUESTIONS_MAX    256
#define ROUNDS           8

struct place_row {
    const char *commune, *postal_code, *insee;
    double latitude, longitude;
};

struct bench {
    struct tx tx;
    struct store *reader; /* NULL: in memory, the only connection does all */
    json_t *services, *structures;
    struct place_row *places;
    size_t place_count, count;
    char *questions[QUESTIONS_MAX];
    size_t question_count;
    double longest_ms;
    uint64_t random;
    bool renamed;
};

static void stop(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->msg);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(getenv("BENCH_CPU") ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static uint64_t next_random(struct bench *b)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 7;
    b->random ^= b->random << 17;
    return b->random;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_t *load(const char *dir, const char *name)
{
    char path[1024];
    json_error_t where;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    json_t *list = json_load_file(path, 0, &where);
    if (!list) {
        fprintf(stderr, "%s: %s\n", path, where.text);
        exit(1);
    }
    return list;
}

static void read_questions(struct bench *b, const char *dir)
{
    char path[1024], line[1024];
    snprintf(path, sizeof(path), "%s/questions.tsv", dir);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof(line), file) && b->question_count < QUESTIONS_MAX) {
        char *words = strchr(line, '\t');
        if (*line == '#' || !words)
            continue;
        words[1 + strcspn(words + 1, "\t")] = '\0';
        b->questions[b->question_count++] = strdup(words + 1);
    }
    if (file)
        fclose(file);
}

static void read_places(struct bench *b)
{
    size_t count = json_array_size(b->structures);
    b->places = calloc(count + 1, sizeof(*b->places));
    for (size_t i = 0; i < count; i++) {
        const json_t *s = json_array_get(b->structures, i);
        const json_t *latitude = json_object_get(s, "latitude");
        if (!json_is_number(latitude) || !*text_of(s, "commune"))
            continue;
        b->places[b->place_count++] = (struct place_row){
            text_of(s, "commune"), text_of(s, "code_postal"), text_of(s, "code_insee"),
            json_number_value(latitude), json_number_value(json_object_get(s, "longitude"))};
    }
    if (b->place_count == 0)
        b->places[b->place_count++] = (struct place_row){"Redon", "35600", "35236", 47.65, -2.08};
}

/* Record `n`: the same each time, but for `edition` of its text and the day. */
static json_t *make_record(struct bench *b, size_t n, int edition, int day)
{
    json_t *record = json_deep_copy(json_array_get(b->services, n % json_array_size(b->services)));
    b->random = 0x9e3779b97f4a7c15 * (n + 1) | 1;
    next_random(b);
    const struct place_row *place = &b->places[next_random(b) % b->place_count];
    double spread = (double)(next_random(b) % 4000) / 10000 - 0.2;
    char id[64], date[16], text[4096];
    snprintf(id, sizeof(id), "%zu", n);
    snprintf(date, sizeof(date), "2022-06-%02d", day);
    snprintf(text, sizeof(text), "%s (%s)", text_of(record, "nom"), place->commune);
    json_object_set_new(record, "id", json_string(id));
    json_object_del(record, "structure_id");
    if (n % 3 == 0)
        json_object_set_new(record, "nom", json_string(text));
    if (b->renamed) {
        snprintf(text, sizeof(text), "%s autrement", text_of(record, "nom"));
        json_object_set_new(record, "nom", json_string(text));
    }
    snprintf(text, sizeof(text), "%.3500s\nAccueil numéro %d, dossier %llx.",
             text_of(record, "presentation_resume"), edition,
             (unsigned long long)next_random(b) % 100000);
    json_object_set_new(record, "presentation_resume", json_string(text));
    json_object_set_new(record, "date_maj", json_string(date));
    json_object_set_new(record, "commune", json_string(place->commune));
    json_object_set_new(record, "code_postal", json_string(place->postal_code));
    json_object_set_new(record, "code_insee", json_string(place->insee));
    json_object_set_new(record, "latitude", json_real(place->latitude + spread));
    json_object_set_new(record, "longitude", json_real(place->longitude - spread / 2));
    return record;
}

static char *make_file(struct bench *b, size_t from, size_t to, int edition, int day)
{
    json_t *list = json_array();
    for (size_t n = from; n < to; n++)
        json_array_append_new(list, make_record(b, n, edition, day));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

static void commit(struct bench *b, struct err *err)
{
    if (!store_commit(b->tx.store, err) || !store_begin(b->tx.store, err))
        stop("commit", err);
    if (b->reader && store_wal_pages(b->tx.store) > CHECKPOINT_PAGES)
        store_checkpoint(b->reader); /* as the hub's reader does */
}

/* In steps, each committed, as the hub does. */
static double import_file(struct bench *b, const char *text)
{
    struct err err = {0};
    const struct import_file file = {
        .format = "data-inclusion", .file = bytes_text(text), .source = "bench"};
    bool more = true;
    double start = now_ms();
    AUTO(import_free) struct import *import = import_begin(b->tx.arena, &file, &err);
    if (!import)
        stop("import", &err);
    while (more) {
        double begin = now_ms();
        if (!import_step(import, &b->tx, IMPORT_STEP, &more, &err))
            stop("import", &err);
        commit(b, &err);
        double took = now_ms() - begin;
        b->longest_ms = took > b->longest_ms ? took : b->longest_ms;
    }
    double took = now_ms() - start;
    arena_reset(b->tx.arena);
    return took;
}

static double import_all(struct bench *b, size_t count, int edition, int day)
{
    double took = 0;
    for (size_t from = 0; from < count; from += FILE_RECORDS) {
        size_t to = from + FILE_RECORDS < count ? from + FILE_RECORDS : count;
        char *text = make_file(b, from, to, edition, day);
        took += import_file(b, text);
        free(text);
    }
    return (double)count / (took / 1e3);
}

/* As people ask: with and without a place, a filter, or half typed. */
static double ask(struct bench *b, const char *words, size_t round, bool *ret_found)
{
    struct err err = {0};
    struct directory_results results;
    char typed[256];
    const struct place_row *place = &b->places[next_random(b) % b->place_count];
    snprintf(typed, sizeof(typed), "%s", words);
    if (round % 4 == 3 && strlen(typed) > 8)
        typed[strlen(typed) - 2] = '\0';
    const struct directory_query query = {
        .words = typed,
        .near = round % 2 ? place->commune : "",
        .km = round % 4 == 1 ? 20 : 0,
        .person = {.age = round == 5 ? 30 : 0, .price = round == 6 ? "gratuit" : ""},
        .theme = round == 7 ? "mobilite" : "",
    };
    double start = now_ms();
    struct store *store = b->reader ? b->reader : b->tx.store;
    if (!directory_search(store, b->tx.arena, &query, &results, &err))
        stop(typed, &err);
    double took = now_ms() - start;
    *ret_found = results.count > 0;
    arena_reset(b->tx.arena);
    if (getenv("BENCH_SLOW") && took > strtod(getenv("BENCH_SLOW"), NULL))
        fprintf(stderr, "%6.1f ms round %zu near \"%s\" km %u: %s\n", took, round, query.near,
                query.km, typed);
    return took;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure_search(struct bench *b)
{
    size_t count = 0, found = 0;
    double *took = calloc(b->question_count * ROUNDS + 1, sizeof(*took));
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < b->question_count; i++) {
            bool any;
            took[count++] = ask(b, b->questions[i], round, &any);
            found += any;
        }
    qsort(took, count, sizeof(*took), by_size);
    printf("searches=%zu p50_ms=%.3f p99_ms=%.3f max_ms=%.3f found=%.3f ", count, took[count / 2],
           took[count * 99 / 100], took[count - 1], (double)found / (double)count);
    free(took);
}

static double resident_mib(void)
{
    char line[256];
    double kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (file)
        fclose(file);
    return kib / 1024;
}

int main(int argc, char **argv)
{
    static struct bench b;
    static struct counters counters;
    struct err err = {0};
    struct fake_random random;
    struct fake_clock clock;
    if (argc < 3 || !secret_setup()) {
        fprintf(stderr, "usage: bench_search DIR N [FILE]\n");
        return 2;
    }
    b.services = load(argv[1], "services.json");
    b.structures = load(argv[1], "structures.json");
    read_questions(&b, argv[1]);
    read_places(&b);
    b.count = strtoul(argv[2], NULL, 10);
    fake_random_init(&random, 7);
    fake_clock_init(&clock);
    const struct store_options options = {.path = argc > 3 ? argv[3] : ":memory:",
                                          .mode = STORE_WRITE};
    AUTO(store_close) struct store *store = store_open(&options, &err);
    if (!store || !store_begin(store, &err))
        stop("open a store", &err);
    const struct store_options reading = {
        .path = options.path, .mode = STORE_READ, .writer = store};
    AUTO(store_close) struct store *reader = argc > 3 ? store_open(&reading, &err) : NULL;
    if (argc > 3 && !reader)
        stop("open a reader", &err);
    b.reader = reader;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(identity_free)
    struct identity *self = identity_create_memory(&random.source, clock.wall);
    b.tx = (struct tx){.store = store,
                       .arena = arena,
                       .now = clock.wall,
                       .self = self,
                       .random = &random.source,
                       .counters = &counters};
    printf("created_per_s=%.0f ", import_all(&b, b.count, 1, 1));
    measure_search(&b);
    size_t again = b.count < 20000 ? b.count : 20000;
    printf("updated_per_s=%.0f ", import_all(&b, again, 2, 1));
    printf("dated_per_s=%.0f ", import_all(&b, again, 2, 2));
    printf("unchanged_per_s=%.0f ", import_all(&b, again, 2, 2));
    b.renamed = true;
    printf("renamed_per_s=%.0f ", import_all(&b, again, 2, 2));
    printf("step_ms=%.1f rss_mib=%.1f\n", b.longest_ms, resident_mib());
    if (!store_commit(store, &err))
        stop("commit", &err);
    for (size_t i = 0; i < b.question_count; i++)
        free(b.questions[i]);
    free(b.places);
    json_decref(b.services);
    json_decref(b.structures);
    return 0;
}
