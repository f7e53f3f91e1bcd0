#!/bin/bash
# tree.sh HOST PORT SOURCE SIGNALS: copies a source tree in and compares, asks for the gateway to be killed, compares
# again through the same mount, and removes everything. The other side (tree.sh one folder up) watches SIGNALS:
# this script makes SIGNALS/crash when everything is synced and goes on when SIGNALS/restarted appears.
set -u
host=$1 port=$2 source=$3 signals=$4
m=/mnt/volume
mkdir -p $m
failed=0
say() { # say NAME STATUS WHY
  if [ "$2" = 0 ]; then echo "pass $1"; else echo "FAIL $1: $3"; failed=1; fi
}
wait_for() { for _ in $(seq 600); do [ -e "$1" ] && return 0; sleep 0.2; done; return 1; }
compare() { # with nothing in the client's caches
  echo 3 >/proc/sys/vm/drop_caches
  diff -r --no-dereference "$source" $m/tree >/tmp/sealgate-diff.$$ 2>&1
  local status=$?
  why=$(head -3 /tmp/sealgate-diff.$$ | tr '\n' ';'); rm -f /tmp/sealgate-diff.$$
  return $status
}

mount -t nfs -o "vers=3,tcp,nolock,hard,timeo=50,port=$port,mountport=$port" "$host:/" $m || { say mount 1 "not mounted"; exit 1; }
files=$(find "$source" -type f | wc -l)
SECONDS=0
out=$(cp -a "$source" $m/tree 2>&1); say "copy-$files-files" $? "$out"
echo "note: copied in $SECONDS s"; SECONDS=0
compare; say diff-after-copy $? "$why"
echo "note: compared in $SECONDS s"

sync -f $m
touch "$signals/crash"
wait_for "$signals/restarted"; say restarted $? "the gateway did not come back"
compare; say diff-after-crash-same-mount $? "$why"
echo more >$m/tree/written-after-crash; [ "$(cat $m/tree/written-after-crash)" = more ]; say write-after-crash $? "not written"

# Writes that were only half way there when the gateway died: the client sends them again.
dd if=/dev/urandom of=/mnt/random bs=1M count=24 status=none
(dd if=/mnt/random of=$m/in-flight bs=256k conv=fsync status=none; echo $? >"$signals/written") &
sleep 0.6; touch "$signals/crash-again"
wait_for "$signals/restarted-again"; say restarted-again $? "the gateway did not come back"
wait_for "$signals/written" && [ "$(cat "$signals/written")" = 0 ]; say fsync-survives-crash $? "dd failed"
echo 3 >/proc/sys/vm/drop_caches
cmp /mnt/random $m/in-flight >/dev/null 2>&1; say data-in-flight-is-whole $? "the file differs"

SECONDS=0
out=$(rm -rf $m/tree $m/in-flight 2>&1); say remove $? "$out"
[ -z "$(ls -A $m)" ]; say nothing-left $? "$(ls -A $m | head -3)"
echo "note: removed in $SECONDS s"
used=$(df --output=iused $m 2>/dev/null | tail -1 | tr -d ' ')
echo "note: inodes used after: $used"
sync -f $m; umount $m; say unmount $? "busy"
exit $failed
