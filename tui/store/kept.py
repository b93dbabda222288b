"""What an attached batch holds of opencode's tables, seen from the database it may go back to."""

from __future__ import annotations

from typing import NamedTuple

import apsw

from tui.errors import OcduError
from tui.store.generations import session_tables
from tui.store.query import fetch, scalar
from tui.store.schema import SHARED, Schema


class KeptTable(NamedTuple):
    """A table of opencode in the batch, with the columns both sides have."""

    name: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    """What tells one row from another: the primary key, else every column."""

    @property
    def names(self) -> str:
        """The columns, quoted, for a statement."""
        return ", ".join(f'"{column}"' for column in self.columns)


def kept_tables(connection: apsw.Connection, schema: Schema) -> list[KeptTable]:
    """opencode's tables in the attached batch, parents first, with the columns both sides have.

    Raises OcduError when the batch holds rows this database has no table or column for.
    """
    order = [owned.table for owned in reversed(schema.estate)]
    tables: list[KeptTable] = []
    for name in _names(connection):
        kept = [
            column
            for (column,) in connection.execute(
                "SELECT name FROM pragma_table_info(?, 'trash')", (name,)
            )
            if not column.startswith("ocdu_")
        ]
        here = schema.columns.get(name, ())
        for column in kept if here else ("id",):
            if column not in here and _has_values(connection, name, column if here else "rowid"):
                raise OcduError(
                    f"This batch holds {name}.{column}, which this database does not have: "
                    "restore it into a database of the opencode version it came from."
                )
        if here:
            columns = tuple(column for column in kept if column in here)
            tables.append(KeptTable(name, columns, _keys(connection, name, columns)))
    place = {name: position for position, name in reversed(list(enumerate(order)))}
    return sorted(tables, key=lambda table: place.get(table.name, -1))


def _keys(connection: apsw.Connection, table: str, kept: tuple[str, ...]) -> tuple[str, ...]:
    """The primary key here; raises OcduError when this database wants columns nobody kept."""
    found = fetch(
        connection,
        "SELECT name, pk, \"notnull\" AND dflt_value IS NULL FROM pragma_table_info(?, 'main')",
        (table,),
    )
    for name, _, is_needed in found:
        if is_needed and name not in kept and _has_values(connection, table, "rowid"):
            raise OcduError(
                f"This database needs {table}.{name}, which the batch does not have: restore it "
                "into a database of the opencode version it came from."
            )
    return tuple(name for name, place, _ in found if place and name in kept) or kept


def _names(connection: apsw.Connection) -> list[str]:
    found = fetch(
        connection,
        "SELECT name FROM trash.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'ocdu\\_%'"
        " ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    return [name for (name,) in found]


def _has_values(connection: apsw.Connection, table: str, column: str) -> bool:
    question = f'SELECT EXISTS (SELECT 1 FROM trash."{table}" WHERE "{column}" IS NOT NULL)'
    return bool(scalar(connection, question))


def missing_project(connection: apsw.Connection, session: str) -> bool:
    """True when neither the database nor the batch has the project a kept session hangs on."""
    return any(
        scalar(
            connection,
            f"SELECT EXISTS (SELECT 1 FROM trash.{table} s WHERE s.ocdu_session = ?"
            " AND NOT EXISTS (SELECT 1 FROM main.project p WHERE p.id = s.project_id)"
            " AND NOT EXISTS (SELECT 1 FROM trash.project p WHERE p.id = s.project_id))",
            (session,),
        )
        for table in session_tables(connection, "trash")
    )


def taken_id(connection: apsw.Connection, tables: list[KeptTable], session: str) -> str | None:
    """The first row of a kept session whose key the database uses again, as "message msg_1"."""
    for table in tables:
        if table.name in SHARED or table.keys == table.columns:
            continue
        same = " AND ".join(f'm."{key}" IS k."{key}"' for key in table.keys)
        found = fetch(
            connection,
            f'SELECT k."{table.keys[0]}" FROM trash."{table.name}" k JOIN main."{table.name}" m'
            f" ON {same} WHERE k.ocdu_session = ? LIMIT 1",
            (session,),
        )
        if found:
            return f"{table.name} {found[0][0]}"
    return None


def drop_dead_weight(connection: apsw.Connection) -> bool:
    """Delete copies that no line speaks of: never relied on, or back in place. True if there were.

    Runs inside the caller's transaction; the pages stay in the file until it is shrunk.
    """
    dropped = 0
    for table in (*_names(connection), "ocdu_file"):
        if table not in SHARED:
            key = "session" if table == "ocdu_file" else "ocdu_session"
            connection.execute(
                f'DELETE FROM trash."{table}" WHERE "{key}" NOT IN'
                " (SELECT session FROM trash.ocdu_member)"
            )
            dropped += connection.changes()
    return dropped > 0


def keeps_events(connection: apsw.Connection) -> bool:
    """True when the attached batch was told to keep every event row."""
    kept = scalar(connection, "SELECT value FROM trash.ocdu_manifest WHERE name = 'events'")
    return kept is None or bool(kept)
