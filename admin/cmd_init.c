/* hubctl init: everything a hub needs before its first start. */
#include "admin/command.h"
#include "admin/sheets.h"
#include "admin/show.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/config.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/identity.h"
#include "hub/crypto/secret.h"
#include "hub/domain/route.h"
#include "hub/store/store.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 512
#define WSS       "wss://"

struct setup {
    const char *dir, *sheets_path;
    struct config config;
    struct recovery_sheets sheets;
    bool made_dir, wrote_sheets;
};

/* Nothing of a hub, or of anybody else, may be there; packages leave conf.d. */
static bool check_empty(const char *path, struct err *err)
{
    char ini[PATH_SIZE];
    snprintf(ini, sizeof(ini), "%s/hub.ini", path);
    if (access(ini, F_OK) == 0)
        return err_set(err, ERR_CONFLICT, "there is a hub in %.160s already", path);
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool ok = true;
    if (!dir)
        return err_set(err, ERR_IO, "cannot read %.160s: %s", path, strerror(errno));
    while (ok && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "conf.d") != 0 && strcmp(entry->d_name, "lost+found") != 0)
            ok = err_set(err, ERR_CONFLICT, "%.160s is not empty: name a new folder", path);
    }
    closedir(dir);
    return ok;
}

static bool make_dir(struct setup *setup, struct err *err)
{
    const char *dir = setup->dir;
    if (mkdir(dir, 0700) == 0) {
        setup->made_dir = true;
        return true;
    }
    if (errno != EEXIST)
        return err_set(err, ERR_IO, "cannot make %.160s: %s", dir, strerror(errno));
    if (!check_empty(dir, err))
        return false;
    return chmod(dir, 0700) == 0 ||
           err_set(err, ERR_IO, "cannot make %.160s private: %s", dir, strerror(errno));
}

/* The folder was empty: what is in it now was made here. Without it a second try could not work. */
static void undo(struct setup *setup)
{
    DIR *dir = opendir(setup->dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0); /* folders stay */
    if (dir)
        closedir(dir);
    if (setup->made_dir)
        rmdir(setup->dir);
    if (setup->wrote_sheets)
        unlink(setup->sheets_path);
}

static bool set_defaults(struct config *config, struct err *err)
{
    for (const struct config_option *option = config_options; option->name; option++) {
        if (!config_set(config, option->name, option->default_value, err))
            return false;
    }
    return true;
}

/* hub.ini as the daemon will read it; what it does not take is wrong usage. */
static bool make_config(struct ctl *ctl, const struct input *input, struct setup *setup,
                        struct buf *text, struct err *err)
{
    static const struct {
        const char *option, *name;
    } given[] = {{"--name", "name"}, {"--listen", "listen"}, {"--url", "url"}};
    struct config expected;
    struct err reason = {0};
    if (!set_defaults(&setup->config, err))
        return false;
    snprintf(setup->config.dir, sizeof(setup->config.dir), "%s", setup->dir);
    expected = setup->config;
    buf_add_text(text, "# Settings of this hub. \"hubctl config show\" lists all there are.\n");
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        const char *value = input_value(input, given[i].option);
        if (!value)
            continue;
        if (!*value || !config_set(&expected, given[i].name, value, &reason))
            return wrong_usage(ctl, err, "init: %s: %.160s", given[i].option,
                               *value ? reason.msg : "say what it is, or leave it out");
        buf_addf(text, "%s = %s\n", given[i].name, value);
    }
    if (!config_read_text(buf_bytes(text), "hub.ini", &setup->config, &reason))
        return wrong_usage(ctl, err, "init: %.200s", reason.msg);
    /* Blanks at the ends and " ;" mean something in the file. */
    if (memcmp(&expected, &setup->config, sizeof(expected)) != 0)
        return wrong_usage(ctl, err, "init: a value may not hold \" ;\" or begin or end blank");
    return true;
}

static bool is_listen(const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    return colon && colon != text && text_parse_i64(colon + 1, &port) && port >= 0 && port <= 65535;
}

static bool check_addresses(struct ctl *ctl, const struct config *config, struct err *err)
{
    if (!is_listen(config->listen))
        return wrong_usage(ctl, err, "init: --listen is written ADDRESS:PORT, as in 0.0.0.0:8443");
    if (*config->url && !route_is_valid(config->url))
        return wrong_usage(ctl, err, "init: --url is written wss://host[:port]");
    return true;
}

/* "hub.example.org" of "wss://hub.example.org:8443/x"; "" without url. */
static void host_of(const char *url, char *out, size_t size)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    bool is_v6 = *start == '[';
    size_t len = is_v6 ? strcspn(++start, "]") : strcspn(start, ":/");
    snprintf(out, size, "%.*s", (int)len, start);
}

static bool make_certificate(const struct setup *setup, struct err *err)
{
    char certificate[PATH_SIZE], key[PATH_SIZE], host[256];
    const struct config *config = &setup->config;
    config_path(config, config->tls_certificate, certificate, PATH_SIZE);
    config_path(config, config->tls_key, key, PATH_SIZE);
    host_of(config->url, host, sizeof(host));
    return certificate_create(certificate, key, host, clock_wall(&clock_system), err);
}

static bool make_store(const struct setup *setup, struct err *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/hub.db", setup->dir);
    AUTO(store_close)
    struct store *store =
        store_open(&(struct store_options){.path = path, .mode = STORE_WRITE}, err);
    return store != NULL;
}

static void show_json(const struct setup *setup)
{
    char node[NODE_ID_TEXT], words[NODE_ID_WORDS];
    json_t *answer =
        json_pack("{s:s, s:s, s:s}", "id", node_id_text(&setup->sheets.node, node), "words",
                  node_id_words(&setup->sheets.node, words), "state", setup->dir);
    if (!setup->sheets_path) {
        json_object_set_new(answer, "rootSheet", json_string(setup->sheets.root));
        json_object_set_new(answer, "nextRootSheet", json_string(setup->sheets.next_root));
    }
    json_dumpf(answer, stdout, JSON_INDENT(1));
    putchar('\n');
    json_decref(answer);
}

static void show_text(const struct setup *setup, struct buf *sheets)
{
    char node[NODE_ID_TEXT], words[NODE_ID_WORDS];
    show_title("%s is ready", setup->config.name);
    show_line("node id", node_id_text(&setup->sheets.node, node));
    show_line("words", node_id_words(&setup->sheets.node, words));
    show_line("state", setup->dir);
    show_line("listens on", setup->config.listen);
    show_line("peers dial", setup->config.url);
    putchar('\n');
    if (setup->sheets_path) {
        printf("The two recovery sheets are in %s: print them, then delete that file.\n"
               "Keep them in two different places, never on this machine.\n\n",
               setup->sheets_path);
    } else {
        fputs(buf_text(sheets), stdout);
        sheets_advice();
    }
    const char *url = setup->config.url;
    bool is_secure = strncmp(url, WSS, strlen(WSS)) == 0;
    printf("Next:\n"
           "  hubd --state %s\n"
           "  hubctl --hub %s user add NAME --role caseworker,coordinator,admin\n"
           "The first goes on in its terminal; the second, in another one, prints a passphrase.\n"
           "Sign in with it at https://%s/: the browser warns once, since this hub made its own\n"
           "certificate.\n",
           setup->dir, setup->dir, is_secure ? url + strlen(WSS) : setup->config.listen);
}

static bool show(const struct ctl *ctl, const struct setup *setup, struct buf *sheets,
                 struct err *err)
{
    if (ctl->json)
        show_json(setup);
    else
        show_text(setup, sheets);
    return (fflush(stdout) == 0 && !ferror(stdout)) ||
           err_set(err, ERR_IO, "could not write the recovery sheets: nothing was made");
}

/* Everything in the folder; hub.ini last, since it is what says "here is a hub". */
static bool make_hub(const struct ctl *ctl, struct setup *setup, struct buf *config,
                     struct err *err)
{
    char ini[PATH_SIZE];
    AUTO(buf_done) struct buf sheets = {0};
    AUTO(identity_free)
    struct identity *identity =
        identity_create(setup->dir, &random_system, clock_wall(&clock_system), &setup->sheets, err);
    if (!identity)
        return false;
    snprintf(ini, sizeof(ini), "%s/hub.ini", setup->dir);
    sheets_write(&setup->sheets, &sheets);
    bool ok = make_store(setup, err) && make_certificate(setup, err) &&
              file_write_new(ini, buf_bytes(config), err);
    if (ok && setup->sheets_path)
        ok = setup->wrote_sheets = file_write_new(setup->sheets_path, buf_bytes(&sheets), err);
    ok = ok && show(ctl, setup, &sheets, err);
    secret_wipe(sheets.data, sheets.len);
    return ok;
}

static bool run_init(struct ctl *ctl, struct input *input, struct err *err)
{
    AUTO(buf_done) struct buf config = {0};
    struct setup *setup = mem_alloc(sizeof(*setup));
    char *dir = realpath(input_value(input, "--state"), NULL);
    setup->dir = dir ? dir : input_value(input, "--state");
    setup->sheets_path = input_value(input, "--sheets");
    bool ok = true;
    if (!secret_setup())
        ok = err_set(err, ERR_IO, "could not start libsodium");
    else if (strlen(setup->dir) > 200)
        ok = wrong_usage(ctl, err, "init: the path of the state directory is too long");
    else if (setup->sheets_path && access(setup->sheets_path, F_OK) == 0)
        ok = err_set(err, ERR_CONFLICT, "%.120s exists already: name a new file for --sheets",
                     setup->sheets_path);
    ok = ok && make_config(ctl, input, setup, &config, err) &&
         check_addresses(ctl, &setup->config, err) && make_dir(setup, err);
    if (ok && !make_hub(ctl, setup, &config, err)) {
        undo(setup);
        ok = false;
    }
    secret_wipe(&setup->sheets, sizeof(setup->sheets));
    free(setup);
    free(dir);
    return ok;
}

static const struct option init_options[] = {
    TEXT_REQUIRED("--name", "NAME", NULL, "what people call this organisation"),
    TEXT_REQUIRED("--state", "DIR", NULL, "new folder for keys, database and settings"),
    TEXT("--listen", "ADDR:PORT", NULL,
         "where people, programs and peers connect (127.0.0.1:8443)"),
    TEXT("--url", "URL", NULL,
         "how peers reach this hub, wss://host[:port]; without it the hub only dials out"),
    TEXT("--sheets", "FILE", NULL,
         "write the recovery sheets into a new private file instead of the screen"),
    OPTIONS_END,
};

const struct command commands_init[] = {
    {"init", "Make keys, database and settings of a new hub", NULL, init_options, NULL, run_init,
     NULL,
     "Prints two recovery sheets, once. Print them or write them down, keep them in two different "
     "places and never on this machine: whoever holds them can prove to be this hub, and without "
     "them a lost machine means a new hub.\n\n"
     "Run it as the user that hubd runs as. A folder that is not empty is refused."},
    {.words = NULL},
};
