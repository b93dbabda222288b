"""The worker: one job after the other, stoppable between any two steps, and a journal of it all."""

from __future__ import annotations

import queue
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.factories import NOW, count_rows, days_ago, execute, make_database, session
from tests.neighbour import Holder as HolderProcess
from tests.picture import forest_of, picture, run, site_of
from tui.engine.site import Site
from tui.engine.vacuum import vacuum_facts
from tui.engine.worker import JobFinished, JobStarted, Worker, WorkerEvent
from tui.policy.archive import plan_archive
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.vacuum import plan_vacuum
from tui.store.ledger import Ledger

OLD = days_ago(90)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [session(f"t{number}", active=OLD, events=1) for number in range(6)]
    return site_of(make_database(tmp_path / "opencode.db", trees))


@pytest.fixture
def posted() -> queue.Queue[WorkerEvent]:
    return queue.Queue()


@pytest.fixture
def worker(site: Site, posted: queue.Queue[WorkerEvent]) -> Iterator[Worker]:
    made = Worker(site, posted.put)
    yield made
    assert made.close(timeout=30)


def outcomes(posted: queue.Queue[WorkerEvent], count: int) -> list[JobFinished]:
    found: list[JobFinished] = []
    while len(found) < count:
        event = posted.get(timeout=20)
        if isinstance(event, JobFinished):
            found.append(event)
    return found


def prune(site: Site, *ids: str) -> Plan:
    return plan_prune(forest_of(site), PrunePolicy(ids=frozenset(ids)), NOW)


def test_jobs_are_done_in_the_order_given(
    site: Site, worker: Worker, posted: queue.Queue[WorkerEvent]
) -> None:
    jobs = [worker.submit(prune(site, "ses_t0")), worker.submit(prune(site, "ses_t1"))]
    found = outcomes(posted, 2)
    assert [each.job for each in found] == jobs
    assert all(each.outcome.ending == "done" for each in found)
    assert count_rows(site.store.path, "session") == 4


def test_a_paused_job_waits_and_a_cancelled_one_keeps_trees_whole(
    site: Site, worker: Worker, posted: queue.Queue[WorkerEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.prune.GROUP_TREES", 1)
    worker.pause()
    job = worker.submit(prune(site, *(f"ses_t{number}" for number in range(6))))
    assert isinstance(posted.get(timeout=20), JobStarted)
    posted.get(timeout=20)
    assert worker.paused and worker.running is not None
    worker.cancel(job)
    [finished] = outcomes(posted, 1)
    assert finished.outcome.done.sessions < 6
    assert count_rows(site.store.path, "session") == 6 - finished.outcome.done.sessions
    assert count_rows(site.store.path, "message") == 2 * count_rows(site.store.path, "session")


def test_a_waiting_job_can_be_taken_out_of_the_queue(
    site: Site, worker: Worker, posted: queue.Queue[WorkerEvent]
) -> None:
    worker.pause()
    first = worker.submit(prune(site, "ses_t0"))
    second = worker.submit(prune(site, "ses_t1"))
    posted.get(timeout=20)
    worker.cancel(second)
    worker.resume()
    assert [each.job for each in outcomes(posted, 1)] == [first]
    assert worker.waiting() == [] and count_rows(site.store.path, "session") == 5


def test_the_journal_keeps_prediction_and_result_and_survives_a_restart(site: Site) -> None:
    outcome = run(prune(site, "ses_t0"), site)
    again = Ledger(site.ledger.folder, site.store.path)
    [entry] = again.entries()
    assert (entry.verb, entry.state, entry.title) == ("prune", "done", "“t0”")
    assert entry.freed_bytes == outcome.freed_bytes and entry.batch == outcome.batch
    assert entry.undoable and again.freed() == outcome.freed_bytes


def test_an_expected_failure_is_a_sentence_and_stands_in_the_journal(site: Site) -> None:
    plan = plan_archive(forest_of(site), ["ses_t0"], NOW)
    execute(site.store.path, "DROP TABLE session")
    outcome = run(plan, site)
    assert outcome.ending == "failed" and "session" in outcome.message
    assert site.ledger.entries()[0].state == "failed"


def test_two_ocdus_never_write_at_once(site: Site) -> None:
    before = picture(site.store.path)
    plan = prune(site, "ses_t0")
    with Ledger(site.ledger.folder, site.store.path).exclusive():
        site_ledger = site.ledger.exclusive
        object.__setattr__(site.ledger, "exclusive", lambda: site_ledger(patience=0.05))
        outcome = run(plan, site)
    assert outcome.ending == "refused" and "Another ocdu" in outcome.message
    assert picture(site.store.path) == before


def test_the_ledger_is_private(site: Site) -> None:
    site.ledger.pin(["ses_t0"])
    assert stat.S_IMODE(site.ledger.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((site.ledger.folder / "ledger.db").stat().st_mode) == 0o600


def test_a_pinned_tree_is_in_no_plan_that_does_not_name_it(site: Site) -> None:
    from datetime import timedelta

    site.ledger.pin(["ses_t3"])
    plan = plan_prune(forest_of(site), PrunePolicy(older_than=timedelta(days=30)), NOW)
    assert plan.excluded == {"pinned": 1} and len(plan) == 5
    site.ledger.unpin(["ses_t3"])
    assert len(plan_prune(forest_of(site), PrunePolicy(older_than=timedelta(days=30)), NOW)) == 6


def test_a_vacuum_that_waits_lets_others_pass_and_runs_once_the_holder_is_gone(
    site: Site, worker: Worker, posted: queue.Queue[WorkerEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.worker.LOOK_AGAIN", 0.05)
    run(prune(site, "ses_t0", "ses_t1", "ses_t2"), site)
    holder = HolderProcess(site.store.path)
    try:
        facts = replace(vacuum_facts(site.store, asked=True), write_speed=1.0)
        plan = plan_vacuum(facts)
        assert plan.options.way == "wait"
        vacuum = worker.submit(plan)
        other = worker.submit(prune(site, "ses_t3"))
        assert [each.job for each in outcomes(posted, 1)] == [other]
        assert [job for job, _ in worker.waiting()] == [vacuum]
    finally:
        holder.leave()
    [finished] = outcomes(posted, 1)
    assert finished.job == vacuum and finished.outcome.ending == "done"
    assert site.store.sizes().free_pages == 0
