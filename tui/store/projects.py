"""Projects and every column that holds the path of a folder: where opencode thinks work lies."""

from __future__ import annotations

import os
from typing import NamedTuple

from tui.places import ProjectRow, StoredPath
from tui.store.database import Store, as_text
from tui.store.query import fetch
from tui.store.schema import Schema
from tui.store.sessions import project_name


class _Column(NamedTuple):
    table: str
    id_column: str
    column: str


COLUMNS = (
    _Column("session", "id", "directory"),
    _Column("session", "id", "path"),
    _Column("session_v2", "id", "directory"),
    _Column("session_v2", "id", "path"),
    _Column("project", "id", "worktree"),
    _Column("project", "id", "sandboxes"),
    _Column("project_directory", "project_id", "directory"),
    _Column("worktree", "project_id", "directory"),
    _Column("workspace", "id", "directory"),
)
"""Where paths stand (opencode 1.2 to 2.0). What was said in a conversation keeps the old ones."""


def projects(store: Store, *, check_folders: bool = True) -> list[ProjectRow]:
    """Every project, with the number of its sessions in either generation."""
    schema = store.schema
    counts = " + ".join(
        f'(SELECT count(*) FROM "{table}" s WHERE s.project_id = p.id{extra})'
        for table, extra in _generations(schema)
    )
    with store.reading() as db:
        found = fetch(
            db.connection(),
            "SELECT CAST(id AS BLOB), CAST(name AS BLOB), CAST(worktree AS BLOB),"
            f" {counts} FROM project p ORDER BY rowid",
        )
    rows = []
    for id, name, worktree, sessions in found:
        folder = as_text(worktree)
        missing = check_folders and bool(folder) and not os.path.isdir(folder)
        rows.append(
            ProjectRow(as_text(id), project_name(as_text(name), folder), folder, sessions, missing)
        )
    return rows


def _generations(schema: Schema) -> list[tuple[str, str]]:
    """Tables of sessions, with what keeps a session of both from being counted twice."""
    found = [("session", "")] if schema.has("session") else []
    if schema.has("session_v2"):
        twice = " AND s.id NOT IN (SELECT id FROM session)" if found else ""
        found.append(("session_v2", twice))
    return found


def _paths(column: _Column) -> str:
    return (
        f'SELECT CAST("{column.id_column}" AS BLOB), CAST("{column.column}" AS BLOB)'
        f' FROM "{column.table}" WHERE length("{column.column}") > 0 ORDER BY rowid'
    )


def places(store: Store) -> list[StoredPath]:
    """Every stored path of a folder, row by row; what is NULL or empty is none."""
    found: list[StoredPath] = []
    with store.reading() as db:
        for column in COLUMNS:
            if store.schema.has(column.table, column.column):
                rows = fetch(db.connection(), _paths(column))
                found += [
                    StoredPath(
                        column.table, column.id_column, as_text(id), column.column, as_text(path)
                    )
                    for id, path in rows
                ]
    return found
