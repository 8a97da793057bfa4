#pragma once
/*
 * Does what is held once it is due, each exactly once: the end of the row and what it does are one
 * change. As the account that sent it, with the rights it has by then.
 */
#include "hub/api/rpc.h"
#include "hub/domain/held.h"

/** The word for a method that may be held ("referral"), or NULL. */
const char *held_word(const char *method);
/**
 * Runs the method with `request` inside the call's transaction, as its caller. ERR_DENIED: not with
 * these roles; ERR_UNSUPPORTED: not one that may be held.
 * @param ret_out  its answer, in the call's arena
 * @param ret_id   the field "id" of the answer; ""
 */
NODISCARD bool held_run(struct call *call, const char *method, const char *request, void **ret_out,
                        const char **ret_id, struct err *err);
/** The same, and everything taken back: would it be done? */
NODISCARD bool held_rehearse(struct call *call, const char *method, const char *request,
                             struct err *err);
/** Sends it now; what cannot be done any more is stopped, as when its time has come. */
NODISCARD bool held_hurry(struct call *call, const struct held *held, struct err *err);

struct held_runner;
/** Listens to `env->exchange`; the caller frees it after the exchange. Loop thread. */
NODISCARD struct held_runner *held_runner_create(const struct api_env *env);
void held_runner_free(struct held_runner *runner); /* only when nothing runs; NULL is fine */
AUTO_DEFINE(struct held_runner, held_runner_free)
/** Does what is due; returns when to be called again. */
struct mono held_runner_tick(struct held_runner *runner, struct mono now);
