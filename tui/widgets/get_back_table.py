"""You get back: one line for each action with its bytes, honest about nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textual.message import Message

from tui import format
from tui.widgets.row_table import Column, Row, RowTable

COLUMNS = (
    Column("key", 3),
    Column("bytes", format.SIZE_CELLS, right=True),
    Column("you get back", 34),
    Column("what you lose", from_width=78),
)


class GetBack(NamedTuple):
    """What one action would give; `bytes` is None while it is being counted."""

    action: str
    """Id in the table of actions, with an argument after ":" where it takes one."""
    key: str
    what: str
    bytes: int | None
    loses: str


class GetBackTable(RowTable):
    """`Chosen` carries the action."""

    DEFAULT_CSS = """
    GetBackTable { height: auto; scrollbar-size-vertical: 0; }
    """

    @dataclass
    class Left(Message):
        """The cursor wants to go on beyond the first or last line by so many lines."""

        by: int

    def action_move(self, by: int) -> None:
        """Within the table, then beyond it."""
        if not 0 <= self.cursor + by < self.count:
            self.post_message(self.Left(by))
        super().action_move(by)

    def action_page(self, by: int) -> None:
        """The table is shorter than a page: what is around it moves."""
        self.post_message(self.Left(by * 10))

    def offer(self, rows: Iterable[GetBack]) -> None:
        """Show these, the largest first; what gives nothing stands last and is grey."""
        at_top = self.cursor == 0  # who has not moved yet looks at the largest
        self.show(COLUMNS, [_row(row) for row in ordered(list(rows))])
        if at_top:
            self.cursor = 0


def ordered(rows: Sequence[GetBack]) -> list[GetBack]:
    """Largest first; what is still being counted before what is known to be nothing."""
    return sorted(rows, key=lambda row: -(row.bytes if row.bytes is not None else 0.5))


def _row(row: GetBack) -> Row:
    look = "good" if row.bytes else "muted"
    plain = "" if row.bytes else "muted"
    return Row(
        row.action,
        ((row.key, "mark"), (format.size(row.bytes), look), (row.what, plain),
         (row.loses, "muted")),
    )  # fmt: skip
