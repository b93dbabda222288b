"""One provider for the run and one past per version, made once and copied for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.opencode.binary import opencode
from tests.opencode.drive import Home
from tests.opencode.past import Past, make_past
from tests.opencode.provider import Provider

VERSIONS = ("1.2.20", "1.14.41", "1.18.33")
"""The first schema with workspaces, the last with empty events, the newest with full ones."""


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """The model every opencode of this run talks to."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="session")
def past_of(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Past]:
    """The past of a version, made on first demand and never changed after."""
    made: dict[str, Past] = {}

    def past_of(version: str) -> Past:
        if version not in made:
            folder = tmp_path_factory.mktemp(f"opencode-{version}")
            home = Home(folder / "home", opencode(version), version)
            home.furnish(provider.url)
            made[version] = make_past(home, folder / "projects")
        return made[version]

    return past_of


@pytest.fixture(params=VERSIONS)
def past(request: pytest.FixtureRequest, past_of: Callable[[str], Past], tmp_path: Path) -> Past:
    """A fresh copy of the past, once for every version."""
    return past_of(request.param).copied_to(tmp_path / "past")


@pytest.fixture
def newest_past(past_of: Callable[[str], Past], tmp_path: Path) -> Past:
    """A fresh copy of the past of the newest version."""
    return past_of(VERSIONS[-1]).copied_to(tmp_path / "past")
