#include "tests/support/crash_content.h"

#include "hub/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BYTES 4096

struct content_page {
    unsigned refs;
    uint8_t data[PAGE_BYTES];
};

static void page_unref(struct content_page *page)
{
    if (page && --page->refs == 0)
        free(page);
}

static void set_page(struct content *content, size_t index, struct content_page *page)
{
    if (page)
        page->refs++;
    page_unref(content->pages[index]);
    content->pages[index] = page;
}

static void need_pages(struct content *content, size_t count)
{
    if (count <= content->page_count)
        return;
    size_t grown = count + count / 4 + 4;
    content->pages = mem_grow(content->pages, grown * sizeof(*content->pages));
    memset(content->pages + content->page_count, 0,
           (grown - content->page_count) * sizeof(*content->pages));
    content->page_count = grown;
}

static uint8_t *own_page(struct content *content, size_t index)
{
    struct content_page *page = content->pages[index];
    if (page && page->refs == 1)
        return page->data;
    struct content_page *own = mem_alloc(sizeof(*own));
    own->refs = 1;
    if (page) {
        memcpy(own->data, page->data, PAGE_BYTES);
        page->refs--;
    }
    content->pages[index] = own;
    return own->data;
}

void content_done(struct content *content)
{
    for (size_t i = 0; i < content->page_count; i++)
        page_unref(content->pages[i]);
    free(content->pages);
    *content = (struct content){0};
}

void content_resize(struct content *content, size_t len)
{
    if (len < content->len) {
        size_t whole = (len + PAGE_BYTES - 1) / PAGE_BYTES;
        for (size_t i = whole; i < content->page_count; i++)
            set_page(content, i, NULL);
        if (len % PAGE_BYTES && content->pages[len / PAGE_BYTES]) /* what is cut reads as zeros */
            memset(own_page(content, len / PAGE_BYTES) + len % PAGE_BYTES, 0,
                   PAGE_BYTES - len % PAGE_BYTES);
    }
    need_pages(content, (len + PAGE_BYTES - 1) / PAGE_BYTES);
    content->len = len;
}

void content_write(struct content *content, uint64_t offset, const void *data, size_t len)
{
    if (offset + len > content->len)
        content_resize(content, (size_t)offset + len);
    for (size_t done = 0; done < len;) {
        size_t at = (size_t)offset + done, piece = PAGE_BYTES - at % PAGE_BYTES;
        if (piece > len - done)
            piece = len - done;
        memcpy(own_page(content, at / PAGE_BYTES) + at % PAGE_BYTES, (const uint8_t *)data + done,
               piece);
        done += piece;
    }
}

size_t content_read(const struct content *content, uint64_t offset, void *out, size_t len)
{
    size_t have = offset < content->len ? content->len - (size_t)offset : 0;
    if (have > len)
        have = len;
    for (size_t done = 0; done < have;) {
        size_t at = (size_t)offset + done, piece = PAGE_BYTES - at % PAGE_BYTES;
        const struct content_page *page = content->pages[at / PAGE_BYTES];
        if (piece > have - done)
            piece = have - done;
        if (page)
            memcpy((uint8_t *)out + done, page->data + at % PAGE_BYTES, piece);
        else
            memset((uint8_t *)out + done, 0, piece);
        done += piece;
    }
    memset((uint8_t *)out + have, 0, len - have);
    return have;
}

void content_share(struct content *to, const struct content *from)
{
    if (to == from)
        return;
    content_resize(to, from->len);
    size_t count = (from->len + PAGE_BYTES - 1) / PAGE_BYTES;
    for (size_t i = 0; i < count; i++)
        set_page(to, i, from->pages[i]);
}

void content_share_range(struct content *to, const struct content *from, uint64_t offset,
                         size_t len)
{
    if (len == 0)
        return;
    if (offset + len > to->len)
        content_resize(to, (size_t)offset + len);
    for (size_t i = (size_t)offset / PAGE_BYTES; i <= (offset + len - 1) / PAGE_BYTES; i++)
        set_page(to, i, from->pages[i]);
}

static const struct content_page *page_at(const struct content *content, size_t index)
{
    return index < content->page_count ? content->pages[index] : NULL;
}

size_t content_own_bytes(const struct content *a, const struct content *b)
{
    size_t bytes = (a->page_count + b->page_count) * sizeof(*a->pages);
    size_t count = a->page_count > b->page_count ? a->page_count : b->page_count;
    for (size_t i = 0; i < count; i++) {
        const struct content_page *mine = page_at(a, i), *theirs = page_at(b, i);
        unsigned known = mine == theirs ? 2 : 1; /* references that are ours */
        bytes += mine && mine->refs <= known ? sizeof(*mine) : 0;
        bytes += theirs && theirs != mine && theirs->refs == 1 ? sizeof(*theirs) : 0;
    }
    return bytes;
}
