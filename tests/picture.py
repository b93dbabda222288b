"""What a database holds, whole, for comparing before and after; and how jobs are run in tests."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import apsw

from tests.factories import NOW
from tui.engine.perform import perform
from tui.engine.site import Site, open_site
from tui.forest import Forest
from tui.policy.plan import Outcome, Plan, Step
from tui.store.generations import session_tables
from tui.store.query import fetch, scalar
from tui.store.sessions import load_sessions, with_last_messages
from tui.store.usage import measure_all

Picture = Mapping[str, tuple[int, str]]
"""Table -> number of rows and a hash over every column of every row."""


def picture(path: Path) -> Picture:
    """All tables of a database; values are compared as stored, text as its bytes."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        tables = fetch(connection, "SELECT name FROM sqlite_schema WHERE type = 'table'")
        return {name: _hash(connection, name) for (name,) in tables}
    finally:
        connection.close()


def but_history(found: Picture) -> Picture:
    """The same without event rows: the trash leaves them out unless told otherwise."""
    return {table: rows for table, rows in found.items() if table != "event"}


def _hash(connection: apsw.Connection, table: str) -> tuple[int, str]:
    names = [
        _quoted(name)
        for (name,) in fetch(connection, "SELECT name FROM pragma_table_info(?)", (table,))
    ]
    # Kinds first, then values as their octets: nothing is decoded, and no row is held for long.
    kinds, values = (
        (f"typeof({name})" for name in names),
        (f"CAST({name} AS BLOB)" for name in names),
    )
    statement = f"SELECT {', '.join((*kinds, *values))} FROM {_quoted(table)}"
    rows = sorted(_digest(row) for row in connection.execute(statement))
    return len(rows), hashlib.blake2b(b"".join(rows)).hexdigest()


def _digest(row: tuple[Any, ...]) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for value in row:
        octets = value.encode() if isinstance(value, str) else value or b""
        found.update(b"%d:" % len(octets))
        found.update(octets)
    return found.digest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def assert_sound(path: Path) -> None:
    """No damage, no broken foreign key, no row of a session that is gone."""
    connection = apsw.Connection(str(path))
    try:
        assert fetch(connection, "PRAGMA quick_check") == [("ok",)]
        assert fetch(connection, "PRAGMA foreign_key_check") == []
        for table, key in (
            ("message", "session_id"), ("part", "session_id"), ("todo", "session_id"),
            ("event", "aggregate_id"), ("event_sequence", "aggregate_id"),
            ("session_share", "session_id"), ("session_message", "session_id"),
            ("session_inbox", "session_id"), ("instruction_state", "session_id"),
        ):  # fmt: skip
            if scalar(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)):
                owners = " UNION ALL ".join(
                    f"SELECT id FROM {t}" for t in session_tables(connection)
                )
                orphans = f'SELECT count(*) FROM "{table}" WHERE "{key}" NOT IN'
                assert scalar(connection, f"{orphans} ({owners})") == 0, table
    finally:
        connection.close()


def forest_of(site: Site) -> Forest:
    """The sessions as they are now, measured."""
    rows = with_last_messages(site.store, load_sessions(site.store, pinned=site.ledger.pins()))
    return Forest.of(rows, measure_all(site.store).sessions)


def run(plan: Plan, site: Site, stop: Event | None = None) -> Outcome:
    """Carry a plan out to its end."""
    return drained(perform(plan, site, stop or Event()))


def drained(steps: Generator[Step, None, Outcome]) -> Outcome:
    """The outcome of an engine, its steps thrown away."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def site_of(path: Path) -> Site:
    """The site of a test's database; its ledger lies in the test's own home."""
    return open_site(path)


__all__ = ["NOW", "Any", "assert_sound", "drained", "forest_of", "picture", "run", "site_of"]
