#include "tests/fuzz/fuzz_hubs.h"

#include "hub/crypto/digest.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "tests/support/fake.h"
#include <stdlib.h>

static struct identity *make(uint64_t seed)
{
    struct fake_random random;
    fake_random_init(&random, seed);
    if (!secret_setup())
        abort();
    struct identity *identity = identity_create_memory(&random.source, (struct wall){FUZZ_NOW_MS});
    if (!identity)
        abort();
    return identity;
}

const struct identity *fuzz_self(void)
{
    static struct identity *self;
    if (!self)
        self = make(1);
    return self;
}

const struct identity *fuzz_neighbour(void)
{
    static struct identity *neighbour;
    if (!neighbour)
        neighbour = make(2);
    return neighbour;
}

static void set_bytes(const struct kind *kind, void *body, const char *name, struct bytes value)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(kind->body, name);
    if (field && field->type == PROTOBUF_C_TYPE_BYTES)
        *(ProtobufCBinaryData *)(void *)((char *)body + field->offset) = wire_data(value);
}

/** What an honest neighbour's library would have put in; every other field is the fuzzer's. */
static struct bytes fit(const struct fuzz_object *object, struct bytes salt, struct arena *arena)
{
    struct err err = {0};
    struct first {
        ProtobufCMessage base;
        Maillon__Hfp__V1__Head *head;
    } *body = wire_unpack(object->kind->body, object->body, arena, &err);
    if (!body || !body->head)
        return object->body;
    Maillon__Hfp__V1__Head *head = body->head;
    uint8_t *commit = arena_alloc(arena, 32);
    head->node = wire_data(node_id_bytes(identity_node(fuzz_neighbour())));
    head->created_s = FUZZ_NOW_MS / 1000 - head->created_s % 86400;
    head->expires_s = FUZZ_NOW_MS / 1000 + 1 + head->expires_s % (89 * 86400);
    if (head->seq <= 1)
        head->prev = (ProtobufCBinaryData){0};
    set_bytes(object->kind, body, "recipient", node_id_bytes(identity_node(fuzz_self())));
    if (object->payload.len) {
        parcel_commit(salt, object->payload, commit);
        set_bytes(object->kind, body, "commit", bytes_of(commit, 32));
    }
    return wire_pack_arena(body, arena);
}

static struct bytes copy(struct arena *arena, struct buf *buf)
{
    struct bytes bytes = arena_bytes(arena, buf_bytes(buf));
    buf_done(buf);
    return bytes;
}

static struct bytes seal(const struct fuzz_object *object, struct bytes salt, struct bytes inner,
                         struct arena *arena)
{
    struct fake_random random;
    struct err err = {0};
    struct buf out = {0};
    struct oid id;
    size_t count;
    uint8_t key[X25519_KEY_BYTES];
    fake_random_init(&random, 3);
    seal_key_public(identity_enc_keys(fuzz_self(), &count)[0], key);
    const struct parcel parcel = {.object = inner,
                                  .payload = object->payload,
                                  .salt = object->payload.len ? salt : (struct bytes){0}};
    if (!seal_parcel(&parcel, identity_node(fuzz_self()), key, FUZZ_NOW_MS / 1000 + 86400,
                     &random.source, &out, &id, &err))
        buf_add_bytes(&out, inner); /* too large to be sealed */
    return copy(arena, &out);
}

bool fuzz_object(struct bytes in, struct arena *arena, struct fuzz_object *ret)
{
    static const uint8_t salt_bytes[SALT_BYTES] = {5};
    struct bytes salt = bytes_of(salt_bytes, sizeof salt_bytes);
    if (in.len < 4)
        return false;
    unsigned flags = in.data[1];
    size_t payload = in.data[2] | (size_t)in.data[3] << 8;
    if (payload > in.len - 4)
        payload = in.len - 4;
    *ret = (struct fuzz_object){.kind = &kinds[in.data[0] % kind_count],
                                .payload = bytes_of(in.data + 4, payload),
                                .body = bytes_of(in.data + 4 + payload, in.len - 4 - payload)};
    ret->sealed = ret->kind->sealed != ((flags & FUZZ_TURN_SEAL) != 0);
    ret->lane = (ret->kind->lane + ((flags & FUZZ_WRONG_LANE) != 0)) % 3;
    ret->bytes = ret->body;
    if (!(flags & FUZZ_OUTER)) {
        struct buf out = {0};
        struct bytes body = flags & FUZZ_FIT ? fit(ret, salt, arena) : ret->body;
        identity_sign(fuzz_neighbour(), ret->kind->type, body, &out, &ret->oid);
        ret->bytes = copy(arena, &out);
        if (ret->sealed)
            ret->bytes = seal(ret, salt, ret->bytes, arena);
    }
    if (flags & FUZZ_CUT && ret->bytes.len) {
        ret->bytes = arena_bytes(arena, ret->bytes);
        ((uint8_t *)(uintptr_t)ret->bytes.data)[ret->bytes.len - 1] ^= 1;
    }
    if (ret->sealed || flags & FUZZ_OUTER)
        digest_sha256(ret->bytes, ret->oid.b);
    return true;
}
