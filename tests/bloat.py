"""Databases full of free pages, what is written in them, and what a vacuum could make of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import apsw

from tests.factories import execute, make_database, session

SESSIONS = 60
OCTETS = 60_000


def make_bloated(path: Path, *, auto_vacuum: int = 0, sessions: int = SESSIONS) -> Path:
    """A database of `sessions` × 60 kB (3.6 MB by default); two thirds of it are free pages."""
    given = [session(f"s{number}", octets=OCTETS, events=0) for number in range(sessions)]
    make_database(path, given, auto_vacuum=auto_vacuum)
    gone = f"SELECT id FROM session WHERE rowid % 3 != 0 AND rowid <= {sessions}"
    execute(path, f"DELETE FROM part WHERE session_id IN ({gone})")
    execute(path, f"DELETE FROM message WHERE session_id IN ({gone})")
    execute(path, f"DELETE FROM session WHERE id IN ({gone})")
    return path


def content(path: Path) -> dict[str, str]:
    """Table -> hash of all its rows, and the schema; read on a connection of its own."""
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(5000)
    try:
        tables: Any = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        ).fetchall()
        found = {"": _hashed(connection, "SELECT type, name, sql FROM sqlite_schema ORDER BY name")}
        for (name,) in tables:
            found[name] = _hashed(connection, f'SELECT * FROM "{name}" ORDER BY 1, 2')
        return found
    finally:
        connection.close()


def _hashed(connection: apsw.Connection, query: str) -> str:
    digest = hashlib.sha256()
    for row in connection.execute(query):
        digest.update(repr(row).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def is_sound(path: Path) -> bool:
    """SQLite's own verdict."""
    return execute(path, "PRAGMA integrity_check") == [("ok",)]


def compact_size(path: Path) -> int:
    """Octets of what VACUUM INTO makes of this database."""
    measure = path.with_name("measure.db")
    execute(path, "VACUUM INTO ?", str(measure))
    octets = measure.stat().st_size
    measure.unlink()
    return octets


def leftovers(path: Path) -> list[str]:
    """Names of compact copies beside a database."""
    return [file.name for file in path.parent.iterdir() if ".compact-" in file.name]
