"""Relinking a moved project and removing an empty one: only what was planned, and back again."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.factories import count_rows, execute, make_database, session
from tests.picture import assert_sound, picture, run, site_of
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
