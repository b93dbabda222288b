"""The background server of opencode 2.x: does one own this database, and what does it say?

2.x leaves a server running when its screen closes. It notes pid, address and password in its state
folder; only when that very process has this database open is it believed to own it. It is asked
on the loopback alone, with short timeouts, without proxies and redirects, and its password goes
nowhere else (facts on opencode 2.x, §10 and §11).
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from tui.store.holders import holders

PATIENCE = 3.0
"""Seconds to wait for an answer: it comes from this machine."""

LONGEST_NOTE, LONGEST_ANSWER = 65_536, 4_000_000
"""Octets that are read of what the server noted, and of an answer."""

NOTES = (("service.json", ""), ("server.json", "password"))
"""Where it notes itself, and in which file beside it the password is, when not in the same."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that owns the database. Its password is never shown."""

    pid: int
    url: str
    password: str = field(repr=False)

    def active(self) -> frozenset[str] | None:
        """Ids of sessions it is executing, which nobody may touch.

        None when it does not say: then it may be executing any of them.
        """
        answer = self._ask("GET", "/api/session/active")
        if answer is None or answer[0] != 200:
            return None
        try:
            said = json.loads(answer[1])
            return frozenset(_session_ids(said)) if isinstance(said, dict | list) else None
        except (ValueError, RecursionError):
            return None

    def delete(self, id: str) -> bool:
        """Let it delete a session with its children; True when it says that it did.

        False when it refuses, or does not answer in time: then it may still be at it.
        """
        answer = self._ask("DELETE", f"/api/session/{quote(id, safe='')}")
        return answer is not None and answer[0] in (200, 204)

    def _ask(self, method: str, path: str) -> tuple[int, bytes] | None:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import HTTPHandler, OpenerDirector, ProxyHandler, Request

        opener = OpenerDirector()  # no proxies, no redirects, nothing but HTTP
        for handler in (ProxyHandler({}), HTTPHandler()):
            opener.add_handler(handler)
        secret = base64.b64encode(f"opencode:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {secret}", "Accept": "application/json"}
        request = Request(self.url + path, method=method, headers=headers)
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read(LONGEST_ANSWER)
        except HTTPError as error:
            return error.code, b""
        except (OSError, HTTPException, ValueError):
            return None


def server_of(database: Path) -> Server | None:
    """The server of 2.x that has this database open; None when there is none, or no proof."""
    noted = [server for server in _noted(state_folder()) if server]
    if not noted:
        return None
    owners = {each.pid for each in holders(database, probe=False)}
    return next((server for server in noted if server.pid in owners), None)


def state_folder() -> Path:
    """Where opencode keeps its state: `$XDG_STATE_HOME/opencode`."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "opencode"


def _noted(folder: Path) -> Iterator[Server | None]:
    for name, secret in NOTES:
        try:
            note = json.loads(_read(folder / name))
            password = _read(folder / secret).strip() if secret else note["password"]
            yield _server(note["pid"], note["url"], password)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue


def _server(pid: Any, url: Any, password: Any) -> Server | None:
    """None for what is no process, no address on this machine, or no password."""
    if not (isinstance(pid, int) and isinstance(url, str) and isinstance(password, str)):
        return None
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or not parts.port:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Server(pid, f"http://{host}:{parts.port}", password)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(LONGEST_NOTE).decode("utf-8")


def _session_ids(value: Any) -> Iterator[str]:
    """Every text in the answer that is the id of a session, wherever it stands."""
    if isinstance(value, str) and value.startswith("ses_"):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _session_ids(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _session_ids(key)
            yield from _session_ids(each)
