#include "federation/feature.h"

#include "federation/attach.h"
#include "federation/federation_internal.h"
#include "federation/gossip.h"
#include "federation/keylog.h"
#include "federation/recovery.h"
#include "federation/relay.h"
#include "federation/witness.h"

const struct feature *const features[FEATURE_COUNT] = {
    [FEATURE_RELAY] = &feature_relay,       [FEATURE_KEYS] = &feature_keys,
    [FEATURE_RECOVERY] = &feature_recovery, [FEATURE_GOSSIP] = &feature_gossip,
    [FEATURE_WITNESS] = &feature_witness,   [FEATURE_ATTACH] = &feature_attach,
};

uint64_t features_offered(const struct federation *federation)
{
    uint64_t bits = 0;
    for (unsigned id = 0; id < FEATURE_COUNT; id++)
        bits |= features[id] ? (uint64_t)1 << id : 0;
    return bits & ~federation->config.features_withheld;
}

bool feature_on(const struct link *link, enum feature_id id)
{
    return features[id] && (link->features >> id & 1);
}

bool features_create(struct federation *federation, struct err *err)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (!features[id] || !features[id]->create)
            continue;
        federation->features[id] = features[id]->create(federation, err);
        if (!federation->features[id])
            return err_wrap(err, "start %s", features[id]->name);
    }
    return true;
}

void features_free(struct federation *federation)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->free && federation->features[id])
            features[id]->free(federation->features[id]);
        federation->features[id] = NULL;
    }
}

void features_fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->fill_state)
            features[id]->fill_state(link, state, arena);
    }
}

void features_begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->begin)
            features[id]->begin(link, state);
    }
}

void features_end(struct link *link)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->end)
            features[id]->end(link);
    }
}

void features_committed(struct federation *federation, const struct effect *effects, size_t count)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->committed)
            features[id]->committed(federation, effects, count);
    }
}

bool features_take(struct link *link, struct buf *out)
{
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (feature_on(link, id) && features[id]->take && features[id]->take(link, out))
            return true;
    }
    return false;
}

struct mono features_tick(struct federation *federation, struct mono now)
{
    struct mono due = MONO_NEVER;
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (features[id] && features[id]->tick)
            due = mono_min(due, features[id]->tick(federation, now));
    }
    return due;
}

bool features_handle(struct link *link, const Maillon__Hfp__V1__Frame *frame, bool *ret_known,
                     struct err *err)
{
    *ret_known = false;
    for (unsigned id = 0; id < FEATURE_COUNT; id++) {
        if (!feature_on(link, id))
            continue;
        for (size_t i = 0; i < features[id]->frame_count; i++) {
            if (features[id]->frames[i].frame != frame->m_case)
                continue;
            *ret_known = true;
            if (!link->trafficking) /* sent before they learnt that the relation changed */
                return true;
            return features[id]->frames[i].handle(link, frame, err);
        }
    }
    return true;
}
