"""The SELECTs behind the tree and the details: rows of opencode in, records out.

No message body is read to draw a list. Text comes as BLOB and is decoded leniently, because one
title with a broken byte must not hide the other sessions.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from typing import Any

from peewee import JOIN, SQL, Cast, Field, fn

from tui.records import SessionRow
from tui.store.database import Store, as_text
from tui.store.models import Message, Project, Session
from tui.store.query import answers

RECENT = 3_600_000
"""Milliseconds within which an unfinished answer can still be at work; older ones are crashes."""


def load_sessions(
    store: Store, *, pinned: Collection[str] = (), check_directories: bool = True
) -> list[SessionRow]:
    """Every session of the file, newest activity first; counts and sizes are not read here.

    `last_message` stays 0: fill it with `with_last_messages`.
    """
    schema = store.schema
    cost: Any = Session.cost if schema.has("session", "cost") else SQL("0")
    query = (
        Session.select(
            _blob(Session.id),
            _blob(Session.parent_id),
            _blob(Session.project),
            _blob(Project.name),
            _blob(Project.worktree),
            _blob(Session.title),
            _blob(Session.directory),
            Session.time_created,
            Session.time_updated,
            Session.time_archived,
            Session.share_url.is_null(False),
            _blob(Session.version),
            cost,
        )
        .join(Project, JOIN.LEFT_OUTER, on=(Session.project == Project.id))
        .order_by(Session.time_updated.desc(), Session.id)
    )
    with store.reading() as db:
        found = answers(query, db)
    missing = _missing({as_text(row[6]) for row in found}) if check_directories else set()
    pins = frozenset(pinned)
    return [_session_row(row, pins, missing) for row in found]


def _blob(column: Field) -> Cast:
    return column.cast("blob")


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
    """The same rows with the time of each session's newest message (one covering-index scan)."""
    query = Message.select(_blob(Message.session), fn.MAX(Message.time_created))
    with store.reading() as db:
        found = answers(query.group_by(Message.session), db)
    newest = {as_text(id): milliseconds(time) for id, time in found}
    return [row._replace(last_message=newest.get(row.id, 0)) for row in rows]


def running_sessions(store: Store, rows: Iterable[SessionRow], now: int) -> frozenset[str]:
    """Sessions whose newest message is an unfinished answer, or a question not yet answered.

    Ask only while somebody holds the file: after a crash an unfinished answer stays for ever, so
    activity must also be younger than an hour. `now` in milliseconds.
    """
    recent = [row.id for row in rows if now - row.active < RECENT]
    with store.reading() as db:
        return frozenset(id for id in recent if _is_unfinished(db, id))


def _is_unfinished(db: Any, session_id: str) -> bool:
    newest = (
        Message.select(Message.id)
        .where(Message.session == session_id)
        .order_by(Message.time_created.desc(), Message.id.desc())
        .limit(1)
    )
    # A body of over a megabyte is a finished question with diffs; parsing it would take a moment.
    question = (
        "SELECT json_extract(data, '$.time.completed') IS NULL AND"
        " json_extract(data, '$.error') IS NULL FROM message"
        " WHERE id = ? AND octet_length(data) < 1000000 AND json_valid(data)"
    )
    for (id,) in answers(newest, db):
        found = db.execute_sql(question, (id,)).fetchone()
        return bool(found and found[0])
    return False
