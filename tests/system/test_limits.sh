#!/bin/bash
# What has a limit is taken at it and refused one past it, in words that say which: two real hubs;
# limits.py has the table.
#   test_limits.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

name_hubs s "Sender" r "Receiver"
for hub in s r; do
    init_hub "$hub"
    mkdir -p "$territory/$hub/conf.d"
    # Higher than what is allowed: 60 is what counts.
    echo "undo-seconds = 61" >"$territory/$hub/conf.d/undo.ini"
    start_hub "$hub"
    ctl "$hub" user add worker --role caseworker,coordinator >/dev/null
done
federate s r
offer_service
python3 "$root/tests/system/limits.py" "$territory/s" "$territory/r" "$service" \
    "$root/hub/web/templates" || fail "limits"
pass "at the limit and one past it"

set_undo() { # HUB SECONDS
    echo "undo-seconds = $2" >"$territory/$1/conf.d/undo.ini"
    kill -HUP "${pid[$1]}"
    until_true "the setting is read" undo_is "$1" "$2"
}
undo_is() {
    ctl "$1" --json config show | grep -A2 '"undo-seconds"' | grep -q "\"$2\""
}
hold() { # HUB: seconds that are left, "" when it was sent at once
    ctl "$1" --user worker --json call Held/Hold "$(python3 -c '
import json, sys
request = json.dumps({"service": sys.argv[1], "theme": "numerique", "need": "une phrase",
    "requestKey": sys.argv[2], "person": {"name": "cas", "contactPreference": "caseworker"},
    "consent": {"form": "spoken", "field": ["name", "need", "contact"]}})
print(json.dumps({"method": "Referrals/Send", "request": request, "form": request,
    "back": "/referrals/new", "onward": "/referrals/{id}"}))' "$service" "$2")" | get held.secondsLeft
}
for case in "0 " "60 60" "61 60"; do
    set_undo s "${case%% *}"
    left=$(hold s "undo-$case" 2>/dev/null) || fail "undo-seconds ${case%% *}"
    [ "$left" = "${case#* }" ] ||
        fail "undo-seconds ${case%% *}: waits \"$left\", not \"${case#* }\""
done
pass "undo-seconds 0 sends at once, 60 waits 60, and 61 no longer"
