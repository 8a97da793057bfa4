#!/bin/bash
# Real hubs: referrals, a backup, more referrals, kill -9, restore, the tail comes back, life goes on
# (R-REC-1 to R-REC-3, F24); and a restore with nobody there to ask.
#   test_backup.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

kill_hub() {
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null || true
    unset "pid[$1]"
}

start_pair
offer_service
send() {
    ctl s --user worker --json referral send --to "$service" --name "$1" --contact-by caseworker \
        --need "une phrase" --theme numerique --feedback dates --consent spoken \
        --share name,contact,need | get id
}
act() {
    local hub=$1 action=$2 id=$3
    shift 3
    ctl "$hub" --user worker referral "$action" "$id" "$@" >/dev/null
}
both() {
    local hub
    for hub in s r; do
        until_true "$hub: $1 is $2" referral_is "$hub" worker "$1" status "$2"
    done
}
recovery() { ctl "$1" --json recover | get "$2"; }
incarnation_is() { [ "$(recovery "$1" incarnation)" = "$2" ]; }
is_recovering() { [ "$(recovery "$1" recovering)" = True ]; }

before=$(send "cas avant")
both "$before" requested
ctl s backup "$territory/copy.db" >/dev/null
[ "$(stat -c %a "$territory/copy.db")" = 600 ] || fail "the copy can be read by others"
[ "$(stat -c %a "$territory/copy.db.keys")" = 600 ] || fail "the keys can be read by others"
ctl s backup "$territory/copy.db" >/dev/null 2>&1 && fail "a backup was written over another"
pass "a backup is two files that only their owner reads"

after=$(send "cas après")
act r accept "$before" --contact "l'accueil" --next-step "venir mardi"
both "$after" requested
both "$before" accepted
act s message "$before" --text "un mot"

ctl s restore "$territory/copy.db" >"$territory/out" 2>&1 && fail "restored under a running hub"
grep -q "stop it first" "$territory/out" || fail "the refusal does not say what to do"
pass "nothing is restored while the hub runs"
head -c 5000 "$territory/copy.db" >"$territory/cut.db"
kill_hub s
ctl s restore "$territory/cut.db" >/dev/null 2>&1 && fail "half a copy was restored"
[ -s "$territory/s/hub.db" ] || fail "a refused restore touched the database"
pass "a damaged copy is refused and nothing is touched"

ctl s restore "$territory/copy.db" --keys "$territory/copy.db.keys" >/dev/null
[ -s "$(echo "$territory"/s/before-restore-*/hub.db)" ] || fail "the old database is gone"
[ -s "$(echo "$territory"/s/before-restore-*/op.key)" ] || fail "the old keys are gone"
start_hub s
until_true "the sender is whole again" incarnation_is s 2
both "$after" requested
both "$before" accepted
[ "$(ctl s --user worker --json referral show "$after" | grep -c "cas après")" = 1 ] ||
    fail "the person did not come back with the referral"
pass "what was sent after the backup came back, with its personal part"

act r accept "$after" --contact "l'accueil" --next-step "venir jeudi"
both "$after" accepted
more=$(send "cas suivant")
both "$more" requested
act s message "$after" --text "encore un mot"
pass "both go on"

ctl s backup "$territory/second.db" >/dev/null
lost=$(send "cas perdu")
both "$lost" requested
stop_hub s
stop_hub r
ctl s restore "$territory/second.db" >/dev/null
start_hub s
is_recovering s || fail "a restored hub with a peer that is away must wait"
ctl s status | grep -q "fetching the tail from 1 of 1 peers" || fail "status does not say so"
send "cas trop tôt" >/dev/null 2>&1 && fail "a hub that recovers must not send"
ctl s recover --go-on </dev/null >/dev/null 2>"$territory/out"
grep -q Warning "$territory/out" || fail "going on without a warning"
until_true "the operator goes on" incarnation_is s 3
alone=$(send "cas seul")
start_hub r
both "$alone" requested
both "$lost" requested
pass "without peers the operator goes on, and what they hold comes back later"
