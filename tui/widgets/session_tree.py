"""The session tree: projects, roots and children with their sizes, drawn from an outline.

Shows hundreds of thousands of lines at the cost of those on screen. Folds, marks and the cursor
are kept by session id and group key, so a reload moves nothing under the user's hand.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from tui.keys import bindings
from tui.ordering import Group, Sort
from tui.outline import Outline
from tui.records import SessionRow
from tui.widgets.folds import Folds
from tui.widgets.line_list import LineList, Piece
from tui.widgets.marks import Marks
from tui.widgets.session_line import FOLD, MARK, Bars, Layout, heading, pieces


class SessionTree(LineList):
    """Give it an `Outline` with `show`; it answers in messages and never acts on a session."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("unfold", "fold", "mark", "mark_all", "unmark_all")),
        Binding("enter", "enter", "Open or choose", show=False),
    ]

    bars: reactive[Bars] = reactive("bar", init=False)
    now: reactive[int] = reactive(0, init=False)
    confirmed: reactive[bool] = reactive(True, init=False)
    """False while the sizes are partly measured, or remembered from last time."""
    """The time ages are counted to, ms UTC; 0 takes the outline's."""

    @dataclass
    class Highlighted(Message):
        """The cursor stands on another session (or on a group header, or on nothing)."""

        row: SessionRow | None
        group: Group | None

    @dataclass
    class Chosen(Message):
        """Enter or a double click on a session that has nothing left to open."""

        row: SessionRow

    @dataclass
    class MarksChanged(Message):
        """The marked session ids."""

        ids: frozenset[str]

    @dataclass
    class SortRequested(Message):
        """The heading of a column was clicked."""

        column: Sort

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self.outline: Outline | None = None
        self.folds = Folds()
        self._marks = Marks()
        self._lines: list[int] = []
        self._key: str | None = None
        self._stand_ins: tuple[str, ...] = ()
        """Of a group that the cursor was put on by hand: itself, and what stands for it where
        another grouping or view does not show it; () once the cursor is moved again."""
        self._placing = False
        self._told: tuple[SessionRow | None, Group | None] | None = None

    # What the screen uses.

    def show(self, outline: Outline) -> None:
        """Show this outline; cursor, folds and marks stay with their sessions."""
        before, self.outline = self.outline, outline
        if before is None or before.needle != outline.needle:
            self.folds.other_filter()
            if before is not None and before.is_filtered and not outline.is_filtered:
                self.folds.reveal(outline, self._key)
            self._key = outline.best or self._key  # the cursor follows what is typed
            self._stand_ins = ()
        elif before.order is not outline.order and not self._stand_ins:
            self._stand_ins = before.stand_ins(self._key)
        self.folds.welcome(outline)
        self._reflow(same=before is not None and before.shows_the_same(outline))
        self._keep_marks({id for id in self.marks if outline.position(id) is not None})

    @property
    def marks(self) -> set[str]:
        """The marked session ids."""
        return self._marks.ids

    @property
    def cursor_id(self) -> str | None:
        """Session id under the cursor; None on a group header or in an empty tree."""
        row, _ = self._under_cursor()
        return row.id if row else None

    @property
    def cursor_group(self) -> Group | None:
        """Group whose header is under the cursor."""
        return self._under_cursor()[1]

    def select(self, key: str) -> bool:
        """Move the cursor to a session or group, opening what hides it. False: not to be seen."""
        if not self.folds.reveal(self.outline, key):
            return False
        self._key, self._stand_ins = key, ()
        self._reflow(in_place=False)
        return self._key == key

    def marked_ids(self) -> list[str]:
        """Marked sessions in the order of the outline."""
        if (outline := self.outline) is None:
            return []
        return sorted(self.marks, key=lambda id: outline.position(id) or 0)

    # Lines.

    @property
    def count(self) -> int:
        """Lines on show, folded ones not counted."""
        return len(self._lines)

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """Draw one line."""
        outline = self.outline
        assert outline is not None
        position = self._lines[line]
        about = outline.line(position)
        return pieces(
            about,
            self._layout(width),
            self.now or outline.order.now,
            marked=self._marks.covers(outline, position, about.key),
            is_open=self._is_open(about.key),
            mixed=len(outline.forest.shape.generations) > 1,
            confirmed=self.confirmed,
        )

    def heading(self, width: int) -> Iterable[Piece]:
        """Names of the columns."""
        return heading(self._layout(width))

    def _layout(self, width: int) -> Layout:
        order = self.outline.order if self.outline else None
        sort, reverse = (order.sort, order.reverse) if order else ("size", False)
        return Layout.of(width, self.app.size.width, self.bars, sort, reverse)

    def watch_bars(self) -> None:
        """Other columns: draw anew."""
        self.redraw()

    watch_now = watch_confirmed = watch_bars

    def _reflow(self, in_place: bool = True, same: bool = False) -> None:
        """Find the lines on show and put the cursor back on its session, on the same row.

        `same` says that each line has to say what it says already.
        """
        if self.outline is None:
            return
        below_top = self.cursor - self.scroll_offset.y if in_place else None
        lines, before = self.folds.lines(self.outline), self._lines
        self._lines = lines
        self._marks.forget_groups()
        if not same or lines != before:
            self.resized()
        lines_of = map(self._nearest_line, self._stand_ins or (self._key,))
        line = next((line for line in lines_of if line is not None), self.cursor)
        self._placing = True
        self.cursor = line
        self.show_cursor(below_top)
        self.cursor_moved()
        self._placing = False

    def _nearest_line(self, key: str | None) -> int | None:
        """Line of a session, or of the nearest above it that is on show."""
        outline = self.outline
        position = outline.position(key) if outline and key is not None else None
        if outline is None or position is None:
            return None
        for place in (position, *outline.ancestors(position)):
            line = bisect_left(self._lines, place)
            if line < len(self._lines) and self._lines[line] == place:
                return line
        return None

    def _under_cursor(self) -> tuple[SessionRow | None, Group | None]:
        if self.outline is None or not self._lines:
            return None, None
        order = self.outline.order
        item = order.items[self._lines[self.cursor]]
        return (order.rows[item], None) if item >= 0 else (None, order.groups[~item])

    def cursor_moved(self) -> None:
        """Remember where the cursor stands, and tell it once."""
        row, group = self._under_cursor()
        if row or group:  # an empty list forgets nothing: the filter may give the session back
            self._key = row.id if row else group.key if group else None
        if not self._placing:
            self._stand_ins = ()
        if (row, group) != self._told:
            self._told = row, group
            self.post_message(self.Highlighted(row, group))

    # Folding.

    def _is_open(self, key: str) -> bool:
        assert self.outline is not None
        return self.folds.is_open(self.outline, key)

    def _fold_to(self, open: bool) -> bool:
        """Open or close the line under the cursor; False when that changes nothing."""
        if self.outline is None or not self._lines:
            return False
        position = self._lines[self.cursor]
        key = self.outline.order.key(position)
        if not self.outline.folds(position) or self._is_open(key) == open:
            return False
        self.folds.set_open(self.outline, key, open)
        self._reflow()
        return True

    def action_unfold(self) -> None:
        """Open the line."""
        self._fold_to(True)

    def action_enter(self) -> None:
        """Open the line; on a session with nothing left to open, choose it."""
        row, group = self._under_cursor()
        if not self._fold_to(True):
            if row:
                self.post_message(self.Chosen(row))
            elif group:
                self._fold_to(False)

    def action_fold(self) -> None:
        """Close the line, or go to the one above it in the tree."""
        if self._fold_to(False) or self.outline is None or not self._lines:
            return
        above = next(self.outline.ancestors(self._lines[self.cursor]), None)
        if above is not None:
            self.cursor = bisect_left(self._lines, above)

    # Marks.

    def _keep_marks(self, marks: set[str]) -> None:
        if self._marks.replace(marks):
            self.redraw()
            self.post_message(self.MarksChanged(frozenset(marks)))

    def _turn_mark(self) -> None:
        if self.outline is None or not self._lines:
            return
        self._keep_marks(self._marks.turned(self.outline.targets(self._lines[self.cursor])))

    def action_mark(self) -> None:
        """Mark or unmark the line (a group: its trees) and go one down."""
        self._turn_mark()
        self.cursor += 1

    def action_mark_all(self) -> None:
        """Mark what is on show: sessions asked for, and the trees of folded groups."""
        outline = self.outline
        if outline is None:
            return
        marks = set(self.marks)
        for position in self._lines:
            is_group = outline.order.items[position] < 0
            shown_below = is_group and self._is_open(outline.order.key(position))
            if not shown_below and not outline.is_context(position):
                marks.update(outline.targets(position))
        self._keep_marks(marks)

    def action_unmark_all(self) -> None:
        """Take all marks away."""
        self._keep_marks(set())

    # Mouse.

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """The tick marks, the fold glyph folds, a double click does what Enter does."""
        position = self._lines[line]
        if self.outline is None:
            return
        if x == MARK:
            self._turn_mark()
        elif x == FOLD or (times == 2 and self.outline.folds(position)):
            self._fold_to(not self._is_open(self.outline.order.key(position)))
        elif times == 2:
            self.action_enter()

    def heading_clicked(self, x: int) -> None:
        """Ask for the order of the column."""
        self.post_message(self.SortRequested(self._layout(self.line_width).sort_at(x)))
