/* What a notice said when we answered it. Its owner may change it; whether what matters to a
 * claimant is other now is seen by comparing (PRODUCT.md 4.2). */
#include "hub/domain/claim_row.h"

#include <string.h>

/* A change of words between brackets or of a capital is one, too: where to go must be right. */
static const char *place_of(const Maillon__Hfp__V1__NoticeContent *content)
{
    return content->place[0] ? content->place : content->commune;
}

static uint32_t amount_of(const Maillon__Hfp__V1__NoticeContent *content)
{
    return content->quantity ? content->quantity->amount : 0;
}

bool claim_terms_add(struct tx *tx, const struct oid *claim_id,
                     const Maillon__Hfp__V1__NoticeContent *content, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO claim_terms (claim_id, what, amount, place, from_s, to_s)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(claim_id));
    stmt_bind_text(stmt, 2, content->what);
    stmt_bind_i64(stmt, 3, amount_of(content));
    stmt_bind_text(stmt, 4, place_of(content));
    stmt_bind_i64(stmt, 5, (int64_t)content->available_from_s);
    stmt_bind_i64(stmt, 6, (int64_t)content->available_to_s);
    return stmt_run(stmt, err);
}

bool claim_terms_read(struct store *store, struct arena *arena, const struct oid *claim_id,
                      struct claim_terms *ret, struct err *err)
{
    bool row;
    *ret = (struct claim_terms){.what = "", .place = ""};
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT what, amount, place, from_s, to_s FROM claim_terms WHERE claim_id = ?1",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(claim_id));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        *ret = (struct claim_terms){
            .known = true,
            .what = arena_text(arena, stmt_text(stmt, 0)),
            .amount = (uint32_t)stmt_i64(stmt, 1),
            .place = arena_text(arena, stmt_text(stmt, 2)),
            .from_s = (uint64_t)stmt_i64(stmt, 3),
            .to_s = (uint64_t)stmt_i64(stmt, 4),
        };
    return true;
}

unsigned claim_terms_changed(const struct claim_terms *terms,
                             const Maillon__Hfp__V1__NoticeContent *content)
{
    unsigned changed = 0;
    if (!terms->known || !content)
        return 0;
    if (terms->amount != amount_of(content))
        changed |= CLAIM_CHANGED_QUANTITY;
    if (strcmp(terms->place, place_of(content)) != 0)
        changed |= CLAIM_CHANGED_PLACE;
    if (terms->from_s != content->available_from_s || terms->to_s != content->available_to_s)
        changed |= CLAIM_CHANGED_TIME;
    return changed;
}

/* "In less than 24 h": before it is there, else before it goes, else before its end. */
static uint64_t needed_s(const struct notice *notice,
                         const Maillon__Hfp__V1__NoticeContent *content, uint64_t at_s)
{
    if (content && content->available_from_s >= at_s)
        return content->available_from_s;
    if (content && content->available_to_s >= at_s)
        return content->available_to_s;
    return notice->expires_s;
}

bool claim_is_late_drop(const struct claim *claim, const struct notice *notice,
                        const Maillon__Hfp__V1__NoticeContent *content)
{
    uint64_t at_s = (uint64_t)(claim->changed.ms / 1000);
    if (claim->view.state != CLAIM_RELEASED || !claim->view.agreed)
        return false;
    uint64_t by_s = needed_s(notice, content, at_s);
    return by_s >= at_s && by_s - at_s < CLAIM_LATE_DROP_S;
}

Maillon__Hfp__V1__ClaimAction claim_next_verb(const struct claim *claim,
                                              Maillon__Hfp__V1__NoticeKind kind, struct wall now)
{
    static const Maillon__Hfp__V1__ClaimAction order[] = {
        MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE,
        MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_AGREE_EXTEND,
        MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_UNDER_WAY,
        MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_DELIVERED,
        MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_RETURNED,
    };
    bool loan = kind == MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_OFFER;
    bool given = claim->view.delivered > 0;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        bool again = given && order[i] == MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_DELIVERED;
        bool kept = !loan && order[i] == MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_RETURNED;
        if (!again && !kept && claim_may(claim, order[i], now))
            return order[i];
    }
    return MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_UNSPECIFIED;
}
