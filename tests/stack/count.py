#!/usr/bin/python3
"""Counts test cases. Usage: count.py meson TESTLOG.json | count.py junit RESULTS.xml

Prints "PASSED FAILED SKIPPED", and on standard error each failure with its output. Single cases of a cmocka or TAP
program are counted; a program that prints neither is one case; a program that ended badly without a failed case (a
crash, a leak that the sanitizer found, a timeout) is one failure more.
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

OUTPUT_LINES_SHOWN = 60


def count_cases(text):
    """Passed, failed and skipped cases that a program's output tells of; None if it tells of none."""
    if re.search(r"^\[=+\] (?:.*: )?Running \d+ test", text, re.M):
        passed = len(re.findall(r"^\[ +OK +\] ", text, re.M))
        # These two stand there case by case and once more in the list at the end of their group: its head has the
        # number.
        failed, skipped = (sum(int(n) for n in re.findall(rf"^\[ +{word} +\] (\d+) test", text, re.M))
                           for word in ("FAILED", "SKIPPED"))
        return passed, failed, skipped
    if re.search(r"^1\.\.\d+", text, re.M):
        skipped = len(re.findall(r"^ok\b.*# *SKIP", text, re.M | re.I))
        passed = len(re.findall(r"^ok\b", text, re.M)) - skipped
        return passed, len(re.findall(r"^not ok\b", text, re.M)), skipped
    return None


def show(name, text):
    lines = text.splitlines()
    if len(lines) > OUTPUT_LINES_SHOWN:
        lines = ["…"] + lines[-OUTPUT_LINES_SHOWN:]
    print(f"\n---- failed: {name}", *lines, sep="\n", file=sys.stderr)


def count_meson(path):
    totals = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        programs = [json.loads(line) for line in log if line.strip()]
    for program in programs:
        text = (program.get("stdout") or "") + "\n" + (program.get("stderr") or "")
        good = program["result"] in ("OK", "EXPECTEDFAIL")
        cases = count_cases(text)
        if cases is None:
            cases = (0, 0, 1) if program["result"] == "SKIP" else (int(good), 0, 0)
        if not good and program["result"] != "SKIP":
            cases = (cases[0], max(cases[1], 1), cases[2])
            show(f"{program['name']}: {program['result']}", text)
        totals = [total + case for total, case in zip(totals, cases)]
    return totals


def count_junit(path):
    totals = [0, 0, 0]
    for case in xml.parse(path).iter("testcase"):
        kinds = {child.tag for child in case}
        totals[1 if kinds & {"failure", "error"} else 2 if "skipped" in kinds else 0] += 1
    return totals


if __name__ == "__main__":
    print(*{"meson": count_meson, "junit": count_junit}[sys.argv[1]](sys.argv[2]))
