"""The event log of one session, read without its bodies: which snapshots a newer one replaces.

opencode writes the whole message, part or session into the log at every change. The first octets of
a row name what it is a snapshot of, so SQLite's incremental blob reading finds that out without
touching the megabytes behind: the beginning of a JSON text decides where its values stand, so an id
at this place is `$.info.id` or `$.part.id` whatever follows. Rows that begin otherwise are asked
through JSON, and what stays unknown is never touched (facts on opencode's storage, §4e).
"""

from __future__ import annotations

import re
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.store.database import as_text
from tui.store.pages import EventPages, PagesSoFar
from tui.store.pieces import LARGE
from tui.store.query import fetch

HEAD = 320
"""Octets that name a snapshot: three ids of 30 and their keys are some 180."""

SLICE = 0.030
"""Seconds one read may last: a longer one keeps opencode from folding its WAL in."""

FIRST_ROWS, MOST_ROWS = 500, 8000

MESSAGE, PART, SESSION = "message", "part", "session"

_ID = rb'"([!#-\[\]-~]{1,200})"'
"""Ids are ASCII; whatever else stands there is asked through JSON."""


class _Type(NamedTuple):
    """What an event of one type is a snapshot of."""

    kind: str
    begins: re.Pattern[bytes]
    """Matches the session, the id, and of a part its message."""
    place: str
    """Where the object stands; "" for the word of a removal."""


def _type(kind: str, place: str, more: bytes) -> _Type:
    return _Type(kind, re.compile(rb'\{"sessionID":' + _ID + more), place)


TYPES = {
    b"message.updated.1": _type(MESSAGE, "info", rb',"info":\{"id":' + _ID + rb"()"),
    b"message.part.updated.1": _type(
        PART,
        "part",
        rb',"part":\{"id":' + _ID + rb'(?:,"sessionID":"[^"\\]{1,200}")?'
        rb'(?:,"messageID":' + _ID + rb")?",
    ),
    b"session.created.1": _type(SESSION, "info", rb',"info":\{"id":' + _ID + rb"()"),
    b"session.updated.1": _type(SESSION, "info", rb',"info":\{"id":' + _ID + rb"()"),
    b"message.removed.1": _type(MESSAGE, "", rb',"messageID":' + _ID + rb"()"),
    b"message.part.removed.1": _type(
        PART, "", rb'(?:,"messageID":"[^"\\]{1,200}")?,"partID":' + _ID + rb"()"
    ),
    b"session.deleted.1": _type(SESSION, "", rb"()()"),
}
"""Any other type is never touched, nor is another version of these."""


class Newest(NamedTuple):
    """The newest snapshot of one message or part, or of the session."""

    kind: str
    id: str
    rowid: int
    seq: int
    octets: int
    removed: bool
    message: str = ""
    """The message a part belongs to, as far as the head says so."""


@dataclass(slots=True)
class Log:
    """What one session's log holds; the arrays belong together, entry by entry."""

    newest: list[Newest] = field(default_factory=list)
    rowids: array[int] = field(default_factory=lambda: array("q"))
    """Superseded events."""
    seqs: array[int] = field(default_factory=lambda: array("q"))
    octets: array[int] = field(default_factory=lambda: array("q"))
    by: array[int] = field(default_factory=lambda: array("q"))
    """Place in `newest` of what replaces it."""
    page_bytes: int = 0
    """Bytes of pages that become free when all of them go."""
    leaf_octets: int = 0
    overflow_bytes: int = 0
    squares: float = 0.0
    """What they take in the leaves of the table, the bytes of their overflow pages, and the sum of
    the squares of the former."""
    foreign: bool = False
    """True when an event speaks of another session than the log is of: somebody copied it."""

    def add(self, rowid: int, seq: int, octets: int, by: int) -> None:
        """One superseded event more."""
        self.rowids.append(rowid)
        self.seqs.append(seq)
        self.octets.append(octets)
        self.by.append(by)

    @property
    def replacing(self) -> list[Newest]:
        """The newest snapshots that something older would go for."""
        return [self.newest[place] for place in sorted(set(self.by))]

    def without(self, kind: str) -> Log:
        """The same, where what is of this kind stays; its pages are counted by their share."""
        kept = [at for at, place in enumerate(self.by) if self.newest[place].kind != kind]
        less = Log(self.newest, foreign=self.foreign)
        for at in kept:
            less.add(self.rowids[at], self.seqs[at], self.octets[at], self.by[at])
        total = sum(self.octets)
        if total:
            share = sum(less.octets) / total
            less.page_bytes = int(self.page_bytes * share)
            less.leaf_octets = int(self.leaf_octets * share)
            less.overflow_bytes = int(self.overflow_bytes * share)
            less.squares = self.squares * share
        return less


def newest_messages(
    connection: apsw.Connection, session_id: str, stop: Event
) -> list[Newest] | None:
    """The newest snapshot of every message; None when the log speaks of another session as well.

    Incomplete when stopped. Short reads, of heads only.
    """
    own = session_id.encode("utf-8", "replace")
    found: dict[bytes, Newest] = {}
    for row in _rows(connection, session_id, stop, " AND type = 'message.updated.1'"):
        rowid, seq, _, octets, _ = row
        named = _named(connection, row)
        if named is not None and named[0] != own:
            return None
        if named is not None and named[1] not in found:
            id = as_text(named[1])
            found[named[1]] = Newest(MESSAGE, id, rowid, seq, octets, False)
    return list(found.values())


_Row = tuple[int, int, bytes, int, bytes]
"""Rowid, seq, type, octets of the data, and its head."""


def read_log(
    connection: apsw.Connection, session_id: str, pages: EventPages | None, stop: Event
) -> Log | None:
    """The log of a session, newest event first, in short reads; None when it was stopped.

    `pages` counts the pages that become free; None where nobody asks.
    """
    log = Log()
    before = pages.so_far if pages else PagesSoFar(0, 0, 0, 0.0)
    own = session_id.encode("utf-8", "replace")
    seen: dict[str, dict[bytes, int]] = {MESSAGE: {}, PART: {}, SESSION: {}}
    places = {type_: seen[each.kind] for type_, each in TYPES.items()}
    add, names = log.add, _Names()
    for row in _rows(connection, session_id, stop):
        rowid, seq, type_, octets, _ = row
        named, place = _named(connection, row), None
        if named is not None:
            if named[0] == own:
                place = places[type_].get(named[1])
            else:
                log.foreign, named = True, None
        if pages:
            pages.add(octets, names[type_], goes=place is not None)
        if place is not None:
            add(rowid, seq, octets, place)
        elif named is not None:
            places[type_][named[1]] = len(log.newest)
            kind, _, at = TYPES[type_]
            id, message = as_text(named[1]), as_text(named[2])
            log.newest.append(Newest(kind, id, rowid, seq, octets, not at, message))
    if pages:
        pages.end_session()
        log.page_bytes = pages.freed - before.freed
        log.leaf_octets = pages.octets - before.octets
        log.overflow_bytes = pages.overflow_bytes - before.overflow_bytes
        log.squares = pages.squares - before.squares
    return None if stop.is_set() else log


class _Names(dict[bytes, str]):
    """Types as text, each of them decoded once."""

    def __missing__(self, type_: bytes) -> str:
        name = self[type_] = as_text(type_)
        return name


def _rows(
    connection: apsw.Connection, session_id: str, stop: Event, only: str = ""
) -> Iterator[_Row]:
    """Every event with a whole number as seq, from the newest back; `only` narrows it down."""
    statement = (
        f"SELECT rowid, seq, CAST(type AS BLOB) FROM event WHERE aggregate_id = ?{only}"
        " AND typeof(seq) = 'integer' AND seq < ? ORDER BY seq DESC LIMIT ?"
    )
    before, rows = 2**63 - 1, FIRST_ROWS
    while not stop.is_set():
        began = time.perf_counter()
        found = fetch(connection, statement, (session_id, before, rows))
        heads = list(_with_heads(connection, found))
        took = time.perf_counter() - began
        yield from heads
        if len(found) < rows:
            return
        before = found[-1][1]
        rows = int(min(MOST_ROWS, max(50, rows * min(4.0, SLICE / max(took, 0.001)))))


def _with_heads(connection: apsw.Connection, rows: list[Any]) -> Iterator[_Row]:
    """The first octets and the length of each row's data; a row that is none has no head."""
    blob = None
    try:
        for rowid, seq, type_ in rows:
            try:
                if blob is None:
                    blob = connection.blob_open("main", "event", "data", rowid, False)
                else:
                    blob.reopen(rowid)
                octets, head = blob.length(), blob.read(HEAD)
            except apsw.Error:  # NULL, a number, or gone meanwhile; the handle is of no more use
                if blob is not None:
                    blob.close(True)
                blob, octets, head = None, 0, b""
            yield rowid, seq, type_, octets, head
    finally:
        if blob is not None:
            blob.close()


def _named(connection: apsw.Connection, row: _Row) -> tuple[bytes, bytes, bytes | None] | None:
    """Session, id and message of what an event is about; None when that is not certain."""
    rowid, _, type_, octets, head = row
    known = TYPES.get(type_)
    if known is None:
        return None
    match = known.begins.match(head)
    if match is None:
        return _named_by_json(connection, known, rowid, octets)
    session, id, message = match.groups()
    if known.kind == SESSION and id != session:
        return None if id else (session, session, None)
    return session, id, message


_BY_JSON = """SELECT CAST(json_extract(data, '$.sessionID') AS BLOB),
    CAST(json_extract(data, ?2) AS BLOB)
  FROM (SELECT CASE WHEN typeof(data) = 'text' AND json_valid(data) THEN data END AS data
        FROM event WHERE rowid = ?1 LIMIT -1)"""


def _named_by_json(
    connection: apsw.Connection, known: _Type, rowid: int, octets: int
) -> tuple[bytes, bytes, None] | None:
    """The same for a row that does not begin as opencode writes it."""
    if octets > LARGE or not octets:
        return None
    path = f"$.{known.place}.id" if known.place else f"$.{known.kind}ID"
    found = fetch(connection, _BY_JSON, (rowid, path))
    if not found or found[0][0] is None or found[0][1] is None:
        return None
    session, id = found[0]
    if known.kind == SESSION and id != session:
        return None
    # An id that cannot be written as text could not be asked for either.
    return (session, id, None) if as_text(id).encode("utf-8", "replace") == id else None
