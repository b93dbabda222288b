"""Bytes by kind: what a conversation, a tool, an attachment or the event history takes.

SQLite takes the rows apart, so bodies never reach Python. A tool part is parsed once, and its
output, input, metadata and attachments are counted as they are written; everything else is told by
the head of the row. Rows over LARGE, and rows that are no valid JSON, count whole as what their
head says. Every octet counts once: the sum is the payload of all tables.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from threading import Event
from typing import Any

import apsw

from tui.sizes import FileSizes
from tui.store.database import Store, as_text
from tui.store.kinds_v2 import BLOCKS, LARGE_KINDS, WHOLE, by_kind
from tui.store.pieces import Piece, Pieces, head_of
from tui.store.prefetch import prefetched
from tui.store.query import fetch
from tui.store.usage import slices

KINDS = (
    "text",
    "reasoning",
    "tool_output",
    "tool_input",
    "metadata",
    "attachments",
    "diffs",
    "messages",
    "superseded_events",
    "other",
)
"""What an octet belongs to; beside these `event:` and each type of event.

tool_output: `state.output`, or the error of a failed call. metadata: `state.metadata`, where tools
keep a second copy of their output. attachments: file parts, and `state.attachments`. diffs:
`summary.diffs` of the user's messages. messages: the rest of the message rows. superseded_events:
snapshots of a message, part or session that are not its newest; `event:…` is what remains of each
type. other: the rest of tool parts, steps, patches, and rows of further tables.
"""

EVENTS = "event:"
"""What the kind of an event begins with."""

HEAD = 300
"""Octets that tell what a row is: opencode writes type or role among the first."""

PART_KINDS = {b"text": "text", b"reasoning": "reasoning", b"file": "attachments"}

_TYPE = """CASE WHEN typeof(data) <> 'text' THEN NULL
  WHEN substr(data, 1, 9) = '{"type":"'
  THEN substr(data, 10, instr(substr(data, 10, 40), '"') - 1)
  WHEN json_valid(data) THEN substr(json_extract(data, '$.type'), 1, 40) END"""

_STATE = """CASE WHEN type IS NOT 'tool' THEN NULL WHEN NOT json_valid(data) THEN NULL
  WHEN json_type(data, '$.state') = 'object' THEN jsonb_extract(data, '$.state') END"""
"""The call of a tool, parsed; NULL where there is none. CASE, because SQLite may reorder AND."""

_PARTS = f"""SELECT CAST(type AS BLOB), sum(n), sum(CASE WHEN parsed THEN 0 ELSE n END),
  sum(output) + sum(error), sum(input), sum(metadata), sum(attachments) FROM (
  SELECT type, n, state IS NOT NULL AS parsed,
    coalesce(octet_length(state -> '$.output'), 0) AS output,
    coalesce(octet_length(state -> '$.error'), 0) AS error,
    coalesce(octet_length(state -> '$.input'), 0) AS input,
    coalesce(octet_length(state -> '$.metadata'), 0) AS metadata,
    coalesce(octet_length(state -> '$.attachments'), 0) AS attachments FROM (
    SELECT type, n, {_STATE} AS state FROM (
      SELECT {_TYPE} AS type, coalesce(octet_length(data), 0) AS n, data FROM part
      WHERE %s LIMIT -1) LIMIT -1) LIMIT -1) GROUP BY type"""
"""The LIMITs keep the bodies out of the sorter, and each row from being parsed twice."""

_MESSAGES = """SELECT sum(n), sum(diffs) FROM (
  SELECT octet_length(data) AS n, CASE WHEN typeof(data) <> 'text' THEN 0
    WHEN instr(data, '"diffs":') = 0 THEN 0 WHEN NOT json_valid(data) THEN 0
    ELSE octet_length(data -> '$.summary.diffs') END AS diffs FROM message
  WHERE %s LIMIT -1)"""

_MARK = """CASE WHEN type GLOB 'message.part.updated*' THEN '"part":{"id":"'
  WHEN type GLOB 'message.updated*' THEN '"info":{"id":"' END"""

_ENTITY = """CASE
  WHEN type GLOB 'session.created*' OR type GLOB 'session.updated*' THEN ''
  WHEN mark IS NULL OR typeof(head) <> 'text' THEN NULL
  WHEN instr(head, mark) THEN substr(head, instr(head, mark) + length(mark), 40)
  WHEN json_valid(data) THEN coalesce(json_extract(data, '$.part.id'),
    json_extract(data, '$.info.id')) || '"' END"""
"""Whose snapshot an event is: an id up to its quote and what follows it, '' for the session, NULL
for an event that is none. The id stands near the beginning, so hardly a row is parsed."""

_SNAPSHOTS = f"""SELECT CAST(type AS BLOB), CAST({_ENTITY} AS BLOB), n FROM (
  SELECT type, seq, coalesce(octet_length(data), 0) AS n, data, substr(data, 1, {HEAD}) AS head,
    {_MARK} AS mark FROM event WHERE %s LIMIT -1) ORDER BY seq"""

_TYPES = """SELECT CAST(type AS BLOB), sum(octet_length(data)) FROM event
  WHERE rowid IN (SELECT value FROM json_each(?)) GROUP BY type"""

_AGGREGATES = """WITH RECURSIVE owner(name) AS (SELECT min(aggregate_id) FROM event UNION ALL
  SELECT (SELECT min(aggregate_id) FROM event WHERE aggregate_id > owner.name) FROM owner
  WHERE owner.name IS NOT NULL)
  SELECT owner.name FROM owner WHERE owner.name IS NOT NULL"""
"""One step in the index for each session, however many events it has."""


class Kinds(dict[str, int]):
    """Octets by kind, and by table what was counted for them; both grow together."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(KINDS, 0))
        self.tables: dict[str, int] = {}

    def add(self, table: str, kind: str, octets: int | None) -> None:
        """Count octets of a table as this kind."""
        self[kind] = self.get(kind, 0) + (octets or 0)
        self.tables[table] = self.tables.get(table, 0) + (octets or 0)

    def supersede(self, type: str, octets: int) -> None:
        """Octets counted as this type of event turn out to be no longer needed."""
        moved = min(octets, self.get(EVENTS + type, 0))  # events may have come in between
        if moved:
            self[EVENTS + type] -= moved
            self["superseded_events"] += moved


def kinds(
    store: Store, ids: Iterable[str] | None = None, stop: Event | None = None
) -> Iterator[Kinds]:
    """Octets by kind, of these sessions or of the whole file; the same dict grows and is yielded.

    Short statements, so that it pins nothing and can be stopped between any two.
    """
    found = Kinds()
    ahead = prefetched(store.path) if ids is None else nullcontext()
    with ahead, store.reading() as db:
        count = _Count(store, db.connection(), found)
        for _ in count.everything() if ids is None else count.sessions(ids):
            yield found
            if stop is not None and stop.is_set():
                return
    yield found


def in_groups(kinds: Mapping[str, int]) -> dict[str, int]:
    """The same with all types of events together, as "events"."""
    found = dict.fromkeys((*KINDS[:-2], "events", *KINDS[-2:]), 0)
    for kind, octets in kinds.items():
        found["events" if kind.startswith(EVENTS) else kind] += octets
    return found


def page_bytes(sizes: FileSizes, payload: int) -> dict[str, int]:
    """What the file holds beside its payload: `indices` and `free_pages`, in octets of pages.

    Derived, for counting the pages of each index would read them all in one long statement:
    `indices` is every used page minus the payload, so ids, small tables and half-empty pages
    are in it.
    """
    return {"indices": max(0, sizes.used_bytes - payload), "free_pages": sizes.free_bytes}


class _Count:
    """One run: adds to what was found, and yields after every read."""

    def __init__(self, store: Store, connection: apsw.Connection, found: Kinds) -> None:
        self.store = store
        self.connection = connection
        self.found = found
        self.parts = Pieces(connection, "part")
        self.messages = Pieces(connection, "message")
        self.events = Pieces(connection, "event")
        self.steps = Pieces(connection, "session_message")
        self.tables = store.schema.sized_tables

    def everything(self) -> Iterator[None]:
        """All rows in the order of the file, then the events session by session."""
        self.found.tables |= dict.fromkeys(self.store.schema.payload_tables, 0)
        for table, count, pieces in self._read_in_full():
            if table in self.tables:
                yield from map(count, pieces.everywhere())
        for table in self.store.schema.payload_tables:
            if table not in self.tables:
                for slice_ in slices(self.store, table, "1"):
                    self._add_slice(table, [("other", octets) for _, _, octets, _ in slice_])
                    yield
        if self.store.schema.has("event", "data"):
            for slice_ in slices(self.store, "event", '"type"'):
                self._add_slice("event", [(EVENTS + (t or ""), n) for t, _, n, _ in slice_])
                yield
            for (id,) in fetch(self.connection, _AGGREGATES):
                yield from self._superseded(id)

    def sessions(self, ids: Iterable[str]) -> Iterator[None]:
        """The rows of these sessions through their indices."""
        for id in ids:
            for table, count, pieces in self._read_in_full():
                if table in self.tables:
                    yield from map(count, pieces.of("session_id", id))
            if self.store.schema.has("event", "data"):
                for rowids in self.events.listed("aggregate_id", id):
                    rows = fetch(self.connection, _TYPES, (json.dumps(rowids),))
                    self._add_slice("event", [(EVENTS + as_text(t), n) for t, n in rows])
                    yield
                yield from self._superseded(id)

    def _read_in_full(self) -> Iterator[tuple[str, Callable[[Piece], None], Pieces]]:
        yield "part", self._count_parts, self.parts
        yield "message", self._count_messages, self.messages
        yield "session_message", self._count_steps, self.steps

    def _add_slice(self, table: str, rows: list[tuple[str, int | None]]) -> None:
        self.found.tables.setdefault(table, 0)
        for kind, octets in rows:
            self.found.add(table, kind, octets)

    def _fetch(self, pieces: Pieces, statement: str, piece: Piece) -> list[Any]:
        began = time.perf_counter()
        rows = fetch(self.connection, statement % piece.where, piece.values)
        pieces.took(piece, time.perf_counter() - began)
        return rows

    def _count_parts(self, piece: Piece) -> None:
        if piece.large is not None:
            head = head_of(self.connection, "part", piece.large, HEAD)
            named = re.search(rb'"type":"([a-z-]*)"', head)
            kind = named[1] if named else b""
            self.found.add("part", _whole(kind), piece.octets)
            return
        add = self.found.add
        for kind, octets, unparsed, *known in self._fetch(self.parts, _PARTS, piece):
            if kind != b"tool":
                add("part", _whole(kind), octets)
                continue
            rest = octets - unparsed - sum(known)
            output, *others = known
            add("part", "tool_output", output + unparsed)
            for name, amount in zip(("tool_input", "metadata", "attachments"), others, strict=True):
                add("part", name, amount)
            add("part", "other", rest)

    def _count_messages(self, piece: Piece) -> None:
        if piece.large is not None:
            head = head_of(self.connection, "message", piece.large, HEAD)
            kind = "diffs" if b'"role":"user"' in head else "messages"
            self.found.add("message", kind, piece.octets)
            return
        for octets, diffs in self._fetch(self.messages, _MESSAGES, piece):
            self.found.add("message", "diffs", diffs)
            self.found.add("message", "messages", (octets or 0) - (diffs or 0))

    def _count_steps(self, piece: Piece) -> None:
        if piece.large is not None:
            question = "SELECT CAST(type AS BLOB) FROM session_message WHERE rowid = ?"
            type = fetch(self.connection, question, (piece.large,))
            kind = LARGE_KINDS.get(type[0][0] if type else b"", "messages")
            self.found.add("session_message", kind, piece.octets)
            return
        whole = self._fetch(self.steps, WHOLE, piece)
        blocks = fetch(self.connection, BLOCKS % piece.where, piece.values)
        for kind, octets in by_kind(whole, blocks).items():
            self.found.add("session_message", kind, octets)

    def _superseded(self, id: str) -> Iterator[None]:
        """Of the snapshots of one session all but the newest of each message, part and itself."""
        if not self.store.schema.has("event", "seq"):
            return
        newest: dict[tuple[bytes, bytes], int] = {}
        for piece in self.events.of("aggregate_id", id, "seq"):
            for type, entity, octets in self._snapshots(piece):
                if entity is not None:
                    key = (type, entity.partition(b'"')[0])
                    self.found.supersede(as_text(type), newest.get(key, 0))
                    newest[key] = octets
            yield

    def _snapshots(self, piece: Piece) -> list[Any]:
        if piece.large is None:
            return self._fetch(self.events, _SNAPSHOTS, piece)
        head = head_of(self.connection, "event", piece.large, HEAD)
        statement = (
            f"SELECT CAST(type AS BLOB), CAST({_ENTITY} AS BLOB), ? FROM (SELECT type, {_MARK}"
            " AS mark, NULL AS data, CAST(? AS TEXT) AS head FROM event WHERE rowid = ?)"
        )
        return fetch(self.connection, statement, (piece.octets, head, piece.large))


def _whole(type: bytes | None) -> str:
    """What a part of this type counts as when it is not taken apart."""
    return "tool_output" if type == b"tool" else PART_KINDS.get(type or b"", "other")
