"""`opencode serve` as a test needs it: started, asked, talked to and stopped, always in time."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tests.opencode.drive import Home, OpencodeError
from tests.opencode.provider import MODEL_ID, PROVIDER_ID, Reply, directive

START_SECONDS = 60.0
"""opencode is up after 2 s on an idle machine."""

TURN_SECONDS = 240.0
"""A turn against the parrot takes less than a second, one that is held up on purpose longer."""

GET_SECONDS = 5.0
"""A first request that arrives while opencode starts can hang for ever: ask again instead."""

MODEL = {"providerID": PROVIDER_ID, "modelID": MODEL_ID}


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
