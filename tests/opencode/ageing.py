"""Moving a past back in time, for rules that only apply to idle sessions."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.opencode.drive import Home

DAY = 86_400_000
"""Milliseconds."""

TABLES = ("session", "message", "part", "todo")


def age(home: Home, days: int) -> None:
    """Make everything that happened in this home happen so many days earlier.

    Only the time columns move: `data` stays what the events say it is. The server must be
    stopped.
    """
    back = days * DAY
    with closing(sqlite3.connect(home.db)) as db, db:
        for table in TABLES:
            db.execute(
                f"UPDATE {table} SET time_created = time_created - {back},"
                f" time_updated = time_updated - {back}"
            )
