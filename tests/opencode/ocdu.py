"""The ocdu command as a user runs it: a process of its own, judged by exit code and JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.opencode.drive import Home

CHECKOUT = Path(__file__).parents[2]
OCDU_SECONDS = 60.0
"""Every command on these databases of a few MB takes about a second."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one ocdu command left: its exit code and the object on standard output."""

    arguments: tuple[str, ...]
    exit_code: int
    json: dict[str, Any]
    stderr: str

    def __str__(self) -> str:
        """All of it, for the message of a failed assertion."""
        shown = json.dumps(self.json)[:3000]
        return f"ocdu {' '.join(self.arguments)}: exit {self.exit_code}\n{shown}\n{self.stderr}"


def ocdu(home: Home, *arguments: str, exit_code: int | None = 0) -> Said:
    """Run ocdu on a home's database; any other exit code than the one named is a failure."""
    command = [sys.executable, "-m", "tui", *arguments, "--db", str(home.db), "--json", "--yes"]
    run = subprocess.run(
        command,
        cwd=home.root,
        env={**home.environment, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=OCDU_SECONDS,
    )
    try:
        answer = json.loads(run.stdout)
    except json.JSONDecodeError:
        answer = {"not JSON": run.stdout}
    said = Said(arguments, run.returncode, answer, run.stderr)
    assert exit_code is None or run.returncode == exit_code, str(said)
    assert answer.get("command") == arguments[0], str(said)
    return said
