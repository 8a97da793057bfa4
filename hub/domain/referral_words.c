/* What happens next with a referral, by when, by whom: a code and its French sentence. */
#include "hub/base/text.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"

#define STATUS(x) (1u << REFERRAL_STATUS(x))
#define RUNNING   (STATUS(ACCEPTED) | STATUS(IN_PROGRESS))
#define LIVE      (STATUS(REQUESTED) | RUNNING | STATUS(ON_HOLD))
#define ANY       (~0u)

enum when { /* bits, all must hold */
            OUT = 1 << 0,
            IN = 1 << 1,
            LATE = 1 << 2,
            QUESTION = 1 << 3,
            CANCELLING = 1 << 4,
            FROZEN = 1 << 5,
            UNDELIVERED = 1 << 6,
            NOT_TAKEN = 1 << 7,
            UNDER_WAY = 1 << 8, /* their hub has not got it yet */
            REVIEW = 1 << 9,
            SLOW = 1 << 10,
            SCHEDULED = 1 << 11, /* and the day is known */
            MISSED = 1 << 12,
            ONWARD = 1 << 13,
            PERSON_SAID = 1 << 14,
            WITHDRAWN = 1 << 15,
            ERASED = 1 << 16,
            UNANSWERED = 1 << 17,
            SUSPENDED = 1 << 18,
            CUT_OFF = 1 << 19,
};

/* R-RF-4: later steps are here and wait for it. */
#define GAP_WORDS "Une étape précédente manque, elle a été demandée. "

/* First match. {peer} {phone} {due} {review} {scheduled} are filled in. A code is for good: it is
 * in the client API, and pages have a text for each. */
static const struct {
    unsigned statuses, when;
    const char *code, *words;
} sentences[] = {
    {ANY, FROZEN, "frozen",
     "Dossier gelé : les deux hubs n'ont plus la même histoire ; appelez {peer}{phone}."},
    {STATUS(ENTERED_IN_ERROR), 0, "error",
     "C'était une erreur : le contenu est caché des deux côtés, il n'y a rien à faire."},
    {STATUS(CANCELLED), OUT | WITHDRAWN, "withdrawn-out",
     "La personne a retiré son accord : {peer} efface ses données sous 72 heures."},
    {STATUS(CANCELLED), IN | WITHDRAWN | ERASED, "erased",
     "La personne a retiré son accord : ses données sont effacées, il n'y a rien à faire."},
    {STATUS(CANCELLED), IN | WITHDRAWN, "withdrawn-in",
     "La personne a retiré son accord : effacez ses données sous 72 heures."},
    {STATUS(CANCELLED), OUT | UNANSWERED, "expired-out",
     "{peer} n'a pas répondu à temps : essayez un autre service, la demande reste ouverte."},
    {STATUS(CANCELLED), OUT, "cancelled-out",
     "C'est annulé : {peer} n'a plus rien à faire et efface les données sous 7 jours."},
    {STATUS(CANCELLED), IN, "cancelled-in",
     "C'est annulé : il n'y a rien à faire, les données s'effacent sous 7 jours."},
    {STATUS(REJECTED), OUT | ONWARD, "onward",
     "{peer} l'a transmise à un autre service, avec l'accord de la personne."},
    {STATUS(REJECTED) | STATUS(FAILED), OUT, "elsewhere",
     "Essayez un autre service : la demande reste ouverte."},
    {STATUS(REJECTED) | STATUS(FAILED), IN, "said",
     "{peer} le sait et cherche ailleurs : il n'y a rien à faire."},
    {STATUS(COMPLETED), OUT | PERSON_SAID, "over",
     "C'est terminé, et la personne a répondu : il n'y a rien à faire."},
    {STATUS(COMPLETED), OUT, "ask-person", "Demandez à la personne si elle a bien été aidée."},
    {STATUS(COMPLETED), IN, "completed-in",
     "C'est terminé : {peer} demande à la personne si elle a bien été aidée."},
    {LIVE, SUSPENDED, "suspended",
     "Relation suspendue : les réponses passent encore 30 jours ; appelez {peer}{phone}."},
    {LIVE, CUT_OFF, "cut-off", "Rien ne passe plus entre les deux hubs : appelez {peer}{phone}."},
    {LIVE, OUT | UNDELIVERED, "undelivered", "Non remise : appelez {peer}{phone}."},
    {LIVE, OUT | NOT_TAKEN, "not-taken",
     "Refusée par le hub de {peer} : appelez{phone} ou annulez."},
    {LIVE, OUT | CANCELLING, "cancelling-out", "{peer} doit répondre à la demande d'annulation."},
    {LIVE, IN | CANCELLING, "cancelling-in",
     "Annulation demandée : l'accepter, ou dire ce qui est déjà fait."},
    {STATUS(REQUESTED), OUT | QUESTION | LATE, "question-late",
     "En retard : répondez à la question de {peer}."},
    {STATUS(REQUESTED), OUT | QUESTION, "question-out",
     "Répondez à la question de {peer} avant le {due}."},
    {STATUS(REQUESTED), IN | QUESTION, "question-in",
     "{peer} doit répondre à votre question avant le {due}."},
    {STATUS(REQUESTED), OUT | UNDER_WAY | SLOW, "slow",
     "Toujours pas remise au hub de {peer} : appelez{phone} ; les essais continuent."},
    {STATUS(REQUESTED), OUT | UNDER_WAY, "under-way-to",
     "Pas encore remise au hub de {peer} : nouvel essai automatique."},
    {STATUS(REQUESTED), OUT | LATE, "late-out",
     "En retard : {peer} devait répondre avant le {due} ; appelez{phone}."},
    {STATUS(REQUESTED), OUT, "requested-out", "{peer} doit répondre avant le {due}."},
    {STATUS(REQUESTED), IN | LATE, "late-in", "En retard : il fallait répondre avant le {due}."},
    {STATUS(REQUESTED), IN, "requested-in", "Répondez avant le {due}."},
    {RUNNING, OUT | SCHEDULED, "scheduled-out",
     "Rendez-vous le {scheduled} : {peer} dira ensuite comment cela s'est passé."},
    {RUNNING, IN | SCHEDULED, "scheduled-in",
     "Rendez-vous le {scheduled} : dites ensuite ce qui s'est passé."},
    {STATUS(IN_PROGRESS), OUT | MISSED, "missed-out",
     "La personne n'est pas venue : {peer} propose un autre moment, ou dit la suite."},
    {STATUS(IN_PROGRESS), IN | MISSED, "missed-in",
     "La personne n'est pas venue : proposez un autre moment, ou terminez sans suite."},
    {RUNNING, OUT, "running-out", "{peer} s'en occupe et vous tient au courant."},
    {RUNNING, IN, "running-in", "À vous : donnez des nouvelles ou dites le résultat."},
    {STATUS(ON_HOLD), OUT | REVIEW, "review-out", "{peer} refait le point le {review}."},
    {STATUS(ON_HOLD), IN | REVIEW, "review-in", "Refaites le point le {review}."},
    {STATUS(ON_HOLD), OUT, "hold-out",
     "En attente chez {peer} ; vous pouvez essayer aussi un autre service."},
    {STATUS(ON_HOLD), IN, "hold-in", "En attente : reprenez dès qu'une place se libère."},
};

static unsigned business_when(const struct referral *referral)
{
    switch (referral_business_status(referral)) {
    case REFERRAL_BUSINESS(UNSPECIFIED):
        return UNDER_WAY;
    case REFERRAL_BUSINESS(SCHEDULED):
        return referral->scheduled_s ? SCHEDULED : 0;
    case REFERRAL_BUSINESS(MISSED):
        return MISSED;
    case REFERRAL_BUSINESS(REFERRED_ONWARD):
        return ONWARD;
    case REFERRAL_BUSINESS(PERSON_CONFIRMED):
    case REFERRAL_BUSINESS(PERSON_DISPUTES):
        return PERSON_SAID;
    case REFERRAL_BUSINESS(CONSENT_WITHDRAWN):
        return WITHDRAWN;
    default: /* what passes by without changing what comes next; also of a newer hub */
        return 0;
    }
}

static unsigned relation_when(const struct relation *relation)
{
    if (!relation_is_hindered(relation))
        return 0;
    return strcmp(relation_state(relation), "suspended") == 0 ? SUSPENDED : CUT_OFF;
}

static unsigned now_when(const struct referral *referral, const struct relation *relation,
                         struct wall now)
{
    unsigned flags = referral->state.flags;
    bool unanswered = referral->reason && strcmp(referral->reason, "no-response") == 0;
    return business_when(referral) | relation_when(relation) | (referral->is_out ? OUT : IN) |
           (referral_is_late(referral, now) ? LATE : 0) |
           (flags & REFERRAL_QUESTION_OPEN ? QUESTION : 0) |
           (flags & REFERRAL_CANCEL_REQUESTED ? CANCELLING : 0) |
           (flags & REFERRAL_FROZEN ? FROZEN : 0) |
           (referral->delivery == REFERRAL_UNDELIVERED ? UNDELIVERED : 0) |
           (referral->delivery == REFERRAL_NOT_TAKEN ? NOT_TAKEN : 0) |
           (referral->review_s ? REVIEW : 0) | (referral_is_slow(referral, now) ? SLOW : 0) |
           (referral->purged_ms ? ERASED : 0) | (unanswered ? UNANSWERED : 0);
}

/* ARRAY_LEN(sentences): nothing happens next. */
static size_t find_sentence(const struct referral *referral, const struct relation *relation,
                            struct wall now)
{
    unsigned when = now_when(referral, relation, now);
    size_t i = 0;
    while (i < ARRAY_LEN(sentences) && (!(sentences[i].statuses >> referral->state.status & 1) ||
                                        (sentences[i].when & when) != sentences[i].when))
        i++;
    return i;
}

const char *referral_next_code(const struct referral *referral, const struct relation *relation,
                               struct wall now)
{
    size_t i = find_sentence(referral, relation, now);
    return i < ARRAY_LEN(sentences) ? sentences[i].code : "";
}

/* "30/11/2026 à 14:00 UTC" */
static char *date_words(struct arena *arena, uint64_t at_s)
{
    char iso[25];
    text_time((int64_t)at_s * 1000, iso);
    return arena_printf(arena, "%.2s/%.2s/%.4s à %.5s UTC", iso + 8, iso + 5, iso, iso + 11);
}

static char *fill_in(struct arena *arena, const char *words, const char *const names[],
                     const char *const values[], size_t count)
{
    AUTO(buf_done) struct buf out = {0};
    while (*words) {
        size_t i = 0;
        while (i < count && strncmp(words, names[i], strlen(names[i])) != 0)
            i++;
        if (i < count) {
            buf_add_text(&out, values[i]);
            words += strlen(names[i]);
        } else {
            buf_add(&out, words++, 1);
        }
    }
    return arena_textn(arena, out.data, out.len);
}

char *referral_next_words(struct arena *arena, const struct referral *referral,
                          const struct relation *relation, struct wall now)
{
    static const char *const names[] = {"{peer}", "{phone}", "{due}", "{review}", "{scheduled}"};
    const char *const values[] = {
        relation->name[0] ? relation->name : "l'autre hub",
        relation->phone[0] ? arena_printf(arena, " au %s", relation->phone) : "",
        date_words(arena, referral_due_s(&referral->state)),
        date_words(arena, referral->review_s),
        date_words(arena, referral->scheduled_s),
    };
    size_t i = find_sentence(referral, relation, now);
    if (i == ARRAY_LEN(sentences))
        return arena_text(arena, "");
    const char *words = fill_in(arena, sentences[i].words, names, values, ARRAY_LEN(names));
    return arena_printf(arena, "%s%s", referral->state.pending ? GAP_WORDS : "", words);
}

bool referral_is_late(const struct referral *referral, struct wall now)
{
    uint64_t due = referral_due_s(&referral->state);
    return due && due < (uint64_t)now.ms / 1000;
}

Maillon__Hfp__V1__BusinessStatus referral_business_status(const struct referral *referral)
{
    bool arrived =
        referral->delivery == REFERRAL_STORED || referral->delivery == REFERRAL_PRESENTED;
    if (referral->state.status == REFERRAL_STATUS(REQUESTED) && arrived &&
        !referral->state.business_status)
        return REFERRAL_BUSINESS(DELIVERED);
    return referral->state.business_status;
}
