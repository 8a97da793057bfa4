/* What people typed, made fit to be signed: no personal data, no exact position, an amount. */
#include "hub/base/text.h"
#include "hub/domain/notice_row.h"

#define KIND(name) MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name

/* About 500 m: a step of latitude is 556 m; of longitude 569 m at 47°, less further north. */
#define BLUR_LATITUDE_E4  50
#define BLUR_LONGITUDE_E4 75

static int32_t blur(int32_t degrees_e4, int32_t step)
{
    int32_t half = degrees_e4 < 0 ? -step / 2 : step / 2;
    return (degrees_e4 + half) / step * step;
}

/* R-NO-3: what people typed must not name or reach a person. */
static bool lint(const Maillon__Hfp__V1__NoticeContent *content, struct err *err)
{
    const struct {
        const char *field, *text;
    } texts[] = {
        {"what", content->what},
        {"detail", content->detail},
        {"place", content->place},
        {"contact_role", content->contact_role},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!text_is_valid(bytes_text(texts[i].text)))
            return err_set(err, ERR_INVALID, "\"%s\" is not valid text", texts[i].field);
    const char *problem = notice_problem(content);
    if (problem)
        return err_set(err, ERR_INVALID, "%s", problem);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *what = text_personal_data(bytes_text(texts[i].text));
        if (what)
            return err_set(err, ERR_INVALID,
                           "\"%s\" holds what looks like a %s%s of a person: notices carry no"
                           " personal data, use the contact role",
                           texts[i].field, what, strcmp(what, "phone") == 0 ? " number" : "");
    }
    return true;
}

/* Nobody could claim any of it. */
static bool can_be_claimed(const struct tx *tx, const Maillon__Hfp__V1__NoticeContent *content,
                           struct err *err)
{
    uint64_t from_s = content->available_from_s, to_s = content->available_to_s;
    uint32_t amount = content->quantity ? content->quantity->amount : 0;
    if (to_s && to_s < from_s)
        return err_set(err, ERR_INVALID, "the first day comes after the last: change one of them");
    if (to_s && to_s < (uint64_t)(tx->now.ms / 1000))
        return err_set(err, ERR_INVALID, "the last day has passed: write a later one");
    if (amount && content->min_lot > amount)
        return err_set(err, ERR_INVALID, "the smallest part is more than there is: %u at most",
                       amount);
    return true;
}

static bool takes_one_by_default(Maillon__Hfp__V1__NoticeKind kind)
{
    return kind == KIND(SHORTAGE) || kind == KIND(SURPLUS) || kind == KIND(OFFER) ||
           kind == KIND(GROUP);
}

/* The content as it is signed; borrows from `in` and the arena. */
bool notice_prepare(struct tx *tx, const Maillon__Hfp__V1__NoticeContent *in,
                    Maillon__Hfp__V1__NoticeContent *ret, struct err *err)
{
    if (!in)
        return err_set(err, ERR_INVALID, "a notice needs a content");
    if (!lint(in, err))
        return false;
    Maillon__Hfp__V1__NoticeContent content = *in;
    content.committed = content.delivered = 0;
    content.latitude_e4 = blur(content.latitude_e4, BLUR_LATITUDE_E4);
    content.longitude_e4 = blur(content.longitude_e4, BLUR_LONGITUDE_E4);
    if (!content.status)
        content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_ACTUAL;
    if (takes_one_by_default(content.kind) && (!in->quantity || !in->quantity->amount)) {
        content.quantity = arena_alloc(tx->arena, sizeof(*content.quantity));
        maillon__hfp__v1__quantity__init(content.quantity);
        if (in->quantity)
            *content.quantity = *in->quantity;
        content.quantity->amount = 1;
    }
    if (!can_be_claimed(tx, &content, err))
        return false;
    *ret = content;
    return true;
}
