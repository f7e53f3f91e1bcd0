# Shared by the NFS suites: a volume in a directory, served where a kernel with an NFS client can reach it.
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../lib.sh"
kernel=$conformance/nfs/kernel.sh
impossible=$("$kernel" --why-not)
if [ -n "$impossible" ]; then echo "SKIP kernel: $impossible"; exit 0; fi
# Set up outside of any time limit: it fetches a kernel the first time.
[ "$("$kernel" --kind)" = host ] || [ -x "$lab/linux" ] || "$conformance/nfs/kernel-setup.sh" >"$work/setup.log" 2>&1 ||
  { echo "SKIP kernel: no guest kernel can be had here: $(why_from "$work/setup.log")"; exit 0; }
address=$("$kernel" --address)
store=$work/store
log=$work/gateway.log
allow=(); [ "$address" = 127.0.0.1 ] || allow=(--allow 10.77.0.0/24)

volume_create() {
  "$SEALGATE" volume create "$store" --secret-file "$secret" "$@" >"$work/create.log" 2>&1 ||
    { fail volume-create "$(why_from "$work/create.log")"; exit 1; }
}
# serve_nfs [PORT]: a free port unless one is named.
serve_nfs() {
  gateway_start "$log" "$kernel" --server -- "$store" --secret-file "$secret" --nfs "$address:${1:-0}" \
    --webdav none --admin none "${allow[@]}" ||
    { fail serve "$(why_from "$log")"; exit 1; }
  port=${gateway_nfs##*:}
}
