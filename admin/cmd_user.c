/* hubctl user: accounts, passphrases, tokens. */
#include "admin/command.h"
#include "admin/show.h"

#include "hub/crypto/secret.h"
#include <stdio.h>

#define PASSPHRASE_MAX 1024

static void show_account(const json_t *answer)
{
    char when[SHOW_WHEN];
    show_title("%s", answer_text(answer, "name"));
    show_line("role", answer_text(answer, "role"));
    show_line("state",
              answer_flag(answer, "disabled") ? "disabled: cannot sign in" : "may sign in");
    show_line("second factor",
              answer_flag(answer, "secondFactor") ? "on: sign-in asks for a code as well" : "off");
    show_line("last seen", show_when(answer_text(answer, "lastSeen"), when));
}

static void show_added(const json_t *answer)
{
    const char *passphrase = answer_text(answer, "passphrase");
    show_account(answer_find(answer, "account"));
    show_line("passphrase", passphrase);
    if (*passphrase)
        show_note("The passphrase is shown this once. Hand it over in person or by phone.");
}

static void show_users(const json_t *answer)
{
    static const struct column columns[] = {
        {"NAME", COLUMN_CUT}, {"ROLE", COLUMN_CUT}, {"STATE", 0}, {"CODE", 0},
        {"LAST SEEN", 0},     {"SINCE", 0},         {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "account"); i++) {
        const json_t *account = answer_item(answer, "account", i);
        const char *seen = answer_text(account, "lastSeen");
        char last[SHOW_WHEN], since[SHOW_WHEN];
        table_add(table,
                  (const char *[]){answer_text(account, "name"), answer_text(account, "role"),
                                   answer_flag(account, "disabled") ? "disabled" : "active",
                                   answer_flag(account, "secondFactor") ? "yes" : "no",
                                   *seen ? show_when(seen, last) : "never",
                                   show_when(answer_text(account, "created"), since)});
    }
    table_print(table, "Nobody has an account yet. Add one: hubctl user add NAME --role admin");
}

static void show_token(const json_t *answer)
{
    char when[SHOW_WHEN];
    show_title("%s", answer_text(answer, "token"));
    show_line("expires", show_when(answer_text(answer, "expires"), when));
    show_note("The token is shown this once. Programs send it as \"Authorization: Bearer TOKEN\".");
}

static bool run_add(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "--passphrase-file");
    if (path) {
        AUTO(buf_done) struct buf text = {0};
        if (!file_read(path, PASSPHRASE_MAX, &text, err))
            return false;
        while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
            text.len--;
        if (text.len == 0)
            return wrong_usage(ctl, err, "user add: there is no passphrase in %s", path);
        request_set(input->request, "passphrase", json_stringn((const char *)text.data, text.len));
        secret_wipe(text.data, text.len);
    }
    return ctl_finish(ctl, input, 0, err);
}

#define NAME WORD("NAME", "name", "name of the account")

static const struct option add_options[] = {
    NAME,
    TEXT_REQUIRED("--role", "ROLE", "role",
                  "caseworker, coordinator, secretary or admin, or several with commas"),
    TEXT("--passphrase-file", "FILE", NULL,
         "take the passphrase from a file, or - for standard input; else one is made"),
    OPTIONS_END,
};
static const struct option name_options[] = {NAME, OPTIONS_END};
static const struct option role_options[] = {
    NAME,
    TEXT_REQUIRED("--role", "ROLE", "role",
                  "caseworker, coordinator, secretary or admin, or several with commas"),
    OPTIONS_END,
};
static const struct option token_options[] = {
    NAME,
    TEXT("--label", "TEXT", "label", "what the token is for"),
    NUMBER("--days", "days", "how long it works (365)"),
    OPTIONS_END,
};

const struct command commands_user[] = {
    {"user add", "Add an account", "Accounts/AddUser", add_options, show_added, run_add, NULL,
     "caseworker: sends and answers referrals. coordinator: notices, claims and services. "
     "secretary: sees what waits, without personal data. admin: accounts, peers, settings."},
    {"user list", "Accounts of this hub", "Accounts/ListUsers", NULL, show_users, NULL, NULL, NULL},
    {"user disable", "Close an account and end its sessions", "Accounts/DisableUser", name_options,
     show_account, NULL, NULL,
     "\"hubctl user enable NAME\" opens it again, \"user reset\" with a new passphrase."},
    {"user enable", "Open a disabled account again", "Accounts/EnableUser", name_options,
     show_account, NULL, NULL, NULL},
    {"user role", "Change what an account may do", "Accounts/SetRole", role_options, show_account,
     NULL, NULL, NULL},
    {"user reset", "Make a new passphrase for an account", "Accounts/ResetUser", name_options,
     show_added, NULL, NULL,
     "Ends its sessions and its tokens and removes its second factor, for who has lost the phone "
     "or was robbed; a disabled account is opened again."},
    {"user sign-out", "End all sessions of an account", "Accounts/EndUserSessions", name_options,
     show_account, NULL, NULL, "Its tokens stay."},
    {"user token", "Make a token with which a program signs in", "Accounts/CreateToken",
     token_options, show_token, NULL, NULL, NULL},
    {"user revoke-tokens", "End all tokens of an account", "Accounts/RevokeTokens", name_options,
     show_account, NULL, NULL, NULL},
    {.words = NULL},
};
