#!/usr/bin/env bash
# Runs a command in a process group of its own. When it ends, or is told to, whatever it left in
# that group is ended too:
#
#     scripts/alone.sh COMMAND [ARGUMENT...]
set -uo pipefail

set -m
"$@" </dev/null &
group=$!
set +m
trap 'kill -KILL -- -"$group" 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
wait "$group"
