#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Accounts for each row of the SDK behaviour checklist: a test that names it, or a reason in docs/sdk-checklist.md.

    Scripts/checklist.py [path of the checklist]

The checklist is not part of the repository; by default it is looked for beside it, in ../shared. Tests name rows with
the trait .rows("EVT-33, EVT-34"). Prints a table of all rows; exits with 1 if a row has neither test nor reason, or
both, or if a test or a reason names a row that there is not.
"""

import collections
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
CHECKLIST = REPOSITORY.parent / "shared" / "reference" / "sdk-behaviour-checklist.md"
REASONS = REPOSITORY / "docs" / "sdk-checklist.md"
VERDICTS = ("not applicable", "fail")

ROW = r"[A-Z]{3}-\d{2}"
ROWS_TRAIT = re.compile(r'\.rows\(\s*"([^"]*)"')
FUNCTION = re.compile(r"func\s+(?:`([^`]+)`|(\w+))")


def cells(line):
    # A bar inside a cell is written with a backslash before it.
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def read_checklist(path):
    """Levels by row, in order."""
    levels = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(rf"\| {ROW} \|", line):
            row, *_, level = cells(line)
            levels[row] = level
    return levels


def read_tests(complaints):
    """Titles of tests by row."""
    titles = collections.defaultdict(list)
    for path in sorted((REPOSITORY / "Tests").rglob("*.swift")):
        text = path.read_text(encoding="utf-8")
        for trait in ROWS_TRAIT.finditer(text):
            # The trait stands before the function that is its test, with no other function between.
            function = FUNCTION.search(text, trait.end())
            if function is None:
                complaints.append(f"{path.name}: rows without a test: {trait[1]}")
                continue
            for row in re.split(r",\s*", trait[1]):
                titles[row].append(function[1] or function[2])
    return titles


def read_reasons():
    """Verdict and reason by row."""
    reasons = {}
    for line in REASONS.read_text(encoding="utf-8").splitlines():
        if re.match(rf"\| {ROW} \|", line):
            row, verdict, reason = cells(line)
            reasons[row] = (verdict, reason)
    return reasons


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKLIST
    try:
        levels = read_checklist(path)
    except OSError as error:
        sys.exit(f"error: the checklist cannot be read: {error}")
    if not levels:
        sys.exit(f"error: {path} has no rows")
    complaints = []
    titles, reasons = read_tests(complaints), read_reasons()

    print("| row | level | result | tests or reason |\n| --- | --- | --- | --- |")
    counts = collections.Counter()
    for row, level in levels.items():
        if row in reasons and row in titles:
            complaints.append(f"{row} has a test and a reason not to have one")
        if row in reasons:
            result, why = reasons[row]
            if result not in VERDICTS:
                complaints.append(f"{row}: '{result}' is not one of: {', '.join(VERDICTS)}")
        elif row in titles:
            result, why = "pass", " · ".join(titles[row])
        else:
            result, why = "unaccounted", ""
            complaints.append(f"{row} ({level}) has neither a test nor a reason")
        counts[result] += 1
        print(f"| {row} | {level} | {result} | {why} |")
    for row in sorted((titles.keys() | reasons.keys()) - levels.keys()):
        complaints.append(f"{row} is named, but the checklist has no such row")

    print("\n" + ", ".join(f"{count} {result}" for result, count in counts.items()))
    for complaint in complaints:
        print("error:", complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
