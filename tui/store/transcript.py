"""A conversation, read in bounded pieces: first what there is, later what it says.

The outline comes message by message in slices of some 40 ms: ids from the indices, sizes from the
rows' heads, and of each row a few short texts that SQLite takes out of it. A row over LARGE is
never parsed: its first octets tell what it is. Bodies are asked for one by one, `PIECE` at a time
(`store.bodies`). Order is (time_created, id), never id alone: ids wrapped in August 2026.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any, NamedTuple, TypeVar

import apsw

from tui.records import Entry, Spoken
from tui.store.boundary import Boundary, boundary_of
from tui.store.database import Store, as_text
from tui.store.largest import HEAD, kind_and_tool, role_of
from tui.store.pieces import head_of
from tui.store.query import fetch
from tui.store.steps import boundary_in_v2
from tui.store.tool_parts import MARKER
from tui.store.transcript_v2 import Step, StepReading, steps_of

Row = TypeVar("Row")

LARGE = 1_000_000
"""Octets above which a row is not parsed."""

SLICE = 0.040
"""Seconds a read should last."""

FIRST, MOST = 12, 2_000
"""Messages of the first slice, which fills a screen, and the most of any."""

LISTED = 5_000
"""Messages whose ids are listed at once."""

GLIMPSE = 120
"""Characters of a text that its folded line shows."""

UNSAID = ("step-start", "step-finish", "snapshot")
"""Parts that say nothing to a person."""

_MESSAGES = """SELECT rowid, CAST(id AS BLOB), time_created FROM message
  WHERE session_id = ?1 AND (time_created, id) > (?2, ?3) ORDER BY time_created, id LIMIT ?4"""

_HEADS = f"""SELECT rowid, octet_length(data),
  CASE WHEN typeof(data) <> 'text' OR octet_length(data) > {LARGE} THEN NULL
    WHEN json_valid(data) THEN CAST(json_array(
    data ->> '$.role', coalesce(data ->> '$.agent', data ->> '$.mode'),
    coalesce(data ->> '$.modelID', data ->> '$.model.modelID'),
    octet_length(data -> '$.summary.diffs'),
    CASE json_type(data, '$.summary.diffs') WHEN 'array'
      THEN json_array_length(data, '$.summary.diffs') END,
    substr(coalesce(data ->> '$.error.data.message', data ->> '$.error.name'), 1, {GLIMPSE}),
    json_type(data, '$.summary') IS 'true') AS BLOB) END
  FROM message WHERE rowid IN (SELECT value FROM json_each(?))"""

_PARTS = f"""SELECT rowid, CAST(id AS BLOB), CAST(message_id AS BLOB), time_created,
  octet_length(data), CASE WHEN typeof(data) <> 'text' OR octet_length(data) > {LARGE} THEN NULL
    WHEN json_valid(data) THEN CAST(json_array(
    data ->> '$.type', data ->> '$.tool', data ->> '$.state.status',
    substr(coalesce(data ->> '$.state.title', data ->> '$.state.input.command',
      data ->> '$.state.input.filePath', data ->> '$.state.input.description',
      data ->> '$.filename', data ->> '$.text', data ->> '$.prompt',
      CASE json_type(data, '$.files') WHEN 'array'
      THEN 'of ' || json_array_length(data, '$.files')
        || iif(json_array_length(data, '$.files') = 1, ' file', ' files') END),
      1, {GLIMPSE}),
    json_extract(data, '$.state.time.compacted'),
    substr(data ->> '$.state.output', 1, {len(MARKER) + 1}),
    CASE json_type(data, '$.state.attachments') WHEN 'array'
      THEN json_array_length(data, '$.state.attachments') END,
    substr(data ->> '$.mime', 1, 60),
    json_type(data, '$.synthetic') IS 'true') AS BLOB) END
  FROM part WHERE message_id IN (SELECT value FROM json_each(?))"""


class Message(NamedTuple):
    """One message, by its place in the file."""

    rowid: int
    id: str
    time: int


def outline(store: Store, session_id: str, stop: Event | None = None) -> Iterator[Spoken]:
    """The whole conversation from its beginning, growing; ends early when `stop` is set."""
    with store.reading() as db:
        connection, schema = db.connection(), store.schema
        messages: list[Message] = []
        steps: list[Step] = []
        if schema.has("message"):
            messages = list(_messages(connection, session_id))
        if schema.has("session_v2"):
            known = {message.id for message in messages}
            steps = [each for each in steps_of(connection, session_id) if each.id not in known]
        newest = boundary_in_v2(connection, session_id) if steps else None
        if newest not in [each.seq for each in steps]:
            newest = None  # it was copied from 1.x, where it is found
        old = newest is None and bool(messages)
        reading = _Reading(connection, boundary_of(connection, session_id) if old else None)
        later = StepReading(connection, newest)
        total = len(messages) + len(steps)
        yield from _sliced(messages, reading.entries_of, (0, total), stop)
        if stop is not None and stop.is_set():
            return
        yield Spoken(tuple(reading.ending()), len(messages) / total if total else 1.0)
        yield from _sliced(steps, later.entries_of, (len(messages), total), stop)


def _sliced(
    rows: Sequence[Row],
    read: Callable[[Sequence[Row]], Iterator[Entry]],
    share: tuple[int, int],
    stop: Event | None,
) -> Iterator[Spoken]:
    """Rows read in slices of SLICE; `share` says how many came before, and how many there are."""
    before, total = share
    at, many = 0, FIRST
    while at < len(rows):
        began = time.perf_counter()
        entries = tuple(read(rows[at : at + many]))
        took = time.perf_counter() - began
        at += many
        yield Spoken(entries, min(1.0, (before + min(at, len(rows))) / total))
        if stop is not None and stop.is_set():
            return
        many = int(min(MOST, max(1, many * min(4.0, SLICE / max(took, 1e-4)))))


def _messages(connection: apsw.Connection, session_id: str) -> Iterator[Message]:
    """All of a session, in order, from the index alone."""
    last: tuple[int, bytes] = (-(2**63), b"")
    while True:
        values = (session_id, last[0], as_text(last[1]), LISTED)
        found = fetch(connection, _MESSAGES, values)
        yield from (Message(rowid, as_text(id), int(made)) for rowid, id, made in found)
        if len(found) < LISTED:
            return
        last = (found[-1][2], found[-1][1])


class _Reading:
    """Entries in order; knows whether the boundary was drawn and who spoke last."""

    def __init__(self, connection: apsw.Connection, boundary: Boundary | None) -> None:
        self._connection = connection
        self._boundary = boundary
        self._speaker = ""

    def entries_of(self, messages: Sequence[Message]) -> Iterator[Entry]:
        """What these messages consist of."""
        heads = self._heads(messages)
        parts = self._parts(messages)
        for message in messages:
            yield from self._boundary_before(message)
            octets, about = heads.get(message.rowid, (0, None))
            role, agent, model, diff_bytes, diffs, error, summary = about or (None,) * 7
            if about is None:
                role = role_of(head_of(self._connection, "message", message.rowid, HEAD))
            yield from self._speaks(message, str(role or ""), str(agent or ""), str(model or ""))
            for _, _, row in sorted(parts[message.id], key=lambda row: row[:2]):
                entry = _entry(self._connection, message, str(role or ""), row)
                if entry is not None:
                    yield (
                        entry._replace(state="summary")
                        if summary and entry.kind == "text"
                        else entry
                    )
            own = Entry(message.id, "message", message.rowid, message.id, message.time,
                        str(role or ""), "diffs", "", 0)  # fmt: skip
            if diffs or octets > LARGE:
                many = f"{diffs} file{'s' * (diffs != 1)} changed" if diffs else "files changed"
                yield own._replace(title=many, bytes=int(diff_bytes or octets))
            if error:
                yield own._replace(kind="error", title=str(error), key=f"{message.id}!")

    def ending(self) -> Iterator[Entry]:
        """A boundary behind everything that was said."""
        if self._boundary is not None:
            self._boundary = None
            yield Entry("boundary", "", 0, "", 0, "", "boundary", "", 0)

    def _boundary_before(self, message: Message) -> Iterator[Entry]:
        if self._boundary is None:
            return
        time, id = self._boundary
        if (message.time, message.id.encode("utf-8", "replace")) >= (time, id):
            yield from self.ending()

    def _speaks(self, message: Message, role: str, agent: str, model: str) -> Iterator[Entry]:
        """A head where somebody else speaks; each question has its own."""
        if role != self._speaker or role == "user":
            self._speaker = role
            title = f"{agent} {model}".strip() if role != "user" else ""
            yield Entry(f"{message.id}>", "", message.rowid, message.id, message.time, role,
                        "turn", title, 0)  # fmt: skip

    def _heads(self, messages: Sequence[Message]) -> dict[int, tuple[int, Any]]:
        rowids = json.dumps([message.rowid for message in messages])
        found = fetch(self._connection, _HEADS, (rowids,))
        return {rowid: (octets or 0, _loaded(about)) for rowid, octets, about in found}

    def _parts(self, messages: Sequence[Message]) -> defaultdict[str, list[tuple[int, str, Any]]]:
        ids = json.dumps([message.id for message in messages])
        found: defaultdict[str, list[tuple[int, str, Any]]] = defaultdict(list)
        for row in fetch(self._connection, _PARTS, (ids,)):
            found[as_text(row[2])].append((row[3], as_text(row[1]), row))
        return found


def _loaded(about: bytes | None) -> Any:
    """Short texts as SQLite took them out, with whatever bytes they are made of."""
    try:
        return json.loads(as_text(about), strict=False) if about is not None else None
    except ValueError:
        return None


def _entry(
    connection: apsw.Connection, message: Message, role: str, row: tuple[Any, ...]
) -> Entry | None:
    """A part as an entry; None for one that says nothing."""
    rowid, id, _, _, octets, about = row
    entry = Entry(as_text(id), "part", rowid, message.id, message.time, role, "other", "",
                  int(octets or 0))  # fmt: skip
    found = _loaded(about)
    if found is None:
        return _unparsed(connection, entry)
    type, tool, status, title, compacted, output, attached, mime, synthetic = found
    type, title = str(type or ""), str(title or "")
    if type in UNSAID:
        return None
    if type == "tool":
        return entry._replace(
            kind="tool",
            tool=str(tool or "tool"),
            title=title,
            state=str(status or ""),
            compacted=isinstance(compacted, int | float) and compacted > 0,
            reclaimed=output == MARKER,
            attached=int(attached or 0),
        )
    if type in ("text", "reasoning", "subtask"):
        kind = "reasoning" if type == "reasoning" else "text"
        return entry._replace(kind=kind, title=title, state="synthetic" if synthetic else "")
    if type == "file":
        return entry._replace(kind="file", title=title, tool=str(mime or ""))
    if type == "compaction":
        return entry._replace(kind="compaction", title="the conversation was compacted here")
    return entry._replace(title=f"{type} {title}".strip() or "a part without a type")


def _unparsed(connection: apsw.Connection, entry: Entry) -> Entry | None:
    """What the head of a row tells that is huge, or no JSON."""
    kind, tool = kind_and_tool(head_of(connection, "part", entry.rowid, HEAD))
    if kind in UNSAID:
        return None
    if entry.bytes <= LARGE:
        return entry._replace(title="unreadable", state="error")
    known = {"text": "text", "reasoning": "reasoning", "tool": "tool", "file": "file"}
    return entry._replace(kind=known.get(kind, "other"), tool=tool, title="", state="large")
