# Debian packages, listed once. Source it (bash), then: packages_install "${build_packages[@]}" …
# shellcheck shell=bash disable=SC2034

build_packages=(
    build-essential pkg-config meson ninja-build python3 git gettext
    libwebsockets-dev libwebsockets-evlib-uv libuv1-dev libssl-dev libsodium-dev libsqlite3-dev
    libprotobuf-c-dev protobuf-c-compiler protobuf-compiler
    libjansson-dev libinih-dev libutf8proc-dev libqrencode-dev libcsv-dev libsmartcols-dev
    libcurl4-openssl-dev
)

test_packages=(
    libcmocka-dev clang-14 llvm-14 libclang-rt-14-dev
    sqlite3 curl openssl iproute2 procps chromium nodejs python3-jsonschema
)

# Some packages of nodejs bring npm themselves, and Debian's does not go with those.
command -v npm >/dev/null || test_packages+=(npm)

# What dpkg does not have of the given packages, one a line.
packages_missing() {
    local package
    for package in "$@"; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: .* installed$' || echo "$package"
    done
}

# Installs what is missing, as root or through sudo. Touches nothing, not even apt, if all is there.
packages_install() {
    local missing sudo=()
    mapfile -t missing < <(packages_missing "$@")
    [ "${#missing[@]}" = 0 ] && return 0
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
            return 1
        fi
        sudo=(sudo)
    fi
    echo "installing: ${missing[*]}" >&2
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2 || true
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}" >&2
}
