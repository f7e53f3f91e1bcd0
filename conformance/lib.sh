# Shared by the suites: a scratch directory, gateways that are started, waited for and ended by their own pid.
# A suite prints `pass NAME`, `FAIL NAME: why` or `SKIP NAME: why`, one line per check; anything else is a note.
set -u
conformance=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
: "${SEALGATE:?set SEALGATE to the program under test}"
lab=${SEALGATE_LAB:-$HOME/.cache/sealgate-lab}
mkdir -p "$lab"
work=$(mktemp -d "${SEALGATE_WORK:-${TMPDIR:-/tmp}}/sealgate-suite.XXXXXX")
secret=$work/secret
(umask 077; echo 'a secret of the laboratory' >"$secret")
gateways=()

end_gateways() {
  local pid
  for pid in "${gateways[@]:-}"; do [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; done
  wait 2>/dev/null
}
finish() { end_gateways; [ -n "${SEALGATE_KEEP:-}" ] && echo "note: kept $work" || rm -rf "$work"; }
trap finish EXIT

pass() { echo "pass $1"; }
fail() { echo "FAIL $1: $2"; }
# verdict NAME STATUS WHY
verdict() { if [ "$2" = 0 ]; then pass "$1"; else fail "$1" "$3"; fi; }

# gateway_start LOG ENTER... -- ARG...: serves in the background; waits for the ready line; sets gateway_pid and
# gateway_nfs, gateway_webdav, gateway_admin. ENTER is a command that becomes another (a network namespace), or nothing.
gateway_start() {
  local log=$1 enter=(); shift
  while [ "$1" != -- ]; do enter+=("$1"); shift; done; shift
  : >"$log.out"
  "${enter[@]}" "$SEALGATE" serve "$@" >"$log.out" 2>>"$log" </dev/null &
  gateway_pid=$!
  gateways+=("$gateway_pid")
  local n line
  for n in $(seq 300); do
    line=$(grep -m1 '^ready ' "$log.out") && break
    kill -0 "$gateway_pid" 2>/dev/null || { wait "$gateway_pid"; gateway_status=$?; return 1; }
    sleep 0.2
  done
  [ -n "${line:-}" ] || return 1
  gateway_nfs=$(sed -n 's/.*nfs=\([^ ]*\).*/\1/p' <<<"$line")
  gateway_webdav=$(sed -n 's/.*webdav=\([^ ]*\).*/\1/p' <<<"$line")
  gateway_admin=$(sed -n 's/.*admin=\([^ ]*\).*/\1/p' <<<"$line")
}

# gateway_stop PID: a clean stop; gives its exit status.
gateway_stop() {
  local n
  kill -TERM "$1" 2>/dev/null
  for n in $(seq 300); do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
  kill -0 "$1" 2>/dev/null && { kill -9 "$1"; wait "$1" 2>/dev/null; return 124; }
  wait "$1" 2>/dev/null
}

# gateway_kill PID: the machine lost its power, as far as this process can tell.
gateway_kill() { kill -9 "$1" 2>/dev/null; wait "$1" 2>/dev/null; }

why_from() { tail -n 3 "$1" 2>/dev/null | tr '\n' ' ' | cut -c1-600; }
