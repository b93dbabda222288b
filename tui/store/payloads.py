"""Payloads that may go: found in short reads, summed up by session and level.

What qualifies stands in `tool_parts`, `prune_rule`, `task_results` and `diff_texts`; here is the
search. A level either looks at each row by itself, in the order of the file, or at one session
after the other with values of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Event
from typing import Any, NamedTuple

import apsw

from tui.records import Payload
from tui.sizes import Cells
from tui.store.database import Store
from tui.store.diff_stream import slim
from tui.store.diff_texts import DIFFS, EVENT_DIFFS, LARGEST_DIFFS
from tui.store.event_diffs import sessions_with_log, snapshots
from tui.store.judging import all_rowids, judge, row_pages, session_rowids, turns
from tui.store.pages import CELL_HEADER
from tui.store.row_level import RowLevel
from tui.store.schema import Schema
from tui.store.session_levels import SESSION_LEVELS, Asked
from tui.store.tool_parts import COMPACTED

MALFORMED = "malformed"
"""Level of the payload record that counts rows left alone because of their shape; 0 bytes."""

WATERMARK_MARGIN = 60_000
"""Milliseconds looked at again: opencode takes the time before it commits."""

HINTS = 200_000
"""Rows remembered by rowid, some 8 MB; the deed looks up the rest again."""

ROW_LEVELS = (COMPACTED, DIFFS)
"""Levels that judge a row without knowing its session."""


class Key(NamedTuple):
    """What is summed up together."""

    session_id: str
    level: str
    reason: str = ""


class Found(list[Payload]):
    """Payloads by session and level, the largest first, and how far the search has seen."""

    watermark: int = 0
    """Give it as `since_updated` next time (ms UTC); 0 when `since_updated` was None."""
    complete: bool = True
    """False when the search was stopped."""


def find_payloads(
    store: Store,
    levels: Sequence[str],
    *,
    session_ids: Iterable[str] | None = None,
    since_updated: int | None = None,
    stop: Event | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Found:
    """What each level would free, session by session; a row counts once, `compacted` first.

    `session_ids` limits the search to these, through the session index. `since_updated` (ms; 0 at
    first) skips rows not written since and sets `Found.watermark`; a part falls behind a boundary
    without being written, so it says little about levels that look at sessions. `on_progress` gets
    the share that is done, 0 to 1. Rows left alone for their shape come as level `malformed`; what
    a level must not take comes with a reason.
    """
    tell = on_progress or (lambda _: None)
    search = _Search(stop or Event(), tell, since_updated, levels, store.schema)
    with store.reading() as db:
        connection = db.connection()
        page_size: Any = connection.execute("PRAGMA page_size").fetchone()
        search.page_size = page_size[0]
        if not store.schema.has("part"):
            pass
        elif session_ids is None:
            search.everywhere(connection)
        else:
            search.in_sessions(connection, sorted(set(session_ids)))
    return search.result()


class _Search:
    """One run of `find_payloads`: what it was asked and what it has found so far."""

    def __init__(
        self,
        stop: Event,
        on_progress: Callable[[float], None],
        since: int | None,
        levels: Sequence[str],
        schema: Schema,
    ) -> None:
        self.stop = stop
        self.schema = schema
        self.on_progress = on_progress
        self.since = None if since is None else since - WATERMARK_MARGIN
        self.watermark = since or 0
        self.page_size = 4096
        self.by_row = [level for level in ROW_LEVELS if level.name in levels]
        self.by_session = [each for each in SESSION_LEVELS if each.level.name in levels]
        self.asked = Asked(stop, unmarked=COMPACTED in self.by_row)
        self.sums: defaultdict[Key, list[int]] = defaultdict(lambda: [0, 0, 0])
        self.cells: defaultdict[Key, dict[str, Cells]] = defaultdict(dict)
        self.rowids: defaultdict[Key, list[int]] = defaultdict(list)
        self.hints = HINTS
        self.messages: set[int] = set()
        """Rowids of messages that lose diffs: their events are no further messages."""
        self.shares = max(1, len(self.by_row) + len(self.by_session) + (DIFFS in self.by_row))
        self.done = 0

    def result(self) -> Found:
        """The sums as records; a level that would gain nothing from a session is not there."""
        found = Found(
            Payload(key.session_id, key.level, rows, octets, pages,
                    tuple(self.rowids[key]), key.reason, _counts(key.level, rows),
                    cells=tuple(self.cells[key].values()))
            for key, (rows, octets, pages) in self.sums.items()
            if octets > 0 or key.level == MALFORMED
        )  # fmt: skip
        found.sort(key=lambda payload: (-payload.bytes, payload.session_id, payload.level))
        found.watermark = self.watermark
        found.complete = not self.stop.is_set()
        return found

    def everywhere(self, connection: apsw.Connection) -> None:
        """Row by row in the order of the file, then the sessions that a level may concern."""
        for level in self.by_row:
            rowids = all_rowids(connection, level.table)
            for first, last in turns(rowids, self.stop):
                self.count(connection, level, None, first, last)
                self.progress((last - rowids.start + 1) / len(rowids))
            self.done += 1
        if DIFFS in self.by_row:
            owners = sessions_with_log(connection, self.schema, self.since)
            for place, session_id in enumerate(owners, start=1):
                self.count_events(connection, session_id)
                self.progress(place / len(owners))
            self.done += 1
        wanted: defaultdict[str, list[int]] = defaultdict(list)
        for place, each in enumerate(self.by_session):
            for session_id in each.candidates(connection, self.stop):
                wanted[session_id].append(place)
        for session_id in sorted(wanted):
            self.in_session(connection, session_id, wanted[session_id])
        self.done = self.shares
        self.progress(0.0)

    def in_sessions(self, connection: apsw.Connection, session_ids: Sequence[str]) -> None:
        """The rows of these sessions, through the index."""
        for done, session_id in enumerate(session_ids, start=1):
            for level in self.by_row:
                rowids = session_rowids(connection, level.table, session_id)
                for first, last in turns(rowids, self.stop):
                    self.count(connection, level, session_id, first, last)
            if DIFFS in self.by_row:
                self.count_events(connection, session_id)
            self.in_session(connection, session_id, range(len(self.by_session)))
            if self.stop.is_set():
                return
            self.on_progress(done / len(session_ids))

    def in_session(
        self, connection: apsw.Connection, session_id: str, places: Iterable[int]
    ) -> None:
        """What the levels that look at a whole session take of this one, each row once."""
        taken: set[int] = set()
        for place in places:
            each = self.by_session[place]
            values = None if self.stop.is_set() else each.look(connection, session_id, self.asked)
            if values is None:
                continue
            rowids = session_rowids(connection, each.level.table, session_id)
            for first, last in turns(rowids, self.stop):
                self.count(connection, each.level, session_id, first, last, values, taken)

    def progress(self, share: float) -> None:
        """Tell how far the level at hand is."""
        self.on_progress(min(1.0, (self.done + share) / self.shares))

    def count(
        self,
        connection: apsw.Connection,
        level: RowLevel,
        session_id: str | None,
        first: int,
        last: int,
        more: Mapping[str, object] | None = None,
        taken: set[int] | None = None,
    ) -> None:
        """Add up what lies between two rowids, without the rows that are taken already."""
        if self.since is not None:
            # Before judging, so that whatever is marked in between is newer than the watermark.
            newest = _newest(connection, level.table, first, last)
            self.watermark = max(self.watermark, newest)
        given = dict(more or {})
        reason = str(given.pop("reason", ""))
        for row in judge(connection, level, first, last, session_id, given, self.since):
            if taken is not None and row.rowid in taken:
                continue
            octets = row.octets
            if octets is None and level is DIFFS and row.size > LARGEST_DIFFS:
                new = slim(connection, row.rowid, self.stop)
                octets = None if new is None else row.size - len(new.data)
            if octets is None:
                self.sums[Key(row.session_id, MALFORMED)][0] += 1
                continue
            if taken is not None:
                taken.add(row.rowid)
            if level is DIFFS:
                self.messages.add(row.rowid)
            self.add(Key(row.session_id, level.name, reason), level, row.rowid, row.size, octets)

    def count_events(self, connection: apsw.Connection, session_id: str) -> None:
        """Add up the diffs in the newest events of a session; each message counts once."""
        if self.stop.is_set():
            return
        for each in snapshots(connection, self.schema, session_id, self.stop):
            if each.octets is None:
                self.sums[Key(session_id, MALFORMED)][0] += 1
                continue
            key = Key(session_id, DIFFS.name)
            self.sums[key][0] += each.message not in self.messages
            self.weigh(key, EVENT_DIFFS, each.size, each.octets)

    def add(self, key: Key, level: RowLevel, rowid: int, size: int, octets: int) -> None:
        """One row more, of this size, that would lose so many octets."""
        self.sums[key][0] += 1
        self.weigh(key, level, size, octets)
        if self.hints:
            self.hints -= 1
            self.rowids[key].append(rowid)

    def weigh(self, key: Key, level: RowLevel, size: int, octets: int) -> None:
        """Add what a row of this size loses: octets, bytes of pages, octets of its leaf."""
        table = level.table
        leaf, pages = row_pages(size, self.page_size, table)
        left, kept = row_pages(size - octets, self.page_size, table)
        sums, cells = self.sums[key], self.cells[key].get(table, Cells(table, 0, 0, 0))
        sums[1] += octets
        sums[2] += pages - kept
        self.cells[key][table] = Cells(
            table,
            0,
            cells.octets + leaf - left,
            cells.overflow_bytes + pages - kept,
            cells.squares + (leaf + CELL_HEADER) ** 2 - (left + CELL_HEADER) ** 2,
        )


def _counts(level: str, rows: int) -> tuple[tuple[str, int], ...]:
    """What the rows are, where they are no parts."""
    return (("messages", rows),) if level == DIFFS.name else ()


def _newest(connection: apsw.Connection, table: str, first: int, last: int) -> int:
    newest: Any = connection.execute(
        f"SELECT max(time_updated) FROM {table} NOT INDEXED WHERE rowid BETWEEN ? AND ?"
        " AND typeof(time_updated) = 'integer'",
        (first, last),
    ).fetchone()
    return newest[0] or 0
