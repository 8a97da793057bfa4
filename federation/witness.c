#include "federation/witness.h"

#include "federation/federation_internal.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_witness.h"
#include "hub/domain/authoring.h"
#include <stdlib.h>

#define SEND_MS       5000 /* between heads of ours on one session: the newest says it all */
#define FRAMES_MINUTE 120
#define IN_FLIGHT_MAX 4
#define TICK_MS       60000
#define SKIPPED_S     2

/** Of one session. */
struct seen {
    uint64_t holds;     /* size of our log that the peer has checked, as it says */
    struct oid head;    /* its head */
    bool due;           /* a newer head than the last one sent is signed */
    bool begun;         /* they were told what we hold of theirs */
    bool asked;         /* we want a proof from what we hold */
    bool skipped;       /* something by a key that this hub does not know (yet) */
    struct mono next;   /* not before */
    struct mono window; /* of FRAMES_MINUTE */
    unsigned frames, in_flight;
};

/** One piece of work for the writer; tells the session when it is durable. */
struct work {
    struct action action;
    struct federation *federation;
    uint64_t link; /* id: it may have gone meanwhile */
    struct node_id node;
    /* what came */
    struct buf shown; /* serialised Signed */
    struct merkle_proof proof;
    uint64_t from;
    bool final;
    /* what goes back */
    enum witness_verdict verdict;
    bool has_head, ours;
    uint64_t size;
    struct oid oid;
    struct buf head, cosigned;
};

static struct seen *seen_of(const struct link *link)
{
    return link->features_state[FEATURE_WITNESS];
}

/* ---- frames out ---- */

static void send_frame(struct link *link, Maillon__Hfp__V1__Witness *witness)
{
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_WITNESS;
    frame.witness = witness;
    link_send(link, 0, &frame);
}

static void send_head(struct link *link, const struct work *work)
{
    Maillon__Hfp__V1__Witness witness = MAILLON__HFP__V1__WITNESS__INIT;
    ProtobufCBinaryData path[MERKLE_PROOF_MAX];
    witness.head = wire_data(buf_bytes(&work->head));
    witness.consistent_from = work->from;
    for (size_t i = 0; i < work->proof.count; i++)
        path[i] = wire_data(merkle_hash_bytes(&work->proof.path[i]));
    witness.proof = path;
    witness.n_proof = work->proof.count;
    send_frame(link, &witness);
}

static void send_cosigned(struct link *link, struct bytes cosigned)
{
    Maillon__Hfp__V1__Witness witness = MAILLON__HFP__V1__WITNESS__INIT;
    witness.cosigned = wire_data(cosigned);
    send_frame(link, &witness);
}

/* ---- work of the writer ---- */

static void work_free(struct work *work)
{
    work->federation->busy--;
    buf_done(&work->shown);
    buf_done(&work->head);
    buf_done(&work->cosigned);
    free(work);
}

/** The session it is for, once done; NULL: gone, or not ours to talk to any more. */
static struct link *work_link(const struct work *work)
{
    struct link *link = federation_find_link(work->federation, work->link);
    if (!link || link->phase != LINK_UP || !link->trafficking || !seen_of(link))
        return NULL;
    if (seen_of(link)->in_flight) /* 0: the session began anew meanwhile */
        seen_of(link)->in_flight--;
    return link;
}

static void work_start(struct link *link,
                       bool (*apply)(struct tx *tx, struct action *action, struct err *err),
                       void (*done)(struct action *action, const struct err *err),
                       struct work *work)
{
    work->action = (struct action){.apply = apply, .done = done};
    work->federation = link->federation;
    work->link = link->id;
    work->node = link->node;
    link->federation->busy++;
    seen_of(link)->in_flight++;
    exchange_submit(link->federation->config.exchange, &work->action);
}

static bool is_silent(struct tx *tx, bool *ret, struct err *err)
{
    struct err why = {0};
    *ret = !authoring_allowed(tx, &why);
    if (!*ret || why.code == ERR_CONFLICT)
        return true;
    *err = why;
    return false;
}

/** Our newest head, with a proof from what the peer holds when there can be one. */
static bool show_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    struct audit_head newest;
    bool silent, found;
    /* A restored hub shows nothing until it has said so: it would look like a shrunk one. */
    if (!is_silent(tx, &silent, err) ||
        !audit_head_newest(tx->store, tx->arena, &found, &newest, err))
        return false;
    if (silent || !found || oid_equal(&newest.oid, &work->oid))
        return true;
    if (work->from > newest.size)
        work->from = 0; /* nothing to prove it with: the peer must see that */
    if (work->from &&
        !audit_prove_consistency(tx->store, work->from, newest.size, &work->proof, err))
        return false;
    work->has_head = true;
    work->size = newest.size;
    work->oid = newest.oid;
    buf_add_bytes(&work->head, newest.bytes);
    return true;
}

static void show_done(struct action *action, const struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    struct link *link = work_link(work);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not show the audit head reason=\"%s\"", err->msg);
    else if (link && work->has_head)
        send_head(link, work);
    work_free(work);
}

static void show(struct link *link)
{
    struct seen *seen = seen_of(link);
    struct work *work = mem_alloc(sizeof *work);
    seen->due = false;
    seen->next = mono_after_ms(federation_now(link->federation), SEND_MS);
    work->from = seen->holds;
    work->oid = seen->head;
    work_start(link, show_apply, show_done, work);
}

/** Their head: checked against the one before, kept, signed. */
static bool take_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    struct audit_head head, held;
    bool silent, found;
    if (!audit_head_open(buf_bytes(&work->shown), tx->arena, &head, err) ||
        !witness_take(tx, &head, work->from, &work->proof, work->final, &work->verdict, err) ||
        !witness_held(tx->store, tx->arena, &work->node, &found, &held, err) ||
        !is_silent(tx, &silent, err))
        return false;
    work->size = found ? held.size : 0;
    /* What we sign is what we hold: after an alarm they see what they signed before. */
    if (found && !silent && work->verdict != WITNESS_NEED_PROOF)
        audit_cosign(identity_op(tx->self), &held, &work->cosigned);
    return true;
}

static void take_done(struct action *action, const struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    struct link *link = work_link(work);
    char id[NODE_ID_SHORT];
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not keep an audit head reason=\"%s\"", err->msg);
    else if (work->verdict == WITNESS_ALARM)
        log_line(LOG_ERROR, "audit log of a peer contradicts what it signed before peer=%s",
                 node_id_short(&work->node, id));
    if (link && err->code == ERR_NONE) {
        seen_of(link)->asked = work->verdict == WITNESS_NEED_PROOF;
        if (work->verdict == WITNESS_NEED_PROOF) {
            Maillon__Hfp__V1__Witness witness = MAILLON__HFP__V1__WITNESS__INIT;
            witness.want_from = true;
            witness.held_size = work->size;
            send_frame(link, &witness);
        } else if (work->cosigned.len) {
            send_cosigned(link, buf_bytes(&work->cosigned));
        }
    }
    work_free(work);
}

/** Our head with their signature: kept if it is of our log, proof of damage if it is not. */
static bool cosigned_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    struct audit_head head;
    struct authoring authoring;
    if (!audit_head_open(buf_bytes(&work->shown), tx->arena, &head, err) ||
        !authoring_read(tx->store, &authoring, err))
        return false;
    work->ours = true;
    if (authoring.reason != RECOVERY_NONE) /* being mended: it is known that something is missing */
        return true;
    return witness_compare_own(tx, &head, &work->ours, err) &&
           (!work->ours ||
            audit_cosigned_add(tx, &head.oid, &work->node, buf_bytes(&work->shown), err));
}

static void cosigned_done(struct action *action, const struct err *err)
{
    struct work *work = list_entry(action, struct work, action);
    char id[NODE_ID_SHORT];
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not keep a cosigned audit head reason=\"%s\"", err->msg);
    else if (!work->ours)
        log_line(LOG_ERROR, "a peer holds an audit head of ours that our log does not have peer=%s",
                 node_id_short(&work->node, id));
    (void)work_link(work);
    work_free(work);
}

/* ---- frames in ---- */

/** A peer that has just changed its keys signs with what this hub is still writing down. */
static bool skip(const struct link *link)
{
    COUNT(link->federation->config.counters, objects_bad, 1);
    seen_of(link)->skipped = true;
    return true;
}

static bool on_head(struct link *link, const Maillon__Hfp__V1__Witness *frame, struct err *err)
{
    struct audit_head head;
    if (!audit_head_open(wire_bytes(frame->head), link->federation->arena, &head, err))
        return false;
    if (!node_id_equal(&head.node, &link->node))
        return err_set(err, ERR_PEER, "an audit head that is not the peer's own");
    if (!audit_head_is_by(&head, &link->peer->relation.kel))
        return skip(link);
    if (frame->n_proof > MERKLE_PROOF_MAX)
        return err_set(err, ERR_PEER, "a proof of %zu hashes", frame->n_proof);
    for (size_t i = 0; i < frame->n_proof; i++) {
        if (frame->proof[i].len != MERKLE_HASH_BYTES)
            return err_set(err, ERR_PEER, "a proof with something that is no hash");
    }
    struct work *work = mem_alloc(sizeof *work);
    buf_add_bytes(&work->shown, head.bytes);
    work->from = frame->consistent_from;
    work->final = seen_of(link)->asked;
    for (; work->proof.count < frame->n_proof; work->proof.count++)
        memcpy(work->proof.path[work->proof.count].b, frame->proof[work->proof.count].data,
               MERKLE_HASH_BYTES);
    work_start(link, take_apply, take_done, work);
    return true;
}

static bool on_cosigned(struct link *link, const Maillon__Hfp__V1__Witness *frame, struct err *err)
{
    struct audit_head head;
    const struct identity *self = link->federation->config.self;
    if (!audit_head_open(wire_bytes(frame->cosigned), link->federation->arena, &head, err))
        return false;
    /* Of before our key was revoked as stolen: no fault of the peer's, and of no use (F11). */
    if (node_id_equal(&head.node, identity_node(self)) &&
        !audit_head_is_by(&head, identity_kel(self)))
        return true;
    if (!node_id_equal(&head.node, identity_node(self)))
        return err_set(err, ERR_PEER, "a cosigned head of another hub");
    if (!kel_verify(&link->peer->relation.kel, &head.envelope, NULL))
        return skip(link);
    struct work *work = mem_alloc(sizeof *work);
    buf_add_bytes(&work->shown, head.bytes);
    struct seen *seen = seen_of(link);
    seen->holds = head.size;
    seen->head = head.oid;
    work_start(link, cosigned_apply, cosigned_done, work);
    return true;
}

static bool on_witness(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Witness *witness = frame->witness;
    struct seen *seen = seen_of(link);
    struct mono now = federation_now(link->federation);
    if (!seen) /* before their STATE */
        return true;
    if (now.us >= seen->window.us) {
        seen->window = mono_after_ms(now, 60000);
        seen->frames = 0;
    }
    if (++seen->frames > FRAMES_MINUTE)
        return err_set(err, ERR_PEER, "shows audit heads too often");
    if (seen->in_flight >= IN_FLIGHT_MAX) /* the newest comes again */
        return true;
    if ((witness->head.len && !on_head(link, witness, err)) ||
        (witness->cosigned.len && !on_cosigned(link, witness, err)))
        return false;
    if (seen->skipped) { /* nobody's fault: it comes again on the next session */
        link_bye(link, 4, SKIPPED_S, LINK_CLOSE_TRY_LATER);
        return true;
    }
    if (witness->want_from) {
        seen->holds = witness->held_size;
        seen->head = (struct oid){0};
        show(link);
    }
    return true;
}

/* ---- life of a session ---- */

static void fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena)
{
    struct audit_head held;
    struct err err = {0};
    bool found;
    if (!feature_on(link, FEATURE_WITNESS))
        return;
    if (seen_of(link)) { /* their STATE came first */
        seen_of(link)->due = true;
        federation_due(link->federation, federation_now(link->federation));
    }
    if (!witness_held(link->federation->config.reader, arena, &link->node, &found, &held, &err)) {
        log_line(LOG_ERROR, "could not read the audit head of a peer reason=\"%s\"", err.msg);
        return;
    }
    if (!found)
        return;
    state->audit_head = wire_data(arena_bytes(arena, oid_bytes(&held.oid)));
    state->audit_size = held.size;
}

/** They see with our signature what we hold: proof for them if they lost it. */
static void show_held(struct link *link)
{
    const struct federation_config *config = &link->federation->config;
    struct audit_head held;
    struct authoring authoring;
    enum authoring_bar bar;
    struct err err = {0};
    bool found;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf cosigned = {0};
    if (!witness_held(config->reader, arena, &link->node, &found, &held, &err) || !found ||
        !authoring_check(config->reader, config->self, clock_wall(config->clock), &authoring, &bar,
                         &err) ||
        bar != AUTHORING_OPEN)
        return;
    audit_cosign(identity_op(config->self), &held, &cosigned);
    send_cosigned(link, buf_bytes(&cosigned));
}

static void end(struct link *link)
{
    free(seen_of(link));
    link->features_state[FEATURE_WITNESS] = NULL;
}

static void begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    if (!feature_on(link, FEATURE_WITNESS))
        return;
    struct seen *seen = seen_of(link);
    if (!seen)
        link->features_state[FEATURE_WITNESS] = seen = mem_alloc(sizeof *seen);
    seen->holds = state->audit_size;
    if (!oid_from(wire_bytes(state->audit_head), &seen->head))
        seen->head = (struct oid){0};
    seen->due = true;
    seen->begun = false;
    seen->next = federation_now(link->federation);
    federation_due(link->federation, seen->next);
}

static void committed(struct federation *federation, const struct effect *effects, size_t count)
{
    bool signed_one = false;
    for (size_t i = 0; i < count; i++)
        signed_one |= effects[i].kind == EFFECT_AUDIT;
    if (!signed_one)
        return;
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (seen_of(link)) {
            seen_of(link)->due = true;
            federation_due(federation, seen_of(link)->next);
        }
    }
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct mono next = mono_after_ms(now, TICK_MS);
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        struct seen *seen = seen_of(link);
        if (!seen || !seen->due || link->phase != LINK_UP || !link->trafficking)
            continue;
        if (!seen->begun)
            show_held(link);
        seen->begun = true;
        if (now.us >= seen->next.us && seen->in_flight < IN_FLIGHT_MAX)
            show(link);
        else
            next = mono_min(next, seen->next);
    }
    return next;
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_WITNESS, on_witness},
};

const struct feature feature_witness = {
    .name = "witness",
    .fill_state = fill_state,
    .begin = begin,
    .end = end,
    .committed = committed,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
