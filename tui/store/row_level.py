"""What a reclaim level says about one row of a table, as SQL; and the words all levels share.

Rows are judged and rewritten by SQL alone, so a row of 100 MB, a lone surrogate or a number of
thirty digits never passes through Python. `json_replace` leaves every byte outside the edited
paths as it was, provided the row is minified, as opencode writes it; others are left alone
(facts on SQLite, §3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LARGEST = 128_000_000
"""Octets of the largest part that is judged: editing takes four times as much memory. opencode caps
tool output at 50 KB, so larger ones are no ordinary parts; they count as malformed."""

MALFORMED_ROW = -1
"""Verdict on a row of an unknown shape: it is counted and left alone."""


class Rewriting(Protocol):
    """What a deed on one row has to know of its level, whatever generation the row is of."""

    @property
    def table(self) -> str:
        """Where the row is."""
        ...

    @property
    def owner(self) -> str:
        """The column that names the session of a row."""
        ...

    @property
    def edited(self) -> str:
        """SQL: the new data."""
        ...

    @property
    def verdict(self) -> str:
        """SQL: 0 or more for a row that is taken."""
        ...


@dataclass(frozen=True, slots=True)
class RowLevel:
    """Which rows a level takes and what it makes of them, as SQL on one row with `data`."""

    name: str
    table: str
    likely: str
    """Cheap test without JSON; whoever fails it does not qualify."""
    wanted: str
    """Exact test, asked only of valid JSON."""
    odd: str
    """Says that a wanted row has a shape nobody knows; asked only of wanted ones."""
    edited: str
    """The new data."""
    grows: bool = False
    """True when a row is taken although its new data is no shorter: a mark weighs some octets."""
    largest: int | None = None
    """Octets above which a row counts as malformed; None: LARGEST."""
    owner: str = "session_id"
    """The column that names the session of a row."""

    @property
    def verdict(self) -> str:
        """SQL: octets of the new data, MALFORMED_ROW, or NULL for a row that is not taken.

        CASE, because SQLite may reorder AND, and JSON functions raise on a malformed row.
        """
        size = f"octet_length({self.edited})"
        if not self.grows:
            size = f"nullif(min({size}, octet_length(data)), octet_length(data))"
        return f"""CASE
            WHEN octet_length(data) > {self.largest or LARGEST} THEN {MALFORMED_ROW}
            WHEN NOT ({self.likely}) THEN NULL
            WHEN typeof(data) <> 'text' OR NOT json_valid(data) THEN {MALFORMED_ROW}
            WHEN NOT ({self.wanted}) THEN NULL
            WHEN json(data) IS NOT data OR ({self.odd}) THEN {MALFORMED_ROW}
            ELSE {size} END"""
