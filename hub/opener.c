#include "hub/opener.h"

#include "hub/crypto/wire.h"

/** A bytes field of the body by name; empty when the type has none. */
static struct bytes body_field(const struct kind *kind, const void *body, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(kind->body, name);
    if (!field || field->type != PROTOBUF_C_TYPE_BYTES)
        return (struct bytes){0};
    return wire_bytes(
        *(const ProtobufCBinaryData *)(const void *)((const char *)body + field->offset));
}

/** Every body starts with its Head (object.proto), right after protobuf-c's base. */
static const Maillon__Hfp__V1__Head *body_head(const void *body)
{
    struct first {
        ProtobufCMessage base;
        Maillon__Hfp__V1__Head *head;
    };
    return ((const struct first *)body)->head;
}

/** R-RF-7: the personal part is exactly what the signed body commits to. */
static bool is_own(const struct opener *opener)
{
    return opener->given_back && node_id_equal(&opener->peer.node, identity_node(opener->self));
}

static bool check_commit(const struct opener *opener, const struct inbound_object *object,
                         struct err *err)
{
    struct bytes commit = body_field(object->kind, object->body, "commit");
    if (!object->payload.len)
        return commit.len == 0 || is_own(opener) ||
               err_set(err, ERR_PEER, "personal part is missing");
    if (commit.len != 32 || object->salt.len != SALT_BYTES)
        return err_set(err, ERR_PEER, "personal part without a commitment");
    uint8_t computed[32];
    parcel_commit(object->salt, object->payload, computed);
    return memcmp(computed, commit.data, 32) == 0 ||
           err_set(err, ERR_PEER, "personal part is not the one committed to");
}

static bool check_recipient(const struct opener *opener, const struct inbound_object *object,
                            struct err *err)
{
    struct bytes recipient = body_field(object->kind, object->body, "recipient");
    const struct node_id *expected =
        is_own(opener) ? &opener->given_by : identity_node(opener->self);
    return bytes_equal(recipient, node_id_bytes(expected)) ||
           err_set(err, ERR_PEER, "%s is for another hub", object->kind->name);
}

static enum opened refuse(Maillon__Hfp__V1__RefusalCode code, Maillon__Hfp__V1__RefusalCode *ret)
{
    *ret = code;
    return OPENED_REFUSED;
}

/** What is authentic and cannot be read here: a kind of a later version, or too large. */
static enum opened refuse_unread(const struct opener *opener, const struct inbound_object *object,
                                 Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err)
{
    if (!kel_verify(&opener->peer, &object->envelope, NULL)) {
        err_set(err, ERR_PEER, "signature is not by a key of this peer");
        return OPENED_BAD;
    }
    return refuse(object->kind ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_TOO_LARGE
                               : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNSUPPORTED,
                  ret_refusal);
}

/**
 * F11: what a revoked key signed beyond its bounds is not recorded, so that the author may sign it
 * anew: its id leaves the signature out (R-OB-2).
 */
static enum opened check_signature(const struct opener *opener, const struct inbound_object *object,
                                   struct err *err)
{
    switch (kel_judge(&opener->peer, &object->envelope, object->head, opener->now)) {
    case KEL_GOOD:
        return OPENED_OK;
    case KEL_FORGED:
        err_set(err, ERR_PEER, "signature is not by a key of this peer");
        return OPENED_BAD;
    case KEL_REVOKED:
        err_set(err, ERR_PEER, "signature is by a revoked key");
        return OPENED_UNKNOWN_KEY;
    case KEL_EXPIRED:
        err_set(err, ERR_PEER, "signature is by a key whose delegation is over");
        return OPENED_UNKNOWN_KEY;
    case KEL_RETIRED:
        err_set(err, ERR_PEER, "the author had ended when this was made");
        return OPENED_UNKNOWN_KEY;
    }
    return OPENED_BAD;
}

/** The signed part; `object->payload` and `salt` are set already. */
static enum opened open_object(const struct opener *opener, struct bytes bytes, bool sealed,
                               unsigned lane, struct arena *arena, struct inbound_object *object,
                               Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err)
{
    if (!envelope_open(bytes, arena, &object->envelope, err))
        return OPENED_BAD;
    object->from = opener->peer.node;
    object->kind = kind_find(object->envelope.type);
    if (!object->kind && opener->keeps_unread)
        object->kind = &kind_opaque;
    if (!object->kind || bytes.len > object->kind->max_bytes)
        return refuse_unread(opener, object, ret_refusal, err);
    if (object->kind->sealed != sealed || object->kind->lane != lane) {
        err_set(err, ERR_PEER, "%s does not belong on lane %u", object->kind->name, lane);
        return OPENED_BAD;
    }
    object->body = wire_unpack(object->kind->body, object->envelope.body, arena, err);
    if (!object->body)
        return OPENED_BAD;
    object->head = body_head(object->body);
    if (!object->head || !head_check_shape(object->head, err) ||
        !bytes_equal(wire_bytes(object->head->node), node_id_bytes(&opener->peer.node))) {
        if (err->code == ERR_NONE)
            err_set(err, ERR_PEER, "%s names another author", object->kind->name);
        return OPENED_BAD;
    }
    enum opened signature = check_signature(opener, object, err);
    if (signature != OPENED_OK)
        return signature;
    struct err why = {0};
    if (object->kind != &kind_opaque && /* which is not read, so it may ask for anything */
        !head_check_critical(object->head, object->kind->body, &why))
        return refuse(MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNSUPPORTED, ret_refusal);
    if (!opener->given_back &&
        !head_check_time(object->head, opener->now, object->kind->lifetime_max_s, &why))
        return refuse(why.code == ERR_LIMIT
                          ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_EXPIRED
                          : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE,
                      ret_refusal);
    if (sealed && (!check_recipient(opener, object, err) || !check_commit(opener, object, err)))
        return OPENED_BAD;
    if (object->kind->check && !is_own(opener) &&
        !object->kind->check(object->body, object->payload, err))
        return err->code == ERR_UNSUPPORTED
                   ? refuse(MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNSUPPORTED, ret_refusal)
                   : OPENED_BAD;
    return OPENED_OK;
}

enum opened opener_unseal(const struct identity *self, struct bytes sealed, struct arena *arena,
                          struct parcel *ret, struct err *err)
{
    struct sealed_view view;
    if (!sealed_view(sealed, arena, &view, err))
        return OPENED_BAD;
    if (!node_id_equal(&view.dest, identity_node(self))) {
        err_set(err, ERR_PEER, "sealed object is for another hub");
        return OPENED_BAD;
    }
    size_t key_count;
    const struct seal_key *const *keys = identity_enc_keys(self, &key_count);
    if (!seal_open_parcel(keys, key_count, sealed, arena, ret, err))
        return err->code == ERR_UNKNOWN ? OPENED_UNKNOWN_KEY : OPENED_BAD;
    return OPENED_OK;
}

static bool read_author(struct bytes object, const struct kind *unknown, struct arena *arena,
                        struct node_id *ret_author, struct bytes *ret_scope, struct err *err)
{
    struct envelope envelope;
    if (!envelope_open(object, arena, &envelope, err))
        return false;
    const struct kind *kind = kind_find(envelope.type);
    kind = kind ? kind : unknown;
    if (!kind)
        return err_set(err, ERR_PEER, "object of an unknown type");
    const void *body = wire_unpack(kind->body, envelope.body, arena, err);
    if (!body)
        return false;
    const Maillon__Hfp__V1__Head *head = body_head(body);
    if (!head || !node_id_from(wire_bytes(head->node), ret_author))
        return err_set(err, ERR_PEER, "%s without an author", kind->name);
    *ret_scope = wire_bytes(head->scope);
    return true;
}

bool opener_author(struct bytes object, struct arena *arena, struct node_id *ret_author,
                   struct bytes *ret_scope, struct err *err)
{
    return read_author(object, NULL, arena, ret_author, ret_scope, err);
}

bool opener_author_unread(struct bytes object, struct arena *arena, struct node_id *ret_author,
                          struct bytes *ret_scope, struct err *err)
{
    return read_author(object, &kind_opaque, arena, ret_author, ret_scope, err);
}

enum opened opener_open_parcel(const struct opener *opener, const struct parcel *parcel,
                               bool sealed, unsigned lane, struct arena *arena,
                               struct inbound_object *ret,
                               Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err)
{
    *ret = (struct inbound_object){.payload = parcel->payload, .salt = parcel->salt};
    return open_object(opener, parcel->object, sealed, lane, arena, ret, ret_refusal, err);
}

enum opened opener_open(const struct opener *opener, struct bytes bytes, bool sealed, unsigned lane,
                        struct arena *arena, struct inbound_object *ret,
                        Maillon__Hfp__V1__RefusalCode *ret_refusal, struct err *err)
{
    struct parcel parcel = {.object = bytes};
    *ret = (struct inbound_object){0};
    if (sealed) {
        enum opened unsealed = opener_unseal(opener->self, bytes, arena, &parcel, err);
        if (unsealed != OPENED_OK)
            return unsealed;
    }
    return opener_open_parcel(opener, &parcel, sealed, lane, arena, ret, ret_refusal, err);
}
