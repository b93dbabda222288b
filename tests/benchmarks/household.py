"""A throw-away home with a database in it, for one program that may do anything to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import psutil

from tests.benchmarks.programs import Program
from tests.benchmarks.stopwatch import Bench, Ran, run

LOOK = 0.005
"""Seconds between two looks at the disk."""

WRITTEN_SINCE = "prt_written_since"

SAID = 100
"""Letters of a complaint that are shown."""

Arguments = Callable[[Program], Sequence[str]]


class Household(NamedTuple):
    """The home, where opencode's database lies, and what the program is told."""

    folder: Path
    environment: dict[str, str]

    @property
    def db(self) -> Path:
        """Where every tool looks by itself."""
        return self.folder / ".local" / "share" / "opencode" / "opencode.db"

    @property
    def octets(self) -> int:
        """Of all files in the home, as the disk counts them."""
        return sum(_taken(file) for file in self.folder.rglob("*"))

    def run(self, command: Sequence[str]) -> Ran:
        """Run to its end; raises RuntimeError with what it said when it fails."""
        return run(command, self.environment)

    def peak(self, command: Sequence[str]) -> int:
        """Run it, and say how many octets more than before lay on the disk meanwhile, at most.

        Temporary files that have no name any more count, as long as a child of ours holds them.
        Whoever looks all the time slows down what he looks at: no time is taken here.
        """
        over = Event()
        before, seen = self.octets, [0]

        def watch() -> None:
            while not over.wait(LOOK):
                seen[0] = max(seen[0], self.octets + sum(_nameless()) - before)

        thread = Thread(target=watch)
        thread.start()
        try:
            self.run(command)
        finally:
            over.set()
            thread.join()
        return seen[0]


def settle(bench: Bench, source: Path) -> Household:
    """A home with a fresh copy of `source`, already on the disk; the last one is gone."""
    folder = bench.folder / "household"
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / ".local" / "share"
    places = {
        "HOME": folder,
        "XDG_DATA_HOME": data,
        "XDG_CONFIG_HOME": folder / ".config",
        "XDG_CACHE_HOME": folder / ".cache",
        "XDG_STATE_HOME": folder / ".local" / "state",
        "TMPDIR": folder / "tmp",
        "SQLITE_TMPDIR": folder / "tmp",
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    # Tables are cut to the width of the terminal, and ids with them.
    told = {"COLUMNS": "250", **{name: str(place) for name, place in places.items()}}
    home = Household(folder, {**bench.environment, **told})
    home.db.parent.mkdir(parents=True)
    shutil.move(bench.copy("settler", source), home.db)
    return home


def in_turns(
    bench: Bench, programs: Sequence[Program], source: Path, arguments: Arguments
) -> dict[Program, list[Ran] | str]:
    """Runs of everyone, each on a fresh copy; or what it complained about, once."""
    found: dict[Program, list[Ran] | str] = {program: [] for program in programs}
    for _ in range(bench.runs):
        for program, runs in found.items():
            if isinstance(runs, list):
                home = settle(bench, source)
                try:
                    runs.append(home.run([*program.command, *arguments(program)]))
                except RuntimeError as error:
                    found[program] = complaint(error)
    return found


def write_on(db: Path) -> None:
    """What opencode does afterwards: one more part in the session used last."""
    with closing(sqlite3.connect(db, timeout=5.0)) as connection, connection:
        connection.execute(
            "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)"
            " SELECT ?, id, session_id, time_created, time_updated, ?"
            " FROM message ORDER BY time_created DESC LIMIT 1",
            (WRITTEN_SINCE, '{"type":"text","text":"written since"}'),
        )


def take_back(db: Path) -> bool:
    """Remove that part again; False when it was not there any more."""
    with closing(sqlite3.connect(db, timeout=5.0)) as connection, connection:
        deleted = connection.execute("DELETE FROM part WHERE id = ?", (WRITTEN_SINCE,))
        return deleted.rowcount == 1


def on_disk(before: int, after: int, home: Household, extra: int) -> str:
    """Sizes of the database with its log, of everything in the home, and the most meanwhile."""
    return (
        f"database {before / 1e6:.1f} → {after / 1e6:.1f} MB, all that lies there"
        f" {home.octets / 1e6:.1f} MB, meanwhile {extra / 1e6:.1f} MB more"
    )


def complaint(error: RuntimeError) -> str:
    """The beginning of what it said."""
    said = " ".join((str(error).partition(" failed: ")[2] or str(error)).split())
    return f"refused or failed: “{said[:SAID]}{'…' if len(said) > SAID else ''}”"


def told(runs: Sequence[Ran]) -> str:
    """Median seconds and the largest memory."""
    middle = statistics.median(each.seconds for each in runs)
    return f"{middle:.2f} s, {max(each.memory for each in runs) / 1e6:.0f} MB of memory"


def _taken(file: Path) -> int:
    try:
        return file.lstat().st_blocks * 512
    except OSError:
        return 0


def _nameless() -> Iterator[int]:
    """Octets of each deleted file that a process below ours has open (Linux alone shows them)."""
    for child in psutil.Process().children(recursive=True):
        try:
            for file in os.scandir(f"/proc/{child.pid}/fd"):
                status = file.stat()
                if status.st_nlink == 0:
                    yield status.st_blocks * 512
        except OSError:
            continue
