"""How large a file is after a vacuum, which writes every b-tree anew, as densely as it can.

Cells are put into a leaf in their order until the next one does not fit; so a leaf of rows is full
but for half of the row that comes next, and the larger a row the more often it is that one.
Overflow pages are what they were. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tui.sizes import BTree, Cells

LEAF_HEADER, INTERNAL_HEADER = 8, 12
"""Octets of a page before its cells."""

CHILD, ROW_CHILD = 4, 10
"""Octets by which an entry grows in an inner page, and of one in an inner page of a table."""


def packed_bytes(trees: Sequence[BTree], gone: Iterable[Cells], page_size: int) -> int:
    """Bytes of all pages once these cells have gone and the rest was packed."""
    rows: defaultdict[str, int] = defaultdict(int)
    octets: defaultdict[str, int] = defaultdict(int)
    overflow: defaultdict[str, int] = defaultdict(int)
    squares: defaultdict[str, float] = defaultdict(float)
    for cells in gone:
        rows[cells.table] += cells.rows
        octets[cells.table] += cells.octets
        overflow[cells.table] += cells.overflow_bytes
        squares[cells.table] += cells.squares
    total = 0
    for tree in trees:
        table = tree.table
        left = max(0, tree.cells - rows[table])
        if tree.is_index:
            held = tree.octets * left / max(1, tree.cells)
            beyond = int(tree.overflow_bytes * left / max(1, tree.cells))
        else:
            held = max(0, tree.octets - octets[table])
            beyond = max(0, tree.overflow_bytes - overflow[table])
        unused = _unused(tree, held, tree.squares - squares[table])
        total += _pages(left, held, unused, tree.is_index, page_size) * page_size + beyond
    return total


def _unused(tree: BTree, octets: float, squares: float) -> float:
    """Octets of each leaf that no row fits in; 0 where nobody counted.

    What today's rows leave unused tells how far their order and the size of a page bend the rule.
    """
    if octets <= 0 or not tree.squares:
        return 0.0
    return tree.unused * max(0.0, squares / octets) / (tree.squares / tree.octets)


def _pages(cells: int, octets: float, unused: float, is_index: bool, page_size: int) -> int:
    """Leaves and inner pages of a tree with so many cells."""
    if cells == 0 or octets <= page_size - LEAF_HEADER:
        return 1
    average = octets / cells
    room = page_size - LEAF_HEADER
    # Of an index, the entry that does not fit moves up, between this leaf and the next.
    room_for = room + average / 2 if is_index else room - (unused or average / 2)
    level = max(1, -int(-octets // max(average, room_for)))
    total = level
    fan = (page_size - INTERNAL_HEADER) / (average + CHILD if is_index else ROW_CHILD)
    while level > 1:
        level = -int(-level // max(2.0, fan))
        total += level
    return total
