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

void policy_inbound(const struct relation *relation, struct inbound_item *item)
{
    if (item->opened != OPENED_OK)
        return;
    const struct kind *kind = item->object.kind;
    bool passes = policy_is_open(relation) && (!kind->needs || (relation->switches & kind->needs));
    if (passes)
        return;
    item->opened = OPENED_REFUSED;
    item->refusal = relation->ours == DECISION_BLOCKED
                        ? MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BLOCKED
                        : MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED;
}
