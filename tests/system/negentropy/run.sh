#!/bin/bash
# Reconciliation against an implementation from npm and one of our own, byte by byte.
#   run.sh NEGENTROPY_STDIO WORK    WORK: folder for node_modules
# Ends with "N passed, N failed".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stdio=$1 work=$2

mkdir -p "$work"
if ! cmp -s "$here/package-lock.json" "$work/package-lock.json" || [ ! -d "$work/node_modules" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    npm --prefix "$work" ci --no-audit --no-fund --ignore-scripts \
        >"$work/npm.log" 2>&1 || {
        cat "$work/npm.log"
        rm -rf "$work/node_modules" "$work/package-lock.json"
        echo "0 passed, 1 failed"
        exit 1
    }
fi
exec node "$here/test_negentropy.mjs" "$stdio" "$work/node_modules"
