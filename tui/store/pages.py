"""How many pages rows fill, and how many of them become free when some of the rows go.

A row's length decides how much of it lies in overflow pages (sqlite.org/fileformat2, 1.6): all of
those become free with the row. What lies in the leaf becomes free only with the leaf: SQLite joins
neighbouring leaves once one of them is less than a third full.
"""

from __future__ import annotations

from typing import NamedTuple

PAGE_HEADER = 8
"""Octets of a leaf that hold no rows."""


def spilled(payload: int, page_size: int) -> tuple[int, int]:
    """A table row of this many octets: those in its leaf, and the bytes of its overflow pages."""
    if payload <= page_size - 35:
        return payload, 0
    least = (page_size - 12) * 32 // 255 - 23
    local = least + (payload - least) % (page_size - 4)
    if local > page_size - 35:
        local = least
    pages = -(-(payload - local) // (page_size - 4))
    return local + 4, pages * page_size


def leaf_octets(payload: str, page_size: int) -> str:
    """SQL: what a table row of this many octets, an expression, takes in its leaf."""
    least, turn = (page_size - 12) * 32 // 255 - 23, page_size - 4
    local = f"{least} + ({payload} - {least}) % {turn}"
    return f"""(CASE WHEN {payload} <= {page_size - 35} THEN {payload}
        WHEN {local} <= {page_size - 35} THEN {local} + 4 ELSE {least + 4} END + {CELL_HEADER})"""


class Leaves:
    """Neighbouring leaves of one b-tree, filled row by row in the order of their keys.

    What stays in a leaf that becomes thin is spread over it and its two neighbours, or over fewer
    of them where these will hold it.
    """

    def __init__(self, page_size: int, fill: float = 1.0) -> None:
        """`fill`: the share of a leaf that is in use before anything goes."""
        self._room = page_size - PAGE_HEADER
        self._full = int(self._room * fill)
        self._used = self._left = 0
        self._done = [self._full]
        """What stays in the leaves so far; the last one waits for its neighbour."""
        self.freed = 0
        """Leaves that become free, as far as that is decided."""

    def add(self, octets: int, goes: bool) -> None:
        """One row more, pointer included."""
        if self._used + octets > self._full:
            self._close()
        self._used += octets
        if not goes:
            self._left += octets

    def _close(self) -> None:
        """A leaf is complete: now the one before it knows both its neighbours."""
        ahead, self._used, self._left = self._left, 0, 0
        here, behind = self._done[-1], self._done[-2] if len(self._done) > 1 else self._full
        if here * 3 >= self._room:
            self._done = [here, ahead]
            return
        total = behind + here + ahead
        leaves = min(3, max(1, -(-total // self._room)))
        self.freed += 3 - leaves
        self._done = [total // leaves] * min(leaves, 2)


class PagesSoFar(NamedTuple):
    """What `EventPages` has counted up to a moment."""

    freed: int
    octets: int
    overflow_bytes: int
    squares: float


class EventPages:
    """Counts the pages of the table `event` and of its three indices that become free.

    The events of a session are told one after the other as `seq` orders them, session by session;
    that is nearly the order of the rows, and exactly that of two of the indices.
    """

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self.octets = self.overflow_bytes = 0
        """Of rows that go: in their leaves, and bytes of overflow pages."""
        self.squares = 0.0
        """Of those octets, summed row by row."""
        self._rows = Leaves(page_size)
        self._ids = Leaves(page_size, ID_FILL)
        self._seqs = Leaves(page_size, SEQ_FILL)
        self._types = Leaves(page_size, SEQ_FILL)
        self._session: dict[str, bytearray] = {}
        """Of the session at hand: by type, in the order of seq, whether each event goes."""

    def add(self, octets: int, type: str, *, goes: bool) -> None:
        """One event more, with the length of its data."""
        local, overflow = spilled(octets + len(type) + EVENT_OVERHEAD, self._page_size)
        self._rows.add(local + CELL_HEADER, goes)
        if goes:
            self.octets += local + CELL_HEADER
            self.squares += (local + CELL_HEADER) ** 2
            self.overflow_bytes += overflow
        self._ids.add(ID_ENTRY, goes)
        self._seqs.add(SEQ_ENTRY, goes)
        flags = self._session.get(type)
        if flags is None:
            flags = self._session[type] = bytearray()
        flags.append(goes)

    def end_session(self) -> None:
        """All events of a session are told: they stand by type in the index that names it."""
        for type, flags in sorted(self._session.items()):
            octets, add = SEQ_ENTRY + len(type), self._types.add
            for goes in flags:
                add(octets, bool(goes))
        self._session = {}

    @property
    def so_far(self) -> PagesSoFar:
        """Everything that is counted, at this moment."""
        return PagesSoFar(self.freed, self.octets, self.overflow_bytes, self.squares)

    @property
    def freed(self) -> int:
        """Bytes of pages, as far as that is decided."""
        leaves = (self._rows, self._ids, self._seqs, self._types)
        return self.overflow_bytes + sum(each.freed for each in leaves) * self._page_size


EVENT_OVERHEAD = 72
"""Octets of a row of `event` beside its type and data: two ids of 30, a seq, a header of 9."""

CELL_HEADER = 7
"""Octets before a row in its leaf, and its pointer."""

ID_ENTRY, SEQ_ENTRY = 39, 42
"""Octets of an entry of the ids, and of (aggregate_id, seq): what it names, a rowid, a header."""

ID_FILL, SEQ_FILL = 0.81, 0.89
"""How full the leaves of these indices are; measured with dbstat."""
