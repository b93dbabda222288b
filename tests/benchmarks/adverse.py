"""Sessions on which tools go wrong, planted into a copy of a database: plain SQL, no code of ocdu.

Every one is a clone of a middling session of that file with all rows it owns, so that whoever
expects the tables and the JSON of that version finds them.
"""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.judge import Seen, owned_by_sessions

DAY = 86_400_000

EACH = 4
"""Trees planted of every shape."""


class Member(NamedTuple):
    """A session of a shape: ages in days, the parent's place in the shape, what is special."""

    created: float
    active: float
    parent: int | None = None
    is_archived: bool = False
    is_shared: bool = False
    is_abroad: bool = False
    """In another project than its parent."""


SHAPES: dict[str, tuple[Member, ...]] = {
    "begun long ago, used today": (Member(90, 0.1),),
    "old root, child at work": (Member(60, 60), Member(60, 0.1, parent=0)),
    "old root, grandchild at work": (
        Member(60, 60),
        Member(60, 60, parent=0),
        Member(0.2, 0.1, parent=1),
    ),
    "idle": (Member(60, 60), Member(60, 60, parent=0)),
    "idle, child in another project": (Member(60, 60), Member(60, 60, parent=0, is_abroad=True)),
    "idle, archived": (Member(60, 60, is_archived=True),),
    "idle, shared": (Member(60, 60, is_shared=True),),
    "idle, pinned in ocdu": (Member(60, 60),),
}

PINNED = "idle, pinned in ocdu"

Row = dict[str, object]


def plant(db: Path, now: int) -> dict[str, list[str]]:
    """Add every shape, and rows of a session that is gone; returns shape -> ids of its sessions."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        source = _middling(connection)
        marks = (f"{number:04x}" for number in range(0xA000, 0xFFFF))
        planted: dict[str, list[str]] = {}
        for shape, members in SHAPES.items():
            ids = planted.setdefault(shape, [])
            for _ in range(EACH):
                family: list[str] = []
                for member in members:
                    family.append(_clone(connection, source, next(marks), member, family, now))
                ids += family
        ghost = _clone(connection, source, next(marks), Member(60, 60), [], now)
        connection.execute("DELETE FROM session WHERE id = ?", (ghost,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return planted


def hollow(db: Path, seen: Seen) -> None:
    """Delete the half of the trees that was used least, so that there is something to vacuum."""
    limit = statistics.median(seen.active.values())
    gone = [(id,) for id, root in seen.roots.items() if seen.active[root] <= limit]
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TEMP TABLE gone (id TEXT PRIMARY KEY)")
        connection.executemany("INSERT INTO gone VALUES (?)", gone)
        for table, column in [*owned_by_sessions(connection), ("session", "id")]:
            connection.execute(
                f'DELETE FROM "{table}" WHERE {column} IN (SELECT id FROM temp.gone)'
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _middling(connection: sqlite3.Connection) -> str:
    """A session with events, where the file has any, of middling many parts."""
    found = connection.execute(
        "SELECT session_id FROM part WHERE session_id IN (SELECT id FROM session)"
        " GROUP BY 1 ORDER BY session_id IN (SELECT aggregate_id FROM event_sequence), count(*)"
    ).fetchall()
    return str(found[len(found) // 2][0])


def _clone(
    connection: sqlite3.Connection,
    source: str,
    mark: str,
    member: Member,
    family: list[str],
    now: int,
) -> str:
    """One member of a tree with all its rows; returns its id."""
    id = _marked(source, mark)
    created, active = (now - round(days * DAY) for days in (member.created, member.active))
    (newest,) = connection.execute(
        "SELECT max(time_updated) FROM message WHERE session_id = ?", (source,)
    ).fetchone()
    (session,) = _rows(connection, "session", "id", source)
    session |= {
        "id": id,
        "parent_id": None if member.parent is None else family[member.parent],
        "time_created": created,
        "time_updated": active,
        "time_archived": active if member.is_archived else None,
        "share_url": f"https://share.invalid/{id}" if member.is_shared else None,
    }
    if member.is_abroad:
        (session["project_id"],) = connection.execute(
            "SELECT id FROM project ORDER BY id = ?, id", (session["project_id"],)
        ).fetchone()
    _insert(connection, "session", session)
    for table, column in reversed(list(owned_by_sessions(connection))):
        for row in _rows(connection, table, column, source):
            _insert(connection, table, _moved(row, source, id, mark, active - newest))
    if member.is_shared:
        _share(connection, id, str(session["share_url"]), active)
    return id


def _moved(row: Row, source: str, id: str, mark: str, later: int) -> Row:
    """A row as the clone's: its names, and its times as much later as the clone is."""
    moved = {
        name: value.replace(source, id) if isinstance(value, str) else value
        for name, value in row.items()
    }
    for name in ("id", "message_id"):
        if name in moved:
            moved[name] = _marked(str(row[name]), mark)
    for name in ("time_created", "time_updated"):
        if isinstance(value := moved.get(name), int):
            moved[name] = value + later
    return moved


def _share(connection: sqlite3.Connection, id: str, url: str, time: int) -> None:
    connection.execute("DELETE FROM session_share WHERE session_id = ?", (id,))
    _insert(
        connection,
        "session_share",
        {"session_id": id, "id": f"shr_{id[-8:]}", "secret": "made-up", "url": url}
        | {"time_created": time, "time_updated": time},
    )


def _marked(id: str, mark: str) -> str:
    """An id of its own, with the 30 letters that opencode gives every id."""
    return id[:26] + mark


def _rows(connection: sqlite3.Connection, table: str, column: str, id: str) -> Iterator[Row]:
    found = connection.execute(f'SELECT * FROM "{table}" WHERE {column} = ?', (id,))
    names = [each[0] for each in found.description]
    yield from (dict(zip(names, row, strict=True)) for row in found.fetchall())


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    columns, marks = ", ".join(f'"{name}"' for name in row), ", ".join("?" * len(row))
    connection.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', list(row.values()))
