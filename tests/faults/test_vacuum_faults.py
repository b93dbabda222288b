"""Giving space back, killed, out of disk, written into at any moment: nothing lost or left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bloat import content, is_sound, leftovers, make_bloated
from tests.factories import execute
from tests.faults.vacuum_victim import DEEDS, SURVIVE
from tests.neighbour import Neighbour
from tui.store.disk import remove_leftovers

ROOT = Path(__file__).parent.parent.parent

COPY = {"copy out": "copying what stays"}
"""What making the copy is called."""

PHASES = {
    deed: ("giving back", "folding in the log")
    if deed == "slices"
    else (COPY.get(deed, "copying"), "checking the copy", "copying back", "folding in the log")
    for deed in DEEDS
}
MOMENTS = [(deed, phase) for deed in DEEDS for phase in PHASES[deed]]


def made(folder: Path, deed: str) -> Path:
    """A database on which this deed has something to give back."""
    path = make_bloated(folder / "opencode.db", auto_vacuum=2 if deed == "slices" else 0)
    if deed == "copy out":
        execute(path, "INSERT INTO event_sequence (aggregate_id, seq) SELECT id, 9 FROM session")
        execute(
            path,
            "INSERT INTO event (id, aggregate_id, seq, type, data) WITH RECURSIVE n (i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT 'e' || session.id || i,"
            " session.id, i, 'message.updated.1', hex(randomblob(6000)) FROM session, n",
        )
        execute(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def whole(path: Path) -> list[dict[str, str]]:
    """What may be in the database: everything, or everything but what the deed leaves out."""
    said = content(path)
    copy = path.with_name("without.db")
    execute(path, "VACUUM INTO ?", str(copy))
    execute(copy, f"DELETE FROM event WHERE rowid NOT IN ({SURVIVE})")
    without = content(copy)
    copy.unlink()
    return [said, without]


def kept(path: Path) -> dict[str, str]:
    """The content without the neighbour's own table."""
    found = content(path)
    return {name: found[name] for name in found if name not in ("", "neighbour")}


def started(path: Path, deed: str, *before: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, "-m", "tests.faults.vacuum_victim", str(path), deed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def wait_for(vacuum: subprocess.Popen[str], phase: str) -> None:
    assert vacuum.stdout is not None
    assert any(line.startswith(phase) for line in vacuum.stdout), f"it never came to “{phase}”"


@pytest.mark.parametrize(("deed", "phase"), MOMENTS)
def test_a_kill_at_any_moment_leaves_the_whole_content(
    tmp_path: Path, deed: str, phase: str
) -> None:
    path = made(tmp_path, deed)
    allowed = whole(path)
    vacuum = started(path, deed)
    wait_for(vacuum, phase)
    # A random moment after the first word of the phase.
    time.sleep(random.Random(f"{deed} {phase}").random() * 0.02)
    vacuum.kill()
    vacuum.communicate(timeout=120)
    assert content(path) in allowed
    assert is_sound(path)
    found = leftovers(path)
    assert [file.name for file in remove_leftovers(path)] == sorted(found)
    assert leftovers(path) == []
    again = started(path, deed)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert content(path) in allowed
    assert path.stat().st_size < 2_500_000


@pytest.mark.parametrize(("deed", "phase"), MOMENTS)
def test_a_neighbour_who_writes_all_the_time_loses_no_acknowledged_row(
    tmp_path: Path, deed: str, phase: str
) -> None:
    """Killed in the middle, and then done to the end, both beside the same writer."""
    path = made(tmp_path, deed)
    allowed = [{name: each[name] for name in each if name} for each in whole(path)]
    with Neighbour(path, per_second=200) as writer:
        vacuum = started(path, deed)
        wait_for(vacuum, phase)
        vacuum.kill()
        vacuum.communicate(timeout=120)
        again = started(path, deed)
        said, trouble = again.communicate(timeout=120)
        assert again.returncode == 0, trouble
        assert "folding in the log" in said
    assert writer.report.errors == []
    rows = {id for (id,) in execute(path, "SELECT id FROM neighbour")}
    assert writer.report.ids and set(writer.report.ids) <= rows
    assert kept(path) in allowed
    assert is_sound(path)
    assert leftovers(path) == []


@pytest.mark.parametrize("deed", ["vacuum", "copy out"])
def test_the_next_start_removes_the_copy_of_a_killed_one(
    tmp_path: Path, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path, deed)
    with monkeypatch.context() as patched:
        patched.setenv("STAND_STILL", "copying back")
        vacuum = started(path, deed)
    wait_for(vacuum, "copying back")
    vacuum.kill()
    vacuum.communicate(timeout=120)
    assert leftovers(path) == [f".opencode.db.compact-{vacuum.pid}"]
    again = started(path, deed)
    again.communicate(timeout=120)
    assert again.returncode == 0
    assert leftovers(path) == []


if sys.platform != "win32":

    @pytest.mark.parametrize("limit", [300_000, 900_000])
    @pytest.mark.parametrize("deed", ["vacuum", "convert", "copy out"])
    def test_a_file_that_may_not_grow_leaves_the_old_content(
        tmp_path: Path, deed: str, limit: int
    ) -> None:
        path = made(tmp_path, deed)
        said, size = content(path), path.stat().st_size
        # No file of this process may grow beyond the limit: SQLite sees a failing write.
        full = (
            "import os, resource, signal, sys\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
            "os.execv(sys.argv[1], sys.argv[1:])\n"
        )
        vacuum = started(path, deed, sys.executable, "-c", full)
        _, trouble = vacuum.communicate(timeout=120)
        assert vacuum.returncode == 1
        assert "OcduError" in trouble
        assert content(path) == said
        assert path.stat().st_size == size
        assert leftovers(path) == []

    def test_ctrl_c_leaves_the_whole_content_and_no_copy(tmp_path: Path) -> None:
        path = made(tmp_path, "vacuum")
        said = content(path)
        vacuum = started(path, "vacuum")
        wait_for(vacuum, "copying back")
        vacuum.send_signal(signal.SIGINT)
        vacuum.communicate(timeout=120)
        assert content(path) == said
        assert leftovers(path) == []


if sys.platform == "linux":
    SMALL = (
        "mount -t tmpfs -o size=12m none {disk} && cp {source} {disk}/opencode.db && cd {root} && "
    )
    LATER = "; code=$?; rm -f {disk}/filler; cp -a {disk}/. {result}; exit $code"

    @pytest.mark.parametrize("free", [4096, 700_000, 1_300_000, 2_300_000])
    @pytest.mark.parametrize("deed", DEEDS)
    def test_a_disk_that_is_full_at_any_moment_loses_nothing(
        tmp_path: Path, deed: str, free: int
    ) -> None:
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
            why = "a small disk needs user namespaces, which this machine does not allow"
            if os.environ.get("CI"):
                pytest.fail(why)
            pytest.skip(why)
        path = made(tmp_path, deed)
        allowed = whole(path)
        disk, result = tmp_path / "disk", tmp_path / "result"
        disk.mkdir()
        result.mkdir()
        script = SMALL + "{python} -m tests.faults.vacuum_victim {disk}/opencode.db '{deed}' {free}"
        run = subprocess.run(
            [
                "unshare", "-rm", "sh", "-c",
                (script + LATER).format(
                    disk=disk, source=path, root=ROOT, python=sys.executable, deed=deed,
                    free=free, result=result,
                ),
            ],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert "begins" in run.stdout, run.stderr
        assert run.returncode == 0 or "OcduError" in run.stderr, run.stderr
        assert "Traceback" not in run.stderr
        after = result / "opencode.db"
        assert content(after) in allowed
        assert is_sound(after)
        assert leftovers(after) == []
        if run.returncode:
            assert "full" in run.stderr
