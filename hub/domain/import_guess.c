#include "hub/domain/import_guess.h"

#define LOOKED_BYTES 65536 /* some records: a column may be empty in the first */

/* Columns that one format has and the others have not. */
static const struct {
    const char *column, *format;
} telling[] = {
    {"thematiques", "data-inclusion"},
    {"structure_id", "data-inclusion"},
    {"profils", "data-inclusion"},
    {"zone_diffusion_type", "data-inclusion"},
    {"zone_eligibilite", "data-inclusion"},
    {"modes_mobilisation", "data-inclusion"},
    {"modes_accueil", "data-inclusion"},
    {"horaires_accueil", "data-inclusion"},
    {"lien_mobilisation", "data-inclusion"},
    {"reseaux_porteurs", "data-inclusion"},
    {"rna", "data-inclusion"},
    {"antenne", "data-inclusion"},
    {"horaires_ouverture", "data-inclusion"},
    {"pivot", "mediation-numerique"},
    {"conditions_acces", "mediation-numerique"},
    {"conditions_access", "mediation-numerique"},
    {"modalites_accompagnement", "mediation-numerique"},
    {"publics_accueillis", "mediation-numerique"},
    {"publics_specifiquement_adresses", "mediation-numerique"},
    {"modalites_acces", "mediation-numerique"},
    {"frais_a_charge", "mediation-numerique"},
    {"dispositif_programmes_nationaux", "mediation-numerique"},
    {"labels_nationaux", "mediation-numerique"},
    {"labels_autres", "mediation-numerique"},
    {"organizations", "hsds"},
    {"organization", "hsds"},
    {"organization_id", "hsds"},
    {"service_at_locations", "hsds"},
    {"eligibility_description", "hsds"},
    {"application_process", "hsds"},
    {"fees_description", "hsds"},
    {"alternate_name", "hsds"},
    {"location_type", "hsds"},
    {"contents", "hsds"},
};
static const char *const formats[] = {"data-inclusion", "mediation-numerique", "hsds"};

/* In quotes (JSON, and CSV that quotes), or as a cell of the head. */
static bool has_column(struct bytes head, const char *column, bool is_json)
{
    size_t len = strlen(column);
    const uint8_t *at = head.data, *end = head.data + head.len;
    for (; at < end && (at = memmem(at, (size_t)(end - at), column, len)) != NULL; at++) {
        uint8_t before = at > head.data ? at[-1] : '\n';
        uint8_t after = at + len < end ? at[len] : '\n';
        if (before == '"' && after == '"')
            return true;
        if (!is_json && strchr(",;\t\r\n", before) && strchr(",;\t\r\n", after) && before && after)
            return true;
    }
    return false;
}

static struct bytes first_bytes(struct bytes file, bool *ret_is_json)
{
    size_t at = file.len >= 3 && memcmp(file.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < file.len && (file.data[at] == ' ' || file.data[at] == '\t' ||
                             file.data[at] == '\r' || file.data[at] == '\n'))
        at++;
    struct bytes head = {file.data + at, file.len - at};
    *ret_is_json = head.len > 0 && (head.data[0] == '[' || head.data[0] == '{');
    if (head.len > LOOKED_BYTES)
        head.len = LOOKED_BYTES;
    if (!*ret_is_json) {
        const uint8_t *line = head.len ? memchr(head.data, '\n', head.len) : NULL;
        head.len = line ? (size_t)(line - head.data) : head.len;
    }
    return head;
}

const char *import_guess(struct bytes file)
{
    bool is_json;
    if (file.len == 0)
        return NULL;
    struct bytes head = first_bytes(file, &is_json);
    bool is_package = head.len >= 7 && memcmp(head.data, "#table ", 7) == 0;
    if (is_package) { /* tables one after the other: the head of the first */
        size_t line = (size_t)(head.data - file.data) + head.len;
        head = first_bytes(bytes_of(file.data + line, file.len - line), &is_json);
    }
    size_t best = 0, most = 0;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        size_t found = 0;
        for (size_t k = 0; k < ARRAY_LEN(telling); k++)
            found += strcmp(telling[k].format, formats[i]) == 0 &&
                     has_column(head, telling[k].column, is_json);
        if (found > most) {
            most = found;
            best = i;
        }
    }
    if (most == 0 && is_package)
        return "hsds-csv";
    if (most == 0) {
        /* Older files of places: a name and a commune are all they have in common. */
        static const char *const plain[] = {"nom", "commune", "COMMUNE", "Commune", "adresse"};
        for (size_t i = 0; i < ARRAY_LEN(plain); i++)
            if (has_column(head, plain[i], is_json))
                return "mediation-numerique";
        return NULL;
    }
    return strcmp(formats[best], "hsds") == 0 && !is_json ? "hsds-csv" : formats[best];
}
