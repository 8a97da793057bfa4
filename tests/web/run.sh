#!/bin/bash
# Pages in a real browser: two real hubs in a temporary folder, Debian's Chromium, axe.
#   run.sh HUBD HUBCTL WORK    WORK: folder for node_modules; screenshots go to build/screens
# Ends with "N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
hubd=$1 hubctl=$2 work=$3

mkdir -p "$work"
if ! cmp -s "$here/package-lock.json" "$work/package-lock.json" || [ ! -d "$work/node_modules" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    npm --prefix "$work" ci --no-audit --no-fund --ignore-scripts >"$work/npm.log" 2>&1 || {
        cat "$work/npm.log"
        rm -rf "$work/node_modules" "$work/package-lock.json"
        echo "0 passed, 1 failed"
        exit 1
    }
fi

territory=$(mktemp -d)
# shellcheck source=deploy/demo/hubs.sh
. "$root/deploy/demo/hubs.sh"
mapfile -t ports < <(free_ports 2)
declare -A name=([town]="CCAS de Redon" [mulots]="Les Mulots")
declare -A port=([town]=${ports[0]} [mulots]=${ports[1]})
trap end_territory EXIT
trap 'exit 130' INT TERM

passphrase="quatre mots bien choisis"
add_user() { # HUB NAME ROLE
    ctl "$1" --json call Accounts/AddUser \
        "{\"name\":\"$2\",\"role\":\"$3\",\"passphrase\":\"$passphrase\"}" >/dev/null
}
for hub in town mulots; do
    init_hub "$hub"
    mkdir -p "$territory/$hub/conf.d"
    echo "undo-seconds = 0" >"$territory/$hub/conf.d/undo.ini" # story_caseworker.mjs has its own
    start_hub "$hub"
done
add_user town marie caseworker
add_user town lea coordinator
add_user town alix caseworker,coordinator,admin
add_user mulots paul caseworker,coordinator
federate town mulots

service=$(ctl mulots --json directory put "$root/deploy/demo/service-mulots.json" | get id)
found() { ctl town --user marie --json directory search "apprendre ordinateur" | grep -q "\"$service\""; }
until_true "the course reaches the town" found
send() { # PERSON NEED URGENCY
    ctl town --user marie --json referral send --to "$service" --name "$1" --need "$2" \
        --theme numerique --urgency "$3" --contact-by caseworker --consent spoken \
        --share name,contact,need --referrer-name "Marie, CCAS" \
        --referrer-phone "02 99 71 00 00" | get id
}
first=$(send "Awa" "aimerait savoir envoyer un courriel à sa fille" normal)
second=$(send "Jean-Bernard de la Villemarqué-Kerguélen" "<b>refaire</b> son CV & \"l'envoyer\"" urgent)
until_true "the first arrives" referral_is mulots paul "$first" status requested
until_true "the second arrives" referral_is mulots paul "$second" status requested
ctl mulots --user paul referral seen "$first" >/dev/null
ctl mulots --user paul referral accept "$first" --contact "Paul, à l'accueil" \
    --phone "02 99 72 00 00" --next-step "venir mardi à 10 h" >/dev/null
until_true "the answer is back" referral_is town marie "$first" status accepted
# A clock that ran out: what is late looks late.
sqlite3 -cmd ".timeout 5000" "$territory/mulots/hub.db" \
    "UPDATE referral SET answer_due_s = unixepoch() - 90000,
         due_s = unixepoch() - 90000 WHERE oid = x'$second'; SELECT changes();" |
    grep -qx 1 || fail "no referral to be late"
notice=$(ctl town --user lea --json notice post --kind shortage --what matelas --quantity 12 \
    --unit matelas --place Redon --until 7d --contact-role accueil | get id)
until_true "the notice is at the neighbour" notice_is mulots paul "$notice" asked 12
ctl mulots --user paul notice claim "$notice" --quantity 8 --contact-role accueil >/dev/null
claimed() { ctl town --user lea --json notice show "$notice" | grep -q '"claim"'; }
until_true "the claim is back" claimed

# A circle with somebody at the door, and a relay duty.
circle=$(ctl town --json circle create "Pays de Redon" \
    --principle "Personne n'est renvoyé sans réponse." \
    --principle "Ce qu'on promet, on le tient ou on le dit." | get id)
ctl mulots circle join "$circle" --via "CCAS de Redon" --text "Les Mulots, le mardi à la MJC" >/dev/null
asked() { ctl town --json circle show "$circle" | grep -q '"ask"'; }
until_true "the request to come in arrives" asked
ctl town relay allow "Les Mulots" >/dev/null

cat >"$territory/world.json" <<JSON
{"town": "https://127.0.0.1:${port[town]}", "mulots": "https://127.0.0.1:${port[mulots]}",
 "passphrase": "$passphrase", "hubd": "$hubd", "hubctl": "$hubctl", "territory": "$territory",
 "circle": "$circle", "service": "$service", "accepted": "$first", "requested": "$second", "notice": "$notice",
 "screens": "${MAILLON_BUILD:-$root/build}/screens", "work": "$work"}
JSON
status=0
node "$here/test_web.mjs" "$territory/world.json" || status=1
for hub in town mulots; do stop_hub "$hub"; done
exit $status
