#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From a fresh Debian 12 to a finished build: installs the packages that are missing, configures, compiles.
# Does nothing that is done already, and never calls apt if every package is there.
#
#   iotests/lib/setup.sh [--dir DIR] [--packages-only] [-Dname=value ...] [TARGET ...]
#
# Default DIR: build. Everything goes to stderr. Exit status 0: DIR is up to date. CC chooses the compiler of a new DIR.
# RONDO_CLANG=1 asks for the clang packages too (CI, fuzz targets).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
packages=(
    gcc libc6-dev binutils patch meson ninja-build pkgconf
    libglib2.0-dev libjson-c-dev libzydis-dev zlib1g-dev libzstd-dev libdw-dev libslirp-dev
    python3 python3-pytest python3-pytest-xdist python3-jinja2
    qemu-utils seabios lcov
    gdb acpica-tools ovmf e2fsprogs debootstrap
)
if [[ ${RONDO_CLANG:-0} = 1 ]]; then
    packages+=(clang-14 clang libclang-rt-14-dev llvm-14)
fi

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "setup: $*"
    exit 1
}

# Prints the packages that are not installed.
missing_packages() {
    local installed name
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
    for name in "${packages[@]}"; do
        grep -qxF -- "$name" <<<"$installed" || printf '%s\n' "$name"
    done
}

install_packages() {
    local missing as_root=() log
    if ! command -v dpkg-query >/dev/null; then
        for tool in meson ninja pkg-config python3 patch; do
            command -v "$tool" >/dev/null \
                || fail "$tool is missing, and this is not Debian: please install what iotests/lib/setup.sh lists"
        done
        return
    fi
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -eq 0 ]]; then
        return
    fi
    say "setup: missing packages: ${missing[*]}"
    if [[ $(id -u) -ne 0 ]]; then
        command -v sudo >/dev/null || fail "need root to install them; run: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    log=$(mktemp)
    say "setup: apt-get update"
    "${as_root[@]}" apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; fail "apt-get update failed (above)"; }
    say "setup: apt-get install of ${#missing[@]} packages"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 \
        || { cat "$log" >&2; fail "apt-get install failed (above)"; }
    rm -f "$log"
}

# Two runners may share a build folder; ninja itself has no lock.
build() {
    local dir=$1 options=() targets=() arg log
    shift
    for arg in "$@"; do
        case $arg in
        -D*) options+=("$arg") ;;
        *) targets+=("$arg") ;;
        esac
    done
    mkdir -p "$dir"
    exec 9>"$dir/.setup.lock"
    flock -n 9 || { say "setup: waiting for another build in $dir"; flock 9; }
    log=$dir/setup.log
    if [[ ! -f $dir/build.ninja ]]; then
        say "setup: meson setup $dir ${options[*]}"
        meson setup "$dir" "$root" "${options[@]}" >"$log" 2>&1 \
            || { cat "$log" >&2; fail "meson setup failed (above)"; }
    elif [[ ${#options[@]} -gt 0 && "$(cat "$dir/.setup.options" 2>/dev/null)" != "${options[*]}" ]]; then
        meson configure "$dir" "${options[@]}" >"$log" 2>&1 \
            || { cat "$log" >&2; fail "meson configure failed (above)"; }
    fi
    printf '%s' "${options[*]}" >"$dir/.setup.options"
    if ninja -C "$dir" -n "${targets[@]}" 2>/dev/null | grep -q 'no work to do'; then
        exec 9>&-
        return
    fi
    if [[ -t 2 ]]; then
        ninja -C "$dir" "${targets[@]}" >&2 || fail "the build failed (above)"
    else
        # Without a terminal: one line for each tenth of the work instead of one for each file.
        NINJA_STATUS='[%f/%t] ' ninja -C "$dir" "${targets[@]}" 2>&1 | awk '
            /^\[[0-9]+\/[0-9]+\] / {
                split(substr($1, 2), n, /[\/\]]/)
                if (int(10 * n[1] / n[2]) == tenth) next
                tenth = int(10 * n[1] / n[2])
            }
            { print; fflush() }' >&2 || fail "the build failed (above)"
    fi
    exec 9>&-
}

dir=$root/build
rest=()
only_packages=0
while [[ $# -gt 0 ]]; do
    case $1 in
    --dir) dir=$2; shift 2 ;;
    --packages-only) only_packages=1; shift ;;
    -h | --help) sed -n '3,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) rest+=("$1"); shift ;;
    esac
done
install_packages
if [[ $only_packages = 0 ]]; then
    build "$dir" ${rest[@]+"${rest[@]}"}
fi
