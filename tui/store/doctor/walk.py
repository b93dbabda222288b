"""Walking along an index, key by key, in reads of a moment each.

Counting rows by what they belong to needs the index alone. Each read covers some hundred or
thousand keys and ends; the next begins behind the last key. Keys travel as their bytes: text that
is no UTF-8 is still a key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import apsw

from tui.store.database import as_text
from tui.store.query import fetch
from tui.store.usage import SLICE

SAMPLE = 10
"""Ids named of one symptom."""

FIRST_KEYS, FEWEST_KEYS, MOST_KEYS = 500, 50, 20_000
"""Keys of the first read, and between which their number follows the time it takes."""


class Key(NamedTuple):
    """A value of a column as it is stored: text or bytes."""

    kind: str
    value: bytes

    @property
    def marker(self) -> str:
        """How a statement takes it as a parameter."""
        if self.kind == "blob":
            return "?"
        is_number = self.kind in ("integer", "real")
        return "CAST(CAST(? AS TEXT) AS NUMERIC)" if is_number else "CAST(? AS TEXT)"

    @property
    def text(self) -> str:
        """For people; undecodable bytes become U+FFFD."""
        return as_text(self.value)


class Hit(NamedTuple):
    """A key for which the question was true, and how many rows have it."""

    key: Key
    rows: int


def keys_where(
    connection: apsw.Connection, table: str, column: str, question: str
) -> Iterator[Hit]:
    """Keys of a column for which an SQL condition on `k` (and their number `n`) holds.

    NULL is no key. The column wants an index; without one the answer is right and late.
    """
    statement = (
        "SELECT kind, value, n, hit, number FROM (SELECT *, row_number() OVER () AS number,"
        " count(*) OVER () AS total FROM (SELECT typeof(k) AS kind, CAST(k AS BLOB) AS value, n,"
        f' ({question}) AS hit FROM (SELECT "{column}" AS k, count(*) AS n FROM "{table}"'
        f' WHERE "{column}" <after> GROUP BY "{column}" ORDER BY "{column}" LIMIT ?)))'
        " WHERE hit OR number = total"  # behind the last one the walk goes on
    )
    after, limit = "IS NOT NULL", FIRST_KEYS
    values: list[bytes] = []
    while True:
        began = time.perf_counter()
        found = fetch(connection, statement.replace("<after>", after), (*values, limit))
        took = time.perf_counter() - began
        if not found:
            return
        for kind, value, rows, hit, _ in found:
            if hit:
                yield Hit(Key(kind, value), rows)
        *_, (kind, value, _, _, number) = found
        if number < limit:
            return
        last = Key(kind, value)
        after, values = f"> {last.marker}", [value]
        fitting = int(limit * SLICE / max(took, 0.001))
        limit = max(FEWEST_KEYS, min(fitting, 4 * limit, MOST_KEYS))


def octets_of(
    connection: apsw.Connection, table: str, column: str, columns: tuple[str, ...], key: Key
) -> int:
    """Octets of the rows with this key: their `data`, or all columns of a table without."""
    counted = ["data"] if "data" in columns else list(columns)
    sums = " + ".join(f'coalesce(octet_length("{name}"), 0)' for name in counted)
    statement = f'SELECT sum({sums}) FROM "{table}" WHERE "{column}" = {key.marker}'
    found: Any = fetch(connection, statement, (key.value,))
    return int(found[0][0] or 0)
