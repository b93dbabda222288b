"""Who is there and how much each takes: the forest, read and measured in slices for the app.

Plain methods without a thread or a screen of their own; the app runs them in its workers, reading
rows and measuring side by side. Sizes once measured are kept over reloads, so that a change
measures only the sessions it concerns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event, Lock

from tui.engine.site import Site
from tui.forest import Forest
from tui.records import SessionRow, Usage
from tui.store.database import file_size
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import Measurement, measure, measure_sessions

SHOWN_EVERY = 0.5
"""Seconds between two measurements shown: each costs one pass over all sessions."""

UNEXPLAINED = 0.03
"""Share of the file that may have moved without a session to name before all is measured anew."""

FEW = 400
"""Sessions up to which single lookups beat measuring the whole file again."""


class Census:
    """The sessions of one site. Its methods block and belong into a thread."""

    def __init__(self, site: Site, clock: Callable[[], int]) -> None:
        """`clock` gives milliseconds UTC."""
        self.site = site
        self.clock = clock
        self.forest = Forest.of(())
        """As last read; whoever measures measures these."""
        self.running: frozenset[str] = frozenset()
        self.tables: dict[str, int] = {}
        self.complete = False
        """True once the whole file was measured."""
        self._usage: Mapping[str, Usage] = {}
        self._seen: dict[str, int] = {}
        """Session id -> its activity when it was measured."""
        self._pages, self._payload = 0, 0
        """Octets of used pages, and of payload, when the whole file was measured."""
        self._lock = Lock()

    def load(self, quickly: bool = False) -> Iterator[Forest]:
        """The sessions with the sizes known; `quickly` shows them once before all is read."""
        from tui.store.holders import holders  # not before the first picture

        store = self.site.store
        pinned = self.site.ledger.pins()
        if quickly:
            yield self._read(load_sessions(store, pinned=pinned, check_directories=False))
        rows = with_last_messages(store, load_sessions(store, pinned=pinned))
        at_work: frozenset[str] = frozenset()
        if holders(store.path, probe=False):
            at_work = running_sessions(store, rows, self.clock())
            rows = [row._replace(running=row.id in at_work) for row in rows]
        self.running = at_work
        yield self._read(rows)

    def _read(self, rows: Iterable[SessionRow]) -> Forest:
        with self._lock:
            self.forest = Forest.of(rows, self._usage)
            return self.forest

    def measure(self, stop: Event) -> Iterator[Forest]:
        """Measure the whole file: the forest, as it is by then, with growing sizes."""
        from tui.store.size_cache import SMALLEST, cached_usage, fingerprints, remember_usage

        store, ledger = self.site.store, self.site.ledger
        before = {row.id: row.active for row in self.forest.rows}
        if not self._usage and (cached := cached_usage(store, ledger)):
            yield self._sized(cached)
        prints = fingerprints(store) if file_size(store.path) >= SMALLEST else {}
        old = self._usage
        found = Measurement()
        shown = time.monotonic()
        for found in measure(store, stop):
            if found.done or time.monotonic() - shown > SHOWN_EVERY:
                # What was known stands until the whole is measured: numbers that start again
                # from nothing tell less.
                yield self._sized({**found.sessions, **old})
                shown = time.monotonic()
        if found.done:
            self.tables = dict(found.tables)
            # What moved since the beginning is measured again by the next `catch_up`.
            self._seen = before
            # As `catch_up` sums it: rows whose session is gone would pass for a change for ever.
            known = [found.sessions[row.id] for row in self.forest.rows if row.id in found.sessions]
            self._pages, self._payload = store.sizes().used_bytes, sum(_tables(known).values())
            self.complete = True
            empty = dict.fromkeys((row.id for row in self.forest.rows), Usage())
            yield self._sized({**empty, **found.sessions})
            remember_usage(store, ledger, found.sessions, prints)

    def _sized(self, usage: Mapping[str, Usage]) -> Forest:
        with self._lock:
            self._usage = usage
            self.forest = self.forest.with_usage(usage)
            return self.forest

    def catch_up(self, also: Iterable[str] = ()) -> Forest | None:
        """Measure what moved since; None when that is so much that only `measure` will do."""
        rows = self.forest.rows
        moved = {row.id for row in rows if self._seen.get(row.id) != row.active}
        moved |= {id for id in also if id in self.forest}
        if len(moved) > FEW:
            return None
        fresh = measure_sessions(self.site.store, moved)
        known = self._usage
        usage = {row.id: fresh.get(row.id) or known.get(row.id) or Usage() for row in rows}
        tables = _tables(usage.values())
        if self._is_off(sum(tables.values())):
            return None
        self._seen = {row.id: row.active for row in rows}
        self.tables = tables
        return self._sized(usage)

    def _is_off(self, payload: int) -> bool:
        """True when the file grew or shrank by much more than the sessions that say they moved.

        opencode writes parts without touching the session's row; their bytes must not pass for
        something else until somebody presses a key.
        """
        pages = self.site.store.sizes().used_bytes
        unexplained = (pages - self._pages) - (payload - self._payload)
        return abs(unexplained) > UNEXPLAINED * max(pages, 1)


def _tables(usage: Iterable[Usage]) -> dict[str, int]:
    """Octets by table, from the sessions; rows without one are not in it."""
    messages = parts = events = 0
    for each in usage:
        messages += each.message_bytes
        parts += each.part_bytes
        events += each.event_bytes
    return {"message": messages, "part": parts, "event": events}
