#include "federation/reconcile.h"

#include "federation/negentropy.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include <stdlib.h>

#define PAGE_ITEMS      4000 /* of the database at once: some milliseconds of the loop */
#define INTERVAL_MIN_MS 600000
#define INTERVAL_MAX_MS 7200000
#define ANSWERER_MS     60000 /* who was dialled waits for the dialler to start */
#define BUSY_MS         30000
#define RESUME_MS       5000 /* after a run that ended at its limit of rounds */
#define IDLE_MS         60000
#define SALTED_S        (7 * 86400)
#define NEEDS_PER_FRAME (RECON_FRAME_MAX / OID_BYTES)
#define NEEDS_MAX       (2 * RECON_ROUNDS_MAX) /* each round finds what fits into two frames */

#define STEP(name) MAILLON__HFP__V1__RECON_STEP__RECON_STEP_##name

struct salted { /* what a salted id stands for */
    struct oid id, oid;
};

/** One repair of one set with one peer. */
struct run {
    struct list in_reconcile;
    struct gossip_link *gl;
    struct oid scope;
    enum gossip_set set;
    uint32_t session;
    bool initiator, built, is_salted;
    struct negentropy *negentropy;
    struct gossip_item last; /* of the pages read so far */
    bool has_last;
    struct buf first;   /* answerer: the opening message, until the set is read */
    struct salted *map; /* salted pass: sorted by id when built */
    size_t map_count, map_cap;
    uint8_t salt[32];
    unsigned rounds, needs; /* frames */
    size_t found;
    struct mono deadline;
};

struct reconcile {
    struct list runs;
    unsigned running[2]; /* as answerer, as initiator */
    uint32_t next_session;
};

struct reconcile *reconcile_create(void)
{
    struct reconcile *reconcile = mem_alloc(sizeof *reconcile);
    list_init(&reconcile->runs);
    return reconcile;
}

static void run_free(struct reconcile *reconcile, struct run *run)
{
    list_remove(&run->in_reconcile);
    reconcile->running[run->initiator]--;
    negentropy_free(run->negentropy);
    buf_done(&run->first);
    free(run->map);
    free(run);
}

void reconcile_free(struct reconcile *reconcile)
{
    list_each_safe (item, next, &reconcile->runs)
        run_free(reconcile, list_entry(item, struct run, in_reconcile));
    free(reconcile);
}

void reconcile_end(struct gossip *gossip, struct gossip_link *gl)
{
    list_each_safe (item, next, &gossip->reconcile->runs) {
        struct run *run = list_entry(item, struct run, in_reconcile);
        if (run->gl == gl)
            run_free(gossip->reconcile, run);
    }
}

static struct run *run_create(struct gossip *gossip, struct gossip_link *gl,
                              const struct oid *scope, enum gossip_set set, bool initiator,
                              struct bytes salt)
{
    struct run *run = mem_alloc(sizeof *run);
    run->gl = gl;
    run->scope = *scope;
    run->set = set;
    run->initiator = initiator;
    run->negentropy = negentropy_create(RECON_FRAME_MAX);
    if (gossip->federation->config.fingerprint_bytes)
        negentropy_weaken(run->negentropy, gossip->federation->config.fingerprint_bytes);
    run->is_salted = salt.len == sizeof run->salt;
    if (run->is_salted)
        memcpy(run->salt, salt.data, sizeof run->salt);
    run->deadline = mono_after_ms(federation_now(gossip->federation), IDLE_MS);
    list_add_tail(&gossip->reconcile->runs, &run->in_reconcile);
    gossip->reconcile->running[initiator]++;
    federation_due(gossip->federation, federation_now(gossip->federation));
    return run;
}

/* ---- when ---- */

static struct gossip_schedule *schedule_of(struct gossip_scope *scope, enum gossip_set set)
{
    return &scope->repair[set - 1];
}

static void set_due(struct gossip *gossip, struct gossip_schedule *schedule, int64_t after_ms)
{
    schedule->due = mono_after_ms(federation_now(gossip->federation), after_ms);
    federation_due(gossip->federation, schedule->due);
}

/** Half of the neighbours' repairs would fall together otherwise. */
static int64_t spread(struct gossip *gossip, int64_t ms)
{
    return ms + (int64_t)random_below(gossip->federation->config.random, (uint64_t)ms / 4 + 1);
}

void reconcile_schedule(struct gossip *gossip, struct gossip_link *gl, struct gossip_scope *scope)
{
    const struct federation_config *config = &gossip->federation->config;
    for (unsigned set = GOSSIP_NOTICES; set <= GOSSIP_SETS; set++) {
        struct gossip_schedule *schedule = schedule_of(scope, (enum gossip_set)set);
        struct err err = {0};
        int64_t at_s = 0;
        schedule->interval_ms = INTERVAL_MIN_MS;
        if (!gossip_salted(config->reader, &gl->link->node, oid_bytes(&scope->scope),
                           (enum gossip_set)set, &at_s, &err))
            log_line(LOG_ERROR, "could not read repairs reason=\"%s\"", err.msg);
        schedule->salted_due = clock_wall(config->clock).ms / 1000 - at_s >= SALTED_S;
        set_due(gossip, schedule,
                gl->link->dialled ? spread(gossip, 200) : spread(gossip, ANSWERER_MS));
    }
}

void reconcile_soon(struct gossip *gossip, struct gossip_link *gl)
{
    struct mono soon = mono_after_ms(federation_now(gossip->federation), RESUME_MS);
    for (size_t i = 0; i < gl->scope_count; i++) {
        struct gossip_schedule *schedule = schedule_of(&gl->scopes[i], GOSSIP_NOTICES);
        if (schedule->due.us != MONO_NEVER.us && schedule->due.us > soon.us)
            set_due(gossip, schedule, RESUME_MS);
    }
}

/* A salted pass came to its end: remembered, so that it is weekly across sessions. */
struct salted_action {
    struct action action;
    struct federation *federation;
    struct node_id node;
    struct oid scope;
    enum gossip_set set;
};

static bool salted_apply(struct tx *tx, struct action *action, struct err *err)
{
    const struct salted_action *salted = list_entry(action, struct salted_action, action);
    return gossip_set_salted(tx, &salted->node, oid_bytes(&salted->scope), salted->set, err);
}

static void salted_done(struct action *action, const struct err *err)
{
    struct salted_action *salted = list_entry(action, struct salted_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not remember a repair reason=\"%s\"", err->msg);
    salted->federation->busy--;
    free(salted);
}

static void remember_salted(struct gossip *gossip, const struct run *run)
{
    struct salted_action *salted = mem_alloc(sizeof *salted);
    salted->action = (struct action){.apply = salted_apply, .done = salted_done};
    salted->federation = gossip->federation;
    salted->node = run->gl->link->node;
    salted->scope = run->scope;
    salted->set = run->set;
    gossip->federation->busy++;
    exchange_submit(gossip->federation->config.exchange, &salted->action);
}

enum run_end {
    RUN_COMPLETE,
    RUN_CUT,  /* at its limit of rounds */
    RUN_LOST, /* no answer, or a failure of ours */
};

/** The initiator's run is over: when to look again follows from what it found. */
static void finish(struct gossip *gossip, struct run *run, enum run_end how)
{
    struct gossip_scope *scope = gossip_find_scope(run->gl, &run->scope);
    if (scope) {
        struct gossip_schedule *schedule = schedule_of(scope, run->set);
        if (how == RUN_COMPLETE && run->is_salted) {
            schedule->salted_due = false;
            remember_salted(gossip, run);
        }
        schedule->plain_done |= how == RUN_COMPLETE && !run->is_salted;
        if (run->found || how != RUN_COMPLETE)
            schedule->interval_ms = INTERVAL_MIN_MS;
        else if (schedule->interval_ms < INTERVAL_MAX_MS)
            schedule->interval_ms *= 2;
        if (schedule->interval_ms > INTERVAL_MAX_MS)
            schedule->interval_ms = INTERVAL_MAX_MS;
        set_due(gossip, schedule,
                how == RUN_CUT ? RESUME_MS : spread(gossip, schedule->interval_ms));
    }
    run_free(gossip->reconcile, run);
}

/* ---- frames out ---- */

static void send(struct run *run, Maillon__Hfp__V1__ReconStep step, struct bytes bytes)
{
    struct gossip_scope *scope = gossip_find_scope(run->gl, &run->scope);
    Maillon__Hfp__V1__Recon recon = MAILLON__HFP__V1__RECON__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    if (!scope)
        return;
    recon.scope_tag = wire_data(bytes_of(scope->tag, sizeof scope->tag));
    recon.set = (Maillon__Hfp__V1__ReconSet)run->set;
    recon.session = run->session;
    recon.step = step;
    recon.frame = wire_data(bytes);
    if (run->is_salted && step == STEP(OPEN))
        recon.salt = wire_data(bytes_of(run->salt, sizeof run->salt));
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RECON;
    frame.recon = &recon;
    link_send(run->gl->link, 2, &frame);
}

/* ---- the set, page by page ---- */

static int compare_salted(const void *left, const void *right)
{
    return memcmp(((const struct salted *)left)->id.b, ((const struct salted *)right)->id.b,
                  OID_BYTES);
}

static const struct oid *find_salted(const struct run *run, const struct oid *id)
{
    const struct salted key = {.id = *id};
    const struct salted *found =
        run->map_count ? bsearch(&key, run->map, run->map_count, sizeof *run->map, compare_salted)
                       : NULL;
    return found ? &found->oid : NULL;
}

static void add_item(struct run *run, const struct gossip_item *item)
{
    struct salted salted = {.oid = item->oid};
    if (!run->is_salted) {
        negentropy_add(run->negentropy, item->created_s, &item->oid);
        return;
    }
    digest_sha256_parts(
        (const struct bytes[]){bytes_of(run->salt, sizeof run->salt), oid_bytes(&item->oid)}, 2,
        salted.id.b);
    negentropy_add(run->negentropy, item->created_s, &salted.id);
    if (run->map_count == run->map_cap) {
        run->map_cap = run->map_cap ? 2 * run->map_cap : 256;
        run->map = mem_grow(run->map, run->map_cap * sizeof *run->map);
    }
    run->map[run->map_count++] = salted;
}

/** One page; *ret_done when the set is complete. False: the run is over. */
static bool read_page(struct gossip *gossip, struct run *run, bool *ret_done, struct err *err)
{
    struct gossip_item *items;
    size_t count;
    arena_reset(gossip->arena);
    if (!gossip_read_set(gossip->federation->config.reader, gossip->arena, oid_bytes(&run->scope),
                         run->set, clock_wall(gossip->federation->config.clock),
                         run->has_last ? &run->last : NULL, PAGE_ITEMS, &items, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        add_item(run, &items[i]);
    if (count) {
        run->last = items[count - 1];
        run->has_last = true;
    }
    *ret_done = count < PAGE_ITEMS || negentropy_size(run->negentropy) >= GOSSIP_SET_MAX;
    if (*ret_done && run->map_count)
        qsort(run->map, run->map_count, sizeof *run->map, compare_salted);
    return !*ret_done || negentropy_seal(run->negentropy, err);
}

static bool answer(struct run *run, struct bytes message, struct err *err)
{
    AUTO(buf_done) struct buf out = {0};
    bool done;
    if (!negentropy_reconcile(run->negentropy, message, &out, NULL, &done, err))
        return false;
    send(run, STEP(ANSWER), buf_bytes(&out));
    return true;
}

/** Reads on, or begins to speak once all is read. */
static void build(struct gossip *gossip, struct run *run)
{
    struct err err = {0};
    bool done = false;
    if (!read_page(gossip, run, &done, &err)) {
        log_line(LOG_ERROR, "could not read a set to repair reason=\"%s\"", err.msg);
        if (run->initiator)
            finish(gossip, run, RUN_LOST);
        else
            run_free(gossip->reconcile, run);
        return;
    }
    if (!done)
        return;
    run->built = true;
    if (run->initiator) {
        AUTO(buf_done) struct buf out = {0};
        negentropy_initiate(run->negentropy, &out);
        send(run, STEP(OPEN), buf_bytes(&out));
        return;
    }
    if (answer(run, buf_bytes(&run->first), &err)) {
        buf_done(&run->first);
        run->first = (struct buf){0};
        return;
    }
    struct link *link = run->gl->link;
    run_free(gossip->reconcile, run);
    link_violation(link, &err);
}

/* ---- what a round brought ---- */

static void use_found(struct gossip *gossip, struct run *run, const struct negentropy_found *found)
{
    struct gossip_scope *scope = gossip_find_scope(run->gl, &run->scope);
    run->found += (found->have.len + found->need.len) / OID_BYTES;
    for (size_t at = 0; scope && at < found->have.len; at += OID_BYTES) {
        struct oid id;
        memcpy(id.b, found->have.data + at, OID_BYTES);
        const struct oid *oid = run->is_salted ? find_salted(run, &id) : &id;
        if (oid && gossip_may_pass(run->gl, run->set, true))
            gossip_offer(run->gl, scope, oid);
    }
    if (run->is_salted) { /* only the other side knows what these stand for */
        for (size_t at = 0; at < found->need.len; at += NEEDS_PER_FRAME * OID_BYTES) {
            size_t len = found->need.len - at;
            len = len < NEEDS_PER_FRAME * OID_BYTES ? len : NEEDS_PER_FRAME * OID_BYTES;
            send(run, STEP(NEED), bytes_of(found->need.data + at, len));
        }
        return;
    }
    for (size_t at = 0; at < found->need.len; at += OID_BYTES) {
        struct oid oid;
        memcpy(oid.b, found->need.data + at, OID_BYTES);
        gossip_need(gossip, run->gl, &oid);
    }
    gossip_pump(gossip, run->gl);
}

static bool on_answer(struct gossip *gossip, struct run *run, struct bytes message, struct err *err)
{
    AUTO(buf_done) struct buf out = {0};
    struct negentropy_found found = {0};
    bool done = false;
    if (!run->built)
        return err_set(err, ERR_PEER, "a repair is answered before it began");
    if (!negentropy_reconcile(run->negentropy, message, &out, &found, &done, err)) {
        negentropy_found_done(&found);
        return false;
    }
    use_found(gossip, run, &found);
    negentropy_found_done(&found);
    run->rounds++;
    if (!done && run->rounds < RECON_ROUNDS_MAX) {
        send(run, STEP(NEXT), buf_bytes(&out));
        return true;
    }
    send(run, STEP(DONE), (struct bytes){0});
    finish(gossip, run, done ? RUN_COMPLETE : RUN_CUT);
    return true;
}

/* ---- frames in ---- */

static struct run *find_run(struct gossip *gossip, const struct gossip_link *gl, bool initiator,
                            uint32_t session)
{
    list_each (item, &gossip->reconcile->runs) {
        struct run *run = list_entry(item, struct run, in_reconcile);
        if (run->gl == gl && run->initiator == initiator && run->session == session)
            return run;
    }
    return NULL;
}

static void say_busy(struct gossip_link *gl, const struct gossip_scope *scope,
                     const Maillon__Hfp__V1__Recon *recon)
{
    struct run refused = {.gl = gl,
                          .scope = scope->scope,
                          .set = (enum gossip_set)recon->set,
                          .session = recon->session};
    send(&refused, STEP(BUSY), (struct bytes){0});
}

static size_t count_answered(struct gossip *gossip, const struct gossip_link *gl)
{
    size_t count = 0;
    list_each (item, &gossip->reconcile->runs) {
        const struct run *run = list_entry(item, struct run, in_reconcile);
        count += run->gl == gl && !run->initiator;
    }
    return count;
}

static bool on_open(struct gossip *gossip, struct gossip_link *gl, const struct gossip_scope *scope,
                    const Maillon__Hfp__V1__Recon *recon, struct err *err)
{
    if (recon->salt.len != 0 && recon->salt.len != 32)
        return err_set(err, ERR_PEER, "a repair with a malformed salt");
    if (find_run(gossip, gl, false, recon->session))
        return err_set(err, ERR_PEER, "a repair begins twice");
    if (gossip->reconcile->running[0] >= RECON_AT_ONCE ||
        count_answered(gossip, gl) >= RECON_AT_ONCE / 2 || /* the others get a turn too */
        !gossip_may_pass(gl, (enum gossip_set)recon->set, true)) {
        say_busy(gl, scope, recon);
        return true;
    }
    struct run *run = run_create(gossip, gl, &scope->scope, (enum gossip_set)recon->set, false,
                                 wire_bytes(recon->salt));
    run->session = recon->session;
    buf_add_bytes(&run->first, wire_bytes(recon->frame));
    return true;
}

/** The salted ids that the initiator lacks: told by their true names. */
static bool on_need(struct run *run, struct gossip_scope *scope, struct bytes ids, struct err *err)
{
    if (!run->is_salted || !run->built || ids.len % OID_BYTES || ++run->needs > NEEDS_MAX)
        return err_set(err, ERR_PEER, "a repair asks out of place");
    for (size_t at = 0; at < ids.len; at += OID_BYTES) {
        struct oid id;
        memcpy(id.b, ids.data + at, OID_BYTES);
        const struct oid *oid = find_salted(run, &id);
        if (oid && gossip_may_pass(run->gl, run->set, true))
            gossip_offer(run->gl, scope, oid);
    }
    return true;
}

static bool on_next(struct run *run, struct bytes message, struct err *err)
{
    if (!run->built || ++run->rounds >= RECON_ROUNDS_MAX)
        return err_set(err, ERR_PEER, "a repair of more than %d rounds", RECON_ROUNDS_MAX);
    return answer(run, message, err);
}

static void on_busy(struct gossip *gossip, struct run *run)
{
    struct gossip_scope *scope = gossip_find_scope(run->gl, &run->scope);
    if (scope)
        set_due(gossip, schedule_of(scope, run->set), spread(gossip, BUSY_MS));
    run_free(gossip->reconcile, run);
}

bool reconcile_on_frame(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    const Maillon__Hfp__V1__Recon *recon = frame->recon;
    struct bytes message = wire_bytes(recon->frame);
    if (message.len > RECON_FRAME_MAX)
        return err_set(err, ERR_PEER, "a repair frame of %zu bytes", message.len);
    if (recon->set < 1)
        return err_set(err, ERR_PEER, "a repair of no set");
    if (recon->set > GOSSIP_SETS) /* of a later version (R-VE-2) */
        return true;
    struct gossip_scope *scope = gl ? gossip_find_tag(gl, wire_bytes(recon->scope_tag)) : NULL;
    if (!scope) /* one of us left the circle a moment ago, or the other does not know it (R-NO-8) */
        return true;
    bool to_initiator = recon->step == STEP(ANSWER) || recon->step == STEP(BUSY);
    struct run *run = find_run(gossip, gl, to_initiator, recon->session);
    if (recon->step == STEP(OPEN))
        return on_open(gossip, gl, scope, recon, err);
    if (!run || !oid_equal(&run->scope, &scope->scope)) /* it took too long and was given up */
        return true;
    run->deadline = mono_after_ms(federation_now(gossip->federation), IDLE_MS);
    if (recon->step == STEP(ANSWER))
        return on_answer(gossip, run, message, err);
    if (recon->step == STEP(NEXT))
        return on_next(run, message, err);
    if (recon->step == STEP(NEED))
        return on_need(run, scope, message, err);
    if (recon->step == STEP(BUSY))
        on_busy(gossip, run);
    else if (recon->step == STEP(DONE))
        run_free(gossip->reconcile, run);
    return true;
}

/* ---- time ---- */

static void start(struct gossip *gossip, struct gossip_link *gl, struct gossip_scope *scope,
                  enum gossip_set set)
{
    struct gossip_schedule *schedule = schedule_of(scope, set);
    uint8_t salt[32];
    random_fill(gossip->federation->config.random, salt, sizeof salt);
    bool is_salted = schedule->salted_due && schedule->plain_done;
    struct run *run = run_create(gossip, gl, &scope->scope, set, true,
                                 bytes_of(salt, is_salted ? sizeof salt : 0));
    run->session = ++gossip->reconcile->next_session;
    schedule->due = MONO_NEVER;
}

static struct mono start_due(struct gossip *gossip, struct gossip_link *gl, struct mono now)
{
    struct mono due = MONO_NEVER;
    for (size_t i = 0; i < gl->scope_count; i++) {
        for (unsigned set = GOSSIP_NOTICES; set <= GOSSIP_SETS; set++) {
            struct gossip_schedule *schedule = schedule_of(&gl->scopes[i], (enum gossip_set)set);
            if (now.us < schedule->due.us) {
                due = mono_min(due, schedule->due);
                continue;
            }
            if (gl->need.len || !gossip_may_pass(gl, (enum gossip_set)set, false) ||
                gossip->reconcile->running[1] >= RECON_AT_ONCE) {
                due = mono_min(due, mono_after_ms(now, 1000));
                continue;
            }
            start(gossip, gl, &gl->scopes[i], (enum gossip_set)set);
        }
    }
    return due;
}

struct mono reconcile_tick(struct gossip *gossip, struct mono now)
{
    struct mono due = MONO_NEVER;
    list_each (item, &gossip->links) {
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        if (gl->link->phase == LINK_UP && gl->link->trafficking && gl->link->peer)
            due = mono_min(due, start_due(gossip, gl, now));
    }
    list_each_safe (item, next, &gossip->reconcile->runs) {
        struct run *run = list_entry(item, struct run, in_reconcile);
        if (now.us >= run->deadline.us) {
            if (run->initiator)
                finish(gossip, run, RUN_LOST);
            else
                run_free(gossip->reconcile, run);
        } else if (!run->built) {
            due = mono_min(due, now);
            build(gossip, run);
            break; /* one page a turn of the loop */
        } else {
            due = mono_min(due, run->deadline);
        }
    }
    return due;
}
