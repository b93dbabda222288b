"""Level events: superseded snapshots go, the newest and all else stay, whatever happens between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.reclaim.parts import ending_of
from tests.event_history import History, plan_of
from tests.factories import DAY, NOW
from tests.picture import site_of
from tests.swollen import make_swollen
from tui.engine import pace
from tui.engine.perform import perform
from tui.engine.reclaim import apply_reclaim, events
from tui.policy.plan import Outcome, Plan


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    for id in ("ses_a", "ses_b"):
        made.session(id)
        for value in range(60):
            made.say(id, f"msg_{id}{value % 7}", value=value)
            made.show(id, f"prt_{id}{value % 7}", f"msg_{id}{value % 7}", text="x" * value * 40)
        made.touch(id)
    yield made
    made.close()


@pytest.fixture
def tiny_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    monkeypatch.setattr(pace, "PAUSE", 0.0)
    monkeypatch.setattr(events, "BUNCH_ROWS", 3)


def carry_out(history: History, plan: Plan, stop: Event | None = None) -> Outcome:
    return ending_of(apply_reclaim(plan, history.store, stop or Event()))


def newest_of_each(history: History) -> list[Any]:
    """The newest event of every message, part and session; types are versioned alike here."""
    return history.all(
        """SELECT id, data FROM (SELECT id, data, row_number() OVER (
             PARTITION BY aggregate_id, substr(type, 1, instr(type, '.')), coalesce(
               data ->> '$.part.id', data ->> '$.partID', data ->> '$.info.id') ORDER BY seq DESC)
             AS age FROM event) WHERE age = 1 ORDER BY id"""
    )


def assert_whole(history: History, conversation: str, newest: list[Any]) -> None:
    assert history.one("PRAGMA integrity_check") == ("ok",)
    assert history.all("PRAGMA foreign_key_check") == []
    assert history.conversation() == conversation, "the conversation and event_sequence stay"
    assert newest_of_each(history) == newest


def test_everything_superseded_goes_and_everything_else_stays(history: History) -> None:
    conversation, newest = history.conversation(), newest_of_each(history)
    plan = plan_of(history.site, "events")
    assert plan.message == f"{_size(plan)} in 214 events of 2 sessions can be reclaimed."
    assert [item.reason for item in plan] == ["events: 107 events"] * 2
    outcome = carry_out(history, plan)
    assert (outcome.ending, outcome.excluded) == ("done", {})
    assert outcome.done == plan.totals
    assert outcome.message == f"Reclaimed {_size(plan)} in 214 events."
    assert_whole(history, conversation, newest)
    assert history.all("SELECT id, data FROM event ORDER BY id") == newest


def _size(plan: Plan) -> str:
    from tui.format import size

    return size(plan.totals.bytes)


def test_a_second_run_finds_nothing(history: History) -> None:
    carry_out(history, plan_of(history.site, "events"))
    again = plan_of(history.site, "events")
    assert again.items == () and again.excluded == {}
    assert again.message.startswith("Nothing to reclaim")


def test_the_same_plan_twice_takes_nothing_twice(history: History) -> None:
    plan = plan_of(history.site, "events")
    carry_out(history, plan)
    left = history.all("SELECT * FROM event")
    outcome = carry_out(history, plan)
    assert outcome.ending == "nothing" and outcome.done.events == 0
    assert history.all("SELECT * FROM event") == left


def test_stopped_after_any_step_the_rest_is_whole_and_the_next_run_finishes(
    history: History, tiny_slices: None
) -> None:
    conversation, newest = history.conversation(), newest_of_each(history)
    steps = 0
    while plan_of(history.site, "events").items:
        stop = Event()
        deed = apply_reclaim(plan_of(history.site, "events"), history.store, stop)
        for _ in range(3):
            if next(deed, None) is None:
                break
        stop.set()
        outcome = ending_of(deed)
        assert outcome.ending in ("done", "partial")
        assert_whole(history, conversation, newest)
        steps += 1
    assert steps > 10
    assert history.all("SELECT id, data FROM event ORDER BY id") == newest


def test_the_log_goes_on_where_it_was(history: History) -> None:
    carry_out(history, plan_of(history.site, "events"))
    (before,) = history.one("SELECT seq FROM event_sequence WHERE aggregate_id = 'ses_a'")
    history.say("ses_a", "msg_ses_a0", value=99)
    assert history.one("SELECT max(seq) FROM event WHERE aggregate_id = 'ses_a'") == (before + 1,)
    outcome = carry_out(history, plan_of(history.site, "events", now=NOW + DAY))
    assert outcome.done.events == 1


def test_a_session_written_to_since_the_plan_is_left(history: History) -> None:
    plan = plan_of(history.site, "events")
    history.touch("ses_a")
    left = history.seqs("ses_a")
    outcome = carry_out(history, plan)
    assert outcome.excluded == {"changed": 1} and outcome.done.sessions == 1
    assert history.seqs("ses_a") == left


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE event_sequence SET seq = seq + 1 WHERE aggregate_id = 'ses_a'",
        "UPDATE event_sequence SET owner_id = 'machine' WHERE aggregate_id = 'ses_a'",
        "UPDATE session SET workspace_id = 'wrk' WHERE id = 'ses_a'",
        "UPDATE session SET time_updated = time_updated + 1 WHERE id = 'ses_a'",
    ],
)
def test_a_session_that_changes_in_the_middle_is_left_at_once(
    history: History, tiny_slices: None, change: str
) -> None:
    plan = plan_of(history.site, "events")
    plan = Plan("reclaim", tuple(item for item in plan if item.id == "ses_a"))
    deed = apply_reclaim(plan, history.store, Event())
    next(deed)
    next(deed)
    left = history.seqs("ses_a")
    history.connection.execute(change)
    outcome = ending_of(deed)
    assert history.seqs("ses_a") == left
    assert outcome.excluded == {"changed": 1} and 0 < outcome.done.events < 107


def test_others_at_work_do_not_hold_it_up(history: History, tiny_slices: None) -> None:
    history.session("ses_c")
    deed = apply_reclaim(plan_of(history.site, "events"), history.store, Event())
    for value, _ in enumerate(deed):
        history.say("ses_c", "msg_c", value=value)
    assert len(history.seqs("ses_c")) == value + 2
    assert plan_of(history.site, "events", session_ids=frozenset(("ses_a",))).items == ()


def test_a_row_goes_only_while_the_event_that_replaces_it_is_there(
    history: History, tiny_slices: None
) -> None:
    plan = plan_of(history.site, "events")
    deed = apply_reclaim(plan, history.store, Event())
    next(deed)
    history.connection.execute(
        "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event e WHERE"
        " e.aggregate_id = event.aggregate_id AND e.type = 'message.part.updated.1')"
    )
    outcome = ending_of(deed)
    assert outcome.ending == "done" and outcome.excluded == {"changed": 2}
    assert outcome.done.events < plan.totals.events
    parts = "SELECT count(DISTINCT data ->> '$.part.id') FROM event"
    assert history.one(parts) == (14,), "something is left of every part"


def test_a_row_that_no_longer_holds_the_newest_state_stops_the_deed(history: History) -> None:
    plan = plan_of(history.site, "events")
    history.connection.execute(
        "UPDATE part SET data = json_set(data, '$.text', 'old') WHERE id = 'prt_ses_a3'"
    )
    left = history.seqs("ses_a")
    outcome = carry_out(history, plan)
    assert outcome.excluded == {"changed": 1} and history.seqs("ses_a") == left
    again = plan_of(history.site, "events")
    assert again.excluded == {"diverged": 1}
    assert "“About ses_a”" in again.message and "do not hold the newest state" in again.message


def test_nothing_is_kept_in_the_trash_and_the_journal_tells_it(history: History) -> None:
    site = history.site
    outcome = ending_of(perform(plan_of(site, "events"), site, Event()))
    assert outcome.batch is None and outcome.ending == "done"
    assert not list(site.ledger.trash_folder.glob("*.db"))
    entry = site.ledger.entries()[0]
    assert (entry.verb, entry.state) == ("reclaim", "done") and "214 events" in entry.message


def test_a_large_row_has_a_transaction_of_its_own(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "ALONE_BYTES", 2_000)
    monkeypatch.setattr(pace, "SLICE", 60.0)
    monkeypatch.setattr(pace, "PAUSE", 0.0)
    plan = plan_of(history.site, "events")
    large = history.one(
        "SELECT count(*) FROM event WHERE octet_length(data) > 2000 AND id NOT IN (SELECT id FROM"
        " (SELECT id, max(seq) FROM event GROUP BY aggregate_id, data ->> '$.part.id'))"
    )[0]
    steps = list(apply_reclaim(plan, history.store, Event()))
    assert large > 5 and len(steps) >= large
    assert plan_of(history.site, "events").items == ()


def test_what_is_predicted_becomes_free(tmp_path: Path) -> None:
    path = make_swollen(tmp_path / "data" / "opencode.db", 0.1, huge=3_000_000)
    site = site_of(path)
    plan = plan_of(site, "events")
    outcome = ending_of(apply_reclaim(plan, site.store, Event()))
    assert outcome.done == plan.totals and outcome.done.events > 20_000
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.04)


def test_an_event_of_many_megabytes_never_passes_through_python(history: History) -> None:
    import tracemalloc

    history.connection.execute(
        "UPDATE event SET data = data || replace(hex(zeroblob(4000000)), '00', '    ')"
        " WHERE seq = 5"
    )
    tracemalloc.start()
    outcome = carry_out(history, plan_of(history.site, "events"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcome.done.bytes > 32_000_000 and outcome.done.events == 214
    assert peak < 2_000_000
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
