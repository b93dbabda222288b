"""The independent check of the benchmarks: it must see what a deletion got wrong.

It shares no code with what it judges; here the mistakes are made by hand.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.benchmarks.adverse import DAY, SHAPES, hollow, plant
from tests.benchmarks.judge import (
    Seen,
    Verdict,
    content,
    idle_since,
    judged,
    look,
    tree_of,
    words_of,
)
from tests.factories import NOW, Tool, days_ago, execute, make_database, session

LIMIT = NOW - 30 * DAY

OWNED = ("part", "message", "todo", "session_share", "event", "event_sequence")


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """An idle tree of two with everything a session can own, and one that is used."""
    old = days_ago(60)
    return make_database(
        tmp_path / "opencode.db",
        [
            session(
                "idle",
                active=old,
                share=True,
                todos=2,
                events=1,
                children=[session("helper", active=old, tools=[Tool(50)], events=1)],
            ),
            session("used", active=days_ago(0.1), created=days_ago(200), events=1, todos=1),
        ],
    )


def delete(db: Path, *ids: str, keep: str = "") -> None:
    """Every row of these sessions, but those of one table."""
    for id in ids:
        for table in OWNED:
            if table != keep:
                column = "aggregate_id" if table.startswith("event") else "session_id"
                execute(db, f"DELETE FROM {table} WHERE {column} = ?", id)
        execute(db, "DELETE FROM session WHERE id = ?", id)


def verdict(db: Path, before: Seen) -> Verdict:
    return judged(before, look(db), idle_since(before, LIMIT))


def test_a_right_deletion_is_found_right(garden: Path) -> None:
    before = look(garden)
    delete(garden, "ses_idle", "ses_helper")
    found = verdict(garden, before)
    assert found == Verdict(2, frozenset(), frozenset(), 0, 0, {}, 0, True)
    assert words_of(found) == "2 of 2 sessions gone; nothing else, no orphan row"


def test_a_session_in_use_is_missed_however_long_ago_it_began(garden: Path) -> None:
    before = look(garden)
    delete(garden, "ses_idle", "ses_helper", "ses_used")
    found = verdict(garden, before)
    assert found.wrong == {"ses_used"}
    assert "1 sessions of trees in use deleted too" in words_of(found)


def test_a_session_that_should_have_gone_is_found(garden: Path) -> None:
    before = look(garden)
    found = verdict(garden, before)
    assert found.stayed == {"ses_idle", "ses_helper"}
    assert found.shared == 2, "the tree is shared, though only its root says so"
    assert words_of(found).startswith("0 of 2 sessions gone (2 of those that stay are in shared")


@pytest.mark.parametrize("table", OWNED)
def test_an_orphan_of_any_table_is_found(garden: Path, table: str) -> None:
    if table == "event_sequence":  # its events need it
        execute(garden, "DELETE FROM event")
    before = look(garden)
    delete(garden, "ses_idle", "ses_helper", keep=table)
    found = verdict(garden, before)
    assert found.orphans.keys() - {"event"} == {table} - {"event"}
    assert found.orphans[table] > 0
    assert f"{table} {found.orphans[table]}" in words_of(found)


def test_a_part_without_its_message_is_an_orphan(garden: Path) -> None:
    before = look(garden)
    execute(garden, "DELETE FROM message WHERE session_id = 'ses_used'")
    assert judged(before, look(garden), frozenset()).orphans == {"part": 2}


def test_orphans_that_were_there_before_are_nobodys_fault(garden: Path) -> None:
    execute(garden, "DELETE FROM session WHERE id = 'ses_used'")
    before = look(garden)
    assert before.orphans.keys() >= {"part", "message", "todo", "event", "event_sequence"}
    assert before.broken_keys > 0
    delete(garden, "ses_idle", "ses_helper")
    assert verdict(garden, before) == Verdict(2, frozenset(), frozenset(), 0, 0, {}, 0, True)


def test_a_torn_tree_is_found_with_its_child_and_its_broken_keys(garden: Path) -> None:
    before = look(garden)
    execute(garden, "DELETE FROM session WHERE id = 'ses_idle'")
    found = verdict(garden, before)
    assert found.torn == 1
    assert found.stayed == {"ses_helper"}
    assert found.orphans["session"] == 1
    assert found.broken_keys > 0


def test_a_message_makes_its_whole_tree_used(garden: Path) -> None:
    execute(
        garden, "UPDATE message SET time_updated = ? WHERE session_id = 'ses_helper'", NOW - DAY
    )
    seen = look(garden)
    assert seen.active["ses_idle"] == NOW - DAY
    assert idle_since(seen, LIMIT) == frozenset()
    assert tree_of(seen, "ses_idle") == {"ses_idle", "ses_helper"}


def test_a_tree_used_exactly_at_the_limit_stays(garden: Path) -> None:
    seen = look(garden)
    edge = seen.active["ses_idle"]
    assert idle_since(seen, edge) == frozenset()
    assert idle_since(seen, edge + 1) == {"ses_idle", "ses_helper"}


def test_parents_in_a_circle_end_somewhere(garden: Path) -> None:
    execute(garden, "UPDATE session SET parent_id = 'ses_helper' WHERE id = 'ses_idle'")
    assert look(garden).roots.keys() == {"ses_idle", "ses_helper", "ses_used"}


def test_a_damaged_file_is_not_called_sound(garden: Path) -> None:
    root = execute(garden, "SELECT rootpage FROM sqlite_master WHERE tbl_name = 'todo'")[0][0]
    execute(garden, "PRAGMA wal_checkpoint(TRUNCATE)")
    size = execute(garden, "PRAGMA page_size")[0][0]
    with garden.open("r+b") as file:
        file.seek((root - 1) * size + 12)
        file.write(b"\xff" * 40)
    assert not look(garden).is_sound


def test_content_tells_one_changed_value_and_not_the_order_of_rows(
    garden: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(garden, copy)
    execute(copy, "CREATE TEMP TABLE t AS SELECT * FROM todo")
    rows = execute(copy, "SELECT * FROM todo ORDER BY position DESC")
    execute(copy, "DELETE FROM todo")
    for row in rows:
        execute(copy, f"INSERT INTO todo VALUES ({', '.join('?' * len(row))})", *row)
    assert content(copy) == content(garden)
    execute(copy, "UPDATE todo SET status = 'done' WHERE session_id = 'ses_used'")
    changed = content(copy)
    assert {table for table, digest in content(garden).items() if changed[table] != digest} == {
        "todo"
    }


def test_planted_shapes_are_what_they_are_called(garden: Path) -> None:
    shapes = plant(garden, NOW)
    seen = look(garden)
    due = idle_since(seen, LIMIT)
    for shape, ids in shapes.items():
        assert len(ids) == 4 * len(SHAPES[shape])
        assert (set(ids) <= due) == shape.startswith("idle")
        assert not set(ids) & due or shape.startswith("idle")
    assert seen.is_sound
    assert seen.orphans.keys() >= {"message", "part", "event", "event_sequence"}
    created = execute(
        garden, "SELECT max(time_created) FROM session WHERE id = ?", shapes[next(iter(shapes))][0]
    )
    assert created[0][0] < LIMIT


def test_planted_sessions_own_rows_in_every_table_of_their_original(garden: Path) -> None:
    shapes = plant(garden, NOW)
    for ids in shapes.values():
        for id in ids:
            for table, column in (("message", "session_id"), ("part", "session_id"),
                                  ("event", "aggregate_id")):  # fmt: skip
                assert execute(garden, f"SELECT 1 FROM {table} WHERE {column} = ?", id)


def test_a_hollow_file_lacks_the_older_trees_and_nothing_is_orphaned(garden: Path) -> None:
    before = look(garden)
    hollow(garden, before)
    after = look(garden)
    assert after.roots.keys() == {"ses_used"}
    assert after.orphans == {}
    assert after.broken_keys == 0
