"""Has another process this database open? Asked of the lock that every connection holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import apsw
import pytest

from tests.factories import make_database, session
from tests.neighbour import Holder
from tui.store.company import Company
from tui.store.database import open_store
from tui.store.holders import PROBE


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make_database(tmp_path / "opencode.db", [session("Sow cress")])


@pytest.fixture
def connection(database: Path) -> Iterator[apsw.Connection]:
    with open_store(database).writing() as db:
        yield db.connection()


def open_descriptors() -> list[str]:
    return sorted(os.listdir("/dev/fd"))


def test_nobody_else_has_it_open(connection: apsw.Connection) -> None:
    assert Company(connection).is_absent


def test_who_opens_it_later_is_noticed_and_missed_when_gone(
    connection: apsw.Connection, database: Path
) -> None:
    company = Company(connection)
    assert company.is_absent
    with Holder(database):
        assert not company.is_absent
        with Holder(database, reading=True):
            assert not company.is_absent
        assert not company.is_absent
    assert company.is_absent


def test_who_came_first_is_noticed(database: Path) -> None:
    with Holder(database), open_store(database).writing() as db:
        assert not Company(db.connection()).is_absent


def test_a_holder_is_noticed_while_the_lock_is_ours(
    connection: apsw.Connection, database: Path
) -> None:
    company = Company(connection)
    connection.execute("BEGIN IMMEDIATE")
    with Holder(database):
        assert not company.is_absent
    connection.execute("ROLLBACK")


def test_connections_of_our_own_do_not_count(connection: apsw.Connection, database: Path) -> None:
    found: list[bool] = []

    def look() -> None:
        with open_store(database).reading() as db:
            db.connection().execute("SELECT count(*) FROM session").fetchall()
            found.extend((company.is_absent, Company(db.connection()).is_absent))

    company = Company(connection)
    look()
    thread = Thread(target=look)
    thread.start()
    thread.join()
    assert found == [True] * 4


def test_a_holder_of_another_database_in_the_same_folder_does_not_count(
    connection: apsw.Connection, database: Path
) -> None:
    second = make_database(database.parent / "other.db", [session("Water cress")])
    with Holder(second):
        assert Company(connection).is_absent


def test_asking_opens_nothing_and_drops_no_lock(
    connection: apsw.Connection, database: Path
) -> None:
    before = open_descriptors()
    for _ in range(3):
        assert Company(connection).is_absent
    assert open_descriptors() == before
    probe = [sys.executable, "-I", "-S", str(PROBE), f"{database}-shm"]
    answer = subprocess.run(probe, capture_output=True, timeout=20, check=True)
    assert int(answer.stdout) == os.getpid()


def test_the_descriptor_is_looked_up_again_where_another_file_has_its_number(
    database: Path, tmp_path: Path
) -> None:
    store = open_store(database)
    with store.writing() as db:
        company = Company(db.connection())
        assert company.is_absent
    taken = [os.open(tmp_path, os.O_RDONLY) for _ in range(8)]
    try:
        with store.writing() as db, Holder(database):
            db.connection().execute("SELECT count(*) FROM session").fetchall()
            assert not company.is_absent
    finally:
        for descriptor in taken:
            os.close(descriptor)


def test_without_a_log_nobody_can_tell(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "plain.db"))
    connection.execute("CREATE TABLE bed (id)")
    assert not Company(connection).is_absent
    connection.close()


def test_where_open_files_are_not_listed_nobody_can_tell(
    connection: apsw.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.company.DESCRIPTORS", str(tmp_path / "nowhere"))
    assert not Company(connection).is_absent


def test_where_the_kernel_knows_no_such_locks_nobody_can_tell(
    connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    assert not Company(connection).is_absent


def test_where_the_shared_memory_was_replaced_nobody_can_tell(
    connection: apsw.Connection, database: Path
) -> None:
    """Somebody removed it although it was in use: whoever came since locks another file."""
    company = Company(connection)
    assert company.is_absent
    os.unlink(f"{database}-shm")
    with Holder(database):
        assert not company.is_absent
    assert not Company(connection).is_absent
