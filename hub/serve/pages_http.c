#include "hub/serve/pages_http.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/serve/http.h"
#include "hub/serve/http_answer.h"
#include <stdlib.h>

#define QUERY_MAX 2048
/* Half a year, this host alone: its neighbours may have other habits. */
#define ALWAYS_TLS "Strict-Transport-Security: max-age=15552000\r\n"

struct pages_http {
    bool is_post, secure;
    const char *refused;
    unsigned refused_status;
    char path[256], address[CALLER_ADDRESS];
    struct buf query;
    char content_type[96];
    char cookies[2048];
    char accept_language[256], accept_encoding[256];
    char if_none_match[64];
    char host[256], origin[256];
    char fetch_site[24];
    char user_agent[512]; /* looked at and forgotten */
};

/* lws hands the query over decoded, field by field: it is encoded again for who reads forms. A "+"
 * that somebody typed comes as a blank: lws does not say which of the two it was. */
static bool read_query(struct lws *wsi, struct buf *out)
{
    char field[QUERY_MAX];
    int len;
    for (int i = 0; (len = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i)) > 0 && i < 64;
         i++) {
        if (out->len + (size_t)len > QUERY_MAX ||
            lws_hdr_copy_fragment(wsi, field, sizeof(field), WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
            return false;
        if (i > 0)
            buf_add(out, "&", 1);
        bool in_name = true;
        for (const char *at = field; *at; at++) {
            if (*at == '=' && in_name) {
                in_name = false;
                buf_add(out, "=", 1);
            } else if (*at == '%' || *at == '&' || *at == '=') {
                buf_addf(out, "%%%02X", (unsigned)(uint8_t)*at);
            } else {
                buf_add(out, at, 1);
            }
        }
    }
    return true;
}

static bool read_custom(struct lws *wsi, const char *name, char *out, size_t size)
{
    int len = lws_hdr_custom_length(wsi, name, (int)strlen(name));
    out[0] = '\0';
    return len <= 0 || (len < (int)size &&
                        lws_hdr_custom_copy(wsi, out, (int)size, name, (int)strlen(name)) >= 0);
}

struct pages_http *pages_http_read(struct lws *wsi, bool is_post, const char *path, bool secure,
                                   const char *address)
{
    AUTO(pages_http_free) struct pages_http *head = mem_alloc(sizeof(*head));
    const struct {
        enum lws_token_indexes header;
        char *out;
        size_t size;
    } headers[] = {
        {WSI_TOKEN_HTTP_CONTENT_TYPE, head->content_type, sizeof(head->content_type)},
        {WSI_TOKEN_HTTP_COOKIE, head->cookies, sizeof(head->cookies)},
        {WSI_TOKEN_HTTP_ACCEPT_LANGUAGE, head->accept_language, sizeof(head->accept_language)},
        {WSI_TOKEN_HTTP_ACCEPT_ENCODING, head->accept_encoding, sizeof(head->accept_encoding)},
        {WSI_TOKEN_HTTP_IF_NONE_MATCH, head->if_none_match, sizeof(head->if_none_match)},
        {WSI_TOKEN_HOST, head->host, sizeof(head->host)},
        {WSI_TOKEN_ORIGIN, head->origin, sizeof(head->origin)},
    };
    head->is_post = is_post;
    head->secure = secure;
    text_copy(head->address, sizeof(head->address), address);
    if (strlen(path) >= sizeof(head->path))
        return NULL;
    memcpy(head->path, path, strlen(path) + 1);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (!http_header(wsi, headers[i].header, headers[i].out, headers[i].size))
            return NULL;
    if (!read_custom(wsi, "sec-fetch-site:", head->fetch_site, sizeof(head->fetch_site)) ||
        !read_query(wsi, &head->query))
        return NULL;
    if (!http_header(wsi, WSI_TOKEN_HTTP_USER_AGENT, head->user_agent, sizeof(head->user_agent)))
        head->user_agent[0] = '\0'; /* only a word of it is kept: too long a one is no matter */
    return TAKE(head);
}

void pages_http_free(struct pages_http *head)
{
    if (!head)
        return;
    buf_done(&head->query);
    secret_wipe(head->cookies, sizeof(head->cookies));
    free(head);
}

void pages_http_refuse(struct pages_http *head, unsigned status, const char *error)
{
    head->refused = error;
    head->refused_status = status;
}

bool pages_http_has_session(const struct pages_http *head)
{
    char token[TOKEN_TEXT];
    bool found = page_token(head->cookies, PAGE_COOKIE, head->secure, token);
    secret_wipe(token, sizeof(token));
    return found;
}

void pages_http_copy_session(const struct pages_http *head, char ret[TOKEN_TEXT])
{
    if (!page_token(head->cookies, PAGE_COOKIE, head->secure, ret))
        ret[0] = '\0';
}

void pages_http_handle(const struct pages_http *head, struct pages *pages, struct bytes body,
                       page_done *done, void *ctx)
{
    const struct page_request request = {
        .is_post = head->is_post,
        .path = head->path,
        .query = buf_bytes(&head->query),
        .body = body,
        .content_type = head->content_type,
        .cookies = head->cookies,
        .accept_language = head->accept_language,
        .accept_encoding = head->accept_encoding,
        .if_none_match = head->if_none_match,
        .host = head->host,
        .origin = head->origin,
        .fetch_site = head->fetch_site,
        .secure = head->secure,
        .address = head->address,
        .user_agent = head->user_agent,
        .refused = head->refused,
        .refused_status = head->refused_status,
    };
    pages_handle(pages, &request, done, ctx);
}

void pages_http_answer(struct buf *out, const struct page_reply *reply, bool with_body,
                       bool keep_alive, bool is_tls)
{
    uint8_t *headroom = buf_reserve(out, LWS_PRE + 512 + reply->headers.len + reply->body.len);
    memset(headroom, 0, LWS_PRE);
    out->len += LWS_PRE;
    buf_addf(out, "HTTP/1.1 %u %s\r\n", reply->status, http_answer_status(reply->status));
    buf_add_bytes(out, reply->headers);
    if (is_tls)
        buf_add_text(out, ALWAYS_TLS);
    if (reply->status != 304)
        buf_addf(out, "Content-Length: %zu\r\n", reply->body.len);
    buf_addf(out, "Connection: %s\r\n\r\n", keep_alive ? "keep-alive" : "close");
    if (with_body)
        buf_add_bytes(out, reply->body);
}

bool pages_http_session(struct lws *wsi, char ret[TOKEN_TEXT])
{
    char cookies[2048];
    ret[0] = '\0';
    bool found = http_header(wsi, WSI_TOKEN_HTTP_COOKIE, cookies, sizeof(cookies)) &&
                 page_token(cookies, PAGE_COOKIE, http_is_secure(wsi), ret);
    secret_wipe(cookies, sizeof(cookies));
    return found;
}
