"""What stays of a database when some rows are left out: chosen, copied and compared in SQL.

One connection sees the database as `main`, which it cannot write, and the copy as `copy`. All of it
happens in one transaction: what is judged, copied and compared is one and the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from tui.errors import OcduError
from tui.store.query import fetch, scalar
from tui.store.schema import VIRTUAL

WRITES = (apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE)
"""What nobody may do to `main` here; making or dropping something writes its schema table."""

LAST = "sqlite_sequence"
"""The table that the rows of others change while they are copied."""

ROW_NAMES = ("rowid", "_rowid_", "oid")
"""What SQLite calls the number of a row, unless a column is called so."""

KEPT_PRAGMAS = ("user_version", "application_id")
"""Numbers of the header that belong to the program that made the file."""


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it is made of."""
    return '"' + name.replace('"', '""') + '"'


class Survivors:
    """The tables of a database on their way into a copy."""

    def __init__(self, connection: apsw.Connection, copy: str, auto_vacuum: int | None) -> None:
        """`copy` is an empty file; `auto_vacuum` None keeps the property of the database."""
        self.connection = connection
        connection.execute("PRAGMA foreign_keys = OFF; PRAGMA writable_schema = ON").fetchall()
        # Old schemas may quote a string as one quotes a name.
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
        connection.execute("ATTACH ? AS copy", (copy,))
        kept = scalar(connection, "PRAGMA main.auto_vacuum") if auto_vacuum is None else auto_vacuum
        size = scalar(connection, "PRAGMA main.page_size")
        shape = (f"page_size = {size}", f"auto_vacuum = {kept}")
        # It is thrown away after a crash: no journal, no waiting for the disk.
        for pragma in (*shape, "journal_mode = OFF", "synchronous = OFF"):
            connection.execute(f"PRAGMA copy.{pragma}").fetchall()
        connection.authorizer = _leave_main_alone
        connection.execute("BEGIN")
        self._tables = _tables(connection)
        self._row_names: dict[str, str] = {}
        self._doomed: dict[str, str] = {}
        self._kept: dict[str, str] = {}

    def leave_out(self, table: str, where: str, values: Mapping[str, Any] | None = None) -> int:
        """Rows of a table that do not survive, by a condition on them; how many are new.

        The condition sees the database as it is at this moment; unqualified names mean its tables,
        and other attached or temporary tables may be asked.
        """
        row = self._row_name(table)
        if table not in self._doomed:
            self._doomed[table] = f'temp."ocdu_doomed_{len(self._doomed)}"'
            self.connection.execute(f"CREATE TABLE {self._doomed[table]} (row INTEGER PRIMARY KEY)")
        before = self.connection.total_changes()
        self.connection.execute(
            f"INSERT OR IGNORE INTO {self._doomed[table]}"
            f" SELECT {row} FROM main.{quoted(table)} WHERE {where}",
            values,
        )
        return int(self.connection.total_changes() - before)

    def _row_name(self, table: str) -> str:
        if table not in self._row_names:
            self._row_names[table] = _row_name(self.connection, table)
        return self._row_names[table]

    def copy(self) -> dict[str, int]:
        """Everything but the doomed rows, compared row by row; table -> rows. Ends the moment.

        Raises OcduError when the copy is not what it should be.
        """
        self._copy_tables()
        rows = {table: self._copy_rows(table) for table in self._tables}
        self._copy_rest()
        for table in self._tables:
            self._compare(table, rows[table])
        self._check_links()
        self.connection.execute("COMMIT")
        self.connection.authorizer = None
        for pragma in KEPT_PRAGMAS:
            value = scalar(self.connection, f"PRAGMA main.{pragma}")
            self.connection.execute(f"PRAGMA copy.{pragma} = {value}").fetchall()
        rows["sqlite_schema"] = scalar(self.connection, "SELECT count(*) FROM main.sqlite_schema")
        return rows

    def _copy_tables(self) -> None:
        for sql in self._tables.values():
            if sql.upper().startswith(VIRTUAL):
                raise OcduError("A virtual table cannot be copied row by row: nothing was changed.")
        there = "SELECT count(*) FROM copy.sqlite_schema WHERE name = ?"
        for name, sql in self._tables.items():
            if not scalar(self.connection, there, (name,)):  # sqlite_sequence comes by itself
                self.connection.execute("CREATE TABLE copy." + sql.removeprefix("CREATE TABLE "))

    def _copy_rows(self, table: str) -> int:
        """In the order of their numbers, which they keep; the rows that there are then."""
        name, names = quoted(table), _columns(self.connection, table)
        if _is_keyless(self.connection, table):
            source, own = f"SELECT {names} FROM main.{name}", names
        else:
            row = self._row_name(table)
            own = f"{row}, {names}"
            source = f"SELECT s.{row}, {names} FROM {self._survivors(table, row)} ORDER BY s.{row}"
        self.connection.execute(f"DELETE FROM copy.{name}")
        if table not in self._doomed and _copies_whole(self.connection, table):
            # SQLite then moves the cells as they are: three times as fast.
            self.connection.execute(f"INSERT INTO copy.{name} SELECT * FROM main.{name}")
        else:
            self.connection.execute(f"INSERT INTO copy.{name} ({own}) {source}")
        return int(scalar(self.connection, f"SELECT count(*) FROM copy.{name}"))

    def _survivors(self, table: str, row: str) -> str:
        """FROM …: the surviving rows as `s`, without ever reading a doomed one."""
        if table not in self._doomed:
            return f"main.{quoted(table)} s"
        if table not in self._kept:
            kept = self._kept[table] = f'temp."ocdu_kept_{len(self._kept)}"'
            self.connection.execute(f"CREATE TABLE {kept} (row INTEGER PRIMARY KEY)")
            # The numbers come from the smallest index, so that no row needs to be looked at.
            self.connection.execute(
                f"INSERT INTO {kept} SELECT {row} FROM main.{quoted(table)}"
                f" WHERE {row} NOT IN (SELECT row FROM {self._doomed[table]})"
            )
        return f"{self._kept[table]} k CROSS JOIN main.{quoted(table)} s ON s.{row} = k.row"

    def _copy_rest(self) -> None:
        """Indices once the rows are there, then what has no pages of its own."""
        indices = fetch(
            self.connection,
            "SELECT sql FROM main.sqlite_schema WHERE type = 'index' AND sql NOTNULL"
            " ORDER BY rowid",
        )
        for (sql,) in indices:
            head, _, rest = sql.partition("INDEX ")
            self.connection.execute(f"{head}INDEX copy.{rest}")
        self.connection.execute(
            "INSERT INTO copy.sqlite_schema SELECT type, name, tbl_name, 0, sql"
            " FROM main.sqlite_schema WHERE type IN ('view', 'trigger')"
        )

    def _compare(self, table: str, rows: int) -> None:
        """Every row of the copy is one of the database in every column, and none is missing."""
        name = quoted(table)
        doomed = self._doomed.get(table)
        gone = scalar(self.connection, f"SELECT count(*) FROM {doomed}") if doomed else 0
        whole = scalar(self.connection, f"SELECT count(*) FROM main.{name}")
        if _is_keyless(self.connection, table):
            names = _columns(self.connection, table)
            same = rows - scalar(
                self.connection,
                f"SELECT count(*) FROM (SELECT {names} FROM copy.{name}"
                f" EXCEPT SELECT {names} FROM main.{name})",
            )
        else:
            row = self._row_name(table)
            equal = " AND ".join(
                f"s.{each} IS c.{each} COLLATE BINARY AND typeof(s.{each}) = typeof(c.{each})"
                for each in _column_names(self.connection, table)
            )
            same = scalar(
                self.connection,
                f"SELECT count(*) FROM {self._survivors(table, row)}"
                f" CROSS JOIN copy.{name} c ON c.{row} = s.{row} WHERE {equal}",
            )
        if not rows == same == whole - gone:
            raise OcduError(
                f"The copy of the table {table} differs from the database: nothing was changed."
            )

    def _check_links(self) -> None:
        """No row may have lost its parent: a broken link of the copy was broken before.

        Only tables with a broken link are looked at in the database.
        """
        broken = fetch(
            self.connection,
            "SELECT \"table\", count(*) FROM pragma_foreign_key_check(NULL, 'copy') GROUP BY 1",
        )
        for table, links in broken:
            before = scalar(
                self.connection,
                "SELECT count(*) FROM pragma_foreign_key_check(?, 'main') f"
                f" WHERE f.rowid IN (SELECT {self._row_name(table)}"
                f" FROM copy.{quoted(table)})",
                (table,),
            )
            if links > before:
                raise OcduError(
                    f"Rows of {table} would lose what they belong to: nothing was changed."
                )


def _leave_main_alone(
    operation: int, one: str | None, two: str | None, database: str | None, by: str | None
) -> int:
    is_write = operation in WRITES and database == "main"
    return int(apsw.SQLITE_DENY if is_write else apsw.SQLITE_OK)


def _tables(connection: apsw.Connection) -> dict[str, str]:
    """Name -> statement that makes it, of everything that has rows."""
    found = fetch(
        connection,
        "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' ORDER BY name = ?, rowid",
        (LAST,),
    )
    return dict(found)


def _column_names(connection: apsw.Connection, table: str) -> list[str]:
    """Columns that hold something: generated ones come by themselves."""
    found = fetch(
        connection, "SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0", (table,)
    )
    return [quoted(name) for (name,) in found]


def _columns(connection: apsw.Connection, table: str) -> str:
    return ", ".join(_column_names(connection, table))


def _copies_whole(connection: apsw.Connection, table: str) -> bool:
    """True where `INSERT … SELECT *` keeps the numbers of the rows.

    It does where the table has an index from its birth (insert.c of SQLite, xferOptimization); the
    comparison would tell if it did not.
    """
    query = (
        "SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin != 'c') AND"
        " NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1, 'main') WHERE hidden != 0)"
    )
    return not _is_keyless(connection, table) and bool(scalar(connection, query, (table,)))


def _is_keyless(connection: apsw.Connection, table: str) -> bool:
    """True for a table WITHOUT ROWID."""
    query = "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?"
    return bool(scalar(connection, query, (table,)))


def _row_name(connection: apsw.Connection, table: str) -> str:
    """What the number of a row is called in this table. Raises OcduError when it has no name."""
    taken = {name.strip('"').lower() for name in _column_names(connection, table)}
    free = [name for name in ROW_NAMES if name not in taken]
    if not free or _is_keyless(connection, table):
        raise OcduError(f"The rows of {table} have no numbers: they cannot be chosen one by one.")
    return free[0]
