"""Levels that must know a session before they can judge its parts: which, and what they ask of it.

`candidates` are the sessions worth a look in a whole file, found cheaply; `look` gives the
parameters of the level's SQL for one of them, or None where there is nothing to take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Event

import apsw

from tui.store.boundary import SUMMARY_OF, boundary_of, boundary_values
from tui.store.database import as_text
from tui.store.judging import all_rowids, turns
from tui.store.prune_rule import large_sessions, prunable_parts
from tui.store.row_level import RowLevel
from tui.store.task_results import Result, children, parent_of, results_of
from tui.store.tool_parts import STALE, SUBAGENTS, SUMMARISED

ONLY_COPY = "only_copy"
"""Reason for a child that stays: nobody else holds what it found."""

THIRTEEN_DIGITS = 10**12
"""A time in ms for the preview: the size depends only on how many digits it has."""


@dataclass
class Asked:
    """What one search asks of all sessions, and what it has learned of their parents."""

    stop: Event
    unmarked: bool
    """True when marked parts count elsewhere."""
    results: dict[str, dict[str, Result]] = field(default_factory=dict)
    """Parent -> child -> where the result is; one parent at a time calls many."""

    def has_result(self, connection: apsw.Connection, child: str) -> bool:
        """True when the parent of this session holds its result."""
        parent = parent_of(connection, child)
        if parent is None:
            return False
        if parent not in self.results:
            self.results[parent] = results_of(connection, parent, self.stop)
        return child in self.results[parent]


Look = Callable[[apsw.Connection, str, Asked], Mapping[str, object] | None]


@dataclass(frozen=True, slots=True)
class SessionLevel:
    """A level that looks at one session after the other."""

    level: RowLevel
    candidates: Callable[[apsw.Connection, Event], Iterable[str]]
    look: Look


def _summarised_sessions(connection: apsw.Connection, stop: Event) -> list[str]:
    """Sessions with a finished summary, in the order of their ids."""
    sessions: set[str] = set()
    for first, last in turns(all_rowids(connection, "message"), stop):
        rows = connection.execute(
            f"""SELECT DISTINCT CAST(session_id AS BLOB) FROM (
                SELECT session_id, {SUMMARY_OF} AS parent FROM message NOT INDEXED
                WHERE rowid BETWEEN ? AND ? LIMIT -1) WHERE parent IS NOT NULL""",
            (first, last),
        )
        sessions.update(as_text(owner) for (owner,) in rows.fetchall())
    return sorted(sessions)


def _summarised(
    connection: apsw.Connection, session_id: str, asked: Asked
) -> Mapping[str, object] | None:
    boundary = boundary_of(connection, session_id)
    if boundary is None:
        return None
    return boundary_values(boundary, now_ms=THIRTEEN_DIGITS, unmarked=asked.unmarked)


def _stale(
    connection: apsw.Connection, session_id: str, asked: Asked
) -> Mapping[str, object] | None:
    rowids = prunable_parts(connection, session_id, asked.stop)
    return stale_values(rowids, THIRTEEN_DIGITS) if rowids else None


def _subagents(
    connection: apsw.Connection, session_id: str, asked: Asked
) -> Mapping[str, object] | None:
    if parent_of(connection, session_id) is None:
        return None
    values: dict[str, object] = {"unmarked": asked.unmarked, "now": THIRTEEN_DIGITS}
    kept = {} if asked.has_result(connection, session_id) else {"reason": ONLY_COPY}
    return {**values, **kept}


def stale_values(rowids: Iterable[int], now_ms: int) -> dict[str, object]:
    """Parameters of STALE: the parts the rule picked, and the mark."""
    return {"stale": json.dumps(list(rowids)), "now": now_ms}


def _children(connection: apsw.Connection, _: Event) -> Iterable[str]:
    return children(connection)


SESSION_LEVELS = (
    SessionLevel(SUMMARISED, _summarised_sessions, _summarised),
    SessionLevel(STALE, large_sessions, _stale),
    SessionLevel(SUBAGENTS, _children, _subagents),
)
"""In the order in which a part that several of them want is counted."""
