/* Whatever a coordinator types: a guess that fits a notice, the same however often asked. */
#include "hub/base/text.h"
#include "hub/domain/notice.h"
#include "hub/domain/notice_guess.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const char *text = arena_textn(arena, data, size);
    unsigned weekday = size ? data[0] % 8 : 0;
    struct notice_guess guess = notice_guess(arena, text, weekday);
    struct notice_guess again = notice_guess(arena, text, weekday);
    assert(!guess.kind || notice_kind_name(guess.kind));
    assert(guess.amount <= NOTICE_AMOUNT_MAX);
    assert(guess.days >= NOTICE_GUESS_NO_DAY && guess.days <= 7);
    assert(text_is_valid(bytes_text(guess.what)) && text_is_valid(bytes_text(guess.unit)));
    assert(text_length(bytes_text(guess.what)) <= NOTICE_WHAT_MAX);
    assert(guess.kind == again.kind && guess.amount == again.amount && guess.days == again.days &&
           strcmp(guess.what, again.what) == 0 && strcmp(guess.unit, again.unit) == 0);
    const char *name = notice_name_hint(arena, text);
    assert(!name || (name[0] && text_is_valid(bytes_text(name))));
    return 0;
}
