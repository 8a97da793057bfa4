#pragma once
/* Shared by notice.c and notice_own.c only: writing a version into its row. */
#include "hub/domain/notice.h"

struct notice_version {
    const struct node_id *author;
    struct bytes uid;
    uint32_t version;
    const struct oid *oid;
    const Maillon__Hfp__V1__NoticeContent *content; /* NULL: withdrawn */
    uint64_t created_s, expires_s;
};

/** Joins a version into what is known of its notice, whatever the order of arrival (R-NO-1). Tells
 * those who watch. */
NODISCARD bool notice_put(struct tx *tx, const struct notice_version *version, struct err *err);
/** What is wrong with the shape of a content, a constant text; NULL when nothing is. */
const char *notice_problem(const Maillon__Hfp__V1__NoticeContent *content);
