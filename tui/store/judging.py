"""What a level thinks of rows, asked in short reads; and what a row's octets are in pages.

No SELECT lasts longer than READ_SLICE, so none keeps opencode from folding its WAL in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from threading import Event
from typing import Any, NamedTuple, TypeVar

import apsw

from tui.store.database import as_text
from tui.store.pages import spilled
from tui.store.row_level import MALFORMED_ROW, RowLevel

READ_SLICE = 0.040
"""Seconds one SELECT may last: a longer read keeps opencode from folding its WAL in."""

FIRST_SLICE = 2000
"""Rows in the first SELECT; after it the measured time decides."""

ROW_OVERHEAD = {"part": 111, "message": 81, "event": 89}
"""Octets of a row beside its data: its ids of 30, two times of 6 or a type, a header."""

T = TypeVar("T")


class Judged(NamedTuple):
    """One row a level has an opinion on."""

    rowid: int
    session_id: str
    octets: int | None
    """What would disappear, below 0 where a mark weighs more; None when the row is malformed."""
    size: int
    """Octets of its data now."""


def judge(
    connection: apsw.Connection,
    level: RowLevel,
    first: int,
    last: int,
    session_id: str | None,
    more: Mapping[str, object],
    since: int | None = None,
) -> list[Judged]:
    """Rows between two rowids that qualify or are malformed; one short read."""
    where = "rowid BETWEEN :first AND :last"
    if session_id is not None:
        where = f"session_id = :session AND {where}"
    verdict = level.verdict
    if since is not None:
        verdict = f"CASE WHEN time_updated > :since THEN {verdict} END"
    # LIMIT -1 keeps SQLite from merging the two and judging every row twice.
    sql = f"""SELECT row, CAST(session_id AS BLOB), verdict, size FROM (
        SELECT rowid AS row, session_id, coalesce(octet_length(data), 0) AS size,
          {verdict} AS verdict
        FROM {level.table} {"NOT INDEXED" if session_id is None else ""} WHERE {where} LIMIT -1)
        WHERE verdict IS NOT NULL"""
    given = {"first": first, "last": last, "session": session_id, "since": since, **more}
    rows: list[Any] = connection.execute(sql, given).fetchall()
    return [
        Judged(row, as_text(owner), None if new == MALFORMED_ROW else size - new, size)
        for row, owner, new, size in rows
    ]


def judge_session(
    connection: apsw.Connection,
    level: RowLevel,
    session_id: str,
    more: Mapping[str, object],
    stop: Event,
) -> Iterator[Judged]:
    """Rows of one session that qualify or are malformed, in short reads without a lock."""
    reads = turns(session_rowids(connection, level.table, session_id), stop)
    return chain.from_iterable(
        judge(connection, level, first, last, session_id, more) for first, last in reads
    )


def turns(rowids: Sequence[int], stop: Event) -> Iterator[tuple[int, int]]:
    """First and last rowid of pieces that each took the caller about READ_SLICE seconds."""
    return ((piece[0], piece[-1]) for piece in pieces(rowids, stop))


def pieces(rows: Sequence[T], stop: Event, width: int | None = None) -> Iterator[Sequence[T]]:
    """Pieces that each took the caller about READ_SLICE seconds; `width` is that of the first."""
    at, width = 0, width or FIRST_SLICE
    while at < len(rows) and not stop.is_set():
        piece = rows[at : at + width]
        began = time.perf_counter()
        yield piece
        fitting = width * READ_SLICE / max(time.perf_counter() - began, 1e-6)
        width = max(1, min(int(fitting), width * 4))
        at += len(piece)


def overflow_bytes(octets: int, page_size: int, table: str = "part") -> int:
    """Bytes of the overflow pages of a row with this much data (sqlite.org/fileformat2, 1.6).

    Only these become free when a row shrinks: what it leaves in its leaf page stays there.
    """
    return row_pages(octets, page_size, table)[1]


def row_pages(octets: int, page_size: int, table: str) -> tuple[int, int]:
    """Octets in the leaf, and bytes of overflow pages, of a row with this much data."""
    return spilled(octets + ROW_OVERHEAD[table], page_size)


def all_rowids(connection: apsw.Connection, table: str) -> range:
    """From the first rowid of a table to its last."""
    first: Any
    last: Any
    first, last = next(connection.execute(f"SELECT min(rowid), max(rowid) FROM {table}"))
    return range(0) if first is None else range(first, last + 1)


def session_rowids(connection: apsw.Connection, table: str, session_id: str) -> list[int]:
    """The rows of one session, through the index."""
    rows: list[Any] = connection.execute(
        f"SELECT rowid FROM {table} WHERE session_id = ? ORDER BY rowid", (session_id,)
    ).fetchall()
    return [rowid for (rowid,) in rows]
