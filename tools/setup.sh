#!/usr/bin/env bash
# Installs what microgen needs: tools/setup.sh [demo|test]
#   demo  the compilers, the emulator and .venv/ with microgen and its dependencies (the default)
#   test  the same, clang and g++ as further compilers, ccache, CMake, Ninja, Chromium and what the tests need
# It first says what it will install. What is there already is left alone, so a second run takes no time.
# Ends with 0, or with 3 where something is missing that it cannot install.
set -euo pipefail

mode=${1:-demo}
case $mode in
    demo | test) ;;
    *)
        echo "usage: tools/setup.sh [demo|test]" >&2
        exit 2
        ;;
esac
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
stamp=$venv/.microgen-setup

say() { printf '%s\n' "$*"; }
stop() {
    printf '%s\n' "$@" >&2
    exit 3
}
have() { command -v "$1" >/dev/null 2>&1; }

# What the system is

os_id=unknown os_version=0 os_name="this system"
if [ -r /etc/os-release ]; then
    os_id=$(. /etc/os-release && printf %s "${ID:-unknown}")
    os_version=$(. /etc/os-release && printf %s "${VERSION_ID:-0}")
    os_name=$(. /etc/os-release && printf %s "${PRETTY_NAME:-$os_id}")
fi
# releases without a number are the ones in preparation: newer than any with one
case $os_id:${os_version} in
    debian:0) supported=yes ;;
    debian:*) [ "${os_version%%.*}" -ge 12 ] && supported=yes || supported=no ;;
    ubuntu:*) [ "${os_version%%.*}" -ge 22 ] && supported=yes || supported=no ;;
    *) supported=no ;;
esac
have apt-get || supported=no

# What is missing

packages=()
want() { packages+=("$1"); }
includes() { # includes COMPILER HEADER: the compiler runs and finds the C library
    have "$1" && printf '#include <%s>\n' "$2" | "$1" -E -x c - >/dev/null 2>&1
}
have arm-none-eabi-gcc || want gcc-arm-none-eabi
includes arm-none-eabi-gcc string.h || want libnewlib-arm-none-eabi
have qemu-system-arm || want qemu-system-arm
have make || want make
# counting instructions builds a small plugin for the emulator
have gcc || want gcc
includes gcc stdio.h || want libc6-dev
if [ "$mode" = test ]; then
    # the same kernels are compiled by many tests
    have ccache || want ccache
    have clang || want clang
    # generated headers are tried from C++
    have g++ || want g++
    # generated CMake projects are built, under Ninja and under make
    have cmake || want cmake
    have ninja || want ninja-build
    # reports are looked at in a browser
    have chromium || have chromium-browser || have google-chrome || want chromium
fi

suits() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
python=
for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
    if suits "$candidate"; then
        python=$candidate
        break
    fi
done
if suits "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    venv_action=keep
else
    venv_action=create
    if [ -z "$python" ]; then
        # Ubuntu 22.04's own python3 is 3.10, and a newer one stands beside it
        [ "$os_id:$os_version" = ubuntu:22.04 ] && python=python3.11 || python=python3
        want "$python"
        want "$python-venv"
    elif ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        want "$python-venv"
    fi
fi

if [ "$mode" = test ]; then target=".[test]"; else target="."; fi
# The place is part of the stamp: a folder that was moved or copied holds an environment of somewhere else.
key="$(sha256sum <"$root/pyproject.toml" | cut -d' ' -f1) $root"
python_ready=no
if [ "$venv_action" = keep ] && [ -x "$venv/bin/microgen" ] && [ -r "$stamp" ]; then
    # what the tests need includes what the demonstration needs
    for level in "$mode" test; do
        if [ "$(cat "$stamp")" = "$level $key" ]; then python_ready=yes; fi
    done
fi

if [ ${#packages[@]} -eq 0 ] && [ "$python_ready" = yes ]; then
    exit 0
fi

# Say it, then do it

as_root=()
if [ ${#packages[@]} -gt 0 ]; then
    if [ "$supported" = no ]; then
        stop "microgen needs what Debian packages as" "  ${packages[*]}" \
            "(Python 3.11 or later). This script installs them on Debian 12 and later and on Ubuntu 22.04 and later;" \
            "this is $os_name. Install their counterparts and start again."
    fi
    if [ "$(id -u)" -ne 0 ]; then
        have sudo || stop "microgen needs system packages, and there is no sudo to install them. As root, run" \
            "  apt-get install --no-install-recommends ${packages[*]}" "and start again."
        as_root=(sudo)
    fi
fi
say "microgen needs the following, which will be installed now:"
if [ ${#packages[@]} -gt 0 ]; then
    say "  system packages (${as_root[*]:+${as_root[*]} }apt-get install): ${packages[*]}"
fi
if [ "$python_ready" = no ]; then
    say "  Python packages, in $venv: microgen from this folder, and what pyproject.toml lists" \
        "for it$([ "$mode" = test ] && echo ' and for its tests')"
fi

if [ ${#packages[@]} -gt 0 ]; then
    apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    say "Installing the system packages; this can take some minutes."
    # a source of the user's that is out of order need not stop the others
    "${apt[@]}" update || say "apt-get update reported an error; going on with the lists at hand."
    "${apt[@]}" install -y --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}" >/dev/null ||
        stop "apt-get could not install: ${packages[*]}"
fi

if [ "$python_ready" = no ]; then
    if [ "$venv_action" = create ]; then
        suits "$python" || stop "$python is older than Python 3.11, which microgen needs."
        say "Creating $venv with $("$python" --version)."
        "$python" -m venv --clear "$venv" || stop "$python could not create $venv."
    fi
    say "Installing the Python packages."
    (cd "$root" && "$venv/bin/python" -m pip --disable-pip-version-check install --quiet --editable "$target") ||
        stop "pip could not install the packages that pyproject.toml lists (its messages are above)."
    printf '%s %s\n' "$mode" "$key" >"$stamp"
fi
say "Set-up is complete."
