"""A restore that fails takes out what it brought, and never a row that it did not bring."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import Tool, count_rows, execute, make_database, session
from tests.generations import every_state, problems
from tests.picture import assert_sound, but_history, drained, picture, run, site_of
from tui.engine.crash_recovery import put_right, unfinished
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty
from tui.store import session_files
from tui.store.journal import _now


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    monkeypatch.setattr("tui.engine.pace.PAUSE", 0.0)
    trees = [
        session("alpha", active=OLD, events=2, tools=[Tool(500)] * 2, todos=1,
                children=[session("child", active=OLD, events=1)]),
        session("beta", active=OLD),
    ]  # fmt: skip
    site = site_of(make_database(tmp_path / "opencode.db", trees))
    folder = tmp_path / "storage" / "session_diff"
    folder.mkdir(parents=True)
    for id in ("ses_alpha", "ses_child"):
        (folder / f"{id}.json").write_text(id)
    return site


def left_over(site: Site) -> None:
    """What somebody's SQL left of a session that is in the trash: it was there before."""
    path = site.store.path
    execute(path, "INSERT INTO event_sequence (aggregate_id, seq) VALUES ('other', 1)")
    execute(
        path,
        "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)"
        " VALUES ('prt_stray', 'msg_gone', 'ses_alpha', 1, 1, '{}')",
    )
    execute(
        path, "INSERT INTO todo (session_id, content, status, priority, position, time_created,"
        " time_updated) SELECT 'ses_beta', 'x', 'x', 'x', 1, 1, 1",
    )  # fmt: skip


def broken_files(monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    write = session_files.restore_files

    def fails(connection: object, files: Path, id: str) -> int:
        if id == at:
            raise OSError(28, "No space left on device")
        return write(connection, files, id)  # type: ignore[arg-type]

    monkeypatch.setattr(session_files, "restore_files", fails)


def test_what_was_there_before_stays_when_a_restore_fails_at_its_end(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = picture(site.store.path)
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    left_over(site)
    before = picture(site.store.path)
    broken_files(monkeypatch, "ses_child")
    outcome = run(plan_restore(site, [batch]), site)
    assert outcome.ending in ("failed", "refused")
    assert picture(site.store.path) == before
    assert list((tmp_path / "storage" / "session_diff").iterdir()) == []
    monkeypatch.undo()
    assert unfinished(site) == []
    assert run(plan_restore(site, [batch]), site).ending == "done"
    for statement in (
        "DELETE FROM part WHERE id = 'prt_stray'",
        "DELETE FROM todo WHERE session_id = 'ses_beta'",
        "DELETE FROM event_sequence WHERE aggregate_id = 'other'",
    ):
        execute(site.store.path, statement)
    assert picture(site.store.path) == whole
    assert (tmp_path / "storage" / "session_diff" / "ses_child.json").read_text() == "ses_child"


ARRIVES = {
    "a message": "INSERT INTO message (id, session_id, time_created, time_updated, data)"
    " VALUES ('msg_new', 'ses_alpha', 9, 9, '{}')",
    "an event": "INSERT INTO event (id, aggregate_id, seq, type, data)"
    " VALUES ('evt_new', 'ses_alpha', 900, 'message.updated.1', '{}')",
    "a new title": "UPDATE session SET title = 'Mine' WHERE id = 'ses_alpha'",
}


@pytest.mark.parametrize("what", ARRIVES)
def test_what_arrives_meanwhile_is_never_deleted(
    site: Site, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """opencode goes on with a session whose restore then fails: it is finished instead."""
    path = site.store.path
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    broken_files(monkeypatch, "ses_child")
    steps = perform(plan_restore(site, [batch]), site, Event())
    for step in steps:
        if step.phase == "restoring" and count_rows(path, "session") == 3:
            break
    execute(path, ARRIVES[what])
    outcome = drained(steps)
    assert outcome.ending in ("failed", "refused")
    table, _, where = {
        "a message": ("message", "", "id = 'msg_new'"),
        "an event": ("event", "", "id = 'evt_new'"),
        "a new title": ("session", "", "title = 'Mine'"),
    }[what]
    assert count_rows(path, table, where) == 1
    [waiting] = unfinished(site)
    assert batches(site.ledger.trash_folder) == [], "it is not on the shelf: it cannot be emptied"
    assert run(plan_empty(site, None, None, _now()), site).ending == "nothing"
    assert waiting.exists()
    monkeypatch.undo()
    [sentence] = put_right(site)
    assert "restore" in sentence and "finished" in sentence
    assert count_rows(path, table, where) == 1 and unfinished(site) == []
    assert count_rows(path, "message", "session_id IN ('ses_alpha', 'ses_child')") >= 4
    assert_sound(path)


def test_the_counter_of_a_session_that_comes_back_without_events_goes_on(site: Site) -> None:
    """The next event of opencode must not begin at 0 again."""
    path = site.store.path
    question = "SELECT aggregate_id, seq FROM event_sequence ORDER BY 1"
    before = execute(path, question)
    assert max(seq for _, seq in before) > 0
    whole = picture(path)
    batch = run(plan_for(site, "ses_alpha", events=False), site).batch or ""
    run(plan_restore(site, [batch]), site)
    assert count_rows(path, "event", "aggregate_id = 'ses_alpha'") == 0
    assert execute(path, question) == before
    assert but_history(picture(path)) == but_history(whole)


@pytest.mark.parametrize("gone", [True, False])
def test_the_counter_of_both_generations_is_never_behind_its_messages(
    tmp_path: Path, gone: bool
) -> None:
    path = tmp_path / "opencode.db"
    every_state(path)
    site = site_of(path)
    if gone:  # 1.x takes the counter along when it deletes its copy
        execute(path, "DELETE FROM event_sequence WHERE aggregate_id = 'ses_newer'")
    batch = run(plan_for(site, "ses_newer", events=False), site).batch or ""
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert problems(path) == []
    newest = "SELECT max(seq) FROM session_message WHERE session_id = 'ses_newer'"
    counter = "SELECT seq FROM event_sequence WHERE aggregate_id = 'ses_newer'"
    assert execute(path, counter)[0][0] >= execute(path, newest)[0][0] > 0


def test_a_file_in_whose_place_there_is_another_keeps_its_copy(site: Site, tmp_path: Path) -> None:
    before = picture(site.store.path)
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    path = tmp_path / "storage" / "session_diff" / "ses_child.json"
    path.write_text("somebody else's")
    assert run(plan_restore(site, [batch]), site).ending == "done"
    assert picture(site.store.path) == before and path.read_text() == "somebody else's"
    [left] = batches(site.ledger.trash_folder)
    path.unlink()
    assert run(plan_restore(site, [left.id]), site).ending == "done"
    assert path.read_text() == "ses_child" and batches(site.ledger.trash_folder) == []
