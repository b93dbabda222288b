"""Notice what changes: the live numbers, foreign writes, newly compacted output.

A live display must never be the cause of growth: it looks with stat() once a second, with three
header pragmas where that showed a change, and keeps no connection in between. An open one would
answer `PRAGMA data_version`, but it would make us a holder for whom other vacuums wait; every
commit of a WAL database is written to the -wal file, so stat() sees the same.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from tui.engine.site import Site
from tui.errors import OcduError
from tui.format import size
from tui.records import Holder, Payload
from tui.sizes import FileSizes
from tui.store.database import SQLITE_EXCEPTIONS, wal_of
from tui.store.holders import holders
from tui.store.ledger import HISTORY_STEP
from tui.store.opencode_config import pruning
from tui.store.payloads import find_payloads

EVERY = 1.0
"""Seconds between two looks."""

HOLDERS_EVERY = 5.0
"""Seconds between two searches for holders: reading every process's descriptors takes a while."""

HOLDERS_REST = 15.0
"""The same while nobody writes."""

SEARCH_EVERY = 20.0
"""Seconds between two searches for compacted output; opencode marks it after a turn, and within a
minute is soon enough."""

SEARCH_REST = 20
"""How many times as long as a search took none is begun again: a twentieth of a core at most."""

SEARCH_LATEST = 45.0
"""But so many seconds after the last one it is begun, or a minute would not be kept."""

WATERMARK = "compacted"
"""The automatic level; its watermark in the ledger goes by the same name."""

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
        """`on_found` gets compacted output that can be reclaimed, and gets it again until a search
        finds none left: whoever is busy may ignore it. `search` False never looks for it, nor is
        it looked for where nothing may be written, where the owner said no, or where opencode's
        own configuration forbids it.
        """
        self._site = site
        self._on_change = on_change
        self._on_look = on_look
        self._on_found = on_found
        self._search = search
        self._stop = Event()
        self._thread = Thread(target=self._watch, name="ocdu-watch", daemon=True)
        self._holders: tuple[Holder, ...] = ()
        self._holders_at = -HOLDERS_EVERY
        self._search_at = 0.0
        """When the next search or reminder may be."""
        self._remember_at = 0.0
        self._unsearched = True
        """True while something was written since the last search."""
        self._pending: list[Payload] = []
        """What the last search found."""
        self._shown: tuple[object, ...] = ()
        """What was last told of: nothing new is not told again."""
        self._sizes: FileSizes | None = None
        """None while they may have changed."""
        self._why_not = ""
        """Why opencode's configuration forbids it, as last looked."""

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
                found = self._fingerprint()
                if found != seen:
                    seen = found
                    self._unsearched, self._sizes = True, None
                    self._on_change()
                self._look_once()
                self._search_once()
            except (OcduError, OSError, *SQLITE_EXCEPTIONS) as error:
                # The file may be locked or gone for a moment: the next look tells.
                log.info("Looking failed: %s", error)
            self._stop.wait(EVERY)

    def _look_once(self) -> None:
        now = time.monotonic()
        rest = HOLDERS_REST if self._sizes else HOLDERS_EVERY
        if now - self._holders_at >= rest:
            self._holders, self._holders_at = holders(self._site.store.path), now
        sizes = self._sizes = self._sizes or self._site.store.sizes()
        free = free_disk(self._site)
        news = (sizes, self._holders, size(free))  # others write to the disk all the time
        if news != self._shown:
            self._shown = news
            self._on_look(sizes, self._holders, free)
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
        """Look for output marked since the watermark; that moves on once none of it is left.

        Where nothing was written since, what is left is told again: somebody may have time now.
        """
        now = time.monotonic()
        if not self._search or now < self._search_at or not (self._unsearched or self._pending):
            return
        self._search_at = now + SEARCH_EVERY
        if not self._may_reclaim():
            return
        if self._unsearched:
            self._find(now)
        if self._pending and not self._stop.is_set():
            self._on_found(self._pending)

    def _may_reclaim(self) -> bool:
        """Whether anything may be reclaimed by itself, as of now."""
        if self._site.refusal or self._site.ledger.consent() is False:
            return False
        said = pruning()
        if said.why != self._why_not:
            self._why_not = said.why
            log.info("Reclaim in the background: %s", said.why or "allowed again")
        return said.allowed

    def _find(self, began: float) -> None:
        """Search what was written since the watermark."""
        ledger = self._site.ledger
        found = find_payloads(
            self._site.store,
            (WATERMARK,),
            since_updated=ledger.watermark(WATERMARK),
            stop=self._stop,
        )
        ended = time.monotonic()
        rest = max(SEARCH_EVERY, min(SEARCH_LATEST, (ended - began) * SEARCH_REST))
        self._search_at = ended + rest
        if not found.complete:
            return
        self._unsearched = False
        self._pending = [each for each in found if each.level == WATERMARK]
        if not self._pending:
            ledger.set_watermark(WATERMARK, found.watermark)
