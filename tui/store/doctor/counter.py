"""The counter that numbers a session's events, and in 2.x its messages: `event_sequence.seq`.

The next number is one more. Where rows with higher numbers exist, or the counter is gone, writing
runs into numbers that are taken: opencode answers every write of that session with an error (facts
on opencode's storage, 4e; on 2.x, §9).
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from tui.records import Symptom
from tui.store.database import Store
from tui.store.doctor.walk import SAMPLE, Hit, Key, keys_where
from tui.store.schema import Schema

BEHIND_EVENTS, BEHIND_MESSAGES = "counter_behind_events", "counter_behind_messages"

_COUNTER = "coalesce((SELECT seq FROM event_sequence WHERE aggregate_id = k), -1)"
_NEWEST_EVENT = "coalesce((SELECT max(seq) FROM event WHERE aggregate_id = k), -1)"
_NEWEST_MESSAGE = "coalesce((SELECT max(seq) FROM session_message WHERE session_id = k), -1)"
_NEWEST_QUEUED = "coalesce((SELECT max(enqueued_seq) FROM session_inbox WHERE session_id = k), -1)"


def counters(store: Store) -> Iterator[Symptom]:
    """Sessions whose counter is behind their events (1.x), or their messages (2.x)."""
    with store.reading() as db:
        for kind in (BEHIND_EVENTS, BEHIND_MESSAGES):
            keys = [hit.key for hit in behind(db.connection(), store.schema, kind)]
            if keys:
                yield Symptom(kind, len(keys), 0, tuple(key.text for key in keys[:SAMPLE]))


def behind(connection: apsw.Connection, schema: Schema, kind: str) -> Iterator[Hit]:
    """The sessions of one kind of these symptoms, by their keys."""
    if not schema.has("event_sequence", "seq"):
        return
    if kind == BEHIND_EVENTS and schema.has("event", "seq"):
        alive = " OR ".join(
            f'EXISTS (SELECT 1 FROM "{table}" WHERE id = k)' for table in _living(schema)
        )
        question = f"({alive}) AND {_COUNTER} < {_NEWEST_EVENT}"
        yield from keys_where(connection, "event", "aggregate_id", question)
    if kind == BEHIND_MESSAGES and _counts_messages(schema):
        numbers = [_NEWEST_MESSAGE]
        if schema.has("session_inbox", "enqueued_seq"):
            numbers.append(_NEWEST_QUEUED)
        question = f"{_COUNTER} < max({', '.join(numbers)}, -1)"
        yield from keys_where(connection, "session_v2", "id", question)


def _living(schema: Schema) -> list[str]:
    return [table for table in ("session", "session_v2") if schema.has(table, "id")]


def _counts_messages(schema: Schema) -> bool:
    """True in a file of 2.x, where messages carry numbers of the shared counter."""
    return schema.has("session_v2", "id") and schema.has("session_message", "seq")


def raise_counter(connection: apsw.Connection, schema: Schema, key: Key) -> int:
    """Set a session's counter to the highest number in use; returns 1, or 0 when it stayed.

    Never lowers one. One with an owner is another machine's to count, and so is the missing one of
    a session in a workspace: both stay. Runs in the caller's transaction.
    """
    numbers = ["-1"]
    if schema.has("event", "seq"):
        numbers.append(_NEWEST_EVENT)
    if _counts_messages(schema):
        numbers.append(_NEWEST_MESSAGE)
    if schema.has("session_inbox", "enqueued_seq"):
        numbers.append(_NEWEST_QUEUED)
    local = " AND ".join(
        f'NOT EXISTS (SELECT 1 FROM "{table}" WHERE id = k AND workspace_id IS NOT NULL)'
        for table in _living(schema)
        if schema.has(table, "workspace_id")
    )
    owned = " AND owner_id IS NULL" if schema.has("event_sequence", "owner_id") else ""
    connection.execute(
        "INSERT INTO event_sequence (aggregate_id, seq)"
        f" SELECT k, max({', '.join(numbers)}) FROM (SELECT {key.marker} AS k)"
        f" WHERE {_COUNTER} < max({', '.join(numbers)}) AND {local or 'true'}"
        f" ON CONFLICT (aggregate_id) DO UPDATE SET seq = max(seq, excluded.seq) WHERE true{owned}",
        (key.value,),
    )
    return connection.changes()


def all_behind(connection: apsw.Connection, schema: Schema) -> list[Key]:
    """Every session whose counter is behind, of either kind, each once."""
    found = {
        hit.key: None
        for kind in (BEHIND_EVENTS, BEHIND_MESSAGES)
        for hit in behind(connection, schema, kind)
    }
    return list(found)
