#!/bin/bash
# Makes tests/vectors/upgrade: a hub with data, by the programs of an older commit, as it is on disk
# after a clean stop. All names are invented; its keys are of no other hub.
#   upgrade_make.sh HUBD HUBCTL OUT    of that older commit
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"
out=$3

name_hubs s "CCAS de Valombre" r "Atelier des Ormes"
for hub in s r; do
    init_hub "$hub"
    start_hub "$hub"
done
passphrase="quatre mots bien choisis"
add_user() { # HUB NAME ROLE
    ctl "$1" --json call Accounts/AddUser \
        "{\"name\":\"$2\",\"role\":\"$3\",\"passphrase\":\"$passphrase\"}" >/dev/null
}
add_user s marie caseworker
add_user s lea coordinator
add_user s alix caseworker,coordinator,admin
add_user s parti caseworker
add_user r worker caseworker,coordinator
ctl s user disable parti >/dev/null
federate s r
as() { ctl "$1" --user "$2" --json "${@:3}"; }

service() { # HUB NAME WORDS
    cat >"$territory/service.json" <<JSON
{"name": "$2", "description": "$3", "theme": ["numerique"], "reach": ["hub"],
 "commune_name": "Valombre", "postal_code": "35999", "opening_hours": "Mo-Fr 09:00-12:00",
 "capacity": {"code": "CAPACITY_CODE_CAPACITY"}}
JSON
    ctl "$1" --json directory put "$territory/service.json" | get id
}
own=$(service s "Permanence numérique" "Aide pour écrire un courriel ou remplir un dossier")
far=$(service r "Réparation de vélos" "On répare ensemble les bicyclettes, le samedi")
known() { ctl s --json directory show "$far" >/dev/null && ctl r --json directory show "$own" >/dev/null; }
until_true "services are known on both sides" known
cat >"$territory/open.json" <<'JSON'
[{"id": "essai-1", "structure_id": "s1", "source": "essai", "nom": "Cours de couture",
  "presentation_resume": "Coudre et repriser, tous niveaux", "thematiques": ["numerique"],
  "commune": "Valombre", "code_postal": "35999"},
 {"id": "essai-2", "structure_id": "s1", "source": "essai", "nom": "Jardin partagé",
  "presentation_resume": "Des parcelles et des outils", "thematiques": ["numerique"]}]
JSON
ctl s directory import "$territory/open.json" --format data-inclusion --source essai >/dev/null

send() { # HUB USER SERVICE NAME NEED
    as "$1" "$2" referral send --to "$3" --name "$4" --need "$5" --theme numerique \
        --contact-by caseworker --consent spoken --share name,contact,need \
        --referrer-name "$2" --referrer-phone 0000000000 | get id
}
sent=$(send s marie "$far" "Cas 12" "un vélo pour aller au travail")
done_one=$(send s marie "$far" "Cas 13" "réparer une roue")
for id in "$sent" "$done_one"; do
    until_true "it arrives" referral_is r worker "$id" status requested
    as r worker referral seen "$id" >/dev/null
    as r worker referral accept "$id" --contact "l'accueil" --next-step "venir samedi" >/dev/null
done
as r worker referral complete "$done_one" --outcome partly-helped >/dev/null
until_true "the answer is back" referral_is s marie "$sent" status accepted
until_true "the end is back" referral_is s marie "$done_one" status completed
got=$(send r worker "$own" "Cas 14" "remplir un dossier de logement")
until_true "theirs arrives" referral_is s marie "$got" status requested
as s marie referral message "$got" --text "quel jour vous convient ?" >/dev/null

notice=$(as s lea notice post --kind shortage --what matelas --quantity 12 --unit matelas \
    --place Valombre --until 30d --contact-role accueil | get id)
theirs=$(as r worker notice post --kind surplus --what chaises --quantity 40 --unit chaise \
    --place Valombre --until 30d | get id)
until_true "the notice is there" notice_is r worker "$notice" asked 12
until_true "theirs is there" notice_is s lea "$theirs" asked 40
claim=$(as r worker notice claim "$notice" --quantity 5 --contact-role accueil | get id)
claimed() { as s lea notice show "$notice" | grep -q '"claim"'; }
until_true "the claim is there" claimed
as s lea notice agree "$claim" >/dev/null
until_true "what is left" notice_is s lea "$notice" remaining 7

session=$(ctl s --json call Accounts/SignIn \
    "{\"name\":\"marie\",\"passphrase\":\"$passphrase\"}" | get token)
token=$(ctl s --json user token alix --label "tableau de bord" --days 3650 | get token)
settled() { [ "$(ctl s --json call Node/ListOutbox '{}')" = "{}" ]; }
until_true "nothing is on its way" settled
stop_hub s
stop_hub r
rm -rf "$out"
mkdir -p "$out"
cp "$territory"/s/{*.key,kel,tls.crt,hub.ini} "$out"/
sed -i '/^\(listen\|url\) *=/d' "$out/hub.ini"
sqlite3 "$territory/s/hub.db" "VACUUM INTO '$out/hub.db'"
cat >"$out/known.json" <<JSON
{"made": $(date +%s), "passphrase": "$passphrase", "session": "$session", "token": "$token",
 "own": "$own", "far": "$far", "sent": "$sent", "done": "$done_one", "got": "$got",
 "notice": "$notice", "theirs": "$theirs", "claim": "$claim"}
JSON
gzip -9n "$out/hub.db"
pass "$(du -sh "$out" | cut -f1) of a hub with data"
