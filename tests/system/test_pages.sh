#!/bin/bash
# Hostile input to every form of the pages, as every role: two real hubs with referrals, a notice, a
# claim and a circle; pages_hostile.py finds the forms by walking the site and then misuses them.
#   test_pages.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

here=$(cd "$(dirname "$0")" && pwd)
passphrase="quatre mots bien choisis"
add_user() { # HUB NAME ROLE
    ctl "$1" --json call Accounts/AddUser \
        "{\"name\":\"$2\",\"role\":\"$3\",\"passphrase\":\"$passphrase\"}" >/dev/null
}

name_hubs s "Sender" r "Receiver"
for hub in s r; do
    init_hub "$hub"
    mkdir -p "$territory/$hub/conf.d"
    echo "undo-seconds = 0" >"$territory/$hub/conf.d/undo.ini"
    start_hub "$hub"
done
add_user s marie caseworker
add_user s lea coordinator
add_user s sol secretary
add_user s alix caseworker,coordinator,admin
add_user s spare caseworker
add_user r spare caseworker
add_user r worker caseworker,coordinator
add_user r admin caseworker,coordinator,secretary,admin
federate s r
offer_service
as() { ctl "$1" --user "$2" "${@:3}"; }
send() {
    as s marie --json referral send --to "$service" --name "Awa" --need "un ordinateur" \
        --theme numerique--acceder-a-du-materiel --contact-by caseworker --consent spoken \
        --share name,contact,need --referrer-name Marie --referrer-phone 0299710000 | get id
}
first=$(send) second=$(send)
until_true "the referrals arrive" referral_is r worker "$second" status requested
as r worker referral seen "$first" >/dev/null
as r worker referral accept "$first" --contact Paul --phone 0299720000 --next-step mardi >/dev/null
until_true "the answer is back" referral_is s marie "$first" status accepted
notice=$(as s lea --json notice post --kind shortage --what matelas --quantity 12 --unit matelas \
    --place Redon --until 7d --contact-role accueil | get id)
until_true "the notice arrives" notice_is r worker "$notice" asked 12
as r worker notice claim "$notice" --quantity 8 --contact-role accueil >/dev/null
ctl s --json circle create "Pays de Redon" --principle "On répond." >/dev/null

passed=$((passed + 1)) # the ground
python3 "$here/pages_hostile.py" "${port[s]}" "${port[r]}" "$passphrase" || fail "pages under hostile input"
for hub in s r; do stop_hub "$hub"; done
pass "both hubs stop cleanly"
