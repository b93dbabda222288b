"""A conversation of 2.x as entries: one row holds a whole step, its texts and its tool calls.

Only what no message of 1.x says already: the importer keeps the ids of what it copies. Each row is
read as short texts that SQLite takes out of it; one over LARGE is named and not parsed (facts on
opencode 2.x, §5). Order is `seq`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import apsw

from tui.records import Entry
from tui.store.database import as_text
from tui.store.query import fetch
from tui.store.steps import CLEARED

TABLE = "session_message"

LARGE = 1_000_000
"""Octets above which a row is not parsed."""

GLIMPSE = 120
"""Characters of a text that its folded line shows."""

_STEPS = f"""SELECT rowid, CAST(id AS BLOB), time_created, seq FROM {TABLE}
  WHERE session_id = ? ORDER BY seq"""

_HEADS = f"""SELECT rowid, CAST(type AS BLOB), octet_length(data),
  CASE WHEN typeof(data) <> 'text' OR octet_length(data) > {LARGE} THEN NULL
    WHEN json_valid(data) THEN CAST(json_array(
    data ->> '$.agent', data ->> '$.model.id',
    substr(coalesce(data ->> '$.text', data ->> '$.summary', data ->> '$.command'), 1, {GLIMPSE}),
    data ->> '$.status', substr(data ->> '$.error.message', 1, {GLIMPSE}),
    json((SELECT json_group_array(json_array(substr(f.value ->> '$.mime', 1, 60),
       substr(f.value ->> '$.name', 1, {GLIMPSE}), octet_length(f.value)))
     FROM json_each(data, '$.files') f WHERE f.type = 'object')),
    json((SELECT json_group_array(json_array(b.key, b.value ->> '$.type', b.value ->> '$.name',
       b.value ->> '$.state.status', substr(coalesce(b.value ->> '$.text',
       b.value ->> '$.state.input.command', b.value ->> '$.state.input.path',
       b.value ->> '$.state.input.filePath', b.value ->> '$.state.input.description'),
       1, {GLIMPSE}), octet_length(b.value),
       substr(b.value ->> '$.state.content[0].text', 1, 60) IS '{CLEARED}',
       CASE json_type(b.value, '$.state.content') WHEN 'array'
         THEN json_array_length(b.value, '$.state.content') END))
     FROM json_each(data, '$.content') b WHERE b.type = 'object'))) AS BLOB) END
  FROM {TABLE} WHERE rowid IN (SELECT value FROM json_each(?))"""

_SILENT = ("idle", "agent-switched", "model-switched", "location-switched")
"""Rows that say nothing to a person."""


class Step(NamedTuple):
    """One row, by its place in the file."""

    rowid: int
    id: str
    time: int
    seq: int


def steps_of(connection: apsw.Connection, session_id: str) -> list[Step]:
    """All rows of a session, in order."""
    return [
        Step(rowid, as_text(id), int(made or 0) if isinstance(made, int | float) else 0, int(seq))
        for rowid, id, made, seq in fetch(connection, _STEPS, (session_id,))
    ]


class StepReading:
    """Entries in order; knows whether the boundary was drawn and who spoke last."""

    def __init__(self, connection: apsw.Connection, boundary: int | None) -> None:
        """`boundary` is the `seq` of the last completed compaction."""
        self._connection = connection
        self._boundary = boundary
        self._speaker = ""

    def entries_of(self, steps: Sequence[Step]) -> Iterator[Entry]:
        """What these rows consist of."""
        rowids = json.dumps([step.rowid for step in steps])
        heads = {row[0]: row[1:] for row in fetch(self._connection, _HEADS, (rowids,))}
        for step in steps:
            if self._boundary is not None and step.seq >= self._boundary:
                self._boundary = None
                yield Entry("boundary", "", 0, "", 0, "", "boundary", "", 0)
            type, octets, about = heads.get(step.rowid, (b"", 0, None))
            if as_text(type) not in _SILENT:
                yield from self._entries(step, as_text(type), int(octets or 0), _loaded(about))

    def _entries(self, step: Step, type: str, octets: int, about: Any) -> Iterator[Entry]:
        agent, model, text, status, error, files, blocks = about or (None,) * 7
        if type != self._speaker or type == "user":
            self._speaker = type
            title = f"{agent or ''} {model or ''}".strip() if type != "user" else ""
            yield Entry(f"{step.id}>", "", step.rowid, step.id, step.time, type, "turn", title, 0)
        own = Entry(f"{step.id}#", TABLE, step.rowid, step.id, step.time, type, "other",
                    "unreadable" if octets <= LARGE else "", octets)  # fmt: skip
        if about is None:
            yield own._replace(state="large" if octets > LARGE else "error")
            return
        if type == "compaction":
            yield own._replace(table="", kind="compaction", title="the conversation was compacted")
        if type == "shell":
            shell = own._replace(kind="tool", tool="shell", title=str(text or ""))
            yield shell._replace(state=str(status or ""))
        elif text is not None:
            state = {"compaction": "summary", "user": ""}.get(type, "synthetic")
            yield own._replace(kind="text", title=str(text), state=state)
        for number, (mime, name, size) in enumerate(files or ()):
            yield own._replace(key=f"{step.id}#files[{number}]", kind="file",
                               title=str(name or ""), tool=str(mime or ""), bytes=size)  # fmt: skip
        for block in blocks or ():
            yield _block(own, block)
        if error:
            yield own._replace(key=f"{step.id}#!", kind="error", title=str(error))


def _block(own: Entry, block: Sequence[Any]) -> Entry:
    """A text, a thought or a tool call of an answer."""
    number, type, name, status, title, octets, cleared, pieces = block
    entry = own._replace(key=f"{own.message_id}#content[{number}]", bytes=int(octets or 0),
                         title=str(title or ""))  # fmt: skip
    if type == "tool":
        attached = max(0, int(pieces or 0) - 1)
        return entry._replace(kind="tool", tool=str(name or "tool"), state=str(status or ""),
                              reclaimed=bool(cleared), attached=attached)  # fmt: skip
    if type in ("text", "reasoning"):
        return entry._replace(kind=str(type))
    return entry._replace(title=str(type or "a block without a type"))


def _loaded(about: bytes | None) -> Any:
    try:
        return json.loads(as_text(about), strict=False) if about is not None else None
    except ValueError:
        return None
