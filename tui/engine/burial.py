"""Deleting one session tree row by row, so that it can be sliced, checked and taken back.

The order is the safety. First goes what has a copy: row by row, by rowid and, once anybody else has
written since it was copied, only if it still equals its copy in every column and no row would
follow it by cascade. Then, with the lock held, a look: has nothing of the tree come back, and is
its history as long as it was? Only then go the event rows that have no copy. The sessions' own
rows and their event watermarks go last, each session in one transaction with its watermark.

If anything differs on the way the tree is spoiled: what was deleted is put back and the tree stays,
whole but for old event rows, if their turn had come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

import apsw

from tui.engine.pace import Deed
from tui.engine.putting_back import PutBack
from tui.store.copies import HISTORY
from tui.store.generations import children_of, exists
from tui.store.kept import kept_tables
from tui.store.query import fetch, scalar
from tui.store.schema import LAST, Schema


class Deletion(Protocol):
    """One tree on its way out."""

    spoiled: bool
    """True when the tree turned out to have changed, and stays."""
    refused: list[str]
    """What could not be put back into a spoiled tree: its copies must be kept."""

    def deeds(self) -> Iterator[Deed]:
        """Small deletions, to be done in this order."""
        ...

    def look(self) -> None:
        """Called with the lock held, when others have written since the last deed."""
        ...


class Burial:
    """The deletion of a tree whose copy lies in the attached batch."""

    def __init__(
        self,
        connection: apsw.Connection,
        schema: Schema,
        ids: tuple[str, ...],
        history: Mapping[str, int],
        must_compare: Callable[[], bool],
        *,
        served: bool = False,
    ) -> None:
        """`ids` root first; `history`: sessions whose event rows have no copy -> their newest seq;
        `must_compare` tells whether others have written since the copy.

        `served`: a server was asked to delete the tree, so rows may be gone already.
        """
        self.spoiled = False
        self.refused: list[str] = []
        self._connection = connection
        self._schema = schema
        self._ids = ids
        self._history = history
        self._must_compare = must_compare
        self._served = served
        self._tables = tuple(dict.fromkeys(owned.table for owned in schema.estate))
        self._deleted: list[tuple[str, int]] = []
        self._is_past_copies = False
        self._finished: set[str] = set()
        self._keys: dict[str, tuple[str, ...]] = {}

    def deeds(self) -> Iterator[Deed]:
        """The deletions, descendants before ancestors; when spoiled, the way back."""
        for deed in self._deletions():
            if self.spoiled:
                break
            yield deed
        if self.spoiled:
            yield from self._way_back()

    def _deletions(self) -> Iterator[Deed]:
        for id in reversed(self._ids):
            for table in self._tables:
                if table not in LAST:
                    for copy, source in self._rows(table, id):
                        yield partial(self._delete, table, copy, source)
        yield self._pass_copies
        for id in reversed(self._ids):
            for row in self._history_of(id):
                yield partial(self._delete_history, id, row)
        for id in reversed(self._ids):
            yield partial(self._finish, id)

    def look(self) -> None:
        """Others wrote while rows without a copy go: has anything of the tree come back?"""
        if self._is_past_copies and any(self._is_touched(id) for id in self._ids):
            self.spoiled = True

    def _pass_copies(self) -> None:
        self._is_past_copies = True
        if self._history and not self.spoiled:
            self.look()

    def _rows(self, table: str, id: str) -> list[tuple[int, int]]:
        return fetch(
            self._connection,
            f'SELECT rowid, ocdu_source FROM trash."{table}" WHERE ocdu_session = ?'
            " ORDER BY ocdu_source",
            (id,),
        )

    def _history_of(self, id: str) -> list[int]:
        if id not in self._history:
            return []
        rows = f'SELECT rowid FROM main."{HISTORY}" WHERE aggregate_id = ? ORDER BY rowid'
        return [row for (row,) in fetch(self._connection, rows, (id,))]

    def _delete(self, table: str, copy: int, source: int) -> None:
        if self.spoiled:
            return
        if self._served or self._must_compare():
            self._connection.execute(self._careful(table), (source, copy))
        else:
            self._connection.execute(f'DELETE FROM main."{table}" WHERE rowid = ?', (source,))
        if self._connection.changes() == 1:
            self._deleted.append((table, copy))
        elif not self._was_served(table, copy):
            self.spoiled = True

    def _delete_history(self, id: str, row: int) -> None:
        if not self.spoiled:
            self._connection.execute(
                f'DELETE FROM main."{HISTORY}" WHERE rowid = ? AND aggregate_id = ? AND seq <= ?',
                (row, id, self._history[id]),
            )

    def _was_served(self, table: str, copy: int) -> bool:
        """True when the server took this row: none has the key of its copy, in whatever place."""
        if not self._served:
            return False
        keys = self._keys.get(table)
        if keys is None:
            kept = kept_tables(self._connection, self._schema)
            self._keys = {each.name: each.keys for each in kept}
            keys = self._keys[table]
        same = " AND ".join(f'm."{key}" IS k."{key}"' for key in keys)
        question = (
            f'SELECT NOT EXISTS (SELECT 1 FROM trash."{table}" k JOIN main."{table}" m ON {same}'
            " WHERE k.rowid = ?)"
        )
        return bool(scalar(self._connection, question, (copy,)))

    def _finish(self, id: str) -> None:
        """The session itself, in one transaction with its watermark."""
        if self.spoiled or self._is_something_left(id):
            self.spoiled = True
            return
        for table in self._tables:
            if table in LAST:
                for copy, source in self._rows(table, id):
                    self._delete(table, copy, source)
        self._finished.add(id)

    def _careful(self, table: str) -> str:
        """Delete a row only if it equals its copy and no row would follow it by cascade."""
        alone = "".join(
            f' AND NOT EXISTS (SELECT 1 FROM main."{child}" c WHERE c."{own}" = "{table}"."{key}")'
            for child, own, key in self._schema.cascades[table]
        )
        return (
            f'DELETE FROM main."{table}" WHERE rowid = ?1 AND EXISTS'
            f' (SELECT 1 FROM trash."{table}" k WHERE k.rowid = ?2 AND {self._same(table)}){alone}'
        )

    def _same(self, table: str) -> str:
        return " AND ".join(
            f'k."{column}" IS +"{table}"."{column}"' for column in self._schema.columns[table]
        )

    def _is_touched(self, id: str) -> bool:
        """Has a row of this session come back, or its own row, watermark or history changed?"""
        if self._is_something_left(id, but=HISTORY if id in self._history else ""):
            return True
        if id in self._finished:
            return False
        last = [(t, *row) for t in self._tables if t in LAST for row in self._rows(t, id)]
        if not all(self._is_as_kept(*row) or self._was_served(*row[:2]) for row in last):
            return True
        if id not in self._history:
            return False
        newest = f'SELECT coalesce(max(seq), -1) FROM main."{HISTORY}" WHERE aggregate_id = ?'
        return int(scalar(self._connection, newest, (id,))) > self._history[id]

    def _is_as_kept(self, table: str, copy: int, source: int) -> bool:
        question = (
            f'SELECT EXISTS (SELECT 1 FROM main."{table}" JOIN trash."{table}" k'
            f' ON k.rowid = ? WHERE "{table}".rowid = ? AND {self._same(table)})'
        )
        return bool(scalar(self._connection, question, (copy, source)))

    def _is_something_left(self, id: str, but: str = "") -> bool:
        conditions = [
            f'EXISTS (SELECT 1 FROM main."{owned.table}" WHERE {owned.where})'
            for owned in self._schema.estate
            if owned.table not in LAST and owned.table != but
        ]
        if scalar(self._connection, "SELECT " + " OR ".join(conditions), {"id": id}):
            return True
        return not children_of(self._connection, id) <= set(self._ids)

    def _way_back(self) -> Iterator[Deed]:
        """Put every deleted row back, parents first; nothing, if somebody else took the tree."""
        if self._served:
            self.refused.append("what the server deleted")  # its copies are the only ones now
        if not exists(self._connection, self._ids[0]):
            return
        tables = {each.name: each for each in kept_tables(self._connection, self._schema)}
        for table, copy in reversed(self._deleted):
            yield PutBack(self._connection, tables[table], copy, self.refused)


class Removal:
    """The deletion of a tree for good, without a copy."""

    def __init__(
        self,
        connection: apsw.Connection,
        schema: Schema,
        ids: tuple[str, ...],
        has_moved_on: Callable[[], bool] = lambda: False,
    ) -> None:
        """`has_moved_on` is asked once with the lock held, before the first row goes."""
        self.spoiled = False
        self.refused: list[str] = []
        self._connection = connection
        self._schema = schema
        self._ids = ids
        self._has_moved_on = has_moved_on

    def deeds(self) -> Iterator[Deed]:
        """Row by row, and at the end of each session whatever appeared meanwhile."""
        yield self._look
        for id in reversed(self._ids):
            for owned in self._schema.estate:
                if self.spoiled:
                    return
                if owned.table in LAST:
                    continue
                statement = f'SELECT rowid FROM main."{owned.table}" WHERE {owned.where}'
                for (row,) in fetch(self._connection, statement, {"id": id}):
                    yield partial(self._delete, owned.table, row, owned.check, id)
            yield partial(self._finish, id)

    def _look(self) -> None:
        self.spoiled = self._has_moved_on()

    def look(self) -> None:
        """Nothing to do: what appears meanwhile goes with its session."""

    def _delete(self, table: str, row: int, check: str, id: str) -> None:
        if not self.spoiled:
            self._connection.execute(
                f'DELETE FROM main."{table}" WHERE rowid = :row AND ({check})',
                {"row": row, "id": id},
            )

    def _finish(self, id: str) -> None:
        if not self.spoiled:
            for owned in self._schema.estate:
                statement = f'DELETE FROM main."{owned.table}" WHERE {owned.where}'
                self._connection.execute(statement, {"id": id})
