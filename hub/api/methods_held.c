/* Sending that can be taken back (proto/maillon/api/v1/held.proto). */
#include "hub/api/held_run.h"
#include "hub/api/json.h"
#include "maillon/api/v1/held.pb-c.h"

static const char *const states[] = {
    [HELD_WAITING] = "waiting",
    [HELD_SENT] = "sent",
    [HELD_STOPPED] = "stopped",
    [HELD_DROPPED] = "dropped",
};

static Maillon__Api__V1__HeldSending *view(struct call *call, const struct held *held)
{
    Maillon__Api__V1__HeldSending *view =
        rpc_message(call, &maillon__api__v1__held_sending__descriptor);
    int64_t left_ms = held->due_ms - call->now.ms;
    view->id = rpc_text(call, held->token);
    view->what = rpc_text(call, held_word(held->method));
    view->state = rpc_text(call, states[held->state]);
    view->created = rpc_time(call, held->created_ms);
    view->onward = rpc_text(call, held->onward);
    if (held->state == HELD_WAITING) {
        view->due = rpc_time(call, held->due_ms);
        view->seconds_left = left_ms > 0 ? (uint32_t)((left_ms + 999) / 1000) : 0;
    }
    if (held->problem.code != ERR_NONE) {
        view->problem = rpc_text(call, held->problem.msg);
        view->problem_code = rpc_text(call, rpc_connect_code(held->problem.code));
    }
    return view;
}

static int64_t undo_ms(const struct call *call)
{
    int64_t seconds = call->env->config->undo_seconds;
    return (seconds < HELD_SECONDS_MAX ? seconds : HELD_SECONDS_MAX) * 1000;
}

static bool do_at_once(struct call *call, const Maillon__Api__V1__HoldRequest *request,
                       Maillon__Api__V1__HoldResponse *answer, struct err *err)
{
    AUTO(buf_done) struct buf json = {0};
    void *out;
    const char *id;
    if (!held_run(call, request->method, request->request, &out, &id, err))
        return false;
    json_write(out, &json);
    answer->answer = rpc_text(call, buf_text(&json));
    return true;
}

static bool hold_back(struct call *call, const Maillon__Api__V1__HoldRequest *request,
                      Maillon__Api__V1__HoldResponse *answer, struct err *err)
{
    const struct held_content content = {request->request, request->form, request->back,
                                         request->onward};
    struct held held;
    uint8_t hash[32];
    struct bytes session = {NULL, 0};
    if (!call->caller.local) {
        token_hash(call->caller.bearer, hash);
        session = bytes_of(hash, sizeof(hash));
    }
    if (!held_rehearse(call, request->method, request->request, err) ||
        !held_add(call->tx, call->caller.account, session, request->method, &content,
                  (struct wall){call->now.ms + undo_ms(call)}, &held, err))
        return false;
    answer->held = view(call, &held);
    return true;
}

static bool run_hold(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__HoldRequest *request = in;
    Maillon__Api__V1__HoldResponse *answer =
        rpc_message(call, &maillon__api__v1__hold_response__descriptor);
    if (!held_word(request->method))
        return err_set(err, ERR_UNSUPPORTED, "this method cannot be held");
    /* The operator on the machine has no account that could take it back. */
    bool at_once = undo_ms(call) == 0 || !call->caller.account;
    *out = answer;
    return at_once ? do_at_once(call, request, answer, err) : hold_back(call, request, answer, err);
}

static bool run_list(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct held *rows;
    size_t count;
    if (!held_list(call->store, call->arena, call->caller.account, call->caller.roles & ROLE_ADMIN,
                   &rows, &count, err))
        return false;
    Maillon__Api__V1__ListHeldResponse *answer =
        rpc_message(call, &maillon__api__v1__list_held_response__descriptor);
    answer->held = (Maillon__Api__V1__HeldSending **)rpc_array(call, count);
    for (; answer->n_held < count; answer->n_held++)
        answer->held[answer->n_held] = view(call, &rows[answer->n_held]);
    *out = answer;
    return true;
}

static bool find(struct call *call, const void *in, struct held *ret, struct err *err)
{
    const Maillon__Api__V1__HeldRequest *request = in;
    return held_get(call->store, call->arena, call->caller.account, request->id, ret, err);
}

static bool run_get(struct call *call, const void *in, void **out, struct err *err)
{
    struct held held;
    if (!find(call, in, &held, err))
        return false;
    *out = view(call, &held);
    return true;
}

static bool run_undo(struct call *call, const void *in, void **out, struct err *err)
{
    struct held held;
    struct held_content content;
    if (!find(call, in, &held, err) ||
        !held_open(call->store, call->arena, call->env->self, &held, &content, err) ||
        !held_undo(call->tx, &held, err))
        return false;
    Maillon__Api__V1__UndoHeldResponse *answer =
        rpc_message(call, &maillon__api__v1__undo_held_response__descriptor);
    answer->form = rpc_text(call, content.form);
    answer->back = rpc_text(call, content.back);
    if (held.problem.code != ERR_NONE) {
        answer->problem = rpc_text(call, held.problem.msg);
        answer->problem_code = rpc_text(call, rpc_connect_code(held.problem.code));
    }
    *out = answer;
    return true;
}

static bool run_send_now(struct call *call, const void *in, void **out, struct err *err)
{
    struct held held;
    if (!find(call, in, &held, err) || (held.state != HELD_SENT && !held_hurry(call, &held, err)))
        return false;
    return run_get(call, in, out, err);
}

#define SERVICE &maillon__api__v1__held__descriptor
const struct method methods_held[] = {
    {SERVICE, "Hold", ROLE_ANY, METHOD_WRITE, run_hold, NULL},
    {SERVICE, "List", ROLE_ANY, METHOD_READ, run_list, NULL},
    {SERVICE, "Get", ROLE_ANY, METHOD_READ, run_get, NULL},
    {SERVICE, "Undo", ROLE_ANY, METHOD_WRITE, run_undo, NULL},
    {SERVICE, "SendNow", ROLE_ANY, METHOD_WRITE, run_send_now, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
