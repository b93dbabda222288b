"""A throw-away home for the real opencode: its settings, its database, its commands.

Nothing here waits without a deadline, leaves the loopback, or ends a process it did not start.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.opencode.binary import ENVIRONMENT
from tests.opencode.provider import CONTEXT, MODEL_ID, PROVIDER_ID

COMMAND_SECONDS = 30.0
"""A command of opencode takes 1 to 3 s."""


class OpencodeError(AssertionError):
    """opencode did not do what it was asked; holds what it said."""


@dataclass(frozen=True, slots=True)
class Home:
    """A home of its own for one opencode: data, settings, state, nothing shared with the user."""

    root: Path
    program: Path
    version: str

    @property
    def db(self) -> Path:
        """opencode's database file."""
        return self.root / "data" / "opencode" / "opencode.db"

    @property
    def environment(self) -> dict[str, str]:
        """The environment for opencode and for ocdu: every path inside this home."""
        inherited = {
            name: value
            for name, value in ENVIRONMENT.items()
            if not name.startswith(("OPENCODE", "OCDU", "XDG_"))
            and not name.lower().endswith("_proxy")
        }
        folders = {
            "HOME": "home",
            "OPENCODE_TEST_HOME": "home",
            "XDG_DATA_HOME": "data",
            "XDG_CONFIG_HOME": "config",
            "XDG_CACHE_HOME": "cache",
            "XDG_STATE_HOME": "state",
        }
        switches = (
            "OPENCODE_DISABLE_AUTOUPDATE",
            "OPENCODE_DISABLE_MODELS_FETCH",
            "OPENCODE_DISABLE_SHARE",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS",
            "OPENCODE_DISABLE_LSP_DOWNLOAD",
            "OPENCODE_DISABLE_CLAUDE_CODE",
        )
        return {
            **inherited,
            **{name: str(self.root / folder) for name, folder in folders.items()},
            **dict.fromkeys(switches, "1"),
            # Port 9 discards: an opencode that wants to install something fails at once.
            "npm_config_registry": "http://127.0.0.1:9/",
            "NO_COLOR": "1",
        }

    def furnish(self, provider_url: str) -> None:
        """Make the folders and settings; the only model is the one at this URL."""
        for folder in ("home", "data", "config", "cache", "state"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        settings = self.root / "config" / "opencode"
        model = {
            "name": "Parrot",
            "tool_call": True,
            "limit": {"context": CONTEXT, "output": 8000},
            "cost": {"input": 1, "output": 2},
        }
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": provider_url, "apiKey": "none"},
            "models": {MODEL_ID: model},
        }
        chosen = f"{PROVIDER_ID}/{MODEL_ID}"
        configuration = {
            "share": "disabled",
            "autoupdate": False,
            "model": chosen,
            "small_model": chosen,
            "permission": {"*": "allow", "external_directory": "allow"},
            # Off by default since 1.14; without it no part is ever marked compacted.
            "compaction": {"auto": True, "prune": True},
            "provider": {PROVIDER_ID: provider},
        }
        _write(settings / "opencode.json", configuration)
        # opencode installs its plugin package at start unless it seems to be there already.
        plugin = "@opencode-ai/plugin"
        wanted = {"dependencies": {plugin: self.version}}
        _write(settings / "package.json", wanted)
        _write(settings / "package-lock.json", {"lockfileVersion": 3, "packages": {"": wanted}})
        stub = {"name": plugin, "version": self.version}
        _write(settings / "node_modules" / plugin / "package.json", stub)

    def copied_to(self, root: Path) -> Home:
        """The same home elsewhere. The server must be stopped and no connection open here.

        The shared-memory index stays behind: SQLite rebuilds it from the WAL.
        """
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("*-shm"))
        return replace(self, root=root)

    def run(self, *arguments: str, directory: Path) -> str:
        """Standard output of an opencode command that reads, run in a directory.

        opencode 1.2 hung in its start once in some hundred commands; one more try is allowed.
        """
        try:
            return self._run(*arguments, directory=directory)
        except subprocess.TimeoutExpired:
            return self._run(*arguments, directory=directory)

    def _run(self, *arguments: str, directory: Path) -> str:
        # Through a file: some versions cut what they print into a pipe.
        with tempfile.TemporaryFile("w+b", dir=self.root) as printed:
            run = subprocess.run(
                [self.program, *arguments],
                cwd=directory,
                env={**self.environment, "PWD": str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                timeout=COMMAND_SECONDS,
            )
            printed.seek(0)
            answer = printed.read().decode()
        if run.returncode:
            said = run.stderr.decode(errors="replace")[-2000:]
            raise OpencodeError(f"opencode {' '.join(arguments)}: exit {run.returncode}: {said}")
        return answer

    def listed(self, directory: Path) -> set[str]:
        """Ids of the root sessions `opencode session list` shows for a directory's project."""
        printed = self.run("session", "list", "--format", "json", "-n", "1000", directory=directory)
        return {each["id"] for each in json.loads(printed or "[]")}

    def exported(self, session: str, directory: Path) -> dict[str, Any]:
        """What `opencode export` writes for a session."""
        answer: dict[str, Any] = json.loads(self.run("export", session, directory=directory))
        return answer

    def complaints(self) -> list[str]:
        """Lines about a locked or broken database in everything opencode logged in this home."""
        logs = [*self.root.glob("serve*.log"), *self.root.glob("data/opencode/log/*.log")]
        lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
        bad = re.compile(
            r"database is locked|SQLITE_BUSY|image is malformed|SQLiteError", re.IGNORECASE
        )
        return [line for line in lines if bad.search(line)]


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
