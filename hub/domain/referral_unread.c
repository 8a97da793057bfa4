#include "hub/domain/referral.h"

#define UNSEEN_MAX MAILLON__HFP__V1__BUSINESS_STATUS__BUSINESS_STATUS_DELIVERED

bool referral_unread_bytes(struct store *store, const struct node_id *peer, uint64_t *ret,
                           struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT sum(length(o.bytes) + coalesce(length(e.payload), 0)) FROM referral r"
                 " JOIN referral_event e ON e.referral = r.id JOIN object o ON o.oid = e.oid"
                 " WHERE r.peer = ?1 AND r.is_out = 0 AND r.is_open = 1 AND r.status <= ?2"
                 " AND r.business_status <= ?3",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, MAILLON__HFP__V1__REFERRAL_STATUS__REFERRAL_STATUS_REQUESTED);
    stmt_bind_i64(stmt, 3, UNSEEN_MAX);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "sum what nobody has looked at");
    *ret = row && !stmt_is_null(stmt, 0) ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}
