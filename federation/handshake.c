#include "federation/handshake.h"

#include "federation/feature.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"

/* What this hub speaks: one version; optional features are in feature.c. */
static uint32_t versions[] = {1};

bool transcript_init(struct transcript *transcript, const struct carrier *carrier)
{
    *transcript = (struct transcript){0};
    if (strlen(carrier->offer) >= sizeof transcript->offer ||
        strlen(carrier->selected) >= sizeof transcript->selected ||
        carrier->binding.len > sizeof transcript->binding)
        return false;
    text_copy(transcript->offer, sizeof transcript->offer, carrier->offer);
    text_copy(transcript->selected, sizeof transcript->selected, carrier->selected);
    if (carrier->binding.len)
        memcpy(transcript->binding, carrier->binding.data, carrier->binding.len);
    transcript->binding_len = carrier->binding.len;
    return true;
}

static void add_field(struct buf *out, struct bytes field)
{
    buf_add_u32le(out, (uint32_t)field.len);
    buf_add_bytes(out, field);
}

void transcript_signed_bytes(const struct transcript *transcript, enum handshake_role role,
                             struct buf *out)
{
    char role_text[] = {(char)role};
    AUTO(buf_done) struct buf body = {0};
    add_field(&body, bytes_of(role_text, 1));
    add_field(&body, bytes_of(transcript->hello_d, 32));
    add_field(&body, bytes_of(transcript->hello_r, 32));
    add_field(&body, bytes_text(transcript->offer));
    add_field(&body, bytes_text(transcript->selected));
    /* The dialler names itself only after it knows whom it reached. */
    struct bytes dialler = node_id_bytes(&transcript->dialler);
    add_field(&body, role == HANDSHAKE_DIALLER ? dialler : (struct bytes){0});
    add_field(&body, node_id_bytes(&transcript->responder));
    add_field(&body, bytes_of(transcript->binding, transcript->binding_len));
    envelope_pae(TYPE_LINK_PROOF, buf_bytes(&body), out);
}

static Maillon__Hfp__V1__Limits own_limits(void)
{
    Maillon__Hfp__V1__Limits limits = MAILLON__HFP__V1__LIMITS__INIT;
    limits.frame_bytes = LINK_FRAME_MAX;
    limits.window_objects = LINK_WINDOW_OBJECTS;
    return limits;
}

void handshake_hello_d(const struct node_id *responder, const uint8_t nonce[32], uint64_t clock_ms,
                       uint64_t offered, uint32_t kel_after, struct buf *out)
{
    Maillon__Hfp__V1__Limits limits = own_limits();
    Maillon__Hfp__V1__HelloD hello = MAILLON__HFP__V1__HELLO_D__INIT;
    hello.nonce = wire_data(bytes_of(nonce, 32));
    hello.versions = versions;
    hello.n_versions = ARRAY_LEN(versions);
    hello.limits = &limits;
    hello.clock_ms = clock_ms;
    hello.features = offered;
    hello.responder = wire_data(node_id_bytes(responder));
    hello.kel_seq = kel_after;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HELLO_D;
    frame.hello_d = &hello;
    wire_pack(&frame, out);
}

/** This hub's latest key events when those that fit a handshake reach back to `after`; else what
 * fits of those after it. */
static size_t own_kel(const struct identity *self, uint32_t after,
                      ProtobufCBinaryData list[KEL_EVENTS_MAX])
{
    size_t count, total = 0, first, end;
    const struct bytes *events = identity_kel_events(self, &count);
    for (first = count; first > 0; first--) {
        total += events[first - 1].len;
        if (total > LINK_KEL_INLINE_MAX)
            break;
    }
    if (first > after)
        first = after;
    total = 0;
    for (end = first; end < count; end++) {
        total += events[end].len;
        if (total > LINK_KEL_INLINE_MAX)
            break;
        list[end - first] = wire_data(events[end]);
    }
    return end - first;
}

void handshake_hello_r(const struct identity *self, const uint8_t nonce[32], uint64_t clock_ms,
                       uint64_t offered, uint32_t kel_after, struct buf *out)
{
    ProtobufCBinaryData kel[KEL_EVENTS_MAX];
    Maillon__Hfp__V1__Limits limits = own_limits();
    Maillon__Hfp__V1__HelloR hello = MAILLON__HFP__V1__HELLO_R__INIT;
    hello.node = wire_data(node_id_bytes(identity_node(self)));
    hello.nonce = wire_data(bytes_of(nonce, 32));
    hello.versions = versions;
    hello.n_versions = ARRAY_LEN(versions);
    hello.limits = &limits;
    hello.clock_ms = clock_ms;
    hello.features = offered;
    hello.kel = kel;
    hello.n_kel = own_kel(self, kel_after, kel);
    hello.kel_head = wire_data(oid_bytes(&identity_kel(self)->head));
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HELLO_R;
    frame.hello_r = &hello;
    wire_pack(&frame, out);
}

void handshake_proof(const struct identity *self, const struct transcript *transcript,
                     enum handshake_role role, uint32_t kel_after, struct buf *out)
{
    AUTO(buf_done) struct buf message = {0};
    uint8_t sig[ED25519_SIG_BYTES];
    transcript_signed_bytes(transcript, role, &message);
    sign_bytes(identity_op(self), buf_bytes(&message), sig);

    ProtobufCBinaryData kel[KEL_EVENTS_MAX];
    Maillon__Hfp__V1__Proof proof = MAILLON__HFP__V1__PROOF__INIT;
    proof.node = wire_data(node_id_bytes(identity_node(self)));
    proof.sig = wire_data(bytes_of(sig, sizeof sig));
    proof.op = wire_data(bytes_of(sign_key_public(identity_op(self))->b, ED25519_KEY_BYTES));
    if (role == HANDSHAKE_DIALLER) {
        proof.kel = kel;
        proof.n_kel = own_kel(self, kel_after, kel);
        proof.kel_head = wire_data(oid_bytes(&identity_kel(self)->head));
    }
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PROOF;
    frame.proof = &proof;
    wire_pack(&frame, out);
}

bool handshake_read_kel(const ProtobufCBinaryData *events, size_t count, struct bytes head,
                        const struct node_id *node, const struct kel *known,
                        const struct bytes *held, size_t held_count, struct kel *ret,
                        size_t *ret_new, struct err *err)
{
    *ret_new = 0;
    if (count > KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "key event log with %zu events", count);
    if (known->seq && (!count || bytes_equal(head, oid_bytes(&known->head)))) {
        *ret = *known;
        return true;
    }
    if (!count)
        return err_set(err, ERR_PEER, "no key event log");
    struct bytes list[KEL_EVENTS_MAX];
    struct kel_merge merge;
    for (size_t i = 0; i < count; i++)
        list[i] = wire_bytes(events[i]);
    if (!kel_merge(held, held_count, list, count, node, &merge, err))
        return err->code == ERR_UNKNOWN ? err_wrap(err, "its key log")
                                        : err_set(err, ERR_PEER, "%.200s", err->msg);
    *ret = merge.kel;
    ret->duplicity = merge.duplicity || known->duplicity;
    /* They show less than is known: what is known holds. */
    *ret_new = merge.duplicity ? count : merge.count - merge.kept;
    return true;
}

bool handshake_check(const Maillon__Hfp__V1__Proof *proof, const struct transcript *transcript,
                     enum handshake_role role, const struct kel *kel, struct wall now,
                     struct sign_public *ret_op, struct err *err)
{
    if (proof->op.len != ED25519_KEY_BYTES || proof->sig.len != ED25519_SIG_BYTES)
        return err_set(err, ERR_PEER, "proof is malformed");
    memcpy(ret_op->b, proof->op.data, sizeof ret_op->b);
    const struct kel_op *op = kel_find_op(kel, ret_op);
    if (!op)
        return err_set(err, ERR_PEER, "proof is by a key that is not in the key event log");
    if (kel_op_age(op, now) == KEL_OVER)
        return err_set(err, ERR_PEER, "proof is by a key that ran out more than %d days ago",
                       DELEGATION_STALE_S / 86400);
    AUTO(buf_done) struct buf message = {0};
    transcript_signed_bytes(transcript, role, &message);
    return sign_verify(ret_op, buf_bytes(&message), proof->sig.data) ||
           err_set(err, ERR_PEER, "proof does not hold: another hub, or somebody in between");
}
