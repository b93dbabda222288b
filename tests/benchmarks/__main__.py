"""python -m tests.benchmarks — every speed we promise, measured against others in the same run.

Ratios count, not seconds: the `sqlite3` shell, `cat` and an empty Textual app do their part on the
same machine in the same minute. Nothing is written but in a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.changing import pruning, pruning_one, reclaiming
from tests.benchmarks.giving_back import copying_out, vacuuming
from tests.benchmarks.history import clearing, rescuing
from tests.benchmarks.keys import pressing
from tests.benchmarks.levels import reclaiming_levels
from tests.benchmarks.reading import finding, sizes, starting, telling
from tests.benchmarks.rivals import comparing
from tests.benchmarks.seeking import seeking
from tests.benchmarks.stopwatch import Bench, run
from tests.benchmarks.table import Row, fact, lines
from tests.benchmarks.ways import outgrowing, ways

MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "start": starting,
    "sizes": sizes,
    "find": finding,
    "stats": telling,
    "search": seeking,
    "reclaim": reclaiming,
    "levels": reclaiming_levels,
    "history": clearing,
    "rescue": rescuing,
    "tree": pruning_one,
    "prune": pruning,
    "vacuum": vacuuming,
    "copyout": copying_out,
    "keys": pressing,
    "rivals": comparing,
}

LARGE: dict[str, Callable[[Bench], Iterator[Row]]] = {"ways": ways, "outgrown": outgrowing}
"""Only where named: minutes, and tens of gigabytes of disk."""

SIZE_S = 770_000_000
"""Bytes of a file that users call too large: the goals were set at this size."""


def main() -> int:
    """Measure and print the table; 1 when a goal was missed."""
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="ocdu-bench-", dir=options.folder) as name:
        folder = Path(name)
        bench = Bench(given_or_made(options, folder), folder, options.runs, options.cold)
        rows = [fact("the database", f"{bench.db.stat().st_size / 1e6:.0f} MB")]
        for what in options.only or MEASUREMENTS:
            print(f"measuring {what} …", file=sys.stderr, flush=True)
            try:
                rows += {**MEASUREMENTS, **LARGE}[what](bench)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                rows.append(Row(what, "", f"failed: {error}", 1, 0))
    print("\n".join(lines(rows)))
    return int(any(row.verdict == "MISSED" for row in rows))


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--db", type=Path, help="measure with this database (a copy of it)")
    parser.add_argument("--make-s", action="store_true", help="make one of 0.77 GB (else 0.12)")
    parser.add_argument("--cold", action="store_true", help="also with an empty page cache")
    parser.add_argument("--runs", type=int, default=5, help="measurements to take the median of")
    parser.add_argument("--folder", type=Path, help="where the temporary copies go")
    parser.add_argument("only", nargs="*", metavar="WHAT", help=", ".join([*MEASUREMENTS, *LARGE]))
    options = parser.parse_args()
    unknown = set(options.only) - set(MEASUREMENTS) - set(LARGE)
    if unknown:
        parser.error(
            f"unknown: {', '.join(unknown)} (choose from {', '.join([*MEASUREMENTS, *LARGE])})"
        )
    return options


def given_or_made(options: argparse.Namespace, folder: Path) -> Path:
    """A copy of the database named, its log folded in; else one made here."""
    maker = Bench(options.db or folder, folder, 1, False)
    if options.db:
        copy = folder / "subject" / "opencode.db"
        copy.parent.mkdir()
        maker.shell(options.db, f".backup '{copy}'")
        maker.shell(copy, "PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)")
        return copy
    size = SIZE_S if options.make_s else 1
    command = [sys.executable, "-m", "tests.benchmarks.material", str(folder), str(size)]
    return Path(run(command, maker.environment).output.strip())


if __name__ == "__main__":
    sys.exit(main())
