"""Stories of `tests.faults.cramped` in which the database itself lies on the small disk."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import apsw

from tests.faults.small_disk import Ballast
from tests.faults.trial import all_levels
from tests.faults.victim import plan_of
from tests.picture import assert_sound, picture, run
from tui.engine import pace
from tui.engine.crash_recovery import put_right, unfinished
from tui.engine.perform import perform
from tui.engine.reclaim import keeping
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_undo
from tui.policy.plan import Item, Outcome, Plan, Totals
from tui.store import shelf

Told = dict[str, Any]


def told(outcome: Outcome) -> Told:
    """What the user is told."""
    return {"ending": outcome.ending, "message": outcome.message, "gone": outcome.done.sessions}


def carried_out(plan: Plan, site: Site, at: str, then: Callable[[], None]) -> Outcome:
    """Carry a plan out; when it comes to a phase for the first time, do something."""
    steps, came = perform(plan, site, Event()), False
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        if step.phase == at and not came:
            came = True
            then()


def all_back(site: Site, before: object) -> None:
    assert unfinished(site) == []
    known = [each.id for each in batches(site.ledger.trash_folder)]
    if known:
        outcome = run(plan_restore(site, known), site)
        assert outcome.ending == "done", outcome.message
    assert_sound(site.store.path)
    assert picture(site.store.path) == before


def _in_small_slices() -> None:
    """One row a transaction, some rows a group: many moments at which the disk can be full."""
    pace.SLICE, pace.PAUSE = 0.0, 0.0
    keeping.GROUP_OCTETS, keeping.SPARE_DISK, shelf.SPARE = 60_000, -(10**9), -(10**9)


def _next_start(site: Site, ballast: Ballast) -> None:
    """There is room again, and ocdu starts."""
    ballast.drop()
    put_right(site)
    assert unfinished(site) == [] and not site.ledger.has_running()
    assert_sound(site.store.path)


def full_before_archiving(site: Site, ballast: Ballast) -> Told:
    """No room for the line in the journal, nor for a stamp."""
    plan, before = plan_of("archive", site), picture(site.store.path)
    ballast.leave(0)
    outcome = run(plan, site)
    _next_start(site, ballast)
    assert picture(site.store.path) == before
    return told(outcome)


def full_while_archiving(site: Site, ballast: Ballast) -> Told:
    """Some stamps are set, and there is no room even to take them back: the next start does."""
    _in_small_slices()
    plan, before = plan_of("archive", site), picture(site.store.path)
    outcome = carried_out(plan, site, "stamping", lambda: ballast.leave(0))
    assert picture(site.store.path) != before and site.ledger.has_running()
    in_between = run(Plan("empty", (Item("no batch", "", "asked", Totals()),)), site)
    assert in_between.ending == "nothing", "what cannot be taken back yet is in nobody's way"
    _next_start(site, ballast)
    assert picture(site.store.path) == before
    return told(outcome)


def full_before_reclaiming(site: Site, ballast: Ballast) -> Told:
    """The copies need more than there is: nothing begins."""
    plan, before = all_levels(site, keep=True), picture(site.store.path)
    ballast.leave(1_000_000)
    outcome = run(plan, site)
    _next_start(site, ballast)
    assert picture(site.store.path) == before
    return told(outcome)


def full_while_reclaiming(site: Site, ballast: Ballast) -> Told:
    """Without copies: what is committed counts, the rest is taken by doing it again."""
    _in_small_slices()
    outcome = carried_out(all_levels(site), site, "reclaiming", lambda: ballast.leave(0))
    _next_start(site, ballast)
    assert run(all_levels(site), site).ending == "done"
    assert run(all_levels(site), site).ending == "nothing"
    return told(outcome)


def full_while_keeping(site: Site, ballast: Ballast) -> Told:
    """With copies: what was taken comes back by undo."""
    _in_small_slices()
    before = picture(site.store.path)
    plan = all_levels(site, keep=True)
    outcome = carried_out(plan, site, "reclaiming", lambda: ballast.leave(50_000))
    _next_start(site, ballast)
    _undo_all(site)
    assert picture(site.store.path) == before
    return told(outcome)


def full_while_bringing_back(site: Site, ballast: Ballast) -> Told:
    """The undo of such a reclaim is cut short, and gone on with once there is room."""
    _in_small_slices()
    before = picture(site.store.path)
    assert run(all_levels(site, keep=True), site).ending == "done"
    plan = plan_undo(site)
    outcome = carried_out(plan, site, "bringing back", lambda: ballast.leave(0))
    _next_start(site, ballast)
    _undo_all(site)
    assert picture(site.store.path) == before
    return told(outcome)


def full_while_checkpointing(site: Site, ballast: Ballast) -> Told:
    """The log holds pages for which the database file would have to grow."""
    path = site.store.path
    opencode = apsw.Connection(str(path))
    try:
        opencode.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
        opencode.execute("CREATE TABLE more (body)")
        opencode.execute("INSERT INTO more VALUES (randomblob(2000000))")
        before = picture(path)
        ballast.leave(0)
        plan = Plan("checkpoint", (Item("wal", "log", "asked", Totals(files=1)),))
        outcome = run(plan, site)
        assert picture(path) == before
        _next_start(site, ballast)
        assert run(plan, site).ending == "done"
        assert picture(path) == before
    finally:
        opencode.close()
    return told(outcome)


def _undo_all(site: Site) -> None:
    while (plan := plan_undo(site)).items:
        outcome = run(plan, site)
        assert outcome.ending == "done", outcome.message
    all_back(site, picture(site.store.path))
    assert not list(site.ledger.trash_folder.glob("*"))


IN_PLACE = (
    full_before_archiving,
    full_while_archiving,
    full_before_reclaiming,
    full_while_reclaiming,
    full_while_keeping,
    full_while_bringing_back,
    full_while_checkpointing,
)
