/*
 * Frames of the handshake, what they leave behind when the proofs hold, and which of two sessions
 * of a pair stays (R-SE-2, R-SE-6).
 */
#include "federation/gathered.h"
#include "federation/keylog.h"
#include "federation/policy.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/relation.h"
#include <stdlib.h>

/** How many events of the peer's log, from the start, need not come again. */
static uint32_t kel_seq_of(struct federation *federation, const struct node_id *node)
{
    const struct gathered *gathered = gathered_find(federation, node);
    const struct peer *peer = peers_find(federation, node);
    if (gathered)
        return (uint32_t)(gathered->after + gathered->count);
    return peer ? (uint32_t)peer->relation.kel.seq : 0;
}

static void random_nonce(struct link *link)
{
    random_fill(link->federation->config.random, link->nonce, sizeof link->nonce);
}

static uint64_t clock_ms(const struct link *link)
{
    return (uint64_t)clock_wall(link->federation->config.clock).ms;
}

void link_begin(struct link *link, void *conn, const struct carrier *carrier)
{
    struct err err = {0};
    link->conn = conn;
    link->phase = LINK_HELLO;
    link->deadline = mono_after_ms(federation_now(link->federation), LINK_HANDSHAKE_MS);
    link->transcript = mem_alloc(sizeof *link->transcript);
    if (!transcript_init(link->transcript, carrier)) {
        err_set(&err, ERR_PEER, "subprotocol offer is too long");
        link_violation(link, &err);
        return;
    }
    if (!link->dialled) {
        link->transcript->responder = *identity_node(link->federation->config.self);
        return;
    }
    link->transcript->responder = link->node;
    link->transcript->dialler = *identity_node(link->federation->config.self);
    random_nonce(link);
    AUTO(buf_done) struct buf hello = {0};
    handshake_hello_d(&link->node, link->nonce, clock_ms(link), features_offered(link->federation),
                      kel_seq_of(link->federation, &link->node), &hello);
    digest_sha256(buf_bytes(&hello), link->transcript->hello_d);
    link_send_bytes(link, buf_bytes(&hello));
}

static bool speaks_version(const uint32_t *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (versions[i] == 1)
            return true;
    }
    return false;
}

bool link_on_hello_d(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err)
{
    const Maillon__Hfp__V1__HelloD *hello = frame->hello_d;
    const struct identity *self = link->federation->config.self;
    if (link->dialled || link->phase != LINK_HELLO)
        return err_set(err, ERR_PEER, "greeting out of place");
    if (hello->nonce.len != 32 || !speaks_version(hello->versions, hello->n_versions))
        return err_set(err, ERR_PEER, "greeting without a version or nonce this hub knows");
    if (!bytes_equal(wire_bytes(hello->responder), node_id_bytes(identity_node(self))))
        return err_set(err, ERR_PEER, "greeting is for another hub");
    digest_sha256(message, link->transcript->hello_d);
    link->features = hello->features & features_offered(link->federation);
    random_nonce(link);
    AUTO(buf_done) struct buf out = {0};
    handshake_hello_r(self, link->nonce, clock_ms(link), features_offered(link->federation),
                      hello->kel_seq, &out);
    digest_sha256(buf_bytes(&out), link->transcript->hello_r);
    link_send_bytes(link, buf_bytes(&out));
    out.len = 0;
    handshake_proof(self, link->transcript, HANDSHAKE_RESPONDER, HANDSHAKE_KEL_LATEST, &out);
    link_send_bytes(link, buf_bytes(&out));
    link->phase = LINK_PROOF;
    return true;
}

/* ---- key logs ---- */

enum kept {
    KEPT_FINE,
    KEPT_CLOSED, /* events are missing: the session was ended, the next one brings them */
    KEPT_WRONG,
};

/** The log goes on: each side brings the next part in the next session, at once. */
static void ask_for_more(struct link *link)
{
    struct federation *federation = link->federation;
    struct peer *peer = peers_find(federation, &link->node);
    char id[NODE_ID_SHORT];
    log_line(LOG_INFO, "key log goes on peer=%s events=%u", node_id_short(&link->node, id),
             kel_seq_of(federation, &link->node));
    if (link->dialled) {
        if (peer)
            peer->attempts = 0;
        link_end(link, LINK_CLOSE_GOING_AWAY);
        return;
    }
    Maillon__Hfp__V1__Bye bye = MAILLON__HFP__V1__BYE__INIT;
    bye.reason = BYE_KEYS_MISSING;
    bye.kel_seq = kel_seq_of(federation, &link->node);
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_BYE;
    frame.bye = &bye;
    link_send(link, 0, &frame);
    link_end(link, LINK_CLOSE_GOING_AWAY);
}

/** What is all of it so far: the parts gathered, when the new ones join them. */
static size_t join_parts(struct federation *federation, const struct node_id *node, uint64_t first,
                         const ProtobufCBinaryData *events, size_t count,
                         ProtobufCBinaryData all[KEL_EVENTS_MAX])
{
    const struct gathered *gathered = gathered_find(federation, node);
    size_t n = 0;
    if (gathered && first > gathered->after && first <= gathered->after + gathered->count + 1) {
        (void)gathered_list(gathered, all);
        n = (size_t)(first - gathered->after - 1);
        n = n + count <= KEL_EVENTS_MAX ? n : 0;
    }
    memcpy(all + n, events, count * sizeof *events);
    return n + count;
}

/** A log from its first event on that is not all of it: only then can it be told from another one,
 * because the rotation that makes it right may be in what is still to come. */
static bool is_beginning(const ProtobufCBinaryData *all, size_t count, uint64_t first,
                         const struct node_id *node, struct bytes head)
{
    struct bytes list[KEL_EVENTS_MAX];
    struct kel kel;
    struct err ignored = {0};
    for (size_t i = 0; i < count; i++)
        list[i] = wire_bytes(all[i]);
    return first == 1 && count > 0 && kel_read(list, count, node, &kel, &ignored) &&
           !bytes_equal(head, oid_bytes(&kel.head));
}

/** The events do not join what is known here. */
static enum kept gap(struct link *link, uint64_t first)
{
    struct federation *federation = link->federation;
    const struct gathered *gathered = gathered_find(federation, &link->node);
    uint32_t known = kel_seq_of(federation, &link->node);
    if (gathered && !gathered->after && !gathered->count && first == 1)
        return KEPT_WRONG;            /* from its beginning, and still of no use */
    if (first == (uint64_t)known + 1) /* another branch than the one known: all of it */
        gathered_put(federation, &link->node, 0, NULL, 0);
    else if (link->dialled)
        return KEPT_WRONG; /* they do not send what is asked for */
    ask_for_more(link);
    return KEPT_CLOSED;
}

/** Keeps the offered key events until the proof shows that they are this link's peer's. */
static enum kept keep_kel(struct link *link, const ProtobufCBinaryData *events, size_t count,
                          struct bytes head, struct err *err)
{
    static const struct kel nothing;
    struct federation *federation = link->federation;
    struct peer *peer = peers_find(federation, &link->node);
    struct bytes *held = NULL;
    ProtobufCBinaryData all[KEL_EVENTS_MAX];
    size_t fresh, held_count = 0;
    uint64_t first = 1;
    uint32_t before = kel_seq_of(federation, &link->node);
    if (count > KEL_EVENTS_MAX) {
        err_set(err, ERR_PEER, "key event log with %zu events", count);
        return KEPT_WRONG;
    }
    if (peer && !node_keys_events(federation->config.reader, federation->arena, &link->node, 0,
                                  &held, &held_count, err))
        return KEPT_WRONG;
    if (count && !kel_event_seq(wire_bytes(events[0]), &first, err))
        return KEPT_WRONG;
    size_t total = join_parts(federation, &link->node, first, events, count, all);
    uint64_t begin = first - (total - count);
    link->kel_offered = mem_alloc(sizeof *link->kel_offered);
    bool grows = count && first + count - 1 > before;
    if (!handshake_read_kel(all, total, head, &link->node,
                            peer && held_count ? &peer->relation.kel : &nothing, held, held_count,
                            link->kel_offered, &fresh, err)) {
        if (err->code == ERR_UNKNOWN)
            return gap(link, first);
        if (!grows || !is_beginning(all, total, begin, &link->node, head))
            return KEPT_WRONG;
        gathered_put(federation, &link->node, 0, all, total);
        ask_for_more(link);
        return KEPT_CLOSED;
    }
    link->kel_partial = grows && !link->kel_offered->duplicity &&
                        !bytes_equal(head, oid_bytes(&link->kel_offered->head));
    for (size_t i = total - (fresh < total ? fresh : total); i < total; i++) {
        buf_add_u32le(&link->kel_events, (uint32_t)all[i].len);
        buf_add(&link->kel_events, all[i].data, all[i].len);
    }
    /* F13: a contradiction counts even when the proof does not hold. */
    if (link->kel_offered->duplicity && peer && !peer->relation.kel.duplicity)
        keylog_record(link, buf_bytes(&link->kel_events));
    if (link->kel_partial)
        gathered_put(federation, &link->node, begin - 1, all, total);
    return KEPT_FINE;
}

/** `link->kel_offered` does not prove it: perhaps the part of the log that does is still to come.
 */
static bool proof_fails(struct link *link)
{
    if (!link->kel_partial)
        return false;
    ask_for_more(link);
    return true;
}

/* ---- greetings and proofs ---- */

bool link_on_hello_r(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err)
{
    const Maillon__Hfp__V1__HelloR *hello = frame->hello_r;
    if (!link->dialled || link->phase != LINK_HELLO)
        return err_set(err, ERR_PEER, "greeting out of place");
    if (hello->nonce.len != 32 || !speaks_version(hello->versions, hello->n_versions))
        return err_set(err, ERR_PEER, "greeting without a version or nonce this hub knows");
    if (!bytes_equal(wire_bytes(hello->node), node_id_bytes(&link->node)))
        return err_set(err, ERR_PEER, "another hub answers at this address");
    enum kept kept = keep_kel(link, hello->kel, hello->n_kel, wire_bytes(hello->kel_head), err);
    if (kept != KEPT_FINE)
        return kept == KEPT_CLOSED;
    digest_sha256(message, link->transcript->hello_r);
    link->features = hello->features & features_offered(link->federation);
    link->phase = LINK_PROOF;
    return true;
}

/** New key events and the sign of life, written once the proof held. */
struct proven_action {
    struct action action;
    struct federation *federation;
    struct node_id node;
    struct buf events;
};

static bool proven_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct proven_action *proven = list_entry(action, struct proven_action, action);
    struct bytes list[KEL_EVENTS_MAX];
    size_t count = 0;
    for (size_t at = 0; at < proven->events.len && count < KEL_EVENTS_MAX;) {
        const uint8_t *p = proven->events.data + at;
        uint32_t len =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        list[count++] = bytes_of(p + 4, len);
        at += 4 + (size_t)len;
    }
    struct err why = {0};
    if (count && !relation_add_kel(tx, &proven->node, list, count, &why) &&
        why.code != ERR_CONFLICT && why.code != ERR_PEER) { /* frozen, or learnt otherwise by now */
        *err = why;
        return false;
    }
    return relation_touch(tx, &proven->node, err);
}

static void proven_done(struct action *action, const struct err *err)
{
    struct proven_action *proven = list_entry(action, struct proven_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not record key events reason=\"%s\"", err->msg);
    proven->federation->busy--;
    buf_done(&proven->events);
    free(proven);
}

static void record_proven(struct link *link)
{
    struct proven_action *proven = mem_alloc(sizeof *proven);
    proven->action = (struct action){.apply = proven_apply, .done = proven_done};
    proven->federation = link->federation;
    proven->node = link->node;
    proven->events = link->kel_events;
    link->kel_events = (struct buf){0};
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &proven->action);
}

/** R-SE-6: of two sessions the one opened by the lower node id stays; of two by the same side, the
 * newer. */
static bool replaces(const struct link *fresh, const struct link *old)
{
    if (fresh->dialled == old->dialled)
        return true;
    const struct node_id *self = identity_node(fresh->federation->config.self);
    bool self_is_lower = memcmp(self->b, fresh->node.b, NODE_ID_BYTES) < 0;
    return fresh->dialled == self_is_lower;
}

void link_met(struct link *link)
{
    struct peer *peer = link->peer;
    link->unmet = false;
    if (!peer)
        return;
    peer->attempts = 0;
    peer->silent_since_ms = 0;
    peers_met(link->federation, peer, link->dialled);
    peers_publish(link->federation, peer, link->dialled ? "" : NULL); /* R-SE-9 */
}

void link_attach(struct link *link, struct peer *peer)
{
    struct link *old = peer->link;
    if (old && old != link) {
        if (!replaces(link, old)) {
            link_bye(link, 1, 0, LINK_CLOSE_GOING_AWAY);
            return;
        }
        old->peer = NULL;
        link_bye(old, 1, 0, LINK_CLOSE_GOING_AWAY);
    }
    link_settle(link);
    peer->link = link;
    link->peer = peer;
    link->unmet = link->dialled; /* they may refuse our proof: their first frame will tell */
    if (link->unmet)
        peers_publish(link->federation, peer, NULL);
    else
        link_met(link);
    if (link->kel_offered)
        peer->relation.kel = *link->kel_offered;
    free(link->kel_offered);
    link->kel_offered = NULL;
    record_proven(link);
    link_relation_changed(link);
}

static void go_up(struct link *link)
{
    struct federation *federation = link->federation;
    struct mono now = federation_now(federation);
    int64_t ping_ms = federation->config.config->ping_s * 1000;
    char id[NODE_ID_SHORT];
    link->phase = LINK_UP;
    gathered_drop(federation, &link->node);
    digest_sha256_parts((const struct bytes[]){bytes_of(link->transcript->hello_d, 32),
                                               bytes_of(link->transcript->hello_r, 32)},
                        2, link->session);
    link_forget_handshake(link);
    link->ping_due = mono_after_ms(now, ping_ms);
    federation_due(federation, link->ping_due);
    COUNT(federation->config.counters, links_opened, 1);
    log_line(LOG_INFO, "link up peer=%s dialled=%d", node_id_short(&link->node, id), link->dialled);
    struct peer *peer = peers_find(federation, &link->node);
    if (peer && peer->dialling == link)
        peer->dialling = NULL;
    if (!peer) { /* a stranger: only PEER_REQUEST passes, and soon */
        link->deadline = mono_after_ms(now, LINK_HANDSHAKE_MS);
        return;
    }
    link->deadline = mono_after_ms(now, ping_ms * 5 / 2);
    if (!policy_allows(&peer->relation, FLOW_REQUEST) || now.us < peer->barred_until.us) {
        link_bye(link, 3, 0, LINK_CLOSE_POLICY);
        return;
    }
    link_attach(link, peer);
}

bool link_on_proof(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err)
{
    (void)message;
    const Maillon__Hfp__V1__Proof *proof = frame->proof;
    struct transcript *transcript = link->transcript;
    struct wall now = clock_wall(link->federation->config.clock);
    if (link->phase != LINK_PROOF)
        return err_set(err, ERR_PEER, "proof out of place");
    if (link->dialled) {
        if (!bytes_equal(wire_bytes(proof->node), node_id_bytes(&link->node)))
            return err_set(err, ERR_PEER, "proof is by another hub");
        if (!handshake_check(proof, transcript, HANDSHAKE_RESPONDER, link->kel_offered, now,
                             &link->op, err))
            return proof_fails(link);
        AUTO(buf_done) struct buf out = {0};
        const struct peer *peer = peers_find(link->federation, &link->node);
        handshake_proof(link->federation->config.self, transcript, HANDSHAKE_DIALLER,
                        peer && peer->kel_asked ? peer->kel_seq : HANDSHAKE_KEL_LATEST, &out);
        link_send_bytes(link, buf_bytes(&out));
        go_up(link);
        return true;
    }
    if (!node_id_from(wire_bytes(proof->node), &link->node))
        return err_set(err, ERR_PEER, "proof without a node id");
    if (node_id_equal(&link->node, identity_node(link->federation->config.self)))
        return err_set(err, ERR_PEER, "this hub dialled itself");
    enum kept kept = keep_kel(link, proof->kel, proof->n_kel, wire_bytes(proof->kel_head), err);
    if (kept != KEPT_FINE)
        return kept == KEPT_CLOSED;
    transcript->dialler = link->node;
    if (!handshake_check(proof, transcript, HANDSHAKE_DIALLER, link->kel_offered, now, &link->op,
                         err))
        return proof_fails(link);
    go_up(link);
    return true;
}
