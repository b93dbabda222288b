"""Undo and redo: every kind of job, in order, after a restart, and named before it is done."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import NOW, execute, make_database, session
from tests.picture import but_history, forest_of, picture, run, site_of
from tui.engine.crash_recovery import put_right
from tui.engine.pin import pin
from tui.engine.site import Site
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.engine.undo_ways import WAYS, Way
from tui.policy.archive import plan_archive
from tui.policy.plan import Outcome, Totals
from tui.policy.projects import plan_remove
from tui.store.journal import JournalEntry
from tui.store.projects import projects


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [session(name, active=OLD, events=1) for name in ("alpha", "beta", "gamma")]
    return site_of(make_database(tmp_path / "opencode.db", trees))


def test_a_pin_is_undone_and_done_again(site: Site) -> None:
    assert pin(site.ledger, {"ses_alpha": "alpha", "ses_beta": "beta"}, True) == [
        "ses_alpha", "ses_beta",
    ]  # fmt: skip
    assert undo_title(site) == "pin of “alpha” and 1 more"
    site = site_of(site.store.path)
    outcome = run(plan_undo(site), site)
    assert outcome.message == "The pin of “alpha” and 1 more was undone for 2 sessions."
    assert site.ledger.pins() == frozenset()
    run(plan_redo(site), site)
    assert site.ledger.pins() == {"ses_alpha", "ses_beta"}


def test_an_unpin_is_undone_and_what_was_pinned_before_stays_so(site: Site) -> None:
    pin(site.ledger, {"ses_alpha": "alpha"}, True)
    assert pin(site.ledger, {"ses_alpha": "", "ses_beta": "beta"}, True) == ["ses_beta"]
    assert pin(site.ledger, {"ses_alpha": ""}, True) == []
    run(plan_undo(site), site)
    assert site.ledger.pins() == {"ses_alpha"}
    pin(site.ledger, {"ses_alpha": "alpha"}, False)
    assert undo_title(site) == "unpin of “alpha”"
    run(plan_undo(site), site)
    assert site.ledger.pins() == {"ses_alpha"}


def test_what_was_pinned_anew_meanwhile_is_told(site: Site) -> None:
    pin(site.ledger, {"ses_alpha": "alpha", "ses_beta": "beta"}, True)
    site.ledger.unpin(["ses_alpha"])
    outcome = run(plan_undo(site), site)
    assert outcome.ending == "partial" and "had changed since" in outcome.message


def test_archive_pin_and_prune_come_back_in_their_order(site: Site) -> None:
    start = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_alpha"], NOW), site)
    pin(site.ledger, {"ses_beta": "beta"}, True)
    run(plan_for(site, "ses_gamma", events=False), site)
    titles = []
    for _ in range(3):
        site = site_of(site.store.path)
        titles.append(undo_title(site))
        assert run(plan_undo(site), site).ending == "done"
    assert titles == ["prune of “gamma”", "pin of “beta”", "archive of “alpha”"]
    assert undo_title(site) is None and site.ledger.pins() == frozenset()
    assert but_history(picture(site.store.path)) == but_history(start)
    for _ in range(3):
        site = site_of(site.store.path)
        assert run(plan_redo(site), site).ending == "done"
    assert site.ledger.pins() == {"ses_beta"}
    assert execute(site.store.path, "SELECT count(*) FROM session") == [(2,)]
    assert not plan_redo(site).items


def test_redo_keeps_event_rows_as_the_prune_did(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_alpha", events=True), site)
    run(plan_undo(site), site)
    run(plan_redo(site), site)
    run(plan_undo(site), site)
    assert picture(site.store.path) == before


def test_another_kind_of_job_needs_one_line_in_the_table(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned: list[str] = []

    def turn(word: str):  # type: ignore[no-untyped-def]
        def it(site: Site, entry: JournalEntry, stop: Event):  # type: ignore[no-untyped-def]
            turned.append(f"{word} {entry.undo}")
            yield from ()
            return Outcome("done", word, done=Totals(sessions=1))

        return it

    entry = site.ledger.begin("reclaim", "“alpha”")
    site.ledger.update(entry, state="done", undo={"payloads": "kept here"})
    assert undo_title(site) is None, "nobody knows how yet"
    monkeypatch.setitem(WAYS, "payloads", Way(turn("back"), turn("again")))
    assert undo_title(site) == "reclaim of “alpha”"
    run(plan_undo(site), site)
    run(plan_redo(site), site)
    assert [each.split()[0] for each in turned] == ["back", "again"]


def test_the_preview_of_an_undo_counts_what_comes_back(tmp_path: Path) -> None:
    """Not what went: event rows do not come back."""
    path = make_database(
        tmp_path / "opencode.db",
        [session("one", active=OLD, events=3, children=[session("two", active=OLD, events=3)])],
    )
    site = site_of(path)
    run(plan_for(site, "ses_one"), site)
    plan = plan_undo(site)
    assert (plan.totals.sessions, plan.totals.bytes) == (2, run(plan, site).done.bytes)
    assert plan_redo(site).totals.sessions == 2


@pytest.mark.parametrize("kind", ["archive", "prune", "pin", "remove"])
@pytest.mark.parametrize("verb", ["undo", "redo"])
def test_killed_when_all_is_noted_it_does_not_ask_to_be_done_again(
    site: Site, verb: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever did so would turn an older job."""

    def dead(_: Site) -> list[str]:
        raise SystemExit

    run(plan_archive(forest_of(site), ["ses_beta"], NOW), site)
    if kind == "archive":
        run(plan_archive(forest_of(site), ["ses_alpha"], NOW), site)
    elif kind == "prune":
        run(plan_for(site, "ses_alpha"), site)
    elif kind == "pin":
        pin(site.ledger, {"ses_alpha": "alpha"}, True)
    else:
        execute(
            site.store.path,
            "INSERT INTO project (id, worktree, sandboxes, time_created, time_updated)"
            " VALUES ('empty', '/gone', '[]', 1, 1)",
        )
        run(plan_remove(projects(site.store), ["empty"]), site)
    if verb == "redo":
        run(plan_undo(site), site)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("tui.engine.perform.recover", dead)
        run(plan_undo(site) if verb == "undo" else plan_redo(site), site)
    after = picture(site.store.path)
    site = site_of(site.store.path)
    [said] = put_right(site)
    assert said.startswith(f"The {verb} of") and "its work was done" in said
    assert picture(site.store.path) == after
    next_one = undo_title(site) or ""
    assert ("beta" in next_one) == (verb == "undo")


@pytest.mark.parametrize("verb", ["undo", "redo"])
def test_what_is_done_is_no_failure_because_it_could_not_be_noted(
    site: Site, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan_archive(forest_of(site), frozenset({"ses_alpha"}), NOW), site)
    if verb == "redo":
        run(plan_undo(site), site)
    plan = plan_undo(site) if verb == "undo" else plan_redo(site)
    turned, update = plan.options.entry.id, site.ledger.update

    def full(entry: int, **columns: object) -> None:
        if entry == turned:
            raise apsw.FullError("database or disk is full")
        update(entry, **columns)

    monkeypatch.setattr(site.ledger, "update", full)
    outcome = run(plan, site)
    assert outcome.ending == "done" and "could not be noted" in outcome.message
    monkeypatch.undo()
    assert run(plan_undo(site) if verb == "undo" else plan_redo(site), site).ending == "done"
