#include "hub/web/qr.h"

#include "hub/base/bytes.h"
#include <qrencode.h>

#define QUIET_ZONE 4 /* modules around a code, as scanners want them */

/* One rectangle a run of dark modules. */
static void draw(const QRcode *code, struct buf *out)
{
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width;) {
            int from = x;
            while (x < code->width && (code->data[y * code->width + x] & 1))
                x++;
            if (x > from)
                buf_addf(out, "M%d %dh%dv1h-%dz", from + QUIET_ZONE, y + QUIET_ZONE, x - from,
                         x - from);
            else
                x++;
        }
    }
}

json_t *qr_shape(const char *text)
{
    AUTO(buf_done) struct buf path = {0};
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (!code)
        return NULL;
    draw(code, &path);
    json_t *shape =
        json_pack("{s:s, s:i}", "path", buf_text(&path), "size", code->width + 2 * QUIET_ZONE);
    QRcode_free(code);
    return shape;
}
