"""Folding the write-ahead log in: never an error, never a long lock, honest about readers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.bloat import content
from tests.factories import execute, make_database, session
from tests.neighbour import Holder, Neighbour
from tui.engine.checkpoint import PATIENCE_MS, apply_checkpoint
from tui.policy.plan import Outcome
from tui.policy.vacuum import plan_checkpoint
from tui.store.database import Store, file_size, open_store, wal_of


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Path]:
    """A database that somebody keeps open, whose log holds an update of every part."""
    path = make_database(
        tmp_path / "opencode.db", [session(f"s{n}", octets=50_000) for n in range(20)]
    )
    with Holder(path):
        execute(path, "UPDATE part SET data = replace(data, 'ooo', 'ppp')")
        yield path


def checkpoint(store: Store) -> Outcome:
    deed = apply_checkpoint(plan_checkpoint(store.sizes()), store, Event())
    while True:
        try:
            next(deed)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def test_the_log_is_emptied_while_somebody_idles(busy: Path) -> None:
    said, log, size = content(busy), file_size(wal_of(busy)), busy.stat().st_size
    outcome = checkpoint(open_store(busy))
    assert outcome.ending == "done"
    assert log > 500_000
    assert file_size(wal_of(busy)) == 0
    assert outcome.freed_bytes == log + size - busy.stat().st_size > 0
    assert outcome.predicted_bytes == outcome.freed_bytes
    assert content(busy) == said


def test_a_reader_of_an_older_state_makes_it_partial_and_is_named(busy: Path) -> None:
    execute(busy, "PRAGMA wal_checkpoint(TRUNCATE)")
    with Holder(busy, reading=True) as reader:
        execute(busy, "UPDATE part SET data = replace(data, 'ppp', 'qqq')")
        outcome = checkpoint(open_store(busy))
        assert outcome.ending == "partial"
        assert f"(pid {reader.pid})" in outcome.message
        assert outcome.details["busy"] is True
        assert outcome.details["log"] > 0
        assert reader.pid in [holder["pid"] for holder in outcome.details["holders"]]
        assert outcome.freed_bytes == 0
        assert file_size(wal_of(busy)) > 0
    assert checkpoint(open_store(busy)).ending == "done"


def test_of_many_holders_the_one_that_reads_is_named(busy: Path) -> None:
    execute(busy, "PRAGMA wal_checkpoint(TRUNCATE)")
    with Holder(busy) as idle, Holder(busy, reading=True) as reader:
        execute(busy, "UPDATE part SET data = replace(data, 'ppp', 'qqq')")
        message = checkpoint(open_store(busy)).message
    assert f"(pid {reader.pid}) is still reading an older state" in message
    assert str(idle.pid) not in message


def test_a_writer_that_keeps_the_lock_is_named_as_a_writer(busy: Path) -> None:
    with Holder(busy) as writer:
        writer.ask("SELECT 1")
        begun = writer.ask("PRAGMA user_version = 3; BEGIN IMMEDIATE; SELECT 1")
        assert begun == 1
        outcome = checkpoint(open_store(busy))
    assert outcome.ending == "partial"
    assert f"(pid {writer.pid}) is writing at this moment" in outcome.message


def test_a_writer_that_keeps_the_lock_makes_it_partial_not_an_error(busy: Path) -> None:
    writer = apsw.Connection(str(busy))
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE session SET title = 'unfinished'")
        assert checkpoint(open_store(busy)).ending == "partial"
        writer.execute("COMMIT")
    finally:
        writer.close()
    assert execute(busy, "SELECT DISTINCT title FROM session") == [("unfinished",)]


def test_waiting_for_a_reader_keeps_writers_out_only_for_the_patience(busy: Path) -> None:
    with Holder(busy, reading=True), Neighbour(busy) as writer:
        assert checkpoint(open_store(busy)).ending == "partial"  # it ended before the reader left
    assert writer.report.errors == []
    # A shared machine may be slow; without the short patience each wait would be 5 s.
    assert writer.report.worst < PATIENCE_MS * 15


def test_an_empty_log_is_nothing_to_do(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [session("Sow cress")])
    assert checkpoint(open_store(path)).ending == "nothing"


def test_a_read_only_store_is_refused(busy: Path) -> None:
    log = file_size(wal_of(busy))
    outcome = checkpoint(open_store(busy, read_only=True))
    assert outcome.ending == "refused"
    assert file_size(wal_of(busy)) == log


def test_a_stop_before_it_began_changes_nothing_that_can_be_read(busy: Path) -> None:
    said = content(busy)
    store, stop = open_store(busy), Event()
    stop.set()
    list(apply_checkpoint(plan_checkpoint(store.sizes()), store, stop))
    assert content(busy) == said
