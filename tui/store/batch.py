"""The trash file of one prune at work: an SQLite database with the rows of whole session trees.

Tables of opencode keep their names and columns, without types or constraints, so every value keeps
its storage class and every byte; `ocdu_session` says whose row it is, `ocdu_source` which rowid it
had. Our own tables begin with `ocdu_`. Rows travel inside SQLite (ATTACH, INSERT … SELECT) and
never through Python: broken UTF-8 and rows of hundreds of megabytes pass unharmed.

Writing is safe because of its order: rows first, then fsync, then the tree's line with its state,
committed and synced. A file or tree without such a line was never relied on. Once the job is
done the file is packed (`tui.store.packing`).
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from tui.store.database import as_text
from tui.store.query import fetch
from tui.store.schema import SHARED, Schema

FORMAT = 2
"""Version of this layout, in the manifest. 1 always held event rows and did not say so."""

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


class Facts(NamedTuple):
    """What a batch says of itself; the counts of a line are what can come back."""

    format: int
    created: int
    """When it was pruned, milliseconds UTC."""
    database: str
    rows: bool
    """False for the record of a deletion for good."""
    events: bool
    """False when event rows were left out, as they are by default."""
    lines: tuple[TreeLine, ...]
    members: dict[str, tuple[str, ...]]
    """Root -> the ids of its tree, the root first."""
    directories: dict[str, str]
    """Root -> where it worked; nothing of those packed before this was noted."""


def new_batch(
    folder: Path, database: str, schema: Schema, *, now: int, rows: bool, events: bool = False
) -> Path:
    """Create an empty batch file (0600 in a 0700 folder) and return its path.

    `rows` False makes the record of a permanent prune: which trees, without their contents, so that
    an interrupted one can be finished. `events` is noted: whether event rows will be in it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    moment = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d-%H%M%S")
    path = folder / f"{moment}-{secrets.token_hex(2)}{UNFINISHED}"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = _nowhere()
    try:
        connection.execute("ATTACH ? AS trash", (str(path),))
        connection.execute("PRAGMA trash.synchronous=OFF")  # the copies that follow are synced
        connection.execute("BEGIN")
        connection.execute(_LAYOUT)
        manifest = {
            "format": FORMAT, "created": now, "database": database, "rows": int(rows),
            "events": int(events),
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


def made_at(path: Path) -> int:
    """The end of the second in which a batch was made (ms), by its name; 0 for another name."""
    try:
        moment = datetime.strptime(path.stem[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) * 1000 + 999


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


def _nowhere() -> apsw.Connection:
    """A connection to attach a batch to.

    It makes no file: one that another ocdu has just put away would stand there again, empty, and
    hide the finished batch.
    """
    return apsw.Connection(":memory:", flags=apsw.SQLITE_OPEN_READWRITE)


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """A plain batch alone, as schema `trash` of a connection of its own."""
    connection = _nowhere()
    try:
        with attached(connection, path):
            yield connection
    finally:
        connection.close()


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


def facts(connection: apsw.Connection) -> Facts:
    """What the attached batch says of itself. Raises apsw.Error for what is no batch."""
    found = fetch(connection, "SELECT name, value FROM trash.ocdu_manifest")
    manifest: dict[str, Any] = {str(name): value for name, value in found}
    lines = tuple(tree_lines(connection))
    roots = [line.root for line in lines]
    return Facts(
        int(manifest.get("format", 0)),
        int(manifest.get("created", 0)),
        str(manifest.get("database", "")),
        bool(manifest.get("rows")),
        bool(manifest.get("events", 1)),
        lines,
        {line.root: members(connection, line.root) for line in lines},
        {id: place for id, (_, place) in told(connection, roots).items() if place},
    )


def told(connection: apsw.Connection, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title and directory of sessions in the attached batch; not of those that it has no row of."""
    found: dict[str, tuple[str, str]] = {}
    for table in ("session_v2", "session"):  # where both have it, 1.x wrote it last
        columns = "SELECT name FROM pragma_table_info(?, 'trash')"
        here = {name for (name,) in fetch(connection, columns, (table,))}
        if {"title", "directory", "ocdu_session"} <= here:
            rows = fetch(
                connection,
                "SELECT ocdu_session, CAST(title AS BLOB), CAST(directory AS BLOB)"
                f' FROM trash."{table}" WHERE ocdu_session IN (SELECT value FROM json_each(?))',
                (json.dumps(list(ids)),),
            )
            found |= {as_text(id): (as_text(title), as_text(place)) for id, title, place in rows}
    return found


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
