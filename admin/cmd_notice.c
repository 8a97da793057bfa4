/* hubctl notice: what is short, what is left over, and claims on it. */
#include "admin/command.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>

static const char kind_choices[] = "shortage|surplus|offer|question|situation|opportunity|group";

static const char *owner_of(const json_t *notice)
{
    const char *name = answer_text(notice, "ownerName");
    if (answer_flag(notice, "ours"))
        return "us";
    return *name ? name : answer_text(notice, "owner");
}

static char *left_words(const json_t *notice, char *out, size_t size)
{
    int64_t asked = answer_number(notice, "asked");
    out[0] = '\0';
    if (asked > 0)
        snprintf(out, size, "%lld of %lld %s", (long long)answer_number(notice, "remaining"),
                 (long long)asked, answer_text(notice, "content.quantity.unit"));
    return out;
}

static void show_notices(const json_t *answer)
{
    static const struct column columns[] = {
        {"ID", 0},     {"KIND", 0},           {"WHAT", COLUMN_WRAP},
        {"LEFT", 0},   {"WHERE", COLUMN_CUT}, {"FROM", COLUMN_CUT},
        {"STATUS", 0}, {"ENDS", 0},           {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "notice"); i++) {
        const json_t *notice = answer_item(answer, "notice", i);
        char id[SHOW_SHORT], kind[ANSWER_CODE], left[64], ends[SHOW_WHEN];
        const char *place = answer_text(notice, "content.place");
        table_add(table, (const char *[]){show_short(answer_text(notice, "id"), id),
                                          answer_code(notice, "content.kind", "NOTICE_KIND_", kind),
                                          answer_text(notice, "content.what"),
                                          left_words(notice, left, sizeof(left)),
                                          *place ? place : answer_text(notice, "content.commune"),
                                          owner_of(notice), answer_text(notice, "status"),
                                          show_when(answer_text(notice, "expires"), ends)});
    }
    table_print(table, "No notices now.");
}

static void add_claims(struct table *table, const json_t *answer)
{
    for (size_t i = 0; i < answer_count(answer, "claim"); i++) {
        const json_t *claim = answer_item(answer, "claim", i);
        char id[SHOW_SHORT], notice[SHOW_SHORT], amount[SHOW_SIZE], when[SHOW_WHEN],
            list[ANSWER_LIST], state[64];
        const char *name = answer_text(claim, "peerName"), *lapses = answer_text(claim, "lapses");
        snprintf(state, sizeof(state), "%s%s", answer_text(claim, "status"),
                 answer_flag(claim, "waitingList") ? ", in reserve" : "");
        table_add(table,
                  (const char *[]){show_short(answer_text(claim, "id"), id),
                                   strcmp(answer_text(claim, "box"), "in") == 0 ? "theirs" : "ours",
                                   *name ? name : answer_text(claim, "peer"),
                                   show_short(answer_text(claim, "notice"), notice),
                                   show_count(answer_number(claim, "quantity"), amount), state,
                                   show_when(lapses, when), answer_join(claim, "action", list)});
    }
}

static void show_claims(const json_t *answer)
{
    static const struct column columns[] = {{"CLAIM", 0},
                                            {"", 0},
                                            {"WITH", COLUMN_CUT},
                                            {"NOTICE", 0},
                                            {"HOW MANY", COLUMN_RIGHT},
                                            {"STATUS", 0},
                                            {"LAPSES", 0},
                                            {"YOU MAY", COLUMN_WRAP},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    add_claims(table, answer);
    table_print(table, "No claims now.");
}

static void show_notice(const json_t *answer)
{
    const json_t *content = answer_find(answer, "content");
    char a[SHOW_WHEN], code[ANSWER_CODE], list[ANSWER_LIST], left[64];
    const char *what = answer_text(content, "what");
    what = *what ? what : answer_text(answer, "what");
    show_title("%s", *what ? what : "(withdrawn)");
    show_linef("kind", "%s%s", answer_code(content, "kind", "NOTICE_KIND_", code),
               answer_flag(content, "firstCome") ? ", first come, first served" : "");
    show_line("status", answer_text(answer, "status"));
    show_line("id", answer_text(answer, "id"));
    show_line("from", owner_of(answer));
    show_line("circle", answer_text(answer, "circleName"));
    show_line("left", left_words(answer, left, sizeof(left)));
    if (answer_number(answer, "committed") || answer_number(answer, "delivered"))
        show_linef("agreed", "%lld, of which %lld delivered",
                   (long long)answer_number(answer, "committed"),
                   (long long)answer_number(answer, "delivered"));
    show_linef("where", "%s %s", answer_text(content, "place"), answer_text(content, "commune"));
    show_line("detail", answer_text(content, "detail"));
    show_line("theme", answer_text(content, "theme"));
    show_line("good to know", answer_join(content, "restriction", list));
    show_line("price", answer_code(content, "price", "PRICE_KIND_", code));
    show_line("ask for", answer_text(content, "contactRole"));
    if (strcmp(answer_code(content, "status", "NOTICE_STATUS_", code), "actual") != 0)
        show_line("practice", code);
    if (strcmp(answer_text(answer, "status"), "withdrawn") != 0)
        show_line("ends", show_when(answer_text(answer, "expires"), a));
    if (answer_flag(answer, "ours"))
        show_line("heard by", show_plural(answer_number(answer, "reached"), "hub", a));
    if (answer_number(answer, "renewalsLeft"))
        show_linef("renewable", "%lld times without a change, now until %s",
                   (long long)answer_number(answer, "renewalsLeft"),
                   show_when(answer_text(answer, "renewedUntil"), a));
    show_line("withdrawn", answer_text(answer, "withdrawReason"));
    show_line("reached people", answer_text(answer, "reachedPeople"));
    show_line("not for us", answer_text(answer, "hidden"));
    if (answer_count(answer, "claim") > 0) {
        show_note("Claims:");
        show_claims(answer);
    }
}

static void show_text(const json_t *answer)
{
    fputs(answer_text(answer, "text"), stdout);
    if (!answer_number(answer, "count"))
        puts("No open notices.");
}

static void show_guess(const json_t *answer)
{
    char when[SHOW_WHEN];
    const char *kind = answer_text(answer, "kind");
    show_line("kind", *kind ? kind : "(no word says it)");
    show_line("what", answer_text(answer, "what"));
    if (answer_number(answer, "amount"))
        show_linef("how many", "%lld %s", (long long)answer_number(answer, "amount"),
                   answer_text(answer, "unit"));
    if (answer_flag(answer, "perishable"))
        show_line("perishable", "yes");
    show_line("until", show_when(answer_text(answer, "until"), when));
    show_line("a name?", answer_text(answer, "nameHint"));
}

/* The number was checked as one when it was read. */
static int atoi_checked(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static void show_reach(const json_t *answer)
{
    printf("A notice would be heard by %s.\n", answer_text(answer, "words"));
    for (size_t i = 0; i < answer_count(answer, "hub"); i++) {
        const json_t *hub = answer_item(answer, "hub", i);
        char id[SHOW_SHORT];
        const char *name = answer_text(hub, "name"), *commune = answer_text(hub, "commune");
        if (!*name)
            name = show_short(answer_text(hub, "id"), id);
        if (answer_flag(hub, "hasKm"))
            show_linef("", "%s, %s, %lld km", name, commune, (long long)answer_number(hub, "km"));
        else
            show_linef("", "%s%s%s", name, *commune ? ", " : "", commune);
    }
}

/* Who hears it is asked first and shown; with --dry-run nothing else happens (N36). */
static bool run_post(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *circle = input_value(input, "--reach"), *near = input_value(input, "--near"),
               *km = input_value(input, "--km");
    bool dry_run = input_value(input, "--dry-run");
    if (!dry_run && (ctl->json || (!circle && !near && !km)))
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref)
    json_t *ask = json_pack("{s:s, s:s, s:i}", "circle", circle ? circle : "", "near",
                            near ? near : "", "km", km ? atoi_checked(km) : 0);
    AUTO(json_decref) json_t *reach = ctl_call(ctl, "Notices/Reach", ask, err);
    if (!reach)
        return false;
    if (ctl->json) {
        char *text = json_dumps(reach, JSON_INDENT(2));
        puts(text ? text : "{}");
        free(text);
        return true;
    }
    answer_clean(reach);
    show_reach(reach);
    if (!dry_run)
        return ctl_finish(ctl, input, 0, err);
    puts("Nothing was posted.");
    return true;
}

static void show_claim(const json_t *answer)
{
    char a[SHOW_WHEN], list[ANSWER_LIST], id[SHOW_SHORT];
    const char *name = answer_text(answer, "peerName");
    show_title("%s%s", answer_text(answer, "status"),
               answer_flag(answer, "waitingList") ? ", in reserve" : "");
    show_line("claim", answer_text(answer, "id"));
    show_line("notice", show_short(answer_text(answer, "notice"), id));
    show_line("with", *name ? name : answer_text(answer, "peer"));
    show_linef("how many", "%lld", (long long)answer_number(answer, "quantity"));
    if (answer_number(answer, "delivered"))
        show_linef("delivered", "%lld", (long long)answer_number(answer, "delivered"));
    show_line("reason", answer_text(answer, "reason"));
    show_line("lapses", show_when(answer_text(answer, "lapses"), a));
    show_linef("ask for", "%s %s", answer_text(answer, "contactRole"),
               answer_text(answer, "phone"));
    show_line("pick up", answer_text(answer, "pickUp"));
    show_line("you may", answer_join(answer, "action", list));
}

/* An update carries the whole content: what is there now, with the options over it. */
static bool run_update(struct ctl *ctl, struct input *input, struct err *err)
{
    AUTO(json_decref)
    json_t *get = json_pack("{s:s}", "id", input_value(input, "ID"));
    AUTO(json_decref) json_t *notice = ctl_call(ctl, "Notices/Get", get, err);
    if (!notice)
        return false;
    json_t *content = json_object_get(notice, "content");
    if (!content)
        return err_set(err, ERR_CONFLICT, "the notice is withdrawn: post a new one");
    json_object_update_recursive(content, json_object_get(input->request, "content"));
    json_object_set(input->request, "content", content);
    json_object_set(input->request, "id", json_object_get(notice, "id"));
    return ctl_finish(ctl, input, 0, err);
}

#define ID          WORD("ID", "id", "of the notice, or its first 8 characters")
#define CLAIM       WORD("CLAIM", "id", "of the claim, or its first 8 characters")
#define UNTIL(help) TEXT("--until", "WHEN", "until", help)
#define PICK_UP                                                                              \
    TEXT("--contact-role", "WORDS", "contactRole", "whom to ask for: a role, never a name"), \
        TEXT("--phone", "PHONE", "phone", "of the organisation"),                            \
        TEXT("--pick-up", "TEXT", "pickUp", "where and when to pick up")
#define CONTENT                                                                                  \
    TEXT("--unit", "WORD", "content.quantity.unit", "matelas, kg, h ..."),                       \
        NUMBER("--quantity", "content.quantity.amount", "how many"),                             \
        TEXT("--detail", "TEXT", "content.detail", "more words; never about a person"),          \
        TEXT("--place", "WORDS", "content.place", "where, in words"),                            \
        TEXT("--commune", "INSEE", "content.commune", "INSEE code of the commune"),              \
        TEXT("--theme", "CODE", "content.theme", "theme of data.inclusion"),                     \
        UNTIL("7d, 24h or a date; each kind has its own default"),                               \
        {"--from", "DATE", OPTION_TIME,         0, "content.availableFromS",                     \
         NULL,     NULL,   "there from then on"},                                                \
        {"--to", "DATE", OPTION_TIME, 0, "content.availableToS", NULL, NULL, "and until then"},  \
        LIST("--restriction", "content.restriction",                                             \
             "cold-chain, pick-up-only, stairs, vehicle, waiting-list ..."),                     \
        NUMBER("--min-lot", "content.minLot", "no claim for less"),                              \
        CODE("--price", "PRICE", "content.price", "free|free-price|at-cost|paid", "PRICE_KIND_", \
             "what it costs"),                                                                   \
        TEXT("--contact-role", "WORDS", "content.contactRole",                                   \
             "whom to ask for: a role, never a name"),                                           \
        FLAG("--first-come", "content.firstCome", "a claim binds at once, without your answer"), \
        FLAG("--perishable", "content.perishable", "must go within a day"),                      \
        CODE("--status", "STATUS", "content.status", "actual|exercise|test", "NOTICE_STATUS_",   \
             "practice notices are marked as such")

static const struct option post_options[] = {
    CODE_REQUIRED("--kind", "KIND", "content.kind", kind_choices, "NOTICE_KIND_", "what it is"),
    TEXT_REQUIRED("--what", "WORDS", "content.what", "in a few words"),
    CONTENT,
    TEXT("--reach", "CIRCLE", "circle", "only members of this circle hear it"),
    TEXT("--near", "PLACE", NULL, "tell before who hears it near this place"),
    NUMBER("--km", NULL, "and not further away than this"),
    FLAG("--dry-run", NULL, "only tell who would hear it"),
    TEXT("--request-key", "KEY", "requestKey", "the same key posts nothing twice"),
    OPTIONS_END,
};
static const struct option reach_options[] = {
    WORD_OPTIONAL("CIRCLE", "circle", "members of this circle; else accepted neighbours"),
    TEXT("--near", "PLACE", "near", "commune or postal code; else where this hub is"),
    NUMBER("--km", "km", "not further away than this"),
    OPTIONS_END,
};
static const struct option update_options[] = {
    ID, TEXT("--what", "WORDS", "content.what", "in a few words"), CONTENT, OPTIONS_END};
static const struct option list_options[] = {
    {"--kind", "KIND", OPTION_TEXT, 0, "kind", kind_choices, NULL, "only these"},
    FLAG("--ours", "oursOnly", "only this hub's"),
    FLAG("--all", "all", "filled, expired and withdrawn ones too"),
    TEXT("--theme", "CODE", "theme", "only this theme"),
    FLAG("--theirs", "theirsOnly", "only those of neighbours"),
    FLAG("--hidden", "hidden", "only those that are not for us"),
    FLAG("--urgent", "urgentFirst", "perishable first, then by end"),
    TEXT("--ends", "WHEN", "endsWithin", "only those that end within 24h, 3d ..."),
    NUMBER("--km", "km", "not further away than this"),
    NUMBER("--limit", "limit", "how many"),
    OPTIONS_END,
};
static const struct option close_options[] = {ID,
                                              {"REACHED", NULL, OPTION_TEXT, OPTION_REQUIRED,
                                               "reached", "yes|partly|no|unknown", NULL,
                                               "did it reach people?"},
                                              OPTIONS_END};
static const struct option hide_options[] = {
    ID, TEXT("--reason", "CODE", "reason", "why, in small letters with hyphens"),
    FLAG("--undo", "undo", "it is for us after all"), OPTIONS_END};
static const struct option text_options[] = {
    {"--language", "LANGUAGE", OPTION_TEXT, 0, "language", "fr|en", NULL, "French without it"},
    FLAG("--all", "all", "those of neighbours too"),
    OPTIONS_END};
static const struct option guess_options[] = {
    WORDS_LEFT("WORDS", OPTION_REQUIRED, "text", "as a coordinator would say it"), OPTIONS_END};
static const struct option id_options[] = {ID, OPTIONS_END};
static const struct option withdraw_options[] = {
    ID, TEXT("--reason", "WORDS", "reason", "why; claimants are told"), OPTIONS_END};
static const struct option renew_options[] = {ID, UNTIL("7d, 24h or a date"), OPTIONS_END};
static const struct option claim_options[] = {
    WORD("ID", "notice", "of the notice, or its first 8 characters"),
    NUMBER("--quantity", "quantity", "how many (all that is left)"),
    PICK_UP,
    TEXT("--request-key", "KEY", "requestKey", "the same key claims nothing twice"),
    OPTIONS_END,
};
static const struct option claims_options[] = {
    WORD_OPTIONAL("ID", "notice", "only on this notice"),
    FLAG("--open", "openOnly", "only those that still go on"),
    OPTIONS_END,
};
static const struct option agree_options[] = {
    CLAIM, NUMBER("--quantity", "quantity", "how many, when fewer than asked"),
    TEXT("--reason", "CODE", "reason", "waiting-list: a place in reserve"), PICK_UP, OPTIONS_END};
static const struct option reason_options[] = {
    CLAIM, TEXT("--reason", "CODE", "reason", "why, in small letters with hyphens"), OPTIONS_END};
static const struct option way_options[] = {CLAIM, PICK_UP, OPTIONS_END};
static const struct option delivered_options[] = {
    CLAIM, NUMBER("--quantity", "quantity", "how many it really was"), OPTIONS_END};
static const struct option plain_options[] = {CLAIM, OPTIONS_END};
static const struct option extend_options[] = {
    CLAIM, TEXT_REQUIRED("--until", "WHEN", "until", "7d, or a date"), OPTIONS_END};

#define EVENT(words, summary, options, action)                           \
    {                                                                    \
        words, summary, "Notices/ActOnClaim", options, show_claim, NULL, \
            "{\"action\": \"CLAIM_ACTION_" action "\"}", NULL            \
    }

const struct command commands_notice[] = {
    {"notice post", "Tell neighbours what is short or left over", "Notices/Post", post_options,
     show_notice, run_post, NULL,
     "Example: hubctl notice post --kind surplus --what yaourts --quantity 40 --unit kg "
     "--perishable --place \"12 rue Haute\"\n\n"
     "Never about a person. --dry-run says who would hear it: accepted neighbours, or with --reach "
     "the members of a circle, all of them; --near and --km count, they do not narrow."},
    {"notice list", "Notices of this hub and its neighbours", "Notices/List", list_options,
     show_notices, NULL, NULL, NULL},
    {"notice show", "Everything about one notice", "Notices/Get", id_options, show_notice, NULL,
     NULL, NULL},
    {"notice update", "Change a notice of this hub", "Notices/Update", update_options, show_notice,
     run_update, NULL, "What is not given stays as it is."},
    {"notice withdraw", "Take a notice back; claims on it end", "Notices/Withdraw",
     withdraw_options, show_notice, NULL, NULL, NULL},
    {"notice close", "Our notice is over: did it reach people?", "Notices/Close", close_options,
     show_notice, NULL, NULL,
     "One that is still open is withdrawn first, unless somebody's claim on it goes on."},
    {"notice hide", "A neighbour's notice is not for us", "Notices/Hide", hide_options, show_notice,
     NULL, NULL, "Only this hub leaves it out of its lists; nobody is told."},
    {"notice text", "Our open notices as plain text, to copy", "Notices/Text", text_options,
     show_text, NULL, NULL, "What only a circle hears is left out."},
    {"notice guess", "What a sentence says about the notice it would become", "Notices/Guess",
     guess_options, show_guess, NULL, NULL,
     "Example: hubctl notice guess il nous faut 12 matelas pour vendredi"},
    {"notice renew", "Let a notice live longer, as it is", "Notices/Renew", renew_options,
     show_notice, NULL, NULL, NULL},
    {"notice reach", "Who would hear a notice", "Notices/Reach", reach_options, show_reach, NULL,
     NULL, NULL},
    {"notice claim", "Claim from a neighbour's notice", "Notices/Claim", claim_options, show_claim,
     NULL, NULL, NULL},
    {"notice claims", "Claims on our notices, and ours on theirs", "Notices/ListClaims",
     claims_options, show_claims, NULL, NULL, NULL},
    EVENT("notice agree", "Owner: agree to a claim", agree_options, "AGREE"),
    EVENT("notice refuse", "Owner: refuse a claim", reason_options, "REFUSE"),
    EVENT("notice under-way", "Claimant: on the road", way_options, "UNDER_WAY"),
    EVENT("notice release", "Claimant: give a claim back", reason_options, "RELEASE"),
    EVENT("notice delivered", "Either: it changed hands", delivered_options, "DELIVERED"),
    EVENT("notice returned", "Either: the loan came back", plain_options, "RETURNED"),
    EVENT("notice ask-release", "Owner: ask for a claim back", reason_options, "ASK_RELEASE"),
    EVENT("notice extend", "Claimant: ask for a longer loan", extend_options, "EXTEND"),
    EVENT("notice agree-extend", "Owner: agree to a longer loan", plain_options, "AGREE_EXTEND"),
    {.words = NULL},
};
