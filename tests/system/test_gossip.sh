#!/bin/bash
# Three real hubs in a row: what an end of the row says in a circle reaches the other end, which has
# no relation with it, with the name of its author; and is taken back there.
#   test_gossip.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

name_hubs west "Ressourcerie" middle "CCAS de Redon" east "Les Mulots"

for hub in west middle east; do
    init_hub "$hub"
    start_hub "$hub"
done
federate middle west
federate middle east

circle=$(ctl middle --json circle create "Pays de Redon" --principle "Chacun aide." | get id)
in_circle() { [ "$(ctl "$1" --json circle show "$circle" | get ours)" = member ]; }
asks() { ctl middle --json circle show "$circle" | grep -q "$1"; }
for hub in west east; do
    ctl "$hub" circle join "$circle" --via "${name[middle]}" >/dev/null
    until_true "${name[$hub]} asks to come in" asks "${name[$hub]}"
    ctl middle circle admit "$circle" "${name[$hub]}" >/dev/null
    until_true "${name[$hub]} is in" in_circle "$hub"
done

notice=$(ctl west --json notice post --kind surplus --what couvertures --quantity 40 --unit pièces \
    --reach "$circle" | get id)
heard() { ctl "$1" --json notice show "$notice" >/dev/null; }
until_true "the middle hears the notice" heard middle
until_true "the other end hears the notice" heard east
pass "a notice passes through the middle"
expect "no relation between the ends" "" \
    "$(ctl east --json peer list | grep -o "${name[west]}" || true)"
known() { ctl "$1" --json notice show "$notice" | grep -q "${name[west]}"; }
until_true "the middle knows who it is" known middle
deadline=$((SECONDS + 90)) # entries are told once a minute
until known east; do
    [ $SECONDS -lt $deadline ] || fail "the other end does not know the name of the author"
    sleep 1
done
pass "its author is known by name where there is no relation"

ctl west notice withdraw "$notice" --reason "tout est parti" >/dev/null
withdrawn() { [ "$(ctl east --json notice show "$notice" | get status)" = withdrawn ]; }
until_true "the withdrawal reaches the other end" withdrawn
pass "it is taken back everywhere"
ctl east circle doubts | grep -q "No member" || fail "nobody contradicted itself"
for hub in west middle east; do stop_hub "$hub"; done
