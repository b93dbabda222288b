"""How many pages rows fill, and how many of them become free when some of the rows go.

A row's length decides how much of it lies in overflow pages (sqlite.org/fileformat2, 1.6): all of
those become free with the row. What lies in the leaf becomes free only with the leaf: SQLite joins
neighbouring leaves once one of them is less than a third full.
"""

from __future__ import annotations

POINTER = 2
"""Octets a leaf spends on every row beside the row itself."""

PAGE_HEADER = 8


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


class Leaves:
    """Neighbouring leaves of one b-tree, filled row by row in the order of their keys."""

    def __init__(self, page_size: int, fill: float = 1.0) -> None:
        """`fill`: the share of a leaf that is in use before anything goes."""
        self._room = page_size - PAGE_HEADER
        self._full = self._room * fill
        self._used = self._left = 0
        self._before = self._room
        self.freed = 0
        """Leaves that become free, as far as they were closed."""

    def add(self, octets: int, goes: bool) -> None:
        """One row more, pointer included."""
        if self._used + octets > self._full:
            self._close()
        self._used += octets
        if not goes:
            self._left += octets

    def _close(self) -> None:
        """The leaf is full: is it empty afterwards, or joined with the one before?"""
        left, self._used, self._left = self._left, 0, 0
        if not left:
            self.freed += 1
            return
        is_thin = min(left, self._before) * 3 < self._room
        if is_thin and left + self._before <= self._room:
            self.freed += 1
            self._before += left
        else:
            self._before = left
