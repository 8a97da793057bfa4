#pragma once
/*
 * Unary calls without sockets: path -> method row -> role check -> lane -> answer. Connect protocol
 * semantics (proto/README.md "Client API"). Each method is one row and one function.
 */
#include "hub/config.h"
#include "hub/crypto/password.h"
#include "hub/domain/account.h"
#include "hub/exchange.h"

#define CALLER_ADDRESS 46 /* INET6_ADDRSTRLEN */

/**
 * Who calls. Value; copied into the call. The serve layer fills what the connection says (`bearer`,
 * or `local` with an optional `name`); the lane looks the rest up just before the role check.
 */
struct caller {
    int64_t account; /* 0: nobody, or the operator over the unix socket */
    char name[ACCOUNT_NAME_SIZE];
    unsigned roles;
    bool local;       /* over the unix socket, by a trusted uid; every role unless `name` is set */
    bool unprotected; /* a session of an account without second factor */
    bool by_token;    /* a program */
    int64_t signed_in_ms;         /* 0: no session */
    char bearer[TOKEN_TEXT];      /* session or token as presented; "": none */
    char address[CALLER_ADDRESS]; /* numeric, for limits; "": this machine */
};

/** What federation/ knows about a peer right now; handed in at start-up (lower layers do not
 * include it). */
struct live_peer {
    bool connected;
    bool we_dialled;
    int64_t next_attempt_ms; /* wall; 0: none */
    char last_error[160];
    int64_t dialled_ms, dial_failed_ms, incoming_ms, over_limit_ms, claimed_ms, marked_ms;
    double score;
};
struct live {
    bool (*peer)(void *ctx, const struct node_id *node, struct live_peer *ret); /* any thread */
    void (*retry)(void *ctx, const struct node_id *node); /* loop thread; NULL: all: dial now */
    void *ctx;
};

struct api_env { /* constant after start */
    const struct identity *self;
    const struct clock *clock;
    const struct random_source *random;
    struct counters *counters;
    const struct config *config;
    struct exchange *exchange;
    const struct executor *executor;
    struct store *reader; /* for LANE_READER only */
    struct live live;
    struct wall started;
};

/** One running call. METHOD_READ: LANE_READER, tx is NULL. METHOD_WRITE: in the exchange's group.
 */
struct call {
    const struct api_env *env;
    struct tx *tx;       /* METHOD_WRITE only */
    struct store *store; /* of the lane it runs on */
    struct arena *arena; /* request and answer live here */
    struct wall now;
    struct caller caller;
    struct guard *guard;          /* refused sign-ins */
    struct allowance *slip_tries; /* codes of slips that open nothing */
    void *work;                   /* METHOD_WORK: from lookup to prepare to run; arena */
    /** METHOD_WRITE, set by `run`: on the loop once the change is durable, before the answer. */
    void (*after)(struct call *call);
    /** METHOD_WRITE, set by `run` that has more to do: it runs again, in the next group, once this
     * part is durable; other changes pass in between. What it keeps is in `work`. */
    bool again;
    /** On the loop at the end of the call, however it ends. */
    void (*cleanup)(struct call *call);
};

enum method_mode {
    METHOD_READ,
    METHOD_WRITE,
    METHOD_WORK, /* slow and pure in between: see method_work */
};

/** What METHOD_WORK does before `run`, which then runs as METHOD_WRITE. Call.work carries results.
 */
struct method_work {
    /** On LANE_READER; may be NULL. */
    bool (*lookup)(struct call *call, void *in, struct err *err);
    /** On a worker, without a store; may change `in` (arena). */
    bool (*prepare)(struct call *call, void *in, struct err *err);
};

struct method {
    const ProtobufCServiceDescriptor *service;
    const char *name;
    unsigned roles; /* any of these may call; what is not listed is refused */
    enum method_mode mode;
    /** `in` is of the method's input type; *out is arena-allocated of its output type. */
    bool (*run)(struct call *call, const void *in, void **out, struct err *err);
    const struct method_work *work; /* METHOD_WORK only */
};

/* One table a service, ended by a row whose name is NULL (hub/api/methods_*.c). */
extern const struct method methods_audit[], methods_circles[], methods_relays[],
    methods_referrals[], methods_notices[], methods_directory[], methods_import[], methods_peers[],
    methods_accounts[], methods_figures[], methods_home[], methods_node[], methods_keys[],
    methods_recovery[], methods_gossip[], methods_held[], methods_slips[], methods_sign_in[];

enum encoding { ENCODING_JSON, ENCODING_PROTO };

struct reply { /* on the loop; bytes are borrowed for the callback */
    bool ok;
    struct err err;
    struct bytes body; /* ok: encoded answer; else the Connect error JSON */
    unsigned http_status;
    const char *content_type;
};
typedef void rpc_done(void *ctx, const struct reply *reply);

struct rpc;
NODISCARD struct rpc *rpc_create(const struct api_env *env);
void rpc_free(struct rpc *rpc);
AUTO_DEFINE(struct rpc, rpc_free)
/**
 * Starts a call; `done` comes later on the loop (never inside rpc_call), exactly once.
 * @param path  "/maillon.api.v1.Referrals/Send"; @param body  copied.
 */
void rpc_call(struct rpc *rpc, const char *path, enum encoding encoding, struct bytes body,
              const struct caller *caller, rpc_done *done, void *ctx);
/** True when `path` names a method row (to tell 404 from a call). */
bool rpc_knows(const struct rpc *rpc, const char *path);

/** Bytes that a request may have: files are larger than anything else. */
size_t rpc_body_max(const char *path);
/** The row at `path`, or NULL. */
const struct method *rpc_find(const struct rpc *rpc, const char *path);
/**
 * Fills account, name and roles from `bearer`, or from `local` and `name`. ERR_UNSIGNED: not signed
 * in (any more); ERR_UNKNOWN: no account of that name. Any store connection.
 * @param ret_renew  the session should be renewed (session_renew); may be NULL.
 */
NODISCARD bool caller_authenticate(struct store *store, struct caller *caller, struct wall now,
                                   bool *ret_renew, struct err *err);

/** Option require-second-factor: do accounts with these roles need one? */
bool second_factor_required(const struct config *config, unsigned roles);
/** Nothing is open to this caller, once authenticated, but methods of ROLE_UNPROTECTED. */
bool caller_must_protect(const struct caller *caller, const struct config *config);

/** Connect code and HTTP status of an error: "invalid_argument" 400 … */
const char *rpc_connect_code(enum err_code code);
unsigned rpc_http_status(enum err_code code);
/** Calls that were started and not answered yet. */
size_t rpc_running(const struct rpc *rpc);
/** {"code":…,"message":…} appended to `out`: the body of a failed call, also for refusals before
 * one. */
void rpc_error_body(const struct err *err, struct buf *out);

/* Helpers for methods: arena messages, and lists that protobuf-c can pack. */
/** Initialised message of `type` in the call's arena. */
void *rpc_message(struct call *call, const ProtobufCMessageDescriptor *type);
/** Arena pointer array for a repeated field. */
void **rpc_array(struct call *call, size_t count);
/** Borrowed "" for NULL, else an arena copy: protobuf-c strings are never NULL. */
char *rpc_text(struct call *call, const char *text);
/** ISO 8601 UTC; "" when ms is 0. */
char *rpc_time(struct call *call, int64_t wall_ms);
