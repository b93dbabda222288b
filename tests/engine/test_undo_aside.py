"""An undo that can never succeed is told once, set aside, and in nobody's way."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.engine.reclaim.parts import BIG, Database, fingerprint, tool
from tests.engine.reclaim.parts import plan_for as reclaim_for
from tests.engine.test_projects import DIRECTORIES, NEW
from tests.engine.test_projects import OLD as SHOP
from tests.engine.test_prune import OLD, plan_for
from tests.factories import NOW, Tool, execute, make_database, session
from tests.picture import but_history, drained, forest_of, picture, run, site_of
from tui.engine.perform import perform
from tui.engine.pin import pin
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.policy.archive import plan_archive
from tui.policy.projects import plan_relink
from tui.store import shelf
from tui.store.projects import places


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [
        session(name, active=OLD, events=1, tools=[Tool(300)], directory=f"{SHOP}/{name}")
        for name in ("alpha", "beta", "gamma")
    ]
    path = make_database(tmp_path / "opencode.db", trees)
    execute(path, DIRECTORIES)
    return site_of(path)


def archive(site: Site, *ids: str) -> None:
    assert run(plan_archive(forest_of(site), ids, NOW), site).ending == "done"


def take_the_id(site: Site, id: str) -> None:
    """Another session has the id that the trash wants back."""
    execute(
        site.store.path,
        "INSERT INTO session (id, project_id, slug, directory, title, version, time_created,"
        " time_updated) SELECT ?, project_id, slug, directory, 'New', version, 1, 1"
        " FROM session LIMIT 1",
        id,
    )


def test_a_conflict_is_told_once_and_the_next_undo_goes_on(site: Site) -> None:
    archive(site, "ses_beta")
    batch = run(plan_for(site, "ses_alpha"), site).batch
    take_the_id(site, "ses_alpha")
    first = run(plan_undo(site), site)
    assert first.ending == "refused" and "ses_alpha exists in the database again" in first.message
    assert "set aside: undo again goes on with the archive of “beta”" in first.message
    assert undo_title(site_of(site.store.path)) == "archive of “beta”"
    assert run(plan_undo(site), site).ending == "done"
    stamps = "SELECT count(*) FROM session WHERE time_archived IS NOT NULL"
    assert execute(site.store.path, stamps) == [(0,)]
    assert plan_undo(site).message == "Nothing to undo."
    assert [each.id for each in batches(site.ledger.trash_folder)] == [batch]
    states = {entry.verb: entry for entry in site.ledger.entries() if entry.verb != "undo"}
    assert "exists in the database again" in states["prune"].aside
    assert [e.state for e in site.ledger.entries() if e.verb == "undo"] == ["done", "refused"]
    assert (plan_redo(site).items[0].title) == "archive of “beta”", "it is nothing newer"


def test_what_of_a_batch_can_come_back_does_and_the_rest_is_in_nobodys_way(site: Site) -> None:
    archive(site, "ses_gamma")
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    take_the_id(site, "ses_alpha")
    outcome = run(plan_undo(site), site)
    assert (outcome.ending, outcome.done.sessions) == ("partial", 1)
    assert undo_title(site) == "archive of “gamma”"
    [left] = batches(site.ledger.trash_folder)
    assert left.titles == ("alpha",)


def test_stamps_that_all_changed_since_are_set_aside(site: Site) -> None:
    archive(site, "ses_alpha")
    archive(site, "ses_beta")
    execute(site.store.path, "UPDATE session SET time_archived = 7 WHERE id = 'ses_beta'")
    outcome = run(plan_undo(site), site)
    assert outcome.ending == "nothing" and "set aside" in outcome.message
    assert undo_title(site) == "archive of “alpha”"


def in_the_trash_only(site: Site, id: str) -> None:
    """Pruned in a way that undo does not offer."""
    run(plan_for(site, id), site)
    prune = site.ledger.entries(1)[0]
    site.ledger.set_aside(prune, "for this test")


def test_a_reclaim_whose_session_is_in_the_trash_waits_until_it_is_restored(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "opencode.db")
    database.part("prt_a", tool(BIG))
    site = site_of(database.path)
    before = fingerprint(database.path)
    run(reclaim_for(database.store, "compacted", keep=True), site)
    [copies] = batches(site.ledger.trash_folder)
    in_the_trash_only(site, "ses_a")
    wanted = "1 session lies in the trash: `ocdu trash restore ses_a` first, then undo again."
    for _ in range(2):
        outcome = run(plan_undo(site), site)
        assert outcome.ending == "refused" and outcome.message.endswith(wanted), outcome.message
        assert "changed since" not in outcome.message and not outcome.excluded
    by_hand = run(plan_restore(site, [copies.id]), site)
    assert by_hand.ending == "refused" and "`ocdu trash restore ses_a` first" in by_hand.message
    run(plan_restore(site, ["ses_a"]), site)
    assert run(plan_undo(site), site).ending == "done"
    assert fingerprint(database.path) == before
    database.close()


def test_of_a_reclaim_the_sessions_that_are_there_come_back_at_once(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db")
    database.part("prt_a", tool(BIG))
    database.session("ses_b")
    database.message(100, "ses_b")
    database.part("prt_b", tool(BIG), 100, "ses_b")
    site = site_of(database.path)
    before = fingerprint(database.path)
    run(reclaim_for(database.store, "compacted", keep=True), site)
    in_the_trash_only(site, "ses_b")
    outcome = run(plan_undo(site), site)
    assert (outcome.ending, outcome.done.parts) == ("partial", 1)
    assert "`ocdu trash restore ses_b` first" in outcome.message
    run(plan_restore(site, ["ses_b"]), site)
    assert run(plan_undo(site), site).ending == "done"
    assert fingerprint(database.path) == before
    database.close()


def test_a_reclaim_is_not_done_again_on_a_session_in_the_trash(tmp_path: Path) -> None:
    database = Database(tmp_path / "opencode.db")
    database.part("prt_a", tool(BIG))
    site = site_of(database.path)
    run(reclaim_for(database.store, "compacted", keep=True), site)
    run(plan_undo(site), site)
    in_the_trash_only(site, "ses_a")
    outcome = run(plan_redo(site), site)
    assert outcome.ending == "refused" and "then redo again" in outcome.message
    run(plan_restore(site, ["ses_a"]), site)
    assert run(plan_redo(site), site).ending == "done"
    database.close()


def test_an_archive_of_a_session_in_the_trash_waits_until_it_is_restored(site: Site) -> None:
    before = picture(site.store.path)
    archive(site, "ses_alpha", "ses_beta")
    in_the_trash_only(site, "ses_alpha")
    outcome = run(plan_undo(site), site)
    assert (outcome.ending, outcome.done.sessions) == ("partial", 1)
    assert "1 session lies in the trash: `ocdu trash restore ses_alpha` first" in outcome.message
    assert "changed since" not in outcome.message
    run(plan_restore(site, ["ses_alpha"]), site)
    assert run(plan_undo(site), site).ending == "done"
    assert but_history(picture(site.store.path)) == but_history(before)


def test_a_damaged_batch_is_set_aside(site: Site) -> None:
    archive(site, "ses_beta")
    run(plan_for(site, "ses_alpha"), site)
    [path] = site.ledger.trash_folder.glob("*.trash")
    for octets in (path.read_bytes()[:-40], b"no batch"):
        path.write_bytes(octets)
        if undo_title(site) == "archive of “beta”":
            break
        outcome = run(plan_undo(site), site)
        assert "damaged" in outcome.message and outcome.ending in ("refused", "failed")
    assert undo_title(site) == "archive of “beta”" and path.exists()


def test_a_lock_sets_nothing_aside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    archive(site, "ses_beta")
    run(plan_for(site, "ses_alpha"), site)
    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.05)
    patient = site_of(site.store.path)
    other = apsw.Connection(str(site.store.path))
    for title in ("prune of “alpha”", "archive of “beta”"):
        other.execute("BEGIN IMMEDIATE")
        outcome = run(plan_undo(patient), patient)
        assert outcome.ending == "refused" and "locked" in outcome.message
        other.execute("ROLLBACK")
        assert undo_title(patient) == title
        assert run(plan_undo(patient), patient).ending == "done"
    other.close()


def test_a_full_disk_sets_nothing_aside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run(plan_for(site, "ses_alpha"), site)
    monkeypatch.setattr(shelf, "SPARE", 10**18)
    assert run(plan_undo(site), site).ending == "refused"
    monkeypatch.undo()
    assert run(plan_undo(site), site).ending == "done"


@pytest.mark.parametrize("kind", ["archive", "relink", "prune"])
def test_an_undo_that_was_stopped_can_be_gone_on_with(
    site: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    ids = ("ses_alpha", "ses_beta", "ses_gamma")
    before = picture(site.store.path)
    if kind == "archive":
        archive(site, *ids)
    elif kind == "relink":
        run(plan_relink(places(site.store), SHOP, NEW), site)
    else:
        run(plan_for(site, *ids), site)
    stop = Event()
    steps = perform(plan_undo(site), site, stop)
    next(steps)
    stop.set()
    assert drained(steps).ending in ("partial", "nothing")
    assert (undo_title(site) or "").startswith(kind)
    last = run(plan_undo(site), site)
    assert last.ending == "done" and "had changed" not in last.message
    assert picture(site.store.path) == before and undo_title(site) is None


def test_a_redo_that_comes_to_nothing_is_set_aside_too(site: Site) -> None:
    archive(site, "ses_beta")
    run(plan_for(site, "ses_alpha"), site)
    run(plan_undo(site), site)
    run(plan_undo(site), site)
    execute(site.store.path, "UPDATE session SET time_archived = 7 WHERE id = 'ses_beta'")
    outcome = run(plan_redo(site), site)
    assert outcome.ending == "nothing" and "goes on with the prune of “alpha”" in outcome.message
    assert run(plan_redo(site), site).done.sessions == 1


def test_redo_takes_only_what_was_undone(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A prune stopped after its first tree: the others were never pruned."""
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    stop = Event()
    steps = perform(plan_for(site, "ses_alpha", "ses_beta", "ses_gamma"), site, stop)
    for step in steps:
        if step.phase == "deleting":
            stop.set()
            break
    drained(steps)
    left = execute(site.store.path, "SELECT id FROM session ORDER BY id")
    assert len(left) == 2
    run(plan_undo(site), site)
    run(plan_redo(site), site)
    assert execute(site.store.path, "SELECT id FROM session ORDER BY id") == left


def test_an_old_job_is_found_behind_any_number_of_others(site: Site) -> None:
    archive(site, "ses_alpha")
    for _ in range(250):
        site.ledger.end(site.ledger.begin("reclaim", "“beta”"), "done")
    assert undo_title(site) == "archive of “alpha”"
    run(plan_undo(site), site)
    for _ in range(250):
        site.ledger.end(site.ledger.begin("checkpoint", "file"), "done")
    assert run(plan_redo(site), site).ending == "done"


def test_every_kind_comes_back_in_its_order_after_each_restart(tmp_path: Path) -> None:
    made = Database(tmp_path / "opencode.db")
    made.part("prt_marked", tool(BIG, metadata={"output": BIG}))
    made.close()
    path = tmp_path / "opencode.db"
    execute(path, f"UPDATE session SET directory = '{SHOP}'")
    before = picture(path)
    states = [before]

    def step(plan_of: object) -> None:
        site = site_of(path)
        assert run(plan_of(site), site).ending == "done"  # type: ignore[operator]

    step(lambda site: plan_archive(forest_of(site), ["ses_a"], NOW))
    states.append(picture(path))
    step(lambda site: plan_relink(places(site.store), SHOP, NEW))
    states.append(picture(path))
    step(lambda site: reclaim_for(site.store, "compacted", keep=True))
    states.append(picture(path))
    pin(site_of(path).ledger, {"ses_a": "a"}, True)
    step(lambda site: plan_for(site, "ses_a"))
    states.append(picture(path))
    for wanted in (states[3], states[3], states[2], states[1], states[0]):
        step(plan_undo)
        assert but_history(picture(path)) == but_history(wanted)
    assert site_of(path).ledger.pins() == frozenset() and not plan_undo(site_of(path)).items
    for number, wanted in enumerate((*states[1:4], states[3], states[4])):
        step(plan_redo)
        counts = {table: rows for table, (rows, _) in picture(path).items()}
        assert counts == {table: rows for table, (rows, _) in wanted.items()}, number
    assert not plan_redo(site_of(path)).items
    for _ in range(5):
        step(plan_undo)
    assert but_history(picture(path)) == but_history(before) and fingerprint(path)
