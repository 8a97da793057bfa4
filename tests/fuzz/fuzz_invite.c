/* Whatever people paste as an invite is refused as ERR_INVALID or can be written again and reads
 * the same. */
#include "hub/domain/invite.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    struct err err = {0};
    struct invite invite, again;
    char uri[INVITE_TEXT_MAX + 1];
    if (!invite_read(text, &invite, &err)) {
        assert(err.code == ERR_INVALID);
    } else if (invite_write(&invite, uri, &err)) { /* the writer may escape more than they did */
        bool reads = invite_read(uri, &again, &err);
        assert(reads && memcmp(invite.secret, again.secret, INVITE_BYTES) == 0);
        assert(invite.route_count == again.route_count && invite.expires_s == again.expires_s);
    }
    free(text);
    return 0;
}
