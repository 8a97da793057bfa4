/* Attachments (R-PD-12, feature 22): limits at the limit and one more, slices and parts in any
 * order, tampered parts, going on after a cut, erasure (R-PR-1), six months. */
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/domain/referral.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define MIB     (UINT64_C(1) << 20)
#define PART    ATTACHMENT_PART_BYTES
#define DAY_MS  INT64_C(86400000)
#define ACCOUNT 1

struct fixture {
    struct hub_pair pair;
    struct hub *a, *b;
    struct oid id;
    uint8_t *file; /* plain text of 5 parts and a bit */
    size_t size;
};

static int setup(void **state)
{
    struct fixture *f = test_malloc(sizeof(*f));
    memset(f, 0, sizeof(*f));
    hub_pair_open(&f->pair, 11);
    f->a = &f->pair.a;
    f->b = &f->pair.b;
    f->size = 5 * PART + 77;
    f->file = test_malloc(f->size);
    for (size_t i = 0; i < f->size; i++)
        f->file[i] = (uint8_t)('a' + i * 7 % 23 + i / PART % 3);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    hub_pair_close(&f->pair);
    test_free(f->file);
    test_free(f);
    return 0;
}

static void must(struct hub *hub, bool done)
{
    if (!done)
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
}

static void must_fail(struct hub *hub, bool done, enum err_code code, const char *part)
{
    if (done)
        fail_msg("was taken, expected \"%s\"", part);
    if (hub->err.code != code || !strstr(hub->err.msg, part))
        fail_msg("%s: %s", err_code_name(hub->err.code), hub->err.msg);
    hub->err = (struct err){0};
}

struct slot {
    char upload[ATTACHMENT_UPLOAD_TEXT];
    uint64_t have;
    bool whole;
};

static bool slice(struct hub *hub, struct attachment_slice slice, struct slot *ret)
{
    slice.account = ACCOUNT;
    return attachment_upload(&hub->tx, &slice, ret->upload, &ret->have, &ret->whole, &hub->err);
}

static bool begin(struct hub *hub, const char *name, const char *type, uint64_t size,
                  struct slot *ret)
{
    return slice(hub, (struct attachment_slice){.name = name, .media_type = type, .size = size},
                 ret);
}

static struct slot upload(struct fixture *f, struct hub *hub)
{
    struct slot slot;
    must(hub, slice(hub,
                    (struct attachment_slice){.name = "lettre.txt",
                                              .media_type = "text/plain",
                                              .size = f->size,
                                              .data = bytes_of(f->file, f->size)},
                    &slot));
    assert_true(slot.whole);
    return slot;
}

static bool try_refer(struct fixture *f, const char *const *uploads, size_t count, bool agreed)
{
    static char name[] = "Zoubida", contact[] = "06 39 98 12 34";
    const char *fields[] = {"need", "contact", "name", "attachment"};
    Maillon__Hfp__V1__Person person = MAILLON__HFP__V1__PERSON__INIT;
    person.name = name;
    person.contact = contact;
    struct referral_draft draft = {
        .peer = *identity_node(f->b->self),
        .service = "ordi",
        .theme = "numerique--acceder-a-du-materiel",
        .person = &person,
        .need = "Cherche un ordinateur",
        .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .consent_fields = fields,
        .consent_field_count = agreed ? 4 : 3,
        .uploads = uploads,
        .upload_count = count,
        .account = ACCOUNT,
        .actor = "test",
    };
    return referral_send(&f->a->tx, &draft, &f->id, &f->a->err);
}

static bool try_act(struct fixture *f, struct hub *hub, Maillon__Hfp__V1__ReferralAction action,
                    const struct slot *slot)
{
    const char *uploads[] = {slot ? slot->upload : NULL};
    struct referral_act act = {.action = action,
                               .uploads = uploads,
                               .upload_count = slot != NULL,
                               .account = ACCOUNT,
                               .actor = "test"};
    return referral_act(&hub->tx, &f->id, &act, &hub->err);
}

static void refer(struct fixture *f)
{
    struct slot slot = upload(f, f->a);
    const char *uploads[] = {slot.upload};
    must(f->a, try_refer(f, uploads, 1, true));
    hub_carry(f->a, f->b);
}

static struct attachment the_one(struct hub *hub)
{
    struct attachment *list;
    size_t count;
    int64_t referral = hub_query(hub, "SELECT id FROM referral");
    must(hub, attachment_list(hub->store, hub->tx.arena, referral, &list, &count, &hub->err));
    assert_int_equal(count, 1);
    return list[0];
}

static struct bytes sealed_part(struct fixture *f, uint32_t number)
{
    struct attachment attachment = the_one(f->a);
    struct bytes bytes;
    bool found;
    must(f->a, attachment_part(f->a->store, f->a->tx.arena, &attachment, number, &found, &bytes,
                               &f->a->err));
    assert_true(found);
    return bytes;
}

static bool try_give(struct fixture *f, uint32_t number, struct bytes sealed)
{
    return attachment_store(&f->b->tx, identity_node(f->a->self), &f->id, 0, number, sealed,
                            &f->b->err);
}

static size_t missing(struct fixture *f, uint32_t *ret, size_t max)
{
    struct attachment attachment;
    bool found;
    size_t count = 0;
    must(f->b, attachment_wanted(f->b->store, f->b->tx.arena, identity_node(f->a->self), &found,
                                 &attachment, &f->b->err));
    if (found)
        must(f->b, attachment_missing(f->b->store, &attachment, ret, max, &count, &f->b->err));
    return count;
}

/* ---- uploads ---- */

static void a_file_of_16_mib_is_taken_and_one_byte_more_is_not(void **state)
{
    struct fixture *f = *state;
    struct slot slot;
    must(f->a, begin(f->a, "scan.pdf", "application/pdf", 16 * MIB, &slot));
    assert_false(slot.whole);
    must_fail(f->a, begin(f->a, "scan.pdf", "application/pdf", 16 * MIB + 1, &slot), ERR_LIMIT,
              "at most 16 MiB");
    must_fail(f->a, begin(f->a, "scan.pdf", "application/pdf", 0, &slot), ERR_INVALID, "empty");
}

static void only_a_short_list_of_types_is_taken_and_the_bytes_must_fit(void **state)
{
    struct fixture *f = *state;
    struct slot slot;
    static const char *const refused[] = {"text/html", "image/svg+xml", "application/zip", ""};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        must_fail(f->a, begin(f->a, "a", refused[i], 9, &slot), ERR_INVALID, "PDF, JPEG, PNG");
    must_fail(f->a,
              slice(f->a,
                    (struct attachment_slice){.name = "a.pdf",
                                              .media_type = "application/pdf",
                                              .size = 6,
                                              .data = BYTES_LITERAL("<html>")},
                    &slot),
              ERR_INVALID, "not what its type says");
    must(f->a, slice(f->a,
                     (struct attachment_slice){.name = "a.pdf",
                                               .media_type = "application/pdf",
                                               .size = 8,
                                               .data = BYTES_LITERAL("%PDF-1.7")},
                     &slot));
    assert_true(slot.whole);
}

static void a_file_is_known_by_how_it_begins(void **state)
{
    static const struct {
        struct bytes file;
        const char *type;
    } cases[] = {
        {BYTES_LITERAL("%PDF-1.7"), "application/pdf"},
        {BYTES_LITERAL("\xff\xd8\xff\xe0"), "image/jpeg"},
        {BYTES_LITERAL("\x89PNG\r\n\x1a\n"), "image/png"},
        {BYTES_LITERAL("bonjour"), "text/plain"},
        {BYTES_LITERAL("\xff\xd8"), "text/plain"},
        {BYTES_LITERAL("PK\x03\x04\0\0"), NULL},
        {BYTES_LITERAL(""), NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *type = attachment_type_of(cases[i].file);
        if (cases[i].type)
            assert_string_equal(type, cases[i].type);
        else
            assert_null(type);
    }
}

static void slices_come_in_order_and_a_repeated_one_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct slot slot;
    struct bytes first = bytes_of(f->file, 2 * PART);
    static uint8_t large[API_SLICE_MAX + 1];
    memset(large, 'x', sizeof(large));
    must(f->a, begin(f->a, "a.txt", "text/plain", f->size, &slot));
    const char *up = slot.upload;
    char id[ATTACHMENT_UPLOAD_TEXT];
    memcpy(id, up, sizeof(id));
    must_fail(
        f->a,
        slice(f->a, (struct attachment_slice){.upload = id, .offset = PART, .data = first}, &slot),
        ERR_INVALID, "go on at 0");
    must_fail(f->a,
              slice(f->a,
                    (struct attachment_slice){.upload = id, .data = bytes_of(f->file, PART + 1)},
                    &slot),
              ERR_INVALID, "multiple");
    must(f->a, slice(f->a, (struct attachment_slice){.upload = id, .data = first}, &slot));
    must(f->a, slice(f->a, (struct attachment_slice){.upload = id, .data = first}, &slot));
    assert_int_equal(slot.have, 2 * PART);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM attachment_part"), 2);
    must_fail(f->a,
              slice(f->a,
                    (struct attachment_slice){.upload = id,
                                              .offset = 2 * PART,
                                              .data = bytes_of(f->file, f->size - 2 * PART + 1)},
                    &slot),
              ERR_INVALID, "more bytes than size said");
    must_fail(f->a,
              slice(f->a,
                    (struct attachment_slice){.upload = id,
                                              .offset = 2 * PART,
                                              .data = bytes_of(large, API_SLICE_MAX + 1)},
                    &slot),
              ERR_LIMIT, "at most 524288");
    struct slot big;
    must(f->a, slice(f->a,
                     (struct attachment_slice){.name = "b",
                                               .media_type = "text/plain",
                                               .size = MIB,
                                               .data = bytes_of(large, API_SLICE_MAX)},
                     &big));
    assert_int_equal(big.have, API_SLICE_MAX);
    const char *uploads[] = {id};
    must_fail(f->a, try_refer(f, uploads, 1, true), ERR_CONFLICT, "not whole");
    must_fail(f->b, slice(f->b, (struct attachment_slice){.upload = id, .data = first}, &slot),
              ERR_UNKNOWN, "begin again");
}

static void an_account_has_six_unsent_uploads_and_they_go_after_a_day(void **state)
{
    struct fixture *f = *state;
    struct slot slot;
    struct wall next;
    for (unsigned i = 0; i < 6; i++)
        must(f->a, begin(f->a, "a", "text/plain", 9, &slot));
    must_fail(f->a, begin(f->a, "a", "text/plain", 9, &slot), ERR_LIMIT, "6 uploads");
    f->a->tx.now.ms += DAY_MS - 1;
    must(f->a, attachment_tick(&f->a->tx, &next, &f->a->err));
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM attachment"), 6);
    f->a->tx.now.ms += 1;
    must(f->a, attachment_tick(&f->a->tx, &next, &f->a->err));
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM attachment"), 0);
}

static void names_lose_paths_marks_and_control_characters(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"Lettre de la préfecture.pdf", "Lettre de la préfecture.pdf"},
        {"/home/anna/lettre.pdf", "lettre.pdf"},
        {"C:\\Users\\anna\\lettre.pdf", "lettre.pdf"},
        {"a\xe2\x80\xaegpj.exe", "agpj.exe"},
        {"..", "document"},
        {".htaccess", "htaccess"},
        {"a\nb\"c|d", "abcd"},
        {"", "document"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(attachment_name(f->a->tx.arena, cases[i].name), cases[i].expected);
    char longest[ATTACHMENT_NAME_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[ATTACHMENT_NAME_MAX + 1] = '\0';
    assert_int_equal(strlen(attachment_name(f->a->tx.arena, longest)), ATTACHMENT_NAME_MAX);
}

/* ---- how many ---- */

static void a_referral_has_three_attachments_and_never_a_fourth(void **state)
{
    struct fixture *f = *state;
    struct slot slot[4] = {upload(f, f->a), upload(f, f->a), upload(f, f->a), upload(f, f->a)};
    const char *uploads[] = {slot[0].upload, slot[1].upload, slot[2].upload, slot[3].upload};
    must_fail(f->a, try_refer(f, uploads, 4, true), ERR_LIMIT, "at most 3");
    must_fail(f->a, try_refer(f, uploads, 3, false), ERR_DENIED, "attachment");
    must(f->a, try_refer(f, uploads, 2, true));
    must(f->a, try_act(f, f->a, REFERRAL_ACTION(MESSAGE), &slot[2]));
    must_fail(f->a, try_act(f, f->a, REFERRAL_ACTION(MESSAGE), &slot[3]), ERR_LIMIT, "at most 3");
    must_fail(f->a, try_act(f, f->a, REFERRAL_ACTION(MESSAGE), &slot[0]), ERR_UNKNOWN, "sent");
    hub_carry(f->a, f->b);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment WHERE state = 2"), 3);
    /* A sender that has forgotten its own limit: the event stands, the file is never fetched. */
    must(f->a, store_exec(f->a->store, "DELETE FROM attachment_part", &f->a->err));
    must(f->a, store_exec(f->a->store, "DELETE FROM attachment", &f->a->err));
    slot[3] = upload(f, f->a);
    must(f->a, try_act(f, f->a, REFERRAL_ACTION(MESSAGE), &slot[3]));
    hub_carry(f->a, f->b);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral_event"), 3);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment WHERE state = 2"), 3);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment WHERE state = 4"), 1);
}

static void all_of_a_referral_have_64_mib_and_not_a_byte_more(void **state)
{
    struct fixture *f = *state;
    must(f->a, attachment_fits(3, 64 * MIB, &f->a->err));
    must_fail(f->a, attachment_fits(3, 64 * MIB + 1, &f->a->err), ERR_LIMIT, "64 MiB");
    must_fail(f->a, attachment_fits(4, 1, &f->a->err), ERR_LIMIT, "at most 3");
}

static void a_manifest_from_outside_is_checked_at_each_limit(void **state)
{
    struct fixture *f = *state;
    static uint8_t hashes[(ATTACHMENT_PARTS_MAX + 1) * 32], key[32];
    char name[ATTACHMENT_NAME_MAX + 2], type[] = "text/plain";
    memset(name, 'a', sizeof(name));
    name[ATTACHMENT_NAME_MAX] = '\0';
    Maillon__Hfp__V1__Attachment one = MAILLON__HFP__V1__ATTACHMENT__INIT;
    Maillon__Hfp__V1__Attachment *list[] = {&one, &one, &one, &one};
    Maillon__Hfp__V1__ReferralPayload payload = MAILLON__HFP__V1__REFERRAL_PAYLOAD__INIT;
    one.name = name;
    one.media_type = type;
    one.size = ATTACHMENT_BYTES;
    one.part_hash = wire_data(bytes_of(hashes, (size_t)ATTACHMENT_PARTS_MAX * 32));
    one.key = wire_data(bytes_of(key, sizeof(key)));
    payload.attachment = list;
    payload.n_attachment = 3;
    must(f->a, attachment_check(&payload, &f->a->err));
    payload.n_attachment = 4;
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "more than 3");
    payload.n_attachment = 1;
    one.size = ATTACHMENT_BYTES + 1;
    one.part_hash.len += 32;
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "impossible size");
    one.size = ATTACHMENT_BYTES;
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "hashes");
    one.part_hash.len -= 32;
    one.key.len = 31;
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "key");
    one.key.len = 32;
    name[ATTACHMENT_NAME_MAX] = 'a';
    name[ATTACHMENT_NAME_MAX + 1] = '\0';
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "malformed name");
    memcpy(name, "a/b", 4);
    must_fail(f->a, attachment_check(&payload, &f->a->err), ERR_PEER, "malformed name");
}

/* ---- parts ---- */

static void parts_come_in_any_order_and_a_cut_link_goes_on_with_the_rest(void **state)
{
    struct fixture *f = *state;
    uint32_t asked[8];
    refer(f);
    assert_int_equal(missing(f, asked, 8), 6);
    assert_int_equal(missing(f, asked, 4), 4);
    must(f->b, try_give(f, 5, sealed_part(f, 5)));
    must(f->b, try_give(f, 0, sealed_part(f, 0)));
    must(f->b, try_give(f, 3, sealed_part(f, 3)));
    must(f->b, try_give(f, 3, sealed_part(f, 3))); /* twice */
    assert_int_equal(missing(f, asked, 8), 3);
    assert_true(asked[0] == 1 && asked[1] == 2 && asked[2] == 4);
    for (size_t i = 0; i < 3; i++)
        must(f->b, try_give(f, asked[i], sealed_part(f, asked[i])));
    assert_int_equal(missing(f, asked, 8), 0);
    assert_int_equal(the_one(f->b).state, ATTACHMENT_WHOLE);

    struct referral referral;
    struct referral_event *events;
    struct data_key key;
    AUTO(buf_done) struct buf plain = {0};
    size_t count;
    bool found;
    must(f->b, referral_get(f->b->store, f->b->tx.arena, &f->id, &found, &referral, &f->b->err));
    must(f->b, referral_events(f->b->store, f->b->tx.arena, f->b->self, &referral, &events, &count,
                               &f->b->err));
    const Maillon__Hfp__V1__Attachment *manifest = events[0].payload->attachment[0];
    assert_string_equal(manifest->name, "lettre.txt");
    memcpy(key.b, manifest->key.data, sizeof(key.b));
    for (uint32_t i = 0; i < 6; i++)
        must(f->b, part_open(&key, i, 6, sealed_part(f, i), &plain, &f->b->err));
    assert_int_equal(plain.len, f->size);
    assert_memory_equal(plain.data, f->file, f->size);
    must_fail(f->b, part_open(&key, 1, 6, sealed_part(f, 0), &plain, &f->b->err), ERR_IO, "place");
    must_fail(f->b, part_open(&key, 0, 5, sealed_part(f, 0), &plain, &f->b->err), ERR_IO, "place");
}

static void a_tampered_or_misplaced_part_is_never_stored(void **state)
{
    struct fixture *f = *state;
    refer(f);
    struct bytes good = sealed_part(f, 1);
    AUTO(buf_done) struct buf bad = {0};
    buf_add_bytes(&bad, good);
    bad.data[100] ^= 1;
    must_fail(f->b, try_give(f, 1, buf_bytes(&bad)), ERR_PEER, "not what was signed");
    must_fail(f->b, try_give(f, 2, good), ERR_PEER, "not what was signed");
    must_fail(f->b, try_give(f, 6, good), ERR_PEER, "not what was signed");
    must_fail(f->b, try_give(f, 1, bytes_of(good.data, good.len - 1)), ERR_PEER, "not what");
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment_part"), 0);
    /* What a disk has damaged goes to nobody. */
    must(f->a, store_exec(f->a->store,
                          "UPDATE attachment_part SET bytes = zeroblob(length(bytes))"
                          " WHERE number = 1",
                          &f->a->err));
    struct attachment attachment = the_one(f->a);
    struct bytes bytes;
    bool found;
    must(f->a,
         attachment_part(f->a->store, f->a->tx.arena, &attachment, 1, &found, &bytes, &f->a->err));
    assert_false(found);
}

static void nobody_but_the_receiver_finds_it(void **state)
{
    struct fixture *f = *state;
    struct attachment attachment;
    struct node_id stranger = {{1}};
    bool found;
    refer(f);
    must(f->a, attachment_find(f->a->store, f->a->tx.arena, &f->id, 0, &stranger, &found,
                               &attachment, &f->a->err));
    assert_false(found);
    must(f->a, attachment_find(f->a->store, f->a->tx.arena, &f->id, 0, identity_node(f->b->self),
                               &found, &attachment, &f->a->err));
    assert_true(found && attachment.is_ours);
}

static void what_the_sender_lost_is_not_asked_for_again(void **state)
{
    struct fixture *f = *state;
    uint32_t asked[8];
    refer(f);
    must(f->b, try_give(f, 0, sealed_part(f, 0)));
    must(f->b, attachment_lost(&f->b->tx, identity_node(f->a->self), &f->id, 0, &f->b->err));
    assert_int_equal(missing(f, asked, 8), 0);
    assert_int_equal(the_one(f->b).state, ATTACHMENT_GONE);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment_part"), 0);
}

static void one_peer_fills_256_mib_here_and_not_a_byte_more(void **state)
{
    struct fixture *f = *state;
    uint32_t asked[8];
    char sql[200];
    refer(f);
    const char *fill = "INSERT INTO attachment (peer, event, position, is_ours, state, size, parts,"
                       " have, hashes, created_ms, account)"
                       " SELECT peer, randomblob(32), 0, 0, 1, 1, 1, 1, x'00', 0, 0"
                       " FROM attachment LIMIT 1";
    must(f->b, store_exec(f->b->store, fill, &f->b->err));
    snprintf(sql, sizeof(sql), "UPDATE attachment SET size = %llu WHERE state = 1",
             (unsigned long long)(ATTACHMENT_PEER_BYTES - f->size + 1));
    must(f->b, store_exec(f->b->store, sql, &f->b->err));
    assert_int_equal(missing(f, asked, 8), 0);
    must(f->b, store_exec(f->b->store, "UPDATE attachment SET size = size - 1 WHERE state = 1",
                          &f->b->err));
    assert_int_equal(missing(f, asked, 8), 6);
}

/* ---- the end ---- */

static void an_erased_referral_leaves_nothing_of_what_was_attached(void **state)
{
    struct fixture *f = *state;
    refer(f);
    for (uint32_t i = 0; i < 4; i++)
        must(f->b, try_give(f, i, sealed_part(f, i)));
    struct bytes late = sealed_part(f, 4);
    must(f->a, try_act(f, f->a, REFERRAL_ACTION(WITHDRAW_CONSENT), NULL));
    hub_carry(f->a, f->b);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment"), 0);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment_part"), 0);
    must(f->b, try_give(f, 4, late)); /* it was on its way: no fault of the sender */
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM attachment_part"), 0);
    must(f->a, try_act(f, f->a, REFERRAL_ACTION(PURGED), NULL));
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM attachment"), 0);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM attachment_part"), 0);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM referral WHERE data_key IS NOT NULL"),
                     0);
}

static void files_go_six_months_after_the_end_on_both_sides(void **state)
{
    struct fixture *f = *state;
    struct wall next;
    struct referral_act reject = {
        .action = REFERRAL_ACTION(REJECT), .reason = "no-capacity", .actor = "test"};
    refer(f);
    must(f->b, try_give(f, 0, sealed_part(f, 0)));
    must(f->b, referral_act(&f->b->tx, &f->id, &reject, &f->b->err));
    hub_carry(f->b, f->a);
    struct slot slot = upload(f, f->a);
    must_fail(f->a, try_act(f, f->a, REFERRAL_ACTION(MESSAGE), &slot), ERR_CONFLICT, "over");
    struct hub *both[] = {f->a, f->b};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct hub *hub = both[i];
        hub->tx.now.ms += INT64_C(1000) * ATTACHMENT_KEEP_S - 1;
        must(hub, attachment_tick(&hub->tx, &next, &hub->err));
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM attachment WHERE event IS NOT NULL"),
                         1);
        hub->tx.now.ms += 1;
        must(hub, attachment_tick(&hub->tx, &next, &hub->err));
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM attachment"), 0);
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM attachment_part"), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_16_mib_is_taken_and_one_byte_more_is_not),
        TEST(only_a_short_list_of_types_is_taken_and_the_bytes_must_fit),
        cmocka_unit_test(a_file_is_known_by_how_it_begins),
        TEST(slices_come_in_order_and_a_repeated_one_changes_nothing),
        TEST(an_account_has_six_unsent_uploads_and_they_go_after_a_day),
        TEST(names_lose_paths_marks_and_control_characters),
        TEST(a_referral_has_three_attachments_and_never_a_fourth),
        TEST(all_of_a_referral_have_64_mib_and_not_a_byte_more),
        TEST(a_manifest_from_outside_is_checked_at_each_limit),
        TEST(parts_come_in_any_order_and_a_cut_link_goes_on_with_the_rest),
        TEST(a_tampered_or_misplaced_part_is_never_stored),
        TEST(nobody_but_the_receiver_finds_it),
        TEST(what_the_sender_lost_is_not_asked_for_again),
        TEST(one_peer_fills_256_mib_here_and_not_a_byte_more),
        TEST(an_erased_referral_leaves_nothing_of_what_was_attached),
        TEST(files_go_six_months_after_the_end_on_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
