#include "federation/federation_internal.h"
#include "federation/keylog.h"
#include "federation/recovery.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include <stdlib.h>

#define OWN_FAULT_S 30
#define STATES_MAX  16 /* of one session; each makes delivery start again from a cursor */

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

void link_settle(struct link *link)
{
    if (link->half_open)
        link->federation->half_open--;
    link->half_open = false;
}

void link_forget_handshake(struct link *link)
{
    free(link->transcript);
    link->transcript = NULL;
}

void link_free(struct link *link)
{
    struct federation *federation = link->federation;
    link_settle(link);
    features_end(link);
    federation->link_count--;
    list_remove(&link->in_federation);
    list_remove(&link->by_id);
    inbound_done(link);
    delivery_done(link);
    link_forget_handshake(link);
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

void link_end(struct link *link, unsigned websocket_code)
{
    const struct transport *transport = &link->federation->config.transport;
    link_settle(link);
    link->phase = LINK_CLOSING;
    if (link->conn)
        transport->close(transport->ctx, link->conn, websocket_code);
}

#define CONTROL_SHIFT 65536

void link_send_bytes(struct link *link, struct bytes frame)
{
    if (link_backlog(link) + frame.len > LINK_OUT_MAX) {
        link_end(link, LINK_CLOSE_POLICY); /* it asks and asks and reads nothing */
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
    link_send_bytes(link, buf_bytes(&out));
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
    link_end(link, websocket_code);
}

void link_violation(struct link *link, const struct err *err)
{
    struct federation *federation = link->federation;
    char peer[NODE_ID_SHORT] = "unproven";
    if (link->phase == LINK_CLOSING)
        return;
    if (link->phase == LINK_UP && err->code == ERR_IO) { /* our disk, not their fault */
        log_line(LOG_ERROR, "session ended reason=\"%s\"", err->msg);
        link_bye(link, 4, OWN_FAULT_S, LINK_CLOSE_TRY_LATER);
        return;
    }
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
        link_end(link, LINK_CLOSE_POLICY);
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
    if (!link->trafficking || link->federation->silent) /* sent before they learnt of it */
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
    struct oid oid;
    log_line(LOG_WARN, "peer refused something peer=%s code=%d lane=%u",
             node_id_short(&link->node, id), frame->err->code, frame->lane);
    if (frame->err->code == MAILLON__HFP__V1__LINK_ERROR__LINK_ERROR_UNKNOWN_KEY &&
        oid_from(wire_bytes(frame->err->oid), &oid))
        keylog_reseal(link, &oid);
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
    if (link->peer && frame->bye->reason == BYE_KEYS_MISSING) {
        link->peer->kel_asked = true;
        link->peer->kel_seq = frame->bye->kel_seq;
    }
    if (link->peer) /* R-SE-7, R-SE-8: at most the time a server-wide drain may ask for */
        peers_schedule(link->peer, link->federation, after > 3600 ? 3600 : after);
    link_end(link, LINK_CLOSE_GOING_AWAY);
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
    {MAILLON__HFP__V1__FRAME__M_HELLO_D, true, false, link_on_hello_d},
    {MAILLON__HFP__V1__FRAME__M_HELLO_R, true, false, link_on_hello_r},
    {MAILLON__HFP__V1__FRAME__M_PROOF, true, false, link_on_proof},
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
    bool was_up = link->phase == LINK_UP;
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
    else if (was_up && link->unmet && link->phase == LINK_UP)
        link_met(link);
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
    bool lanes = up && !link->federation->silent;
    bool taken = take_control(link, out) || (lanes && take_ack(link, out)) ||
                 (up && link->state_received &&
                  (recovery_take_heads(link, out) || (lanes && delivery_take(link, out)) ||
                   features_take(link, out)));
    if (taken) {
        COUNT(link->federation->config.counters, frames_out, 1);
        COUNT(link->federation->config.counters, bytes_out, out->len);
    }
    return taken;
}

/** Why nobody answers our proof. */
static const char *unmet_words(const struct federation *federation)
{
    const struct identity *self = federation->config.self;
    return kel_find_op(identity_kel(self), sign_key_public(identity_op(self)))
               ? "they end the session as soon as this hub has said who it is"
               : "they refuse this hub's signing key, which was revoked: give it a new one with "
                 "the root sheet";
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
        if (link->unmet)
            peers_missed(federation, peer);
        peers_publish(federation, peer, link->unmet ? unmet_words(federation) : NULL);
    }
    link_free(link);
}
