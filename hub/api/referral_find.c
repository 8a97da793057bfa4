#include "hub/api/referral_find.h"

#include "hub/api/referral_shown.h"
#include "hub/api/referral_view.h"
#include "hub/base/text.h"
#include "hub/domain/codes.h"

#define LIST_MAX      500
#define LIST_DEFAULT  50
#define LOOK_MAX      2000 /* names are encrypted: each is opened */
#define REFERENCE_MIN 4

struct wanted {
    char *folded; /* "": all */
    char reference[REFERRAL_ID_TEXT];
    size_t limit;
};

static bool read_query(const Maillon__Api__V1__ListReferralsRequest *request,
                       struct referral_query *ret, struct err *err)
{
    *ret = (struct referral_query){
        .in_or_out = strcmp(request->box, "in") == 0    ? 1
                     : strcmp(request->box, "out") == 0 ? 2
                                                        : 0,
        .status = (Maillon__Hfp__V1__ReferralStatus)code_value(CODES_STATUS, request->status),
        .open_only = request->open_only,
        .limit = request->limit,
        .before = request->before,
    };
    if (*request->words && *request->before)
        return err_set(err, ERR_INVALID, "words are looked for in one answer: leave out before");
    if (*request->box && !ret->in_or_out)
        return err_set(err, ERR_INVALID, "box is in, out or left out");
    if (*request->status && !ret->status) {
        AUTO(buf_done) struct buf allowed = {0};
        code_list_add(CODES_STATUS, &allowed);
        return err_set(err, ERR_INVALID, "no such status: write one of %s", buf_text(&allowed));
    }
    if (request->limit > LIST_MAX)
        return err_set(err, ERR_INVALID, "limit is at most %d", LIST_MAX);
    return true;
}

/* Does a word of `text` begin so? */
static bool begins(struct call *call, const char *text, const char *folded)
{
    const char *words = text_fold(call->arena, bytes_text(text));
    size_t len = strlen(folded);
    for (const char *at = words; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (strncmp(at, folded, len) == 0)
            return true;
    return false;
}

static bool is_reference(const char *reference, const Maillon__Api__V1__Referral *view)
{
    size_t len = strlen(reference);
    return len >= REFERENCE_MIN && strncmp(view->id, reference, len) == 0;
}

static bool is_meant(struct call *call, const struct wanted *wanted,
                     const Maillon__Api__V1__Referral *view)
{
    return !*wanted->folded || is_reference(wanted->reference, view) ||
           (view->person && begins(call, view->person->name, wanted->folded)) ||
           begins(call, view->service_name, wanted->folded) ||
           begins(call, view->peer_name, wanted->folded);
}

/* Shown, and kept when it is one of those that are looked for. */
static bool add_rows(struct call *call, struct referral_peers *peers, const struct wanted *wanted,
                     const struct referral *rows, size_t count,
                     Maillon__Api__V1__ListReferralsResponse *answer, struct err *err)
{
    for (size_t i = 0; i < count && answer->n_referral < wanted->limit; i++) {
        Maillon__Api__V1__Referral *view;
        if (!referral_make_view(call, peers, &rows[i], NULL, &view, err))
            return false;
        if (!is_meant(call, wanted, view))
            continue;
        referral_shown(call, &rows[i]);
        answer->referral[answer->n_referral++] = view;
    }
    return true;
}

/* "Am", "cours", "3fa2 91c0" */
static bool read_words(struct call *call, const char *words, struct wanted *ret, struct err *err)
{
    ret->folded = text_fold(call->arena, bytes_text(words));
    if (!ret->folded)
        return err_set(err, ERR_INVALID, "words are not valid text");
    char *to = ret->reference;
    for (const char *at = ret->folded; *at && to < ret->reference + REFERRAL_ID_TEXT - 1; at++)
        if (*at != ' ')
            *to++ = *at;
    *to = '\0';
    return true;
}

bool referral_run_list(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ListReferralsRequest *request = in;
    struct referral_query query;
    struct referral *rows;
    struct referral_peers peers = {0};
    struct wanted wanted = {.limit = request->limit ? request->limit : LIST_DEFAULT};
    const char *next;
    size_t count, seen = 0;
    if (!read_query(in, &query, err) || !read_words(call, request->words, &wanted, err))
        return false;
    bool looks = *wanted.folded;
    if (looks)
        query.limit = LIST_MAX;
    Maillon__Api__V1__ListReferralsResponse *answer =
        rpc_message(call, &maillon__api__v1__list_referrals_response__descriptor);
    answer->referral = (Maillon__Api__V1__Referral **)rpc_array(call, LIST_MAX);
    do {
        if (!referral_list(call->store, call->arena, &query, call->now, &rows, &count, &next,
                           err) ||
            !add_rows(call, &peers, &wanted, rows, count, answer, err))
            return false;
        seen += count;
        query.before = next;
    } while (looks && next && seen < LOOK_MAX && answer->n_referral < wanted.limit);
    answer->next = rpc_text(call, looks ? "" : next);
    *out = answer;
    return true;
}
