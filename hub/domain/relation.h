#pragma once
/*
 * Relations with peer hubs: both sides' decision, the four switches, keys, routes, invites
 * (R-DI-1, R-DI-4, F2). Owns tables `peer`, `peer_enc_key`, `invite`; keys are in node_keys.h. Who
 * is connected is not here but in federation/peers.
 */
#include "hub/crypto/kel.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/directory.pb-c.h"

enum decision { /* of one side; stored as text */
                DECISION_NONE,
                DECISION_WAITING, /* asked, a human has not answered */
                DECISION_ACCEPTED,
                DECISION_PAUSED,
                DECISION_BLOCKED, /* only ours; told to nobody */
                DECISION_REFUSED,
                DECISION_LEFT,
};
const char *decision_name(enum decision decision);

enum peer_switch {
    SWITCH_NOTICES_IN = 1 << 0,
    SWITCH_NOTICES_OUT = 1 << 1,
    SWITCH_ASK_AROUND = 1 << 2,
    SWITCH_REFERRALS = 1 << 3,
};
#define SWITCHES_AFTER_ACCEPT (SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT)
/** "notices-in" …; 0 when unknown. */
unsigned peer_switch_parse(const char *name);

enum provenance {                 /* why there is a relation (R-AB-2); stored as text */
                  PROVENANCE_OWN, /* a person here decided */
                  PROVENANCE_INVITE,
                  PROVENANCE_CIRCLE, /* provenance_id: the circle whose members accept each other */
                  PROVENANCE_INTRODUCED, /* provenance_id: the hub that introduced it */
};
const char *provenance_name(enum provenance provenance);
#define SUSPENSION_MS (30LL * 86400000) /* open referrals go on that long */

#define RELATION_NAME_MAX    160
#define RELATION_ROUTE_MAX   256
#define RELATION_COMMUNE_MAX 17
struct relation {
    int64_t id; /* local row */
    struct node_id node;
    char name[RELATION_NAME_MAX];
    char text[PEER_TEXT_MAX + 1];     /* greeting of their request */
    char greeting[PEER_TEXT_MAX + 1]; /* ours, for the request that we send */
    char phone[64];
    char commune[RELATION_COMMUNE_MAX]; /* of their directory entry */
    enum decision ours, theirs;
    unsigned switches;     /* peer_switch bits that hold now: none while suspended */
    unsigned switches_set; /* as the operator set them */
    enum provenance provenance;
    uint8_t provenance_id[NODE_ID_BYTES];
    struct wall suspended; /* ms 0: not */
    bool suspension_over;  /* its 30 days have passed: nothing goes on */
    bool has_join_circle;  /* the invite named a circle: ask to be taken in when we can */
    struct oid join_circle;
    bool local; /* loopback and private addresses allowed (R-DI-3) */
    bool tls_proxied;
    char routes[3][RELATION_ROUTE_MAX];
    size_t route_count;
    uint8_t invite[INVITE_BYTES]; /* secret we present when asking to join */
    bool has_invite;
    int64_t last_contact_ms;
    struct kel kel; /* seq 0: not seen yet */
    struct wall changed;
};

/** Mutual: both sides ACCEPTED, and not suspended for more than 30 days. */
bool relation_is_accepted(const struct relation *relation);
/** "requested", "waiting", "accepted", "suspended", "paused", "blocked", "left": what people see.
 */
const char *relation_state(const struct relation *relation);
/** Suspended, paused, blocked or left: less than everything passes, or nothing (R-AB-2, R-AB-4). */
bool relation_is_hindered(const struct relation *relation);

/* Reading: any connection. */
NODISCARD bool relation_find(struct store *store, const struct node_id *node, bool *ret_found,
                             struct relation *ret, struct err *err);
/** The number by which other tables know the peer; 0: no relation. */
NODISCARD bool relation_row_id(struct store *store, const struct node_id *node, int64_t *ret,
                               struct err *err);
/** Fills `relation->kel`, which nothing else here does: it verifies the whole log, 0.1 ms an event.
 */
NODISCARD bool relation_read_kel(struct store *store, struct relation *relation, struct err *err);
/** By node id text, unique prefix of it (>= 6), or unique name; ERR_UNKNOWN / ERR_INVALID
 * (ambiguous). */
NODISCARD bool relation_resolve(struct store *store, const char *text, struct relation *ret,
                                struct err *err);
/** Arena array of all relations, by name. */
NODISCARD bool relation_list(struct store *store, struct arena *arena, struct relation **ret,
                             size_t *ret_count, struct err *err);
/** The key to seal to now: newest of their directory entry. ERR_CONFLICT "… has not sent
 * its keys yet". */
NODISCARD bool relation_enc_key(struct store *store, const struct node_id *node, struct wall now,
                                uint8_t ret_key[X25519_KEY_BYTES], struct err *err);
/** Serialised Signed key events as received; arena copies. */
NODISCARD bool relation_kel_events(struct store *store, struct arena *arena,
                                   const struct node_id *node, struct bytes **ret,
                                   size_t *ret_count, struct err *err);

/* Our side's acts. Each writes an audit line, EFFECT_RELATION and a "peer" event. */
/** Makes an invite URI (R-DI-1): "maillon:1/NODE?r=ROUTE&e=EXPIRY#SECRET". Stores the hash of the
 * secret only. */
NODISCARD bool relation_invite(struct tx *tx, const char *const *routes, size_t route_count,
                               unsigned days, char ret_uri[INVITE_TEXT_MAX + 1],
                               struct wall *ret_expires, struct err *err);
/** The same with a circle that the joining hub then asks to be taken into; NULL: none. */
NODISCARD bool relation_invite_circle(struct tx *tx, const char *const *routes, size_t route_count,
                                      unsigned days, const struct oid *circle,
                                      char ret_uri[INVITE_TEXT_MAX + 1], struct wall *ret_expires,
                                      struct err *err);
/** Takes an invite: our decision is ACCEPTED, we will dial and ask. ERR_INVALID with what is wrong.
 */
NODISCARD bool relation_join(struct tx *tx, const char *uri, bool local, struct node_id *ret_node,
                             struct err *err);
/** ACCEPTED, PAUSED, BLOCKED, LEFT by the operator. First acceptance sets SWITCHES_AFTER_ACCEPT.
 * ERR_CONFLICT with the reason. */
NODISCARD bool relation_decide(struct tx *tx, const struct node_id *node, enum decision ours,
                               struct err *err);
/** Blocks nobody's past: is this author cut off here (R-AB-4)? Any connection. */
NODISCARD bool relation_is_blocked(struct store *store, const struct node_id *node, bool *ret,
                                   struct err *err);
/** A person here wants no notices of this hub, whoever brings them (R-AB-3). */
NODISCARD bool relation_is_muted(struct store *store, const struct node_id *node, bool *ret,
                                 struct err *err);
/**
 * Asks a hub that a peer introduced: our decision is ACCEPTED, we dial and ask (R-AB-3).
 * ERR_CONFLICT when it is blocked here or no address is known.
 */
NODISCARD bool relation_ask_introduced(struct tx *tx, const struct node_id *node, const char *name,
                                       const char *const *routes, size_t route_count,
                                       const struct node_id *source, struct err *err);
/** Looks at where the relation with `node` (review_all: every relation) comes from, and suspends it
 * when that has ended, or ends the suspension (R-AB-2). */
NODISCARD bool relation_review(struct tx *tx, const struct node_id *node, struct err *err);
NODISCARD bool relation_review_all(struct tx *tx, struct err *err);
/** Clock work: suspensions that are 30 days old; requests to circles that can go out now. */
NODISCARD bool relation_end_suspensions(struct tx *tx, struct err *err);
/** The invite named a circle: asks to be taken in, once both have accepted and keys are here. */
NODISCARD bool relation_ask_circle(struct tx *tx, const struct node_id *node, struct err *err);
/** The word of greeting that our request to join carries; ERR_INVALID over PEER_TEXT_MAX bytes. */
NODISCARD bool relation_set_greeting(struct tx *tx, const struct node_id *node, const char *text,
                                     struct err *err);
NODISCARD bool relation_set_switches(struct tx *tx, const struct node_id *node, unsigned mask,
                                     unsigned values, struct err *err);
/** May it be dialled at a loopback or private address? */
NODISCARD bool relation_set_local(struct tx *tx, const struct node_id *node, bool local,
                                  struct err *err);

/* What the other side's frames do. */
/** PEER_REQUEST: records it as WAITING for our human when `invite` is one of ours, unused and
 * unexpired, else refuses. */
NODISCARD bool relation_on_request(struct tx *tx, const struct node_id *node, const char *name,
                                   const char *text, struct bytes invite, const char *const *routes,
                                   size_t route_count, enum decision *ret_answer, struct err *err);
NODISCARD bool relation_on_answer(struct tx *tx, const struct node_id *node, const char *name,
                                  enum decision theirs, struct err *err);
/** New verified key events (suffix of their log). */
NODISCARD bool relation_add_kel(struct tx *tx, const struct node_id *node,
                                const struct bytes *events, size_t count, struct err *err);
/** Their directory entry changed: name, phone, routes, sealing keys. ERR_CONFLICT: not newer than
 * what we have. */
NODISCARD bool relation_set_entry(struct tx *tx, const struct node_id *node,
                                  const Maillon__Hfp__V1__DirectoryEntry *entry, struct err *err);
/** A key of theirs was stolen: the entry held here may be the thief's, so any version of theirs
 * replaces it. Not a peer: fine. */
NODISCARD bool relation_doubt_entry(struct tx *tx, const struct node_id *node, struct err *err);
NODISCARD bool relation_touch(struct tx *tx, const struct node_id *node, struct err *err);
