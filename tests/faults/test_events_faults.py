"""Superseded events, orphans and what can go wrong: killed, the disk full, a writer next door."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.engine.reclaim.parts import ending_of
from tests.event_history import History, plan_of
from tests.factories import execute
from tests.neighbour import Neighbour, Report, hardly_waits
from tests.picture import site_of
from tests.swollen import make_swollen
from tui.engine.reclaim import apply_reclaim

ROOT = Path(__file__).parents[2]

KILLED = """
import os, signal, sys
from pathlib import Path
from threading import Event
import tui.engine.pace as pace
from tests.event_history import plan_of
from tests.picture import site_of
from tui.engine.reclaim import apply_reclaim, events, orphans

pace.SLICE, pace.PAUSE = 0.0005, 0.0
events.BUNCH_ROWS = orphans.BUNCH_ROWS = 5
site = site_of(Path(sys.argv[1]))
plan = plan_of(site, sys.argv[2])
times = 0

def dying(deed):
    def run(*given):
        global times
        times += 1
        done = deed(*given)
        if times == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)  # in the middle of a transaction
        return done
    return run

events._Clearing._delete = dying(events._Clearing._delete)
orphans._delete = dying(orphans._delete)
for _ in apply_reclaim(plan, site.store, Event()):
    pass
"""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    for id in ("ses_a", "ses_b"):
        made.session(id)
        for value in range(60):
            made.say(id, f"msg_{id}{value % 7}", value=value)
    made.session("ses_gone")
    for value in range(60):
        made.event("ses_gone", "message.updated.1", {"value": value})
    made.event("ses_gone", "session.deleted.1", {"sessionID": "ses_gone"})
    made.connection.execute("DELETE FROM session WHERE id = 'ses_gone'")
    yield made
    made.close()


@pytest.mark.parametrize("level", ["events", "orphans"])
@pytest.mark.parametrize("at", [1, 4, 9])
def test_killed_in_the_middle_the_file_is_whole_and_the_next_run_finishes(
    history: History, level: str, at: int
) -> None:
    newest = "SELECT id, max(seq), data FROM event WHERE aggregate_id != 'ses_gone'"
    newest += " GROUP BY data ->> '$.info.id' ORDER BY 1"
    before, rows = history.all(newest), history.all("SELECT * FROM message ORDER BY id")
    sequences = "SELECT * FROM event_sequence WHERE aggregate_id != 'ses_gone' ORDER BY 1"
    kept = history.all(sequences)
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(history.path), level, str(at)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
    )
    assert ended.returncode == -9, ended.stderr.decode()
    assert history.one("PRAGMA quick_check") == ("ok",)
    assert history.all("PRAGMA foreign_key_check") == []
    site = history.site
    outcome = ending_of(apply_reclaim(plan_of(site, level), site.store, Event()))
    assert outcome.ending == "done" and outcome.excluded == {}
    assert plan_of(site, level).items == ()
    assert history.all(newest) == before and history.all(sequences) == kept
    assert history.all("SELECT * FROM message ORDER BY id") == rows


@pytest.mark.parametrize("level", ["events", "orphans"])
def test_a_full_disk_rolls_the_slice_back_and_is_not_counted(history: History, level: str) -> None:
    history.connection.execute(
        "CREATE TRIGGER full BEFORE DELETE ON event"
        " BEGIN SELECT raise(ROLLBACK, 'database or disk is full'); END"
    )
    before = history.all("SELECT id FROM event")
    plan = plan_of(history.site, level)
    with pytest.raises(Exception, match="full"):
        ending_of(apply_reclaim(plan, history.store, Event()))
    assert history.all("SELECT id FROM event") == before


def test_a_writer_next_door_waits_no_longer_than_it_may_even_for_an_event_of_23_megabytes(
    tmp_path: Path,
) -> None:
    hardly_waits(lambda number: beside(tmp_path / f"data{number}" / "opencode.db"))


def beside(path: Path) -> Report:
    """Events and orphans go beside a writer; what that writer lived through."""
    make_swollen(path, 0.08, huge=23_000_000)
    execute(path, "DELETE FROM session WHERE rowid % 4 = 0")
    execute(path, "DELETE FROM event WHERE type LIKE 'session%' AND aggregate_id NOT IN"
            " (SELECT id FROM session)")  # fmt: skip
    site = site_of(path)
    plan = plan_of(site, "events", "orphans")
    assert plan.totals.bytes > 23_000_000 and plan.totals.parts > 1000
    with Neighbour(path) as writer:
        outcome = ending_of(apply_reclaim(plan, site.store, Event()))
    report = writer.report
    assert outcome.done == plan.totals and outcome.excluded == {}
    assert report.errors == [] and len(report.ids) > 10
    kept = execute(path, "SELECT count(*) FROM neighbour")
    assert kept == [(len(report.ids),)], "no write of the neighbour is lost"
    return report
