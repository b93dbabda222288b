"""Time, memory and the page cache: what every measurement here is made with."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

EVICT = (
    "import os, sys\n"
    "for name in sys.argv[1:]:\n"
    "    fd = os.open(name, os.O_RDONLY)\n"
    "    os.fsync(fd)\n"
    "    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)\n"
)
"""Runs as a process of its own: closing the descriptor drops SQLite's locks in this one."""

LAUNCH = (
    "import os, sys, time\n"
    "report = int(sys.argv[1])\n"
    "os.set_inheritable(report, False)\n"
    "began = time.perf_counter()\n"
    "process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)\n"
    "_, status, usage = os.wait4(process, 0)\n"
    "took = time.perf_counter() - began\n"
    "os.write(report, f'{took} {usage.ru_maxrss} {status}'.encode())\n"
)
"""Starts what is measured: a process counts the memory of whoever started it as its own peak, and
this one is small."""


class Ran(NamedTuple):
    """One finished process: wall seconds, peak memory in bytes, what it printed."""

    seconds: float
    memory: int
    output: str

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object it printed."""
        found: dict[str, Any] = json.loads(self.output)
        return found


class Bench(NamedTuple):
    """What a measurement needs to know."""

    db: Path
    """Only ever read."""
    folder: Path
    """For copies and homes; removed at the end."""
    runs: int
    cold: bool

    @property
    def environment(self) -> dict[str, str]:
        """The caller's, with a home of our own: trash and ledger go there."""
        names = ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        # Users' Pythons keep what they compiled; whoever told this one not to would measure that.
        unlike = ("OPENCODE_DB", "PYTHONDONTWRITEBYTECODE")
        outer = {name: value for name, value in os.environ.items() if name not in unlike}
        root = str(Path(__file__).parents[2])
        return {**outer, **dict.fromkeys(names, str(home)), "PYTHONPATH": root}

    def copy(self, name: str, source: Path | None = None) -> Path:
        """A fresh copy of the database to be changed, already on the disk.

        Otherwise the first sync of whoever is measured would have to write the whole copy.
        """
        target = self.folder / f"{name}.db"
        discard(target)
        subprocess.run(["cp", "--sparse=never", str(source or self.db), str(target)], check=True)
        subprocess.run(["sync", str(target)], check=True)
        return target

    def ocdu(self, *arguments: str | Path) -> Ran:
        """Run our own command line; raises RuntimeError with what it said when it fails."""
        return run([sys.executable, "-m", "tui", *map(str, arguments)], self.environment)

    def shell(self, db: Path, sql: str) -> Ran:
        """Run statements in the sqlite3 shell."""
        return run(["sqlite3", "-bail", str(db), sql], self.environment)


def discard(db: Path) -> None:
    """Remove a copy with its log and index."""
    for suffix in ("", "-wal", "-shm"):
        db.with_name(db.name + suffix).unlink(missing_ok=True)


def run(command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run a process to its end, from exec to exit."""
    report, told = os.pipe()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        launched = [sys.executable, "-S", "-E", "-c", LAUNCH, str(told), *command]
        with os.fdopen(report) as reading:
            process = subprocess.Popen(
                launched,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=complaints,
                pass_fds=[told],
            )
            os.close(told)
            ended = reading.read().split()
            process.wait()
        output.seek(0)
        complaints.seek(0)
        text = output.read().decode("utf-8", "replace")
        if len(ended) < 3 or os.waitstatus_to_exitcode(int(ended[2])):
            said = complaints.read().decode("utf-8", "replace") or text
            raise RuntimeError(f"{' '.join(command)[:300]} failed: {said[-600:]}")
    return Ran(float(ended[0]), int(ended[1]) * 1024, text)


def seconds(deed: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


def medians(runs: int, *deeds: Callable[[], float]) -> tuple[float, ...]:
    """The middle of several measurements of each, taken in turns: they share good and bad times."""
    rounds = [[deed() for deed in deeds] for _ in range(runs)]
    return tuple(statistics.median(times) for times in zip(*rounds, strict=True))


def evict(path: Path) -> None:
    """Drop the file from the page cache, as far as the system obeys."""
    subprocess.run([sys.executable, "-c", EVICT, str(path)], check=True)


def cold(path: Path, deed: Callable[[], float]) -> Callable[[], float]:
    """The same measurement with the file evicted before each run."""

    def evicted() -> float:
        evict(path)
        return deed()

    return evicted
