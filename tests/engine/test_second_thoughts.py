"""What a hostile reader found: each of these once lost something, or said what was not so."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import NOW, Tool, count_rows, execute, make_database, session
from tests.faults.test_kill import dies
from tests.picture import assert_sound, drained, forest_of, picture, run, site_of
from tui.engine.crash_recovery import put_right, recover, unfinished
from tui.engine.perform import perform
from tui.engine.prune import apply_prune
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.engine.vacuum import vacuum_facts
from tui.errors import Refused
from tui.policy.archive import plan_archive
from tui.policy.prune import PrunePolicy, plan_prune
from tui.policy.vacuum import plan_vacuum
from tui.store.database import open_store
from tui.store.sessions import load_sessions
from tui.store.shelf import reading


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    monkeypatch.setattr("tui.engine.pace.PAUSE", 0.0)
    trees = [
        session("alpha", active=OLD, events=2, tools=[Tool(500)] * 3,
                children=[session("child", active=OLD, events=1)]),
        session("beta", active=OLD, todos=2),
    ]  # fmt: skip
    return site_of(make_database(tmp_path / "opencode.db", trees))


def test_a_batch_that_cannot_be_read_now_is_kept_for_later(site: Site) -> None:
    before = picture(site.store.path)
    assert dies(site.store.path, "prune", 9)
    [path] = site.ledger.trash_folder.glob("*.unfinished")
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    assert recover(site) == [] and path.exists()
    other.close()
    assert recover(site) != []
    run(plan_restore(site, [each.id for each in batches(site.ledger.trash_folder)]), site)
    assert picture(site.store.path) == before


def test_the_event_watermark_stays_as_long_as_its_session(site: Site) -> None:
    """Without it an opencode that goes on with the session starts again at sequence 0."""
    steps = apply_prune(plan_for(site, "ses_alpha"), site, Event())
    for _ in steps:
        sessions = {id for (id,) in execute(site.store.path, "SELECT id FROM session")}
        marks = {
            id for (id,) in execute(site.store.path, "SELECT aggregate_id FROM event_sequence")
        }
        assert {"ses_alpha", "ses_child"} & sessions == {"ses_alpha", "ses_child"} & marks


def test_a_table_that_opencode_adds_while_we_are_open_is_copied_too(site: Site) -> None:
    assert not site.store.schema.has("note")
    plan = plan_for(site, "ses_alpha")
    execute(site.store.path, "CREATE TABLE note (id INTEGER PRIMARY KEY, session_id TEXT"
                             " REFERENCES session (id) ON DELETE CASCADE)")  # fmt: skip
    execute(site.store.path, "INSERT INTO note VALUES (1, 'ses_alpha')")
    before = picture(site.store.path)
    outcome = run(plan, site)
    assert outcome.done.sessions == 2 and count_rows(site.store.path, "note") == 0
    run(plan_undo(site), site)
    assert picture(site.store.path) == before


def test_an_upgrade_under_our_hands_makes_the_file_read_only(site: Site) -> None:
    plan = plan_for(site, "ses_alpha")
    execute(site.store.path, "INSERT INTO migration VALUES ('20290101000000_later', 1)")
    outcome = run(plan, site)
    assert outcome.ending == "refused" and "newer schema" in outcome.message


def test_deleting_for_good_looks_again_under_the_lock(site: Site) -> None:
    steps = apply_prune(plan_for(site, "ses_alpha", "ses_beta", permanent=True), site, Event())
    next(steps)
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = 'ses_child'", NOW)
    outcome = drained(steps)
    assert outcome.done.sessions == 1 and outcome.excluded == {"changed": 1}
    assert count_rows(site.store.path, "session", "id IN ('ses_alpha', 'ses_child')") == 2
    assert_sound(site.store.path)


def test_half_a_file_never_passes_for_the_whole(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "storage" / "session_diff"
    folder.mkdir(parents=True)
    (folder / "ses_beta.json").write_bytes(b"x" * 10_000)
    batch = run(plan_for(site, "ses_beta"), site).batch or ""
    (folder / ".ses_beta.json.ocdu-1").write_bytes(b"x" * 10)
    run(plan_restore(site, [batch]), site)
    assert (folder / "ses_beta.json").read_bytes() == b"x" * 10_000


def test_a_restore_that_finds_no_place_changes_nothing_and_blocks_nobody(site: Site) -> None:
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    execute(site.store.path, "CREATE TABLE part2 AS SELECT * FROM part")
    execute(site.store.path, "ALTER TABLE message ADD COLUMN mood TEXT NOT NULL DEFAULT 'x'")
    execute(site.store.path, "ALTER TABLE todo RENAME COLUMN content TO words")
    fresh = site_of(site.store.path)
    before = picture(fresh.store.path)
    execute(fresh.store.path, "DROP TABLE event")
    fresh = site_of(fresh.store.path)
    before = picture(fresh.store.path)
    outcome = run(plan_restore(fresh, [batch]), fresh)
    assert outcome.ending == "failed" and "opencode version" in outcome.message
    assert picture(fresh.store.path) == before
    assert unfinished(fresh) == [] and [each.id for each in batches(fresh.ledger.trash_folder)] == [
        batch
    ]
    assert run(plan_archive(forest_of(fresh), ["ses_beta"], NOW), fresh).ending == "done"


def test_a_restore_that_fails_half_way_takes_itself_back(site: Site) -> None:
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    execute(
        site.store.path,
        "CREATE TRIGGER full BEFORE INSERT ON part WHEN NEW.session_id = 'ses_child'"
        " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
    )
    outcome = run(plan_restore(site, [batch]), site)
    if outcome.ending == "done":  # the row was refused, not the statement: its copy stays
        assert [each.id for each in batches(site.ledger.trash_folder)] == [batch]
    else:
        assert count_rows(site.store.path, "session") == 1
        assert len(batches(site.ledger.trash_folder)) == 1


def test_what_protects_a_root_protects_its_branches(tmp_path: Path) -> None:
    path = make_database(
        tmp_path / "o.db",
        [session("kept", children=[session("branch", active=OLD)]),
         session("shared", share=True, children=[session("other", active=OLD)])],
    )  # fmt: skip
    site = site_of(path)
    site.ledger.pin(["ses_kept"])
    policy = PrunePolicy(older_than=timedelta(days=30), children=True)
    plan = plan_prune(forest_of(site), policy, NOW)
    assert plan.excluded == {"pinned": 1, "shared": 1} and len(plan) == 0


def test_a_session_used_after_the_kill_is_not_made_what_it_was(site: Site) -> None:
    """What is missing may be missing on purpose: its copies stay in the trash instead."""
    assert dies(site.store.path, "prune", 4)
    execute(site.store.path, "DELETE FROM part WHERE session_id = 'ses_alpha'")
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = 'ses_alpha'", NOW)
    said = recover(site)
    assert any("changed it since" in sentence for sentence in said)
    assert count_rows(site.store.path, "part", "session_id = 'ses_alpha'") == 0
    assert "alpha" in [title for each in batches(site.ledger.trash_folder) for title in each.titles]


def test_after_a_kill_the_journal_knows_and_undo_means_that_prune(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_archive(forest_of(site), ["ses_beta"], NOW), site)
    archived = picture(site.store.path)
    assert dies(site.store.path, "prune", 14)
    put_right(site)
    states = [(entry.verb, entry.state) for entry in site.ledger.entries()]
    assert states[0][0] == "prune" and states[0][1] in ("partial", "interrupted")
    if states[0][1] == "partial":
        assert (undo_title(site) or "").startswith("prune")
        run(plan_undo(site), site)
    assert picture(site.store.path) == archived
    run(plan_undo(site), site)
    assert picture(site.store.path) == before


def test_back_and_forth_as_often_as_one_likes(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_alpha"), site)
    pruned = picture(site.store.path)
    for _ in range(3):
        run(plan_undo(site), site)
        assert picture(site.store.path) == before
        run(plan_redo(site), site)
        assert picture(site.store.path) == pruned


def test_a_database_behind_a_link_is_the_file_with_its_wal(site: Site, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "db"
    link.parent.mkdir()
    link.symlink_to(site.store.path)
    assert open_store(link).path == site.store.path.resolve()


def test_a_cycle_of_parents_can_be_pruned(site: Site) -> None:
    execute(site.store.path, "UPDATE session SET parent_id = 'ses_child' WHERE id = 'ses_alpha'")
    execute(site.store.path, "UPDATE session SET parent_id = 'ses_beta' WHERE id = 'ses_beta'")
    outcome = run(plan_for(site, "ses_alpha", "ses_beta"), site)
    assert outcome.ending == "done" and count_rows(site.store.path, "session") == 0


def test_odd_values_hide_nobody(site: Site) -> None:
    execute(site.store.path, "UPDATE session SET time_updated = 9e999 WHERE id = 'ses_beta'")
    execute(site.store.path, "UPDATE session SET id = CAST(x'ff41' AS TEXT) WHERE id = 'ses_child'")
    execute(site.store.path, "UPDATE message SET session_id = CAST(x'fe' AS TEXT)"
                             " WHERE session_id = 'ses_child'")  # fmt: skip
    assert len(load_sessions(site.store)) == 3
    assert len(forest_of(site)) == 3


def test_a_foreign_virtual_table_and_another_encoding_are_no_riddle(
    site: Site, tmp_path: Path
) -> None:
    execute(site.store.path, "CREATE VIRTUAL TABLE words USING fts5 (body)")
    assert site_of(site.store.path).store.refusal is None
    path = tmp_path / "utf16.db"
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA encoding = 'UTF-16le'; CREATE TABLE session (id TEXT)")
    connection.close()
    with pytest.raises(Refused, match="UTF-8"):
        open_store(path)


def test_an_undo_cut_short_can_be_gone_on_with(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    stop = Event()
    steps = perform(plan_undo(site), site, stop)
    next(steps)
    stop.set()
    assert drained(steps).ending == "nothing"
    assert (undo_title(site) or "").startswith("prune")
    assert run(plan_undo(site), site).ending == "done"
    assert picture(site.store.path) == before and undo_title(site) is None


def test_freed_counts_only_what_the_disk_got_back(site: Site) -> None:
    run(plan_for(site, "ses_alpha"), site)
    assert site.ledger.freed() == 0
    run(plan_undo(site), site)
    run(plan_for(site, "ses_alpha"), site)
    vacuum = run(plan_vacuum(vacuum_facts(site.store, asked=True)), site)
    assert site.ledger.freed() == vacuum.freed_bytes > 0


def test_recovery_says_where_trees_went_and_keeps_no_dead_weight(site: Site) -> None:
    """Killed between two groups: some trees are whole in the trash, the others were only copied."""
    assert dies(site.store.path, "prune", 3)
    said = recover(site)
    assert said != []
    for each in batches(site.ledger.trash_folder):
        stray = (
            "SELECT count(*) FROM trash.part"
            " WHERE ocdu_session NOT IN (SELECT session FROM trash.ocdu_member)"
        )
        with reading(each.path) as connection:
            assert list(connection.execute(stray)) == [(0,)]


def test_a_deletion_cut_short_goes_on_with_nothing_it_had_not_begun(site: Site) -> None:
    """Killed in the first tree; the other one was noted, and is whole."""
    assert dies(site.store.path, "delete", 4)
    left = {id for (id,) in execute(site.store.path, "SELECT id FROM session")}
    said = recover(site)
    assert any("had not begun" in sentence for sentence in said)
    kept = {id for (id,) in execute(site.store.path, "SELECT id FROM session")}
    assert kept and kept <= left and unfinished(site) == []
    assert_sound(site.store.path)


def test_a_half_deleted_tree_that_was_used_since_is_left_alone(site: Site) -> None:
    assert dies(site.store.path, "delete", 4)
    later = 10**13
    execute(site.store.path, "UPDATE session SET time_updated = ?", later)
    before = picture(site.store.path)
    assert any("changed it since" in sentence for sentence in recover(site))
    assert picture(site.store.path) == before and unfinished(site) == []


def test_an_empty_batch_that_another_ocdu_is_just_making_is_not_taken_away(site: Site) -> None:
    site.ledger.trash_folder.mkdir(parents=True)
    fresh = site.ledger.trash_folder / "20260101-000000-abcd.unfinished"
    fresh.touch()
    assert recover(site) == [] and fresh.exists()
    os.utime(fresh, (1, 1))
    assert recover(site) == [] and not fresh.exists()
