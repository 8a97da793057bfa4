#include "hub/domain/slip.h"

#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/codes.h"
#include "hub/domain/referral_store.h"

#define SYMBOLS     10 /* of 5 bits */
#define HALF        5
#define HASH_LABEL  "maillon slip code v1"
#define TELLING_MIN 5    /* letters: shorter words tell little */
#define BETWEEN     " '" /* words of folded text */
#define STEM        6    /* letters that a telling word and its plural share */

/* Crockford's base32: no I, L, O, U. */
static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static char symbol_of(char typed)
{
    if (typed >= 'a' && typed <= 'z')
        typed = (char)(typed - 'a' + 'A');
    if (typed == 'O')
        typed = '0';
    if (typed == 'I' || typed == 'L')
        typed = '1';
    return typed && strchr(alphabet, typed) ? typed : '\0';
}

/* Blanks and dashes that are more than one byte, as phones and word processors make them. */
static size_t gap(const char *at)
{
    static const char *const gaps[] = {" ",
                                       "-",
                                       "\t",
                                       ".",
                                       "\xc2\xa0",
                                       "\xe2\x80\xaf",
                                       "\xe2\x80\x90",
                                       "\xe2\x80\x91",
                                       "\xe2\x80\x92",
                                       "\xe2\x80\x93",
                                       "\xe2\x80\x94",
                                       "\xe2\x88\x92"};
    for (size_t i = 0; i < ARRAY_LEN(gaps); i++)
        if (strncmp(at, gaps[i], strlen(gaps[i])) == 0)
            return strlen(gaps[i]);
    return 0;
}

static void write_code(const char symbols[SYMBOLS], char ret[SLIP_CODE_TEXT])
{
    memcpy(ret, symbols, HALF);
    ret[HALF] = '-';
    memcpy(ret + HALF + 1, symbols + HALF, HALF);
    ret[SLIP_CODE_TEXT - 1] = '\0';
}

bool slip_code_read(const char *typed, char ret[SLIP_CODE_TEXT])
{
    char symbols[SYMBOLS];
    size_t count = 0;
    ret[0] = '\0';
    for (const char *at = typed; *at;) {
        size_t skip = gap(at);
        if (skip) {
            at += skip;
            continue;
        }
        char symbol = symbol_of(*at++);
        if (!symbol || count == SYMBOLS)
            return false;
        symbols[count++] = symbol;
    }
    if (count < SYMBOLS)
        return false;
    write_code(symbols, ret);
    return true;
}

static void make_code(const struct random_source *random, char ret[SLIP_CODE_TEXT])
{
    uint8_t bytes[SYMBOLS];
    char symbols[SYMBOLS];
    random_fill(random, bytes, sizeof(bytes));
    for (size_t i = 0; i < SYMBOLS; i++)
        symbols[i] = alphabet[bytes[i] % 32];
    write_code(symbols, ret);
    secret_wipe(bytes, sizeof(bytes));
    secret_wipe(symbols, sizeof(symbols));
}

static void hash_code(const struct identity *self, const char *code, uint8_t ret[32])
{
    identity_mac(self, HASH_LABEL, bytes_text(code), ret);
}

/* ---- the code ---- */

bool slip_is_alive(const struct referral *referral, struct wall now)
{
    return referral->is_out && referral->state.status &&
           referral->state.status != REFERRAL_STATUS(ENTERED_IN_ERROR) && !referral->purged_ms &&
           referral->data_key.data &&
           (!referral->ended_ms || referral->ended_ms + SLIP_LIFE_MS > now.ms);
}

/* Seals or opens: the code is bound to its referral. */
static bool unwrap(const struct identity *self, const struct referral *referral,
                   struct data_key *ret, struct err *err)
{
    return identity_unwrap(self, referral->data_key, ret, err) ||
           err_wrap(err, "open the key of a referral");
}

static bool read_stored(struct tx *tx, const struct referral *referral, struct bytes stored,
                        char ret[SLIP_CODE_TEXT], struct err *err)
{
    struct data_key key;
    if (!unwrap(tx->self, referral, &key, err))
        return false;
    AUTO(buf_done) struct buf plain = {0};
    bool ok = data_decrypt(&key, oid_bytes(&referral->oid), stored, &plain, err);
    secret_wipe(&key, sizeof(key));
    if (!ok)
        return err_wrap(err, "read the code of a slip");
    if (plain.len != SLIP_CODE_TEXT - 1)
        return err_set(err, ERR_INTERNAL, "the code of a slip is damaged");
    memcpy(ret, plain.data, plain.len);
    ret[plain.len] = '\0';
    secret_wipe(plain.data, plain.len);
    return true;
}

static bool store_code(struct tx *tx, const struct referral *referral, const char *code,
                       struct err *err)
{
    struct data_key key;
    uint8_t hash[32];
    if (!unwrap(tx->self, referral, &key, err))
        return false;
    AUTO(buf_done) struct buf stored = {0};
    data_encrypt(&key, tx->random, oid_bytes(&referral->oid), bytes_text(code), &stored);
    secret_wipe(&key, sizeof(key));
    hash_code(tx->self, code, hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO slip (referral, hash, code, made_ms) VALUES (?1, ?2, ?3, ?4)", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_bytes(stmt, 2, bytes_of(hash, sizeof(hash)));
    stmt_bind_bytes(stmt, 3, buf_bytes(&stored));
    stmt_bind_i64(stmt, 4, tx->now.ms);
    return stmt_run(stmt, err) || err_wrap(err, "store the code of a slip");
}

bool slip_code(struct tx *tx, const struct referral *referral, const char *actor,
               char ret[SLIP_CODE_TEXT], struct err *err)
{
    if (!slip_is_alive(referral, tx->now) ||
        referral->state.business_status == REFERRAL_BUSINESS(CONSENT_WITHDRAWN))
        return err_set(err, ERR_CONFLICT, "this referral has no slip code, or it is over");
    struct bytes stored = {0};
    bool found;
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(tx->store, "SELECT code FROM slip WHERE referral = ?1", err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, referral->id);
        if (!stmt_next(stmt, &found, err))
            return err_wrap(err, "look for the code of a slip");
        if (found)
            stored = arena_bytes(tx->arena, stmt_bytes(stmt, 0));
    }
    if (found)
        return read_stored(tx, referral, stored, ret, err);
    char code[SLIP_CODE_TEXT];
    make_code(tx->random, code);
    if (!store_code(tx, referral, code, err) ||
        !audit_add(tx, actor, "slip.make", &referral->oid, err))
        return false;
    memcpy(ret, code, sizeof(code));
    secret_wipe(code, sizeof(code));
    return true;
}

/* One statement decides: a code that is over is looked up as one that never was. */
bool slip_find(struct store *store, struct arena *arena, const struct identity *self,
               const char *typed, struct wall now, bool *ret_found, struct referral *ret,
               struct err *err)
{
    char code[SLIP_CODE_TEXT];
    uint8_t hash[32];
    bool is_code = slip_code_read(typed, code), found;
    hash_code(self, code, hash);
    secret_wipe(code, sizeof(code));
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT s.referral FROM slip s JOIN referral r ON r.id = s.referral"
                 " WHERE s.hash = ?1 AND r.is_out = 1 AND r.status > 0"
                 " AND r.status <> ?2 AND r.purged_ms = 0"
                 " AND r.data_key IS NOT NULL"
                 " AND (r.ended_ms = 0 OR r.ended_ms > ?3)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, REFERRAL_STATUS(ENTERED_IN_ERROR));
    stmt_bind_i64(stmt, 3, now.ms - SLIP_LIFE_MS);
    if (!stmt_next(stmt, &found, err))
        return err_wrap(err, "look for a slip");
    *ret_found = false;
    if (!found || !is_code)
        return true;
    return referral_row_by_id(store, arena, stmt_i64(stmt, 0), ret_found, ret, err);
}

bool slip_erase(struct tx *tx, int64_t referral, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM slip WHERE referral = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    return stmt_run(stmt, err) || err_wrap(err, "erase the code of a slip");
}

/* ---- what it says ---- */

static enum slip_state state_of(const struct referral *referral)
{
    Maillon__Hfp__V1__BusinessStatus business = referral->state.business_status;
    switch (referral->state.status) {
    case REFERRAL_STATUS(ACCEPTED):
    case REFERRAL_STATUS(IN_PROGRESS):
        return business == REFERRAL_BUSINESS(SCHEDULED) ? SLIP_APPOINTMENT
               : business == REFERRAL_BUSINESS(MISSED)  ? SLIP_MISSED
                                                        : SLIP_EXPECTED;
    case REFERRAL_STATUS(ON_HOLD):
        return SLIP_LATER;
    case REFERRAL_STATUS(COMPLETED):
    case REFERRAL_STATUS(FAILED):
        return SLIP_OVER;
    case REFERRAL_STATUS(CANCELLED):
        return business == REFERRAL_BUSINESS(CONSENT_WITHDRAWN) ? SLIP_WITHDRAWN : SLIP_STOPPED;
    case REFERRAL_STATUS(REJECTED):
    case REFERRAL_STATUS(ENTERED_IN_ERROR):
        return SLIP_STOPPED;
    default: /* a number of the wire */
        return SLIP_WAITING;
    }
}

const char *slip_state_code(enum slip_state state)
{
    static const char *const codes[] = {
        [SLIP_WAITING] = "waiting", [SLIP_EXPECTED] = "expected",
        [SLIP_MISSED] = "missed",   [SLIP_APPOINTMENT] = "appointment",
        [SLIP_LATER] = "later",     [SLIP_OVER] = "over",
        [SLIP_STOPPED] = "stopped", [SLIP_WITHDRAWN] = "withdrawn",
    };
    return codes[state];
}

/* Words of service names that any place of any kind has. */
static bool is_plain(const char *word, size_t len)
{
    static const char *const plain[] = {
        "accueil", "acceder",   "aider",   "aide",    "association", "atelier", "bureau",
        "centre",  "conseil",   "gratuit", "maison",  "mairie",      "ouvert",  "permanence",
        "rendez",  "rencontre", "salle",   "service", "social",      "venir",   "welcome",
        "office",  "support",   "autres",  "other",
    };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        size_t plain_len = strlen(plain[i]);
        if ((len == plain_len || len == plain_len + 1) && strncmp(plain[i], word, plain_len) == 0)
            return true; /* or its plural */
    }
    return false;
}

/* Does a word of `text` begin as this one does? Both folded: single blanks and apostrophes between.
 */
static bool has_word(const char *text, const char *word, size_t len)
{
    size_t stem = len < STEM ? len : STEM;
    for (const char *at = text; *at; at += strcspn(at, BETWEEN), at += *at != '\0')
        if (strncmp(at, word, stem) == 0)
            return true;
    return false;
}

bool slip_tells_why(struct arena *arena, const char *text, const char *names, const char *theme)
{
    const char *folded = text_fold(arena, bytes_text(text));
    const char *telling[] = {text_fold(arena, bytes_text(names)),
                             text_fold(arena, bytes_text(theme))};
    for (size_t i = 0; i < ARRAY_LEN(telling); i++) {
        for (const char *at = telling[i]; folded && at && *at;) {
            size_t len = strcspn(at, BETWEEN);
            if (len >= TELLING_MIN && !is_plain(at, len) && has_word(folded, at, len))
                return true;
            at += len;
            at += *at != '\0';
        }
    }
    return false;
}

struct reading {
    struct arena *arena;
    const struct referral *referral;
    const char *names;
    struct slip *slip;
    bool hushed[3]; /* of each text that is printed as it was written */
};

/* The newest text counts; one that tells why is left out, and an older one with it. */
static void take(struct reading *reading, size_t at, const char *text, const char **into)
{
    if (!*text)
        return;
    reading->hushed[at] =
        slip_tells_why(reading->arena, text, reading->names, reading->referral->theme);
    *into = reading->hushed[at] ? "" : text;
}

static void take_event(struct reading *reading, const struct referral_event *event)
{
    struct slip *slip = reading->slip;
    const Maillon__Hfp__V1__ReferralPayload *payload = event->payload;
    if (event->key.action == REFERRAL_ACTION(PURGED) &&
        event->key.side != referral_our_side(reading->referral))
        slip->erased_there_ms = event->at_ms;
    if (!payload || event->verdict != REFERRAL_APPLIED)
        return;
    if (payload->person)
        slip->language = payload->person->language;
    take(reading, 0, payload->contact_name, &slip->contact_name);
    take(reading, 1, payload->next_step, &slip->next_step);
    take(reading, 2, payload->place, &slip->place);
    if (*payload->contact_phone)
        slip->contact_phone = payload->contact_phone;
}

static bool read_consent(struct arena *arena, const struct referral *referral, struct slip *slip,
                         struct err *err)
{
    if (!referral->consent.len)
        return true;
    const Maillon__Hfp__V1__Consent *consent =
        wire_unpack(&maillon__hfp__v1__consent__descriptor, referral->consent, arena, err);
    if (!consent)
        return false;
    slip->consent_until_s = consent->until_s;
    return true;
}

bool slip_read(struct store *store, struct arena *arena, const struct identity *self,
               const struct referral *referral, const char *names, struct slip *ret,
               struct err *err)
{
    unsigned allowed = referral_allowed(&referral->state, referral_our_side(referral));
    Maillon__Hfp__V1__BusinessStatus business = referral->state.business_status;
    struct slip slip = {
        .state = state_of(referral),
        .contact_name = "",
        .contact_phone = "",
        .next_step = "",
        .place = "",
        .language = "",
        .scheduled_s = referral->scheduled_s,
        .said = business == REFERRAL_BUSINESS(PERSON_CONFIRMED)  ? 1
                : business == REFERRAL_BUSINESS(PERSON_DISPUTES) ? -1
                                                                 : 0,
        .may_withdraw = allowed >> REFERRAL_ACTION(WITHDRAW_CONSENT) & 1,
        .may_say = allowed >> REFERRAL_ACTION(PERSON_SAYS) & 1,
    };
    struct reading reading = {arena, referral, names, &slip, {false}};
    struct referral_event *events;
    size_t count;
    if (!referral_events(store, arena, self, referral, &events, &count, err) ||
        !read_consent(arena, referral, &slip, err))
        return false;
    for (size_t i = 0; i < count; i++)
        take_event(&reading, &events[i]);
    slip.is_hushed = reading.hushed[0] || reading.hushed[1] || reading.hushed[2];
    *ret = slip;
    return true;
}
