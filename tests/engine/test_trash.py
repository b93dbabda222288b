"""The trash: names, conflicts, projects that vanished, emptying."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.engine.test_prune import OLD, plan_for
from tests.factories import count_rows, execute, make_database, session
from tests.picture import assert_sound, but_history, picture, run, site_of
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches, plan_empty, plan_expired, unreadable
from tui.engine.undo import plan_redo, plan_undo, undo_title
from tui.errors import WrongCall
from tui.store.journal import _now
from tui.store.packing import look_into, unpack
from tui.store.shelf import reading


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


def test_batches_of_one_second_are_listed_in_their_order_too(site: Site) -> None:
    names = ("alpha", "beta", "gamma")
    pruned = [run(plan_for(site, f"ses_{name}"), site).batch for name in names]
    folder = site.ledger.trash_folder
    renamed = []
    for batch, letter in zip(pruned, "cab", strict=True):  # names that sort another way
        path = folder / f"{batch}.trash"
        renamed.append(f"20260101-000000-{letter * 4}")
        path.rename(path.with_stem(renamed[-1]))
    assert [each.id for each in batches(folder)] == renamed[::-1]


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


def test_event_rows_stay_out_of_the_trash_unless_told_otherwise(site: Site) -> None:
    before = picture(site.store.path)
    plan = plan_for(site, "ses_alpha", events=False)
    assert "event history ([trash] events = true keeps it)" in plan.message
    outcome = run(plan, site)
    assert outcome.details["events_kept"] is False and "without" in outcome.message
    assert outcome.done == plan.totals, "what goes counts, whether or not it is kept"
    [batch] = batches(site.ledger.trash_folder)
    assert not batch.events and batch.lines[0].events == 0
    assert batch.bytes == plan.totals.bytes - plan.items[0].history
    restored = run(plan_restore(site, [batch.id]), site)
    assert restored.done.events == 0 and restored.done.bytes == batch.bytes
    assert but_history(picture(site.store.path)) == but_history(before)
    assert count_rows(site.store.path, "event", "aggregate_id = 'ses_alpha'") == 0
    assert count_rows(site.store.path, "event_sequence", "aggregate_id = 'ses_alpha'") == 1
    assert_sound(site.store.path)


def test_the_history_of_a_shared_workspace_is_always_kept(site: Site) -> None:
    execute(
        site.store.path,
        "UPDATE event_sequence SET owner_id = 'me' WHERE aggregate_id = 'ses_alpha'",
    )
    before = picture(site.store.path)
    batch = run(plan_for(site, "ses_alpha", events=False), site).batch or ""
    run(plan_restore(site, [batch]), site)
    assert picture(site.store.path) == before


def test_a_message_id_that_is_used_again_is_refused_by_name(site: Site) -> None:
    batch = run(plan_for(site, "ses_alpha"), site).batch or ""
    path = site.store.path
    execute(path, "UPDATE message SET id = 'msg_alpha_0u' WHERE id = 'msg_beta_0u'")
    before = picture(path)
    outcome = run(plan_restore(site, [batch]), site)
    assert outcome.ending == "refused" and "message msg_alpha_0u exists" in outcome.message
    assert picture(path) == before and batches(site.ledger.trash_folder)[0].trees == 1


def test_a_subagent_names_its_tree(tmp_path: Path) -> None:
    made = session("root", active=OLD, children=[session("leaf", active=OLD)])
    site = site_of(make_database(tmp_path / "o.db", [made]))
    before = picture(site.store.path)
    run(plan_for(site, "ses_root"), site)
    assert run(plan_restore(site, ["ses_leaf"]), site).done.sessions == 2
    assert picture(site.store.path) == before


def test_what_stays_in_a_batch_is_packed_anew_without_what_went(site: Site) -> None:
    run(plan_for(site, "ses_alpha", "ses_beta", "ses_gamma"), site)
    [old] = batches(site.ledger.trash_folder)
    run(plan_restore(site, ["ses_beta"]), site)
    [new] = batches(site.ledger.trash_folder)
    found = look_into(new.path)
    assert found is not None and found.is_packed and new.id == old.id
    assert sorted(new.titles) == ["alpha", "gamma"] and new.file_bytes < old.file_bytes
    with reading(new.path) as connection:
        left = {id for (id,) in connection.execute("SELECT ocdu_session FROM trash.message")}
    assert left == {"ses_alpha", "ses_gamma"}


def test_the_trash_expires_when_it_is_told_to(site: Site) -> None:
    batch = run(plan_for(site, "ses_alpha"), site).batch
    now = _now() + 40 * 86_400_000
    assert not plan_expired(site, "0", now).items
    assert not plan_expired(site, "2m", now).items
    plan = plan_expired(site, "30d", now)
    assert [(item.id, item.reason) for item in plan] == [(batch, "older than 30d")]
    assert run(plan, site).ending == "done" and batches(site.ledger.trash_folder) == []
    with pytest.raises(WrongCall, match="not an age"):
        plan_expired(site, "soon", now)


def test_a_plain_batch_of_an_earlier_ocdu_is_listed_and_restored(site: Site) -> None:
    before = picture(site.store.path)
    run(plan_for(site, "ses_alpha", "ses_beta"), site)
    [batch] = batches(site.ledger.trash_folder)
    for _ in unpack(batch.path, batch.path.with_suffix(".plain")):
        pass
    batch.path.with_suffix(".plain").rename(batch.path)
    execute(batch.path, "DELETE FROM ocdu_manifest WHERE name = 'events'")
    execute(batch.path, "UPDATE ocdu_manifest SET value = 1 WHERE name = 'format'")
    [plain] = batches(site.ledger.trash_folder)
    assert plain.events and plain.lines == batch.lines and plain.members == batch.members
    assert run(plan_restore(site, ["ses_beta"]), site).ending == "done"
    assert run(plan_restore(site, [plain.id]), site).ending == "done"
    assert picture(site.store.path) == before


OLD_SESSION_COLUMNS = (
    "id", "project_id", "parent_id", "slug", "directory", "title", "version", "share_url",
    "summary_additions", "summary_deletions", "summary_files", "summary_diffs", "revert",
    "permission", "time_created", "time_updated", "time_compacting", "time_archived",
)  # fmt: skip
"""Of opencode 1.2.1: present in every version since."""


def _as_in_march(path: Path) -> None:
    """Shape a file like one of opencode 1.2: fewer columns, other order, no tables of later."""
    listed = ", ".join(reversed(OLD_SESSION_COLUMNS))
    for statement in (
        "DROP TABLE event", "DROP TABLE event_sequence", "DROP TABLE session_message",
        "DROP TABLE migration", "DROP INDEX IF EXISTS session_workspace_id",
        f"CREATE TABLE kept AS SELECT {listed} FROM session",
    ):  # fmt: skip
        execute(path, statement)
    for column in [
        name for (name,) in execute(path, "SELECT name FROM pragma_table_info('session')")
    ]:
        if column not in OLD_SESSION_COLUMNS:
            execute(path, f"ALTER TABLE session DROP COLUMN {column}")
    execute(path, "DROP TABLE kept")


def test_a_batch_of_an_older_schema_comes_back_into_a_newer_one(tmp_path: Path) -> None:
    """Pruned by opencode 1.2's shape, upgraded meanwhile: what is missing takes its default."""
    path = make_database(
        tmp_path / "o.db",
        [session("old", active=OLD, octets=500, todos=1, share=True,
                 children=[session("leaf", active=OLD)]),
         session("stays")],
    )  # fmt: skip
    newest = make_database(tmp_path / "new" / "o.db", [session("stays")])
    _as_in_march(path)
    site = site_of(path)
    before = {t: execute(path, f"SELECT * FROM {t} ORDER BY 1") for t in ("message", "part")}
    batch = run(plan_for(site, "ses_old"), site).batch or ""
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    newest.rename(path)
    upgraded = site_of(path)
    outcome = run(plan_restore(upgraded, [batch]), upgraded)
    assert outcome.ending == "done" and outcome.done.sessions == 2, outcome.message
    for table, rows in before.items():
        kept = execute(path, f"SELECT * FROM {table} ORDER BY 1")
        assert set(rows) <= set(kept) or table == "part"
    found = execute(
        path, "SELECT cost, tokens_input, agent, parent_id FROM session WHERE id LIKE 'ses_%'"
        " AND id <> 'ses_stays' ORDER BY parent_id",
    )  # fmt: skip
    assert found == [(0.0, 0, None, None), (0.0, 0, None, "ses_old")]
    assert_sound(path)


def test_a_batch_of_a_newer_schema_is_refused_where_there_is_no_place(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("a", active=OLD), session("b")])
    execute(path, "ALTER TABLE session ADD COLUMN mood TEXT")
    execute(path, "UPDATE session SET mood = 'glad'")
    site = site_of(path)
    batch = run(plan_for(site, "ses_a"), site).batch or ""
    execute(path, "ALTER TABLE session DROP COLUMN mood")
    older = site_of(path)
    before = picture(path)
    outcome = run(plan_restore(older, [batch]), older)
    assert "session.mood" in outcome.message and picture(path) == before
