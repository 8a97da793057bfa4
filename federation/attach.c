#include "federation/attach.h"

#include "federation/federation_internal.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include <stdlib.h>

#define ASK_PARTS     32      /* at once: 1 MiB is all that can wait for the disk here */
#define LOOK_MS       3600000 /* what waited for room may have it now */
#define FAILED_MS     60000   /* a full disk */
#define READ_FAILED_S 60
#define BACKLOG_MAX   65536 /* control frames go first */
/* Parts asked for before the relation was closed and opened again. */
#define STRAYS_MAX PARTS_WANTED_MAX

struct want {
    struct oid event;
    uint32_t position, part;
};

/** Of one session. */
struct attach {
    /* what the peer asked for */
    struct want *wants; /* ring of PARTS_WANTED_MAX, only while something is in it */
    unsigned want_first, want_count;
    /* what was asked of the peer */
    struct oid event;
    uint32_t position;
    uint32_t asked[ASK_PARTS];
    unsigned asked_count, storing, strays;
    struct mono next; /* look for more then */
};

struct store_action {
    struct action action;
    struct federation *federation;
    uint64_t link;
    struct node_id peer;
    struct want what;
    bool gone;
    size_t len;
    uint8_t bytes[];
};

static struct attach *attach_of(const struct link *link)
{
    return link->features_state[FEATURE_ATTACH];
}

static void look(struct link *link, struct mono at)
{
    attach_of(link)->next = at;
    federation_due(link->federation, at);
}

/* ---- what we have: parts on their way out ---- */

static bool on_wanted(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__PartsWanted *wanted = frame->parts_wanted;
    struct attach *attach = attach_of(link);
    struct want want = {.position = wanted->position};
    if (!oid_from(wire_bytes(wanted->event), &want.event))
        return err_set(err, ERR_PEER, "parts of an attachment wanted without its event");
    if (!wanted->n_part || wanted->n_part > PARTS_WANTED_MAX)
        return err_set(err, ERR_PEER, "%zu parts wanted", wanted->n_part);
    if (!attach) /* before their STATE: they ask again after it */
        return true;
    if (attach->want_count + wanted->n_part > PARTS_WANTED_MAX)
        return err_set(err, ERR_PEER, "more than %d parts wanted at a time", PARTS_WANTED_MAX);
    if (!attach->wants)
        attach->wants = mem_alloc(PARTS_WANTED_MAX * sizeof *attach->wants);
    for (size_t i = 0; i < wanted->n_part; i++) {
        want.part = wanted->part[i];
        attach->wants[(attach->want_first + attach->want_count++) % PARTS_WANTED_MAX] = want;
    }
    link_wake(link);
    return true;
}

static void pack_parts(Maillon__Hfp__V1__Parts *parts, const struct want *want, struct buf *out)
{
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    parts->event = wire_data(oid_bytes(&want->event));
    parts->position = want->position;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PARTS;
    frame.parts = parts;
    wire_pack(&frame, out);
}

/** A part of our own attachment; *ret_here false: this peer gets nothing more of it. */
static bool read_part(struct link *link, const struct want *want, bool *ret_here, struct bytes *ret,
                      struct err *err)
{
    struct federation *federation = link->federation;
    struct store *reader = federation->config.reader;
    struct attachment attachment;
    bool found;
    *ret_here = false;
    arena_reset(federation->arena);
    if (!attachment_find(reader, federation->arena, &want->event, want->position, &link->node,
                         &found, &attachment, err))
        return false;
    if (!found || !attachment.is_ours || attachment.state != ATTACHMENT_WHOLE ||
        want->part >= attachment.parts)
        return true;
    return attachment_part(reader, federation->arena, &attachment, want->part, ret_here, ret, err);
}

static struct want take_want(struct attach *attach)
{
    struct want want = attach->wants[attach->want_first];
    attach->want_first = (attach->want_first + 1) % PARTS_WANTED_MAX;
    attach->want_count--;
    return want;
}

/* The rest that is wanted of something that is not here. */
static void drop_wants(struct attach *attach, const struct want *gone)
{
    for (unsigned left = attach->want_count; left > 0; left--) {
        struct want want = take_want(attach);
        if (want.position == gone->position && oid_equal(&want.event, &gone->event))
            continue;
        attach->wants[(attach->want_first + attach->want_count++) % PARTS_WANTED_MAX] = want;
    }
}

static bool take(struct link *link, struct buf *out)
{
    struct attach *attach = attach_of(link);
    struct bytes bytes;
    struct err err = {0};
    bool here;
    if (!attach || !attach->want_count || link_backlog(link) > BACKLOG_MAX)
        return false;
    Maillon__Hfp__V1__Parts parts = MAILLON__HFP__V1__PARTS__INIT;
    struct want want = take_want(attach);
    if (!read_part(link, &want, &here, &bytes, &err)) { /* not gone: they ask again later */
        log_line(LOG_ERROR, "could not read what is attached reason=\"%s\"", err.msg);
        link_bye(link, 4, READ_FAILED_S, LINK_CLOSE_TRY_LATER);
        return false;
    }
    if (here) {
        parts.part = want.part;
        parts.bytes = wire_data(bytes);
    } else {
        parts.gone = true;
        drop_wants(attach, &want);
    }
    pack_parts(&parts, &want, out);
    if (!attach->want_count) {
        free(attach->wants); /* idle links keep no queue */
        attach->wants = NULL;
        attach->want_first = 0;
    }
    return true;
}

/* ---- what we want: parts on their way in ---- */

static void ask(struct link *link)
{
    struct federation *federation = link->federation;
    struct attach *attach = attach_of(link);
    struct attachment attachment;
    struct err err = {0};
    bool found;
    size_t count = 0;
    arena_reset(federation->arena);
    attach->next = mono_after_ms(federation_now(federation), LOOK_MS);
    if (!attachment_wanted(federation->config.reader, federation->arena, &link->node, &found,
                           &attachment, &err) ||
        (found && !attachment_missing(federation->config.reader, &attachment, attach->asked,
                                      ASK_PARTS, &count, &err))) {
        log_line(LOG_ERROR, "could not find what is to be fetched reason=\"%s\"", err.msg);
        return;
    }
    if (!found || !count)
        return;
    attach->event = attachment.event;
    attach->position = attachment.position;
    attach->asked_count = (unsigned)count;
    Maillon__Hfp__V1__PartsWanted wanted = MAILLON__HFP__V1__PARTS_WANTED__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    wanted.event = wire_data(oid_bytes(&attach->event));
    wanted.position = attach->position;
    wanted.part = attach->asked;
    wanted.n_part = count;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PARTS_WANTED;
    frame.parts_wanted = &wanted;
    link_send(link, 0, &frame);
}

static bool store_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct store_action *store = list_entry(action, struct store_action, action);
    const struct want *what = &store->what;
    return store->gone ? attachment_lost(tx, &store->peer, &what->event, what->position, err)
                       : attachment_store(tx, &store->peer, &what->event, what->position,
                                          what->part, bytes_of(store->bytes, store->len), err);
}

static void store_done(struct action *action, const struct err *err)
{
    struct store_action *store = list_entry(action, struct store_action, action);
    struct link *link = federation_find_link(store->federation, store->link);
    struct attach *attach = link ? attach_of(link) : NULL;
    store->federation->busy--;
    if (err->code != ERR_NONE && err->code != ERR_PEER)
        log_line(LOG_WARN, "could not keep what is attached code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    if (attach && attach->storing > 0) { /* 0: the session began anew meanwhile */
        attach->storing--;
        struct mono now = federation_now(link->federation);
        if (err->code == ERR_PEER)
            link_violation(link, err);
        else if (!attach->storing && !attach->asked_count)
            look(link, err->code == ERR_NONE ? now : mono_after_ms(now, FAILED_MS));
    }
    free(store);
}

static void keep(struct link *link, const Maillon__Hfp__V1__Parts *parts)
{
    struct store_action *store = mem_alloc(sizeof *store + parts->bytes.len);
    store->action =
        (struct action){.apply = store_apply, .done = store_done, .weight = parts->bytes.len};
    store->federation = link->federation;
    store->link = link->id;
    store->peer = link->node;
    store->what = (struct want){attach_of(link)->event, parts->position, parts->part};
    store->gone = parts->gone;
    store->len = parts->bytes.len;
    if (store->len)
        memcpy(store->bytes, parts->bytes.data, store->len);
    attach_of(link)->storing++;
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &store->action);
}

/** Takes the part off the list of what was asked; false: it is not on it. */
static bool was_asked(struct attach *attach, const Maillon__Hfp__V1__Parts *parts)
{
    struct oid event;
    if (!oid_from(wire_bytes(parts->event), &event) || !attach->asked_count ||
        !oid_equal(&event, &attach->event) || parts->position != attach->position)
        return false;
    if (parts->gone) {
        attach->asked_count = 0;
        return true;
    }
    for (unsigned i = 0; i < attach->asked_count; i++) {
        if (attach->asked[i] != parts->part)
            continue;
        attach->asked[i] = attach->asked[--attach->asked_count];
        return true;
    }
    return false;
}

static bool on_parts(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Parts *parts = frame->parts;
    struct attach *attach = attach_of(link);
    if (parts->bytes.len > ATTACHMENT_PART_BYTES + PART_TAG_BYTES ||
        (parts->gone && parts->bytes.len))
        return err_set(err, ERR_PEER, "a malformed part of an attachment");
    if (!attach)
        return true;
    if (was_asked(attach, parts))
        keep(link, parts);
    else if (++attach->strays > STRAYS_MAX)
        return err_set(err, ERR_PEER, "parts of attachments that nobody asked for");
    return true;
}

/* ---- life of a session ---- */

static void end(struct link *link)
{
    struct attach *attach = attach_of(link);
    if (attach)
        free(attach->wants);
    free(attach);
    link->features_state[FEATURE_ATTACH] = NULL;
}

static void begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    (void)state;
    if (!feature_on(link, FEATURE_ATTACH) || attach_of(link))
        return;
    link->features_state[FEATURE_ATTACH] = mem_alloc(sizeof(struct attach));
    look(link, federation_now(link->federation));
}

static bool is_idle(const struct attach *attach)
{
    return !attach->asked_count && !attach->storing;
}

static void committed(struct federation *federation, const struct effect *effects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (effects[i].kind != EFFECT_ATTACHMENT)
            continue;
        struct peer *peer = peers_find(federation, &effects[i].node);
        if (peer && peer->link && attach_of(peer->link))
            look(peer->link, federation_now(federation));
    }
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct mono next = MONO_NEVER;
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        struct attach *attach = attach_of(link);
        if (!attach || !is_idle(attach) || link->phase != LINK_UP || !link->trafficking ||
            federation->silent)
            continue;
        if (now.us >= attach->next.us)
            ask(link);
        next = mono_min(next, attach->next);
    }
    return next;
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_PARTS_WANTED, on_wanted},
    {MAILLON__HFP__V1__FRAME__M_PARTS, on_parts},
};

const struct feature feature_attach = {
    .name = "attachments",
    .begin = begin,
    .end = end,
    .committed = committed,
    .take = take,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
