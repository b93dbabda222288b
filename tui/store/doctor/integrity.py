"""SQLite's own checks, table by table: each is one long read, so each is as short as it can be."""

from __future__ import annotations

import apsw

from tui.records import Symptom
from tui.store.doctor.walk import SAMPLE
from tui.store.query import fetch
from tui.store.schema import Schema

FREE_LIST = "sqlite_schema"
"""Checking this table checks the list of free pages as well (sqlite.org/pragma.html)."""


def checked_tables(schema: Schema) -> tuple[str, ...]:
    """What `quick_check` is asked about, one after the other."""
    return (FREE_LIST, *sorted(schema.columns))


def quick_check(connection: apsw.Connection, table: str) -> list[str]:
    """What SQLite complains of in this table and its indices; nothing when it is sound."""
    found = fetch(connection, f"PRAGMA quick_check({_quoted(table)})")
    return [str(said) for (said,) in found if said != "ok"]


def broken_keys(connection: apsw.Connection, table: str) -> Symptom | None:
    """Rows of this table whose foreign keys lead nowhere; None when there are none."""
    try:
        found = fetch(
            connection,
            "SELECT parent, count(*) FROM pragma_foreign_key_check(?) GROUP BY parent",
            (table,),
        )
    except apsw.SQLError:  # keys that do not fit together say nothing about the rows
        return None
    if not found:
        return None
    says = tuple(f"{table} → {parent}" for parent, _ in found)
    return Symptom("foreign_key", sum(rows for _, rows in found), None, (), says[:SAMPLE])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
