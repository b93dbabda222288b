"""Proof, under the lock, that a session is still what a level saw when it looked at all of it.

Looking again at hundreds of parts would hold the lock too long. A level that picks parts by their
place in the conversation therefore remembers how the session looked and compares that: nobody
takes a message away, adds one, or begins a revert without it showing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import apsw

from tui.engine.reclaim.rewrite import Work
from tui.policy.reclaim import ReclaimItem
from tui.store.query import fetch, scalar

_LOOKS = """
    SELECT time_updated, coalesce("revert", 'null') <> 'null',
      (SELECT count(*) FROM message WHERE session_id = :id),
      (SELECT max(time_created) FROM message WHERE session_id = :id)
    FROM session WHERE id = :id"""
"""Index lookups only; a revert, a new turn and a deleted message each change the answer."""


class Rest:
    """Gives a level its parameters as long as the session rests."""

    def __init__(
        self,
        work: Work,
        item: ReclaimItem,
        more: Mapping[str, object],
        holds: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make it before looking at the session; `more` may be filled afterwards.

        `holds` is a further condition, cheap enough to be asked under the lock.
        """
        self.connection = work.connection
        self.item = item
        self.more = more
        self.holds = holds
        self.version = data_version(self.connection)
        self.seen = self._look()
        self.is_still = is_as_planned(self.connection, item) and holds()

    def still(self) -> Mapping[str, object] | None:
        """The parameters; None once anything moved."""
        # data_version moves whenever another connection has committed; our own edits leave it.
        version = data_version(self.connection)
        if version != self.version:
            self.version = version
            self.is_still = self.is_still and self._look() == self.seen and self.holds()
        return self.more if self.is_still else None

    def _look(self) -> list[Any]:
        return fetch(self.connection, _LOOKS, {"id": self.item.id})


def data_version(connection: apsw.Connection) -> int:
    """A number that moves with every commit of another connection."""
    return int(scalar(connection, "PRAGMA main.data_version"))


def is_as_planned(connection: apsw.Connection, item: ReclaimItem) -> bool:
    """True unless the session was written to after the plan saw it (0: the plan does not mind)."""
    if not item.seen_active:
        return True
    found = scalar(
        connection,
        "SELECT max(time_updated, coalesce((SELECT max(time_created) FROM message"
        " WHERE session_id = session.id), 0)) <= ?"
        " FROM session WHERE id = ?",
        (item.seen_active, item.id),
    )
    return bool(found)
