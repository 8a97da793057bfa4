#include "hub/crypto/identity.h"

#include "hub/crypto/key_file.h"
#include "hub/crypto/secret.h"
#include "tests/support/fake.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct wall now = {1800000000000};

/* A fresh folder; `dir` inside it does not exist yet. */
struct fixture {
    char root[64], dir[80];
};

static int set_up(void **state)
{
    static struct fixture f;
    const char *base = getenv("TMPDIR");
    snprintf(f.root, sizeof(f.root), "%.32s/maillon-keys-XXXXXX", base ? base : P_tmpdir);
    if (!mkdtemp(f.root))
        return -1;
    snprintf(f.dir, sizeof(f.dir), "%s/keys", f.root);
    *state = &f;
    return 0;
}

static void in_dir(const struct fixture *f, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", f->dir, name);
}

static void empty_dir(const struct fixture *f)
{
    DIR *dir = opendir(f->dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[512];
        in_dir(f, entry->d_name, path);
        unlink(path);
    }
    if (dir)
        closedir(dir);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    empty_dir(f);
    rmdir(f->dir);
    return rmdir(f->root);
}

static struct identity *create(const struct fixture *f, uint64_t seed, struct err *err)
{
    struct fake_random random;
    struct recovery_sheets sheets;
    fake_random_init(&random, seed);
    return identity_create(f->dir, &random.source, now, &sheets, err);
}

static void find_enc_file(const struct fixture *f, char path[512])
{
    DIR *dir = opendir(f->dir);
    path[0] = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strncmp(entry->d_name, "enc-", 4) == 0)
            in_dir(f, entry->d_name, path);
    assert_non_null(dir);
    closedir(dir);
}

static void keys_survive_closing_and_opening(void **state)
{
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(*state, 1, &err);
    assert_non_null(made);
    AUTO(identity_free)
    struct identity *opened = identity_open(((struct fixture *)*state)->dir, &err);
    if (!opened)
        fail_msg("%s", err.msg);
    assert_true(node_id_equal(identity_node(made), identity_node(opened)));
    assert_memory_equal(identity_kel(made), identity_kel(opened), sizeof(struct kel));
    assert_memory_equal(sign_key_public(identity_op(made))->b,
                        sign_key_public(identity_op(opened))->b, 32);
    size_t a, b;
    const struct bytes *events = identity_kel_events(made, &a);
    const struct bytes *again = identity_kel_events(opened, &b);
    assert_int_equal(a, 2);
    assert_int_equal(b, 2);
    assert_true(bytes_equal(events[1], again[1]));
    uint8_t one[32], two[32];
    seal_key_public(identity_enc_keys(made, &a)[0], one);
    seal_key_public(identity_enc_keys(opened, &b)[0], two);
    assert_int_equal(a, 1);
    assert_int_equal(b, 1);
    assert_memory_equal(one, two, 32);

    struct fake_random random;
    fake_random_init(&random, 5);
    struct data_key key, back;
    uint8_t wrapped[WRAPPED_KEY_BYTES];
    random_fill(&random.source, key.b, sizeof(key.b));
    identity_wrap(made, &random.source, &key, wrapped);
    assert_true(identity_unwrap(opened, bytes_of(wrapped, sizeof(wrapped)), &back, &err));
    assert_memory_equal(key.b, back.b, sizeof(key.b));
}

static void key_files_are_for_the_owner_only(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *identity = create(f, 1, &err);
    assert_non_null(identity);
    DIR *dir = opendir(f->dir);
    size_t files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char path[512];
        struct stat st;
        in_dir(f, entry->d_name, path);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        files++;
    }
    closedir(dir);
    assert_int_equal(files, 4); /* and no temporary one is left */
}

/* Neither the root nor its successor is in any file. */
static void roots_are_on_the_sheets_only(void **state)
{
    struct fixture *f = *state;
    struct fake_random random;
    struct recovery_sheets sheets;
    struct err err = {0};
    fake_random_init(&random, 3);
    AUTO(identity_free)
    struct identity *identity = identity_create(f->dir, &random.source, now, &sheets, &err);
    assert_non_null(identity);
    assert_true(node_id_equal(&sheets.node, identity_node(identity)));
    struct node_id seed, next;
    assert_true(node_id_parse(sheets.root, &seed));
    assert_true(node_id_parse(sheets.next_root, &next));
    AUTO(sign_key_free) struct sign_key *root = sign_key_from_seed(seed.b);
    AUTO(sign_key_free) struct sign_key *next_root = sign_key_from_seed(next.b);
    const struct kel *kel = identity_kel(identity);
    assert_memory_equal(sign_key_public(root)->b, kel->roots[0].b, 32);
    uint8_t hash[32];
    digest_sha256(bytes_of(sign_key_public(next_root)->b, 32), hash);
    assert_memory_equal(hash, kel->next_root_hash[0], 32);
    static const char *const names[] = {"op.key", "hub.key", "kel"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512], text[4096] = "";
        in_dir(f, names[i], path);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
        fclose(file);
        sheets.root[51] = sheets.next_root[51] = 0;
        assert_null(strstr(text, sheets.root));
        assert_null(strstr(text, sheets.next_root));
    }
}

static void a_folder_with_keys_is_never_overwritten(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    assert_null(create(f, 2, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    AUTO(identity_free) struct identity *opened = identity_open(f->dir, &err);
    assert_true(node_id_equal(identity_node(made), identity_node(opened)));
}

static void assert_not_opened(const struct fixture *f, const char *why)
{
    struct err err = {0};
    assert_null(identity_open(f->dir, &err));
    assert_int_equal(err.code, ERR_IO);
    if (!strstr(err.msg, why))
        fail_msg("%s", err.msg);
}

static void keys_that_others_can_read_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    char paths[3][512];
    in_dir(f, "op.key", paths[0]);
    in_dir(f, "hub.key", paths[1]);
    find_enc_file(f, paths[2]);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(chmod(paths[i], 0640), 0);
        assert_not_opened(f, "others can read it");
        assert_int_equal(chmod(paths[i], 0604), 0);
        assert_not_opened(f, "others can read it");
        assert_int_equal(chmod(paths[i], 0600), 0);
    }
    AUTO(identity_free) struct identity *opened = identity_open(f->dir, &err);
    assert_non_null(opened);
}

static void a_symbolic_link_is_not_followed(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    char path[512], target[512];
    in_dir(f, "op.key", path);
    in_dir(f, "elsewhere", target);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_not_opened(f, "could not open op.key");
}

static void missing_and_damaged_files_are_named(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_not_opened(f, "could not open op.key");
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    char path[512];
    static const char *const names[] = {"kel", "hub.key", "op.key"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        in_dir(f, names[i], path);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size - 5), 0);
        assert_not_opened(f, names[i]);
        assert_int_equal(truncate(path, 0), 0);
        assert_not_opened(f, names[i]);
        assert_int_equal(unlink(path), 0);
        assert_not_opened(f, names[i]);
    }
}

static void a_signing_key_of_another_hub_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    char path[512], text[BASE32_LEN(32) + 2];
    uint8_t seed[32] = {9};
    in_dir(f, "op.key", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "# comment\n\n%s\n", base32_encode(bytes_of(seed, 32), text));
    fclose(file);
    assert_not_opened(f, "does not delegate to it");
}

static void a_missing_sealing_key_is_named(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    AUTO(identity_free) struct identity *made = create(f, 1, &err);
    assert_non_null(made);
    char path[512];
    find_enc_file(f, path);
    assert_int_equal(unlink(path), 0);
    assert_not_opened(f, "no sealing key");
}

static void the_same_seed_makes_the_same_identity_in_memory(void **state)
{
    (void)state;
    struct fake_random a, b, c;
    fake_random_init(&a, 1);
    fake_random_init(&b, 1);
    fake_random_init(&c, 2);
    AUTO(identity_free) struct identity *one = identity_create_memory(&a.source, now);
    AUTO(identity_free) struct identity *two = identity_create_memory(&b.source, now);
    AUTO(identity_free) struct identity *other = identity_create_memory(&c.source, now);
    assert_true(node_id_equal(identity_node(one), identity_node(two)));
    assert_false(node_id_equal(identity_node(one), identity_node(other)));
    AUTO(buf_done) struct buf out = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct envelope e;
    struct oid oid;
    struct err err = {0};
    identity_sign(one, TYPE_NOTICE, bytes_text("body"), &out, &oid);
    assert_true(envelope_open(buf_bytes(&out), arena, &e, &err));
    assert_true(oid_equal(&e.oid, &oid));
    assert_true(kel_verify(identity_kel(two), &e, NULL));
    assert_false(kel_verify(identity_kel(other), &e, NULL));
}

static void stored_data_opens_with_its_key_and_its_row_only(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 1);
    struct data_key key = {{1}}, other = {{2}};
    AUTO(buf_done) struct buf stored = {0}, plain = {0};
    struct err err = {0};
    buf_add_text(&stored, "kept");
    data_encrypt(&key, &random.source, bytes_text("row 1"), bytes_text("secret"), &stored);
    assert_int_equal(stored.len, 4 + 24 + 6 + 16);
    struct bytes row = bytes_of(stored.data + 4, stored.len - 4);
    assert_true(data_decrypt(&key, bytes_text("row 1"), row, &plain, &err));
    assert_string_equal(buf_text(&plain), "secret");
    assert_false(data_decrypt(&other, bytes_text("row 1"), row, &plain, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_false(data_decrypt(&key, bytes_text("row 2"), row, &plain, &err));
    for (size_t len = 0; len < row.len; len++)
        assert_false(
            data_decrypt(&key, bytes_text("row 1"), bytes_of(row.data, len), &plain, &err));
    assert_int_equal(plain.len, 6);
    stored.len = plain.len = 0;
    data_encrypt(&key, &random.source, (struct bytes){0}, (struct bytes){0}, &stored);
    assert_true(data_decrypt(&key, (struct bytes){0}, buf_bytes(&stored), &plain, &err));
    assert_int_equal(plain.len, 0);
}

static void a_wrapped_key_opens_with_its_hub_key_only(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 1);
    AUTO(identity_free) struct identity *mine = identity_create_memory(&random.source, now);
    AUTO(identity_free) struct identity *other = identity_create_memory(&random.source, now);
    struct data_key key = {{1}}, back;
    uint8_t wrapped[WRAPPED_KEY_BYTES];
    struct err err = {0};
    identity_wrap(mine, &random.source, &key, wrapped);
    assert_true(identity_unwrap(mine, bytes_of(wrapped, sizeof(wrapped)), &back, &err));
    assert_false(identity_unwrap(other, bytes_of(wrapped, sizeof(wrapped)), &back, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_false(identity_unwrap(mine, bytes_of(wrapped, sizeof(wrapped) - 1), &back, &err));
    wrapped[30] ^= 1;
    assert_false(identity_unwrap(mine, bytes_of(wrapped, sizeof(wrapped)), &back, &err));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static struct sign_key *root_of(const struct recovery_sheets *sheets)
{
    struct node_id seed;
    assert_true(node_id_parse(sheets->root, &seed));
    return sign_key_from_seed(seed.b);
}

/* DELEGATE of a new OP key and REVOKE of the old one, for identity_append. */
struct change {
    struct buf delegate, revoke;
    struct bytes events[2];
    struct sign_key *op;
};

static void change_init(struct change *change, const struct identity *identity,
                        const struct sign_key *root, const struct random_source *random)
{
    struct kel kel = *identity_kel(identity);
    struct err err = {0};
    const struct kel_signers by = {.keys = {root}, .count = 1};
    *change = (struct change){.op = sign_key_create(random)};
    kel_write_delegate(&kel, root, sign_key_public(change->op), now, &change->delegate);
    assert_true(kel_apply(&kel, buf_bytes(&change->delegate), &err));
    kel_write_revoke(&kel, &by, sign_key_public(identity_op(identity)), KEL_REPLACED, NULL, 0, now,
                     &change->revoke);
    change->events[0] = buf_bytes(&change->delegate);
    change->events[1] = buf_bytes(&change->revoke);
}

static void change_done(struct change *change)
{
    buf_done(&change->delegate);
    buf_done(&change->revoke);
}

static void a_new_working_key_is_on_disk_and_the_old_one_is_not(void **state)
{
    const struct fixture *f = *state;
    struct fake_random random;
    struct recovery_sheets sheets;
    struct err err = {0};
    struct change change;
    fake_random_init(&random, 41);
    AUTO(identity_free)
    struct identity *made = identity_create(f->dir, &random.source, now, &sheets, &err);
    assert_non_null(made);
    AUTO(sign_key_free) struct sign_key *root = root_of(&sheets);
    const struct sign_key *lent = identity_op(made);
    change_init(&change, made, root, &random.source);
    struct sign_public fresh = *sign_key_public(change.op);
    /* one event alone would leave the new key in hand and the old one valid: taken too */
    assert_false(identity_append(made, change.events + 1, 1, NULL, now, &err));
    assert_int_equal(identity_kel(made)->seq, 2);
    assert_true(identity_append(made, change.events, 2, change.op, now, &err));
    assert_memory_equal(sign_key_public(identity_op(made))->b, fresh.b, 32);
    assert_non_null(sign_key_public(lent)); /* what was lent lives on */
    AUTO(identity_free) struct identity *opened = identity_open(f->dir, &err);
    assert_non_null(opened);
    assert_memory_equal(sign_key_public(identity_op(opened))->b, fresh.b, 32);
    assert_int_equal(identity_kel(opened)->seq, 4);
    change_done(&change);
}

static void put_op(const struct fixture *f, const char *name, const struct sign_key *op)
{
    uint8_t seed[32];
    struct err err = {0};
    sign_key_seed(op, seed);
    struct bytes item = bytes_of(seed, sizeof(seed));
    assert_true(key_file_write(f->dir, name, "op", &item, 1, &err));
}

/* Wherever a change of the working key is cut off, the next start has a log and a key that fit. */
static void a_change_cut_off_anywhere_is_finished_or_undone(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        bool log_is_new, old_is_there, ends_new;
    } cuts[] = {{false, true, false}, {true, true, true}, {true, false, true}};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct fake_random random;
        struct recovery_sheets sheets;
        struct err err = {0};
        struct change change;
        char path[512];
        size_t count;
        fake_random_init(&random, 50 + i);
        AUTO(identity_free)
        struct identity *made = identity_create(f->dir, &random.source, now, &sheets, &err);
        assert_non_null(made);
        AUTO(sign_key_free) struct sign_key *root = root_of(&sheets);
        change_init(&change, made, root, &random.source);
        struct sign_public old = *sign_key_public(identity_op(made));
        struct sign_public fresh = *sign_key_public(change.op);
        put_op(f, "op-next.key", change.op);
        sign_key_free(change.op);
        const struct bytes *first = identity_kel_events(made, &count);
        const struct bytes all[] = {first[0], first[1], change.events[0], change.events[1]};
        if (cuts[i].log_is_new)
            assert_true(key_file_write(f->dir, "kel", "log", all, 4, &err));
        in_dir(f, "op.key", path);
        if (!cuts[i].old_is_there)
            unlink(path);
        AUTO(identity_free) struct identity *opened = identity_open(f->dir, &err);
        if (!opened)
            fail_msg("%s", err.msg);
        assert_memory_equal(sign_key_public(identity_op(opened))->b,
                            cuts[i].ends_new ? fresh.b : old.b, 32);
        assert_false(key_file_exists(f->dir, "op-next.key"));
        assert_true(key_file_exists(f->dir, "op.key"));
        AUTO(identity_free) struct identity *again = identity_open(f->dir, &err);
        assert_non_null(again);
        change_done(&change);
        empty_dir(f);
    }
}

/* R-ID-6 */
static void sealing_keys_come_and_go_as_files(void **state)
{
    const struct fixture *f = *state;
    struct fake_random random;
    struct recovery_sheets sheets;
    struct err err = {0};
    bool changed;
    char first[512];
    struct enc_key_info keys[64];
    fake_random_init(&random, 42);
    AUTO(identity_free)
    struct identity *made = identity_create(f->dir, &random.source, now, &sheets, &err);
    assert_non_null(made);
    find_enc_file(f, first);
    for (int day = 1; day <= 112; day++) {
        struct wall at = {now.ms + day * INT64_C(86400000)};
        assert_true(identity_tick(made, &random.source, at, &changed, &err));
        assert_int_equal(changed, day % 7 == 0 || day == 112);
        assert_int_equal(access(first, F_OK), day <= 111 ? 0 : -1);
    }
    size_t count = identity_enc_list(made, keys, 64), again;
    AUTO(identity_free) struct identity *opened = identity_open(f->dir, &err);
    assert_non_null(opened);
    struct enc_key_info same[64];
    again = identity_enc_list(opened, same, 64);
    assert_int_equal(count, again);
    assert_memory_equal(keys, same, count * sizeof(keys[0]));
    /* stolen: none of the old ones is accepted any more, they all still open */
    struct wall late = {now.ms + 112 * INT64_C(86400000)};
    assert_true(identity_renew_enc(opened, &random.source, late, &err));
    assert_int_equal(identity_enc_list(opened, keys, 64), count + 1);
    for (size_t i = 1; i <= count; i++)
        assert_true(keys[i].until_s <= late.ms / 1000);
    AUTO(identity_free) struct identity *reopened = identity_open(f->dir, &err);
    assert_non_null(reopened);
    assert_int_equal(identity_enc_list(reopened, same, 64), count + 1);
    assert_memory_equal(keys, same, sizeof(keys[0]));
    for (size_t i = 1; i <= count; i++) /* of one age now: in any order */
        assert_int_equal(keys[i].destroyed_s, same[i].destroyed_s);
    /* a clock that jumped ahead never takes the last key */
    struct wall mad = {late.ms + 9000 * INT64_C(86400000)};
    assert_true(identity_tick(reopened, &random.source, mad, &changed, &err));
    assert_int_equal(identity_enc_list(reopened, same, 64), 1);
    assert_true(identity_tick(reopened, &random.source, late, &changed, &err));
    assert_int_equal(identity_enc_list(reopened, same, 64), 2);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        IN_FOLDER(keys_survive_closing_and_opening),
        IN_FOLDER(a_new_working_key_is_on_disk_and_the_old_one_is_not),
        IN_FOLDER(a_change_cut_off_anywhere_is_finished_or_undone),
        IN_FOLDER(sealing_keys_come_and_go_as_files),
        IN_FOLDER(key_files_are_for_the_owner_only),
        IN_FOLDER(roots_are_on_the_sheets_only),
        IN_FOLDER(a_folder_with_keys_is_never_overwritten),
        IN_FOLDER(keys_that_others_can_read_are_refused),
        IN_FOLDER(a_symbolic_link_is_not_followed),
        IN_FOLDER(missing_and_damaged_files_are_named),
        IN_FOLDER(a_signing_key_of_another_hub_is_refused),
        IN_FOLDER(a_missing_sealing_key_is_named),
        cmocka_unit_test(the_same_seed_makes_the_same_identity_in_memory),
        cmocka_unit_test(stored_data_opens_with_its_key_and_its_row_only),
        cmocka_unit_test(a_wrapped_key_opens_with_its_hub_key_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
