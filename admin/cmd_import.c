/* hubctl directory: open data that comes in, and what people decide about it. */
#include "admin/command.h"
#include "admin/show.h"

#include "hub/api/json.h"
#include "hub/base/mem.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "proto/limits.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PLACES_MAX    8388608 /* the list of all communes has 3 MB */
#define IMPORT_ROOM   4096    /* of the request, beside the files */
#define REPORT_ISSUES 20      /* shown after an import; a screen full */

static void show_first_issues(const json_t *answer, size_t most)
{
    static const struct column columns[] = {
        {"RECORD", COLUMN_CUT}, {"FIELD", 0}, {"WHAT", COLUMN_WRAP}, {"", 0}, {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < most && i < answer_count(answer, "issue"); i++) {
        const json_t *issue = answer_item(answer, "issue", i);
        table_add(table, (const char *[]){answer_text(issue, "record"), answer_text(issue, "field"),
                                          answer_text(issue, "what"),
                                          answer_flag(issue, "refused") ? "refused" : "to review"});
    }
    table_print(table, "Nothing waits for review.");
}

static const char *number_text(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = answer_text(object, name); /* 64-bit numbers are text in JSON */
    if (*text)
        return text;
    snprintf(out, size, "%lld", (long long)answer_number(object, name));
    return out;
}

static void show_groups(const json_t *answer)
{
    static const struct column columns[] = {{"ID", COLUMN_RIGHT},
                                            {"SOURCE", COLUMN_CUT},
                                            {"RECORD", COLUMN_CUT},
                                            {"FIELD", 0},
                                            {"WHAT", COLUMN_WRAP},
                                            {"RECORDS", COLUMN_RIGHT},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "issue"); i++) {
        const json_t *issue = answer_item(answer, "issue", i);
        char id[24], count[SHOW_SIZE];
        bool refused = answer_flag(issue, "refused");
        table_add(table,
                  (const char *[]){refused ? "" : number_text(issue, "id", id, sizeof(id)),
                                   answer_text(issue, "source"), answer_text(issue, "record"),
                                   refused ? "(refused)" : answer_text(issue, "field"),
                                   answer_text(issue, "what"),
                                   show_count(answer_number(issue, "count"), count)});
    }
    table_print(table, "No word and no record waits for review.");
}

/* What tells an entry from its double. */
static const char *entry_words(const json_t *entry, char *out, size_t size)
{
    const char *source = answer_text(entry, "source");
    snprintf(out, size, "%s, %s (%s)", answer_text(entry, "content.name"),
             answer_text(entry, "content.communeName"),
             *source ? source : answer_text(entry, "ownerName"));
    return out;
}

static void show_pairs(const json_t *answer)
{
    static const struct column columns[] = {{"PAIR", COLUMN_RIGHT},
                                            {"ONE", COLUMN_WRAP},
                                            {"ID", 0},
                                            {"OTHER", COLUMN_WRAP},
                                            {"ID", 0},
                                            {"ALIKE", COLUMN_RIGHT},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "pair"); i++) {
        const json_t *pair = answer_item(answer, "pair", i);
        const json_t *first = answer_find(pair, "first"), *second = answer_find(pair, "second");
        char id[24], one[256], other[256], one_id[SHOW_SERVICE], other_id[SHOW_SERVICE], alike[32];
        snprintf(alike, sizeof(alike), "%lld %%", (long long)answer_number(pair, "likeness"));
        table_add(table, (const char *[]){number_text(pair, "id", id, sizeof(id)),
                                          entry_words(first, one, sizeof(one)),
                                          show_service(answer_text(first, "id"), one_id),
                                          entry_words(second, other, sizeof(other)),
                                          show_service(answer_text(second, "id"), other_id),
                                          strcmp(answer_text(pair, "why"), "siret") == 0 ? "SIRET"
                                                                                         : alike});
    }
    table_print(table, "No entry is there twice.");
}

static void show_review(const json_t *answer)
{
    show_groups(answer);
    show_note("What may be one thing (hubctl directory merge, or apart):");
    show_pairs(answer);
}

static void show_pair(const json_t *answer)
{
    const char *decision = answer_text(answer, "decision");
    char one[256], other[256];
    entry_words(answer_find(answer, "first"), one, sizeof(one));
    entry_words(answer_find(answer, "second"), other, sizeof(other));
    if (strcmp(decision, "same") == 0)
        show_note("One thing from now on: %s stays.", answer_text(answer, "kept"));
    else
        show_note(strcmp(decision, "apart") == 0 ? "Two things: nobody is asked again."
                                                 : "Two things, and the question is open again.");
    show_line("one", one);
    show_line("other", other);
}

static void show_settled(const json_t *answer)
{
    (void)answer;
    puts("Seen: it is listed no more.");
}

static void show_places(const json_t *answer)
{
    char communes[SHOW_WHEN];
    show_note("%s of %lld EPCI.",
              show_plural(answer_number(answer, "communes"), "commune", communes),
              (long long)answer_number(answer, "epcis"));
}

static void show_mappings(const json_t *answer)
{
    static const struct column columns[] = {{"FIELD", 0},
                                            {"IN THE FILE", COLUMN_CUT},
                                            {"BECAME", COLUMN_CUT},
                                            {"TIMES", COLUMN_RIGHT},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "mapping"); i++) {
        const json_t *mapping = answer_item(answer, "mapping", i);
        const char *to = answer_text(mapping, "to");
        char count[SHOW_SIZE];
        table_add(table,
                  (const char *[]){answer_text(mapping, "field"), answer_text(mapping, "from"),
                                   *to ? to : "(kept for review)",
                                   show_count(answer_number(mapping, "count"), count)});
    }
    table_print(table, "");
}

static void show_report(const json_t *answer)
{
    static const struct {
        const char *label, *field;
    } counts[] = {
        {"created", "created"},  {"updated", "updated"}, {"unchanged", "unchanged"},
        {"to review", "review"}, {"refused", "refused"},
    };
    char count[SHOW_SIZE], records[SHOW_WHEN];
    show_title("%s read", show_plural(answer_number(answer, "read"), "record", records));
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        show_linef(counts[i].label, "%9s",
                   show_count(answer_number(answer, counts[i].field), count));
    if (answer_count(answer, "mapping") > 0) {
        show_note("Words of the file that are written otherwise here:");
        show_mappings(answer);
    }
    if (answer_count(answer, "issue") > 0) {
        show_note("What somebody should look at:");
        show_first_issues(answer, REPORT_ISSUES);
        if (answer_count(answer, "issue") > REPORT_ISSUES)
            show_note("There are more: hubctl directory review, or --json.");
    }
}

/* Files travel as protobuf: JSON would make them a third larger. */
static bool send_import(struct ctl *ctl, const struct input *input,
                        const Maillon__Api__V1__ImportRequest *request, struct buf *ret_json,
                        struct err *err)
{
    struct client *client = ctl_client(ctl, err);
    AUTO(buf_done) struct buf body = {0}, packed = {0};
    if (!client)
        return false;
    size_t len = maillon__api__v1__import_request__get_packed_size(request);
    body.len = maillon__api__v1__import_request__pack(request, buf_reserve(&body, len));
    if (!client_post(client, input->command->method, buf_bytes(&body), CLIENT_LONG | CLIENT_PROTO,
                     &packed, err))
        return false;
    Maillon__Api__V1__ImportResponse *answer =
        maillon__api__v1__import_response__unpack(NULL, packed.len, packed.data);
    if (!answer)
        return err_set(err, ERR_IO, "the hub's report cannot be read: are both the same version?");
    json_write(answer, ret_json);
    maillon__api__v1__import_response__free_unpacked(answer, NULL);
    return true;
}

/* The tables of a folder one after the other, each after its name. */
static bool read_tables(const char *path, struct buf *out, struct err *err)
{
    DIR *dir = opendir(path);
    if (!dir)
        return err_set(err, ERR_INVALID, "cannot read the folder %s", path);
    bool good = true;
    for (const struct dirent *entry; good && (entry = readdir(dir));) {
        char file[4096];
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".csv") != 0)
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        buf_addf(out, "#table %s\n", entry->d_name);
        good = file_read(file, API_IMPORT_MAX - IMPORT_ROOM, out, err);
        buf_add_text(out, "\n");
    }
    closedir(dir);
    return good;
}

static bool read_import(const char *path, struct buf *out, struct err *err)
{
    struct stat about;
    if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
        return read_tables(path, out, err);
    return file_read(path, API_IMPORT_MAX - IMPORT_ROOM, out, err);
}

static bool run_import(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *services_path = input_value(input, "--services");
    const char *source = input_value(input, "--source");
    AUTO(buf_done) struct buf file = {0}, services = {0}, report = {0};
    Maillon__Api__V1__ImportRequest request;
    maillon__api__v1__import_request__init(&request);
    if (!read_import(input_value(input, "FILE"), &file, err) ||
        (services_path &&
         !file_read(services_path, API_IMPORT_MAX - IMPORT_ROOM - file.len, &services, err)))
        return false;
    const char *said = input_value(input, "--format");
    char *format = mem_text(said ? said : ""), *from = mem_text(source ? source : "");
    const char *licence = input_value(input, "--licence");
    char *terms = mem_text(licence ? licence : "");
    request.format = format;
    request.source = from;
    request.licence = terms;
    request.dry_run = input_value(input, "--dry-run") != NULL;
    request.file = (ProtobufCBinaryData){file.len, file.data};
    request.services_file = (ProtobufCBinaryData){services.len, services.data};
    bool ok = send_import(ctl, input, &request, &report, err);
    free(format);
    free(from);
    free(terms);
    if (!ok || !ctl_answer(ctl, input, buf_bytes(&report), err))
        return false;
    if (!ctl->json && request.dry_run)
        show_note("Nothing was written: this was a dry run.");
    return true;
}

/* Entries are named as review shows them. */
static bool run_pair(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *keep = input_value(input, "--keep");
    if (strncmp(keep, "import/", 7) != 0) {
        char *id = ctl_service_id(ctl, keep, err);
        if (!id)
            return false;
        request_set(input->request, "keep", json_string(id));
        free(id);
    }
    return ctl_finish(ctl, input, 0, err);
}

static bool run_places(struct ctl *ctl, struct input *input, struct err *err)
{
    AUTO(buf_done) struct buf file = {0}, text = {0};
    if (!file_read(input_value(input, "FILE"), PLACES_MAX, &file, err))
        return false;
    base64_encode(buf_bytes(&file), &text);
    request_set(input->request, "file", json_string(buf_text(&text)));
    return ctl_finish(ctl, input, CLIENT_LONG, err);
}

static const struct option import_options[] = {
    WORD("FILE", NULL,
         "open data file as the format has it, - for standard input; hsds-csv: the folder of "
         "its tables"),
    {"--format", "FORMAT", OPTION_TEXT, 0, NULL, "data-inclusion|mediation-numerique|hsds|hsds-csv",
     NULL, "what the file follows; else it is guessed"},
    TEXT("--services", "FILE", NULL, "data-inclusion: the services, when FILE has the structures"),
    TEXT("--source", "NAME", NULL, "who made the file, for records that do not say"),
    TEXT("--licence", "NAME", NULL, "under which it may be used, for people to read"),
    FLAG("--dry-run", NULL, "only say what would happen"),
    OPTIONS_END,
};
static const struct option review_options[] = {
    NUMBER("--limit", "limit", "how many lines"),
    NUMBER("--pairs", "pairs", "how many pairs (20, at most 100)"),
    FLAG("--joined", "decided", "pairs that are one thing already, instead of open ones"),
    OPTIONS_END,
};
static const struct option merge_options[] = {
    WORD("PAIR", "id", "its number, as review shows it"),
    TEXT_REQUIRED("--keep", "ID", "keep", "of the two, the entry that stays"),
    OPTIONS_END,
};
static const struct option apart_options[] = {
    WORD("PAIR", "id", "its number, as review shows it"),
    OPTIONS_END,
};
static const struct option seen_options[] = {
    WORD("ID", "id", "of the line, as review shows it"),
    OPTIONS_END,
};
static const struct option places_options[] = {
    WORD("FILE", NULL, "CSV with the columns CODGEO, EPCI and LIBEPCI of INSEE, or -"),
    OPTIONS_END,
};

const struct command commands_import[] = {
    {"directory import", "Read an open data file into the directory", "Directory/Import",
     import_options, show_report, run_import, NULL,
     "Records are never lost: what is not understood is kept and listed for review. Reading the "
     "same file again changes nothing."},
    {"directory review", "What imports left for somebody to look at", "Directory/ListReview",
     review_options, show_review, NULL, NULL,
     "Words that nobody knows, doubtful and refused records, and entries that may be one thing."},
    {"directory seen", "Leave a line of the review as it is", "Directory/SettleReview",
     seen_options, show_settled, NULL, NULL, "It is not listed again, whatever is imported."},
    {"directory merge", "Say that two entries are one thing", "Directory/DecidePair", merge_options,
     show_pair, run_pair, "{\"decision\":\"same\"}",
     "The other is shown no more; it fills what the one that stays leaves empty, with its own "
     "source and date. The entry that a hub keeps itself always stays."},
    {"directory apart", "Say that two entries are two things", "Directory/DecidePair",
     apart_options, show_pair, NULL, "{\"decision\":\"apart\"}",
     "Nobody is asked again, whatever is imported. Also undoes merge."},
    {"directory places import", "Say which communes make up an EPCI", "Directory/ImportPlaces",
     places_options, show_places, run_places, NULL,
     "The table of INSEE (\"Intercommunalité\"), saved as CSV. Only for what is newer than the "
     "list of France that is built in: the list that was loaded last alone answers, and nothing "
     "of the built-in one does."},
    {.words = NULL},
};
