"""Where a session's last finished compaction begins to keep: what lies before was summarised."""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw


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
