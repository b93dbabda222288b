"""Level orphans: what belongs to nobody goes, what belongs to somebody stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.engine.reclaim.parts import ending_of
from tests.event_history import History, plan_of
from tests.factories import DAY, NOW
from tests.picture import assert_sound
from tui.engine import pace
from tui.engine.reclaim import apply_reclaim, orphans
from tui.policy.plan import Outcome, Plan
from tui.store import file_kinds


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    for id in ("ses_a", "ses_b"):
        made.session(id)
        for number in range(40):
            made.say(id, f"msg_{id}{number}", value=number)
            made.show(id, f"prt_{id}{number}", f"msg_{id}{number}", text="x" * 1000)
    made.event("ses_a", "session.deleted.1", {"sessionID": "ses_a"})
    made.connection.execute("PRAGMA foreign_keys = OFF").fetchall()
    made.connection.execute("DELETE FROM session WHERE id = 'ses_a'")
    yield made
    made.close()


@pytest.fixture
def tiny_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    monkeypatch.setattr(pace, "PAUSE", 0.0)
    monkeypatch.setattr(orphans, "BUNCH_ROWS", 9)


def carry_out(history: History, plan: Plan, stop: Event | None = None) -> Outcome:
    return ending_of(apply_reclaim(plan, history.store, stop or Event(), files=history.path.parent))


def rows_of_b(history: History) -> list[object]:
    return [
        history.all(f"SELECT * FROM {table} WHERE {key} = 'ses_b' ORDER BY 1")
        for table, key in (
            ("session", "id"), ("message", "session_id"), ("part", "session_id"),
            ("event", "aggregate_id"), ("event_sequence", "aggregate_id"),
        )
    ]  # fmt: skip


def test_every_row_of_a_session_that_is_gone_goes_and_no_other(history: History) -> None:
    kept = rows_of_b(history)
    plan = plan_of(history.site, "orphans")
    assert [(item.id, item.reason) for item in plan] == [
        ("ses_a", "orphans: 40 messages, 40 parts, 82 events, 1 row")
    ]
    outcome = carry_out(history, plan)
    assert (outcome.ending, outcome.excluded) == ("done", {})
    assert (outcome.done.parts, outcome.done.messages, outcome.done.events) == (40, 40, 82)
    assert outcome.done.bytes == plan.totals.bytes
    assert_sound(history.path)
    assert rows_of_b(history) == kept
    assert plan_of(history.site, "orphans").items == ()


def test_stopped_after_any_step_the_next_run_finishes(history: History, tiny_slices: None) -> None:
    kept, runs = rows_of_b(history), 0
    while (plan := plan_of(history.site, "orphans")).items:
        stop = Event()
        deed = apply_reclaim(plan, history.store, stop)
        next(deed)
        stop.set()
        ending_of(deed)
        assert history.one("PRAGMA quick_check") == ("ok",) and rows_of_b(history) == kept
        runs += 1
    assert runs > 10
    assert_sound(history.path)


def test_a_session_that_comes_back_in_the_middle_keeps_the_rest(
    history: History, tiny_slices: None
) -> None:
    deed = apply_reclaim(plan_of(history.site, "orphans"), history.store, Event())
    next(deed)
    history.connection.execute("INSERT INTO session SELECT * FROM session WHERE 0")
    history.connection.execute(
        "INSERT INTO session (id, project_id, slug, directory, title, version, time_created,"
        " time_updated) VALUES ('ses_a', 'prj', 's', '/tmp', 'Back', '1.18.33', 1, 1)"
    )
    left = history.all("SELECT id FROM part") + history.all("SELECT id FROM event")
    outcome = ending_of(deed)
    assert outcome.excluded == {"changed": 1}
    assert history.all("SELECT id FROM part") + history.all("SELECT id FROM event") == left
    assert history.one("SELECT 1 FROM event_sequence WHERE aggregate_id = 'ses_a'")


def test_what_was_written_to_since_the_plan_is_left(history: History) -> None:
    plan = plan_of(history.site, "orphans")
    history.event("ses_a", "session.next.x.1", {})
    outcome = carry_out(history, plan)
    assert outcome.excluded == {"changed": 1} and outcome.done.sessions == 0


def test_a_session_that_only_its_events_could_bring_back_is_left_and_named(
    history: History,
) -> None:
    history.connection.execute("DELETE FROM event WHERE type = 'session.deleted.1'")
    plan = plan_of(history.site, "orphans")
    assert plan.items == () and plan.excluded == {"only_copy": 1}
    assert "ses_a" in plan.message and "only copy" in plan.message


def test_an_orphan_turns_old_enough_after_exactly_an_hour(history: History) -> None:
    young = plan_of(history.site, "orphans", now=history.now + 3_600_000 - 10)
    assert young.items == () and young.excluded == {"recent": 1}
    assert len(plan_of(history.site, "orphans", now=history.now + 3_600_001)) == 1


def test_parts_without_a_message_go_and_their_session_stays(history: History) -> None:
    history.connection.execute("DELETE FROM message WHERE id = 'msg_ses_b7'")
    plan = plan_of(history.site, "orphans")
    assert ("ses_b", "orphans: 1 part") in {(item.id, item.reason) for item in plan}
    before = history.seqs("ses_b")
    carry_out(history, plan)
    assert history.one("SELECT count(*) FROM part WHERE session_id = 'ses_b'") == (39,)
    assert history.one("SELECT count(*) FROM message WHERE session_id = 'ses_b'") == (39,)
    assert history.seqs("ses_b") == before


def test_the_diff_file_goes_too_and_others_stay(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = history.path.parent / "storage" / "session_diff"
    folder.mkdir(parents=True)
    for id in ("ses_a", "ses_b", "ses_lost"):
        (folder / f"{id}.json").write_text("[]" * 5000)
        os.utime(folder / f"{id}.json", (1, 1))
    plan = plan_of(history.site, "orphans", now=NOW + DAY)
    assert plan.totals.files == 2
    outcome = carry_out(history, plan)
    assert outcome.done.files == 2
    assert [file.name for file in folder.iterdir()] == ["ses_b.json"]
    assert outcome.freed_bytes >= 2 * 10_000 and file_kinds.DIFF_AGE == DAY
