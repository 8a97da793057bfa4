/* hubctl referral attach, attachments, fetch: letters and photos that go with a referral. */
#include "admin/attach.h"
#include "admin/show.h"
#include "hub/domain/attachment.h"
#include "proto/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static json_t *send_slice(struct ctl *ctl, struct bytes file, size_t offset, const json_t *first,
                          const char *upload, struct err *err)
{
    size_t len = file.len - offset < API_SLICE_MAX ? file.len - offset : API_SLICE_MAX;
    AUTO(buf_done) struct buf text = {0};
    AUTO(json_decref) json_t *request = json_deep_copy(first);
    base64_encode(bytes_of(file.data + offset, len), &text);
    request_set(request, "upload", json_string(upload));
    request_set(request, "offset", json_integer((json_int_t)offset));
    request_set(request, "data", json_string(buf_text(&text)));
    return ctl_call(ctl, "Referrals/Attach", request, err);
}

json_t *attach_upload(struct ctl *ctl, const char *path, const char *id, const char *text,
                      struct err *err)
{
    AUTO(buf_done) struct buf file = {0};
    if (!file_read(path, ATTACHMENT_BYTES, &file, err))
        return NULL;
    const char *type = attachment_type_of(buf_bytes(&file));
    if (!type) {
        err_set(err, ERR_INVALID,
                file.len ? "%.120s cannot be attached: only PDF, JPEG, PNG and plain text are taken"
                         : "%.120s is empty",
                path);
        return NULL;
    }
    const char *name = strrchr(path, '/');
    AUTO(json_decref) json_t *first = json_object();
    request_set(first, "name",
                json_string(strcmp(path, "-") == 0 ? "document"
                            : name                 ? name + 1
                                                   : path));
    request_set(first, "mediaType", json_string(type));
    request_set(first, "size", json_integer((json_int_t)file.len));
    if (id)
        request_set(first, "id", json_string(id));
    if (text)
        request_set(first, "text", json_string(text));
    json_t *answer = NULL;
    for (size_t offset = 0; offset < file.len;) {
        json_t *last = answer;
        answer = send_slice(ctl, buf_bytes(&file), offset, first,
                            last ? answer_text(last, "upload") : "", err);
        json_decref(last);
        if (!answer)
            return NULL;
        size_t have = (size_t)answer_number(answer, "have");
        if (have <= offset) {
            err_set(err, ERR_IO, "the hub does not take the file: try again");
            json_decref(answer);
            return NULL;
        }
        offset = have;
    }
    return answer;
}

static bool run_attach(struct ctl *ctl, struct input *input, struct err *err)
{
    AUTO(json_decref)
    json_t *answer = attach_upload(ctl, input_value(input, "FILE"), input_value(input, "ID"),
                                   input_value(input, "--text"), err);
    if (!answer)
        return false;
    char *text = json_dumps(answer, JSON_COMPACT);
    bool ok = ctl_answer(ctl, input, bytes_text(text), err);
    free(text);
    return ok;
}

static void show_attached(const json_t *answer)
{
    size_t count = answer_count(answer, "referral.attachment");
    const json_t *last = count ? answer_item(answer, "referral.attachment", count - 1) : NULL;
    printf("%.8s  %s is attached\n", answer_text(answer, "referral.id"), answer_text(last, "name"));
    show_note("The other hub fetches it when both are connected.");
}

static const char *state_words(const json_t *one)
{
    static const struct {
        const char *state, *words;
    } table[] = {
        {"here", "here"},
        {"coming", "on its way"},
        {"gone", "lost at the other hub: ask them to send it again"},
        {"refused", "not taken: another type, or one too many"},
        {"erased", "erased: its time was over"},
    };
    const char *state = answer_text(one, "state");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].words;
    return state;
}

static void show_attachments(const json_t *answer)
{
    static const struct column columns[] = {{"N", 0},    {"NAME", COLUMN_CUT}, {"SIZE", 0},
                                            {"FROM", 0}, {"STATE", 0},         {NULL, 0}};
    AUTO(table_free) struct table *table = table_create(columns);
    for (size_t i = 0; i < answer_count(answer, "attachment"); i++) {
        const json_t *one = answer_item(answer, "attachment", i);
        char number[16], size[32];
        snprintf(number, sizeof(number), "%" PRId64, answer_number(one, "number"));
        snprintf(size, sizeof(size), "%" PRId64 " KiB", (answer_number(one, "size") + 1023) / 1024);
        table_add(table, (const char *[]){number, answer_text(one, "name"), size,
                                          answer_text(one, "by"), state_words(one)});
    }
    table_print(table, "Nothing is attached.");
    if (answer_count(answer, "attachment"))
        show_note("To read one: hubctl referral fetch %.8s N FILE", answer_text(answer, "id"));
}

static bool run_fetch(struct ctl *ctl, struct input *input, struct err *err)
{
    AUTO(buf_done) struct buf file = {0};
    for (size_t size = 1; file.len < size;) {
        request_set(input->request, "offset", json_integer((json_int_t)file.len));
        AUTO(json_decref)
        json_t *slice = ctl_call(ctl, "Referrals/Attachment", input->request, err);
        if (!slice)
            return false;
        size_t before = file.len;
        size = (size_t)answer_number(slice, "size");
        if (!base64_decode(answer_text(slice, "data"), &file) || file.len == before)
            return err_set(err, ERR_IO, "the hub's answer cannot be read: try again");
    }
    return file_write_new(input_value(input, "FILE"), buf_bytes(&file), err);
}

#define ID WORD("ID", "id", "of the referral, or its first 8 characters")
static const struct option attach_options[] = {
    ID, WORD("FILE", NULL, "PDF, JPEG, PNG or plain text, at most 16 MiB; - for standard input"),
    TEXT("--text", "TEXT", NULL, "what to say besides; the other hub reads it"), OPTIONS_END};
static const struct option attachments_options[] = {ID, OPTIONS_END};
static const struct option fetch_options[] = {
    ID,
    {"N", NULL, OPTION_NUMBER, OPTION_REQUIRED, "number", NULL, NULL,
     "which one, as referral attachments numbers them"},
    WORD("FILE", NULL, "new private file; - for standard output"),
    OPTIONS_END,
};

const struct command commands_attach[] = {
    {"referral attach", "Send a file with a referral", "Referrals/Attach", attach_options,
     show_attached, run_attach, NULL,
     "At most 3 in one referral. The other hub fetches it part by part and goes on where it was "
     "when the connection was cut. Both hubs erase it six months after the end of the referral, "
     "and with the person's data. It is never sent by e-mail."},
    {"referral attachments", "What files go with a referral", "Referrals/Get", attachments_options,
     show_attachments, NULL, NULL, NULL},
    {"referral fetch", "Save an attached file", "Referrals/Attachment", fetch_options, NULL,
     run_fetch, NULL,
     "The file comes from the other organisation: open it with the care that a file from outside "
     "needs."},
    {.words = NULL},
};
