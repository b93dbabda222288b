"""Notice what changes: the live numbers, foreign writes, newly compacted output.

A live display must never be the cause of growth: it looks with stat() and three header pragmas,
milliseconds once a second, and keeps no connection in between, so that the WAL is never pinned.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from tui.engine.site import Site
from tui.errors import OcduError
from tui.records import FileSizes, Holder, Payload
from tui.store.database import SQLITE_EXCEPTIONS, wal_of
from tui.store.holders import holders
from tui.store.ledger import HISTORY_STEP
from tui.store.payloads import find_payloads

EVERY = 1.0
"""Seconds between two looks."""

HOLDERS_EVERY = 5.0
"""Seconds between two searches for holders: reading every process's descriptors takes a while."""

SEARCH_EVERY = 20.0
"""Seconds between two searches for compacted output; opencode marks it after a turn, and within a
minute is soon enough."""

WATERMARK = "compacted"

log = logging.getLogger("ocdu")


def look(site: Site) -> tuple[FileSizes, tuple[Holder, ...], int]:
    """File sizes, holders and free disk (octets), as they are now."""
    return site.store.sizes(), holders(site.store.path), free_disk(site)


def free_disk(site: Site) -> int:
    """Octets free on the disk of the database."""
    return shutil.disk_usage(site.store.path.parent).free


class Watch:
    """A thread that looks; the callbacks run in it."""

    def __init__(
        self,
        site: Site,
        on_change: Callable[[], None],
        on_look: Callable[[FileSizes, tuple[Holder, ...], int], None],
        on_found: Callable[[Sequence[Payload]], None],
        *,
        search: bool = True,
    ) -> None:
        """`on_found` gets compacted output that can be reclaimed; `search` False never looks for
        it, nor does a database that must not be written or whose owner said no."""
        self._site = site
        self._on_change = on_change
        self._on_look = on_look
        self._on_found = on_found
        self._search = search
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="ocdu-watch", daemon=True)
        self._holders: tuple[Holder, ...] = ()
        self._holders_at = -HOLDERS_EVERY
        self._searched_at = -SEARCH_EVERY
        self._remember_at = 0.0
        self._unsearched = True
        """True while something was written since the last search."""

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self, timeout: float = 1.0) -> None:
        """End, after the look under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _watch(self) -> None:
        seen = self._fingerprint()
        while not self._stop.is_set():
            try:
                self._look_once()
                found = self._fingerprint()
                if found != seen:
                    seen = found
                    self._unsearched = True
                    self._on_change()
                self._search_once()
            except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
                # The file may be locked or gone for a moment: the next look tells.
                log.info("Looking failed: %s", error)
            self._stop.wait(EVERY)

    def _look_once(self) -> None:
        now = time.monotonic()
        if now - self._holders_at >= HOLDERS_EVERY:
            self._holders, self._holders_at = holders(self._site.store.path), now
        sizes = self._site.store.sizes()
        self._on_look(sizes, self._holders, free_disk(self._site))
        if now >= self._remember_at:
            self._remember_at = now + HISTORY_STEP / 1000
            self._site.ledger.remember(sizes.bytes + sizes.wal_bytes, int(time.time() * 1000))

    def _fingerprint(self) -> tuple[tuple[int, int], ...]:
        """Changes with every commit: in WAL mode each one is written to the -wal file."""
        path = self._site.store.path
        found = []
        for each in (path, wal_of(path)):
            try:
                state = each.stat()
                found.append((state.st_mtime_ns, state.st_size))
            except OSError:
                found.append((0, 0))
        return tuple(found)

    def _search_once(self) -> None:
        """Look for output marked since the watermark; that moves on once none of it is left."""
        now = time.monotonic()
        if not self._search or not self._unsearched or now - self._searched_at < SEARCH_EVERY:
            return
        ledger, store = self._site.ledger, self._site.store
        if store.refusal or ledger.consent() is False:
            return
        self._searched_at, self._unsearched = now, False
        found = find_payloads(
            store, ("compacted",), since_updated=ledger.watermark(WATERMARK), stop=self._stop
        )
        payloads = [each for each in found if each.level == "compacted"]
        if self._stop.is_set():
            return
        if payloads:
            self._unsearched = True  # again later: a session at work is left out this time
            self._on_found(payloads)
        else:
            ledger.set_watermark(WATERMARK, found.watermark)
