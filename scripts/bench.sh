#!/usr/bin/env bash
# Loads Parlor and its peers side by side, in a network of their own where the machine allows it:
# mosquitto's WebSocket listener cannot be bound to the loopback.
#
#     scripts/bench.sh TARGET-FOLDER [ARGUMENT OF load...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$(realpath "$1")
shift
ulimit -n "$(ulimit -Hn)"
command=(
  "$target/bench/release/load"
  --parlor "$target/release/parlor"
  --rumqttd "$target/bench/release/rumqttd-peer"
  --socketio "$PWD/benches/peers/socketio/server.js"
  --data "$target/bench/data"
  --document docs/performance.md
  "$@"
)
if unshare --net true 2>/dev/null; then
  exec unshare --net sh -c 'ip link set lo up && exec "$@"' bench "${command[@]}"
fi
echo "bench.sh: without a network of its own, mosquitto's WebSocket port is open to others" >&2
exec "${command[@]}"
