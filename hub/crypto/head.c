#include "hub/crypto/head.h"

#define SCOPE_MAX    32
#define CRITICAL_MAX 64

bool head_check_shape(const Maillon__Hfp__V1__Head *head, struct err *err)
{
    if (!head)
        return err_set(err, ERR_PEER, "head is missing");
    if (head->node.len != 0 && head->node.len != NODE_ID_BYTES)
        return err_set(err, ERR_PEER, "head is malformed: node");
    if (head->stream.len != 0 && head->stream.len != OID_BYTES)
        return err_set(err, ERR_PEER, "head is malformed: stream");
    if (head->seq == 0)
        return err_set(err, ERR_PEER, "head is malformed: seq");
    if (head->prev.len != (head->seq > 1 ? OID_BYTES : 0))
        return err_set(err, ERR_PEER, "head is malformed: prev");
    if (head->scope.len > SCOPE_MAX)
        return err_set(err, ERR_PEER, "head is malformed: scope");
    if (head->n_critical > CRITICAL_MAX)
        return err_set(err, ERR_PEER, "head is malformed: critical");
    return true;
}

/* A sum of peer-chosen seconds that stops at the top instead of wrapping. */
static uint64_t seconds_after(uint64_t from_s, uint64_t seconds)
{
    return from_s > UINT64_MAX - seconds ? UINT64_MAX : from_s + seconds;
}

bool head_check_time(const Maillon__Hfp__V1__Head *head, struct wall now, uint64_t lifetime_max_s,
                     struct err *err)
{
    uint64_t now_s = now.ms > 0 ? (uint64_t)now.ms / 1000 : 0;
    if (head->created_s > seconds_after(now_s, OBJECT_FUTURE_S))
        return err_set(err, ERR_PEER, "object comes from the future");
    if (head->expires_s < head->created_s)
        return err_set(err, ERR_PEER, "object ends before it begins");
    if (head->expires_s > seconds_after(head->created_s, lifetime_max_s))
        return err_set(err, ERR_PEER, "object lives too long");
    if (now_s > seconds_after(head->expires_s, OBJECT_EXPIRED_GRACE_S))
        return err_set(err, ERR_LIMIT, "object has expired");
    return true;
}

bool head_check_critical(const Maillon__Hfp__V1__Head *head, const ProtobufCMessageDescriptor *type,
                         struct err *err)
{
    for (size_t i = 0; i < head->n_critical; i++)
        if (!protobuf_c_message_descriptor_get_field(type, head->critical[i]))
            return err_set(err, ERR_UNSUPPORTED, "field %u must be understood",
                           (unsigned)head->critical[i]);
    return true;
}
