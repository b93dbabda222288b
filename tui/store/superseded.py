"""Superseded events, found session by session: what a newer snapshot replaced and a row proves.

The log of a session may shrink when nobody else owns it, and when its messages and parts hold what
their newest events say. The newest event of every message, part and session stays, and so does
`event_sequence`, from which opencode counts on (facts on opencode's storage, §4e).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Event
from typing import Any

import apsw

from tui.records import Payload
from tui.sizes import Cells
from tui.store.database import Store, as_text
from tui.store.event_log import SESSION, Log, read_log
from tui.store.pages import EventPages
from tui.store.projection import lagging, session_row_holds
from tui.store.query import fetch, scalar
from tui.store.schema import Schema

EVENTS = "events"
"""The level these records are of."""

OWNED, DIVERGED = "owned", "diverged"
"""Why a session's log must stay: another machine may rely on it, or the rows do not hold the
newest state."""

NEEDED = ("id", "aggregate_id", "seq", "type", "data")


def find_superseded(
    store: Store,
    session_ids: Iterable[str] | None = None,
    stop: Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[Payload]:
    """What the level `events` would take, of these sessions or of all; the largest first.

    Sessions that must be left come with a reason, `owned` or `diverged`, and without bytes.
    """
    stop, tell = stop or Event(), on_progress or (lambda _: None)
    if not has_events(store.schema):
        return []
    found: list[Payload] = []
    with store.reading() as db:
        connection = db.connection()
        wanted = _sessions(connection, session_ids)
        pages = EventPages(int(scalar(connection, "PRAGMA page_size")))
        total, done = sum(weight for _, weight in wanted) or 1, 0
        for id, weight in wanted:
            record = _record(superseded(connection, store.schema, id, stop, pages), id)
            if stop.is_set():
                break
            if record is not None:
                found.append(record)
            done += weight
            tell(done / total)
    return sorted(found, key=lambda each: (-each.bytes, each.session_id))


def has_events(schema: Schema) -> bool:
    """True when this file keeps an event log of 1.x in the shape ocdu knows (since 1.17)."""
    has_sessions = schema.has("session") and schema.has("event_sequence", "seq")
    return has_sessions and all(schema.has("event", column) for column in NEEDED)


def _sessions(
    connection: apsw.Connection, session_ids: Iterable[str] | None
) -> list[tuple[str, int]]:
    """Ids of sessions that have a log, and about how many events it held so far."""
    rows = fetch(
        connection,
        "SELECT CAST(s.id AS BLOB), q.seq FROM event_sequence q JOIN session s"
        " ON s.id = q.aggregate_id",
    )
    only = None if session_ids is None else frozenset(session_ids)
    return [
        (as_text(id), 1 + (seq if isinstance(seq, int) else 0))
        for id, seq in rows
        if only is None or as_text(id) in only
    ]


def _record(log: Log | str | None, id: str) -> Payload | None:
    if isinstance(log, str):
        return Payload(id, EVENTS, 0, 0, 0, reason=log)
    if log is None or not log.rowids:
        return None
    rows = len(log.rowids)
    return Payload(
        id, EVENTS, rows, sum(log.octets), log.page_bytes, counts=(("events", rows),),
        cells=(Cells("event", rows, log.leaf_octets, log.overflow_bytes, log.squares),),
    )  # fmt: skip


def superseded(
    connection: apsw.Connection,
    schema: Schema,
    session_id: str,
    stop: Event,
    pages: EventPages | None = None,
) -> Log | str | None:
    """What may go of one session's log, or why it must stay; None when it was stopped.

    `pages` goes on counting from session to session what becomes free.
    """
    if is_owned(connection, schema, session_id):
        return OWNED
    log = read_log(connection, session_id, pages, stop)
    if log is None:
        return None
    if log.foreign or lagging(connection, session_id, log, stop) is not None:
        return DIVERGED
    if stop.is_set():
        return None
    is_held = session_row_holds(connection, session_id, log.newest)
    return log if is_held else log.without(SESSION)


def is_owned(connection: apsw.Connection, schema: Schema, session_id: str) -> bool:
    """True when the log belongs to a workspace or to another owner, who may read it back."""
    asked = []
    if schema.has("event_sequence", "owner_id"):
        asked.append("SELECT owner_id FROM event_sequence WHERE aggregate_id = :id")
    if schema.has("session", "workspace_id"):
        asked.append("SELECT workspace_id FROM session WHERE id = :id")
    found: list[Any] = [scalar(connection, each, {"id": session_id}) for each in asked]
    return any(owner is not None for owner in found)
