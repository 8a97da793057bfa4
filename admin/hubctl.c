/* hubctl: the command line of a hub, for node admins and scripts. */
#include "admin/command.h"
#include "admin/show.h"

#include "hub/base/mem.h"
#include "hub/crypto/node_id.h"
#include "hub/crypto/secret.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_HUB "/var/lib/maillon"
#define EXIT_USAGE  2

const struct command_group command_groups[] = {
    {"This hub", commands_init},
    {"", commands_status},
    {"", commands_figures},
    {"", commands_keys},
    {"", commands_config},
    {"People and programs that use it", commands_user},
    {"Neighbour hubs", commands_peer},
    {"", commands_circle},
    {"", commands_relay},
    {"Directory: who does what", commands_directory},
    {"", commands_import},
    {"Referrals: sending a person on, with consent", commands_referral},
    {"", commands_attach},
    {"Notices: what is short, what is left over", commands_notice},
    {"Operation", commands_outbox},
    {"", commands_backup},
    {"", commands_audit},
    {"", commands_call},
    {NULL, NULL},
};

struct client *ctl_client(struct ctl *ctl, struct err *err)
{
    if (!ctl->client)
        ctl->client = client_create(ctl->hub, ctl->user, err);
    return ctl->client;
}

json_t *ctl_call(struct ctl *ctl, const char *method, const json_t *request, struct err *err)
{
    struct client *client = ctl_client(ctl, err);
    return client ? client_call(client, method, request, err) : NULL;
}

bool ctl_answer(struct ctl *ctl, const struct input *input, struct bytes text, struct err *err)
{
    if (ctl->json) {
        fwrite(text.data, 1, text.len, stdout);
        if (text.len == 0 || text.data[text.len - 1] != '\n')
            putchar('\n');
        return true;
    }
    AUTO(json_decref) json_t *answer = client_parse(text, err);
    if (!answer)
        return false;
    answer_clean(answer);
    input->command->show(answer);
    return true;
}

bool ctl_finish(struct ctl *ctl, const struct input *input, unsigned flags, struct err *err)
{
    struct client *client = ctl_client(ctl, err);
    if (!client)
        return false;
    char *request = json_dumps(input->request, JSON_COMPACT);
    AUTO(buf_done) struct buf answer = {0};
    bool ok = client_post(client, input->command->method, bytes_text(request), flags, &answer, err);
    free(request);
    return ok && ctl_answer(ctl, input, buf_bytes(&answer), err);
}

/* Full id of the one hub, among this one and its peers, whose id begins with `prefix`. */
static bool find_node(struct ctl *ctl, const char *prefix, size_t len, char ret[NODE_ID_TEXT],
                      struct err *err)
{
    AUTO(json_decref) json_t *status = ctl_call(ctl, "Node/Status", NULL, err);
    if (!status)
        return false;
    const char *found = answer_text(status, "id");
    if (strncmp(found, prefix, len) == 0) {
        snprintf(ret, NODE_ID_TEXT, "%s", found);
        return true;
    }
    AUTO(json_decref) json_t *peers = ctl_call(ctl, "Peers/List", NULL, err);
    if (!peers)
        return err_wrap(err, "the hub's id is shortened");
    size_t matches = 0;
    for (size_t i = 0; i < answer_count(peers, "peer"); i++) {
        const char *id = answer_text(answer_item(peers, "peer", i), "id");
        if (strncmp(id, prefix, len) == 0) {
            found = id;
            matches++;
        }
    }
    if (matches != 1)
        return err_set(err, ERR_UNKNOWN, "%s whose id begins with \"%.*s\"",
                       matches ? "several hubs have services here" : "there is no hub", (int)len,
                       prefix);
    snprintf(ret, NODE_ID_TEXT, "%s", found);
    return true;
}

char *ctl_service_id(struct ctl *ctl, const char *text, struct err *err)
{
    const char *slash = strchr(text, '/'), *uid = slash ? slash + 1 : text;
    size_t len = slash ? (size_t)(slash - text) : 0;
    char node[NODE_ID_TEXT], *id = NULL;
    if (strncmp(text, "import/", 7) == 0 || len >= NODE_ID_TEXT - 1)
        return mem_text(text);
    if (slash && len < 6) {
        err_set(err, ERR_INVALID, "give at least 6 characters of the hub's id before the /");
        return NULL;
    }
    if (!find_node(ctl, text, len, node, err))
        return NULL;
    if (asprintf(&id, "%s/%s", node, uid) < 0)
        abort();
    return id;
}

/* --hub, --user, --json and the like before the command; returns how many words they took. */
static bool take_globals(struct ctl *ctl, char **words, size_t count, size_t *ret_used,
                         bool *ret_help, bool *ret_version, struct err *err)
{
    size_t i = 0;
    for (; i < count && words[i][0] == '-'; i++) {
        const char *equals = strchr(words[i], '=');
        const char **place = strncmp(words[i], "--hub", 5) == 0    ? &ctl->hub
                             : strncmp(words[i], "--user", 6) == 0 ? &ctl->user
                                                                   : NULL;
        size_t len = place == &ctl->hub ? 5 : 6;
        if (strcmp(words[i], "--json") == 0)
            ctl->json = true;
        else if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            *ret_help = true;
        else if (strcmp(words[i], "--version") == 0)
            *ret_version = true;
        else if (place && words[i][len] == '=')
            *place = equals + 1;
        else if (place && words[i][len] == '\0' && i + 1 < count)
            *place = words[++i];
        else if (place && words[i][len] == '\0')
            return wrong_usage(ctl, err, "%s needs a value (see hubctl help)", words[i]);
        else
            return wrong_usage(ctl, err, "there is no option %s (see hubctl help)", words[i]);
    }
    *ret_used = i;
    return true;
}

static bool show_help(struct ctl *ctl, char **words, size_t count, struct err *err)
{
    size_t used;
    if (count == 0) {
        help_all();
        return true;
    }
    const struct command *command = command_find(words, count, &used);
    if (command && used == count) {
        help_command(command);
        return true;
    }
    if (count == 1 && help_group(words[0], stdout))
        return true;
    return wrong_usage(ctl, err, "there is no command \"%s%s%s\" (see hubctl help)", words[0],
                       count > 1 ? " " : "", count > 1 ? words[1] : "");
}

static bool wants_help(char **words, size_t count)
{
    for (size_t i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            return true;
    }
    return false;
}

static bool run_command(struct ctl *ctl, const struct command *command, char **words, size_t count,
                        struct err *err)
{
    struct input input = {0};
    bool ok = command_parse(command, words, count, ctl, &input, err);
    if (!ok) {
        struct err plain = *err;
        wrong_usage(ctl, err, "%s: %.150s (see hubctl help %s)", command->words, plain.msg,
                    command->words);
    } else if (command->run) {
        ok = command->run(ctl, &input, err);
    } else {
        ok = ctl_finish(ctl, &input, 0, err);
    }
    input_done(&input);
    return ok;
}

static bool dispatch(struct ctl *ctl, char **words, size_t count, struct err *err)
{
    size_t used = 0;
    bool help = false, version = false;
    if (!take_globals(ctl, words, count, &used, &help, &version, err))
        return false;
    words += used;
    count -= used;
    if (version) {
        puts("hubctl " HUBCTL_VERSION);
        return true;
    }
    if (help || (count > 0 && strcmp(words[0], "help") == 0))
        return show_help(ctl, words + !help, count - !help, err);
    if (count == 0) {
        ctl->wrong_usage = true;
        return err_set(err, ERR_INVALID, "which command? hubctl help lists them");
    }
    const struct command *command = command_find(words, count, &used);
    if (command && wants_help(words + used, count - used))
        return show_help(ctl, words, used, err);
    if (command)
        return run_command(ctl, command, words + used, count - used, err);
    if (wants_help(words, count))
        return show_help(ctl, words, 1, err);
    if ((count == 1 || words[1][0] == '-') && help_group(words[0], stderr))
        return wrong_usage(ctl, err, "%s: which command?", words[0]);
    return show_help(ctl, words, count < 2 ? count : 2, err);
}

int main(int argc, char **argv)
{
    const char *hub = getenv("MAILLON_HUB");
    struct ctl ctl = {.hub = hub && *hub ? hub : DEFAULT_HUB};
    struct err err = {0};
    secret_guard_process();
    show_setup();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        fputs("hubctl: could not start libcurl\n", stderr);
        return EXIT_FAILURE;
    }
    bool ok = dispatch(&ctl, argv + 1, (size_t)(argc > 0 ? argc - 1 : 0), &err);
    client_free(ctl.client);
    curl_global_cleanup();
    if (ok && (fflush(stdout) != 0 || ferror(stdout)))
        ok = err_set(&err, ERR_IO, "could not write the answer");
    if (!ok)
        fprintf(stderr, "hubctl: %s\n", err.msg);
    return ok ? EXIT_SUCCESS : ctl.wrong_usage ? EXIT_USAGE : EXIT_FAILURE;
}
