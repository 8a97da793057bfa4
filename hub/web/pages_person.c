/* The person who is referred: the paper slip to print, and the pages that its code opens. */
#include "hub/base/text.h"
#include "hub/domain/spoken.h"
#include "hub/web/pages.h"
#include "hub/web/qr.h"
#include "hub/web/sms.h"

#include <stdio.h>
#include <string.h>

#define READS_REFERRALS (ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN)
#define KEY_SIZE        96
#define HALF_REFERENCE  4

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, json_string(text));
}

/* What a link "tel:" takes: numbers as people write them have blanks and dots. */
static void add_tel(json_t *slip)
{
    AUTO(buf_done) struct buf digits = {0};
    for (const char *at = page_text(slip, "contactPhone"); *at; at++)
        if (strchr("+0123456789", *at))
            buf_add(&digits, at, 1);
    set_text(slip, "tel", buf_text(&digits));
}

/* Is there somewhere to go? */
static void add_leads(json_t *slip)
{
    json_object_set_new(slip, "leads", json_boolean(json_object_get(slip, "place") != NULL));
}

/* ---- with the code ---- */

static void shape_slip(struct page_visit *visit)
{
    json_t *context = page_context(visit), *slip = json_object_get(context, "slip");
    const char *from = page_text(slip, "from");
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "person.state.%s", page_text(slip, "slipState"));
    set_text(slip, "say", catalog_text(page_catalog(visit), key, 1));
    add_leads(slip);
    add_tel(slip);
    if (*from) /* the frame names who handed the slip over, as neutrally as the paper does */
        json_object_set_new(context, "hub", json_pack("{s:s}", "name", from));
}

/* Who reads referrals may go to one by the number on a paper. */
static void shape_box(struct page_visit *visit)
{
    static const char *const readers[] = {"caseworker", "secretary", "admin"};
    json_t *context = page_context(visit), *role = json_object_get(context, "role");
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (json_object_get(role, readers[i]))
            json_object_set_new(context, "looks_up", json_true());
}

/* "1a2b 3c4d" of a paper to "1a2b3c4d". */
static json_t *build_lookup(struct page_visit *visit)
{
    AUTO(buf_done) struct buf id = {0};
    for (const char *at = page_value(visit, "form.reference"); *at; at++)
        if (!strchr(" -.", *at))
            buf_add(&id, at, 1);
    return json_pack("{s:s}", "id", buf_text(&id));
}

/* ---- the paper ---- */

/* Characters of what stands in large letters: long addresses take smaller ones, to stay on one
 * sheet. */
static const char *fit_of(const json_t *slip)
{
    size_t i, letters = strlen(page_text(slip, "nextStep")) +
                        strlen(page_text(slip, "contactName")) +
                        strlen(page_text(slip, "contactPhone"));
    json_t *line;
    json_array_foreach(json_object_get(slip, "place"), i, line) letters +=
        strlen(json_string_value(line));
    return letters > 620   ? "tiny"
           : letters > 320 ? "dense"
           : letters > 200 ? "close"
           : letters > 110 ? "snug"
                           : "";
}

static void add_reference(json_t *paper)
{
    char reference[16];
    const char *id = page_text(paper, "reference");
    snprintf(reference, sizeof(reference), "%.*s %s", HALF_REFERENCE, id,
             strlen(id) > HALF_REFERENCE ? id + HALF_REFERENCE : "");
    set_text(paper, "reference", reference);
}

/* "hub.example/s" of "https://hub.example/s/CODE": what is typed by hand. */
static void add_site(json_t *paper)
{
    const char *url = page_text(paper, "url"), *host = strstr(url, "://"), *end = strrchr(url, '/');
    if (host && end > host)
        json_object_set_new(paper, "site", json_stringn(host + 3, (size_t)(end - host) - 3));
}

struct sms {
    const char *from, *url, *code, *phone;
    size_t from_len; /* bytes of it that are taken */
};

static void add_sms_value(void *ctx, const char *name, struct buf *out)
{
    const struct sms *sms = ctx;
    if (strcmp(name, "from") == 0)
        buf_add(out, sms->from, sms->from_len);
    else if (strcmp(name, "url") == 0)
        buf_add_text(out, sms->url);
    else if (strcmp(name, "code") == 0)
        buf_add_text(out, sms->code);
    else if (strcmp(name, "phone") == 0)
        buf_add_text(out, sms->phone);
}

/* In the person's language when it is one of ours, and never longer than one message. */
static void add_sms(struct page_visit *visit, json_t *paper)
{
    const json_t *slip = json_object_get(paper, "slip");
    const char *spoken = spoken_find(bytes_text(page_text(paper, "language")));
    enum language language = catalog_language(spoken ? spoken : "");
    const struct catalog *catalog =
        language == LANGUAGE_COUNT ? page_catalog(visit) : catalog_of(language);
    struct sms sms = {page_text(slip, "from"), page_text(paper, "url"), page_text(slip, "code"),
                      page_text(slip, "contactPhone"), strlen(page_text(slip, "from"))};
    const char *key = *sms.url ? "slip.sms" : *sms.phone ? "slip.sms_phone" : "slip.sms_code";
    if (!*sms.code)
        return;
    for (;;) {
        AUTO(buf_done) struct buf text = {0}, message = {0};
        catalog_fill(catalog_text(catalog, key, 1), add_sms_value, &sms, &text);
        sms_letters(buf_text(&text), &message);
        size_t length = text_length(buf_bytes(&message));
        if (length <= SMS_MAX || !sms.from_len) {
            json_object_set_new(paper, "sms",
                                json_pack("{s:s, s:I, s:s}", "text", buf_text(&message), "length",
                                          (json_int_t)length, "lang", catalog->code));
            return;
        }
        do /* one letter less */
            sms.from_len--;
        while (sms.from_len && ((uint8_t)sms.from[sms.from_len] & 0xc0) == 0x80);
    }
}

static void shape_paper(struct page_visit *visit)
{
    json_t *context = page_context(visit), *paper = json_object_get(context, "paper");
    json_t *slip = json_object_get(paper, "slip"), *qr;
    bool large = strcmp(page_value(visit, "query.size"), "large") == 0;
    json_object_set_new(context, "large", json_boolean(large));
    set_text(paper, "fit", fit_of(slip));
    add_leads(json_object_get(paper, "slip"));
    add_reference(paper);
    add_site(paper);
    add_sms(visit, paper);
    qr = *page_text(paper, "url") ? qr_shape(page_text(paper, "url")) : NULL;
    if (qr)
        json_object_set_new(paper, "qr", qr);
}

const struct page pages_person[] = {
    {.method = "GET", .path = "/s", .template = "person_code", .view = shape_box},
    {.method = "POST",
     .path = "/s",
     .calls = {PAGE_CALL("slip", "Slips/Open", "code={form.code}")},
     .redirect = "/s/{slip.code}",
     .again = "/s"},
    {.method = "POST",
     .path = "/s/reference",
     .roles = READS_REFERRALS,
     .calls = {PAGE_CALL("referral", "Referrals/Get", NULL, .build = build_lookup)},
     .redirect = "/referrals/{referral.id}",
     .again = "/s"},
    {.method = "GET",
     .path = "/s/:code",
     .calls = {PAGE_CALL("slip", "Slips/Open", "code={path.code}")},
     .template = "person",
     .view = shape_slip,
     .again = "/s"},
    {.method = "GET",
     .path = "/s/:code/withdraw",
     .calls = {PAGE_CALL("slip", "Slips/Open", "code={path.code}")},
     .template = "person_withdraw",
     .view = shape_slip,
     .again = "/s"},
    {.method = "POST",
     .path = "/s/:code/withdraw",
     .calls = {PAGE_CALL("slip", "Slips/Withdraw", "code={path.code}")},
     .redirect = "/s/{slip.code}",
     .again = "/s/{path.code}"},
    {.method = "POST",
     .path = "/s/:code/helped",
     .calls = {PAGE_CALL("slip", "Slips/Say", "code={path.code} helped={form.helped}")},
     .redirect = "/s/{slip.code}?done=person-said",
     .again = "/s/{path.code}"},
    {.method = "GET",
     .path = "/referrals/:id/slip",
     .roles = ROLE_CASEWORKER | ROLE_SECRETARY,
     .calls = {PAGE_CALL("paper", "Slips/Code", "id={path.id}")},
     .template = "referral_slip",
     .view = shape_paper},
    {.method = NULL},
};
