#!/bin/bash
# Three real hubs and a circle through hubctl: found, invite, admit, post within the circle, remove,
# leave, block, unblock, introduce (R-AB-1 to R-AB-4, R-NO-8, F3).
#   test_circle.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"
name_hubs a "Mairie" b "Cafe" c "Croix-Rouge" d "Ressourcerie"

says() { # WHAT HUB TEXT ARGUMENTS…: the words for people contain TEXT
    local what=$1 hub=$2 text=$3 words
    shift 3
    words=$(ctl "$hub" "$@" | tr '\n' ' ' | tr -s ' ')
    grep -qF -- "$text" <<<"$words" || fail "$what: no \"$text\" in: $words"
}
refused() { # WHAT HUB ARGUMENTS…
    local what=$1 hub=$2
    shift 2
    if ctl "$hub" "$@" >/dev/null 2>&1; then fail "$what: was not refused"; fi
}
circle() { ctl "$1" --json circle show "$id" | get "$2"; }
circle_is() { [ "$(circle "$1" "$2")" = "$3" ]; }
asks() { [ -n "$(circle "$1" ask.0.id)" ]; }
sees() { # HUB NOTICE [KEY VALUE]: the notice is there
    ctl "$1" --json notice show "$2" >/dev/null
}

for hub in a b c; do init_hub "$hub"; done
for hub in a b c; do start_hub "$hub"; done
federate a b
federate a c
federate b c
pass "three hubs know each other"

# ---- founding, asking, admitting ----
id=$(ctl a --json circle create "Vallée de la Drôme" --principle "Nobody is turned away, whoever comes." \
    --principle "What is said here stays here." --relay | get id)
expect "the founder is a member" member "$(circle a ours)"
says "the charter reads as lines" a "1 Nobody is turned away, whoever comes. 2 What is said" circle charter "vallee de la drome"
refused "six lines" a circle create X --principle 1 --principle 2 --principle 3 --principle 4 \
    --principle 5 --principle 6
ctl b circle join "$id" --via Mairie --text "Le café du pont" >/dev/null
until_true "the steward hears the request" asks a
says "the steward is told what to do" a "hubctl circle admit" circle show "$id"
ctl a circle admit "$id" Cafe >/dev/null
until_true "the asking hub is a member" circle_is b ours member
expect "it knows who is in" 2 "$(circle b members)"
refused "only a steward admits" b circle admit "$id" "Croix-Rouge"
ctl a circle admit "$id" "Croix-Rouge" >/dev/null
until_true "who was not asked is invited" circle_is c ours invited
ctl c circle join "$id" >/dev/null
expect "and comes in by a word of its own" member "$(circle c ours)"
until_true "the others hear of the third" circle_is b members 3
says "members are listed" b "Croix-Rouge" circle members "$id"
pass "founded, asked, admitted, invited"

# ---- reach, posting within the circle ----
says "the reach is shown before" a "2 hubs of the circle" notice post --kind surplus --what yaourts \
    --reach "$id" --dry-run
says "nothing was posted" a "Nothing was posted" notice post --kind surplus --what yaourts --dry-run
posted=$(ctl a --json notice post --kind surplus --what "yaourts" --quantity 40 --reach "$id" | get id)
until_true "a member hears it" sees b "$posted"
until_true "the other member hears it" sees c "$posted"
expect "it says where it was said" "Vallée de la Drôme" "$(ctl b --json notice show "$posted" | get circleName)"
pass "a notice within the circle"

# ---- removal: remove wins ----
ctl a circle remove "$id" "Croix-Rouge" >/dev/null
until_true "the removed hub is told" circle_is c ours removed
until_true "the others are told" circle_is b members 2
refused "a removed hub posts nothing there" c notice post --kind surplus --what riz --reach "$id"
second=$(ctl a --json notice post --kind shortage --what "chaises" --reach "$id" | get id)
until_true "a member hears the next one" sees b "$second"
if sees c "$second" 2>/dev/null; then fail "a removed hub heard a notice"; fi
pass "a removed hub neither speaks nor hears"

# ---- leaving ----
ctl b circle leave "$id" >/dev/null
expect "leaving is one command" left "$(circle b ours)"
until_true "the steward hears of it" circle_is a members 1
pass "left"

# ---- truth, block and unblock ----
says "which direction works" b "we dial them yes" peer show Mairie
says "why there is a relation" b "by an invite" peer show Mairie
says "the list shows who is up" a "up" peer list
ctl a peer block Cafe --yes >/dev/null
until_true "blocked" peer_is a b blocked
down() { [ "$(ctl a --json peer show Cafe | get connected)" != True ]; }
until_true "the session is closed" down
third=$(ctl a --json notice post --kind offer --what "salle" | get id)
until_true "others hear" sees c "$third"
if sees b "$third" 2>/dev/null; then fail "a blocked hub heard a notice"; fi
ctl a peer unblock Cafe >/dev/null
expect "an unblocked hub is paused" paused "$(peer_state a b)"
ctl a peer accept Cafe >/dev/null
ctl a outbox retry >/dev/null
until_true "as before" sees b "$third"
pass "block and unblock are reversible"

# ---- introductions ----
init_hub d
start_hub d
federate a d
ctl a peer introduce Cafe to Ressourcerie --text "Vous avez des chaises" >/dev/null
suggested() { [ "$(ctl b --json peer suggestions | get suggestion.0.name)" = Ressourcerie ]; }
until_true "the suggestion arrives" suggested
says "with its source" b "Mairie" peer suggestions
ctl d peer suggestions >/dev/null
ctl b peer forget Ressourcerie >/dev/null
says "one command forgets it" b "Nobody has been suggested" peer suggestions
pass "introduced and forgotten"

# ---- two stewards must sign ----
id=$(ctl a --json circle create "Relais" --principle "Two of us decide." --steward Cafe --threshold 2 | get id)
expect "it waits for the second steward" False "$(circle a founded | grep . || echo False)"
waits() { [ -n "$(circle "$1" change.0.id)" ]; }
until_true "the other steward has it to sign" waits b
says "and is told so" b "waits for your signature" circle show "$id"
ctl b circle sign "$id" >/dev/null
until_true "founded by both" circle_is a ours member
expect "at the other one too" member "$(circle b ours)"
ctl a circle admit "$id" "Croix-Rouge" >/dev/null
expect "one signature admits nobody" 2 "$(circle a members)"
until_true "the change waits at the other" waits b
ctl b circle sign "$id" >/dev/null
until_true "two admit" circle_is a members 3
until_true "and the third is invited" circle_is c ours invited
pass "two of two stewards"

# ---- the truth about a peer that is down ----
stop_hub d
ctl a peer policy Ressourcerie referrals=on >/dev/null
ctl a peer introduce Ressourcerie to "Croix-Rouge" >/dev/null
failing() { [ -n "$(ctl a --json peer show Ressourcerie | get dialFailed)" ]; }
until_true "dialling fails" failing
says "and it is said what to do" a "We cannot reach them" peer show Ressourcerie
says "the queue names who it waits for" a "they do not answer" outbox list
pass "a peer that is down is shown as such"
