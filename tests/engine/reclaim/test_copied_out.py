"""Superseded history left out of a copy: the same rows stay as after deleting and a vacuum."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from tests.factories import NOW, execute
from tests.neighbour import Holder
from tests.picture import assert_sound, drained, forest_of, picture, run, site_of
from tests.swollen import make_swollen
from tui.engine.reclaim.copied_out import CopyOut, copy_out_history, copy_out_plan
from tui.engine.rescue import rescue_facts
from tui.engine.site import Site
from tui.engine.vacuum import vacuum_facts
from tui.policy.plan import Outcome, Plan
from tui.policy.reclaim import ReclaimPolicy, plan_reclaim
from tui.policy.rescue import plan_rescue, rescue_levels
from tui.policy.vacuum import plan_vacuum
from tui.store.reclaimable import find_reclaimable

SCALE = 0.01


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(make_swollen(tmp_path / "opencode.db", SCALE, huge=200_000))


def planned(site: Site) -> Plan:
    found = find_reclaimable(site.store, ("events",), files=site.files)
    return plan_reclaim(forest_of(site), found, ReclaimPolicy(("events",)), NOW)


def as_copy(plan: Plan) -> Plan:
    return replace(plan, verb="copy_out", options=CopyOut(2_000_000))


def rebuilt(site: Site, plan: Plan, stop: Event | None = None) -> Outcome:
    return drained(copy_out_history(as_copy(plan), site, stop or Event()))


def test_what_stays_is_what_deleting_and_a_vacuum_leave(site: Site, tmp_path: Path) -> None:
    other = site_of(make_swollen(tmp_path / "other.db", SCALE, huge=200_000))
    deleted = run(planned(other), other)
    run(plan_vacuum(vacuum_facts(other.store)), other)
    outcome = rebuilt(site, planned(site))
    assert outcome.ending == "done" and outcome.done == deleted.done
    assert outcome.done.events > 500
    assert picture(site.store.path) == picture(other.store.path)
    assert_sound(site.store.path)
    ours, theirs = site.store.path.stat().st_size, other.store.path.stat().st_size
    assert abs(ours - theirs) <= theirs // 50
    assert planned(site).items == ()


def test_a_rescue_takes_this_way_where_it_is_faster_and_nobody_has_the_file(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = site_of(make_swollen(tmp_path / "other.db", SCALE, huge=200_000))
    run(rescue(other), other)
    monkeypatch.setattr("tui.policy.copy_out.WORTH", 0)
    with Holder(site.store.path):
        assert copy_out_plan(planned(site), vacuum_facts(site.store)) is None
    outcome = run(rescue(site), site)
    assert outcome.ending == "done"
    verbs = [entry.verb for entry in site.ledger.entries()]
    assert "copy_out" in verbs and "reclaim" in verbs
    assert picture(site.store.path) == picture(other.store.path)
    assert_sound(site.store.path)
    ours, theirs = site.store.path.stat().st_size, other.store.path.stat().st_size
    assert abs(ours - theirs) <= theirs // 50


def rescue(site: Site) -> Plan:
    payloads = find_reclaimable(site.store, rescue_levels(), files=site.files)
    return plan_rescue(forest_of(site), payloads, rescue_facts(site.store, payloads), NOW)


def test_a_session_used_since_it_was_planned_keeps_its_history(site: Site) -> None:
    plan = planned(site)
    used = plan.items[0].id
    before = execute(site.store.path, "SELECT count(*) FROM event WHERE aggregate_id = ?", used)
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = ?", NOW, used)
    outcome = rebuilt(site, plan)
    assert outcome.ending == "done" and outcome.excluded == {"changed": 1}
    after = execute(site.store.path, "SELECT count(*) FROM event WHERE aggregate_id = ?", used)
    assert after == before


def test_an_event_that_is_written_meanwhile_survives(site: Site) -> None:
    """Whoever commits while the copy is made makes it begin again, with everything judged anew."""
    plan = planned(site)
    used = plan.items[0].id
    steps = copy_out_history(as_copy(plan), site, Event())
    next(steps)
    execute(
        site.store.path,
        "INSERT INTO event SELECT 'evt_new', aggregate_id, seq + 1, 'session.updated.1', '{}'"
        " FROM event_sequence WHERE aggregate_id = ?",
        used,
    )
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = ?", NOW, used)
    assert drained(steps).ending == "done"
    assert execute(site.store.path, "SELECT count(*) FROM event WHERE id = 'evt_new'") == [(1,)]
    assert_sound(site.store.path)


def test_stopped_in_the_middle_nothing_has_changed(site: Site) -> None:
    before = picture(site.store.path)
    stop = Event()
    stop.set()
    assert rebuilt(site, planned(site), stop).ending != "done"
    assert picture(site.store.path) == before


def test_the_log_of_another_owner_stays_whole(site: Site) -> None:
    """It may be read back by that somebody else."""
    owned = planned(site).items[0].id
    execute(
        site.store.path, "UPDATE event_sequence SET owner_id = 'me' WHERE aggregate_id = ?", owned
    )
    assert owned not in {item.id for item in planned(site)}
    with Holder(site.store.path):
        assert rebuilt(site, planned(site)).ending in ("done", "refused")
    assert_sound(site.store.path)
