#pragma once
/*
 * What a file of the crash VFS holds: pages that several contents share until one of them writes,
 * so that a thousand databases made from one image, and what is durable beside what is live, cost
 * little more than where they differ. For one thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct content_page;

struct content {
    struct content_page **pages; /* NULL: zeros */
    size_t page_count;
    size_t len; /* bytes */
};

void content_done(struct content *content);
/** Grows with zeros or cuts. */
void content_resize(struct content *content, size_t len);
void content_write(struct content *content, uint64_t offset, const void *data, size_t len);
/** @return bytes that were there; the rest of `out` is zeros. */
size_t content_read(const struct content *content, uint64_t offset, void *out, size_t len);
/** `to` becomes the same as `from`, sharing its pages. */
void content_share(struct content *to, const struct content *from);
/** The same for the pages of a range; both lengths stay, `to` grows to the end of the range. */
void content_share_range(struct content *to, const struct content *from, uint64_t offset,
                         size_t len);
/** Bytes of memory that only these two hold, or one of them. */
size_t content_own_bytes(const struct content *a, const struct content *b);
