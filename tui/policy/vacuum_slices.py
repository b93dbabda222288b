"""How long a vacuum in slices takes: page by page, each of them the last of the file."""

from __future__ import annotations

from tui.sizes import FileSizes

BRIEF = 10.0
"""Seconds that a vacuum in slices may take before another way is thought of."""

SLICE_DUTY = 0.6
"""Share of the time that an incremental vacuum works; the rest is the neighbours'."""

MOVE = 4e-5
"""Seconds to give one page back in a slice (measured)."""

SEARCH = 5e-10
"""Seconds for each page given back and each free page: SQLite looks for the one at the end of the
file in the whole list of free pages, so that twice as many take four times as long (measured:
0.6 ms a page at 1.2 million)."""


def pages_within(free: int, seconds: float) -> int:
    """Pages that an incremental vacuum gives back within so many seconds, of so many free ones."""
    # What `slices_seconds` says for all of them, solved for the first of them.
    each, worked = MOVE + free * SEARCH, seconds * SLICE_DUTY
    root = each * each - 2 * SEARCH * worked
    if root <= 0:
        return free
    return min(free, int((each - root**0.5) / SEARCH))


def slices_seconds(sizes: FileSizes) -> float:
    """Seconds until an incremental vacuum has given everything back."""
    free = sizes.free_pages
    return (free * MOVE + free * free / 2 * SEARCH) / SLICE_DUTY
