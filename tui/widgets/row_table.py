"""A small table of ready-made cells: batches of the trash, the journal, what can be got back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from tui.format import cells, clean, fit, tail
from tui.widgets.line_list import HEADING, LineList, Piece, heading_piece


class Column(NamedTuple):
    """One column; the one without a width takes what is left."""

    title: str
    width: int = 0
    right: bool = False
    from_width: int = 0
    """Left out where the table is narrower than this."""
    path: bool = False
    """Cut at its beginning: what tells paths apart is their end."""


class Row(NamedTuple):
    """One line: a cell (text and look) for each column; `key` keeps the cursor over reloads."""

    key: str
    cells: tuple[Piece, ...]


class RowTable(LineList):
    """Give it columns and rows with `show`; Enter or a double click posts `Chosen`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Choose", show=False)]

    @dataclass
    class Chosen(Message):
        """Enter or a double click on a line."""

        table: RowTable
        key: str

        @property
        def control(self) -> RowTable:
            """The table it came from."""
            return self.table

    @dataclass
    class Moved(Message):
        """The cursor stands on another line."""

        table: RowTable

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.columns: tuple[Column, ...] = ()
        self.rows: tuple[Row, ...] = ()

    def show(self, columns: Sequence[Column], rows: Iterable[Row]) -> None:
        """Show these; the cursor stays on its row where that is still there."""
        key = self.key
        self.columns, self.rows = tuple(columns), tuple(rows)
        self.resized()
        at = next((i for i, row in enumerate(self.rows) if row.key == key), None)
        self.cursor = min(self.cursor, max(0, len(self.rows) - 1)) if at is None else at
        self.show_cursor()

    @property
    def key(self) -> str | None:
        """Key of the row under the cursor."""
        return self.rows[self.cursor].key if self.cursor < len(self.rows) else None

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.rows)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """All rows, or the line that says there are none."""
        return HEADING + max(1, len(self.rows), self.empty_text.count("\n") + 1)

    def heading(self, width: int) -> Iterable[Piece]:
        """Names of the columns."""
        for at, (column, wide) in enumerate(self._widths(width)):
            yield " " if at == 0 else "  ", ""
            yield heading_piece(column.title, wide, column.right)

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """One row."""
        shown = dict(zip(self.columns, self.rows[line].cells, strict=True))
        for at, (column, wide) in enumerate(self._widths(width)):
            text, look = shown[column]
            yield " " if at == 0 else "  ", ""
            said = clean(text)
            yield fit(tail(said, wide) if column.path else said, wide, column.right), look

    def _widths(self, width: int) -> list[tuple[Column, int]]:
        """The columns that have room, and their cells."""
        shown = [column for column in self.columns if width >= column.from_width]
        fixed = sum(column.width for column in shown) + 2 * len(shown)
        return [(column, column.width or max(0, width - fixed)) for column in shown]

    def is_cut(self, line: int) -> bool:
        """Whether the last cell of a row has no room for all it says."""
        last, text = self.columns[-1], self.rows[line].cells[-1][0]
        shown = [wide for column, wide in self._widths(self.line_width) if column is last]
        return not shown or cells(clean(text)) > shown[0]

    def cursor_moved(self) -> None:
        """Tell the screen."""
        self.post_message(self.Moved(self))

    def action_choose(self) -> None:
        """Tell which row was meant."""
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """A double click chooses."""
        if times == 2:
            self.action_choose()


def widest(texts: Iterable[str], least: int = 0) -> int:
    """Cells of the widest text, at least `least`."""
    return max((cells(clean(text)) for text in texts), default=0) or least
