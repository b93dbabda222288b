"""Levels after one another: what one leaves of a row is no reason for the next to mistrust it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.reclaim.parts import ending_of
from tests.event_history import History, plan_of
from tests.factories import DAY, NOW
from tui.engine.perform import perform
from tui.engine.reclaim import apply_reclaim
from tui.engine.undo import plan_undo
from tui.policy.plan import Outcome

OF_ROWS = ("stale", "subagents", "summarised", "diffs")
LATER = NOW + 8 * DAY
LONG = "x" * 120_000
"""Thirty thousand tokens."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    made = History(tmp_path / "data" / "opencode.db")
    made.session("ses_a")
    ask(made, "msg_0", diffs=True)
    call(made, "prt_short", "ok")
    call(made, "prt_copy", "ok", metadata={"output": "ok", "exit": 0})
    for number in (1, 2, 3):
        ask(made, f"msg_{number}")
        call(made, f"prt_{number}", LONG, message=f"msg_{number}")
    metadata = {"sessionId": "ses_child", "parentSessionId": "ses_a"}
    call(made, "prt_task", "42", message="msg_3", tool="task", metadata=metadata)
    ask(made, "msg_4")
    ask(made, "msg_5")
    made.session("ses_child")
    made.connection.execute("UPDATE session SET parent_id = 'ses_a' WHERE id = 'ses_child'")
    ask(made, "msg_c", "ses_child")
    call(made, "prt_c", "y" * 5000, session="ses_child", message="msg_c")
    made.session("ses_sum")
    ask(made, "msg_s", "ses_sum")
    call(made, "prt_s", "z" * 5000, session="ses_sum", message="msg_s")
    ask(made, "msg_sc", "ses_sum")
    made.show("ses_sum", "prt_sc", "msg_sc", type="compaction", auto=False)
    summary = {"summary": True, "mode": "compaction", "finish": "stop", "parentID": "msg_sc"}
    made.say("ses_sum", "msg_sr", role="assistant", **summary)
    for id in ("ses_a", "ses_child", "ses_sum"):
        made.touch(id)
    yield made
    made.close()


def ask(made: History, id: str, session: str = "ses_a", *, diffs: bool = False) -> None:
    """A user's message, told twice."""
    made.say(session, id, state="early")
    entry = {"file": "a.txt", "patch": "+line\n" * 300, "additions": 300, "deletions": 0}
    made.say(session, id, **({"summary": {"diffs": [entry]}} if diffs else {}))


def call(
    made: History, id: str, output: str, *, session: str = "ses_a", message: str = "msg_0",
    tool: str = "bash", metadata: Any = None,
) -> None:  # fmt: skip
    """A tool call, first running and then completed."""
    about = {"type": "tool", "tool": tool, "callID": "call_" + id}
    made.show(session, id, message, **about, state={"status": "running", "input": {}})
    state = {
        "status": "completed", "input": {}, "output": output, "title": tool,
        "metadata": metadata or {"exit": 0}, "time": {"start": 1, "end": 2},
    }  # fmt: skip
    made.show(session, id, message, **about, state=state)


def carry_out(history: History, *levels: str) -> Outcome:
    plan = plan_of(history.site, *levels, now=LATER)
    assert plan.items and "diverged" not in plan.excluded, plan.message
    outcome = ending_of(apply_reclaim(plan, history.store, Event()))
    assert outcome.ending == "done" and outcome.excluded == {}, outcome.message
    return outcome


def assert_only_the_newest_events_are_left(history: History) -> None:
    left = plan_of(history.site, "events", now=LATER)
    assert left.items == () and left.excluded == {}
    counted = """SELECT count(*), count(DISTINCT coalesce(data ->> '$.part.id',
        data ->> '$.info.id')) FROM event"""
    events, things = history.one(counted)
    rows = sum(
        history.one(f"SELECT count(*) FROM {table}")[0] for table in ("session", "message", "part")
    )
    # The event of a session's creation is of another type than those that follow it.
    assert things == rows and events in (rows, rows + 3)


@pytest.mark.parametrize("level", OF_ROWS)
def test_a_row_that_a_level_has_changed_is_not_called_diverged(
    history: History, level: str
) -> None:
    assert carry_out(history, level).done.bytes > 0
    carry_out(history, "events")
    assert_only_the_newest_events_are_left(history)


@pytest.mark.parametrize("order", list(permutations(OF_ROWS))[::5])
def test_events_go_after_all_the_other_levels(history: History, order: tuple[str, ...]) -> None:
    for level in order:
        carry_out(history, level)
    mark = "SELECT data ->> '$.state.output', data ->> '$.state.time.compacted' FROM part"
    for id in ("prt_short", "prt_copy"):
        output, marked = history.one(f"{mark} WHERE id = ?", id)
        assert (output, marked is not None) == ("ok", True), "a short output is marked, and stays"
    carry_out(history, "events")
    assert_only_the_newest_events_are_left(history)


def test_all_the_other_levels_go_after_the_events(history: History) -> None:
    carry_out(history, "events")
    for level in OF_ROWS:
        assert carry_out(history, level).done.bytes > 0
    assert_only_the_newest_events_are_left(history)


def test_one_plan_takes_them_all_and_counts_what_it_takes(history: History) -> None:
    plan = plan_of(history.site, *OF_ROWS, "events", now=LATER)
    outcome = carry_out(history, *OF_ROWS, "events")
    assert outcome.done == plan.totals
    assert "tool outputs, the diffs of 1 message and" in outcome.message
    assert_only_the_newest_events_are_left(history)


def test_with_copies_undo_brings_the_rows_back_and_the_events_stay_gone(history: History) -> None:
    before = history.conversation()
    site = history.site
    plan = plan_of(site, *OF_ROWS, "events", now=LATER, keep=True)
    outcome = ending_of(perform(plan, site, Event()))
    assert outcome.ending == "done" and outcome.batch, outcome.message
    assert "undo brings back all but events" in outcome.message
    assert history.conversation() != before
    undone = ending_of(perform(plan_undo(site), site, Event()))
    assert undone.ending == "done", undone.message
    assert history.conversation() == before
    assert_only_the_newest_events_are_left(history)


def test_where_nothing_can_be_kept_no_batch_is_made(history: History) -> None:
    site = history.site
    plan = plan_of(site, "events", now=LATER, keep=True)
    outcome = ending_of(perform(plan, site, Event()))
    assert outcome.ending == "done" and outcome.batch is None
    assert not list(site.ledger.trash_folder.glob("*"))
