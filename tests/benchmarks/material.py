"""A database to measure with: the demo, as often as it takes to reach the size wanted."""

from __future__ import annotations

import time
from pathlib import Path

import apsw

from tui.engine.demo import make_demo

SIZE_S = 770_000_000
"""The size users report most often; the goals were set at it."""

TABLES = ("session", "message", "part", "todo", "event_sequence", "event")
"""What is repeated, parents first."""

IDS = {"id", "session_id", "message_id", "parent_id", "aggregate_id"}
"""Columns that name a row: every repetition gets names of its own."""


def make_database(folder: Path, size: int = 0) -> Path:
    """The demo in `folder`, repeated until the file has about `size` bytes."""
    path = make_demo(folder, now_ms=time.time_ns() // 1_000_000)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        for number in range(1, round(size / path.stat().st_size)):
            with connection:
                for table in TABLES:
                    connection.execute(_repetition(connection, table), {"mark": f"{number:02d}"})
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return path


def _repetition(connection: apsw.Connection, table: str) -> str:
    """INSERT … SELECT of the original rows, whose ids end in the number of the repetition."""
    columns = [row[0] for row in connection.execute(f"SELECT name FROM pragma_table_info('{table}')")]
    values = [
        f"substr({name}, 1, 28) || :mark" if name in IDS else name for name in columns
    ]
    key = "session_id" if "session_id" in columns else "aggregate_id"
    key = "id" if table == "session" else key
    # Two letters of chance at the end make way for the number; originals are told by the absence
    # of a note in `repeated`, which lives as long as the connection.
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS originals (id TEXT PRIMARY KEY)")
    connection.execute("INSERT OR IGNORE INTO originals SELECT id FROM session WHERE NOT EXISTS (SELECT 1 FROM originals LIMIT 1)")
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}"
        f" WHERE {key} IN (SELECT id FROM originals)"
    )
