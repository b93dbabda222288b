"""Level `migrated`: rows of 1.x that are proven to be a copy, and outputs that were copied twice.

There is no way back and nothing goes to the trash, so everything is proven again with the lock
held, and once more as soon as anybody else has written: while a session is being emptied 1.x may
come back to it, and then the rest of its rows stays.
"""

from __future__ import annotations

from functools import partial

from tui.engine.pace import Deed
from tui.engine.reclaim.resting import data_version
from tui.engine.reclaim.rewrite import Work
from tui.engine.reclaim.steps import rests, step_deeds
from tui.policy.plan import Totals
from tui.policy.reclaim import NOBODY, ReclaimItem
from tui.store.generations import importer_of
from tui.store.migrated import NEWER, old_estate, removable_now, signs_of
from tui.store.payloads_v2 import leftover_rows
from tui.store.query import fetch, scalar
from tui.store.schema import Owned
from tui.store.steps import DUPLICATES, Span, boundary_in_v2


def migrated_deeds(work: Work, item: ReclaimItem) -> list[Deed]:
    """Row by row, the session itself last; none when the proof fails by now."""
    if item.id == NOBODY:
        return _leftover_deeds(work)
    # Called like this they are no edits that leave a copy: there is no way back from this level.
    edits = step_deeds(work, DUPLICATES, item, lambda: _span(work, item))
    deeds: list[Deed] = [edit.__call__ for edit in edits]
    question = "SELECT EXISTS (SELECT 1 FROM session WHERE id = ?)"
    guard = _Proof(work, item)
    if not (work.schema.has("session") and scalar(work.connection, question, (item.id,))):
        return deeds
    if not guard.holds():
        if not deeds:  # of a session that has to stay, only its second copies were planned
            work.missed(item.id)
        return deeds
    for owned in old_estate(work.schema):
        # The newest first: what an earlier message explains is gone before its explanation.
        statement = f'SELECT rowid FROM "{owned.table}" WHERE {owned.where} ORDER BY rowid DESC'
        for (rowid,) in fetch(work.connection, statement, {"id": item.id}):
            deeds.append(partial(_delete, work, guard, owned, item.id, rowid))
    return deeds


def _span(work: Work, item: ReclaimItem) -> Span | None:
    """All messages of 2.x that the level `summarised` does not take in the same run."""
    if not rests(work, item):
        return None
    before = boundary_in_v2(work.connection, item.id) if "summarised" in item.levels else None
    return (before or 0, None)


class _Proof:
    """Knows that the rows of 1.x are a copy.

    Proven in full before the lock is taken, which may take a while in a large session. Once others
    have written, a look at the few things that tell whether it still is one must do, for they wait;
    that no row newer than the import ever goes is a condition of each deletion besides.
    """

    def __init__(self, work: Work, item: ReclaimItem) -> None:
        self.work = work
        self.item = item
        self.version = data_version(work.connection)
        self.signs = signs_of(work.connection, item.id)
        self.held = self._is_settled() and removable_now(
            work.connection, work.schema.importer, item.id
        )

    def holds(self) -> bool:
        """As of now; asked inside the transaction it is true until the commit."""
        connection = self.work.connection
        version = data_version(connection)
        if self.held and version != self.version:
            self.version = version
            self.held = self._is_settled() and self.signs.still(signs_of(connection, self.item.id))
        return self.held

    def _is_settled(self) -> bool:
        schema = self.work.schema
        importer = importer_of(self.work.connection, schema.columns)
        is_same = importer == schema.importer and importer.phase == "completed"
        return is_same and rests(self.work, self.item)


def _delete(work: Work, guard: _Proof, owned: Owned, id: str, rowid: int) -> None:
    """One row, if it still is one of the session's; the session only when nothing hangs on it."""
    if not guard.holds():
        work.missed(id)
        return
    alone = "".join(
        f' AND NOT EXISTS (SELECT 1 FROM "{child}" c WHERE c."{own}" = "{owned.table}"."{key}")'
        for child, own, key in work.schema.cascades[owned.table]
    )
    octets = "octet_length(data)" if "data" in owned.columns else "0"
    if "time_updated" in owned.columns:
        alone += f" AND NOT {NEWER}"
    gone = fetch(
        work.connection,
        f'DELETE FROM "{owned.table}" WHERE rowid = :row AND ({owned.check}){alone}'
        f" RETURNING {octets}",
        {"row": rowid, "id": id, "began": work.schema.importer.began},
    )
    if gone:
        _count(work, id, gone[0][0] or 0)
    else:
        work.missed(id)


def _count(work: Work, id: str, octets: int) -> None:
    work.slice_octets += octets
    work.took(id, Totals(parts=1, bytes=octets))


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
        _count(work, NOBODY, octets)
