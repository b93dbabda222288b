"""The largest single rows: of a tree, or of the whole file; and a glimpse into each.

Sizes come from the leaves of the tables. Only the few rows that are told are looked into, and a
huge one by its head alone.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from heapq import nlargest
from threading import Event
from typing import NamedTuple

import apsw

from tui.records import LargeRow
from tui.store.database import Store, as_text
from tui.store.pieces import LARGE, Pieces, head_of
from tui.store.prefetch import prefetched
from tui.store.query import fetch
from tui.store.usage import FIRST_ROWS, MOST_ROWS, SLICE

OVER = 1_000_000
"""Octets from which on a single row is remarkable in a whole file."""

PREVIEW = 200
"""Characters of a preview, at most."""

HEAD = 4_000
"""Octets of a row's beginning that are looked at: type and tool stand among the first hundred."""

KEYS = {
    "message": "session_id",
    "part": "session_id",
    "event": "aggregate_id",
    "session_message": "session_id",
}
"""Tables with rows that grow large, and whose rows they are."""

TYPED = ("event", "session_message")
"""Tables that say in a column what a row is."""


_SLICE = """SELECT max(r), count(*), json_group_array(json_array(r, n)) FILTER (WHERE n > ?1)
  FROM (SELECT rowid AS r, octet_length(data) AS n FROM "{table}" NOT INDEXED
        WHERE rowid > ?2 ORDER BY rowid LIMIT ?3)"""

_LISTED = """SELECT json_group_array(json_array(r, n)) FILTER (WHERE n > ?1) FROM
  (SELECT rowid AS r, octet_length(data) AS n FROM "{table}"
   WHERE rowid IN (SELECT value FROM json_each(?2)) LIMIT -1)"""

_WORDS = """SELECT CAST(substr(coalesce(
    CASE WHEN typeof(data) <> 'text' THEN NULL WHEN json_valid(data) THEN coalesce(
      json_extract(data, '$.text'), json_extract(data, '$.state.output'),
      json_extract(data, '$.state.error'), json_extract(data, '$.state.input'),
      json_extract(data, '$.summary.diffs'), json_extract(data, '$.command'),
      CASE json_type(data, '$.summary') WHEN 'text' THEN json_extract(data, '$.summary') END,
      json_extract(data, '$.content[0].state.content[0].text'),
      json_extract(data, '$.content[0].text'), json_extract(data, '$.part.text'),
      json_extract(data, '$.part.state.output'), json_extract(data, '$.info.summary.diffs')) END,
    data), 1, ?) AS BLOB) FROM "{table}" WHERE rowid = ?"""
"""What somebody would recognise a row by."""

_TELLING = re.compile(rb'"(?:text|output|diffs|url)":')
"""Behind one of these begins what makes a row large."""


class _Seen(NamedTuple):
    octets: int
    table: str
    rowid: int


class _Best:
    """The largest rows so far; `floor` is what a row must exceed to be among them."""

    def __init__(self, limit: int, over: int) -> None:
        self.limit = limit
        self.floor = over
        self.rows: list[_Seen] = []

    def add(self, table: str, found: str) -> None:
        """Take in (rowid, octets) pairs, given as JSON."""
        rows = [_Seen(octets, table, rowid) for rowid, octets in json.loads(found)]
        self.rows = nlargest(self.limit, [*self.rows, *rows])
        if len(self.rows) == self.limit and self.rows:
            self.floor = max(self.floor, self.rows[-1].octets)


def largest_rows(
    store: Store,
    ids: Iterable[str] | None = None,
    limit: int = 10,
    over: int = 0,
    stop: Event | None = None,
) -> list[LargeRow]:
    """The `limit` largest rows of more than `over` octets, the largest first.

    Of these sessions, or of the whole file; what was found so far when `stop` is set. Short reads.
    """
    best = _Best(limit, over)
    tables = [table for table in KEYS if table in store.schema.sized_tables]
    ahead = prefetched(store.path) if ids is None else nullcontext()
    with ahead, store.reading() as db:
        connection = db.connection()
        steps = (
            _in_file(connection, tables, best)
            if ids is None
            else _in_sessions(connection, tables, ids, best)
        )
        for _ in steps:
            if stop is not None and stop.is_set():
                break
        return [row for seen in best.rows for row in _told(connection, seen)]


def _in_file(connection: apsw.Connection, tables: Iterable[str], best: _Best) -> Iterator[None]:
    for table in tables:
        last, rows = -(2**63), FIRST_ROWS
        while True:
            began = time.perf_counter()
            values = (best.floor, last, rows)
            [(newest, count, found)] = fetch(connection, _SLICE.format(table=table), values)
            took = time.perf_counter() - began
            best.add(table, found)
            yield
            if count < rows:
                break
            last = newest
            rows = int(min(MOST_ROWS, max(100, rows * min(4.0, SLICE / max(took, 0.001)))))


def _in_sessions(
    connection: apsw.Connection, tables: Iterable[str], ids: Iterable[str], best: _Best
) -> Iterator[None]:
    tables = list(tables)
    for id in ids:
        for table in tables:
            for rowids in Pieces(connection, table).listed(KEYS[table], id):
                values = (best.floor, json.dumps(rowids))
                best.add(table, fetch(connection, _LISTED.format(table=table), values)[0][0])
                yield


def _told(connection: apsw.Connection, seen: _Seen) -> Iterator[LargeRow]:
    """The row as a record; nothing when it is gone meanwhile."""
    kind = "CAST(type AS BLOB)" if seen.table in TYPED else "NULL"
    statement = f'SELECT CAST(id AS BLOB), {kind} FROM "{seen.table}" WHERE rowid = ?'
    for id, type in fetch(connection, statement, (seen.rowid,)):
        head = head_of(connection, seen.table, seen.rowid, HEAD)
        named = as_text(type) if seen.table in TYPED else _kind(seen.table, head)
        if seen.table == "session_message":
            named += " message"
        yield LargeRow(seen.table, as_text(id), named, seen.octets)


def _kind(table: str, head: bytes) -> str:
    """ "user message", "tool bash", "text" …, as the head of the row says."""
    if table == "message":
        return f"{role_of(head)} message".strip()
    kind, tool = kind_and_tool(head)
    return f"{kind} {tool}".strip() or "part"


def role_of(head: bytes) -> str:
    """Who speaks in a message, as the head of the row says; "" for unknown."""
    return _word(rb'"role":"([^"\\]{1,40})"', head)


def kind_and_tool(head: bytes) -> tuple[str, str]:
    """Type of a part and name of its tool, as the head of the row says; "" for unknown."""
    kind = _word(rb'"type":"([^"\\]{1,40})"', head)
    return kind, _word(rb'"tool":"([^"\\]{1,80})"', head) if kind == "tool" else ""


def _word(pattern: bytes, head: bytes) -> str:
    found = re.search(pattern, head)
    return as_text(found[1]) if found else ""


def preview(store: Store, row: LargeRow) -> str:
    """At most PREVIEW characters of what makes the row large; "" when it is gone.

    Text as it stands in the database: whoever shows it makes it harmless first.
    """
    if row.table not in KEYS or not store.schema.has(row.table, "data"):
        return ""
    with store.reading() as db:
        connection = db.connection()
        find = f'SELECT rowid, octet_length(data) FROM "{row.table}" WHERE id = ?'
        for rowid, octets in fetch(connection, find, (row.id,)):
            if (octets or 0) > LARGE:
                head = head_of(connection, row.table, rowid, HEAD)
                telling = _TELLING.search(head)
                return as_text(head[telling.end() if telling else 0 :])[:PREVIEW]
            words = _WORDS.format(table=row.table)
            return as_text(fetch(connection, words, (PREVIEW, rowid))[0][0])
    return ""
