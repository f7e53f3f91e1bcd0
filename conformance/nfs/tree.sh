#!/bin/bash
# A source tree of thousands of files goes in and is compared; the gateway is killed under the mount, twice, and comes
# back on the same port; in the end nothing is left and the bucket has shrunk.
#   LAB_TREE=DIR   the tree (default: the largest dependency's sources; quick runs take 2,000 files of it)
. "$(dirname "$(readlink -f "$0")")/lib.sh"
signals=$work/signals
mkdir -p "$signals"

source_tree() {
  local found
  found=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/aws-lc-sys-* 2>/dev/null | tail -1)
  if [ -n "$found" ]; then echo "$found"; else echo /usr/include; fi
}
tree=${LAB_TREE:-$(source_tree)}

bucket_bytes() { du -sb "$store" | cut -f1; }
volume_create
serve_nfs
empty=$(bucket_bytes)

LAB_TIMEOUT=${LAB_TIMEOUT:-580} "$kernel" "$conformance/nfs/checks/tree.sh" "$address" "$port" "$tree" "$signals" >"$work/check.out" 2>&1 &
check=$!
crash() { # crash WANTED DONE: waits for the wish, kills, starts again on the same port
  while [ ! -e "$signals/$1" ]; do kill -0 "$check" 2>/dev/null || return 1; sleep 0.2; done
  gateway_kill "$gateway_pid"
  full=$(bucket_bytes)
  sleep 1
  serve_nfs "$port"
  touch "$signals/$2"
}
crash crash restarted && crash crash-again restarted-again
wait "$check"; status=$?
cat "$work/check.out"
[ "$status" -le 1 ] || fail guest "ended with $status"

# What was removed leaves the bucket: the gateway reclaims in the background, and when it stops and starts.
for _ in $(seq 60); do left=$(bucket_bytes); [ "$left" -lt $((full / 4)) ] && break; sleep 1; done
if [ "$left" -ge $((full / 4)) ]; then
  gateway_stop "$gateway_pid"; serve_nfs
  for _ in $(seq 60); do left=$(bucket_bytes); [ "$left" -lt $((full / 4)) ] && break; sleep 1; done
  echo "note: the bucket shrank only after a restart, or not at all"
fi
echo "note: bucket bytes: $empty empty, $full with the tree, $left after rm -rf"
[ "$left" -lt $((full / 4)) ]; verdict bucket-shrinks $? "$full bytes before, $left after rm -rf"
gateway_stop "$gateway_pid"; verdict clean-stop $? "$(why_from "$log")"
