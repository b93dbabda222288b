"""From an attached batch back into the database, row by row; doing it twice changes nothing.

What a run has put back it can take out again, and nothing else: rows that were there before, came
meanwhile, or were changed since, are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

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
    done: list[tuple[KeptTable, int]] = field(default_factory=list)
    """Which copies were inserted, in order; those of a transaction that was rolled back, too."""

    def __call__(self) -> None:
        name, names = self.table.name, self.table.names
        same = _same(self.table.keys)
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
        else:
            self.done.append((self.table, self.copy))

    def _has_owner(self) -> bool:
        """No row without its session: the event watermark has no foreign key that would mind."""
        if self.table.name in (*TABLES, *SHARED):
            return True
        question = f'SELECT ocdu_session FROM trash."{self.table.name}" WHERE rowid = ?'
        return exists(self.connection, scalar(self.connection, question, (self.copy,)))


def put_back_deeds(
    connection: apsw.Connection,
    schema: Schema,
    ids: tuple[str, ...],
    refused: list[str],
    done: list[tuple[KeptTable, int]] | None = None,
) -> Iterator[Deed]:
    """Insert every kept row of these sessions that is not there, ancestors first; see `PutBack`.

    Raises OcduError, before the first row, when this database has no place for what was kept.
    """
    done = [] if done is None else done
    tables = kept_tables(connection, schema)
    for table in tables:
        if table.name in SHARED:
            for copy in _shared_copies(connection, table.name, ids):
                yield PutBack(connection, table, copy, refused, done)
    for id in ids:
        for table in tables:
            if table.name not in SHARED:
                statement = f'SELECT rowid FROM trash."{table.name}" WHERE ocdu_session = ?'
                for (copy,) in fetch(connection, f"{statement} ORDER BY rowid", (id,)):
                    yield PutBack(connection, table, copy, refused, done)


class TakingOut:
    """The deletion of what one run of `put_back_deeds` inserted, last row first.

    It ends at the first row that is not its copy any more, or on which something hangs that this
    run did not bring: then somebody uses the tree, and it must be put back instead.
    """

    def __init__(
        self, connection: apsw.Connection, schema: Schema, done: list[tuple[KeptTable, int]]
    ) -> None:
        self.is_in_use = False
        """True when rows had to stay."""
        self._connection = connection
        self._schema = schema
        self._done = done

    def deeds(self) -> Iterator[Deed]:
        """One row each. What sessions share stays: others may rely on it by now."""
        for table, copy in reversed(self._done):
            if self.is_in_use:
                return
            if table.name not in SHARED:
                yield partial(self._take_out, table, copy)

    def _take_out(self, table: KeptTable, copy: int) -> None:
        if self.is_in_use:
            return
        found = fetch(
            self._connection,
            f'SELECT m.rowid FROM trash."{table.name}" k JOIN main."{table.name}" m'
            f" ON {_same(table.keys)} WHERE k.rowid = ? LIMIT 1",
            (copy,),
        )
        for (row,) in found:  # none: its transaction was rolled back
            self._connection.execute(
                f'DELETE FROM main."{table.name}" AS m WHERE rowid = ? AND EXISTS (SELECT 1'
                f' FROM trash."{table.name}" k WHERE k.rowid = ? AND {_same(table.columns)})'
                f"{self._alone(table.name)}",
                (row, copy),
            )
            self.is_in_use = not self._connection.changes()

    def _alone(self, table: str) -> str:
        """No row would follow it by cascade."""
        return "".join(
            f' AND NOT EXISTS (SELECT 1 FROM main."{child}" c WHERE c."{own}" = m."{key}")'
            for child, own, key in self._schema.cascades[table]
        )


def _same(columns: tuple[str, ...]) -> str:
    return " AND ".join(f'm."{column}" IS k."{column}"' for column in columns)


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
