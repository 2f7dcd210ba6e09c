#!/usr/bin/env bash
# Installs what the tests need besides Rust and Node, or says what is missing and how to get it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=()
need() { # package, then a command that works when it is there
    local package=$1
    shift
    if ! "$@" >/dev/null 2>&1; then missing+=("$package"); fi
}

wants_mongo() {
    [[ -z ${MONGODB_URI-} && ${PARLOR_TEST_SKIP_MONGO-} != 1 ]] && ! command -v mongod >/dev/null
}

need mosquitto-clients command -v mosquitto_sub
need chromium command -v chromium
need curl command -v curl
need openssl command -v openssl
need nginx-light test -x /usr/sbin/nginx
need python3-venv python3 -c 'import ensurepip, venv'

if ((${#missing[@]})); then
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "The tests need these packages of Debian: ${missing[*]}" >&2
        echo "As root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "Installing ${missing[*]}"
    # In this runlevel the packages' services are not started.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; }; then
        echo "These packages could not be installed: ${missing[*]}" >&2
        exit 1
    fi >/dev/null
fi

for part in fmt clippy; do
    if ! cargo "$part" --version >/dev/null 2>&1; then
        echo "Rust lacks cargo $part: rustup component add rustfmt clippy" >&2
        exit 1
    fi
done

# The lines of the help page are run: one of them is Python's. Paho's version is that of conformance.sh.
if ! .venv/bin/python -c 'import paho.mqtt' 2>/dev/null; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check paho-mqtt==2.1.0
fi

if wants_mongo && ! scripts/mongo-for-tests.sh --install; then
    echo "The MongoDB server for the tests could not be installed. Give one by MONGODB_URI, or" >&2
    echo "leave its tests out with PARLOR_TEST_SKIP_MONGO=1" >&2
    exit 1
fi
