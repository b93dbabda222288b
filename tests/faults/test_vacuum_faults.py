"""A vacuum that is killed, or runs out of disk, at any moment: the old content, nothing left."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bloat import content, is_sound, leftovers, make_bloated
from tui.store.disk import remove_leftovers

ROOT = Path(__file__).parent.parent.parent

KILLS = 12

PROGRAM = """
import sys
from pathlib import Path
from threading import Event
from tui.engine import copy_back
from tui.engine.vacuum import apply_vacuum, vacuum_facts
from tui.policy.vacuum import plan_vacuum
from tui.store.database import open_store

copy_back.PAGES = 20  # many moments to be killed at
store = open_store(Path(sys.argv[1]))
plan = plan_vacuum(vacuum_facts(store, holders=()))
print("begins", flush=True)
for step in apply_vacuum(plan, store, Event()):
    print(step.phase, step.done, flush=True)
"""

PHASES = ("begins", "copying", "checking the copy", "copying back", "folding in the log")


def started(path: Path, before: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_at_any_moment_leaves_the_whole_content(tmp_path: Path, number: int) -> None:
    path = make_bloated(tmp_path / "opencode.db")
    said = content(path)
    chance = random.Random(number)
    vacuum = started(path)
    assert vacuum.stdout is not None
    # Killed in each phase in turn, a random moment after its first word.
    for line in vacuum.stdout:
        if line.startswith(PHASES[number % len(PHASES)]):
            break
    time.sleep(chance.random() * 0.02)
    vacuum.kill()
    vacuum.communicate(timeout=30)
    assert content(path) == said
    assert is_sound(path)
    found = leftovers(path)
    assert [file.name for file in remove_leftovers(path)] == sorted(found)
    assert leftovers(path) == []
    again = started(path)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert content(path) == said
    assert path.stat().st_size < 2_500_000


def test_the_kills_do_leave_copies_behind_that_must_be_removed(tmp_path: Path) -> None:
    path = make_bloated(tmp_path / "opencode.db")
    vacuum = started(path)
    assert vacuum.stdout is not None
    for line in vacuum.stdout:
        if line.startswith("copying back"):
            vacuum.kill()
            break
    vacuum.communicate(timeout=30)
    assert leftovers(path) == [f".opencode.db.compact-{vacuum.pid}"]
    again = started(path)
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert leftovers(path) == []


if sys.platform != "win32":

    @pytest.mark.parametrize("limit", [300_000, 900_000])
    def test_a_disk_that_fills_up_in_the_middle_leaves_the_old_content(
        tmp_path: Path, limit: int
    ) -> None:
        path = make_bloated(tmp_path / "opencode.db")
        said, size = content(path), path.stat().st_size
        # No file of this process may grow beyond the limit: SQLite sees a failing write.
        full = (
            "import resource, signal\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        )
        vacuum = started(path, full)
        _, trouble = vacuum.communicate(timeout=60)
        assert vacuum.returncode == 1
        assert "OcduError" in trouble
        assert content(path) == said
        assert path.stat().st_size == size
        assert leftovers(path) == []

    def test_ctrl_c_leaves_the_whole_content_and_no_copy(tmp_path: Path) -> None:
        path = make_bloated(tmp_path / "opencode.db")
        said = content(path)
        vacuum = started(path)
        assert vacuum.stdout is not None
        for line in vacuum.stdout:
            if line.startswith("copying back"):
                vacuum.send_signal(signal.SIGINT)
                break
        vacuum.communicate(timeout=30)
        assert content(path) == said
        assert leftovers(path) == []
