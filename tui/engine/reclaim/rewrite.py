"""The edit that several levels share: drop the payload of tool parts, row by row.

A deed looks at its row again inside the transaction and changes it only if everything that was
true when planned is still true. What it counts are octets measured before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.engine.pace import Deed
from tui.policy.reclaim import ReclaimItem
from tui.store.payloads import judge_session
from tui.store.schema import Schema
from tui.store.tool_parts import PartLevel


class Tally(NamedTuple):
    """What was really done; immutable, so that a rolled-back slice is forgotten at once."""

    parts: int = 0
    bytes: int = 0
    sessions: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    """Sessions in which something no longer qualified when its turn came."""

    def took(self, session_id: str, octets: int) -> Tally:
        """One part more."""
        sessions = self.sessions
        if session_id and session_id not in sessions:
            sessions = sessions | {session_id}
        return Tally(self.parts + 1, self.bytes + octets, sessions, self.changed)

    def missed(self, session_id: str) -> Tally:
        """A part that somebody changed in the meantime."""
        return self._replace(changed=self.changed | {session_id})


@dataclass(slots=True)
class Work:
    """What the levels of one run share."""

    connection: apsw.Connection
    schema: Schema
    stop: Event
    now_ms: int
    executed: frozenset[str] = frozenset()
    """Sessions that a server of 2.x is executing: their rows of 2.x are not touched."""
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
    if not work.schema.has("part"):
        return []
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
