"""Archive and unarchive: one column, nothing else, and honest about what changed meanwhile."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.factories import NOW, days_ago, execute, make_database, session
from tests.picture import drained, forest_of, picture, run, site_of
from tui.engine.perform import perform
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.policy.archive import plan_archive, plan_unarchive


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return site_of(
        make_database(
            tmp_path / "opencode.db",
            [
                session(
                    "root",
                    active=days_ago(3),
                    children=[
                        session("child", active=days_ago(4)),
                        session("earlier", active=days_ago(5), archived=7),
                    ],
                ),
                session("zero", archived=0),
            ],
        )
    )


def stamps(site: Site) -> dict[str, int | None]:
    return dict(execute(site.store.path, "SELECT id, time_archived FROM session"))


def test_archive_sets_one_stamp_and_touches_no_other_column(site: Site) -> None:
    rest = "SELECT id, time_updated, title FROM session ORDER BY id"
    before = execute(site.store.path, rest)
    outcome = run(plan_archive(forest_of(site), ["ses_child"], NOW), site)
    assert outcome.done.sessions == 2 and "frees no space" in outcome.message
    assert stamps(site) == {
        "ses_root": NOW, "ses_child": NOW, "ses_earlier": 7, "ses_zero": 0
    }  # fmt: skip
    assert execute(site.store.path, rest) == before


def test_a_stop_is_told_as_a_stop_and_not_as_a_change(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    stop = Event()
    steps = perform(plan_archive(forest_of(site), ["ses_root", "ses_zero"], NOW), site, stop)
    next(steps)
    next(steps)
    stop.set()
    outcome = drained(steps)
    assert outcome.ending == "partial" and outcome.excluded == {}
    assert "Stopped: 1 session not reached." in outcome.message, outcome.message


def test_unarchive_after_archive_leaves_every_row_as_it_was(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_root"], NOW), site)
    run(plan_unarchive(forest_of(site), ["ses_root"]), site)
    assert picture(site.store.path) == before


def test_undo_restores_even_the_ambiguous_zero(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_zero", "ses_root"], NOW), site)
    assert stamps(site)["ses_zero"] == NOW
    run(plan_undo(site), site)
    assert picture(site.store.path) == before


def test_a_stamp_set_by_somebody_else_meanwhile_is_left(site: Site) -> None:
    plan = plan_archive(forest_of(site), ["ses_root"], NOW)
    execute(site.store.path, "UPDATE session SET time_archived = 5 WHERE id = 'ses_child'")
    outcome = run(plan, site)
    assert outcome.ending == "partial" and outcome.excluded == {"changed": 1}
    assert stamps(site)["ses_child"] == 5


def test_undo_and_redo_walk_through_the_journal_in_order(site: Site) -> None:
    start = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_root"], NOW), site)
    first = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_zero"], NOW + 1), site)
    second = picture(site.store.path)
    assert undo_title(site) == "archive of “zero”"
    run(plan_undo(site), site)
    assert picture(site.store.path) == first and undo_title(site) == "archive of “root”"
    run(plan_undo(site), site)
    assert picture(site.store.path) == start and undo_title(site) is None
    assert plan_undo(site).message == "Nothing to undo."
    run(plan_redo(site), site)
    assert picture(site.store.path) == first
    run(plan_redo(site), site)
    assert picture(site.store.path) == second
    assert plan_redo(site).message == "Nothing to redo."


def test_something_new_ends_the_way_forward(site: Site) -> None:
    run(plan_archive(forest_of(site), ["ses_root"], NOW), site)
    run(plan_undo(site), site)
    assert plan_redo(site).items
    run(plan_archive(forest_of(site), ["ses_zero"], NOW), site)
    assert not plan_redo(site).items


def test_a_running_opencode_that_writes_an_old_row_back_is_overruled(site: Site) -> None:
    """opencode writes whole rows; one read before our commit may bring the old stamp back once."""
    execute(
        site.store.path,
        "CREATE TRIGGER stale AFTER UPDATE OF time_archived ON session"
        " WHEN NEW.id = 'ses_child' AND NOT EXISTS (SELECT 1 FROM todo WHERE position = 77) BEGIN"
        " INSERT INTO todo VALUES ('ses_child', '', '', '', 77, 0, 0);"
        " UPDATE session SET time_archived = NULL WHERE id = 'ses_child'; END",
    )
    outcome = run(plan_archive(forest_of(site), ["ses_root"], NOW), site)
    assert outcome.ending == "done" and stamps(site)["ses_child"] == NOW
