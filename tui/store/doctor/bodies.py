"""The bodies of messages and parts: is each of them what opencode can read?

SQLite judges the JSON. What it has no test for is whether text is UTF-8: for that bodies are looked
at here, one row at a time, and a large one in blocks. JSON of rows over LARGE is not parsed, for
that would take several times their size in memory; they are counted as not examined.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import apsw

from tui.records import Symptom
from tui.store.database import Store, as_text
from tui.store.doctor.walk import SAMPLE
from tui.store.pieces import Piece, Pieces
from tui.store.query import fetch

BODIES = ("message", "part", "session_message")
"""Tables whose `data` opencode must be able to read to show a session."""

HUGE = 100_000_000
"""Octets from which a single row makes opencode stumble (reports of single rows of 459 MB)."""

BLOCK = 1_000_000
"""Octets of a large row in hand at once."""

NULL, BINARY, NUL, MALFORMED, SHAPE, UNDECODABLE, LARGE_ROW, UNEXAMINED = (
    "null_data", "binary_data", "nul_bytes", "malformed_json", "wrong_shape", "undecodable_text",
    "huge_row", "unexamined_row",
)  # fmt: skip

_JUDGED = f"""CASE WHEN data IS NULL THEN '{NULL}' WHEN typeof(data) <> 'text' THEN '{BINARY}'
  WHEN instr(CAST(data AS BLOB), x'00') THEN '{NUL}'
  WHEN NOT json_valid(data) THEN '{MALFORMED}'
  WHEN json_type(data) <> 'object' THEN '{SHAPE}' END"""


@dataclass
class Bodies:
    """What was found so far; grows from piece to piece."""

    octets: int = 0
    """Octets of the rows seen."""
    _found: dict[str, list[int]] = field(default_factory=dict)
    _ids: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, table: str, id: str, octets: int) -> None:
        """One more row of a kind."""
        sums = self._found.setdefault(kind, [0, 0])
        sums[0] += 1
        sums[1] += octets
        ids = self._ids.setdefault(kind, [])
        ids += [f"{table} {id}"] if len(ids) < SAMPLE else []

    def symptoms(self) -> list[Symptom]:
        """One for each kind that occurred; an id is that of the row, behind its table."""
        return [
            Symptom(kind, rows, octets, tuple(self._ids[kind]))
            for kind, (rows, octets) in self._found.items()
        ]


def examine_bodies(store: Store, stop: Event) -> Iterator[Bodies]:
    """Look at every body; yields the same growing object after each read of a moment."""
    found = Bodies()
    tables = [table for table in BODIES if store.schema.has(table, "data")]
    with store.reading() as db:
        connection = db.connection()
        for table in tables:
            pieces = Pieces(connection, table)
            for piece in pieces.everywhere():
                if stop.is_set():
                    return
                began = time.perf_counter()
                if piece.large is None:
                    _small(connection, table, piece, found)
                else:
                    _large(connection, table, piece.large, piece.octets, found)
                pieces.took(piece, time.perf_counter() - began)
                found.octets += piece.octets
                yield found
        if store.schema.has("event", "data"):
            yield from _large_events(connection, stop, found)


def _small(connection: apsw.Connection, table: str, piece: Piece, found: Bodies) -> None:
    statement = (
        f"SELECT CAST(id AS BLOB), octet_length(data), {_JUDGED}, CAST(data AS BLOB)"
        f' FROM "{table}" WHERE {piece.where}'
    )
    for id, octets, kind, body in connection.execute(statement, piece.values):
        if kind is None and not _is_utf8(body):
            kind = UNDECODABLE
        if kind is not None:
            found.note(kind, table, as_text(id), octets or 0)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _large(connection: apsw.Connection, table: str, rowid: int, size: int, found: Bodies) -> None:
    statement = f'SELECT CAST(id AS BLOB), typeof(data) FROM "{table}" WHERE rowid = ?'
    for id, kind in fetch(connection, statement, (rowid,)):
        name = as_text(id)
        problem = BINARY if kind != "text" else _scanned(connection, table, rowid)
        found.note(problem or UNEXAMINED, table, name, size)
        if size >= HUGE:
            found.note(LARGE_ROW, table, name, size)


def _scanned(connection: apsw.Connection, table: str, rowid: int) -> str | None:
    """What is wrong with a large row as far as its bytes tell."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with connection.blob_open("main", table, "data", rowid, False) as blob:
        while block := blob.read(BLOCK):
            if b"\0" in block:
                return NUL
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return UNDECODABLE
    return None if decoder.getstate()[0] == b"" else UNDECODABLE


def _large_events(connection: apsw.Connection, stop: Event, found: Bodies) -> Iterator[Bodies]:
    """Events are not parsed, only those of a hundred megabytes are told."""
    for piece in Pieces(connection, "event").everywhere():
        if stop.is_set():
            return
        if piece.octets >= HUGE and piece.large is not None:
            statement = "SELECT CAST(id AS BLOB) FROM event WHERE rowid = ?"
            for (id,) in fetch(connection, statement, (piece.large,)):
                found.note(LARGE_ROW, "event", as_text(id), piece.octets)
    yield found
