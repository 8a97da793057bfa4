/* One sentence on what happens next, by when, by whom; French. */
#include "hub/base/text.h"
#include "hub/domain/referral.h"

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
            NOT_STORED = 1 << 8,
            REVIEW = 1 << 9,
            SLOW = 1 << 10,
};

/* R-RF-4: later steps are here and wait for it. */
#define GAP_WORDS "Une étape précédente manque, elle a été demandée. "

/* First match. {peer} {phone} {due} {review} are filled in. */
static const struct {
    unsigned statuses, when;
    const char *words;
} sentences[] = {
    {ANY, FROZEN,
     "Dossier gelé : les deux hubs n'ont plus la même histoire ; appelez {peer}{phone}."},
    {LIVE, OUT | UNDELIVERED, "Non remise : appelez {peer}{phone}."},
    {LIVE, OUT | NOT_TAKEN, "Refusée par le hub de {peer} : appelez{phone} ou annulez."},
    {LIVE, OUT | CANCELLING, "{peer} doit répondre à la demande d'annulation."},
    {LIVE, IN | CANCELLING, "Annulation demandée : l'accepter, ou dire ce qui est déjà fait."},
    {STATUS(REQUESTED), OUT | QUESTION | LATE, "En retard : répondez à la question de {peer}."},
    {STATUS(REQUESTED), OUT | QUESTION, "Répondez à la question de {peer} avant le {due}."},
    {STATUS(REQUESTED), IN | QUESTION, "{peer} doit répondre à votre question avant le {due}."},
    {STATUS(REQUESTED), OUT | SLOW,
     "Toujours pas remise au hub de {peer} : appelez{phone} ; les essais continuent."},
    {STATUS(REQUESTED), OUT | NOT_STORED,
     "Pas encore remise au hub de {peer} : nouvel essai automatique."},
    {STATUS(REQUESTED), OUT | LATE,
     "En retard : {peer} devait répondre avant le {due} ; appelez{phone}."},
    {STATUS(REQUESTED), IN | LATE, "En retard : il fallait répondre avant le {due}."},
    {STATUS(REQUESTED), OUT, "{peer} doit répondre avant le {due}."},
    {STATUS(REQUESTED), IN, "Répondez avant le {due}."},
    {RUNNING, OUT, "{peer} s'en occupe et vous tient au courant."},
    {RUNNING, IN, "À vous : donnez des nouvelles ou dites le résultat."},
    {STATUS(ON_HOLD), OUT | REVIEW, "{peer} refait le point le {review}."},
    {STATUS(ON_HOLD), IN | REVIEW, "Refaites le point le {review}."},
    {STATUS(ON_HOLD), OUT, "En attente chez {peer} ; vous pouvez essayer aussi un autre service."},
    {STATUS(ON_HOLD), IN, "En attente : reprenez dès qu'une place se libère."},
    {STATUS(REJECTED) | STATUS(FAILED), OUT,
     "Essayez un autre service : la demande reste ouverte."},
    {STATUS(COMPLETED), OUT, "Demandez à la personne si elle a bien été aidée."},
};

static unsigned now_when(const struct referral *referral, struct wall now)
{
    unsigned flags = referral->state.flags;
    return (referral->is_out ? OUT : IN) | (referral_is_late(referral, now) ? LATE : 0) |
           (flags & REFERRAL_QUESTION_OPEN ? QUESTION : 0) |
           (flags & REFERRAL_CANCEL_REQUESTED ? CANCELLING : 0) |
           (flags & REFERRAL_FROZEN ? FROZEN : 0) |
           (referral->delivery == REFERRAL_UNDELIVERED ? UNDELIVERED : 0) |
           (referral->delivery == REFERRAL_NOT_TAKEN ? NOT_TAKEN : 0) |
           (referral->delivery == REFERRAL_WAITING ? NOT_STORED : 0) |
           (referral->review_s ? REVIEW : 0) | (referral_is_slow(referral, now) ? SLOW : 0);
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
                          const char *peer_name, const char *peer_phone, struct wall now)
{
    static const char *const names[] = {"{peer}", "{phone}", "{due}", "{review}"};
    bool has_phone = peer_phone && *peer_phone;
    const char *const values[] = {
        peer_name && *peer_name ? peer_name : "l'autre hub",
        has_phone ? arena_printf(arena, " au %s", peer_phone) : "",
        date_words(arena, referral_due_s(&referral->state)),
        date_words(arena, referral->review_s),
    };
    unsigned when = now_when(referral, now);
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++)
        if ((sentences[i].statuses >> referral->state.status & 1) &&
            (sentences[i].when & when) == sentences[i].when) {
            const char *words = fill_in(arena, sentences[i].words, names, values, ARRAY_LEN(names));
            return arena_printf(arena, "%s%s", referral->state.pending ? GAP_WORDS : "", words);
        }
    return arena_text(arena, "");
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
