#include "hub/api/held_run.h"

#include "hub/api/json.h"
#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/domain/last_answer.h"
#include <assert.h>
#include <stdlib.h>

#define RETRY_MS 30000

static const struct {
    const char *method, *word;
    const struct method *table;
} holdable[] = {
    {"Referrals/Send", "referral", methods_referrals},
    {"Referrals/Act", "referral-act", methods_referrals},
    {"Notices/Post", "notice", methods_notices},
    {"Notices/Update", "notice-update", methods_notices},
    {"Notices/Withdraw", "notice-withdraw", methods_notices},
    {"Notices/Renew", "notice-renew", methods_notices},
    {"Notices/Claim", "claim", methods_notices},
    {"Notices/ActOnClaim", "claim-act", methods_notices},
};

const char *held_word(const char *method)
{
    for (size_t i = 0; i < ARRAY_LEN(holdable); i++)
        if (strcmp(holdable[i].method, method) == 0)
            return holdable[i].word;
    return NULL;
}

static const struct method *find_method(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(holdable); i++)
        for (const struct method *row = holdable[i].table; row->name; row++)
            if (strcmp(holdable[i].method, name) == 0 &&
                strcmp(strchr(name, '/') + 1, row->name) == 0)
                return row;
    return NULL;
}

/* ---- one of them ---- */

static const char *answer_id(const void *out)
{
    const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)out)->descriptor;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(type, "id");
    if (!field || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return "";
    return *(const char *const *)(const void *)((const char *)out + field->offset);
}

bool held_run(struct call *call, const char *method, const char *request, void **ret_out,
              const char **ret_id, struct err *err)
{
    const struct method *row = find_method(method);
    if (!row)
        return err_set(err, ERR_UNSUPPORTED, "this method cannot be held");
    assert(row->mode == METHOD_WRITE);
    if (!(call->caller.roles & row->roles))
        return err_set(err, ERR_DENIED, "this account's role does not allow it");
    const ProtobufCMethodDescriptor *descriptor =
        protobuf_c_service_descriptor_get_method_by_name(row->service, row->name);
    const void *in = json_read(descriptor->input, bytes_text(request), call->arena, err);
    if (!in || !row->run(call, in, ret_out, err))
        return false;
    assert(!call->again);
    *ret_id = answer_id(*ret_out);
    return true;
}

static bool take_back(struct call *call, size_t effects, struct err *err)
{
    if (!store_rewind(call->store, err))
        return false;
    call->tx->effects.count = effects;
    call->after = NULL;
    call->work = NULL;
    return true;
}

bool held_rehearse(struct call *call, const char *method, const char *request, struct err *err)
{
    size_t effects = call->tx->effects.count;
    void *out;
    const char *id;
    return held_run(call, method, request, &out, &id, err) && take_back(call, effects, err);
}

/* With the caller and the roles that `call` has. */
static bool send_held(struct call *call, const struct held *held, struct err *err)
{
    struct held_content content;
    void *out;
    const char *id;
    return held_open(call->store, call->arena, call->env->self, held, &content, err) &&
           held_run(call, held->method, content.request, &out, &id, err) &&
           held_sent(call->tx, held, &content, id, err);
}

bool held_hurry(struct call *call, const struct held *held, struct err *err)
{
    size_t effects = call->tx->effects.count;
    struct err why = {0};
    if (send_held(call, held, &why))
        return true;
    if (why.code == ERR_IO) {
        *err = why;
        return false;
    }
    return take_back(call, effects, err) && held_stopped(call->tx, held, &why, err);
}

/* ---- the clock ---- */

struct held_runner {
    struct api_env env;
    struct action action;
    bool running;
    struct mono next; /* nothing is due before */
    struct call call;
    struct held held; /* `method` and `onward` end with the group */
    bool found;       /* `held` is the one that is sent now */
    struct wall ret_next;
    struct err why;
};

/* The wall clock may be set while something waits: what is near is waited for by the other. */
static void look_by(struct held_runner *runner, int64_t wall_ms)
{
    const struct clock *clock = runner->env.clock;
    struct mono at = mono_after_ms(clock_mono(clock), wall_ms - clock_wall(clock).ms);
    runner->next = mono_min(runner->next, at);
}

static void heard(void *ctx, const struct effect *effects, size_t count)
{
    struct held_runner *runner = ctx;
    for (size_t i = 0; i < count; i++)
        if (effects[i].kind == EFFECT_HELD)
            look_by(runner, effects[i].number);
}

struct held_runner *held_runner_create(const struct api_env *env)
{
    struct held_runner *runner = mem_alloc(sizeof(*runner));
    runner->env = *env;
    exchange_listen(env->exchange, heard, runner);
    return runner;
}

void held_runner_free(struct held_runner *runner)
{
    free(runner);
}

/** Who sent it, with the roles of today. *ret_may false: this account sends nothing any more. */
static bool find_sender(struct call *call, const struct held *held, bool *ret_may, struct err *err)
{
    struct account account;
    struct err gone = {0};
    if (!account_get_by_id(call->store, held->account, &account, &gone)) {
        *ret_may = false;
        if (gone.code == ERR_UNKNOWN)
            return true;
        *err = gone;
        return false;
    }
    const struct method *row = find_method(held->method);
    call->caller = (struct caller){.account = account.id, .roles = account.roles};
    text_copy(call->caller.name, sizeof(call->caller.name), account.name);
    *ret_may = !account.disabled && row && (row->roles & account.roles);
    return true;
}

static bool send_one(struct call *call, const struct held *held, struct err *err)
{
    bool may;
    if (!find_sender(call, held, &may, err))
        return false;
    return may ? send_held(call, held, err) : held_dropped(call->tx, held, err);
}

static bool due_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct held_runner *runner = list_entry(action, struct held_runner, action);
    runner->found = false;
    runner->call = (struct call){
        .env = &runner->env, .tx = tx, .store = tx->store, .arena = tx->arena, .now = tx->now};
    if (!held_next(tx, &runner->found, &runner->held, &runner->ret_next, err))
        return false;
    return runner->found ? send_one(&runner->call, &runner->held, err)
                         : last_answer_forget(tx, err);
}

static bool note_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct held_runner *runner = list_entry(action, struct held_runner, action);
    return runner->why.code == ERR_IO ? held_put_off(tx, &runner->held, err)
                                      : held_stopped(tx, &runner->held, &runner->why, err);
}

static void look_again(struct held_runner *runner, int64_t after_ms)
{
    runner->running = false;
    runner->next = mono_after_ms(clock_mono(runner->env.clock), after_ms);
}

static void note_done(struct action *action, const struct err *err)
{
    struct held_runner *runner = list_entry(action, struct held_runner, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "what is held was not looked at code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    look_again(runner, err->code == ERR_NONE ? 0 : RETRY_MS);
}

/* A listener may have heard of an earlier one meanwhile. */
static void due_done(struct action *action, const struct err *err)
{
    struct held_runner *runner = list_entry(action, struct held_runner, action);
    if (err->code == ERR_NONE) {
        if (runner->call.after)
            runner->call.after(&runner->call);
        runner->running = false;
        if (runner->found)
            runner->next = (struct mono){0};
        else
            look_by(runner, runner->ret_next.ms);
        return;
    }
    if (!runner->found) {
        note_done(action, err);
        return;
    }
    runner->why = *err;
    log_line(LOG_NOTICE, "a held sending failed code=%s", err_code_name(err->code));
    runner->action = (struct action){.apply = note_apply, .done = note_done};
    exchange_submit(runner->env.exchange, &runner->action);
}

struct mono held_runner_tick(struct held_runner *runner, struct mono now)
{
    if (runner->running)
        return MONO_NEVER; /* asked again when it is done */
    if (now.us < runner->next.us)
        return runner->next;
    runner->running = true;
    runner->next = MONO_NEVER;
    runner->action = (struct action){.apply = due_apply, .done = due_done};
    exchange_submit(runner->env.exchange, &runner->action);
    return MONO_NEVER;
}
