"""A conversation as lines: of any length, at the cost of what is on screen.

The outline is a list of entries; what they say is asked for (`Wanted`) when they are open and in
sight, kept while it is near, and forgotten again. Heights are known entry by entry, so the place of
a line is a search in running totals.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from tui.format import clean, clip
from tui.keys import bindings
from tui.records import Body, Entry
from tui.widgets.conversation_line import (
    INDENT,
    has_gap,
    has_head,
    head,
    is_head,
    opens_at_once,
)
from tui.widgets.kept_bodies import KeptBodies
from tui.widgets.line_list import LineList, Piece

AHEAD = 40
"""Lines below the screen that are asked for in advance."""

MOST_ASKED = 60
"""Entries asked for at once."""


class Conversation(LineList):
    """Give it entries with `begin` and `grow`, bodies with `fill`; it never reads anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(("unfold", "fold", "next_question", "question_before", "half_down", "half_up")),
        Binding("space", "turn_over", "Fold or unfold", id="mark", show=False),
        Binding("enter", "enter", "Unfold, or go on", show=False),
    ]

    @dataclass
    class Wanted(Message):
        """These are open, in sight, and not known; `fill` is waited for."""

        entries: tuple[Entry, ...]

    @dataclass
    class More(Message):
        """The next piece of a long text, from `at` on."""

        entry: Entry
        at: int

    @dataclass
    class Moved(Message):
        """The cursor stands on another line."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.now = 0
        self.needle: re.Pattern[str] | None = None
        self._turned: set[str] = set()
        """Keys of entries that are not as they are at first."""
        self.bodies = KeptBodies()
        self._places: dict[str, int] = {}
        self._heights: list[int] = []
        self._ends: list[int] = []

    # what the screen uses

    def begin(self, now: int) -> None:
        """Another conversation: forget the last one."""
        self.entries, self._heights, self._ends = [], [], []
        self.bodies.clear()
        self._places.clear()
        self._turned.clear()
        self.now, self.needle = now, None
        self.resized()
        self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)

    def grow(self, entries: Sequence[Entry]) -> None:
        """Entries that follow; nothing on screen moves."""
        self._places.update((entry.key, len(self.entries) + i) for i, entry in enumerate(entries))
        self.entries += entries
        heights = [1 + has_gap(entry) for entry in entries]
        self._heights += heights
        ends = accumulate(heights, initial=self._ends[-1] if self._ends else 0)
        self._ends += list(ends)[1:]
        self.resized()
        self.ask()

    def fill(self, bodies: Iterable[tuple[str, Body]]) -> None:
        """What entries say, by key; a further piece follows the one before."""
        keep = self._anchor()
        fresh = []
        for key, body in bodies:
            self.bodies.add(key, body)
            fresh.append(key)
        self._measure([*fresh, *self.bodies.forget(fresh)])
        self._settle(keep)

    def select(self, key: str, row: Callable[[list[Piece]], int] | None = None) -> bool:
        """Go to an entry and open it, to the row that `row` finds in what it says."""
        at = self._places.get(key)
        if at is None:
            return False
        entry = self.entries[at]
        if not self._is_open(entry) and not is_head(entry):
            self._turn(entry)
        lines = self.bodies.lines_of(key) if key in self.bodies else []
        below = (row(lines) if row else 0) + has_head(entry) if lines else has_gap(entry)
        self.cursor = self._start(at) + below
        self.show_cursor(self.page // 3)
        self.ask()
        return True

    @property
    def here(self) -> Entry | None:
        """The entry under the cursor."""
        at = self._entry_at(self.cursor)
        return self.entries[at] if at < len(self.entries) else None

    @property
    def place(self) -> int:
        """Number of the entry under the cursor."""
        return self._entry_at(self.cursor)

    # heights

    @property
    def count(self) -> int:
        """Lines on show."""
        return self._ends[-1] if self._ends else 0

    def _start(self, at: int) -> int:
        return self._ends[at - 1] if at else 0

    def _entry_at(self, line: int) -> int:
        return bisect_right(self._ends, line)

    def _is_open(self, entry: Entry) -> bool:
        return not is_head(entry) and opens_at_once(entry) != (entry.key in self._turned)

    def _height(self, entry: Entry) -> int:
        if not self._is_open(entry) or entry.key not in self.bodies:
            return 1 + has_gap(entry)
        return max(1, len(self.bodies.lines_of(entry.key)) + has_head(entry))

    def _measure(self, keys: Iterable[str]) -> None:
        """Heights of these entries, and all running totals."""
        for key in keys:
            if (at := self._places.get(key)) is not None:
                self._heights[at] = self._height(self.entries[at])
        self._ends = list(accumulate(self._heights))

    def _anchor(self) -> tuple[int, int, int]:
        """Entry and row under the cursor, and the cursor's distance from the top."""
        at = self._entry_at(self.cursor)
        return at, self.cursor - self._start(at), self.cursor - self.scroll_offset.y

    def _settle(self, keep: tuple[int, int, int]) -> None:
        """Put the cursor back on its entry, on the same screen line."""
        at, row, below_top = keep
        self.resized()
        if at < len(self.entries):
            row = min(row, self._heights[at] - 1)
            self.set_reactive(LineList.cursor, self._start(at) + row)
        self.show_cursor(below_top)
        self.redraw()
        self.ask()

    def on_resize(self) -> None:
        """Another width breaks all texts anew."""
        if self.line_width != self.bodies.width:
            keep = self._anchor()
            self.bodies.break_to(self.line_width)
            self._measure(self.bodies.keys)
            self._settle(keep)
        super().on_resize()

    # asking

    def ask(self) -> None:
        """Ask for what is in sight, open and not known."""
        top = self.scroll_offset.y
        first, last = self._entry_at(top), self._entry_at(top + self.page + AHEAD)
        near = self.entries[max(0, first - 2) : last + 1]
        missing = [each for each in near if self._is_open(each) and each.key not in self.bodies]
        if missing:
            self.post_message(self.Wanted(tuple(missing[:MOST_ASKED])))

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Something else is in sight."""
        super().watch_scroll_y(old, new)
        if round(old) != round(new):
            self.ask()

    def cursor_moved(self) -> None:
        """Tell the screen; the line above the list names the question one is in."""
        self.refresh(Region(0, 0, self.size.width, 1))
        self.post_message(self.Moved())

    # drawing

    def heading(self, width: int) -> Iterable[Piece]:
        """The question one is in."""
        for at in range(min(self.place, len(self.entries) - 1), -1, -1):
            if self.entries[at].kind == "turn" and self.entries[at].role == "user":
                asked = self.entries[at + 1 : at + 2]
                words = asked[0].title if asked and asked[0].kind == "text" else ""
                yield clip(" ▌ " + " ".join(clean(words).split()), width), "heading"
                return

    def pieces(self, line: int, width: int) -> Iterable[Piece]:
        """One line."""
        at = self._entry_at(line)
        entry, row = self.entries[at], line - self._start(at)
        if has_gap(entry) and row == 0:
            return []
        is_open = self._is_open(entry)
        known = is_open and entry.key in self.bodies
        if not known and is_open and not has_head(entry):
            return [(" " * INDENT, ""), (entry.title.split("\n")[0][: width - INDENT], "muted")]
        if not is_open or not known or (row == 0 and has_head(entry)):
            return head(entry, width, self.now, is_open)
        lines = self.bodies.lines_of(entry.key)
        row -= has_head(entry)
        text, look = lines[row] if row < len(lines) else ("", "")
        return [(" " * INDENT, ""), *self._with_hits(text, look)]

    def _with_hits(self, text: str, look: str) -> list[Piece]:
        if self.needle is None:
            return [(text, look)]
        found: list[Piece] = []
        end = 0
        for hit in self.needle.finditer(text):
            found += [(text[end : hit.start()], look), (hit[0], "mark")]
            end = hit.end()
        return [*found, (text[end:], look)]

    # keys

    def _turn(self, entry: Entry) -> None:
        self._turned ^= {entry.key}
        keep = self._anchor()
        self._measure([entry.key])
        self._settle(keep)

    def action_turn_over(self) -> None:
        """Fold what is open, open what is folded."""
        if (entry := self.here) is not None and not is_head(entry):
            self._turn(entry)

    def action_unfold(self) -> None:
        """Open the entry."""
        if (entry := self.here) is not None and not is_head(entry) and not self._is_open(entry):
            self._turn(entry)

    def action_enter(self) -> None:
        """Open the entry; on the last line of a long one, read on."""
        entry = self.here
        body = self.bodies.get(entry.key) if entry is not None else None
        if entry is None:
            return
        last = self.cursor == self._ends[self.place] - 1
        if body is not None and body.next is not None and last and self._is_open(entry):
            self.post_message(self.More(entry, body.next))
        else:
            self.action_turn_over()

    def action_fold(self) -> None:
        """Fold the entry; from a folded one to the question above it."""
        entry = self.here
        if entry is not None and self._is_open(entry) and has_head(entry):
            self.cursor = self._start(self.place)
            self._turn(entry)
        else:
            self.action_turn(-1)

    def action_turn(self, by: int) -> None:
        """To the next question, or to the one before."""
        here = self.place
        asked = [at for at, entry in enumerate(self.entries)
                 if entry.kind == "turn" and entry.role == "user"]  # fmt: skip
        on = [at for at in asked if at > here] if by > 0 else [at for at in asked if at < here]
        if on:
            self.cursor = self._start(on[0] if by > 0 else on[-1]) + 1
            self.show_cursor(0)

    def action_half(self, by: int) -> None:
        """Half a page."""
        self.cursor += by * max(1, self.page // 2)

    def line_clicked(self, line: int, x: int, times: int) -> None:
        """A double click does what Enter does; a click on the glyph folds."""
        if times == 2 or x <= 1:
            self.action_enter()
