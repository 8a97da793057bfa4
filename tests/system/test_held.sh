#!/bin/bash
# What is sent from a page waits some seconds: kill -9 in between, and it is sent exactly once; what
# was taken back is never sent.
#   test_held.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

kill_hub() {
    kill -9 "${pid[$1]}"
    wait "${pid[$1]}" 2>/dev/null || true
    unset "pid[$1]"
}

start_pair
offer_service
for hub in s r; do
    mkdir -p "$territory/$hub/conf.d"
    echo "undo-seconds = 8" >"$territory/$hub/conf.d/undo.ini"
    kill -HUP "${pid[$hub]}"
done
undo_is_on() { ctl "$1" --json config show | grep -A2 '"undo-seconds"' | grep -q '"8"'; }
for hub in s r; do until_true "$hub has read its settings again" undo_is_on "$hub"; done

# hold HUB METHOD REQUEST: as a page does
hold() {
    local json
    json=$(python3 -c 'import json, sys
print(json.dumps({"method": sys.argv[1], "request": sys.argv[2], "form": sys.argv[2],
                  "back": "/referrals/new", "onward": "/referrals/{id}"}))' "$2" "$3")
    ctl "$1" --user worker --json call Held/Hold "$json" | get held.id
}
held() { ctl "$1" --user worker --json call Held/Get "{\"id\":\"$2\"}" | get "$3"; }
held_is() { [ "$(held "$1" "$2" state)" = "$3" ]; }
request() { # NAME KEY
    echo "{\"service\":\"$service\",\"theme\":\"numerique\",\"need\":\"une phrase\",
        \"person\":{\"name\":\"$1\",\"contactPreference\":\"caseworker\"},\"requestKey\":\"$2\",
        \"consent\":{\"form\":\"spoken\",\"field\":[\"name\",\"need\",\"contact\"]}}"
}
referrals() { # HUB
    ctl "$1" --user worker --json referral list |
        python3 -c 'import json, sys; print(len(json.load(sys.stdin).get("referral", [])))'
}

undone=$(hold s Referrals/Send "$(request "cas repris" k1)")
[ "$(held s "$undone" state)" = waiting ] || fail "it does not wait"
ctl s --user worker --json call Held/Undo "{\"id\":\"$undone\"}" | grep -q "cas repris" ||
    fail "what was typed does not come back"
sent=$(hold s Referrals/Send "$(request "cas parti" k2)")
[ "$(referrals s)" = 0 ] || fail "sent too early"
grep -qa "cas parti" "$territory"/s/hub.db* && fail "what is held can be read in the database"
kill_hub s
start_hub s
until_true "it is sent after the start" held_is s "$sent" sent
[ "$(referrals s)" = 1 ] || fail "$(referrals s) referrals were sent, not one"
id=$(held s "$sent" onward)
id=${id##*/}
until_true "it arrives" referral_is r worker "$id" status requested
pass "kill -9 while it waits: it is sent exactly once, and what was taken back is not"

kill_hub s
start_hub s
sleep 9
[ "$(referrals s)" = 1 ] || fail "it was sent again"
pass "a hub that starts once more sends nothing twice"

message=$(hold r Referrals/Act "{\"id\":\"$id\",\"action\":\"message\",\"text\":\"un seul mot\"}")
kill_hub r
sleep 8.5
start_hub r
until_true "the message is sent after the start" held_is r "$message" sent
got_it() { ctl s --user worker --json referral show "$id" | grep -q "un seul mot"; }
until_true "the message arrives" got_it
[ "$(ctl s --user worker --json referral show "$id" | grep -c "un seul mot")" = 1 ] ||
    fail "the message came twice"
pass "an act without a key of its own is done once, too, when its time passed while the hub was dead"

late=$(hold r Referrals/Act "{\"id\":\"$id\",\"action\":\"accept\",\"contactName\":\"Paul\",\"nextStep\":\"venir mardi\"}")
ctl s --user worker referral cancel "$id" --reason duplicate >/dev/null
until_true "the cancellation arrives" referral_is r worker "$id" status cancelled
until_true "what cannot be done any more stops" held_is r "$late" stopped
[ -n "$(held r "$late" problem)" ] || fail "it does not say why"
ctl r --user worker --json call Held/List '{}' | grep -q "$late" || fail "nobody is told"
ctl r --user worker --json call Held/Undo "{\"id\":\"$late\"}" | grep -q "venir mardi" ||
    fail "what was typed is lost"
pass "what cannot be sent any more is kept and told"

gone=$(hold s Referrals/Send "$(request "cas fermé" k3)")
ctl s user disable worker >/dev/null
sleep 8.5
[ "$(ctl s --json call Held/List '{}' | get held.0.state)" = dropped ] || fail "an admin is not told"
[ "$(sqlite3 "$territory/s/hub.db" "SELECT count(*) FROM held WHERE content IS NOT NULL")" = 0 ] ||
    fail "its content stays"
[ -n "$gone" ] && pass "a closed account sends nothing more, and an admin is told"
stop_hub s
stop_hub r
