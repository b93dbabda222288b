"""How one line of the session tree is laid out: columns by width, numbers, title, badges.

Arithmetic on values, no widget: the tree asks it for the lines on screen only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui.format import (
    AGE_CELLS,
    SIZE_CELLS,
    age,
    cells,
    clip,
    count,
    fit,
    money,
    percent,
    plural,
    share_bar,
    size,
    titled,
)
from tui.line import Line
from tui.ordering import Sort
from tui.widgets.line_list import Piece, heading_piece, spread

Bars = Literal["bar", "percent", "both", "none"]

MARK, FOLD = 0, 1
"""Cells of the tick and of the fold glyph, the same on every line, so a mouse can hit them."""
_EDGE = 3
_PERCENT = 5
_TIME = AGE_CELLS + 2
"""The heading "created▼" is wider than any age."""
_COUNT = 7
_INDENT = 2
_TITLE_LEAST = 14
"""Cells of title below which badges give way."""
_TITLE_AMPLE = 34
"""Cells of title from which on badges may have words."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there are and how wide."""

    width: int
    bar: int
    """Cells of the bar, 0 for none."""
    percent: bool
    counts: bool
    """Whether there is a column for messages (or cost)."""
    sort: Sort
    reverse: bool

    @classmethod
    def of(cls, width: int, screen: int, bars: Bars, sort: Sort, reverse: bool) -> Layout:
        """The columns for a widget and a screen that are so many cells wide."""
        bar = 16 if width >= 150 else 8 if screen >= 100 and width >= 64 else 3
        if screen < 60 or width < 50 or bars not in ("bar", "both"):
            bar = 0
        room = screen >= 60 and width >= 50
        return cls(width, bar, room and bars in ("percent", "both"), room, sort, reverse)

    @property
    def columns(self) -> list[tuple[Sort, int]]:
        """What a click on each column's heading sorts by, and the cells it takes."""
        when: Sort = "created" if self.sort == "created" else "activity"
        many: Sort = "cost" if self.sort == "cost" else "messages"
        found: list[tuple[Sort, int]] = [("size", _EDGE + SIZE_CELLS)]
        if self.bar:
            found.append(("size", 1 + self.bar))
        if self.percent:
            found.append(("size", 1 + _PERCENT))
        found.append((when, 1 + _TIME))
        if self.counts:
            found.append((many, 1 + _COUNT))
        return found

    @property
    def title(self) -> int:
        """Cells left for title and badges."""
        return max(0, self.width - sum(taken for _, taken in self.columns) - 2)

    def sort_at(self, x: int) -> Sort:
        """What a click on the heading at cell x asks to sort by."""
        for sort, taken in self.columns:
            x -= taken
            if x < 0:
                return sort
        return "title"


_NAMES: dict[Sort, str] = {
    "size": "size",
    "activity": "active",
    "created": "created",
    "messages": "msgs",
    "cost": "cost",
    "title": "session",
}


def heading(layout: Layout) -> list[Piece]:
    """Names of the columns; the one sorted by has an arrow that points to the large end."""
    down = (layout.sort == "title") == layout.reverse
    arrow = "▼" if down else "▲"
    pieces: list[Piece] = []
    told = layout.sort == "title"
    named: set[Sort] = set()
    for sort, taken in layout.columns:
        here = sort == layout.sort and sort not in named
        told = told or here
        name = "" if sort in named else _NAMES[sort] + (arrow if here else "")
        pieces.append(heading_piece(name, taken, sorted_by=here))
        named.add(sort)
    title = "session" + (arrow if layout.sort == "title" else "")
    if not told:
        title += f" by {_NAMES[layout.sort]} {arrow}"
    by_title = layout.sort == "title" or not told
    pieces.append(("  ", ""))
    pieces.append(heading_piece(title, layout.title, right=False, sorted_by=by_title))
    return pieces


def pieces(
    line: Line,
    layout: Layout,
    now: int,
    marked: bool,
    is_open: bool,
    mixed: bool,
    confirmed: bool = True,
) -> list[Piece]:
    """One line; `mixed` when generations differ, so that each session names its own; sizes that
    are not `confirmed` are muted."""
    strong = "strong" if line.group else "muted" if line.context else ""
    fold = (("▾" if is_open else "▸") if line.folds else " ") + " "
    parts: list[Piece] = [
        ("✓" if marked else " ", "mark"),
        (fold, "muted"),
        (
            fit(size(line.bytes), SIZE_CELLS, right=True),
            strong if line.complete and confirmed else "muted",
        ),
    ]
    if layout.bar:
        parts.append((" " + share_bar(line.share, layout.bar), "bar"))
    if layout.percent:
        parts.append((" " + fit(percent(line.share), _PERCENT, right=True), "muted"))
    when = line.created if layout.sort == "created" else line.active
    parts.append((" " + fit(age(when, now), _TIME, right=True), "muted"))
    if layout.counts:
        number = money(line.cost) if layout.sort == "cost" else count(line.messages)
        parts.append((" " + fit(number, _COUNT, right=True), "muted"))
    parts.append(("  ", ""))
    return parts + _title(line, layout.title, mixed)


def _title(line: Line, width: int, mixed: bool) -> list[Piece]:
    indent = " " * min(line.depth * _INDENT, width // 2)
    if line.group:
        name, look = line.group.label, "strong"
    else:
        assert line.row is not None
        name, look = titled(line.row.title), "muted" if line.context else ""
    room = width - len(indent)
    badges = _fitting(_badges(line, mixed), room, cells(name))
    taken = sum(cells(text) + 2 for text, _ in badges)
    left: list[Piece] = [(indent, ""), (clip(name, room - taken), look)]
    if line.group and line.group.hint:
        left.append((clip("  " + line.group.hint, room - taken - cells(name)), "muted"))
    right = [piece for badge in badges for piece in (("  ", ""), badge)]
    return spread(left, right, width)


Badge = tuple[str, str, str]
"""Short form, long form, look."""


def _badges(line: Line, mixed: bool) -> list[Badge]:
    """What is special about a line, the most important last: it stands at the edge."""
    if line.group:
        gone = [("⚠", "⚠ directory is gone", "warning")] if line.group.missing else []
        return [*gone, (count(line.trees), plural(line.trees, "tree"), "muted")]
    row = line.row
    assert row is not None
    children = line.sessions - 1
    found: list[tuple[object, Badge]] = [
        (mixed, (row.generation.upper()[:2], row.generation.upper(), "muted")),
        (row.diverged, ("≠", "≠ diverged", "warning")),
        (row.archived is not None, ("▣", "▣ archived", "muted")),
        (row.shared, ("◆", "◆ shared", "mark")),
        (row.pinned, ("⚑", "⚑ pinned", "mark")),
        (row.missing, ("⚠", "⚠ directory is gone", "warning")),
        (row.running, ("●", "● running", "good")),
        (children, (f"{count(children)}↳", f"{count(children)}↳", "muted")),
    ]
    return [badge for applies, badge in found if applies]


def _fitting(badges: list[Badge], room: int, name: int) -> list[Piece]:
    """The badges with words where the name (in cells) keeps its room, else glyphs, else fewer."""
    for shortened in range(len(badges) + 1):
        mixed = [
            (glyph if at < shortened else words, look)
            for at, (glyph, words, look) in enumerate(badges)
        ]
        if room - sum(cells(text) + 2 for text, _ in mixed) >= min(_TITLE_AMPLE, name):
            return mixed
    short = [(text, look) for text, _, look in badges]
    while short and room - sum(cells(text) + 2 for text, _ in short) < min(_TITLE_LEAST, name):
        short.pop(0)
    return short
