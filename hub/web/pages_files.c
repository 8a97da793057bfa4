/* Files that come with a form, and requests too large for JSON. */
#include "hub/web/pages_internal.h"

#include "hub/api/json.h"
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/web/form_multipart.h"
#include <stdlib.h>

struct page_files { /* copies: the body of the request goes once it is read */
    struct page_file {
        char field[64], name[FORM_NAME_MAX + 1];
        struct buf data;
    } list[FORM_FILES_MAX];
    size_t count;
};

size_t pages_upload_max(const char *path, unsigned *ret_roles)
{
    const struct page *page = route_find("POST", path, NULL);
    *ret_roles = page ? page->roles : 0;
    return page ? page->upload_max : 0;
}

/* Letters of people: not left in freed memory. */
static void wipe(struct buf *data)
{
    if (data->data)
        secret_wipe(data->data, data->len);
    buf_done(data);
}

void files_free(struct page_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < files->count; i++)
        wipe(&files->list[i].data);
    free(files);
}

bool files_read(struct page_visit *visit, const struct page_request *request, json_t *form)
{
    char boundary[FORM_BOUNDARY_MAX + 1];
    struct form_file found[FORM_FILES_MAX];
    size_t count;
    unsigned roles;
    if (!pages_upload_max(request->path, &roles) ||
        !form_boundary(request->content_type, boundary) ||
        !form_parse_multipart(request->body, boundary, form, found, &count))
        return false;
    visit->files = mem_alloc(sizeof(*visit->files));
    for (size_t i = 0; i < count; i++) {
        struct page_file *file = &visit->files->list[visit->files->count++];
        memcpy(file->field, found[i].field, sizeof(file->field));
        memcpy(file->name, found[i].name, sizeof(file->name));
        buf_add_bytes(&file->data, found[i].data);
    }
    return true;
}

struct buf *page_sent_file(struct page_visit *visit, const char *name, const char *media_type)
{
    if (!visit->sent) {
        visit->sent = mem_alloc(sizeof(*visit->sent));
        visit->sent->name = mem_text(name);
        visit->sent->media_type = mem_text(media_type);
    }
    return &visit->sent->data;
}

void files_free_sent(struct page_sent *sent)
{
    if (!sent)
        return;
    wipe(&sent->data);
    free(sent->name);
    free(sent->media_type);
    free(sent);
}

struct bytes page_file(struct page_visit *visit, size_t at, const char **ret_field,
                       const char **ret_name)
{
    if (!visit->files || at >= visit->files->count) {
        *ret_field = *ret_name = "";
        return (struct bytes){0};
    }
    const struct page_file *file = &visit->files->list[at];
    *ret_field = file->field;
    *ret_name = file->name;
    return buf_bytes(&file->data);
}

size_t page_file_count(const struct page_visit *visit)
{
    return visit->files ? visit->files->count : 0;
}

void files_call(struct page_visit *visit, const struct page_call *call, const char *path,
                rpc_done *done)
{
    AUTO(buf_done) struct buf body = {0};
    call->pack(visit, &body);
    if (!call->more)
        files_free(TAKE(visit->files)); /* what is packed is enough */
    rpc_call(visit->pages->config.rpc, path, ENCODING_PROTO, buf_bytes(&body), &visit->caller, done,
             visit);
}

json_t *files_answer(struct page_visit *visit, const char *path, const struct reply *reply)
{
    const struct method *method = rpc_find(visit->pages->config.rpc, path);
    const ProtobufCMethodDescriptor *row =
        protobuf_c_service_descriptor_get_method_by_name(method->service, method->name);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf json = {0};
    struct err err = {0};
    json_error_t ignored;
    void *answer = wire_unpack(row->output, reply->body, arena, &err);
    if (!answer)
        return NULL;
    json_write(answer, &json);
    return json_loadb((const char *)json.data, json.len, 0, &ignored);
}
