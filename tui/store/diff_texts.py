"""The text of diffs that opencode keeps in user messages: which go, and what stays of them.

The newest event of a message holds the same object once more.

`summary.diffs` holds an entry a file with its patch, up to 1.3 with the whole file before and
after. The entries, their names, counts and status stay: without them the timeline of the web app
shows nothing; the texts become "", for their type must stay (facts on opencode's storage, §4b.7).
"""

from __future__ import annotations

from tui.store.row_level import RowLevel

TEXTS = ("patch", "before", "after")
"""Keys of an entry that hold text."""

LARGEST_DIFFS = 1_000_000
"""Octets of the largest message that is edited by SQLite's JSON functions: under the lock they need
20 ms for each megabyte, and eight times as much memory. `diff_stream` takes those beyond."""

_EDITS = "".join(
    # A path that leads nowhere in an object changes nothing.
    f", CASE json_type(value, '$.{key}') WHEN 'text' THEN '$.{key}' ELSE '$[0]' END, ''"
    for key in TEXTS
)


def _level(table: str, message: str, owner: str, also: str = "") -> RowLevel:
    """The level for a table whose rows hold the message at this path."""
    diffs = f"'{message}.summary.diffs'"
    entries = f"""(SELECT json_group_array(json_replace(value{_EDITS}) ORDER BY key)
        FROM json_each(data, {diffs}))"""
    return RowLevel(
        "diffs",
        table,
        likely=f"""data LIKE '%"diffs":[{{%'{also}""",
        wanted=f"""json_extract(data, '{message}.role') IS 'user'
            AND json_type(data, {diffs}) IS 'array'""",
        odd=f"""EXISTS (SELECT 1 FROM json_each(data, {diffs}) WHERE type <> 'object')""",
        edited=f"json_replace(data, {diffs}, json({entries}))",
        largest=LARGEST_DIFFS,
        owner=owner,
    )


DIFFS = _level("message", "$", "session_id")

EVENT_DIFFS = _level("event", "$.info", "aggregate_id", " AND type = 'message.updated.1'")
"""The same level, where an event holds the message."""
