/* Help, all of it made from the table of commands. */
#include "admin/command.h"

#include "hub/base/text.h"
#include <stdio.h>

#define TEXT_WIDTH 80

static const char intro[] =
    "hubctl: the command line of a hub\n"
    "\n"
    "usage: hubctl [--hub SOCKET|STATE_DIR] [--user NAME] [--json] COMMAND ...\n"
    "\n"
    "  --hub PATH   the hub's socket or state directory\n"
    "               (else $MAILLON_HUB, else /var/lib/maillon)\n"
    "  --user NAME  act as that account, with its roles; else as the operator\n"
    "  --json       print the hub's answer as it is, for programs\n"
    "  --version    print the version\n";

static const char outro[] =
    "\n"
    "\"hubctl help COMMAND\" says more about one. Ids may be cut to their first 8 characters.\n"
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n";

static void print_usage(const struct command *command, FILE *out)
{
    bool more = false;
    fprintf(out, "hubctl %s", command->words);
    for (const struct option *o = command->options; o && o->name; o++) {
        if (o->name[0] != '-') {
            const char *dots = o->flags & OPTION_REST ? " ..." : "";
            fprintf(out, o->flags & OPTION_REQUIRED ? " %s%s" : " [%s%s]", o->name, dots);
        } else if (o->flags & OPTION_REQUIRED) {
            fprintf(out, " %s %s", o->name, o->value);
        } else {
            more = true;
        }
    }
    fputs(more ? " [OPTIONS]\n" : "\n", out);
}

/* `text` from column `indent` on; the cursor is at column `at`. */
static void print_text(const char *text, int indent, int at)
{
    int column = at;
    if (column > indent) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", indent - column, "");
    column = indent;
    while (*text) {
        int len = (int)strcspn(text, " \n");
        if (column > indent && column + 1 + len > TEXT_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", len, text);
        text += len;
        for (; *text == ' ' || *text == '\n'; text++) {
            if (*text == '\n') {
                printf("\n%*s", text[1] && text[1] != '\n' ? indent : 0, "");
                column = indent;
            }
        }
    }
    putchar('\n');
}

static void print_option(const struct option *option)
{
    int at = printf("  %s%s%s  ", option->name, option->value ? " " : "",
                    option->value ? option->value : "");
    print_text(option->help, 26, at);
    if (option->choices) {
        AUTO(buf_done) struct buf words = {0};
        for (const char *c = option->choices; *c; c++)
            buf_add(&words, *c == '|' ? ", " : c, *c == '|' ? 2 : 1);
        print_text(buf_text(&words), 26, 0);
    }
}

static void print_options(const struct command *command, bool places, const char *title)
{
    bool titled = false;
    for (const struct option *o = command->options; o && o->name; o++) {
        if ((o->name[0] != '-') != places)
            continue;
        if (!titled)
            printf("\n%s:\n", title);
        titled = true;
        print_option(o);
    }
}

void help_command(const struct command *command)
{
    fputs("usage: ", stdout);
    print_usage(command, stdout);
    printf("\n%s.\n", command->summary);
    print_options(command, true, "words in place");
    print_options(command, false, "options");
    if (command->detail) {
        putchar('\n');
        print_text(command->detail, 0, 0);
    }
}

static void print_row(const struct command *command, FILE *out)
{
    fprintf(out, "  %-22s  %s\n", command->words, command->summary);
}

void help_all(void)
{
    fputs(intro, stdout);
    for (const struct command_group *group = command_groups; group->title; group++) {
        if (*group->title)
            printf("\n%s\n", group->title);
        for (const struct command *command = group->commands; command->words; command++)
            print_row(command, stdout);
    }
    fputs(outro, stdout);
}

bool help_group(const char *word, FILE *out)
{
    size_t len = strlen(word);
    bool found = false;
    for (const struct command_group *group = command_groups; group->title; group++) {
        for (const struct command *command = group->commands; command->words; command++) {
            if (strncmp(command->words, word, len) != 0 || command->words[len] != ' ')
                continue;
            if (!found)
                fprintf(out, "usage: hubctl %s COMMAND ...\n\n", word);
            found = true;
            print_row(command, out);
        }
    }
    if (found)
        fprintf(out, "\n\"hubctl help %s COMMAND\" says more about one.\n", word);
    return found;
}
