"""What the levels of a run share, and the edit most of them do: drop the payload of a row.

A deed looks at its row again inside the transaction and changes it only if everything that was
true when planned is still true. What it counts are octets measured before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.engine.pace import Deed, in_slices
from tui.engine.served import Service
from tui.policy.plan import Totals
from tui.policy.reclaim import NOBODY, ReclaimItem
from tui.store import kept_payload
from tui.store.database import Store
from tui.store.judging import judge_session
from tui.store.query import fetch, scalar
from tui.store.row_level import Rewriting, RowLevel
from tui.store.schema import Schema

SLICE_OCTETS = 4_000_000
"""Octets of rows rewritten in one transaction: on a slow disk the time alone would not bound what
opencode has to wait for at the commit."""


ROW = {
    "part": Totals(parts=1),
    "message": Totals(messages=1),
    "session_message": Totals(parts=1),
    "event": Totals(),
}
"""One row of a table that levels rewrite; a message of 2.x is counted for the output it holds, an
event is a copy of a message that counts itself."""


class Tally(NamedTuple):
    """What was really done; immutable, so that a rolled-back slice is forgotten at once."""

    taken: Totals = Totals()
    """Rows that lost their payload, rows and files that went as a whole, and all their octets."""
    sessions: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    """Sessions in which something no longer qualified when its turn came."""

    def took(self, session_id: str, more: Totals) -> Tally:
        """These rows or files more."""
        sessions = self.sessions
        if session_id != NOBODY and session_id not in sessions:
            sessions = sessions | {session_id}
        return Tally(self.taken + more, sessions, self.changed)

    def missed(self, session_id: str) -> Tally:
        """A row that somebody changed in the meantime."""
        return self._replace(changed=self.changed | {session_id})

    @property
    def totals(self) -> Totals:
        """All of it, as an outcome tells it."""
        return self.taken + Totals(sessions=len(self.sessions))


@dataclass(slots=True)
class Work:
    """What the levels of one run share."""

    connection: apsw.Connection
    stop: Event
    now_ms: int
    store: Store
    files: Path | None = None
    """opencode's data directory, where orphaned files may be removed."""
    file_bytes: int = 0
    """Octets on the disk that removed files gave back."""
    service: Service | None = None
    """The server of 2.x: rows of 2.x of a session it executes, or may execute, are not touched."""
    at_work: set[str] = field(default_factory=set)
    """Sessions that were left for that reason."""
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

    @property
    def schema(self) -> Schema:
        """What the file contains."""
        return self.store.schema

    def took(self, session_id: str, more: Totals) -> None:
        """Count what a deed took."""
        self.tally = self.tally.took(session_id, more)

    def missed(self, session_id: str) -> None:
        """Note a session in which something is no longer as planned."""
        if session_id not in self.at_work:  # of those it is told already why nothing was found
            self.tally = self.tally.missed(session_id)

    def begin_slice(self) -> None:
        """A new transaction begins."""
        self.slice_octets = 0

    def is_full(self) -> bool:
        """True when the transaction under way should end."""
        return self.slice_octets >= SLICE_OCTETS


def written(work: Work, deeds: Iterable[Deed]) -> Iterator[int]:
    """Do the deeds in slices of time and octets; the number done after every commit."""
    return in_slices(
        work.connection, deeds, work.stop, at_start=work.begin_slice, is_full=work.is_full
    )


LevelEngine = Callable[[Work, ReclaimItem], Sequence[Deed]]
"""Finds what a level takes from one session, without a lock: a deed for each row, or for a few."""

Still = Callable[[], Mapping[str, object] | None]
"""The level's parameters inside the transaction; None when the session no longer qualifies."""


@dataclass(frozen=True, slots=True)
class Edit:
    """The deed on one row."""

    work: Work
    level: Rewriting
    session_id: str
    rowid: int
    still: Still
    row: Totals | None = field(default=None, kw_only=True)
    """What it counts as; None: as a row of its table."""

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
            work.missed(self.session_id)
        else:
            work.slice_octets += octets
            row = ROW[self.level.table] if self.row is None else self.row
            work.took(self.session_id, row + Totals(bytes=octets))

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
    if not work.schema.has("part"):
        return []
    if not rowids:
        judged = judge_session(work.connection, level, item.id, more, work.stop)
        rowids = [row.rowid for row in judged if row.octets is not None]
    free = [rowid for rowid in rowids if (level.table, rowid) not in work.claimed]
    work.claimed.update((level.table, rowid) for rowid in free)
    return [Edit(work, level, item.id, rowid, still) for rowid in free]


def _edit(
    connection: apsw.Connection,
    level: Rewriting,
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
            WHERE rowid = :row AND {level.owner} = :session AND {level.verdict} >= 0
            RETURNING octet_length(data)""",
        {"row": rowid, "session": session_id, **more},
    )
    return before - after[0][0] if before is not None and after else None
