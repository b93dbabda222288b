"""Which subagents left their result with their parent: the `task` tool part that called them.

It names the child in `state.metadata.sessionId` and holds what the child answered in its output
(facts on opencode's storage, §4f and Appendix C).
"""

from __future__ import annotations

from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.store.database import as_text
from tui.store.judging import session_rowids, turns
from tui.store.query import fetch, scalar
from tui.store.row_level import LARGEST
from tui.store.tool_parts import MARKED, MARKER

_CHILD = """coalesce(json_extract(data, '$.state.metadata.sessionId'),
                     json_extract(data, '$.state.metadata.sessionID'))"""

RESULT_FOR = f"""CASE
    WHEN octet_length(data) > {LARGEST} OR data NOT LIKE '%"tool":"task"%' THEN NULL
    WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN NULL
    WHEN json_extract(data, '$.type') IS 'tool' AND json_extract(data, '$.tool') IS 'task'
     AND json_extract(data, '$.state.status') IS 'completed'
     AND coalesce(json_type(data, '$.state.output'), '') = 'text'
     AND trim(json_extract(data, '$.state.output')) NOT IN ('', '{MARKER}')
     AND coalesce(json_extract(data, '$.state.metadata.parentSessionId'), session_id) = session_id
     AND NOT {MARKED}
    THEN {_CHILD} END"""
"""The child whose result this part holds, or NULL. A part marked compacted holds it no longer: the
level `compacted` takes its output at any time."""


class Result(NamedTuple):
    """Where the parent keeps what a child answered."""

    parent: str
    rowid: int


def parent_of(connection: apsw.Connection, session_id: str) -> str | None:
    """The session that called this one; None for a root."""
    found: Any = scalar(
        connection, "SELECT CAST(parent_id AS BLOB) FROM session WHERE id = ?", (session_id,)
    )
    return None if found is None else as_text(found)


def results_of(connection: apsw.Connection, parent: str, stop: Event) -> dict[str, Result]:
    """Child id -> where this parent keeps its result, found in short reads."""
    results: dict[str, Result] = {}
    for first, last in turns(session_rowids(connection, "part", parent), stop):
        found = fetch(
            connection,
            f"""SELECT CAST(child AS BLOB), row FROM (
                SELECT {RESULT_FOR} AS child, rowid AS row FROM part
                WHERE session_id = ? AND rowid BETWEEN ? AND ? LIMIT -1) WHERE child IS NOT NULL""",
            (parent, first, last),
        )
        results.update((as_text(child), Result(parent, row)) for child, row in found)
    return results


def still_holds(connection: apsw.Connection, result: Result, child: str) -> bool:
    """True while that part holds the result of this child: one row, cheap under a lock."""
    found = scalar(
        connection,
        f"SELECT {RESULT_FOR} IS ? FROM part WHERE rowid = ? AND session_id = ?",
        (child, result.rowid, result.parent),
    )
    return bool(found)


def children(connection: apsw.Connection) -> list[str]:
    """Every session that has a parent, in the order of their ids."""
    found = fetch(
        connection, "SELECT CAST(id AS BLOB) FROM session WHERE parent_id IS NOT NULL ORDER BY id"
    )
    return [as_text(id) for (id,) in found]
