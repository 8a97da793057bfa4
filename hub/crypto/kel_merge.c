/* Two versions of one log: the superseding rule and duplicity (R-ID-4). */
#include "hub/crypto/kel.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#define PEEK_ARENA_BYTES ((size_t)256 << 10)

/* What an event says about its place; nothing of it is verified yet. */
struct glimpse {
    uint64_t seq;
    struct oid oid, prev;
    bool is_rotation;
};

static bool peek(struct bytes event, struct glimpse *ret, struct err *err)
{
    if (event.len > OBJECT_KEL_MAX)
        return err_set(err, ERR_PEER, "key event is malformed: too large");
    AUTO(arena_free) struct arena *arena = arena_create(PEEK_ARENA_BYTES);
    struct envelope envelope;
    if (!envelope_open(event, arena, &envelope, err))
        return err_wrap(err, "key event");
    const Maillon__Hfp__V1__KelEvent *body =
        wire_unpack(&maillon__hfp__v1__kel_event__descriptor, envelope.body, arena, err);
    if (!body)
        return false;
    if (!body->head || body->head->seq == 0)
        return err_set(err, ERR_PEER, "key event is malformed: head");
    *ret = (struct glimpse){
        .seq = body->head->seq,
        .oid = envelope.oid,
        .is_rotation = body->event_case == MAILLON__HFP__V1__KEL_EVENT__EVENT_ROTATE_ROOT,
    };
    if (body->head->prev.len == OID_BYTES)
        memcpy(ret->prev.b, body->head->prev.data, OID_BYTES);
    return true;
}

bool kel_event_seq(struct bytes event, uint64_t *ret, struct err *err)
{
    struct glimpse glimpse = {0};
    if (!peek(event, &glimpse, err))
        return false;
    *ret = glimpse.seq;
    return true;
}

/* Both logs, event by event; `fresh` begins at place `first` (from 0). */
struct logs {
    struct glimpse held[KEL_EVENTS_MAX], fresh[KEL_EVENTS_MAX];
    size_t held_count, fresh_count, first;
};

static bool look(const struct bytes *held, size_t held_count, const struct bytes *fresh,
                 size_t count, struct logs *ret, struct err *err)
{
    if (count == 0 || count > KEL_EVENTS_MAX || held_count > KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "key event log has %zu events", count);
    ret->held_count = held_count;
    ret->fresh_count = count;
    for (size_t i = 0; i < held_count; i++)
        if (!peek(held[i], &ret->held[i], err))
            return false;
    for (size_t i = 0; i < count; i++) {
        if (!peek(fresh[i], &ret->fresh[i], err))
            return false;
        if (i > 0 && ret->fresh[i].seq != ret->fresh[0].seq + i)
            return err_set(err, ERR_PEER, "key event is out of order");
    }
    ret->first = (size_t)(ret->fresh[0].seq - 1);
    bool follows =
        ret->first <= held_count &&
        (ret->first == 0 || oid_equal(&ret->fresh[0].prev, &ret->held[ret->first - 1].oid));
    return follows || err_set(err, ERR_UNKNOWN,
                              "key event log begins with event %llu: the ones before are missing",
                              (unsigned long long)ret->fresh[0].seq);
}

/* The place where the two part; the end of the shorter one when they do not. */
static size_t find_fork(const struct logs *logs)
{
    size_t at = logs->first;
    while (at < logs->held_count && at - logs->first < logs->fresh_count &&
           oid_equal(&logs->held[at].oid, &logs->fresh[at - logs->first].oid))
        at++;
    return at;
}

/* Index of the first ROTATE_ROOT from `at` on; `count` when there is none. */
static size_t find_rotation(const struct glimpse *log, size_t at, size_t count)
{
    while (at < count && !log[at].is_rotation)
        at++;
    return at;
}

static bool read_branch(const struct bytes *held, const struct bytes *fresh,
                        const struct logs *logs, size_t fork, const struct node_id *node,
                        struct kel_merge *ret, struct err *err)
{
    size_t rest = logs->first + logs->fresh_count - fork;
    if (fork + rest > KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "key event log is too long");
    if (fork > 0)
        memcpy(ret->events, held, fork * sizeof(*held));
    memcpy(ret->events + fork, fresh + (fork - logs->first), rest * sizeof(*fresh));
    ret->count = fork + rest;
    ret->kept = fork;
    return kel_read(ret->events, ret->count, node, &ret->kel, err);
}

static bool keep_held(const struct bytes *held, size_t count, const struct node_id *node,
                      struct kel_merge *ret, struct err *err)
{
    if (count > 0)
        memcpy(ret->events, held, count * sizeof(*held));
    ret->count = ret->kept = count;
    return kel_read(held, count, node, &ret->kel, err);
}

bool kel_merge(const struct bytes *held, size_t held_count, const struct bytes *fresh, size_t count,
               const struct node_id *node, struct kel_merge *ret, struct err *err)
{
    struct logs logs;
    *ret = (struct kel_merge){0};
    if (!look(held, held_count, fresh, count, &logs, err))
        return false;
    size_t fork = find_fork(&logs), end = logs.first + count;
    if (fork == end) /* nothing new */
        return keep_held(held, held_count, node, ret, err);
    if (fork == held_count)
        return read_branch(held, fresh, &logs, fork, node, ret, err);
    if (fork == 0)
        return err_set(err, ERR_PEER, "key event log is of another node");
    size_t theirs = find_rotation(logs.fresh, fork - logs.first, count);
    size_t ours = find_rotation(logs.held, fork, held_count);
    if (theirs == count)
        return err_set(err, ERR_PEER, "key event log differs from the one known");
    if (!read_branch(held, fresh, &logs, fork, node, ret, err))
        return false;
    if (ours == held_count)
        return true;
    *ret = (struct kel_merge){.duplicity = true, .rival = fresh[theirs], .held_rotation = ours};
    return keep_held(held, held_count, node, ret, err);
}
