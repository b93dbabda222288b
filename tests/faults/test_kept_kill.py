"""Killed at any statement, a reclaim with copies loses nothing, and nor does its undo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.skipif(sys.platform == "win32", reason="no fork and no SIGKILL there")
def test_killed_anywhere_with_a_copy_the_next_start_and_undo_bring_all_back(
    tmp_path: Path,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.kept_victim", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    lives = dict(line.split() for line in ended.stdout.splitlines() if len(line.split()) == 2)
    assert set(lives) == {"reclaim", "undo"}, ended.stdout
    assert min(int(each) for each in lives.values()) > 100
    assert len(ended.stdout.splitlines()) == 2, ended.stdout
