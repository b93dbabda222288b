"""Superseded events and orphans on the file that users report: ours against one DELETE; and what a
rescue makes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.changing import VACUUM, beside, discard_all, middle, promise
from tests.benchmarks.stopwatch import Bench, run
from tests.benchmarks.table import Row, fact, number, ratio

SUPERSEDED = """
PRAGMA foreign_keys = ON;
DELETE FROM event WHERE rowid IN (SELECT row FROM (
  SELECT rowid AS row, row_number() OVER (PARTITION BY aggregate_id,
    coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.info.id'))
    ORDER BY seq DESC) AS age FROM event) WHERE age > 1);
"""
"""Finds and deletes what the level `events` takes, without a proof and under one lock."""

LOSE = """
DELETE FROM session WHERE rowid % 2 = 0;
DELETE FROM event WHERE type LIKE 'session.%' AND aggregate_id NOT IN (SELECT id FROM session);
"""
"""Without foreign keys: half of the sessions leave everything behind."""

ORPHANED = """
DELETE FROM event WHERE aggregate_id NOT IN (SELECT id FROM session);
DELETE FROM part WHERE session_id NOT IN (SELECT id FROM session);
DELETE FROM message WHERE session_id NOT IN (SELECT id FROM session);
DELETE FROM event_sequence WHERE aggregate_id NOT IN (SELECT id FROM session);
"""


DIVISORS = (20, 5)
"""By what the payload of the swollen file is divided: indices and the heads of rows are not, so the
closer to the original, the smaller is the share that has to stay."""

SHARE = 25.0
"""Percent of the file that may stay."""

MISTAKE = 2.0
"""Percent by which what was promised and what was given back may differ."""


def rescuing(bench: Bench) -> Iterator[Row]:
    """A whole rescue: before, after, promised, seconds."""
    for divisor in DIVISORS:
        source = _swollen(bench, divisor)
        subject = bench.copy("ours", source)
        done = bench.ocdu("--db", subject, "rescue", "--yes", "--json")
        before, after = source.stat().st_size, subject.stat().st_size
        predicted, freed = done.answer["predicted_bytes"], done.answer["freed_bytes"]
        name = f"rescue, payload ÷ {divisor}"
        told = f"{before / 1e6:.0f} MB to {after / 1e6:.0f} MB in {done.seconds:.0f} s"
        yield fact(name, f"{told}; {predicted / 1e6:.0f} MB promised, {freed / 1e6:.0f} MB freed")
        share = 100 * after / before
        yield number(f"{name}: what stays", share, SHARE, "%")
        mistake = 100 * abs(predicted - freed) / max(1, freed)
        yield number(f"{name}: promise off by", mistake, MISTAKE, "%")
        yield number(f"{name}: memory", done.memory / 1e6, 250.0, "MB")
        source.unlink()
    discard_all(bench)


def _swollen(bench: Bench, divisor: int = 20) -> Path:
    """The file that users report, made once."""
    source = bench.folder / f"swollen{divisor}" / "opencode.db"
    source.parent.mkdir(exist_ok=True)
    if not source.exists():
        # A process of its own, so that its memory is not counted against the programs measured.
        command = [sys.executable, "-m", "tests.swollen", str(source), "1.0", str(divisor)]
        run(command, bench.environment)
    return source


def clearing(bench: Bench) -> Iterator[Row]:
    """The levels `events` and `orphans`."""
    source = _swollen(bench)
    yield fact("the swollen database", f"{source.stat().st_size / 1e6:.0f} MB")
    yield from _level(bench, source, "events", SUPERSEDED)
    lost = bench.copy("lost", source)
    bench.shell(lost, LOSE + "PRAGMA wal_checkpoint(TRUNCATE)")
    lost.replace(source.with_name("lost.db"))
    yield from _level(bench, source.with_name("lost.db"), "orphans", ORPHANED)
    discard_all(bench)


def _level(bench: Bench, source: Path, level: str, statement: str) -> Iterator[Row]:
    choice = ("reclaim", "--level", level, "--yes", "--json")
    shell, ours = [], []
    for _ in range(bench.runs):
        shell.append(bench.shell(bench.copy("shell", source), statement).seconds)
        subject = bench.copy("ours", source)
        done = bench.ocdu("--db", subject, *choice)
        ours.append(done.seconds)
    took = done.answer["done"]
    yield fact(f"{level}: taken", f"{took['events']} events, {took['bytes'] / 1e6:.0f} MB")
    yield ratio(f"polite reclaim of {level}", middle(ours), middle(shell), 2.0, "shell DELETE")
    yield from promise(level, done)
    yield number(f"memory of {level}", done.memory / 1e6, 150.0, "MB")
    bench.shell(subject, VACUUM)
    sizes = (source.stat().st_size, subject.stat().st_size)
    yield fact(f"{level}: the file after a vacuum", "{:.0f} MB to {:.0f} MB".format(
        *(octets / 1e6 for octets in sizes)))  # fmt: skip
    yield from beside(bench, level, source, choice)
