/* hubctl figures. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>

#define CELL 48

static const char *show_counted(const json_t *line, const char *name, char out[CELL])
{
    const json_t *count = answer_find(line, name);
    if (answer_flag(count, "few"))
        snprintf(out, CELL, "<5");
    else
        snprintf(out, CELL, "%lld", (long long)answer_number(count, "value"));
    return out;
}

static const char *show_share(const json_t *line, const char *name, char out[CELL])
{
    const json_t *share = answer_find(line, name);
    if (answer_flag(share, "none"))
        snprintf(out, CELL, "-");
    else if (answer_flag(share, "few"))
        snprintf(out, CELL, "too few");
    else
        snprintf(out, CELL, "%lld %%", (long long)answer_number(share, "percent"));
    return out;
}

static const char *show_median(const json_t *line, const char *name, char out[CELL])
{
    const json_t *median = answer_find(line, name);
    int64_t minutes = answer_number(median, "minutes");
    if (answer_flag(median, "none"))
        snprintf(out, CELL, "-");
    else if (answer_flag(median, "few"))
        snprintf(out, CELL, "too few");
    else if (minutes < 120)
        snprintf(out, CELL, "%lld min", (long long)minutes);
    else
        snprintf(out, CELL, "%.1f h", (double)minutes / 60);
    return out;
}

static void add_line(struct table *table, const char *name, const json_t *line)
{
    char in[CELL], sent[CELL], answered[CELL], hours[CELL], closed[CELL], lost[CELL];
    table_add(table,
              (const char *[]){
                  name, show_counted(line, "received", in), show_counted(line, "sent", sent),
                  show_share(line, "answered", answered), show_median(line, "answer", hours),
                  show_share(line, "closed", closed), show_share(line, "unreachable", lost)});
}

static void show_figures(const json_t *answer)
{
    static const struct column columns[] = {{"", COLUMN_CUT},           {"RECEIVED", COLUMN_RIGHT},
                                            {"SENT", COLUMN_RIGHT},     {"IN TIME", COLUMN_RIGHT},
                                            {"ANSWER", COLUMN_RIGHT},   {"OUTCOME", COLUMN_RIGHT},
                                            {"NO REACH", COLUMN_RIGHT}, {NULL, 0}};
    char filled[CELL], ended[CELL], first[CELL];
    AUTO(table_free) struct table *table = table_create(columns);
    add_line(table, "all", answer_find(answer, "total"));
    for (size_t i = 0; i < answer_count(answer, "month"); i++)
        add_line(table, answer_text(answer_item(answer, "month", i), "key"),
                 answer_item(answer, "month", i));
    for (size_t i = 0; i < answer_count(answer, "theme"); i++)
        add_line(table, answer_text(answer_item(answer, "theme", i), "key"),
                 answer_item(answer, "theme", i));
    table_print(table, "");
    show_note("Notices that ended: %s, filled: %s, first claim after: %s (median).",
              show_counted(answer, "notices", ended), show_share(answer, "noticesFilled", filled),
              show_median(answer, "firstClaim", first));
}

/* The table of the answer alone, for a file. */
static bool run_figures(struct ctl *ctl, struct input *input, struct err *err)
{
    if (!input_value(input, "--csv"))
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref) json_t *answer = ctl_call(ctl, "Figures/Get", input->request, err);
    if (!answer)
        return false;
    fputs(answer_text(answer, "csv"), stdout);
    return true;
}

static const struct option figures_options[] = {
    NUMBER("--months", "months", "3, 12 or 24 whole months, this one included (12)"),
    TEXT("--box", "in|out", "box", "only what was received, or sent"),
    FLAG("--csv", NULL, "a table for spreadsheets"),
    OPTIONS_END,
};
const struct command commands_figures[] = {
    {"figures", "What this hub did, in figures", "Figures/Get", figures_options, show_figures,
     run_figures, NULL,
     "A number from one to four is \"<5\", and a share or a time of so few is \"too few\". "
     "Exercises and what was entered in error do not count.\n"
     "IN TIME: accepted, refused or put on hold before the clock was over; of referrals that were "
     "answered or whose clock is over. ANSWER: median time from sending to that. OUTCOME: "
     "completed, "
     "or not carried through with the reason; of all that ended. NO REACH: the person could not be "
     "reached; of all that ended. A referral counts in the month in which it was sent."},
    {.words = NULL},
};
