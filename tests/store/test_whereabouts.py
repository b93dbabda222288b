"""What each database of a user holds, and JSON files that nobody imported."""

from __future__ import annotations

from pathlib import Path

from tests.factories import days_ago, make_database, session
from tui.store.locate import databases, found_at
from tui.store.whereabouts import never_imported, whereabouts


def test_every_database_is_asked_and_a_broken_one_says_why(home: Path) -> None:
    folder = home / "data" / "opencode"
    trees = [
        session("one", active=days_ago(3), archived=days_ago(1), children=[session("kid")]),
        session("two", project="other", directory="/no/such/folder"),
    ]
    make_database(folder / "opencode.db", trees)
    (folder / "opencode-dev.db").write_bytes(b"nothing of SQLite's" * 99)
    found = {row.path.name: row for row in whereabouts(databases())}
    row = found["opencode.db"]
    assert (row.generation, row.sessions, row.archived) == ("v1", 3, 1)
    assert (row.missing, row.projects, row.in_events_only) == (1, 2, 0)
    assert row.newest == days_ago(1) and row.bytes > 0 and row.note == ""
    broken = found["opencode-dev.db"]
    assert broken.sessions == 0 and "not an SQLite database" in broken.note


def test_a_file_elsewhere_can_be_asked_too(tmp_path: Path) -> None:
    path = make_database(tmp_path / "copy.db", [session("one")])
    [row] = whereabouts([found_at(path)])
    assert (row.path, row.sessions) == (path, 1)


def test_json_sessions_are_counted_and_those_in_no_database_too(home: Path) -> None:
    folder = home / "data" / "opencode"
    make_database(folder / "opencode.db", [session("one")])
    for name in ("ses_one", "ses_lost", "ses_gone"):
        file = folder / "storage" / "session" / "prj" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    assert never_imported(folder) == (3, 2)
    assert never_imported(home / "nowhere") == (0, 0)
