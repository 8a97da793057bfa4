# shellcheck shell=bash
# What the tests of real hubs through hubctl share. Sourced first, with HUBD and HUBCTL as the
# arguments of the test; `fail` and the functions on hubs come from deploy/demo/hubs.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034
hubd=$1 hubctl=$2
territory=$(mktemp -d)
# shellcheck source=deploy/demo/hubs.sh
. "$root/deploy/demo/hubs.sh"
declare -A name=() port=()
passed=0

# Stops every hub, removes what they kept, prints the closing line.
finish() {
    local status=$?
    end_territory
    echo "$passed passed, $((status != 0)) failed"
}
trap finish EXIT
trap 'exit 130' INT TERM

pass() { # WHAT
    passed=$((passed + 1))
    echo "ok $1"
}

# name_hubs KEY NAME [KEY NAME]…: fills `name` and `port`; nothing is started.
name_hubs() {
    local ports
    mapfile -t ports < <(free_ports $(($# / 2)))
    while [ $# -gt 0 ]; do
        name[$1]=$2 port[$1]=${ports[0]}
        ports=("${ports[@]:1}")
        shift 2
    done
}

# start_pair: a sender `s` and a receiver `r`, federated, each with an account "worker".
start_pair() {
    local hub
    name_hubs s "Sender" r "Receiver"
    for hub in s r; do
        init_hub "$hub"
        start_hub "$hub"
        ctl "$hub" user add worker --role caseworker,coordinator >/dev/null
    done
    federate s r
}

# offer_service: the receiver offers one service that takes referrals; its id is in `service`.
offer_service() {
    cat >"$territory/service.json" <<'JSON'
{"name": "Atelier", "description": "Un atelier ouvert", "theme": ["numerique"], "reach": ["hub"],
 "capacity": {"code": "CAPACITY_CODE_CAPACITY"}}
JSON
    service=$(ctl r --json directory put "$territory/service.json" | get id)
    until_true "the service reaches the sender" service_is_known
}
service_is_known() { ctl s --json directory show "$service" >/dev/null; }
