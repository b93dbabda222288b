"""What every test gets: a home of its own, so that nobody's real data is ever in reach."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import apsw
import pytest

from tests.factories import NOW
from tests.once import made_once
from tests.ram_disk import RAM, lies_in_memory

# Compiled once, whatever the environment says: otherwise each of the workers, and each ocdu that a
# test starts, compiles everything again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

FOLDERS = {
    "HOME": "home",
    "XDG_DATA_HOME": "data",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}
"""Environment variable -> folder below the test's own temporary folder."""


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders lie in memory where that can be; `--basetemp` still says otherwise."""
    if lies_in_memory(config.args):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(RAM))


def pytest_collection_finish() -> None:
    """What is loaded stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test: configuration, trash and logs go there.

    Returns the folder; opencode's database would lie in `home / "data" / "opencode"`. The screens
    are not told about the terminal the tests happen to run in.
    """
    base = tmp_path / "home"
    for name, folder in FOLDERS.items():
        (base / folder).mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(base / folder))
    for name in (
        "OPENCODE_CONFIG",
        "OPENCODE_CONFIG_CONTENT",
        "OPENCODE_DISABLE_PRUNE",
        "OPENCODE_DB",
        "NO_COLOR",
        "FORCE_COLOR",
        "COLUMNS",
        "LINES",
    ):
        monkeypatch.delenv(name, raising=False)
    return base


@pytest.fixture
def unending(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test whose thread works until it is stopped: keys do not wait for its end."""
    monkeypatch.setattr("tests.visit.LONGEST_WORK", 0.2)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder for all workers of a run, for `made_once`."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def demo(shared: Path) -> Path:
    """The demo database as of NOW, made once for all workers of a run. Tests only read it."""
    from tui.engine.demo import make_demo

    return made_once(shared / "demo", lambda folder: make_demo(folder, now_ms=NOW))


@pytest.fixture
def demo_copy(demo: Path, tmp_path: Path) -> Path:
    """A demo database to write to."""
    copy = tmp_path / "demo" / "opencode" / "opencode.db"
    copy.parent.mkdir(parents=True)
    source, target = apsw.Connection(str(demo)), apsw.Connection(str(copy))
    try:
        with target.backup("main", source, "main") as backup:
            backup.step()
        target.execute("PRAGMA journal_mode = WAL").fetchall()
    finally:
        source.close()
        target.close()
    return copy
