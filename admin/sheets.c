#include "admin/sheets.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void sheets_write(const struct recovery_sheets *sheets, struct buf *out)
{
    char node[NODE_ID_TEXT], words[NODE_ID_WORDS];
    const struct {
        const char *title, *secret, *use;
    } parts[] = {
        {"RECOVERY SHEET 1 OF 2: root key", sheets->root,
         "It proves that this hub is yours: it replaces lost or stolen working keys."},
        {"RECOVERY SHEET 2 OF 2: next root key", sheets->next_root,
         "It replaces sheet 1 when that one is lost or was seen by somebody else."},
    };
    node_id_text(&sheets->node, node);
    node_id_words(&sheets->node, words);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_addf(out,
                 "------------------------------------------------------------------------\n"
                 "%s\n"
                 "\n"
                 "  hub     %s\n"
                 "  words   %s\n"
                 "\n"
                 "  KEY     ",
                 parts[i].title, node, words);
        for (size_t j = 0; parts[i].secret[j]; j++)
            buf_addf(out, j % 6 == 0 && j > 0 ? (j % 30 == 0 ? "\n          %c" : " %c") : "%c",
                     parts[i].secret[j]);
        buf_addf(out, "\n\n  %s\n", parts[i].use);
    }
    buf_add_text(out, "------------------------------------------------------------------------\n");
}

void sheets_advice(void)
{
    puts("\nPrint or write down both sheets now: they are shown this once and kept nowhere.\n"
         "Keep them in two different places, in a safe or with a person you trust.\n"
         "Never keep them on this machine, in an e-mail or in the backups.\n");
}

/* Where the KEY of a printed sheet begins; NULL: this is no printed page. */
static const char *find_key(const char *text, unsigned number)
{
    char title[32];
    snprintf(title, sizeof(title), "RECOVERY SHEET %u OF 2", number);
    const char *sheet = strstr(text, title);
    if (!sheet)
        return strstr(text, "RECOVERY SHEET") ? text + strlen(text) : NULL;
    const char *key = strstr(sheet, "KEY  ");
    return key ? key + 3 : text + strlen(text);
}

void sheets_extract(const char *text, unsigned number, struct buf *ret)
{
    const char *key = find_key(text, number);
    bool printed = key != NULL;
    size_t len = 0;
    for (const char *c = printed ? key : text;; c++) {
        bool ends = !*c || (c[0] == '\n' && c[1] == '\n');
        if (!ends && isalnum((unsigned char)*c)) {
            buf_add(ret, c, 1);
            len++;
        }
        if (!ends)
            continue;
        if (len > 0)
            buf_add(ret, "", 1);
        len = 0;
        if (!*c || printed)
            return;
    }
}
