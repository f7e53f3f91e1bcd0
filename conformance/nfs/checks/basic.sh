#!/bin/bash
# basic.sh HOST PORT: mounts with the kernel's NFSv3 client and does by hand what any file system must do.
# One line per check: `pass NAME` or `FAIL NAME: why`.
set -u
m=/mnt/volume
mkdir -p $m
failed=0
check() { # check NAME CMD...: the command's output explains a failure
  local name=$1 out; shift
  if out=$("$@" 2>&1); then echo "pass $name"; else echo "FAIL $name: ${out:-exit status is not 0}" | tr '\n' ' '; echo; failed=1; fi
}
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches; }
is() { [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }; }

mount_volume() { mount -t nfs -o "vers=3,tcp,nolock,hard,port=$2,mountport=$2" "$1:/" $m; }
links() {
  echo hello >a && ln a b && is "$(stat -c %h a)" 2 && ln -s a to-a && is "$(readlink to-a)" a &&
    is "$(cat to-a)" hello && rm a && is "$(stat -c %h b)" 1 && is "$(cat b)" hello && rm b to-a
}
renames() {
  mkdir -p one/deep two && echo x >one/f && echo y >two/f && mv -T one/f two/f && is "$(cat two/f)" x &&
    mv one two/moved && [ -d two/moved/deep ] && ! mv two two/moved/inside 2>/dev/null && rm -r two
}
open_unlinked() {
  echo kept >gone; exec 7<gone; rm gone
  is "$(cat <&7)" kept; local status=$?
  exec 7<&-; return $status
}
modes() {
  echo x >f && chmod 4751 f && is "$(stat -c %a f)" 4751 && chown 12:34 f && is "$(stat -c %u:%g f)" 12:34 &&
    touch -d '2001-02-03 04:05:06.789' f && drop_caches && is "$(stat -c %y f | cut -c1-23)" '2001-02-03 04:05:06.789' && rm f
}
sparse() {
  truncate -s 3G hole && is "$(stat -c %s hole)" 3221225472 && printf end | dd of=hole bs=1 seek=3221225469 conv=notrunc status=none &&
    drop_caches && is "$(tail -c 3 hole)" end && is "$(head -c 65536 hole | tr -d '\0' | wc -c)" 0 &&
    truncate -s 10 hole && is "$(stat -c %s hole)" 10 && rm hole
}
append() { for i in 1 2 3 4 5; do echo line$i >>log || return 1; done; drop_caches; is "$(wc -l <log)" 5 && rm log; }
names() {
  local long; long=$(printf 'n%.0s' {1..255})
  echo x >"$long" && [ -f "$long" ] && ! echo x >"${long}n" 2>/dev/null && echo y >$'b\xe4\n ?*' && is "$(cat $'b\xe4\n ?*')" y && rm -- "$long" $'b\xe4\n ?*'
}
many() {
  mkdir many && (cd many && seq 1 3000 | xargs touch) && drop_caches && is "$(ls many | wc -l)" 3000 &&
    is "$(ls -f many | sort | uniq -d | wc -l)" 0 && rm -r many
}
there_and_back() {
  head -c 30000000 /dev/urandom >r && local sum && sum=$(sha256sum <r) && drop_caches && is "$(sha256sum <r)" "$sum" &&
    dd if=r of=copy bs=1M conv=fsync status=none && drop_caches && cmp r copy && rm r copy
}
special() { mkfifo p && [ -p p ] && mknod n c 1 3 && [ -c n ] && rm p n; }
nobody_is_refused() {
  mkdir -m 700 private && echo s >private/f && ! setpriv --reuid 65534 --regid 65534 --clear-groups cat private/f 2>/dev/null &&
    mkdir -m 777 shared && setpriv --reuid 65534 --regid 65534 --clear-groups touch shared/theirs && is "$(stat -c %u shared/theirs)" 65534 && rm -r private shared
}
nothing_left() { is "$(ls -A)" '' && df . >/dev/null; }

check mount mount_volume "$1" "$2" || exit 1
cd $m || exit 1
for name in links renames open_unlinked modes sparse append names many there_and_back special nobody_is_refused nothing_left; do
  check "$name" "$name"
done
cd /
check unmount umount $m
exit $failed
