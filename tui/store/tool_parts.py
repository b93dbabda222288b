"""Which tool parts a level takes, and what it makes of them: SQL on one row, and the boundary.

Rows are judged and rewritten by SQL alone, so a part of 400 MB, a lone surrogate or a number of
thirty digits never passes through Python. `json_replace` leaves every byte outside the edited
paths as it was, provided the row is minified, as opencode writes it; others are left alone
(facts on SQLite, §3). opencode refuses a whole session when the shape of one part is wrong, so
`output` stays a string, `metadata` an object and `attachments` an array (facts on opencode's
storage, §4b.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

LARGEST = 128_000_000
"""Octets of the largest row that is judged: editing takes four times as much memory. opencode caps
tool output at 50 KB, so larger ones are no ordinary parts; they count as malformed."""

MARKER = "[reclaimed]"
"""Stands where the output was."""

_COPIES = ("$.state.metadata.output", "$.state.metadata.preview", "$.state.metadata.display.text")
"""Where tools keep a second copy of their output: bash; read; read since 1.17."""

_ROW_EDITS = "".join(
    f", CASE json_type(data, '{path}') WHEN 'text' THEN '{path}' ELSE '$.state.output' END,"
    f" '{MARKER}'"
    for path in _COPIES
)
_CLEARED = (
    f"json_replace(data, '$.state.output', '{MARKER}', '$.state.attachments', json('[]')"
    f"{_ROW_EDITS})"
)
"""The data of a part without its payload. Only what is there is replaced, nothing is added."""

_MARKED = """coalesce(json_type(data, '$.state.time.compacted') IN ('integer', 'real')
                      AND json_extract(data, '$.state.time.compacted') > 0, 0)"""
"""What opencode takes for compacted; never NULL, which NOT would leave NULL."""


@dataclass(frozen=True, slots=True)
class PartLevel:
    """Which tool parts a level takes and what it makes of them, as SQL on one row of `part`."""

    name: str
    likely: str
    """Cheap test without JSON; whoever fails it does not qualify."""
    wanted: str
    """Exact test, asked only of valid JSON."""
    edited: str
    """The new data."""

    @property
    def verdict(self) -> str:
        """SQL: octets that would disappear (above 0), -1 malformed, or NULL: not for this level.

        CASE, because SQLite may reorder AND, and JSON functions raise on a malformed row.
        """
        return f"""CASE
            WHEN octet_length(data) > {LARGEST} THEN -1
            WHEN NOT ({self.likely}) THEN NULL
            WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN -1
            WHEN json_extract(data, '$.type') IS NOT 'tool'
              OR json_extract(data, '$.tool') IS 'skill'
              OR json_extract(data, '$.state.status') IS NOT 'completed'
              OR NOT ({self.wanted}) THEN NULL
            WHEN json(data) IS NOT data
              OR json_type(data, '$.state.output') IS NOT 'text'
              OR json_type(data, '$.state.metadata') IS NOT 'object'
              OR coalesce(json_type(data, '$.state.attachments'), 'array') <> 'array'
              OR coalesce(json_type(data, '$.state.time'), 'object') <> 'object'
              OR coalesce(json_type(data, '$.state.time.compacted'), 'integer')
                 NOT IN ('integer', 'real') THEN -1
            ELSE nullif(max(octet_length(data) - octet_length({self.edited}), 0), 0) END"""


COMPACTED = PartLevel(
    "compacted",
    # A string value cannot match: its quotes are stored escaped. LIKE is twice as fast as instr.
    likely="""data LIKE '%"compacted":%'""",
    wanted=_MARKED,
    edited=_CLEARED,
)

SUMMARISED = PartLevel(
    "summarised",
    likely="""EXISTS (SELECT 1 FROM message WHERE message.id = part.message_id
                AND message.session_id = part.session_id
                AND (message.time_created, message.id)
                    < (:boundary_time, CAST(:boundary_id AS TEXT)))
              AND data LIKE '%"type":"tool"%'""",
    wanted=f"NOT :unmarked OR NOT {_MARKED}",
    edited=f"json_insert({_CLEARED}, '$.state.time.compacted', :now)",
)

PART_LEVELS = {level.name: level for level in (COMPACTED, SUMMARISED)}


class Boundary(NamedTuple):
    """The first message opencode still sends to the model; everything before it was summarised."""

    time_created: int
    id: bytes


SUMMARY_OF = """CASE
    WHEN octet_length(data) > 1000000 OR data NOT LIKE '%"summary":true%' THEN NULL
    WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN NULL
    WHEN json_type(data, '$.summary') IS 'true' AND json_extract(data, '$.role') IS 'assistant'
     AND coalesce(json_extract(data, '$.finish'), '') <> ''
     AND coalesce(json_type(data, '$.error'), 'null') = 'null'
    THEN json_extract(data, '$.parentID') END"""
"""Which compaction message this row completes, or NULL. A finished summary has some hundred
octets; the limit keeps user messages with hundreds of MB of diffs out, and erring takes less."""

_COMPACTION = """CASE
    WHEN octet_length(p.data) > 10000 OR p.data NOT LIKE '%"compaction"%' THEN 0
    WHEN typeof(p.data) <> 'text' OR NOT json_valid(p.data) THEN 0
    ELSE json_extract(p.data, '$.type') IS 'compaction' END"""

_BOUNDARY = f"""
    WITH reply AS MATERIALIZED (
      SELECT DISTINCT parent FROM (
        SELECT {SUMMARY_OF} AS parent FROM message WHERE session_id = :session LIMIT -1)
      WHERE parent IS NOT NULL),
    compaction AS MATERIALIZED (
      SELECT c.time_created AS time, c.id AS id, p.rowid AS part
      FROM reply CROSS JOIN message c ON c.id = reply.parent AND c.session_id = :session
      CROSS JOIN part p ON p.message_id = c.id AND {_COMPACTION}),
    ending AS (
      SELECT c.time, c.id, t.time_created AS tail_time, t.id AS tail_id
      FROM compaction c JOIN part p ON p.rowid = c.part
      LEFT JOIN message t ON t.id = json_extract(p.data, '$.tail_start_id')
       AND t.session_id = :session AND (t.time_created, t.id) < (c.time, c.id))
    SELECT coalesce(tail_time, time), CAST(coalesce(tail_id, id) AS BLOB) FROM ending
    WHERE NOT EXISTS (SELECT 1 FROM session
                      WHERE id = :session AND coalesce("revert", 'null') <> 'null')
    ORDER BY time DESC, id DESC, coalesce(tail_time, time), coalesce(tail_id, id) LIMIT 1"""


def boundary_of(connection: apsw.Connection, session_id: str) -> Boundary | None:
    """Where the last completed compaction of a session begins to keep; None without one.

    The latest compaction message with a finished, faultless summary counts, by (time_created, id)
    and never by id alone: ids wrapped in August 2026. While a revert is pending there is none:
    the conversation may yet go back to before the compaction.
    """
    row: Any = connection.execute(_BOUNDARY, {"session": session_id}).fetchone()
    return None if row is None else Boundary(*row)


def boundary_values(boundary: Boundary, *, now_ms: int, unmarked: bool) -> dict[str, object]:
    """Parameters of SUMMARISED; `unmarked` leaves out parts that `compacted` takes already."""
    return {
        "boundary_time": boundary.time_created,
        "boundary_id": boundary.id,
        "unmarked": unmarked,
        "now": now_ms,
    }
