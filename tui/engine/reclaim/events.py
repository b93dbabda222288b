"""Level `events`: snapshots that a newer one replaced go; the newest, and `event_sequence`, stay.

Before a session's log is touched it is read once more, without a lock, and its rows must prove that
they hold the newest state. Rows then go in small bunches. With the lock held, whenever anybody else
has committed since, the session must be as it was: the same `event_sequence`, written to no later,
still nobody else's. opencode counts `seq` on at every event, so nothing can have been added unseen.
Each row goes only if the event that replaces it is there.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import partial
from typing import Any

from tui.engine.pace import Alone, Deed
from tui.engine.reclaim.resting import data_version, is_as_planned
from tui.engine.reclaim.rewrite import Work
from tui.policy.plan import Totals
from tui.policy.reclaim import ReclaimItem
from tui.store.event_log import Log
from tui.store.query import fetch
from tui.store.superseded import is_owned, superseded

BUNCH_ROWS, BUNCH_BYTES = 25, 400_000
"""Rows of one deed, and their octets: about two milliseconds."""

ALONE_BYTES = 2_000_000
"""Octets of a row that gets a transaction of its own: deleting it walks through all its pages."""

_DELETE = """DELETE FROM event WHERE rowid = :row AND aggregate_id = :session AND seq = :seq
  AND :newer > :seq AND EXISTS (SELECT 1 FROM event new
    WHERE new.rowid = :by AND new.aggregate_id = :session AND new.seq = :newer)"""
"""One row, if it still is what was read and what replaces it is there. Row by row it takes two
thirds of the time that one statement for a whole bunch takes (measured)."""


def events_deeds(work: Work, item: ReclaimItem) -> list[Deed]:
    """Deeds for the superseded events of the session; none when it changed since planned."""
    guard = _Guard(work, item)
    log = None
    if guard.is_as_planned():
        log = superseded(work.connection, work.store.schema, item.id, work.stop)
    if not isinstance(log, Log):
        if not work.stop.is_set():
            work.missed(item.id)
        return []
    return list(_Clearing(work, item.id, log, guard).deeds())


class _Clearing:
    """What goes of one session, in the order of the file; deeds are ranges of that order, so that
    a log of a million events needs little memory."""

    def __init__(self, work: Work, session_id: str, log: Log, guard: _Guard) -> None:
        self._work = work
        self._session = session_id
        self._log = log
        self._guard = guard
        self._order = array("l", sorted(range(len(log.rowids)), key=log.rowids.__getitem__))

    def deeds(self) -> Iterator[Deed]:
        """One deed for some rows; a large row alone."""
        first, octets = 0, 0
        for last, at in enumerate(self._order):
            size = self._log.octets[at]
            is_large = size > ALONE_BYTES
            if first < last and (
                is_large or last - first == BUNCH_ROWS or octets + size > BUNCH_BYTES
            ):
                yield partial(self._delete, first, last)
                first, octets = last, 0
            octets += size
            if is_large:
                yield Alone(partial(self._delete, first, last + 1))
                first, octets = last + 1, 0
        if first < len(self._order):
            yield partial(self._delete, first, len(self._order))

    def _delete(self, first: int, last: int) -> None:
        """Inside a transaction: these rows go, or all stay when the session is not as it was."""
        work, log = self._work, self._log
        if not self._guard.still():
            work.missed(self._session)
            return
        gone, octets = 0, 0
        for at in self._order[first:last]:
            new = log.newest[log.by[at]]
            work.connection.execute(
                _DELETE,
                {
                    "row": log.rowids[at], "seq": log.seqs[at], "session": self._session,
                    "by": new.rowid, "newer": new.seq,
                },
            )  # fmt: skip
            if work.connection.changes():
                gone += 1
                octets += log.octets[at]
        if gone:
            work.took(self._session, Totals(events=gone, bytes=octets))
        if gone < last - first:
            work.missed(self._session)


class _Guard:
    """Knows the session as it was looked at, and proves with the lock held that it still is so."""

    def __init__(self, work: Work, item: ReclaimItem) -> None:
        self._work = work
        self._item = item
        self._version = data_version(work.connection)
        self._seen = self._look()
        self._holds = True

    def is_as_planned(self) -> bool:
        """True when nobody wrote to the session since the plan saw it, and nobody owns its log."""
        return self._seen is not None and is_as_planned(self._work.connection, self._item)

    def still(self) -> bool:
        """True while the session is what its log was read from."""
        # data_version moves when another connection has committed; our own deeds leave it.
        version = data_version(self._work.connection)
        if version != self._version:
            self._version = version
            self._holds = self._holds and self._look() == self._seen
        return self._holds

    def _look(self) -> tuple[Any, Any] | None:
        """What moves when opencode writes to the session; None when it is gone or owned."""
        connection, id = self._work.connection, self._item.id
        found = fetch(
            connection,
            "SELECT q.seq, s.time_updated FROM event_sequence q JOIN session s"
            " ON s.id = q.aggregate_id WHERE q.aggregate_id = ?",
            (id,),
        )
        if not found or is_owned(connection, self._work.store.schema, id):
            return None
        seq, updated = found[0]
        return seq, updated
