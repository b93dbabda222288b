"""Kills at random moments of each verb that changes much; see `tests.faults.random_kills`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.trial import TRIALS

KILLS = 12
"""For every day; `python -m tests.faults.random_kills` kills as often as it is told."""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork and no SIGKILL")
@pytest.mark.parametrize("verb", TRIALS)
def test_kills_at_random_moments_lose_nothing(tmp_path: Path, verb: str) -> None:
    """In a process of its own: it forks, which a test runner with threads must not."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.random_kills", verb, "--folder", str(tmp_path),
         "--count", str(KILLS), "--seed", str(len(verb))],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    words = done.stdout.split()
    assert words[0] == str(KILLS) and int(words[2]) >= KILLS // 6, done.stdout
