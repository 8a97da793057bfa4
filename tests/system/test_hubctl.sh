#!/bin/bash
# hubctl without a daemon: usage, exit codes, help, manual page, init, and how canned answers of a
# small server on a unix socket are shown. Argument: the hubctl program, then the source folder.
set -u
hubctl=$(realpath "$1")
root=$(realpath "${2:-$(dirname "$0")/../..}")
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
cd "$work" || exit 1
export TZ=UTC LC_ALL=C.UTF-8 MAILLON_HUB=$work/hub.sock
passed=0 failed=0

report() { # report WHAT OK(0|1)
    if [ "$2" = 0 ]; then
        echo "ok: $1"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s (status %s)\n%s\n' "$1" "$status" "$output"
        failed=$((failed + 1))
    fi
}

# run WHAT STATUS EXPECTED_LINE_PART… -- ARGUMENTS: standard output and errors are searched.
run() {
    local what=$1 want=$2 parts=() part
    shift 2
    while [ "$1" != -- ]; do
        parts+=("$1")
        shift
    done
    shift
    output=$("$hubctl" "$@" 2>&1 </dev/null)
    status=$?
    [ "$status" = "$want" ] || { report "$what" 1; return; }
    for part in "${parts[@]+"${parts[@]}"}"; do
        grep -qE -- "$part" <<<"$output" || { output="no line with: $part
$output"; report "$what" 1; return; }
    done
    report "$what" 0
}

sent() { # sent WHAT JSON: the last request was that, compared as JSON
    output=$(python3 - "$work/last" "$2" <<'PYTHON' 2>&1
import json, sys
got, want = json.load(open(sys.argv[1])), json.loads(sys.argv[2])
if got != want:
    sys.exit(f"sent {json.dumps(got)}\nwant {json.dumps(want)}")
PYTHON
    )
    status=$?
    report "$1" "$status"
}

# Usage and help.
run 'without a command it says where help is' 2 'hubctl help' --
run 'help lists the commands' 0 '^  peer invite ' '^  referral send ' '^  notice post ' -- help
run '--help is the same' 0 '^  peer invite ' -- --help
run 'help explains one command' 0 '^usage: hubctl peer policy PEER' 'ask-around' -- help peer policy
run '--help behind a command explains it' 0 '^usage: hubctl notice claim ID' -- notice claim --help
run 'help lists a group' 0 '^  outbox list ' -- help outbox
run 'a group alone is wrong usage and lists it' 2 '^  outbox list ' -- outbox
run 'an unknown command is wrong usage' 2 '^hubctl: there is no command "frob"' -- frob
run 'an unknown sub-command is wrong usage' 2 'no command "peer frob"' -- peer frob
run 'an unknown option is wrong usage' 2 'no option --frob' -- peer list --frob
run 'an unknown global option is wrong usage' 2 'no option --frob' -- --frob status
run 'a missing word is wrong usage' 2 'PEER is missing' -- peer show
run 'a missing option is wrong usage' 2 '--role ROLE is missing' -- user add anne
run 'a word too many is wrong usage' 2 'one word too many' -- status now
run 'a value that is missing is wrong usage' 2 'needs N' -- peer invite --days
run 'a number must be one' 2 'whole number' -- peer invite --days soon
run 'a choice must be one' 2 'normal\|urgent\|emergency' -- referral send --to a/b --urgency now
run 'a switch must be known' 2 'not one of' -- peer policy anne rain=on
run 'a switch is on or off' 2 'notices-in=on or notices-in=off' -- peer policy anne notices-in=yes
run 'a date must be one' 2 'is a date' -- directory capacity x capacity --until soon
run 'bytes that are no text are refused' 2 'UTF-8' -- referral list --status $'\xff'
run 'a command of the API has a shape' 2 'SERVICE/METHOD' -- call ../x
run '--version prints the version' 0 '^hubctl [0-9]' -- --version

output=$("$hubctl" help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p' | while read -r words; do
    grep -qE -- "^\.BI? \"$words *\"" "$root/admin/man/hubctl.1" || echo "not in hubctl.1: $words"
    # shellcheck disable=SC2086
    "$hubctl" help $words >/dev/null || echo "no help: $words"
done)
status=0
[ -z "$output" ] || status=1
report 'every command has help and is in the manual page' "$status"

# No daemon.
run 'without a daemon it says how to start one' 1 \
    "^hubctl: no hub answers at $work/x/hubd.sock: .* hubd --state $work/x\$" -- --hub "$work/x" status
run 'the path of a socket has a limit' 1 'longer than' -- --hub "/$(printf 'x%.0s' {1..120}).sock" status

# init
run 'init needs a name' 2 '--name NAME is missing' -- init --state "$work/new"
run 'init checks the address' 2 'ADDRESS:PORT' -- init --name X --state "$work/new" --listen 8443
run 'init checks the url' 2 'wss://host' -- init --name X --state "$work/new" --url http://x
run 'init prints two sheets' 0 '^RECOVERY SHEET 1 OF 2' '^RECOVERY SHEET 2 OF 2' '^  words  ' 'https://val.example/' \
    -- init --name 'Épicerie du Val' --state "$work/new" --url wss://val.example
output=$(stat -c %a new new/hub.ini new/op.key new/hub.db new/tls.key | tr '\n' ' '; ls new)
status=0
[[ $output == '700 600 600 600 600 '* && $output == *tls.crt* ]] || status=1
report 'init makes a private folder with everything' "$status"
run 'init refuses a folder with a hub' 1 'is a hub in' -- init --name X --state "$work/new"
mkdir full && touch full/file
run 'init refuses a folder with something else' 1 'not empty' -- init --name X --state "$work/full"
[ "$(ls full)" = file ]
report 'and leaves that alone' $?
run 'init writes the sheets into a private file' 0 '^ *"words"' \
    -- --json init --name X --state "$work/other" --sheets "$work/sheets"
output=$(stat -c %a sheets; cat sheets)
[[ $output == 600* && $output == *'SHEET 2 OF 2'* ]]
report 'that only its owner may read' $?
run 'init does not overwrite sheets' 1 'exists already' \
    -- init --name X --state "$work/third" --sheets "$work/sheets"
"$hubctl" init --name X --state "$work/closed" >/dev/full 2>error
output=$(cat error; ls closed 2>&1)
status=1
[[ $output == *'nothing was made'* && ! -e closed ]] && status=0
report 'sheets that nobody saw are no hub' "$status"

# A server with canned answers, one file a method; it keeps the last request.
cat >server.py <<'PYTHON'
import http.server, json, os, socketserver

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        method = self.path.rpartition("maillon.api.v1.")[2].replace("/", ".")
        with open("last", "wb") as file:
            file.write(body)
        with open("user", "w") as file:
            file.write(self.headers.get("Maillon-User", ""))
        status = 200
        if method == "Peers.Pause":
            status, answer = 404, b'{"code": "not_found", "message": "no such peer"}'
        elif method == "Peers.Block":
            status, answer = 502, b"<html>"
        else:
            with open("answers/" + method, "rb") as file:
                answer = file.read()
        self.send_response(status)
        self.send_header("Content-Type", self.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

server = Server("hub.sock", Handler)
with open("ready", "w") as ready:
    ready.write("ready\n")
server.serve_forever()
PYTHON
mkdir answers
node=mad72pjknvmnftkso5prsdcyyrbqtujcjiixozl3f5a3goxsk5mala
peer=xkchv7lu43hf4woulb7slajw6evxhawlvnlqpiza2scmrsfhp67avy
referral=1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809
iso() { date -u -d "$1" +%Y-%m-%dT%H:%M:%S.000Z; }
answer() { cat >"answers/$1"; }
answer Node.Status <<JSON
{"id": "$node", "name": "Épicerie du Val", "words": "objet revivre cristal sapin superbe crayon",
 "version": "0.1.0", "started": "$(iso '3 days ago')", "peers": 3, "peersConnected": 2,
 "queued": "1204", "storageBytes": "3200000", "objects": "1", "openReferrals": 1,
 "route": ["wss://val.example"], "warning": ["the disk\u001b[31m is nearly full"]}
JSON
answer Peers.List <<JSON
{"peer": [{"id": "$peer", "name": "Mairie", "state": "accepted", "connected": true,
  "switches": {"noticesIn": true, "referrals": true}, "lastContact": "$(iso '2 hours ago')"},
 {"id": "$node", "state": "requested", "queued": 7}]}
JSON
answer Peers.Get <<JSON
{"id": "$peer", "name": "Mairie", "state": "accepted"}
JSON
cp answers/Peers.Get answers/Peers.SetPolicy
cp answers/Peers.Get answers/Peers.Join
answer Peers.Invite <<JSON
{"invite": "maillon:1/$node?e=1#abc", "words": "a b c d e f", "expires": "$(iso '14 days')"}
JSON
answer Accounts.ListUsers <<'JSON'
{}
JSON
answer Accounts.AddUser <<'JSON'
{"account": {"name": "anne", "role": "admin"}, "passphrase": "one two three four five"}
JSON
answer Directory.Search <<JSON
{"service": [{"id": "$peer/atelier", "ownerName": "Mairie", "distanceKm": 2.34,
  "takesReferrals": true, "confirmed": true, "content": {"name": "Atelier CV", "structureName": "Mission locale",
  "communeName": "Arles", "capacity": {"code": "CAPACITY_CODE_CAPACITY", "placesFree": 3}}},
 {"id": "import/7", "distanceKm": -1, "content": {"name": "Écrivain public"}}],
 "nearName": "Arles", "total": 2}
JSON
answer Directory.GetService <<JSON
{"id": "$peer/atelier", "content": {"name": "Atelier CV", "phone": "04 00 00 00 00"}}
JSON
cp answers/Directory.GetService answers/Directory.SetCapacity
cp answers/Directory.GetService answers/Directory.PutService
printf '{"file": "%s"}' "$(printf '[]' | base64)" | answer Directory.Export
# ImportResponse: read 1000, created 3, one mapping (field price, from Gratuit, to gratuit, 3)
printf '\x08\xe8\x07\x10\x03\x3a\x1b\x0a\x05price\x12\x07Gratuit\x1a\x07gratuit\x20\x03' |
    answer Directory.Import
moved="{\"id\": \"$referral\", \"box\": \"in\", \"peerName\": \"Mairie\", \"statusWords\": \"acceptée\", \"nextWords\": \"Mairie appelle avant vendredi\", \"late\": true,
 \"created\": \"2026-01-05T09:30:00.000Z\", \"changed\": \"$(iso '10 minutes ago')\",
 \"person\": {\"name\": \"Sam\"}, \"urgency\": \"URGENCY_URGENT\", \"action\": [\"reject\", \"hold\"],
 \"event\": [{\"by\": \"them\", \"action\": \"REFERRAL_ACTION_REFER\", \"at\": \"2026-01-05T09:30:00.000Z\"}]}"
answer Referrals.Send <<<"$moved"
answer Referrals.Act <<<"$moved"
answer Referrals.Get <<<"$moved"
answer Referrals.List <<<"{\"referral\": [$moved], \"next\": \"p2\"}"
answer Referrals.Export <<<"{\"id\": \"$referral\", \"event\": [\"AAEC\"]}"
answer Notices.Get <<JSON
{"id": "00112233445566778899aabbccddeeff", "ours": true, "status": "published", "asked": 40,
 "remaining": 28, "content": {"kind": "NOTICE_KIND_SURPLUS", "what": "yaourts", "place": "Arles",
 "detail": "two\nlines", "quantity": {"amount": 40, "unit": "kg"}}, "expires": "$(iso '20 hours')"}
JSON
cp answers/Notices.Get answers/Notices.Post
cp answers/Notices.Get answers/Notices.Update
printf '{"notice": [%s]}' "$(cat answers/Notices.Get)" | answer Notices.List
answer Notices.ActOnClaim <<'JSON'
{"id": "ffee", "status": "agreed", "quantity": 12, "peerName": "Mairie"}
JSON
answer Notices.ListClaims <<'JSON'
{}
JSON
answer Node.ListOutbox <<'JSON'
{}
JSON
answer Node.Backup <<'JSON'
{"bytes": "4096"}
JSON
mkfifo ready
exec 3<>ready
python3 server.py &
server=$!
read -rt 20 _ <&3 || { echo 'the server does not start'; exit 1; }

run 'status is readable' 0 '^Épicerie du Val' 'words +objet' '2 of 3 connected' '1,204 objects' \
    '3.2 MB, 1 object$' '1 referral, 0 notices' 'started 3 d ago' 'disk \[31m is nearly' -- status
run 'a state directory leads to its socket' 1 'hubd.sock' -- --hub "$work/new" status
run '--json prints the answer as it is' 0 '"peersConnected": 2' -- --json status
run '--json may stand behind' 0 '"peersConnected": 2' -- status --json
run '--user acts as an account' 0 -- --user anne status
[ "$(cat user)" = anne ]
report 'whose name the hub is told' $?
run 'peers are a table' 0 '^ID +NAME +RELATION' '^xkchv7lu43 +Mairie +accepted +up +2 h ago' \
    'notices-in, referrals' '^mad72pjknv +\(no name yet\) +we asked +down +never +7 +nothing' -- peer list
run 'an invite has a code to scan when asked' 0 '^maillon:1/' 'expires +in 14 d' '█' -- peer invite --qr
run 'and none in a pipe' 0 '^maillon:1/' -- peer invite --days 3
sent 'options go into the request' '{"days": 3}'
run 'a policy changes what is named' 0 '^Mairie' -- peer policy Mairie notices-in=on referrals=off
sent 'and only that' '{"id": "Mairie", "set": ["notices-in", "referrals"],
    "switches": {"noticesIn": true, "referrals": false}}'
run 'join says hello' 0 '^Mairie' -- peer join maillon:1/x --local --text 'bonjour à vous'
sent 'in the request' '{"invite": "maillon:1/x", "local": true, "text": "bonjour à vous"}'
run 'a refusal is one line in the words of the hub' 1 '^hubctl: no such peer$' -- peer pause x
run 'an answer that is none is explained' 1 '^hubctl: the hub refused with HTTP status 502$' -- peer block x
run 'no accounts is a sentence' 0 'Nobody has an account' -- user list
run 'a passphrase is shown once' 0 'passphrase +one two three four five' 'this once' \
    -- user add anne --role admin
run 'search shows what matters' 0 '^Near Arles:' 'Atelier CV +Mission locale +Arles +2.3 km +3 places free +yes +xkchv7lu43/atelier' \
    'Écrivain public .* import/7' -- directory search atelier cv --near Arles --km 20
sent 'words are joined' '{"words": "atelier cv", "near": "Arles", "km": 20}'
run 'a shortened service id is made whole' 0 '^Atelier CV' -- directory show xkchv7lu43/atelier
sent 'by the hubs that are known' "{\"id\": \"$peer/atelier\"}"
run 'a hub that nobody knows is told' 1 'there is no hub whose id begins' -- directory show zzzzzzzz/x
run 'capacity has words of its own' 0 -- directory capacity atelier no-capacity --wait-weeks 3 --until 2026-12-01
sent 'that travel as codes' '{"uid": "atelier", "capacity": {"code": "CAPACITY_CODE_NO_CAPACITY",
    "waitWeeks": 3, "untilS": "1796083200"}}'
echo '{"name": "Atelier"}' >service.json
run 'a service comes from a file' 0 -- directory put service.json --uid atelier
sent 'as its content' '{"uid": "atelier", "content": {"name": "Atelier"}}'
echo '{"a": 1, "a": "secret"}' >double.json
run 'a file that is not JSON is refused without its words' 1 'double.json is not JSON: line 1' -- directory put double.json
run 'a file that is not there is told' 1 'cannot read none.json: No such file' -- directory put none.json
run 'import reports' 0 '^1,000 records read' 'created +3' 'price +Gratuit +gratuit +3' 'dry run' \
    -- directory import service.json --format data-inclusion --dry-run
[ "$(tr -d '\0' <last | grep -c 'data-inclusion')" = 1 ]
report 'and sends the file as it is' $?
run 'import knows its formats' 2 'data-inclusion\|mediation-numerique' -- directory import f --format gtfs
run 'export decodes the file' 0 '^\[\]$' -- directory export --format data-inclusion
echo '{"person": {"name": "Sam", "language": "fr"}, "need": "x"}' >request.json
run 'a referral is sent' 0 '^1a2b3c4d +acceptée' 'Mairie appelle' -- referral send --to "$peer/atelier" \
    --file request.json --need 'un CV' --urgency urgent --consent spoken --share name,need --extra ville=Arles --extra sexe=f
sent 'from a file with options over it' "{\"service\": \"$peer/atelier\", \"need\": \"un CV\",
    \"person\": {\"name\": \"Sam\", \"language\": \"fr\"}, \"urgency\": \"URGENCY_URGENT\",
    \"consent\": {\"form\": \"CONSENT_FORM_SPOKEN\", \"field\": [\"name\", \"need\"]},
    \"extra\": [{\"field\": \"ville\", \"value\": \"Arles\"}, {\"field\": \"sexe\", \"value\": \"f\"}]}"
run 'a referral needs a service' 2 '--to SERVICE is missing' -- referral send --need x
run 'referrals are a table' 0 '^1a2b3c4d5e +in +Sam +Mairie' 'acceptée, late' '10 min ago' '--before p2' \
    -- referral list --in --open
sent 'of the box asked for' '{"box": "in", "openOnly": true}'
run 'a referral shows its history' 0 '^acceptée, late' 'urgency +urgent' 'you may +reject, hold' \
    'Mon 5 Jan 2026, 09:30 +them +refer' -- referral show 1a2b3c4d
run 'accepting names a contact' 0 '^1a2b3c4d' -- referral accept 1a2b3c4d --contact Léa --next-step 'Léa appelle'
sent 'and is an action' '{"id": "1a2b3c4d", "action": "REFERRAL_ACTION_ACCEPT", "contactName": "Léa", "nextStep": "Léa appelle"}'
run 'progress' 0 -- referral progress 1a2b3c4d --what contact-attempted
sent 'says what happened' '{"id": "1a2b3c4d", "action": "REFERRAL_ACTION_PROGRESS", "businessStatus": "BUSINESS_STATUS_CONTACT_ATTEMPTED"}'
run 'withdrawing consent' 0 -- referral withdraw 1a2b3c4d
sent 'is for the person' '{"id": "1a2b3c4d", "action": "REFERRAL_ACTION_WITHDRAW_CONSENT", "forPerson": true}'
run 'what the person says' 0 -- referral person-says 1a2b3c4d --confirms no
sent 'may be a no' '{"id": "1a2b3c4d", "action": "REFERRAL_ACTION_PERSON_SAYS", "forPerson": true, "confirms": false}'
run 'a refusal needs a reason' 2 '--reason CODE is missing' -- referral reject 1a2b3c4d
run 'export writes a new private file' 0 -- referral export 1a2b3c4d bundle.json
[ "$(stat -c %a bundle.json)" = 600 ] && grep -q AAEC bundle.json
report 'with the signed chain' $?
run 'and never over another' 1 'exists already' -- referral export 1a2b3c4d bundle.json
run 'a notice is posted' 0 '^yaourts' 'left +28 of 40 kg' 'ends +in 20 h' -- notice post --kind surplus \
    --what yaourts --quantity 40 --unit kg --until 24h --perishable
sent 'with its content' '{"content": {"kind": "NOTICE_KIND_SURPLUS", "what": "yaourts",
    "quantity": {"amount": 40, "unit": "kg"}, "perishable": true}, "until": "24h"}'
run 'notices are a table' 0 '^0011223344 +surplus +yaourts +28 of 40 kg +Arles +us +published +in 20 h' \
    -- notice list --kind surplus
run 'an update keeps what is not said' 0 -- notice update 001122 --quantity 30
sent 'line breaks too' '{"id": "00112233445566778899aabbccddeeff", "content": {"kind": "NOTICE_KIND_SURPLUS",
    "what": "yaourts", "place": "Arles", "detail": "two\nlines", "quantity": {"amount": 30, "unit": "kg"}}}'
run 'a claim is agreed to' 0 '^agreed' 'how many +12' -- notice agree ffeeff --quantity 12
sent 'with an action' '{"id": "ffeeff", "action": "CLAIM_ACTION_AGREE", "quantity": 12}'
run 'no claims is a sentence' 0 '^No claims now' -- notice claims
run 'an empty queue is a sentence' 0 '^Nothing waits' -- outbox list
run 'a backup goes where the command was typed' 0 '^Done: 4.1 kB' -- backup copy.db
sent 'by its whole path' "{\"path\": \"$work/copy.db\"}"
run 'any method may be called' 0 '"bytes": "4096"' -- call Node/Backup '{"path": "/x"}'
sent 'with JSON' '{"path": "/x"}'

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
