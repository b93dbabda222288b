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
from tui.store.pages import EventPages
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

_BEGINS = rb'\{"sessionID":' + _ID

TYPES: dict[str, tuple[str, bool, re.Pattern[bytes], str]] = {
    "message.updated.1": (MESSAGE, False, re.compile(_BEGINS + rb',"info":\{"id":' + _ID), "info"),
    "message.part.updated.1": (
        PART,
        False,
        re.compile(
            _BEGINS + rb',"part":\{"id":' + _ID + rb'(?:,"sessionID":"[^"\\]{1,200}")?'
            rb'(?:,"messageID":' + _ID + rb")?"
        ),
        "part",
    ),
    "session.created.1": (SESSION, False, re.compile(_BEGINS + rb',"info":\{"id":' + _ID), "info"),
    "session.updated.1": (SESSION, False, re.compile(_BEGINS + rb',"info":\{"id":' + _ID), "info"),
    "message.removed.1": (MESSAGE, True, re.compile(_BEGINS + rb',"messageID":' + _ID), ""),
    "message.part.removed.1": (
        PART,
        True,
        re.compile(_BEGINS + rb'(?:,"messageID":"[^"\\]{1,200}")?,"partID":' + _ID),
        "",
    ),
    "session.deleted.1": (SESSION, True, re.compile(_BEGINS), ""),
}
"""Type -> of what it is a snapshot, whether it tells of a removal, how it begins, and where the
object stands. Any other type is never touched, nor is another version of these."""


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
        less.page_bytes = self.page_bytes * sum(less.octets) // total if total else 0
        return less


class _Found(NamedTuple):
    rowid: int
    seq: int
    type: str
    octets: int
    head: bytes


def read_log(
    connection: apsw.Connection, session_id: str, pages: EventPages, stop: Event
) -> Log | None:
    """The log of a session, newest event first, in short reads; None when it was stopped."""
    log, before = Log(), pages.freed
    seen: dict[tuple[str, str], int] = {}
    for event in _events(connection, session_id, stop):
        named = _entity(connection, event)
        if named is not None and named.session != session_id:
            log.foreign, named = True, None
        place = None if named is None else seen.get((named.kind, named.id))
        pages.add(event.octets, event.type, goes=place is not None)
        if named is None:
            continue
        if place is not None:
            log.add(event.rowid, event.seq, event.octets, place)
            continue
        seen[named.kind, named.id] = len(log.newest)
        removed = TYPES[event.type][1]
        at = (event.rowid, event.seq, event.octets)
        log.newest.append(Newest(named.kind, named.id, *at, removed, named.message))
    log.page_bytes = pages.freed - before
    return None if stop.is_set() else log


def _events(connection: apsw.Connection, session_id: str, stop: Event) -> Iterator[_Found]:
    """Every event with a whole number as seq, from the newest back."""
    statement = (
        "SELECT rowid, seq, CAST(type AS BLOB) FROM event WHERE aggregate_id = ?"
        " AND typeof(seq) = 'integer' AND seq < ? ORDER BY seq DESC LIMIT ?"
    )
    before, rows = 2**63 - 1, FIRST_ROWS
    while not stop.is_set():
        began = time.perf_counter()
        found = fetch(connection, statement, (session_id, before, rows))
        events = list(_with_heads(connection, found))
        took = time.perf_counter() - began
        yield from events
        if len(found) < rows:
            return
        before = found[-1][1]
        rows = int(min(MOST_ROWS, max(50, rows * min(4.0, SLICE / max(took, 0.001)))))


def _with_heads(connection: apsw.Connection, rows: list[Any]) -> Iterator[_Found]:
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
            yield _Found(rowid, seq, as_text(type_), octets, head)
    finally:
        if blob is not None:
            blob.close()


class _Named(NamedTuple):
    """What an event is a snapshot of."""

    kind: str
    session: str
    id: str
    message: str = ""


def _entity(connection: apsw.Connection, event: _Found) -> _Named | None:
    """What an event is about; None when that is not certain."""
    known = TYPES.get(event.type)
    if known is None:
        return None
    kind, _, begins, _ = known
    match = begins.match(event.head)
    if match is None:
        return _entity_by_json(connection, event)
    found = [as_text(each) for each in match.groups(b"")]
    return _checked(_Named(kind, *(found if len(found) > 1 else found * 2)))


_BY_JSON = """SELECT CAST(json_extract(data, '$.sessionID') AS BLOB),
    CAST(json_extract(data, ?2) AS BLOB)
  FROM (SELECT CASE WHEN typeof(data) = 'text' AND json_valid(data) THEN data END AS data
        FROM event WHERE rowid = ?1 LIMIT -1)"""


def _entity_by_json(connection: apsw.Connection, event: _Found) -> _Named | None:
    """The same for a row that does not begin as opencode writes it."""
    if event.octets > LARGE or not event.octets:
        return None
    kind, _, _, place = TYPES[event.type]
    path = f"$.{place}.id" if place else f"$.{kind}ID"
    found = fetch(connection, _BY_JSON, (event.rowid, path))
    if not found or found[0][0] is None or found[0][1] is None:
        return None
    return _checked(_Named(kind, as_text(found[0][0]), as_text(found[0][1])))


def _checked(named: _Named) -> _Named | None:
    """None where a session's snapshot is not of itself, or two ids could look alike."""
    if named.kind == SESSION and named.id != named.session:
        return None
    return None if "\ufffd" in named.id + named.session else named
