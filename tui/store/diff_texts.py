"""The text of diffs that opencode keeps in user messages: which go, and what stays of them.

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

_ENTRIES = f"""(SELECT json_group_array(json_replace(value{_EDITS}) ORDER BY key)
    FROM json_each(data, '$.summary.diffs'))"""

DIFFS = RowLevel(
    "diffs",
    "message",
    likely="""data LIKE '%"diffs":[{%'""",
    wanted="""json_extract(data, '$.role') IS 'user'
        AND json_type(data, '$.summary.diffs') IS 'array'""",
    odd="""EXISTS (SELECT 1 FROM json_each(data, '$.summary.diffs') WHERE type <> 'object')""",
    edited=f"json_replace(data, '$.summary.diffs', json({_ENTRIES}))",
    largest=LARGEST_DIFFS,
)
