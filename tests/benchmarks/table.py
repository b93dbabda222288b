"""One row for every promise: what, goal, measured, ratio."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One measurement. `limit` is what `value` (a ratio, or the number itself) may reach."""

    what: str
    goal: str
    measured: str
    value: float | None = None
    limit: float | None = None

    @property
    def verdict(self) -> str:
        """ "kept", "MISSED", or nothing where no goal was set."""
        if self.value is None or self.limit is None:
            return ""
        return "kept" if self.value <= self.limit else "MISSED"


def ratio(
    what: str, ours: float, others: float, limit: float, yardstick: str, unit: str = "s"
) -> Row:
    """Our number against somebody else's in the same run; `limit` is the ratio promised."""
    return Row(
        what,
        f"≤ {limit:g} × {yardstick}",
        f"{ours:.3f} {unit} against {others:.3f} {unit}",
        ours / others,
        limit,
    )


def number(what: str, value: float, limit: float, unit: str) -> Row:
    """A number with a limit of its own."""
    return Row(what, f"≤ {limit:g} {unit}", f"{value:.4g} {unit}", value, limit)


def fact(what: str, measured: str) -> Row:
    """Something to know, without a goal."""
    return Row(what, "", measured)


def lines(rows: Iterable[Row]) -> Iterable[str]:
    """The rows as an aligned table."""
    head = ("what", "goal", "measured", "ratio", "")
    cells = [head] + [
        (
            row.what,
            row.goal,
            row.measured,
            f"{row.value:.2f}" if row.value is not None and "×" in row.goal else "",
            row.verdict,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    for line in cells:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
