"""Level subagents: a child's tool output goes once its parent holds what it found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.engine.reclaim.parts import (
    BIG,
    DAY,
    NOW,
    Database,
    carry_out,
    ending_of,
    fingerprint,
    plan_for,
    tool,
)
from tui.engine.reclaim import apply_reclaim

PLAIN = tool(BIG, mark=None)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "opencode.db")
    made.session("ses_child", updated=NOW - 8 * DAY, parent="ses_a")
    made.message(500, "ses_child")
    made.part("prt_child", PLAIN, 500, "ses_child")
    yield made
    made.close()


def task(output: Any = "The answer is 42.", child: str = "ses_child", **more: Any) -> str:
    metadata = more.pop("metadata", {"sessionId": child, "parentSessionId": "ses_a"})
    return tool(output, mark=more.pop("mark", None), name="task", metadata=metadata, **more)


def test_a_child_whose_result_the_parent_holds_is_cleared_and_marked(database: Database) -> None:
    database.part("prt_task", task())
    before = fingerprint(database.path, but=("prt_child",))
    plan = plan_for(database.store, "subagents")
    outcome = carry_out(plan, database.store)
    state = database.state("prt_child")
    assert state["output"] == "[reclaimed]" and len(str(state["time"]["compacted"])) == 13
    assert outcome.done.bytes == plan.totals.bytes and outcome.done.parts == 1
    assert fingerprint(database.path, but=("prt_child",)) == before


@pytest.mark.parametrize(
    "metadata",
    [{"sessionId": "ses_child"}, {"sessionID": "ses_child"},
     {"sessionId": "ses_child", "parentSessionId": "ses_a"}],
)  # fmt: skip
def test_every_shape_of_the_link_is_known(database: Database, metadata: dict[str, str]) -> None:
    database.part("prt_task", task(metadata=metadata))
    assert len(plan_for(database.store, "subagents")) == 1


@pytest.mark.parametrize(
    "part",
    [
        None,
        task(""),
        task(" \n"[:1]),
        task("[reclaimed]"),
        task(None),
        task(status="running"),
        task(status="error"),
        task(mark=5),
        task(child="ses_other"),
        task(metadata={"sessionId": "ses_child", "parentSessionId": "ses_else"}),
        task()[:-1],
        tool("ses_child", mark=None, metadata={"sessionId": "ses_child"}),
    ],
    ids=["none", "empty", "blank", "reclaimed", "null", "running", "error", "marked", "other",
         "other parent", "malformed", "another tool"],
)  # fmt: skip
def test_what_nobody_else_holds_stays_and_is_counted(database: Database, part: str | None) -> None:
    if part is not None:
        database.part("prt_task", part)
    plan = plan_for(database.store, "subagents")
    assert len(plan) == 0
    assert plan.excluded["only_copy"] == 1
    named = plan_for(database.store, "subagents", session_ids=frozenset({"ses_child"}))
    assert len(named) == 0, "not even by name"


def test_a_root_is_no_subagent(database: Database) -> None:
    database.part("prt_task", task())
    database.part("prt_root", PLAIN)
    plan = plan_for(database.store, "subagents", session_ids=frozenset({"ses_a", "ses_child"}))
    assert [item.id for item in plan] == ["ses_child"]


def test_a_child_rests_for_a_week_or_as_long_as_told(database: Database) -> None:
    database.part("prt_task", task())
    database.connection.execute(
        "UPDATE session SET time_updated = ? WHERE id = 'ses_child'", (NOW - 6 * DAY,)
    )
    assert plan_for(database.store, "subagents").excluded == {"recent": 1}
    assert len(plan_for(database.store, "subagents", idle=timedelta(days=6))) == 1
    assert plan_for(database.store, "subagents", running=frozenset({"ses_child"})).excluded == {
        "running": 1
    }


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM part WHERE id = 'prt_task'",
        "UPDATE part SET data = json_set(data, '$.state.output', '') WHERE id = 'prt_task'",
        "UPDATE session SET time_updated = time_updated + 1 WHERE id = 'ses_child'",
    ],
    ids=["task gone", "result gone", "active"],
)
def test_a_result_lost_meanwhile_protects_the_rest_of_the_child(
    database: Database, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    database.part("prt_task", task())
    database.part("prt_second", PLAIN, 500, "ses_child")
    steps = apply_reclaim(plan_for(database.store, "subagents"), database.store, Event())
    next(steps)
    database.connection.execute(change)
    outcome = ending_of(steps)
    assert outcome.done.parts == 1 and outcome.excluded == {"changed": 1}


def test_a_part_of_several_levels_is_counted_and_taken_once(database: Database) -> None:
    database.part("prt_task", task())
    database.part("prt_marked", tool(BIG), 500, "ses_child")
    database.compaction(600, session="ses_child")
    levels = ("compacted", "summarised", "stale", "subagents")
    plan = plan_for(database.store, *levels)
    assert plan.totals.parts == 2
    outcome = carry_out(plan, database.store)
    assert outcome.done.parts == 2 and outcome.excluded == {}
    assert outcome.done.bytes == plan.totals.bytes


def test_the_child_goes_before_a_parent_whose_own_output_is_taken_as_well(
    database: Database,
) -> None:
    database.part("prt_task", task("the answer " * 3000))
    database.compaction(100)
    outcome = carry_out(plan_for(database.store, "summarised", "subagents"), database.store)
    assert outcome.done.parts == 2 and outcome.excluded == {}
