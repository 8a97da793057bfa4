#include "hub/domain/claim_moves.h"

#include <stdint.h>
#include <string.h>

#define ACTION(name) MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define IN(state)    (1u << CLAIM_##state)
#define BOTH         (CLAIM_BY_CLAIMANT | CLAIM_BY_OWNER)
#define SAME         CLAIM_NONE /* the state does not change */

static const struct { /* the whole lifecycle; what is not listed is not allowed */
    Maillon__Hfp__V1__ClaimAction action;
    unsigned parties;
    unsigned from;
    enum claim_state to;
    bool hub_only; /* the hub's clock or a withdrawal, never a button */
} moves[] = {
    {ACTION(PROPOSE), CLAIM_BY_CLAIMANT, IN(NONE), CLAIM_PROPOSED, false},
    {ACTION(COMMIT), CLAIM_BY_CLAIMANT, IN(NONE), CLAIM_PROPOSED, false},
    {ACTION(AGREE), CLAIM_BY_OWNER, IN(PROPOSED) | IN(WAITING), CLAIM_AGREED, false},
    {ACTION(REFUSE), CLAIM_BY_OWNER, IN(PROPOSED) | IN(WAITING), CLAIM_REFUSED, false},
    {ACTION(UNDER_WAY), CLAIM_BY_CLAIMANT, IN(AGREED), CLAIM_UNDER_WAY, false},
    {ACTION(RELEASE), CLAIM_BY_CLAIMANT, IN(PROPOSED) | IN(WAITING) | IN(AGREED) | IN(UNDER_WAY),
     CLAIM_RELEASED, false},
    {ACTION(RELEASE), CLAIM_BY_OWNER, IN(AGREED) | IN(UNDER_WAY), CLAIM_RELEASED, true},
    {ACTION(DELIVERED), BOTH, IN(AGREED) | IN(UNDER_WAY) | IN(DELIVERED), CLAIM_DELIVERED, false},
    {ACTION(RETURNED), BOTH, IN(DELIVERED), CLAIM_RETURNED, false},
    {ACTION(ASK_RELEASE), CLAIM_BY_OWNER, IN(AGREED) | IN(UNDER_WAY), SAME, false},
    {ACTION(EXTEND), CLAIM_BY_CLAIMANT, IN(AGREED) | IN(UNDER_WAY) | IN(DELIVERED), SAME, false},
    {ACTION(AGREE_EXTEND), CLAIM_BY_OWNER, IN(AGREED) | IN(UNDER_WAY) | IN(DELIVERED), SAME, false},
};

static const struct {
    const char *name;
    bool open;
} states[CLAIM_STATE_COUNT] = {
    [CLAIM_NONE] = {"none", false},          [CLAIM_PROPOSED] = {"proposed", true},
    [CLAIM_WAITING] = {"waiting", true},     [CLAIM_AGREED] = {"agreed", true},
    [CLAIM_UNDER_WAY] = {"under-way", true}, [CLAIM_DELIVERED] = {"delivered", false},
    [CLAIM_RETURNED] = {"returned", false},  [CLAIM_RELEASED] = {"released", false},
    [CLAIM_REFUSED] = {"refused", false},    [CLAIM_LAPSED] = {"lapsed", false},
};

static const char *const action_names[] = {
    [ACTION(PROPOSE)] = "propose",
    [ACTION(COMMIT)] = "commit",
    [ACTION(AGREE)] = "agree",
    [ACTION(REFUSE)] = "refuse",
    [ACTION(UNDER_WAY)] = "under-way",
    [ACTION(RELEASE)] = "release",
    [ACTION(DELIVERED)] = "delivered",
    [ACTION(RETURNED)] = "returned",
    [ACTION(ASK_RELEASE)] = "ask-release",
    [ACTION(EXTEND)] = "extend",
    [ACTION(AGREE_EXTEND)] = "agree-extend",
};

const char *claim_state_name(enum claim_state state)
{
    return (unsigned)state < CLAIM_STATE_COUNT ? states[state].name : "unknown";
}

bool claim_state_is_open(enum claim_state state)
{
    return (unsigned)state < CLAIM_STATE_COUNT && states[state].open;
}

const char *claim_action_name(Maillon__Hfp__V1__ClaimAction action)
{
    return (size_t)action < ARRAY_LEN(action_names) ? action_names[action] : NULL;
}

bool claim_next(enum claim_state from, Maillon__Hfp__V1__ClaimAction action, enum claim_party party,
                enum claim_state *ret_to, struct err *err)
{
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].action != action || !(moves[i].parties & party))
            continue;
        known = true;
        if (moves[i].from & (1u << from)) {
            *ret_to = moves[i].to == SAME ? from : moves[i].to;
            return true;
        }
    }
    const char *name = claim_action_name(action);
    if (!known)
        return err_set(err, ERR_DENIED, "%s is not for the %s of a notice", name ? name : "this",
                       party == CLAIM_BY_OWNER ? "owner" : "claimant");
    return err_set(err, ERR_CONFLICT, "a claim that is %s does not allow %s",
                   claim_state_name(from), name);
}

bool claim_move_is_manual(enum claim_state from, Maillon__Hfp__V1__ClaimAction action,
                          enum claim_party party)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        if (moves[i].action == action && (moves[i].parties & party) &&
            (moves[i].from & (1u << from)))
            return !moves[i].hub_only;
    return false;
}

/* What the table cannot say: bounds of quantities and dates. Also where each event leaves its mark.
 */
static bool set_agreed(struct claim_view *next, const struct claim_fact *fact, struct err *err)
{
    if (fact->quantity == 0 || fact->quantity > next->quantity)
        return err_set(err, ERR_CONFLICT, "agreed to %u of %u wanted", fact->quantity,
                       next->quantity);
    if (fact->waiting_list && next->agreed > 0)
        return err_set(err, ERR_CONFLICT, "the claim is on the waiting list already");
    next->agreed = fact->quantity;
    if (fact->waiting_list)
        next->state = CLAIM_WAITING;
    return true;
}

static bool set_delivered(struct claim_view *next, const struct claim_fact *fact, struct err *err)
{
    if (fact->quantity == 0)
        return err_set(err, ERR_CONFLICT, "nothing was delivered: release it instead");
    if (next->delivered_s && fact->created_s > next->delivered_s + CLAIM_CORRECTION_S)
        return err_set(err, ERR_CONFLICT, "the 7 days to correct what was delivered are over");
    next->delivered = fact->quantity;
    if (!next->delivered_s)
        next->delivered_s = fact->created_s;
    return true;
}

bool claim_step(struct claim_view *view, const struct claim_fact *fact, struct err *err)
{
    struct claim_view next = *view;
    if (!claim_next(view->state, fact->action, fact->party, &next.state, err))
        return false;
    if (fact->reason[0])
        memcpy(next.reason, fact->reason, sizeof(next.reason));
    if (fact->action == ACTION(PROPOSE) || fact->action == ACTION(COMMIT)) {
        if (fact->quantity == 0)
            return err_set(err, ERR_CONFLICT, "a claim needs a quantity");
        next.quantity = fact->quantity;
    } else if (fact->action == ACTION(AGREE)) {
        if (!set_agreed(&next, fact, err))
            return false;
    } else if (fact->action == ACTION(REFUSE)) {
        if (strcmp(fact->reason, CLAIM_LAPSED_CODE) == 0)
            next.state = CLAIM_LAPSED;
    } else if (fact->action == ACTION(DELIVERED)) {
        if (!set_delivered(&next, fact, err))
            return false;
    } else if (fact->action == ACTION(ASK_RELEASE)) {
        next.release_asked_s = fact->created_s;
    } else if (fact->action == ACTION(UNDER_WAY)) {
        next.release_asked_s = 0; /* an answer: it comes */
    } else if (fact->action == ACTION(EXTEND)) {
        next.release_asked_s = 0;
        next.extension_s = fact->until_s;
    } else if (fact->action == ACTION(AGREE_EXTEND)) {
        next.until_s = fact->until_s;
        next.extension_s = 0;
    }
    *view = next;
    return true;
}

/* Lower goes first among events whose authors did not know of each other. */
static int rank(const struct claim_fact *fact)
{
    if (fact->action == ACTION(RELEASE))
        return 2;
    return fact->action == ACTION(RETURNED) ? 1 : 0;
}

void claim_fold(const struct claim_fact *claimant, size_t claimant_count,
                const struct claim_fact *owner, size_t owner_count, struct claim_view *ret)
{
    *ret = (struct claim_view){0};
    size_t c = 0, o = 0;
    while (c < claimant_count || o < owner_count) {
        bool may_c = c < claimant_count && claimant[c].seen <= o;
        bool may_o = o < owner_count && owner[o].seen <= c;
        if (!may_c && !may_o)
            return; /* waits for an event that is not here */
        bool take_c = may_c && (!may_o || rank(&claimant[c]) <= rank(&owner[o]));
        const struct claim_fact *fact = take_c ? &claimant[c++] : &owner[o++];
        struct err ignored = {0};
        if (!fact->refused && !claim_step(ret, fact, &ignored))
            continue; /* lost against an event its author did not know: no effect */
    }
}

uint32_t claim_counted(const struct claim_view *view)
{
    if (view->state == CLAIM_AGREED || view->state == CLAIM_UNDER_WAY)
        return view->agreed;
    if (view->state == CLAIM_DELIVERED)
        return view->delivered < view->agreed ? view->delivered : view->agreed;
    return 0;
}
