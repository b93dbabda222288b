"""Searching what was said: through the tables from their newest row down, in short slices.

SQLite does the reading: `LIKE` on the rows as they stand, with the needle written as JSON writes
it, so no body reaches Python unless it may hold the needle, and then one row at a time. A row over
LARGE never does: its octets pass by in windows. Each slice is a statement of its own of some 40 ms,
so the write-ahead log is pinned by none; no index is made.

Case: ASCII letters as LIKE folds them; any other letter against its other case, letter for letter
("ß" does not find "SS"). Text that somebody wrote with escapes for what needs none is not found.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Event
from typing import Any

import apsw

from tui.records import Hit, Searched
from tui.store.database import Store, as_text
from tui.store.json_places import Row, piece_of, strings_of
from tui.store.needle import AROUND, Needle, snipped
from tui.store.newest import Newest, any_time
from tui.store.prefetch import prefetched
from tui.store.query import fetch, scalar
from tui.store.words import KINDS, extracted, named, words_of

LARGE = 2_000_000
"""Octets above which a row is searched in windows instead of being parsed."""

SLICE, AIM = 0.040, 0.020
"""Seconds after which a slice is broken off and made shorter, and those it should last."""

FIRST_ROWS, MOST_ROWS = 200, 50_000
"""Rows of the first slice, and the most of any."""

STEPS = 200
"""Steps of SQLite's machine between two looks at clock and `stop`: about twenty rows."""

_HIT = f"""CASE WHEN typeof(data) <> 'text' THEN 0 WHEN time_created < :since THEN 0
  WHEN octet_length(data) > {LARGE} THEN {{large}}
  ELSE {{likely}}data LIKE :like ESCAPE char(1) END"""

_FALLING = """SELECT min(r), count(*), json_group_array(r) FILTER (WHERE hit) FROM (
  SELECT rowid AS r, {hit} AS hit FROM "{table}" NOT INDEXED
  WHERE rowid < :below ORDER BY rowid DESC LIMIT :rows)"""

_LISTED = """SELECT 0, count(*), json_group_array(r) FILTER (WHERE hit) FROM (
  SELECT rowid AS r, {hit} AS hit FROM "{table}"
  WHERE rowid IN (SELECT value FROM json_each(:listed)) ORDER BY rowid DESC LIMIT -1)"""

_ROW = f"""SELECT CAST(id AS BLOB), CAST({{message}} AS BLOB), CAST("{{owner}}" AS BLOB),
    time_created, octet_length(data), CAST({{type}} AS BLOB),
    CASE WHEN octet_length(data) > {LARGE} THEN NULL
      WHEN json_valid(data) THEN CAST({{extracted}} AS BLOB) END
  FROM "{{table}}" WHERE rowid = ?"""

_MESSAGE = "FROM message WHERE id = :id"

_ROLE = """SELECT CASE WHEN octet_length(data) > 1000000 THEN 'user'
    WHEN json_valid(data) THEN CAST(json_extract(data, '$.role') AS BLOB) END """
"""Only what a user wrote weighs a megabyte: it holds the diffs of the turn."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is searched for, and where."""

    text: str
    sessions: frozenset[str] | None = None
    """Only in these sessions; None for all."""
    since: int = 0
    """Only rows made since then, milliseconds."""
    kinds: frozenset[str] = frozenset(KINDS)


@dataclass(frozen=True, slots=True)
class Ground:
    """Tables to search in: those of opencode's database, or of a batch of the trash."""

    connection: apsw.Connection
    tables: frozenset[str]
    """With a column `data`."""
    both: bool
    """True when it holds sessions of both generations: what was copied from 1.x counts once."""
    is_buried: bool = False
    """True for a batch of the trash."""

    @property
    def owner(self) -> str:
        """The column that says whose a row is."""
        return "ocdu_session" if self.is_buried else "session_id"


Since = Callable[[], int]
"""From when on (ms) a row counts now: whoever wants the newest alone raises it as they come."""


def search(
    store: Store, wanted: Wanted, stop: Event | None = None, since: Since = any_time
) -> Iterator[Searched]:
    """Hits, the newest row first within each table; ends early when `stop` is set.

    Newest by its place: a session that was restored has old rows in new places. One hit for each
    field of a row. The last one that is yielded is `done`, unless stopped.
    """
    schema = store.schema
    tables = {"part", "message"}
    if schema.has("session_v2") and schema.has("session_message", "seq"):
        tables.add("session_message")
    found = frozenset(table for table in tables if schema.has(table, "data"))
    ahead = prefetched(store.path) if wanted.sessions is None else nullcontext()
    with ahead, store.reading() as db:
        both = schema.has("session_v2") and schema.has("message")
        ground = Ground(db.connection(), found, both)
        yield from search_ground(ground, wanted, stop or Event(), since)


def search_ground(
    ground: Ground, wanted: Wanted, stop: Event, since: Since = any_time
) -> Iterator[Searched]:
    """The same wherever the tables are."""
    if wanted.text:
        order = ("part", "message", "session_message")
        tables = [table for table in order if table in ground.tables]
        if "error" not in wanted.kinds:
            tables = [table for table in tables if table != "message"]
        tops = [scalar(ground.connection, f'SELECT max(rowid) FROM "{t}"') or 0 for t in tables]
        whole, done = sum(tops) or 1, 0
        for table, weight in zip(tables, tops, strict=True):
            for hits, share in _Scan(ground, table, wanted, stop, since).run():
                yield Searched(tuple(hits), (done + share * weight) / whole)
            if stop.is_set():
                return
            done += weight
    yield Searched((), 1.0, True)


class _Scan:
    """One table, from its newest row down."""

    def __init__(
        self, ground: Ground, table: str, wanted: Wanted, stop: Event, since: Since
    ) -> None:
        self._ground, self._connection = ground, ground.connection
        self._table, self._wanted, self._stop = table, wanted, stop
        # A batch of the trash has an index of sessions only.
        self._message = _MESSAGE + f' AND "{ground.owner}" = :session' * ground.is_buried
        self._needle = Needle(wanted.text)
        self._rows = FIRST_ROWS
        self._deadline: float | None = None
        # An error of a message stands in a small row; its large ones hold diffs.
        errors = table == "message"
        likely = "data LIKE '%\"error\":%' AND " if errors else ""
        self._hit = _HIT.format(large=0 if errors else 1, likely=likely)
        self._since = since
        own = table == "part"
        self._row = _ROW.format(
            message="message_id" if own else "id",
            type="type" if table == "session_message" else "''",
            extracted=extracted(table),
            table=table,
            owner=ground.owner,
        )

    def run(self) -> Iterator[tuple[list[Hit], float]]:
        """(hits, share of the table that was looked at) after every slice."""
        migrated = self._ground.both and self._table == "session_message"
        for rowids, share in self._listed() if self._wanted.sessions else self._falling():
            found: list[Hit] = []
            for rowid in rowids:
                if self._stop.is_set():
                    break
                found += self._hits(rowid, migrated)
            yield found, share
            if self._stop.is_set():
                return

    def _falling(self) -> Iterator[tuple[list[int], float]]:
        top = scalar(self._connection, f'SELECT max(rowid) FROM "{self._table}"')
        if top is None:
            return
        statement = _FALLING.format(hit=self._hit, table=self._table)
        below = top + 1
        while not self._stop.is_set():
            values = {"below": below, "rows": self._rows}
            answer = self._asked(statement, values)
            if answer is None:
                continue
            least, count, found = answer
            yield json.loads(found), (top - (least or 0)) / max(1, top)
            if count < values["rows"]:
                return
            below = least

    def _listed(self) -> Iterator[tuple[list[int], float]]:
        """Rows of the wanted sessions; their rowids come from an index alone."""
        ids = json.dumps(sorted(self._wanted.sessions or ()))
        statement = (
            f'SELECT rowid FROM "{self._table}" WHERE "{self._ground.owner}" IN'
            " (SELECT value FROM json_each(?)) ORDER BY rowid DESC"
        )
        rowids = [rowid for (rowid,) in fetch(self._connection, statement, (ids,))]
        statement = _LISTED.format(hit=self._hit, table=self._table)
        at = 0
        while at < len(rowids) and not self._stop.is_set():
            listed = rowids[at : at + self._rows]
            answer = self._asked(statement, {"listed": json.dumps(listed)})
            if answer is None:
                continue
            at += len(listed)
            yield json.loads(answer[2]), at / len(rowids)

    def _asked(self, statement: str, values: dict[str, Any]) -> Sequence[Any] | None:
        """One slice; None when it was broken off because it took too long, or because of `stop`."""
        since = max(self._wanted.since, self._since())
        values = {**values, "like": self._needle.like, "since": since}
        began = time.perf_counter()
        self._deadline = began + SLICE if self._rows > 1 else None
        self._connection.set_progress_handler(self._enough, STEPS)
        try:
            answer = fetch(self._connection, statement, values)[0]
        except apsw.InterruptError:
            self._rows = max(1, self._rows // 4)
            return None
        finally:
            self._connection.set_progress_handler(None)
        took = time.perf_counter() - began
        self._rows = int(min(MOST_ROWS, max(1, self._rows * min(4.0, AIM / max(took, 1e-4)))))
        return tuple(answer)

    def _enough(self) -> bool:
        late = self._deadline is not None and time.perf_counter() > self._deadline
        return late or self._stop.is_set()

    # one row that may hold the needle

    def _hits(self, rowid: int, migrated: bool) -> Iterator[Hit]:
        for id, message, session, made, octets, type, extract in fetch(
            self._connection, self._row, (rowid,)
        ):
            owned = {"id": as_text(id), "session": as_text(session)}
            if migrated and scalar(self._connection, f"SELECT 1 {self._message}", owned):
                continue
            ids = (as_text(session), as_text(message), as_text(id), int(made or 0))
            role = self._role(as_text(message), as_text(session))
            if octets > LARGE:
                yield from self._hits_in_large(rowid, ids, as_text(type), role)
                continue
            told: set[tuple[str, str]] = set()
            for word in words_of(self._table, as_text(extract), as_text(type), role):
                place = self._needle.found(word.text)
                if place and word.kind in self._wanted.kinds and word[:2] not in told:
                    told.add(word[:2])
                    yield _hit(ids, word[:2], word.text, place)

    def _role(self, message: str, session: str) -> str:
        if self._table != "part":
            return ""
        ids = {"id": message, "session": session}
        found = as_text(scalar(self._connection, _ROLE + self._message, ids))
        return found if found in ("user", "assistant") else ""

    def _hits_in_large(
        self, rowid: int, ids: tuple[str, str, str, int], type: str, role: str
    ) -> Iterator[Hit]:
        """The same for a row that must not be loaded."""
        try:
            row = Row(self._connection, self._table, rowid)
        except apsw.SQLError:
            return
        try:
            kind = tool = ""
            told: set[tuple[str, str]] = set()
            for place in strings_of(row.read):
                if self._stop.is_set():
                    return
                last = place.path[-1] if place.path else ""
                if last in ("type", "tool", "name") and len(place.path) in (1, 3):
                    word = piece_of(row.read, place, 0, 200).text
                    kind, tool = (word, tool) if last == "type" else (kind, word)
                name = named(place.path, kind, tool, role or type)
                if name is None or name[0] not in self._wanted.kinds or name in told:
                    continue
                at = self._needle.found_in_place(row.read, place, self._stop)
                if at is not None:
                    told.add(name)
                    start = max(place.start, at - 4 * AROUND)
                    text = piece_of(row.read, place, start, 12 * AROUND).text
                    span = self._needle.found(text) or (0, 0)
                    yield _hit(ids, name, text, span)
        finally:
            row.close()


def _hit(
    ids: tuple[str, str, str, int], named: tuple[str, str], text: str, place: tuple[int, int]
) -> Hit:
    snippet, at, length = snipped(text, *place)
    session, message, part, made = ids
    return Hit(session, message, part, made, *named, snippet, at, length)


def search_all(store: Store, wanted: Wanted, limit: int | None = None) -> list[Hit]:
    """All hits, the newest first, for callers that need not watch; at most the newest `limit`."""
    newest: Newest[Hit] = Newest(limit, lambda hit: hit)
    for step in search(store, wanted, since=newest.since):
        newest.add(step.hits)
    return newest.found()
