"""The command line in this process: what it printed and its exit code, and a garden of sessions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.factories import NOW, Tool, Turn, days_ago, make_database, session
from tui.cli.main import main


@dataclass(frozen=True, slots=True)
class Said:
    """What one command left."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def all(self) -> str:
        """Both streams, for assertions about sentences."""
        return self.out + self.err


Ocdu = Callable[..., Said]


@pytest.fixture
def ocdu(capsys: pytest.CaptureFixture[str]) -> Ocdu:
    """Run a command line at NOW; no traceback may ever come out of it."""

    def run(*arguments: object) -> Said:
        exit_code = main([str(each) for each in arguments], now=NOW)
        captured = capsys.readouterr()
        said = Said(exit_code, captured.out, captured.err)
        assert "Traceback" not in said.all
        return said

    return run


@pytest.fixture
def garden(tmp_path: Path) -> Path:
    """Five trees: old (with a helper), attic (archived), shed (shared), new, and now (at work)."""
    marked = Turn(tools=[Tool(4000, compacted=True, duplicate=4000), Tool(900)])
    return make_database(
        tmp_path / "opencode.db",
        [
            session("old", active=days_ago(90), octets=30_000, events=1,
                    children=[session("helper", active=days_ago(91), octets=60_000)]),
            session("attic", active=days_ago(60), archived=days_ago(50), turns=[marked]),
            session("shed", active=days_ago(70), share=True),
            session("new", active=days_ago(2), project="orchard", octets=20_000),
            session("now", active=days_ago(0.01)),
        ],
    )  # fmt: skip
