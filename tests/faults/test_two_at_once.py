"""Two ocdu at once on one database: one has the pen, the other waits for it or says who has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.factories import days_ago, execute, make_database, session
from tests.faults.trial import make_forest
from tests.picture import assert_sound, but_history, picture, run, site_of
from tui.engine.crash_recovery import unfinished
from tui.engine.restore import plan_restore
from tui.engine.trash import batches

ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from pathlib import Path
from tui.engine.site import open_site
with open_site(Path(sys.argv[1])).ledger.exclusive():
    print("mine", flush=True)
    sys.stdin.read()
"""

DEEDS = (
    ("archive", "ses_tree0"),
    ("prune", "--older-than", "30d"),
    ("reclaim", "--level", "aggressive"),
    ("undo",),
    ("unarchive", "ses_tree0"),
    ("checkpoint",),
)
"""What each of them does, one after the other."""


def ocdu(path: Path, *deed: str) -> tuple[int, dict[str, Any]]:
    """A process of its own; its exit code and what it says."""
    command = [sys.executable, "-m", "tui", *deed, "--yes", "--json", "--db", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, said


def test_the_second_says_which_process_has_the_pen_and_changes_nothing(tmp_path: Path) -> None:
    path = make_database(tmp_path / "opencode.db", [session("tree", active=days_ago(90))])
    before = picture(path)
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None and first.stdout.readline() == b"mine\n"
        code, said = ocdu(path, "prune", "ses_tree")
        first.communicate()
    assert (code, said["outcome"]) == (3, "refused")
    assert "Another ocdu" in said["message"] and f"process {first.pid}" in said["message"]
    assert picture(path) == before and not unfinished(site_of(path))
    assert ocdu(path, "prune", "ses_tree")[0] == 0


def rounds(path: Path, order: int) -> list[tuple[int, dict[str, Any]]]:
    """All deeds, forwards or backwards."""
    return [ocdu(path, *deed) for deed in DEEDS[::order]]


@pytest.mark.skipif(sys.platform == "win32", reason="the pen is told by open files")
def test_two_that_do_everything_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = make_forest(tmp_path / "opencode.db", 2_000_000)
    ids = {id for (id,) in execute(path, "SELECT id FROM session")}
    rows = {table: count for table, (count, _) in but_history(picture(path)).items()}
    with ThreadPoolExecutor(max_workers=2) as pool:
        said = [each for found in pool.map(rounds, (path, path), (1, -1)) for each in found]
    for code, each in said:
        waited = code == 3 and "Another ocdu" in each["message"]
        gone = code == 2 and "ses_tree0" in each["message"]  # the other one has pruned it
        assert code in (0, 4) or waited or gone, each
    site = site_of(path)
    assert unfinished(site) == [] and not site.ledger.has_running()
    for batch in batches(site.ledger.trash_folder, site.ledger.database):
        assert run(plan_restore(site, [batch.id]), site).ending == "done"
    assert_sound(path)
    assert {id for (id,) in execute(path, "SELECT id FROM session")} == ids
    assert {table: count for table, (count, _) in but_history(picture(path)).items()} == rows
