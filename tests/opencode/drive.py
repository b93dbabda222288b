"""Driving the real opencode in a throw-away home: its server, its commands, its conversations.

Nothing here waits without a deadline, leaves the loopback, or ends a process it did not start.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tests.opencode.binary import ENVIRONMENT
from tests.opencode.provider import CONTEXT, MODEL_ID, PROVIDER_ID, Reply, directive

START_SECONDS = 60.0
"""opencode is up after 2 s on an idle machine."""

TURN_SECONDS = 60.0
"""A turn against the parrot takes less than a second; opencode gives up on a lock after 5 s."""

COMMAND_SECONDS = 60.0
"""A command of opencode takes 2 to 3 s."""

GET_SECONDS = 5.0
"""A first request that arrives while opencode starts can hang for ever: ask again instead."""

MODEL = {"providerID": PROVIDER_ID, "modelID": MODEL_ID}


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
        """Standard output of an opencode command run in a directory."""
        # Through a file: some versions cut what they print into a pipe.
        paper = self.root / "printed"
        with paper.open("wb") as printed:
            run = subprocess.run(
                [self.program, *arguments],
                cwd=directory,
                env={**self.environment, "PWD": str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.PIPE,
                timeout=COMMAND_SECONDS,
            )
        if run.returncode:
            said = run.stderr.decode(errors="replace")[-2000:]
            raise OpencodeError(f"opencode {' '.join(arguments)}: exit {run.returncode}: {said}")
        return paper.read_text()

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
        bad = re.compile(r"database is locked|SQLITE_BUSY|malformed|SQLiteError", re.IGNORECASE)
        return [line for line in lines if bad.search(line)]


class Server:
    """`opencode serve` in a home: `with Server(home, directory) as server`."""

    def __init__(self, home: Home, directory: Path) -> None:
        self.home = home
        self.directory = directory
        number = len(list(home.root.glob("serve*.log")))
        self._log = home.root / f"serve-{number}.log"

    def __enter__(self) -> Server:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self.home.program, "serve", "--port", "0", "--hostname", "127.0.0.1"],
                cwd=self.directory,
                env={**self.home.environment, "PWD": str(self.directory)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.port = self._announced_port()
            self.get("/config", patience=START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the server still runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and what it started; safe to call twice."""
        if self.is_alive:
            self._process.terminate()
            try:
                self._process.wait(8)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(8)

    def get(self, path: str, directory: Path | None = None, patience: float = 30.0) -> Any:
        """The answer to a GET, asked again until it comes or patience (seconds) ends."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self._ask("GET", path, None, directory, GET_SECONDS)
            except (OSError, http.client.HTTPException) as problem:
                if time.monotonic() > deadline or not self.is_alive:
                    raise OpencodeError(f"no answer to {path}: {problem}") from problem
                time.sleep(0.1)

    def post(self, path: str, body: dict[str, Any], directory: Path) -> Any:
        """The answer to a POST; never repeated, for it changes something."""
        return self._ask("POST", path, body, directory, TURN_SECONDS)

    def patch(self, path: str, body: dict[str, Any], directory: Path) -> Any:
        """The answer to a PATCH; never repeated."""
        return self._ask("PATCH", path, body, directory, TURN_SECONDS)

    def converse(self, session: str, directory: Path, text: str, *plan: Reply) -> str:
        """One whole turn: prompt, answers, tools. The words the last answer said.

        Raises OpencodeError when the turn failed.
        """
        part = {"type": "text", "text": f"{text} {directive(*plan)}"}
        body = {"model": MODEL, "parts": [part]}
        answer = self.post(f"/session/{session}/message", body, directory)
        if not answer or answer["info"].get("error"):
            raise OpencodeError(f"the turn in {session} failed: {json.dumps(answer)[:2000]}")
        return "".join(part["text"] for part in answer["parts"] if part["type"] == "text")

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        directory: Path | None,
        seconds: float,
    ) -> Any:
        if directory is not None:
            path += ("&" if "?" in path else "?") + "directory=" + quote(str(directory), safe="")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"content-type": "application/json"})
            response = connection.getresponse()
            said = response.read().decode()
        finally:
            connection.close()
        if response.status >= 400:
            raise OpencodeError(f"{method} {path}: HTTP {response.status}: {said[:2000]}")
        return json.loads(said) if said.strip() else None

    def _announced_port(self) -> int:
        """The port the server says it listens on; asking it to choose one leaves no race."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.is_alive:
            said = self._log.read_text(errors="replace")
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", said):
                return int(found.group(1))
            time.sleep(0.05)
        raise OpencodeError(f"opencode serve did not start: {said[-2000:]}")


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
