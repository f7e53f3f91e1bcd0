#!/bin/bash
# WebDAV as others define it: every suite of litmus, and what curl and cadaver do with a real gateway on a directory.
#
#   SEALGATE=FILE conformance/webdav/run.sh
#
# Installs litmus and cadaver with apt-get where they are missing; without them their checks are skipped. litmus gets no
# special treatment: the gateway does not know its headers. Ends with `N passed, N failed`.
. "$(dirname "$(readlink -f "$0")")/../lib.sh"

passed=0 failed=0
pass() { passed=$((passed + 1)); echo "pass $1"; }
fail() { failed=$((failed + 1)); echo "FAIL $1: $2"; }
# same NAME WANTED GOT
same() { [ "$2" = "$3" ] && pass "$1" || fail "$1" "wanted $2, got $3"; }

need() {
  command -v "$1" >/dev/null && return
  { apt-get install -y "$1" || { apt-get update && apt-get install -y "$1"; }; } >"$work/apt.log" 2>&1
  command -v "$1" >/dev/null || { echo "SKIP $1: not installed, and apt-get cannot install it"; return 1; }
}

start() {
  gateway_start "$work/log" -- "$work/store" --secret-file "$secret" --nfs none --webdav 127.0.0.1:0 --admin none &&
    url=http://$gateway_webdav
}

# code CURL-ARGUMENT...: the status alone.
code() { curl -s -o /dev/null -m 60 -w '%{http_code}' "$@"; }

litmus_suite() {
  local line name verdict
  (cd "$work" && TESTS=$1 timeout 240 litmus -k "$url/" >"$work/litmus.out" 2>&1)
  # A test may rewrite its own line; the last writing counts.
  tr '\r' '\n' <"$work/litmus.out" |
    sed -nE 's/^.* ?([0-9]+)\. ([a-zA-Z0-9_]+)\.* (pass|FAIL|SKIPPED|WARNING)(.*)$/\3 \2 \1 \4/p' >"$work/litmus.tests"
  while read -r verdict name number rest; do
    case $verdict in
      pass) pass "litmus-$1-$number-$name" ;;
      SKIPPED) fail "litmus-$1-$number-$name" "not run $rest" ;;
      WARNING) echo "note: litmus-$1-$number-$name: $rest" ;;
      FAIL) fail "litmus-$1-$number-$name" "$rest" ;;
    esac
  done <"$work/litmus.tests"
  grep -q "^<- summary for" "$work/litmus.out" || fail "litmus-$1" "broke off: $(tail -n 2 "$work/litmus.out" | tr '\n' ' ')"
}

curl_checks() {
  head -c 20000000 /dev/urandom >"$work/big"
  same curl-put-new 201 "$(code -T "$work/big" "$url/big")"
  curl -s -m 60 "$url/big" | cmp -s - "$work/big"; verdict curl-get $? "the content differs"
  same curl-put-again 204 "$(code -T "$work/big" "$url/big")"
  curl -s -m 60 -r 12345678-12345777 "$url/big" >"$work/part"
  tail -c +12345679 "$work/big" | head -c 100 | cmp -s - "$work/part"; verdict curl-range $? "the part differs"
  curl -s -m 60 -H 'Transfer-Encoding: chunked' -T - "$url/chunked" <"$work/big"
  curl -s -m 60 "$url/chunked" | cmp -s - "$work/big"; verdict curl-chunked $? "the content differs"

  local tag
  tag=$(curl -s -I "$url/big" | tr -d '\r' | sed -n 's/^etag: //Ip')
  same curl-not-modified 304 "$(code -H "If-None-Match: $tag" "$url/big")"
  same curl-lost-update 412 "$(code -H 'If-Match: "other"' -T "$work/part" "$url/big")"

  # The client dies half-way: 20 MB announced, one part sent.
  if exec 9<>"/dev/tcp/${gateway_webdav%:*}/${gateway_webdav##*:}"; then
    printf 'PUT /big HTTP/1.1\r\nHost: %s\r\nContent-Length: 20000000\r\n\r\n' "$gateway_webdav" >&9
    head -c 5000000 /dev/zero >&9
    exec 9>&-
  fi
  sleep 1
  curl -s -m 60 "$url/big" | cmp -s - "$work/big"; verdict curl-aborted-upload $? "the old content is gone"

  same curl-mkcol 201 "$(code -X MKCOL "$url/tree")"
  same curl-put-in-tree 201 "$(code -T "$work/part" "$url/tree/a%20b")"
  same curl-copy 201 "$(code -X COPY -H 'Destination: /copy' "$url/tree")"
  same curl-move-onto-itself 403 "$(code -X MOVE -H 'Destination: /tree/x/' "$url/tree/")"
  same curl-move-replacing 204 "$(code -X MOVE -H 'Destination: /copy' "$url/tree")"
  curl -s "$url/copy/a%20b" | cmp -s - "$work/part"; verdict curl-moved-content $? "the content differs"
  same curl-foreign-destination 502 "$(code -X MOVE -H 'Destination: http://192.0.2.1/x' "$url/copy")"
  same curl-delete-tree 204 "$(code -X DELETE "$url/copy")"

  same curl-infinite-depth 403 "$(code -X PROPFIND -H 'Depth: infinity' "$url/")"
  same curl-traversal 400 "$(code --path-as-is "$url/../../etc/passwd")"
  same curl-encoded-traversal 400 "$(code --path-as-is "$url/%2e%2e/x")"
  same curl-encoded-slash 400 "$(code "$url/a%2fb")"
  same curl-foreign-host 421 "$(code -H 'Host: rebound.example' "$url/")"
  same curl-entity 400 "$(code -X PROPFIND -H 'Depth: 0' -d '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>' "$url/")"
}

cadaver_checks() {
  local rc=$work/cadaverrc
  : >"$rc"
  printf 'mkcol drawer\ncd drawer\nput %s part\nlock part\nput %s part\nunlock part\nls\nget part %s\nquit\n' \
    "$work/part" "$work/part" "$work/back" | HOME=$work timeout 60 cadaver -r "$rc" "$url/" >"$work/cadaver.out" 2>&1
  cmp -s "$work/part" "$work/back"; verdict cadaver-put-lock-get $? "$(why_from "$work/cadaver.out")"
  same cadaver-unlocked 204 "$(code -T "$work/part" "$url/drawer/part")"
}

# 201 and 204 mean durable: the content survives a gateway that is killed right after them.
durability_check() {
  same durable-put 201 "$(code -T "$work/big" "$url/durable")"
  gateway_kill "$gateway_pid"
  start || { fail durable-restart "$(why_from "$work/log")"; return; }
  curl -s -m 60 "$url/durable" | cmp -s - "$work/big"; verdict durable-after-kill $? "the content differs"
}

"$SEALGATE" volume create "$work/store" --secret-file "$secret" >"$work/log" 2>&1 ||
  { fail volume-create "$(why_from "$work/log")"; echo "$passed passed, $failed failed"; exit 1; }
if start; then
  if need litmus; then
    for suite in basic copymove props locks http; do litmus_suite "$suite"; done
  fi
  curl_checks
  if need cadaver; then cadaver_checks; fi
  durability_check
  gateway_stop "$gateway_pid"; verdict clean-stop $? "exit status $?: $(why_from "$work/log")"
else
  fail start "$(why_from "$work/log")"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
