#include "hub/api/referral_attachments.h"

#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/domain/attachment.h"

/* One manifest of the chain, and the row that says what became of its bytes; NULL: erased. */
struct listed {
    const struct referral_event *event;
    const Maillon__Hfp__V1__Attachment *manifest;
    const struct attachment *row;
};

static bool list(struct call *call, const struct referral *referral,
                 const struct referral_event *events, size_t event_count, struct listed **ret,
                 size_t *ret_count, struct err *err)
{
    struct attachment *rows;
    size_t row_count, count = 0, total = 0;
    if (!attachment_list(call->store, call->arena, referral->id, &rows, &row_count, err))
        return false;
    for (size_t i = 0; i < event_count; i++)
        total += events[i].payload ? events[i].payload->n_attachment : 0;
    struct listed *all = arena_alloc(call->arena, (total + 1) * sizeof(*all));
    for (size_t i = 0; i < event_count; i++) {
        for (size_t j = 0; events[i].payload && j < events[i].payload->n_attachment; j++) {
            all[count] = (struct listed){&events[i], events[i].payload->attachment[j], NULL};
            for (size_t k = 0; k < row_count; k++)
                if (rows[k].position == j && oid_equal(&rows[k].event, &events[i].key.oid))
                    all[count].row = &rows[k];
            count++;
        }
    }
    *ret = all;
    *ret_count = count;
    return true;
}

static const char *state_word(const struct attachment *row)
{
    static const char *const words[] = {
        [ATTACHMENT_UPLOADING] = "coming", [ATTACHMENT_WHOLE] = "here",
        [ATTACHMENT_COMING] = "coming",    [ATTACHMENT_GONE] = "gone",
        [ATTACHMENT_REFUSED] = "refused",
    };
    return row ? words[row->state] : "erased";
}

static uint64_t bytes_here(const struct attachment *row)
{
    uint64_t have = row ? (uint64_t)row->have * ATTACHMENT_PART_BYTES : 0;
    return row && have > row->size ? row->size : have;
}

bool referral_fill_attachments(struct call *call, const struct referral *referral,
                               const struct referral_event *events, size_t event_count,
                               Maillon__Api__V1__Referral *view, struct err *err)
{
    struct listed *all;
    size_t count;
    if (!list(call, referral, events, event_count, &all, &count, err))
        return false;
    view->attachment = (Maillon__Api__V1__AttachmentView **)rpc_array(call, count);
    for (; view->n_attachment < count; view->n_attachment++) {
        const struct listed *from = &all[view->n_attachment];
        Maillon__Api__V1__AttachmentView *one =
            rpc_message(call, &maillon__api__v1__attachment_view__descriptor);
        one->number = (uint32_t)view->n_attachment + 1;
        one->by =
            rpc_text(call, from->event->key.side == referral_our_side(referral) ? "us" : "them");
        one->name = rpc_text(call, from->manifest->name);
        one->media_type = rpc_text(call, from->manifest->media_type);
        one->size = from->manifest->size;
        one->state = rpc_text(call, state_word(from->row));
        one->have = bytes_here(from->row);
        one->at = rpc_time(call, (int64_t)from->event->key.created_s * 1000);
        view->attachment[view->n_attachment] = one;
    }
    return true;
}

/* ---- upload ---- */

bool referral_take_slice(struct call *call, const Maillon__Api__V1__AttachRequest *request,
                         const char *actor, struct oid *ret_id, bool *ret_sent,
                         Maillon__Api__V1__AttachResponse **ret, struct err *err)
{
    char upload[ATTACHMENT_UPLOAD_TEXT];
    struct referral referral;
    uint64_t have;
    bool whole;
    struct attachment_slice slice = {
        .account = call->caller.account,
        .upload = request->upload,
        .name = request->name,
        .media_type = request->media_type,
        .size = request->size,
        .offset = request->offset,
        .data = bytes_of(request->data.data, request->data.len),
    };
    if ((*request->id &&
         !referral_resolve(call->store, call->arena, request->id, &referral, err)) ||
        !attachment_upload(call->tx, &slice, upload, &have, &whole, err))
        return false;
    *ret_sent = whole && *request->id;
    if (*ret_sent) {
        const char *uploads[] = {upload};
        struct referral_act act = {
            .action = REFERRAL_ACTION(MESSAGE),
            .text = request->text,
            .uploads = uploads,
            .upload_count = 1,
            .account = call->caller.account,
            .actor = actor,
        };
        *ret_id = referral.oid;
        if (!referral_act(call->tx, &referral.oid, &act, err))
            return false;
    }
    *ret = rpc_message(call, &maillon__api__v1__attach_response__descriptor);
    (*ret)->upload = rpc_text(call, upload);
    (*ret)->have = have;
    (*ret)->whole = whole;
    return true;
}

/* ---- download ---- */

static bool find_listed(struct call *call, const Maillon__Api__V1__AttachmentRequest *request,
                        struct listed *ret, struct err *err)
{
    struct referral referral;
    struct referral_event *events;
    struct listed *all;
    size_t event_count, count;
    if (!referral_resolve(call->store, call->arena, request->id, &referral, err))
        return false;
    if (referral.state.status == REFERRAL_STATUS(ENTERED_IN_ERROR))
        return err_set(err, ERR_CONFLICT, "this referral was entered in error: it is hidden");
    if (!referral_events(call->store, call->arena, call->env->self, &referral, &events,
                         &event_count, err) ||
        !list(call, &referral, events, event_count, &all, &count, err))
        return false;
    if (!request->number || request->number > count)
        return err_set(err, ERR_UNKNOWN,
                       "no attachment of this number: `referral attachments` lists them");
    *ret = all[request->number - 1];
    if (!ret->row)
        return err_set(err, ERR_CONFLICT, "this attachment was erased: its time was over");
    switch (ret->row->state) {
    case ATTACHMENT_WHOLE:
        return true;
    case ATTACHMENT_UPLOADING:
    case ATTACHMENT_COMING:
        return err_set(err, ERR_CONFLICT,
                       "this attachment is still on its way: try again when it is here");
    case ATTACHMENT_GONE:
        return err_set(err, ERR_CONFLICT,
                       "this attachment was lost where it came from: ask them to send it again");
    case ATTACHMENT_REFUSED:
        break;
    }
    return err_set(
        err, ERR_CONFLICT,
        "this hub does not take this attachment: it is of another type than " ATTACHMENT_TYPES_WORDS
        ", or one too many");
}

bool run_attachment(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__AttachmentRequest *request = in;
    struct listed listed = {0};
    struct data_key key;
    if (request->offset % ATTACHMENT_PART_BYTES)
        return err_set(err, ERR_INVALID, "offset is a multiple of %d", ATTACHMENT_PART_BYTES);
    if (!find_listed(call, request, &listed, err))
        return false;
    const struct attachment *row = listed.row;
    if (request->offset >= row->size || listed.manifest->key.len != sizeof(key))
        return err_set(err, ERR_INVALID, "offset is beyond the end");
    AUTO(buf_done) struct buf plain = {0};
    uint32_t number = (uint32_t)(request->offset / ATTACHMENT_PART_BYTES);
    memcpy(key.b, listed.manifest->key.data, sizeof(key.b));
    bool ok = true;
    for (; ok && number < row->parts && plain.len < API_SLICE_MAX; number++) {
        struct bytes sealed;
        bool found = false;
        ok = attachment_part(call->store, call->arena, row, number, &found, &sealed, err);
        if (ok && !found)
            ok = err_set(err, ERR_IO,
                         "cannot read this attachment: its part %u is damaged; restore a backup",
                         number);
        ok = ok && part_open(&key, number, row->parts, sealed, &plain, err);
    }
    secret_wipe(&key, sizeof(key));
    if (!ok)
        return false;
    Maillon__Api__V1__AttachmentSlice *slice =
        rpc_message(call, &maillon__api__v1__attachment_slice__descriptor);
    struct bytes data = arena_bytes(call->arena, buf_bytes(&plain));
    slice->name = rpc_text(call, listed.manifest->name);
    slice->media_type = rpc_text(call, listed.manifest->media_type);
    slice->size = row->size;
    slice->offset = request->offset;
    slice->data = (ProtobufCBinaryData){data.len, (uint8_t *)(uintptr_t)data.data};
    secret_wipe(plain.data, plain.len);
    *out = slice;
    return true;
}
