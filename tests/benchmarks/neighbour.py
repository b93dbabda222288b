"""A writer next door: small transactions, fifty a second, each of them timed.

Run as `python -m tests.benchmarks.neighbour DB [late]`; ends when its standard input is closed and
prints the waiting times as JSON (seconds) with the number of errors. A late one has nothing open
before the log shows that somebody is writing.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.020
"""Seconds between two writes: opencode with a few busy sessions."""

UNDER_WAY = 1_000_000
"""Octets of log at which a job is in the middle of its work."""

LOOK = 0.002
"""Seconds between two looks at the log."""

WRITE = "UPDATE project SET time_updated = time_updated + 1 WHERE rowid = 1"


class Waits:
    """What the neighbour felt."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.errors = 0

    @property
    def p99(self) -> float:
        """Milliseconds that 99 of 100 writes stayed below."""
        return 1_000 * sorted(self.times)[max(0, int(len(self.times) * 0.99) - 1)]

    @property
    def worst(self) -> float:
        """Milliseconds of the longest wait."""
        return 1_000 * max(self.times)


@contextmanager
def next_door(db: Path, environment: Mapping[str, str], *, late: bool = False) -> Iterator[Waits]:
    """A neighbour who writes as long as the block lasts, or (late) from the middle of it on;
    filled in at its end."""
    command = [sys.executable, "-m", "tests.benchmarks.neighbour", str(db), *["late"] * late]
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        waits = Waits()
        try:
            yield waits
        finally:
            process.stdin.close()
            found = json.loads(process.stdout.readline())
            waits.times, waits.errors = found["times"], found["errors"]


def main(path: str, late: bool) -> None:
    """Write until standard input ends."""
    if late:
        print("ready", flush=True)
        while _log(path) < UNDER_WAY and not select.select([sys.stdin], [], [], LOOK)[0]:
            pass
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    times: list[float] = []
    errors = 0
    if not late:
        print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        began = time.perf_counter()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(WRITE)
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            errors += 1
        times.append(time.perf_counter() - began)
    print(json.dumps({"times": times, "errors": errors}), flush=True)


def _log(path: str) -> int:
    try:
        return os.stat(path + "-wal").st_size
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    main(sys.argv[1], "late" in sys.argv[2:])
