"""Tool output that may go: found in short reads, summed up by session and level.

What qualifies stands in `tool_parts`; here is the search. No SELECT lasts longer than READ_SLICE,
so none keeps opencode from folding its WAL in.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.records import Payload
from tui.store.database import Store, as_text
from tui.store.tool_parts import (
    COMPACTED,
    SUMMARISED,
    SUMMARY_OF,
    PartLevel,
    boundary_of,
    boundary_values,
)

MALFORMED = "malformed"
"""Level of the payload record that counts rows left alone because of their shape; 0 bytes."""

READ_SLICE = 0.040
"""Seconds one SELECT may last: a longer read keeps opencode from folding its WAL in."""

FIRST_SLICE = 2000
"""Rows in the first SELECT; after it the measured time decides."""

WATERMARK_MARGIN = 60_000
"""Milliseconds looked at again: opencode takes the time before it commits."""

HINTS = 200_000
"""Rows remembered by rowid, some 8 MB; the deed looks up the rest again."""

ROW_OVERHEAD = 111
"""Octets of a row of `part` beside its data: three ids of 30, two times of 6, a header of 9."""

Key = tuple[str, str]
"""Session id and level."""


class Found(list[Payload]):
    """Payloads by session and level, the largest first, and how far the search has seen."""

    watermark: int = 0
    """Give it as `since_updated` next time (ms UTC); 0 when `since_updated` was None."""
    complete: bool = True
    """False when the search was stopped."""


class Judged(NamedTuple):
    """One row a level has an opinion on."""

    rowid: int
    session_id: str
    octets: int
    """What would disappear; -1 when the row is malformed."""
    size: int
    """Octets of its data now."""


def find_payloads(
    store: Store,
    levels: Sequence[str],
    *,
    session_ids: Iterable[str] | None = None,
    since_updated: int | None = None,
    stop: Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Found:
    """What each level would free, session by session; a part counts once, `compacted` first.

    `session_ids` limits the search to these, through the session index. `since_updated` (ms; 0 at
    first) skips parts not written since and sets `Found.watermark`; a part falls behind a
    boundary without being written, so it says little about `summarised`. `on_progress` gets the
    share that is done, 0 to 1. Rows left alone for their shape come as level `malformed`.
    """
    search = _Search(stop or Event(), on_progress or (lambda _: None), since_updated)
    from tui.store.payloads_v2 import find_in_v2  # needed by few, and it needs this module

    ids = None if session_ids is None else sorted(set(session_ids))
    asked = tuple(levels)
    if not store.schema.has("part"):
        levels = ()
    with store.reading() as db:
        connection = db.connection()
        page_size: Any = connection.execute("PRAGMA page_size").fetchone()
        search.page_size = page_size[0]
        if ids is None:
            search.everywhere(connection, levels)
        else:
            search.in_sessions(connection, levels, ids)
    search.add(find_in_v2(store, asked, ids, search.stop))
    return search.result()


class _Search:
    """One run of `find_payloads`: what it was asked and what it has found so far."""

    def __init__(
        self, stop: Event, on_progress: Callable[[float], None], since: int | None
    ) -> None:
        self.stop = stop
        self.on_progress = on_progress
        self.since = None if since is None else since - WATERMARK_MARGIN
        self.watermark = since or 0
        self.page_size = 4096
        self.sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.rowids: defaultdict[Key, list[int]] = defaultdict(list)
        self.hints = HINTS

    def result(self) -> Found:
        """The sums as records."""
        found = Found(
            Payload(*key, parts, octets, pages, tuple(self.rowids[key]))
            for key, (parts, octets, pages) in self.sums.items()
        )
        found.sort(key=lambda payload: (-payload.bytes, payload.session_id, payload.level))
        found.watermark = self.watermark
        found.complete = not self.stop.is_set()
        return found

    def add(self, payloads: Iterable[Payload]) -> None:
        """What was found elsewhere, of the same sessions and levels or of others."""
        for each in payloads:
            sums = self.sums[each.session_id, each.level]
            for place, amount in enumerate((each.parts, each.bytes, each.page_bytes or 0)):
                sums[place] += amount

    def everywhere(self, connection: apsw.Connection, levels: Sequence[str]) -> None:
        """The marked parts in the order of the file, then the sessions that have a summary."""
        both = COMPACTED.name in levels and SUMMARISED.name in levels
        if COMPACTED.name in levels:
            rowids = _rowids(connection, "part")
            for first, last in turns(rowids, self.stop):
                self.count(connection, COMPACTED, None, first, last)
                done = (last - rowids.start + 1) / len(rowids)
                self.on_progress(0.9 * done if both else done)
        if SUMMARISED.name in levels:
            for session_id in _summarised_sessions(connection, self.stop):
                self.summarised(connection, session_id, unmarked=both)
        self.on_progress(1.0)

    def in_sessions(
        self, connection: apsw.Connection, levels: Sequence[str], session_ids: Sequence[str]
    ) -> None:
        """The parts of these sessions, through the index."""
        for done, session_id in enumerate(session_ids, start=1):
            if COMPACTED.name in levels:
                for first, last in turns(_session_rowids(connection, session_id), self.stop):
                    self.count(connection, COMPACTED, session_id, first, last)
            if SUMMARISED.name in levels:
                self.summarised(connection, session_id, unmarked=COMPACTED.name in levels)
            if self.stop.is_set():
                return
            self.on_progress(done / len(session_ids))

    def summarised(self, connection: apsw.Connection, session_id: str, unmarked: bool) -> None:
        """What lies before the boundary of a session; `unmarked`: marked parts count elsewhere."""
        boundary = None if self.stop.is_set() else boundary_of(connection, session_id)
        if boundary is None:
            return
        # The size depends only on the thirteen digits of the time, not on which they are.
        values = boundary_values(boundary, now_ms=10**12, unmarked=unmarked)
        for first, last in turns(_session_rowids(connection, session_id), self.stop):
            self.count(connection, SUMMARISED, session_id, first, last, values)

    def count(
        self,
        connection: apsw.Connection,
        level: PartLevel,
        session_id: str | None,
        first: int,
        last: int,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """Add up what lies between two rowids."""
        if self.since is not None:
            # Before judging, so that whatever is marked in between is newer than the watermark.
            newest = _newest(connection, first, last)
            self.watermark = max(self.watermark, newest)
        judged = judge(connection, level, first, last, session_id, more or {}, self.since)
        for rowid, owner, octets, size in judged:
            if octets < 0:
                self.sums[owner, MALFORMED][0] += 1
                continue
            sums = self.sums[owner, level.name]
            sums[0] += 1
            sums[1] += octets
            sums[2] += overflow_bytes(size, self.page_size)
            sums[2] -= overflow_bytes(size - octets, self.page_size)
            if self.hints:
                self.hints -= 1
                self.rowids[owner, level.name].append(rowid)


def judge(
    connection: apsw.Connection,
    level: PartLevel,
    first: int,
    last: int,
    session_id: str | None,
    more: Mapping[str, object],
    since: int | None = None,
) -> list[Judged]:
    """Rows between two rowids that qualify or are malformed; one short read."""
    where = "rowid BETWEEN :first AND :last"
    if session_id is not None:
        where = f"session_id = :session AND {where}"
    verdict = level.verdict
    if since is not None:
        verdict = f"CASE WHEN time_updated > :since THEN {verdict} END"
    # LIMIT -1 keeps SQLite from merging the two and judging every row twice.
    sql = f"""SELECT row, CAST(session_id AS BLOB), verdict, size FROM (
        SELECT rowid AS row, session_id, octet_length(data) AS size, {verdict} AS verdict
        FROM part {"NOT INDEXED" if session_id is None else ""} WHERE {where} LIMIT -1)
        WHERE verdict IS NOT NULL"""
    given = {"first": first, "last": last, "session": session_id, "since": since, **more}
    rows: list[Any] = connection.execute(sql, given).fetchall()
    return [Judged(row, as_text(owner), octets, size) for row, owner, octets, size in rows]


def judge_session(
    connection: apsw.Connection,
    level: PartLevel,
    session_id: str,
    more: Mapping[str, object],
    stop: Event,
) -> Iterator[Judged]:
    """Rows of one session that qualify or are malformed, in short reads without a lock."""
    reads = turns(_session_rowids(connection, session_id), stop)
    return chain.from_iterable(
        judge(connection, level, first, last, session_id, more) for first, last in reads
    )


def turns(rowids: Sequence[int], stop: Event) -> Iterator[tuple[int, int]]:
    """First and last rowid of pieces that each took the caller about READ_SLICE seconds."""
    at, width = 0, FIRST_SLICE
    while at < len(rowids) and not stop.is_set():
        piece = rowids[at : at + width]
        began = time.perf_counter()
        yield piece[0], piece[-1]
        fitting = width * READ_SLICE / max(time.perf_counter() - began, 1e-6)
        width = max(1, min(int(fitting), width * 4))
        at += len(piece)


def overflow_bytes(octets: int, page_size: int) -> int:
    """Bytes of the overflow pages of a part with this much data (sqlite.org/fileformat2, 1.6).

    Only these become free when a row shrinks: what it leaves in its leaf page stays there.
    """
    payload, usable = octets + ROW_OVERHEAD, page_size
    if payload <= usable - 35:
        return 0
    least = (usable - 12) * 32 // 255 - 23
    local = least + (payload - least) % (usable - 4)
    if local > usable - 35:
        local = least
    return -(-(payload - local) // (usable - 4)) * page_size


def _rowids(connection: apsw.Connection, table: str) -> range:
    first: Any
    last: Any
    first, last = next(connection.execute(f"SELECT min(rowid), max(rowid) FROM {table}"))
    return range(0) if first is None else range(first, last + 1)


def _session_rowids(connection: apsw.Connection, session_id: str) -> list[int]:
    rows: list[Any] = connection.execute(
        "SELECT rowid FROM part WHERE session_id = ? ORDER BY rowid", (session_id,)
    ).fetchall()
    return [rowid for (rowid,) in rows]


def _newest(connection: apsw.Connection, first: int, last: int) -> int:
    newest: Any = connection.execute(
        "SELECT max(time_updated) FROM part NOT INDEXED WHERE rowid BETWEEN ? AND ?"
        " AND typeof(time_updated) = 'integer'",
        (first, last),
    ).fetchone()
    return newest[0] or 0


def _summarised_sessions(connection: apsw.Connection, stop: Event) -> list[str]:
    """Sessions with a finished summary, in the order of their ids."""
    sessions: set[str] = set()
    for first, last in turns(_rowids(connection, "message"), stop):
        rows = connection.execute(
            f"""SELECT DISTINCT CAST(session_id AS BLOB) FROM (
                SELECT session_id, {SUMMARY_OF} AS parent FROM message NOT INDEXED
                WHERE rowid BETWEEN ? AND ? LIMIT -1) WHERE parent IS NOT NULL""",
            (first, last),
        )
        sessions.update(as_text(owner) for (owner,) in rows.fetchall())
    return sorted(sessions)
