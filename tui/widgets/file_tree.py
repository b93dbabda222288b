"""The data directory as a tree of sizes: kinds, what is of each kind, and below that the stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from tui.format import AGE_CELLS, SIZE_CELLS, age, cells, clean, clip, count, fit, share_bar, size
from tui.keys import bindings
from tui.records import FileRow
from tui.widgets.line_list import LineList, Piece, heading_piece

MANY = 12
"""Kinds with more rows than this are folded at first: the list shall fit a screen."""

_BAR, _FILES = 8, 9
_WHY_FROM, _BAR_FROM, _FILES_FROM = 100, 60, 70
"""Widths of the list from which on these columns are shown."""


class FileTree(LineList):
    """Give it the rows of a survey with `show`; folds and cursor stay where they were."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("unfold",)),
        Binding("enter", "fold", "Fold", show=False),
        Binding("space", "fold", "Fold", id="mark", show=False),
        Binding("left,h", "up", "Fold, then up", id="fold", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor stands on another row."""

        tree: FileTree

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._all: Sequence[FileRow] = ()
        self._shown: list[FileRow] = []
        self._below: dict[str, int] = {}
        """Id -> rows right below."""
        self._folds: dict[str, bool] = {}
        """What the user folded (True) or unfolded."""
        self._total = 0
        self._now = 0

    def show(self, rows: Sequence[FileRow], now: int) -> None:
        """Show these; `now` in milliseconds."""
        self._all, self._now = rows, now
        self._below = {}
        for row in rows:
            self._below[row.parent] = self._below.get(row.parent, 0) + 1
        self._total = sum(row.bytes for row in rows if not row.parent)
        self._arrange()

    def _arrange(self) -> None:
        here = self.row
        hidden: set[str] = set()
        self._shown = []
        for row in self._all:
            if row.parent in hidden:
                hidden.add(row.id)
                continue
            self._shown.append(row)
            if self._is_folded(row):
                hidden.add(row.id)
        self.resized()
        wanted = here.id if here else ""
        places = {row.id: i for i, row in enumerate(self._shown)}
        while wanted and wanted not in places:  # folded away: its parent takes the cursor
            wanted = wanted.rpartition("/")[0]
        self.cursor = places.get(wanted, self.cursor)
        self.show_cursor()

    def _is_folded(self, row: FileRow) -> bool:
        """Kinds are open unless that makes a long list; what is deeper is folded at first."""
        many = row.parent != "" or self._below.get(row.id, 0) > MANY
        return row.id in self._below and self._folds.get(row.id, many)

    @property
    def row(self) -> FileRow | None:
        """The row under the cursor."""
        return self._shown[self.cursor] if self.cursor < len(self._shown) else None

    @property
    def count(self) -> int:
        """Rows that are not folded away."""
        return len(self._shown)

    @property
    def rows(self) -> Sequence[FileRow]:
        """Rows that are not folded away."""
        return self._shown

    def select(self, id: str) -> bool:
        """Put the cursor on a row; False when it is not shown."""
        at = next((i for i, row in enumerate(self._shown) if row.id == id), None)
        if at is not None:
            self.cursor = at
        return at is not None

    def cursor_moved(self) -> None:
        """Tell the screen."""
        self.post_message(self.Highlighted(self))

    # drawing

    def heading(self, width: int) -> Iterable[Piece]:
        """Names of the columns."""
        yield " ", ""
        yield heading_piece("on disk", SIZE_CELLS)
        if width >= _BAR_FROM:
            yield " " * (_BAR + 1), ""
        yield "  ", ""
        yield heading_piece("may go", SIZE_CELLS)
        if width >= _FILES_FROM:
            yield "  ", ""
            yield heading_piece("files", _FILES)
            yield "  ", ""
            yield heading_piece("newest", AGE_CELLS)
        yield "  what", "heading"

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """One row."""
        row = self._shown[line]
        yield " ", ""
        yield fit(size(row.bytes), SIZE_CELLS, right=True), "strong"
        if width >= _BAR_FROM:
            share = row.bytes / self._total if self._total else None
            yield " " + share_bar(share, _BAR), "bar"
        may_go = size(row.safe_bytes) if row.safe_files else ""
        yield "  ", ""
        yield fit(may_go, SIZE_CELLS, right=True), "good"
        used = 1 + SIZE_CELLS * 2 + 2 + (_BAR + 1 if width >= _BAR_FROM else 0)
        if width >= _FILES_FROM:
            yield "  " + fit(count(row.files), _FILES, right=True), "muted"
            yield "  " + fit(age(row.newest or None, self._now), AGE_CELLS, right=True), "muted"
            used += _FILES + AGE_CELLS + 4
        yield from self._what(row, width - used, width >= _WHY_FROM)

    def _what(self, row: FileRow, room: int, with_why: bool) -> Iterable[Piece]:
        depth = 0 if not row.parent else 1 if "/" not in row.parent else 2
        mark = ("▸ " if self._is_folded(row) else "▾ ") if row.id in self._below else "  "
        start = "  " + "  " * depth + mark
        title = clip(clean(row.title), max(0, room - len(start)))
        yield start, "muted"
        yield title, "" if row.parent else "strong"
        left = room - len(start) - cells(title) - 2
        if with_why and left > 10:
            goes = row.safe and row.parent
            text = ("✓ " if goes else "") + (row.why if row.parent else row.says)
            yield "  " + clip(clean(text), left), "good" if goes else "muted"

    # keys and mouse

    def action_fold(self) -> None:
        """Fold or unfold the row under the cursor."""
        if (row := self.row) is not None and row.id in self._below:
            self._folds[row.id] = not self._is_folded(row)
            self._arrange()

    def action_unfold(self) -> None:
        """Unfold it."""
        if (row := self.row) is not None and self._is_folded(row):
            self.action_fold()

    def action_up(self) -> None:
        """Fold it, or go to the row above it."""
        row = self.row
        if row is None:
            return
        if row.id in self._below and not self._is_folded(row):
            self.action_fold()
        elif row.parent:
            self.select(row.parent)

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """A double click folds."""
        if times == 2:
            self.action_fold()
