/* Opening hours from files and peers: understood or not, and the same answer however often asked.
 */
#include "hub/base/arena.h"
#include "hub/domain/fit.h"
#include "hub/domain/hours.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const char *text = arena_textn(arena, data, size);
    struct hours_span spans[16];
    unsigned from, to;
    bool understood = hours_is_understood(text);
    for (int64_t hour = 0; hour < 24 * 8; hour++) {
        struct hours_time at = hours_local(1795330800000 + hour * 3600000, "35600");
        enum hours_state state = hours_at(text, at);
        assert(understood || state == HOURS_UNKNOWN);
        assert(state == hours_at(text, at));
    }
    size_t count = hours_week(text, spans, ARRAY_LEN(spans));
    for (size_t i = 0; i < count; i++)
        assert(spans[i].opens < spans[i].closes && spans[i].days < 0x80);
    if (fit_find_ages(text, &from, &to))
        assert(to <= 120);
    return 0;
}
