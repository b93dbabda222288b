"""Who else has the database open."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from tests.factories import make_database, session
from tests.neighbour import Holder
from tui.store import holders as place
from tui.store.database import open_store
from tui.store.holders import PROBE, holders, is_alone


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make_database(tmp_path / "opencode.db", [session("Sow cress")])


def probed(path: Path) -> int:
    answer = subprocess.run(
        [sys.executable, "-I", "-S", str(PROBE), f"{path}-shm"],
        capture_output=True,
        timeout=20,
        check=True,
    )
    return int(answer.stdout)


def test_nobody_holds_a_database_that_nobody_opened(database: Path) -> None:
    assert holders(database) == ()
    assert is_alone(database)


def test_an_idle_process_is_found_with_its_name_and_gone_when_it_ends(database: Path) -> None:
    with Holder(database) as other:
        found = holders(database)
        assert [holder.pid for holder in found] == [other.pid]
        assert "python" in found[0].name
        assert not is_alone(database)
    assert is_alone(database)


def test_two_holders_are_both_named_by_pid(database: Path) -> None:
    with Holder(database) as one, Holder(database) as two:
        assert [holder.pid for holder in holders(database)] == sorted((one.pid, two.pid))


def test_our_own_connections_do_not_count(database: Path) -> None:
    with open_store(database).reading():
        assert holders(database) == ()


def test_a_holder_is_found_through_a_symbolic_link(database: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(database)
    with Holder(database) as other:
        assert [holder.pid for holder in holders(link)] == [other.pid]


def test_a_holder_of_another_database_in_the_same_folder_does_not_count(database: Path) -> None:
    second = make_database(database.parent / "other.db", [session("Water cress")])
    with Holder(second):
        assert holders(database) == ()


def test_a_process_with_only_the_log_open_counts(database: Path) -> None:
    with Holder(database):
        wal = database.with_name(database.name + "-wal")
        reader = subprocess.Popen(
            [sys.executable, "-c", "import sys; f = open(sys.argv[1]); input()", str(wal)],
            stdin=subprocess.PIPE,
        )
        try:
            until = time.monotonic() + 20
            while reader.pid not in {holder.pid for holder in holders(database)}:
                assert time.monotonic() < until
        finally:
            reader.communicate(b"\n", timeout=20)


def test_a_database_that_is_not_there_has_no_holder(tmp_path: Path) -> None:
    assert holders(tmp_path / "nothing.db") == ()


@pytest.mark.parametrize("comm", ["bad\x1b[31mname", "line\nbreak", "right\u202eleft"])
def test_a_process_name_is_harmless_on_a_terminal(
    comm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "77").mkdir()
    (tmp_path / "77" / "comm").write_text(comm + "\n")
    monkeypatch.setattr(place, "PROC", tmp_path)
    assert place.process_name(77).isprintable()


def test_a_scan_takes_milliseconds_of_the_processor(database: Path) -> None:
    times = []
    for _ in range(5):
        began = time.thread_time()
        holders(database, probe=False)
        times.append(time.thread_time() - began)
    assert min(times) < 0.1


if sys.platform != "win32":

    def test_the_lock_probe_names_the_process_that_holds_the_database(database: Path) -> None:
        with Holder(database) as other:
            assert probed(database) == other.pid

    def test_the_lock_probe_says_zero_when_nobody_holds_it(database: Path) -> None:
        assert probed(database) == 0

    def test_a_holder_we_may_not_look_into_is_found_by_its_lock(
        database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "_by_proc", lambda wanted: (set(), True))
        with Holder(database) as other:
            assert [holder.pid for holder in holders(database)] == [other.pid]
            assert holders(database, probe=False) == ()

    def test_the_probe_leaves_our_own_locks_alone(
        database: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "_by_proc", lambda wanted: (set(), True))
        connection = apsw.Connection(str(database))
        try:
            connection.execute("SELECT count(*) FROM part").fetchall()
            assert holders(database) == ()
            assert probed(database) == os.getpid()
        finally:
            connection.close()

    def test_holders_are_found_without_proc_too(
        database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(place, "PROC", tmp_path / "no-proc")
        with Holder(database) as other:
            assert [holder.pid for holder in holders(database)] == [other.pid]
