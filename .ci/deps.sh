#!/usr/bin/env bash
# Installs what `make demo`, `make test`, `make smoke`, `make lint` and `make guard` need and the system does not have.
#
# Usage: .ci/deps.sh [demo] [test] [smoke] [lint] [guard]     (default: all five)
#
# Says what is missing and the command that installs it. Runs that command at once for root, or with YES=1 (through sudo); asks on a
# terminal; otherwise only prints it and exits with 2.
set -euo pipefail

system=$(uname -s)
packages=()

# need WHAT-TEST DEBIAN-PACKAGE BREW-PACKAGE: remembers the system's package unless the test passes.
need() {
    if eval "$1" >/dev/null 2>&1; then return; fi
    local package=$2
    if [ "$system" = Darwin ]; then package=$3; fi
    case " ${packages[*]-} " in
        *" $package "*) ;;
        *) packages+=("$package") ;;
    esac
}

for purpose in "${@:-all}"; do
    case $purpose in all | demo | test | smoke | lint | guard) ;;
        *) echo "deps: \"$purpose\" is none of demo, test, smoke, lint, guard" >&2; exit 64 ;;
    esac
    need 'command -v pkg-config' pkg-config pkg-config
    need 'pkg-config --exists hiredis' libhiredis-dev hiredis
    case $purpose in all | demo | test | guard)
        need 'command -v redis-server' redis-server redis
        need 'command -v redis-cli' redis-tools redis
    esac
    case $purpose in all | test)
        # The tests talk to Redis as a service in another language does, and through TLS with a certificate of their own.
        # Debian's package serves Debian's Python; another one may come first in PATH. Homebrew has no such package.
        if [ "$system" != Darwin ]; then need '/usr/bin/python3 -c "import redis"' python3-redis ''; fi
        need 'command -v openssl' openssl openssl
        # Lets a test's redis-server skip time. A Mac refuses to load it into others' programs.
        if [ "$system" != Darwin ]; then need 'ls /usr/lib/*/faketime/libfaketimeMT.so.1' libfaketime ''; fi
    esac
    case $purpose in all | test | smoke)
        # Time zones, for schedules; macOS has them.
        if [ "$system" != Darwin ]; then need '[ -e /usr/share/zoneinfo/Europe/Berlin ]' tzdata ''; fi
    esac
    # AsyncHTTPClient, of StepwiseHTTP, is built against it.
    case $purpose in all | test | smoke | lint | guard)
        if [ "$system" != Darwin ]; then need 'test -e /usr/include/zlib.h' zlib1g-dev ''; fi
    esac
    case $purpose in all | lint)
        need 'command -v python3' python3 python3
        need 'command -v luacheck' lua-check luacheck
        need 'command -v docker-compose || docker compose version' docker-compose docker-compose
    esac
    case $purpose in all | guard)
        # There is none for a Mac.
        if [ "$system" != Darwin ]; then
            need 'command -v valgrind' valgrind ''
            need 'command -v cc' gcc ''
            need 'command -v strip' binutils ''
        fi
    esac
done

if ! command -v swift >/dev/null; then
    echo "deps: swift is missing; https://www.swift.org/install has it (6.2 or later)" >&2
    exit 2
fi
if [ "${#packages[@]}" -eq 0 ]; then exit 0; fi

if [ "$system" = Darwin ]; then
    command="brew install ${packages[*]}"
else
    sudo=
    if [ "$(id -u)" -ne 0 ]; then sudo="sudo "; fi
    # Without a terminal that debconf could ask on.
    install="DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages[*]}"
    command="${sudo}apt-get update -qq && ${sudo}env $install"
fi

echo "missing: ${packages[*]}"
echo "  $command"
if [ -n "${sudo:-}" ] && ! command -v sudo >/dev/null; then
    echo "deps: there is no sudo here; run the command as root, without the word sudo" >&2
    exit 2
fi
if [ "$(id -u)" -ne 0 ] && [ "${YES:-}" != 1 ]; then
    if [ ! -t 0 ]; then
        echo "deps: run the command above, or make again with YES=1" >&2
        exit 2
    fi
    read -r -p "Run it now? [y/N] " answer
    case $answer in y | Y | yes) ;;
        *) exit 2 ;;
    esac
fi
# The machine's own Redis service, if the package starts one, is not used: tests and demo start their own, on unix sockets.
bash -c "$command"
