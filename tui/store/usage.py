"""Bytes: what each session owns, counted by SQLite as octets, in slices that pin nothing.

`sum(octet_length(data))` grouped over a subquery with a LIMIT reads leaf pages only and keeps the
bodies out of the sorter: measured 2–10 times faster than the obvious statements, and right where
`length()` counts characters. Tables are measured side by side, a thread each, while `prefetch`
brings a cold file into memory. Each slice is a statement of its own, so no read transaction lives
longer than about 40 ms and opencode's checkpoints always get through.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple, TypeVar

import apsw

from tui.records import Usage
from tui.store.database import Store, as_text
from tui.store.prefetch import prefetched
from tui.store.query import fetch, scalar

Item = TypeVar("Item")

SLICE = 0.040
"""Seconds one measuring statement should last: a reader that stays longer holds the WAL open."""

FIRST_ROWS, MOST_ROWS = 1_000, 200_000
"""Rows of the first slice, and the most a slice grows to. On a cold disk a row may cost a read."""


class _Counted(NamedTuple):
    table: str
    key: str
    rows: str
    bytes: str


MEASURED = (
    _Counted("message", "session_id", "messages", "message_bytes"),
    _Counted("part", "session_id", "parts", "part_bytes"),
    _Counted("event", "aggregate_id", "events", "event_bytes"),
    _Counted("session_message", "session_id", "messages", "message_bytes"),
)
"""Tables whose `data` makes up a session's size, and where the sums go in a Usage."""

COPIED = ("message", "part")
"""Tables of 1.x: their rows of a session that 2.x has as well are a copy, as far as 2.x goes."""


@dataclass
class Measurement:
    """What was measured so far; the same object grows from slice to slice."""

    sessions: dict[str, Usage] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    """Payload octets by table, rows without a session included."""
    rows: dict[str, int] = field(default_factory=dict)
    done: bool = False
    in_v2: frozenset[str] = frozenset()
    """Sessions that 2.x has."""

    @property
    def bytes(self) -> int:
        """All payload octets measured so far."""
        return sum(self.tables.values())

    @property
    def messages(self) -> int:
        """Messages of the file: those of 2.x, and those of 1.x that 2.x has no session for."""
        return self.rows.get("message", 0) - self.copies + self.rows.get("session_message", 0)

    copies: int = 0
    """Rows of `message` whose session 2.x has as well."""


def measure(store: Store, stop: Event | None = None) -> Generator[Measurement, None, None]:
    """Measure the whole file; yields the growing result after every slice, the last one `done`.

    Setting `stop` ends it; the last yielded measurement is then not `done`. However it ends, its
    threads have ended before.
    """
    counted = [each for each in MEASURED if each.table in store.schema.sized_tables]
    result = Measurement(in_v2=sessions_in_v2(store))
    for each in counted:
        result.tables[each.table] = result.rows[each.table] = 0
    jobs = [_slices_of(store, each) for each in counted]
    with prefetched(store.path), closing(side_by_side(jobs)) as found:
        for number, slice_ in found:
            for key, count, octets, _ in slice_:
                _add(result, counted[number], key, count, octets or 0)
            if stop is not None and stop.is_set():
                return
            yield result
    result.done = True
    yield result


def _slices_of(store: Store, counted: _Counted) -> Job[list[Any]]:
    return lambda: slices(store, counted.table, f'"{counted.key}"')


Job = Callable[[], Generator[Item, None, None]]


def side_by_side(jobs: Sequence[Job[Item]]) -> Generator[tuple[int, Item], None, None]:
    """Run generators at once, each in a thread; gives (number of the job, item) as they come.

    What a job raises is raised here. When this ends or is closed, each job is closed in its own
    thread after the item it is at, and all threads are joined.
    """
    ended = Event()
    queue: SimpleQueue[tuple[int, Item | None, BaseException | None, bool]] = SimpleQueue()

    def work(number: int, job: Job[Item]) -> None:
        failure: BaseException | None = None
        try:
            with closing(job()) as items:
                for item in items:
                    if ended.is_set():
                        break
                    queue.put((number, item, None, False))
        except BaseException as error:
            failure = error
        queue.put((number, None, failure, True))

    threads = [
        Thread(target=work, args=each, name="ocdu-measure", daemon=True) for each in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    try:
        alive = len(threads)
        while alive:
            number, item, failure, last = queue.get()
            if failure is not None:
                raise failure
            alive -= last
            if item is not None:
                yield number, item
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def slices(store: Store, table: str, key: str) -> Generator[list[Any], None, None]:
    """(key, rows, octets, last rowid) grouped by an SQL expression, one slice of a table at a time.

    Each slice is one statement of about SLICE seconds; its length follows the time it takes. Keys
    are text or None: one with a broken byte is read leniently and stops nothing.
    """
    statement = (
        "SELECT CAST(k AS BLOB), count(*), sum(n), max(r) FROM (SELECT rowid AS r,"
        f' {key} AS k, octet_length(data) AS n FROM "{table}" NOT INDEXED'
        " WHERE rowid > ? ORDER BY rowid LIMIT ?) GROUP BY k"
    )
    last, rows = -(2**63), FIRST_ROWS
    with store.reading() as db:
        connection = db.connection()
        while True:
            began = time.perf_counter()
            found = fetch(connection, statement, (last, rows))
            took = time.perf_counter() - began
            yield [(None if k is None else as_text(k), *sums) for k, *sums in found]
            if sum(row[1] for row in found) < rows:
                return
            last = max(row[3] for row in found)
            rows = int(min(MOST_ROWS, max(100, rows * min(4.0, SLICE / max(took, 0.001)))))


def sessions_in_v2(store: Store) -> frozenset[str]:
    """Ids of the sessions that 2.x has; from its index alone."""
    if not store.schema.has("session_v2"):
        return frozenset()
    with store.reading() as db:
        found = fetch(db.connection(), "SELECT CAST(id AS BLOB) FROM session_v2")
    return frozenset(as_text(id) for (id,) in found)


def _add(result: Measurement, counted: _Counted, key: str | None, count: int, octets: int) -> None:
    result.tables[counted.table] += octets
    result.rows[counted.table] += count
    if key is None:
        return
    before = result.sessions.get(key) or Usage()
    sums = _sums(counted, count, octets, key in result.in_v2)
    result.sessions[key] = before._replace(
        **{name: getattr(before, name) + amount for name, amount in sums.items()}
    )
    if "copy_bytes" in sums and counted.table == "message":
        result.copies += count


def _sums(counted: _Counted, count: int, octets: int, in_v2: bool) -> dict[str, int]:
    """What rows of one table add to their session's usage."""
    sums = {counted.rows: count, counted.bytes: octets}
    if in_v2 and counted.table in COPIED:
        sums["copy_bytes"] = octets
        if counted.table == "message":
            del sums[counted.rows]  # 2.x has them, too
    return sums


def measure_all(store: Store) -> Measurement:
    """The whole file at once, for callers that need not watch."""
    result = Measurement()
    for result in measure(store):  # noqa: B007 - the last one is the answer
        pass
    return result


def measure_sessions(store: Store, ids: Iterable[str]) -> dict[str, Usage]:
    """A few sessions through their indices: for the lines on screen and for a single tree."""
    with store.reading() as db:
        connection = db.connection()
        return {id: _measure_one(store, connection, id) for id in ids}


def _measure_one(store: Store, connection: apsw.Connection, id: str) -> Usage:
    schema = store.schema
    question = "SELECT EXISTS (SELECT 1 FROM session_v2 WHERE id = ?)"
    in_v2 = schema.has("session_v2") and bool(scalar(connection, question, (id,)))
    found = Usage()
    for counted in MEASURED:
        if counted.table in schema.sized_tables:
            statement = (
                f'SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM "{counted.table}"'
                f' WHERE "{counted.key}" = ?'
            )
            count, octets = fetch(connection, statement, (id,))[0]
            found = found.plus(Usage(**_sums(counted, count, octets, in_v2)))
    return found
