"""How large the file and its parts are: immutable records, octets, shared by all layers."""

from __future__ import annotations

from typing import NamedTuple


class FileSizes(NamedTuple):
    """The database file as stat() and its header see it; cheap enough for a timer."""

    bytes: int
    wal_bytes: int
    page_size: int
    page_count: int
    free_pages: int
    b_trees: int = 0
    """Tables and indices: each keeps one page even when it is empty."""
    incremental: bool = False
    """True when free pages go back in slices, by themselves after a deed that frees some."""

    @property
    def free_bytes(self) -> int:
        """Bytes of pages that hold nothing: what a vacuum would give back."""
        return self.free_pages * self.page_size

    @property
    def used_bytes(self) -> int:
        """Bytes of pages that hold something."""
        return (self.page_count - self.free_pages) * self.page_size

    @property
    def filled_bytes(self) -> int:
        """Bytes of pages that exist because of rows: all of them would go with the last row."""
        return max(0, self.page_count - self.free_pages - self.b_trees) * self.page_size


class BTree(NamedTuple):
    """A table or an index as it lies in its pages, read from SQLite's `dbstat`."""

    table: str
    """The table it is, or the index is of."""
    is_index: bool
    cells: int
    """Rows, or entries."""
    octets: int
    """Of these cells in the pages of the tree, pointers included."""
    overflow_bytes: int
    """Bytes of overflow pages."""
    squares: float = 0.0
    """Sum of the squares of what its cells take: how unlike they are decides what no page can use.
    0 where nobody counted, for cells that are alike."""
    unused: float = 0.0
    """Octets of a leaf, on average, in which the next cell would not fit if today's were packed in
    their order; 0 where nobody counted."""


class Cells(NamedTuple):
    """What leaves the b-trees of one table when a payload goes."""

    table: str
    rows: int
    """Rows that go as a whole, and with them their entries in every index."""
    octets: int
    """That the leaves of the table lose: of those rows, and of rows that become shorter."""
    overflow_bytes: int
    """Bytes of overflow pages that nothing needs any more."""
    squares: float = 0.0
    """By how much the sum of the squares of its cells shrinks."""
