#include "federation/policy.h"

#include "hub/exchange.h"

#define GO_ON (FLOW_GO_ON_IN | FLOW_GO_ON_OUT)
#define ALL   (GO_ON | FLOW_BEGIN_IN | FLOW_BEGIN_OUT | FLOW_FETCH | FLOW_RELAY | FLOW_REQUEST)

static const unsigned allowed[STANDING_COUNT] = {
    /* R-AB-3: inbound, outbound, fetch and relay alike */
    [STANDING_BLOCKED] = 0,           [STANDING_PAUSED] = FLOW_REQUEST,
    [STANDING_FROZEN] = FLOW_REQUEST, [STANDING_SUSPENDED] = GO_ON | FLOW_REQUEST,
    [STANDING_ENDED] = FLOW_REQUEST,  [STANDING_ACCEPTED] = ALL,
    [STANDING_CIRCLE] = ALL,          [STANDING_ASKED] = FLOW_REQUEST,
    [STANDING_NONE] = FLOW_REQUEST,
};

static bool has_ended(enum decision decision)
{
    return decision == DECISION_LEFT || decision == DECISION_REFUSED;
}

enum standing policy_standing(const struct relation *relation)
{
    if (relation->ours == DECISION_BLOCKED)
        return STANDING_BLOCKED;
    if (relation->ours == DECISION_PAUSED || relation->theirs == DECISION_PAUSED)
        return STANDING_PAUSED;
    if (relation->kel.duplicity)
        return STANDING_FROZEN;
    if (has_ended(relation->ours) || has_ended(relation->theirs) || relation->suspension_over)
        return STANDING_ENDED;
    if (relation->ours == DECISION_NONE)
        return STANDING_NONE;
    if (relation->ours != DECISION_ACCEPTED || relation->theirs != DECISION_ACCEPTED)
        return STANDING_ASKED;
    if (relation->suspended.ms)
        return STANDING_SUSPENDED;
    return relation->provenance == PROVENANCE_CIRCLE ? STANDING_CIRCLE : STANDING_ACCEPTED;
}

bool policy_allows(const struct relation *relation, enum flow flow)
{
    return (allowed[policy_standing(relation)] & flow) != 0;
}

bool policy_is_open(const struct relation *relation)
{
    return policy_allows(relation, FLOW_GO_ON_OUT);
}

bool policy_notices_out(const struct relation *relation)
{
    return policy_allows(relation, FLOW_BEGIN_OUT) && (relation->switches & SWITCH_NOTICES_OUT);
}

bool policy_dials(const struct relation *relation)
{
    return relation->ours == DECISION_ACCEPTED && relation->theirs != DECISION_LEFT &&
           relation->theirs != DECISION_REFUSED && relation->route_count > 0;
}

/**
 * A switch lets new things in. What goes on in a chain that was begun is never cut off by it: an
 * answer is owed, and a person who takes consent back must be heard (R-RF-2, R-AB-2). Open objects
 * are no chain of ours, whatever their author writes into the head.
 */
static bool begins_something(const struct inbound_object *object)
{
    return !object->kind->receipted || object->head->stream.len == 0;
}

void policy_inbound(const struct relation *relation, struct inbound_item *item)
{
    if (item->opened != OPENED_OK)
        return;
    unsigned needs = begins_something(&item->object) ? item->object.kind->needs : 0;
    if (policy_allows(relation, needs ? FLOW_BEGIN_IN : FLOW_GO_ON_IN) &&
        (!needs || (relation->switches & needs)))
        return;
    item->opened = OPENED_REFUSED;
    item->refusal = policy_standing(relation) == STANDING_BLOCKED
                        ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BLOCKED
                        : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED;
}
