"""What is unpacked among the system's temporary files, because the trash takes none."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from tui.store import elsewhere
from tui.store.elsewhere import ELSEWHERE, LONG_AGO, to_read, was_read


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder of one test, beside a trash that takes nothing."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(elsewhere, "hindrance", lambda path: "is not writable for you")
    return tmp_path


def left_behind(folder: Path, age: float) -> Path:
    left = folder / f"{ELSEWHERE}{age:.0f}"
    left.mkdir()
    (left / "batch.reading").write_text("what was said")
    then = time.time() - age
    os.utime(left, (then, then))
    return left


def test_nothing_is_left_of_what_was_read(temporary: Path) -> None:
    plain = to_read(Path("/trash/batch.reading"))
    assert plain.parent.parent == temporary and plain.parent.stat().st_mode & 0o077 == 0
    plain.write_text("what was said")
    was_read(plain)
    assert list(temporary.glob(f"{ELSEWHERE}*")) == []


def test_what_a_killed_reader_left_goes_with_the_next_one(temporary: Path) -> None:
    old, young = (left_behind(temporary, LONG_AGO + step) for step in (60, -60))
    was_read(to_read(Path("/trash/batch.reading")))
    assert not old.exists() and (young / "batch.reading").exists()


def test_no_link_is_followed(temporary: Path) -> None:
    kept = temporary / "kept"
    kept.mkdir()
    (kept / "file").touch()
    link = temporary / f"{ELSEWHERE}link"
    link.symlink_to(kept)
    os.utime(link, (1, 1), follow_symlinks=False)
    was_read(to_read(Path("/trash/batch.reading")))
    assert (kept / "file").exists()


def test_what_somebody_else_left_is_not_ours_to_remove(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = left_behind(temporary, LONG_AGO + 60)
    own = Path.lstat

    def of_somebody(path: Path) -> os.stat_result:
        found = list(own(path))
        found[4] += path == left  # its owner
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", of_somebody)
    was_read(to_read(Path("/trash/batch.reading")))
    assert (left / "batch.reading").exists()
