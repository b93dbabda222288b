"""Reclaim and what can go wrong: killed, locked out, a neighbour at work, rows of megabytes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.engine.reclaim.parts import BIG, Database, carry_out, fingerprint, plan_for, tool
from tui.errors import Refused
from tui.store.payloads import find_payloads


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    yield made
    made.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from threading import Event
import tui.engine.pace as pace
from tests.engine.reclaim.parts import plan_for
from tui.engine.reclaim import apply_reclaim, rewrite
from tui.store.database import Store

pace.SLICE = 0.0005
store = Store(Path(sys.argv[1]))
edit, edits = rewrite._edit, 0

def counting(*given):
    global edits
    edits += 1
    if edits == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)  # in the middle of a transaction
    return edit(*given)

rewrite._edit = counting
for _ in apply_reclaim(plan_for(store, "compacted"), store, Event()):
    pass
"""


@pytest.mark.parametrize("at", [1, 7, 30])
def test_killed_in_the_middle_the_file_is_whole_and_the_next_run_finishes(
    database: Database, at: int
) -> None:
    ids = [database.part(f"prt_{n}", tool(BIG + str(n), metadata={"output": BIG})) for n in
           range(40)]  # fmt: skip
    untouched = fingerprint(database.path, but=tuple(ids))
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(database.path), str(at)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert database.connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    done = [id for id in ids if database.state(id)["output"] == "[reclaimed]"]
    assert len(done) < at
    for id in ids:
        state = database.state(id)
        copies = {state["output"] == "[reclaimed]", state["metadata"]["output"] == "[reclaimed]"}
        assert len(copies) == 1, "a row is reclaimed as a whole or not at all"
    store = database.store
    outcome = carry_out(plan_for(store, "compacted"), store)
    assert outcome.ending == "done" and outcome.done.parts == len(ids) - len(done)
    assert {database.state(id)["output"] for id in ids} == {"[reclaimed]"}
    assert fingerprint(database.path, but=tuple(ids)) == untouched


def test_locked_out_from_the_start_it_refuses_and_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.05)
    database.part("prt_1", tool(BIG))
    store = database.store
    plan = plan_for(store, "compacted")
    database.connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(Refused, match="locked by another program"):
        carry_out(plan, store)
    database.connection.execute("ROLLBACK")
    assert database.data("prt_1").decode() == tool(BIG)


def test_locked_out_later_it_ends_partial_and_counts_what_was_committed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    from tests.engine.reclaim.parts import ending_of
    from tui.engine.reclaim import apply_reclaim

    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.05)
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    ids = [database.part(f"prt_{n}", tool(BIG)) for n in range(3)]
    store = database.store
    steps = apply_reclaim(plan_for(store, "compacted"), store, Event())
    next(steps)
    database.connection.execute("BEGIN IMMEDIATE")
    outcome = ending_of(steps)
    database.connection.execute("ROLLBACK")
    assert outcome.ending == "partial" and outcome.done.parts == 1
    assert "locked by another program" in outcome.message
    assert [database.state(id)["output"] for id in ids].count("[reclaimed]") == 1


def test_a_full_disk_rolls_the_slice_back_and_is_not_counted(database: Database) -> None:
    ids = [database.part(f"prt_{n}", tool(BIG)) for n in range(3)]
    database.connection.execute(
        "CREATE TRIGGER full AFTER UPDATE ON part WHEN new.id = 'prt_2'"
        " BEGIN SELECT raise(ROLLBACK, 'database or disk is full'); END"
    )
    store = database.store
    with pytest.raises(Exception, match="full"):
        carry_out(plan_for(store, "compacted"), store)
    assert {database.state(id)["output"] for id in ids} == {BIG}
    assert database.connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_a_writer_next_door_is_never_locked_out(database: Database) -> None:
    with database.connection:
        for number in range(400):
            database.part(f"prt_{number}", tool("x" * 30_000, metadata={"output": "x" * 30_000}))
    store = database.store
    plan = plan_for(store, "compacted")
    written = 0
    errors: list[apsw.Error] = []
    over = threading.Event()

    def neighbour() -> None:
        nonlocal written
        connection = apsw.Connection(str(database.path))
        connection.set_busy_timeout(5000)
        try:
            while not over.wait(0.005):
                connection.execute("UPDATE session SET title = title || '.' WHERE id = 'ses_a'")
                written += 1
        except apsw.Error as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=neighbour)
    thread.start()
    outcome = carry_out(plan, store)
    over.set()
    thread.join()
    assert outcome.done.parts == 400 and outcome.done.bytes == plan.totals.bytes
    assert written and errors == []
    title: Any = database.connection.execute("SELECT title FROM session").fetchone()
    assert title[0] == "About ses_a" + "." * written, "no write of the neighbour is lost"


def test_a_part_of_sixty_four_megabytes_is_reclaimed_without_passing_through_python(
    database: Database,
) -> None:
    import tracemalloc

    database.part("prt_1", tool(BIG))
    big = "UPDATE part SET data = replace(data, ?, replace(hex(zeroblob(32000000)), '00', 'ab'))"
    database.connection.execute(big, (BIG,))
    database.part("prt_2", tool(BIG))
    store = database.store
    tracemalloc.start()
    plan = plan_for(store, "compacted")
    outcome = carry_out(plan, store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.done.parts == 2 and outcome.done.bytes == plan.totals.bytes > 64_000_000
    assert database.state("prt_1")["output"] == "[reclaimed]"
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    assert peak < 5_000_000, "octets of rows were held by Python"


def test_an_unreadable_database_is_explained(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db")
    database.part("prt_1", tool(BIG))
    plan = plan_for(database.store, "compacted")
    store = database.store
    _ = store.schema
    database.close()
    path = tmp_path / "opencode.db"
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(Refused, match="cannot be opened"):
        carry_out(plan, store)
    with pytest.raises(Refused, match="cannot be opened"):
        find_payloads(store, ["compacted"])
