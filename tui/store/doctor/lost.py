"""Events whose session is gone, and sessions that live on in their events alone.

No foreign key ties events to a session, so a deletion by SQL leaves them. A history that begins
with the creation of a session and has no deletion could also be a session that got lost: nobody
can tell the two apart, so they are counted apart from what is merely left over.
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from tui.records import Symptom
from tui.store.database import Store, as_text
from tui.store.doctor.walk import SAMPLE, Key, keys_where, octets_of
from tui.store.query import fetch, scalar
from tui.store.schema import Schema

RECOVERABLE = "session_in_events_only"

TITLE_LENGTH = 200
"""Characters of a title that are read."""

_BORN = "type GLOB 'session.created*'"
_DELETED = "type GLOB 'session.deleted*'"
_TITLED = "type GLOB 'session.created*' OR type GLOB 'session.updated*'"


def orphan_events(store: Store) -> Iterator[Symptom]:
    """Events and sequence rows of sessions that are in neither generation."""
    schema = store.schema
    with store.reading() as db:
        connection = db.connection()
        if schema.has("event", "aggregate_id"):
            yield from _events(connection, schema)
        if schema.has("event_sequence", "aggregate_id"):
            yield from _sequences(connection, schema)


def session_is_gone(schema: Schema) -> str:
    """A condition: no session of either generation has the id `k`."""
    tables = [table for table in ("session", "session_v2") if schema.has(table, "id")]
    return " AND ".join(f'NOT EXISTS (SELECT 1 FROM "{each}" WHERE id = k)' for each in tables)


def _events(connection: apsw.Connection, schema: Schema) -> Iterator[Symptom]:
    left: list[Key] = []
    lost: list[Key] = []
    rows, octets = {True: 0, False: 0}, {True: 0, False: 0}
    for hit in keys_where(connection, "event", "aggregate_id", session_is_gone(schema)):
        is_lost = is_recoverable(connection, hit.key)
        rows[is_lost] += 1 if is_lost else hit.rows
        size = octets_of(connection, "event", "aggregate_id", schema.columns["event"], hit.key)
        octets[is_lost] += size
        sample = lost if is_lost else left
        sample += [hit.key] if len(sample) < SAMPLE else []
    if rows[False]:
        yield Symptom("orphan_event", rows[False], octets[False], tuple(key.text for key in left))
    if rows[True]:
        titles = tuple(_title(connection, key) for key in lost)
        yield Symptom(
            RECOVERABLE, rows[True], octets[True], tuple(key.text for key in lost), titles
        )


def is_recoverable(connection: apsw.Connection, key: Key) -> bool:
    """True when the history tells of a beginning and of no end."""
    counted = f"SELECT sum({_BORN}), sum({_DELETED}) FROM event WHERE aggregate_id = {key.marker}"
    born, deleted = fetch(connection, counted, (key.value,))[0]
    return bool(born) and not deleted


def _title(connection: apsw.Connection, key: Key) -> str:
    """The last title the events know; "" when they know none."""
    found = scalar(
        connection,
        "SELECT CAST(substr(CASE WHEN json_valid(data) THEN json_extract(data, '$.info.title')"
        f" END, 1, {TITLE_LENGTH}) AS BLOB) FROM event WHERE aggregate_id = {key.marker}"
        f" AND ({_TITLED}) AND octet_length(data) < 1000000 AND typeof(data) = 'text'"
        " ORDER BY seq DESC LIMIT 1",
        (key.value,),
    )
    return as_text(found)


def _sequences(connection: apsw.Connection, schema: Schema) -> Iterator[Symptom]:
    """Sequence rows of sessions that are gone, together with their events if there are any."""
    gone = session_is_gone(schema)
    if schema.has("event", "aggregate_id"):
        gone += " AND NOT EXISTS (SELECT 1 FROM event WHERE aggregate_id = k)"
    columns = schema.columns["event_sequence"]
    keys: list[Key] = []
    rows = octets = 0
    for hit in keys_where(connection, "event_sequence", "aggregate_id", gone):
        rows += hit.rows
        octets += octets_of(connection, "event_sequence", "aggregate_id", columns, hit.key)
        keys += [hit.key] if len(keys) < SAMPLE else []
    if rows:
        yield Symptom("orphan_event_sequence", rows, octets, tuple(key.text for key in keys))
