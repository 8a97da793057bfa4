#pragma once
/* Between audit_bundle*.c only. */
#include "hub/domain/audit_bundle.h"

struct check {
    struct arena *arena;
    bundle_say *say;
    void *ctx;
    size_t failed;
};
void PRINTF_LIKE(3, 4) check_say(struct check *check, enum bundle_line line, const char *fmt, ...);
/** A key log from its events; false when it does not hold (said with `whose`). */
bool check_keys(struct check *check, ProtobufCBinaryData *events, size_t count, const char *whose,
                const struct node_id *expect, struct kel *ret);
/** Key logs of the file by node. */
struct check_witness {
    struct node_id node;
    struct kel kel;
};
void check_witnesses(struct check *check, Maillon__Api__V1__BundleKeys *const *list, size_t count,
                     struct check_witness **ret, size_t *ret_count);
/** A head of `kel`'s node with its cosignatures. @return how many witnesses signed it. */
bool check_head(struct check *check, const Maillon__Api__V1__BundleHead *in, const struct kel *kel,
                const struct check_witness *witnesses, size_t witness_count, struct audit_head *ret,
                size_t *ret_cosigned);
