#include "hub/exchange.h"

#include "hub/base/list.h"
#include "hub/domain/object.h"
#include "hub/kinds.h"
#include "hub/store/stmt.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What the kind below does with an object, by the first byte of its id. */
enum { KEEP = 1, COME_AGAIN, REFUSE, FAIL };

static unsigned applied, repeated;

static bool apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                  struct err *err)
{
    applied++;
    tx_effect(tx, EFFECT_EVENT, NULL, object->envelope.oid.b[1]);
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    switch (object->envelope.oid.b[0]) {
    case COME_AGAIN:
    case REFUSE:
        ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
        ret->permanent = object->envelope.oid.b[0] == REFUSE;
        return true;
    case FAIL:
        return err_set(err, ERR_INTERNAL, "this object cannot be applied");
    default:
        return true;
    }
}

static bool again(struct tx *tx, const struct inbound_object *object, struct err *err)
{
    (void)tx;
    (void)object;
    (void)err;
    repeated++;
    return true;
}

static const struct kind kind = {
    .type = TYPE_NOTICE, .name = "test object", .apply = apply, .again = again};

struct fixture {
    struct api_fixture api;
    struct inbound_batch batch;
    struct inbound_item items[4];
    Maillon__Hfp__V1__Head head;
    int64_t told[8]; /* numbers of the events that the listener heard */
    size_t told_count;
    bool is_done;
    struct err err;
};

static void listen(void *ctx, const struct effect *effects, size_t count)
{
    struct fixture *f = ctx;
    for (size_t i = 0; i < count && f->told_count < ARRAY_LEN(f->told); i++)
        f->told[f->told_count++] = effects[i].number;
}

static void taken(struct inbound_batch *batch, const struct err *err)
{
    struct fixture *f = batch->owner;
    f->is_done = true;
    f->err = *err;
}

static int open_fixture(void **state)
{
    static struct fixture f;
    f = (struct fixture){.told_count = 0};
    applied = repeated = 0;
    api_fixture_open(&f.api);
    exchange_listen(f.api.exchange, listen, &f);
    maillon__hfp__v1__head__init(&f.head);
    f.head.expires_s = 2000000000;
    f.batch = (struct inbound_batch){
        .lane = 2, .items = f.items, .link_seq = 1, .done = taken, .owner = &f};
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    api_fixture_close(&f->api);
    return 0;
}

static void add(struct fixture *f, uint8_t what)
{
    struct inbound_item *item = &f->items[f->batch.count++];
    *item = (struct inbound_item){.opened = OPENED_OK};
    item->object.kind = &kind;
    item->object.head = &f->head;
    item->object.envelope.type = TYPE_NOTICE;
    item->object.envelope.bytes = BYTES_LITERAL("signed");
    item->object.envelope.oid.b[0] = what;
    item->object.envelope.oid.b[1] = (uint8_t)f->batch.count;
}

static void receive(struct fixture *f)
{
    exchange_receive(f->api.exchange, &f->batch);
    fake_executor_drain(&f->api.executor);
    assert_true(f->is_done);
    assert_int_equal(f->err.code, ERR_NONE);
}

static bool is_held(struct fixture *f, size_t item)
{
    struct object_row row;
    struct err err = {0};
    bool found;
    assert_true(object_find(f->api.store, &f->items[item].object.envelope.oid, &found, &row, &err));
    return found;
}

static void a_batch_that_is_taken_whole_is_applied_once(void **state)
{
    struct fixture *f = *state;
    add(f, KEEP);
    add(f, REFUSE); /* for good: that is remembered too */
    add(f, KEEP);
    receive(f);
    assert_int_equal(applied, 3);
    assert_true(is_held(f, 0) && is_held(f, 1) && is_held(f, 2));
    assert_int_equal(f->told_count, 3);
    assert_int_equal(f->api.counters.objects_received, 2);
    assert_int_equal(f->api.counters.objects_refused, 1);
}

static void an_object_that_comes_again_leaves_the_others_of_its_batch_alone(void **state)
{
    struct fixture *f = *state;
    add(f, KEEP);
    add(f, COME_AGAIN);
    add(f, FAIL);
    add(f, KEEP);
    receive(f);
    assert_true(is_held(f, 0) && is_held(f, 3));
    assert_false(is_held(f, 1) || is_held(f, 2));
    assert_int_equal(f->told_count, 2); /* each once, and none of what was taken back */
    assert_int_equal(f->told[0], 1);
    assert_int_equal(f->told[1], 4);
    assert_int_equal(f->api.counters.objects_received, 2);
    assert_int_equal(f->api.counters.objects_refused, 2);
}

static void a_repeat_is_told_to_its_kind_when_it_came_on_a_lane(void **state)
{
    struct fixture *f = *state;
    add(f, KEEP);
    receive(f);
    assert_int_equal(repeated, 0);
    receive(f);
    assert_int_equal(repeated, 1);
    f->batch.link_seq = 0; /* by a relay, who knows how late */
    receive(f);
    f->items[0].opened = OPENED_BAD;
    receive(f);
    assert_int_equal(repeated, 1);
    assert_int_equal(applied, 1);
}

/* ---- the clock is watched over groups that are on disk ---- */

struct click {
    struct action action;
    bool gives_up; /* as sqlite does when the disk is full: all of the group is undone */
    enum err_code told;
};

static bool click_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct click *click = list_entry(action, struct click, action);
    if (!click->gives_up)
        return true;
    return store_exec(tx->store, "ROLLBACK", err) && err_set(err, ERR_IO, "the disk is full");
}

static void click_done(struct action *action, const struct err *err)
{
    list_entry(action, struct click, action)->told = err->code;
}

static enum err_code press(struct fixture *f, bool gives_up)
{
    struct click click = {.action = {.apply = click_apply, .done = click_done, .weight = 1},
                          .gives_up = gives_up};
    exchange_submit(f->api.exchange, &click.action);
    fake_executor_drain(&f->api.executor);
    return click.told;
}

static bool clock_is_doubted(struct fixture *f)
{
    struct err err = {0};
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(f->api.store, "SELECT clock_jumped FROM authoring", &err);
    bool row;
    assert_true(stmt && stmt_next(stmt, &row, &err) && row);
    return stmt_i64(stmt, 0) != 0;
}

static void f10_a_clock_that_was_set_is_doubted_even_when_the_next_group_failed(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_true(store_exec(f->api.store,
                           "INSERT INTO peer (node, ours, theirs) VALUES"
                           " (zeroblob(32), 'accepted', 'accepted')",
                           &err));
    assert_int_equal(press(f, false), ERR_NONE);
    fake_clock_set_wall(&f->api.clock, f->api.clock.wall.ms + 3600000);
    assert_int_equal(press(f, true), ERR_IO);
    assert_false(clock_is_doubted(f));
    assert_int_equal(press(f, false), ERR_NONE);
    assert_true(clock_is_doubted(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_that_is_taken_whole_is_applied_once, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(
            an_object_that_comes_again_leaves_the_others_of_its_batch_alone, open_fixture,
            close_fixture),
        cmocka_unit_test_setup_teardown(a_repeat_is_told_to_its_kind_when_it_came_on_a_lane,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(
            f10_a_clock_that_was_set_is_doubted_even_when_the_next_group_failed, open_fixture,
            close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
