#!/bin/bash
# Every status of a referral and every status of a claim, reached through hubctl on two real hubs,
# and seen the same on both sides (PROTOCOL.md R-RF-2, R-NO-10).
#   test_lifecycle.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

start_pair
offer_service

send() {
    ctl s --user worker --json referral send --to "$service" --name "cas 7" --contact-by caseworker \
        --need "une phrase" --theme numerique --urgency "${1:-normal}" --feedback dates \
        --consent spoken --share name,contact,need | get id
}
# act HUB ACTION ID ARGUMENTS…
act() {
    local hub=$1 action=$2 id=$3
    shift 3
    ctl "$hub" --user worker referral "$action" "$id" "$@" >/dev/null
}
# both ID STATUS BUSINESS_STATUS: on either side, however long the message takes
both() {
    local hub
    for hub in s r; do
        until_true "$hub has status $2" referral_is "$hub" worker "$1" status "$2"
        until_true "$hub has business status $3" referral_is "$hub" worker "$1" businessStatus "$3"
    done
}
arrived() { until_true "it arrives" referral_is r worker "$1" status requested; }

id=$(send)
arrived "$id"
until_true "delivered" referral_is s worker "$id" businessStatus delivered
pass "requested, delivered"
act r seen "$id"
both "$id" requested seen
pass "requested, seen"
act r ask "$id" --text "quel jour ?"
both "$id" requested need-info
pass "requested, need-info"
act s answer "$id" --text "lundi"
both "$id" requested under-review
pass "requested, under-review"
act r hold "$id" --reason waitlist-only --weeks 3
both "$id" on-hold waitlisted
pass "on-hold, waitlisted"
act r accept "$id" --contact "l'accueil" --next-step "venir mardi"
until_true "accepted" referral_is s worker "$id" status accepted
pass "accepted"
for what in contact-attempted scheduled missed meeting-cancelled attended; do
    act r progress "$id" --what "$what"
    both "$id" in-progress "$what"
    pass "in-progress, $what"
done
act s cancel "$id" --reason no-longer-wanted
both "$id" in-progress cancellation-requested
pass "in-progress, cancellation-requested"
act r complete "$id" --outcome partly-helped
until_true "completed" referral_is s worker "$id" status completed
pass "completed"
act s person-says "$id" --confirms yes
both "$id" completed person-confirmed
pass "completed, person-confirmed"
act r person-says "$id" --confirms no
both "$id" completed person-disputes
pass "completed, person-disputes"

id=$(send urgent)
arrived "$id"
act r reject "$id" --reason no-capacity --text "complet jusqu'en mars"
until_true "rejected" referral_is s worker "$id" status rejected
expect "the reason" no-capacity "$(referral s worker "$id" reason)"
pass "rejected"

id=$(send)
arrived "$id"
act r accept "$id" --contact "l'accueil" --next-step "venir"
act r fail "$id" --reason barrier --barrier transport
until_true "failed" referral_is s worker "$id" status failed
pass "failed"

id=$(send)
arrived "$id"
act s cancel "$id" --reason duplicate
until_true "cancelled" referral_is r worker "$id" status cancelled
pass "cancelled by the sender"

id=$(send)
arrived "$id"
act r accept "$id" --contact "l'accueil" --next-step "venir"
until_true "accepted" referral_is s worker "$id" status accepted
act s cancel "$id" --reason moved
until_true "asked" referral_is r worker "$id" businessStatus cancellation-requested
act r agree-cancel "$id"
until_true "agreed" referral_is s worker "$id" status cancelled
pass "cancelled by agreement"

id=$(send)
arrived "$id"
act s withdraw "$id"
both "$id" cancelled consent-withdrawn
until_true "the receiver has purged" referral_is r worker "$id" purged True
expect "the need at the receiver" "" "$(referral r worker "$id" need)"
pass "cancelled, consent-withdrawn, purged"

id=$(send)
arrived "$id"
act s void "$id"
until_true "void" referral_is r worker "$id" status entered-in-error
pass "entered-in-error"

id=$(send)
arrived "$id"
act s message "$id" --text "bonjour"
events() { ctl "$1" --user worker --json referral show "$2" | python3 -c '
import json, sys
print(len(json.load(sys.stdin).get("event", [])))'; }
has_events() { [ "$(events "$1" "$2")" = "$3" ]; }
until_true "the message" has_events r "$id" 2
pass "message"
if act s accept "$id" --contact x --next-step y 2>/dev/null; then
    fail "the sender accepted its own referral"
fi
pass "the sender cannot accept"
ctl s --user worker referral export "$id" "$territory/bundle.json"
[ -s "$territory/bundle.json" ] || fail "the export is empty"
pass "export"

# ---- claims ----

post() { ctl s --user worker --json notice post --kind surplus --what "chaises" --quantity "$1" \
    --unit chaise --place Redon --until 7d "${@:2}" | get id; }
claim_status() { ctl "$1" --user worker --json notice claims | python3 -c '
import json, sys
print(next((c["status"] for c in json.load(sys.stdin).get("claim", []) if c["id"].startswith(sys.argv[1])), ""))' "$2"; }
claim_is() { [ "$(claim_status "$1" "$2")" = "$3" ]; }
claim_both() {
    until_true "claim $2 at the owner" claim_is s "$1" "$2"
    until_true "claim $2 at the claimant" claim_is r "$1" "$2"
    pass "claim $2"
}
claim() { ctl r --user worker --json notice claim "$1" --quantity "$2" | get id; }
step_claim() { ctl "$1" --user worker notice "$2" "$3" "${@:4}" >/dev/null; }

notice_id=$(post 10)
until_true "the notice arrives" notice_is r worker "$notice_id" remaining 10
c=$(claim "$notice_id" 4)
claim_both "$c" proposed
step_claim s agree "$c"
claim_both "$c" agreed
expect "remaining" 6 "$(notice s worker "$notice_id" remaining)"
step_claim r under-way "$c"
claim_both "$c" under-way
step_claim r delivered "$c" --quantity 4
claim_both "$c" delivered
c=$(claim "$notice_id" 6)
until_true "proposed" claim_is s "$c" proposed
step_claim s agree "$c"
until_true "agreed" claim_is r "$c" agreed
step_claim r release "$c" --reason no-vehicle
claim_both "$c" released
expect "remaining after the release" 6 "$(notice s worker "$notice_id" remaining)"
c=$(claim "$notice_id" 2)
until_true "proposed" claim_is s "$c" proposed
step_claim s refuse "$c" --reason other
claim_both "$c" refused
if claim "$notice_id" 7 2>/dev/null | grep -q .; then
    fail "more was claimed than remains"
fi
pass "no claim above what remains"
ctl s --user worker notice withdraw "$notice_id" --reason given-elsewhere >/dev/null
until_true "withdrawn" notice_is r worker "$notice_id" status withdrawn
pass "notice withdrawn"
