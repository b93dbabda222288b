"""A database to measure with: the demo, as often as it takes to reach the size wanted.

Run as `python -m tests.benchmarks.material FOLDER BYTES`; prints the path. A process of its own, so
that its memory is not counted against the programs measured.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import apsw

from tui.engine.demo import make_demo

TABLES = {
    "session": "id",
    "message": "session_id",
    "part": "session_id",
    "todo": "session_id",
    "event_sequence": "aggregate_id",
    "event": "aggregate_id",
}
"""What is repeated, parents first, and the column that names the session."""

IDS = {"id", "session_id", "message_id", "parent_id", "aggregate_id"}
"""Columns that name a row: every repetition gets names of its own."""


def make_database(folder: Path, size: int) -> Path:
    """The demo in `folder`, repeated until the file has about `size` bytes."""
    path = make_demo(folder, now_ms=time.time_ns() // 1_000_000)
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        connection.execute("CREATE TEMP TABLE original AS SELECT id FROM session")
        for number in range(1, round(size / path.stat().st_size)):
            with connection:
                for table, owner in TABLES.items():
                    _repeat(connection, table, owner, f"_{number:x}")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return path


def _repeat(connection: apsw.Connection, table: str, owner: str, mark: str) -> None:
    """Insert the original rows again; their ids end in the mark, which no real id does."""
    found = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    columns = [str(name) for (name,) in found]
    values = [f"substr({name}, 1, 28) || :mark" if name in IDS else name for name in columns]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table}"
        f" WHERE {owner} IN (SELECT id FROM original)",
        {"mark": mark},
    )


if __name__ == "__main__":
    print(make_database(Path(sys.argv[1]), int(sys.argv[2])))
