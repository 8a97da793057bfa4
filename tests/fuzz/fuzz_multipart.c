/* A form with files: refused, or every file lies inside the body and every field is text. The first
 * line is the Content-Type. */
#include "hub/base/text.h"
#include "hub/web/form_multipart.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[256], boundary[FORM_BOUNDARY_MAX + 1];
    static struct form_file files[FORM_FILES_MAX];
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t len = end ? (size_t)(end - data) : 0, count = 0;
    if (!end || len >= sizeof(type))
        return 0;
    memcpy(type, data, len);
    type[len] = '\0';
    if (!form_boundary(type, boundary))
        return 0;
    assert(*boundary && strlen(boundary) <= FORM_BOUNDARY_MAX);
    struct bytes body = bytes_of(end + 1, size - len - 1);
    json_t *fields = json_object();
    if (form_parse_multipart(body, boundary, fields, files, &count)) {
        assert(count <= FORM_FILES_MAX);
        for (size_t i = 0; i < count; i++) {
            assert(files[i].data.data >= body.data &&
                   files[i].data.data + files[i].data.len <= body.data + body.len);
            assert(text_is_valid(bytes_text(files[i].name)) && *files[i].field);
            assert(!strchr(files[i].name, '/') && !strchr(files[i].name, '\\'));
        }
    }
    json_decref(fields);
    return 0;
}
