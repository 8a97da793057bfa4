#!/usr/bin/env python3
"""Counts test cases in meson's testlog.json files and shows the output of what failed.

A cmocka program counts its cases; a script that ends with "N passed, N failed" counts those;
anything else counts as one. A program that fails without saying which case counts one failure.
Usage: count_tests.py NAME=LOG…   The last line printed is the sum: "N passed, N failed".
"""

import json
import re
import sys

CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test\(s\)\.", re.M)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] (\d+) test\(s\), listed below:", re.M)
CMOCKA_OK = re.compile(r"^\[       OK \] ", re.M)
SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed\s*$", re.M)


def count_cases(test):
    """(passed, failed, skipped) of one entry of the log."""
    result = test["result"]
    output = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    if result == "SKIP":
        return 0, 0, 1
    summaries = SUMMARY.findall(output)
    if CMOCKA_PASSED.search(output) or CMOCKA_FAILED.search(output):
        passed = sum(map(int, CMOCKA_PASSED.findall(output)))
        failed = sum(map(int, CMOCKA_FAILED.findall(output)))
    elif summaries:
        passed, failed = map(int, summaries[-1])
    else:
        passed, failed = len(CMOCKA_OK.findall(output)), 0  # crashed half way, or counts nothing
        if passed == 0 and result in ("OK", "EXPECTEDFAIL"):
            passed = 1
    if result not in ("OK", "EXPECTEDFAIL") and failed == 0:
        failed = 1
    return passed, failed, 0


def show(build, test):
    print(f"\n---- {build}: {test['name']}: {test['result']} ----")
    for stream in ("stdout", "stderr"):
        lines = (test.get(stream) or "").splitlines()
        if len(lines) > 200:
            print(f"({len(lines) - 200} lines before)")
        print("\n".join(lines[-200:]))


def read_log(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [json.loads(line) for line in file if line.strip()]
    except OSError:
        return []


def main():
    total_passed = total_failed = 0
    lines = []
    for argument in sys.argv[1:]:
        build, path = argument.split("=", 1)
        passed = failed = skipped = 0
        tests = read_log(path)
        for test in tests:
            counts = count_cases(test)
            passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
            if counts[1]:
                show(build, test)
        if not tests:
            failed += 1
            print(f"\n---- {build}: nothing ran ----")
        note = f", {skipped} skipped" if skipped else ""
        lines.append(f"{build}: {passed} passed, {failed} failed{note}")
        total_passed, total_failed = total_passed + passed, total_failed + failed
    print("\n".join(lines))
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
