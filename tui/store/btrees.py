"""Every table and index as it lies in the file: what a vacuum will pack (SQLite's `dbstat`)."""

from __future__ import annotations

from collections import Counter

import apsw

from tui.sizes import BTree
from tui.store.database import SQLITE_EXCEPTIONS, Store
from tui.store.judging import ROW_OVERHEAD
from tui.store.pages import EVENT_OVERHEAD, leaf_octets
from tui.store.query import fetch

MOST_BYTES = 4_000_000_000
"""Of a file that is looked at: every page of it is read, some 1.5 GB a second."""

LEAF_HEADER, INTERNAL_HEADER, CHILD = 8, 12, 4
"""Octets before the cells of a page, and of the number of a page below."""

_TREES = """SELECT name, iif(name = 'sqlite_schema', name, tbl_name), type = 'index'
    FROM (SELECT 'sqlite_schema' AS name, '' AS tbl_name, 'table' AS type
      UNION ALL SELECT name, tbl_name, type FROM sqlite_schema WHERE rootpage > 0)"""

_PAGES = """SELECT pagetype, count(*), sum(ncell), sum(pgsize - unused)
    FROM dbstat WHERE name = ? AND aggregate = FALSE GROUP BY pagetype"""


_PAYLOAD = {
    table: f"(octet_length(data) + {overhead})" for table, overhead in ROW_OVERHEAD.items()
} | {"event": f"(octet_length(data) + octet_length(type) + {EVENT_OVERHEAD})"}
"""SQL: octets of a row of opencode's large tables."""


def read_btrees(store: Store) -> tuple[BTree, ...]:
    """One record for each b-tree; () where the file is too large, or cannot be read so.

    1 s for 600 MB, in one read for each tree. Blocking.
    """
    sizes = store.sizes()
    if sizes.used_bytes > MOST_BYTES:
        return ()
    try:
        with store.reading() as db:
            connection = db.connection()
            trees = [
                _btree(table, bool(is_index), fetch(connection, _PAGES, (name,)), sizes.page_size)
                for name, table, is_index in fetch(connection, _TREES)
            ]
            return tuple(_filled(connection, tree, sizes.page_size) for tree in trees)
    except SQLITE_EXCEPTIONS:  # a damaged tree is none of our business here
        return ()


def _filled(connection: apsw.Connection, tree: BTree, page_size: int) -> BTree:
    """The same, and how its rows fill leaves in their order; lengths come without the bodies."""
    if tree.is_index or tree.table not in _PAYLOAD:
        return tree
    octets = leaf_octets(_PAYLOAD[tree.table], page_size)
    room = free = page_size - LEAF_HEADER
    squares = unused = leaves = 0
    for (cell,) in connection.execute(f"SELECT {octets} FROM {tree.table} ORDER BY rowid"):
        squares += cell * cell
        if cell > free:
            leaves, unused, free = leaves + 1, unused + free, room
        free -= cell
    return tree._replace(squares=float(squares), unused=unused / max(1, leaves))


def _btree(
    table: str, is_index: bool, kinds: list[tuple[str, int, int, int]], page_size: int
) -> BTree:
    pages: Counter[str] = Counter()
    cells: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for kind, number, held, octets in kinds:
        pages[kind], cells[kind], used[kind] = number, held, octets
    octets = used["leaf"] - LEAF_HEADER * pages["leaf"]
    if is_index:  # of a table, inner pages hold no rows
        inner = used["internal"] - INTERNAL_HEADER * pages["internal"]
        octets += inner - CHILD * cells["internal"]
        cells["leaf"] += cells["internal"]
    return BTree(table, is_index, cells["leaf"], octets, pages["overflow"] * page_size)
