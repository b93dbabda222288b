"""What the databases of a data directory know: sessions, projects, messages.

Files belong to nobody only when no database knows their owner. Other release channels keep
databases of their own in the same folder (`opencode-dev.db`), so all of them are asked; when one
cannot be read, nothing may be called an orphan.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

import apsw

from tui.errors import OcduError
from tui.store.database import SQLITE_EXCEPTIONS, Store, as_text, file_size, wal_of
from tui.store.locate import DATABASE_NAME
from tui.store.query import fetch
from tui.store.sessions import project_name

AT_ONCE = 2000
"""Ids looked up by one statement: SQLite takes 32,766 values, and answers these in milliseconds."""

BETA = "opencode-next.db"
"""Left by the 2.x beta. Nothing but an import reads it; broken, it owns nothing any more."""


@dataclass(slots=True)
class Known:
    """Everything that owns files; of any generation, in any database of the folder."""

    databases: list[Path] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Names of databases that could not be read."""
    counts: dict[str, int] = field(default_factory=dict)
    """Name of a database -> its sessions, both generations counted once."""
    sessions: set[str] = field(default_factory=set)
    projects: dict[str, str] = field(default_factory=dict)
    """Id -> what the project is called."""
    worktrees: dict[str, str] = field(default_factory=dict)
    """SHA-1 of a folder -> the folder: what opencode from 1.14 on calls a snapshot store."""

    @property
    def doubt(self) -> str:
        """Why nothing may be called an orphan, as a sentence; "" when that can be told."""
        if self.unread:
            return f"{self.unread[0]} could not be read: it may know whose they are."
        if not self.projects:
            return "The database knows no project at all: it may be the wrong one."
        return ""

    def strangers(self, messages: Collection[str]) -> int:
        """How many of these messages are in no database; AT_ONCE of them at most."""
        left = set(messages)
        for path in self.databases:
            if not left:
                break
            with Store(path, read_only=True).reading() as db:
                left -= set(_messages(db.connection(), left))
        return len(left)


def what_is_known(database: Path, files: Path) -> Known:
    """Ask this database and all others in the folder `files`."""
    known = Known()
    found = {path for path in files.glob("opencode*.db") if DATABASE_NAME.fullmatch(path.name)}
    for path in sorted(found | {database}):
        if not os.path.isfile(path) or (file_size(path) == 0 and not file_size(wal_of(path))):
            continue
        try:
            with Store(path, read_only=True).reading() as db:
                known.counts[path.name] = _read(db.connection(), known)
            known.databases.append(path)
        except (OSError, OcduError, *SQLITE_EXCEPTIONS):
            if path.name != BETA:
                known.unread.append(path.name)
    return known


def _tables(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in fetch(connection, "SELECT name FROM sqlite_schema")}


def _read(connection: apsw.Connection, known: Known) -> int:
    tables = _tables(connection)
    sessions: set[str] = set()
    for table in tables & {"session", "session_v2"}:
        found = fetch(connection, f'SELECT CAST(id AS BLOB) FROM "{table}"')
        sessions.update(as_text(id) for (id,) in found)
    known.sessions |= sessions
    if "project" in tables:
        known.projects |= dict(_projects(connection, known.worktrees))
    if "project_directory" in tables:
        question = "SELECT DISTINCT CAST(directory AS BLOB) FROM project_directory"
        for (folder,) in fetch(connection, question):
            known.worktrees |= _hashed(as_text(folder))
    return len(sessions)


def _projects(connection: apsw.Connection, worktrees: dict[str, str]) -> Iterator[tuple[str, str]]:
    found = fetch(
        connection,
        "SELECT CAST(id AS BLOB), CAST(name AS BLOB), CAST(worktree AS BLOB),"
        " CAST(sandboxes AS BLOB) FROM project",
    )
    for id, name, worktree, sandboxes in found:
        worktrees |= _hashed(as_text(worktree))
        with suppress(ValueError, TypeError):
            for folder in json.loads(as_text(sandboxes) or "[]"):
                worktrees |= _hashed(str(folder))
        yield as_text(id), project_name(as_text(name), as_text(worktree))


def _hashed(folder: str) -> Mapping[str, str]:
    return {sha1(folder.encode("utf-8", "surrogatepass")).hexdigest(): folder}


def _messages(connection: apsw.Connection, ids: Collection[str]) -> Iterator[str]:
    for table in _tables(connection) & {"message", "session_message"}:
        marks = ", ".join("?" * len(ids))
        found = fetch(connection, f'SELECT id FROM "{table}" WHERE id IN ({marks})', tuple(ids))
        yield from (as_text(id) for (id,) in found)
