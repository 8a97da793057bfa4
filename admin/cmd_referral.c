/* hubctl referral: sending a person on, with consent, and what becomes of it. */
#include "admin/attach.h"
#include "admin/show.h"

#include <stdio.h>
#include <stdlib.h>

static const char *other_side(const json_t *referral)
{
    const char *name = answer_text(referral, "peerName");
    return *name ? name : answer_text(referral, "peer");
}

static bool is_in(const json_t *referral)
{
    return strcmp(answer_text(referral, "box"), "in") == 0;
}

static const char *status_of(const json_t *referral)
{
    const char *words = answer_text(referral, "statusWords");
    return *words ? words : answer_text(referral, "status");
}

static void show_referrals(const json_t *answer)
{
    static const struct column columns[] = {{"ID", 0},
                                            {"", 0},
                                            {"PERSON", COLUMN_CUT},
                                            {"WITH", COLUMN_CUT},
                                            {"SERVICE", COLUMN_CUT},
                                            {"STATUS", 0},
                                            {"NEXT", COLUMN_WRAP},
                                            {"CHANGED", 0},
                                            {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "referral"); i++) {
        const json_t *referral = answer_item(answer, "referral", i);
        char id[SHOW_SHORT], changed[SHOW_WHEN], status[96];
        const char *service = answer_text(referral, "serviceName");
        snprintf(status, sizeof(status), "%s%s", status_of(referral),
                 answer_flag(referral, "late") ? ", late" : "");
        table_add(table,
                  (const char *[]){show_short(answer_text(referral, "id"), id),
                                   is_in(referral) ? "in" : "out",
                                   answer_text(referral, "person.name"), other_side(referral),
                                   *service ? service : answer_text(referral, "service"), status,
                                   answer_text(referral, "nextWords"),
                                   show_when(answer_text(referral, "changed"), changed)});
    }
    table_print(table, "No referrals here.");
    const char *next = answer_text(answer, "next");
    if (*next)
        show_note("There are more: --before %s", next);
}

static void show_person(const json_t *referral)
{
    const json_t *person = answer_find(referral, "person");
    char by[ANSWER_CODE];
    if (answer_flag(referral, "purged"))
        show_line("person", "erased");
    show_line("person", answer_text(person, "name"));
    answer_code(person, "contactPreference", "CONTACT_PREFERENCE_", by);
    const char *contact = answer_text(person, "contact");
    show_linef("contact", "%s%s%s%s", contact, *contact && *by ? ", " : "", *by ? "by " : "", by);
    show_line("safe times", answer_text(person, "safeTimes"));
    show_line("voicemail", answer_flag(person, "voicemail") ? "may be left" : "");
    show_line("language", answer_text(person, "language"));
    if (answer_number(person, "birthYear"))
        show_linef("born", "%lld", (long long)answer_number(person, "birthYear"));
    if (answer_number(person, "householdSize"))
        show_linef("household", "%lld", (long long)answer_number(person, "householdSize"));
    show_line("guardian", answer_text(person, "guardian"));
    show_line("commune", answer_text(person, "commune"));
    show_line("need", answer_text(referral, "need"));
    for (size_t i = 0; i < answer_count(referral, "extra"); i++) {
        const json_t *extra = answer_item(referral, "extra", i);
        show_line(answer_text(extra, "field"), answer_text(extra, "value"));
    }
}

static void show_consent(const json_t *referral)
{
    const json_t *consent = answer_find(referral, "consent");
    char form[ANSWER_CODE], list[ANSWER_LIST];
    if (!consent)
        return;
    show_linef("consent", "%s, to share %s, until %s",
               answer_code(consent, "form", "CONSENT_FORM_", form),
               answer_join(consent, "field", list), answer_text(consent, "until"));
    show_line("receipt", answer_text(consent, "fingerprint"));
}

static const char *delivery_words(const json_t *referral)
{
    static const struct {
        const char *delivery, *words;
    } table[] = {
        {"sent", "on its way"},
        {"at-relay", "waits at a relay"},
        {"stored", "their hub has it"},
        {"presented", "shown to them"},
        {"undelivered", "not delivered: call them"},
    };
    const char *delivery = answer_text(referral, "delivery");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].delivery, delivery) == 0)
            return table[i].words;
    }
    return delivery;
}

/* What may be done now, by the names of the commands. */
static void show_actions(const json_t *referral)
{
    AUTO(buf_done) struct buf words = {0};
    for (size_t i = 0; i < answer_count(referral, "action"); i++) {
        const char *action = json_string_value(answer_item(referral, "action", i));
        if (!action)
            continue;
        buf_addf(&words, "%s%s", words.len ? ", " : "",
                 strcmp(action, "withdraw-consent") == 0 ? "withdraw" : action);
    }
    show_line("you may", buf_text(&words));
}

static void show_events(const json_t *referral)
{
    char date[SHOW_WHEN], action[ANSWER_CODE];
    size_t count = answer_count(referral, "event");
    if (count > 0)
        show_note("What happened:");
    for (size_t i = 0; i < count; i++) {
        const json_t *event = answer_item(referral, "event", i);
        const char *reason = answer_text(event, "reason"), *text = answer_text(event, "text");
        const char *note = answer_flag(event, "refused")   ? " (without effect)"
                           : answer_flag(event, "pending") ? " (waits for an earlier event)"
                                                           : "";
        show_date(answer_text(event, "at"), date);
        answer_code(event, "action", "REFERRAL_ACTION_", action);
        printf("  %-23s  %-4s  %s%s%s%s%s\n", date,
               strcmp(answer_text(event, "by"), "us") == 0 ? "us" : "them", action,
               answer_flag(event, "forPerson") ? ", for the person" : "", *reason ? ": " : "",
               reason, note);
        if (*text)
            printf("  %29s  %s\n", "", text);
    }
}

/* For the same request of the person. */
static void show_attempts(const json_t *referral)
{
    char date[SHOW_WHEN];
    size_t count = answer_count(referral, "attempt");
    if (count > 0)
        show_note("Attempts for this request:");
    for (size_t i = 0; i < count; i++) {
        const json_t *attempt = answer_item(referral, "attempt", i);
        const char *reason = answer_text(attempt, "reason"), *id = answer_text(attempt, "id");
        show_date(answer_text(attempt, "changed"), date);
        printf("  %-23s  %.8s  %s, %s: %s%s%s%s\n", date, id, answer_text(attempt, "serviceName"),
               answer_text(attempt, "peerName"), answer_text(attempt, "statusWords"),
               *reason ? ", " : "", reason,
               strcmp(id, answer_text(referral, "id")) == 0 ? " (this one)" : "");
    }
}

static void show_referral(const json_t *answer)
{
    char a[SHOW_WHEN], code[ANSWER_CODE];
    const char *service = answer_text(answer, "serviceName");
    show_title("%s%s", status_of(answer), answer_flag(answer, "late") ? ", late" : "");
    show_line("next", answer_text(answer, "nextWords"));
    show_line("id", answer_text(answer, "id"));
    show_linef(is_in(answer) ? "from" : "to", "%s", other_side(answer));
    show_line("service", *service ? service : answer_text(answer, "service"));
    show_line("theme", answer_text(answer, "theme"));
    show_line("urgency", answer_code(answer, "urgency", "URGENCY_", code));
    show_line("answer due", show_when(answer_text(answer, "answerDue"), a));
    show_line("sent", show_date(answer_text(answer, "created"), a));
    show_line("delivery", is_in(answer) ? "" : delivery_words(answer));
    show_person(answer);
    show_linef("referrer", "%s %s", answer_text(answer, "referrerName"),
               answer_text(answer, "referrerPhone"));
    show_linef("ask for", "%s %s", answer_text(answer, "contactName"),
               answer_text(answer, "contactPhone"));
    show_line("next step", answer_text(answer, "nextStep"));
    show_linef("meeting", "%s %s", show_date(answer_text(answer, "scheduled"), a),
               answer_text(answer, "place"));
    show_line("review", answer_text(answer, "review"));
    show_line("reason", answer_text(answer, "reason"));
    show_line("outcome", answer_text(answer, "outcome"));
    show_consent(answer);
    show_line("part of", answer_text(answer, "partOf"));
    show_line("exercise", answer_flag(answer, "exercise") ? "practice: counts nowhere" : "");
    show_line("frozen", answer_flag(answer, "frozen")
                            ? "the chain was forked: kept as proof, nothing may be added"
                            : "");
    show_actions(answer);
    show_attempts(answer);
    show_events(answer);
}

/* After an event: where it stands now. */
static void show_moved(const json_t *answer)
{
    printf("%.8s  %s\n", answer_text(answer, "id"), status_of(answer));
    show_line("next", answer_text(answer, "nextWords"));
}

static void show_sent(const json_t *answer)
{
    show_moved(answer);
    show_line("consent", answer_text(answer, "consent.fingerprint"));
    if (answer_find(answer, "consent"))
        show_note("Give the person their slip (hubctl referral slip %.8s): with its code they can "
                  "withdraw.",
                  answer_text(answer, "id"));
}

/* The paper itself, in the language of the person: French, or English where that is theirs. */
enum slip_word {
    SLIP_HEADING,
    SLIP_WHERE,
    SLIP_WHEN,
    SLIP_TOLD,
    SLIP_WHO,
    SLIP_DESK,
    SLIP_CODE,
    SLIP_FROM,
    SLIP_REFERENCE
};

static void show_slip(const json_t *answer)
{
    static const char *const words[][SLIP_REFERENCE + 1] = {
        {"On vous attend", "Où", "Quand", "On vous le dira bientôt.", "Qui demander", "L'accueil",
         "Votre code", "Remis par", "Référence"},
        {"You are expected", "Where", "When", "You will be told soon.", "Ask for", "The front desk",
         "Your code", "Handed by", "Reference"},
    };
    const char *const *word = words[strncmp(answer_text(answer, "language"), "en", 2) == 0];
    const char *contact = answer_text(answer, "slip.contactName");
    const char *step = answer_text(answer, "slip.nextStep");
    char when[SHOW_WHEN];
    show_date(answer_text(answer, "slip.scheduled"), when);
    show_title("%s", word[SLIP_HEADING]);
    for (size_t i = 0; i < answer_count(answer, "slip.place"); i++)
        show_line(i == 0 ? word[SLIP_WHERE] : "",
                  json_string_value(answer_item(answer, "slip.place", i)));
    show_line(word[SLIP_WHEN], *when ? when : *step ? step : word[SLIP_TOLD]);
    show_line(word[SLIP_WHO], *contact ? contact : word[SLIP_DESK]);
    show_line("", answer_text(answer, "slip.contactPhone"));
    show_line(word[SLIP_CODE], answer_text(answer, "slip.code"));
    show_line("", answer_text(answer, "url"));
    show_line(word[SLIP_FROM], answer_text(answer, "slip.from"));
    show_line(word[SLIP_REFERENCE], answer_text(answer, "reference"));
}

/* The paths in the request become the uploads that the hub answers with. */
static bool upload_files(struct ctl *ctl, json_t *request, struct err *err)
{
    json_t *item;
    size_t index;
    json_array_foreach(json_object_get(request, "attachment"), index, item)
    {
        AUTO(json_decref)
        json_t *answer = attach_upload(ctl, json_string_value(item), NULL, NULL, err);
        if (!answer)
            return false;
        json_string_set(item, answer_text(answer, "upload"));
    }
    return true;
}

/* The file first, then what the options say. */
static bool run_send(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "--file"), *to = input_value(input, "--to");
    if (path) {
        json_t *request = file_read_json(path, err);
        if (!request)
            return false;
        json_object_update_recursive(request, input->request);
        json_decref(input->request);
        input->request = request;
    }
    if (!to)
        to = answer_text(input->request, "service");
    if (!*to)
        return wrong_usage(ctl, err,
                           "referral send: --to SERVICE is missing (see hubctl help "
                           "referral send)");
    char *service = ctl_service_id(ctl, to, err);
    if (!service)
        return false;
    request_set(input->request, "service", json_string(service));
    free(service);
    if (input_value(input, "--attach") && !upload_files(ctl, input->request, err))
        return false;
    return ctl_finish(ctl, input, 0, err);
}

static bool run_list(struct ctl *ctl, struct input *input, struct err *err)
{
    bool in = input_value(input, "--in"), out = input_value(input, "--out");
    if (in != out)
        request_set(input->request, "box", json_string(in ? "in" : "out"));
    return ctl_finish(ctl, input, 0, err);
}

static bool expand_services(struct ctl *ctl, json_t *services, struct err *err)
{
    json_t *item;
    size_t index;
    json_array_foreach(services, index, item)
    {
        char *id = ctl_service_id(ctl, json_string_value(item), err);
        if (!id)
            return false;
        json_string_set(item, id);
        free(id);
    }
    return true;
}

static bool run_suggest(struct ctl *ctl, struct input *input, struct err *err)
{
    json_t *services = json_object_get(input->request, "suggestedService");
    return expand_services(ctl, services, err) && ctl_finish(ctl, input, 0, err);
}

static bool run_export(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    struct client *client = ctl_client(ctl, err);
    if (!client)
        return false;
    char *request = json_dumps(input->request, JSON_COMPACT);
    AUTO(buf_done) struct buf answer = {0};
    bool ok = client_post(client, input->command->method, bytes_text(request), 0, &answer, err);
    free(request);
    buf_add_text(&answer, "\n");
    return ok && file_write_new(path ? path : "-", buf_bytes(&answer), err);
}

#define ID  WORD("ID", "id", "of the referral, or its first 8 characters")
#define SAY TEXT("--text", "TEXT", "text", "in your own words; the other hub reads it")
#define FOR_PERSON \
    FLAG("--for-person", "forPerson", "the person wishes it; this hub speaks for them")
#define SUGGEST \
    LIST("--suggest", "suggestedService", "at most 3 services that could help instead, by id")
#define NOT_CARRIED \
    "unreachable, did-not-come, no-longer-wanted, situation-solved, moved, barrier, other"
#define REFUSALS                                                                                \
    "no-capacity, waitlist-only, outside-area, not-eligible, wrong-service, missing-document, " \
    "duplicate, resources-exhausted, safety, other"

static const struct option send_options[] = {
    TEXT("--to", "SERVICE", NULL, "id of the service, as directory search shows it"),
    TEXT("--file", "FILE", NULL,
         "JSON of a SendReferralRequest, or - for standard input; options go over it"),
    TEXT("--name", "NAME", "person.name", "first name or case code"),
    TEXT("--contact", "TEXT", "person.contact", "one safe way to reach the person"),
    CODE("--contact-by", "HOW", "person.contactPreference",
         "call|sms|email|post|caseworker|in-person", "CONTACT_PREFERENCE_", "which way that is"),
    TEXT("--safe-times", "TEXT", "person.safeTimes", "when it is safe to call"),
    FLAG("--voicemail", "person.voicemail", "a message may be left"),
    TEXT("--language", "TAG", "person.language", "fr, ar, uk ..."),
    NUMBER("--birth-year", "person.birthYear", "if the service asks for it"),
    NUMBER("--household", "person.householdSize", "persons in the household, if asked for"),
    TEXT("--guardian", "NAME", "person.guardian", "of a minor"),
    TEXT("--commune", "INSEE", "person.commune", "INSEE code of the commune"),
    TEXT("--need", "TEXT", "need", "one sentence"),
    TEXT("--theme", "CODE", "theme", "theme of data.inclusion"),
    CODE("--urgency", "HOW", "urgency", "normal|urgent|emergency", "URGENCY_",
         "answer within 14 days, 72 hours or 24 hours"),
    CODE("--feedback", "HOW", "feedback", "closed|outcome|dates", "FEEDBACK_LEVEL_",
         "how much comes back: closed or not, the outcome, dates too"),
    {"--extra", "FIELD=VALUE", OPTION_PAIRS, 0, "extra", NULL, NULL,
     "what the service asks for besides; may be repeated"},
    CODE("--consent", "HOW", "consent.form", "spoken|paper|online|guardian", "CONSENT_FORM_",
         "how the person agreed"),
    LIST("--share", "consent.field", "what the person agreed to share: name,contact,need ..."),
    TEXT("--until", "DATE", "consent.until", "the consent ends then (90 days)"),
    TEXT("--referrer-name", "NAME", "referrerName", "whom to call back"),
    TEXT("--referrer-phone", "PHONE", "referrerPhone", "and where"),
    TEXT("--part-of", "ID", "partOf", "sent onward: the referral this hub received"),
    TEXT("--earlier", "ID", "earlier", "one more attempt after this referral; only this hub knows"),
    FLAG("--exercise", "exercise", "practice: marked as such and counted nowhere"),
    {"--attach", "FILE", OPTION_LINES, 0, "attachment", NULL, NULL,
     "PDF, JPEG, PNG or plain text, at most 16 MiB; may be repeated, 3 in all; --share attachment"},
    TEXT("--request-key", "KEY", "requestKey", "the same key sends nothing twice"),
    OPTIONS_END,
};
static const struct option list_options[] = {
    FLAG("--in", NULL, "only received ones"),
    FLAG("--out", NULL, "only sent ones"),
    FLAG("--open", "openOnly", "only those that still go on"),
    TEXT("--status", "CODE", "status", "requested, accepted, in-progress, on-hold, completed ..."),
    NUMBER("--limit", "limit", "how many (50)"),
    TEXT("--before", "TOKEN", "before", "where the previous list ended"),
    OPTIONS_END,
};
static const struct option id_options[] = {ID, OPTIONS_END};
static const struct option ask_options[] = {
    ID, TEXT_REQUIRED("--text", "TEXT", "text", "the question, or the answer"), OPTIONS_END};
static const struct option accept_options[] = {
    ID,
    TEXT("--contact", "NAME", "contactName", "whom the person asks for"),
    TEXT("--phone", "PHONE", "contactPhone", "and where"),
    TEXT("--next-step", "TEXT", "nextStep", "what happens next, in one sentence"),
    OPTIONS_END,
};
static const struct option reject_options[] = {
    ID, TEXT_REQUIRED("--reason", "CODE", "reason", REFUSALS), SAY, SUGGEST, OPTIONS_END};
static const struct option hold_options[] = {
    ID,
    TEXT("--reason", "CODE", "reason", REFUSALS),
    TEXT("--review", "DATE", "review", "when it is looked at again"),
    NUMBER("--weeks", "waitWeeks", "weeks to wait"),
    NUMBER("--place", "waitPlace", "place on the waiting list"),
    SAY,
    OPTIONS_END,
};
static const struct option progress_options[] = {
    ID,
    CODE_REQUIRED("--what", "WHAT", "businessStatus",
                  "scheduled|contact-attempted|missed|meeting-cancelled|attended|under-review",
                  "BUSINESS_STATUS_", "what happened"),
    TEXT("--at", "TIME", "at", "of the meeting: 2026-12-01T09:30Z"),
    TEXT("--place", "TEXT", "place", "where"),
    SAY,
    OPTIONS_END,
};
static const struct option complete_options[] = {
    ID,
    TEXT_REQUIRED("--outcome", "CODE", "outcome",
                  "helped, partly-helped, informed-only, not-helped"),
    SAY,
    OPTIONS_END,
};
static const struct option fail_options[] = {
    ID,
    TEXT_REQUIRED("--reason", "CODE", "reason", NOT_CARRIED),
    TEXT("--barrier", "CODE", "barrier",
         "with reason barrier: transport, childcare, health, language, digital, money"),
    SAY,
    SUGGEST,
    OPTIONS_END,
};
static const struct option cancel_options[] = {
    ID, TEXT_REQUIRED("--reason", "CODE", "reason", NOT_CARRIED), SAY, FOR_PERSON, OPTIONS_END};
static const struct option void_options[] = {ID, TEXT("--reason", "CODE", "reason", "why"),
                                             OPTIONS_END};
static const struct option says_options[] = {
    ID,
    {"--confirms", "yes|no", OPTION_YES_NO, OPTION_REQUIRED, "confirms", NULL, NULL,
     "whether the person says that it is so"},
    OPTIONS_END,
};
static const struct option message_options[] = {
    ID, TEXT_REQUIRED("--text", "TEXT", "text", "the other hub reads it"), OPTIONS_END};
static const struct option export_options[] = {
    ID, WORD_OPTIONAL("FILE", NULL, "new private file; else standard output"),
    FLAG("--personal", "personal", "the person's data too: who reads the file can read it"),
    OPTIONS_END};

#define ACTION(name) "{\"action\": \"REFERRAL_ACTION_" name "\"}"
/* One event of the life cycle: words, what it does, its options, the action. */
#define EVENT(words, summary, options, action)                                           \
    {                                                                                    \
        words, summary, "Referrals/Act", options, show_moved, NULL, ACTION(action), NULL \
    }

const struct command commands_referral[] = {
    {"referral send", "Send a person, with consent, to a service", "Referrals/Send", send_options,
     show_sent, run_send, NULL,
     "Words on a command line can be read by other users of this machine: on a shared one give "
     "the person's data with --file - instead.\n\n"
     "Nothing is shared that --share does not name, and the hub refuses what it does not cover."},
    {"referral list", "Late ones first, then what waits for an answer", "Referrals/List",
     list_options, show_referrals, run_list, NULL, NULL},
    {"referral show", "Everything about one, and what happened", "Referrals/Get", id_options,
     show_referral, NULL, NULL, NULL},
    {"referral slip", "The paper for the person: where, when, whom to ask for, their code",
     "Slips/Code", id_options, show_slip, NULL, NULL,
     "It does not say why the person comes. Whoever has the code can see the slip and withdraw for "
     "the person: hand it to nobody else."},
    EVENT("referral seen", "Say that a human read it", id_options, "SEEN"),
    EVENT("referral ask", "Ask the sender something", ask_options, "ASK"),
    EVENT("referral answer", "Answer the receiver's question", ask_options, "ANSWER"),
    EVENT("referral accept", "Take it", accept_options, "ACCEPT"),
    {"referral reject", "Refuse it, with a reason", "Referrals/Act", reject_options, show_moved,
     run_suggest, ACTION("REJECT"), NULL},
    EVENT("referral hold", "Put it on the waiting list", hold_options, "HOLD"),
    EVENT("referral progress", "Tell how it goes", progress_options, "PROGRESS"),
    EVENT("referral complete", "Close it: it came about", complete_options, "COMPLETE"),
    {"referral fail", "Close it: it did not come about", "Referrals/Act", fail_options, show_moved,
     run_suggest, ACTION("FAIL"), NULL},
    EVENT("referral cancel", "Take back one that was sent", cancel_options, "CANCEL"),
    EVENT("referral agree-cancel", "Agree to the sender's wish to cancel", id_options,
          "AGREE_CANCEL"),
    {"referral withdraw", "The person withdraws consent", "Referrals/Act", id_options, show_moved,
     NULL, "{\"action\": \"REFERRAL_ACTION_WITHDRAW_CONSENT\", \"forPerson\": true}",
     "Beats every other event. The other hub erases the person's data within 72 hours and sends "
     "back a signed proof."},
    EVENT("referral void", "It was entered in error: hide it", void_options, "VOID"),
    {"referral person-says", "Note whether the person says so too", "Referrals/Act", says_options,
     show_moved, NULL, "{\"action\": \"REFERRAL_ACTION_PERSON_SAYS\", \"forPerson\": true}", NULL},
    EVENT("referral message", "Write to the other hub", message_options, "MESSAGE"),
    {"referral export", "The signed chain, for an offline check", "Referrals/Export",
     export_options, NULL, run_export, NULL,
     "Events of both hubs, receipts, key logs, lines and signed heads of the audit log. Anybody "
     "can "
     "check the file with hubctl audit verify, knowing the two node ids."},
    {.words = NULL},
};
