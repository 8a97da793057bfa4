/* Text from outside: every function of hub/base/text.h takes any bytes, and agrees with the others.
 */
#include "hub/base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    text_personal_data(text);
    assert(text_length(text) <= size);
    char *folded = text_fold(arena, text);
    assert(folded || !text_is_valid(text));
    if (folded)
        assert(text_is_valid(bytes_text(folded)));

    char *copy = arena_textn(arena, data, size), part[16];
    text_copy(part, sizeof(part), copy);
    if (text_is_valid(bytes_text(copy)))
        assert(text_is_valid(bytes_text(part)));

    int64_t ms, again;
    char shown[25];
    if (text_parse_time(copy, &ms) && ms >= -62167219200000 && ms <= 253402300799999) {
        bool parsed = text_parse_time(text_time(ms, shown), &again);
        assert(parsed && again == ms);
    }
    int64_t number;
    if (text_parse_i64(copy, &number))
        assert(text_is_valid(bytes_text(copy)));
    return 0;
}
