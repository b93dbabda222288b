"""Prune: what goes is what was planned, all of it, and nothing anybody else has touched."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from tests.factories import NOW, Tool, count_rows, days_ago, execute, make_database, session
from tests.picture import assert_sound, drained, forest_of, picture, run, site_of
from tui.engine import prune as prune_engine
from tui.engine.prune import apply_prune
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.plan import Plan
from tui.policy.prune import PrunePolicy, plan_prune
from tui.store.session_files import diff_file
from tui.store.shelf import reading

OLD = days_ago(90)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two old trees and a young one, with every kind of row a session owns."""
    return make_database(
        tmp_path / "opencode.db",
        [
            session("old", active=OLD, events=2, todos=3, share=True, octets=20_000, children=[
                session("helper", active=OLD, project="other", events=1, octets=9_000),
            ]),
            session("older", active=days_ago(120), archived=5, tools=[Tool(60_000)] * 3, events=2),
            session("young", active=days_ago(1), todos=1, events=2, octets=5_000),
        ],
    )  # fmt: skip


@pytest.fixture
def site(database: Path) -> Site:
    return site_of(database)


def plan_for(site: Site, *ids: str, permanent: bool = False, events: bool = True) -> Plan:
    """Of event rows, too: then what comes back is everything, and can be compared as a whole."""
    policy = PrunePolicy(ids=frozenset(ids), permanent=permanent, events=events)
    filled = site.store.sizes().filled_bytes
    return plan_prune(forest_of(site), policy, NOW, filled_bytes=filled)


def test_everything_a_tree_owns_goes_across_projects_and_nothing_else(site: Site) -> None:
    young = picture_of_session(site, "ses_young")
    outcome = run(plan_for(site, "ses_old", "ses_older"), site)
    assert outcome.ending == "done"
    for table in ("session", "message", "part", "todo", "session_share", "event", "event_sequence"):
        key = {"session": "id", "event": "aggregate_id", "event_sequence": "aggregate_id"}
        assert (
            count_rows(site.store.path, table, f"{key.get(table, 'session_id')} <> 'ses_young'")
            == 0
        )
    assert picture_of_session(site, "ses_young") == young
    assert_sound(site.store.path)


def picture_of_session(site: Site, id: str) -> list[object]:
    tables = {
        "part": "session_id",
        "message": "session_id",
        "todo": "session_id",
        "event": "aggregate_id",
        "event_sequence": "aggregate_id",
        "session": "id",
    }
    return [
        execute(site.store.path, f"SELECT * FROM {table} WHERE {key} = ?", id)
        for table, key in tables.items()
    ]


def test_the_plan_the_deed_and_the_database_count_the_same(site: Site) -> None:
    before = {table: count_rows(site.store.path, table) for table in ("message", "part", "event")}
    plan = plan_for(site, "ses_old")
    outcome = run(plan, site)
    assert outcome.done == plan.totals
    gone = {t: before[t] - count_rows(site.store.path, t) for t in before}
    assert gone == {
        "message": outcome.done.messages, "part": outcome.done.parts, "event": outcome.done.events
    }  # fmt: skip


def test_freed_is_measured_and_the_prediction_comes_near(site: Site) -> None:
    outcome = run(plan_for(site, "ses_old", "ses_older", "ses_young"), site)
    assert outcome.freed_bytes > 100_000
    assert abs(outcome.predicted_bytes - outcome.freed_bytes) <= 0.05 * outcome.freed_bytes


def test_restoring_brings_back_every_byte_of_every_column(site: Site) -> None:
    before = picture(site.store.path)
    outcome = run(plan_for(site, "ses_old", "ses_older"), site)
    assert picture(site.store.path) != before
    restored = run(plan_restore(site, [outcome.batch or ""]), site)
    assert restored.ending == "done" and restored.done.sessions == 3
    assert picture(site.store.path) == before
    assert batches(site.ledger.trash_folder) == []


def test_rows_python_could_not_even_read_survive_the_round_trip(site: Site) -> None:
    path = site.store.path
    hostile = (
        # {"type":"text","text":"…"} with a lone surrogate in it
        "CAST(x'7b2274797065223a2274657874222c2274657874223a22edA0BD227d' AS TEXT)",
        "'{\"text\":\"' || char(0) || 'after NUL\"}'",
        "'not json at all'",
        "x'00ff'",
        "3.25",
    )
    for number, value in enumerate(hostile):
        execute(
            path,
            "INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)"
            f" VALUES ('prt_h{number}', 'msg_old_0u', 'ses_old', 1, 1, {value})",
        )
    execute(path, "UPDATE session SET title = CAST(x'ff00fe' AS TEXT) WHERE id = 'ses_helper'")
    before = picture(path)
    outcome = run(plan_for(site, "ses_old"), site)
    assert outcome.ending == "done" and count_rows(path, "part", "session_id = 'ses_old'") == 0
    run(plan_restore(site, [outcome.batch or ""]), site)
    assert picture(path) == before


def test_the_files_of_a_session_go_with_it_and_come_back(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "storage" / "session_diff"
    folder.mkdir(parents=True)
    (folder / "ses_old.json").write_bytes(b"[1,\xff]")
    (folder / "ses_young.json").write_text("[]")
    outcome = run(plan_for(site, "ses_old"), site)
    assert outcome.done.files == 1
    assert [each.name for each in folder.iterdir()] == ["ses_young.json"]
    run(plan_restore(site, [outcome.batch or ""]), site)
    assert (folder / "ses_old.json").read_bytes() == b"[1,\xff]"


def test_an_id_never_becomes_a_path_and_links_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "storage" / "session_diff"
    folder.mkdir(parents=True)
    outside = tmp_path / "precious.json"
    outside.write_text("mine")
    (folder / "ses_link.json").symlink_to(outside)
    for id in ("ses_../../precious", "../../precious", "ses_link", "ses_", "ses_a/b", "ses_a\x00"):
        assert diff_file(tmp_path, id) is None


def test_a_hostile_id_is_pruned_and_restored_like_any_other(tmp_path: Path) -> None:
    id = "../../x'\"; DROP TABLE session; --"
    path = make_database(tmp_path / "o.db", [session("bad", id=id, active=OLD), session("good")])
    site = site_of(path)
    before = picture(path)
    outcome = run(plan_for(site, id), site)
    assert outcome.done.sessions == 1 and count_rows(path, "session") == 1
    run(plan_restore(site, [outcome.batch or ""]), site)
    assert picture(path) == before


def test_what_changed_since_the_plan_stays_whole(site: Site) -> None:
    plan = plan_for(site, "ses_old", "ses_older")
    execute(site.store.path, "UPDATE session SET time_updated = ? WHERE id = 'ses_helper'", NOW)
    outcome = run(plan, site)
    assert outcome.ending == "partial" and outcome.excluded == {"changed": 1}
    assert count_rows(site.store.path, "session", "id IN ('ses_old', 'ses_helper')") == 2
    assert count_rows(site.store.path, "session", "id = 'ses_older'") == 0
    assert_sound(site.store.path)


def test_a_child_born_after_the_plan_saves_its_tree(site: Site) -> None:
    plan = plan_for(site, "ses_older")
    execute(site.store.path, "UPDATE session SET parent_id = 'ses_older' WHERE id = 'ses_young'")
    outcome = run(plan, site)
    assert outcome.ending == "nothing" and outcome.excluded == {"changed": 1}
    assert count_rows(site.store.path, "session") == 4


NEIGHBOURS = {
    "a new message": "INSERT INTO message SELECT 'msg_new', session_id, 1, 1, data FROM message"
    " WHERE id = 'msg_older_0u'",
    "a new part": "INSERT INTO part SELECT 'prt_new', message_id, session_id, 1, 1, data FROM part"
    " WHERE session_id = 'ses_older' LIMIT 1",
    "a changed part": "UPDATE part SET data = replace(data, 'o', 'x') WHERE id LIKE 'prt_older%'",
    "a new event": "INSERT INTO event SELECT 'evt_new', aggregate_id, 999, type, data FROM event"
    " WHERE aggregate_id = 'ses_older' LIMIT 1",
    "a new todo": "INSERT INTO todo SELECT 'ses_older', content, status, priority, 99, 1, 1"
    " FROM todo LIMIT 1",
    "a new child": "UPDATE session SET parent_id = 'ses_older' WHERE id = 'ses_young'",
    "a renamed session": "UPDATE session SET title = 'renamed' WHERE id = 'ses_older'",
}


@pytest.mark.parametrize("events", [True, False], ids=["with events", "without"])
@pytest.mark.parametrize("statement", NEIGHBOURS.values(), ids=NEIGHBOURS.keys())
def test_a_neighbour_writing_between_copy_and_delete_loses_nothing(
    site: Site, statement: str, events: bool
) -> None:
    """The commit falls into the gap: after the copy, before the first delete."""
    steps = apply_prune(plan_for(site, "ses_older", events=events), site, Event())
    assert next(steps).phase == "to trash"
    execute(site.store.path, statement)
    changed = picture(site.store.path)
    outcome = drained(steps)
    assert outcome.excluded == {"changed": 1} and outcome.done.sessions == 0
    assert picture(site.store.path) == changed
    assert_sound(site.store.path)


@pytest.mark.parametrize("events", [True, False], ids=["with events", "without"])
@pytest.mark.parametrize("statement", NEIGHBOURS.values(), ids=NEIGHBOURS.keys())
def test_a_neighbour_writing_in_the_middle_of_the_delete_loses_nothing(
    site: Site, statement: str, events: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row a transaction; the commit falls between two of them."""
    monkeypatch.setattr("tui.engine.pace.SLICE", 0.0)
    monkeypatch.setattr("tui.engine.pace.PAUSE", 0.0)
    before_parts = execute(site.store.path, "SELECT id FROM part WHERE session_id = 'ses_older'")
    steps = apply_prune(plan_for(site, "ses_older", events=events), site, Event())
    for step in steps:
        left = count_rows(site.store.path, "part", "session_id = 'ses_older'")
        if step.phase == "deleting" and left < len(before_parts):
            break
    execute(site.store.path, statement)
    outcome = drained(steps)
    assert outcome.excluded == {"changed": 1} and outcome.done.sessions == 0
    after = execute(site.store.path, "SELECT id FROM part WHERE session_id = 'ses_older'")
    assert set(before_parts) <= set(after)
    assert count_rows(site.store.path, "session", "id = 'ses_older'") == 1
    assert_sound(site.store.path)


def test_another_write_elsewhere_does_not_stop_a_prune(site: Site) -> None:
    steps = apply_prune(plan_for(site, "ses_old"), site, Event())
    next(steps)
    execute(site.store.path, "UPDATE session SET title = 'busy' WHERE id = 'ses_young'")
    assert drained(steps).done.sessions == 2
    assert_sound(site.store.path)


def test_stopping_after_any_step_leaves_whole_trees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune_engine, "GROUP_TREES", 1)
    for number in range(1, 6):
        path = make_database(
            tmp_path / str(number) / "o.db",
            [session(f"t{i}", active=OLD, events=1, children=[session(f"c{i}", active=OLD)])
             for i in range(4)],
        )  # fmt: skip
        site = site_of(path)
        before = picture(path)
        stop = Event()
        steps = apply_prune(plan_for(site, "ses_t0", "ses_t1", "ses_t2", "ses_t3"), site, stop)
        for _ in range(number - 1):
            next(steps)
        stop.set()
        outcome = drained(steps)
        assert_sound(path)
        assert count_rows(path, "session") == 8 - outcome.done.sessions
        if outcome.batch:
            run(plan_restore(site, [outcome.batch]), site)
        assert picture(path) == before


def test_for_good_means_no_copy_and_no_orphan(site: Site) -> None:
    outcome = run(plan_for(site, "ses_old", permanent=True), site)
    assert outcome.ending == "done" and outcome.batch is None
    assert outcome.done.sessions == 2
    assert list(site.ledger.trash_folder.iterdir()) == []
    assert count_rows(site.store.path, "session") == 2
    assert_sound(site.store.path)


def test_a_stray_part_and_a_table_of_tomorrow_are_part_of_the_estate(site: Site) -> None:
    path = site.store.path
    execute(path, "CREATE TABLE session_future (id INTEGER PRIMARY KEY, session_id TEXT"
                  " REFERENCES session (id) ON DELETE CASCADE, data TEXT)")  # fmt: skip
    execute(path, "INSERT INTO session_future VALUES (1, 'ses_old', 'precious')")
    execute(path, "INSERT INTO part VALUES ('prt_stray', 'msg_gone', 'ses_old', 1, 1, '{}')")
    fresh = site_of(path)
    outcome = run(plan_for(fresh, "ses_old"), fresh)
    assert outcome.ending == "done"
    assert (
        count_rows(path, "session_future") == 0
        and count_rows(path, "part", "id = 'prt_stray'") == 0
    )
    run(plan_restore(fresh, [outcome.batch or ""]), fresh)
    assert execute(path, "SELECT data FROM session_future") == [("precious",)]


def test_the_trash_is_private_and_keeps_the_share_secret(site: Site) -> None:
    outcome = run(plan_for(site, "ses_old"), site)
    [batch] = batches(site.ledger.trash_folder)
    assert batch.id == outcome.batch
    assert stat.S_IMODE(batch.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(batch.path.parent.stat().st_mode) == 0o700
    with reading(batch.path) as connection:
        found = list(connection.execute("SELECT secret FROM trash.session_share"))
    assert found == [("s3cr3t",)]


def test_too_little_room_for_the_trash_is_refused_before_anything_is_touched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = picture(site.store.path)
    monkeypatch.setattr("tui.engine.room.SPARE_DISK", 10**18)
    outcome = run(plan_for(site, "ses_old"), site)
    assert outcome.ending == "refused" and "--permanent" in outcome.message
    assert picture(site.store.path) == before


def test_a_read_only_site_refuses(database: Path) -> None:
    from tui.engine.site import open_site

    site = open_site(database, read_only=True)
    before = picture(database)
    outcome = run(plan_for(site, "ses_old"), site)
    assert outcome.ending == "refused" and "--read-only" in outcome.message
    assert picture(database) == before


def test_an_old_schema_without_events_prunes_and_restores(tmp_path: Path) -> None:
    from tui.store.models import Event as EventTable
    from tui.store.models import EventSequence, Migration, SessionMessage

    path = make_database(
        tmp_path / "o.db",
        [session("old", active=OLD, children=[session("c", active=OLD)]), session("new")],
        without=(EventTable, EventSequence, SessionMessage, Migration), migration=None,
    )  # fmt: skip
    site = site_of(path)
    before = picture(path)
    outcome = run(plan_prune(forest_of(site), PrunePolicy(older_than=timedelta(30)), NOW), site)
    assert outcome.done.sessions == 2
    run(plan_restore(site, [outcome.batch or ""]), site)
    assert picture(path) == before


def test_the_file_is_never_replaced(site: Site) -> None:
    inode = os.stat(site.store.path).st_ino
    run(plan_for(site, "ses_old"), site)
    assert os.stat(site.store.path).st_ino == inode
