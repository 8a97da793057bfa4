#include "hub/web/notice_shape.h"

#include "hub/web/measure.h"

#include <stdio.h>
#include <string.h>

#define PARTS_MAX 200

const struct notice_kind_words notice_kinds[NOTICE_KINDS] = {
    {"shortage", "in"},     {"surplus", "out"},      {"offer", "heart"},  {"question", "speech"},
    {"situation", "alert"}, {"opportunity", "link"}, {"group", "groups"},
};

static const char *const themes[] = {
    "equipement-et-alimentation",
    "logement-hebergement",
    "mobilite",
    "numerique",
    "sante",
    "famille",
    "difficultes-administratives-ou-juridiques",
    "difficultes-financieres",
    "lecture-ecriture-calcul",
    "se-former",
    "choisir-un-metier",
    "trouver-un-emploi",
    "preparer-sa-candidature",
    "creer-une-entreprise",
    "remobilisation",
    "souvrir-a-linternational",
};

void notice_add_themes(struct page_visit *visit, const char *chosen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(themes); i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "value", themes[i], "text",
                                              page_word(visit, "theme", themes[i]), "chosen",
                                              strcmp(chosen, themes[i]) == 0));
    json_object_set_new(page_context(visit), "theme_choice", list);
}

json_int_t notice_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static bool has(const json_t *object, const char *name, const char *code)
{
    return json_object_get(json_object_get(object, name), code) != NULL;
}

static bool is_status(const json_t *object, const char *status)
{
    return strcmp(page_text(object, "status"), status) == 0;
}

/* A zero is not in the answer, nor is a "no"; a template would take what is around it. */
static void set_number(json_t *object, const char *name)
{
    json_object_set_new(object, name, json_integer(notice_number(object, name)));
}

/* --- the bar ---------------------------------------------------------------------------------- */

struct bar {
    uint32_t amount[PARTS_MAX];
    const char *look[PARTS_MAX]; /* class of the picture */
    size_t count;
};

static void add_part(struct bar *bar, json_int_t amount, const char *look)
{
    if (amount <= 0 || bar->count == PARTS_MAX)
        return;
    bar->amount[bar->count] = (uint32_t)(amount > UINT32_MAX ? UINT32_MAX : amount);
    bar->look[bar->count++] = look;
}

/* A part for every answer we agreed to, what has arrived first; then what waits for our yes. */
static void add_claims(struct bar *bar, const json_t *notice)
{
    static const char *const looks[] = {"given", "promised", "asked-for"};
    for (size_t look = 0; look < ARRAY_LEN(looks); look++) {
        size_t i;
        json_t *claim;
        json_array_foreach(json_object_get(notice, "claim"), i, claim)
        {
            bool given = is_status(claim, "delivered"), asks = is_status(claim, "proposed");
            bool promised = is_status(claim, "agreed") || is_status(claim, "under-way");
            const bool mine[] = {given, promised, asks};
            json_int_t delivered = notice_number(claim, "delivered");
            json_int_t agreed = notice_number(claim, "quantity");
            if (mine[look])
                add_part(bar, given && delivered < agreed ? delivered : agreed, looks[look]);
        }
    }
}

/* Of others' notices only sums are known; our own part is told apart. */
static void add_sums(struct bar *bar, const json_t *notice)
{
    json_int_t ours = 0, promised = notice_number(notice, "promised");
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (is_status(claim, "agreed") || is_status(claim, "under-way"))
            ours += notice_number(claim, "quantity");
    }
    ours = ours < promised ? ours : promised;
    add_part(bar, notice_number(notice, "taken"), "given");
    add_part(bar, promised - ours, "promised");
    add_part(bar, ours, "promised");
}

static json_t *percent(unsigned part)
{
    char text[16];
    snprintf(text, sizeof(text), "%u.%02u%%", part / 100, part % 100);
    return json_string(text);
}

static json_t *draw(const struct bar *bar, uint32_t whole)
{
    json_t *list = json_array();
    struct measure_span spans[PARTS_MAX];
    measure_spans(whole, bar->amount, bar->count, spans);
    for (size_t i = 0; i < bar->count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o, s:o, s:b}", "look", bar->look[i], "x",
                                        percent(spans[i].x), "width", percent(spans[i].width),
                                        "end", percent(spans[i].x + spans[i].width), "striped",
                                        strcmp(bar->look[i], "given") != 0));
    return list;
}

/* What waits for an answer is still to find. */
static json_int_t proposed(const json_t *notice)
{
    json_int_t sum = 0;
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (is_status(claim, "proposed"))
            sum += notice_number(claim, "quantity");
    }
    return sum;
}

static void add_measure(json_t *notice)
{
    struct bar bar = {.count = 0};
    json_int_t asked = notice_number(notice, "asked");
    if (asked <= 0)
        return;
    if (json_is_true(json_object_get(notice, "ours")))
        add_claims(&bar, notice);
    else
        add_sums(&bar, notice);
    const char *unit =
        page_text(json_object_get(json_object_get(notice, "content"), "quantity"), "unit");
    json_object_set_new(notice, "measure",
                        json_pack("{s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "asked", asked, "proposed",
                                  proposed(notice), "promised", notice_number(notice, "promised"),
                                  "taken", notice_number(notice, "taken"), "remaining",
                                  notice_number(notice, "remaining"), "unit", unit, "part",
                                  draw(&bar, (uint32_t)asked)));
}

/* --- claims ----------------------------------------------------------------------------------- */

static void set_words(struct page_visit *visit, json_t *object, const char *name, const char *verb,
                      bool need, bool in)
{
    char key[64];
    snprintf(key, sizeof(key), "claim.%s.%s_%s", verb, need ? "need" : "give", in ? "in" : "out");
    json_object_set_new(object, name, json_string(catalog_text(page_catalog(visit), key, 1)));
}

void notice_shape_claim(struct page_visit *visit, json_t *claim)
{
    bool need = strcmp(page_text(claim, "kind"), "shortage") == 0;
    bool in = strcmp(page_text(claim, "box"), "in") == 0;
    bool corrects =
        json_is_true(json_object_get(claim, "corrects")) && has(claim, "action_has", "delivered");
    set_number(claim, "delivered");
    set_words(visit, claim, "delivered_word", "delivered", need, in);
    set_words(visit, claim, "under_way_word", "under_way", need, in);
    set_words(visit, claim, "returned_word", "returned", need, in);
    json_object_set_new(claim, "is_in", json_boolean(in));
    json_object_set_new(claim, "may_correct", json_boolean(corrects));
    json_object_set_new(claim, "is_loan",
                        json_boolean(strcmp(page_text(claim, "kind"), "offer") == 0));
    json_object_set_new(claim, "more",
                        json_boolean(corrects || has(claim, "action_has", "refuse") ||
                                     has(claim, "action_has", "release") ||
                                     has(claim, "action_has", "delivered") ||
                                     has(claim, "action_has", "ask-release")));
    json_object_set_new(claim, "look",
                        json_string(is_status(claim, "delivered") ? "given"
                                    : is_status(claim, "agreed") || is_status(claim, "under-way")
                                        ? "promised"
                                    : is_status(claim, "proposed") ? "asked-for"
                                                                   : ""));
}

/* Does an answer wait for our word? */
static bool waits_for_us(const json_t *notice)
{
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (has(claim, "next_is", "agree") || has(claim, "next_is", "agree-extend"))
            return true;
    }
    return false;
}

/* --- a notice --------------------------------------------------------------------------------- */

static void add_kind(json_t *notice)
{
    json_t *content = json_object_get(notice, "content");
    for (size_t i = 0; i < NOTICE_KINDS; i++)
        if (has(content, "kind_is", notice_kinds[i].code))
            json_object_set_new(notice, "icon", json_string(notice_kinds[i].icon));
    json_object_set_new(notice, "is_need", json_boolean(has(content, "kind_is", "shortage")));
    json_object_set_new(notice, "is_loan", json_boolean(has(content, "kind_is", "offer")));
}

/* What goes on before what is over, each oldest first. */
static void order_claims(json_t *notice)
{
    static const char *const open[] = {"proposed", "waiting", "agreed", "under-way", "delivered"};
    json_t *claims = json_object_get(notice, "claim"), *ordered = json_array(), *claim;
    for (int over = 0; over < 2; over++) {
        size_t i;
        json_array_foreach(claims, i, claim)
        {
            bool goes_on = false;
            for (size_t k = 0; k < ARRAY_LEN(open); k++)
                goes_on = goes_on || is_status(claim, open[k]);
            if (goes_on != (over == 1))
                json_array_append(ordered, claim);
        }
    }
    if (claims)
        json_object_set(notice, "claim", ordered);
    json_decref(ordered);
}

void notice_shape(struct page_visit *visit, json_t *notice)
{
    size_t i;
    json_t *claim;
    static const char *const zeros[] = {"remaining", "promised", "taken",
                                        "reached",   "km",       "renewalsLeft"};
    for (i = 0; i < ARRAY_LEN(zeros); i++)
        set_number(notice, zeros[i]);
    json_object_set_new(notice, "ours",
                        json_boolean(json_is_true(json_object_get(notice, "ours"))));
    add_kind(notice);
    add_measure(notice);
    order_claims(notice);
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        notice_shape_claim(visit, claim);
    }
    json_object_set_new(
        notice, "is_open",
        json_boolean(is_status(notice, "published") || is_status(notice, "partly-filled")));
    json_object_set_new(notice, "to_do", json_boolean(waits_for_us(notice)));
}
