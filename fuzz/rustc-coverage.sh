#!/bin/bash
# Cargo's RUSTC_WORKSPACE_WRAPPER for fuzzing: adds libFuzzer's coverage and comparison tracing to the crates of this
# workspace, with a stable compiler. Dependencies stay as the dev profile built them. No address sanitizer: the
# workspace's code is safe Rust, and what a decoder does wrong there is a panic, an endless loop or a large allocation.
exec "$@" -Cpasses=sancov-module \
  -Cllvm-args=-sanitizer-coverage-level=4 \
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table \
  -Cllvm-args=-sanitizer-coverage-trace-compares \
  -Copt-level=1 -Cdebug-assertions=on -Coverflow-checks=on -Ccodegen-units=16
