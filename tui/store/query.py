"""Asking a connection and getting the whole answer: an unfinished cursor would pin the WAL."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase

FINITE = "9.3e18"
"""Above every integer and below Infinity. `column < FINITE` holds for numbers alone: in SQLite's
order text and bytes, which a time column may hold as well, come after every number."""


def fetch(connection: apsw.Connection, statement: str, values: Any = None) -> list[Any]:
    """Every row of a statement, as tuples. Text that is no UTF-8 has U+FFFD where it is broken."""
    try:
        return list(connection.execute(statement, values))
    except UnicodeDecodeError:
        return _lenient(connection, statement, values)


def scalar(connection: apsw.Connection, statement: str, values: Any = None) -> Any:
    """The first column of the first row; None when there is none."""
    found = fetch(connection, statement, values)
    return found[0][0] if found else None


def answers(query: Any, db: APSWDatabase) -> list[Any]:
    """Every row of a peewee query, as tuples of what is stored, from this database.

    Nothing is converted: a time column may hold anything, and one odd value must hide no row.
    """
    try:
        return list(db.execute(query))
    except UnicodeDecodeError:
        statement, values = db.get_sql_context().sql(query).query()
        return _lenient(db.connection(), statement, values)


def _lenient(connection: apsw.Connection, statement: str, values: Any) -> list[Any]:
    """The rows once more, with the text as bytes that are decoded here. For what reads only."""
    widths: list[int] = []

    def look(cursor: apsw.Cursor, sql: str, given: Any) -> bool:
        widths.append(len(cursor.get_description()) if cursor.is_readonly else 0)
        return False  # nothing is carried out

    cursor = connection.cursor()
    cursor.exec_trace = look
    with suppress(apsw.ExecTraceAbort):
        cursor.execute(statement, values)
    if not widths or not widths[0]:
        raise apsw.Error("Text that is no UTF-8 stands where a change would answer with it.")
    names = [f"c{number}" for number in range(widths[0])]
    columns = ", ".join(
        f"typeof({name}) = 'text', CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB)"
        f" ELSE {name} END"
        for name in names
    )
    asked = f"WITH asked ({', '.join(names)}) AS MATERIALIZED ({statement})"
    rows = list(connection.execute(f"{asked} SELECT {columns} FROM asked", values))
    return [
        tuple(
            value.decode("utf-8", "replace") if is_text else value
            for is_text, value in zip(row[::2], row[1::2], strict=True)
        )
        for row in rows
    ]
