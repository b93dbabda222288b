"""The rows that go with a project, kept so that every byte can come back.

They are few and small: the project itself, its known folders, what the user allowed there. Values
are kept by their storage class, text and blobs as hexadecimal: broken UTF-8 passes unharmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apsw

from tui.store.generations import TABLES
from tui.store.query import fetch, scalar
from tui.store.schema import Schema

PROJECT = "project"


class KeptRow(NamedTuple):
    """One row; as JSON in the journal it is a list of the same."""

    table: str
    columns: Sequence[str]
    values: Sequence[Sequence[Any]]
    """Storage class and value of each column."""


def rows_of(connection: apsw.Connection, schema: Schema, id: str) -> list[KeptRow]:
    """Every row that goes when this project is deleted, parents first; sessions have none then."""
    found = []
    for table, where in _family(schema):
        columns = schema.columns[table]
        asked = ", ".join(f'typeof("{column}"), {_value(column)}' for column in columns)
        rows = fetch(connection, f'SELECT {asked} FROM main."{table}" WHERE {where}', (id,))
        for row in rows:
            values = [_kept(*pair) for pair in zip(row[::2], row[1::2], strict=True)]
            found.append(KeptRow(table, columns, values))
    return found


def put_row(connection: apsw.Connection, row: KeptRow) -> bool:
    """Insert a kept row unless its key is taken; True when it was."""
    names = ", ".join(f'"{column}"' for column in row.columns)
    marks = ", ".join("CAST(? AS TEXT)" if kind == "text" else "?" for kind, _ in row.values)
    values = [_given(kind, value) for kind, value in row.values]
    connection.execute(
        f'INSERT OR IGNORE INTO main."{row.table}" ({names}) VALUES ({marks})', values
    )
    return bool(connection.changes())


def is_project(connection: apsw.Connection, id: str) -> bool:
    """True when there is a project of this id."""
    return bool(scalar(connection, "SELECT EXISTS (SELECT 1 FROM project WHERE id = ?)", (id,)))


def _family(schema: Schema) -> Iterator[tuple[str, str]]:
    """Tables whose rows follow the project by cascade, each with what finds them."""
    waiting = [(PROJECT, "id = ?1")]
    seen = {PROJECT, *TABLES}
    while waiting:
        table, where = waiting.pop(0)
        yield table, where
        for child, own, key in schema.cascades[table]:
            if child not in seen:
                seen.add(child)
                inner = f'"{own}" IN (SELECT "{key}" FROM main."{table}" WHERE {where})'
                waiting.append((child, inner))


def _value(column: str) -> str:
    octets = f'hex(CAST("{column}" AS BLOB))'
    return f"CASE WHEN typeof(\"{column}\") IN ('text', 'blob') THEN {octets} ELSE \"{column}\" END"


def _kept(kind: str, value: Any) -> tuple[str, Any]:
    """JSON has no Infinity: a real is kept as it is written out."""
    return kind, repr(value) if kind == "real" else value


def _given(kind: str, value: Any) -> Any:
    if kind in ("text", "blob"):
        return bytes.fromhex(value)
    return float(value) if kind == "real" else value
