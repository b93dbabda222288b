"""Reclaims, their undo and redo, killed half-way: brought back, and redone for what they took."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.reclaim.parts import BIG, Database, fingerprint, tool
from tests.engine.reclaim.parts import plan_for as reclaim_for
from tests.factories import count_rows
from tests.faults.test_kill import killed, unsaid
from tests.picture import run, site_of
from tui.engine import pace
from tui.engine.crash_recovery import put_right
from tui.engine.reclaim import keeping
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo
from tui.policy.plan import Plan


@pytest.fixture
def payloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Four parts of three sessions that reclaim takes, one row a transaction."""
    monkeypatch.setattr(pace, "SLICE", 0.0)
    monkeypatch.setattr(pace, "PAUSE", 0.0)
    monkeypatch.setattr(keeping, "GROUP_OCTETS", 22_000)
    path = tmp_path / "reclaimed" / "opencode.db"
    path.parent.mkdir()
    made = Database(path)
    for id in ("ses_b", "ses_c"):
        made.session(id)
    for number, id in enumerate(("ses_a", "ses_a", "ses_b", "ses_c")):
        body = tool(BIG + str(number), metadata={"output": BIG})
        made.part(f"prt_{number}", body, 10 + number, id)
    made.close()
    return site_of(path)


def reclaim(site: Site) -> Plan:
    return reclaim_for(site.store, "compacted", keep=True)


def reclaimed(site: Site) -> int:
    return count_rows(site.store.path, "part", "data LIKE '%[reclaimed]%'")


def test_a_killed_reclaim_can_be_undone_and_done_again_for_what_it_took(payloads: Site) -> None:
    before = fingerprint(payloads.store.path)
    killed(payloads, reclaim(payloads), lambda: reclaimed(payloads) == 2)
    [sentence] = put_right(payloads)
    assert sentence.startswith("A reclaim") and "undo brings them back" in sentence
    assert run(plan_undo(payloads), payloads).ending == "done"
    assert fingerprint(payloads.store.path) == before
    redone = run(plan_redo(payloads), payloads)
    assert redone.ending == "done", redone.message
    assert reclaimed(payloads) == 2, "the other sessions were never reclaimed"
    run(plan_undo(payloads), payloads)
    assert fingerprint(payloads.store.path) == before


def test_a_reclaim_killed_when_all_was_done_can_be_undone_and_done_again(payloads: Site) -> None:
    before = fingerprint(payloads.store.path)
    unsaid(payloads, reclaim(payloads))
    assert reclaimed(payloads) == 4
    [sentence] = put_right(payloads)
    assert "when its work was done" in sentence
    assert run(plan_undo(payloads), payloads).ending == "done"
    assert fingerprint(payloads.store.path) == before
    assert run(plan_redo(payloads), payloads).ending == "done"
    assert reclaimed(payloads) == 4


def test_a_killed_undo_of_a_reclaim_is_not_told_as_a_reclaim(payloads: Site) -> None:
    before = fingerprint(payloads.store.path)
    run(reclaim(payloads), payloads)
    killed(payloads, plan_undo(payloads), lambda: reclaimed(payloads) == 2)
    [sentence] = put_right(payloads)
    assert sentence.startswith("An undo") and "undo again" in sentence
    assert run(plan_undo(payloads), payloads).ending == "done"
    assert fingerprint(payloads.store.path) == before


def test_a_killed_redo_of_a_reclaim_can_be_undone_and_done_again(payloads: Site) -> None:
    before = fingerprint(payloads.store.path)
    run(reclaim(payloads), payloads)
    run(plan_undo(payloads), payloads)
    killed(payloads, plan_redo(payloads), lambda: reclaimed(payloads) == 2)
    [sentence] = put_right(payloads)
    assert sentence.startswith("A redo") and "prune" not in sentence
    run(plan_undo(payloads), payloads)
    assert fingerprint(payloads.store.path) == before
    redone = run(plan_redo(payloads), payloads)
    assert redone.ending == "done" and "prune" not in redone.message
    assert reclaimed(payloads) == 2
