/* The bundle of one referral: chain, receipts, leaves, heads, and who forked if somebody did. */
#include "hub/domain/audit_bundle_internal.h"

#include "hub/crypto/head.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/codes.h"
#include "hub/domain/referral_moves.h"
#include "maillon/hfp/v1/receipt.pb-c.h"
#include <inttypes.h>
#include <stdio.h>

enum side { HUB, PEER };

/** One event whose signature holds. */
struct item {
    struct envelope envelope;
    const Maillon__Hfp__V1__ReferralEvent *body;
    enum side side;
    bool told; /* as part of a fork */
};

struct referral_check {
    struct check check;
    struct kel kels[2];
    char names[2][NODE_ID_SHORT];
    struct oid id;
    struct item *items;
    size_t count;
    enum side sender;
    bool forked;
};

static void describe(const Maillon__Hfp__V1__ReferralEvent *body, char out[80])
{
    const char *action = code_of_value(CODES_ACTION, (int)body->action);
    snprintf(out, 80, "event %" PRIu64 " (%s)", body->head->seq, action ? action : "unknown");
}

static enum kel_verdict judge(const struct kel *kel, const struct envelope *envelope,
                              const Maillon__Hfp__V1__Head *head)
{
    struct wall then = {head->created_s < TIME_MAX_S ? (int64_t)head->created_s * 1000 : 0};
    return kel_judge(kel, envelope, head, then);
}

static bool is_parties(struct referral_check *rc, const Maillon__Hfp__V1__Head *head,
                       ProtobufCBinaryData recipient, enum side *ret)
{
    for (int side = HUB; side <= PEER; side++) {
        if (bytes_equal(wire_bytes(head->node), node_id_bytes(&rc->kels[side].node)) &&
            bytes_equal(wire_bytes(recipient), node_id_bytes(&rc->kels[!side].node))) {
            *ret = (enum side)side;
            return true;
        }
    }
    return false;
}

static bool read_event(struct referral_check *rc, struct bytes bytes, size_t number)
{
    struct check *check = &rc->check;
    struct item item = {0};
    struct err err = {0};
    if (!envelope_open(bytes, check->arena, &item.envelope, &err) ||
        strcmp(item.envelope.type, TYPE_REFERRAL) != 0 ||
        !(item.body = wire_unpack(&maillon__hfp__v1__referral_event__descriptor, item.envelope.body,
                                  check->arena, &err)) ||
        !item.body->head || !head_check_shape(item.body->head, &err)) {
        check_say(check, BUNDLE_FAILS, "item %zu is not an event of a referral", number);
        return false;
    }
    char what[80];
    describe(item.body, what);
    if (!is_parties(rc, item.body->head, item.body->recipient, &item.side)) {
        check_say(check, BUNDLE_FAILS, "%s is not between these two hubs", what);
        return false;
    }
    if (judge(&rc->kels[item.side], &item.envelope, item.body->head) != KEL_GOOD) {
        check_say(check, BUNDLE_FAILS, "%s is not signed by %s, whose it claims to be", what,
                  rc->names[item.side]);
        return false;
    }
    bool refer = item.body->action == REFERRAL_ACTION(REFER);
    struct bytes stream = wire_bytes(item.body->head->stream);
    if (refer ? stream.len || !oid_equal(&item.envelope.oid, &rc->id)
              : !bytes_equal(stream, oid_bytes(&rc->id))) {
        check_say(check, BUNDLE_FAILS, "%s of %s belongs to another referral", what,
                  rc->names[item.side]);
        return false;
    }
    for (size_t i = 0; i < rc->count; i++) {
        if (oid_equal(&rc->items[i].envelope.oid, &item.envelope.oid))
            return true; /* the same twice proves nothing more */
    }
    rc->items[rc->count++] = item;
    if (refer)
        rc->sender = item.side;
    return true;
}

static const struct item *find(const struct referral_check *rc, struct bytes oid)
{
    for (size_t i = 0; i < rc->count; i++) {
        if (bytes_equal(oid_bytes(&rc->items[i].envelope.oid), oid))
            return &rc->items[i];
    }
    return NULL;
}

static bool same_place(const struct item *a, const struct item *b)
{
    return a->side == b->side && a->body->head->seq == b->body->head->seq;
}

/** F23: two different events that one party signed for one place. */
static void check_forks(struct referral_check *rc)
{
    struct check *check = &rc->check;
    for (size_t i = 0; i < rc->count; i++) {
        for (size_t j = i + 1; j < rc->count; j++) {
            struct item *a = &rc->items[i], *b = &rc->items[j];
            if (a->told || !same_place(a, b))
                continue;
            b->told = true;
            char what[80], other[80];
            describe(a->body, what);
            describe(b->body, other);
            if (a->body->head->incarnation != b->body->head->incarnation)
                check_say(check, BUNDLE_NOTE,
                          "%s wrote place %" PRIu64 " twice, in two incarnations: it was restored "
                          "from a backup in between",
                          rc->names[a->side], a->body->head->seq);
            else {
                rc->forked = true;
                check_say(check, BUNDLE_FAILS,
                          "FORK: %s signed two different events at place %" PRIu64 ": %s and %s",
                          rc->names[a->side], a->body->head->seq, what, other);
            }
        }
    }
}

static void check_links(struct referral_check *rc)
{
    struct check *check = &rc->check;
    size_t failed = check->failed;
    uint64_t most[2] = {0};
    for (size_t i = 0; i < rc->count; i++) {
        const struct item *item = &rc->items[i];
        const Maillon__Hfp__V1__Head *head = item->body->head;
        char what[80];
        describe(item->body, what);
        most[item->side] = head->seq > most[item->side] ? head->seq : most[item->side];
        if (head->seq > 1) {
            const struct item *prev = find(rc, wire_bytes(head->prev));
            if (!prev || prev->side != item->side || prev->body->head->seq + 1 != head->seq)
                check_say(check, BUNDLE_FAILS, "%s of %s follows an event that is not in the file",
                          what, rc->names[item->side]);
        }
        if (item->body->seen.len) {
            const struct item *seen = find(rc, wire_bytes(item->body->seen));
            if (!seen || seen->side == item->side)
                check_say(check, BUNDLE_FAILS,
                          "%s of %s had seen an event of the other hub that is not in the file",
                          what, rc->names[item->side]);
        }
    }
    if (!find(rc, oid_bytes(&rc->id)))
        check_say(check, BUNDLE_FAILS, "the event that began the referral is not in the file");
    if (check->failed == failed)
        check_say(check, BUNDLE_HOLDS,
                  "the chain holds: %zu events, %" PRIu64 " places of %s and %" PRIu64 " of %s",
                  rc->count, most[HUB], rc->names[HUB], most[PEER], rc->names[PEER]);
}

/** What the events come to, computed anew. */
static void say_state(struct referral_check *rc)
{
    struct referral_event_key *keys = arena_alloc(rc->check.arena, (rc->count + 1) * sizeof(*keys));
    for (size_t i = 0; i < rc->count; i++) {
        const struct item *item = &rc->items[i];
        const Maillon__Hfp__V1__ReferralEvent *body = item->body;
        keys[i] = (struct referral_event_key){
            .oid = item->envelope.oid,
            .side = item->side == rc->sender ? REFERRAL_SENDER : REFERRAL_RECEIVER,
            .seq = body->head->seq,
            .action = body->action,
            .business_status = body->business_status,
            .on_behalf = body->on_behalf,
            .confirms = body->confirms,
            .created_s = body->head->created_s,
            .answer_due_s = body->refer ? body->refer->answer_due_s : 0,
        };
        keys[i].has_prev = oid_from(wire_bytes(body->head->prev), &keys[i].prev);
        keys[i].has_seen = oid_from(wire_bytes(body->seen), &keys[i].seen);
    }
    struct referral_state state;
    referral_evaluate(keys, rc->count, &state, NULL);
    const char *status = code_of_value(CODES_STATUS, (int)state.status);
    check_say(&rc->check, BUNDLE_NOTE, "%s sent it to %s; after these events it is %s%s",
              rc->names[rc->sender], rc->names[!rc->sender], status ? status : "unknown",
              state.flags & REFERRAL_FROZEN ? " and frozen" : "");
}

static void check_receipts(struct referral_check *rc,
                           const Maillon__Api__V1__ReferralBundle *bundle)
{
    struct check *check = &rc->check;
    size_t failed = check->failed, stored = 0, ours = 0;
    for (size_t i = 0; i < rc->count; i++)
        ours += rc->items[i].side == HUB;
    for (size_t i = 0; i < bundle->n_receipt; i++) {
        struct envelope envelope;
        struct err err = {0};
        const Maillon__Hfp__V1__Receipt *receipt = NULL;
        enum side side = PEER;
        if (envelope_open(wire_bytes(bundle->receipt[i]), check->arena, &envelope, &err) &&
            strcmp(envelope.type, TYPE_RECEIPT) == 0)
            receipt = wire_unpack(&maillon__hfp__v1__receipt__descriptor, envelope.body,
                                  check->arena, &err);
        if (!receipt || !receipt->head || !head_check_shape(receipt->head, &err) ||
            !is_parties(rc, receipt->head, receipt->recipient, &side) ||
            judge(&rc->kels[side], &envelope, receipt->head) != KEL_GOOD) {
            check_say(check, BUNDLE_FAILS, "receipt %zu is not signed by one of the two hubs",
                      i + 1);
            continue;
        }
        for (size_t j = 0; j < receipt->n_entry; j++) {
            const Maillon__Hfp__V1__ReceiptEntry *entry = receipt->entry[j];
            const struct item *item = find(rc, wire_bytes(entry->oid));
            if (!item) /* one receipt may speak of several referrals */
                continue;
            if (item->side == side)
                check_say(check, BUNDLE_FAILS, "receipt %zu is by the author of the event itself",
                          i + 1);
            if (entry->chain_head.len && !find(rc, wire_bytes(entry->chain_head)))
                check_say(check, BUNDLE_FAILS,
                          "receipt %zu of %s names an event that is not in the file", i + 1,
                          rc->names[side]);
            stored += item->side == HUB &&
                      entry->state != MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
        }
    }
    if (check->failed == failed)
        check_say(check, stored ? BUNDLE_HOLDS : BUNDLE_NOTE,
                  "%s signed that it has %zu of the %zu events of %s", rc->names[PEER], stored,
                  ours, rc->names[HUB]);
}

static void check_leaves(struct referral_check *rc, const Maillon__Api__V1__ReferralBundle *bundle,
                         const struct audit_head *heads, const bool *head_holds)
{
    struct check *check = &rc->check;
    size_t failed = check->failed;
    for (size_t i = 0; i < bundle->n_leaf; i++) {
        const Maillon__Api__V1__BundleLeaf *in = bundle->leaf[i];
        struct merkle_hash hash;
        struct merkle_proof proof;
        struct err err = {0};
        const Maillon__Hfp__V1__AuditLeaf *leaf = wire_unpack(
            &maillon__hfp__v1__audit_leaf__descriptor, wire_bytes(in->leaf), check->arena, &err);
        merkle_leaf(wire_bytes(in->leaf), &hash);
        if (!leaf || !find(rc, wire_bytes(leaf->oid)))
            check_say(check, BUNDLE_FAILS, "audit line %" PRIu64 " is about none of these events",
                      in->index);
        else if (in->head >= bundle->n_head || !head_holds[in->head] ||
                 !merkle_proof_read(wire_bytes(in->proof), &proof) ||
                 !merkle_includes(&hash, in->index, heads[in->head].size, proof.path, proof.count,
                                  &heads[in->head].root))
            check_say(check, BUNDLE_FAILS,
                      "audit line %" PRIu64 " is not in the log that %s signed", in->index,
                      rc->names[HUB]);
    }
    if (check->failed == failed)
        check_say(check, bundle->n_leaf ? BUNDLE_HOLDS : BUNDLE_NOTE,
                  bundle->n_leaf ? "%zu lines of the audit log of %s are about these events, and "
                                   "are in the log that it signed"
                                 : "%zu lines of the audit log of %s are in the file",
                  bundle->n_leaf, rc->names[HUB]);
}

static void check_heads(struct referral_check *rc, const Maillon__Api__V1__ReferralBundle *bundle)
{
    struct check *check = &rc->check;
    struct check_witness *witnesses;
    size_t count;
    struct audit_head *heads = arena_alloc(check->arena, (bundle->n_head + 1) * sizeof(*heads));
    bool *holds = arena_alloc(check->arena, bundle->n_head + 1);
    check_witnesses(check, bundle->witness, bundle->n_witness, &witnesses, &count);
    for (size_t i = 0; i < bundle->n_head; i++) {
        size_t cosigned;
        holds[i] = check_head(check, bundle->head[i], &rc->kels[HUB], witnesses, count, &heads[i],
                              &cosigned);
        if (!holds[i])
            continue;
        check_say(check, cosigned >= AUDIT_WITNESSES ? BUNDLE_HOLDS : BUNDLE_NOTE,
                  "the head over %" PRIu64 " lines is signed by %s and by %zu witness%s%s",
                  heads[i].size, rc->names[HUB], cosigned, cosigned == 1 ? "" : "es",
                  cosigned < AUDIT_WITNESSES ? " (three are the rule)" : "");
        for (size_t j = 0; j < i; j++) {
            if (holds[j] && heads[j].size == heads[i].size &&
                !merkle_hash_equal(&heads[j].root, &heads[i].root))
                check_say(check, BUNDLE_FAILS,
                          "FORK: %s signed two different logs of %" PRIu64 " lines", rc->names[HUB],
                          heads[i].size);
        }
    }
    check_leaves(rc, bundle, heads, holds);
    for (size_t i = 0; i < bundle->n_peer_head; i++) {
        struct audit_head head;
        struct err err = {0};
        if (!audit_head_open(wire_bytes(bundle->peer_head[i]), check->arena, &head, &err) ||
            !node_id_equal(&head.node, &rc->kels[PEER].node) ||
            !audit_head_is_by(&head, &rc->kels[PEER]))
            check_say(check, BUNDLE_FAILS, "the audit head of %s is not signed by it",
                      rc->names[PEER]);
        else
            check_say(check, BUNDLE_HOLDS, "%s signed a head over %" PRIu64 " lines of its own log",
                      rc->names[PEER], head.size);
    }
}

static void check_personal(struct referral_check *rc,
                           const Maillon__Api__V1__ReferralBundle *bundle)
{
    struct check *check = &rc->check;
    size_t failed = check->failed;
    for (size_t i = 0; i < bundle->n_personal; i++) {
        const Maillon__Api__V1__BundlePersonal *in = bundle->personal[i];
        const struct item *item = find(rc, wire_bytes(in->oid));
        uint8_t commit[32];
        parcel_commit(wire_bytes(in->salt), wire_bytes(in->payload), commit);
        if (!item || !bytes_equal(wire_bytes(item->body->commit), bytes_of(commit, sizeof(commit))))
            check_say(check, BUNDLE_FAILS, "a personal part is not the one that was signed");
    }
    if (check->failed > failed)
        return;
    if (bundle->n_personal)
        check_say(check, BUNDLE_HOLDS, "%zu personal parts are those that were signed",
                  bundle->n_personal);
    else
        check_say(check, BUNDLE_NOTE, "the file holds no personal data");
}

static bool check_named(struct referral_check *rc, const struct node_id *nodes, size_t count)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        char id[NODE_ID_SHORT];
        if (node_id_equal(&nodes[i], &rc->kels[HUB].node) ||
            node_id_equal(&nodes[i], &rc->kels[PEER].node))
            continue;
        check_say(&rc->check, BUNDLE_FAILS, "hub %s is not a party of this referral",
                  node_id_short(&nodes[i], id));
        ok = false;
    }
    if (!count)
        check_say(&rc->check, BUNDLE_NOTE,
                  "compare the two node ids above with ones that you know to be right");
    return ok;
}

bool bundle_verify_referral(const Maillon__Api__V1__ReferralBundle *bundle,
                            const struct node_id *nodes, size_t node_count, struct arena *arena,
                            bundle_say *say, void *ctx)
{
    struct referral_check *rc = arena_alloc(arena, sizeof(*rc));
    struct check *check = &rc->check;
    *check = (struct check){.arena = arena, .say = say, .ctx = ctx};
    if (strcmp(bundle->format, BUNDLE_REFERRAL_FORMAT) != 0 ||
        !hex_decode(bundle->id, rc->id.b, sizeof(rc->id.b))) {
        check_say(check, BUNDLE_FAILS, "this is not the bundle of a referral");
        return false;
    }
    if (!check_keys(check, bundle->kel_ours, bundle->n_kel_ours, "the hub that made the file", NULL,
                    &rc->kels[HUB]) ||
        !check_keys(check, bundle->kel_theirs, bundle->n_kel_theirs, "the other hub", NULL,
                    &rc->kels[PEER]) ||
        !check_named(rc, nodes, node_count))
        return false;
    node_id_short(&rc->kels[HUB].node, rc->names[HUB]);
    node_id_short(&rc->kels[PEER].node, rc->names[PEER]);
    rc->items = arena_alloc(arena, (bundle->n_event + 1) * sizeof(*rc->items));
    size_t failed = check->failed;
    for (size_t i = 0; i < bundle->n_event; i++)
        (void)read_event(rc, wire_bytes(bundle->event[i]), i + 1);
    if (check->failed == failed)
        check_say(check, BUNDLE_HOLDS, "all %zu events are signed by whom they claim",
                  bundle->n_event);
    check_forks(rc);
    check_links(rc);
    if (find(rc, oid_bytes(&rc->id)))
        say_state(rc);
    check_receipts(rc, bundle);
    check_heads(rc, bundle);
    check_personal(rc, bundle);
    return check->failed == 0;
}
