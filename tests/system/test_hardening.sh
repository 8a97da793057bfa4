#!/bin/bash
# How the programs are built, and what a new hub leaves open to others on its machine.
#   test_hardening.sh HUBD HUBCTL
# shellcheck source=tests/system/hubs.sh
. "$(dirname "$0")/hubs.sh"

# has WHAT FILE WORDS COMMAND…: the command prints them
has() {
    local what=$1 file=$2 words=$3 told
    shift 3
    told=$("$@" "$file")
    grep -qE "$words" <<<"$told" || fail "$file: $what"
}
has_not() {
    local what=$1 file=$2 words=$3 told
    shift 3
    told=$("$@" "$file")
    ! grep -qE "$words" <<<"$told" || fail "$file: $what"
}
sanitized=no # such a build brings checks of its own, and its search for leaks attaches to the process
[[ $(nm -D "$hubd") =~ __(a|t)san_init ]] && sanitized=yes

for program in "$hubd" "$hubctl"; do
    has "is not position independent" "$program" 'Type: +DYN' readelf -hW
    has "has no read-only relocations" "$program" 'GNU_RELRO' readelf -lW
    has "binds symbols late" "$program" 'FLAGS.*NOW' readelf -dW
    has "may run its stack" "$program" 'GNU_STACK.* RW ' readelf -lW
    has_not "looks for libraries where it was built" "$program" 'R(UN)?PATH' readelf -dW
    has_not "changes its own text" "$program" 'TEXTREL' readelf -dW
    has_not "has memory that may be written and run" "$program" 'LOAD.* RWE ' readelf -lW
    [ "$sanitized" = yes ] && continue
    has "has no stack canaries" "$program" '__stack_chk_fail' nm -D
    has "has no checked copies" "$program" '__[a-z]+_chk' nm -D
done
pass "position independent, read-only relocations, canaries, checked copies, nothing to write and run"

umask 022 # as a careless admin has it
name_hubs h "Hub"
init_hub h
start_hub h
doors=$(find "$territory/h" "$territory/h.sheets" -maxdepth 0 -perm /o+rwx)
[ -z "$doors" ] || fail "everybody may look into $doors"
secrets=$(find "$territory/h" "$territory/h.sheets" -type f \( -perm /o+w -o -perm /g+w -o \
    \( -perm /go+r -not -name generation -not -name '*.crt' -not -name '*.ini' \) \))
[ -z "$secrets" ] || fail "others may read or change $secrets"
pass "what a hub keeps is closed to others, with a common umask too"

status="/proc/${pid[h]}/status"
grep -q '^NoNewPrivs:[[:space:]]*1' "$status" || fail "it may gain privileges"
limit=$(awk '/Max core file size/ {print $5}' "/proc/${pid[h]}/limits")
[ "$limit" = 0 ] || fail "a crash would write keys and names to a file (limit: $limit)"
pass "no privileges to gain, no core with keys in it"

# What may not be dumped belongs to root in /proc, whoever runs it: so does a hub of somebody else.
if [ "$sanitized" = no ] && [ "$(id -u)" = 0 ]; then
    stop_hub h
    chmod 755 "$territory"
    cp "$hubd" "$territory/hubd"
    chown -R nobody "$territory/h"
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$territory/hubd" \
        --state "$territory/h" >>"$territory/h.log" 2>&1 &
    pid[h]=$!
    until_true "it starts as nobody" ctl h --json status >/dev/null
    [ "$(stat -c %U "/proc/${pid[h]}")" = nobody ] || fail "it does not run as nobody"
    [ "$(stat -c %U "/proc/${pid[h]}/mem")" = root ] || fail "its user can read its memory"
    pass "its own user cannot read its memory"
fi
