#!/bin/bash
# Runs a script as root where a Linux kernel can mount NFS: on this machine if its kernel can, else inside
# User-Mode Linux, which boots in about a second and whose root file system is this machine's own.
#
#   kernel.sh --why-not               says why neither is possible here; says nothing if one is
#   kernel.sh --kind                  "host" or "guest"
#   kernel.sh --address               the address a gateway must bind for the script to reach it
#   kernel.sh --server CMD [ARG...]   becomes CMD, on the gateway's side of the network
#   kernel.sh SCRIPT [ARG...]         exit status of the script (124: time limit, 125: the kernel died)
#
# The script finds an empty tmpfs on /mnt; everything else is this machine's files. Variables named LAB_* reach it.
#
#   LAB_KIND=guest       use User-Mode Linux even where the host could mount
#   LAB_NET=sealgate-lab name of the network namespace; several may run side by side
#   LAB_TIMEOUT=570      seconds   LAB_MEMORY=1G of the guest
#   SEALGATE_LAB=DIR     see kernel-setup.sh
set -u
here=$(dirname "$(readlink -f "$0")")
lab=${SEALGATE_LAB:-$HOME/.cache/sealgate-lab}
net=${LAB_NET:-sealgate-lab}
mtu=9000

host_can_mount() {
  [ "${LAB_KIND:-}" != guest ] || return 1
  command -v mount.nfs >/dev/null || return 1
  grep -qw nfs /proc/filesystems || modprobe -q nfs 2>/dev/null
}

why_not() {
  [ "$(id -u)" = 0 ] || { echo "mounting needs root"; return; }
  host_can_mount && return
  [ "$(uname -m)" = x86_64 ] || { echo "no NFS client in this kernel, and User-Mode Linux is for x86_64"; return; }
  [ -c /dev/net/tun ] || { echo "no NFS client in this kernel, and no /dev/net/tun for a guest"; return; }
  unshare -n true 2>/dev/null || echo "no NFS client in this kernel, and no network namespaces for a guest"
}

# The guest's cable ends in a network namespace, so that its address meets nobody else's.
make_net() {
  ip netns list | grep -qw "$net" || ip netns add "$net" || return 1
  ip netns exec "$net" sh -c "
    ip link set lo up
    ip link show tap0 >/dev/null 2>&1 || { ip tuntap add tap0 mode tap; ip addr add 10.77.0.1/24 dev tap0; }
    ip link set tap0 mtu $mtu up"
}

ready() { [ -x "$lab/linux" ] || "$here/kernel-setup.sh" >&2; }

case ${1:-} in
  --why-not) why_not; exit 0 ;;
  --kind) if host_can_mount; then echo host; else echo guest; fi; exit 0 ;;
  --address) if host_can_mount; then echo 127.0.0.1; else echo 10.77.0.1; fi; exit 0 ;;
  --server)
    shift
    host_can_mount && exec "$@"
    ready && make_net || exit 125
    exec ip netns exec "$net" "$@" ;;
  -*|'') sed -n 2,17p "$0"; exit 2 ;;
esac

script=$(readlink -f "$1"); shift
limit=${LAB_TIMEOUT:-570}
if host_can_mount; then
  export script
  exec timeout -k 5 "$limit" unshare -m --propagation private \
    bash -c 'mount -t tmpfs tmpfs /mnt && cd /mnt && exec bash "$script" "$@"' kernel "$@" </dev/null
fi

ready && make_net || exit 125
run=$(mktemp -d "${TMPDIR:-/tmp}/sealgate-guest.XXXXXX")
trap 'rm -rf "$run"' EXIT
echo 125 >"$run/status"
{
  echo '#!/bin/bash'
  echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8'
  echo 'mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run'
  echo 'mount -t tmpfs -o size=90% tmpfs /mnt; mount -t devtmpfs dev /dev 2>/dev/null'
  echo 'mkdir -p /dev/shm /dev/pts; mount -t tmpfs tmpfs /dev/shm; mount -t devpts devpts /dev/pts'
  echo 'for l in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -sfn "${l#*:}" "/dev/${l%%:*}"; done'
  echo "hostname guest; ip link set lo up; ip link set vec0 mtu $mtu; ip addr add 10.77.0.2/24 dev vec0; ip link set vec0 up"
  for name in ${!LAB_@}; do printf 'export %s=%q\n' "$name" "${!name}"; done
  echo "modprobe -d $lab/modroot nfsv3; cd /mnt"
  printf 'bash %q' "$script"; printf ' %q' "$@"; echo ' </dev/null'
  echo "echo \$? >$run/status; sync; echo o >/proc/sysrq-trigger; sleep 5"
} >"$run/init"
chmod +x "$run/init"

timeout -k 5 "$limit" ip netns exec "$net" "$lab/linux" rootfstype=hostfs rw mem="${LAB_MEMORY:-1G}" init="$run/init" \
  con=null con0=fd:0,fd:1 seccomp=on "vec0:transport=tap,ifname=tap0,depth=64,gro=1,mtu=$mtu" quiet noreboot \
  </dev/null 2>&1 |
  grep --line-buffered -vaE '^(Failed to initialize ubd device|uml-vector |sysrq: Power Off|reboot: |Core dump limits|Checking |[[:space:]]*$)'
ended=${PIPESTATUS[0]}
status=$(cat "$run/status")
[ "$ended" = 124 ] || [ "$ended" = 137 ] && exit 124
exit "$status"
