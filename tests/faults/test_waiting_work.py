"""What was interrupted and cannot be put right yet is neither forgotten nor in the way."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from tests.engine.test_prune import OLD as IDLE
from tests.engine.test_prune import plan_for
from tests.factories import NOW, Tool, count_rows, execute, make_database, session
from tests.faults.test_kill import dies, killed
from tests.picture import but_history, picture, run, site_of
from tui.engine.crash_recovery import put_right, put_right_here
from tui.engine.site import Site, open_site
from tui.engine.trash import batches, plan_empty
from tui.engine.undo import plan_undo, undo_title
from tui.errors import NotNow
from tui.policy.recover import plan_recover
from tui.store.rebuild import lost_sessions
from tui.store.shelf import take_down


@pytest.fixture
def site(tmp_path: Path) -> Site:
    trees = [
        session("one", active=IDLE, tools=[Tool(300)] * 3,
                children=[session("two", active=IDLE)]),
        session("far", active=IDLE, tools=[Tool(300)] * 3),
    ]  # fmt: skip
    return site_of(make_database(tmp_path / "opencode.db", trees))


def test_a_batch_that_waits_is_neither_written_over_nor_given_up(site: Site) -> None:
    """A restore was killed half-way and cannot be finished now: undo must not begin it anew."""
    before = picture(site.store.path)
    run(plan_for(site, "ses_one", "ses_far"), site)
    assert dies(site.store.path, "undo", 20)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    octets = path.read_bytes()
    lock = apsw.Connection(str(path))
    lock.execute("BEGIN EXCLUSIVE")
    outcome = run(plan_undo(site), site)
    assert outcome.ending == "refused" and "put right yet" in outcome.message
    with pytest.raises(NotNow):
        next(take_down(path.with_suffix(".trash")))
    lock.close()
    assert path.read_bytes() == octets
    assert (undo_title(site) or "").startswith("prune"), "it is not set aside"
    put_right(site)
    while plan_undo(site).items:
        assert run(plan_undo(site), site).ending == "done"
    assert but_history(picture(site.store.path)) == but_history(before)


def test_the_journal_tells_what_became_of_a_killed_restore(site: Site) -> None:
    run(plan_for(site, "ses_one", "ses_far"), site)
    assert dies(site.store.path, "restore", 20)
    said = put_right(site)
    [entry] = [each for each in site.ledger.entries() if each.verb == "restore"]
    assert entry.state == "interrupted" and entry.message == " ".join(said) != ""


def test_a_killed_archive_is_not_forgotten_while_the_file_is_read_only(site: Site) -> None:
    before = picture(site.store.path)
    assert dies(site.store.path, "archive", 2)
    guarded = open_site(site.store.path, read_only=True)
    with guarded.ledger.exclusive():
        assert put_right_here(guarded) == []
    [sentence] = put_right(site)
    assert "taken back" in sentence and picture(site.store.path) == before


def test_a_ledger_that_cannot_be_written_does_not_keep_the_trash_from_being_emptied(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(plan_for(site, "ses_far"), site)
    site.ledger.begin("vacuum", "a file")  # killed

    def full(*_: object, **__: object) -> None:
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr("tui.store.journal.Journal.update", full)
    plan = plan_empty(site, None, None, NOW * 2)
    assert run(plan, site).ending == "done" and batches(site.ledger.trash_folder) == []


def test_a_killed_recovery_brings_nothing_back_that_was_removed_since(demo_copy: Path) -> None:
    """Three sessions are rebuilt one after the other; the last is under way when it is killed."""
    site = site_of(demo_copy)
    ids = [
        str(id)
        for (id,) in execute(
            demo_copy,
            "SELECT aggregate_id FROM event WHERE aggregate_id NOT IN"
            " (SELECT parent_id FROM session WHERE parent_id IS NOT NULL)"
            " GROUP BY 1 ORDER BY count(*) LIMIT 3",
        )
    ]
    whole = {id: count_rows(demo_copy, "message", f"session_id = '{id}'") for id in ids}
    for id in ids:
        for table in ("part", "message", "todo"):
            execute(demo_copy, f"DELETE FROM {table} WHERE session_id = ?", id)
        execute(demo_copy, "DELETE FROM session WHERE id = ?", id)
    order = [item.id for item in plan_recover(lost_sessions(site.store), ())]
    plan = plan_recover(lost_sessions(site.store), ())
    killed(site, plan, lambda: count_rows(demo_copy, "session", f"id = '{order[-1]}'") == 1)
    first = order[0]
    execute(demo_copy, "DELETE FROM part WHERE session_id = ?", first)
    execute(demo_copy, "DELETE FROM message WHERE session_id = ?", first)
    [sentence] = put_right(site)
    assert "under way was finished" in sentence
    assert count_rows(demo_copy, "message", f"session_id = '{first}'") == 0
    for id in order[1:]:
        assert count_rows(demo_copy, "message", f"session_id = '{id}'") == whole[id]
