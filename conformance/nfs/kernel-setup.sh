#!/bin/bash
# Makes a Linux kernel with an NFS client available where the machine's own kernel has none: User-Mode Linux
# from Debian's packages, made to run here. Idempotent; needs root; about 15 seconds and 60 MB.
#
#   SEALGATE_LAB=DIR    where it goes (default ~/.cache/sealgate-lab)
#   LAB_SUITE=sid       the Debian suite it comes from: kernels before 6.13 die on processors with AMX, whose
#                       register set is larger than they expect, so the stable suite's will not do
set -euo pipefail

lab=${SEALGATE_LAB:-$HOME/.cache/sealgate-lab}
suite=${LAB_SUITE:-sid}

need=()
for package in kmod iproute2 nfs-common patchelf; do
  dpkg -s "$package" >/dev/null 2>&1 || need+=("$package")
done
if [ ${#need[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "${need[@]}" >/dev/null
fi

if [ -x "$lab/linux" ] && [ -d "$lab/modroot/lib/modules" ]; then
  echo "kernel ready: Linux $(ls "$lab/modroot/lib/modules")"
  exit 0
fi

# An apt of its own, so that the machine's package lists never see the other suite.
mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep -v security | sort -u | head -1)
apt=$lab/apt
mkdir -p "$apt/lists/partial" "$lab/download"
echo "deb $mirror $suite main" >"$apt/suite.list"
options=(-o Dir::Etc::sourcelist="$apt/suite.list" -o Dir::Etc::sourceparts=-
  -o Dir::State::lists="$apt/lists" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update -qq
(cd "$lab/download" && rm -f ./*.deb && apt-get "${options[@]}" download -qq user-mode-linux libc6)

rm -rf "$lab/root"
for package in "$lab"/download/*.deb; do dpkg -x "$package" "$lab/root"; done
# The kernel is a program linked against the other suite's C library: give it that one.
loader=$(find "$lab/root" -name ld-linux-x86-64.so.2 -path '*x86_64-linux-gnu*' | head -1)
library=$(dirname "$(find "$lab/root" -name libc.so.6 | head -1)")
cp "$lab/root/usr/bin/linux.uml" "$lab/linux.new"
patchelf --set-interpreter "$loader" --set-rpath "$library" "$lab/linux.new"
mkdir -p "$lab/modroot/lib"
ln -sfn "$lab/root/usr/lib/uml/modules" "$lab/modroot/lib/modules"
depmod -b "$lab/modroot" "$(ls "$lab/modroot/lib/modules")"
mv "$lab/linux.new" "$lab/linux"
echo "kernel ready: Linux $(ls "$lab/modroot/lib/modules")"
