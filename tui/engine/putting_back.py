"""From an attached batch back into the database, row by row; doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from tui.engine.pace import Deed
from tui.store.kept import KeptTable, kept_tables
from tui.store.query import fetch, scalar
from tui.store.schema import Schema


@dataclass(frozen=True, slots=True)
class PutBack:
    """Insert one kept row unless it is there; a deed.

    A row the database does not take (its session was deleted by somebody else, or it broke a
    foreign key before it was pruned) is noted in `refused`, and its copy must be kept.
    """

    connection: apsw.Connection
    table: KeptTable
    copy: int
    refused: list[str]

    def __call__(self) -> None:
        name, names = self.table.name, self.table.names
        same = " AND ".join(f'm."{key}" IS k."{key}"' for key in self.table.keys)
        there = (
            f'SELECT EXISTS (SELECT 1 FROM trash."{name}" k JOIN main."{name}" m ON {same}'
            " WHERE k.rowid = ?)"
        )
        if scalar(self.connection, there, (self.copy,)):
            return
        if not self._has_owner():
            self.refused.append(f"{name} {self.copy}")
            return
        try:
            self.connection.execute(
                f'INSERT INTO main."{name}" ({names}) SELECT {names} FROM trash."{name}"'
                " WHERE rowid = ?",
                (self.copy,),
            )
        except apsw.ConstraintError as error:
            self.refused.append(f"{name} {self.copy}: {error}")

    def _has_owner(self) -> bool:
        """No row without its session: the event watermark has no foreign key that would mind."""
        if self.table.name in ("session", "project"):
            return True
        question = (
            f'SELECT EXISTS (SELECT 1 FROM trash."{self.table.name}" k'
            " JOIN main.session s ON s.id = k.ocdu_session WHERE k.rowid = ?)"
        )
        return bool(scalar(self.connection, question, (self.copy,)))


def put_back_deeds(
    connection: apsw.Connection, schema: Schema, ids: tuple[str, ...], refused: list[str]
) -> Iterator[Deed]:
    """Insert every kept row of these sessions that is not there, ancestors first.

    Raises OcduError, before the first row, when this database has no place for what was kept.
    """
    tables = kept_tables(connection, schema)
    for table in tables:
        if table.name == "project":
            for copy in _project_copies(connection, ids):
                yield PutBack(connection, table, copy, refused)
    for id in ids:
        for table in tables:
            if table.name != "project":
                statement = f'SELECT rowid FROM trash."{table.name}" WHERE ocdu_session = ?'
                for (copy,) in fetch(connection, f"{statement} ORDER BY rowid", (id,)):
                    yield PutBack(connection, table, copy, refused)


def _project_copies(connection: apsw.Connection, ids: tuple[str, ...]) -> list[int]:
    found: dict[int, None] = {}
    for id in ids:
        copies = fetch(
            connection,
            "SELECT p.rowid FROM trash.project p JOIN trash.session s ON s.project_id = p.id"
            " WHERE s.ocdu_session = ?",
            (id,),
        )
        found.update(dict.fromkeys(copy for (copy,) in copies))
    return list(found)
