#include "hub/domain/search_words.h"

#include "hub/base/mem.h"
#include "hub/domain/everyday.h"
#include <stdlib.h>

struct search_words { /* hashes; open addressing, 0: free */
    uint64_t *slots;
    size_t cap, count;
};

struct search_words *search_words_create(void)
{
    struct search_words *words = mem_alloc(sizeof(*words));
    words->cap = 4096;
    words->slots = mem_alloc(words->cap * sizeof(*words->slots));
    return words;
}

void search_words_free(struct search_words *words)
{
    if (words)
        free(words->slots);
    free(words);
}

static bool put_hash(uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t i = (size_t)(hash ^ hash >> 32) & (cap - 1);
    while (slots[i] && slots[i] != hash)
        i = (i + 1) & (cap - 1);
    bool is_new = !slots[i];
    slots[i] = hash;
    return is_new;
}

/* True the first time. */
static bool remember(struct search_words *words, const char *word, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)word[i]) * 0x100000001b3;
    if (words->count * 2 >= words->cap) {
        size_t cap = words->cap * 2;
        uint64_t *slots = mem_alloc(cap * sizeof(*slots));
        for (size_t i = 0; i < words->cap; i++)
            if (words->slots[i])
                put_hash(slots, cap, words->slots[i]);
        free(words->slots);
        words->slots = slots;
        words->cap = cap;
    }
    bool is_new = put_hash(words->slots, words->cap, hash | 1);
    words->count += is_new;
    return is_new;
}

static void turn(const char *word, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        out[i] = word[len - 1 - i];
    out[len] = '\0';
}

static bool is_letters(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (word[i] < 'a' || word[i] > 'z')
            return false;
    return len >= SEARCH_WORD_MIN && len <= SEARCH_WORD_MAX;
}

static bool add_word(struct tx *tx, const char *word, size_t len, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO search_word (length, word, backward) "
                                 "VALUES (?1, ?2, ?3) ON CONFLICT (length, word) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    char copy[SEARCH_WORD_MAX + 1], turned[SEARCH_WORD_MAX + 1];
    memcpy(copy, word, len);
    copy[len] = '\0';
    turn(word, len, turned);
    stmt_bind_i64(stmt, 1, (int64_t)len);
    stmt_bind_text(stmt, 2, copy);
    stmt_bind_text(stmt, 3, turned);
    return stmt_run(stmt, err);
}

bool search_words_add(struct tx *tx, struct search_words *known, const char *text, struct err *err)
{
    while (*text) {
        size_t len = strcspn(text, " '");
        if (is_letters(text, len) && (!known || remember(known, text, len)) &&
            !add_word(tx, text, len, err))
            return false;
        text += len + (text[len] != '\0');
    }
    return true;
}

bool search_words_has(struct store *store, const char *word, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT 1 FROM search_word WHERE length = ?1 AND word = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)strlen(word));
    stmt_bind_text(stmt, 2, word);
    return stmt_next(stmt, ret, err);
}

struct range {
    const char *word; /* asked for */
    struct arena *arena;
    const char **ret;
    size_t count, max;
};

static void take(struct range *range, const char *word)
{
    if (range->count == range->max || everyday_slips(word, range->word) != 1)
        return;
    for (size_t i = 0; i < range->count; i++)
        if (strcmp(range->ret[i], word) == 0)
            return;
    range->ret[range->count++] = arena_text(range->arena, word);
}

/* Words of that length that start, or end, as the one asked for. '{' comes after 'z'. */
static bool read_range(struct store *store, struct range *range, size_t length, bool backward,
                       const char *begin, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        backward ? stmt_get(store,
                            "SELECT word FROM search_word WHERE length = ?1 AND "
                            "backward >= ?2 AND backward < ?3",
                            err)
                 : stmt_get(store,
                            "SELECT word FROM search_word WHERE length = ?1 AND word >= ?2 AND "
                            "word < ?3",
                            err);
    if (!stmt)
        return false;
    char end[SEARCH_WORD_MAX + 2];
    size_t len = strlen(begin);
    memcpy(end, begin, len);
    end[len] = '{';
    end[len + 1] = '\0';
    stmt_bind_i64(stmt, 1, (int64_t)length);
    stmt_bind_text(stmt, 2, begin);
    stmt_bind_text(stmt, 3, end);
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        take(range, stmt_text(stmt, 0));
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool search_words_near(struct store *store, struct arena *arena, const char *word, const char **ret,
                       size_t max, size_t *ret_count, struct err *err)
{
    size_t len = strlen(word);
    *ret_count = 0;
    if (!is_letters(word, len))
        return true;
    struct range range = {.word = word, .arena = arena, .ret = ret, .max = max};
    char left[SEARCH_WORD_MAX + 1], right[SEARCH_WORD_MAX + 1], turned[SEARCH_WORD_MAX + 1];
    /* A slip touches at most two neighbours: it spares the first half or what follows it but one.
     */
    size_t half = len / 2;
    memcpy(left, word, half);
    left[half] = '\0';
    turn(word, len, turned);
    memcpy(right, turned, len - half - 1);
    right[len - half - 1] = '\0';
    for (size_t length = len - 1; length <= len + 1; length++)
        if (!read_range(store, &range, length, false, left, err) ||
            !read_range(store, &range, length, true, right, err))
            return false;
    qsort(range.ret, range.count, sizeof(*range.ret), by_text);
    *ret_count = range.count;
    return true;
}
