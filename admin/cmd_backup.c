/* hubctl backup, restore, recover. */
#include "admin/command.h"
#include "admin/show.h"
#include "hub/base/text.h"
#include "hub/crypto/identity.h"
#include "hub/crypto/key_archive.h"
#include "hub/crypto/secret.h"
#include "hub/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* ---- backup ---- */

static void show_backup(const json_t *answer)
{
    char size[SHOW_SIZE];
    const char *keys = answer_text(answer, "keys");
    printf("Done: %s.\n", show_size(answer_number(answer, "bytes"), size));
    if (*keys)
        printf("The keys are in %s. Keep that file somewhere else than the copy:\nwhoever has both "
               "can act as this hub and read what it holds.\n",
               keys);
    puts("To come back from it: stop hubd, then hubctl restore FILE.");
}

/* The hub writes the files, from its own folder: it needs the whole path. */
static bool run_backup(struct ctl *ctl, struct input *input, struct err *err)
{
    const char *path = input_value(input, "FILE");
    if (path[0] != '/') {
        char *dir = getcwd(NULL, 0), *whole = NULL;
        if (!dir || asprintf(&whole, "%s/%s", dir, path) < 0) {
            free(dir);
            return err_set(err, ERR_IO, "cannot find this folder: give the whole path");
        }
        request_set(input->request, "path", json_string(whole));
        free(whole);
        free(dir);
    }
    return ctl_finish(ctl, input, CLIENT_LONG, err);
}

/* ---- restore: without the hub, on its state directory ---- */

static bool join(char out[PATH_SIZE], const char *dir, const char *name, struct err *err)
{
    return (size_t)snprintf(out, PATH_SIZE, "%s/%s", dir, name) < PATH_SIZE ||
           err_set(err, ERR_INVALID, "the path of the state directory is too long");
}

static bool check_state(const char *dir, struct err *err)
{
    char ini[PATH_SIZE];
    struct stat there;
    if (!join(ini, dir, "hub.ini", err))
        return false;
    if (stat(ini, &there) == 0)
        return true;
    return err_set(err, ERR_IO,
                   "no hub in \"%s\": name its state directory with --hub DIR, or make one with "
                   "hubctl init",
                   dir);
}

/* The lock that hubd holds as long as it runs; given back when this program ends. */
static bool lock_state(const char *dir, int *ret_fd, struct err *err)
{
    char path[PATH_SIZE];
    if (!join(path, dir, "hub.db.lock", err))
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set(err, ERR_CONFLICT, "hubd runs on %s: stop it first, then restore", dir);
    }
    *ret_fd = fd;
    return true;
}

static bool move(const char *from_dir, const char *to_dir, const char *name, struct err *err)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    if (!join(from, from_dir, name, err) || !join(to, to_dir, name, err))
        return false;
    if (rename(from, to) == 0 || errno == ENOENT)
        return true;
    return err_set(err, ERR_IO, "cannot move %s: %s", from, strerror(errno));
}

static int select_key(const struct dirent *entry)
{
    return key_archive_takes(entry->d_name);
}

static bool move_keys(const char *from_dir, const char *to_dir, struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(from_dir, &names, select_key, alphasort);
    bool done = count >= 0 || err_set(err, ERR_IO, "cannot list %s: %s", from_dir, strerror(errno));
    for (int i = 0; i < count; i++) {
        done = done && move(from_dir, to_dir, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return done;
}

/* Opened once before anything is moved: keys that do not fit together are of no use. */
static bool unpack_keys(const char *archive, const char *dir, struct err *err)
{
    if (mkdir(dir, 0700) != 0)
        return err_set(err, ERR_IO, "cannot make %s: %s", dir, strerror(errno));
    if (!key_archive_read(archive, dir, err))
        return false;
    AUTO(identity_free) struct identity *identity = identity_open(dir, err);
    return identity || err_wrap(err, "the keys of %s", archive);
}

struct restoring {
    const char *dir, *copy, *keys; /* keys NULL: those of the state directory stay */
    char aside[PATH_SIZE], fresh[PATH_SIZE], part[PATH_SIZE];
};

static bool prepare(struct restoring *restoring, struct err *err)
{
    char name[64];
    struct tm utc;
    time_t now = time(NULL);
    if (!gmtime_r(&now, &utc))
        return err_set(err, ERR_IO, "cannot read the clock");
    strftime(name, sizeof(name), "before-restore-%Y%m%dT%H%M%SZ", &utc);
    if (!join(restoring->aside, restoring->dir, name, err) ||
        !join(restoring->part, restoring->dir, "hub.db.restored", err) ||
        !join(restoring->fresh, restoring->aside, "new-keys", err))
        return false;
    unlink(restoring->part); /* of a restore that was cut off */
    if (!store_restore(restoring->copy, restoring->part, err))
        return false;
    if (mkdir(restoring->aside, 0700) != 0)
        return err_set(err, ERR_IO, "cannot make %s: %s", restoring->aside, strerror(errno));
    return !restoring->keys || unpack_keys(restoring->keys, restoring->fresh, err);
}

static bool put_in_place(const struct restoring *restoring, struct err *err)
{
    static const char *const files[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (!move(restoring->dir, restoring->aside, files[i], err))
            return false;
    if (restoring->keys && (!move_keys(restoring->dir, restoring->aside, err) ||
                            !move_keys(restoring->fresh, restoring->dir, err)))
        return false;
    if (!join(path, restoring->dir, "hub.db", err))
        return false;
    if (rename(restoring->part, path) != 0)
        return err_set(err, ERR_IO, "cannot move the copy to %s: %s", path, strerror(errno));
    if (restoring->keys)
        rmdir(restoring->fresh);
    int fd = open(restoring->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return synced ||
           err_set(err, ERR_IO, "could not write %s: %s", restoring->dir, strerror(errno));
}

static bool run_restore(struct ctl *ctl, struct input *input, struct err *err)
{
    struct restoring restoring = {
        .dir = ctl->hub, .copy = input_value(input, "FILE"), .keys = input_value(input, "--keys")};
    int lock = -1;
    bool done = secret_setup() || err_set(err, ERR_INTERNAL, "libsodium does not start");
    done = done && check_state(restoring.dir, err) && lock_state(restoring.dir, &lock, err);
    if (done && !prepare(&restoring, err)) {
        unlink(restoring.part);
        done = false;
    }
    done = done && put_in_place(&restoring, err);
    if (lock >= 0)
        close(lock);
    if (!done)
        return false;
    if (ctl->json) {
        AUTO(json_decref) json_t *answer = json_pack("{s:s}", "aside", restoring.aside);
        char *text = json_dumps(answer, JSON_COMPACT);
        puts(text);
        free(text);
        return true;
    }
    printf("Restored. What was there before is in %s.\n", restoring.aside);
    puts("Now start hubd. It sends nothing until its neighbour hubs have given back what it had "
         "sent\nsince the copy was made: hubctl status says how far it is.");
    return true;
}

/* ---- recover ---- */

static void show_recovery(const json_t *answer)
{
    char since[SHOW_WHEN];
    int64_t lost = answer_number(answer, "lost"), damaged = answer_number(answer, "damaged");
    if (json_is_true(answer_find(answer, "recovering"))) {
        show_title("Restored: fetching the tail");
        show_linef("answered", "%lld of %lld peers (%lld known)",
                   (long long)answer_number(answer, "answered"),
                   (long long)answer_number(answer, "needed"),
                   (long long)answer_number(answer, "peers"));
        show_line("since", show_when(answer_text(answer, "since"), since));
    } else {
        show_title("Nothing to recover");
        show_line("signing", *answer_text(answer, "bar") ? answer_text(answer, "bar") : "yes");
    }
    show_linef("incarnation", "%lld", (long long)answer_number(answer, "incarnation"));
    if (lost)
        show_linef("lost", "%lld steps of referrals or claims do not count any more",
                   (long long)lost);
    if (damaged)
        show_linef("damaged", "%lld objects, being fetched again", (long long)damaged);
    if (*answer_text(answer, "advice"))
        show_note("%s", answer_text(answer, "advice"));
}

static bool is_sure(void)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO))
        return true; /* a script has said --go-on */
    fputs("Go on all the same? Type yes: ", stderr);
    return fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0;
}

static bool run_recover(struct ctl *ctl, struct input *input, struct err *err)
{
    if (!input_value(input, "--go-on"))
        return ctl_finish(ctl, input, 0, err);
    AUTO(json_decref) json_t *before = ctl_call(ctl, "Recovery/Status", NULL, err);
    if (!before)
        return false;
    if (!json_is_true(answer_find(before, "recovering")))
        return err_set(err, ERR_CONFLICT, "this hub is not fetching anything: it works normally");
    fprintf(stderr,
            "Warning: %lld of %lld neighbour hubs have given back what they hold.\nWhat this hub "
            "had sent after the copy was made and nobody has given back is lost. When the\nother "
            "hubs come back, steps of before that contradict what you do now no longer count, and\n"
            "both sides are told which. Wait for them if you can.\n",
            (long long)answer_number(before, "answered"),
            (long long)answer_number(before, "peers"));
    if (!is_sure())
        return err_set(err, ERR_CONFLICT, "nothing was changed");
    AUTO(json_decref) json_t *after = ctl_call(ctl, "Recovery/GoOn", NULL, err);
    if (!after)
        return false;
    char *text = json_dumps(after, JSON_COMPACT);
    bool shown = ctl_answer(ctl, input, bytes_text(text), err);
    free(text);
    return shown;
}

static const struct option backup_options[] = {
    WORD("FILE", "path", "new file, in a folder that hubd may write to; keys go to FILE.keys"),
    OPTIONS_END,
};
static const struct option restore_options[] = {
    WORD("FILE", NULL, "a copy that hubctl backup made"),
    TEXT("--keys", "FILE", NULL, "its keys too, when those of the state directory are gone"),
    OPTIONS_END,
};
static const struct option recover_options[] = {
    FLAG("--go-on", NULL, "do not wait for hubs that stay away: what they hold is given up"),
    OPTIONS_END,
};

const struct command commands_backup[] = {
    {"backup", "Copy database and keys while the hub runs", "Node/Backup", backup_options,
     show_backup, run_backup, NULL,
     "FILE holds the database, FILE.keys the keys. Keep them in different places, and both away "
     "from this machine."},
    {"restore", "Put a copy back, while hubd is stopped", NULL, restore_options, NULL, run_restore,
     NULL,
     "--hub names the state directory. What is there is moved aside, not deleted. At the next "
     "start "
     "the hub sends nothing until its neighbours have given back what it had sent since the copy "
     "was made; hubctl status says how far it is."},
    {"recover", "How far a restored hub is, and going on without the rest", "Recovery/Status",
     recover_options, show_recovery, run_recover, NULL,
     "A restored hub waits until three of its neighbour hubs, or all if it has fewer, have given "
     "back what they hold. --go-on ends the wait."},
    {.words = NULL},
};
