"""Space back to the disk: the vacuum against the shell's, and copying out against deleting."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from tests.benchmarks.outgrown import GARBAGE
from tests.benchmarks.stopwatch import Bench, Ran, discard, medians, run
from tests.benchmarks.table import Row, fact, ratio

VACUUM = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)"

DELETE = f"PRAGMA foreign_keys = ON; DELETE FROM event WHERE {GARBAGE}; {VACUUM}"

OUTGROWN = ((115, 250), (115, 1000), (230, 1000))
"""Megabytes that stay, and that the whole file has."""

LOOK = 0.005
"""Seconds between two looks at the files."""


class Peak(NamedTuple):
    """The most bytes seen beside what was there before, and of the log alone."""

    extra: int
    log: int


def vacuuming(bench: Bench) -> Iterator[Row]:
    """After the older half of the sessions is gone: ours against the shell's, in turns."""
    holed = bench.copy("holed")
    bench.shell(
        holed,
        "PRAGMA foreign_keys = ON; DELETE FROM session WHERE id IN (SELECT id FROM session"
        " ORDER BY time_updated LIMIT (SELECT count(*) * 4 / 5 FROM session));"
        "DELETE FROM event WHERE aggregate_id NOT IN (SELECT id FROM session);"
        "PRAGMA wal_checkpoint(TRUNCATE)",
    )

    def shell() -> float:
        return bench.shell(bench.copy("shell", holed), VACUUM).seconds

    def ours() -> float:
        return vacuum(bench, holed).seconds

    others, mine = medians(bench.runs, shell, ours)
    result = (bench.folder / "vacuumed.db").stat().st_size
    yield fact("a vacuum gives back", f"{holed.stat().st_size / 1e6:.0f} → {result / 1e6:.0f} MB")
    yield ratio("vacuum, whole process", mine, others, 1.0, "shell VACUUM")
    # Once more for the disk: whoever looks all the time slows down what he looks at.
    extra, log = peak_of(bench.folder / "vacuumed.db", lambda: vacuum(bench, holed))
    yield ratio("vacuum: disk meanwhile", extra / 1e6, result / 1e6, 2.1, "result", "MB")
    # Each page of the log has a header of 24 bytes.
    yield ratio("vacuum: log meanwhile", log / 1e6, result / 1e6, 1.01, "result", "MB")
    for name in ("holed", "shell", "vacuumed"):
        discard(bench.folder / f"{name}.db")


def vacuum(bench: Bench, source: Path) -> Ran:
    """Ours, on a fresh copy."""
    return bench.ocdu("--db", bench.copy("vacuumed", source), "vacuum", "--yes", "--json")


def copying_out(bench: Bench) -> Iterator[Row]:
    """The same rows gone: rebuilt from what stays, against DELETE and VACUUM in the shell."""
    module = (sys.executable, "-m", "tests.benchmarks.outgrown")
    for stay, whole in OUTGROWN:
        home = bench.folder / f"outgrown-{stay}-{whole}"
        home.mkdir()
        size, share = str(whole * 1_000_000), str(stay / whole)
        made = run([*module, "make", str(home), size, share], bench.environment)
        source = Path(made.output.strip())

        def shell(source: Path = source) -> float:
            return bench.shell(bench.copy("shell", source), DELETE).seconds

        def ours(source: Path = source, stay: int = stay) -> float:
            subject = bench.copy("rebuilt", source)
            command = [*module, "copy", str(subject), str(stay * 1_000_000)]
            return run(command, bench.environment).seconds

        others, mine = medians(bench.runs, shell, ours)
        sizes = [
            (bench.folder / f"{name}.db").stat().st_size / 1e6 for name in ("rebuilt", "shell")
        ]
        what = f"copy out, {stay} of {whole} MB stay"
        yield ratio(what, mine, others, 1.0, "DELETE + VACUUM")
        yield fact("the file afterwards", f"{sizes[0]:.1f} against {sizes[1]:.1f} MB")
        discard(source)


def peak_of(db: Path, deed: Callable[[], object], every: float = LOOK) -> Peak:
    """Do it, and say how much its files took at most beyond the one that was there before."""
    over = Event()
    seen = [Peak(0, 0)]

    def look() -> None:
        while not over.wait(every):
            now = _taken(db)
            seen[0] = Peak(max(seen[0].extra, now.extra), max(seen[0].log, now.log))

    thread = Thread(target=look)
    thread.start()
    try:
        deed()
    finally:
        over.set()
        thread.join()
    return seen[0]


def _taken(db: Path) -> Peak:
    """What lies beside the database: the compact copy and the log."""
    beside = log = 0
    for file in db.parent.glob(f"*{db.name}*"):
        try:
            octets = file.stat().st_size
        except OSError:
            continue
        beside += octets if file != db else 0
        log += octets if file.name == f"{db.name}-wal" else 0
    return Peak(beside, log)
