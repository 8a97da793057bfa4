/* hubctl status, card. */
#include "admin/command.h"
#include "admin/show.h"

static void show_list(const json_t *answer, const char *path, const char *label)
{
    for (size_t i = 0; i < answer_count(answer, path); i++)
        show_line(i == 0 ? label : "", json_string_value(answer_item(answer, path, i)));
}

static void show_status(const json_t *answer)
{
    char a[SHOW_WHEN], b[SHOW_WHEN], c[SHOW_WHEN], size[SHOW_SIZE];
    const char *name = answer_text(answer, "name"), *version = answer_text(answer, "version");
    show_title("%s", *name ? name : "This hub has no name");
    show_line("words", answer_text(answer, "words"));
    show_line("node id", answer_text(answer, "id"));
    if (*version)
        show_linef("version", "%s, started %s", version,
                   show_when(answer_text(answer, "started"), a));
    show_linef("peers", "%lld of %lld connected",
               (long long)answer_number(answer, "peersConnected"),
               (long long)answer_number(answer, "peers"));
    int64_t queued = answer_number(answer, "queued");
    if (queued)
        show_linef("queue", "%s for peers", show_plural(queued, "object", a));
    else
        show_line("queue", "nothing waits for peers");
    show_linef("open", "%s, %s", show_plural(answer_number(answer, "openReferrals"), "referral", a),
               show_plural(answer_number(answer, "openNotices"), "notice", b));
    show_line("directory", show_plural(answer_number(answer, "services"), "service", c));
    show_linef("storage", "%s, %s", show_size(answer_number(answer, "storageBytes"), size),
               show_plural(answer_number(answer, "objects"), "object", a));
    show_list(answer, "route", "peers dial");
    show_line("phone", answer_text(answer, "phone"));
    show_line("commune", answer_text(answer, "commune"));
    show_list(answer, "warning", "warning");
}

static const struct option card_options[] = {
    TEXT("--name", "NAME", "name", "what people call this organisation"),
    TEXT("--phone", "PHONE", "phone",
         "of the organisation; shown when a referral cannot be delivered"),
    TEXT("--commune", "INSEE", "commune", "INSEE code of the commune"),
    TEXT("--description", "TEXT", "description", "one or two sentences"),
    LIST("--route", "route", "how peers reach this hub: wss://host[:port], at most 3"),
    OPTIONS_END,
};

const struct command commands_status[] = {
    {"status", "Name, words, peers, queue, storage and warnings", "Node/Status", NULL, show_status,
     NULL, NULL, NULL},
    {"card", "Change what peers are told about this hub", "Node/SetCard", card_options, show_status,
     NULL, NULL, "What is not given stays as it is."},
    {.words = NULL},
};
