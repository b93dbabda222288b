"""Other tools for the same chores on the same file, where they are installed.

Each gets a throw-away home with a copy of the database, because each of them deletes.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tests.benchmarks.stopwatch import Bench, Ran, run
from tests.benchmarks.table import Row, fact


class Rival(NamedTuple):
    """A program and how its own manual spells the chores; `{id}` is a session."""

    program: str
    listing: tuple[str, ...]
    deleting: tuple[str, ...]


RIVALS = (
    Rival("ocman", ("list", "sessions", "--json"),
          ("session", "delete", "{id}", "-y", "--no-extracts")),
    Rival("ocgc", ("sessions", "--sort", "size", "--limit", "50"),
          ("purge", "--session", "{id}", "-f")),
    Rival("opencode-db", ("--lang", "en", "list", "--all", "--json"),
          ("--lang", "en", "delete", "{id}", "--force", "--with-children")),
)  # fmt: skip


def comparing(bench: Bench) -> Iterator[Row]:
    """List all sessions, and delete one: theirs against ours, as whole processes."""
    ours = [bench.ocdu("--db", bench.db, "list", "--json") for _ in range(bench.runs)]
    root = next(each for each in ours[0].answer["sessions"] if each["parent_id"] is None)
    yield fact("ocdu: list with sizes", told(ours))
    pruned = [
        bench.ocdu("--db", bench.copy("rival"), "prune", root["id"], "--yes", "--json")
        for _ in range(bench.runs)
    ]
    yield fact("ocdu: one tree to the trash", told(pruned))
    for rival in RIVALS:
        if program := shutil.which(rival.program):
            try:
                yield from _measured(bench, rival, program, root["id"])
            except RuntimeError as error:
                yield fact(rival.program, f"failed: {str(error)[-160:].strip()}")
        else:
            yield fact(rival.program, "not installed")


def _measured(bench: Bench, rival: Rival, program: str, id: str) -> Iterator[Row]:
    listed = [_in_home(bench, [program, *rival.listing]) for _ in range(bench.runs)]
    yield fact(f"{rival.program}: list", told(listed))
    command = [program, *(each.format(id=id) for each in rival.deleting)]
    deleted = [_in_home(bench, command) for _ in range(bench.runs)]
    yield fact(f"{rival.program}: delete one", told(deleted))


def _in_home(bench: Bench, command: list[str]) -> Ran:
    home = bench.folder / "rival-home"
    shutil.rmtree(home, ignore_errors=True)
    data = home / ".local" / "share"
    (data / "opencode").mkdir(parents=True)
    shutil.move(bench.copy("rival"), data / "opencode" / "opencode.db")
    places = {"HOME": str(home), "XDG_DATA_HOME": str(data)}
    return run(command, {**bench.environment, **places})


def told(runs: list[Ran]) -> str:
    """Median seconds and the largest memory."""
    middle = statistics.median(each.seconds for each in runs)
    return f"{middle:.2f} s, {max(each.memory for each in runs) / 1e6:.0f} MB"
