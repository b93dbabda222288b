"""The reader that goes ahead: a process of its own, gone when it is no longer needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import psutil
import pytest

from tests.factories import make_database, session
from tests.neighbour import Holder
from tui.store import prefetch
from tui.store.database import open_store
from tui.store.prefetch import prefetched, read_through
from tui.store.usage import measure, measure_all

EVICT = (
    "import os, sys\n"
    "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
    "os.fsync(fd)\n"
    "os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    return path


def evict(path: Path) -> None:
    subprocess.run([sys.executable, "-c", EVICT, str(path)], check=True)


def children() -> list[str]:
    """Command lines of our children that read ahead."""
    found = [" ".join(each.cmdline()) for each in psutil.Process().children()]
    return [each for each in found if "prefetch.py" in each]


def test_a_file_in_memory_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_held", lambda *_: prefetch.CACHED)
    assert read_through(str(file)) == 0


def test_the_kernel_tells_of_a_file_just_read_that_it_is_in_memory_or_nothing() -> None:
    with TemporaryFile() as file:  # on a disk, where the folder of the tests may not be
        file.write(b"x" * 3_000_000)
        file.flush()
        assert prefetch._held(file.fileno(), 3_000_000) in (1.0, None)


def test_where_the_kernel_does_not_tell_the_speed_decides(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "_held", lambda *_: None)
    monkeypatch.setattr(prefetch, "FIRST", 2 * prefetch.BLOCK)
    monkeypatch.setattr(prefetch, "MEMORY_SPEED", 1.0)
    assert read_through(str(file)) == 2 * prefetch.BLOCK
    monkeypatch.setattr(prefetch, "MEMORY_SPEED", 1e18)
    assert read_through(str(file)) == 3_000_000


def test_a_cold_file_is_read_to_its_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_held", lambda *_: 0.5)
    assert read_through(str(file)) == 3_000_000


def test_a_small_file_and_one_larger_than_memory_are_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with prefetched(file):
        assert children() == []
    monkeypatch.setattr(prefetch, "SMALLEST", 0)
    monkeypatch.setattr(prefetch, "_free_memory", lambda: 3_000_000)
    with prefetched(file):
        assert children() == []
    with prefetched(file.with_name("gone")):
        assert children() == []


def test_the_reader_is_gone_when_the_block_ends(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "SMALLEST", 0)
    with pytest.raises(ZeroDivisionError), prefetched(file):
        assert len(psutil.Process().children()) == 1
        raise ZeroDivisionError
    assert psutil.Process().children() == []


def test_the_reader_is_gone_when_measuring_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "SMALLEST", 0)
    path = make_database(tmp_path / "o.db", [session("a", octets=5000)])
    measuring = measure(open_store(path))
    next(measuring)
    measuring.close()
    assert psutil.Process().children() == []


def test_reading_ahead_drops_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While we hold the write lock and measure, nobody else may get it."""
    monkeypatch.setattr(prefetch, "SMALLEST", 0)
    path = make_database(tmp_path / "o.db", [session("a", octets=5000)])
    evict(path)
    store = open_store(path)
    with Holder(path) as other, store.writing() as db:
        db.connection().execute("BEGIN IMMEDIATE")
        assert measure_all(open_store(path)).done
        attempt = (
            "import apsw, sys; c = apsw.Connection(sys.argv[1])\n"
            "try: c.execute('BEGIN IMMEDIATE')\n"
            "except apsw.BusyError: print('busy')\n"
        )
        said = subprocess.run(
            [sys.executable, "-c", attempt, str(path)], capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == "busy"
        assert other.ask("SELECT count(*) FROM part") > 0
        db.connection().execute("ROLLBACK")
