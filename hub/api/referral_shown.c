#include "hub/api/referral_shown.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/receipts.h"
#include <stdlib.h>

#define SHOWN_MAX 512 /* more than a list has */

struct shown {
    struct action action; /* first member */
    size_t count;
    struct oid ids[];
};

/* What one call shows; Call.work. */
struct noted {
    size_t count;
    struct oid ids[SHOWN_MAX];
};

static bool shown_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct shown *shown = (struct shown *)(void *)action;
    return receipts_present(tx, shown->ids, shown->count, err);
}

static void shown_done(struct action *action, const struct err *err)
{
    if (err->code != ERR_NONE) /* it is told when it is shown again */
        log_line(LOG_WARN, "could not tell that referrals were shown code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    free(action);
}

static void tell(struct call *call)
{
    const struct noted *noted = call->work;
    struct shown *shown = mem_alloc(sizeof(*shown) + noted->count * sizeof(shown->ids[0]));
    shown->action = (struct action){.apply = shown_apply, .done = shown_done};
    shown->count = noted->count;
    memcpy(shown->ids, noted->ids, noted->count * sizeof(shown->ids[0]));
    exchange_submit(call->env->exchange, &shown->action);
}

void referral_shown(struct call *call, const struct referral *referral)
{
    if (referral->is_out || referral->is_presented || !referral->state.status ||
        !(call->caller.roles & ROLE_CASEWORKER))
        return;
    if (!call->work)
        call->work = arena_alloc(call->arena, sizeof(struct noted));
    struct noted *noted = call->work;
    if (noted->count == SHOWN_MAX)
        return;
    noted->ids[noted->count++] = referral->oid;
    call->after = tell;
}
