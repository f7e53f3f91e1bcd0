#!/bin/bash
# pjdfstest.sh HOST PORT PROGRAM [PATTERN]: mounts and runs pjdfstest as root; its output is the output.
set -u
m=/mnt/volume
mkdir -p $m /mnt/other
mount -t nfs -o "vers=3,tcp,nolock,hard,port=$2,mountport=$2" "$1:/" $m || exit 3
mount -t tmpfs tmpfs /mnt/other
export NO_COLOR=1
cat >/mnt/pjdfstest.toml <<'TOML'
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
secondary_fs = "/mnt/other"

[settings]
naptime = 0.01
allow_remount = false

# Users that every Debian has, so that nothing is added to the machine.
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
TOML
chmod 755 $m
"$3" -c /mnt/pjdfstest.toml -p $m ${4:+"$4"}
status=$?
cd /; umount $m || exit 3
exit $status
