#!/usr/bin/env bash
# Becomes a MongoDB server for tests, on 127.0.0.1:
#
#     scripts/mongo-for-tests.sh --port PORT [--storage-path FOLDER]
#     scripts/mongo-for-tests.sh --install
#
# `mongod` when it is on the PATH, else SecantusDB, which speaks the same protocol and is installed
# into `.venv` on first use. Without a folder the data is thrown away at the end. Ready when the port
# opens. When stdin is a pipe, the server ends with whoever holds the other end: it cannot be left
# behind by a test that was killed.
set -euo pipefail

secantus=SecantusDB==0.7.0b3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
    sed -n '2,/^set/p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//' >&2
    exit 2
}

port='' folder='' discard='' only_install=''
while (($#)); do
    case $1 in
        --port) port=${2-} ;;
        --storage-path) folder=${2-} ;;
        --install) only_install=yes ;;
        *) usage ;;
    esac
    shift $(($# > 1 ? 2 : 1))
done
[[ $port =~ ^[0-9]+$ || -n $only_install ]] || usage

# One at a time: two that install into the same folder spoil it.
install() {
    mkdir -p "$root/.venv"
    exec 9>"$root/.venv/.installing"
    if command -v flock >/dev/null; then flock 9; fi
    if [[ ! -x $root/.venv/bin/secantusd-py ]]; then
        python3 -m venv "$root/.venv"
        "$root/.venv/bin/pip" install --quiet --disable-pip-version-check "$secantus"
    fi
    exec 9>&-
}

# Waits for the end of stdin, then ends the server, which has this shell's process id by then. Asks
# first whether it is still the parent: the id may be somebody else's by now.
watch() {
    local signal me=$BASHPID
    cat <&3
    for signal in TERM KILL; do
        for _ in {1..50}; do
            if [[ $(ps -o ppid= -p "$me") -ne $$ ]]; then break 2; fi
            kill -"$signal" $$ || true
            sleep 0.1
        done
    done
    if [[ -n $discard ]]; then rm -rf "$discard"; fi
}

if ! command -v mongod >/dev/null; then install >&2; fi
if [[ -n $only_install ]]; then exit; fi

if [[ -z $folder ]]; then folder=$(mktemp -d) discard=$folder; fi
mkdir -p "$folder"

if [[ -p /dev/stdin ]]; then
    exec 3<&0
    watch >/dev/null 2>&1 &
    exec 3<&- </dev/null
fi

if command -v mongod >/dev/null; then
    exec mongod --quiet --bind_ip 127.0.0.1 --port "$port" --dbpath "$folder" \
        --setParameter enableTestCommands=1
fi
exec "$root/.venv/bin/secantusd-py" --host 127.0.0.1 --port "$port" --storage-path "$folder" \
    --log-level WARNING --sync-on-commit --enable-test-commands
