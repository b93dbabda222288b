"""Jobs that were killed or failed: what they changed is turned back, in the words of their verb."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.engine.test_projects import DIRECTORIES, NEW, OLD
from tests.engine.test_prune import OLD as IDLE
from tests.engine.test_prune import plan_for
from tests.factories import NOW, Tool, count_rows, execute, make_database, session
from tests.faults.test_kill import dies, killed, unsaid
from tests.neighbour import Holder
from tests.picture import but_history, drained, forest_of, picture, run, site_of
from tui.engine import pace
from tui.engine.crash_recovery import put_right, unfinished
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.policy.archive import plan_archive
from tui.policy.plan import Plan, Step
from tui.policy.projects import plan_relink, plan_remove
from tui.store import shelf
from tui.store.projects import places, projects
from tui.store.shelf import take_down


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [
        session("one", active=IDLE, directory=OLD, tools=[Tool(300)] * 3,
                children=[session("two", active=IDLE, directory=f"{OLD}/api")]),
        session("far", active=IDLE, directory="/code/shopping", tools=[Tool(300)] * 3),
        session("there", active=IDLE, directory=f"{NEW}/web"),
    ]  # fmt: skip
    path = make_database(tmp_path / "opencode.db", trees)
    execute(path, DIRECTORIES)
    execute(path, f"UPDATE project SET worktree = '{OLD}'")
    for folder in (OLD, NEW, f"{OLD}/api"):
        known = "INSERT INTO project_directory (project_id, directory, time_created)"
        execute(path, f"{known} SELECT id, '{folder}', 1 FROM project")
    return site_of(path)


def relink(site: Site) -> Plan:
    return plan_relink(places(site.store), OLD, NEW)


# relink


@pytest.mark.parametrize("step", range(1, 8))
def test_a_killed_relink_is_taken_back_to_the_last_row(site: Site, step: int) -> None:
    before = picture(site.store.path)
    was_killed = dies(site.store.path, "relink", step)
    said = put_right(site)
    if was_killed:
        [sentence] = said
        assert "relink" in sentence and "taken back" in sentence
        assert site.ledger.entries()[0].state == "interrupted"
    else:
        run(plan_undo(site), site)
    assert picture(site.store.path) == before
    assert put_right(site) == [] and plan_undo(site).items == ()


def test_a_killed_relink_is_taken_back_under_the_rule_it_is_done_by(site: Site) -> None:
    """opencode writes back what it remembers: a relink waits for it to end, on its way back too."""
    before = picture(site.store.path)
    assert dies(site.store.path, "relink", 2)
    halfway = picture(site.store.path)
    assert halfway != before
    with Holder(site.store.path) as opencode:
        for _ in range(2):
            [sentence] = put_right(site)
            assert str(opencode.pid) in sentence and "end it, then start ocdu again" in sentence
        run(plan_archive(forest_of(site), ["ses_far"], NOW), site)
        assert but_history(picture(site.store.path)) != but_history(before)
        run(plan_undo(site), site)
    assert picture(site.store.path) == halfway
    assert "taken back" in " ".join(put_right(site))
    assert picture(site.store.path) == before and put_right(site) == []


def test_a_relink_at_all_costs_takes_back_first_what_was_killed(site: Site) -> None:
    before = picture(site.store.path)
    assert dies(site.store.path, "relink", 2)
    with Holder(site.store.path):
        moved = plan_relink(places(site.store), OLD, NEW, live=True)
        assert run(moved, site).ending == "done"
        assert put_right(site) == []
    run(plan_undo(site), site)
    assert picture(site.store.path) == before and put_right(site) == []


def test_undoing_a_relink_leaves_what_was_under_the_new_folder_before(site: Site) -> None:
    before = picture(site.store.path)
    assert run(relink(site), site).ending == "done"
    run(plan_undo(site), site)
    assert picture(site.store.path) == before
    run(plan_redo(site), site)
    assert run(plan_undo(site), site).ending == "done"
    assert picture(site.store.path) == before


def test_a_folder_that_opencode_adds_after_the_relink_stays_when_it_is_undone(site: Site) -> None:
    """Of a table without a key of its own nobody can tell which line was there first."""
    execute(site.store.path, "DROP TABLE project_directory")
    execute(site.store.path, "CREATE TABLE project_directory (project_id text, directory text)")
    for folder in (OLD, NEW):
        execute(
            site.store.path, f"INSERT INTO project_directory SELECT id, '{folder}' FROM project"
        )
    fresh = site_of(site.store.path)
    before = picture(fresh.store.path)
    run(relink(fresh), fresh)
    run(plan_undo(fresh), fresh)
    assert picture(fresh.store.path) == before


@pytest.mark.parametrize("step", (1, 2, 4))
def test_a_killed_undo_of_a_relink_goes_on_and_lies_about_nothing(site: Site, step: int) -> None:
    before = picture(site.store.path)
    run(relink(site), site)
    if dies(site.store.path, "undo", step):
        [sentence] = put_right(site)
        assert "undo again" in sentence
        outcome = run(plan_undo(site), site)
        assert outcome.ending == "done" and "had changed" not in outcome.message
    assert picture(site.store.path) == before and undo_title(site) is None


@pytest.mark.parametrize("gone", (1, 2))
def test_a_killed_removal_of_projects_is_taken_back(
    site: Site, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    path = site.store.path
    for id in ("a", "b", "c"):
        execute(
            path,
            "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
            f" VALUES ('{id}', '/{id}', '[]', 1, 1)",
        )
    before = picture(path)
    plan = plan_remove(projects(site.store), ["a", "b", "c"])
    killed(site, plan, lambda: count_rows(path, "project") == 4 - gone)
    [sentence] = put_right(site)
    assert f"taken back for {gone} project" in sentence
    assert picture(path) == before


def test_a_killed_redo_of_a_removal_is_taken_back_with_what_came_since(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SLICE", 0.0)
    path = site.store.path
    for id in ("a", "b", "c"):
        execute(
            path,
            "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
            f" VALUES ('{id}', '/{id}', '[]', 1, 1)",
        )
    run(plan_remove(projects(site.store), ["a", "b", "c"]), site)
    run(plan_undo(site), site)
    execute(path, "UPDATE project SET name = 'renamed since'")
    before = picture(path)
    killed(site, plan_redo(site), lambda: count_rows(path, "project") == 2)
    [sentence] = put_right(site)
    assert "taken back for 2 projects" in sentence
    assert picture(path) == before
    assert run(plan_redo(site), site).ending == "done"
    assert run(plan_undo(site), site).ending == "done"
    assert picture(path) == before


# killed when the batch was put away, and nobody had said so yet


def test_a_prune_killed_when_all_was_done_can_be_undone_and_done_again(site: Site) -> None:
    before = picture(site.store.path)
    unsaid(site, plan_for(site, "ses_one", "ses_far"))
    gone = picture(site.store.path)
    [sentence] = put_right(site)
    assert "when its work was done" in sentence and put_right(site) == []
    assert run(plan_undo(site), site).ending == "done"
    assert picture(site.store.path) == before
    assert run(plan_redo(site), site).ending == "done"
    assert picture(site.store.path) == gone


# failed, not interrupted


class Broken(Exception):
    """A defect of ours."""


def breaks(plan: Plan, site: Site, stop: Event) -> Iterator[Step]:
    yield Step(0, 1)
    raise Broken("a defect")


def test_a_job_that_failed_is_told_as_failed_while_another_waits_for_its_batch(site: Site) -> None:
    assert dies(site.store.path, "prune", 12)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN EXCLUSIVE")
    [id] = next(iter(execute(site.store.path, "SELECT id FROM session")))
    plan = plan_archive(forest_of(site), [id], NOW)
    with pytest.raises(Broken):
        drained(perform(plan, site, Event(), engine=breaks))  # type: ignore[arg-type]
    lock.close()
    entries = {entry.verb: entry for entry in site.ledger.entries()}
    assert (entries["archive"].state, entries["archive"].message) == ("failed", "a defect")
    assert entries["prune"].state == "running", "its batch tells about it later"
    put_right(site)
    assert not site.ledger.has_running() and unfinished(site) == []


def test_what_was_refused_stands_so_in_the_journal_in_the_users_words(site: Site) -> None:
    batch = run(plan_for(site, "ses_far"), site).batch or ""
    execute(site.store.path, "UPDATE session SET id = 'ses_far' WHERE id = 'ses_there'")
    outcome = run(plan_restore(site, [batch]), site)
    entry = site.ledger.entries()[0]
    assert (entry.verb, entry.state, entry.message) == ("restore", "refused", outcome.message)


# each verb in its own words


def plain_batch(site: Site, monkeypatch: pytest.MonkeyPatch, *ids: str) -> str:
    def no_room(*_: object) -> Iterator[int]:
        raise OSError(28, "No space left on device")
        yield 0

    with monkeypatch.context() as full:
        full.setattr(shelf, "pack", no_room)
        return run(plan_for(site, *ids), site).batch or ""


def test_a_restore_of_a_plain_batch_killed_before_its_first_row(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = plain_batch(site, monkeypatch, "ses_one", "ses_far")
    site.ledger.begin("restore", "“one” and 1 more")
    for _ in take_down(site.ledger.trash_folder / f"{id}.trash"):
        pass
    [sentence] = put_right(site)
    assert sentence.startswith("A restore was interrupted: 2 trees stayed in the trash")
    assert [each.trees for each in batches(site.ledger.trash_folder)] == [2]


@pytest.mark.parametrize("verb", ("restore", "undo"))
def test_a_restore_killed_between_two_trees_is_not_told_as_a_prune(site: Site, verb: str) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_one", "ses_far"), site)
    for step in range(1, 60, 6):
        if not dies(site.store.path, verb, step):
            break
        said = " ".join(put_right(site))
        assert "A prune was" not in said and "prune again" not in said, said
        while plan_undo(site).items and count_rows(site.store.path, "session") < 4:
            run(plan_undo(site), site)
        left = [each.id for each in batches(site.ledger.trash_folder)]
        if left:
            run(plan_restore(site, left), site)
        assert but_history(picture(site.store.path)) == but_history(before)
        run(plan_for(site, "ses_one", "ses_far"), site)


def test_a_killed_prune_can_be_undone_and_done_again_for_what_it_took(site: Site) -> None:
    before = picture(site.store.path)
    for step in range(8, 60, 3):
        dies(site.store.path, "prune", step)
        put_right(site)
        if 0 < count_rows(site.store.path, "session") < 4:
            break
        run(plan_undo(site), site)
    taken = execute(site.store.path, "SELECT id FROM session ORDER BY id")
    assert (undo_title(site) or "").startswith("prune")
    run(plan_undo(site), site)
    assert picture(site.store.path) == before
    assert run(plan_redo(site), site).ending == "done"
    assert execute(site.store.path, "SELECT id FROM session ORDER BY id") == taken
