"""A database with very many small sessions, most of them children: what keys are measured with."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import apsw

from tui.engine.demo import make_demo

NOW = 1_795_176_000_000
DAY = 86_400_000
PROJECTS = 40


def make_crowd(folder: Path, count: int) -> Path:
    """The demo in `folder` with `count` sessions more, of one message each."""
    path = make_demo(folder, now_ms=NOW)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            for n in range(PROJECTS):
                _insert(connection, "project", {
                    "id": f"prj_{n}", "worktree": f"/home/dev/p{n}", "name": f"project {n}",
                })  # fmt: skip
            for row in _sessions(count):
                _insert(connection, "session", row)
            _talk(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return path


def _sessions(count: int) -> Iterator[dict[str, object]]:
    """Four of five are children, one of five archived."""
    draw = random.Random(1)
    for i in range(count):
        parent = None if i % 5 == 0 else f"ses_{draw.randrange(0, i, 5) if i > 5 else 0}"
        when = NOW - draw.randrange(200 * DAY)
        project = i % PROJECTS
        title = f"Session {draw.randrange(count)} about {draw.choice(('tests', 'docs', 'api'))}"
        yield {
            "id": f"ses_{i}", "parent_id": parent, "project_id": f"prj_{project}", "title": title,
            "directory": f"/home/dev/p{project}", "time_created": when, "time_updated": when,
            "time_archived": when if draw.random() < 0.2 else None,
        }  # fmt: skip


def _insert(connection: apsw.Connection, table: str, row: dict[str, object]) -> None:
    """One row like the first of its table, but for what is given."""
    names = [str(name) for (name,) in connection.execute(
        "SELECT name FROM pragma_table_info(?)", (table,)
    )]  # fmt: skip
    values = ", ".join(f":{name}" if name in row else name for name in names)
    connection.execute(
        f"INSERT INTO {table} SELECT {values} FROM (SELECT * FROM {table} LIMIT 1)", row
    )


def _talk(connection: apsw.Connection) -> None:
    """A message of up to three thousand octets for every new session."""
    connection.execute(
        "INSERT INTO message (id, session_id, time_created, time_updated, data)"
        " SELECT 'msg_' || id, id, time_created, time_updated, json_object('role', 'user', 'text',"
        " substr(hex(zeroblob(1500)), 1, abs(random()) % 3000)) FROM session"
        " WHERE id GLOB 'ses_[0-9]*' AND project_id GLOB 'prj_[0-9]*'"
    )
