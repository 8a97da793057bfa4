#!/bin/bash
# What two hubs on this machine do, beside what the machine allows, in interleaved rounds of one run.
# Prints "median [min..max]" of each figure, then the ratios that are asked for, with ok or BELOW.
# Ends with status 1 when anything was lost, doubled or refused, or a hub did not end well.
#
#   --quick      one round, small counts
#   --check      only asserts that nothing is lost or doubled: no targets
#   --only LEGS  some of: limits ingest slow latency fanout idle links referrals catchup start
#                reconcile search home memory
#
# ROUNDS (3), BENCH_DATA (build/bench-data: put it on the disk to be measured), BENCH_BUILD
# (build/release: made when there is none), LINKS (5000).
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BENCH_BUILD:-$root/build/release}
data=${BENCH_DATA:-$root/build/bench-data}
rounds=${ROUNDS:-3} links=${LINKS:-5000}
legs="limits ingest slow latency fanout idle links referrals catchup start reconcile search home memory"
check=0 seconds=1 ingest=60000 latency=6000 single=600 notices=20000 live=2000
referrals=6000 timed=2500 idle_notices=500 services=100000 reconciled=100000
queued=10000 large=1000 stored=1000000 waiting=10000 pages=1000

while [ $# -gt 0 ]; do
    case $1 in
    --quick)
        rounds=${ROUNDS:-1} links=${LINKS:-100}
        seconds=0.2 ingest=4000 latency=1000 single=50 notices=1000 live=100
        referrals=400 timed=200 idle_notices=50 reconciled=10000
        queued=400 large=50 stored=20000 waiting=400 pages=100
        ;;
    --check) check=1 ;;
    --only)
        legs=${2:-}
        shift
        ;;
    *)
        sed -n '2,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"
        [ "$1" = --help ] && exit 0
        exit 2
        ;;
    esac
    shift
done
# The sanitizers want to be loaded first; a slow disk and a fast search say nothing about loss.
[ "$check" = 1 ] && legs=${legs/slow /} legs=${legs/ search/} legs=${legs/ memory/}

if [ ! -x "$build/tests/bench/bench_ingest" ] || [ -z "${BENCH_BUILD:-}" ]; then
    log=$(mktemp)
    { [ -f "$build/build.ninja" ] || meson setup "$build" "$root"; } >"$log" 2>&1 &&
        ninja -C "$build" bench >>"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        rm -f "$log"
        exit 1
    }
    rm -f "$log"
fi
bench=$build/tests/bench

mkdir -p "$data" && work=$(mktemp -d "$data/run.XXXXXX") && cd "$work" || exit 1
mkdir figures
declare -A pids=()
both=()
end_hub() { # NAME
    local pid=${pids[$1]:-}
    unset "pids[$1]"
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null
    wait "$pid" || fail "hub $1 ended with status $?"
    rm -rf "$1"
}
clean_up() {
    local name
    for name in "${!pids[@]}"; do
        kill "${pids[$name]}" 2>/dev/null && wait "${pids[$name]}" 2>/dev/null
    done
    cd / && rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
fail() {
    echo "FAILED: $*" >&2
    tail -n 20 -- *.log >&2 2>/dev/null
    exit 1
}

# The hard limit on open files is what a link costs on both sides.
ulimit -n "$(ulimit -Hn)" 2>/dev/null
if [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt $((links + 2000)) ]; then
    links=$(($(ulimit -n) / 2))
    echo "only $links idle links: raise the limit of open files (ulimit -n)" >&2
fi

port=$((20000 + RANDOM % 10000))
free_port() { # the next one that nobody listens on, in $port
    port=$((port + 1))
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
}
make_hub() { # NAME [PEERS [NOTICES]]
    free_port
    "$bench/bench_prepare" hub "$1" "$port" "${@:2}" || fail "cannot prepare hub $1"
}
start_hub() { # NAME: pid in pids
    env ${preload:+LD_PRELOAD="$preload" SLOWSYNC_US=10000} "$build/hubd" --state "$1" 2>"$1.log" &
    pids[$1]=$!
    for _ in $(seq 200); do
        [ -S "$1/hubd.sock" ] && return 0
        kill -0 "${pids[$1]}" 2>/dev/null || break
        sleep 0.05
    done
    fail "hub $1 did not start"
}
start_pair() { # hubs a and b, which know each other; what programs ask for them in "both"
    make_hub a
    make_hub b
    "$bench/bench_prepare" pair a b || fail "cannot federate the hubs"
    start_hub b
    start_hub a
    both=(a "${pids[a]}" b "${pids[b]}")
}
# take FIGURE PROGRAM…: keeps each "name=value" it prints as a line of figures/FIGURE.name.
take() {
    local figure=$1 line pair
    shift
    line=$(timeout 300 "$@") || fail "$figure: ${*##*/}"
    for pair in $line; do
        case $pair in
        *=*) echo "${pair#*=}" >>"figures/$figure.${pair%%=*}" ;;
        esac
    done
}

leg_limits() { take limits "$bench/bench_limits" . "$seconds"; }
leg_reconcile() {
    take recon_equal "$bench/bench_reconcile" "$reconciled" 0
    take recon "$bench/bench_reconcile" "$reconciled" 10
}
leg_ingest() {
    make_hub ingest 2
    start_hub ingest
    sleep 1
    awk '/^VmRSS/{print $2 / 1024}' "/proc/${pids[ingest]}/status" >>figures/empty.rss_mib
    take ingest "$bench/bench_ingest" ingest "${pids[ingest]}" "$ingest"
    end_hub ingest
}
leg_slow() {
    make_hub slow 2
    preload=$bench/slowsync.so
    start_hub slow
    preload=
    take slow "$bench/bench_ingest" slow "${pids[slow]}" "$ingest"
    end_hub slow
}
leg_latency() {
    make_hub latency 2
    start_hub latency
    take ack2000 "$bench/bench_ingest" latency "${pids[latency]}" "$latency" 1024 2000
    take ack1 "$bench/bench_ingest" latency "${pids[latency]}" "$single" 1
    end_hub latency
}
leg_fanout() {
    make_hub fanout 11 "$notices"
    start_hub fanout
    take fanout "$bench/bench_fanout" fanout "${pids[fanout]}" 10 "$live"
    end_hub fanout
}
leg_idle() {
    make_hub idle $((links + 1))
    start_hub idle
    take idle "$bench/bench_idle" idle "${pids[idle]}" "$links" "$idle_notices"
    end_hub idle
}
leg_referrals() {
    start_pair
    take referrals "$bench/bench_referrals" "${both[@]}" "$referrals"
    if [ "$check" = 0 ]; then
        take receipt2000 "$bench/bench_referrals" "${both[@]}" "$timed" 64 2000
    fi
    take receipt1 "$bench/bench_referrals" "${both[@]}" $((single / 2)) 1
    end_hub a
    end_hub b
}
leg_links() {
    make_hub links $((large + 1))
    start_hub links
    take links "$bench/bench_idle" links "${pids[links]}" "$large" "$idle_notices"
    end_hub links
}
leg_catchup() {
    start_pair
    take catchup "$bench/bench_referrals" "${both[@]}" "$queued" 192 outage
    end_hub a
    end_hub b
}
leg_start() { # one store for all rounds
    if [ ! -d start ]; then
        make_hub start 2
        "$bench/bench_prepare" fill start "$stored" || fail "cannot fill a store"
    fi
    take start "$bench/bench_start" "$build/hubd" start clean
    take start_unclean "$bench/bench_start" "$build/hubd" start unclean
}
leg_search() {
    take search "$bench/bench_search" "$root/tests/search" $((services / 10)) search.db
    rm -f search.db*
    take search_large "$bench/bench_search" "$root/tests/search" "$services" search.db
    rm -f search.db*
}
leg_home() { # the receiver's page has as many that wait for an answer
    start_pair
    take waiting "$bench/bench_referrals" "${both[@]}" "$waiting"
    take home "$bench/bench_home" b "${pids[b]}" "$pages"
    take home_sender "$bench/bench_home" a "${pids[a]}" "$pages"
    end_hub a
    end_hub b
}
leg_memory() { # 100 links stay while somebody signs in, searches and looks at what waits
    local held links_pid
    make_hub memory 101
    take imported "$bench/bench_search" "$root/tests/search" $((services / 10)) memory/hub.db
    start_hub memory
    mkfifo hold
    "$bench/bench_idle" memory "${pids[memory]}" 100 50 hold <hold >held.txt &
    links_pid=$!
    exec {held}>hold
    for _ in $(seq 600); do
        [ ! -s held.txt ] || break
        kill -0 "$links_pid" 2>/dev/null || break
        sleep 0.1
    done
    [ -s held.txt ] || fail "the links of the memory bench"
    take memory_home "$bench/bench_home" memory "${pids[memory]}" "$pages"
    take memory "$bench/bench_home" memory "${pids[memory]}" "$pages" \
        "/directory?words=aide+impay%C3%A9+loyer"
    exec {held}>&-
    wait "$links_pid" || fail "the links of the memory bench"
    rm -f hold held.txt
    end_hub memory
}

preload=
for round in $(seq "$rounds"); do
    for leg in $legs; do
        [ "$check" = 1 ] || printf '\rround %s of %s: %-10s' "$round" "$rounds" "$leg" >&2
        "leg_$leg"
    done
done
[ "$check" = 1 ] || printf '\r%30s\r' '' >&2

if [ "$check" = 1 ]; then
    echo "nothing lost, nothing doubled: $legs"
    exit 0
fi

# Numbers on stdin to "median [min..max]".
median() {
    sort -g | awk '{v[NR] = $1}
        END {m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2
             if (NR) printf "%.5g [%.5g..%.5g]", m, v[1], v[NR]}'
}
figure() { # WORDS FILE UNIT
    [ -f "figures/$2" ] && printf '%-52s %s %s\n' "$1" "$(median <"figures/$2")" "$3"
}
# target WORDS FILE EXPRESSION RELATION BOUND: the expression sees x (FILE) and y (FILE2) of a round.
target() {
    local values mid
    [ -f "figures/$2" ] && [ -f "figures/${6:-$2}" ] || return 0
    values=$(paste "figures/$2" "figures/${6:-$2}" | awk "{x = \$1; y = \$2; print $3}")
    mid=$(median <<<"$values")
    awk -v m="${mid%% *}" -v words="$1" -v shown="$mid" -v r="$4" -v bound="$5" 'BEGIN {
        ok = r == ">=" ? m >= bound : m <= bound
        printf "%-52s %s  (%s %s) %s\n", words, shown, r, bound, ok ? "ok" : "BELOW"}'
}

echo "This machine: $(nproc) cores; $rounds rounds, median [min..max]"
figure "V: Ed25519 verifications, one core" limits.verify_per_s /s
figure "Ed25519 signatures, one core" limits.sign_per_s /s
figure "durable commits, one row" limits.commits_single_per_s /s
figure "durable rows, 64 a commit" limits.rows_grouped_per_s /s
figure "append 4 KiB + fdatasync, p50" limits.fdatasync_ms ms
echo
echo "Hubs, over wss on loopback"
figure "notices ingested, one peer, window 1024" ingest.objects_per_s /s
figure "  processor time of the hub" ingest.hub_us "us each"
figure "  on a disk with 10 ms more a flush" slow.objects_per_s /s
figure "notice ack at 2000/s, p50" ack2000.p50_ms ms
figure "notice ack at 2000/s, p99" ack2000.p99_ms ms
figure "notice ack, one in flight, p50" ack1.p50_ms ms
figure "referrals, call on A to signed receipt at A" referrals.referrals_per_s /s
figure "  processor time of both hubs" referrals.hub_us "us each"
figure "  rows a commit at A" referrals.a_per_commit ""
figure "fan-out to 10 peers, notices delivered" fanout.objects_per_s /s
figure "  in WebSocket frames" fanout.frames_per_s /s
figure "  while being posted" fanout.live_objects_per_s /s
figure "opening a link, processor time of the hub" idle.hub_ms_per_link ms
figure "notice ack, one in flight, no idle link, p50" idle.ack_p50_ms ms
figure "notice ack, one in flight, $links idle links, p50" idle.ack_idle_p50_ms ms
figure "repair of $reconciled notices, 1 % missing, bytes" recon.bytes B
figure "  rounds" recon.rounds ""
figure "  processor time of both sides" recon.ms ms
figure "  of equal sets, bytes" recon_equal.bytes B
figure "$queued queued referrals after an outage" catchup.referrals_per_s /s
figure "one notice to $large peers, until all have it" links.notice_ms ms
figure "  processor time of the hub" links.notice_hub_ms ms
figure "start with $stored objects to the first answer" start.seconds s
figure "  after an unclean end" start_unclean.seconds s
figure "records imported into $services services" search_large.created_per_s /s
figure "  each with a new text" search_large.updated_per_s /s
figure "  each with a new date" search_large.dated_per_s /s
figure "  each with a new name" search_large.renamed_per_s /s
figure "  longest time between two commits" search_large.step_ms ms
figure "  resident" search_large.rss_mib MiB
figure "home page, $waiting open referrals, p50" home.p50_ms ms
figure "  its size" home.page_bytes B
figure "  processor time of the hub" home.hub_us us
figure "results of a search as a page, p50" memory.p50_ms ms
echo
echo "Asked for"
target "notices ingested / V" ingest.objects_per_s "x / y" ">=" 0.9 limits.verify_per_s
target "  with 10 ms more a flush / without" slow.objects_per_s "x / y" ">=" 0.85 ingest.objects_per_s
target "  rows a commit at saturation" ingest.rows_per_commit x ">=" 32
target "referrals to signed receipt / V" referrals.referrals_per_s "x / y" ">=" 0.18 limits.verify_per_s
target "receipt at 2000 referrals/s, p50 ms" receipt2000.p50_ms x "<=" 3
target "receipt at 2000 referrals/s, p99 ms" receipt2000.p99_ms x "<=" 15
target "receipt, one in flight, p50 / (6 fdatasync + 1 ms)" receipt1.p50_ms "x / (6 * y + 1)" "<=" 1 limits.fdatasync_ms
target "catch-up after an outage / referrals" catchup.referrals_per_s "x / y" ">=" 0.8 referrals.referrals_per_s
target "start with $stored objects to the first answer, s" start.seconds x "<=" 2
target "  after an unclean end, s" start_unclean.seconds x "<=" 2
target "private KiB of a link, $large of them" links.kib_per_link x "<=" 64
target "fan-out to 10 TLS peers, deliveries/s" fanout.objects_per_s x ">=" 60000
target "hub without links, resident MiB" empty.rss_mib x "<=" 14
target "private KiB of an idle link, $links of them" idle.kib_per_link x "<=" 24
target "ack p50 with idle links / without" idle.ack_idle_p50_ms "x / y" "<=" 2 idle.ack_p50_ms
target "search of $((services / 10)) services, p50 ms" search.p50_ms x "<=" 5
target "search of $services services, p99 ms" search_large.p99_ms x "<=" 50
target "records imported, new /s" search.created_per_s x ">=" 5000
target "  each with a new text /s" search.updated_per_s x ">=" 5000
target "  each with a new name /s" search.renamed_per_s x ">=" 5000
target "10,000 services and search, resident MiB" search.rss_mib x "<=" 256
target "home page, $waiting waiting for an answer, p99 ms" home.p99_ms x "<=" 10
target "  $waiting sent, p99 ms" home_sender.p99_ms x "<=" 10
target "hub with $((services / 10)) services, 100 links, peak MiB" memory.peak_mib x "<=" 256
for leg in ingest referrals fanout; do
    target "generator's share of the processor: $leg" $leg.generator_share x "<=" 0.1
done
