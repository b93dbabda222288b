"""The writer of the benchmarks who has a tool at work next door: it must notice what was lost."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.acknowledged import at_work
from tests.factories import count_rows, execute, make_database, session

ROOT = str(Path(__file__).parent.parent)


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    return make_database(tmp_path / "opencode.db", [session("used")])


def wait_for_a_row(db: Path) -> None:
    until = time.monotonic() + 30
    while not count_rows(db, "part", "id GLOB 'prt_ack_*'"):
        assert time.monotonic() < until, "the writer next door writes nothing"


def test_rows_that_are_there_are_not_called_lost(garden: Path) -> None:
    with at_work(garden, "opencode", {**os.environ, "PYTHONPATH": ROOT}) as promises:
        wait_for_a_row(garden)
    assert len(promises.written) > 0
    assert (promises.broken, promises.errors) == (0, [])
    execute(garden, "DELETE FROM part WHERE id = ?", promises.written[0])
    assert promises.broken == 1


def test_writes_to_a_file_that_was_replaced_are_lost(garden: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(garden, copy)
    with at_work(garden, "opencode", {**os.environ, "PYTHONPATH": ROOT}) as promises:
        wait_for_a_row(garden)
        os.replace(copy, garden)
        for suffix in ("-wal", "-shm"):
            garden.with_name(garden.name + suffix).unlink()
    assert promises.broken == len(promises.written) > 0


def test_it_goes_by_the_name_it_was_given(garden: Path) -> None:
    with at_work(garden, "opencode", {**os.environ, "PYTHONPATH": ROOT}):
        names = {
            process.info["name"]
            for process in psutil.process_iter(["name", "cmdline"])
            if str(garden) in (process.info["cmdline"] or ())
        }
    assert names == {"opencode"}
