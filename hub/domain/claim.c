#include "hub/domain/claim.h"

#include "hub/base/text.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/claim_row.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ACTION(name) MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define CLAIM_LANE   1
#define LIST_MAX     10000
#define TICK_BATCH   500

enum claim_state claim_state_now(const struct claim *claim, struct wall now)
{
    bool over =
        claim->view.state == CLAIM_PROPOSED && claim->lapses.ms && claim->lapses.ms <= now.ms;
    return over ? CLAIM_LAPSED : claim->view.state;
}

bool claim_may(const struct claim *claim, Maillon__Hfp__V1__ClaimAction action, struct wall now)
{
    if (action == ACTION(AGREE_EXTEND) && !claim->view.extension_s)
        return false;
    return claim_move_is_manual(claim_state_now(claim, now), action, claim_party_of(claim, false));
}

bool claim_notice_has(const Maillon__Hfp__V1__NoticeContent *content, const char *restriction)
{
    for (size_t i = 0; i < content->n_restriction; i++)
        if (strcmp(content->restriction[i], restriction) == 0)
            return true;
    return false;
}

bool claim_left(struct tx *tx, const struct notice *notice, uint32_t *ret, struct err *err)
{
    uint64_t committed, delivered;
    if (!claim_row_sums(tx, notice->uid, &committed, &delivered, err))
        return false;
    *ret = committed < notice->asked ? notice->asked - (uint32_t)committed : 0;
    return true;
}

static int64_t owner_clock(const struct claim *claim)
{
    if (claim->box != CLAIM_IN)
        return 0;
    if (claim->view.state == CLAIM_PROPOSED)
        return claim->lapses.ms;
    if (claim->view.release_asked_s &&
        (claim->view.state == CLAIM_AGREED || claim->view.state == CLAIM_UNDER_WAY))
        return (int64_t)(claim->view.release_asked_s + CLAIM_HOLD_S) * 1000;
    return 0;
}

bool claim_settle(struct tx *tx, const struct claim *claim, const char *verb, struct err *err)
{
    char id[2 * OID_BYTES + 1];
    uint64_t committed, delivered;
    if (!claim_row_save(tx, claim, owner_clock(claim), err) ||
        !tx_event(tx, "claim", hex_encode(oid_bytes(&claim->claim_id), id), verb, err))
        return false;
    if (claim->box != CLAIM_IN)
        return true;
    return claim_row_sums(tx, claim->uid, &committed, &delivered, err) &&
           notice_set_progress(tx, claim->uid, committed, delivered, err);
}

static bool is_code(const char *text)
{
    return strlen(text) <= CLAIM_REASON_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static bool lint(const struct claim_draft *draft, struct err *err)
{
    const struct {
        const char *field, *text;
        bool linted;
    } texts[] = {
        {"contact_role", draft->contact_role, true},
        {"pick_up", draft->pick_up, true},
        {"phone", draft->phone, false}, /* the organisation's */
    };
    if (draft->reason && !is_code(draft->reason))
        return err_set(err, ERR_INVALID,
                       "\"reason\" is a code: at most 64 of a-z, 0-9 and hyphens");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bytes text = bytes_text(texts[i].text);
        if (text.len == 0)
            continue;
        if (!text_is_valid(text) || text_length(text) > CLAIM_WORDS_MAX)
            return err_set(err, ERR_INVALID, "\"%s\" is longer than 200 characters",
                           texts[i].field);
        const char *what = texts[i].linted ? text_personal_data(text) : NULL;
        if (what)
            return err_set(err, ERR_INVALID,
                           "\"%s\" holds what looks like a %s of a person: claims carry the"
                           " organisation's contacts only",
                           texts[i].field, what);
    }
    return true;
}

static char *borrow(struct tx *tx, const char *text)
{
    return arena_text(tx->arena, text ? text : "");
}

/* Contact words ride beside the signed event, which only commits to them (R-RF-7). */
static bool add_payload(struct tx *tx, const struct claim_draft *draft, struct parcel_draft *parcel,
                        Maillon__Hfp__V1__ClaimEvent *body)
{
    Maillon__Hfp__V1__ClaimPayload payload;
    maillon__hfp__v1__claim_payload__init(&payload);
    payload.contact_role = borrow(tx, draft->contact_role);
    payload.phone = borrow(tx, draft->phone);
    payload.pick_up = borrow(tx, draft->pick_up);
    parcel->payload = wire_pack_arena(&payload, tx->arena);
    if (parcel->payload.len == 0)
        return false;
    uint8_t *salt = arena_alloc(tx->arena, SALT_BYTES);
    uint8_t *commit = arena_alloc(tx->arena, 32);
    random_fill(tx->random, salt, SALT_BYTES);
    parcel->salt = bytes_of(salt, SALT_BYTES);
    parcel_commit(parcel->salt, parcel->payload, commit);
    body->commit = wire_data(bytes_of(commit, 32));
    return true;
}

static void fill_body(struct tx *tx, const struct claim *claim, const struct claim_event *event,
                      const Maillon__Hfp__V1__Head *head, Maillon__Hfp__V1__ClaimEvent *body)
{
    body->head = arena_alloc(tx->arena, sizeof(*head));
    *body->head = *head;
    body->recipient = wire_data(node_id_bytes(&claim->peer));
    body->action = event->fact.action;
    body->seen = wire_data(event->seen);
    body->notice_uid = wire_data(bytes_of(claim->uid, UID_BYTES));
    body->quantity = event->fact.quantity;
    body->reason = borrow(tx, event->fact.reason);
    body->until_s = event->fact.until_s;
    body->waiting_list = event->fact.waiting_list;
}

/* Signs, stores, seals and queues; fills event->oid. */
static bool send_event(struct tx *tx, const struct claim *claim, const struct claim_draft *draft,
                       struct claim_event *event, struct err *err)
{
    bool found;
    struct notice notice;
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__ClaimEvent body;
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__claim_event__init(&body);
    if (!authoring_head(tx, &head, err))
        return false;
    event->incarnation = head.incarnation;
    if (event->seq > 1 || event->fact.party == CLAIM_BY_OWNER)
        head.stream = wire_data(oid_bytes(&claim->claim_id));
    head.seq = event->seq;
    head.prev = wire_data(event->prev);
    event->fact.created_s = head.created_s;
    head.expires_s = event->expires_s;
    fill_body(tx, claim, event, &head, &body);
    const struct node_id *owner = claim->box == CLAIM_IN ? &event->author : &claim->peer;
    if (!notice_find(tx->store, owner, claim->uid, &found, &notice, err))
        return false;
    body.notice_version = found ? notice.version : 0;
    struct parcel_draft parcel = {
        .peer = &claim->peer,
        .type = TYPE_CLAIM,
        .expires_s = event->expires_s,
        .lane = CLAIM_LANE,
    };
    if (!add_payload(tx, draft, &parcel, &body))
        parcel.payload = (struct bytes){0};
    event->salt = parcel.salt;
    parcel.body = wire_pack_arena(&body, tx->arena);
    return outbox_send(tx, &parcel, &event->oid, err) || err_wrap(err, "send a claim event");
}

static struct bytes last_of(const struct claim_chains *chains, size_t chain)
{
    return chains->count[chain] ? oid_bytes(&chains->oids[chain][chains->count[chain] - 1])
                                : (struct bytes){0};
}

bool claim_author(struct tx *tx, struct claim *claim, struct claim_fact fact,
                  const struct claim_draft *draft, uint64_t expires_s, struct err *err)
{
    struct claim_chains chains;
    struct claim_view view;
    bool first = fact.action == ACTION(PROPOSE) || fact.action == ACTION(COMMIT);
    fact.party = claim_party_of(claim, false);
    fact.created_s = (uint64_t)(tx->now.ms / 1000);
    size_t own = claim_chain(fact.party);
    if (!claim_chains_read(tx, &claim->claim_id, &chains, err))
        return false;
    if (chains.count[own] >= CLAIM_EVENTS_MAX)
        return err_set(err, ERR_LIMIT, "this claim has too many events");
    fact.seen = (uint32_t)chains.count[1 - own];
    claim_chains_fold(&chains, &view);
    if (!claim_step(&view, &fact, err))
        return false;
    struct claim_event event = {
        .claim_id = claim->claim_id,
        .author = *identity_node(tx->self),
        .fact = fact,
        .state = OBJECT_APPLIED,
        .seq = chains.count[own] + 1,
        .expires_s = expires_s,
        .prev = last_of(&chains, own),
        .seen = last_of(&chains, 1 - own),
        .contact_role = borrow(tx, draft->contact_role),
        .phone = borrow(tx, draft->phone),
        .pick_up = borrow(tx, draft->pick_up),
    };
    if (!send_event(tx, claim, draft, &event, err))
        return false;
    if (first)
        claim->claim_id = event.claim_id = event.oid;
    claim->view = view;
    return claim_event_add(tx, &event, err);
}

/* R-NO-10 on our side of the relation: accepted, and notices pass one way or the other. */
static bool check_relation(struct tx *tx, const struct node_id *peer, struct err *err)
{
    bool found;
    struct relation relation;
    if (!relation_find(tx->store, peer, &found, &relation, err))
        return false;
    if (!found || !relation_is_accepted(&relation))
        return err_set(err, ERR_DENIED, "the relation with this hub is not accepted: it is %s",
                       found ? relation_state(&relation) : "unknown");
    if (!(relation.switches_set & (SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT)))
        return err_set(err, ERR_DENIED, "notices are switched off for this hub");
    return true;
}

static bool check_claimable(struct tx *tx, const struct notice *notice,
                            const Maillon__Hfp__V1__NoticeContent *content, uint32_t quantity,
                            struct err *err)
{
    uint32_t remaining = notice_remaining(notice);
    if (node_id_equal(&notice->author, identity_node(tx->self)))
        return err_set(err, ERR_CONFLICT, "this is our own notice");
    if (!notice->asked && notice->kind)
        return err_set(err, ERR_CONFLICT, "this notice takes no claims: it has no quantity");
    bool reserve = content && claim_notice_has(content, NOTICE_WAITING_LIST) && notice->kind &&
                   notice->expires_s > (uint64_t)(tx->now.ms / 1000);
    if (!content || (!notice_is_open(notice, tx->now) && !reserve))
        return err_set(err, ERR_CONFLICT, "this notice is %s", notice_status(notice, tx->now));
    if (quantity == 0 || quantity > NOTICE_AMOUNT_MAX)
        return err_set(err, ERR_INVALID, "a claim needs a quantity of at least 1");
    if (quantity > remaining && !reserve)
        return err_set(err, ERR_CONFLICT, "only %u remain", remaining);
    if (quantity < content->min_lot && quantity < remaining)
        return err_set(err, ERR_CONFLICT, "the smallest lot is %u", content->min_lot);
    return true;
}

bool claim_create(struct tx *tx, const struct notice *notice, const struct claim_draft *draft,
                  struct oid *ret_id, struct err *err)
{
    bool found = false;
    Maillon__Hfp__V1__Notice *body = NULL;
    if (draft->request_key && draft->request_key[0] &&
        !claim_row_find_request(tx->store, draft->request_key, &found, ret_id, err))
        return false;
    if (found)
        return true;
    if (!lint(draft, err) || !notice_read(tx->store, tx->arena, notice, &body, err) ||
        !check_claimable(tx, notice, body ? body->content : NULL, draft->quantity, err) ||
        !check_relation(tx, &notice->author, err))
        return false;
    bool commit = body->content->first_come;
    uint64_t now_s = (uint64_t)(tx->now.ms / 1000);
    uint64_t hold_s = body->content->perishable ? CLAIM_HOLD_PERISHABLE_S : CLAIM_HOLD_S;
    uint64_t end_s = now_s + REFERRAL_LIFETIME_MAX_S;
    if (notice->expires_s < end_s)
        end_s = notice->expires_s;
    struct claim claim = {
        .box = CLAIM_OUT,
        .peer = notice->author,
        .lapses = {commit ? 0 : (int64_t)(now_s + hold_s) * 1000},
        .contact_role = "",
        .phone = "",
        .pick_up = "",
    };
    memcpy(claim.uid, notice->uid, UID_BYTES);
    struct claim_fact fact = {.action = commit ? ACTION(COMMIT) : ACTION(PROPOSE),
                              .quantity = draft->quantity};
    if (!claim_author(tx, &claim, fact, draft, commit ? end_s : now_s + hold_s, err) ||
        !claim_row_add(tx, &claim, draft->request_key, err) ||
        !claim_terms_add(tx, &claim.claim_id, body->content, err) ||
        !claim_settle(tx, &claim, "created", err))
        return false;
    *ret_id = claim.claim_id;
    return true;
}

/* An AGREE by hand: never to more than what is left. */
static bool judge_agree(struct tx *tx, const struct claim *claim, struct claim_fact *fact,
                        struct err *err)
{
    bool found;
    uint32_t left;
    struct notice notice;
    if (!notice_find(tx->store, identity_node(tx->self), claim->uid, &found, &notice, err))
        return false;
    if (!found || !notice.kind)
        return err_set(err, ERR_CONFLICT, "the notice was withdrawn");
    if (!claim_left(tx, &notice, &left, err))
        return false;
    if (!fact->quantity)
        fact->quantity = claim->view.agreed ? claim->view.agreed : claim->view.quantity;
    fact->waiting_list = strcmp(fact->reason, NOTICE_WAITING_LIST) == 0;
    if (fact->quantity > left && !fact->waiting_list)
        return err_set(err, ERR_CONFLICT,
                       "only %u remain: agree to less, or give a place on the waiting list", left);
    return true;
}

static bool check_act(struct tx *tx, const struct claim *claim, struct claim_fact *fact,
                      struct err *err)
{
    enum claim_state ignored, state = claim_state_now(claim, tx->now);
    enum claim_party party = claim_party_of(claim, false);
    if (!claim_action_name(fact->action))
        return err_set(err, ERR_INVALID, "there is no such action on a claim");
    if (!claim_next(state, fact->action, party, &ignored, err))
        return false;
    if (!claim_move_is_manual(state, fact->action, party))
        return err_set(err, ERR_DENIED, "the owner asks to release; its clock does the rest");
    if (fact->action == ACTION(AGREE))
        return judge_agree(tx, claim, fact, err);
    if (fact->action == ACTION(DELIVERED) && !fact->quantity)
        fact->quantity = claim->view.agreed;
    if (fact->action == ACTION(AGREE_EXTEND)) {
        if (!claim->view.extension_s)
            return err_set(err, ERR_CONFLICT, "no extension was asked for");
        if (!fact->until_s)
            fact->until_s = claim->view.extension_s;
    }
    if (fact->action == ACTION(EXTEND) && fact->until_s <= (uint64_t)(tx->now.ms / 1000))
        return err_set(err, ERR_INVALID, "\"until\" must be in the future");
    if (fact->action == ACTION(REFUSE) && strcmp(fact->reason, CLAIM_LAPSED_CODE) == 0)
        return err_set(err, ERR_INVALID, "\"lapsed\" is for the clock: give another reason");
    return true;
}

bool claim_act(struct tx *tx, const struct oid *claim_id, Maillon__Hfp__V1__ClaimAction action,
               const struct claim_draft *draft, struct err *err)
{
    bool found;
    struct claim claim;
    if (!claim_row_find(tx->store, tx->arena, claim_id, &found, &claim, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "there is no such claim");
    if (draft->quantity > NOTICE_AMOUNT_MAX)
        return err_set(err, ERR_INVALID, "\"quantity\" is too large");
    if (!lint(draft, err) || !check_relation(tx, &claim.peer, err))
        return false;
    struct claim_fact fact = {
        .action = action, .quantity = draft->quantity, .until_s = draft->until_s};
    snprintf(fact.reason, sizeof(fact.reason), "%s", draft->reason ? draft->reason : "");
    if (!check_act(tx, &claim, &fact, err))
        return false;
    uint64_t end_s = (uint64_t)(tx->now.ms / 1000) + CLAIM_EVENT_LIFE_S;
    if (!claim_author(tx, &claim, fact, draft, end_s, err) ||
        !claim_settle(tx, &claim, "changed", err))
        return false;
    return claim.box != CLAIM_IN || claim_promote(tx, claim.uid, err);
}

bool claim_promote(struct tx *tx, const uint8_t uid[UID_BYTES], struct err *err)
{
    bool found;
    uint32_t left;
    size_t count;
    struct notice notice;
    struct claim *list;
    Maillon__Hfp__V1__Notice *body = NULL;
    const struct claim_filter filter = {
        .box = CLAIM_IN, .uid = uid, .open_only = true, .limit = LIST_MAX};
    bool may;
    if (!authoring_may(tx, &may, err) || !claim_row_has_waiting(tx, uid, &found, err))
        return false;
    if (!found || !may)
        return true;
    if (!notice_find(tx->store, identity_node(tx->self), uid, &found, &notice, err))
        return false;
    if (!found || !notice_is_open(&notice, tx->now))
        return true;
    if (!notice_read(tx->store, tx->arena, &notice, &body, err) ||
        !claim_left(tx, &notice, &left, err))
        return false;
    if (!body || !body->content || !body->content->first_come || !left)
        return true;
    if (!claim_list(tx->store, tx->arena, &filter, &list, &count, err))
        return false;
    for (size_t i = 0; i < count && left > 0; i++) {
        struct err why = {0};
        if (list[i].view.state != CLAIM_WAITING || list[i].view.agreed > left ||
            !check_relation(tx, &list[i].peer, &why))
            continue; /* who cannot be told now keeps the place */
        struct claim_fact fact = {.action = ACTION(AGREE), .quantity = list[i].view.agreed};
        const struct claim_draft contact = {.contact_role = body->content->contact_role};
        uint64_t end_s = (uint64_t)(tx->now.ms / 1000) + CLAIM_EVENT_LIFE_S;
        if (!claim_author(tx, &list[i], fact, &contact, end_s, err) ||
            !claim_settle(tx, &list[i], "changed", err))
            return false;
        left -= fact.quantity;
    }
    return true;
}

/* The hub itself ends a claim on our notice. A peer that is gone cannot be told: it ends here only.
 */
static bool end_claim(struct tx *tx, struct claim *claim, const char *reason, struct err *err)
{
    static const struct claim_draft nothing;
    struct err why = {0};
    bool held = claim->view.state == CLAIM_AGREED || claim->view.state == CLAIM_UNDER_WAY;
    struct claim_fact fact = {.action = held ? ACTION(RELEASE) : ACTION(REFUSE)};
    snprintf(fact.reason, sizeof(fact.reason), "%s", reason);
    if (check_relation(tx, &claim->peer, &why)) {
        uint64_t end_s = (uint64_t)(tx->now.ms / 1000) + CLAIM_EVENT_LIFE_S;
        if (!claim_author(tx, claim, fact, &nothing, end_s, err))
            return false;
    } else if (why.code != ERR_DENIED) {
        *err = why;
        return false;
    } else {
        claim->view.state = held ? CLAIM_RELEASED : CLAIM_LAPSED;
        memcpy(claim->view.reason, fact.reason, sizeof(fact.reason));
    }
    return claim_settle(tx, claim, "changed", err);
}

bool claim_withdraw_notice(struct tx *tx, const uint8_t uid[UID_BYTES], const char *reason,
                           struct err *err)
{
    size_t count;
    struct claim *list;
    const struct claim_filter filter = {
        .box = CLAIM_IN, .uid = uid, .open_only = true, .limit = LIST_MAX};
    if (!notice_withdraw(tx, uid, reason, err) ||
        !claim_list(tx->store, tx->arena, &filter, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!end_claim(tx, &list[i], "withdrawn", err))
            return false;
    return true;
}

bool claim_close_notice(struct tx *tx, const uint8_t uid[UID_BYTES], const char *outcome,
                        struct err *err)
{
    bool found;
    size_t count;
    struct claim *list;
    struct notice notice;
    const struct claim_filter filter = {.box = CLAIM_IN, .uid = uid, .open_only = true, .limit = 1};
    if (!notice_find(tx->store, identity_node(tx->self), uid, &found, &notice, err))
        return false;
    if (found && notice_is_open(&notice, tx->now)) {
        if (!claim_list(tx->store, tx->arena, &filter, &list, &count, err))
            return false;
        if (count)
            return err_set(err, ERR_CONFLICT, "somebody's claim is still open: settle it first");
        if (!notice_withdraw(tx, uid, "", err))
            return false;
    }
    return notice_close(tx, uid, outcome, err);
}

bool claim_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    size_t count;
    struct oid *due;
    int64_t next_ms;
    if (!claim_row_due(tx, TICK_BATCH, &due, &count, &next_ms, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found;
        struct claim claim;
        if (!claim_row_find(tx->store, tx->arena, &due[i], &found, &claim, err))
            return false;
        const char *reason = claim.view.state == CLAIM_PROPOSED ? CLAIM_LAPSED_CODE : "no-answer";
        if (!end_claim(tx, &claim, reason, err) || !claim_promote(tx, claim.uid, err))
            return false;
    }
    if (!claim_event_forget(tx, err) || !claim_row_due(tx, 0, &due, &count, &next_ms, err))
        return false;
    ret_next->ms = next_ms;
    return true;
}
