"""Somebody next door: other processes that write to, or merely hold, a test's database.

with Neighbour(path) as writer:      50 inserts a second into its own table
    …
report = writer.report               latencies, errors, acknowledged row ids

with Holder(path) as other:          an open connection that does nothing
    other.ask("SELECT count(*) FROM part")
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread, Timer
from types import TracebackType
from typing import Any, Self

import apsw

ROOT = Path(__file__).parent.parent

LONGEST = 240.0
"""Seconds after which a neighbour ends by itself, whatever happened to its test."""

MAY_WAIT = 250.0
"""Milliseconds that a writer next door may wait for one insert."""

TRIES = 4
"""Runs of which one must keep to that: a busy machine may stop any process for longer."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a writer lived through; latencies in milliseconds, ids of rows it was promised."""

    ids: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """The longest it waited for one insert, in milliseconds."""
        return max(self.latencies, default=0.0)

    def percentile(self, share: float) -> float:
        """The latency that this share (0 to 1) of the inserts did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def hardly_waits(beside: Callable[[int], Report]) -> None:
    """Do something beside a writer, told the how-manieth time it is; the writer hardly waits."""
    waited: list[float] = []
    while len(waited) < TRIES and min(waited, default=MAY_WAIT + 1) > MAY_WAIT:
        waited.append(beside(len(waited)).worst)
    assert min(waited) <= MAY_WAIT, waited


class _Other:
    """A process of this module; its standard input is the rope that ends it."""

    role = ""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.neighbour", self.role, str(path), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        if self._line() != "ready":
            self.leave()
            raise AssertionError(f"the {self.role} next door did not start")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def leave(self) -> str:
        """End it in good order; returns what it still said."""
        said, _ = self._process.communicate(timeout=LONGEST)
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.leave()


class Neighbour(_Other):
    """Writes into the table `neighbour`, which it creates, until it is left.

    A late one has nothing open until it is told to `come`; the table must be there then.
    """

    role = "writer"

    def __init__(self, path: Path, per_second: float = 50, *, late: bool = False) -> None:
        super().__init__(path, str(per_second), "late" if late else "at once")
        self.report = Report()

    def come(self) -> None:
        """Let a late one open the database and write; returns at once."""
        assert self._process.stdin is not None
        self._process.stdin.write("come\n")
        self._process.stdin.flush()

    def leave(self) -> str:
        """End it and read its report."""
        said = super().leave()
        self.report = Report(**json.loads(said)) if said.strip() else Report()
        return said


class Holder(_Other):
    """Keeps one connection open; `reading=True` also an open read transaction."""

    role = "holder"

    def __init__(self, path: Path, reading: bool = False) -> None:
        super().__init__(path, "reading" if reading else "idle")

    def ask(self, query: str) -> Any:
        """The first value of a query, asked on the connection that was open all the time."""
        assert self._process.stdin is not None
        self._process.stdin.write(query + "\n")
        self._process.stdin.flush()
        return json.loads(self._line())


def _connect(path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    connection.set_busy_timeout(5000)
    connection.execute("PRAGMA synchronous = NORMAL").fetchall()
    return connection


TABLE = "CREATE TABLE IF NOT EXISTS neighbour (id INTEGER PRIMARY KEY, body TEXT)"


def _write(path: str, per_second: float, late: bool) -> None:
    left = Event()
    if late:
        print("ready", flush=True)
        sys.stdin.readline()

    def watch_rope() -> None:
        sys.stdin.read()
        left.set()

    Thread(target=watch_rope, daemon=True).start()
    connection = _connect(path)
    connection.execute(TABLE)
    ids: list[int] = []
    latencies: list[float] = []
    errors: list[str] = []
    if not late:
        print("ready", flush=True)
    until = time.monotonic() + LONGEST
    while not left.wait(1 / per_second) and time.monotonic() < until:
        began = time.perf_counter()
        try:
            connection.execute("INSERT INTO neighbour (body) VALUES (?)", ("word " * 40,))
        except apsw.Error as error:
            errors.append(f"{type(error).__name__}: {error}")
        else:
            ids.append(connection.last_insert_rowid())
        latencies.append(round((time.perf_counter() - began) * 1000, 2))
    connection.close()
    print(json.dumps({"ids": ids, "latencies": latencies, "errors": errors}), flush=True)


def _hold(path: str, reading: bool) -> None:
    limit = Timer(LONGEST, os._exit, (1,))
    limit.daemon = True
    limit.start()
    connection = _connect(path)
    if reading:
        connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    print("ready", flush=True)
    for query in sys.stdin:
        found: Any = connection.execute(query).fetchall()
        print(json.dumps(found[0][0]), flush=True)
    connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "writer":
        _write(sys.argv[2], float(sys.argv[3]), sys.argv[4] == "late")
    else:
        _hold(sys.argv[2], sys.argv[3] == "reading")
