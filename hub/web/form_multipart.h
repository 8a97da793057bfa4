#pragma once
/* Forms that carry files: multipart/form-data (RFC 7578). Pure; nothing is copied but the fields.
 */
#include "hub/base/bytes.h"
#include <jansson.h>

#define FORM_FILES_MAX    32  /* a data package of HSDS has 21 tables */
#define FORM_BOUNDARY_MAX 70  /* RFC 2046 5.1.1 */
#define FORM_NAME_MAX     200 /* bytes of a field's and of a file's name */

struct form_file {
    char field[64];
    char name[FORM_NAME_MAX + 1]; /* of the file, without folders; valid UTF-8 */
    struct bytes data;            /* inside the body */
};

/** "multipart/form-data; boundary=…"? `out` gets the boundary. */
NODISCARD bool form_boundary(const char *content_type, char out[FORM_BOUNDARY_MAX + 1]);
/**
 * Fields into `ret` as form_parse does it, files into `files`; a file field left empty is none.
 * @return false: not well formed, not UTF-8, too many fields or files.
 */
NODISCARD bool form_parse_multipart(struct bytes body, const char *boundary, json_t *ret,
                                    struct form_file files[FORM_FILES_MAX], size_t *ret_count);
