"""Connections: reading changes no byte, writing has its rules asserted."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import apsw
import psutil
import pytest

from tests.factories import days_ago, execute, make_database, session
from tui.errors import OcduError, Refused
from tui.forest import Forest
from tui.store import schema
from tui.store.database import Store, assert_write_rules, explained, open_store, transaction, wal_of
from tui.store.details import session_detail
from tui.store.kinds import kinds
from tui.store.query import scalar
from tui.store.sessions import load_sessions, running_sessions, with_last_messages
from tui.store.usage import measure_all, measure_sessions


@pytest.fixture
def database(tmp_path: Path) -> Path:
    trees = [session("a", events=2, octets=5000, children=[session("b")]), session("c", todos=2)]
    return make_database(tmp_path / "opencode.db", trees)


def fingerprint(path: Path) -> dict[str, tuple[str, int]]:
    """Hash and modification time of the database and its WAL, read by another process."""
    found = {}
    for each in (path, wal_of(path)):
        if each.exists():
            script = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
            octets = subprocess.run(
                [sys.executable, "-c", script, str(each)], capture_output=True, check=True
            ).stdout
            found[each.name] = (hashlib.sha256(octets).hexdigest(), each.stat().st_mtime_ns)
    return found


def browse(store: Store) -> None:
    """Everything a user can look at without changing anything."""
    rows = with_last_messages(store, load_sessions(store))
    measure_all(store)
    running_sessions(store, rows, days_ago(0))
    list(kinds(store))
    for row in rows:
        session_detail(store, row)
    store.sizes()


def test_browsing_leaves_every_byte_of_database_and_wal_as_it_was(database: Path) -> None:
    """With a WAL that a last read-write connection would fold in and delete on closing."""
    script = (
        "import apsw, os, sys; c = apsw.Connection(sys.argv[1]);"
        "c.execute('UPDATE session SET slug = 1'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=True)
    assert wal_of(database).stat().st_size > 0
    before = fingerprint(database)
    browse(open_store(database))
    assert fingerprint(database) == before


def test_a_reading_connection_cannot_write(database: Path) -> None:
    with open_store(database).reading() as db, pytest.raises(apsw.ReadOnlyError):
        db.connection().execute("DELETE FROM session")


def test_no_connection_outlives_its_block(database: Path) -> None:
    store = open_store(database)
    browse(store)
    mine = [each.path for each in psutil.Process().open_files()]
    assert str(database) not in mine


def test_no_read_pins_the_wal(database: Path) -> None:
    store = open_store(database)
    for _ in kinds(store):
        busy = execute(database, "PRAGMA wal_checkpoint(TRUNCATE)")[0][0]
        assert busy == 0


def test_every_write_connection_has_foreign_keys_a_timeout_and_no_secure_delete(
    database: Path,
) -> None:
    with open_store(database).writing() as db:
        connection = db.connection()
        assert scalar(connection, "PRAGMA foreign_keys") == 1
        assert scalar(connection, "PRAGMA secure_delete") == 0
        assert scalar(connection, "PRAGMA busy_timeout") == 5000
        assert scalar(connection, "PRAGMA journal_mode") == "wal"


@pytest.mark.parametrize("pragma", ("foreign_keys = OFF", "secure_delete = ON", "busy_timeout = 1"))
def test_a_write_rule_that_did_not_take_stops_everything(database: Path, pragma: str) -> None:
    with open_store(database).writing() as db:
        db.connection().execute(f"PRAGMA {pragma}")
        with pytest.raises(OcduError, match="SQLite did not accept"):
            assert_write_rules(db.connection())


def test_a_transaction_that_raises_leaves_nothing(database: Path) -> None:
    with open_store(database).writing() as db:
        with pytest.raises(ZeroDivisionError), transaction(db.connection()):
            db.connection().execute("DELETE FROM message")
            raise ZeroDivisionError
        assert scalar(db.connection(), "SELECT count(*) FROM message") > 0


def test_a_newer_schema_is_shown_and_not_written(database: Path) -> None:
    execute(database, "INSERT INTO migration VALUES ('20270101000000_tomorrow', 1)")
    store = open_store(database)
    assert len(load_sessions(store)) == 3
    assert "newer schema" in (store.refusal or "")
    with pytest.raises(Refused), store.writing():
        pass


def test_a_file_whose_second_generation_is_unknown_is_shown_and_not_written(
    database: Path,
) -> None:
    execute(database, "CREATE TABLE session_v2 (id TEXT PRIMARY KEY)")
    store = open_store(database)
    assert store.schema.generation == "both"
    assert len(load_sessions(store)) == 3
    assert "2.x" in (store.refusal or "")


def test_future_columns_are_carried_along(database: Path) -> None:
    execute(database, "ALTER TABLE session ADD COLUMN mood TEXT")
    store = open_store(database)
    assert store.refusal is None
    assert "mood" in store.schema.estate[-1].columns


def test_network_file_systems_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mount:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    mounts = [Mount("/", "ext4"), Mount("/net", "nfs4"), Mount("/net/disk", "xfs"),
              Mount("/ssh", "fuse.sshfs")]  # fmt: skip
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    assert schema.network_file_system(Path("/net/x.db")) == "nfs4"
    assert schema.network_file_system(Path("/ssh/x.db")) == "fuse.sshfs"
    assert schema.network_file_system(Path("/net/disk/x.db")) is None
    assert schema.network_file_system(Path("/network/x.db")) is None


def test_the_estate_goes_children_first_and_the_session_last(database: Path) -> None:
    order = [owned.table for owned in open_store(database).schema.estate]
    assert order[-1] == "session"
    assert order.index("part") < order.index("message")
    assert order.index("event") < order.index("event_sequence")


def test_sizes_by_session_equal_plain_sql(database: Path) -> None:
    store = open_store(database)
    measured = measure_all(store)
    assert measured.done
    for table in ("message", "part", "event"):
        assert (
            measured.tables[table]
            == execute(database, f"SELECT coalesce(sum(octet_length(data)), 0) FROM {table}")[0][0]
        )
    for id, usage in measure_sessions(store, ["ses_a", "ses_b", "ses_c"]).items():
        assert measured.sessions[id] == usage
        [(rows, octets)] = execute(
            database, "SELECT count(*), sum(octet_length(data)) FROM part WHERE session_id = ?", id
        )
        assert (usage.parts, usage.part_bytes) == (rows, octets)
    *_, by_kind = kinds(store)
    assert sum(by_kind.values()) == measured.bytes


def test_sizes_are_octets_not_characters(database: Path) -> None:
    execute(database, "UPDATE part SET data = '日本' WHERE session_id = 'ses_b'")
    usage = measure_sessions(open_store(database), ["ses_b"])["ses_b"]
    assert usage.part_bytes == 6 * usage.parts


def test_measuring_in_slices_counts_every_row_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measure_all(open_store(database))
    monkeypatch.setattr("tui.store.usage.FIRST_ROWS", 1)
    monkeypatch.setattr("tui.store.usage.MOST_ROWS", 2)
    assert measure_all(open_store(database)) == whole


def test_a_broken_title_and_a_cycle_hide_nothing(database: Path) -> None:
    execute(
        database, "UPDATE session SET title = CAST(x'ff5b7265645d1b5b' AS TEXT) WHERE id = 'ses_a'"
    )
    execute(database, "UPDATE session SET parent_id = 'ses_b' WHERE id = 'ses_a'")
    execute(database, "UPDATE session SET time_updated = 'soon', cost = 'x' WHERE id = 'ses_c'")
    rows = load_sessions(open_store(database))
    assert sorted(row.id for row in rows) == ["ses_a", "ses_b", "ses_c"]
    assert len(Forest.of(rows)) == 3
    assert {row.updated for row in rows if row.id == "ses_c"} == {0}


def test_a_session_at_work_is_seen_and_one_that_crashed_long_ago_is_not(tmp_path: Path) -> None:
    from tests.factories import HOUR, MINUTE, NOW, Turn

    path = make_database(
        tmp_path / "o.db",
        [
            session("at work", active=NOW - MINUTE, turns=(Turn(finished=False),)),
            session("crashed", active=NOW - 2 * HOUR, turns=(Turn(finished=False),)),
            session("done", active=NOW - MINUTE),
        ],
    )
    store = open_store(path)
    rows = with_last_messages(store, load_sessions(store))
    assert running_sessions(store, rows, NOW) == {"ses_atwork"}


def test_errors_become_sentences_with_the_next_step(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    assert "another program" in str(explained(apsw.BusyError("database is locked"), path))
    assert "disk" in str(explained(apsw.FullError("database or disk is full"), path))
    assert explained(apsw.CorruptError("malformed"), path).exit_code == 3


def test_reading_works_while_another_process_holds_the_write_lock(database: Path) -> None:
    other = apsw.Connection(str(database))
    other.execute("BEGIN IMMEDIATE")
    try:
        browse(open_store(database))
    finally:
        other.close()


def test_root_may_do_anything_so_permissions_are_asked_not_assumed(database: Path) -> None:
    store = Store(database)
    assert store.refusal is None
    os.chmod(database, 0o444)
    try:
        expected = None if os.geteuid() == 0 else "not writable"
        assert (store.refusal is None) == (expected is None)
    finally:
        os.chmod(database, 0o644)
