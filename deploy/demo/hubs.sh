# Functions to start, federate and question hubs on this machine: for demo.sh and the system tests.
# shellcheck shell=bash disable=SC2034
#
# Source it (bash) after setting: hubd, hubctl (programs), territory (folder of the state directories),
# and the tables name[HUB] (what people call it) and port[HUB].

declare -A pid=()

# end_territory KEEP: ends what was started; the folder goes too unless KEEP is yes
end_territory() {
    local hub
    for hub in "${!pid[@]}"; do kill "${pid[$hub]}" 2>/dev/null || true; done
    for hub in "${!pid[@]}"; do wait "${pid[$hub]}" 2>/dev/null || true; done
    [ "${1:-no}" = yes ] || rm -rf "$territory"
}

# free_ports COUNT: that many, one a line
free_ports() {
    python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held: s.bind(("127.0.0.1", 0))
for s in held: print(s.getsockname()[1])' "$1"
}

fail() {
    echo
    echo "FAILED: $*" >&2
    for hub in "${!port[@]}"; do
        [ -s "$territory/$hub.log" ] && {
            echo "--- last lines of $hub" >&2
            tail -n 5 "$territory/$hub.log" >&2
        }
    done
    exit 1
}

# ctl HUB ARGUMENTS…: the command line of one hub
ctl() {
    local hub=$1
    shift
    "$hubctl" --hub "$territory/$hub" "$@"
}
# get PATH: one value out of the JSON on standard input, "" when it is not there
get() {
    python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    try: value = value[int(key)] if isinstance(value, list) else value[key]
    except (KeyError, IndexError): value = ""; break
print(value)' "$1"
}
# expect WHAT WANTED GOT
expect() {
    [ "$2" = "$3" ] || fail "$1: wanted \"$2\", got \"$3\""
}
# until_true WHAT COMMAND…: tries for 20 s
until_true() {
    local what=$1 deadline=$((SECONDS + 20))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || fail "$what"
        python3 -c 'import time; time.sleep(0.02)'
    done
}

# init_hub HUB: keys, database and settings
init_hub() {
    ctl "$1" init --name "${name[$1]}" --state "$territory/$1" --listen "127.0.0.1:${port[$1]}" \
        --url "wss://127.0.0.1:${port[$1]}" --sheets "$territory/$1.sheets" >/dev/null ||
        fail "hubctl init for ${name[$1]}"
}
# start_hub HUB: returns when it answers
start_hub() {
    local hub=$1
    "$hubd" --state "$territory/$hub" >>"$territory/$hub.log" 2>&1 &
    pid[$hub]=$!
    until_true "${name[$hub]} starts" ctl "$hub" --json status >/dev/null
}
stop_hub() {
    kill "${pid[$1]}"
    wait "${pid[$1]}" || fail "${name[$1]} did not stop cleanly"
    unset "pid[$1]"
}

# peer_state HUB OF; peer_is HUB OF STATE
peer_state() { ctl "$1" --json peer show "${name[$2]}" | get state; }
peer_is() { [ "$(peer_state "$1" "$2")" = "$3" ]; }
federate() { # INVITER JOINER
    local invite
    invite=$(ctl "$1" --json peer invite | get invite)
    ctl "$2" peer join --local "$invite" >/dev/null
    until_true "${name[$2]} asks ${name[$1]}" peer_is "$1" "$2" waiting
    ctl "$1" peer accept "${name[$2]}" >/dev/null
    until_true "${name[$1]} and ${name[$2]} accepted" peer_is "$2" "$1" accepted
    ctl "$1" peer policy "${name[$2]}" referrals=on ask-around=on >/dev/null
    ctl "$2" peer policy "${name[$1]}" referrals=on ask-around=on >/dev/null
}

# referral HUB USER ID FIELD; …_is … VALUE; the same for notices
referral() { ctl "$1" --user "$2" --json referral show "$3" | get "$4"; }
referral_is() { [ "$(referral "$1" "$2" "$3" "$4")" = "$5" ]; }
notice() { ctl "$1" --user "$2" --json notice show "$3" | get "$4"; }
notice_is() { [ "$(notice "$1" "$2" "$3" "$4")" = "$5" ]; }
# in_box HUB USER: how many referrals came in
in_box() { ctl "$1" --user "$2" --json referral list --in | python3 -c '
import json, sys
print(len(json.load(sys.stdin).get("referral", [])))'; }
