"""The demo database is what opencode would have written, and holds one of everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.factories import DAY, NOW, execute
from tui.engine.demo import make_demo
from tui.errors import Refused
from tui.forest import Forest
from tui.store.database import open_store
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import measure_all


@pytest.fixture
def folder(demo: Path) -> Path:
    """The folder the demo was made in."""
    return demo.parents[1]


def one(demo: Path, statement: str) -> Any:
    """The single value of a statement."""
    return execute(demo, statement)[0][0]


def test_sqlite_and_opencodes_own_rules_find_nothing_wrong(demo: Path) -> None:
    assert one(demo, "PRAGMA quick_check") == "ok"
    assert execute(demo, "PRAGMA foreign_key_check") == []
    pragmas = ("journal_mode", "page_size", "auto_vacuum", "freelist_count", "user_version")
    assert [one(demo, f"PRAGMA {name}") for name in pragmas] == ["wal", 4096, 0, 0, 0]


def test_ocdu_may_write_to_it(demo: Path) -> None:
    store = open_store(demo)

    assert store.refusal is None
    assert store.schema.generation == "v1"
    assert {"session_input", "session_context_epoch", "todo"} <= {
        owned.table for owned in store.schema.estate
    }


def test_it_has_the_proportions_users_report(demo: Path) -> None:
    measured = measure_all(open_store(demo))
    roots = one(demo, "SELECT count(*) FROM session WHERE parent_id IS NULL")
    sessions = one(demo, "SELECT count(*) FROM session")

    assert 60_000_000 < demo.stat().st_size < 120_000_000
    assert sessions >= 400
    assert 0.82 < 1 - roots / sessions < 0.88
    assert 0.60 < measured.tables["event"] / measured.bytes < 0.70
    assert one(demo, "SELECT count(DISTINCT project_id) FROM session") == 8


def test_trees_are_wide_deep_and_irregular(demo: Path) -> None:
    depth = (
        "WITH RECURSIVE tree (id, depth) AS (SELECT id, 0 FROM session WHERE parent_id IS NULL"
        " UNION ALL SELECT s.id, depth + 1 FROM session s JOIN tree ON s.parent_id = tree.id)"
        " SELECT max(depth) FROM tree"
    )
    widest = "SELECT count(*) FROM session GROUP BY parent_id HAVING parent_id NOTNULL ORDER BY 1"
    strangers = "FROM session c JOIN session p ON c.parent_id = p.id AND c.project_id"
    assert one(demo, depth) == 3
    assert execute(demo, widest)[-1][0] >= 40
    assert one(demo, f"SELECT count(*) {strangers} != p.project_id") == 1
    lost = "SELECT count(*) FROM session WHERE parent_id NOT IN (SELECT id FROM session)"
    assert one(demo, lost) == 1


def test_one_archived_tree_has_a_child_that_was_archived_earlier(demo: Path) -> None:
    earlier = execute(
        demo,
        "SELECT p.id, (SELECT count(*) FROM session s WHERE s.parent_id = p.id"
        " AND s.time_archived = p.time_archived) FROM session c JOIN session p"
        " ON c.parent_id = p.id WHERE c.time_archived < p.time_archived",
    )
    assert len(earlier) == 1
    assert earlier[0][1] > 0


def test_a_root_idle_for_two_months_has_a_child_of_this_week(demo: Path) -> None:
    store = open_store(demo)
    forest = Forest.of(with_last_messages(store, load_sessions(store)))
    spike = next(row for row in forest.rows if row.title.startswith("Spike: event sourcing"))

    assert NOW - spike.active > 60 * DAY
    assert NOW - forest.tree_of(spike.id).active < 7 * DAY


def test_every_kind_of_part_and_tool_is_there(demo: Path) -> None:
    kinds = {row[0] for row in execute(demo, "SELECT DISTINCT data ->> '$.type' FROM part")}
    tools = {row[0] for row in execute(demo, "SELECT DISTINCT data ->> '$.tool' FROM part")}
    states = {
        row[0] for row in execute(demo, "SELECT DISTINCT data ->> '$.state.status' FROM part")
    }

    assert kinds == {
        *("text", "reasoning", "tool", "step-start", "step-finish", "patch", "file", "compaction")
    }
    assert tools >= {"bash", "read", "edit", "write", "grep", "task", "todowrite", "skill"}
    assert states >= {"completed", "error", "running"}
    attached = "SELECT count(*) FROM part WHERE data ->> '$.state.attachments[0].messageID' NOTNULL"
    assert one(demo, attached) > 0


def test_there_is_something_to_reclaim_at_every_level(demo: Path) -> None:
    marked = "SELECT count(*) FROM part WHERE data ->> '$.state.time.compacted' NOTNULL"
    assert one(demo, marked) > 100
    assert one(demo, marked + " AND data ->> '$.tool' = 'skill'") == 0
    summary = "data ->> '$.summary' = 1 AND data ->> '$.finish' NOTNULL"
    assert one(demo, f"SELECT count(*) FROM message WHERE {summary}") > 3
    assert one(demo, "SELECT max(octet_length(data)) FROM message") > 4_000_000
    superseded = "SELECT count(*) - count(DISTINCT data ->> '$.part.id') FROM event"
    assert one(demo, superseded + " WHERE type = 'message.part.updated.1'") > 10_000


def test_the_newest_event_of_each_message_and_part_says_what_its_row_says(demo: Path) -> None:
    differing = 0
    for kind, table, key in (
        ("message.updated.1", "message", "info"),
        ("message.part.updated.1", "part", "part"),
    ):
        newest: dict[str, str] = {}
        events = "SELECT data FROM event WHERE type = ? ORDER BY aggregate_id, seq"
        for (data,) in rows_of(demo, events, kind):
            newest[data[data.index('"id":"') + 6 :][:30]] = data
        for id, data in rows_of(demo, f"SELECT id, data FROM {table} ORDER BY random() LIMIT 1500"):
            if id in newest:
                told = json.loads(newest[id])[key]
                said = {name: value for name, value in told.items() if name in json.loads(data)}
                differing += said != json.loads(data)
    assert differing == 0


def test_the_newest_event_of_a_session_says_what_its_row_says(demo: Path) -> None:
    found = execute(
        demo,
        "SELECT s.title, s.time_updated, s.time_archived, s.tokens_input, s.share_url,"
        " data ->> '$.info.title', data ->> '$.info.time.updated', data ->> '$.info.time.archived',"
        " data ->> '$.info.tokens.input', data ->> '$.info.share.url', max(seq)"
        " FROM event JOIN session s ON s.id = aggregate_id"
        " WHERE type = 'session.updated.1' GROUP BY aggregate_id",
    )
    assert len(found) > 300
    assert [row[:5] for row in found] == [row[5:10] for row in found]


def test_sequences_count_their_events_without_a_gap(demo: Path) -> None:
    wrong = (
        "SELECT count(*) FROM event_sequence q JOIN (SELECT aggregate_id, max(seq) AS last,"
        " count(*) AS n FROM event GROUP BY 1) e USING (aggregate_id)"
        " WHERE q.seq != e.last OR e.n != e.last + 1"
    )
    assert one(demo, wrong) == 0
    assert one(demo, "SELECT count(*) FROM event_sequence") > 300


def test_old_sessions_have_a_diff_file_and_no_events(demo: Path) -> None:
    old = {row[0] for row in execute(demo, "SELECT id FROM session WHERE version = '1.15.13'")}
    files = {path.stem for path in (demo.parent / "storage" / "session_diff").iterdir()}

    assert old == files and len(old) > 20
    with_events = {row[0] for row in execute(demo, "SELECT aggregate_id FROM event_sequence")}
    assert not old & with_events


def test_one_session_looks_as_if_it_were_running(demo: Path) -> None:
    store = open_store(demo)
    rows = with_last_messages(store, load_sessions(store))

    running = running_sessions(store, rows, NOW)

    assert [row.title for row in rows if row.id in running] == ["Fix flaky checkout tests"]


def test_only_one_project_lost_its_folder(demo: Path) -> None:
    rows = load_sessions(open_store(demo))

    assert {row.project for row in rows if row.missing} == {"legacy-billing"}
    assert {row.project for row in rows if not row.missing} >= {"shop", "(no project)"}


def test_nothing_lies_in_the_future(demo: Path) -> None:
    newest = [
        one(demo, f"SELECT max(max(time_created), max(time_updated)) FROM {table}")
        for table in ("session", "message", "part", "todo", "session_share")
    ]
    assert max(newest) <= NOW
    assert max(newest) > NOW - 10 * 60_000


def test_the_same_seed_and_time_give_the_same_rows(
    demo: Path, folder: Path, tmp_path: Path
) -> None:
    again = make_demo(tmp_path, now_ms=NOW)

    assert fingerprint(again, tmp_path) == fingerprint(demo, folder)


def test_a_database_that_is_there_is_not_touched(demo_copy: Path) -> None:
    before = demo_copy.stat().st_mtime_ns

    with pytest.raises(Refused, match="exists already"):
        make_demo(demo_copy.parents[1], now_ms=NOW)

    assert demo_copy.stat().st_mtime_ns == before


def fingerprint(demo: Path, folder: Path) -> str:
    """A hash over every column of every row, with the folder's name taken out."""
    made = hashlib.sha256()
    for table in ("project", "session", "message", "part", "event", "todo", "session_share"):
        for row in rows_of(demo, f"SELECT * FROM {table} ORDER BY rowid"):
            made.update(repr(row).replace(str(folder)[1:], "").encode())
    return made.hexdigest()


def rows_of(demo: Path, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
    """Rows one by one, without holding them all."""
    connection = apsw.Connection(str(demo), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        yield from connection.execute(statement, values)
    finally:
        connection.close()
