#!/bin/bash
# Two real hubs and their keys through hubctl: a new working key, a stolen one, a new root, the end
# of a hub; the peer follows each time without any hand work (R-ID-3, F11, F12).
#   test_keys.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"
name_hubs a "Mairie" b "Cafe"

refused() { # WHAT TEXT COMMAND…: it fails and says so
    local what=$1 text=$2 words
    shift 2
    if words=$("$@" 2>&1 </dev/null); then fail "$what: was not refused"; fi
    grep -qF -- "$text" <<<"$words" || fail "$what: no \"$text\" in: $words"
}
keys() { ctl "$1" --json keys show | get "$2"; }
# The whole printed page with both sheets, as hubctl writes it: the command finds the right KEY.
sheet=$territory/a.sheets

init_hub a
init_hub b
start_hub a
start_hub b
federate a b
pass "two hubs know each other"

connected() { [ "$(ctl "$1" --json peer show "$2" | get connected)" = True ]; }
holds() { # b holds so many key events of a, read from its database
    [ "$(python3 - "$territory/b/hub.db" <<'PYTHON'
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(db.execute("SELECT seq FROM node_key ORDER BY seq DESC LIMIT 1").fetchone()[0])
PYTHON
    )" = "$1" ]
}

until_true "b has a's first keys" holds 2

# ---- looking ----
expect "keys are good" good "$(keys a state)"
ctl a keys show | grep -q "sheet 2" || fail "keys show does not say that the root can be replaced"
ctl b keys show >/dev/null
pass "keys are shown"

# ---- for strangers (R-DI-2) ----
document=$(curl -sk "https://127.0.0.1:${port[a]}/.well-known/maillon")
grep -q "^node $(keys a id)\$" <<<"$document" || fail "the document does not name the hub"
expect "the document holds the log and the entry" 3 "$(grep -c '^event \|^entry ' <<<"$document")"
pass "the document for strangers"

# ---- a new working key ----
before=$(keys a workingKey)
refused "without a sheet and a terminal" "no terminal" setsid "$hubctl" --hub "$territory/a" keys rotate --yes
refused "a KEY with a mistake" "typing mistake" \
    "$hubctl" --hub "$territory/a" keys rotate --yes --sheet <(echo "not a key")
refused "the sheet of another hub" "not of this hub" \
    "$hubctl" --hub "$territory/b" keys rotate --yes --sheet "$sheet"
ctl a keys rotate --yes --sheet "$sheet" >/dev/null
[ "$(keys a workingKey)" != "$before" ] || fail "the working key is the old one"
expect "two events more" 4 "$(keys a events)"
until_true "b follows the new working key" holds 4
until_true "and talks to a again" connected b "${name[a]}"
pass "a new working key"

# ---- a restart finds the new keys ----
stop_hub a
start_hub a
expect "the keys survive a restart" 4 "$(keys a events)"
until_true "b accepts them" connected b "${name[a]}"
pass "restart"

# ---- stolen ----
sealing=$(keys a sealing.0.id)
refused "revoke needs its reason" "say --stolen" \
    "$hubctl" --hub "$territory/a" keys revoke --yes --sheet "$sheet"
ctl a keys revoke --stolen --yes --sheet "$sheet" >/dev/null
[ "$(keys a sealing.0.id)" != "$sealing" ] || fail "the sealing key is the old one"
until_true "b follows the revocation" holds 6
until_true "and talks to a again" connected b "${name[a]}"
pass "a stolen key"

# ---- the next root; the page printed then is the one that counts ----
refused "sheet 1 is not sheet 2" "sheet 2" \
    "$hubctl" --hub "$territory/a" keys rotate-root --yes \
    --sheet <(sed -n '/SHEET 1/,/It proves/p' "$sheet" | sed -n 's/^ *KEY *//p; /^          [a-z0-9]/p' | tr -d '\n')
ctl a keys rotate-root --yes --sheet "$sheet" >"$territory/sheets2"
grep -q "RECOVERY SHEET 2 OF 2" "$territory/sheets2" || fail "no new sheets"
until_true "b follows the new root" holds 7
refused "the old sheet 1 is worthless" "replaced since" \
    "$hubctl" --hub "$territory/a" keys rotate --yes --sheet "$sheet"
ctl a keys rotate --yes --sheet "$territory/sheets2" >/dev/null
until_true "b follows what the new root signs" holds 9
until_true "and talks to a again" connected b "${name[a]}"
pass "a new root"

# ---- no key in any log or database ----
key=$(sed -n '/SHEET 2/,$p' "$territory/sheets2" | sed -n 's/^ *KEY *//p' | tr -d ' ' | head -1)
if grep -rqF -- "${key:0:20}" "$territory"/a "$territory"/b; then fail "a root key was stored or logged"; fi
pass "root keys are kept nowhere"

# ---- the end ----
ctl a keys retire --yes --sheet "$territory/sheets2" >/dev/null
expect "a says so" retired "$(keys a state)"
until_true "b knows the end of a" holds 10
refused "nothing changes after the end" "retired" \
    "$hubctl" --hub "$territory/a" keys rotate --yes --sheet "$territory/sheets2"
pass "the end of a hub"
