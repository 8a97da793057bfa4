#pragma once
/* Shared by the notice_*.c files only: contents, and writing a version into its row. */
#include "hub/domain/notice.h"

struct notice_version {
    const struct node_id *author;
    struct bytes uid;
    uint32_t version;
    const struct oid *oid;
    const Maillon__Hfp__V1__NoticeContent *content; /* NULL: withdrawn */
    uint64_t created_s, expires_s;
    struct bytes scope; /* empty: for accepted peers */
};

/** Joins a version into what is known of its notice, whatever the order of arrival (R-NO-1). Tells
 * those who watch. */
NODISCARD bool notice_put(struct tx *tx, const struct notice_version *version, struct err *err);
/** An own version that a peer gave back after a restore (R-REC-2): newer than what is here. */
NODISCARD bool notice_restore(struct tx *tx, const struct inbound_object *object, struct err *err);
/** What is wrong with the shape of a content, a constant text; NULL when nothing is. */
const char *notice_problem(const Maillon__Hfp__V1__NoticeContent *content);
/** The content as it is signed; borrows from `in` and the arena. ERR_INVALID says which field. */
NODISCARD bool notice_prepare(struct tx *tx, const Maillon__Hfp__V1__NoticeContent *in,
                              Maillon__Hfp__V1__NoticeContent *ret, struct err *err);
