"""From an attached batch back into the database, row by row; doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apsw

from tui.engine.pace import Deed
from tui.store.copies import hashes_of
from tui.store.generations import TABLES, exists, session_tables
from tui.store.kept import KeptTable, kept_tables
from tui.store.query import fetch, scalar
from tui.store.schema import SHARED, Schema


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
        if self.table.name in (*TABLES, *SHARED):
            return True
        question = f'SELECT ocdu_session FROM trash."{self.table.name}" WHERE rowid = ?'
        return exists(self.connection, scalar(self.connection, question, (self.copy,)))


def put_back_deeds(
    connection: apsw.Connection, schema: Schema, ids: tuple[str, ...], refused: list[str]
) -> Iterator[Deed]:
    """Insert every kept row of these sessions that is not there, ancestors first.

    Raises OcduError, before the first row, when this database has no place for what was kept.
    """
    tables = kept_tables(connection, schema)
    for table in tables:
        if table.name in SHARED:
            for copy in _shared_copies(connection, table.name, ids):
                yield PutBack(connection, table, copy, refused)
    for id in ids:
        for table in tables:
            if table.name not in SHARED:
                statement = f'SELECT rowid FROM trash."{table.name}" WHERE ocdu_session = ?'
                for (copy,) in fetch(connection, f"{statement} ORDER BY rowid", (id,)):
                    yield PutBack(connection, table, copy, refused)


def _shared_copies(connection: apsw.Connection, table: str, ids: tuple[str, ...]) -> list[int]:
    """Kept rows of `project` or `instruction_blob` that these sessions need."""
    questions = [
        f"SELECT p.rowid FROM trash.project p JOIN trash.{sessions} s ON s.project_id = p.id"
        " WHERE s.ocdu_session = ?"
        for sessions in session_tables(connection, "trash")
    ]
    if table == "instruction_blob":
        questions = [
            "SELECT rowid FROM trash.instruction_blob WHERE hash IN"
            f" (SELECT hash FROM ({hashes_of('trash')} WHERE i.session_id = ?))"
        ]
    found: dict[int, None] = {}
    for id in ids:
        for question in questions:
            found.update(dict.fromkeys(copy for (copy,) in fetch(connection, question, (id,))))
    return list(found)
