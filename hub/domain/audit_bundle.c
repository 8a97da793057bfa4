/* What both kinds of file share, and the export of a whole log. */
#include "hub/domain/audit_bundle_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void check_say(struct check *check, enum bundle_line line, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    check->failed += line == BUNDLE_FAILS;
    check->say(check->ctx, line, text);
}

bool check_keys(struct check *check, ProtobufCBinaryData *events, size_t count, const char *whose,
                const struct node_id *expect, struct kel *ret)
{
    struct bytes list[KEL_EVENTS_MAX];
    char id[NODE_ID_TEXT];
    struct err err = {0};
    if (count > KEL_EVENTS_MAX) {
        check_say(check, BUNDLE_FAILS, "the key log of %s is too long", whose);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        list[i] = wire_bytes(events[i]);
    if (!kel_read(list, count, expect, ret, &err)) {
        check_say(check, BUNDLE_FAILS, "the key log of %s does not hold: %s", whose, err.msg);
        return false;
    }
    check_say(check, BUNDLE_HOLDS, "the key log of %s holds (%zu events); its node id is %s", whose,
              count, node_id_text(&ret->node, id));
    return true;
}

void check_witnesses(struct check *check, Maillon__Api__V1__BundleKeys *const *list, size_t count,
                     struct check_witness **ret, size_t *ret_count)
{
    *ret = arena_alloc(check->arena, (count + 1) * sizeof(**ret));
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct check_witness *witness = &(*ret)[*ret_count];
        if (!node_id_parse(list[i]->node, &witness->node))
            check_say(check, BUNDLE_FAILS, "a witness has no node id");
        else if (check_keys(check, list[i]->kel, list[i]->n_kel, "a witness", &witness->node,
                            &witness->kel))
            (*ret_count)++;
    }
}

/** The witness that signed, not the author; NULL: nobody whose keys are here. */
static const struct check_witness *signer(const struct audit_head *head, const struct kel *author,
                                          const struct check_witness *witnesses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!node_id_equal(&witnesses[i].node, &author->node) &&
            (kel_verify(&witnesses[i].kel, &head->envelope, NULL) ||
             audit_head_is_by(head, &witnesses[i].kel)))
            return &witnesses[i];
    }
    return NULL;
}

/** A cosigned head has the witness's signature and those that it had: each is looked at. */
static bool each_signature_holds(const struct audit_head *head, const struct kel *author,
                                 const struct check_witness *witnesses, size_t count)
{
    struct audit_head one = *head;
    one.envelope.sig_count = 1;
    for (size_t i = 0; i < head->envelope.sig_count; i++) {
        one.envelope.sigs[0] = head->envelope.sigs[i];
        if (!audit_head_is_by(&one, author) && !signer(&one, author, witnesses, count))
            return false;
    }
    return true;
}

bool check_head(struct check *check, const Maillon__Api__V1__BundleHead *in, const struct kel *kel,
                const struct check_witness *witnesses, size_t witness_count, struct audit_head *ret,
                size_t *ret_cosigned)
{
    struct err err = {0};
    if (!audit_head_open(wire_bytes(in->head), check->arena, ret, &err) ||
        !node_id_equal(&ret->node, &kel->node) || !audit_head_is_by(ret, kel)) {
        check_say(check, BUNDLE_FAILS, "a head of the audit log is not signed by its hub");
        return false;
    }
    const struct check_witness **seen =
        arena_alloc(check->arena, (in->n_cosigned + 1) * sizeof(*seen));
    size_t count = 0;
    for (size_t i = 0; i < in->n_cosigned; i++) {
        struct audit_head cosigned;
        const struct check_witness *by = NULL;
        if (audit_head_open(wire_bytes(in->cosigned[i]), check->arena, &cosigned, &err) &&
            oid_equal(&cosigned.oid, &ret->oid) &&
            each_signature_holds(&cosigned, kel, witnesses, witness_count))
            by = signer(&cosigned, kel, witnesses, witness_count);
        if (!by) {
            check_say(check, BUNDLE_FAILS,
                      "a witness's signature on the head over %" PRIu64 " lines does not hold",
                      ret->size);
            continue;
        }
        bool again = false;
        for (size_t j = 0; j < count; j++)
            again |= seen[j] == by;
        if (!again)
            seen[count++] = by;
    }
    *ret_cosigned = count;
    return true;
}

/* ---- the export of a log ---- */

struct bundle_audit {
    struct check check;
    bool named, begun, broken;
    struct node_id node;
    struct kel kel;
    struct merkle tree;
    uint64_t first, heads, cosigned;
    size_t pages;
};

struct bundle_audit *bundle_audit_create(const struct node_id *node, bundle_say *say, void *ctx)
{
    struct bundle_audit *audit = mem_alloc(sizeof(*audit));
    audit->check = (struct check){.say = say, .ctx = ctx};
    audit->named = node != NULL;
    if (node)
        audit->node = *node;
    return audit;
}

void bundle_audit_free(struct bundle_audit *audit)
{
    free(audit);
}

static bool begin(struct bundle_audit *audit, const Maillon__Api__V1__AuditBundle *page)
{
    struct check *check = &audit->check;
    if (audit->begun) {
        if (page->first == audit->tree.size)
            return true;
        check_say(check, BUNDLE_FAILS, "a part of the file is missing after line %" PRIu64,
                  audit->tree.size);
        return false;
    }
    audit->begun = true;
    audit->first = page->first;
    if (!check_keys(check, page->kel, page->n_kel, "the hub", audit->named ? &audit->node : NULL,
                    &audit->kel))
        return false;
    if (!merkle_from_peaks(page->first, wire_bytes(page->before), &audit->tree)) {
        check_say(check, BUNDLE_FAILS, "what is said of the lines before the first is malformed");
        return false;
    }
    return true;
}

/** What two signatures of one hub prove by themselves. */
static void check_evidence(struct check *check, const Maillon__Api__V1__BundleEvidence *in)
{
    struct audit_head held, shown;
    struct kel kel;
    struct err err = {0};
    struct merkle_proof proof;
    char id[NODE_ID_SHORT];
    if (!check_keys(check, in->kel, in->n_kel, "a hub with an alarm", NULL, &kel))
        return;
    node_id_short(&kel.node, id);
    if (!audit_head_open(wire_bytes(in->held), check->arena, &held, &err) ||
        !node_id_equal(&held.node, &kel.node) || !audit_head_is_by(&held, &kel)) {
        check_say(check, BUNDLE_FAILS, "alarm about %s: the head held is not signed by it", id);
        return;
    }
    if (!in->shown.len) {
        check_say(check, BUNDLE_NOTE,
                  "alarm about %s: it signed a head over %" PRIu64 " lines that its log, as it is "
                  "now, does not lead to",
                  id, held.size);
        return;
    }
    if (!audit_head_open(wire_bytes(in->shown), check->arena, &shown, &err) ||
        !node_id_equal(&shown.node, &kel.node) || !audit_head_is_by(&shown, &kel) ||
        !merkle_proof_read(wire_bytes(in->proof), &proof)) {
        check_say(check, BUNDLE_FAILS, "alarm about %s: the head shown is not signed by it", id);
        return;
    }
    if (shown.incarnation > held.incarnation)
        check_say(check, BUNDLE_NOTE,
                  "%s says that it was restored: %" PRIu64 " lines before, %" PRIu64 " after", id,
                  held.size, shown.size);
    else if (shown.size == held.size && !merkle_hash_equal(&shown.root, &held.root))
        check_say(check, BUNDLE_NOTE, "proven: %s signed two different logs of %" PRIu64 " lines",
                  id, held.size);
    else if (shown.incarnation == held.incarnation && shown.seq == held.seq)
        check_say(check, BUNDLE_NOTE,
                  "proven: %s signed two different heads as its number %" PRIu64, id, held.seq);
    else if (shown.size < held.size && shown.seq > held.seq)
        check_say(check, BUNDLE_NOTE,
                  "proven: %s signed a log of %" PRIu64 " lines and later one of %" PRIu64, id,
                  held.size, shown.size);
    else
        check_say(check, BUNDLE_NOTE,
                  "alarm about %s: it showed a log of %" PRIu64 " lines that was not seen to "
                  "continue the %" PRIu64 " it had signed; ask it for a proof",
                  id, shown.size, held.size);
}

static void check_page_heads(struct bundle_audit *audit, const Maillon__Api__V1__AuditBundle *page,
                             const struct check_witness *witnesses, size_t count, size_t *next)
{
    struct check *check = &audit->check;
    struct merkle_hash root;
    merkle_root(&audit->tree, &root);
    for (; *next < page->n_head; (*next)++) {
        struct audit_head head, peek;
        struct err err = {0};
        size_t cosigned;
        if (audit_head_open(wire_bytes(page->head[*next]->head), check->arena, &peek, &err) &&
            peek.size > audit->tree.size)
            return;
        if (!check_head(check, page->head[*next], &audit->kel, witnesses, count, &head, &cosigned))
            continue;
        audit->heads++;
        audit->cosigned += cosigned >= AUDIT_WITNESSES;
        if (head.size != audit->tree.size || !merkle_hash_equal(&head.root, &root))
            check_say(check, BUNDLE_FAILS,
                      "the lines do not lead to the head signed over %" PRIu64 " of them",
                      head.size);
    }
}

void bundle_audit_page(struct bundle_audit *audit, const Maillon__Api__V1__AuditBundle *page,
                       struct arena *arena)
{
    struct check *check = &audit->check;
    struct check_witness *witnesses;
    size_t count, next = 0;
    check->arena = arena;
    audit->pages++;
    if (audit->broken)
        return;
    if (strcmp(page->format, BUNDLE_AUDIT_FORMAT) != 0 || page->n_leaf > BUNDLE_LEAVES_MAX ||
        page->first > INT64_MAX || !begin(audit, page)) {
        audit->broken = true;
        check_say(check, BUNDLE_FAILS, "a page of the file cannot be used");
        return;
    }
    check_witnesses(check, page->witness, page->n_witness, &witnesses, &count);
    check_page_heads(audit, page, witnesses, count, &next);
    for (size_t i = 0; i < page->n_leaf; i++) {
        struct merkle_hash hash;
        merkle_leaf(wire_bytes(page->leaf[i]), &hash);
        merkle_add(&audit->tree, &hash);
        check_page_heads(audit, page, witnesses, count, &next);
    }
    if (next < page->n_head)
        check_say(check, BUNDLE_FAILS, "a head is over lines that the file does not have");
    for (size_t i = 0; i < page->n_evidence; i++)
        check_evidence(check, page->evidence[i]);
}

bool bundle_audit_end(struct bundle_audit *audit)
{
    struct check *check = &audit->check;
    uint64_t lines = audit->tree.size - (audit->broken ? audit->tree.size : audit->first);
    if (!audit->pages)
        check_say(check, BUNDLE_FAILS, "the file is empty");
    if (check->failed)
        return false;
    if (audit->heads)
        check_say(check, BUNDLE_HOLDS,
                  "%" PRIu64 " lines lead to the %" PRIu64 " heads that the hub signed over them",
                  lines, audit->heads);
    else
        check_say(check, BUNDLE_NOTE, "no head covers these %" PRIu64 " lines yet", lines);
    check_say(check, audit->cosigned < audit->heads ? BUNDLE_NOTE : BUNDLE_HOLDS,
              "%" PRIu64 " of %" PRIu64 " heads are signed by %d witnesses or more",
              audit->cosigned, audit->heads, AUDIT_WITNESSES);
    return true;
}
