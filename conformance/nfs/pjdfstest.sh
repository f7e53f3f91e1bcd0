#!/bin/bash
# pjdfstest, the Rust edition, as root in the guest. Every test that fails must be in pjdfstest/expected.txt with its
# reason, and every test listed there must fail: an unexpected pass is a failure too.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
version=0.2.2
program=$lab/pjdfstest/bin/pjdfstest
if [ ! -x "$program" ]; then
  for package in libacl1-dev acl; do
    dpkg -s "$package" >/dev/null 2>&1 || DEBIAN_FRONTEND=noninteractive apt-get install -qqy "$package" >>"$work/setup.log" 2>&1
  done
  CARGO_TARGET_DIR=$lab/pjdfstest-target timeout 1500 cargo install --locked --root "$lab/pjdfstest" pjdfstest --version "$version" \
    >>"$work/setup.log" 2>&1 || { fail setup "$(why_from "$work/setup.log")"; exit 1; }
  rm -rf "$lab/pjdfstest-target"
fi
volume_create
serve_nfs
LAB_TIMEOUT=${LAB_TIMEOUT:-900} "$kernel" "$conformance/nfs/checks/pjdfstest.sh" "$address" "$port" "$program" "${LAB_PJDFSTEST:-}" \
  >"$work/run.out" 2>&1
status=$?
[ -z "${SEALGATE_KEEP:-}" ] || cp "$work/run.out" "$lab/pjdfstest.log"
python3 "$conformance/nfs/pjdfstest/verdicts.py" "$work/run.out" "$conformance/nfs/pjdfstest/expected.txt"
[ "$status" -le 1 ] || fail guest "ended with $status: $(why_from "$work/run.out")"
gateway_stop "$gateway_pid"; verdict clean-stop $? "$(why_from "$log")"
