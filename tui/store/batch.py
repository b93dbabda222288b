"""The trash file of one prune: an SQLite database that holds the rows of whole session trees.

Tables of opencode keep their names and columns, without types or constraints, so every value keeps
its storage class and every byte; `ocdu_session` says whose row it is, `ocdu_source` which rowid it
had. Our own tables begin with `ocdu_`. Rows travel inside SQLite (ATTACH, INSERT … SELECT) and
never through Python: broken UTF-8 and rows of hundreds of megabytes pass unharmed.

Writing is safe because of its order: rows first, then fsync, then the tree's line with its state,
committed and synced. A file or tree without such a line was never relied on.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from tui.errors import OcduError
from tui.store.query import fetch, scalar
from tui.store.schema import SHARED, Owned, Schema

FORMAT = 1
"""Version of this layout, in the manifest."""

TRASH, UNFINISHED = ".trash", ".unfinished"
"""Endings of a batch file's name. The second stands while a job works on it, so that the next
start finds interrupted work without opening every batch."""

DELETING, GONE, RESTORING, RESTORED, KEPT = "deleting", "gone", "restoring", "restored", "kept"
"""States of a tree. `deleting` and `restoring` are unfinished work that the next start finds."""

_LAYOUT = """
CREATE TABLE trash.ocdu_manifest (name TEXT PRIMARY KEY, value);
CREATE TABLE trash.ocdu_tree (
  root TEXT PRIMARY KEY, title TEXT, project TEXT, reason TEXT, state TEXT NOT NULL,
  sessions INTEGER, messages INTEGER, parts INTEGER, events INTEGER, files INTEGER, bytes INTEGER);
CREATE TABLE trash.ocdu_member (
  session TEXT PRIMARY KEY, root TEXT NOT NULL, position INTEGER NOT NULL);
CREATE TABLE trash.ocdu_file (
  session TEXT NOT NULL, path TEXT NOT NULL, mode INTEGER, mtime REAL, data BLOB);
CREATE INDEX trash.ocdu_member_root ON ocdu_member (root, position);
"""


class TreeLine(NamedTuple):
    """One tree in a batch, as its line tells."""

    root: str
    title: str
    project: str
    reason: str
    state: str
    sessions: int
    messages: int
    parts: int
    events: int
    files: int
    bytes: int


def new_batch(folder: Path, database: str, schema: Schema, *, now: int, rows: bool) -> Path:
    """Create an empty batch file (0600 in a 0700 folder) and return its path.

    `rows` False makes the record of a permanent prune: which trees, without their contents, so that
    an interrupted one can be finished.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    moment = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    path = folder / f"{moment}-{secrets.token_hex(2)}{UNFINISHED}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = apsw.Connection(":memory:")
    try:
        connection.execute("ATTACH ? AS trash", (str(path),))
        connection.execute("PRAGMA trash.synchronous=OFF")  # the copies that follow are synced
        connection.execute("BEGIN")
        connection.execute(_LAYOUT)
        manifest = {
            "format": FORMAT, "created": now, "database": database, "rows": int(rows),
            "state": "open",
        }  # fmt: skip
        connection.executemany("INSERT INTO trash.ocdu_manifest VALUES (?, ?)", manifest.items())
        if rows:
            for name, columns in kept_columns(schema).items():
                listed = "".join(f', "{column}"' for column in columns)
                connection.execute(
                    f'CREATE TABLE trash."{name}" (ocdu_session, ocdu_source{listed})'
                )
                connection.execute(
                    f'CREATE INDEX trash."ocdu_{name}_session" ON "{name}" (ocdu_session)'
                )
        connection.execute("COMMIT")
    finally:
        connection.close()
    sync_folder(folder)
    return path


def kept_columns(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Tables whose rows a batch keeps: a session's estate, and what it shares with others."""
    tables = {owned.table: owned.columns for owned in schema.estate}
    return tables | {name: schema.columns[name] for name in SHARED if schema.has(name)}


@contextmanager
def attached(connection: apsw.Connection, path: Path) -> Iterator[None]:
    """The batch as schema `trash` of this connection, synced at every commit."""
    connection.execute("ATTACH ? AS trash", (str(path),))
    try:
        connection.execute("PRAGMA trash.synchronous=EXTRA")
        yield
    finally:
        connection.execute("DETACH trash")


@contextmanager
def unsynced(connection: apsw.Connection, path: Path) -> Iterator[None]:
    """The batch attached for bulk copying: nothing is safe until the block ends, then all of it is.

    Rows copied before a crash inside the block are dead weight without a tree line.
    """
    connection.execute("ATTACH ? AS trash", (str(path),))
    try:
        connection.execute("PRAGMA trash.synchronous=OFF")
        yield
    finally:
        connection.execute("DETACH trash")
    sync_file(path)


def copy_session(connection: apsw.Connection, estate: tuple[Owned, ...], id: str) -> dict[str, int]:
    """Copy every row a session owns into the attached batch; returns rows by table.

    Runs inside the caller's transaction. Raises OcduError when a count does not come out right.
    """
    copied: dict[str, int] = {}
    for owned in estate:
        names = ", ".join(f'"{column}"' for column in owned.columns)
        connection.execute(
            f'INSERT INTO trash."{owned.table}" (ocdu_session, ocdu_source, {names})'
            f' SELECT :id, rowid, {names} FROM main."{owned.table}" WHERE {owned.where}',
            {"id": id},
        )
        copied[owned.table] = copied.get(owned.table, 0) + connection.changes()
    for table, rows in copied.items():
        kept = scalar(
            connection, f'SELECT count(*) FROM trash."{table}" WHERE ocdu_session = ?', (id,)
        )
        if kept != rows:
            raise OcduError(f"The trash kept {kept} of {rows} rows of {table}: nothing is deleted.")
    return copied


def copy_project(connection: apsw.Connection, project_id: str) -> None:
    """Keep the project row as well: a restore may find it gone."""
    names = ", ".join(
        f'"{name}"'
        for (name,) in connection.execute("SELECT name FROM pragma_table_info('project', 'main')")
    )
    connection.execute(
        f"INSERT INTO trash.project (ocdu_session, ocdu_source, {names})"
        f" SELECT NULL, rowid, {names} FROM main.project WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM trash.project WHERE id = ?1)",
        (project_id,),
    )


def copy_instructions(connection: apsw.Connection, id: str) -> None:
    """Keep the texts of a session's instructions: 2.x finds them by their hash."""
    connection.execute(
        "INSERT INTO trash.instruction_blob (ocdu_session, ocdu_source, hash, value)"
        " SELECT NULL, rowid, hash, value FROM main.instruction_blob WHERE hash IN"
        f" (SELECT hash FROM ({hashes_of('main')} WHERE i.session_id = ?1))"
        " AND hash NOT IN (SELECT hash FROM trash.instruction_blob)",
        (id,),
    )


def hashes_of(database: str) -> str:
    """SELECT of every (session_id, hash) that the instructions `i` in this database name."""
    return (
        "SELECT i.session_id, v.value AS hash FROM (SELECT session_id, initial_values AS named"
        f" FROM {database}.instruction_state UNION ALL SELECT session_id, current_values"
        f" FROM {database}.instruction_state) i,"
        " json_each(CASE WHEN json_valid(i.named) THEN i.named ELSE '{}' END) v"
    )


def tree_lines(connection: apsw.Connection) -> list[TreeLine]:
    """Every tree of the attached batch."""
    columns = ", ".join(TreeLine._fields)
    found = fetch(connection, f"SELECT {columns} FROM trash.ocdu_tree ORDER BY rowid")
    return [TreeLine(*row) for row in found]


def tree_line(connection: apsw.Connection, root: str) -> TreeLine | None:
    """The line of one tree of the attached batch."""
    columns = ", ".join(TreeLine._fields)
    found = fetch(connection, f"SELECT {columns} FROM trash.ocdu_tree WHERE root = ?", (root,))
    return TreeLine(*found[0]) if found else None


def write_tree(connection: apsw.Connection, line: TreeLine, members: tuple[str, ...]) -> None:
    """Note a tree and its sessions (root first); from now on its copies are relied on."""
    marks = ", ".join("?" * len(line))
    connection.execute(f"INSERT OR REPLACE INTO trash.ocdu_tree VALUES ({marks})", line)
    connection.executemany(
        "INSERT OR REPLACE INTO trash.ocdu_member VALUES (?, ?, ?)",
        ((id, line.root, position) for position, id in enumerate(members)),
    )


def forget_tree(connection: apsw.Connection, root: str) -> None:
    """Take a tree's line back: its copies are no longer relied on."""
    connection.execute("DELETE FROM trash.ocdu_member WHERE root = ?", (root,))
    connection.execute("DELETE FROM trash.ocdu_tree WHERE root = ?", (root,))


def set_state(connection: apsw.Connection, root: str, state: str) -> None:
    """Change a tree's state in the attached batch."""
    connection.execute("UPDATE trash.ocdu_tree SET state = ? WHERE root = ?", (state, root))


def members(connection: apsw.Connection, root: str) -> tuple[str, ...]:
    """Session ids of a tree in the attached batch, the root first."""
    found = fetch(
        connection,
        "SELECT session FROM trash.ocdu_member WHERE root = ? ORDER BY position",
        (root,),
    )
    return tuple(id for (id,) in found)


def begin(path: Path) -> Path:
    """Name a batch unfinished while a job works on it; returns the new path."""
    unfinished = path.with_suffix(UNFINISHED)
    path.rename(unfinished)
    sync_folder(path.parent)
    return unfinished


def close(path: Path) -> Path | None:
    """Name a batch finished again; one that keeps no tree is removed (None).

    Not synced: an old name that comes back after a power cut is looked at again, no more.
    """
    connection = apsw.Connection(":memory:")
    try:
        with attached(connection, path):
            is_empty = not tree_lines(connection)
    finally:
        connection.close()
    if is_empty:
        path.unlink()
        return None
    return path.rename(path.with_suffix(TRASH))


def shrink(path: Path) -> None:
    """Give the pages of dropped copies back to the disk."""
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous=EXTRA")
        connection.execute("VACUUM")
    finally:
        connection.close()


def sync_file(path: Path) -> None:
    """Wait until the file's contents are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on the disk; a no-op where folders cannot be opened."""
    if os.name == "posix":
        sync_file(folder)
