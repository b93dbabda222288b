"""Who is there and how much each takes: the forest, read and measured in slices for the app.

Plain iterators without a thread or a screen of their own; the app runs them in its workers. Sizes
once measured are kept over reloads, so that a change measures only the sessions it concerns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event, Lock

from tui.engine.site import Site
from tui.forest import Forest
from tui.records import Usage
from tui.store.holders import holders
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import Measurement, measure, measure_sessions

SHOWN_EVERY = 0.25
"""Seconds between two measurements shown: each costs one pass over all sessions."""

FEW = 400
"""Sessions up to which single lookups beat measuring the whole file again."""


class Census:
    """The sessions of one site. Its methods block and belong into a thread."""

    def __init__(self, site: Site, clock: Callable[[], int]) -> None:
        """`clock` gives milliseconds UTC."""
        self.site = site
        self.clock = clock
        self.running: frozenset[str] = frozenset()
        self.usage: dict[str, Usage] = {}
        self.tables: dict[str, int] = {}
        self.complete = False
        """True once the whole file was measured."""
        self._seen: dict[str, int] = {}
        """Session id -> its activity when it was measured."""
        self._lock = Lock()

    def load(self, quickly: bool = False) -> Iterator[Forest]:
        """The sessions with the sizes known; `quickly` shows them once before all is read."""
        store = self.site.store
        pinned = self.site.ledger.pins()
        if quickly:
            rows = load_sessions(store, pinned=pinned, check_directories=False)
            yield Forest.of(rows, self.usage)
        rows = load_sessions(store, pinned=pinned)
        rows = with_last_messages(store, rows)
        if holders(store.path, probe=False):
            self.running = running_sessions(store, rows, self.clock())
            rows = [row._replace(running=row.id in self.running) for row in rows]
        else:
            self.running = frozenset()
        yield Forest.of(rows, self.usage)

    def measure(self, forest: Forest, stop: Event) -> Iterator[tuple[Forest, bool]]:
        """Measure the whole file: the forest with growing sizes, True with the last one."""
        shown = time.monotonic()
        found = Measurement()
        for found in measure(self.site.store, stop):
            if found.done or time.monotonic() - shown > SHOWN_EVERY:
                sizes = self.usage | found.sessions if self.usage else found.sessions
                yield forest.with_usage(sizes), False
                shown = time.monotonic()
        if found.done:
            with self._lock:
                self.usage = dict.fromkeys((row.id for row in forest.rows), Usage())
                self.usage |= found.sessions
                self.tables = dict(found.tables)
                self._seen = {row.id: row.active for row in forest.rows}
                self.complete = True
            yield forest.with_usage(self.usage), True

    def catch_up(self, forest: Forest, also: Iterable[str] = ()) -> Forest | None:
        """Measure what moved since; None when that is so much that only `measure` will do."""
        moved = {row.id for row in forest.rows if self._seen.get(row.id) != row.active}
        moved |= {id for id in also if id in forest}
        if not self.complete or len(moved) > FEW:
            return None
        fresh = measure_sessions(self.site.store, moved)
        with self._lock:
            self.usage = {
                row.id: fresh.get(row.id) or self.usage.get(row.id) or Usage()
                for row in forest.rows
            }
            self._seen = {row.id: row.active for row in forest.rows}
            self.tables |= _tables(self.usage.values())
        return forest.with_usage(self.usage)


def _tables(usage: Iterable[Usage]) -> dict[str, int]:
    """Octets by table, from the sessions; rows without one are not in it."""
    messages = parts = events = 0
    for each in usage:
        messages += each.message_bytes
        parts += each.part_bytes
        events += each.event_bytes
    return {"message": messages, "part": parts, "event": events}
