"""Who gives space back how: time, disk, and what a writer lives through who has the file open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from tests.benchmarks.acknowledged import at_work
from tests.benchmarks.adverse import hollow
from tests.benchmarks.household import complaint, in_turns, on_disk, settle, told
from tests.benchmarks.judge import Seen, look
from tests.benchmarks.programs import Program
from tests.benchmarks.stopwatch import Bench
from tests.benchmarks.table import Row, fact

WRITERS = (("opencode", "here"), ("another-program", "here"), ("opencode", "elsewhere"))
"""Names the writer next door goes by, and which file it has open: tools look for opencode by the
name of its process, or for whoever holds this file."""


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


def beside(
    bench: Bench, source: Path, command: Sequence[str], due: Set[str] = frozenset()
) -> Iterator[Row]:
    """The same while somebody writes fifty rows a second; `due` are the sessions it deletes."""
    before = source.stat().st_size
    for name, place in WRITERS:
        home = settle(bench, source)
        subject = home.db
        if place == "elsewhere":
            subject = home.folder / "elsewhere.db"
            shutil.copy(source, subject)
        outcome = "done"
        with at_work(subject, name, bench.environment) as promises:
            try:
                home.run(command)
            except RuntimeError as error:
                outcome = complaint(error)
        after = look(home.db)
        words = [
            outcome,
            f"file {before / 1e6:.1f} → {after.octets / 1e6:.1f} MB",
            *([f"{len(due - after.roots.keys())} of {len(due)} sessions gone"] if due else []),
            f"of {len(promises.written)} acknowledged rows {promises.broken} lost",
            f"{len(promises.errors)} writes refused, longest wait {promises.worst * 1000:.0f} ms",
            *([] if after.is_sound else ["integrity_check fails"]),
        ]
        where = "" if place == "here" else ", which has another file open"
        yield fact(f"  beside “{name}”{where}", "; ".join(words))
