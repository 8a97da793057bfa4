#pragma once
/*
 * What may pass between this hub and a peer: relation and switches, in one place (R-AB-3). Pure.
 * Local BLOCK > local PAUSE > local ACCEPT > circle auto-accept > introduction, which only prompts.
 */
#include "hub/kinds.h"

enum standing { /* strongest first: the first that holds decides */
                STANDING_BLOCKED,
                STANDING_PAUSED,
                STANDING_FROZEN,    /* contradicting keys, until a human has decided (R-ID-4) */
                STANDING_SUSPENDED, /* where the relation came from has ended: 30 days */
                STANDING_ENDED,     /* they are over, or one side left or refused */
                STANDING_ACCEPTED,
                STANDING_CIRCLE, /* accepted by a circle, not by a person */
                STANDING_ASKED,  /* one side has not decided: invited, introduced or asking */
                STANDING_NONE,
                STANDING_COUNT,
};
enum flow {
    FLOW_BEGIN_IN = 1 << 0,  /* something new from them: referral, notice, claim */
    FLOW_GO_ON_IN = 1 << 1,  /* what goes on in a chain that was begun; the directory */
    FLOW_BEGIN_OUT = 1 << 2, /* something new to them */
    FLOW_GO_ON_OUT = 1 << 3,
    FLOW_FETCH = 1 << 4,   /* they ask for objects of ours or of a scope: gossip, key logs */
    FLOW_RELAY = 1 << 5,   /* we carry for them */
    FLOW_REQUEST = 1 << 6, /* frames about the relation itself */
};
enum standing policy_standing(const struct relation *relation);
/** The table; switches narrow BEGIN further. */
bool policy_allows(const struct relation *relation, enum flow flow);

/** Leaves OPENED_OK items that may pass; turns others into OPENED_REFUSED with the code. */
struct inbound_item;
void policy_inbound(const struct relation *relation, struct inbound_item *item);
/** May sealed lanes (0, 1) and the directory flow to this peer? */
bool policy_is_open(const struct relation *relation);
/** May notices go out to this peer? */
bool policy_notices_out(const struct relation *relation);
/** Should this hub dial the peer of its own accord? */
bool policy_dials(const struct relation *relation);
