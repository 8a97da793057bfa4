#!/bin/bash
# Keeping a directory through hubctl on a real hub: open data in whatever format, what is left to
# decide, the hub's own services, and the communes of an EPCI.
#   test_directory.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

data="$root/tests/vectors/data"
name_hubs h "Annuaire"
init_hub h
start_hub h
value() { python3 -c 'import json, sys; print(eval(sys.argv[1], {"a": json.load(sys.stdin), "len": len}))' "$1"; }
import() { ctl h --json directory import "$@"; }
review() { ctl h --json directory review "$@"; }

[ "$(import "$data/gironde.json" --source Gironde | value 'a["created"] > 20')" = True ] || fail "guessed format"
pass "the format of a file is guessed"
printf 'id;nom;commune;code_postal;pivot;thematiques\n1;Lieu "un";Redon;35600;21350236700010;jardinage-lunaire\n2;Épicerie;Redon;35600;;\n' >"$territory/t.csv"
[ "$(import "$territory/t.csv" --source tableur --licence ODbL | value 'a["created"]')" = 2 ] || fail "a table"
pass "a table with semicolons is read"
ctl h directory import "$territory/hub.none" 2>/dev/null && fail "a file that is not there"
echo "hello" >"$territory/t.txt"
ctl h directory import "$territory/t.txt" >/dev/null 2>"$territory/err" && fail "a text was imported"
grep -q "say its format" "$territory/err" || fail "no word about the format: $(cat "$territory/err")"
pass "what is no open data is refused with what to do"

import "$data/doubles-2022.json" --format data-inclusion >/dev/null
open=$(review | value 'a["pairsOpen"]')
[ "$open" -ge 8 ] || fail "pairs: $open"
pair=$(review | value 'a["pair"][0]["id"]')
keep=$(review | value 'a["pair"][0]["first"]["id"]')
gone=$(review | value 'a["pair"][0]["second"]["id"]')
[ "$(review | value 'len(a["pair"][0]["first"]["updated"])')" -gt 9 ] || fail "a pair without dates"
ctl h directory review | grep -q "SIRET" || fail "no pair is shown"
ctl h directory merge "$pair" --keep "$gone" >/dev/null
ctl h directory merge "$pair" --keep "$keep" >/dev/null
[ "$(review --joined | value 'len(a["pair"])')" = 1 ] || fail "not merged"
[ "$(review | value 'a["pairsOpen"]')" -lt "$open" ] || fail "still asked"
other=$(review | value 'a["pair"][0]["id"]')
ctl h directory apart "$other" >/dev/null
left=$(review | value 'a["pairsOpen"]')
import "$data/doubles-2022.json" --format data-inclusion >/dev/null
[ "$(review | value 'a["pairsOpen"]')" = "$left" ] || fail "asked again"
ctl h directory merge 999999 --keep "$keep" >/dev/null 2>&1 && fail "a pair that is none"
pass "doubles are decided once, and undone"

line=$(review | value '[i["id"] for i in a["issue"] if i.get("id")][0]')
lines=$(review --limit 1000 | value 'len(a.get("issue", []))')
ctl h directory seen "$line" >/dev/null
[ "$(review --limit 1000 | value 'len(a.get("issue", []))')" = "$((lines - 1))" ] || fail "a settled line is listed"
pass "a line of the review is settled"

printf '{"name": "Atelier", "reach": ["hub"]}' >"$territory/service.json"
service=$(ctl h --json directory put "$territory/service.json" | get id)
ctl h directory own | grep -q "Atelier" || fail "own services"
ctl h directory confirm "$service" >/dev/null
[ "$(ctl h --json directory show "$service" | value 'int(a["content"]["checkedS"]) > 0')" = True ] || fail "not confirmed"
ctl h directory close "$service" --words "Travaux" >/dev/null
[ "$(ctl h --json directory show "$service" | value 'a["content"]["closure"]["words"]')" = Travaux ] || fail "not closed"
ctl h directory close "$service" --open >/dev/null
[ "$(ctl h --json directory show "$service" | value '"closure" in a["content"]')" = False ] || fail "not open again"
ctl h directory close "$service" --until 2001-01-01 >/dev/null 2>&1 && fail "closed until a day that has passed"
pass "own services are confirmed, closed and opened"

printf '{"name": "Garage", "zone": ["243500741", "35236"]}' >"$territory/service.json"
zoned=$(ctl h --json directory put "$territory/service.json" | get id)
[ "$(ctl h --json directory show "$zoned" | value 'a["zoneName"][0]')" = "CA Redon Agglomération" ] || fail "the name of an EPCI"
pass "an EPCI has its name without any import"
printf 'CODGEO;LIBGEO;EPCI;LIBEPCI\n35236;Redon;243500741;CA de Redon\n' >"$territory/epci.csv"
ctl h directory places import "$territory/epci.csv" | grep -q "^1 commune of 1 EPCI" || fail "places"
[ "$(ctl h --json directory show "$zoned" | value 'a["zoneName"][0]')" = "CA de Redon" ] || fail "the name of an EPCI that was loaded"
pass "communes of an EPCI are loaded, and its name is known"
stop_hub h
