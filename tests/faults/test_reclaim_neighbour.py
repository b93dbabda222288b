"""A writer next door, fifty times a second, during each level of reclaim: it hardly notices.

How long it waits on a quiet machine is measured by `tests.benchmarks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.engine.reclaim.parts import DAY, NOW, Database, compact, plan_for, tool
from tests.neighbour import TABLE, Neighbour, Report, hardly_waits
from tests.picture import drained, forest_of, site_of
from tui.engine import pace
from tui.engine.perform import perform
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.store.company import Company

ALONE = 5
"""Gaps between transactions before the one in the middle comes."""


@contextmanager
def made_database(path: Path) -> Iterator[Database]:
    """Some 20 MB for every level."""
    made = Database(path)
    made.session("ses_child", updated=NOW - 8 * DAY, parent="ses_a")
    body = "x" * 40_000
    with made.connection:
        for number in range(250):
            made.part(f"prt_m{number}", tool(body), 10 + number)
        made.compaction(1000)
        for number in range(250):
            made.part(f"prt_s{number}", tool(body, mark=None), 1100 + number)
        for time in (2000, 2001):
            made.message(time, role="user")
        made.message(3000, "ses_child")
        for number in range(250):
            made.part(f"prt_c{number}", tool(body, mark=None), 3000, "ses_child")
        task = tool("found it", mark=None, name="task", metadata={"sessionId": "ses_child"})
        made.part("prt_task", task, 2500)
        for number in range(60):
            diffs = [{"file": "a", "patch": "p" * 2_000} for _ in range(150)]
            data = compact({"role": "user", "summary": {"diffs": diffs}})
            made.message(4000 + number, id=f"msg_d{number}", role="user")
            made.connection.execute(
                "UPDATE message SET data = ? WHERE id = ?", (data, f"msg_d{number}")
            )
        made.message(5000, id="msg_large")
        made.connection.execute(
            'UPDATE message SET data = \'{"role":"user","summary":{"diffs":[{"patch":"\''
            " || hex(zeroblob(20000000)) || '\"}]}}' WHERE id = 'msg_large'"
        )
    try:
        yield made
    finally:
        made.close()


def beside(database: Database, level: str, keep: bool) -> Report:
    """Reclaim beside a writer; what that writer lived through."""
    plan = plan_for(database.store, level, keep=keep)
    assert plan.totals.bytes > 8_000_000, plan.message
    with Neighbour(database.path) as neighbour:
        outcome = drained(perform(plan, site_of(database.path), Event()))
        neighbour.leave()
    assert outcome.ending == "done" and outcome.excluded == {}, outcome
    assert outcome.done.bytes == plan.totals.bytes
    assert outcome.freed_bytes == pytest.approx(outcome.predicted_bytes, rel=0.02)
    assert neighbour.report.errors == []
    return neighbour.report


@pytest.mark.parametrize("keep", [False, True], ids=["", "with a copy"])
@pytest.mark.parametrize("level", ["compacted", "stale", "subagents", "diffs"])
def test_the_neighbour_hardly_waits(tmp_path: Path, level: str, keep: bool) -> None:
    def once(number: int) -> Report:
        with made_database(tmp_path / f"opencode-{number}.db") as database:
            return beside(database, level, keep)

    hardly_waits(once)


def come_upon(path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Carry the plan out, and let a writer open the database in the middle of it."""
    answers: list[bool] = []
    came = False

    class Listening(Company):
        """Remembers what it said in every gap."""

        @property
        def is_absent(self) -> bool:
            answers.append(super().is_absent)
            return answers[-1]

    monkeypatch.setattr(pace, "Company", Listening)
    monkeypatch.setattr("tui.engine.reclaim.Company", Listening)
    with Neighbour(path, late=True) as neighbour:
        for _ in perform(plan, site_of(path), Event()):
            if len(answers) >= ALONE and not came:
                neighbour.come()
                came = True
            if came and answers[-1]:
                time.sleep(0.002)  # it is on its way: the job must not end before it is there
        neighbour.leave()
    assert all(answers[:ALONE]) and answers.count(False) > 10, answers
    assert neighbour.report.errors == []
    return neighbour.report


@pytest.mark.parametrize("verb", ["compacted", "stale", "prune"])
def test_a_neighbour_who_comes_in_the_middle_hardly_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0005 if verb == "prune" else 0.0)  # some hundreds

    def once(number: int) -> Report:
        with made_database(tmp_path / f"opencode-{number}.db") as database:
            database.connection.execute(TABLE)
            database.close()
            return come_upon(database.path, plan_of(database, verb), monkeypatch)

    hardly_waits(once)


def plan_of(database: Database, verb: str) -> Plan:
    """All of it."""
    if verb != "prune":
        return plan_for(database.store, verb)
    forest = forest_of(site_of(database.path))
    return plan_prune(forest, PrunePolicy(ids=frozenset(forest.shape.index)), NOW)
