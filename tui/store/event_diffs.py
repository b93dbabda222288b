"""Texts of diffs in the newest event of each message: the copy that the log keeps of them.

Older events are what the level `events` takes; of the newest only the texts go. Sessions whose log
another machine may rely on are left alone, as there (facts on opencode's storage, §4e).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from threading import Event
from typing import NamedTuple

import apsw

from tui.store.database import as_text
from tui.store.diff_stream import EVENTS, Slim, slim
from tui.store.diff_texts import EVENT_DIFFS, LARGEST_DIFFS
from tui.store.event_log import Newest, newest_messages
from tui.store.judging import pieces
from tui.store.query import fetch
from tui.store.row_level import MALFORMED_ROW
from tui.store.schema import Schema
from tui.store.superseded import has_events, is_owned

FIRST_ROWS = 200
"""Events in the first piece that is judged."""

_JUDGED = f"""SELECT rowid, verdict, size FROM (
    SELECT rowid, coalesce(octet_length(data), 0) AS size, {EVENT_DIFFS.verdict} AS verdict
    FROM event WHERE rowid IN (SELECT value FROM json_each(:rows)) AND aggregate_id = :session
    LIMIT -1) WHERE verdict IS NOT NULL"""

_ROWS = """SELECT CAST(id AS BLOB), rowid FROM message WHERE session_id = ?
    AND id IN (SELECT value FROM json_each(?))"""


class Snapshot(NamedTuple):
    """An event that holds texts of diffs, or that holds what nobody knows."""

    rowid: int
    message: int
    """Rowid of the message it is about."""
    size: int
    """Octets of its data now."""
    octets: int | None
    """What would disappear; None when it is malformed."""
    slim: Slim | None = None
    """What becomes of an event that SQLite's JSON functions cannot edit."""


def sessions_with_log(
    connection: apsw.Connection, schema: Schema, since: int | None = None
) -> list[str]:
    """Sessions that keep events, and were written to since (ms), if that is given."""
    if not has_events(schema):
        return []
    rows = fetch(
        connection,
        "SELECT CAST(s.id AS BLOB) FROM event_sequence q JOIN session s ON s.id = q.aggregate_id"
        " WHERE ?1 IS NULL OR s.time_updated > ?1",
        (since,),
    )
    return [as_text(id) for (id,) in rows]


def snapshots(
    connection: apsw.Connection, schema: Schema, session_id: str, stop: Event
) -> Iterator[Snapshot]:
    """What the level `diffs` would take of the events of a session, in short reads, no lock."""
    if not has_events(schema) or is_owned(connection, schema, session_id):
        return
    newest = newest_messages(connection, session_id, stop)
    for piece in pieces(newest or [], stop, FIRST_ROWS):
        yield from _judged(connection, session_id, piece, stop)


def _judged(
    connection: apsw.Connection, session_id: str, newest: Iterable[Newest], stop: Event
) -> Iterator[Snapshot]:
    ids = {each.rowid: each.id for each in newest}
    given = {"rows": json.dumps(list(ids)), "session": session_id}
    found = fetch(connection, _JUDGED, given)
    if not found:
        return
    asked = json.dumps([ids[rowid] for rowid, _, _ in found])
    rows = {as_text(id): rowid for id, rowid in fetch(connection, _ROWS, (session_id, asked))}
    for rowid, after, size in found:
        message = rows.get(ids[rowid])
        if message is None:  # removed since: the event of its removal replaces this one
            continue
        if after == MALFORMED_ROW and size > LARGEST_DIFFS:
            yield _large(connection, rowid, message, size, stop)
        else:
            octets = None if after == MALFORMED_ROW else size - after
            yield Snapshot(rowid, message, size, octets)


def _large(
    connection: apsw.Connection, rowid: int, message: int, size: int, stop: Event
) -> Snapshot:
    new = slim(connection, rowid, stop, EVENTS)
    octets = None if new is None else new.size - len(new.data)
    return Snapshot(rowid, message, size, octets, new)
