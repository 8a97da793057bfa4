#include "federation/federation_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/relation.h"
#include <stdlib.h>

#define STATES_MAX 16 /* of one session; each makes delivery start again from a cursor */

struct link *link_create(struct federation *federation, const struct node_id *node, bool dialled)
{
    struct link *link = mem_alloc(sizeof *link);
    link->federation = federation;
    link->id = ++federation->next_link_id;
    link->dialled = dialled;
    link->phase = LINK_DIALLING;
    link->deadline = mono_after_ms(federation_now(federation), LINK_HANDSHAKE_MS);
    link->ping_due = MONO_NEVER;
    if (node)
        link->node = *node;
    list_init(&link->inbound);
    list_add_tail(&federation->links, &link->in_federation);
    list_add_tail(&federation->links_by_id[link->id % LOOKUP_BUCKETS], &link->by_id);
    federation->link_count++;
    link->half_open = true;
    federation->half_open++;
    federation_due(federation, link->deadline);
    return link;
}

/** Proven and with a relation, or gone: no longer one of the few that may be half open (R-SE-5). */
static void settle(struct link *link)
{
    if (link->half_open)
        link->federation->half_open--;
    link->half_open = false;
}

static void forget_handshake(struct link *link)
{
    free(link->transcript);
    link->transcript = NULL;
}

void link_free(struct link *link)
{
    struct federation *federation = link->federation;
    settle(link);
    features_end(link);
    federation->link_count--;
    list_remove(&link->in_federation);
    list_remove(&link->by_id);
    inbound_done(link);
    delivery_done(link);
    forget_handshake(link);
    free(link->kel_offered);
    buf_done(&link->kel_events);
    buf_done(&link->control);
    free(link);
}

void link_wake(struct link *link)
{
    const struct transport *transport = &link->federation->config.transport;
    if (link->conn)
        transport->wake(transport->ctx, link->conn);
}

size_t link_backlog(const struct link *link)
{
    return link->control.len - link->control_at;
}

static void end(struct link *link, unsigned websocket_code)
{
    const struct transport *transport = &link->federation->config.transport;
    settle(link);
    link->phase = LINK_CLOSING;
    if (link->conn)
        transport->close(transport->ctx, link->conn, websocket_code);
}

#define CONTROL_SHIFT 65536

static void send_bytes(struct link *link, struct bytes frame)
{
    if (link_backlog(link) + frame.len > LINK_OUT_MAX) {
        end(link, LINK_CLOSE_POLICY); /* it asks and asks and reads nothing */
        return;
    }
    if (link->control_at > CONTROL_SHIFT) { /* a slow reader always leaves some behind */
        link->control.len -= link->control_at;
        memmove(link->control.data, link->control.data + link->control_at, link->control.len);
        link->control_at = 0;
    }
    buf_add_u32le(&link->control, (uint32_t)frame.len);
    buf_add_bytes(&link->control, frame);
    link_wake(link);
}

void link_send(struct link *link, unsigned lane, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf out = {0};
    frame->lane = lane;
    wire_pack(frame, &out);
    send_bytes(link, buf_bytes(&out));
}

void link_bye(struct link *link, unsigned reason, uint32_t retry_after_s, unsigned websocket_code)
{
    if (link->phase == LINK_CLOSING)
        return;
    Maillon__Hfp__V1__Bye bye = MAILLON__HFP__V1__BYE__INIT;
    bye.reason = reason;
    bye.retry_after_s = retry_after_s;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_BYE;
    frame.bye = &bye;
    link_send(link, 0, &frame);
    end(link, websocket_code);
}

void link_violation(struct link *link, const struct err *err)
{
    struct federation *federation = link->federation;
    char peer[NODE_ID_SHORT] = "unproven";
    if (link->phase == LINK_CLOSING)
        return;
    if (link->phase == LINK_UP)
        node_id_short(&link->node, peer);
    else
        COUNT(federation->config.counters, handshakes_failed, 1);
    COUNT(federation->config.counters, refused_link, 1);
    log_line(LOG_WARN, "link refused peer=%s reason=\"%s\"", peer, err->msg);
    if (link->peer) {
        peers_publish(federation, link->peer, err->msg);
        peers_violated(federation, link->peer);
    }
    if (link->phase == LINK_UP)
        link_bye(link, 2, 0, LINK_CLOSE_PROTOCOL);
    else
        end(link, LINK_CLOSE_POLICY);
}

/* ---- handshake ---- */

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
    handshake_hello_d(&link->node, link->nonce, clock_ms(link), &hello);
    digest_sha256(buf_bytes(&hello), link->transcript->hello_d);
    send_bytes(link, buf_bytes(&hello));
}

static bool speaks_version(const uint32_t *versions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (versions[i] == 1)
            return true;
    }
    return false;
}

static bool on_hello_d(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                       struct bytes message, struct err *err)
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
    link->features = hello->features & features_offered();
    random_nonce(link);
    AUTO(buf_done) struct buf out = {0};
    handshake_hello_r(self, link->nonce, clock_ms(link), &out);
    digest_sha256(buf_bytes(&out), link->transcript->hello_r);
    send_bytes(link, buf_bytes(&out));
    out.len = 0;
    handshake_proof(self, link->transcript, HANDSHAKE_RESPONDER, &out);
    send_bytes(link, buf_bytes(&out));
    link->phase = LINK_PROOF;
    return true;
}

/** Keeps the offered key events until the proof shows that they are this link's peer's. */
static bool keep_kel(struct link *link, const ProtobufCBinaryData *events, size_t count,
                     struct err *err)
{
    static const struct kel nothing;
    struct peer *peer = peers_find(link->federation, &link->node);
    size_t fresh;
    link->kel_offered = mem_alloc(sizeof *link->kel_offered);
    if (!handshake_read_kel(events, count, &link->node, peer ? &peer->relation.kel : &nothing,
                            link->kel_offered, &fresh, err))
        return false;
    for (size_t i = count - (fresh < count ? fresh : count); i < count; i++) {
        buf_add_u32le(&link->kel_events, (uint32_t)events[i].len);
        buf_add(&link->kel_events, events[i].data, events[i].len);
    }
    return true;
}

static bool on_hello_r(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                       struct bytes message, struct err *err)
{
    const Maillon__Hfp__V1__HelloR *hello = frame->hello_r;
    if (!link->dialled || link->phase != LINK_HELLO)
        return err_set(err, ERR_PEER, "greeting out of place");
    if (hello->nonce.len != 32 || !speaks_version(hello->versions, hello->n_versions))
        return err_set(err, ERR_PEER, "greeting without a version or nonce this hub knows");
    if (!bytes_equal(wire_bytes(hello->node), node_id_bytes(&link->node)))
        return err_set(err, ERR_PEER, "another hub answers at this address");
    if (!keep_kel(link, hello->kel, hello->n_kel, err))
        return false;
    digest_sha256(message, link->transcript->hello_r);
    link->features = hello->features & features_offered();
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
    return (!count || relation_add_kel(tx, &proven->node, list, count, err)) &&
           relation_touch(tx, &proven->node, err);
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
    settle(link);
    peer->link = link;
    link->peer = peer;
    peer->attempts = 0;
    peer->silent_since_ms = 0;
    peers_publish(link->federation, peer, link->dialled ? "" : NULL); /* R-SE-9 */
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
    digest_sha256_parts((const struct bytes[]){bytes_of(link->transcript->hello_d, 32),
                                               bytes_of(link->transcript->hello_r, 32)},
                        2, link->session);
    forget_handshake(link);
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
    if (peer->relation.ours == DECISION_BLOCKED || now.us < peer->barred_until.us) {
        link_bye(link, 3, 0, LINK_CLOSE_POLICY);
        return;
    }
    link_attach(link, peer);
}

static bool on_proof(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err)
{
    (void)message;
    const Maillon__Hfp__V1__Proof *proof = frame->proof;
    struct transcript *transcript = link->transcript;
    if (link->phase != LINK_PROOF)
        return err_set(err, ERR_PEER, "proof out of place");
    if (link->dialled) {
        if (!bytes_equal(wire_bytes(proof->node), node_id_bytes(&link->node)))
            return err_set(err, ERR_PEER, "proof is by another hub");
        if (!handshake_check(proof, transcript, HANDSHAKE_RESPONDER, link->kel_offered, err))
            return false;
        AUTO(buf_done) struct buf out = {0};
        handshake_proof(link->federation->config.self, transcript, HANDSHAKE_DIALLER, &out);
        send_bytes(link, buf_bytes(&out));
        go_up(link);
        return true;
    }
    if (!node_id_from(wire_bytes(proof->node), &link->node))
        return err_set(err, ERR_PEER, "proof without a node id");
    if (node_id_equal(&link->node, identity_node(link->federation->config.self)))
        return err_set(err, ERR_PEER, "this hub dialled itself");
    if (!keep_kel(link, proof->kel, proof->n_kel, err))
        return false;
    transcript->dialler = link->node;
    if (!handshake_check(proof, transcript, HANDSHAKE_DIALLER, link->kel_offered, err))
        return false;
    go_up(link);
    return true;
}

/* ---- the rest of the frames ---- */

static bool on_state(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err)
{
    (void)message;
    if (frame->state->n_credit < ARRAY_LEN(link->out))
        return err_set(err, ERR_PEER, "state without credit for every lane");
    if (++link->states > STATES_MAX)
        return err_set(err, ERR_PEER, "starts again too often");
    link->state_received = true;
    delivery_start(link, frame->state);
    features_begin(link, frame->state);
    link_wake(link);
    return true;
}

static bool on_batch(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                     struct err *err)
{
    (void)message;
    if (!link->trafficking) /* sent before they learnt that the relation changed */
        return true;
    return inbound_batch(link, frame->lane, frame->batch, err);
}

static bool lane_is_valid(const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    return frame->lane < 3 || err_set(err, ERR_PEER, "lane %u is not in use", frame->lane);
}

static bool on_ack(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err)
{
    (void)message;
    if (!lane_is_valid(frame, err))
        return false;
    if (frame->ack->link_seq > link->out[frame->lane].sent)
        return err_set(err, ERR_PEER, "ack beyond what was sent");
    delivery_ack(link, frame->lane, frame->ack->link_seq);
    return true;
}

static bool on_credit(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                      struct err *err)
{
    (void)message;
    if (!lane_is_valid(frame, err))
        return false;
    link->out[frame->lane].credit = frame->credit->objects;
    link_wake(link);
    return true;
}

static bool on_err(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err)
{
    (void)message;
    (void)err;
    char id[NODE_ID_SHORT];
    log_line(LOG_WARN, "peer refused something peer=%s code=%d lane=%u",
             node_id_short(&link->node, id), frame->err->code, frame->lane);
    return true;
}

static bool on_ping(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                    struct err *err)
{
    (void)message;
    (void)err;
    Maillon__Hfp__V1__Pong pong = MAILLON__HFP__V1__PONG__INIT;
    pong.nonce = frame->ping->nonce;
    Maillon__Hfp__V1__Frame answer = MAILLON__HFP__V1__FRAME__INIT;
    answer.m_case = MAILLON__HFP__V1__FRAME__M_PONG;
    answer.pong = &pong;
    link_send(link, 0, &answer);
    return true;
}

static bool on_pong(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                    struct err *err)
{
    (void)link; /* any message is a sign of life: link_receive has moved the deadline */
    (void)frame;
    (void)message;
    (void)err;
    return true;
}

static bool on_bye(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err)
{
    (void)message;
    (void)err;
    uint32_t after = frame->bye->retry_after_s;
    if (link->peer) /* R-SE-7, R-SE-8: at most the time a server-wide drain may ask for */
        peers_schedule(link->peer, link->federation, after > 3600 ? 3600 : after);
    end(link, LINK_CLOSE_GOING_AWAY);
    return true;
}

/** What each frame needs and does; anything else is answered with a Bye. */
static const struct {
    Maillon__Hfp__V1__Frame__MCase frame;
    bool before_proof;
    bool needs_relation; /* a stranger may not send it */
    bool (*handle)(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct bytes message,
                   struct err *err);
} frames[] = {
    {MAILLON__HFP__V1__FRAME__M_HELLO_D, true, false, on_hello_d},
    {MAILLON__HFP__V1__FRAME__M_HELLO_R, true, false, on_hello_r},
    {MAILLON__HFP__V1__FRAME__M_PROOF, true, false, on_proof},
    {MAILLON__HFP__V1__FRAME__M_STATE, false, true, on_state},
    {MAILLON__HFP__V1__FRAME__M_BATCH, false, true, on_batch},
    {MAILLON__HFP__V1__FRAME__M_ACK, false, true, on_ack},
    {MAILLON__HFP__V1__FRAME__M_CREDIT, false, true, on_credit},
    {MAILLON__HFP__V1__FRAME__M_PEER_REQUEST, false, false, link_on_peer_request},
    {MAILLON__HFP__V1__FRAME__M_PEER_ANSWER, false, true, link_on_peer_answer},
    {MAILLON__HFP__V1__FRAME__M_ERR, false, true, on_err},
    {MAILLON__HFP__V1__FRAME__M_PING, false, false, on_ping},
    {MAILLON__HFP__V1__FRAME__M_PONG, false, false, on_pong},
    {MAILLON__HFP__V1__FRAME__M_BYE, false, false, on_bye},
};

static bool dispatch(struct link *link, struct bytes message, struct err *err)
{
    const Maillon__Hfp__V1__Frame *frame =
        wire_unpack(&maillon__hfp__v1__frame__descriptor, message, link->federation->arena, err);
    if (!frame)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
        if (frames[i].frame != frame->m_case)
            continue;
        if (frames[i].before_proof != (link->phase < LINK_UP))
            return err_set(err, ERR_PEER, "frame %d out of place", (int)frame->m_case);
        if (frames[i].needs_relation && !link->peer)
            return err_set(err, ERR_PEER, "frame %d without a relation", (int)frame->m_case);
        return frames[i].handle(link, frame, message, err);
    }
    bool known = false;
    if (link->phase == LINK_UP && link->peer && !features_handle(link, frame, &known, err))
        return false;
    return known || err_set(err, ERR_PEER, "frame of an unknown kind");
}

void link_receive(struct link *link, struct bytes message)
{
    struct federation *federation = link->federation;
    struct err err = {0};
    if (link->phase == LINK_CLOSING)
        return;
    COUNT(federation->config.counters, frames_in, 1);
    COUNT(federation->config.counters, bytes_in, message.len);
    arena_reset(federation->arena);
    if (link->phase < LINK_UP) {
        link->handshake_bytes += message.len;
        if (++link->messages > LINK_HANDSHAKE_MESSAGES ||
            link->handshake_bytes > LINK_HANDSHAKE_MAX) {
            err_set(&err, ERR_PEER, "too much before the proof");
            link_violation(link, &err);
            return;
        }
    } else {
        link->deadline =
            mono_after_ms(federation_now(federation), federation->config.config->ping_s * 2500);
    }
    if (!dispatch(link, message, &err))
        link_violation(link, &err);
}

/* ---- what goes out ---- */

static bool take_control(struct link *link, struct buf *out)
{
    struct buf *control = &link->control;
    if (link->control_at == control->len)
        return false;
    const uint8_t *p = control->data + link->control_at;
    uint32_t len =
        (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    buf_add(out, p + 4, len);
    link->control_at += 4 + (size_t)len;
    if (link->control_at == control->len) {
        buf_done(control); /* idle links keep no buffer */
        *control = (struct buf){0};
        link->control_at = 0;
    }
    return true;
}

static bool take_ack(struct link *link, struct buf *out)
{
    for (unsigned lane = 0; lane < 3; lane++) {
        struct lane_in *in = &link->in[lane];
        if (in->cursor == in->told)
            continue;
        in->told = in->cursor;
        Maillon__Hfp__V1__Ack ack = MAILLON__HFP__V1__ACK__INIT;
        ack.link_seq = in->cursor;
        Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
        frame.lane = lane;
        frame.m_case = MAILLON__HFP__V1__FRAME__M_ACK;
        frame.ack = &ack;
        wire_pack(&frame, out);
        return true;
    }
    return false;
}

bool link_take(struct link *link, struct buf *out)
{
    out->len = 0;
    bool up = link->phase == LINK_UP && link->trafficking;
    bool taken =
        take_control(link, out) || (up && take_ack(link, out)) ||
        (up && link->state_received && (delivery_take(link, out) || features_take(link, out)));
    if (taken) {
        COUNT(link->federation->config.counters, frames_out, 1);
        COUNT(link->federation->config.counters, bytes_out, out->len);
    }
    return taken;
}

void link_closed(struct link *link)
{
    struct federation *federation = link->federation;
    struct peer *peer = link->peer;
    char id[NODE_ID_SHORT] = "unproven";
    COUNT(federation->config.counters, links_closed, 1);
    if (link->dialled || !link->transcript) /* before the proof a caller may name anybody */
        node_id_short(&link->node, id);
    log_line(LOG_INFO, "link closed peer=%s", id);
    if (!peer)
        peer = peers_find(federation, &link->node);
    if (peer && (peer->link == link || peer->dialling == link)) {
        if (peer->link == link)
            peer->link = NULL;
        if (peer->dialling == link)
            peer->dialling = NULL;
        peers_schedule(peer, federation, 0);
        peers_publish(federation, peer, NULL);
    }
    link_free(link);
}
