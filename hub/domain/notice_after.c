/* What our own people decide about a notice beside its versions: not for us, and how it ended. */
#include "hub/domain/codes.h"
#include "hub/domain/notice_row.h"

#include <stdio.h>
#include <string.h>

static const char *const outcomes[] = {"yes", "partly", "no", "unknown"};

static bool set_text(struct tx *tx, const char *sql, int64_t notice, const char *text,
                     struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice);
    stmt_bind_text(stmt, 2, text);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    return stmt_run(stmt, err);
}

static bool tell(struct tx *tx, const struct notice *notice, const char *verb, struct err *err)
{
    char id[2 * UID_BYTES + 1];
    return tx_event(tx, "notice", hex_encode(bytes_of(notice->uid, UID_BYTES), id), verb, err);
}

bool notice_hide(struct tx *tx, const struct notice *notice, const char *reason, struct err *err)
{
    if (node_id_equal(&notice->author, identity_node(tx->self)))
        return err_set(err, ERR_CONFLICT, "this is our own notice: withdraw it instead");
    if (reason[0] && !code_has_shape(reason, NOTICE_CODE_MAX))
        return err_set(err, ERR_INVALID, "\"reason\" is a code: a-z, 0-9 and hyphens");
    return set_text(tx, "UPDATE notice SET hidden = ?2 WHERE id = ?1 AND ?3 > 0", notice->id,
                    reason, err) &&
           tell(tx, notice, reason[0] ? "hidden" : "shown", err);
}

bool notice_close(struct tx *tx, const uint8_t uid[UID_BYTES], const char *outcome, struct err *err)
{
    bool found, known = false;
    struct notice notice;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        known = known || strcmp(outcome, outcomes[i]) == 0;
    if (!known)
        return err_set(err, ERR_INVALID, "\"reached\" is one of yes, partly, no, unknown");
    if (!notice_find(tx->store, identity_node(tx->self), uid, &found, &notice, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "there is no such notice of ours");
    if (notice_is_open(&notice, tx->now))
        return err_set(err, ERR_CONFLICT, "the notice is still open");
    return set_text(tx, "UPDATE notice SET outcome = ?2, closed_ms = ?3 WHERE id = ?1", notice.id,
                    outcome, err) &&
           tell(tx, &notice, "closed", err);
}

bool notice_own_read(struct store *store, struct arena *arena, const struct notice *notice,
                     struct notice_own *ret, struct err *err)
{
    bool row;
    *ret = (struct notice_own){.what = ""};
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT renewals, what FROM notice_own WHERE notice = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice->id);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        ret->what = arena_text(arena, stmt_text(stmt, 1));
    int64_t renewals = row ? stmt_i64(stmt, 0) : 0;
    ret->renewals_left =
        row && renewals < NOTICE_RENEWALS_MAX ? (uint32_t)(NOTICE_RENEWALS_MAX - renewals) : 0;
    return true;
}

uint64_t notice_renewed_end_s(const struct notice *notice,
                              const Maillon__Hfp__V1__NoticeContent *content, struct wall now)
{
    uint64_t life_s = notice_default_life_s(content);
    uint64_t now_s = (uint64_t)(now.ms / 1000), end_s = now_s + life_s;
    if (end_s <= notice->expires_s)
        end_s = notice->expires_s + life_s;
    return end_s < now_s + NOTICE_LIFETIME_MAX_S ? end_s : now_s + NOTICE_LIFETIME_MAX_S;
}
