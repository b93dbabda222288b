"""The edit that several levels share: drop the payload of rows, one by one.

A deed looks at its row again inside the transaction and changes it only if everything that was
true when planned is still true. What it counts are octets measured before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.engine.pace import Deed
from tui.policy.reclaim import ReclaimItem
from tui.store import kept_payload
from tui.store.judging import judge_session
from tui.store.query import fetch, scalar
from tui.store.row_level import RowLevel

SLICE_OCTETS = 4_000_000
"""Octets of rows rewritten in one transaction: on a slow disk the time alone would not bound what
opencode has to wait for at the commit."""


class Tally(NamedTuple):
    """What was really done; immutable, so that a rolled-back slice is forgotten at once."""

    parts: int = 0
    bytes: int = 0
    sessions: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    """Sessions in which something no longer qualified when its turn came."""
    messages: int = 0

    def took(self, session_id: str, octets: int, table: str = "part") -> Tally:
        """One row more."""
        sessions = self.sessions
        if session_id not in sessions:
            sessions = sessions | {session_id}
        is_part = table == "part"
        return Tally(
            self.parts + is_part, self.bytes + octets, sessions, self.changed,
            self.messages + (not is_part),
        )  # fmt: skip

    def missed(self, session_id: str) -> Tally:
        """A row that somebody changed in the meantime."""
        return self._replace(changed=self.changed | {session_id})

    @property
    def rows(self) -> int:
        """Rows that were rewritten."""
        return self.parts + self.messages


@dataclass(slots=True)
class Work:
    """What the levels of one run share."""

    connection: apsw.Connection
    stop: Event
    now_ms: int
    tally: Tally = field(default_factory=Tally)
    """With the transaction under way."""
    kept: Tally = field(default_factory=Tally)
    """What was committed."""
    finished: int = 0
    """Planned sessions that are done with."""
    claimed: set[tuple[str, int]] = field(default_factory=set)
    """Rows of the session at hand that a level has a deed for already."""
    slice_octets: int = 0
    """Rewritten in the transaction under way."""

    def begin_slice(self) -> None:
        """A new transaction begins."""
        self.slice_octets = 0

    def is_full(self) -> bool:
        """True when the transaction under way should end."""
        return self.slice_octets >= SLICE_OCTETS


LevelEngine = Callable[[Work, ReclaimItem], Sequence[Deed]]
"""Finds what a level takes from one session, without a lock: one deed for each row."""

Still = Callable[[], Mapping[str, object] | None]
"""The level's parameters inside the transaction; None when the session no longer qualifies."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The deed on one row."""

    work: Work
    level: RowLevel
    session_id: str
    rowid: int
    still: Still

    def __call__(self) -> None:
        """Rewrite the row, if it still is what was planned."""
        more = self.still()
        octets = None
        if more is not None:
            octets = _edit(self.work.connection, self.level, self.session_id, self.rowid, more)
        self.count(octets)

    def keep(self) -> int | None:
        """Copy the row into the attached batch; its entry, or None when it no longer qualifies."""
        more = self.still()
        if more is None:
            return None
        return kept_payload.copy_row(
            self.work.connection, self.level, self.session_id, self.rowid, more
        )

    def rewrite_kept(self, entry: int) -> None:
        """As when called, but only if the row still is what its entry says."""
        more = self.still()
        octets = None
        if more is not None:
            octets = kept_payload.edit_row(
                self.work.connection, self.level, self.session_id, self.rowid, entry, more
            )
        self.count(octets)

    def count(self, octets: int | None) -> None:
        """Note what the row lost; None when it was left alone."""
        work = self.work
        if octets is None:
            work.tally = work.tally.missed(self.session_id)
        else:
            work.slice_octets += octets
            work.tally = work.tally.took(self.session_id, octets, self.level.table)

    @property
    def octets(self) -> int:
        """Of the row's data, as it is now."""
        found = scalar(
            self.work.connection,
            f"SELECT octet_length(data) FROM main.{self.level.table} WHERE rowid = ?",
            (self.rowid,),
        )
        return int(found or 0)


def row_deeds(
    work: Work,
    level: RowLevel,
    item: ReclaimItem,
    more: Mapping[str, object],
    still: Still,
) -> list[Edit]:
    """A deed for every row of the session that qualified when planned, or qualifies now.

    `more` are the level's own parameters; `still` gives them inside the transaction. A row that
    another level of the same item has a deed for is left to that one.
    """
    rowids: Iterable[int] = item.rowids.get(level.name, ())
    if not rowids:
        judged = judge_session(work.connection, level, item.id, more, work.stop)
        rowids = [row.rowid for row in judged if row.octets is not None]
    free = [rowid for rowid in rowids if (level.table, rowid) not in work.claimed]
    work.claimed.update((level.table, rowid) for rowid in free)
    return [Edit(work, level, item.id, rowid, still) for rowid in free]


def _edit(
    connection: apsw.Connection,
    level: RowLevel,
    session_id: str,
    rowid: int,
    more: Mapping[str, object],
) -> int | None:
    """Octets the row lost; None when it was left alone. time_updated stays as it is."""
    before: Any = scalar(
        connection, f"SELECT octet_length(data) FROM {level.table} WHERE rowid = ?", (rowid,)
    )
    after = fetch(
        connection,
        f"""UPDATE {level.table} SET data = {level.edited}
            WHERE rowid = :row AND session_id = :session AND {level.verdict} >= 0
            RETURNING octet_length(data)""",
        {"row": rowid, "session": session_id, **more},
    )
    return before - after[0][0] if before is not None and after else None
