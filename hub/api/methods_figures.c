/* What this hub did, counted (proto/maillon/api/v1/figures.proto). */
#include "hub/api/rpc.h"
#include "hub/domain/figures.h"
#include "maillon/api/v1/figures.pb-c.h"

#define MONTHS_DEFAULT 12
#define VIEW(name)     maillon__api__v1__##name##__descriptor

typedef Maillon__Api__V1__FigureLine line_view;

static Maillon__Api__V1__FigureCount *view_count(struct call *call,
                                                 const struct figures_count *count)
{
    Maillon__Api__V1__FigureCount *view = rpc_message(call, &VIEW(figure_count));
    view->few = count->few;
    view->value = count->value;
    return view;
}

static Maillon__Api__V1__FigureShare *view_share(struct call *call,
                                                 const struct figures_share *share)
{
    Maillon__Api__V1__FigureShare *view = rpc_message(call, &VIEW(figure_share));
    view->none = share->none;
    view->few = share->few;
    view->part = share->part;
    view->of = share->of;
    view->percent = share->few ? 0 : figures_percent(share);
    return view;
}

static Maillon__Api__V1__FigureMedian *view_median(struct call *call,
                                                   const struct figures_median *median)
{
    Maillon__Api__V1__FigureMedian *view = rpc_message(call, &VIEW(figure_median));
    view->none = median->none;
    view->few = median->few;
    view->of = median->of;
    view->minutes = median->minutes;
    return view;
}

static line_view *view_line(struct call *call, const struct figures_line *line)
{
    line_view *view = rpc_message(call, &VIEW(figure_line));
    view->key = rpc_text(call, line->key);
    view->sent = view_count(call, &line->sent);
    view->received = view_count(call, &line->received);
    view->answered = view_share(call, &line->answered);
    view->closed = view_share(call, &line->closed);
    view->unreachable = view_share(call, &line->unreachable);
    view->answer = view_median(call, &line->answer);
    return view;
}

static line_view **view_lines(struct call *call, const struct figures_line *lines, size_t count)
{
    line_view **views = (line_view **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        views[i] = view_line(call, &lines[i]);
    return views;
}

static bool get(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__FiguresRequest *request = in;
    struct figures_query query = {
        .months = request->months ? request->months : MONTHS_DEFAULT,
        .in_or_out = strcmp(request->box, "in") == 0    ? 1
                     : strcmp(request->box, "out") == 0 ? 2
                                                        : 0,
    };
    struct figures_report report;
    AUTO(buf_done) struct buf csv = {0};
    if (*request->box && !query.in_or_out)
        return err_set(err, ERR_INVALID, "box is in, out or left out");
    if (!figures_make(call->store, call->arena, &query, call->now, &report, err))
        return false;
    figures_csv(&report, &csv);
    Maillon__Api__V1__FiguresResponse *answer = rpc_message(call, &VIEW(figures_response));
    answer->from = rpc_text(call, report.months[0].key);
    answer->until = rpc_text(call, report.months[report.month_count - 1].key);
    answer->total = view_line(call, &report.total);
    answer->month = view_lines(call, report.months, report.month_count);
    answer->n_month = report.month_count;
    answer->theme = view_lines(call, report.themes, report.theme_count);
    answer->n_theme = report.theme_count;
    answer->notices = view_count(call, &report.notices.ended);
    answer->notices_filled = view_share(call, &report.notices.filled);
    answer->first_claim = view_median(call, &report.notices.first_claim);
    answer->csv = arena_textn(call->arena, csv.data, csv.len);
    *out = answer;
    return true;
}

#define SERVICE &maillon__api__v1__figures__descriptor
const struct method methods_figures[] = {
    {SERVICE, "Get", ROLE_CASEWORKER | ROLE_COORDINATOR | ROLE_ADMIN, METHOD_READ, get, NULL},
    {.name = NULL},
};
