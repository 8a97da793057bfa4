#!/bin/bash
# Real hubs in network namespaces, joined by a bridge: partition and heal (F8), only one side can
# dial (F9), a hub that only dials out and its home relay (R-RE-1), 300 ms and 5 % loss, clock jumps
# (F10). What the sandbox forbids is skipped with a line that says so.
#   test_netns.sh HUBD HUBCTL
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
hubd=$1 hubctl=$2
tag=mn$$
passed=0 skipped=0

skip_all() {
    echo "skipped: $*"
    exit 77
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped: $*"
}
[ "$(id -u)" = 0 ] || skip_all "network namespaces need root"
command -v ip >/dev/null || skip_all "no ip command (package iproute2)"
ip netns add "$tag-try" 2>/dev/null || skip_all "this sandbox forbids network namespaces"
ip netns del "$tag-try"

territory=$(mktemp -d)
# shellcheck source=deploy/demo/hubs.sh
. "$root/deploy/demo/hubs.sh"
declare -A name=([a]="Aube" [b]="Brume" [o]="One way" [n]="Natted" [r]="Relay")
declare -A port=([a]=8443 [b]=8443 [o]=8443 [n]=8443 [r]=8443)
declare -A address=([a]=10.77.0.1 [b]=10.77.0.2 [o]=10.77.0.3 [n]=10.77.0.4 [r]=10.77.0.5)
# Where it listens when that is not its address: nobody else has a route there.
declare -A hidden=([o]=10.78.0.3 [n]=10.78.0.4)

finish() {
    local status=$? hub
    end_territory
    for hub in "${!address[@]}" switch; do ip netns del "$tag-$hub" 2>/dev/null || true; done
    echo "$passed passed, $((status != 0)) failed, $skipped skipped"
}
trap finish EXIT
pass() {
    passed=$((passed + 1))
    echo "ok $1"
}
inside() { # HUB COMMAND…
    local hub=$1
    shift
    ip netns exec "$tag-$hub" "$@"
}

# ---- the network ----

plug_in() { # HUB
    ip netns add "$tag-$1"
    inside "$1" ip link set lo up
    ip link add "$tag$1" netns "$tag-switch" type veth peer name eth0 netns "$tag-$1"
    inside switch ip link set "$tag$1" master bridge up
    inside "$1" ip addr add "${address[$1]}/24" dev eth0
    inside "$1" ip link set eth0 up
    [ -z "${hidden[$1]:-}" ] || inside "$1" ip addr add "${hidden[$1]}/32" dev lo
}
ip netns add "$tag-switch"
inside switch ip link add bridge type bridge 2>/dev/null || {
    ip netns del "$tag-switch"
    trap - EXIT
    rm -rf "$territory"
    skip_all "this sandbox forbids bridges"
}
inside switch ip link set bridge up
for hub in a b o n r; do plug_in "$hub"; done

cut_between() {
    inside "$1" ip route add blackhole "${address[$2]}/32"
    inside "$2" ip route add blackhole "${address[$1]}/32"
}
heal_between() {
    inside "$1" ip route del blackhole "${address[$2]}/32"
    inside "$2" ip route del blackhole "${address[$1]}/32"
}

# ---- the hubs: as in hubs.sh, each in its namespace ----

init_hub() {
    local listen=${hidden[$1]:-${address[$1]}}
    ctl "$1" init --name "${name[$1]}" --state "$territory/$1" --listen "$listen:${port[$1]}" \
        --url "wss://$listen:${port[$1]}" --sheets "$territory/$1.sheets" >/dev/null ||
        fail "hubctl init for ${name[$1]}"
    mkdir -p "$territory/$1/conf.d"
    echo "ping-s = 2" >"$territory/$1/conf.d/test.ini" # a dead link shows in 5 s
}
start_hub() {
    local hub=$1
    ip netns exec "$tag-$hub" "$hubd" --state "$territory/$hub" >>"$territory/$hub.log" 2>&1 &
    pid[$hub]=$!
    until_true "${name[$hub]} starts" ctl "$hub" --json status >/dev/null
}
until_true() { # as in hubs.sh, but a minute: hubs wait longer and longer between two dials
    local what=$1 deadline=$((SECONDS + 60))
    shift
    until "$@" 2>/dev/null; do
        [ $SECONDS -lt $deadline ] || fail "$what"
        python3 -c 'import time; time.sleep(0.1)'
    done
}
retry_hub() { ctl "$1" peer retry >/dev/null 2>&1 || true; }

offer() { # HUB: a service that referrals go to
    cat >"$territory/service.json" <<'JSON'
{"name": "Atelier", "description": "Un atelier ouvert", "theme": ["numerique"], "reach": ["hub"],
 "capacity": {"code": "CAPACITY_CODE_CAPACITY"}}
JSON
    ctl "$1" --json directory put "$territory/service.json" | get id
}
knows_service() { ctl "$1" --json directory show "$2" >/dev/null; }
send() { # HUB SERVICE
    ctl "$1" --user worker --json referral send --to "$2" --name "cas 7" --contact-by caseworker \
        --need "une phrase" --theme numerique --feedback dates --consent spoken \
        --share name,contact,need | get id
}
arrived() { referral_is "$1" worker "$2" status requested; }
not_arrived() { ! referral "$1" worker "$2" status >/dev/null 2>&1; }

for hub in a b o n r; do init_hub "$hub"; done
sed -i '/^url/d' "$territory/n/hub.ini" # it only dials out
for hub in a b o n r; do
    start_hub "$hub"
    ctl "$hub" user add worker --role caseworker,coordinator >/dev/null
done

# ---- F8: partition and heal ----

federate a b
service_b=$(offer b)
until_true "the service reaches a" knows_service a "$service_b"
cut_between a b
parted=$(send a "$service_b")
python3 -c 'import time; time.sleep(7)'
not_arrived b "$parted" || fail "a referral crossed the partition"
heal_between a b
until_true "F8: the referral arrives after the partition" arrived b "$parted"
again=$(send a "$service_b")
until_true "F8: the link works again" arrived b "$again"
pass "F8: what was sent during a partition arrives after it, without a human"

# ---- F9: only one side can dial ----

federate a o # o joins: it dials a, and nobody can dial o
service_o=$(offer o)
until_true "the service reaches a" knows_service a "$service_o"
referral_o=$(send a "$service_o")
until_true "F9: a referral reaches the hub nobody can dial" arrived o "$referral_o"
service_a=$(offer a)
until_true "the service reaches o" knows_service o "$service_a"
back=$(send o "$service_a")
until_true "F9: and one comes back" arrived a "$back"
pass "F9: the session of the direction that works carries both"

# ---- R-RE-1: it only dials out, and its home relay takes what comes for it ----

federate r n
federate a n
federate a r
ctl r relay allow "${name[n]}" >/dev/null
ctl n relay use "${name[r]}" >/dev/null
granted() { ctl n --json relay list | get homeRelays | grep -qx 1; }
until_true "the relay takes it on" granted
service_n=$(offer n)
until_true "the service reaches a" knows_service a "$service_n"
referral_n=$(send a "$service_n")
until_true "a referral reaches the hub that only dials out" arrived n "$referral_n"
pass "R-RE-1: a hub behind NAT is reached through the session it dialled"
cut_between a n
relayed=$(send a "$service_n")
until_true "a referral goes round by the home relay" arrived n "$relayed"
heal_between a n
pass "R-RE-1: while the two cannot reach each other, the home relay carries it"

# ---- 300 ms, 5 % loss ----

if inside b tc qdisc add dev eth0 root netem delay 150ms loss 2.5% 2>/dev/null &&
    inside a tc qdisc add dev eth0 root netem delay 150ms loss 2.5% 2>/dev/null; then
    for i in 1 2 3 4 5; do slow[i]=$(send a "$service_b"); done
    for i in 1 2 3 4 5; do until_true "referral $i over the bad line" arrived b "${slow[i]}"; done
    inside a tc qdisc del dev eth0 root
    inside b tc qdisc del dev eth0 root
    pass "300 ms and 5 % loss: everything arrives"
else
    skip "300 ms and 5 % loss: this kernel has no netem"
fi

# ---- F10: clock jumps ----

if command -v faketime >/dev/null; then
    stop_hub b
    faketime -f '-1y' ip netns exec "$tag-b" "$hubd" --state "$territory/b" \
        >>"$territory/b.log" 2>&1 &
    pid[b]=$!
    until_true "b starts a year behind" ctl b --json status >/dev/null
    behind=$(send a "$service_b")
    until_true "F10: it receives with a wrong clock" arrived b "$behind"
    stop_hub b
    start_hub b
    right=$(send a "$service_b")
    until_true "F10: it goes on when the clock is right" arrived b "$right"
    pass "F10: a hub with a wrong clock receives, and goes on when it is right"
else
    skip "clock jumps: no faketime command (time namespaces leave the wall clock alone);" \
        "tests/sim has them"
fi
