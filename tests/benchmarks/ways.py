"""Every way back to the disk for one large file: how long, how long locked, how much disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.giving_back import DELETE, VACUUM, peak_of
from tests.benchmarks.neighbour import next_door
from tests.benchmarks.stopwatch import Bench, discard, run, seconds
from tests.benchmarks.table import Row, fact

OLDER = """
PRAGMA foreign_keys = ON;
DELETE FROM session WHERE id IN (SELECT id FROM session
  ORDER BY time_updated LIMIT (SELECT count(*) * 4 / 5 FROM session));
DELETE FROM event WHERE aggregate_id NOT IN (SELECT id FROM session);
DELETE FROM event_sequence WHERE aggregate_id NOT IN (SELECT id FROM session);
PRAGMA wal_checkpoint(TRUNCATE)
"""
"""A prune of four fifths of the sessions, the oldest."""

SEVERAL = ((125, 8000), (500, 8000), (2000, 8000))
"""Megabytes that stay, and that a file has which is mostly superseded events."""

SELDOM = 0.1
"""Seconds between two looks at the files: the large ones take minutes."""


class Way(NamedTuple):
    """What one way cost: seconds, seconds locked, octets beside the file at most, octets after.

    The shell's VACUUM has the result once more in a temporary file without a name, not seen here.
    """

    took: float
    locked: float | None
    """None where nobody ever waits."""
    beside: int
    after: int

    def __str__(self) -> str:
        """As one line of the table."""
        locked = "never" if self.locked is None else f"{self.locked:.2f} s"
        beside, after = self.beside / 1e6, self.after / 1e6
        return (
            f"{self.took:.1f} s, locked {locked}, {beside:.0f} MB more disk meanwhile,"
            f" {after:.0f} MB afterwards"
        )


def ways(bench: Bench) -> Iterator[Row]:
    """After a prune: each way on a fresh copy, once."""
    holed = bench.copy("holed")
    bench.shell(holed, OLDER)
    yield fact("pruned: the file", f"{holed.stat().st_size / 1e6:.0f} MB")
    yield fact("shell VACUUM", str(_by_shell(bench, bench.copy("way", holed), VACUUM)))
    yield fact("shell VACUUM INTO, the file stays", str(_into(bench, bench.copy("way", holed))))
    subject = bench.copy("way", holed)
    yield fact("guarded copy-back", str(_ours(bench, subject, "vacuum", "--yes", "--json")))
    turn = ("vacuum", "--to-incremental", "--yes", "--json")
    yield fact("the same, to incremental", str(_ours(bench, bench.copy("way", holed), *turn)))
    discard(holed)
    yield from _in_slices(bench, bench.copy("way"), turn)
    discard(bench.folder / "way.db")


def outgrowing(bench: Bench) -> Iterator[Row]:
    """Files of one size that are mostly superseded events: the time follows what stays."""
    module = (sys.executable, "-m", "tests.benchmarks.outgrown")
    for stay, whole in SEVERAL:
        home = bench.folder / f"outgrown-{stay}-{whole}"
        home.mkdir()
        size, share = str(whole * 1_000_000), str(stay / whole)
        source = Path(
            run([*module, "make", str(home), size, share], bench.environment).output.strip()
        )
        name = f"{stay} of {whole} MB stay"
        subject = bench.copy("way", source)
        command = [*module, "copy", str(subject), str(stay * 1_000_000)]
        yield fact(f"copy out, {name}", str(_rebuilt(bench, subject, command)))
        subject = bench.copy("way", source)
        yield fact(f"DELETE + VACUUM, {name}", str(_by_shell(bench, subject, DELETE)))
        discard(source)
    discard(bench.folder / "way.db")


def _measured(subject: Path, deed: Callable[[], object]) -> Way:
    took = []
    peak = peak_of(subject, lambda: took.append(seconds(deed)), every=SELDOM)
    return Way(took[0], took[0], peak.extra, subject.stat().st_size)


def _by_shell(bench: Bench, subject: Path, sql: str) -> Way:
    """One statement, locked from its beginning to its end."""
    return _measured(subject, lambda: bench.shell(subject, sql))


def _into(bench: Bench, subject: Path) -> Way:
    """A compact file beside the old one; whoever swaps them loses what is written meanwhile."""
    copy = subject.with_name(f"{subject.name}-into")
    way = _measured(subject, lambda: bench.shell(subject, f"VACUUM INTO '{copy}'"))
    after = copy.stat().st_size
    copy.unlink()
    return way._replace(locked=None, after=after)


def _ours(bench: Bench, subject: Path, *arguments: str) -> Way:
    answer = []
    way = _measured(
        subject, lambda: answer.append(bench.ocdu("--db", subject, *arguments).answer["details"])
    )
    return way._replace(locked=answer[0]["lock_seconds"])


def _rebuilt(bench: Bench, subject: Path, command: list[str]) -> Way:
    """Copied out by a process that prints how long it held the lock."""
    said = []
    way = _measured(subject, lambda: said.append(run(command, bench.environment).output.split()))
    return way._replace(locked=float(said[0][2]))


def _in_slices(bench: Bench, subject: Path, turn: tuple[str, ...]) -> Iterator[Row]:
    """A file turned to incremental before the prune, and a writer next door meanwhile."""
    bench.ocdu("--db", subject, *turn)
    bench.shell(subject, OLDER)
    with next_door(subject, bench.environment) as waits:
        way = _ours(bench, subject, "vacuum", "--yes", "--json")
    yield fact("in slices, a writer next door", str(way._replace(locked=waits.worst / 1000)))
