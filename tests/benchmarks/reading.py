"""What only looks: start, sizes, finding compacted output, `ocdu stats`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.stopwatch import Bench, cold, medians, run
from tests.benchmarks.table import Row, fact, number, ratio
from tests.benchmarks.terminal import paint

SUMS = "; ".join(
    f"SELECT {key}, sum(length(data)) FROM {table} GROUP BY {key}"
    for table, key in (("message", "session_id"), ("part", "session_id"), ("event", "aggregate_id"))
)
"""What everybody types first; groups through the table, counts characters."""

LIKE = "SELECT count(*) FROM part WHERE data LIKE '%\"compacted\":%'"

COUNTS = "; ".join(
    (
        "SELECT count(*), count(parent_id), count(time_archived) FROM session",
        "SELECT count(*) FROM message; SELECT count(*) FROM part; SELECT count(*) FROM event",
        "SELECT data ->> '$.type', sum(length(data)) FROM part GROUP BY 1",
        SUMS,
        LIKE,
    )
)
"""The sums and scans of `ocdu stats`, as statements for the shell."""

OBEYS = 1.5
"""A cold `cat` must be this many times slower than a warm one, or evicting had no effect."""

MEMORY = 150.0
"""Megabytes that the app may take on any file."""


def starting(bench: Bench) -> Iterator[Row]:
    """Exec to the first session's row in a real terminal, and the memory at the end."""
    titles = titles_of(bench)
    app = [sys.executable, "-m", "tui", "--db", str(bench.db)]
    empty = [sys.executable, str(Path(__file__).with_name("empty_app.py"))]

    def ours() -> float:
        return paint(app, bench.environment, titles).seconds

    def bare() -> float:
        return paint(empty, bench.environment, ["empty and"]).seconds

    warm, least = medians(bench.runs, ours, bare)
    yield ratio("exec to a usable tree, warm", warm, least, 1.5, "an empty Textual app")
    if bench.cold:
        first, least = medians(bench.runs, cold(bench.db, ours), bare)
        yield ratio("exec to a usable tree, cold", first, least, 1.5, "an empty Textual app")
        yield number("exec to a usable tree, cold", first, 0.5, "s")
    stay = 4 + bench.db.stat().st_size / 0.5e9
    memory = paint(app, bench.environment, titles, stay).memory
    yield number("memory of the app after measuring", memory / 1e6, MEMORY, "MB")


def titles_of(bench: Bench) -> list[str]:
    """Beginnings of the titles of all roots: one of them is in the first row."""
    sql = "SELECT DISTINCT substr(trim(title), 1, 14) FROM session WHERE parent_id IS NULL"
    found = bench.shell(bench.db, sql).output.splitlines()
    return [title for title in found if len(title.split()) > 1]


def sizes(bench: Bench) -> Iterator[Row]:
    """Every session's size against the shell and against reading the file at all."""
    ours = timed(bench, "sizes")
    warm, shell = medians(bench.runs, ours, lambda: bench.shell(bench.db, SUMS).seconds)
    yield ratio("all sizes, warm", warm, shell, 0.6, "shell sum(length(data))")
    if not bench.cold:
        return

    def read() -> float:
        return cat(bench)

    first, at_all, again = medians(bench.runs, cold(bench.db, ours), cold(bench.db, read), read)
    if at_all < OBEYS * again:
        yield fact("all sizes, cold", "the file could not be evicted from the page cache")
    else:
        yield ratio("all sizes, cold", first, at_all, 1.2, "cat")


def finding(bench: Bench) -> Iterator[Row]:
    """Parts that opencode marked, against the shell's fastest scan."""
    ours, shell = medians(
        bench.runs, timed(bench, "find"), lambda: bench.shell(bench.db, LIKE).seconds
    )
    yield ratio("find compacted parts", ours, shell, 1.0, "shell LIKE")


def telling(bench: Bench) -> Iterator[Row]:
    """`ocdu stats`, whole process, against the shell with the same sums and scans."""
    memory = 0

    def stats() -> float:
        nonlocal memory
        found = bench.ocdu("--db", bench.db, "stats", "--json")
        memory = max(memory, found.memory)
        return found.seconds

    ours, shell = medians(bench.runs, stats, lambda: bench.shell(bench.db, COUNTS).seconds)
    yield ratio("ocdu stats, whole process", ours, shell, 1.5, "shell, same sums and scans")
    yield number("memory of ocdu stats", memory / 1e6, MEMORY, "MB")


def timed(bench: Bench, what: str) -> Callable[[], float]:
    """The seconds that `inside` reports."""
    command = [sys.executable, "-m", "tests.benchmarks.inside", what, str(bench.db)]
    return lambda: float(run(command, bench.environment).output)


def cat(bench: Bench) -> float:
    """Seconds to read the whole file once."""
    return run(["sh", "-c", 'exec cat "$0" > /dev/null', str(bench.db)], bench.environment).seconds
