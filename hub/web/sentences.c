#include "hub/web/sentences.h"

#include "hub/base/text.h"
#include <stdlib.h>
#include <string.h>

#define CAPTURES_MAX 2
#define VALUE_SIZE   256

/* How a sentence begins: "{name}" takes the text up to what follows it, "{#name}" digits. The text
 * of the key may name what was taken. The first that fits counts. */
static const struct {
    const char *begins, *key;
} sentences[] = {
    /* The hub itself: Node/Status, Keys/Show, Recovery/Status. */
    {"a peer holds keys of this hub that it did not make", "say.keys_foreign"},
    {"the working key of this hub ran out", "say.key_over"},
    {"the working key of this hub has run out: peers stop in {#days} days", "say.key_stale"},
    {"the working key of this hub runs out in {#days} days", "say.key_soon"},
    {"this hub has retired: its keys no longer change", "say.retired_keys"},
    {"this hub has retired", "say.retired"},
    {"the key log of this hub is almost full", "say.key_log_full"},
    {"the write-ahead log grows", "say.disk_slow"},
    {"the same was said a moment ago", "say.said_twice"},
    {"this hub has no name", "say.no_name"},
    {"no url is set", "say.no_url"},
    {"no backup was made in {#days} days", "say.no_backup"},
    {"the last backup is {#days} days old", "say.old_backup"},
    {"restored: fetching the tail from {#missing} of {#needed} peers", "say.restored"},
    {"{#count} audit log", "say.audit"},
    {"this hub was restored from a copy", "say.recovering"},
    {"this hub's clock is wrong", "say.clock_early"},
    {"this hub's clock has gone back", "say.clock_back"},
    {"this hub's clock differs", "say.clock_wrong"},
    {"this hub's clock was changed", "say.clock_jumped"},
    {"this hub's signing key was revoked", "say.revoked"},
    {"wait: it goes on by itself", "say.recover_wait"},
    {"the disk changed stored bytes", "say.disk_damage"},
    {"this hub is not fetching anything", "say.not_recovering"},
    /* Peers: warnings, why a call failed, and where a relation comes from. */
    {"port {port} is not in dial-ports", "say.dial_port"},
    {"the address is not a public one", "say.dial_inside"},
    {"could not connect", "say.dial_nobody"},
    {"the name has no address", "say.dial_name"},
    {"They reach us, but our dialling fails", "say.dial_one_way"},
    {"We cannot reach them", "say.dial_fails"},
    {"No address is known", "say.no_address"},
    {"It sends more than this hub takes", "say.too_much"},
    {"It broke the protocol lately", "say.broke_rules"},
    {"Something has waited for more than a day", "say.old_queue"},
    {"{#count} of your peers say that this is the new hub of {lost}, which lost", "say.successor"},
    {"Suspended for more than 30 days", "say.suspension_over"},
    {"Suspended: what brought you together", "say.suspended"},
    {"Silent for more than three days", "say.silent_days"},
    {"Referrals are still open and nothing passes any more: follow up by phone, {phone}",
     "say.referrals_phone"},
    {"Referrals are still open and nothing passes any more", "say.referrals_open"},
    {"This hub has given no sign of life", "say.keys_silent"},
    {"The working key of this hub has run out", "say.keys_stale"},
    {"The working key of this hub ran out more", "say.keys_expired"},
    {"This hub has revoked all its working keys", "say.keys_revoked"},
    {"This hub has ended", "say.keys_retired"},
    {"Two contradicting sets of keys", "say.keys_duplicity"},
    {"accepted by hand", "say.from_hand"},
    {"by an invite", "say.from_invite"},
    {"members of the circle {circle} accept each other", "say.from_circle"},
    {"introduced by {name}", "say.from_introduction"},
    /* Refusals about peers. */
    {"this hub has no address peers can reach", "say.no_url_invite"},
    {"this hub is blocked here", "say.blocked_here"},
    {"this hub is not blocked here", "say.not_blocked"},
    {"this hub has not asked to join", "say.not_asked"},
    {"this hub has left: send it a new invite", "say.has_left"},
    {"this hub has refused: send it a new invite", "say.has_refused"},
    {"no such peer", "say.no_peer"},
    {"this peer is not accepted by both sides yet", "say.not_accepted"},
    /* Accounts. */
    {"the passphrase is easy to guess: take several words", "say.passphrase_easy"},
    {"too many wrong tries: could not look, wait {#seconds} seconds", "say.wait_seconds"},
    {"too many wrong tries: could not look, wait {#minutes} minutes", "say.wait_minutes"},
    {"the commune is an INSEE code", "say.commune_form"},
    {"this is your own account", "say.own_account"},
    {"there is an account of that name already", "say.account_twice"},
    {"a role is caseworker", "say.need_role"},
    {"this is not an invite", "say.not_invite"},
    /* Files that go with a referral. */
    {"name is missing: write what the file is called", "say.file_none"},
    {"the file is empty", "say.file_none"},
    {"files of this kind are not taken", "say.file_kind"},
    {"the file is not what its type says", "say.file_kind"},
    {"the file is too large", "say.file_large"},
    {"you have {#count} uploads", "say.file_waiting"},
    {"a referral has at most {#count} attachments", "say.file_many"},
    {"the attachments of a referral have at most {#size} MiB", "say.files_large"},
    {"this attachment was erased", "say.file_erased"},
    {"this attachment is still on its way", "say.file_coming"},
    {"this attachment was lost", "say.file_gone"},
    {"this hub does not take this attachment", "say.file_refused"},
    {"no attachment of this number", "say.file_unknown"},
    /* Sending, at once or when its time has come. */
    {"{act} cannot be done while the referral is", "say.referral_moved"},
    {"this referral is frozen", "say.referral_frozen"},
    {"its personal data was erased", "say.referral_erased"},
    {"its personal data is erased already", "say.referral_erased"},
    {"the person has withdrawn consent", "say.referral_withdrawn"},
    {"the relation with the other hub is suspended", "say.relation_suspended"},
    {"the relation with the other hub is", "say.relation_not"},
    {"this hub does not know the other one", "say.relation_not"},
    {"referrals with the other hub are switched off", "say.referrals_off"},
    {"person.contact is missing", "say.contact_missing"},
    {"{act} needs contact_name", "say.need_contact_name"},
    {"{act} needs next_step", "say.need_next_step"},
    {"{act} needs text", "say.need_text"},
    {"{act} needs reason", "say.need_reason"},
    {"no such act", "say.need_reason"},
    {"{field} is not a date: write", "say.date_form"},
    {"review is a day that has passed", "say.review_past"},
    {"field \"amount\" of Quantity", "say.amount_form"},
    {"field \"minLot\" of NoticeContent", "say.amount_form"},
    {"field \"quantity\" of", "say.amount_form"},
    {"field \"kind\" of NoticeContent", "say.need_kind"},
    {"the consent does not cover what is sent", "say.consent_missing"},
    {"this was sent already", "say.held_sent"},
    {"the session that sent this was ended", "say.held_ended"},
    {"there is nothing held under this name", "say.held_gone"},
    {"{#count} of your sendings wait", "say.held_many"},
    {"what was typed is longer than", "say.held_long"},
    /* Circles: what to do next, changes, refusals. */
    {"A change waits for your signature", "say.circle_sign"},
    {"A hub asks to come in", "say.circle_ask"},
    {"A change waits for signatures of other", "say.circle_waits"},
    {"Your request waits for a steward", "say.circle_asked"},
    {"It waits to be founded", "say.circle_unfounded"},
    {"The stewards have admitted this hub", "say.circle_invited"},
    {"The stewards have removed this hub", "say.circle_removed"},
    {"To come in, ask a steward", "say.circle_join"},
    {"new charter of \"{name}\"", "say.change_charter"},
    {"found \"{name}\"", "say.change_found"},
    {"admit {hub}", "say.change_admit"},
    {"remove {hub}", "say.change_remove"},
    {"the circle waits for signatures", "say.circle_unsigned"},
    {"only a steward of the circle", "say.circle_steward_only"},
    {"this hub is a member already", "say.circle_member"},
    {"the circle has {#members} members, as many", "say.circle_full"},
    {"the circle has changed since", "say.circle_changed"},
    {"the steward to ask must be an accepted peer", "say.circle_via_peer"},
    {"say which steward to ask", "say.circle_via"},
    {"this hub does not know that circle yet", "say.circle_unknown"},
    {"no such circle", "say.circle_none"},
    /* Imports: what is to be looked at, what was refused. */
    {"unknown word \"{word}\"", "say.import_unknown"},
    {"not five digits", "say.import_postal"},
    {"not an INSEE code", "say.import_insee"},
    {"not a point on earth", "say.import_point"},
    {"longer than what is kept; cut", "say.import_cut"},
    {"its structure is not known", "say.import_structure"},
    {"the same identifier twice", "say.import_twice"},
    {"said to be closed; not shown", "say.import_closed"},
    {"same SIRET and commune as another", "say.import_siret"},
    {"nearly the name of another record", "say.import_near"},
    {"a date that cannot be true", "say.import_date"},
    {"not a date", "say.import_no_date"},
    {"not a web address", "say.import_url"},
    {"has no name", "say.import_no_name"},
    {"longer than a record may be", "say.import_long"},
    {"too much that has no field", "say.import_long"},
    {"is not a JSON object", "say.import_not_json"},
    {"cannot tell what the file follows", "say.import_format"},
    {"the file is not JSON, or cut off", "say.import_cut_off"},
    {"the file is not text in UTF-8", "say.import_cut_off"},
    {"a quote of the file is not closed", "say.import_cut_off"},
    {"this file is no longer here", "say.import_gone"},
    {"this file is imported already", "say.import_done"},
    {"{#count} files wait to be imported already", "say.import_many"},
    {"the entry that a hub keeps itself", "say.pair_hub"},
    {"these two are one already", "say.pair_round"},
    /* Notices and claims. */
    {"the first day comes after the last", "say.notice_days"},
    {"the last day has passed", "say.notice_past"},
    {"the smallest part is more than there is: {#amount} at most", "say.notice_lot"},
    {"\"{field}\" holds what looks like a", "say.notice_person"},
    {"{#count} are committed already: the amount", "say.notice_committed"},
    {"only {#left} remain", "say.notice_left"},
    /* Own services. */
    {"this hub has no such service", "say.service_none"},
    {"no such service", "say.service_none"},
    {"a service needs a name of 3", "say.service_name"},
    {"the postal code is not one", "say.service_postal"},
    {"the phone number is not one", "say.service_phone"},
    {"the e-mail address is not one", "say.service_email"},
    {"the web address is not one", "say.service_url"},
    {"a language is given by its code", "say.service_language"},
    {"the area \"{name}\" is not the name of one", "say.service_zone"},
    {"capacity has more free places", "say.capacity_places"},
    {"the day it opens again has passed", "say.closure_past"},
};

struct found {
    struct {
        struct bytes name;
        char value[VALUE_SIZE];
    } capture[CAPTURES_MAX];
    size_t count;
    int64_t number; /* the first one taken: it chooses the plural */
};

/* Takes one {name} at `pattern` from *text; returns where the pattern goes on, NULL: no match. */
static const char *take(const char *pattern, const char **text, struct found *found)
{
    bool is_number = pattern[1] == '#';
    const char *name = pattern + 1 + is_number, *after = strchr(name, '}') + 1, *end;
    size_t literal = strcspn(after, "{"), len = strlen(*text);
    if (is_number)
        end = *text + strspn(*text, "0123456789");
    else
        end = literal ? memmem(*text, len, after, literal) : *text + len;
    if (!end || end == *text || found->count == CAPTURES_MAX || end - *text >= VALUE_SIZE)
        return NULL;
    char *value = found->capture[found->count].value;
    memcpy(value, *text, (size_t)(end - *text));
    value[end - *text] = '\0';
    found->capture[found->count].name = bytes_of(name, (size_t)(after - name) - 1);
    if (is_number && found->count == 0)
        found->number = strtoll(value, NULL, 10);
    found->count++;
    *text = end;
    return after;
}

static bool begins(const char *pattern, const char *text, struct found *found)
{
    *found = (struct found){.number = 1};
    while (pattern && *pattern) {
        if (*pattern == '{')
            pattern = take(pattern, &text, found);
        else if (*pattern++ != *text++)
            return false;
    }
    return pattern;
}

static void add_capture(void *ctx, const char *name, struct buf *out)
{
    const struct found *found = ctx;
    for (size_t i = 0; i < found->count; i++)
        if (bytes_equal(found->capture[i].name, bytes_text(name)))
            buf_add_text(out, found->capture[i].value);
}

bool sentence_say(const struct catalog *catalog, const char *english, struct buf *out)
{
    struct found found;
    /* What goes before ": " may only say where it went wrong. */
    for (const char *at = english; at; at = strstr(at, ": ") ? strstr(at, ": ") + 2 : NULL) {
        for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
            if (!begins(sentences[i].begins, at, &found))
                continue;
            catalog_fill(catalog_text(catalog, sentences[i].key, found.number), add_capture, &found,
                         out);
            return true;
        }
    }
    return false;
}

const char *sentence_key(size_t number)
{
    return number < ARRAY_LEN(sentences) ? sentences[number].key : NULL;
}
