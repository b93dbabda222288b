"""A rescue killed at any step: the file is whole, the talk is there, the next one finishes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.test_rescue import bloated, conversation, on_disk, rescue_of
from tests.factories import count_rows
from tests.neighbour import ROOT
from tests.picture import assert_sound, run, site_of


@pytest.mark.parametrize("step", [1, 3, 9, 40, 80, 85])
def test_killed_at_any_step_nothing_is_lost_and_the_next_rescue_finishes(
    tmp_path: Path, step: int
) -> None:
    path = bloated(tmp_path / "opencode.db")
    talk, parts, before = conversation(path), count_rows(path, "part"), on_disk(path)
    subprocess.run(
        [sys.executable, "-m", "tests.faults.victim", str(path), "rescue", str(step)],
        cwd=ROOT,
        check=False,
    )
    assert_sound(path)
    assert conversation(path) == talk and count_rows(path, "part") == parts
    site = site_of(path)
    plan = rescue_of(site)
    if plan.items:
        assert run(plan, site).ending == "done"
    assert rescue_of(site).items == ()
    assert on_disk(path) < before / 2
    assert conversation(path) == talk and count_rows(path, "part") == parts
    assert_sound(path)
    assert "running" not in {entry.state for entry in site.ledger.entries()}
