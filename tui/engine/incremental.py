"""Give free pages of an incremental file back in slices that nobody notices.

Each slice is one short transaction, so stopping or a crash between any two keeps what was given
back. The file must have been made incremental before (auto_vacuum=2): on any other SQLite accepts
the pragma and does nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass
from threading import Event

import apsw

from tui.engine.checkpoint import fold_bulk, fold_in
from tui.engine.pace import rest
from tui.policy.plan import Step
from tui.policy.vacuum import INCREMENTAL, INCREMENTAL_NEED, SLICE
from tui.store.company import Company
from tui.store.database import Store, file_size, transaction, wal_of
from tui.store.query import scalar

FIRST_PAGES = 32
"""Pages of the first slice; later ones follow the clock."""

FOLD_FRAMES = 1_000
"""Pages in the log from which they are folded in between two slices: as many as opencode's own
connections leave there, so that none of its writes has to fold ours."""

LOG_LIMIT = INCREMENTAL_NEED // 2
"""Octets of log from which it is emptied: whoever always writes keeps it from being used again."""

LOG_MOST = INCREMENTAL_NEED
"""Octets of log at which it ends: a long read keeps it from being emptied, and a file that shrinks
must not make its log grow."""


LIST_CACHE = 65_536
"""KiB of page cache: the list of 60 GB of free pages. With SQLite's 2 MB a page took four times as
long at 5 GB of them (measured)."""


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What the slices achieved."""

    bytes: int
    """Octets of pages that left the file."""
    left: int
    """Free pages that are still in it."""
    longest: float
    """Seconds the longest slice locked."""
    held_up: bool = False
    """True when it ended because a reader kept the log from being folded in."""


def is_incremental(connection: apsw.Connection) -> bool:
    """True when the file keeps the map that incremental_vacuum needs."""
    return bool(scalar(connection, "PRAGMA auto_vacuum") == INCREMENTAL)


def give_back(
    store: Store, connection: apsw.Connection, stop: Event, seconds: float = 0.0
) -> Generator[Step, None, GivenBack]:
    """Free pages leave the file, SLICE seconds at a time, until none is left, `stop` is set or the
    seconds are over (0: no limit)."""
    ends = time.monotonic() + (seconds or math.inf)
    page_size = scalar(connection, "PRAGMA page_size")
    # SQLite reads the whole list of free pages for each page at the end of the file.
    connection.execute(f"PRAGMA cache_size = -{LIST_CACHE}").fetchall()
    log, company = _Log(store, connection), Company(connection)
    whole = free = scalar(connection, "PRAGMA freelist_count")
    pages, longest, given = FIRST_PAGES, 0.0, 0
    held_up = False
    while free and not stop.is_set() and not held_up and time.monotonic() < ends:
        began = time.perf_counter()
        with transaction(connection):
            # It frees one page per row, so the cursor must be exhausted.
            connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        took = time.perf_counter() - began
        longest = max(longest, took)
        pages = max(1, min(2 * pages, int(pages * SLICE / took)))
        free = scalar(connection, "PRAGMA freelist_count")
        given = max(0, whole - free)
        yield Step(given, whole, bytes=given * page_size, phase="giving back")
        rest(company)
        held_up = yield from log.kept_short(stop)
    return GivenBack(given * page_size, free, longest, held_up and free > 0)


class _Log:
    """The write-ahead log meanwhile: folded in by us between two slices, not within a commit."""

    def __init__(self, store: Store, connection: apsw.Connection) -> None:
        self._path = wal_of(store.path)
        self._connection = connection
        self._frames = 0
        # In the place of SQLite's own checkpoint, which would count as time of the lock.
        connection.set_wal_hook(self._noted)

    def _noted(self, _connection: apsw.Connection, _name: str, frames: int) -> int:
        self._frames = frames
        return apsw.SQLITE_OK

    def kept_short(self, stop: Event) -> Generator[Step, None, bool]:
        """Fold it in where it has grown; True when somebody keeps it from that for too long."""
        octets = file_size(self._path)
        if octets > LOG_LIMIT:
            folded = yield from fold_in(self._connection, stop)
            return folded.busy and octets > LOG_MOST
        if self._frames >= FOLD_FRAMES:
            self._frames = 0
            yield from fold_bulk(self._connection, stop)
        return False
