"""The counter both generations share, put right where it is behind.

2.x numbers the next message of a session by its row of `event_sequence`. When 1.x deletes a session
of a file that 2.x uses, that row goes and the session of 2.x stays: its next prompt would get the
number 0, which is taken, and fail for ever (facts on opencode 2.x, §1.4 and §9).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from threading import Event

import apsw

from tui.engine.pace import in_slices
from tui.engine.site import Site
from tui.store.query import fetch
from tui.store.schema import Schema

_HIGHEST = (
    ("session_message", "session_id", "seq"),
    ("session_inbox", "session_id", "enqueued_seq"),
    ("event", "aggregate_id", "seq"),
)
"""Tables whose rows carry numbers out of the counter."""


def _needed(schema: Schema) -> str:
    """SQL: the highest number in use by the session `s`; -1 for none."""
    found = [
        f"coalesce((SELECT max({column}) FROM {table} WHERE {key} = s.id), -1)"
        for table, key, column in _HIGHEST
        if schema.has(table, column)
    ]
    return f"max({', '.join(found)}, -1)"


def broken_watermarks(connection: apsw.Connection, schema: Schema) -> list[str]:
    """Ids of the sessions of 2.x whose counter is missing or behind; one index step a session."""
    if not schema.has("session_v2"):
        return []
    return [
        id
        for (id,) in fetch(
            connection,
            "SELECT s.id FROM session_v2 s LEFT JOIN event_sequence e ON e.aggregate_id = s.id"
            f" WHERE coalesce(e.seq, -1) < {_needed(schema)} ORDER BY s.id",
        )
    ]


def mend_watermark(connection: apsw.Connection, schema: Schema, id: str) -> bool:
    """Set the counter of one session of 2.x to what its rows need; True when that was necessary.

    Judged and written by one statement, inside the caller's transaction; it never goes backwards.
    """
    if not schema.has("session_v2"):
        return False
    connection.execute(
        "INSERT INTO event_sequence (aggregate_id, seq)"
        f" SELECT id, needed FROM (SELECT s.id, {_needed(schema)} AS needed FROM session_v2 s"
        " WHERE s.id = ?1) WHERE needed >= 0"
        " ON CONFLICT (aggregate_id) DO UPDATE SET seq = excluded.seq WHERE seq < excluded.seq",
        (id,),
    )
    return connection.changes() > 0


def mend_watermarks(site: Site, ids: Iterable[str], stop: Event) -> Iterator[list[str]]:
    """Put these right in slices; yields the growing list of those that needed it.

    Raises Refused where nothing may be written.
    """
    mended: list[str] = []

    def mend(connection: apsw.Connection, id: str) -> None:
        if mend_watermark(connection, site.store.schema, id):
            mended.append(id)

    with site.store.writing() as db:
        deeds = [partial(mend, db.connection(), id) for id in ids]
        for _ in in_slices(db.connection(), deeds, stop):
            yield mended
