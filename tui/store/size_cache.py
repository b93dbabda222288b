"""Sizes of sessions remembered between runs, for files so large that measuring takes seconds.

They lie in ocdu's own database, each with the fingerprint of its session: `time_updated`, count and
newest rowid of its messages and parts, and the number of its last event, all of them from indices.
Rewriting a row in place, and deleting events, leaves the fingerprint as it was, so what comes out
of here is a guess, to be shown dimmed until measured; whoever changes rows or vacuums forgets it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apsw
from peewee import CompositeKey, IntegerField, Model, TextField

from tui.records import Usage
from tui.store.database import Store, as_text, file_size
from tui.store.generations import TABLES
from tui.store.ledger import Ledger
from tui.store.query import answers, fetch
from tui.store.usage import SLICE

SMALLEST = 2_000_000_000
"""Octets of the smallest file worth it: a smaller one is measured within half a second."""

FIRST_SESSIONS = 50
"""Sessions in the first slice of fingerprints."""

ROWS_AT_ONCE = 500
"""Rows written by one statement; SQLite takes 32,766 values."""


class CachedUsage(Model):
    """What one session took when its fingerprint was this."""

    database = TextField()
    session = TextField()
    fingerprint = TextField()
    messages = IntegerField()
    parts = IntegerField()
    events = IntegerField()
    message_bytes = IntegerField()
    part_bytes = IntegerField()
    event_bytes = IntegerField()
    copy_bytes = IntegerField()

    class Meta:
        table_name = "cached_usage_2"  # before 2.x was known there was no copy_bytes
        primary_key = CompositeKey("database", "session")


def cached_usage(store: Store, ledger: Ledger) -> dict[str, Usage]:
    """Sizes of the sessions that seem unchanged since they were remembered; {} for a small file."""
    if file_size(store.path) < SMALLEST:
        return {}
    with ledger.tables(CachedUsage) as db:
        if not db.table_exists(CachedUsage):
            return {}  # where nothing can be kept
        query = CachedUsage.select(
            CachedUsage.session,
            CachedUsage.fingerprint,
            *(getattr(CachedUsage, name) for name in Usage._fields),
        ).where(CachedUsage.database == ledger.database)
        known = {id: (fingerprint, Usage(*sums)) for id, fingerprint, *sums in answers(query, db)}
    if not known:
        return {}
    found = fingerprints(store)
    return {id: usage for id, (print_, usage) in known.items() if found.get(id) == print_}


def remember_usage(
    store: Store,
    ledger: Ledger,
    usage: Mapping[str, Usage],
    before: Mapping[str, str] | None = None,
) -> None:
    """Replace what is remembered of this database; does nothing for a small file, nor where
    nothing can be kept.

    `before` are the `fingerprints` from before measuring: a session that changed meanwhile is not
    remembered. Without them the fingerprints are those of now.
    """
    if file_size(store.path) < SMALLEST or ledger.refusal:
        return
    now = fingerprints(store)
    rows = [
        {"database": ledger.database, "session": id, "fingerprint": now[id], **sizes._asdict()}
        for id, sizes in usage.items()
        if id in now and (before is None or before.get(id) == now[id])
    ]
    with ledger.tables(CachedUsage) as db, db.atomic():
        mine = CachedUsage.database == ledger.database
        CachedUsage.delete().where(mine).bind(db).execute()
        for at in range(0, len(rows), ROWS_AT_ONCE):
            CachedUsage.insert_many(rows[at : at + ROWS_AT_ONCE]).bind(db).execute()


def forget_usage(ledger: Ledger, ids: Iterable[str] | None = None) -> None:
    """Drop what is remembered of these sessions, or of all: after a vacuum, or rows rewritten."""
    mine = CachedUsage.database == ledger.database
    with ledger.tables(CachedUsage) as db:
        if ids is None:
            CachedUsage.delete().where(mine).bind(db).execute()
            return
        with db.atomic():
            for id in ids:
                CachedUsage.delete().where(mine & (CachedUsage.session == id)).bind(db).execute()


def fingerprints(store: Store) -> dict[str, str]:
    """A short text for each session that differs once rows were added to it or taken away."""
    found: dict[str, list[Any]] = {}
    with store.reading() as db:
        connection = db.connection()
        for table in filter(store.schema.has, TABLES):
            rows = fetch(
                connection, f"SELECT CAST(id AS BLOB), CAST(time_updated AS TEXT) FROM {table}"
            )
            for id, updated in rows:
                found.setdefault(as_text(id), [None, 0, 0, 0, 0, None, 0, 0])[0] = updated
        tables = ((1, "message"), (3, "part"), (6, "session_message"))
        for place, table in tables:
            if table not in store.schema.sized_tables:
                continue
            for id, count, newest in _counted(connection, table):
                if id in found:
                    found[id][place : place + 2] = count, newest
        if store.schema.has("event_sequence", "seq"):
            for id, seq in fetch(connection, "SELECT aggregate_id, seq FROM event_sequence"):
                if id in found:
                    found[id][5] = seq
    return {id: json.dumps(each) for id, each in found.items()}


def _counted(connection: apsw.Connection, table: str) -> Iterator[tuple[str, int, int]]:
    """(session, rows, newest rowid) from the index by session, in slices of whole sessions."""
    statement = (
        f'SELECT session_id, count(*), max(rowid) FROM "{table}" WHERE session_id > ?'
        " GROUP BY session_id ORDER BY session_id LIMIT ?"
    )
    last, sessions = "", FIRST_SESSIONS
    while True:
        began = time.perf_counter()
        found = fetch(connection, statement, (last, sessions))
        took = time.perf_counter() - began
        yield from found
        if len(found) < sessions:
            return
        last = found[-1][0]
        sessions = max(1, int(sessions * min(4.0, SLICE / max(took, 0.001))))
