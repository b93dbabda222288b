"""Rows to be read in full, in pieces of a size that keeps each read short; and heads of huge rows.

Rows differ in size by a factor of a million, so a piece is bounded by its octets, which SQLite
tells without touching the bodies. A row over LARGE is a piece of its own, and is never loaded:
SQLite's incremental blob reading gives its first bytes alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apsw

from tui.store.query import fetch
from tui.store.usage import SLICE

LARGE = 8_000_000
"""Octets above which a row is not loaded: parsing takes several times as much memory."""

LISTED = 4_000
"""Rows whose sizes are asked for at once: some milliseconds."""

ROW_COST = 500
"""Octets that a row costs beside its data."""

FIRST_PIECE, SMALLEST_PIECE, LARGEST_PIECE = 1_000_000, 100_000, 200_000_000
"""Octets of the first piece, and between which a piece moves with the time it takes."""

Sized = tuple[int, int]
"""Rowid and octets."""


class Piece(NamedTuple):
    """Some rows of a table: the condition that finds them again, and what they weigh."""

    where: str
    values: tuple[Any, ...]
    rows: int
    octets: int
    large: int | None = None
    """Rowid, where the piece is one row that must not be loaded."""


class Pieces:
    """The rows of one table, cut to what about SLICE seconds can read.

    Whoever reads a piece tells `took` how long that lasted; the next ones follow.
    """

    def __init__(self, connection: apsw.Connection, table: str) -> None:
        self._connection = connection
        self._table = table
        self._budget = FIRST_PIECE

    def took(self, piece: Piece, seconds: float) -> None:
        """Fit the next pieces to the speed of this one; a small one says too little."""
        cost = piece.octets + ROW_COST * piece.rows
        if piece.large is None and (cost > self._budget // 2 or seconds > SLICE):
            fitting = int(cost * SLICE / max(seconds, 1e-6))
            bounded = min(fitting, 4 * self._budget, LARGEST_PIECE)
            self._budget = max(SMALLEST_PIECE, bounded)

    def everywhere(self) -> Iterator[Piece]:
        """All rows, in the order of the file."""
        statement = (
            f'SELECT rowid, octet_length(data) FROM "{self._table}" NOT INDEXED'
            " WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
        last = -(2**63)
        while sizes := fetch(self._connection, statement, (last, LISTED)):
            last = sizes[-1][0]
            for rows in self._packed(sizes):
                yield _piece(rows, "rowid BETWEEN ? AND ?", (rows[0][0], rows[-1][0]))

    def of(self, key: str, id: str, order: str = "rowid") -> Iterator[Piece]:
        """The rows of one session, in this order, found through an index."""
        statement = (
            f'SELECT rowid, octet_length(data) FROM "{self._table}"'
            " WHERE rowid IN (SELECT value FROM json_each(?))"
        )
        for rowids in self.listed(key, id, order):
            found = dict(fetch(self._connection, statement, (json.dumps(rowids),)))
            for rows in self._packed((rowid, found[rowid]) for rowid in rowids if rowid in found):
                values = (json.dumps([rowid for rowid, _ in rows]),)
                yield _piece(rows, "rowid IN (SELECT value FROM json_each(?))", values)

    def listed(self, key: str, id: str, order: str = "rowid") -> Iterator[list[int]]:
        """Rowids of one session, some thousand at a time; they come from the index alone."""
        statement = f'SELECT rowid FROM "{self._table}" WHERE "{key}" = ? ORDER BY {order}'
        rowids = [rowid for (rowid,) in fetch(self._connection, statement, (id,))]
        for at in range(0, len(rowids), LISTED):
            yield rowids[at : at + LISTED]

    def _packed(self, rows: Iterable[tuple[int, int | None]]) -> Iterator[list[Sized]]:
        """As many rows together as the budget allows; a large one alone."""
        piece: list[Sized] = []
        cost = 0
        for rowid, size in rows:
            octets = size or 0
            if piece and (octets > LARGE or cost + octets + ROW_COST > self._budget):
                yield piece
                piece, cost = [], 0
            piece.append((rowid, octets))
            cost += octets + ROW_COST
            if octets > LARGE:
                yield piece
                piece, cost = [], 0
        if piece:
            yield piece


def _piece(rows: list[Sized], where: str, values: tuple[Any, ...]) -> Piece:
    rowid, octets = rows[0]
    large = rowid if octets > LARGE else None
    return Piece(where, values, len(rows), sum(size for _, size in rows), large)


def head_of(connection: apsw.Connection, table: str, rowid: int, octets: int, at: int = 0) -> bytes:
    """The first octets of a row's data, or those from `at` on, without loading the rest.

    Empty when the row is gone or holds no text.
    """
    try:
        blob = connection.blob_open("main", table, "data", rowid, False)
    except apsw.SQLError:
        return b""
    try:
        blob.seek(min(at, blob.length()))
        return bytes(blob.read(octets))
    finally:
        blob.close()
