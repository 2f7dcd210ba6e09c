#!/usr/bin/env bash
# Runs a command in a process group of its own. When it ends, or is told to, whatever it left in
# that group is ended too. A command that hangs is ended after PARLOR_ALONE_S seconds (default 1800):
#
#     scripts/alone.sh COMMAND [ARGUMENT...]
set -uo pipefail
limit=${PARLOR_ALONE_S:-1800}

set -m
"$@" </dev/null &
group=$!
(
  sleep "$limit"
  echo "alone.sh: still running after $limit s, ended: $*" >&2
  kill -KILL -- -"$group"
) </dev/null &
watch=$!
set +m
trap 'kill -KILL -- -"$group" -"$watch" 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
wait "$group"
