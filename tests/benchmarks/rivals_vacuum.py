"""Who gives space back how: time, disk, and what a writer lives through who has the file open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.acknowledged import at_work
from tests.benchmarks.adverse import hollow
from tests.benchmarks.household import complaint, in_turns, on_disk, settle, told
from tests.benchmarks.judge import Seen, look
from tests.benchmarks.programs import Program
from tests.benchmarks.stopwatch import Bench
from tests.benchmarks.table import Row, fact

WRITERS = ("opencode", "another-program")
"""Names the writer next door goes by: tools look for opencode by name, or for holders by file."""


def vacuuming(bench: Bench, programs: Sequence[Program], seen: Seen) -> Iterator[Row]:
    """The same file for all: the least used half of its trees is gone already."""
    source = bench.copy("hollow")
    hollow(source, seen)
    before = source.stat().st_size
    least = bench.copy("least", source)
    bench.shell(least, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
    yield fact("vacuum: SQLite alone", f"{before / 1e6:.1f} → {least.stat().st_size / 1e6:.1f} MB")
    for program, found in in_turns(bench, programs, source, lambda each: each.vacuum).items():
        what = f"vacuum: {program.name}"
        if isinstance(found, str):
            yield fact(what, found)
            continue
        yield fact(what, told(found))
        words = [*program.command, *program.vacuum]
        home = settle(bench, source)
        extra = home.peak(words)
        yield fact("  on the disk", on_disk(before, look(home.db).octets, home, extra))
        yield from beside(bench, source, words)


def beside(bench: Bench, source: Path, command: Sequence[str]) -> Iterator[Row]:
    """The same while somebody has the file open and writes fifty rows a second."""
    before = source.stat().st_size
    for name in WRITERS:
        home = settle(bench, source)
        outcome = "done"
        with at_work(home.db, name, bench.environment) as promises:
            try:
                home.run(command)
            except RuntimeError as error:
                outcome = complaint(error)
        after = look(home.db)
        words = [
            outcome,
            f"file {before / 1e6:.1f} → {after.octets / 1e6:.1f} MB",
            f"of {len(promises.written)} acknowledged rows {promises.broken} lost",
            f"{len(promises.errors)} writes refused, longest wait {promises.worst * 1000:.0f} ms",
            *([] if after.is_sound else ["integrity_check FAILS"]),
        ]
        yield fact(f"  beside “{name}”", "; ".join(words))
