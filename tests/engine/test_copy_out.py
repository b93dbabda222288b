"""Rebuilding a file from what stays: everything that survives is there, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import apsw
import pytest

from tests.bloat import content, is_sound, leftovers
from tests.factories import count_rows, execute, make_database, session
from tests.neighbour import Holder
from tests.picture import site_of
from tui.engine import copy_back, vacuum
from tui.engine.copy_out import all_of, copy_out, whole_sessions
from tui.engine.site import Site
from tui.engine.survivors import Survivors
from tui.errors import OcduError
from tui.places import Place
from tui.policy.plan import Outcome, Step
from tui.policy.vacuum import Wish
from tui.store.database import open_store

SUPERSEDED = "rowid NOT IN (SELECT max(rowid) FROM event GROUP BY aggregate_id, type)"
"""Any rule will do here: what is superseded is decided elsewhere."""


def superseded(survivors: Survivors) -> None:
    survivors.leave_out("event", SUPERSEDED)


@pytest.fixture
def eventful(tmp_path: Path) -> Site:
    """Six sessions, most of whose bytes are events that repeat each other."""
    given = [session(f"s{n}", octets=20_000, events=12, todos=2) for n in range(6)]
    return site_of(make_database(tmp_path / "opencode.db", given))


def rebuilt(
    site: Site,
    doomed: Callable[[Survivors], object] = superseded,
    meanwhile: Callable[[Step], None] = lambda step: None,
    stop: Event | None = None,
    wish: Wish | None = None,
) -> Outcome:
    deed = copy_out(site, doomed, stop or Event(), expected=400_000, wish=wish)
    while True:
        try:
            meanwhile(next(deed))
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def rows_of(path: Path, table: str) -> list[tuple[object, ...]]:
    return execute(path, f'SELECT rowid, * FROM "{table}" ORDER BY rowid')


def test_what_survives_is_there_with_its_row_numbers_and_the_rest_is_gone(eventful: Site) -> None:
    path = eventful.store.path
    said, size, inode = content(path), path.stat().st_size, path.stat().st_ino
    kept = execute(path, f"SELECT rowid, * FROM event WHERE NOT ({SUPERSEDED}) ORDER BY rowid")
    outcome = rebuilt(eventful)
    assert outcome.ending == "done", outcome
    assert rows_of(path, "event") == kept
    after = content(path)
    assert {name: after[name] for name in said if name != "event"} == {
        name: said[name] for name in said if name != "event"
    }
    assert is_sound(path)
    assert path.stat().st_ino == inode
    assert outcome.freed_bytes == size - path.stat().st_size > size / 2
    assert leftovers(path) == []


def test_whole_sessions_go_with_everything_they_own(eventful: Site) -> None:
    path = eventful.store.path
    stays = {
        table: execute(path, f"SELECT * FROM {table} WHERE {key} NOT IN ('ses_s1', 'ses_s2')")
        for table, key in {
            "session": "id", "message": "session_id", "part": "session_id", "todo": "session_id",
            "event": "aggregate_id", "event_sequence": "aggregate_id",
        }.items()
    }  # fmt: skip
    assert rebuilt(eventful, whole_sessions(eventful.store, ["ses_s1", "ses_s2"])).ending == "done"
    assert {table: execute(path, f"SELECT * FROM {table}") for table in stays} == stays
    assert execute(path, "PRAGMA foreign_key_check") == []


def test_several_judgements_add_up_and_one_may_spare_a_session(eventful: Site) -> None:
    path = eventful.store.path
    both = all_of(
        superseded,
        whole_sessions(eventful.store, ["ses_s1", "ses_s2"], lambda _, id: id != "ses_s2"),
    )
    assert rebuilt(eventful, both).ending == "done"
    left = execute(path, "SELECT id FROM session ORDER BY id")
    assert left == [("ses_s0",), ("ses_s2",), ("ses_s3",), ("ses_s4",), ("ses_s5",)]
    assert count_rows(path, "event") == 10


def test_the_rows_to_leave_out_may_lie_in_an_attached_table(eventful: Site, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.db"
    execute(chosen, "CREATE TABLE doomed (row INTEGER PRIMARY KEY)")
    whole = count_rows(eventful.store.path, "event")
    for (row,) in execute(eventful.store.path, "SELECT rowid FROM event LIMIT 30"):
        execute(chosen, "INSERT INTO doomed VALUES (?)", row)
    execute(chosen, "PRAGMA journal_mode = WAL")

    def judge(survivors: Survivors) -> None:
        rows = apsw.Connection(str(chosen)).execute("SELECT row FROM doomed").fetchall()
        survivors.connection.execute("CREATE TABLE temp.chosen (row INTEGER PRIMARY KEY)")
        survivors.connection.executemany("INSERT INTO temp.chosen VALUES (?)", rows)
        assert survivors.leave_out("event", "rowid IN (SELECT row FROM temp.chosen)") == 30
        assert survivors.leave_out("event", "rowid IN (SELECT row FROM temp.chosen)") == 0

    assert rebuilt(eventful, judge).ending == "done"
    assert count_rows(eventful.store.path, "event") == whole - 30


def test_the_whole_schema_and_the_numbers_of_the_header_come_along(eventful: Site) -> None:
    path = eventful.store.path
    for statement in (
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT COLLATE NOCASE)",
        "INSERT INTO counted VALUES (7, 'A'), (9, 'a')",
        "DELETE FROM counted WHERE id = 9",
        "CREATE TABLE paired (a TEXT, b BLOB, c AS (a || 'x'), PRIMARY KEY (a, b)) WITHOUT ROWID",
        "INSERT INTO paired VALUES ('k', x'00ff')",
        "CREATE TABLE \"odd \"\"name\" (rowid TEXT, value)",
        "INSERT INTO \"odd \"\"name\" VALUES ('r', 1.0), (NULL, 1)",
        "INSERT INTO \"odd \"\"name\" VALUES ('s', CAST(x'ff00fe' AS TEXT))",
        "CREATE UNIQUE INDEX odd_index ON \"odd \"\"name\" (value) WHERE rowid NOTNULL",
        "CREATE INDEX by_length ON part (length(data))",
        "CREATE VIEW heavy AS SELECT id FROM part WHERE length(data) > 1000",
        "CREATE TRIGGER noted AFTER INSERT ON todo BEGIN UPDATE counted SET body = 'b'; END",
        "ANALYZE",
        "PRAGMA user_version = 42",
        "PRAGMA application_id = 1234",
    ):  # fmt: skip
        execute(path, statement)
    pragmas = ("page_size", "auto_vacuum", "encoding", "user_version", "application_id",
               "journal_mode")  # fmt: skip
    before = [execute(path, f"PRAGMA {name}") for name in pragmas]
    schema = execute(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2")
    tables = ("counted", "sqlite_sequence", "sqlite_stat1", 'odd ""name')
    rows = {table: rows_of_any(path, table) for table in (*tables, "paired")}
    assert rebuilt(eventful).ending == "done"
    assert [execute(path, f"PRAGMA {name}") for name in pragmas] == before
    assert (
        execute(path, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2") == schema
    )
    assert {table: rows_of_any(path, table) for table in rows} == rows
    assert is_sound(path)
    execute(path, "INSERT INTO counted (body) VALUES ('next')")
    assert execute(path, "SELECT max(id) FROM counted") == [(10,)]


def rows_of_any(path: Path, table: str) -> list[tuple[object, ...]]:
    """Type and bytes of every column; invalid UTF-8 is no text to Python."""
    names = execute(path, "SELECT name FROM pragma_table_xinfo(?)", table.replace('""', '"'))
    columns = ", ".join(f'typeof("{name}"), hex("{name}")' for (name,) in names)
    number = "" if table == "paired" else "_rowid_, "
    return execute(path, f'SELECT {number}{columns} FROM "{table}" ORDER BY 1')


def test_the_garbage_is_not_read(eventful: Site) -> None:
    path = eventful.store.path
    execute(path, "INSERT INTO event SELECT 'evt_huge', aggregate_id, 99999, 'x',"
            " zeroblob(5000000) FROM event LIMIT 1")  # fmt: skip
    execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    [(page,)] = execute(
        path, "SELECT pageno FROM dbstat WHERE name = 'event' AND pagetype = 'overflow'"
        " ORDER BY pageno DESC LIMIT 1 OFFSET 500")  # fmt: skip
    with path.open("r+b") as file:  # a damaged page in the middle of what goes
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    outcome = rebuilt(eventful, lambda each: each.leave_out("event", "id = 'evt_huge'"))
    assert outcome.ending == "done", outcome
    assert is_sound(path)


def test_it_can_become_incremental_on_the_way(eventful: Site) -> None:
    outcome = rebuilt(eventful, wish=Wish(to_incremental=True))
    assert (outcome.ending, outcome.details["auto_vacuum"]) == ("done", 2)
    assert is_sound(eventful.store.path)


def test_an_incremental_file_stays_incremental(tmp_path: Path) -> None:
    given = [session(f"s{n}", events=9) for n in range(6)]
    site = site_of(make_database(tmp_path / "opencode.db", given, auto_vacuum=2))
    assert rebuilt(site).ending == "done"
    assert execute(site.store.path, "PRAGMA auto_vacuum") == [(2,)]
    assert is_sound(site.store.path)


def test_the_judge_cannot_write_the_database(eventful: Site) -> None:
    before = content(eventful.store.path)

    def judge(survivors: Survivors) -> None:
        survivors.connection.execute("DELETE FROM session")

    with pytest.raises(OcduError, match="not authorized"):
        rebuilt(eventful, judge)
    assert content(eventful.store.path) == before


def test_a_row_that_would_lose_its_parent_stops_it(eventful: Site) -> None:
    before = content(eventful.store.path)
    with pytest.raises(OcduError, match="would lose what they belong to"):
        rebuilt(eventful, lambda each: each.leave_out("session", "id = 'ses_s1'"))
    assert content(eventful.store.path) == before
    assert leftovers(eventful.store.path) == []


def test_links_that_were_broken_before_are_no_obstacle(eventful: Site) -> None:
    path = eventful.store.path
    execute(path, "DELETE FROM message WHERE id = 'msg_s1_0a'")
    broken = execute(path, "PRAGMA foreign_key_check")
    assert broken
    assert rebuilt(eventful).ending == "done"
    assert execute(path, "PRAGMA foreign_key_check") == broken


def test_a_copy_that_lost_a_byte_is_never_written_back(
    eventful: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(eventful.store.path)
    copies = Survivors._copy_rest

    def spoil(survivors: Survivors) -> None:
        copies(survivors)
        survivors.connection.execute("UPDATE copy.part SET data = data || ' ' WHERE rowid = 3")

    monkeypatch.setattr(Survivors, "_copy_rest", spoil)
    with pytest.raises(OcduError, match="differs from the database"):
        rebuilt(eventful)
    assert content(eventful.store.path) == before


PHASES = ("copying what stays", "checking the copy", "copying back", "folding in the log")


@pytest.mark.parametrize("phase", PHASES)
def test_a_commit_in_any_phase_is_kept_and_judged(eventful: Site, phase: str) -> None:
    path = eventful.store.path
    fired: list[str] = []

    def meanwhile(step: Step) -> None:
        if step.phase == phase and not fired:
            fired.append(commit(path))

    outcome = rebuilt(eventful, meanwhile=meanwhile)
    assert outcome.ending == "done", outcome
    assert fired
    if fired == ["yes"]:
        assert execute(path, "SELECT title FROM session WHERE id = 'ses_s3'") == [("new title",)]
        assert count_rows(path, "event", "id = 'evt_late'") == 1
    assert is_sound(path)


def commit(path: Path) -> str:
    """A foreign process changes a row and adds an event; "no" when the lock kept it out."""
    script = (
        "import apsw, sys\n"
        "db = apsw.Connection(sys.argv[1])\n"
        "try:\n"
        "    with db:\n"
        "        db.execute(\"UPDATE session SET title = 'new title' WHERE id = 'ses_s3'\")\n"
        "        db.execute(\"INSERT INTO event SELECT 'evt_late', aggregate_id, 99999, type, '{}'"
        " FROM event WHERE aggregate_id = 'ses_s3' LIMIT 1\")\n"
        "    print('yes')\n"
        "except apsw.BusyError:\n"
        "    print('no')\n"
    )
    said = subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=30,
                          capture_output=True, text=True)  # fmt: skip
    return said.stdout.strip()


@pytest.mark.parametrize("phase", PHASES[:3])
def test_a_stop_in_any_phase_changes_nothing(
    eventful: Site, phase: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_back, "PAGES", 5)
    path = eventful.store.path
    before, stop = content(path), Event()
    outcome = rebuilt(
        eventful, meanwhile=lambda step: stop.set() if step.phase == phase else None, stop=stop
    )
    assert (outcome.ending, outcome.freed_bytes) == ("partial", 0)
    assert content(path) == before
    assert leftovers(path) == []


def test_beside_somebody_who_holds_the_file_a_long_lock_is_refused(
    eventful: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.policy.vacuum.ASSUMED_SPEED", 100.0)
    before = content(eventful.store.path)
    with Holder(eventful.store.path) as other:
        outcome = rebuilt(eventful)
    assert outcome.ending == "refused" and outcome.details["crowded"]
    assert f"(pid {other.pid})" in outcome.message
    assert content(eventful.store.path) == before


def test_without_a_write_ahead_log_it_is_refused(eventful: Site) -> None:
    path = eventful.store.path
    execute(path, "PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    outcome = rebuilt(eventful)
    assert outcome.ending == "refused" and "write-ahead log" in outcome.message
    assert path.read_bytes() == before


def test_a_read_only_store_is_refused(eventful: Site) -> None:
    looking = replace(eventful, store=open_store(eventful.store.path, read_only=True))
    outcome = rebuilt(looking)
    assert outcome.ending == "refused" and "--read-only" in outcome.message


def test_a_disk_without_room_is_refused_and_another_one_is_named(
    eventful: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vacuum, "free_bytes", lambda folder: 450_000)
    monkeypatch.setattr(vacuum, "other_places", lambda folder, octets: (Place(tmp_path, 10**9),))
    outcome = rebuilt(eventful)
    assert outcome.ending == "refused"
    assert f"--temp-dir {tmp_path}" in outcome.message
