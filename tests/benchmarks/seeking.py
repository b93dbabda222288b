"""Searching what was said, and opening a conversation, against the shell's own scan.

Run as `python -m tests.benchmarks.seeking search|first|stop|open DB` it does one of them in a
process of its own and prints the seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

from tests.benchmarks.stopwatch import Bench, medians, run
from tests.benchmarks.table import Row, number, ratio
from tui.store.database import Store, open_store
from tui.store.query import scalar
from tui.store.search import Wanted, search
from tui.store.transcript import outline

NEVER_SAID = "zzyzx-never-said"
"""A needle without hits: the whole file is read."""

LIKE = f"SELECT count(*) FROM part WHERE data LIKE '%{NEVER_SAID}%'"

RUNNING = 0.15
"""Seconds a search runs before it is stopped."""


def seeking(bench: Bench) -> Iterator[Row]:
    """The whole file, the first hit, the way out, and the first screen of the largest session."""

    def inside(what: str) -> Callable[[], float]:
        command = [sys.executable, "-m", "tests.benchmarks.seeking", what, str(bench.db)]
        return lambda: float(run(command, bench.environment).output)

    whole, shell = medians(
        bench.runs, inside("search"), lambda: bench.shell(bench.db, LIKE).seconds
    )
    yield ratio("search what was said, whole file", whole, shell, 2.0, "shell LIKE on part")
    first, stop, opened = medians(bench.runs, inside("first"), inside("stop"), inside("open"))
    yield number("first hit of a search", first * 1000, 100, "ms")
    yield number("from Esc to the end of a search", stop * 1000, 60, "ms")
    yield number("first screen of the largest conversation", opened * 1000, 500, "ms")


def searching(store: Store) -> float:
    """Read everything."""
    began = time.perf_counter()
    assert not any(step.hits for step in search(store, Wanted(NEVER_SAID)))
    return time.perf_counter() - began


def first_hit(store: Store) -> float:
    """Something that is said often."""
    began = time.perf_counter()
    assert next(step for step in search(store, Wanted("the")) if step.hits)
    return time.perf_counter() - began


def stopping(store: Store) -> float:
    """From the wish to stop to the end of the reading thread."""
    stop = Event()
    thread = Thread(target=lambda: list(search(store, Wanted(NEVER_SAID), stop)))
    thread.start()
    time.sleep(RUNNING)
    began = time.perf_counter()
    stop.set()
    thread.join()
    return time.perf_counter() - began


def opening(store: Store) -> float:
    """The first entries of the session with most octets in its parts."""
    largest = "SELECT session_id FROM part GROUP BY 1 ORDER BY sum(octet_length(data)) DESC LIMIT 1"
    with store.reading() as db:
        id = str(scalar(db.connection(), largest))
    began = time.perf_counter()
    assert next(outline(store, id)).entries
    return time.perf_counter() - began


if __name__ == "__main__":
    deed = {"search": searching, "first": first_hit, "stop": stopping, "open": opening}[sys.argv[1]]
    print(deed(open_store(Path(sys.argv[2]))))
