"""Asking a connection and getting the whole answer: an unfinished cursor would pin the WAL."""

from __future__ import annotations

from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase


def fetch(connection: apsw.Connection, statement: str, values: Any = None) -> list[Any]:
    """Every row of a statement, as tuples."""
    return list(connection.execute(statement, values))


def scalar(connection: apsw.Connection, statement: str, values: Any = None) -> Any:
    """The first column of the first row; None when there is none."""
    found = fetch(connection, statement, values)
    return found[0][0] if found else None


def answers(query: Any, db: APSWDatabase) -> list[Any]:
    """Every row of a peewee query, as tuples of what is stored, from this database.

    Nothing is converted: a time column may hold anything, and one odd value must hide no row.
    """
    return list(db.execute(query))
