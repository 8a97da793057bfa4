#!/bin/bash
# Two real hubs: files that go with a referral, both ways, over a restart in the middle; what is
# refused; who is told that a human saw it; and nothing left once consent is withdrawn
# (PROTOCOL.md R-PD-8, R-PD-12, R-PR-1).
#   test_attach.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

start_pair
as() { ctl "$1" --user worker "${@:2}"; }
offer_service

make_file() { # NAME BYTES BEGIN
    python3 -c '
import os, random, sys
begin = os.fsencode(sys.argv[2])
body = random.Random(1).randbytes(int(sys.argv[1]) - len(begin))
sys.stdout.buffer.write(begin + body)' "$2" "$3" >"$territory/$1"
}
make_file letter.pdf 700001 '%PDF-1.7'
make_file largest.pdf $((16 << 20)) '%PDF-1.7'
make_file larger.pdf $(((16 << 20) + 1)) '%PDF-1.7'
make_file photo.jpg 40000 $'\xff\xd8\xff'
make_file page.zip 1000 'PK'

send() { # SHARE ARGUMENTS…
    local share=$1
    shift
    as s --json referral send --to "$service" --theme numerique--acceder-a-du-materiel --name Ana \
        --contact 0639981234 --need "un ordinateur" --consent spoken --share "$share" "$@"
}
refused() { # WHAT TEXT COMMAND…
    local what=$1 text=$2 said
    shift 2
    if said=$("$@" 2>&1); then fail "$what was taken"; fi
    grep -q -- "$text" <<<"$said" || fail "$what: $said"
    pass "$what is refused"
}
refused "a file of another kind" "only PDF, JPEG, PNG" \
    send name,contact,need,attachment --attach "$territory/page.zip"
refused "a byte too many" "larger than" \
    send name,contact,need,attachment --attach "$territory/larger.pdf"
refused "a file that consent does not cover" "attachment" \
    send name,contact,need --attach "$territory/letter.pdf"

id=$(send name,contact,need,attachment --attach "$territory/letter.pdf" | get id)
state_of() { as "$1" --json referral show "$id" | get "attachment.$2.state"; }
state_is() { [ "$(state_of "$1" "$2")" = "$3" ]; }
delivery_is() { [ "$(as s --json referral show "$id" | get delivery)" = "$1" ]; }
until_true "the referral is stored" delivery_is stored
pass "nobody has looked: stored"
until_true "the letter arrives" state_is r 0 here
until_true "the sender is told that it was shown" delivery_is presented
pass "shown to a human: presented, once the receiver looked"

same() { # HUB NUMBER FILE
    rm -f "$territory/got"
    as "$1" referral fetch "$id" "$2" "$territory/got" >/dev/null
    cmp "$territory/got" "$territory/$3" || fail "$3 differs"
    [ "$(stat -c %a "$territory/got")" = 600 ] || fail "others can read $3"
}
same r 1 letter.pdf
as r referral attachments "$id" | grep -q 'letter.pdf.*them.*here' || fail "the list"
pass "the letter is the same"

as r referral attach "$id" "$territory/photo.jpg" --text "voici" >/dev/null
until_true "a photo comes back" state_is s 1 here
same s 2 photo.jpg
pass "files go both ways"

as s referral attach "$id" "$territory/largest.pdf" >/dev/null
stop_hub r
start_hub r
until_true "the largest file arrives after a restart" state_is r 2 here
same r 3 largest.pdf
pass "16 MiB arrive over a restart"
refused "a fourth file" "at most 3" as s referral attach "$id" "$territory/photo.jpg"

as s referral withdraw "$id" >/dev/null
erased() { [ "$(as r --json referral show "$id" | get purged)" = True ]; }
until_true "the receiver erases" erased
refused "a file of an erased referral" "no attachment" \
    as r referral fetch "$id" 1 "$territory/none"
for hub in s r; do stop_hub "$hub"; done
rows=$(python3 -c '
import glob, sqlite3, sys
for path in glob.glob(sys.argv[1] + "/*.db") + glob.glob(sys.argv[1] + "/*.sqlite"):
    print(sqlite3.connect(path).execute("SELECT count(*) FROM attachment_part").fetchone()[0])' \
    "$territory/r")
expect "parts left at the receiver" 0 "$rows"
pass "nothing is left"
