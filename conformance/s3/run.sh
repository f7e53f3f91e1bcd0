#!/bin/bash
# run.sh quick|full [CHECK...]: a gateway against S3 servers behind the strict proxy. See sse.py.
set -u
here=$(dirname "$(readlink -f "$0")")
lab=${SEALGATE_LAB:-$HOME/.cache/sealgate-lab}
mkdir -p "$lab"
"$here/setup.sh" "$1" >"$lab/s3-setup.log" 2>&1 || { echo "FAIL setup: $(tail -n 3 "$lab/s3-setup.log" | tr '\n' ' ')"; exit 1; }
exec "$lab/ministack/bin/python" "$here/sse.py" "$@"
