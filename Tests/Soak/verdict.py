# Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0
"""What is in the warehouse, by DuckDB over its files and by the server's own account, beside what was acknowledged."""

import json
import pathlib
import re
import subprocess

from case import Failure

KNOWN = re.compile(r"u\.(\d+)\.(\d+)")


def ask(server, *arguments):
    """The JSON that a command answers; a gap ends `reconcile` with 1 and an answer all the same."""
    code, output, errors = server.run("events", *arguments, "--json")
    if code not in (0, 1) or not output:
        raise Failure(f"floodgate events {' '.join(arguments)}: exit {code}: {errors.strip()}")
    return json.loads(output)


class Stored:
    """The rows of all files of the warehouse in a folder whose server has ended."""

    def __init__(self, duckdb, folder):
        self.duckdb, self.files = duckdb, {}
        for table in ("exposures", "events", "dead_letters"):
            files = [str(path) for path in sorted(pathlib.Path(folder, table).rglob("*.parquet"))]
            if files:
                self.files[table] = files
        self.rows = self.distinct = self.doubled = self.strange = 0
        self.users = {}
        for table in ("exposures", "events"):
            if table in self.files:
                self.read(table)

    def read(self, table):
        files = ", ".join("'" + path.replace("'", "''") + "'" for path in self.files[table])
        sql = (f"copy (select user_id, count(*), count(distinct (environment, id)) from read_parquet([{files}], "
               "hive_partitioning = false) group by user_id) to '/dev/stdout' (format csv, header false)")
        done = subprocess.run([self.duckdb, "-batch", "-no-init", ":memory:", sql], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"DuckDB cannot read the warehouse's {table}: {done.stderr}")
        for line in done.stdout.splitlines():
            user, rows, ids = line.rsplit(",", 2)
            self.rows += int(rows)
            self.distinct += int(ids)
            self.doubled += int(ids) - 1
            known = KNOWN.fullmatch(user)
            if not known:
                self.strange += 1
                continue
            client, number = map(int, known.groups())
            if (client, number) in self.users:
                self.doubled += 1
            self.users[client, number] = True

    def compare(self, marks):
        """Acknowledged events that are not there, and events that are there and nobody sent."""
        lost = [(client, number) for client, events in marks.items() for number, is_acknowledged in enumerate(events)
                if is_acknowledged and (client, number) not in self.users]
        unsent = sum(client not in marks or number >= len(marks[client]) for client, number in self.users)
        return lost, unsent + self.strange


def counted(summary):
    """All events of an answer of `events summary`."""
    return sum(row["count"] for table in ("exposures", "events") for row in summary[table])
