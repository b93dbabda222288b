"""The edit that several levels share: drop the payload of tool parts, row by row.

A deed looks at its row again inside the transaction and changes it only if everything that was
true when planned is still true. What it counts are octets measured before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.engine.pace import Deed
from tui.policy.plan import Totals
from tui.policy.reclaim import ReclaimItem
from tui.store.database import Store
from tui.store.payloads import judge_session
from tui.store.query import scalar
from tui.store.tool_parts import PartLevel


class Tally(NamedTuple):
    """What was really done; immutable, so that a rolled-back slice is forgotten at once."""

    parts: int = 0
    bytes: int = 0
    sessions: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    """Sessions in which something no longer qualified when its turn came."""
    removed: Totals = Totals()
    """Rows and files that went as a whole, and their octets."""

    def took(self, session_id: str, octets: int) -> Tally:
        """One part more."""
        tally = self._replace(parts=self.parts + 1, bytes=self.bytes + octets)
        return tally if session_id in self.sessions else tally.touched(session_id)

    def lost(self, session_id: str, rows: Totals) -> Tally:
        """These rows more are gone."""
        tally = self._replace(removed=self.removed + rows)
        return tally if session_id in self.sessions else tally.touched(session_id)

    def touched(self, session_id: str) -> Tally:
        """A session more."""
        return self._replace(sessions=self.sessions | {session_id})

    @property
    def totals(self) -> Totals:
        """All of it, as an outcome tells it."""
        taken = Totals(sessions=len(self.sessions), parts=self.parts, bytes=self.bytes)
        return taken + self.removed

    def missed(self, session_id: str) -> Tally:
        """A part that somebody changed in the meantime."""
        return self._replace(changed=self.changed | {session_id})


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
    tally: Tally = field(default_factory=Tally)
    """With the transaction under way."""
    kept: Tally = field(default_factory=Tally)
    """What was committed."""
    finished: int = 0
    """Planned sessions that are done with."""


LevelEngine = Callable[[Work, ReclaimItem], list[Deed]]
"""Finds what a level takes from one session, without a lock: one deed for each row."""


def part_deeds(
    work: Work,
    level: PartLevel,
    item: ReclaimItem,
    more: Mapping[str, object],
    still: Callable[[], Mapping[str, object] | None],
) -> list[Deed]:
    """A deed for every part of the session that qualified when planned, or qualifies now.

    `more` are the level's own parameters; `still` gives them inside the transaction, or None when
    the session no longer qualifies.
    """
    rowids: Iterable[int] = item.rowids.get(level.name, ())
    if not rowids:
        judged = judge_session(work.connection, level, item.id, more, work.stop)
        rowids = [row.rowid for row in judged if row.octets > 0]
    return [partial(_rewrite, work, level, item.id, rowid, still) for rowid in rowids]


def _rewrite(
    work: Work,
    level: PartLevel,
    session_id: str,
    rowid: int,
    still: Callable[[], Mapping[str, object] | None],
) -> None:
    more = still()
    octets = None if more is None else _edit(work.connection, level, session_id, rowid, more)
    if octets is None:
        work.tally = work.tally.missed(session_id)
    else:
        work.tally = work.tally.took(session_id, octets)


def _edit(
    connection: apsw.Connection,
    level: PartLevel,
    session_id: str,
    rowid: int,
    more: Mapping[str, object],
) -> int | None:
    """Octets the row lost; None when it was left alone. time_updated stays as it is."""
    before: Any = connection.execute(
        "SELECT octet_length(data) FROM part WHERE rowid = ?", (rowid,)
    ).fetchone()
    after: Any = connection.execute(
        f"""UPDATE part SET data = {level.edited}
            WHERE rowid = :row AND session_id = :session AND {level.verdict} > 0
            RETURNING octet_length(data)""",
        {"row": rowid, "session": session_id, **more},
    ).fetchall()
    return before[0] - after[0][0] if before and after else None


def data_version(connection: apsw.Connection) -> int:
    """A number that moves when another connection has committed."""
    return int(scalar(connection, "PRAGMA data_version"))
