"""A stand-in for the background server of opencode 2.x: `python -m tests.server_2x DATABASE STATE`.

A process of its own that keeps the database open, notes itself in the state folder and answers the
routes ocdu asks, on the loopback and with a password, as 2.x does: which sessions it executes, and
DELETE of a session with its children. `Server2x` starts and ends one from a test.

What it executes stands in STATE/active (ids, a line each); STATE/mode makes it misbehave: "busy"
answers nothing in time, "refuse" answers 500 to a deletion, "redirect" sends to another host,
"late" deletes and then does not say so, "meddle" lets 1.x write to the session it has just deleted.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

PASSWORD = "correct horse"

SLOW = 60.0
"""Seconds that a busy server takes: longer than anybody waits."""

DATABASE, STATE = "", Path()


class Answers(BaseHTTPRequestHandler):
    """The routes of 2.x that ocdu knows."""

    def do_GET(self) -> None:
        """Which sessions are executed."""
        if not self._may():
            return
        if self.path != "/api/session/active":
            self._say(404, {"error": "NotFound"})
            return
        lines = _text("active").split()
        self._say(200, {"data": {id: {"status": "running"} for id in lines}})

    def do_DELETE(self) -> None:
        """A session with its children: rows of 2.x, and the counter."""
        if not self._may():
            return
        id, mode = self.path.rpartition("/")[2], _text("mode")
        with (STATE / "log").open("a") as log:
            log.write(f"DELETE {id}\n")
        if mode == "refuse":
            self._say(500, {"error": "Unknown"})
            return
        connection = sqlite3.connect(DATABASE, timeout=5)
        connection.execute("PRAGMA foreign_keys = ON")
        found = _delete(connection, id)
        if mode == "meddle":
            connection.execute("UPDATE session SET title = 'Meanwhile' WHERE id = ?", (id,))
        connection.commit()
        connection.close()
        if mode == "late":
            time.sleep(SLOW)
        self._say(204 if found else 404, None if found else {"error": "SessionNotFoundError"})

    def _may(self) -> bool:
        secret = base64.b64encode(f"opencode:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {secret}":
            self._say(401, None)
            return False
        if _text("mode") == "busy":
            time.sleep(SLOW)
        if _text("mode") == "redirect":
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.invalid/")
            self.end_headers()
            return False
        return True

    def _say(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        with suppress(OSError):  # nobody may be listening any more
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def _delete(connection: sqlite3.Connection, id: str) -> bool:
    for (child,) in connection.execute("SELECT id FROM session_v2 WHERE parent_id = ?", (id,)):
        _delete(connection, child)
    gone = connection.execute("DELETE FROM session_v2 WHERE id = ?", (id,)).rowcount
    if gone:
        connection.execute("DELETE FROM event WHERE aggregate_id = ?", (id,))
        connection.execute("DELETE FROM event_sequence WHERE aggregate_id = ?", (id,))
    return gone > 0


def _text(name: str) -> str:
    path = STATE / name
    return path.read_text() if path.exists() else ""


class Server2x:
    """The process, from a test; it has the database open until the block ends."""

    def __init__(self, database: Path, state: Path, *, mode: str = "", active: str = "") -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        (state / "mode").write_text(mode)
        (state / "active").write_text(active)
        self.command = [sys.executable, "-m", "tests.server_2x", str(database), str(state)]

    def __enter__(self) -> Server2x:
        self.process = subprocess.Popen(
            self.command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def deleted(self) -> list[str]:
        """Ids it was asked to delete."""
        log = self.state / "log"
        return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []


def main() -> None:
    """Serve until killed."""
    global DATABASE, STATE
    DATABASE, STATE = sys.argv[1], Path(sys.argv[2])
    keeps = sqlite3.connect(DATABASE, check_same_thread=False)
    keeps.execute("SELECT count(*) FROM session_v2").fetchone()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    url = f"http://127.0.0.1:{server.server_port}"
    note = {"pid": os.getpid(), "url": url, "version": "2.0.32", "password": PASSWORD}
    (STATE / "service.json").write_text(json.dumps(note))
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
