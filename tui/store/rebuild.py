"""Sessions that live on in their events alone, and the statements that make rows of them again.

opencode since 1.17 writes every session, message and part as a whole object into `event`; whoever
lost the rows can have them back from the newest event of each (opencode issue 47509). The objects
travel inside SQLite: JSON goes from one column into the other without passing through Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apsw

from tui.places import LostSession
from tui.store.database import Store, as_text
from tui.store.doctor.lost import is_recoverable, session_is_gone
from tui.store.doctor.walk import Key, keys_where, octets_of
from tui.store.query import fetch, scalar
from tui.store.row_level import LARGEST
from tui.store.schema import Schema
from tui.store.sessions import milliseconds

LABEL = " (recovered)"
"""Behind the title of a session that was rebuilt."""

AT_ONCE = 200
"""Events looked at in one SELECT: a read of milliseconds, unless a row is huge."""

_TITLE = 300
"""Characters of a title that are read for a list."""

_ENTITY = f"""CASE
    WHEN octet_length(data) > {LARGEST} OR typeof(data) <> 'text' OR NOT json_valid(data) THEN NULL
    WHEN type GLOB 'message.part.*'
    THEN coalesce(json_extract(data, '$.part.id'), json_extract(data, '$.partID'))
    WHEN type GLOB 'message.*'
    THEN coalesce(json_extract(data, '$.info.id'), json_extract(data, '$.messageID'))
    ELSE '' END"""
"""Id of the part or message an event is about; "" for the session, NULL for what is unreadable."""

SESSION, MESSAGE, PART = "session", "message", "part"


class Newest(NamedTuple):
    """The newest event of something that still was there at the end of the history."""

    table: str
    rowid: int


def is_of_2x(connection: apsw.Connection, schema: Schema, id: str) -> bool:
    """True when 2.x wrote in this history: it keeps no whole messages there, so that nothing can be
    made of it that 2.x or 1.x would show (facts on opencode 2.x, §6 and §12: 1.x leaves `created`
    at 0).
    """
    if not schema.has("event", "created"):
        return False
    question = "SELECT EXISTS (SELECT 1 FROM event WHERE aggregate_id = ? AND created IS NOT 0)"
    return bool(scalar(connection, question, (id,)))


def lost_sessions(store: Store) -> list[LostSession]:
    """Every id whose history has a beginning and no end, and that no generation knows.

    Goes along the index of events, id by id, in short reads.
    """
    schema = store.schema
    if not schema.has("event", "aggregate_id"):
        return []
    found: list[LostSession] = []
    with store.reading() as db:
        connection = db.connection()
        for hit in keys_where(connection, "event", "aggregate_id", session_is_gone(schema)):
            if is_recoverable(connection, hit.key):
                octets = octets_of(
                    connection, "event", "aggregate_id", schema.columns["event"], hit.key
                )
                told = _told(connection, hit.key)
                found.append(LostSession(hit.key.text, *told, hit.rows, octets))
    return found


def _told(connection: apsw.Connection, key: Key) -> tuple[str, str, int]:
    """Title, directory and last change (ms) as the newest readable event of the session says."""
    for title, directory, updated in fetch(
        connection,
        f"SELECT CAST(substr(json_extract(data, '$.info.title'), 1, {_TITLE}) AS BLOB),"
        " CAST(json_extract(data, '$.info.directory') AS BLOB),"
        f" json_extract(data, '$.info.time.updated') FROM event WHERE aggregate_id = {key.marker}"
        " AND type GLOB 'session.[cu]*' AND octet_length(data) < 1000000"
        " AND typeof(data) = 'text' AND json_valid(data) ORDER BY seq DESC LIMIT 1",
        (key.value,),
    ):
        return as_text(title), as_text(directory), milliseconds(updated)
    return "", "", 0


def newest_events(connection: apsw.Connection, id: str) -> tuple[list[Newest], int]:
    """What the history of a session ends with, parents first; and how many rows told nothing.

    Without a lock, in reads of AT_ONCE rows. What was removed in the end is not in it.
    """
    found: dict[tuple[str, str], int] = {}
    unreadable = 0
    for rowid, type, entity in _history(connection, id):
        if entity is None:
            unreadable += 1
            continue
        table = PART if type.startswith("message.part.") else MESSAGE
        table = table if type.startswith("message.") else SESSION
        if "removed" in type:
            found.pop((table, str(entity)), None)
        elif type.startswith(("session.created", "session.updated", "message.")):
            found[table, str(entity)] = rowid
    order = {SESSION: 0, MESSAGE: 1, PART: 2}
    rows = sorted(found.items(), key=lambda each: order[each[0][0]])
    return [Newest(table, rowid) for (table, _), rowid in rows], unreadable


def _history(connection: apsw.Connection, id: str) -> Iterator[tuple[int, str, str | None]]:
    last = -1
    while rows := fetch(
        connection,
        f"SELECT seq, rowid, CAST(type AS TEXT), {_ENTITY} FROM event"
        " WHERE aggregate_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        (id, last, AT_ONCE),
    ):
        last = rows[-1][0]
        yield from (row[1:] for row in rows)


_FROM_INFO = {
    "id": "'$.info.id'",
    "workspace_id": "'$.info.workspaceID'",
    "parent_id": "'$.info.parentID'",
    "path": "'$.info.path'",
    "share_url": "'$.info.share.url'",
    "summary_additions": "'$.info.summary.additions'",
    "summary_deletions": "'$.info.summary.deletions'",
    "summary_files": "'$.info.summary.files'",
    "summary_diffs": "'$.info.summary.diffs'",
    "metadata": "'$.info.metadata'",
    "permission": "'$.info.permission'",
    "agent": "'$.info.agent'",
    "model": "'$.info.model'",
    "time_archived": "'$.info.time.archived'",
}
"""Column of `session` -> where the object of an event has it; NULL where it has nothing."""

_NEEDED = {
    "project_id": "coalesce(json_extract(data, '$.info.projectID'), 'global')",
    "slug": "coalesce(json_extract(data, '$.info.slug'), 'recovered')",
    "directory": "coalesce(json_extract(data, '$.info.directory'), '/')",
    "title": f"coalesce(json_extract(data, '$.info.title'), '') || '{LABEL}'",
    "version": "coalesce(json_extract(data, '$.info.version'), '')",
    "time_created": "coalesce(json_extract(data, '$.info.time.created'), 0)",
    "time_updated": "coalesce(json_extract(data, '$.info.time.updated'),"
    " json_extract(data, '$.info.time.created'), 0)",
    "cost": "coalesce(json_extract(data, '$.info.cost'), 0)",
    "tokens_input": "coalesce(json_extract(data, '$.info.tokens.input'), 0)",
    "tokens_output": "coalesce(json_extract(data, '$.info.tokens.output'), 0)",
    "tokens_reasoning": "coalesce(json_extract(data, '$.info.tokens.reasoning'), 0)",
    "tokens_cache_read": "coalesce(json_extract(data, '$.info.tokens.cache.read'), 0)",
    "tokens_cache_write": "coalesce(json_extract(data, '$.info.tokens.cache.write'), 0)",
}
"""Columns that must not be NULL."""


def project_statement() -> str:
    """Make the project of the session in event :row, where it is gone as well."""
    return (
        "INSERT OR IGNORE INTO project (id, worktree, sandboxes, time_created, time_updated)"
        f" SELECT {_NEEDED['project_id']}, {_NEEDED['directory']}, '[]',"
        f" {_NEEDED['time_created']}, {_NEEDED['time_updated']} FROM event WHERE rowid = :row"
    )


def session_statement(schema: Schema) -> str:
    """Make the session row out of event :row."""
    chosen = {column: f"json_extract(data, {path})" for column, path in _FROM_INFO.items()}
    chosen |= _NEEDED
    columns = [column for column in chosen if schema.has("session", column)]
    names, values = ", ".join(columns), ", ".join(chosen[column] for column in columns)
    return f"INSERT INTO session ({names}) SELECT {values} FROM event WHERE rowid = :row"


MESSAGE_STATEMENT = """
    INSERT OR IGNORE INTO message (id, session_id, time_created, time_updated, data)
    SELECT json_extract(data, '$.info.id'), aggregate_id,
           coalesce(json_extract(data, '$.info.time.created'), 0),
           coalesce(json_extract(data, '$.info.time.completed'),
                    json_extract(data, '$.info.time.created'), 0),
           json_remove(json_extract(data, '$.info'), '$.id', '$.sessionID')
    FROM event WHERE rowid = :row"""

PART_STATEMENT = """
    INSERT OR IGNORE INTO part (id, message_id, session_id, time_created, time_updated, data)
    SELECT json_extract(data, '$.part.id'), json_extract(data, '$.part.messageID'), aggregate_id,
           coalesce(json_extract(data, '$.time'), 0), coalesce(json_extract(data, '$.time'), 0),
           json_remove(json_extract(data, '$.part'), '$.id', '$.sessionID', '$.messageID')
    FROM event WHERE rowid = :row AND EXISTS (
      SELECT 1 FROM message WHERE id = json_extract(event.data, '$.part.messageID'))"""


def is_rebuilt(connection: apsw.Connection, id: str) -> bool:
    """True when the session has a row that was made here."""
    question = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ? AND title GLOB ?)"
    return bool(scalar(connection, question, (id, f"*{LABEL}")))
