"""Relinking a moved project and removing an empty one: only what was planned, and back again."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.engine.test_prune import plan_for
from tests.factories import count_rows, execute, make_database, session
from tests.generations import every_state
from tests.picture import assert_sound, picture, run, site_of
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo
from tui.policy.plan import Plan
from tui.policy.projects import plan_relink, plan_remove
from tui.store.projects import places, projects

OLD, NEW = "/code/shop", "/home/dev/store"


DIRECTORIES = (
    "CREATE TABLE project_directory (project_id text NOT NULL, directory text NOT NULL, type text,"
    " strategy text, time_created integer NOT NULL, PRIMARY KEY (project_id, directory),"
    " FOREIGN KEY (project_id) REFERENCES project (id) ON DELETE CASCADE)"
)
"""As opencode makes it since 1.17."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [
        session("one", directory=OLD, children=[session("two", directory=f"{OLD}/api")]),
        session("far", directory="/code/shopping"),
    ]
    path = make_database(tmp_path / "opencode.db", trees)
    execute(path, DIRECTORIES)
    execute(path, f"UPDATE project SET worktree = '{OLD}'")
    return site_of(path)


def relink(site: Site, old: str = OLD, new: str = NEW) -> Plan:
    return plan_relink(places(site.store), old, new)


def directories(site: Site) -> list[str]:
    found = execute(site.store.path, "SELECT directory FROM session ORDER BY id")
    return [directory for (directory,) in found]


def test_sessions_and_project_point_to_the_new_place_and_undo_turns_them_back(site: Site) -> None:
    before = picture(site.store.path)
    outcome = run(relink(site), site)
    assert (outcome.ending, outcome.done.sessions) == ("done", 2)
    assert sorted(directories(site)) == ["/code/shopping", NEW, f"{NEW}/api"]
    assert execute(site.store.path, "SELECT worktree FROM project") == [(NEW,)]
    after = picture(site.store.path)
    assert {table for table in before if before[table] != after[table]} == {"session", "project"}
    run(plan_undo(site), site)
    assert picture(site.store.path) == before
    run(plan_redo(site), site)
    assert picture(site.store.path) == after


def test_a_row_that_changed_since_it_was_planned_stays(site: Site) -> None:
    plan = relink(site)
    execute(site.store.path, "UPDATE session SET directory = '/mine' WHERE id = 'ses_two'")
    outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("partial", {"changed": 1})
    assert "/mine" in directories(site)


def test_a_folder_known_under_both_paths_keeps_its_lines(site: Site) -> None:
    for path in (OLD, NEW):
        execute(
            site.store.path,
            "INSERT INTO project_directory (project_id, directory, time_created)"
            f" SELECT id, '{path}', 1 FROM project",
        )
    before = execute(site.store.path, "SELECT * FROM project_directory ORDER BY directory")
    outcome = run(relink(site), site)
    assert outcome.ending == "done" and "1 path stood there already" in outcome.message
    known = "SELECT * FROM project_directory ORDER BY directory"
    assert execute(site.store.path, known) == before
    run(plan_undo(site), site)
    assert execute(site.store.path, known) == before
    assert_sound(site.store.path)


def test_stopping_in_the_middle_leaves_whole_rows(site: Site) -> None:
    stop = Event()
    stop.set()
    before = picture(site.store.path)
    assert run(relink(site), site, stop).ending == "nothing"
    assert picture(site.store.path) == before


def test_an_empty_project_goes_with_what_belongs_to_it(site: Site) -> None:
    execute(
        site.store.path,
        "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
        " VALUES ('empty', '/gone', '[]', 1, 1)",
    )
    execute(
        site.store.path,
        "INSERT INTO project_directory (project_id, directory, time_created)"
        " VALUES ('empty', '/gone', 1)",
    )
    rows = {row.id: row for row in projects(site.store)}
    assert rows["empty"].missing and rows["empty"].sessions == 0
    assert run(plan_remove(rows.values(), ["empty"]), site).ending == "done"
    assert [row.id for row in projects(site.store)] == [id for id in rows if id != "empty"]
    assert count_rows(site.store.path, "project_directory") == 0
    assert count_rows(site.store.path, "session") == 3


def test_a_project_that_got_a_session_meanwhile_stays_with_it(site: Site) -> None:
    execute(
        site.store.path,
        "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
        " VALUES ('empty', '/gone', '[]', 1, 1)",
    )
    plan = plan_remove(projects(site.store), ["empty"])
    execute(site.store.path, "UPDATE session SET project_id = 'empty' WHERE id = 'ses_far'")
    outcome = run(plan, site)
    assert (outcome.ending, outcome.excluded) == ("nothing", {"changed": 1})
    assert count_rows(site.store.path, "session") == 3 and len(projects(site.store)) == 2


def empty_project(path: Path) -> None:
    execute(
        path,
        "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
        " VALUES ('empty', '/gone', '[]', 1, 1)",
    )


STATES = ("archived", "of 2.x alone", "a subagent", "of 1.x alone", "in the trash")


@pytest.mark.parametrize("state", STATES)
def test_a_project_with_a_session_in_whatever_state_is_not_removed(
    tmp_path: Path, state: str
) -> None:
    path = tmp_path / "opencode.db"
    every_state(path)
    empty_project(path)
    site = site_of(path)
    plan = plan_remove(projects(site.store), ["empty"])
    before_trash, batch = picture(path), ""
    if state == "archived":
        execute(path, "UPDATE session SET project_id='empty', time_archived=1 WHERE id='ses_after'")
    elif state == "of 2.x alone":
        execute(path, "UPDATE session_v2 SET project_id = 'empty' WHERE id = 'ses_native'")
    elif state == "a subagent":
        execute(path, "UPDATE session_v2 SET project_id = 'empty' WHERE id = 'ses_helper'")
    elif state == "of 1.x alone":
        execute(path, "UPDATE session SET project_id = 'empty' WHERE id = 'ses_after'")
    else:
        execute(path, "UPDATE session SET project_id = 'empty' WHERE id = 'ses_after'")
        before_trash = picture(path)
        batch = run(plan_for(site, "ses_after"), site).batch or ""
    before = picture(path)
    outcome = run(plan, site)
    if state != "in the trash":
        assert (outcome.ending, outcome.excluded) == ("nothing", {"changed": 1})
        assert picture(path) == before
        with_session = plan_remove(projects(site.store), ["empty"])
        assert with_session.refused and "1 session" in with_session.message
        return
    assert outcome.ending == "done"  # the trash has a copy of its project
    run(plan_restore(site, [batch]), site)
    assert picture(path) == before_trash
    assert_sound(path)


def test_permissions_and_folders_go_with_an_empty_project_and_no_others(site: Site) -> None:
    path = site.store.path
    empty_project(path)
    execute(
        path,
        "CREATE TABLE permission (id text PRIMARY KEY, project_id text NOT NULL"
        " REFERENCES project (id) ON DELETE CASCADE, action text, resource text)",
    )
    execute(path, "INSERT INTO permission VALUES ('per_1', 'empty', 'bash', 'ls')")
    execute(
        path,
        "INSERT INTO permission SELECT 'per_2', id, 'bash', 'ls' FROM project WHERE id <> 'empty'",
    )
    fresh = site_of(path)
    others = picture(path)
    assert run(plan_remove(projects(fresh.store), ["empty"]), fresh).ending == "done"
    assert execute(path, "SELECT id FROM permission") == [("per_2",)]
    after = picture(path)
    assert {t for t in others if others[t] != after[t]} == {"project", "permission"}
    assert_sound(path)
    fresh = site_of(path)
    assert run(plan_undo(fresh), fresh).message == "1 project brought back."
    assert picture(path) == others
    assert run(plan_redo(fresh), fresh).ending == "done"
    assert picture(path) == after


def test_odd_values_of_a_removed_project_come_back_as_they_were(site: Site) -> None:
    path = site.store.path
    empty_project(path)
    execute(
        path,
        "UPDATE project SET name = CAST(x'ff0041' AS TEXT), commands = x'00ff', time_created = 0.1,"
        " icon_color = 9e999, time_initialized = -9223372036854775808 WHERE id = 'empty'",
    )
    before = picture(path)
    run(plan_remove(projects(site.store), ["empty"]), site)
    after = picture(path)
    assert run(plan_undo(site), site).ending == "done"
    assert picture(path) == before
    assert run(plan_redo(site), site).ending == "done"
    assert picture(path) == after


def test_a_project_that_opencode_made_anew_is_left_to_it(site: Site) -> None:
    path = site.store.path
    run(relink(site), site)
    empty_project(path)
    run(plan_remove(projects(site.store), ["empty"]), site)
    empty_project(path)
    execute(path, "UPDATE project SET name = 'new' WHERE id = 'empty'")
    before = picture(path)
    outcome = run(plan_undo(site), site)
    assert outcome.ending == "nothing" and "goes on with the relink" in outcome.message
    assert picture(path) == before


def test_what_a_project_got_between_undo_and_redo_comes_back_with_the_next_undo(site: Site) -> None:
    path = site.store.path
    empty_project(path)
    run(plan_remove(projects(site.store), ["empty"]), site)
    run(plan_undo(site), site)
    execute(path, "UPDATE project SET name = 'renamed since' WHERE id = 'empty'")
    execute(path, "INSERT INTO project_directory VALUES ('empty', '/since', NULL, NULL, 1)")
    before = picture(path)
    assert run(plan_redo(site), site).ending == "done"
    assert run(plan_undo(site), site).ending == "done"
    assert picture(path) == before
