/* hubctl config show, metrics. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>

static void show_config(const json_t *answer)
{
    static const struct column columns[] = {
        {"NAME", 0},    {"VALUE", COLUMN_CUT},       {"DEFAULT", COLUMN_CUT},
        {"CHANGES", 0}, {"WHAT IT IS", COLUMN_WRAP}, {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "option"); i++) {
        const json_t *option = answer_item(answer, "option", i);
        const char *value = answer_text(option, "value");
        const char *def = answer_text(option, "defaultValue");
        table_add(table, (const char *[]){answer_text(option, "name"), value,
                                          strcmp(value, def) == 0 ? ""
                                          : *def                  ? def
                                                                  : "(empty)",
                                          answer_flag(option, "reloadable") ? "at once" : "restart",
                                          answer_text(option, "help")});
    }
    table_print(table, "The hub names no settings.");
    show_note("Settings are in hub.ini and conf.d/*.ini of the state directory. \"at once\": send "
              "hubd the signal HUP; \"restart\": start hubd again.");
}

static void show_metrics(const json_t *answer)
{
    const char *text = answer_text(answer, "text");
    fputs(text, stdout);
}

/* The figures are lines, which showing would join. */
static bool run_metrics(struct ctl *ctl, struct input *input, struct err *err)
{
    if (ctl->json)
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref) json_t *answer = ctl_call(ctl, input->command->method, NULL, err);
    if (answer)
        show_metrics(answer);
    return answer;
}

const struct command commands_config[] = {
    {"config show", "Settings in use, their defaults, and what each is", "Node/Config", NULL,
     show_config, NULL, NULL, NULL},
    {"metrics", "Figures for Prometheus", "Node/Metrics", NULL, show_metrics, run_metrics, NULL,
     NULL},
    {.words = NULL},
};
