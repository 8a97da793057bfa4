#pragma once
/*
 * The table that hubctl is made of. A command is a row: its words, what may follow them and where
 * each goes in the request, the API method, and how the answer is shown. Most rows need no code.
 */
#include "admin/answer.h"
#include "admin/client.h"
#include "admin/option.h"

#define INPUT_REST_MAX 64
#define OPTIONS_MAX    40

struct command;

/** What was typed after the words of a command, checked against its row. */
struct input {
    const struct command *command;
    json_t *request;                 /* preset of the row and every option that has a field */
    const char *values[OPTIONS_MAX]; /* by position in the row's options; NULL: not said */
    const char *rest[INPUT_REST_MAX];
    size_t rest_count;
};
void input_done(struct input *input);
/** What was said for an option, "--name" or "NAME"; NULL when it was not. */
const char *input_value(const struct input *input, const char *option);

/** One run of hubctl. */
struct ctl {
    const char *hub; /* socket or state directory */
    const char *user;
    bool json;
    bool wrong_usage;      /* exit status 2 instead of 1 */
    struct client *client; /* made at the first call */
};

typedef bool command_run(struct ctl *ctl, struct input *input, struct err *err);
typedef void command_show(const json_t *answer);

struct command {
    const char *words;            /* "peer invite" */
    const char *summary;          /* one line without full stop */
    const char *method;           /* "Peers/Invite" */
    const struct option *options; /* ends with name NULL; NULL: none */
    command_show *show;
    command_run *run;   /* NULL: send the request, show the answer */
    const char *preset; /* JSON text the request starts from; NULL: {} */
    const char *detail; /* paragraphs for help; NULL: none */
};

struct command_group {
    const char *title;              /* "": goes on with the one before */
    const struct command *commands; /* ends with words NULL */
};
/** Ends with title NULL. */
extern const struct command_group command_groups[];

extern const struct command commands_audit[], commands_backup[], commands_init[], commands_status[],
    commands_user[], commands_peer[], commands_circle[], commands_directory[], commands_import[],
    commands_referral[], commands_attach[], commands_notice[], commands_outbox[], commands_relay[],
    commands_config[], commands_call[], commands_figures[], commands_keys[];

/** The command that `words` begin with; *ret_used words are its name. NULL: none. */
const struct command *command_find(char *const *words, size_t count, size_t *ret_used);
/** Sorts `words` into the row's options; ERR_INVALID says what is wrong. `ctl` takes --json etc. */
NODISCARD bool command_parse(const struct command *command, char **words, size_t count,
                             struct ctl *ctl, struct input *ret, struct err *err);
/** Puts `value` (stolen) at "a.b.c", making objects on the way. */
void request_set(json_t *request, const char *path, json_t *value);

/* help.c */
void help_all(void);
void help_command(const struct command *command);
/** Commands that begin with `word`; false when there is none. */
bool help_group(const char *word, FILE *out);

/* For commands. */
/** Always false; exit status 2. */
PRINTF_LIKE(3, 4) bool wrong_usage(struct ctl *ctl, struct err *err, const char *fmt, ...);
/** A call on the way to the real one; NULL on failure. */
NODISCARD json_t *ctl_call(struct ctl *ctl, const char *method, const json_t *request,
                           struct err *err);
/** Sends input->request to the row's method and shows the answer, or prints it with --json. */
NODISCARD bool ctl_finish(struct ctl *ctl, const struct input *input, unsigned flags,
                          struct err *err);
/** Shows an answer that is at hand already; `text` is what --json prints. */
NODISCARD bool ctl_answer(struct ctl *ctl, const struct input *input, struct bytes text,
                          struct err *err);
/** The client, made at the first call; NULL on failure. */
NODISCARD struct client *ctl_client(struct ctl *ctl, struct err *err);
/** "abcdef/uid" to "NODE/uid", "uid" to a service of this hub; steals nothing, malloc'd. */
NODISCARD char *ctl_service_id(struct ctl *ctl, const char *text, struct err *err);

/* file.c */
/** A whole file, or standard input for "-". ERR_LIMIT over `max`. */
NODISCARD bool file_read(const char *path, size_t max, struct buf *ret, struct err *err);
/** The same as a JSON object. */
NODISCARD json_t *file_read_json(const char *path, struct err *err);
/** A new file (0600) with `data`; ERR_CONFLICT if it exists. "-": standard output. */
NODISCARD bool file_write_new(const char *path, struct bytes data, struct err *err);
