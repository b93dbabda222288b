"""Deleting one session tree row by row, so that it can be sliced, checked and taken back.

Every row is deleted by its rowid and, once anybody else has written since it was copied, only if
it still equals its copy in every column. A session row goes last, and only when nothing of the
session is left: what appeared meanwhile would otherwise vanish through ON DELETE CASCADE without
a copy. If anything differs the tree is spoiled: what was deleted is put back and the tree stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import apsw

from tui.engine.pace import Deed
from tui.store import batch
from tui.store.query import fetch, scalar
from tui.store.schema import Schema


class Deletion(Protocol):
    """One tree on its way out."""

    spoiled: bool
    """True when the tree turned out to have changed, and stays."""

    def deeds(self) -> Iterator[Deed]:
        """Small deletions, to be done in this order."""
        ...


class Burial:
    """The deletion of a tree whose copy lies in the attached batch."""

    def __init__(
        self,
        connection: apsw.Connection,
        schema: Schema,
        ids: tuple[str, ...],
        must_compare: Callable[[], bool],
    ) -> None:
        """`ids` root first; `must_compare` tells whether others have written since the copy."""
        self.spoiled = False
        self._connection = connection
        self._schema = schema
        self._ids = ids
        self._must_compare = must_compare
        self._deleted: list[tuple[str, int]] = []

    def deeds(self) -> Iterator[Deed]:
        """The deletions, descendants before ancestors; when spoiled, the way back."""
        for id in reversed(self._ids):
            for table in dict.fromkeys(owned.table for owned in self._schema.estate):
                if table == "session":
                    yield partial(self._check_nothing_left, id)
                for copy, source in self._rows(table, id):
                    if self.spoiled:
                        break
                    yield partial(self._delete, table, copy, source)
            if self.spoiled:
                yield from self._way_back()
                return

    def _rows(self, table: str, id: str) -> list[tuple[int, int]]:
        return fetch(
            self._connection,
            f'SELECT rowid, ocdu_source FROM trash."{table}" WHERE ocdu_session = ?'
            " ORDER BY ocdu_source",
            (id,),
        )

    def _delete(self, table: str, copy: int, source: int) -> None:
        if self.spoiled:
            return
        if self._must_compare():
            self._connection.execute(self._careful(table), (source, copy))
        else:
            self._connection.execute(f'DELETE FROM main."{table}" WHERE rowid = ?', (source,))
        if self._connection.changes() == 1:
            self._deleted.append((table, copy))
        else:
            self.spoiled = True

    def _careful(self, table: str) -> str:
        """Delete a row only if it equals its copy and no row would follow it by cascade."""
        same = " AND ".join(
            f'k."{column}" IS "{table}"."{column}"' for column in self._schema.columns[table]
        )
        alone = "".join(
            f' AND NOT EXISTS (SELECT 1 FROM main."{child}" c WHERE c."{own}" = "{table}"."{key}")'
            for child, own, key in self._schema.cascades[table]
        )
        return (
            f'DELETE FROM main."{table}" WHERE rowid = ?1 AND EXISTS'
            f' (SELECT 1 FROM trash."{table}" k WHERE k.rowid = ?2 AND {same}){alone}'
        )

    def _check_nothing_left(self, id: str) -> None:
        conditions = [
            f'EXISTS (SELECT 1 FROM main."{owned.table}" WHERE {owned.where})'
            for owned in self._schema.estate
            if owned.table != "session"
        ]
        conditions.append("EXISTS (SELECT 1 FROM main.session WHERE parent_id = :id AND id <> :id)")
        question = "SELECT " + " OR ".join(conditions)
        if scalar(self._connection, question, {"id": id}):
            self.spoiled = True

    def _way_back(self) -> Iterator[Deed]:
        """Put every deleted row back, parents first; nothing, if somebody else took the tree."""
        if not exists(self._connection, self._ids[0]):
            return
        tables = batch.kept_tables(self._connection, self._schema)
        names = {each.name: each.names for each in tables}
        for table, copy in reversed(self._deleted):
            yield PutBack(self._connection, table, names[table], copy)


class Removal:
    """The deletion of a tree for good, without a copy: whatever is there goes."""

    def __init__(self, connection: apsw.Connection, schema: Schema, ids: tuple[str, ...]) -> None:
        self.spoiled = False
        self._connection = connection
        self._schema = schema
        self._ids = ids

    def deeds(self) -> Iterator[Deed]:
        """Row by row, and at the end of each session whatever appeared meanwhile."""
        for id in reversed(self._ids):
            for owned in self._schema.estate:
                rows = fetch(
                    self._connection,
                    f'SELECT rowid FROM main."{owned.table}" WHERE {owned.where} ORDER BY rowid',
                    {"id": id},
                )
                if owned.table == "session":
                    yield partial(self._sweep, id)
                for (row,) in rows:
                    yield partial(self._delete, owned.table, row, owned.check, id)

    def _delete(self, table: str, row: int, check: str, id: str) -> None:
        self._connection.execute(
            f'DELETE FROM main."{table}" WHERE rowid = :row AND ({check})', {"row": row, "id": id}
        )

    def _sweep(self, id: str) -> None:
        for owned in self._schema.estate[:-1]:
            self._connection.execute(
                f'DELETE FROM main."{owned.table}" WHERE {owned.where}', {"id": id}
            )


@dataclass(frozen=True, slots=True)
class PutBack:
    """Insert one kept row unless it is there; a deed.

    Rows of a session that somebody else deleted meanwhile are left in the batch, and so is a row
    that broke a foreign key before it was pruned (a part without its message).
    """

    connection: apsw.Connection
    table: str
    names: str
    copy: int
    broken: list[int] | None = None
    """Takes the rows that break a foreign key."""

    def __call__(self) -> None:
        try:
            self.connection.execute(
                f'INSERT OR IGNORE INTO main."{self.table}" ({self.names})'
                f' SELECT {self.names} FROM trash."{self.table}" k WHERE k.rowid = ?'
                " AND (? IN ('session', 'project') OR EXISTS"
                " (SELECT 1 FROM main.session WHERE id = k.ocdu_session))",
                (self.copy, self.table),
            )
        except apsw.ConstraintError:
            if self.broken is not None:
                self.broken.append(self.copy)


def put_back_deeds(
    connection: apsw.Connection,
    schema: Schema,
    ids: tuple[str, ...],
    broken: list[int] | None = None,
) -> Iterator[Deed]:
    """Insert every kept row of these sessions that is not there, ancestors first.

    Restores a tree and rolls an interrupted prune back; doing it twice changes nothing.
    """
    tables = batch.kept_tables(connection, schema)
    for table in tables:
        if table.name == "project":
            for copy in _project_copies(connection, ids):
                yield PutBack(connection, table.name, table.names, copy)
    for id in ids:
        for table in tables:
            if table.name != "project":
                rows = fetch(
                    connection,
                    f'SELECT rowid FROM trash."{table.name}" WHERE ocdu_session = ? ORDER BY rowid',
                    (id,),
                )
                for (copy,) in rows:
                    yield PutBack(connection, table.name, table.names, copy, broken)


def _project_copies(connection: apsw.Connection, ids: tuple[str, ...]) -> list[int]:
    found: dict[int, None] = {}
    for id in ids:
        rows = fetch(
            connection,
            "SELECT p.rowid FROM trash.project p JOIN trash.session s ON s.project_id = p.id"
            " WHERE s.ocdu_session = ?",
            (id,),
        )
        found.update(dict.fromkeys(copy for (copy,) in rows))
    return list(found)


def exists(connection: apsw.Connection, id: str) -> bool:
    """True when the session is in the database."""
    found = connection.execute("SELECT EXISTS (SELECT 1 FROM main.session WHERE id = ?)", (id,))
    return bool(found.fetchall()[0][0])
