#include "hub/domain/codes.h"

#define STATUS(x)   MAILLON__HFP__V1__REFERRAL_STATUS__REFERRAL_STATUS_##x
#define BUSINESS(x) MAILLON__HFP__V1__BUSINESS_STATUS__BUSINESS_STATUS_##x
#define URGENCY(x)  MAILLON__HFP__V1__URGENCY__URGENCY_##x
#define HOUR_S      3600
#define DAY_S       86400

struct code {
    const char *code;
    const char *words[2]; /* by words_language */
};

static const struct code refusal[] = {
    {"no-capacity", {"plus de place", "no place left"}},
    {"waitlist-only", {"liste d'attente seulement", "waiting list only"}},
    {"outside-area", {"hors du territoire couvert", "outside the area served"}},
    {"not-eligible", {"conditions non remplies", "conditions not met"}},
    {"wrong-service", {"ce n'est pas le bon service", "not the right service"}},
    {"missing-document", {"il manque un document", "a document is missing"}},
    {"duplicate", {"demande déjà reçue", "already received"}},
    {"resources-exhausted", {"moyens épuisés", "resources exhausted"}},
    {"safety", {"raison de sécurité", "safety"}},
    {"other", {"autre raison", "other reason"}},
};
static const struct code not_carried[] = {
    {"unreachable", {"personne injoignable", "could not be reached"}},
    {"did-not-come", {"la personne n'est pas venue", "did not come"}},
    {"no-longer-wanted", {"la personne ne le souhaite plus", "no longer wanted"}},
    {"situation-solved", {"situation résolue", "situation solved"}},
    {"moved", {"la personne a déménagé", "moved away"}},
    {"barrier", {"un obstacle empêche la suite", "something stands in the way"}},
    {"other", {"autre raison", "other reason"}},
};
static const struct code barrier[] = {
    {"transport", {"transport", "transport"}}, {"childcare", {"garde d'enfant", "childcare"}},
    {"health", {"santé", "health"}},           {"language", {"langue", "language"}},
    {"digital", {"numérique", "digital"}},     {"money", {"argent", "money"}},
};
static const struct code outcome[] = {
    {"helped", {"aidée", "helped"}},
    {"partly-helped", {"aidée en partie", "partly helped"}},
    {"informed-only", {"informée seulement", "informed only"}},
    {"not-helped", {"non aidée", "not helped"}},
};
static const struct code urgency[] = {
    {"normal", {"normale : réponse sous 14 jours", "normal: answer within 14 days"}},
    {"urgent", {"urgente : réponse sous 72 heures", "urgent: answer within 72 hours"}},
    {"emergency", {"urgence : réponse sous 24 heures", "emergency: answer within 24 hours"}},
};
static const struct code feedback[] = {
    {"closed", {"terminée ou non", "closed or not"}},
    {"outcome", {"et le résultat", "and the outcome"}},
    {"dates", {"et les dates et la suite", "and dates and next step"}},
};
static const struct code contact[] = {
    {"call", {"appel", "call"}},
    {"sms", {"SMS", "text message"}},
    {"email", {"courriel", "e-mail"}},
    {"post", {"courrier", "post"}},
    {"caseworker", {"par la personne qui l'accompagne", "through the caseworker"}},
    {"in-person", {"en personne seulement", "in person only"}},
};
static const struct code consent_form[] = {
    {"spoken", {"donné de vive voix", "spoken"}},
    {"paper", {"signé sur papier", "on paper"}},
    {"online", {"donné en ligne", "online"}},
    {"guardian", {"donné par le représentant légal", "by the guardian"}},
};
static const struct code statuses[] = {
    {"draft", {"brouillon", "draft"}},
    {"requested", {"envoyée", "sent"}},
    {"accepted", {"acceptée", "accepted"}},
    {"rejected", {"refusée", "refused"}},
    {"in-progress", {"en cours", "under way"}},
    {"on-hold", {"en attente", "on hold"}},
    {"completed", {"aboutie", "completed"}},
    {"failed", {"non aboutie", "not carried through"}},
    {"cancelled", {"annulée", "cancelled"}},
    {"entered-in-error", {"erreur de saisie", "entered in error"}},
};
static const struct code business[] = {
    {"delivered", {"reçue", "received"}},
    {"seen", {"vue", "seen"}},
    {"under-review", {"à l'étude", "under review"}},
    {"need-info", {"question posée", "question asked"}},
    {"contact-attempted", {"prise de contact tentée", "contact attempted"}},
    {"scheduled", {"rendez-vous fixé", "appointment made"}},
    {"missed", {"rendez-vous manqué", "appointment missed"}},
    {"meeting-cancelled", {"rendez-vous annulé", "appointment cancelled"}},
    {"attended", {"venue au rendez-vous", "attended"}},
    {"waitlisted", {"sur liste d'attente", "on the waiting list"}},
    {"cancellation-requested", {"annulation demandée", "cancellation requested"}},
    {"referred-onward", {"transmise plus loin", "referred onward"}},
    {"person-confirmed", {"confirmée par la personne", "confirmed by the person"}},
    {"person-disputes", {"contestée par la personne", "disputed by the person"}},
    {"consent-withdrawn", {"consentement retiré", "consent withdrawn"}},
};
static const struct code actions[] = {
    {"refer", {"envoyer", "send"}},
    {"seen", {"marquer comme vue", "mark as seen"}},
    {"ask", {"poser une question", "ask"}},
    {"answer", {"répondre", "answer"}},
    {"accept", {"accepter", "accept"}},
    {"reject", {"refuser", "refuse"}},
    {"hold", {"mettre en attente", "put on hold"}},
    {"progress", {"donner des nouvelles", "report progress"}},
    {"complete", {"clore : aboutie", "complete"}},
    {"fail", {"clore : non aboutie", "close as not carried through"}},
    {"cancel", {"annuler", "cancel"}},
    {"expire", {"expirer", "expire"}},
    {"agree-cancel", {"accepter l'annulation", "agree to cancel"}},
    {"withdraw-consent", {"retirer le consentement", "withdraw consent"}},
    {"void", {"erreur de saisie", "entered in error"}},
    {"person-says", {"noter ce que dit la personne", "note what the person says"}},
    {"message", {"écrire un message", "write a message"}},
    {"purged", {"effacer les données personnelles", "erase personal data"}},
};

#define LIST(l)         \
    {                   \
        l, ARRAY_LEN(l) \
    }
static const struct {
    const struct code *codes;
    size_t count;
} lists[CODES_LIST_COUNT] = {
    [CODES_REFUSAL] = LIST(refusal), [CODES_NOT_CARRIED] = LIST(not_carried),
    [CODES_BARRIER] = LIST(barrier), [CODES_OUTCOME] = LIST(outcome),
    [CODES_URGENCY] = LIST(urgency), [CODES_FEEDBACK] = LIST(feedback),
    [CODES_CONTACT] = LIST(contact), [CODES_CONSENT_FORM] = LIST(consent_form),
    [CODES_STATUS] = LIST(statuses), [CODES_BUSINESS_STATUS] = LIST(business),
    [CODES_ACTION] = LIST(actions),
};

/* What people see; first match, business 0 stands for every other one (PRODUCT.md 3.2). */
static const struct {
    Maillon__Hfp__V1__ReferralStatus status;
    Maillon__Hfp__V1__BusinessStatus business_status;
    const char *words[2];
} shown[] = {
    {STATUS(REQUESTED), BUSINESS(DELIVERED), {"reçue", "received"}},
    {STATUS(REQUESTED), BUSINESS(SEEN), {"vue", "seen"}},
    {STATUS(REQUESTED), BUSINESS(UNDER_REVIEW), {"à l'étude", "under review"}},
    {STATUS(REQUESTED), BUSINESS(NEED_INFO), {"à l'étude", "under review"}},
    {STATUS(REQUESTED), 0, {"envoyée", "sent"}},
    {STATUS(ACCEPTED), BUSINESS(SCHEDULED), {"rendez-vous fixé", "appointment made"}},
    {STATUS(ACCEPTED), 0, {"acceptée", "accepted"}},
    {STATUS(IN_PROGRESS), BUSINESS(SCHEDULED), {"rendez-vous fixé", "appointment made"}},
    {STATUS(IN_PROGRESS), 0, {"en cours", "under way"}},
    {STATUS(ON_HOLD), 0, {"en attente", "on hold"}},
    {STATUS(COMPLETED), 0, {"aboutie", "completed"}},
    {STATUS(FAILED), 0, {"non aboutie", "not carried through"}},
    {STATUS(REJECTED), 0, {"refusée", "refused"}},
    {STATUS(CANCELLED),
     BUSINESS(CONSENT_WITHDRAWN),
     {"retirée par la personne", "withdrawn by the person"}},
    {STATUS(CANCELLED), 0, {"annulée", "cancelled"}},
    {STATUS(ENTERED_IN_ERROR), 0, {"erreur de saisie", "entered in error"}},
    {STATUS(DRAFT), 0, {"brouillon", "draft"}},
};

static const struct {
    Maillon__Hfp__V1__Urgency urgency;
    uint64_t answer_s, expiry_s;
} clocks[] = {
    {URGENCY(NORMAL), 14 * DAY_S, 30 * DAY_S},
    {URGENCY(URGENT), 72 * HOUR_S, 14 * DAY_S},
    {URGENCY(EMERGENCY), 24 * HOUR_S, 72 * HOUR_S},
};

bool code_has_shape(const char *code, size_t max)
{
    size_t len = code ? strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
    return len > 0 && len <= max && code[len] == '\0';
}

static const struct code *find(enum code_list list, const char *code)
{
    for (size_t i = 0; code && i < lists[list].count; i++)
        if (strcmp(lists[list].codes[i].code, code) == 0)
            return &lists[list].codes[i];
    return NULL;
}

bool code_is_listed(enum code_list list, const char *code)
{
    return find(list, code) != NULL;
}

const char *code_of_value(enum code_list list, int value)
{
    return value >= 1 && (size_t)value <= lists[list].count ? lists[list].codes[value - 1].code
                                                            : "";
}

int code_value(enum code_list list, const char *code)
{
    const struct code *found = find(list, code);
    return found ? (int)(found - lists[list].codes) + 1 : 0;
}

const char *code_words(enum code_list list, const char *code, enum words_language language)
{
    const struct code *found = find(list, code);
    return found ? found->words[language] : "";
}

void code_list_add(enum code_list list, struct buf *out)
{
    for (size_t i = 0; i < lists[list].count; i++) {
        if (i)
            buf_add_text(out, ", ");
        buf_add_text(out, lists[list].codes[i].code);
    }
}

const char *status_words(Maillon__Hfp__V1__ReferralStatus status,
                         Maillon__Hfp__V1__BusinessStatus business_status,
                         enum words_language language)
{
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        if (shown[i].status == status &&
            (!shown[i].business_status || shown[i].business_status == business_status))
            return shown[i].words[language];
    return "";
}

uint64_t urgency_answer_s(Maillon__Hfp__V1__Urgency value)
{
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
        if (clocks[i].urgency == value)
            return clocks[i].answer_s;
    return clocks[0].answer_s;
}

uint64_t urgency_expiry_s(Maillon__Hfp__V1__Urgency value)
{
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
        if (clocks[i].urgency == value)
            return clocks[i].expiry_s;
    return clocks[0].expiry_s;
}
