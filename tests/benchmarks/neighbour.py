"""A writer next door: small transactions, fifty a second, each of them timed.

Run as `python -m tests.benchmarks.neighbour DB`; ends when its standard input is closed and prints
the waiting times as JSON (seconds) with the number of errors.
"""

from __future__ import annotations

import json
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

WRITE = "UPDATE project SET time_updated = time_updated + 1 WHERE rowid = 1"


class Waits:
    """What the neighbour felt."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.errors = 0

    @property
    def p99(self) -> float:
        """Milliseconds that 99 of 100 writes stayed below."""
        return 1_000 * sorted(self.times)[int(len(self.times) * 0.99) - 1]

    @property
    def worst(self) -> float:
        """Milliseconds of the longest wait."""
        return 1_000 * max(self.times)


@contextmanager
def next_door(db: Path, environment: Mapping[str, str]) -> Iterator[Waits]:
    """A neighbour who writes as long as the block lasts; filled in at its end."""
    command = [sys.executable, "-m", "tests.benchmarks.neighbour", str(db)]
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


def main(path: str) -> None:
    """Write until standard input ends."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    times: list[float] = []
    errors = 0
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


if __name__ == "__main__":
    main(sys.argv[1])
