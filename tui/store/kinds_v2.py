"""Bytes by kind in the messages of opencode 2.x: one row holds what 1.x keeps in many.

A step of an answer carries its texts, its reasoning and its tool calls in `data.content`
(facts on opencode 2.x, §5). SQLite takes the rows apart; a row that is no valid JSON, or is too
large to be loaded, counts whole as what its type says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_ROWS = """SELECT type, coalesce(octet_length(data), 0) AS n,
    CASE WHEN typeof(data) <> 'text' THEN '{}' WHEN json_valid(data) THEN data ELSE '{}' END AS data
  FROM session_message WHERE %s LIMIT -1"""
"""The LIMIT keeps the bodies from being read twice."""

WHOLE = f"""SELECT CAST(type AS BLOB), sum(n),
  sum(CASE WHEN type = 'assistant' THEN 0
      WHEN type IN ('compaction', 'shell') THEN 0
      ELSE coalesce(octet_length(data -> '$.text'), 0) END),
  sum(CASE WHEN type = 'user' THEN coalesce(octet_length(data -> '$.files'), 0) ELSE 0 END),
  sum(CASE WHEN type = 'compaction' THEN coalesce(octet_length(data -> '$.summary'), 0)
      + coalesce(octet_length(data -> '$.recent'), 0) ELSE 0 END),
  sum(CASE WHEN type = 'shell' THEN coalesce(octet_length(data -> '$.output'), 0) ELSE 0 END)
  FROM ({_ROWS}) GROUP BY type"""
"""By type of row: octets, text, attachments, summaries, output."""

BLOCKS = f"""SELECT CAST(b.value ->> '$.type' AS BLOB), sum(octet_length(b.value)),
  sum(coalesce(octet_length(b.value -> '$.state.content'), 0)
      + coalesce(octet_length(b.value -> '$.state.error'), 0)),
  sum(coalesce(octet_length(b.value -> '$.state.input'), 0)),
  sum(coalesce(octet_length(b.value -> '$.state.metadata'), 0)),
  sum(CASE WHEN b.value ->> '$.type' = 'tool' AND json_type(b.value, '$.state.content') = 'array'
      THEN (SELECT coalesce(sum(octet_length(c.value)), 0)
            FROM json_each(b.value, '$.state.content') c
            WHERE c.type = 'object' AND c.value ->> '$.type' = 'file') ELSE 0 END)
  FROM (SELECT data FROM ({_ROWS}) WHERE type = 'assistant' LIMIT -1) m,
    json_each(m.data, '$.content') b WHERE b.type = 'object' GROUP BY 1"""
"""By type of block: octets, output with attachments, input, metadata, attachments alone."""

LARGE_KINDS = {b"user": "attachments", b"assistant": "tool_output"}
"""What makes a row of this type too large to be loaded."""


def by_kind(whole: Iterable[Any], blocks: Iterable[Any]) -> dict[str, int]:
    """Octets by kind, from the answers to WHOLE and BLOCKS about the same rows."""
    found = {"messages": 0}

    def add(kind: str, octets: int | None) -> None:
        found[kind] = found.get(kind, 0) + (octets or 0)

    for _, octets, text, files, summary, output in whole:
        add("text", text + summary)
        add("attachments", files)
        add("tool_output", output)
        add("messages", octets - text - summary - files - output)
    for kind, octets, output, input, metadata, files in blocks:
        add("messages", -octets)
        if kind == b"tool":
            add("tool_output", output - files)
            add("attachments", files)
            add("tool_input", input)
            add("metadata", metadata)
            add("other", octets - output - input - metadata)
        else:
            add({b"text": "text", b"reasoning": "reasoning"}.get(kind, "other"), octets)
    return found
