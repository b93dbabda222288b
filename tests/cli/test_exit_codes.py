"""Exit codes as a whole: 0 done or nothing, 1 failed, 2 wrong call, 3 refused, 4 partial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.cli.conftest import Ocdu
from tests.factories import execute
from tests.faults.test_kill import ROOT
from tests.picture import assert_sound, picture

CHANGES = (
    ("archive", "ses_old"),
    ("unarchive", "ses_attic"),
    ("prune", "ses_old"),
    ("prune", "ses_old", "--permanent"),
    ("reclaim", "--level", "compacted"),
    ("rescue",),
    ("trash", "restore", "ses_new"),
    ("projects", "relink", "/tmp", "/var"),
    ("undo",),
)
"""Every verb that writes to opencode's file, in a garden whose session "new" is in the trash."""

WRONG = (
    ("show", "ses_nobody"),
    ("archive", "ses_nobody"),
    ("unarchive", "ses_nobody"),
    ("pin", "ses_nobody"),
    ("unpin", "ses_nobody"),
    ("prune", "ses_nobody"),
    ("reclaim", "--level", "compacted", "ses_nobody"),
    ("trash", "restore", "ses_nobody"),
    ("trash", "empty", "nobody"),
    ("trash", "export", "ses_nobody", "--output", "/tmp/nowhere/"),
    ("projects", "remove", "nobody"),
    ("projects", "relink", "/tmp"),
    ("recover", "ses_nobody"),
    ("jobs", "99"),
    ("vacuum", "--no-such"),
)

LOOKS = (("list",), ("show", "ses_old"), ("stats",), ("trash",), ("projects",), ("doctor",))


@pytest.fixture
def pruned(ocdu: Ocdu, garden: Path) -> Path:
    assert ocdu("--db", garden, "prune", "ses_new", "--yes").exit_code == 0
    return garden


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_does_not_exist_is_a_wrong_call(
    ocdu: Ocdu, pruned: Path, words: tuple[str, ...]
) -> None:
    before = picture(pruned)
    said = ocdu("--db", pruned, "--yes", "--json", *words)
    assert (said.exit_code, said.json["outcome"]) == (2, "failed")
    assert picture(pruned) == before


@pytest.mark.parametrize("words", (*CHANGES, *LOOKS), ids=" ".join)
def test_no_such_file_is_refused(ocdu: Ocdu, tmp_path: Path, words: tuple[str, ...]) -> None:
    said = ocdu("--db", tmp_path / "nowhere.db", "--yes", "--json", *words)
    assert (said.exit_code, said.json["outcome"]) == (3, "refused")


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_a_locked_file_is_refused_and_unchanged(
    ocdu: Ocdu, pruned: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.database.BUSY_TIMEOUT", 0.05)
    before = picture(pruned)
    other = apsw.Connection(str(pruned))
    other.execute("BEGIN IMMEDIATE")
    said = ocdu("--db", pruned, "--yes", "--json", *words)
    other.close()
    assert (said.exit_code, said.json["outcome"]) == (3, "refused")
    assert "locked" in said.json["message"] and picture(pruned) == before


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_looking_needs_no_lock(ocdu: Ocdu, pruned: Path, words: tuple[str, ...]) -> None:
    other = apsw.Connection(str(pruned))
    other.execute("BEGIN IMMEDIATE")
    assert ocdu("--db", pruned, "--json", *words).exit_code == 0
    other.close()


@pytest.mark.parametrize("words", (*CHANGES, ("trash", "empty")), ids=" ".join)
def test_read_only_is_refused(ocdu: Ocdu, pruned: Path, words: tuple[str, ...]) -> None:
    before = picture(pruned)
    said = ocdu("--db", pruned, "--yes", "--json", "--read-only", *words)
    assert (said.exit_code, said.json["outcome"]) == (3, "refused")
    assert picture(pruned) == before


def test_what_stays_behind_makes_it_partial(ocdu: Ocdu, pruned: Path) -> None:
    """One of two trees cannot come back: its id is taken."""
    assert ocdu("--db", pruned, "prune", "ses_attic", "--yes").exit_code == 0
    execute(pruned, "UPDATE session SET id = 'ses_new' WHERE id = 'ses_shed'")
    said = ocdu("--db", pruned, "--yes", "--json", "trash", "restore", "ses_new", "ses_attic")
    assert (said.exit_code, said.json["outcome"]) == (4, "partial")
    only = ocdu("--db", pruned, "--yes", "--json", "trash", "restore", "ses_new")
    assert (only.exit_code, only.json["outcome"]) == (3, "refused")


def test_an_undo_that_is_set_aside_is_refused_and_the_next_one_is_done(
    ocdu: Ocdu, pruned: Path
) -> None:
    ocdu("--db", pruned, "archive", "ses_old", "--yes")
    ocdu("--db", pruned, "prune", "ses_attic", "--yes")
    execute(pruned, "UPDATE session SET id = 'ses_attic' WHERE id = 'ses_shed'")
    first = ocdu("--db", pruned, "--yes", "--json", "undo")
    assert (first.exit_code, first.json["outcome"]) == (3, "refused")
    assert "goes on with the archive of" in first.json["message"]
    assert ocdu("--db", pruned, "--yes", "undo").exit_code == 0


INTERRUPTED = """
import os, signal, sys
from tests.factories import NOW
from tui.engine import pace
from tui.cli import deed
from tui.cli.main import main
pace.SLICE = 0.0
at = int(sys.argv.pop(1))
shown = 0

class Bar:
    def show(self, step):
        global shown
        shown += 1
        if shown == at:
            os.kill(os.getpid(), signal.SIGINT)

deed.Silence = Bar
sys.exit(main(sys.argv[1:], now=NOW))
"""
"""`ocdu` that gets a Ctrl-C at its n-th step."""


@pytest.mark.parametrize(
    ("words", "at", "codes"),
    [
        (("prune", "ses_old", "ses_attic", "ses_shed"), 1, (3, 4)),
        (("prune", "ses_old", "ses_attic", "ses_shed"), 9, (4,)),
        (("archive", "ses_old", "ses_shed"), 1, (3, 4)),
        (("trash", "restore", "ses_new"), 1, (3,)),
        (("undo",), 1, (3,)),
        (("projects", "relink", "/tmp", "/var"), 1, (4,)),
        (("trash", "empty"), 1, (0,)),
    ],
)
def test_ctrl_c_ends_between_two_steps_with_a_code_that_tells(
    pruned: Path, words: tuple[str, ...], at: int, codes: tuple[int, ...]
) -> None:
    before = picture(pruned)
    command = [sys.executable, "-c", INTERRUPTED, str(at), "--db", str(pruned), "--yes", "--json"]
    ended = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode in codes, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    if ended.returncode == 3:
        assert picture(pruned) == before
    assert_sound(pruned)


def test_the_signal_that_kills_is_not_caught(ocdu: Ocdu, pruned: Path) -> None:
    """SIGKILL leaves its own code; the next call finishes or rolls back, and says so."""
    dead = INTERRUPTED.replace("SIGINT", "SIGKILL")
    command = [sys.executable, "-c", dead, "8", "--db", str(pruned), "--yes", "prune", "ses_old"]
    assert subprocess.run(command, cwd=ROOT, env=dict(os.environ)).returncode == -signal.SIGKILL
    said = ocdu("--db", pruned, "trash")
    assert said.exit_code == 0 and "interrupted" in said.err
