"""Bytes by kind: against a slow count by other means, on databases of every shape."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from tests.factories import Tool, Turn, execute, make_database, session
from tests.neighbour import Neighbour
from tui.store.database import open_store
from tui.store.kinds import Kinds, in_groups, kinds, page_bytes
from tui.store.models import Event as EventTable
from tui.store.models import EventSequence

BROKEN = (
    b'{"type":"tool","tool":"bash","state":{"output":"cut off',
    b'{"type":"text","text":"\xff\xfe"}',
    b'{"type":"text","text":"a\x00b"}',
    b'{"type":"tool","state":null}',
    b'{"type":"tool","state":"words"}',
    b'{"type":"tool","state":[1]}',
    b'{"type":"tool","state":{"output":1.50,"input":null,"metadata":"\\ud83d"}}',
    b'{"state":{"output":"late"},"type":"tool"}',
    b'{"type":7}',
    b'{"type":"' + b"x" * 100 + b'"}',
    b"[" * 2000,
    b"",
    b"null",
)


def plain(path: Path) -> dict[str, int]:
    """Octets of each table, by the standard library's SQLite."""
    connection = sqlite3.connect(path)
    try:
        wanted = {"message", "part", "event", "session_message"}
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        statement = "SELECT coalesce(sum(length(CAST(data AS BLOB))), 0) FROM {}"
        return {
            table: connection.execute(statement.format(table)).fetchone()[0]
            for table in wanted & tables
        }
    finally:
        connection.close()


def slow(path: Path) -> Counter[str]:
    """Octets by kind, each row parsed by Python; for rows that opencode could have written."""
    found: Counter[str] = Counter()

    def size(value: object) -> int:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())

    connection = sqlite3.connect(path)
    for (text,) in connection.execute("SELECT data FROM part"):
        part, octets = json.loads(text), len(text.encode())
        if part["type"] != "tool":
            kind = {"text": "text", "reasoning": "reasoning", "file": "attachments"}
            found[kind.get(part["type"], "other")] += octets
            continue
        names = {
            "output": "tool_output", "error": "tool_output", "input": "tool_input",
            "metadata": "metadata", "attachments": "attachments",
        }  # fmt: skip
        for key, value in part["state"].items():
            if key in names:
                found[names[key]] += size(value)
                octets -= size(value)
        found["other"] += octets
    for (text,) in connection.execute("SELECT data FROM message"):
        message, octets = json.loads(text), len(text.encode())
        summary = message.get("summary")
        diffs = size(summary["diffs"]) if isinstance(summary, dict) else 0
        found["diffs"] += diffs
        found["messages"] += octets - diffs
    newest: dict[tuple[str, str, str], int] = {}
    rows = connection.execute("SELECT aggregate_id, type, data FROM event ORDER BY seq").fetchall()
    for owner, type, text in rows:
        data, octets = json.loads(text), len(text.encode())
        entity = (data.get("part") or data.get("info"))["id"]
        before = newest.get((owner, type, entity), 0)
        found["superseded_events"] += before
        found[f"event:{type}"] += octets - before
        newest[owner, type, entity] = octets
    connection.close()
    return found


@pytest.fixture
def database(tmp_path: Path) -> Path:
    tools = [
        Tool(3000, duplicate=2000, attachment=1500),
        Tool(10, name="skill"),
        Tool(status="error"),
        Tool(0, compacted=True),
    ]
    trees = [
        session("a", events=3, turns=[Turn("日本 \"quoted\"\n", tools=tools, diffs=700), Turn()],
                children=[session("b", events=1, octets=40_000)]),
        session("c", turns=[Turn(), Turn(compaction=True)], events=2),
    ]  # fmt: skip
    return make_database(tmp_path / "opencode.db", trees)


def last(path: Path, ids: list[str] | None = None) -> Kinds:
    *_, found = kinds(open_store(path), ids)
    return found


def test_every_kind_equals_a_slow_count(database: Path) -> None:
    found = last(database)
    expected = slow(database)
    assert {kind: octets for kind, octets in found.items() if octets} == dict(+expected)
    for kind in ("text", "tool_output", "metadata", "attachments", "diffs", "superseded_events"):
        assert found[kind] > 0
    assert found.tables == plain(database)
    assert sum(found.values()) == sum(found.tables.values())


def test_kinds_of_sessions_add_up_to_the_whole(database: Path) -> None:
    each = [last(database, [id]) for id in ("ses_a", "ses_b", "ses_c")]
    total: Counter[str] = Counter()
    for found in each:
        total.update(found)
    assert +total == +Counter(last(database))
    assert +Counter(last(database, ["ses_a", "ses_b", "ses_c"])) == +total
    assert sum(last(database, []).values()) == 0


def test_pieces_of_any_size_count_every_row_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = last(database)
    for name, value in (("FIRST_PIECE", 1), ("SMALLEST_PIECE", 1), ("LISTED", 3)):
        monkeypatch.setattr(f"tui.store.pieces.{name}", value)
    assert last(database) == whole
    assert last(database, ["ses_a", "ses_b", "ses_c"]) == whole


@pytest.mark.parametrize("row", BROKEN, ids=lambda row: repr(row[:30]))
@pytest.mark.parametrize("kind", ("TEXT", "BLOB"))
def test_a_broken_row_stops_nothing_and_counts(database: Path, row: bytes, kind: str) -> None:
    for table in ("part", "message", "event"):
        execute(
            database,
            f"UPDATE {table} SET data = CAST(? AS {kind}) WHERE rowid IN"
            f" (SELECT min(rowid) FROM {table})",
            row,
        )
    execute(database, "UPDATE event SET type = CAST(x'ff1b5b' AS TEXT) WHERE seq = 1")
    found = last(database)
    assert found.tables == plain(database)
    assert sum(found.values()) == sum(found.tables.values())
    assert min(found.values()) >= 0
    ids = ["ses_a", "ses_b", "ses_c"]
    assert last(database, ids) == found


def test_a_tool_that_is_no_json_counts_whole_as_its_output(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("a", tools=[Tool(500)])])
    before = last(path)
    execute(path, "UPDATE part SET data = substr(data, 1, 400) WHERE data LIKE '%\"tool\"%'")
    after = last(path)
    assert after["tool_output"] == 400
    assert after["other"] == 0 < before["other"]


def test_a_huge_row_counts_by_its_head_alone(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.pieces.LARGE", 3_000)
    found = last(database)
    assert found.tables == plain(database)
    assert sum(found.values()) == sum(found.tables.values())
    [(whole,)] = execute(
        database,
        "SELECT sum(octet_length(data)) FROM part WHERE octet_length(data) > 3000",
    )
    assert found["tool_output"] >= whole
    assert found["superseded_events"] == slow(database)["superseded_events"]


def test_events_that_are_no_snapshots_are_never_superseded(database: Path) -> None:
    execute(database, "UPDATE event SET type = 'session.next.step.1' WHERE type LIKE 'message.u%'")
    found = last(database)
    [(octets,)] = execute(
        database, "SELECT sum(octet_length(data)) FROM event WHERE type LIKE 'session.next%'"
    )
    assert found["event:session.next.step.1"] == octets


def test_only_the_newest_state_of_a_session_is_needed(database: Path) -> None:
    execute(database, "DELETE FROM event")
    for seq in range(4):
        execute(
            database,
            "INSERT INTO event (id, aggregate_id, seq, type, data)"
            " VALUES (?, 'ses_a', ?, 'session.updated.1', '{}')",
            f"e{seq}",
            seq,
        )
    assert last(database)["superseded_events"] == 6
    assert last(database)["event:session.updated.1"] == 2


def test_an_old_database_has_no_events(tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("a")], without=[EventSequence, EventTable])
    found = last(path)
    assert not [kind for kind in found if re.match("event:", kind)]
    assert found.tables == plain(path)
    assert last(path, ["ses_a"])["text"] > 0


def test_an_empty_database_has_nothing_of_each_kind(tmp_path: Path) -> None:
    found = last(make_database(tmp_path / "o.db"))
    assert set(found.values()) == {0}
    assert found.tables == dict.fromkeys(("message", "part", "event", "session_message"), 0)


def test_it_stops_when_told_to(database: Path) -> None:
    stop = Event()
    stop.set()
    assert len(list(kinds(open_store(database), stop=stop))) == 1


def test_counting_beside_a_writer_stays_whole(database: Path) -> None:
    with Neighbour(database, 500) as writer:
        for _ in range(5):
            found = last(database)
            assert sum(found.values()) == sum(found.tables.values())
    assert writer.report.errors == []


def test_groups_put_all_events_together(database: Path) -> None:
    found = last(database)
    groups = in_groups(found)
    assert sum(groups.values()) == sum(found.values())
    assert groups["events"] == found.tables["event"] - found["superseded_events"] > 0


def test_pages_are_payload_indices_or_free(database: Path) -> None:
    sizes = open_store(database).sizes()
    payload = sum(last(database).tables.values())
    pages = page_bytes(sizes, payload)
    assert payload + sum(pages.values()) == sizes.page_count * sizes.page_size
