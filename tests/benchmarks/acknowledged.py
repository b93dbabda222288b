"""A writer who remembers what was acknowledged to it: is every row there afterwards?

Run as `python -m tests.benchmarks.acknowledged DB`, under any name: some tools look for opencode by
the name of its process. Ends when its standard input is closed.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

PAUSE, LONGEST = 0.020, 180.0
"""Seconds between two writes, and after which it leaves whatever happens."""

NEWEST = """
SELECT id, session_id, time_created, '{"type":"text","text":"next door"}'
FROM message ORDER BY time_created DESC LIMIT 1
"""

WRITE = """
INSERT INTO part (id, message_id, session_id, time_created, time_updated, data)
VALUES (?1, ?2, ?3, ?4, ?4, ?5)
"""


class Promises:
    """What the writer was told."""

    def __init__(self, db: Path) -> None:
        self.db = db
        self.written: list[str] = []
        self.worst = 0.0
        """Seconds of the longest wait."""
        self.errors: list[str] = []

    @property
    def broken(self) -> int:
        """Rows acknowledged that whoever opens the file now does not find."""
        look = "SELECT id FROM part WHERE id GLOB 'prt_ack_*'"
        try:
            with closing(sqlite3.connect(self.db, timeout=5.0)) as connection:
                found = connection.execute(look).fetchall()
        except sqlite3.DatabaseError:
            return len(self.written)
        return len(set(self.written) - {id for (id,) in found})


@contextmanager
def at_work(db: Path, name: str, environment: Mapping[str, str]) -> Iterator[Promises]:
    """A writer of that name as long as the block lasts; filled in at its end."""
    program = db.parent / name
    program.symlink_to(os.path.realpath(sys.executable))
    command = [str(program), "-m", "tests.benchmarks.acknowledged", str(db)]
    promises = Promises(db)
    with subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdout.readline()
        try:
            yield promises
        finally:
            process.stdin.close()
            found = json.loads(process.stdout.readline())
            program.unlink()
            promises.written, promises.worst = found["written"], found["worst"]
            promises.errors = found["errors"]


def main(path: str) -> None:
    """Write until standard input ends."""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    # Found beforehand: a search within the statement would hold the lock as long as it lasts.
    message = connection.execute(NEWEST).fetchone()
    written: list[str] = []
    errors: list[str] = []
    worst = 0.0
    until = time.monotonic() + LONGEST
    print("ready", flush=True)
    while time.monotonic() < until and not select.select([sys.stdin], [], [], PAUSE)[0]:
        id = f"prt_ack_{len(written) + len(errors):08d}"
        began = time.perf_counter()
        try:
            connection.execute(WRITE, (id, *message))
            written.append(id)
        except sqlite3.Error as error:
            errors.append(str(error))
        worst = max(worst, time.perf_counter() - began)
    connection.close()
    print(json.dumps({"written": written, "worst": worst, "errors": errors}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
