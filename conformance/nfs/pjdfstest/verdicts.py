#!/usr/bin/env python3
"""verdicts.py OUTPUT EXPECTED: compares a pjdfstest run with the failures that are expected.

EXPECTED has one line per test: its name, two spaces or more, the reason. A failure that is not listed fails; a test
that is listed and passes fails too, so that the list never outlives its reasons."""
import re
import sys

run, expected = {}, {}
reasons = {}
name = None
for line in open(sys.argv[1], errors="replace"):
    found = re.match(r"(\S+::\S+)\s+(ok|FAILED|skipped)\s*$", line)
    if found:
        name = found[1]
        run[name] = found[2]
    elif name and line.startswith("\t") and name not in reasons:
        reasons[name] = line.strip()
for number, line in enumerate(open(sys.argv[2]), 1):
    line = line.strip()
    if not line or line.startswith("#"):
        continue
    try:
        test, reason = re.split(r"\s{2,}", line, maxsplit=1)
    except ValueError:
        sys.exit("%s:%d: a name and a reason, please" % (sys.argv[2], number))
    expected[test] = reason

passed = sum(verdict == "ok" for verdict in run.values())
as_expected = sorted(t for t in expected if run.get(t) == "FAILED")
print("note: pjdfstest: %d ok, %d failed (%d expected), %d skipped, of %d" % (
    passed, sum(v == "FAILED" for v in run.values()), len(as_expected),
    sum(v == "skipped" for v in run.values()), len(run)))
for test, verdict in run.items():
    if verdict == "ok" and test in expected:
        print("FAIL pjdfstest/%s: passes, though it is listed as: %s" % (test, expected[test]))
    elif verdict == "ok":
        print("pass pjdfstest/%s" % test)
    elif verdict == "FAILED" and test not in expected:
        print("FAIL pjdfstest/%s: %s" % (test, reasons.get(test, "")))
    elif verdict == "FAILED":
        print("note: expected failure pjdfstest/%s: %s" % (test, expected[test]))
if not run:
    print("FAIL pjdfstest: no test ran")
