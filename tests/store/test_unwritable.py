"""Reading a database where nothing can be written, and no lock keeps its owner from writing."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw
import pytest

from tests.factories import days_ago, make_database, session
from tui.errors import NotNow
from tui.store.unwritable import TICK, Lockless


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Old enough for its times to be told from those of a write."""
    path = make_database(
        tmp_path / "opencode.db",
        [session(f"{number}", active=days_ago(9), octets=30_000) for number in range(20)],
    )
    an_hour_ago = time.time_ns() - 3_600_000_000_000
    os.utime(path, ns=(an_hour_ago, an_hour_ago))
    return path


def lockless(path: Path) -> Lockless:
    return Lockless(f"file:{path}", path)


def scribble(path: Path, octets: bytes, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(octets)


def test_what_nobody_writes_to_is_read(database: Path) -> None:
    with lockless(database).reading() as db:
        assert db.connection().execute("SELECT count(*) FROM session").fetchall() == [(20,)]


def test_a_damage_that_came_of_a_writer_next_door_is_not_called_one(database: Path) -> None:
    with pytest.raises(NotNow, match="written to while it was read"):  # noqa: SIM117
        with lockless(database).reading() as db:
            rows = db.connection().execute("SELECT data FROM part")
            next(rows)
            half = database.stat().st_size // 2
            scribble(database, b"\xff" * half, half)
            rows.fetchall()


def test_a_damage_that_was_there_before_keeps_its_name(database: Path) -> None:
    half = database.stat().st_size // 2
    scribble(database, b"\xff" * half, half)
    with pytest.raises(apsw.CorruptError), lockless(database).reading() as db:
        db.connection().execute("SELECT sum(octet_length(data)) FROM part").fetchall()


def test_a_write_in_place_is_noticed_although_size_and_time_are_set_back(database: Path) -> None:
    seen = database.stat()
    with pytest.raises(NotNow), lockless(database).reading():
        scribble(database, b"\xff", seen.st_size - 1)
        os.utime(database, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def test_a_file_just_written_to_is_read_once_the_next_write_would_be_noticed(
    database: Path,
) -> None:
    """Two writes within one tick of the clock leave the same size and time."""
    os.utime(database)
    with lockless(database).reading():
        assert time.time() - database.stat().st_mtime >= TICK
