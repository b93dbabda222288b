"""What every test gets: a home of its own, so that nobody's real data is ever in reach."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDERS = {
    "HOME": "home",
    "XDG_DATA_HOME": "data",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
}
"""Environment variable -> folder below the test's own temporary folder."""


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
