#include "federation/policy.h"

#include "hub/exchange.h"

bool policy_is_open(const struct relation *relation)
{
    return relation_is_accepted(relation);
}

bool policy_notices_out(const struct relation *relation)
{
    return policy_is_open(relation) && (relation->switches & SWITCH_NOTICES_OUT);
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
    if (policy_is_open(relation) && (!needs || (relation->switches & needs)))
        return;
    item->opened = OPENED_REFUSED;
    item->refusal = relation->ours == DECISION_BLOCKED
                        ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BLOCKED
                        : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED;
}
