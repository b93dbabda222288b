"""kill -9 in the middle of everything: nothing lost, nothing half gone once ocdu starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from tests.engine.test_prune import OLD
from tests.factories import Tool, count_rows, make_database, session
from tests.generations import every_state, problems
from tests.picture import Picture, assert_sound, but_history, picture, run, site_of
from tui.engine.crash_recovery import recover, unfinished
from tui.engine.perform import perform
from tui.engine.restore import plan_restore
from tui.engine.site import Site
from tui.engine.trash import batches
from tui.policy.plan import Plan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    trees = [
        session("alpha", active=OLD, events=1, tools=[Tool(400)] * 2,
                children=[session("child", active=OLD, events=1)]),
        session("beta", active=OLD, todos=2, share=True),
    ]  # fmt: skip
    return make_database(tmp_path / "opencode.db", trees)


def victim(database: Path, verb: str, step: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.faults.victim", str(database), verb, str(step)]
    return subprocess.Popen(command, cwd=ROOT, env=dict(os.environ))


def dies(database: Path, verb: str, step: int) -> bool:
    """True when the process was killed at that step, False when the job had ended before."""
    code = victim(database, verb, step).wait(timeout=60)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def killed(site: Site, plan: Plan, until: Callable[[], bool]) -> None:
    """Carry a plan out in a fork that kills itself as soon as that is so."""
    child = os.fork()
    if child == 0:
        for _ in perform(plan, site, Event()):
            if until():
                os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it ended before"


def unsaid(site: Site, plan: Plan) -> None:
    """Carry a plan out in a fork that is killed before its line in the journal is closed."""
    child = os.fork()
    if child == 0:
        site.ledger.update = lambda *_, **columns: (  # type: ignore[method-assign]
            os.kill(os.getpid(), signal.SIGKILL) if "ended" in columns else None
        )
        for _ in perform(plan, site, Event()):
            pass
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1]), "it ended before"


def everything(database: Path) -> Picture:
    """The database with all of its trash put back."""
    site = site_of(database)
    known = [each.id for each in batches(site.ledger.trash_folder, site.ledger.database)]
    if known:
        run(plan_restore(site, known), site)
    return picture(database)


@pytest.mark.parametrize("step", (1, 3, 8, 20, 45, 80))
def test_a_prune_of_two_generations_killed_at_any_step_loses_nothing(
    tmp_path: Path, step: int
) -> None:
    path = tmp_path / "opencode.db"
    every_state(path)
    before = picture(path)
    dies(path, "prune", step)
    recover(site_of(path))
    assert unfinished(site_of(path)) == []
    assert problems(path) == []
    assert_sound(path)
    assert everything(path) == before


STEPS = (1, 2, 3, 4, 6, 9, 13, 18, 24, 31, 40)


@pytest.mark.parametrize("verb", ("prune", "bury"))
@pytest.mark.parametrize("step", STEPS)
def test_a_prune_killed_at_any_step_loses_nothing(database: Path, verb: str, step: int) -> None:
    before = picture(database)
    dies(database, verb, step)
    site = site_of(database)
    recover(site)
    assert unfinished(site) == []
    assert_sound(database)
    whole = {("ses_alpha", "ses_child"), ("ses_beta",)}
    for tree in whole:
        names = "', '".join(tree)
        assert count_rows(database, "session", f"id IN ('{names}')") in (0, len(tree))
    if verb == "bury":
        assert but_history(everything(database)) == but_history(before)
    else:
        assert everything(database) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_restore_killed_at_any_step_is_finished(database: Path, step: int) -> None:
    before = picture(database)
    dies(database, "prune", 10_000)
    assert count_rows(database, "session") == 0
    was_killed = dies(database, "restore", step)
    said = recover(site_of(database))
    if was_killed and step > 3:  # at the first steps the batch is unpacked, no row has moved yet
        assert any("restore" in sentence for sentence in said)
    assert_sound(database)
    assert everything(database) == before


@pytest.mark.parametrize("step", (2, 5, 12, 25))
def test_a_deletion_for_good_killed_at_any_step_is_finished_not_left_half(
    database: Path, step: int
) -> None:
    dies(database, "delete", step)
    site = site_of(database)
    recover(site)
    assert_sound(database)
    assert unfinished(site) == []
    for tree in (("ses_alpha", "ses_child"), ("ses_beta",)):
        names = "', '".join(tree)
        left = count_rows(database, "session", f"id IN ('{names}')")
        assert left in (0, len(tree))
        if left:
            assert count_rows(database, "message", f"session_id IN ('{names}')") == 2 * left


@pytest.mark.parametrize("step", (1, 2, 3))
def test_an_archive_killed_at_any_step_leaves_a_sound_database(database: Path, step: int) -> None:
    dies(database, "archive", step)
    assert_sound(database)
    assert count_rows(database, "session") == 3


def test_kills_at_random_moments_lose_nothing(database: Path) -> None:
    """From outside, at moments nobody chose; the database is put together again each time."""
    before = picture(database)
    for number in range(10):
        process = victim(database, "prune", 10_000)
        time.sleep(0.15 + 0.02 * number)
        process.kill()
        process.wait(timeout=30)
        recover(site_of(database))
        assert_sound(database)
        assert everything(database) == before, f"kill number {number}"
