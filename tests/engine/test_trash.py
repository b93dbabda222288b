"""The trash: names, conflicts, projects that vanished, emptying."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import count_rows, execute, make_database, session
from tests.picture import assert_sound, picture, run, site_of
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty, plan_restore, unreadable
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.errors import WrongCall
from tui.store.journal import _now


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [session(name, active=OLD, events=1) for name in ("alpha", "beta", "gamma")]
    return site_of(make_database(tmp_path / "opencode.db", trees))


def test_one_tree_of_a_batch_can_come_back_by_the_beginning_of_its_id(site: Site) -> None:
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    outcome = run(plan_restore(site, ["ses_al"]), site)
    assert outcome.done.sessions == 1
    assert execute(site.store.path, "SELECT id FROM session ORDER BY id") == [
        ("ses_alpha",), ("ses_gamma",),
    ]  # fmt: skip
    [batch] = batches(site.ledger.trash_folder)
    assert batch.titles == ("beta",)


def test_unknown_and_ambiguous_names_are_wrong_calls(site: Site) -> None:
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    with pytest.raises(WrongCall, match="Nothing in the trash is called"):
        plan_restore(site, ["ses_gamma"])
    with pytest.raises(WrongCall, match="several trees"):
        plan_restore(site, ["ses_"])


def test_an_id_that_exists_again_is_refused_by_name_and_the_copy_stays(site: Site) -> None:
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    execute(site.store.path, "UPDATE session SET id = 'ses_alpha' WHERE id = 'ses_beta'")
    before = picture(site.store.path)
    outcome = run(plan_restore(site, [batch]), site)
    assert outcome.ending == "refused" and "ses_alpha" in outcome.message
    assert picture(site.store.path) == before
    assert [each.id for each in batches(site.ledger.trash_folder)] == [batch]


def test_a_project_that_vanished_comes_back_with_its_session(site: Site) -> None:
    before = picture(site.store.path)
    batch = run(plan_for(site, "ses_alpha", "ses_beta", "ses_gamma"), site).batch or ""
    execute(site.store.path, "DELETE FROM project")
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert picture(site.store.path) == before
    assert_sound(site.store.path)


def test_a_database_of_another_place_does_not_see_these_batches(site: Site, tmp_path: Path) -> None:
    run(plan_for(site, "ses_alpha"), site)
    other = site_of(make_database(tmp_path / "elsewhere" / "opencode.db", [session("x")]))
    assert plan_restore(other, []).message == "The trash is empty."
    with pytest.raises(WrongCall):
        plan_restore(other, ["ses_alpha"])


def test_emptying_by_age_takes_only_older_batches(site: Site) -> None:
    first = run(plan_for(site, "ses_alpha"), site).batch
    now = _now() + 10 * 86_400_000
    assert len(plan_empty(site, None, timedelta(days=11), now)) == 0
    plan = plan_empty(site, None, timedelta(days=9), now)
    assert [item.id for item in plan] == [first]
    outcome = run(plan, site)
    assert outcome.freed_bytes == plan.predicted_bytes > 0
    assert batches(site.ledger.trash_folder) == []
    assert count_rows(site.store.path, "session") == 2


def test_a_foreign_file_in_the_trash_folder_is_left_alone(site: Site) -> None:
    run(plan_for(site, "ses_alpha"), site)
    stranger = site.ledger.trash_folder / "note.trash"
    stranger.write_text("not a batch")
    assert len(batches(site.ledger.trash_folder)) == 1
    assert unreadable(site.ledger.trash_folder) == [stranger]
    run(plan_empty(site, None, None, _now()), site)
    assert stranger.read_text() == "not a batch"


def test_a_prune_can_be_undone_and_redone_after_a_restart(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    pruned = picture(site.store.path)
    site = site_of(site.store.path)
    assert undo_title(site) == "prune of “alpha” and 1 more"
    assert run(plan_undo(site), site).ending == "done"
    assert picture(site.store.path) == before
    site = site_of(site.store.path)
    assert run(plan_redo(site), site).done.sessions == 2
    assert picture(site.store.path) == pruned
    run(plan_undo(site), site)
    assert picture(site.store.path) == before


def test_what_was_touched_since_is_not_pruned_again_by_redo(site: Site) -> None:
    run(plan_for(site, "ses_alpha"), site)
    run(plan_undo(site), site)
    execute(site.store.path, "UPDATE session SET time_updated = time_updated + 1")
    outcome = run(plan_redo(site), site)
    assert outcome.done.sessions == 0 and outcome.excluded == {"changed": 1}


def test_undo_after_the_trash_was_emptied_says_so(site: Site) -> None:
    run(plan_for(site, "ses_alpha"), site)
    run(plan_empty(site, None, None, _now()), site)
    assert not plan_undo(site).items
