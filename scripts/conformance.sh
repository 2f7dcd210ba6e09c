#!/usr/bin/env bash
# Runs clients that others have written, and the Paho interoperability suite, against Parlor, over
# TCP and over WebSocket:
#
#     scripts/conformance.sh PARLOR
#
# Paho's client comes from PyPI, into .venv. Of the suite:
# PAHO_TESTING=FOLDER is a copy of the suite's repository; without it, it is cloned. Where it cannot
# be had that is an error, unless PARLOR_CONFORMANCE=optional.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

parlor=$(realpath "$1")
origin=https://github.com/eclipse/paho.mqtt.testing
suite=${PAHO_TESTING-}
paho=paho-mqtt==2.1.0

if ! .venv/bin/python -c 'import paho.mqtt' 2>/dev/null; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check "$paho"
fi
.venv/bin/python tests/peers/run.py "$parlor"

if [[ -z $suite ]]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    suite=$folder/suite
    if ! GIT_TERMINAL_PROMPT=0 timeout 120 git clone --quiet --depth 1 "$origin" "$suite"; then
        why="the suite cannot be had from $origin; PAHO_TESTING=FOLDER names a copy of it"
        if [[ ${PARLOR_CONFORMANCE-} == optional ]]; then
            echo "conformance skipped: $why"
            exit 0
        fi
        echo "conformance: $why" >&2
        exit 1
    fi
fi
if [[ ! -f $suite/interoperability/client_test5.py ]]; then
    echo "conformance: $suite holds no interoperability/client_test5.py" >&2
    exit 1
fi
python3 tests/conformance/run.py "$parlor" "$suite/interoperability"
