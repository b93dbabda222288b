"""Emptying the trash: what is in it now goes, and nothing that somebody still needs."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import make_database, session
from tests.faults.test_kill import dies
from tests.picture import but_history, picture, run, site_of
from tui.engine.crash_recovery import put_right
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty
from tui.store.journal import _now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [session(name, active=OLD, events=1) for name in ("alpha", "beta", "gamma")]
    return site_of(make_database(tmp_path / "opencode.db", trees))


def test_emptying_counts_only_what_was_still_there(site: Site) -> None:
    first = run(plan_for(site, "ses_alpha"), site).batch or ""
    run(plan_for(site, "ses_beta"), site)
    plan = plan_empty(site, None, None, _now())
    run(plan_restore(site, [first]), site)
    outcome = run(plan, site)
    assert (outcome.ending, outcome.done.trees) == ("partial", 1)
    assert "1 tree deleted for good" in outcome.message and "1 batch stayed" in outcome.message
    again = run(plan, site)
    assert (again.ending, again.done.trees, again.freed_bytes) == ("nothing", 0, 0)


def test_a_batch_with_unfinished_work_is_not_emptied(site: Site) -> None:
    """Planned before; then a restore was killed, and cannot be put right now."""
    before = picture(site.store.path)
    batch = run(plan_for(site, "ses_alpha", "ses_beta"), site).batch or ""
    plan = plan_empty(site, None, None, _now())
    assert dies(site.store.path, "restore", 12)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN EXCLUSIVE")
    outcome = run(plan, site)
    assert (outcome.ending, outcome.done.trees, outcome.freed_bytes) == ("nothing", 0, 0)
    lock.close()
    put_right(site)
    for each in batches(site.ledger.trash_folder):
        assert each.id == batch
        run(plan_restore(site, [each.id]), site)
    assert but_history(picture(site.store.path)) == but_history(before)
