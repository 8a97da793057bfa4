/* Keys of this hub (proto/maillon/api/v1/keys.proto). Root keys pass through the unix socket only,
 * are wiped as soon as they are read, and are neither stored nor logged. */
#include "hub/api/rpc.h"
#include "hub/crypto/secret.h"
#include "hub/domain/card.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/relation.h"
#include "maillon/api/v1/keys.pb-c.h"

#define SERVICE      &maillon__api__v1__keys__descriptor
#define SEALING_MAX  64
#define DOCUMENT_MAX 65536
#define KEY_SHOWN    8 /* bytes */

typedef Maillon__Api__V1__OwnKeys keys_message;

static const char *state_of(const struct kel *kel, struct wall now)
{
    uint64_t until_s;
    enum kel_age age = kel_age(kel, now, &until_s);
    if (kel->retired)
        return "retired";
    return age == KEL_FRESH ? "good" : age == KEL_STALE ? "stale" : "expired";
}

static void fill_sealing(struct call *call, keys_message *out)
{
    struct enc_key_info list[SEALING_MAX];
    size_t count = identity_enc_list(call->env->self, list, SEALING_MAX);
    out->sealing = (Maillon__Api__V1__SealingKey **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__SealingKey *key =
            rpc_message(call, &maillon__api__v1__sealing_key__descriptor);
        uint8_t id[ENC_KEY_ID_BYTES];
        char hex[2 * KEY_SHOWN + 1];
        seal_key_id(list[i].public_key, id);
        key->id = rpc_text(call, hex_encode(bytes_of(id, KEY_SHOWN), hex));
        key->accepted_until = rpc_time(call, list[i].until_s * 1000);
        key->destroyed = rpc_time(call, list[i].destroyed_s * 1000);
        out->sealing[out->n_sealing++] = key;
    }
}

static bool fill_warnings(struct call *call, keys_message *out, struct err *err)
{
    const char *warnings[OWN_KEYS_WARNINGS_MAX];
    size_t count;
    if (!own_keys_warnings(call->store, call->env->self, call->now, call->arena, warnings, &count,
                           err))
        return false;
    out->warning = (char **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        out->warning[out->n_warning++] = rpc_text(call, warnings[i]);
    return true;
}

static bool answer_keys(struct call *call, void **out, struct err *err)
{
    const struct kel *kel = identity_kel(call->env->self);
    const struct sign_public *op = sign_key_public(identity_op(call->env->self));
    const struct kel_op *delegation = kel_find_op(kel, op);
    char id[NODE_ID_TEXT], words[NODE_ID_WORDS], hex[2 * KEY_SHOWN + 1];
    keys_message *answer = rpc_message(call, &maillon__api__v1__own_keys__descriptor);
    answer->id = rpc_text(call, node_id_text(&kel->node, id));
    answer->words = rpc_text(call, node_id_words(&kel->node, words));
    answer->state = rpc_text(call, state_of(kel, call->now));
    answer->working_key = rpc_text(call, hex_encode(bytes_of(op->b, KEY_SHOWN), hex));
    if (delegation) {
        answer->working_since = rpc_time(call, (int64_t)delegation->from_s * 1000);
        answer->working_until = rpc_time(call, (int64_t)delegation->not_after_s * 1000);
    }
    answer->roots = (uint32_t)kel->root_count;
    answer->roots_needed = (uint32_t)kel->threshold;
    answer->next_roots = (uint32_t)kel->next_count;
    answer->next_needed = (uint32_t)kel->next_threshold;
    answer->events = (uint32_t)kel->seq;
    if (kel->has_successor)
        answer->successor = rpc_text(call, node_id_text(&kel->successor, id));
    fill_sealing(call, answer);
    *out = answer;
    return fill_warnings(call, answer, err);
}

static bool run_show(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return answer_keys(call, out, err);
}

/* ---- for everybody (R-DI-2) ---- */

static void add_base32(struct buf *out, const char *what, struct bytes bytes)
{
    buf_addf(out, "%s ", what);
    base32_encode(bytes, (char *)buf_reserve(out, BASE32_LEN(bytes.len) + 1));
    out->len += BASE32_LEN(bytes.len);
    buf_add_text(out, "\n");
}

static bool run_document(struct call *call, const void *in, void **out, struct err *err)
{
    char id[NODE_ID_TEXT];
    struct bytes entry;
    AUTO(buf_done) struct buf text = {0};
    size_t count;
    const struct bytes *events = identity_kel_events(call->env->self, &count);
    (void)in;
    if (!card_entry(call->store, call->arena, &entry, err))
        return false;
    buf_addf(&text, "maillon 1\nnode %s\n", node_id_text(identity_node(call->env->self), id));
    for (size_t i = 0; i < count; i++)
        add_base32(&text, "event", events[i]);
    if (entry.len)
        add_base32(&text, "entry", entry);
    if (text.len > DOCUMENT_MAX)
        return err_set(err, ERR_LIMIT, "the key log of this hub is too long for a document");
    Maillon__Api__V1__DocumentResponse *answer =
        rpc_message(call, &maillon__api__v1__document_response__descriptor);
    answer->text = rpc_text(call, buf_text(&text));
    *out = answer;
    return true;
}

/* ---- root keys ---- */

struct roots {
    struct sign_key *keys[SIGNED_SIGS_MAX];
    size_t count;
};

static void roots_done(struct roots *roots)
{
    for (size_t i = 0; i < roots->count; i++)
        sign_key_free(roots->keys[i]);
}

/* Reads the text of the sheets and wipes it, whatever comes of it. */
static bool read_roots(struct call *call, char **texts, size_t count, struct roots *ret,
                       struct err *err)
{
    bool ok = true;
    if (!call->caller.local)
        ok = err_set(err, ERR_DENIED, "root keys are taken over the unix socket only");
    else if (count == 0 || count > SIGNED_SIGS_MAX)
        ok = err_set(err, ERR_INVALID, "give the KEY of the recovery sheet, at most %d of them",
                     SIGNED_SIGS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct node_id seed; /* the text form is that of a node id */
        if (ok && !node_id_parse(texts[i], &seed))
            ok = err_set(err, ERR_INVALID,
                         "this KEY has a typing mistake: compare it with the sheet again");
        else if (ok)
            ret->keys[ret->count++] = sign_key_from_seed(seed.b);
        secret_wipe(texts[i], strlen(texts[i]));
        secret_wipe(&seed, sizeof(seed));
    }
    return ok;
}

static void sign_audit(struct call *call)
{
    call->tx->actor = call->caller.name[0] ? call->caller.name : NULL;
}

static bool run_rotate(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__RotateKeysRequest *request = in;
    struct roots roots = {0};
    sign_audit(call);
    bool done =
        read_roots(call, request->root_key, request->n_root_key, &roots, err) &&
        own_keys_rotate(call->tx, (const struct sign_key *const *)roots.keys, roots.count, err);
    roots_done(&roots);
    call->tx->actor = NULL;
    return done && answer_keys(call, out, err);
}

static bool run_revoke(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__RevokeKeysRequest *request = in;
    const struct own_keys_bound bound = {.since_s = request->since_s, .through = request->through};
    struct roots roots = {0};
    sign_audit(call);
    bool done = read_roots(call, request->root_key, request->n_root_key, &roots, err) &&
                own_keys_revoke_stolen(call->tx, (const struct sign_key *const *)roots.keys,
                                       roots.count, &bound, err);
    roots_done(&roots);
    call->tx->actor = NULL;
    return done && answer_keys(call, out, err);
}

static bool run_rotate_root(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__RotateRootRequest *request = in;
    const struct own_keys_bound bound = {.since_s = request->since_s};
    struct recovery_sheets sheets = {0};
    struct roots roots = {0};
    void *keys = NULL;
    sign_audit(call);
    bool done = read_roots(call, request->next_root_key, request->n_next_root_key, &roots, err) &&
                own_keys_rotate_root(call->tx, (const struct sign_key *const *)roots.keys,
                                     roots.count, request->stolen ? &bound : NULL, &sheets, err);
    roots_done(&roots);
    call->tx->actor = NULL;
    if (!done || !answer_keys(call, &keys, err))
        return false;
    Maillon__Api__V1__RotateRootResponse *answer =
        rpc_message(call, &maillon__api__v1__rotate_root_response__descriptor);
    answer->keys = keys;
    answer->root_sheet = rpc_text(call, sheets.root);
    answer->next_root_sheet = rpc_text(call, sheets.next_root);
    secret_wipe(&sheets, sizeof(sheets));
    *out = answer;
    return true;
}

/* A node id, or what names a peer here. */
static bool read_node(struct call *call, const char *text, struct node_id *ret, struct err *err)
{
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    if (node_id_parse(text, ret))
        return true;
    if (!relation_resolve(call->store, text, relation, err))
        return false;
    *ret = relation->node;
    return true;
}

static bool run_retire(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__RetireRequest *request = in;
    struct node_id successor;
    struct roots roots = {0};
    bool named = request->successor[0] != '\0';
    sign_audit(call);
    bool done = read_roots(call, request->root_key, request->n_root_key, &roots, err) &&
                (!named || read_node(call, request->successor, &successor, err)) &&
                own_keys_retire(call->tx, (const struct sign_key *const *)roots.keys, roots.count,
                                named ? &successor : NULL, err);
    roots_done(&roots);
    call->tx->actor = NULL;
    return done && answer_keys(call, out, err);
}

/* ---- about peers ---- */

static bool run_settle(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SettleRequest *request = in;
    struct node_id node;
    sign_audit(call);
    bool done = read_node(call, request->id, &node, err) && node_keys_settle(call->tx, &node, err);
    call->tx->actor = NULL;
    *out = rpc_message(call, &maillon__api__v1__settle_response__descriptor);
    return done;
}

static bool run_attest(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__AttestRequest *request = in;
    struct node_id lost, successor;
    sign_audit(call);
    bool done = read_node(call, request->lost, &lost, err) &&
                read_node(call, request->successor, &successor, err) &&
                succession_attest(call->tx, &lost, &successor, err);
    call->tx->actor = NULL;
    *out = rpc_message(call, &maillon__api__v1__attest_response__descriptor);
    return done;
}

const struct method methods_keys[] = {
    {SERVICE, "Show", ROLE_ADMIN, METHOD_READ, run_show, NULL},
    {SERVICE, "Rotate", ROLE_ADMIN, METHOD_WRITE, run_rotate, NULL},
    {SERVICE, "Revoke", ROLE_ADMIN, METHOD_WRITE, run_revoke, NULL},
    {SERVICE, "RotateRoot", ROLE_ADMIN, METHOD_WRITE, run_rotate_root, NULL},
    {SERVICE, "Retire", ROLE_ADMIN, METHOD_WRITE, run_retire, NULL},
    {SERVICE, "Document", ROLE_ADMIN, METHOD_READ, run_document, NULL},
    {SERVICE, "Settle", ROLE_ADMIN, METHOD_WRITE, run_settle, NULL},
    {SERVICE, "Attest", ROLE_ADMIN, METHOD_WRITE, run_attest, NULL},
    {.name = NULL},
};
