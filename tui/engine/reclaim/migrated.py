"""Level `migrated`: rows of 1.x that are proven to be a copy, and outputs that were copied twice.

There is no way back and nothing goes to the trash, so everything is proven again with the lock
held, and once more as soon as anybody else has written: while a session is being emptied 1.x may
come back to it, and then the rest of its rows stays.
"""

from __future__ import annotations

from functools import partial

from tui.engine.pace import Deed
from tui.engine.reclaim.rewrite import Work
from tui.engine.reclaim.steps import data_version, step_deeds
from tui.policy.reclaim import ReclaimItem
from tui.store.generations import importer_of, updated_of
from tui.store.migrated import old_estate, removable_now
from tui.store.payloads_v2 import leftover_rows
from tui.store.query import fetch, scalar
from tui.store.schema import Owned
from tui.store.steps import DUPLICATES, NOWHERE, Span, boundary_in_v2


def migrated_deeds(work: Work, item: ReclaimItem) -> list[Deed]:
    """Row by row, the session itself last; none when the proof fails by now."""
    if not item.id:
        return _leftover_deeds(work)
    deeds = step_deeds(work, DUPLICATES, item, lambda: _span(work, item))
    question = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?)"
    guard = _Proof(work, item)
    if not (work.schema.has("session") and scalar(work.connection, question, (item.id,))):
        return deeds
    if not guard.holds():
        if not deeds:  # of a session that has to stay, only its second copies were planned
            work.tally = work.tally.missed(item.id)
        return deeds
    for owned in old_estate(work.schema):
        # The newest first: what an earlier message explains is gone before its explanation.
        statement = f'SELECT rowid FROM "{owned.table}" WHERE {owned.where} ORDER BY rowid DESC'
        for (rowid,) in fetch(work.connection, statement, {"id": item.id}):
            deeds.append(partial(_delete, work, guard, owned, item.id, rowid))
    return deeds


def _span(work: Work, item: ReclaimItem) -> Span:
    """All messages of 2.x that the level `summarised` does not take in the same run."""
    if not rests(work, item):
        return NOWHERE
    before = boundary_in_v2(work.connection, item.id) if "summarised" in item.levels else None
    return (before or 0, None)


class _Proof:
    """Knows that the rows of 1.x are a copy, and proves it anew when others have written."""

    def __init__(self, work: Work, item: ReclaimItem) -> None:
        self.work = work
        self.item = item
        self.version = -1
        self.held = False

    def holds(self) -> bool:
        """The proof as of now; asked inside the transaction it is true until the commit."""
        version = data_version(self.work.connection)
        if version != self.version:
            self.version = version
            self.held = self._prove()
        return self.held

    def _prove(self) -> bool:
        connection, schema = self.work.connection, self.work.schema
        importer = importer_of(connection, schema.columns)
        if importer != schema.importer or importer.phase != "completed":
            return False
        return rests(self.work, self.item) and removable_now(connection, importer, self.item.id)


def rests(work: Work, item: ReclaimItem) -> bool:
    """True unless the session was written to after the plan saw it (0: the plan does not mind)."""
    return not item.seen_active or updated_of(work.connection, item.id) <= item.seen_active


def _delete(work: Work, guard: _Proof, owned: Owned, id: str, rowid: int) -> None:
    """One row, if it still is one of the session's; the session only when nothing hangs on it."""
    if not guard.holds():
        work.tally = work.tally.missed(id)
        return
    alone = "".join(
        f' AND NOT EXISTS (SELECT 1 FROM "{child}" c WHERE c."{own}" = "{owned.table}"."{key}")'
        for child, own, key in work.schema.cascades[owned.table]
    )
    octets = "octet_length(data)" if "data" in owned.columns else "0"
    gone = fetch(
        work.connection,
        f'DELETE FROM "{owned.table}" WHERE rowid = :row AND ({owned.check}){alone}'
        f" RETURNING {octets}",
        {"row": rowid, "id": id},
    )
    work.tally = work.tally.took(id, gone[0][0] or 0) if gone else work.tally.missed(id)


def _leftover_deeds(work: Work) -> list[Deed]:
    """What belongs to no session; looked up again once somebody else has written."""
    known = _Leftovers(work)
    return [partial(_drop, work, known, place) for place in known.now()]


class _Leftovers:
    """Rows that nobody needs, as of the last commit by anybody else."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.version = -1
        self.octets: dict[tuple[str, int], int] = {}

    def now(self) -> dict[tuple[str, int], int]:
        """(table, rowid) -> octets."""
        version = data_version(self.work.connection)
        if version != self.version:
            self.version = version
            self.octets = dict(leftover_rows(self.work.connection, self.work.schema.columns))
        return self.octets


def _drop(work: Work, known: _Leftovers, place: tuple[str, int]) -> None:
    octets = known.now().get(place)
    if octets is not None:
        table, rowid = place
        work.connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', (rowid,))
        work.tally = work.tally.took("", octets)
