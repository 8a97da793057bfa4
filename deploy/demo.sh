#!/bin/bash
# A demonstration territory: four hubs around Redon, with real directory data.
#
#   ./deploy/demo.sh          installs what is missing, builds, shows the main job step by step, then
#                             leaves the hubs running until Ctrl-C
#   ./deploy/demo.sh --check  the same on free ports in a temporary folder; asserts every step,
#                             cleans up, exits 0 or 1
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${MAILLON_BIN:-${MAILLON_BUILD:-$root/build}/release} # MAILLON_BIN: programs built already
data=$root/deploy/demo/data
check=no
case ${1:-} in
"") ;;
--check) check=yes ;;
*)
    sed -n '2,/^set -e/{/^#/s/^# \{0,1\}//p}' "$0"
    [ "$1" = --help ] && exit 0
    exit 2
    ;;
esac

# ---- what the demonstration stands on ----

# shellcheck source=deploy/packages.sh
. "$root/deploy/packages.sh"
packages_install "${build_packages[@]}"
if [ ! -x "$build/hubd" ] || [ ! -x "$build/admin/hubctl" ] || [ "$check" = no ]; then
    mkdir -p "${build%/*}"
    [ -f "$build/build.ninja" ] || meson setup "$build" "$root" >"$build.log" 2>&1 || {
        cat "$build.log"
        exit 1
    }
    echo "building… (the first time takes some minutes)"
    ninja -C "$build" hubd admin/hubctl >/dev/null
fi
hubd=$build/hubd
hubctl=$build/admin/hubctl

if [ "$check" = yes ]; then
    territory=$(mktemp -d)
else
    territory=${MAILLON_BUILD:-$root/build}/demo
    rm -rf "$territory"
    mkdir -p "$territory"
    ports=(8441 8442 8443 8444)
fi

# shellcheck source=deploy/demo/hubs.sh
. "$root/deploy/demo/hubs.sh"
[ "$check" = no ] || mapfile -t ports < <(free_ports 4)

declare -A name=([town]="CCAS de Redon" [mulots]="Les Mulots" [reuse]="La Recyclerie" [jobs]="Point emploi AES")
declare -A port=([town]=${ports[0]} [mulots]=${ports[1]} [reuse]=${ports[2]} [jobs]=${ports[3]})
trap 'end_territory "$([ "$check" = no ] && echo yes)"' EXIT
trap 'exit 130' INT TERM

began=0
now_ms() { date +%s%3N; }
step() {
    began=$(now_ms)
    printf '  %-76s' "$*"
}
# shellcheck disable=SC2120
ok() { printf '%6d ms  %s\n' $(($(now_ms) - began)) "${1:-}"; }

# ---- the territory ----

echo
echo "Maillon: a territory of four hubs around Redon"
echo
for hub in town mulots reuse jobs; do
    step "${name[$hub]} sets up its hub and starts it"
    init_hub "$hub"
    start_hub "$hub"
    ctl "$hub" card --commune 35236 >/dev/null # Redon: people look around it first
    ok
done
# People of each hub. One passphrase for all, made here: these hubs listen on this machine only.
declare -A people=(
    [town]="marie:caseworker lucie:coordinator alix:admin"
    [mulots]="paul:caseworker rose:coordinator theo:admin"
    [reuse]="ines:caseworker lea:coordinator yann:admin"
    [jobs]="samir:caseworker omar:coordinator elsa:admin"
)
passphrase=
for hub in town mulots reuse jobs; do
    for person in ${people[$hub]}; do
        IFS=: read -r who role <<<"$person"
        if [ -z "$passphrase" ]; then
            passphrase=$(ctl "$hub" --json user add "$who" --role "$role" | get passphrase)
        else
            ctl "$hub" user add "$who" --role "$role" --passphrase-file - <<<"$passphrase" >/dev/null
        fi
    done
done

for pair in town:mulots town:reuse town:jobs reuse:jobs reuse:mulots; do
    IFS=: read -r a b <<<"$pair"
    step "${name[$a]} invites ${name[$b]}: joined, accepted on both sides"
    federate "$a" "$b"
    ctl "$a" peer policy "${name[$b]}" local=on >/dev/null # the joiner said so when it joined
    ok
done

step "${name[town]} imports the open directory"
imported=$(ctl town --json directory import "$data/structures.json" \
    --services "$data/services.json" --format data-inclusion)
read_count=$(get read <<<"$imported")
[ "${read_count:-0}" -gt 100 ] || fail "the import read ${read_count:-0} records"
ctl town directory import "$data/mediation-numerique.json" --format mediation-numerique >/dev/null
ok "$read_count records"
step "each hub offers a service to its neighbours"
for hub in town reuse jobs; do
    ctl "$hub" directory put "$root/deploy/demo/service-$hub.json" >/dev/null
done
service=$(ctl mulots --json directory put "$root/deploy/demo/service-mulots.json" | get id)
found() { ctl town --user marie --json directory search "apprendre ordinateur" --near Redon |
    grep -q "\"$service\""; }
answers() { ctl town --user marie directory search "$1" --near Redon | grep -q "$2"; }
until_true "the course reaches ${name[town]}" found
until_true "the French lessons reach ${name[town]}" answers "appendre le francais" "Parler"
until_true "help with the rent is found" answers "aide impayé loyer" "loyer"
ok "4 services"

echo
echo "A person is handed over"
echo
step "marie, caseworker in town, searches \"apprendre ordinateur\" near Redon"
found || fail "the course is not among the answers"
ok "found"
step "she sends the person on, who agreed to what is shared"
send() { # KEYWORDS: one sentence
    ctl town --user marie --json referral send --to "$service" --name "Awa" \
        --contact-by caseworker --need "$1" \
        --theme numerique --urgency normal --consent spoken --share name,contact,need \
        --referrer-name "Marie, CCAS" --referrer-phone "02 99 71 00 00" | get id
}
id=$(send "aimerait savoir envoyer un courriel à sa fille")
[ -n "$id" ] || fail "the referral was not sent"
ok
step "${name[mulots]}: signed machine receipt back in town"
until_true "the machine receipt" referral_is town marie "$id" delivery stored
ok "reçue"
step "paul at ${name[mulots]} sees it"
until_true "the referral is at ${name[mulots]}" referral_is mulots paul "$id" status requested
ctl mulots --user paul referral seen "$id" >/dev/null
until_true "marie knows that it was seen" referral_is town marie "$id" businessStatus seen
ok "vue"
step "he accepts, with a name to ask for"
ctl mulots --user paul referral accept "$id" --contact "Paul, à l'accueil" --phone "02 99 72 00 00" \
    --next-step "venir mardi à 10 h, un café l'attend" >/dev/null
until_true "marie reads the answer" referral_is town marie "$id" status accepted
expect "the contact name in town" "Paul, à l'accueil" "$(referral town marie "$id" contactName)"
ok "acceptée"
step "he fixes a first meeting"
ctl mulots --user paul referral progress "$id" --what scheduled >/dev/null
until_true "the meeting shows in town" referral_is town marie "$id" businessStatus scheduled
ok "rendez-vous fixé"
step "and closes the loop with an outcome"
ctl mulots --user paul referral complete "$id" --outcome helped >/dev/null
until_true "marie learns the end" referral_is town marie "$id" status completed
expect "the outcome in town" helped "$(referral town marie "$id" outcome)"
ok "aboutie"

echo
echo "Something is short"
echo
step "lea at ${name[reuse]} asks for twelve mattresses"
shortage=$(ctl reuse --user lea --json notice post --kind shortage --what "matelas" --quantity 12 \
    --unit matelas --place Redon --until 7d --first-come --contact-role accueil | get id)
[ -n "$shortage" ] || fail "the notice was not posted"
ok
step "every accepted neighbour holds it"
until_true "${name[town]} holds the notice" notice_is town marie "$shortage" asked 12
until_true "${name[mulots]} holds the notice" notice_is mulots paul "$shortage" asked 12
until_true "${name[jobs]} holds the notice" notice_is jobs omar "$shortage" asked 12
until_true "lea sees that three hold it" notice_is reuse lea "$shortage" reached 3
ok "3 hubs"
step "omar at ${name[jobs]} claims eight"
ctl jobs --user omar notice claim "$shortage" --quantity 8 --contact-role accueil >/dev/null
until_true "the claim adds up at ${name[reuse]}" notice_is reuse ines "$shortage" committed 8
expect "remaining" 4 "$(notice reuse ines "$shortage" remaining)"
ok "12 asked, 8 committed, 4 remaining"
step "and everyone sees what is still missing"
until_true "${name[town]} sees the rest" notice_is town marie "$shortage" remaining 4
ok

echo
echo "A hub is down"
echo
step "${name[mulots]} is switched off"
stop_hub mulots
ok
step "marie sends another person all the same"
second=$(send "veut refaire son CV sur ordinateur")
expect "the word for not delivered yet" sent "$(referral town marie "$second" delivery)"
ok "not delivered yet"
step "${name[mulots]} comes back: it arrives, once"
start_hub mulots
until_true "the receipt of the second referral" referral_is town marie "$second" delivery stored
expect "referrals at ${name[mulots]}" 2 "$(in_box mulots paul)"
ok "reçue"
step "the slip that marie prints has a code for the person, who needs no account"
slip=$(ctl town --json call Slips/Code "{\"id\": \"$second\"}" | get slip.code)
[ -n "$slip" ] || fail "a slip without a code"
ok "$slip"
echo

if [ "$check" = yes ]; then
    for hub in town mulots reuse jobs; do stop_hub "$hub"; done
    echo "all steps hold"
    exit 0
fi

echo "Now you. Open one of these and sign in; everybody's passphrase is:"
echo
echo "    $passphrase"
echo
for hub in town mulots reuse jobs; do
    printf '  https://127.0.0.1:%s/   %-17s %s\n' "${port[$hub]}" "${name[$hub]}" \
        "$(sed 's/\([^ :]*\):\([^ ]*\)/\1 (\2)/g; s/) /), /g' <<<"${people[$hub]}")"
done
cat <<EOF

Each hub made its own certificate, so the browser warns the first time: choose "Advanced", then
"Continue" (on the Internet, put a certificate that browsers know in tls.crt and tls.key).

  marie (caseworker)   searches "appendre le francais" or "ordi pas cher", and sends somebody
  paul (caseworker)    has a person waiting for an answer, and sees the next one arrive by itself
  lea (coordinator)    sees who answered for the mattresses, and posts what is short
  alix (admin)         sees the health of the hub and its neighbours, and invites another
  the person           needs no account: https://127.0.0.1:${port[town]}/s/$slip

The same from a terminal, until Ctrl-C ends the four hubs:

  hubctl=$hubctl
  hubs=$territory
  \$hubctl --hub \$hubs/town status
  \$hubctl --hub \$hubs/town peer list
  \$hubctl --hub \$hubs/town --user marie referral list
  \$hubctl --hub \$hubs/town --user marie referral show ${id:0:8}
  \$hubctl --hub \$hubs/town directory search "aide logement" --near Redon
  \$hubctl --hub \$hubs/reuse --user lea notice show ${shortage:0:8}
  \$hubctl help

EOF
wait
