"""The database of the 2.x beta, `opencode-next.db`: did everything in it reach the one in use?

2.x imports from it the sessions it does not know, once, before those of 1.x, and leaves the file
where it is (facts on opencode 2.x, §7). It may go when each of its sessions and messages is in a
database whose import is complete, and nothing was written to it since that import began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apsw

from tui.errors import OcduError
from tui.store.database import SQLITE_EXCEPTIONS, Store
from tui.store.query import fetch, scalar

AT_ONCE = 2000
"""Ids looked up by one statement."""

OWNERS = {"session": "session_v2", "session_v2": "session_v2",
          "message": "session_message", "session_message": "session_message"}  # fmt: skip
"""Table of the beta -> where 2.x keeps the same ids."""


def is_copied(beta: Path, database: Path) -> bool:
    """True when the beta's file holds nothing that this database lacks; False when in doubt."""
    try:
        store = Store(database, read_only=True)
        importer = store.schema.importer
        if store.schema.generation != "both" or importer.phase != "completed":
            return False
        with Store(beta, read_only=True).reading() as old, store.reading() as db:
            return _holds_all(db.connection(), old.connection(), importer.began)
    except (OSError, OcduError, *SQLITE_EXCEPTIONS):
        return False


def _holds_all(here: apsw.Connection, beta: apsw.Connection, began: int) -> bool:
    tables = {name for (name,) in fetch(beta, "SELECT name FROM sqlite_schema WHERE type='table'")}
    if not tables & {"session", "session_v2"}:
        return False
    for table in sorted(tables & OWNERS.keys()):
        if _is_newer(beta, table, began):
            return False
        for ids in _ids(beta, table):
            marks = ", ".join("?" * len(ids))
            question = f"SELECT count(*) FROM {OWNERS[table]} WHERE id IN ({marks})"
            if scalar(here, question, ids) != len(ids):
                return False
    return True


def _is_newer(beta: apsw.Connection, table: str, began: int) -> bool:
    """Was anything written there since the import began? A time that is none counts as newer."""
    question = (
        f"SELECT EXISTS (SELECT 1 FROM {table}"
        " WHERE typeof(time_updated) <> 'integer' OR time_updated > ?)"
    )
    return bool(scalar(beta, question, (began,)))


def _ids(beta: apsw.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Different ids, some thousand at a time."""
    last: Any = ""
    question = f"SELECT DISTINCT id FROM {table} WHERE id > ? ORDER BY id LIMIT {AT_ONCE}"
    while found := fetch(beta, question, (last,)):
        yield tuple(id for (id,) in found)
        last = found[-1][0]


def copied_to_one_of(beta: Path, databases: Iterable[Path]) -> bool:
    """True when one of these databases holds all of it."""
    return beta.is_file() and any(
        is_copied(beta, database) for database in databases if database.name != beta.name
    )
