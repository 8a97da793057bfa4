/* hubctl call: any method of the API, for scripts; hubctl help. */
#include "admin/command.h"

#include <stdio.h>
#include <stdlib.h>

#define REQUEST_MAX 1048576

static bool is_method(const char *text)
{
    const char *slash = strchr(text, '/');
    size_t plain = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/");
    return slash && slash != text && slash[1] && !strchr(slash + 1, '/') && text[plain] == '\0';
}

static bool run_call(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *method = input_value(input, "SERVICE/METHOD");
    const char *request = input_value(input, "JSON");
    AUTO(buf_done) struct buf text = {0}, answer = {0};
    if (!is_method(method))
        return wrong_usage(ctl, err, "call: write SERVICE/METHOD, as in Node/Status");
    if (request && strcmp(request, "-") == 0) {
        if (!file_read("-", REQUEST_MAX, &text, err))
            return false;
    } else {
        buf_add_text(&text, request ? request : "{}");
    }
    struct client *client = ctl_client(ctl, err);
    if (!client || !client_post(client, method, buf_bytes(&text), CLIENT_LONG, &answer, err))
        return false;
    puts(buf_text(&answer));
    return true;
}

static const struct option call_options[] = {
    WORD("SERVICE/METHOD", NULL, "Referrals/List, Node/Status ..."),
    WORD_OPTIONAL("JSON", NULL, "the request, or - for standard input; {} if not said"),
    OPTIONS_END,
};

const struct command commands_call[] = {
    {"call", "Call a method of the API, JSON in and out", NULL, call_options, NULL, run_call, NULL,
     "The methods are those of proto/maillon/api/v1. Names in lowerCamelCase, enum values by full "
     "name or short (\"urgent\"), 64-bit numbers as text, bytes in base64."},
    {.words = NULL},
};
