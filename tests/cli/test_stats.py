"""`ocdu stats`: exact sums, and an honest list of what can be given back."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ocdu
from tests.factories import count_rows, execute, make_database, session
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
    for table in ("message", "part", "event"):
        assert said[table + "s"] == count_rows(garden, table)
    assert said["sessions"] == {"total": 6, "root": 5, "child": 1, "archived": 1}


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
