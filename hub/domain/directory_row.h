#pragma once
/* Rows of table `service`, for directory*.c alone. */
#include "hub/domain/directory.h"

#define SERVICE_LIFE_S NOTICE_LIFETIME_MAX_S
/* Own services are signed anew this long before they expire. */
#define SERVICE_RENEW_S (30 * 86400)

struct service_row {
    int64_t id; /* 0: none */
    uint32_t version;
    struct oid oid;
    bool ours;
    const Maillon__Hfp__V1__ServiceContent *content; /* arena; NULL: withdrawn */
    int64_t changed_ms;
};
NODISCARD bool service_row_find(struct store *store, struct arena *arena,
                                const struct node_id *node, const char *uid,
                                struct service_row *ret, struct err *err);
NODISCARD bool service_row_count(struct store *store, const struct node_id *node, int64_t *ret,
                                 struct err *err);
/** Row, search entry and event of a new version. */
NODISCARD bool service_row_put(struct tx *tx, const struct node_id *node,
                               const Maillon__Hfp__V1__Service *service, const struct oid *oid,
                               bool ours, struct err *err);
/** "NODE/UID" in the arena. */
const char *service_text_id(struct arena *arena, const struct node_id *node, const char *uid);
NODISCARD bool service_unpack(struct arena *arena, struct bytes bytes,
                              const Maillon__Hfp__V1__ServiceContent **ret, struct err *err);
