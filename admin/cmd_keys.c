/* hubctl keys: what the keys of this hub are, and what the recovery sheets are for. */
#include "admin/command.h"
#include "admin/sheets.h"
#include "admin/show.h"

#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#define SHEET_MAX 8192
#define TYPED_MAX 256

/* ---- showing ---- */

static void show_state(const json_t *keys)
{
    static const struct {
        const char *state, *text;
    } states[] = {
        {"good", "good"},
        {"stale", "STALE: it has run out; peers still take everything for 90 days"},
        {"expired", "EXPIRED: peers take nothing of this hub"},
        {"retired", "RETIRED: this hub has ended"},
    };
    const char *state = answer_text(keys, "state");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i].state, state) == 0)
            show_line("state", states[i].text);
}

static void show_sealing(const json_t *keys)
{
    char when[SHOW_WHEN], gone[SHOW_WHEN];
    for (size_t i = 0; i < answer_count(keys, "sealing"); i++) {
        const json_t *key = answer_item(keys, "sealing", i);
        show_linef(i == 0 ? "sealing" : "", "%s  sealed to until %s, destroyed %s",
                   answer_text(key, "id"), show_date(answer_text(key, "acceptedUntil"), when),
                   show_date(answer_text(key, "destroyed"), gone));
    }
}

static void show_keys(const json_t *keys)
{
    char since[SHOW_WHEN], until[SHOW_WHEN];
    show_title("Keys of this hub");
    show_line("node id", answer_text(keys, "id"));
    show_line("words", answer_text(keys, "words"));
    show_state(keys);
    show_linef("working key", "%s  since %s, until %s", answer_text(keys, "workingKey"),
               show_date(answer_text(keys, "workingSince"), since),
               show_date(answer_text(keys, "workingUntil"), until));
    show_sealing(keys);
    show_linef("root", "%lld of %lld sheets needed; the next root is announced: %s",
               (long long)answer_number(keys, "rootsNeeded"),
               (long long)answer_number(keys, "roots"),
               answer_number(keys, "nextRoots") > 0 ? "it can be replaced with sheet 2" : "no");
    show_linef("key log", "%lld of 64 events", (long long)answer_number(keys, "events"));
    show_line("successor", answer_text(keys, "successor"));
    for (size_t i = 0; i < answer_count(keys, "warning"); i++)
        show_note("Warning: %s.", json_string_value(answer_item(keys, "warning", i)));
}

static void show_changed(const json_t *keys)
{
    show_keys(keys);
    show_note("Done. Peers that are connected know already; the others learn it at the next "
              "contact. Nobody has to do anything.");
}

static void show_retired(const json_t *keys)
{
    show_keys(keys);
    show_note("This hub has ended. Peers show it as RETIRED and take nothing new from it.");
}

static void show_rotated_root(const json_t *answer)
{
    struct recovery_sheets sheets = {0};
    AUTO(buf_done) struct buf text = {0};
    show_keys(answer_find(answer, "keys"));
    if (!node_id_parse(answer_text(answer, "keys.id"), &sheets.node))
        return;
    text_copy(sheets.root, sizeof(sheets.root), answer_text(answer, "rootSheet"));
    text_copy(sheets.next_root, sizeof(sheets.next_root), answer_text(answer, "nextRootSheet"));
    sheets_write(&sheets, &text);
    putchar('\n');
    fputs(buf_text(&text), stdout);
    sheets_advice();
    show_note("The sheets you had before are worthless now: destroy them.");
    secret_wipe(&sheets, sizeof(sheets));
    secret_wipe(text.data, text.len);
}

static void show_nothing(const json_t *answer)
{
    (void)answer;
    show_note("Done.");
}

/* ---- asking ---- */

/* One line from the terminal, without echo when `hidden`. */
static bool read_line(const char *prompt, bool hidden, char out[TYPED_MAX], struct err *err)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios before, quiet;
    if (fd < 0)
        return err_set(err, ERR_INVALID,
                       "there is no terminal to ask on: use --yes and --sheet FILE");
    bool changed = hidden && tcgetattr(fd, &before) == 0;
    if (changed) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &quiet);
    }
    (void)!write(fd, prompt, strlen(prompt));
    size_t len = 0;
    char c;
    while (len < TYPED_MAX - 1 && read(fd, &c, 1) == 1 && c != '\n')
        out[len++] = c;
    out[len] = 0;
    if (changed) {
        tcsetattr(fd, TCSAFLUSH, &before);
        (void)!write(fd, "\n", 1);
    }
    close(fd);
    return true;
}

static bool confirm(const struct input *input, const char *what, struct err *err)
{
    char answer[TYPED_MAX];
    if (input_value(input, "--yes"))
        return true;
    fprintf(stderr, "%s\n\n", what);
    return read_line("Type yes to go on: ", false, answer, err) &&
           (strcmp(answer, "yes") == 0 || err_set(err, ERR_CONFLICT, "nothing was changed"));
}

/* The KEY of sheet `number` (1 or 2): typed, or from a file that may be the whole printed page. */
static bool read_sheet(const struct input *input, unsigned number, struct buf *ret, struct err *err)
{
    const char *path = input_value(input, "--sheet");
    if (path) {
        AUTO(buf_done) struct buf text = {0};
        buf_reserve(&text, SHEET_MAX + 1);
        bool read = file_read(path, SHEET_MAX, &text, err);
        if (read)
            sheets_extract(buf_text(&text), number, ret);
        if (text.data)
            secret_wipe(text.data, text.cap);
        return read;
    }
    char line[TYPED_MAX], prompt[80];
    snprintf(prompt, sizeof(prompt),
             "KEY of recovery sheet %u (not shown while you type): ", number);
    if (!read_line(prompt, true, line, err))
        return false;
    sheets_extract(line, number, ret);
    secret_wipe(line, sizeof(line));
    return true;
}

/* Sends {"<field>":[keys], …request}: put together by hand so that the keys can be wiped. */
static bool send_keys(struct ctl *ctl, const struct input *input, const char *field,
                      const struct buf *keys, struct err *err)
{
    struct client *client = ctl_client(ctl, err);
    if (!client)
        return false;
    char *rest = json_dumps(input->request, JSON_COMPACT);
    AUTO(buf_done) struct buf body = {0}, answer = {0};
    buf_reserve(&body, keys->len + strlen(rest) + 64);
    buf_addf(&body, "{\"%s\":[", field);
    for (size_t at = 0; at < keys->len;) {
        size_t len = strnlen((const char *)keys->data + at, keys->len - at);
        buf_add_text(&body, at == 0 ? "\"" : ",\"");
        buf_add(&body, keys->data + at, len);
        buf_add_text(&body, "\"");
        at += len + 1;
    }
    buf_add_text(&body, "]");
    if (strcmp(rest, "{}") == 0)
        buf_add_text(&body, "}");
    else
        buf_addf(&body, ",%s", rest + 1);
    free(rest);
    bool ok = client_post(client, input->command->method, buf_bytes(&body), 0, &answer, err);
    secret_wipe(body.data, body.cap);
    ok = ok && ctl_answer(ctl, input, buf_bytes(&answer), err);
    if (answer.data)
        secret_wipe(answer.data, answer.cap);
    return ok;
}

static bool change(struct ctl *ctl, struct input *input, unsigned sheet, const char *field,
                   const char *what, struct err *err)
{
    AUTO(buf_done) struct buf keys = {0};
    if (!secret_setup())
        return err_set(err, ERR_IO, "could not start libsodium");
    bool ok = confirm(input, what, err) && read_sheet(input, sheet, &keys, err);
    if (ok && keys.len == 0)
        ok = err_set(err, ERR_INVALID, "there is no KEY of sheet %u in what was given", sheet);
    ok = ok && send_keys(ctl, input, field, &keys, err);
    if (keys.data)
        secret_wipe(keys.data, keys.cap);
    return ok;
}

static bool run_rotate(struct ctl *ctl, struct input *input, struct err *err)
{
    return change(ctl, input, 1, "rootKey",
                  "This hub makes a new working key and retires the one it has. Use it when the "
                  "key runs out.\nPeers: they follow by themselves; nothing is lost. You need "
                  "recovery sheet 1.",
                  err);
}

static bool run_revoke(struct ctl *ctl, struct input *input, struct err *err)
{
    if (!input_value(input, "--stolen"))
        return wrong_usage(ctl, err,
                           "keys revoke: say --stolen; a key that only runs out is replaced with "
                           "\"hubctl keys rotate\"");
    return change(
        ctl, input, 1, "rootKey",
        "The working key of this hub is declared STOLEN. The hub makes new keys and signs "
        "anew what is still under way.\nPeers: what the thief signs from now on is "
        "refused; sessions with the old key end. You need recovery sheet 1.",
        err);
}

static bool run_rotate_root(struct ctl *ctl, struct input *input, struct err *err)
{
    return change(
        ctl, input, 2, "nextRootKey",
        "Sheet 2 becomes the root key of this hub, and two new sheets are printed. Use it "
        "when sheet 1 is lost or was seen by somebody else.\nPeers: they follow by "
        "themselves, and drop whatever somebody else did with sheet 1. You need recovery "
        "sheet 2.",
        err);
}

static bool run_retire(struct ctl *ctl, struct input *input, struct err *err)
{
    return change(ctl, input, 1, "rootKey",
                  "This hub ENDS. This cannot be taken back: finish or hand over open referrals "
                  "first (hubctl referral list).\nPeers: they show it as RETIRED and take nothing "
                  "new from it. You need recovery sheet 1.",
                  err);
}

/* ---- rows ---- */

#define YES FLAG("--yes", NULL, "do not ask: for scripts")
#define SHEET                                                                                 \
    TEXT("--sheet", "FILE", NULL,                                                             \
         "take the KEY from a file, or - for standard input; else it is asked for. Never on " \
         "the command line: others can read that")

static const struct option rotate_options[] = {SHEET, YES, OPTIONS_END};
static const struct option revoke_options[] = {
    FLAG("--stolen", NULL, "somebody else has the working key, or had the machine"),
    {"--since", "WHEN", OPTION_TIME, 0, "sinceS", NULL, NULL,
     "what was signed from then on no longer counts with peers, YYYY-MM-DD[THH:MMZ]; without it "
     "all that this hub has made so far counts"},
    NUMBER("--through", "through", "the last number of each open stream that counts"),
    SHEET,
    YES,
    OPTIONS_END,
};
static const struct option rotate_root_options[] = {
    FLAG("--stolen", "stolen", "the working key may be in other hands too: replace it as well"),
    {"--since", "WHEN", OPTION_TIME, 0, "sinceS", NULL, NULL,
     "with --stolen: what was signed from then on no longer counts"},
    SHEET,
    YES,
    OPTIONS_END,
};
static const struct option retire_options[] = {
    TEXT("--successor", "NODE", "successor", "node id or peer that goes on in its place"),
    SHEET,
    YES,
    OPTIONS_END,
};
static const struct option settle_options[] = {
    WORD("PEER", "id", "the peer shown as DUPLICITY"),
    OPTIONS_END,
};
static const struct option attest_options[] = {
    WORD("LOST", "lost", "node id of the hub that lost its keys"),
    WORD("SUCCESSOR", "successor", "node id of its new hub"),
    OPTIONS_END,
};

const struct command commands_keys[] = {
    {"keys show", "Keys of this hub, when they run out, and warnings", "Keys/Show", NULL, show_keys,
     NULL, NULL, NULL},
    {"keys rotate", "A new working key (sheet 1)", "Keys/Rotate", rotate_options, show_changed,
     run_rotate, NULL,
     "A working key lasts 400 days; warnings come 60, 30 and 7 days before its end. Past the end "
     "peers show this hub as STALE and go on for 90 days."},
    {"keys revoke", "The working key was stolen (sheet 1)", "Keys/Revoke", revoke_options,
     show_changed, run_revoke, NULL,
     "Do it as soon as you know. The sealing keys are replaced too."},
    {"keys rotate-root", "Replace the root key by the next one (sheet 2)", "Keys/RotateRoot",
     rotate_root_options, show_rotated_root, run_rotate_root, NULL,
     "Beats whatever a thief of sheet 1 did. Prints two new sheets, once."},
    {"keys retire", "End this hub for good (sheet 1)", "Keys/Retire", retire_options, show_retired,
     run_retire, NULL, NULL},
    {"keys settle", "A peer shown as DUPLICITY was checked by phone", "Keys/Settle", settle_options,
     show_nothing, NULL, NULL,
     "Two contradicting sets of keys claimed to be this peer. The ones held here stay, and "
     "exchange goes on. If you are not sure, block the peer instead: hubctl peer block PEER."},
    {"keys attest", "Tell peers that a new hub is one that lost its keys", "Keys/Attest",
     attest_options, show_nothing, NULL, NULL,
     "Peers see it as a hint when they are asked to accept the new hub; nothing happens by "
     "itself."},
    {.words = NULL},
};
