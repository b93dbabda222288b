"""A database that is mostly superseded events, and its rebuilding from what stays.

    python -m tests.benchmarks.outgrown make FOLDER BYTES SHARE     prints the path
    python -m tests.benchmarks.outgrown copy DATABASE EXPECTED      rebuilds it

Processes of their own, so that their memory is not counted against the programs measured.
"""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Event

import apsw

from tests.benchmarks.material import make_database
from tui.engine.copy_out import copy_out
from tui.engine.site import open_site
from tui.engine.survivors import Survivors

GARBAGE = "id LIKE 'evt_old_%'"
"""What goes, for both sides of the measurement: only how it goes is compared."""

OCTETS = 60_000
"""Of one superseded event: message.updated with a summary has some hundred kilobytes."""


def make_outgrown(folder: Path, size: int, share: float) -> Path:
    """`size` bytes of which `share` survives; the garbage lies between what stays, as in use."""
    path = make_database(folder, int(size * share))
    connection = apsw.Connection(str(path))
    try:
        connection.execute("PRAGMA synchronous = OFF").fetchall()
        missing = max(0, size - path.stat().st_size) // OCTETS
        connection.execute(
            "CREATE TEMP TABLE owner AS SELECT row_number() OVER () - 1 AS k, aggregate_id"
            " FROM event_sequence"
        )
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO event (id, aggregate_id, seq, type, data)"
            " SELECT 'evt_old_' || i, aggregate_id, 1000000 + i, 'message.updated.1',"
            " hex(randomblob(?)) FROM n JOIN owner ON k = i % (SELECT count(*) FROM owner)",
            (missing, OCTETS // 2),
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        connection.close()
    return path


def superseded(survivors: Survivors) -> None:
    """The same rows that the shell deletes."""
    survivors.leave_out("event", GARBAGE)


def main() -> None:
    """One of the two."""
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "make":
        print(make_outgrown(path, int(sys.argv[3]), float(sys.argv[4])))
        return
    site = open_site(path)
    deed = copy_out(site, superseded, Event(), expected=int(sys.argv[3]))
    while True:
        try:
            next(deed)
        except StopIteration as end:
            done = end.value
            print(done.ending, done.freed_bytes, done.details["lock_seconds"])
            return


if __name__ == "__main__":
    main()
