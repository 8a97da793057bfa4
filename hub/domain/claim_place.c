/* Where an event of a claim stands to what is settled of its chain: (incarnation, seq, prev). */
#include "hub/domain/claim_row.h"

/* How much of the other chain the author of `event` knew; what was lost since ends it. */
static bool find_seen(struct tx *tx, const struct claim_chains *chains, size_t other,
                      struct claim_event *event)
{
    struct oid oid;
    struct claim_event lost;
    struct err ignored = {0};
    bool found;
    size_t i = 0;
    if (!oid_from(event->seen, &oid))
        return false;
    while (i < chains->count[other] && !oid_equal(&oid, &chains->oids[other][i]))
        i++;
    event->fact.seen = (uint32_t)i + 1;
    if (i < chains->count[other])
        return true;
    if (!claim_event_find(tx, &oid, &found, &lost, &ignored) || !found ||
        lost.state != CLAIM_EVENT_LOST)
        return false;
    for (i = 0; i < chains->count[other] && chains->incarnations[other][i] <= lost.incarnation;)
        i++;
    event->fact.seen = (uint32_t)i;
    return true;
}

static bool follows(const struct claim_chains *chains, size_t own, const struct claim_event *event)
{
    return event->seq == 1 ||
           bytes_equal(event->prev, oid_bytes(&chains->oids[own][event->seq - 2]));
}

enum place claim_place_of(struct tx *tx, const struct claim_chains *chains,
                          struct claim_event *event)
{
    size_t own = claim_chain(event->fact.party), count = chains->count[own];
    const uint32_t *incarnations = chains->incarnations[own];
    uint32_t newest = count ? incarnations[count - 1] : 0;
    if (event->seq <= count && incarnations[event->seq - 1] == event->incarnation)
        return PLACE_FORK;
    if (event->incarnation < newest &&
        (event->seq > count || event->incarnation < incarnations[event->seq - 1]))
        return PLACE_LOST;
    if (event->seq > CLAIM_EVENTS_MAX)
        return PLACE_BAD;
    if (event->seq > count + 1)
        return PLACE_LATER;
    if (!follows(chains, own, event))
        return event->incarnation > newest ? PLACE_LATER : PLACE_FORK;
    event->fact.seen = 0;
    if (event->seen.len && !find_seen(tx, chains, 1 - own, event))
        return PLACE_LATER;
    return event->seq <= count ? PLACE_INSTEAD : PLACE_NEXT;
}
