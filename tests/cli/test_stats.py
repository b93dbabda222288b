"""`ocdu stats`: exact sums, and an honest list of what can be given back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Ocdu
from tests.factories import Tool, Turn, count_rows, execute, make_database, session
from tui.store.models import Event, EventSequence


def octets(path: Path, table: str) -> int:
    """Payload octets of a table, counted another way."""
    return int(execute(path, f'SELECT sum(length(CAST(data AS BLOB))) FROM "{table}"')[0][0] or 0)


def test_tables_and_counts_are_exact(ocdu: Ocdu, garden: Path) -> None:
    execute(garden, "UPDATE part SET data = replace(data, 'oooo', '€äöü') WHERE rowid % 2")
    note = "INSERT INTO session_message VALUES ('m', 'ses_old', 'agent-switched', 0, 1, 1, '{}')"
    execute(garden, note)
    said = ocdu("stats", "--json", "--db", garden).json
    for table in ("message", "part", "event", "session_message"):
        assert said["tables"][table] == octets(garden, table)
    assert sum(said["bytes"].values()) == sum(said["tables"].values())
    assert said["bytes"]["superseded_events"] == 0 < said["bytes"]["event:message.updated.1"]
    for table in ("message", "part", "event"):
        assert said[table + "s"] == count_rows(garden, table)
    assert said["sessions"] == {"total": 6, "root": 5, "child": 1, "archived": 1}


def test_every_kind_of_bytes_has_a_name_that_stays(ocdu: Ocdu, tmp_path: Path) -> None:
    """`bytes` is a contract: these keys always, and `event:` with each type that occurs."""
    said = ocdu("stats", "--json", "--db", make_database(tmp_path / "o.db", [session("a")])).json
    assert list(said["bytes"]) == [
        "text", "reasoning", "tool_output", "tool_input", "metadata", "attachments", "diffs",
        "messages", "superseded_events", "other",
    ]  # fmt: skip


SHAPES = {
    "no sessions": [],
    "one": [session("one")],
    "tools": [session("a", tools=[Tool(5000, duplicate=4000, attachment=900), Tool(1)])],
    "diffs": [session("a", turns=[Turn(diffs=3000)])],
    "events": [session("a", events=1), session("b", events=3, octets=9000)],
    "children": [session("a", children=[session("b", children=[session("c", events=2)])])],
    "orphan": [session("a", parent="ses_gone")],
    "unicode": [session("a", turns=[Turn('日本 €äöü \n " \\', answer="🙂" * 300)])],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("damage", ("", "{", '{"type":"tool","state":1}', "\x00", "[1]"))
def test_it_equals_a_slow_count_on_databases_of_every_shape(
    ocdu: Ocdu, tmp_path: Path, shape: str, damage: str
) -> None:
    """Counted once more by the standard library's SQLite, with plain statements."""
    path = make_database(tmp_path / "o.db", SHAPES[shape])
    if damage:
        for table in ("message", "part", "event"):
            execute(path, f"UPDATE {table} SET data = ? WHERE rowid % 3 = 1", damage)
    said = ocdu("stats", "--json", "--db", path).json
    plain = sqlite3.connect(path)
    for table, octets_said in said["tables"].items():
        sum_of = f"SELECT coalesce(sum(length(CAST(data AS BLOB))), 0), count(*) FROM {table}"
        octets_found, rows = plain.execute(sum_of).fetchone()
        assert octets_said == octets_found, table
        assert said.get(table + "s", rows) == rows
    plain.close()
    assert set(said["tables"]) == {"message", "part", "event", "session_message"}
    assert sum(said["bytes"].values()) == sum(said["tables"].values())
    assert min(said["bytes"].values()) >= 0


def test_a_child_whose_parent_is_gone_is_no_root(ocdu: Ocdu, tmp_path: Path) -> None:
    path = make_database(tmp_path / "o.db", [session("lost", parent="ses_gone"), session("root")])
    said = ocdu("stats", "--json", "--db", path).json
    assert said["sessions"] == {"total": 2, "root": 1, "child": 1, "archived": 0}


def test_a_database_without_events_has_none(ocdu: Ocdu, tmp_path: Path) -> None:
    old = make_database(tmp_path / "o.db", [session("one")], without=[EventSequence, Event])
    said = ocdu("stats", "--json", "--db", old).json
    assert said["events"] == 0
    assert "event" not in said["tables"]


def test_file_free_pages_and_wal_are_as_on_disk(ocdu: Ocdu, garden: Path) -> None:
    ocdu("prune", "ses_old", "--permanent", "--yes", "--db", garden)
    said = ocdu("stats", "--json", "--db", garden).json["database"]
    assert said["bytes"] == garden.stat().st_size
    pages = execute(garden, "PRAGMA freelist_count")[0][0]
    assert said["free_bytes"] == pages * 4096 > 0
    assert (said["path"], said["generation"], said["holders"]) == (str(garden), "v1", [])


def test_get_back_is_what_the_actions_then_predict(ocdu: Ocdu, garden: Path) -> None:
    rows = ocdu("stats", "--json", "--db", garden).json["get_back"]
    found = {(row["action"], row["level"]): row["bytes"] for row in rows}
    reclaim = ocdu("reclaim", "--json", "--db", garden).json["plan"]["totals"]["bytes"]
    prune = ocdu("prune", "--json", "--db", garden).json["plan"]["totals"]["bytes"]
    assert found["reclaim", "compacted"] == reclaim > 7000
    assert found["prune", None] == prune > 90_000
    assert found["reclaim", "summarised"] == 0
    assert found["vacuum", None] == found["checkpoint", None] == 0


def test_people_read_a_summary(ocdu: Ocdu, garden: Path) -> None:
    lines = ocdu("stats", "--db", garden).out.splitlines()
    assert lines[:2] == ["Session Storage Statistics", "─" * 40]
    assert [line.split(":")[0] for line in lines[2:8]] == [
        "Database size",
        "Total sessions",
        "Archived sessions",
        "Total messages",
        "Total parts",
        "Total events",
    ]
    assert "Total sessions:    6 (5 root, 1 child)" in lines
    for begin in ("Where the bytes are", "Beside the payload", "You get back"):
        assert begin in lines
    for name in ("Tool output", "Event message.updated.1", "Indices", "reclaim compacted"):
        assert any(line.startswith(name + ":") for line in lines), name


def test_a_type_of_event_never_reaches_the_terminal_raw(ocdu: Ocdu, garden: Path) -> None:
    execute(garden, "UPDATE event SET type = 'x' || char(27, 10) || '[31my' WHERE seq = 0")
    assert "\x1b" not in ocdu("stats", "--db", garden).out
    assert "\x1b" not in ocdu("show", "ses_old", "--db", garden).out


def test_the_wal_is_named_only_when_there_is_one(ocdu: Ocdu, garden: Path) -> None:
    assert "WAL file size:" not in ocdu("stats", "--db", garden).out
    garden.with_name("opencode.db-wal").write_bytes(b"")
    assert "WAL file size:" not in ocdu("stats", "--db", garden).out


def test_a_database_without_sessions(ocdu: Ocdu, tmp_path: Path) -> None:
    said = ocdu("stats", "--json", "--db", make_database(tmp_path / "o.db")).json
    assert said["sessions"]["total"] == said["messages"] == 0
    assert sum(said["tables"].values()) == 0


def test_reading_leaves_every_byte_as_it_was(ocdu: Ocdu, garden: Path) -> None:
    before = garden.read_bytes()
    assert ocdu("stats", "--db", garden).exit_code == 0
    assert ocdu("show", "ses_old", "--db", garden).exit_code == 0
    assert garden.read_bytes() == before


def test_levels_that_cost_much_are_not_counted_and_say_how_they_are(
    ocdu: Ocdu, garden: Path
) -> None:
    rows = ocdu("stats", "--json", "--db", garden).json["get_back"]
    uncounted = [row["level"] for row in rows if row["bytes"] is None]
    assert uncounted == ["stale", "subagents"]
    said = ocdu("stats", "--db", garden)
    for level in uncounted:
        assert f"Not counted: ocdu reclaim --level {level} --dry-run" in said.out
    of_one = ocdu("show", "ses_old", "--json", "--db", garden).json
    assert None not in [row["bytes"] for row in of_one["session"]["get_back"]]
