/*
 * A whole chain, byte by byte. tests/vectors/golden/referral_chain.json has every signed event in
 * order and the state after it, so that another implementation can be checked with it; here it is
 * made again and compared.
 */
#include "hub/crypto/envelope.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/codes.h"
#include "hub/domain/consent.h"
#include "hub/domain/referral.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
/* after the four above */
#include <cmocka.h>

#define A(x)    REFERRAL_ACTION(x)
#define S       REFERRAL_SENDER
#define R       REFERRAL_RECEIVER
#define START_S 1800000000

/* Who writes, having seen how many events of the other; ACCEPT and CANCEL cross. */
static const struct step {
    enum referral_side side;
    Maillon__Hfp__V1__ReferralAction action;
    size_t seen;
    const char *reason, *outcome, *text;
} steps[] = {
    {S, A(REFER), 0, "", "", ""},          {R, A(SEEN), 1, "", "", ""},
    {R, A(ACCEPT), 1, "", "", ""},         {S, A(CANCEL), 1, "situation-solved", "", ""},
    {R, A(PROGRESS), 2, "", "", ""},       {S, A(MESSAGE), 3, "", "", "un mot"},
    {R, A(COMPLETE), 3, "", "helped", ""}, {S, A(PERSON_SAYS), 4, "", "", ""},
    {S, A(PURGED), 4, "", "", ""},
};

struct golden {
    struct arena *arena;
    struct buf json;
    struct sign_key *keys[2];
    uint8_t nodes[2][32];
    struct oid ids[2][ARRAY_LEN(steps)];
    size_t counts[2];
    struct referral_event_key events[ARRAY_LEN(steps)];
};

static void fill_with_uid(void *ctx, void *out, size_t len)
{
    (void)ctx;
    memset(out, 0x11, len);
}

static void text_field(struct buf *json, const char *name, const char *value)
{
    buf_addf(json, "\"%s\": \"%s\",\n", name, value);
}

static void hex_field(struct buf *json, const char *name, struct bytes value)
{
    AUTO(buf_done) struct buf hex = {0};
    hex_encode(value, (char *)buf_reserve(&hex, 2 * value.len + 1));
    text_field(json, name, (const char *)hex.data);
}

static struct bytes fill_payload(struct golden *g, const struct step *step)
{
    Maillon__Hfp__V1__ReferralPayload payload;
    Maillon__Hfp__V1__Person person;
    maillon__hfp__v1__referral_payload__init(&payload);
    maillon__hfp__v1__person__init(&person);
    person.name = arena_text(g->arena, "A17");
    person.contact_preference = MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    if (step->action == A(REFER)) {
        payload.person = &person;
        payload.need = arena_text(g->arena, "cherche un ordinateur");
    } else if (step->action == A(ACCEPT)) {
        payload.contact_name = arena_text(g->arena, "Paul");
        payload.next_step = arena_text(g->arena, "appel demain");
    } else if (*step->text) {
        payload.text = arena_text(g->arena, step->text);
    } else {
        return (struct bytes){0};
    }
    return wire_pack_arena(&payload, g->arena);
}

static Maillon__Hfp__V1__Refer *make_refer(struct golden *g)
{
    static const char *const fields[] = {"name", "need"};
    struct node_id recipient;
    struct random_source random = {fill_with_uid, NULL};
    struct err err = {0};
    Maillon__Hfp__V1__Refer *refer = arena_alloc(g->arena, sizeof(*refer));
    maillon__hfp__v1__refer__init(refer);
    memcpy(recipient.b, g->nodes[R], 32);
    struct consent_draft draft = {
        .form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .fields = fields,
        .field_count = 2,
        .until_s = START_S + 90 * 86400,
        .recipient = &recipient,
        .feedback = MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_OUTCOME,
    };
    refer->consent =
        consent_make(&draft, &random, (struct wall){START_S * INT64_C(1000)}, g->arena, &err);
    assert_non_null(refer->consent);
    refer->service = arena_text(g->arena, "ordi");
    refer->theme = arena_text(g->arena, "numerique--acceder-a-du-materiel");
    refer->urgency = MAILLON__HFP__V1__URGENCY__URGENCY_NORMAL;
    refer->feedback = draft.feedback;
    refer->answer_due_s = START_S + urgency_answer_s(refer->urgency);
    return refer;
}

static void fill_event(struct golden *g, size_t i, Maillon__Hfp__V1__Head *head,
                       Maillon__Hfp__V1__ReferralEvent *event)
{
    const struct step *step = &steps[i];
    enum referral_side other = step->side == S ? R : S;
    maillon__hfp__v1__head__init(head);
    maillon__hfp__v1__referral_event__init(event);
    head->node = wire_data(bytes_of(g->nodes[step->side], 32));
    if (i)
        head->stream = wire_data(oid_bytes(&g->ids[S][0]));
    head->seq = g->counts[step->side] + 1;
    if (head->seq > 1)
        head->prev = wire_data(oid_bytes(&g->ids[step->side][head->seq - 2]));
    head->created_s = START_S + 60 * i;
    head->expires_s = head->created_s + 30 * 86400;
    event->head = head;
    event->recipient = wire_data(bytes_of(g->nodes[other], 32));
    event->action = step->action;
    if (step->seen)
        event->seen = wire_data(oid_bytes(&g->ids[other][step->seen - 1]));
    event->reason = arena_text(g->arena, step->reason);
    event->outcome = arena_text(g->arena, step->outcome);
    if (step->action == A(REFER))
        event->refer = make_refer(g);
    if (step->action == A(PROGRESS))
        event->business_status = REFERRAL_BUSINESS(ATTENDED);
    if (step->action == A(PERSON_SAYS)) {
        event->on_behalf = REFERRAL_BEHALF(PERSON);
        event->confirms = true;
    }
    if (step->action == A(PURGED))
        event->purged = arena_text(g->arena, "payload");
}

static void note_key(struct golden *g, size_t i, const Maillon__Hfp__V1__ReferralEvent *event,
                     const struct oid *oid)
{
    struct referral_event_key *key = &g->events[i];
    *key = (struct referral_event_key){
        .oid = *oid,
        .side = steps[i].side,
        .seq = event->head->seq,
        .action = event->action,
        .business_status = event->business_status,
        .on_behalf = event->on_behalf,
        .confirms = event->confirms,
        .created_s = event->head->created_s,
        .answer_due_s = event->refer ? event->refer->answer_due_s : 0,
    };
    key->has_prev = oid_from(wire_bytes(event->head->prev), &key->prev);
    key->has_seen = oid_from(wire_bytes(event->seen), &key->seen);
}

static void add_step(struct golden *g, size_t i)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__ReferralEvent event;
    uint8_t salt[32], commit[32];
    AUTO(buf_done) struct buf signed_bytes = {0};
    struct oid oid;
    struct err err = {0};
    struct referral_state state;
    fill_event(g, i, &head, &event);
    struct bytes payload = fill_payload(g, &steps[i]);
    memset(salt, 0x20 + (int)i, sizeof(salt));
    if (payload.len) {
        parcel_commit(bytes_of(salt, 32), payload, commit);
        event.commit = wire_data(bytes_of(commit, 32));
    }
    const struct sign_key *keys[] = {g->keys[steps[i].side]};
    envelope_sign(keys, 1, TYPE_REFERRAL, wire_pack_arena(&event, g->arena), &signed_bytes, &oid);
    if (!referral_check(&event, payload, &err))
        fail_msg("step %zu: %s", i, err.msg);
    g->ids[steps[i].side][g->counts[steps[i].side]++] = oid;
    note_key(g, i, &event, &oid);
    referral_evaluate(g->events, i + 1, &state, NULL);
    buf_add_text(&g->json, i ? ",\n{" : "{");
    text_field(&g->json, "by", steps[i].side == S ? "sender" : "receiver");
    text_field(&g->json, "action", code_of_value(CODES_ACTION, (int)steps[i].action));
    hex_field(&g->json, "signed", buf_bytes(&signed_bytes));
    hex_field(&g->json, "oid", oid_bytes(&oid));
    if (payload.len) {
        hex_field(&g->json, "payload", payload);
        hex_field(&g->json, "salt", bytes_of(salt, 32));
    }
    text_field(&g->json, "status_after", code_of_value(CODES_STATUS, (int)state.status));
    text_field(&g->json, "business_status_after",
               code_of_value(CODES_BUSINESS_STATUS, (int)state.business_status));
    buf_addf(&g->json, "\"flags_after\": %u}", state.flags);
}

static void make_golden(struct golden *g)
{
    g->arena = arena_create(0);
    g->keys[S] = golden_key(3);
    g->keys[R] = golden_key(4);
    memset(g->nodes[S], 0x0a, 32);
    memset(g->nodes[R], 0x0c, 32);
    buf_add_text(&g->json, "{\"about\": \"one referral; state after each event; flags: 1 accepted "
                           "once, 2 cancel requested, 4 question open, 8 frozen\",\n");
    text_field(&g->json, "op_seed_sender", "32 bytes 03");
    text_field(&g->json, "op_seed_receiver", "32 bytes 04");
    text_field(&g->json, "node_sender", "32 bytes 0a");
    text_field(&g->json, "node_receiver", "32 bytes 0c");
    buf_add_text(&g->json, "\"events\": [\n");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        add_step(g, i);
    buf_add_text(&g->json, "\n]}\n");
}

static void the_chain_is_what_the_golden_file_says(void **unused)
{
    struct golden g = {0};
    (void)unused;
    make_golden(&g);
    assert_true(golden_same(&g.json, "referral_chain.json"));
    arena_free(g.arena);
    buf_done(&g.json);
    sign_key_free(g.keys[S]);
    sign_key_free(g.keys[R]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_is_what_the_golden_file_says),
    };
    return secret_setup() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
