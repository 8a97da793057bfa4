#include "hub/domain/waiting.h"

#include "hub/domain/claim.h"
#include "hub/domain/referral.h"

#define DAY_MS        86400000LL
#define EVENTS_MAX    300 /* looked through for news: the first page stays quick at any size */
#define CLAIMS_MAX    200
#define REFERRAL_NEWS "referral"
#define CLAIM_NEWS    "claim"

const uint32_t waiting_days[WAITING_BINS] = {0, 1, 3, 7, 14};

const char *waiting_rank_name(enum waiting_rank rank)
{
    static const char *const names[] = {"late", "answer", "news"};
    return rank < WAITING_RANKS ? names[rank] : "";
}

const char *waiting_kind_name(enum waiting_kind kind)
{
    static const char *const names[] = {REFERRAL_NEWS, CLAIM_NEWS, "held",   "peer",
                                        "circle",      "review",   "warning"};
    return kind < WAITING_KINDS ? names[kind] : "";
}

void waiting_init(struct waiting *waiting, size_t limit)
{
    memset(waiting, 0, sizeof(*waiting));
    waiting->limit = limit < WAITING_ROWS_MAX ? limit : WAITING_ROWS_MAX;
}

/* What has no clock should be answered within a day of its coming; news go newest first. */
static int64_t place_of(const struct waiting_row *row)
{
    if (row->rank == WAITING_NEWS)
        return -row->at_ms;
    return row->due_ms ? row->due_ms : row->at_ms + DAY_MS;
}

static bool is_before(const struct waiting_row *a, const struct waiting_row *b)
{
    int64_t x = place_of(a), y = place_of(b);
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (x != y)
        return x < y;
    return a->kind != b->kind ? a->kind < b->kind : a->subject < b->subject;
}

void waiting_add(struct waiting *waiting, const struct waiting_row *row)
{
    size_t at = waiting->count;
    waiting->total[row->rank][row->kind]++;
    if (at == waiting->limit && (!at || !is_before(row, &waiting->rows[at - 1])))
        return;
    if (at == waiting->limit)
        at--;
    else
        waiting->count++;
    for (; at > 0 && is_before(row, &waiting->rows[at - 1]); at--)
        waiting->rows[at] = waiting->rows[at - 1];
    waiting->rows[at] = *row;
}

uint32_t waiting_rest(const struct waiting *waiting, enum waiting_rank rank, enum waiting_kind kind)
{
    uint32_t shown = 0;
    for (size_t i = 0; i < waiting->count; i++)
        shown += waiting->rows[i].rank == rank && waiting->rows[i].kind == kind;
    return waiting->total[rank][kind] - shown;
}

uint32_t waiting_percent(int64_t created_ms, int64_t due_ms, struct wall now)
{
    if (!due_ms || now.ms <= created_ms)
        return 0;
    if (due_ms <= created_ms)
        return 100;
    int64_t percent = (now.ms - created_ms) * 100 / (due_ms - created_ms);
    return percent > 999 ? 999 : (uint32_t)percent;
}

/* Referrals. */

struct open_referral { /* what the index referral_open holds */
    int64_t id, due_s, created_ms, review_s;
    bool is_out, exercise;
    Maillon__Hfp__V1__ReferralStatus status;
    unsigned flags;
};

/* Put on hold here, until a day that has come (PRODUCT.md 3.2). */
static bool is_to_review(const struct open_referral *row, struct wall now)
{
    return row->status == REFERRAL_STATUS(ON_HOLD) && !row->is_out && row->review_s &&
           row->review_s <= now.ms / 1000;
}

/* WAITING_NEWS: nobody here owes anything and no clock is over. */
static enum waiting_rank rank_of(const struct open_referral *row, struct wall now)
{
    bool is_new = row->status == REFERRAL_STATUS(REQUESTED);
    bool is_asked = row->flags & REFERRAL_QUESTION_OPEN;
    if (row->due_s && row->due_s < now.ms / 1000)
        return WAITING_LATE;
    if (row->is_out ? is_new && is_asked
                    : (is_new && !is_asked) || (row->flags & REFERRAL_CANCEL_REQUESTED))
        return WAITING_ANSWER;
    return is_to_review(row, now) ? WAITING_ANSWER : WAITING_NEWS;
}

static void count_clock(struct waiting_clock *clock, uint32_t percent)
{
    if (percent >= 100)
        clock->late++;
    else if (percent >= 50)
        clock->past_half++;
    else
        clock->in_time++;
}

static void note_clock(struct waiting *waiting, const struct open_referral *row, struct wall now)
{
    size_t bin = 0;
    int64_t days = (now.ms - row->created_ms) / DAY_MS;
    if (row->exercise || !row->due_s || row->status != REFERRAL_STATUS(REQUESTED))
        return;
    while (bin + 1 < WAITING_BINS && days >= waiting_days[bin + 1])
        bin++;
    uint32_t percent = waiting_percent(row->created_ms, row->due_s * 1000, now);
    count_clock(&waiting->clock, percent);
    count_clock(&waiting->waited[bin], percent);
}

static bool add_open(struct waiting *waiting, struct store *store, struct wall now, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT id, due_s, is_out, status, flags, created_ms, exercise,"
                                 " review_s"
                                 " FROM referral WHERE is_open = 1 ORDER BY due_s",
                                 err);
    for (bool more; stmt;) {
        if (!stmt_next(stmt, &more, err))
            return err_wrap(err, "read open referrals");
        if (!more)
            return true;
        const struct open_referral row = {
            .id = stmt_i64(stmt, 0),
            .due_s = stmt_i64(stmt, 1),
            .is_out = stmt_i64(stmt, 2),
            .status = (Maillon__Hfp__V1__ReferralStatus)stmt_i64(stmt, 3),
            .flags = (unsigned)stmt_i64(stmt, 4),
            .created_ms = stmt_i64(stmt, 5),
            .exercise = stmt_i64(stmt, 6),
            .review_s = stmt_i64(stmt, 7),
        };
        enum waiting_rank rank = rank_of(&row, now);
        int64_t due_s = row.due_s || !is_to_review(&row, now) ? row.due_s : row.review_s;
        note_clock(waiting, &row, now);
        if (row.status && rank != WAITING_NEWS)
            waiting_add(waiting, &(struct waiting_row){.rank = rank,
                                                       .kind = WAITING_REFERRAL,
                                                       .subject = row.id,
                                                       .at_ms = row.created_ms,
                                                       .due_ms = due_s * 1000});
    }
    return false;
}

static bool is_known(int64_t *known, size_t *count, int64_t id)
{
    for (size_t i = 0; i < *count; i++)
        if (known[i] == id)
            return true;
    known[(*count)++] = id;
    return false;
}

/* Of the newest event of a referral: does it tell people here something? That it was seen does not;
 * that the clock closed it does. */
static bool is_telling(Maillon__Hfp__V1__ReferralAction action, bool is_theirs)
{
    if (action == REFERRAL_ACTION(SEEN) || action == REFERRAL_ACTION(PURGED))
        return false;
    return is_theirs || action == REFERRAL_ACTION(EXPIRE);
}

static bool add_news(struct waiting *waiting, struct store *store, int64_t account, struct wall now,
                     struct err *err)
{
    int64_t known[EVENTS_MAX];
    size_t known_count = 0, events = 0;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT e.referral, e.at_ms, e.side, e.action, r.is_out, r.status, r.flags, r.due_s,"
        " r.is_open, r.review_s, (SELECT seen_ms FROM home_seen s WHERE s.account = ?1"
        " AND s.kind = '" REFERRAL_NEWS "' AND s.subject = e.referral)"
        " FROM referral_event e JOIN referral r ON r.id = e.referral"
        " WHERE e.action > 1 AND e.at_ms > ?2 AND e.verdict = 1 ORDER BY e.at_ms DESC LIMIT ?3",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, now.ms - WAITING_NEWS_MS);
    stmt_bind_i64(stmt, 3, EVENTS_MAX);
    for (bool more;; events++) {
        if (!stmt_next(stmt, &more, err))
            return err_wrap(err, "read what is new");
        if (!more)
            break;
        const struct open_referral row = {
            .id = stmt_i64(stmt, 0),
            .is_out = stmt_i64(stmt, 4),
            .status = (Maillon__Hfp__V1__ReferralStatus)stmt_i64(stmt, 5),
            .flags = (unsigned)stmt_i64(stmt, 6),
            .due_s = stmt_i64(stmt, 7),
            .review_s = stmt_i64(stmt, 9),
        };
        int64_t at_ms = stmt_i64(stmt, 1);
        bool is_theirs = (stmt_i64(stmt, 2) == REFERRAL_RECEIVER) == row.is_out;
        Maillon__Hfp__V1__ReferralAction action =
            (Maillon__Hfp__V1__ReferralAction)stmt_i64(stmt, 3);
        if (action == REFERRAL_ACTION(SEEN) || is_known(known, &known_count, row.id) ||
            !is_telling(action, is_theirs) || stmt_i64(stmt, 10) >= at_ms ||
            (stmt_i64(stmt, 8) && rank_of(&row, now) != WAITING_NEWS))
            continue;
        waiting_add(waiting, &(struct waiting_row){.rank = WAITING_NEWS,
                                                   .kind = WAITING_REFERRAL,
                                                   .subject = row.id,
                                                   .at_ms = at_ms});
    }
    waiting->more[WAITING_NEWS] |= events == EVENTS_MAX;
    return true;
}

bool waiting_add_referrals(struct waiting *waiting, struct store *store, int64_t account,
                           struct wall now, struct err *err)
{
    return add_open(waiting, store, now, err) && add_news(waiting, store, account, now, err);
}

/* Claims. */

/* Does this hub owe a word on it, and until when? */
static bool owes_answer(const struct claim *claim, struct wall now, int64_t *ret_due_ms)
{
    const struct claim_view *view = &claim->view;
    *ret_due_ms = 0;
    if (claim->box == CLAIM_IN && view->state == CLAIM_PROPOSED &&
        claim_may(claim, MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE, now)) {
        *ret_due_ms = claim->lapses.ms;
        return true;
    }
    if (claim->box == CLAIM_OUT && view->release_asked_s) {
        *ret_due_ms = (int64_t)view->release_asked_s * 1000 + CLAIM_HOLD_S * 1000LL;
        return true;
    }
    return claim->box == CLAIM_IN && view->extension_s;
}

static bool add_claim_news(struct waiting *waiting, struct store *store, int64_t account,
                           struct wall now, const int64_t *owed, size_t owed_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT c.id, c.changed_ms, c.box,"
                 " (SELECT e.party FROM claim_event e WHERE e.claim_id = c.claim_id"
                 " ORDER BY e.id DESC LIMIT 1),"
                 " (SELECT seen_ms FROM home_seen s WHERE s.account = ?1"
                 " AND s.kind = '" CLAIM_NEWS "' AND s.subject = c.id),"
                 " CASE WHEN c.box = 1 AND c.agreed > 0 AND c.changed_ms = c.created_ms"
                 " THEN 1 ELSE 0 END"
                 " FROM claim c WHERE c.changed_ms > ?2 ORDER BY c.changed_ms DESC LIMIT ?3",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_i64(stmt, 2, now.ms - WAITING_NEWS_MS);
    stmt_bind_i64(stmt, 3, CLAIMS_MAX);
    for (bool more;;) {
        if (!stmt_next(stmt, &more, err))
            return err_wrap(err, "read what is new about claims");
        if (!more)
            return true;
        const struct waiting_row row = {.rank = WAITING_NEWS,
                                        .kind = WAITING_CLAIM,
                                        .subject = stmt_i64(stmt, 0),
                                        .at_ms = stmt_i64(stmt, 1)};
        /* The numbers of boxes and parties are such that the other side's is the box. */
        bool is_theirs = stmt_i64(stmt, 3) == stmt_i64(stmt, 2), is_owed = false;
        is_theirs |= stmt_i64(stmt, 5); /* the hub agreed as it came: nobody has seen it */
        for (size_t i = 0; i < owed_count; i++)
            is_owed |= owed[i] == row.subject;
        if (is_theirs && !is_owed && stmt_i64(stmt, 4) < row.at_ms)
            waiting_add(waiting, &row);
    }
}

bool waiting_add_claims(struct waiting *waiting, struct store *store, struct arena *arena,
                        int64_t account, struct wall now, struct err *err)
{
    const struct claim_filter filter = {.open_only = true, .limit = CLAIMS_MAX};
    struct claim *claims;
    int64_t owed[CLAIMS_MAX], due_ms;
    size_t count, owed_count = 0;
    if (!claim_list(store, arena, &filter, &claims, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!owes_answer(&claims[i], now, &due_ms))
            continue;
        owed[owed_count++] = claims[i].id;
        waiting_add(waiting, &(struct waiting_row){
                                 .rank = due_ms && due_ms < now.ms ? WAITING_LATE : WAITING_ANSWER,
                                 .kind = WAITING_CLAIM,
                                 .subject = claims[i].id,
                                 .at_ms = claims[i].changed.ms,
                                 .due_ms = due_ms});
    }
    return add_claim_news(waiting, store, account, now, owed, owed_count, err);
}

bool waiting_subject(struct store *store, const struct waiting_row *row, struct oid *ret,
                     struct err *err)
{
    bool found;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 row->kind == WAITING_CLAIM ? "SELECT claim_id FROM claim WHERE id = ?1"
                                            : "SELECT oid FROM referral WHERE id = ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, row->subject);
    if (!stmt_next(stmt, &found, err))
        return err_wrap(err, "read what waits");
    if (!found || !stmt_copy(stmt, 0, ret->b, sizeof(ret->b)))
        return err_set(err, ERR_INTERNAL, "what waits is not there");
    return true;
}

/* What was read. */

static bool newest_change(struct store *store, enum waiting_kind kind, int64_t subject,
                          int64_t *ret_ms, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 kind == WAITING_CLAIM
                     ? "SELECT changed_ms FROM claim WHERE id = ?1"
                     : "SELECT MAX(at_ms) FROM referral_event WHERE referral = ?1 AND action > 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, subject);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read when it changed");
    *ret_ms = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool waiting_is_news(struct store *store, int64_t account, enum waiting_kind kind, int64_t subject,
                     struct wall now, bool *ret, struct err *err)
{
    int64_t changed_ms = 0;
    bool row;
    if (!newest_change(store, kind, subject, &changed_ms, err))
        return false;
    *ret = changed_ms > now.ms - WAITING_NEWS_MS;
    if (!*ret)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT seen_ms FROM home_seen"
                                 " WHERE account = ?1 AND kind = ?2 AND subject = ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_text(stmt, 2, waiting_kind_name(kind));
    stmt_bind_i64(stmt, 3, subject);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what was read");
    *ret = !row || stmt_i64(stmt, 0) < changed_ms;
    return true;
}

bool waiting_read(struct tx *tx, int64_t account, enum waiting_kind kind, int64_t subject,
                  struct wall seen, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *old =
        stmt_get(tx->store, "DELETE FROM home_seen WHERE account = ?1 AND seen_ms < ?2", err);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO home_seen (account, kind, subject, seen_ms) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (account, kind, subject) DO UPDATE SET seen_ms = excluded.seen_ms",
                 err);
    if (!old || !stmt)
        return false;
    stmt_bind_i64(old, 1, account);
    stmt_bind_i64(old, 2, tx->now.ms - WAITING_NEWS_MS);
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_text(stmt, 2, waiting_kind_name(kind));
    stmt_bind_i64(stmt, 3, subject);
    stmt_bind_i64(stmt, 4, seen.ms);
    return (stmt_run(old, err) && stmt_run(stmt, err)) || err_wrap(err, "note what was read");
}
