#pragma once
/*
 * Sending that waits some seconds, so that who pressed too early can take it back: the request as
 * the API gets it, and the form it came from, under a key of their own until they are sent or taken
 * back. Owns table `held`. What is done with a request is hub/api/held_run.h.
 */
#include "hub/crypto/password.h"
#include "hub/domain/tx.h"

#define HELD_FORM_MAX    65536 /* bytes of a request and of a form */
#define HELD_OPEN_MAX    50    /* waiting or stopped, of one account */
#define HELD_SECONDS_MAX 60
#define HELD_TOKEN_TEXT  33

enum held_state {               /* as stored */
                  HELD_WAITING, /* until it is due */
                  HELD_SENT,    /* nothing of its content is left */
                  HELD_STOPPED, /* it was due and could not be sent: as typed, until it is taken
                                   back */
                  HELD_DROPPED, /* its account may send no more: nothing of its content is left */
};

/** What is sealed. All borrowed or of an arena; UTF-8. */
struct held_content {
    const char *request; /* JSON of the method's request */
    const char *form;    /* whatever shows the form again */
    const char *back;    /* where that form is */
    const char *onward;  /* where to go once it is sent; "{id}" is the id of the answer */
};

struct held {
    int64_t id;
    char token[HELD_TOKEN_TEXT];
    int64_t account;
    const char *method;
    enum held_state state;
    int64_t created_ms, due_ms;
    const char *onward; /* sent */
    struct err problem; /* stopped */
};

/**
 * Keeps it until `due`. The same once more (account, method and request), while it waits: the same
 * row. ERR_LIMIT: HELD_OPEN_MAX, or too long.
 * @param session  token_hash() of what it was sent with; empty: the operator on the machine.
 */
NODISCARD bool held_add(struct tx *tx, int64_t account, struct bytes session, const char *method,
                        const struct held_content *content, struct wall due, struct held *ret,
                        struct err *err);
/** ERR_UNKNOWN: there is none, or not of this account. Texts live in the arena. Any connection. */
NODISCARD bool held_get(struct store *store, struct arena *arena, int64_t account,
                        const char *token, struct held *ret, struct err *err);
/** Waiting and stopped ones of an account, the oldest first; when asked, dropped ones of anybody
 * behind them. At most 2 * HELD_OPEN_MAX in all. */
NODISCARD bool held_list(struct store *store, struct arena *arena, int64_t account,
                         bool with_dropped, struct held **ret, size_t *ret_count, struct err *err);
/** The next that is due. *ret_next: when the clock must look again; it also clears what is over. */
NODISCARD bool held_next(struct tx *tx, bool *ret_found, struct held *ret, struct wall *ret_next,
                         struct err *err);
/** ERR_CONFLICT: it was sent already. */
NODISCARD bool held_open(struct store *store, struct arena *arena, const struct identity *self,
                         const struct held *held, struct held_content *ret, struct err *err);

/* In the transaction of what they tell. */
/** Sessions or tokens of the account were ended by somebody: what waits and came from none that is
 * still open is stopped. It may be a stranger's, and its author decides. */
NODISCARD bool held_stop_ended(struct tx *tx, int64_t account, struct err *err);
/** It is being sent: its content and key go. @param answer_id  fills "{id}" of `onward`. */
NODISCARD bool held_sent(struct tx *tx, const struct held *held, const struct held_content *content,
                         const char *answer_id, struct err *err);
NODISCARD bool held_stopped(struct tx *tx, const struct held *held, const struct err *why,
                            struct err *err);
/** Tried again a little later: the disk or the like stood in the way. */
NODISCARD bool held_put_off(struct tx *tx, const struct held *held, struct err *err);
NODISCARD bool held_dropped(struct tx *tx, const struct held *held, struct err *err);
/** Row and key go. ERR_CONFLICT: it was sent already. */
NODISCARD bool held_undo(struct tx *tx, const struct held *held, struct err *err);
