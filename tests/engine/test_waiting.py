"""A vacuum that waits for the last holder: it survives its ocdu, and can be taken back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from tests.bloat import compact_size, is_sound, make_bloated
from tests.neighbour import Holder
from tests.picture import site_of
from tui.engine import waiting
from tui.engine.perform import perform
from tui.engine.site import Site
from tui.engine.vacuum import vacuum_facts
from tui.engine.worker import Worker, WorkerEvent
from tui.policy.plan import Outcome, Plan, Step
from tui.policy.vacuum import Wish, plan_vacuum

SLOW = 100.0
"""Bytes per second: on such a disk nobody may have the database open."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(make_bloated(tmp_path / "opencode.db"))


@pytest.fixture(autouse=True)
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.policy.vacuum.ASSUMED_SPEED", SLOW)
    monkeypatch.setattr(waiting, "POLL", 0.02)


def planned(site: Site, wish: Wish) -> Plan:
    return plan_vacuum(vacuum_facts(site.store, wish=wish))


def performed(
    plan: Plan, site: Site, meanwhile: Callable[[Step], None], stop: Event | None = None
) -> Outcome:
    deed = perform(plan, site, stop or Event())
    while True:
        try:
            meanwhile(next(deed))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def test_it_starts_when_the_last_holder_has_gone_and_forgets_its_note(site: Site) -> None:
    goal = compact_size(site.store.path)
    with Holder(site.store.path) as other:
        plan = planned(site, Wish(patient=True))
        assert plan.options.way == "wait"
        phases: list[str] = []

        def meanwhile(step: Step) -> None:
            phases.append(step.phase)
            if step.phase.startswith("waiting"):
                assert waiting.noted(site.ledger) is not None
                other.leave()

        outcome = performed(plan, site, meanwhile)
    assert str(other.pid) in phases[0]
    assert outcome.ending == "done"
    assert site.store.path.stat().st_size <= goal * 1.05
    assert waiting.noted(site.ledger) is None


def test_whoever_waits_does_not_keep_another_ocdu_from_working(site: Site) -> None:
    with Holder(site.store.path):
        deed = perform(planned(site, Wish(patient=True)), site, Event())
        assert next(deed).phase.startswith("waiting")
        with site.ledger.exclusive(patience=0.01):
            pass
        deed.close()


def test_a_stop_while_waiting_changes_nothing_and_says_that_it_stays_noted(site: Site) -> None:
    size, stop = site.store.path.stat().st_size, Event()
    with Holder(site.store.path):
        outcome = performed(planned(site, Wish(patient=True)), site, lambda step: stop.set(), stop)
    assert outcome.ending == "partial"
    assert outcome.message.startswith("Stopped: nothing was changed. It stays noted")
    assert "--withdraw" in outcome.message
    assert site.store.path.stat().st_size == size
    assert waiting.noted(site.ledger) is not None


WAITER = """
import sys
from pathlib import Path
from threading import Event
from tests.picture import site_of
from tui.engine.vacuum import vacuum_facts
from tui.engine.perform import perform
from tui.policy import vacuum as policy
policy.ASSUMED_SPEED = 100.0
site = site_of(Path(sys.argv[1]))
wish = policy.Wish(patient=True, to_incremental=True)
plan = policy.plan_vacuum(vacuum_facts(site.store, wish=wish))
for step in perform(plan, site, Event()):
    print(step.phase, flush=True)
"""


def test_it_survives_a_kill_and_is_taken_up_with_its_wishes(site: Site) -> None:
    with Holder(site.store.path):
        ocdu = subprocess.Popen(
            [sys.executable, "-c", WAITER, str(site.store.path)], stdout=subprocess.PIPE, text=True
        )
        assert ocdu.stdout is not None
        assert ocdu.stdout.readline().startswith("waiting")
        assert waiting.taken_up(site) is None, "the other one still waits with it"
        ocdu.kill()
        ocdu.communicate(timeout=30)
    plan = waiting.taken_up(site)
    assert plan is not None and plan.options.wish == Wish(patient=True, to_incremental=True)
    outcome = performed(plan, site, lambda step: None)
    assert (outcome.ending, outcome.details["auto_vacuum"]) == ("done", 2)
    assert is_sound(site.store.path)
    assert waiting.taken_up(site) is None


def test_a_note_of_which_nothing_is_left_to_do_is_forgotten(site: Site) -> None:
    performed(planned(site, Wish()), site, lambda step: None)
    waiting.note(site.ledger, Wish(patient=True))
    assert waiting.taken_up(site) is None
    assert waiting.noted(site.ledger) is None


def test_a_read_only_ocdu_leaves_it_alone(site: Site) -> None:
    waiting.note(site.ledger, Wish(patient=True))
    looking = replace(site, store=type(site.store)(site.store.path, read_only=True))
    assert waiting.taken_up(looking) is None
    assert waiting.noted(site.ledger) is not None


@pytest.mark.parametrize("scrawl", ["{", "[]", "3", '{"pid": 1}', '{"temp_dir": 4}'])
def test_a_note_that_cannot_be_read_is_none(site: Site, scrawl: str) -> None:
    site.ledger.set_note(waiting.NOTE, scrawl)
    assert waiting.noted(site.ledger) is None
    assert waiting.withdraw(site.ledger) is False


def test_the_number_of_a_dead_ocdu_may_be_somebody_elses_by_now(site: Site) -> None:
    waiting.note(site.ledger, Wish(patient=True))
    kept = json.loads(site.ledger.note(waiting.NOTE) or "")
    site.ledger.set_note(waiting.NOTE, json.dumps({**kept, "pid": os.getppid(), "born": 1.0}))
    found = waiting.noted(site.ledger)
    assert found is not None and not found.waits_elsewhere


def test_an_older_note_keeps_its_date(site: Site) -> None:
    waiting.note(site.ledger, Wish(patient=True))
    kept = json.loads(site.ledger.note(waiting.NOTE) or "")
    site.ledger.set_note(waiting.NOTE, json.dumps({**kept, "since": 5}))
    waiting.note(site.ledger, Wish(patient=True, to_incremental=True))
    found = waiting.noted(site.ledger)
    assert found is not None and (found.since, found.wish.to_incremental) == (5, True)


def test_in_the_queue_of_the_app_it_is_noted_until_it_is_taken_back(site: Site) -> None:
    posted: list[WorkerEvent] = []
    with Holder(site.store.path):
        worker = Worker(site, posted.append)
        job = worker.submit(planned(site, Wish(patient=True)))
        assert waiting.noted(site.ledger) is not None
        assert worker.close(timeout=30)
        assert waiting.noted(site.ledger) is not None, "leaving the app does not take it back"
        worker = Worker(site, posted.append)
        job = worker.submit(planned(site, Wish(patient=True)))
        worker.cancel(job)
        assert waiting.noted(site.ledger) is None
        assert worker.close(timeout=30)
    assert posted == []
