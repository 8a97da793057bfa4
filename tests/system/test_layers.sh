#!/bin/bash
# The layer check accepts the tree as it is and refuses wrong includes put into a copy of it.
set -u
root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
passed=0 failed=0

check() { # check WHAT ok|refused [EXPECTED_TEXT]
    local output status want=0
    output=$("$root/.ci/layers" --root "$copy" 2>&1)
    status=$?
    [ "$2" = refused ] && want=1
    if [ "$status" = "$want" ] && { [ $# -lt 3 ] || grep -qF -- "$3" <<<"$output"; }; then
        echo "ok: $1"
        passed=$((passed + 1))
    else
        printf 'FAILED: %s (status %s)\n%s\n' "$1" "$status" "$output"
        failed=$((failed + 1))
    fi
}

refuse() { # refuse WHAT FILE INCLUDE: the line is the file's third
    mkdir -p "$copy/$(dirname "$2")"
    printf '/* one */\n\n#include %s\n' "$3" >"$copy/$2"
    check "$1" refused "$2:3: "
    rm "$copy/$2"
}

accept() {
    mkdir -p "$copy/$(dirname "$2")"
    printf '#include %s\n' "$3" >"$copy/$2"
    check "$1" ok
    rm "$copy/$2"
}

for folder in proto hub federation admin; do
    (cd "$root" && find "$folder" -name '*.[ch]' -print0 | xargs -0 -r cp --parents -t "$copy")
done
mkdir -p "$copy/hub/domain" "$copy/hub/outbox" "$copy/hub/run" "$copy/hub/api" "$copy/federation"
touch "$copy/hub/"{domain,outbox,run,api,base}/layer_probe.h "$copy/federation/layer_probe.h"

check 'the tree keeps its layers' ok
refuse 'base includes nothing above' hub/base/wrong.c '"hub/domain/layer_probe.h"'
refuse 'base knows no wire format' hub/base/wrong.c '<protobuf-c/protobuf-c.h>'
refuse 'proto includes nothing of ours' proto/wrong.h '"hub/base/err.h"'
refuse 'store does not see domain' hub/store/wrong.c '"hub/domain/layer_probe.h"'
refuse 'api does not see the loop' hub/api/wrong.c '"hub/run/layer_probe.h"'
refuse 'federation does not see api' federation/wrong.c '"hub/api/layer_probe.h"'
refuse 'the hub does not see federation' hub/wrong.c '"federation/layer_probe.h"'
refuse 'relative includes are refused' hub/base/wrong.c '"err.h"'
refuse 'sqlite stays in store' hub/domain/wrong.c '<sqlite3.h>'
refuse 'OpenSSL stays in crypto' hub/serve/wrong.c '<openssl/ssl.h>'
refuse 'libuv stays in run' hub/serve/wrong.c '<uv.h>'
refuse 'lws stays out of the rest of federation' federation/link.c.h '<libwebsockets.h>'
mkdir -p "$copy/hub/misc"
touch "$copy/hub/misc/wrong.c"
check 'unknown folders need a row' refused 'hub/misc/wrong.c:1: '
rm -r "$copy/hub/misc"
accept 'domain and outbox share a row' hub/domain/right.c '"hub/outbox/layer_probe.h"'
accept 'outbox and domain share a row' hub/outbox/right.c '"hub/domain/layer_probe.h"'
accept 'federation sees the loop' federation/right.c '"hub/run/layer_probe.h"'
accept 'link_ws may use lws' federation/link_ws_probe.c '<libwebsockets.h>'
accept 'generated headers count as proto' hub/crypto/right.c '"maillon/hfp/v1/object.pb-c.h"'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
