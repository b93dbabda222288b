"""Measuring: exact, threads that end, and no read that keeps opencode from checkpointing."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.factories import execute, make_database, session
from tests.neighbour import Holder, Neighbour
from tui.store.database import open_store
from tui.store.models import Event as EventTable
from tui.store.models import EventSequence
from tui.store.usage import measure, measure_all, measure_sessions, side_by_side

CHECKPOINTS = 20


@pytest.fixture
def database(tmp_path: Path) -> Path:
    trees = [
        session(f"s{n}", octets=n * 1000, events=n % 3, children=[session(f"c{n}")])
        for n in range(12)
    ]
    return make_database(tmp_path / "opencode.db", trees)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Large enough that measuring takes a while."""
    path = make_database(tmp_path / "opencode.db", [session("a", events=1)])
    for table, columns in (("part", "message_id, session_id, time_created, time_updated"),
                           ("event", "aggregate_id, seq, type")):  # fmt: skip
        values = columns.replace("seq", "n + 100")
        execute(
            path,
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 60000)"
            f" INSERT INTO {table} (id, {columns}, data) SELECT '{table}' || n, {values},"
            f' \'{{"type":"text"}}\' FROM c, (SELECT * FROM {table} LIMIT 1)',
        )
    return path


def ours() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "ocdu-measure"]


def slow(path: Path, table: str, key: str) -> dict[str, tuple[int, int]]:
    """Rows and octets by session, by the standard library's SQLite."""
    connection = sqlite3.connect(path)
    try:
        found = connection.execute(
            f"SELECT {key}, count(*), sum(length(CAST(data AS BLOB))) FROM {table} GROUP BY 1"
        )
        return {id: (rows, octets) for id, rows, octets in found}
    finally:
        connection.close()


def test_every_session_equals_a_slow_count(database: Path) -> None:
    execute(database, "UPDATE part SET data = replace(data, 'oooo', '€äöü') WHERE rowid % 2")
    measured = measure_all(open_store(database))
    for table, key in (("message", "session_id"), ("part", "session_id"),
                       ("event", "aggregate_id")):  # fmt: skip
        expected = slow(database, table, key)
        assert measured.tables[table] == sum(octets for _, octets in expected.values())
        assert measured.rows[table] == sum(rows for rows, _ in expected.values())
        for id, usage in measured.sessions.items():
            mine = (getattr(usage, table + "s"), getattr(usage, table + "_bytes"))
            assert mine == expected.get(id, (0, 0))
    ids = list(measured.sessions)
    assert measure_sessions(open_store(database), ids) == measured.sessions


def test_a_broken_session_id_stops_nothing(database: Path) -> None:
    execute(database, "UPDATE part SET session_id = CAST(x'ff' AS TEXT) WHERE rowid = 1")
    before = measure_all(open_store(database))
    assert "\ufffd" in before.sessions
    assert (
        before.tables["part"] == execute(database, "SELECT sum(octet_length(data)) FROM part")[0][0]
    )


def test_an_old_or_an_empty_database_is_measured(tmp_path: Path) -> None:
    old = make_database(tmp_path / "o.db", [session("a")], without=[EventSequence, EventTable])
    assert set(measure_all(open_store(old)).tables) == {"message", "part"}
    empty = measure_all(open_store(make_database(tmp_path / "e.db")))
    assert (empty.done, empty.bytes, empty.sessions) == (True, 0, {})


def test_it_grows_and_ends_done(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.store.usage.MOST_ROWS", 5_000)
    grown = [found.bytes for found in measure(open_store(large))]
    assert len(grown) > 20
    assert grown == sorted(grown)
    assert ours() == []


def test_closing_it_ends_its_threads(large: Path) -> None:
    measuring = measure(open_store(large))
    next(measuring)
    measuring.close()
    assert ours() == []


def test_stopping_it_ends_its_threads_and_is_not_done(large: Path) -> None:
    stop = Event()
    seen = []
    for found in measure(open_store(large), stop):
        seen.append(found.done)
        stop.set()
    assert seen == [False]
    assert ours() == []


def test_what_fails_in_a_thread_is_raised_here_and_ends_the_others(database: Path) -> None:
    store = open_store(database)
    assert store.schema.has("event")
    execute(database, "DROP TABLE event")
    with pytest.raises(apsw.SQLError, match="no such table: event"):
        measure_all(store)
    assert ours() == []


def test_jobs_run_side_by_side_and_are_closed_in_their_own_threads() -> None:
    meeting = threading.Barrier(2, timeout=30)
    closed: list[bool] = []

    def job():  # type: ignore[no-untyped-def]
        me = threading.current_thread()
        try:
            meeting.wait()
            yield 1
            yield 2
        finally:
            closed.append(threading.current_thread() is me)

    assert sorted(side_by_side([job, job])) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert closed == [True, True]


def test_a_checkpoint_gets_through_at_any_moment(large: Path) -> None:
    """Waiting 0.2 s at most, while three tables are read over and over and somebody writes."""
    measuring = Event()
    reader = threading.Thread(target=_measure_until, args=(large, measuring))
    results = []
    with Neighbour(large, 200), Holder(large) as other:
        assert other.ask("PRAGMA busy_timeout = 200") == 200
        reader.start()
        try:
            for _ in range(CHECKPOINTS):
                results.append(other.ask("PRAGMA wal_checkpoint(TRUNCATE)"))
        finally:
            measuring.set()
            reader.join()
    # Now and then a busy machine does not let the reader go on for that long.
    assert results.count(0) >= CHECKPOINTS * 0.8, results


def _measure_until(path: Path, ended: Event) -> None:
    while not ended.is_set():
        measure_all(open_store(path))
