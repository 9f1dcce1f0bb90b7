#!/usr/bin/env python3
# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""Proves that no acknowledged event is lost, whatever becomes of the process, the machine and its disk.

    Tests/Durability/durability_test.py --program .build/release/floodgate [--faults kpqf] [--kills 500] [--seed text]

README.md says what the letters are. Prints one row for each case, and remarks below; exits with 1 if a promise was not
kept. The folder of a case that failed stays, and its seed makes the same choices again.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback

import case
import damage
import disk
import faults
import kills
import order

CASES = {"k": kills.Kills, "p": kills.PowerLoss, "q": kills.PartialPowerLoss, "f": kills.FailingDisk,
         "e": faults.FailingSyncs, "r": faults.ReadOnly, "n": faults.Full, "s": faults.KilledWhenFull, "t": order.Order,
         "d": damage.Damage, "l": damage.Lock, "b": damage.Long}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--faults", default="".join(CASES))
    parser.add_argument("--kills", type=int, default=500, help="how often the cases k, p, q and f kill")
    parser.add_argument("--seconds", type=float, default=20, help="how long the other cases go on")
    parser.add_argument("--gib", type=float, default=2, help="how long the log of case b is")
    parser.add_argument("--seed", default=str(int(time.time())))
    parser.add_argument("--folder", default=None, help="where the data is kept meanwhile")
    options = parser.parse_args()
    options.program = os.path.realpath(options.program)
    parent = tempfile.mkdtemp(prefix="floodgate-durability-", dir=options.folder)
    options.preload = disk.build(parent)
    print(f"seed {options.seed}", flush=True)
    rows, remarks, failed = [], [], []
    for letter in options.faults:
        folder = f"{parent}/{letter}"
        subject = CASES[letter](options, folder)
        begin = time.monotonic()
        try:
            verdict = subject.run()
            if any(verdict.values()):
                raise case.Failure(f"{verdict}")
            shutil.rmtree(folder, ignore_errors=True)
        except (Exception, SystemExit) as error:  # pylint: disable=broad-except
            verdict = verdict_of(error)
            failed.append(f"{letter} {subject.name}: {error}; its files are in {folder}")
            if not isinstance(error, case.Failure):
                traceback.print_exc()
            if subject.posters:
                subject.posters.is_over = True
            subject.server.kill()
        rows.append((letter, *subject.row(verdict)))
        remarks += [f"{letter}: {remark}" for remark in subject.remarks]
        remarks.append(f"{letter}: {subject.runs} runs in {time.monotonic() - begin:.0f} s")
        print("\t".join(str(cell) for cell in rows[-1]), flush=True)
    table(rows)
    print("\n".join(remarks))
    for failure in failed:
        print(f"FAILED {failure}")
    if not failed:
        shutil.rmtree(parent)
    sys.exit(1 if failed else 0)


def verdict_of(_):
    return {"lost": "?", "doubled": "?", "torn": "?"}


def table(rows):
    cells = [("", *case.COLUMNS)] + [tuple(str(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    print()
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()


if __name__ == "__main__":
    main()
