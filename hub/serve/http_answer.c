#include "hub/serve/http_answer.h"

#include <libwebsockets.h>

const char *http_answer_status(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Error";
}

void http_answer_begin(struct buf *out, unsigned status, const char *type, size_t length,
                       bool keep_alive)
{
    uint8_t *headroom = buf_reserve(out, LWS_PRE + 512 + length);
    memset(headroom, 0, LWS_PRE);
    out->len += LWS_PRE;
    buf_addf(out,
             "HTTP/1.1 %u %s\r\n"
             "Content-Type: %s\r\n"
             "Content-Length: %zu\r\n"
             "Cache-Control: no-store\r\n"
             "X-Content-Type-Options: nosniff\r\n"
             "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
             "%s"
             "Connection: %s\r\n\r\n",
             status, http_answer_status(status), type, length,
             status == 405 ? "Allow: GET, HEAD, POST\r\n" : "",
             keep_alive ? "keep-alive" : "close");
}
