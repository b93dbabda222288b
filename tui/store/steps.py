"""Which tool calls in the messages of 2.x a level takes, and what it makes of them: SQL on one row.

A step of 2.x is one row with all its tool calls, which are judged one by one; the row is rewritten
by SQL alone. 2.x answers 500 for a whole session when one row does not decode, so a call keeps at
least one block of content, an error its type and message, and everything else every byte
(facts on opencode 2.x, §5). A row that is not minified, as opencode writes it, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import ClassVar, NamedTuple

import apsw

from tui.store.query import fetch, scalar
from tui.store.row_level import LARGEST

CLEARED = "[Old tool result content cleared]"
"""What opencode itself writes where 1.x had cleared an output."""

_CALL = """b.value ->> '$.type' = 'tool' AND b.value ->> '$.name' IS NOT 'skill'
  AND b.value ->> '$.state.status' IN ('completed', 'error')
  AND coalesce(json_type(b.value, '$.state.metadata'), 'object') = 'object'"""
"""A tool call that has ended."""

_COPIES = "'$.state.metadata.output', '$.state.metadata.preview'"
"""Where tools keep a second copy of their output; 2.x does not need either."""


@dataclass(frozen=True, slots=True)
class StepLevel:
    """Which calls a level takes and what it makes of them; `b` is a block of `data.content`."""

    likely: str
    """Cheap test of the whole row without JSON; whoever fails it does not qualify."""
    wanted: str
    made: str
    """What becomes of a block that is wanted."""

    table: ClassVar[str] = "session_message"
    owner: ClassVar[str] = "session_id"

    @property
    def edited(self) -> str:
        """SQL: the row's data as it would be."""
        return f"""json_replace(data, '$.content', json((SELECT json_group_array(json(
          CASE WHEN {self.wanted} THEN {self.made} ELSE b.value END))
          FROM json_each(data, '$.content') b)))"""

    @property
    def verdict(self) -> str:
        """SQL with `limits`: octets that would disappear (above 0), -1 malformed, or NULL: not for
        this level."""
        return f"""CASE
          WHEN type IS NOT 'assistant' OR seq < :first OR seq >= coalesce(:end, seq + 1) THEN NULL
          WHEN octet_length(data) > {LARGEST} THEN -1
          WHEN NOT ({self.likely}) THEN NULL
          WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN -1
          WHEN json(data) IS NOT data OR json_type(data, '$.content') IS NOT 'array'
            OR EXISTS (SELECT 1 FROM json_each(data, '$.content') WHERE type <> 'object') THEN -1
          ELSE nullif(max(octet_length(data) - octet_length({self.edited}), 0), 0) END"""


OLD_OUTPUT = StepLevel(
    likely="""data LIKE '%"type":"tool"%'""",
    wanted=f"{_CALL} AND json_type(b.value, '$.state.content') = 'array'",
    made=f"""json_remove(json_replace(b.value, '$.state.content',
      json('[{{"type":"text","text":"{CLEARED}"}}]')), {_COPIES})""",
)
"""Output and attachments of every call: for rows from before a completed compaction."""

DUPLICATES = StepLevel(
    # 2.x itself keeps no second copy, so hardly a row of its own is parsed.
    likely="""data LIKE '%"output":"%'""",
    wanted=f"""{_CALL} AND json_type(b.value, '$.state.metadata.output') = 'text'
      AND b.value ->> '$.state.content[0].text'
          IN (b.value ->> '$.state.metadata.output', '{CLEARED}')""",
    made="json_remove(b.value, '$.state.metadata.output')",
)
"""The second copy of an output that the importer took over from 1.x; where 1.x had cleared the
first one, this is what it should have cleared as well."""


Span = tuple[int, int | None]
"""Rows from this `seq` on and below that one; None is no limit."""


def limits(span: Span) -> dict[str, object]:
    """A span as the statements of a level take it."""
    return {"first": span[0], "end": span[1]}


class Step(NamedTuple):
    """One row that a level has an opinion on."""

    rowid: int
    octets: int
    """What would disappear; -1 when the row is malformed."""
    size: int
    """Octets of its data now."""


def boundary_in_v2(connection: apsw.Connection, session_id: str) -> int | None:
    """`seq` of the last completed compaction; only what follows it is sent to the model.

    None without one, and while a revert is pending.
    """
    found = scalar(
        connection,
        """SELECT seq FROM session_message WHERE session_id = ?1 AND type = 'compaction'
           AND octet_length(data) < 8000000
           AND CASE WHEN json_valid(data) THEN data ->> '$.status' IS 'completed' END
           AND NOT EXISTS (SELECT 1 FROM session_v2
                           WHERE id = ?1 AND coalesce("revert", 'null') <> 'null')
           ORDER BY seq DESC LIMIT 1""",
        (session_id,),
    )
    return None if found is None else int(found)


def judged_steps(
    connection: apsw.Connection,
    level: StepLevel,
    session_id: str,
    span: Span,
    stop: Event,
) -> Iterator[Step]:
    """Rows of a session that qualify or are malformed.

    One short read a row: a row may be large, and there are some dozens of them.
    """
    rows = fetch(
        connection,
        "SELECT rowid FROM session_message WHERE session_id = ?1 AND type = 'assistant'"
        " AND seq >= ?2 AND (?3 IS NULL OR seq < ?3) ORDER BY seq",
        (session_id, *span),
    )
    statement = (
        f"SELECT octet_length(data), {level.verdict} FROM session_message"
        " WHERE rowid = :row AND session_id = :session"
    )
    for (rowid,) in rows:
        if stop.is_set():
            return
        values = {"row": rowid, "session": session_id, **limits(span)}
        for size, octets in fetch(connection, statement, values):
            if octets is not None:
                yield Step(rowid, octets, size)
