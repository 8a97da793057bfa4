/* Photos and papers that go with a referral: sent from a form, saved from the page of the referral
 * (proto/README.md "Attachments"). */
#include "hub/web/pages_referral.h"

#include "hub/domain/attachment.h"
#include "maillon/api/v1/referrals.pb-c.h"
#include <stdlib.h>

/* One file, and the fields beside it. */
#define ATTACH_UPLOAD_MAX (ATTACHMENT_BYTES + 65536)

/* ---- sending: the file in slices, then a message that names it ---- */

static char *packed_only(const char *text)
{
    return (char *)(uintptr_t)text;
}

/* The first slice says what the file is, the others go on where the last answer ends. */
static void pack_slice(struct page_visit *visit, struct buf *out)
{
    const json_t *last = json_object_get(page_context(visit), "upload");
    const char *field, *name;
    struct bytes file = page_file(visit, 0, &field, &name);
    size_t at = last ? (size_t)page_number(last, "have") : 0;
    at = at < file.len ? at : file.len;
    size_t left = file.len - at;
    Maillon__Api__V1__AttachRequest request = MAILLON__API__V1__ATTACH_REQUEST__INIT;
    const char *type = attachment_type_of(file);
    request.upload = packed_only(last ? page_text(last, "upload") : "");
    request.name = packed_only(name);
    request.media_type = packed_only(type ? type : "");
    request.size = file.len;
    request.offset = at;
    if (left) /* else there is nothing to point at */
        request.data = (ProtobufCBinaryData){left < API_SLICE_MAX ? left : API_SLICE_MAX,
                                             (uint8_t *)(uintptr_t)file.data + at};
    size_t len = maillon__api__v1__attach_request__get_packed_size(&request);
    out->len += maillon__api__v1__attach_request__pack(&request, buf_reserve(out, len));
}

static bool is_more_to_send(struct page_visit *visit)
{
    const json_t *last = json_object_get(page_context(visit), "upload");
    const char *field, *name;
    struct bytes file = page_file(visit, 0, &field, &name);
    return !is_set(last, "whole") && page_number(last, "have") < (json_int_t)file.len;
}

static json_t *build_message(struct page_visit *visit)
{
    json_t *request = json_pack("{s:s, s:s, s:[s]}", "id", page_value(visit, "path.id"), "action",
                                "message", "attachment", page_value(visit, "upload.upload"));
    referral_take(visit, "text", request, "text");
    return request;
}

/* ---- saving ---- */

static json_t *build_wanted(struct page_visit *visit)
{
    const json_t *slice = json_object_get(page_context(visit), "slice");
    struct buf *have = slice ? page_sent_file(visit, "", "") : NULL;
    return json_pack("{s:s, s:I, s:I}", "id", page_value(visit, "path.id"), "number",
                     (json_int_t)strtoul(page_value(visit, "path.number"), NULL, 10), "offset",
                     (json_int_t)(have ? have->len : 0));
}

static bool is_more_to_save(struct page_visit *visit)
{
    const json_t *slice = json_object_get(page_context(visit), "slice");
    struct buf *file =
        page_sent_file(visit, page_text(slice, "name"), page_text(slice, "mediaType"));
    size_t before = file->len;
    return base64_decode(page_text(slice, "data"), file) && file->len > before &&
           (json_int_t)file->len < page_number(slice, "size");
}

/* ---- the list ---- */

/* "Photo", "PDF": people know no media types. */
static const struct {
    const char *media_type, *kind;
} kind_words[] = {
    {"application/pdf", "pdf"},
    {"image/jpeg", "photo"},
    {"image/png", "photo"},
    {"text/plain", "text"},
};

static const char *kind_of(const json_t *attachment)
{
    for (size_t i = 0; i < ARRAY_LEN(kind_words); i++)
        if (is_text(attachment, "mediaType", kind_words[i].media_type))
            return kind_words[i].kind;
    return "other";
}

void attachments_describe(struct page_visit *visit, json_t *referral)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(referral, "attachment"), i, one)
    {
        bool ours = is_text(one, "by", "us");
        json_int_t kib = (page_number(one, "size") + 1023) / 1024;
        bool is_large = kib >= 1024;
        json_object_set_new(
            one, "who",
            json_string(ours ? page_value(visit, "hub.name") : page_text(referral, "peerName")));
        json_object_set_new(one, "kind",
                            json_string(page_word(visit, "attachment.kind", kind_of(one))));
        json_object_set_new(one, is_large ? "mib" : "kib",
                            json_integer(is_large ? (kib + 512) / 1024 : kib));
    }
    json_object_set_new(referral, "may_attach",
                        json_boolean(referral_may(referral, "message") &&
                                     referral_is_open(referral) &&
                                     json_array_size(json_object_get(referral, "attachment")) <
                                         ATTACHMENTS_PER_REFERRAL));
}

const struct page pages_attachments[] = {
    {.method = "POST",
     .path = "/referrals/:id/attach",
     .roles = ROLE_CASEWORKER,
     .upload_max = ATTACH_UPLOAD_MAX,
     .calls = {{.as = "upload",
                .method = "Referrals/Attach",
                .pack = pack_slice,
                .more = is_more_to_send},
               PAGE_CALL("referral", "Referrals/Act", NULL, .build = build_message, .hold = true)},
     .redirect = "/referrals/{path.id}?done=attach",
     .again = "/referrals/{path.id}"},
    {.method = "GET",
     .path = "/referrals/:id/files/:number",
     .roles = ROLE_CASEWORKER,
     .sends_file = true,
     .calls = {PAGE_CALL("slice", "Referrals/Attachment", NULL, .build = build_wanted,
                         .more = is_more_to_save)}},
    {.method = NULL},
};
