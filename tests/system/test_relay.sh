#!/bin/bash
# A hub without address and its two home relays, on four real hubs through hubctl: a referral
# reaches it while its sender is off, and nothing stays behind (PROTOCOL.md R-RE-1 to R-RE-5).
#   test_relay.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

name_hubs s "Sender" a "Relay A" b "Relay B" d "Hidden"

# relay HUB OF FIELD: one value of what HUB says about OF
relay() {
    ctl "$1" --json relay list | python3 -c '
import json, sys
for relay in json.load(sys.stdin).get("relay", []):
    if relay.get("name") == sys.argv[1]: print(relay.get(sys.argv[2], ""))' "${name[$2]}" "$3"
}
relay_is() { [ "$(relay "$1" "$2" "$3")" = "$4" ]; }
held() { ctl "$1" --json relay list | python3 -c '
import json, sys
print(sum(r.get("held", 0) for r in json.load(sys.stdin).get("relay", [])))'; }
held_is() { [ "$(($(held a) + $(held b)))" = "$1" ]; }
box_is() { [ "$(in_box "$1" worker)" = "$2" ]; }

for hub in s a b; do init_hub "$hub"; done
ctl d init --name "${name[d]}" --state "$territory/d" --listen "127.0.0.1:${port[d]}" \
    --sheets "$territory/d.sheets" >/dev/null || fail "hubctl init for ${name[d]}"
for hub in s a b d; do start_hub "$hub"; done
for hub in s d; do ctl "$hub" user add worker --role caseworker,coordinator >/dev/null; done
federate s d
federate a d
federate b d
federate a s
federate b s
cat >"$territory/service.json" <<'JSON'
{"name": "Atelier", "description": "Un atelier ouvert", "theme": ["numerique"], "reach": ["hub"],
 "capacity": {"code": "CAPACITY_CODE_CAPACITY"}}
JSON
service=$(ctl d --json directory put "$territory/service.json" | get id)
has_service() { ctl s --json directory show "$service" >/dev/null; }
until_true "the service reaches the sender" has_service

says() { # WHAT HUB TEXT ARGUMENTS…: the words for people contain TEXT
    local what=$1 hub=$2 text=$3
    shift 3
    ctl "$hub" "$@" | tr '\n' ' ' | tr -s ' ' | grep -qF -- "$text" || fail "$what: no \"$text\""
}
says "a hub without address is told so" d "Nobody can dial this hub" relay list
ctl d relay use "${name[a]}" >/dev/null
says "a relay that was not asked yet" d "not granted yet" relay list
pass "what to do next is said"

for hub in a b; do ctl "$hub" relay allow "${name[d]}" >/dev/null; done
ctl d relay use "${name[b]}" >/dev/null
for hub in a b; do until_true "${name[$hub]} grants it" relay_is d "$hub" granted True; done
until_true "the sender knows both home relays" relay_is s d homes 2
expect "the sender knows that nobody can dial it" True "$(relay s d dialsOnly)"
says "duty is visible" a "yes" relay list
pass "home relays are granted, published and known"

stop_hub d
send() {
    ctl s --user worker --json referral send --to "$service" --name "cas 7" --contact-by caseworker \
        --need "une phrase" --theme numerique --urgency normal --feedback dates \
        --consent spoken --share name,contact,need | get id
}
id=$(send)
until_true "a relay holds it" held_is 1
until_true "the sender says so" referral_is s worker "$id" delivery at-relay
pass "at a relay while the other hub is off"
says "the queue says so" s "at relay" outbox list

stop_hub s
start_hub d
until_true "it arrives without its sender" box_is d 1
until_true "the relay lets go of it" held_is 0
pass "delivered by the relay alone"

start_hub s
until_true "the signed receipt of who looked arrives" referral_is s worker "$id" delivery presented
ctl d --user worker referral accept "$id" --contact "l'accueil" --next-step "venir mardi" >/dev/null
until_true "so does the answer" referral_is s worker "$id" status accepted
pass "stored and answered"

ctl a relay refuse "${name[d]}" >/dev/null
until_true "a refusal is heard" relay_is d a granted ""
until_true "and published" relay_is s d homes 1
stop_hub d
send >/dev/null
until_true "the other relay takes it" held_is 1
expect "held by the one that refused" 0 "$(held a)"
ctl d relay stop "${name[b]}" 2>/dev/null && fail "a stopped hub answered"
start_hub d
until_true "it arrives" box_is d 2
pass "refusing a duty sends everything by the other relay"
