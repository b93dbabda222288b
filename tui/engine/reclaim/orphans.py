"""Level `orphans`: rows and diff files of sessions that are gone in both generations.

Every bunch of rows is judged once more with the lock held: the session must still be gone, and its
events must not be the only copy of it. `event_sequence` goes last, once no event needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tui.engine.pace import Alone, Deed
from tui.engine.reclaim.resting import data_version
from tui.engine.reclaim.rewrite import Work
from tui.policy.plan import Totals
from tui.policy.reclaim import ReclaimItem
from tui.store.orphaned_files import orphaned_files
from tui.store.orphans import OwnedRow, estate_of, is_gone, is_only_copy, newest_time, rows_of
from tui.store.query import scalar
from tui.store.schema import Owned
from tui.store.session_files import remove_file

BUNCH_ROWS, BUNCH_BYTES = 25, 400_000
"""Rows of one deed, and their octets: about two milliseconds."""

ALONE_BYTES = 2_000_000
"""Octets of a row that gets a transaction of its own."""


def orphans_deeds(work: Work, item: ReclaimItem) -> list[Deed]:
    """Deeds for everything that the missing session left; nothing when it is there (again)."""
    connection, schema = work.connection, work.store.schema
    lives = not _is_missing(work, item.id)
    if not lives and (is_only_copy(connection, schema, item.id) or _is_at_work(work, item)):
        work.missed(item.id)
        return []
    deeds: list[Deed] = []
    guard = _Guard(work, item.id, lives)
    for owned in estate_of(schema, lives):
        rows = rows_of(connection, schema, owned, item.id)
        deeds += _bunched(guard, owned, rows)
    if work.files is not None and not lives:
        deeds.append(partial(_remove_file, work, item.id))
    return deeds


def _is_missing(work: Work, id: str) -> bool:
    return bool(scalar(work.connection, f"SELECT {is_gone(work.store.schema, ':id')}", {"id": id}))


def _is_at_work(work: Work, item: ReclaimItem) -> bool:
    """True when something was written there since the plan looked."""
    newest = newest_time(work.connection, work.store.schema, item.id, work.now_ms)
    return newest > item.seen_active


class _Guard:
    """Proves with the lock held that the session is still gone, and no copy of it is at stake."""

    def __init__(self, work: Work, id: str, lives: bool) -> None:
        self.work = work
        self.id = id
        self._lives = lives
        self._version = -1
        self._holds = True

    def still(self) -> bool:
        """True while the rows belong to nobody; stray parts are judged one by one."""
        # data_version moves when another connection has committed; our own deeds leave it.
        version = data_version(self.work.connection)
        if self._lives or version == self._version:
            return self._holds
        self._version = version
        is_copy = is_only_copy(self.work.connection, self.work.store.schema, self.id)
        self._holds = self._holds and _is_missing(self.work, self.id) and not is_copy
        return self._holds


def _bunched(guard: _Guard, owned: Owned, rows: list[OwnedRow]) -> Iterator[Deed]:
    bunch: list[OwnedRow] = []
    octets = 0
    for row in rows:
        if bunch and (len(bunch) == BUNCH_ROWS or octets + row.octets > BUNCH_BYTES):
            yield partial(_delete, guard, owned, bunch)
            bunch, octets = [], 0
        if row.octets > ALONE_BYTES:
            yield Alone(partial(_delete, guard, owned, [row]))
        else:
            bunch.append(row)
            octets += row.octets
    if bunch:
        yield partial(_delete, guard, owned, bunch)


def _delete(guard: _Guard, owned: Owned, rows: list[OwnedRow]) -> None:
    """Inside a transaction: rows that still belong to nobody go."""
    work, id = guard.work, guard.id
    schema, connection = work.store.schema, work.connection
    if not guard.still():
        work.missed(id)
        return
    alone = "".join(
        f' AND NOT EXISTS (SELECT 1 FROM main."{child}" c'
        f' WHERE c."{own}" = "{owned.table}"."{key}")'
        for child, own, key in schema.cascades.get(owned.table, ())
    )
    statement = f'DELETE FROM main."{owned.table}" WHERE rowid = :row AND ({owned.check}){alone}'
    gone, octets = 0, 0
    for row in rows:
        connection.execute(statement, {"row": row.rowid, "id": id})
        if connection.changes():
            gone += 1
            octets += row.octets
    if gone:
        counted = {owned.table + "s": gone} if owned.table in ("message", "part", "event") else {}
        work.took(id, Totals(**counted, bytes=octets))
    if gone < len(rows):
        work.missed(id)


def _remove_file(work: Work, id: str) -> None:
    """The diff file, judged again; the lock keeps the session from coming back meanwhile."""
    if work.files is None or not _is_missing(work, id):
        return
    found = dict(orphaned_files(work.store.path, work.files, work.now_ms))
    if id in found and remove_file(work.files, id):
        work.file_bytes += found[id]
        work.took(id, Totals(files=1, bytes=found[id]))
