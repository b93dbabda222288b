"""The SELECTs behind the tree and the details: rows of opencode in, records out.

No message body is read to draw a list. Text comes as BLOB and is decoded leniently, because one
title with a broken byte must not hide the other sessions.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from typing import Any

import apsw
from peewee import JOIN, SQL, Case, Cast, Field, fn

from tui.records import SessionRow
from tui.store.database import Store, as_text
from tui.store.generations import Importer
from tui.store.models import Message, Project, Session
from tui.store.models_v2 import SessionMessageV2, SessionV2
from tui.store.query import FINITE, answers, fetch, scalar
from tui.store.schema import Schema
from tui.store.server import server_of

RECENT = 3_600_000
"""Milliseconds within which an unfinished answer can still be at work; older ones are crashes."""


def load_sessions(
    store: Store, *, pinned: Collection[str] = (), check_directories: bool = True
) -> list[SessionRow]:
    """Every session of the file, newest activity first; counts and sizes are not read here.

    One that is in both generations is one row, as 2.x has it. `last_message` stays 0: fill it with
    `with_last_messages`.
    """
    with store.reading() as db:
        found = {
            model: answers(_every_session(store.schema, model), db)
            for model in (Session, SessionV2)
            if store.schema.has(model._meta.table_name)
        }
    every = [row for rows in found.values() for row in rows]
    missing = _missing({as_text(row[6]) for row in every}) if check_directories else set()
    pins = frozenset(pinned)
    old = [_session_row(row, pins, missing) for row in found.get(Session, ())]
    if SessionV2 not in found:
        return old
    new = [_session_row(row, pins, missing)._replace(generation="v2") for row in found[SessionV2]]
    return _united(old, new, store.schema.importer)


def _every_session(schema: Schema, model: type[Session] | type[SessionV2]) -> Any:
    has_cost = schema.has(model._meta.table_name, "cost")
    cost: Any = model.cost if has_cost else SQL("0")
    return (
        model.select(
            _blob(model.id),
            _blob(model.parent_id),
            _blob(model.project),
            _blob(Project.name),
            _blob(Project.worktree),
            _blob(model.title),
            _blob(model.directory),
            model.time_created,
            model.time_updated,
            model.time_archived,
            model.share_url.is_null(False),
            _blob(model.version),
            cost,
        )
        .join(Project, JOIN.LEFT_OUTER, on=(model.project == Project.id))
        .order_by(model.time_updated.desc(), model.id)
    )


def _united(
    old: Iterable[SessionRow], new: Iterable[SessionRow], importer: Importer
) -> list[SessionRow]:
    """Both generations by id. 2.x wins, but work in 1.x keeps a session as young as it is."""
    rows = {row.id: row for row in new}
    for row in old:
        twin = rows.get(row.id)
        if twin is None:
            rows[row.id] = row
        else:
            rows[row.id] = twin._replace(
                generation="both",
                parent_id=twin.parent_id or row.parent_id,
                title=twin.title or row.title,
                updated=max(twin.updated, row.updated),
                shared=twin.shared or row.shared,
                diverged=importer.is_settled and row.updated > importer.began,
            )
    return sorted(rows.values(), key=lambda row: (-row.updated, row.id))


def _blob(column: Field) -> Cast:
    return column.cast("blob")


def _number(column: Field) -> Case:
    """The column where it holds a finite number: text would count as later than any time."""
    return Case(None, ((column < SQL(FINITE), column),))


def _session_row(row: tuple[Any, ...], pins: frozenset[str], missing: set[str]) -> SessionRow:
    id, parent, project, name, worktree, title, directory, created, updated, archived = row[:10]
    shared, version, cost = row[10:]
    folder = as_text(directory)
    return SessionRow(
        id=as_text(id),
        parent_id=as_text(parent) or None,
        project_id=as_text(project),
        project=project_name(as_text(name), as_text(worktree)),
        title=as_text(title),
        directory=folder,
        created=milliseconds(created),
        updated=milliseconds(updated),
        archived=milliseconds(archived) or None,
        shared=bool(shared),
        pinned=as_text(id) in pins,
        missing=folder in missing,
        version=as_text(version),
        cost=float(cost) if isinstance(cost, int | float) and math.isfinite(cost) else 0.0,
    )


def project_name(name: str, worktree: str) -> str:
    """Its name, else its folder; opencode's project "global" (worktree "/") is none at all."""
    if name:
        return name
    return os.path.basename(worktree.rstrip("/\\")) or "(no project)"


def milliseconds(value: Any) -> int:
    """A time column as milliseconds; 0 for NULL and for what is not a number."""
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else 0


def _missing(directories: Iterable[str]) -> set[str]:
    return {folder for folder in directories if folder and not os.path.isdir(folder)}


def with_last_messages(store: Store, rows: Iterable[SessionRow]) -> list[SessionRow]:
    """The same rows with the time of each session's newest message (one covering-index scan a
    table), and with what that says about a session of both generations."""
    schema = store.schema
    with store.reading() as db:
        old = _newest_messages(db, Message) if schema.has("message") else {}
        new = _newest_messages(db, SessionMessageV2) if schema.has("session_v2") else {}
    importer = schema.importer
    return [
        row._replace(
            last_message=max(old.get(row.id, 0), new.get(row.id, 0)),
            diverged=row.diverged
            or (
                row.generation == "both"
                and importer.is_settled
                and old.get(row.id, 0) > importer.began
            ),
        )
        for row in rows
    ]


def _newest_messages(db: Any, model: type[Message] | type[SessionMessageV2]) -> dict[str, int]:
    newest = fn.MAX(_number(model.time_created))
    query = model.select(_blob(model.session), newest).group_by(model.session)
    return {as_text(id): milliseconds(time) for id, time in answers(query, db)}


def running_sessions(store: Store, rows: Iterable[SessionRow], now: int) -> frozenset[str]:
    """Sessions whose newest message is an unfinished answer, or a question not yet answered.

    Ask only while somebody holds the file: after a crash an unfinished answer stays for ever, so
    activity must also be younger than an hour. What the server of 2.x executes is running whatever
    the rows say. `now` in milliseconds.
    """
    recent = [row for row in rows if now - row.active < RECENT]
    server = server_of(store.path) if store.schema.has("session_v2") else None
    executed = (server.active() if server else None) or frozenset()
    with store.reading() as db:
        connection = db.connection()
        return executed | frozenset(
            row.id
            for row in recent
            if (row.generation != "v2" and _asks(connection, UNFINISHED, row.id))
            or (row.generation != "v1" and _works_in_v2(store.schema, connection, row.id))
        )


UNFINISHED = """SELECT json_extract(data, '$.time.completed') IS NULL
    AND json_extract(data, '$.error') IS NULL
  FROM (SELECT data FROM message WHERE session_id = ? ORDER BY time_created DESC, id DESC LIMIT 1)
  WHERE octet_length(data) < 1000000 AND json_valid(data)"""
"""Of 1.x. A body of over a megabyte is a finished question with diffs; parsing it would take a
moment."""

_WORKS_V2 = """CASE type
    WHEN 'user' THEN 1
    WHEN 'assistant' THEN json_extract(data, '$.error') IS NULL
      AND (json_extract(data, '$.time.completed') IS NULL
           OR json_extract(data, '$.finish') IS 'tool-calls')
    WHEN 'compaction' THEN json_extract(data, '$.status') IS 'running'
    WHEN 'shell' THEN json_extract(data, '$.status') IS 'running' END"""
"""What the newest row says, of 2.x, which writes one for every step of a turn (facts on opencode
2.x, §5)."""

UNFINISHED_V2 = f"""SELECT {_WORKS_V2}
  FROM (SELECT type, data FROM session_message WHERE session_id = ? ORDER BY seq DESC LIMIT 1)
  WHERE octet_length(data) < 8000000 AND json_valid(data)"""

NOT_AT_REST = f"""SELECT CASE WHEN octet_length(data) >= 8000000 OR NOT json_valid(data) THEN 1
    ELSE {_WORKS_V2} END
  FROM (SELECT type, data FROM session_message WHERE session_id = ?
        AND type IN ('user', 'assistant', 'compaction', 'shell', 'idle') ORDER BY seq DESC LIMIT 1)
"""
"""The same for whoever must be sure: what cannot be read does not rest, and a change of model in
the middle of a turn ends no turn."""


CLAIMED = "SELECT time_suspended IS NOT NULL FROM session_v2 WHERE id = ?"
"""2.x calls the time at which a server took a session for execution `time_suspended`."""


def _works_in_v2(schema: Schema, connection: apsw.Connection, id: str) -> bool:
    is_claimed = schema.has("session_v2", "time_suspended") and _asks(connection, CLAIMED, id)
    return is_claimed or _asks(connection, UNFINISHED_V2, id)


def may_be_at_work(connection: apsw.Connection, schema: Schema, id: str, now: int) -> bool:
    """True unless the rows of a session show that 2.x does nothing for it; `now` in milliseconds.

    For a server that owns the file and does not answer. Whoever works has claimed the session, has
    something queued, has not finished the last turn, or wrote within the hour.
    """
    written = (
        "SELECT max(time_updated, coalesce((SELECT max(time_updated) FROM session_message"
        " WHERE session_id = s.id), 0)) FROM session_v2 s WHERE id = ?"
    )
    found = fetch(connection, written, (id,))
    if not found:
        return False  # 2.x does not know it
    queued = "SELECT EXISTS (SELECT 1 FROM session_inbox WHERE session_id = ?)"
    return (
        now - milliseconds(found[0][0]) < RECENT
        or (schema.has("session_v2", "time_suspended") and _asks(connection, CLAIMED, id))
        or (schema.has("session_inbox") and _asks(connection, queued, id))
        or _asks(connection, NOT_AT_REST, id)
    )


def _asks(connection: apsw.Connection, question: str, id: str) -> bool:
    return bool(scalar(connection, question, (id,)))
