"""Which tool parts a level takes, and what it makes of them.

opencode refuses a whole session when the shape of one part is wrong, so `output` stays a string,
`metadata` an object and `attachments` an array (facts on opencode's storage, §4b.5).
"""

from __future__ import annotations

from tui.store.row_level import RowLevel

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

_CLEARED_AND_MARKED = f"json_insert({_CLEARED}, '$.state.time.compacted', :now)"

MARKED = """coalesce(json_type(data, '$.state.time.compacted') IN ('integer', 'real')
                      AND json_extract(data, '$.state.time.compacted') > 0, 0)"""
"""What opencode takes for compacted; never NULL, which NOT would leave NULL."""

FINISHED_TOOL = """json_extract(data, '$.type') IS 'tool'
               AND json_extract(data, '$.tool') IS NOT 'skill'
               AND json_extract(data, '$.state.status') IS 'completed'"""
"""A tool part with an output that may go; opencode itself never prunes a `skill`."""

_ODD = """json_type(data, '$.state.output') IS NOT 'text'
       OR json_type(data, '$.state.metadata') IS NOT 'object'
       OR coalesce(json_type(data, '$.state.attachments'), 'array') <> 'array'
       OR coalesce(json_type(data, '$.state.time'), 'object') <> 'object'
       OR coalesce(json_type(data, '$.state.time.compacted'), 'integer')
          NOT IN ('integer', 'real')"""

_IS_TOOL = """data LIKE '%"type":"tool"%'"""
"""A string value cannot match: its quotes are stored escaped. LIKE is twice as fast as instr."""


def _level(name: str, likely: str, wanted: str, edited: str, *, grows: bool = False) -> RowLevel:
    return RowLevel(
        name, "part", likely, f"{FINISHED_TOOL} AND ({wanted})", _ODD, edited, grows=grows
    )


COMPACTED = _level("compacted", """data LIKE '%"compacted":%'""", MARKED, _CLEARED)

SUMMARISED = _level(
    "summarised",
    f"""EXISTS (SELECT 1 FROM message WHERE message.id = part.message_id
            AND message.session_id = part.session_id
            AND (message.time_created, message.id) < (:boundary_time, CAST(:boundary_id AS TEXT)))
        AND {_IS_TOOL}""",
    f"NOT :unmarked OR NOT {MARKED}",
    _CLEARED_AND_MARKED,
)

STALE = _level(
    "stale",
    "part.rowid IN (SELECT value FROM json_each(:stale))",
    f"NOT {MARKED}",
    # Also what is shorter than the marker must be marked: opencode stops at the first mark it
    # meets, and looks at nothing older (facts on opencode's storage, §4b.3).
    f"""CASE WHEN octet_length({_CLEARED}) < octet_length(data) THEN {_CLEARED_AND_MARKED}
        ELSE json_insert(data, '$.state.time.compacted', :now) END""",
    grows=True,
)

SUBAGENTS = _level("subagents", _IS_TOOL, f"NOT :unmarked OR NOT {MARKED}", _CLEARED_AND_MARKED)
