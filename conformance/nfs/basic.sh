#!/bin/bash
# Links, renames, modes, sparse files, odd names, 30 MB there and back: by hand, with the kernel's own client.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
volume_create
serve_nfs
LAB_TIMEOUT=${LAB_TIMEOUT:-240} "$kernel" "$conformance/nfs/checks/basic.sh" "$address" "$port" || echo "note: the guest ended with $?"
gateway_stop "$gateway_pid"; verdict clean-stop $? "exit status $?: $(why_from "$log")"
