#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Runs all tests of the build that there is, and names at the end what failed.

    Scripts/tests.py

A test that failed beside hundreds of others is run once more by itself, since many keep the deadlines of a real client
on a machine that others use too. It counts as passed if it passes then, and is named as unsteady either way: an
unsteady test is a defect to be mended. Nothing is run again after a crash, or when many tests failed. The last line is
the test runner's own, or says the same of both runs; the exit status is 0 if each test passed in one of them.
"""

import collections
import json
import re
import subprocess
import sys
import tempfile

SWIFT_TEST = ["swift", "test", "-c", "release", "--skip-build", "--disable-xctest"]
WIDTH = "--experimental-maximum-parallelization-width"
# So many tests fail together because something is broken.
MOST_AGAIN = 8


def parallel():
    """At most eight at once, where the runner can: else those with deadlines wait for those that only compute."""
    options = subprocess.run(["swift", "test", "--help-hidden"], capture_output=True, text=True).stdout
    return [WIDTH, "8"] if WIDTH in options else []


def run(arguments):
    """The runner's exit status, its last line, the issues of each test that failed, and whether it came to its end."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl", errors="replace") as stream:
        arguments = SWIFT_TEST + arguments + ["--event-stream-output-path", stream.name]
        runner = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        last = b""
        for line in runner.stdout:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            last = line.strip() or last
        status = runner.wait()
        issues, ended = collections.defaultdict(list), False
        for line in stream:
            try:
                event = json.loads(line)["payload"]
            except (ValueError, KeyError):
                continue
            ended |= event.get("kind") == "runEnded"
            if event.get("kind") == "issueRecorded" and not event.get("issue", {}).get("isKnown"):
                texts = [message.get("text", "") for message in event.get("messages", [])]
                issues[event.get("testID", "")].append(" ".join(texts))
        return status, last.decode(errors="replace"), issues, ended


def name(test):
    """Suite and function of a test's identifier, without the place in its file."""
    return re.sub(r"/[^/]*\.swift:\d+:\d+$", "", test)


def tell(title, issues):
    print(f"\n== {title}", flush=True)
    for test in sorted(issues):
        print(f"{name(test)}")
        for issue in issues[test][:5]:
            print(f"    {issue[:600]}")
    sys.stdout.flush()


def main():
    status, last, issues, ended = run(parallel())
    if status == 0:
        return 0
    tell("What failed", issues)
    if not ended or not issues or "" in issues or len(issues) > MOST_AGAIN:
        if not ended:
            print("The test runner did not come to its end; its output above says where it was.")
        print(last)
        return status
    print("\n== Once more by themselves", flush=True)
    again, end, left, ended = run(
        ["--no-parallel"] + [part for test in issues for part in ("--filter", "^" + re.escape(name(test)) + "($|/)")]
    )
    ran = re.search(r"run with (\d+) test", end)
    if again != 0 or not ended or not ran or int(ran.group(1)) < len(issues):
        if left:
            tell("What failed again", left)
        print(last)
        return again or status
    tell("Unsteady: failed beside others, passed alone", issues)
    whole = re.search(r"Test run with (.*?) failed after (\S+) seconds", last)
    print(f"✔ Test run with {whole.group(1)} passed after {whole.group(2)} seconds, {len(issues)} of them when run again."
          if whole else end)
    return 0


if __name__ == "__main__":
    sys.exit(main())
