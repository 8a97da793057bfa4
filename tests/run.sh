#!/bin/bash
# Builds three times (gcc; clang with ASan + UBSan; clang with TSan), runs every test in the first
# two builds and those of threads in the third, and ends with "N passed, N failed". Installs missing
# Debian packages first (deploy/packages.sh).
#
#   --fuzz [SECONDS]  then runs each fuzz target (clang, libFuzzer) that long, 60 s if not said
#   --long            more seeds in the simulator and slower tests (suite "long"), then 1,000 hubs
#                     with 200 seeds and a table of what they took: minutes for each seed.
#                     SIM_LONG_HUBS and SIM_LONG_SEEDS say other numbers
#   --soak            the soak test (suite "soak"), SOAK_SECONDS long, 900 if not said
#   --harden          then gcc's analyzer over the programs: fails on what tests/analyzer.known has
#                     not; a few minutes
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
build=${MAILLON_BUILD:-$root/build}
jobs=$(nproc)
fuzz_seconds=0
long=no harden=no
skip_suites=(long soak)

usage() {
    sed -n '2,/^set -u/{/^#/s/^# \{0,1\}//p}' "$0"
}

include_suite() {
    local suite kept=()
    for suite in "${skip_suites[@]}"; do
        [ "$suite" = "$1" ] || kept+=("$suite")
    done
    skip_suites=("${kept[@]+"${kept[@]}"}")
}

while [ $# -gt 0 ]; do
    case $1 in
    --fuzz)
        fuzz_seconds=60
        if [[ ${2:-} =~ ^[0-9]+$ ]]; then
            fuzz_seconds=$2
            shift
        fi
        ;;
    --long | --soak)
        include_suite "${1#--}"
        [ "$1" != --long ] || long=yes
        ;;
    --harden) harden=yes ;;
    --help | -h)
        usage
        exit 0
        ;;
    *)
        echo "unknown option: $1" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

# shellcheck source=deploy/packages.sh
. "$root/deploy/packages.sh"
packages_install "${build_packages[@]}" "${test_packages[@]}" || {
    echo "0 passed, 1 failed"
    exit 1
}

# configure NAME COMPILER OPTIONS…: sets up build/NAME, or keeps what is there.
configure() {
    local name=$1 compiler=$2
    shift 2
    [ -f "$build/$name/build.ninja" ] && return 0
    rm -rf "${build:?}/$name"
    CC=$compiler meson setup "$build/$name" "$root" -Dwerror=true "$@"
}

# Runs a noisy step; its output is shown only if it fails.
quietly() {
    local log status
    log=$(mktemp)
    "$@" >"$log" 2>&1
    status=$?
    [ "$status" = 0 ] || tail -n 100 "$log"
    rm -f "$log"
    return "$status"
}

sanitizer_compiler() {
    command -v clang-14 || command -v clang || command -v gcc
}

# What runs with TSan: the tests where several threads meet, and what they start.
thread_tests=(work serve demo)
thread_programs=(hubd admin/hubctl tests/unit/test_work)

build_all() {
    local name targets
    quietly configure release gcc || return 1
    quietly configure asan "$(sanitizer_compiler)" -Db_sanitize=address,undefined \
        -Db_lundef=false || return 1
    quietly configure tsan "$(sanitizer_compiler)" -Db_sanitize=thread -Db_lundef=false || return 1
    for name in release asan tsan; do
        targets=()
        [ "$name" = tsan ] && targets=("${thread_programs[@]}")
        echo "compiling $name" >&2
        quietly ninja -C "$build/$name" -j "$jobs" "${targets[@]+"${targets[@]}"}" || return 1
    done
}

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}

if ! build_all; then
    echo "the build failed"
    echo "0 passed, 1 failed"
    exit 1
fi

logs=() status=0 no_suites=()
for suite in "${skip_suites[@]+"${skip_suites[@]}"}"; do
    no_suites+=(--no-suite "$suite")
done
for name in release asan tsan; do
    echo "testing $name" >&2
    rm -f "$build/$name/meson-logs/testlog.json"
    # The sanitizers make everything a few times slower.
    multiplier=1 tests=()
    [ "$name" = release ] || multiplier=4
    [ "$name" = tsan ] && tests=("${thread_tests[@]}")
    meson test -C "$build/$name" --no-rebuild --num-processes "$jobs" -t "$multiplier" \
        "${no_suites[@]+"${no_suites[@]}"}" "${tests[@]+"${tests[@]}"}" >&2 || status=1
    logs+=("$name=$build/$name/meson-logs/testlog.json")
done

# fuzz_one TARGET: one target for a while, on its corpus; new inputs stay in the build folder.
fuzz_one() {
    local name=${1##*/fuzz_}
    local found=$build/fuzz/found/$name
    mkdir -p "$found"
    if quietly "$1" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$found/" "$found" "$root/tests/fuzz/corpus/$name"; then
        echo "fuzz $name: no crash"
    else
        echo "fuzz $name: CRASH, see $found"
        echo "$name" >>"$build/fuzz/crashed"
    fi
}

# As many targets at once as there are processors.
fuzz_all() {
    local target
    echo "compiling the fuzz targets" >&2
    quietly configure fuzz clang-14 -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link || return 1
    quietly ninja -C "$build/fuzz" -j "$jobs" fuzzers || return 1
    : >"$build/fuzz/crashed"
    for target in "$build"/fuzz/tests/fuzz/fuzz_*; do
        [ -f "$target" ] && [ -x "$target" ] || continue
        while [ "$(jobs -r | wc -l)" -ge "$jobs" ]; do wait -n; done
        fuzz_one "$target" &
    done
    wait
    [ ! -s "$build/fuzz/crashed" ]
}

if [ "$fuzz_seconds" != 0 ] && ! fuzz_all; then
    echo "fuzzing failed"
    status=1
fi

# What gcc's analyzer says of the programs, without line numbers.
analyze() {
    local log=$build/analyze.log
    echo "analyzing" >&2
    rm -rf "${build:?}/analyze"
    quietly env CC=gcc CCACHE_DISABLE=1 meson setup "$build/analyze" "$root" -Dwerror=false \
        -Dc_args=-fanalyzer || return 1
    CCACHE_DISABLE=1 ninja -C "$build/analyze" -j "$jobs" hubd admin/hubctl >"$log" 2>&1 || return 1
    grep -- '-Wanalyzer-' "$log" | sed -nE 's|^[./]*(.*):[0-9]+:[0-9]+: warning: |\1 |p' | sort -u |
        grep -vxFf "$root/tests/analyzer.known" && return 1
    return 0
}

if [ "$harden" = yes ] && ! analyze; then
    echo "the analyzer found something new"
    status=1
fi

if [ "$long" = yes ]; then
    echo "simulating ${SIM_LONG_HUBS:-1000} hubs" >&2
    "$build/release/tests/sim/sim_long" "${SIM_LONG_HUBS:-1000}" "${SIM_LONG_SEEDS:-200}" || {
        echo "the long run of the simulator failed"
        status=1
    }
fi

python3 "$root/tests/support/count_tests.py" "${logs[@]}" >"$build/summary.txt" || status=1
if [ "$status" != 0 ] && tail -n 1 "$build/summary.txt" | grep -q ' 0 failed$'; then
    # What failed is not a test of meson's: say so in the closing line too.
    sed -i '$s/ 0 failed$/ 1 failed/' "$build/summary.txt"
fi
echo "$((SECONDS / 60)) min $((SECONDS % 60)) s" >&2
cat "$build/summary.txt"
exit "$status"
