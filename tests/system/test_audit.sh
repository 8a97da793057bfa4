#!/bin/bash
# A file that proves a referral, checked without any hub; the log of a hub checked by itself; and a
# database that somebody changed, noticed by the hub and by its peer (R-AU-1 to R-AU-3).
#   test_audit.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

# refused COMMAND…: exit status 1, nothing else
refused() {
    local status=0
    "$@" >"$territory/out" 2>&1 || status=$?
    [ $status = 1 ] || fail "exit status $status, wanted 1: $*"
}

start_pair
offer_service
id=$(ctl s --user worker --json referral send --to "$service" --name "canari sept" \
    --contact-by caseworker --need "une phrase canari" --theme numerique --consent spoken \
    --share name,contact,need | get id)
until_true "it arrives" referral_is r worker "$id" status requested
ctl r --user worker referral accept "$id" --contact "l'accueil" --next-step "venir" >/dev/null
until_true "accepted" referral_is s worker "$id" status accepted

ctl s --user worker referral export "$id" "$territory/plain.json"
ctl s --user worker referral export --personal "$id" "$territory/personal.json"
ctl r --user worker referral export "$id" "$territory/other.json"
refused ctl s --user worker referral export "$id" "$territory/plain.json" # never over a file
expect "readable by its owner only" 600 "$(stat -c %a "$territory/plain.json")"
for word in canari accueil worker; do
    if grep -q "$word" "$territory/plain.json"; then fail "$word is in the plain file"; fi
    if base64 -di <(python3 -c '
import json, sys
def walk(v):
    if isinstance(v, dict): [walk(x) for x in v.values()]
    elif isinstance(v, list): [walk(x) for x in v]
    elif isinstance(v, str) and len(v) % 4 == 0: print(v)
walk(json.load(open(sys.argv[1])))' "$territory/plain.json") 2>/dev/null | grep -aq "$word"; then
        fail "$word is in the plain file, encoded"
    fi
done
pass "export, with and without the personal part"

ctl s audit export "$territory/log.json"
ctl s audit export --since 2026-01-01 "$territory/since.json"
witnessed() { [ "$(ctl s --json audit list | get witnesses)" = 1 ]; }
until_true "the peer signs the newest head" witnessed
ctl s audit list >/dev/null
node_s=$(ctl s --json status | get id) node_r=$(ctl r --json status | get id)
ctl s --json audit verify >"$territory/own.json"
expect "the own log" True "$(get ok <"$territory/own.json")"
[ "$(get heads <"$territory/own.json")" -ge 1 ] || fail "no head was signed"
pass "the own log holds"

for hub in s r; do stop_hub "$hub"; done
verify() { "$hubctl" --hub "$territory/nobody" audit verify "$@"; }
verify --nodes "$node_s,$node_r" "$territory/plain.json" >"$territory/out" || fail "plain.json"
grep -q "^holds  the chain holds" "$territory/out" || fail "the chain is not said to hold"
grep -q "no personal data" "$territory/out" || fail "the plain file has personal data"
verify --nodes "$node_s,$node_r" "$territory/personal.json" >"$territory/out" || fail "personal.json"
grep -q "personal parts are those" "$territory/out" || fail "the personal part is not checked"
verify --nodes "$node_r,$node_s" "$territory/other.json" >/dev/null || fail "other.json"
verify "$territory/log.json" >/dev/null || fail "log.json"
verify --nodes "$node_s" "$territory/since.json" >/dev/null || fail "since.json"
expect "as JSON" True "$("$hubctl" --json audit verify "$territory/log.json" | get ok)"
pass "every file holds while no hub runs"

bend() { # FILE OUT: one bit of the middle of every long base64 value in turn; all must be refused
    python3 - "$1" "$2" <<'PY'
import base64, json, sys
whole = json.load(open(sys.argv[1]))
places = []
def walk(v, path):
    if isinstance(v, dict):
        for k, x in v.items(): walk(x, path + [k])
    elif isinstance(v, list):
        for i, x in enumerate(v): walk(x, path + [i])
    elif isinstance(v, str) and len(v) > 40 and path[-1] not in ("id", "hub", "peer", "node"):
        places.append(path)
walk(whole, [])
for n, path in enumerate(places):
    copy = json.loads(json.dumps(whole))
    at = copy
    for key in path[:-1]: at = at[key]
    raw = bytearray(base64.b64decode(at[path[-1]]))
    raw[len(raw) // 2] ^= 1
    at[path[-1]] = base64.b64encode(raw).decode()
    json.dump(copy, open(f"{sys.argv[2]}.{n}", "w"))
print(len(places))
PY
}
for file in plain personal log; do
    count=$(bend "$territory/$file.json" "$territory/bent-$file")
    [ "$count" -ge 5 ] || fail "only $count parts in $file"
    for ((n = 0; n < count; n++)); do
        refused verify "$territory/bent-$file.$n"
    done
done
pass "a file with one changed bit anywhere is refused"
head -c 600 "$territory/plain.json" >"$territory/cut.json"
refused verify "$territory/cut.json"
echo '{}' >"$territory/empty.json"
refused verify "$territory/empty.json"
pass "cut, empty and strange files are refused"

python3 - "$territory/s" <<'PY'
import pathlib, sqlite3, sys
path = next(p for p in pathlib.Path(sys.argv[1]).glob("*.db"))
db = sqlite3.connect(path)
db.execute("UPDATE audit SET action = 'nothing.at.all' WHERE seq = 2")
db.commit()
PY
for hub in s r; do start_hub "$hub"; done
refused ctl s audit verify
grep -q "does NOT hold" "$territory/out" || fail "the changed log is said to hold"
alarmed() { ctl "$1" --json audit list | grep -q forked; }
until_true "the hub itself notices" alarmed s
until_true "its peer notices" alarmed r
ctl r status | grep -q "audit log" || fail "no warning in status"
pass "a changed database is noticed by the hub and by its peer"
ctl r audit export "$territory/evidence.json"
ctl r audit settle Sender >/dev/null
refused ctl r audit settle Sender
if ctl r status | grep -q "audit log"; then fail "the warning stays after settling"; fi
stop_hub s
stop_hub r
verify "$territory/evidence.json" >"$territory/out" || fail "evidence.json"
grep -q "proven: .* signed two different logs" "$territory/out" || fail "the evidence proves nothing"
pass "the evidence can be handed out and checked"
